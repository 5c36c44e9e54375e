package audit

import (
	"context"
	_ "embed"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lib/pq"

	"alur/engine/pg"
)

//go:embed queries.sql
var queriesText string

var queries = pg.LoadQueries(queriesText)

// Kind sorts entries.
type Kind string

// The kinds of entries.
const (
	SignIn      Kind = "sign-in"
	Refused     Kind = "refused sign-in"
	People      Kind = "people"
	Roles       Kind = "roles"
	Keys        Kind = "API keys"
	Workflows   Kind = "workflows"
	Collections Kind = "collections"
	Transfer    Kind = "export"
	Decisions   Kind = "decisions"
	Variables   Kind = "variables"
	Settings    Kind = "settings"
	Records     Kind = "records" // what executions changed; see [Tally]
)

// Kinds lists the kinds in the order people choose from.
var Kinds = []Kind{SignIn, Refused, People, Roles, Keys, Workflows, Collections, Transfer, Decisions, Variables, Settings, Records}

// Origin says where a request comes from.
type Origin struct {
	Channel string // "page", "api", "key" or "link"; "" for the engine itself
	IP      string
	Agent   string
}

type originKey struct{}

// With returns ctx with the origin of what is done in it.
func With(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

// Entry is one line of the log.
type Entry struct {
	ID      int64     `db:"id"`
	At      time.Time `db:"created_at"`
	Kind    Kind      `db:"kind"`
	UserID  int64     `db:"user_id"` // 0: nobody, or the engine
	Person  string    `db:"person"`  // the name at that time
	Channel string    `db:"channel"`
	IP      string    `db:"ip"`
	Agent   string    `db:"agent"`
	Text    string    `db:"text"` // what was done, in a sentence

	WorkflowID  int64 `db:"workflow_id"`  // the version that it is about; 0: none
	ExecutionID int64 `db:"execution_id"` // as WorkflowID; it may be gone
}

// maxText is how many characters an entry holds of a text.
const maxText = 500

// Write adds an entry in the transaction behind q, or by itself; where it comes
// from is taken from ctx.
func Write(ctx context.Context, q pg.Q, e Entry) error {
	o, _ := ctx.Value(originKey{}).(Origin)
	if o.Channel == "" {
		o.Channel = "engine"
	}
	_, err := q.ExecContext(ctx, queries.Get("insert"), e.At.UTC(), e.Kind, e.UserID, clip(e.Person), o.Channel, clip(o.IP), clip(o.Agent), clip(e.Text),
		e.WorkflowID, e.ExecutionID)
	if err != nil {
		return fmt.Errorf("write the audit log: %w", err)
	}
	return nil
}

// clip makes s storable and short.
func clip(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == 0 || r == utf8.RuneError {
			return -1
		}
		return r
	}, s)
	if r := []rune(s); len(r) > maxText {
		return string(r[:maxText-1]) + "…"
	}
	return s
}

// Filter narrows the log; zero fields do not.
type Filter struct {
	UserID int64
	Kind   Kind
	Text   string    // part of text, name or address
	Since  time.Time // from then on
	Until  time.Time // before then
	Below  int64     // ids below this one: the next page
	Limit  int       // 1 to 1,000; 0 is 50
}

// Protect are the statements by which a superuser of the database takes the log
// away from role, which the server connects with: it can then add to it and read
// it, and nothing else. A migration that changes the table needs it back for that
// time.
func Protect(role string) string {
	role = pq.QuoteIdentifier(role)
	// The owner of a schema can drop what is in it.
	return `CREATE ROLE alur_audit NOLOGIN;
ALTER SCHEMA alur OWNER TO alur_audit;
GRANT USAGE, CREATE ON SCHEMA alur TO ` + role + `;
ALTER TABLE alur.audit_log OWNER TO alur_audit;
ALTER FUNCTION alur.audit_stays() OWNER TO alur_audit;
GRANT SELECT, INSERT ON alur.audit_log TO ` + role + `;`
}

// List returns entries, newest first; more says that there are older ones. The
// caller asks for the right to read them.
func List(ctx context.Context, q pg.Q, f Filter) (list []Entry, more bool, err error) {
	if f.Limit < 1 || f.Limit > 1000 {
		f.Limit = 50
	}
	if f.Below == 0 {
		f.Below = math.MaxInt64
	}
	if f.Until.IsZero() {
		f.Until = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	list = []Entry{}
	query := queries.Get("list")
	args := []any{f.Below, f.Since.UTC(), f.Until.UTC(), clip(strings.TrimSpace(f.Text)), f.Limit + 1}
	switch {
	case f.UserID != 0 && f.Kind != "":
		query, args = query+queries.Get("of_both"), append(args, f.UserID, f.Kind)
	case f.UserID != 0:
		query, args = query+queries.Get("of_person"), append(args, f.UserID)
	case f.Kind != "":
		query, args = query+queries.Get("of_kind"), append(args, f.Kind)
	}
	err = q.SelectContext(ctx, &list, query+queries.Get("newest"), args...)
	if err != nil {
		return nil, false, fmt.Errorf("list the audit log: %w", err)
	}
	if more = len(list) > f.Limit; more {
		list = list[:f.Limit]
	}
	return list, more, nil
}
