package link

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"alur/engine/fault"
	"alur/engine/pg"
	"alur/engine/pgtest"
)

var created = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

// aTask writes a task (7) for a person (1), with all it hangs on.
func aTask(t *testing.T, db *pg.DB) {
	t.Helper()
	for _, q := range []string{
		`INSERT INTO alur.users (id, nickname, email) VALUES (1, 'Ann', 'ann@alur.test'), (2, 'Bob', 'bob@alur.test')`,
		`INSERT INTO alur.executions (id, workflow_id, key, context) VALUES (3, 4, 'k', '{}')`,
		`INSERT INTO alur.tasks (id, execution_id, job_id, node_id, node_key, workflow_id, workflow_key, user_id, title, form)
		 VALUES (7, 3, 5, 6, 'n', 4, 'k', 1, 'Decide', '{}')`,
	} {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
}

func create(t *testing.T, db *pg.DB, l Link) Token {
	t.Helper()
	token, err := Create(t.Context(), db, l)
	if err != nil {
		t.Fatalf("Create: %v", err)
	}
	return token
}

func TestLink(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	aTask(t, db)
	token := create(t, db, Link{TaskID: 7, UserID: 1, CreatedAt: created})
	l, err := Lookup(t.Context(), db, token)
	if err != nil {
		t.Fatal(err)
	}
	if l.TaskID != 7 || l.UserID != 1 || !l.ExpiresAt.Equal(created.Add(MaxAge)) {
		t.Errorf("link is %+v", l)
	}
	if err := l.Usable(created.Add(MaxAge - time.Second)); err != nil {
		t.Errorf("in time: %v", err)
	}
	if err := l.Usable(created.Add(MaxAge)); !fault.Is(err, fault.Gone) {
		t.Errorf("too late: %v, want Gone", err)
	}
	other := create(t, db, Link{TaskID: 7, UserID: 2, CreatedAt: created})
	newer := create(t, db, Link{TaskID: 7, UserID: 1, CreatedAt: created.Add(time.Hour), ExpiresAt: created.Add(400 * 24 * time.Hour)})
	for token, gone := range map[Token]bool{token: true, other: false, newer: false} {
		l, err := Lookup(t.Context(), db, token)
		if err != nil {
			t.Fatal(err)
		}
		if got := l.Usable(created.Add(2 * time.Hour)); fault.Is(got, fault.Gone) != gone {
			t.Errorf("after a newer link of user 1, that of user %d of %v: %v", l.UserID, l.CreatedAt, got)
		}
	}
}

func TestLookupUnknown(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	aTask(t, db)
	token := create(t, db, Link{TaskID: 7, UserID: 1, CreatedAt: created})
	last := token[len(token)-1]
	wrong := Token(strings.TrimSuffix(string(token), string(last))) + Token(rune('a'+(last+1)%26))
	for _, tc := range []Token{"", Prefix, "x", token[:len(token)-1], token + "0", wrong, newToken(), Token(strings.ToUpper(string(token)))} {
		if _, err := Lookup(t.Context(), db, tc); err != ErrUnknown {
			t.Errorf("Lookup(%q): %v, want ErrUnknown", string(tc), err)
		}
	}
}

// The database holds nothing that opens a page.
func TestHashAtRest(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	aTask(t, db)
	token := create(t, db, Link{TaskID: 7, UserID: 1, CreatedAt: created})
	var dump string
	if err := db.GetContext(t.Context(), &dump, `SELECT string_agg(l::text, ' ') FROM alur.links l`); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(dump, string(token)) || strings.Contains(dump, string(token[len(Prefix):len(Prefix)+20])) {
		t.Errorf("the row holds the token: %s", dump)
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	seen := map[Token]bool{}
	for range 1000 {
		token := newToken()
		if !token.valid() || len(token) != len(Prefix)+secretLen+checkLen || seen[token] {
			t.Fatalf("bad token %q", string(token))
		}
		seen[token] = true
	}
	var out bytes.Buffer
	token := newToken()
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "token", token)
	if strings.Contains(out.String(), string(token[len(Prefix):])) {
		t.Errorf("logged as %s", out.String())
	}
}
