package alert_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"alur/engine"
	"alur/engine/alert"
	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/mail"
	"alur/engine/pg"
	"alur/engine/pgtest"
	"alur/engine/secret"
	"alur/engine/snowflake"
	_ "alur/engine/triggers"
)

// words are as plain as can be; those of the pages are tested with the pages.
type words struct{}

func (words) Troubles(a engine.Attention, _ engine.Watch, _ *time.Location) (list []alert.Trouble) {
	for _, s := range a.Stuck.Items {
		list = append(list, alert.Trouble{ID: fmt.Sprint("stuck-", s.ID), WorkflowID: s.WorkflowID, Title: s.Title + " stands still", Cause: "Nobody took over.", Over: s.Title + " gets on"})
	}
	return list
}

func (words) Cut(a engine.Attention) []string {
	if a.Stuck.Rest > 0 {
		return []string{"stuck-"}
	}
	return nil
}

func (words) Reason(problem string) string { return problem }

// house is a server with a clock that tests move ahead.
type house struct {
	t      *testing.T
	db     *pg.DB
	ahead  atomic.Int64
	engine *engine.Engine
	people *auth.Store
	values *secret.Store
	dog    *alert.Watchdog
	read   int64 // mails up to this id were looked at
	made   int64
}

func (h *house) now() time.Time { return time.Now().Add(time.Duration(h.ahead.Load())) }

func (h *house) advance(d time.Duration) { h.ahead.Add(int64(d)) }

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, db: pgtest.New(t)}
	ids := snowflake.New(1, h.now)
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	h.people = &auth.Store{DB: h.db, IDs: ids, Now: h.now, Cost: auth.Cost{Memory: 64, Passes: 1, Threads: 1}}
	box, err := secret.NewBox([]byte("0123456789abcdef0123456789abcdef"), nil)
	if err != nil {
		t.Fatal(err)
	}
	h.values = &secret.Store{DB: h.db, Now: h.now, Box: box}
	person := func(ctx context.Context, id int64) (auth.Actor, error) { return h.people.Actor(ctx, id, auth.Union) }
	h.engine = engine.New(engine.Options{DB: h.db, IDs: ids, Now: h.now, Records: collection.NewStore(h.db, ids, h.now), Log: log, Person: person})
	h.dog = &alert.Watchdog{DB: h.db, Now: h.now, Log: log, Engine: h.engine, Outbox: &mail.Outbox{DB: h.db, IDs: ids, Now: h.now},
		Person: person, Zone: h.people.Zone, Values: h.values, Watch: func() engine.Watch { return engine.Watch{} }, Words: words{}, BaseURL: "https://alur.test"}
	return h
}

// hire makes a person with a mail address.
func (h *house) hire(name string, roles ...auth.Role) auth.User {
	h.t.Helper()
	if len(roles) == 0 {
		roles = []auth.Role{auth.Member}
	}
	u, err := h.people.Create(h.t.Context(), auth.System, auth.NewUser{Nickname: name, Email: strings.ToLower(name) + "@alur.test", Role: roles[0], More: roles[1:]})
	if err != nil {
		h.t.Fatal(err)
	}
	return u
}

// flow makes a workflow that owner owns, with one step.
func (h *house) flow(owner auth.User, title, options string) engine.Workflow {
	h.t.Helper()
	w, err := h.engine.CreateWorkflow(h.t.Context(), auth.System, engine.NewWorkflow{Title: title, Type: "collection", Options: json.RawMessage(options)})
	if err != nil {
		h.t.Fatal(err)
	}
	if owner.ID != 0 {
		h.give(w, engine.NewMember{UserID: owner.ID, Level: auth.Owner})
	}
	h.exec(`INSERT INTO alur.flow_nodes (id, key, title, workflow_id, type) VALUES ($1, 'n1', 'Confirm order', $1, 'calculation')`, w.ID)
	return w
}

func (h *house) give(w engine.Workflow, n engine.NewMember) {
	h.t.Helper()
	if _, err := h.engine.AddMember(h.t.Context(), auth.System, w.ID, n); err != nil {
		h.t.Fatal(err)
	}
}

// ends writes n executions of w that end now, with a step that says why.
func (h *house) ends(w engine.Workflow, n, status int, why string) {
	h.t.Helper()
	first := snowflake.At(h.now()) + h.made
	h.made += int64(n)
	h.exec(`INSERT INTO alur.executions (id, workflow_id, key, context, status, created_at, started_at, ended_at)
		SELECT i, $1, $2, '{}', $3, $4, $4, $4 FROM generate_series($5::bigint, $6::bigint) i`, w.ID, w.Key, status, h.now(), first, first+int64(n)-1)
	h.exec(`INSERT INTO alur.jobs (id, execution_id, node_id, node_key, status, result, started_at, ended_at)
		SELECT i, i, $1, 'n1', $2, jsonb_build_object('message', CAST($3 AS text)), $4, $4 FROM generate_series($5::bigint, $6::bigint) i`, w.ID, status, why, h.now(), first, first+int64(n)-1)
}

// look moves the clock on until the watchdog has seen all that is there.
func (h *house) look() {
	h.t.Helper()
	until := h.now()
	for range 20 {
		h.advance(alert.Every)
		if err := h.dog.Once(h.t.Context()); err != nil {
			h.t.Fatal(err)
		}
		var done bool
		if err := h.db.GetContext(h.t.Context(), &done, "SELECT swept_to >= $1 FROM alur.watchdog", until); err != nil {
			h.t.Fatal(err)
		}
		if done {
			return
		}
	}
	h.t.Fatal("the watchdog did not get there")
}

// mails are the subjects of the mails since the last call, with who gets them.
func (h *house) mails() string {
	h.t.Helper()
	var rows []struct {
		ID      int64
		To      string
		Subject string
	}
	if err := h.db.SelectContext(h.t.Context(), &rows, `SELECT id, split_part(to_address, '@', 1) AS to, subject FROM alur.mails WHERE id > $1 ORDER BY id`, h.read); err != nil {
		h.t.Fatal(err)
	}
	var said []string
	for _, r := range rows {
		said, h.read = append(said, r.To+": "+r.Subject), r.ID
	}
	return strings.Join(said, " | ")
}

// want fails the test when other mails were written than those.
func (h *house) want(mails string) {
	h.t.Helper()
	if got := h.mails(); got != mails {
		h.t.Errorf("mails:\n%s\nwant\n%s", got, mails)
	}
}

// body is the text of the newest mail, and its HTML.
func (h *house) body() (plain, rich string) {
	h.t.Helper()
	var m struct {
		Text string `db:"text_body"`
		HTML string `db:"html_body"`
	}
	if err := h.db.GetContext(h.t.Context(), &m, "SELECT text_body, html_body FROM alur.mails ORDER BY id DESC LIMIT 1"); err != nil {
		h.t.Fatal(err)
	}
	return m.Text, m.HTML
}

func (h *house) exec(query string, args ...any) {
	h.t.Helper()
	if _, err := h.db.ExecContext(h.t.Context(), query, args...); err != nil {
		h.t.Fatalf("%s: %v", query, err)
	}
}
