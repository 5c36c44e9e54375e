package audit_test

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"alur/engine/audit"
	"alur/engine/pg"
	"alur/engine/pgtest"
)

var noon = time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC)

// changes are what nobody may do to the log.
var changes = []string{"UPDATE alur.audit_log SET text = 'y'", "DELETE FROM alur.audit_log", "TRUNCATE alur.audit_log"}

// TestProtect: once an administrator has taken the table away, the role of the
// server cannot even take the trigger off it.
func TestProtect(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	admin := pgtest.Admin(t, db)
	owner := "audit_" + strings.ToLower(rand.Text())
	statements := strings.ReplaceAll(audit.Protect("alur"), "alur_audit", owner)
	if _, err := admin.ExecContext(t.Context(), statements); err != nil {
		t.Fatalf("%s: %v", statements, err)
	}
	t.Cleanup(func() {
		if _, err := admin.ExecContext(context.Background(), "REASSIGN OWNED BY "+owner+" TO alur; DROP OWNED BY "+owner+"; DROP ROLE "+owner); err != nil {
			t.Error(err)
		}
	})
	for _, statement := range append(changes, "ALTER TABLE alur.audit_log DISABLE TRIGGER ALL", "DROP TRIGGER audit_stays ON alur.audit_log",
		"ALTER TABLE alur.audit_log OWNER TO alur", "DROP FUNCTION alur.audit_stays() CASCADE", "SET ROLE "+owner, "DROP TABLE alur.audit_log",
		"CREATE OR REPLACE FUNCTION alur.audit_stays() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'") {
		if _, err := db.ExecContext(t.Context(), statement); pg.Code(err) != "42501" {
			t.Errorf("%s: %v, want that it is not permitted", statement, err)
		}
	}
	if err := audit.Write(t.Context(), db, audit.Entry{At: noon, Kind: audit.Roles, Text: "x"}); err != nil {
		t.Error(err)
	}
	if list, _, err := audit.List(t.Context(), db, audit.Filter{}); err != nil || len(list) != 1 {
		t.Errorf("%d entries, %v", len(list), err)
	}
}

// TestTally puts what an execution changed into a sentence.
func TestTally(t *testing.T) {
	t.Parallel()
	all, one := audit.Tally{}, audit.Tally{}
	if got := all.Text("Stock"); got != "" {
		t.Errorf("nothing is %q", got)
	}
	ctx := audit.Tallying(t.Context(), one)
	audit.Count(ctx, "orders", audit.Counts{Created: 1})
	audit.Count(ctx, "orders", audit.Counts{Updated: 2})
	audit.Count(ctx, "none", audit.Counts{})
	audit.Count(t.Context(), "orders", audit.Counts{Deleted: 9}) // by a person
	all.Add(one)
	all.Add(audit.Tally{"items": {Deleted: 3}, "orders": {Updated: 1}})
	const want = "Records by the workflow “Stock”: deleted 3 in “items”; created 1, updated 3 in “orders”."
	if got := all.Text("Stock"); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestStays: no statement changes or removes an entry.
func TestStays(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	if err := audit.Write(t.Context(), db, audit.Entry{At: noon, Kind: audit.Roles, Text: "x"}); err != nil {
		t.Fatal(err)
	}
	for _, statement := range append(changes, "TRUNCATE alur.audit_log CASCADE",
		"INSERT INTO alur.audit_log (id, created_at, kind, channel, text) OVERRIDING SYSTEM VALUE VALUES (1, now(), 'x', 'x', 'x') ON CONFLICT (id) DO UPDATE SET text = 'y'") {
		if _, err := db.ExecContext(t.Context(), statement); err == nil || !strings.Contains(err.Error(), "only added to") {
			t.Errorf("%s: %v", statement, err)
		}
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	ctx := audit.With(t.Context(), audit.Origin{Channel: "api", IP: "192.0.2.9", Agent: "curl/8"})
	for i, e := range []audit.Entry{
		{Kind: audit.SignIn, UserID: 1, Person: "Ann", Text: "Signed in."},
		{Kind: audit.Roles, UserID: 1, Person: "Ann", Text: "Made the role 100%."},
		{Kind: audit.Refused, Text: "Wrong\x00 password" + strings.Repeat("!", 600)},
	} {
		e.At = noon.AddDate(0, 0, i)
		if err := audit.Write(ctx, db, e); err != nil {
			t.Fatal(err)
		}
	}
	for name, tc := range map[string]struct {
		f    audit.Filter
		want int
		more bool
	}{
		"all":       {audit.Filter{}, 3, false},
		"one":       {audit.Filter{Limit: 1}, 1, true},
		"person":    {audit.Filter{UserID: 1}, 2, false},
		"kind":      {audit.Filter{Kind: audit.Roles}, 1, false},
		"both":      {audit.Filter{Kind: audit.Roles, UserID: 1}, 1, false},
		"below":     {audit.Filter{Below: 3}, 2, false},
		"text":      {audit.Filter{Text: "SIGNED"}, 1, false},
		"percent":   {audit.Filter{Text: "%"}, 1, false},
		"address":   {audit.Filter{Text: "192.0.2.9"}, 3, false},
		"zero byte": {audit.Filter{Text: "\x00"}, 3, false},
		"since":     {audit.Filter{Since: noon.Add(time.Hour)}, 2, false},
		"until":     {audit.Filter{Until: noon.Add(time.Hour)}, 1, false},
	} {
		list, more, err := audit.List(t.Context(), db, tc.f)
		if err != nil || len(list) != tc.want || more != tc.more {
			t.Errorf("%s: %d entries, more %v, %v", name, len(list), more, err)
		}
	}
	list, _, err := audit.List(t.Context(), db, audit.Filter{})
	if err != nil || list[0].Channel != "api" || list[0].Agent != "curl/8" || len([]rune(list[0].Text)) != 500 || list[0].UserID != 0 {
		t.Errorf("the newest is %+v, %v", list[0], err)
	}
}
