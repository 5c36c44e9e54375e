package crashtest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/node"
	_ "alur/engine/nodes"
	"alur/engine/pg"
	"alur/engine/pgtest"
	"alur/engine/sample"
	"alur/engine/snowflake"
	_ "alur/engine/triggers"
)

const (
	email    = "ann@example.com"
	password = "a quiet green teapot"
)

// account are the settings by which a server makes the first administrator.
var account = []string{"ADMIN_EMAIL=" + email, "ADMIN_PASSWORD=" + password}

// ids are this process's share; servers count from 0.
var ids = snowflake.New(snowflake.MaxWorker, time.Now)

// workshop makes definitions in this process, on the database of the servers
// under test. It runs nothing.
type workshop struct {
	t       *testing.T
	db      *pg.DB
	records *collection.Store
	engine  *engine.Engine
}

func newWorkshop(t *testing.T, url string) *workshop {
	t.Helper()
	w := &workshop{t: t, db: pgtest.Open(t, url)}
	w.records = collection.NewStore(w.db, ids, time.Now)
	services := &node.Services{}
	node.Provide(services, w.records)
	w.engine = engine.New(engine.Options{DB: w.db, IDs: ids, Now: time.Now, Records: w.records, Services: services, Log: slog.New(slog.DiscardHandler)})
	return w
}

func (w *workshop) sample(name string) {
	w.t.Helper()
	if err := (sample.Installer{Engine: w.engine, Records: w.records}).Install(w.t.Context(), auth.System, name); err != nil {
		w.t.Fatalf("install %s: %v", name, err)
	}
}

func (w *workshop) collection(definition string) {
	w.t.Helper()
	var d collection.Definition
	if err := json.Unmarshal([]byte(definition), &d); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.records.CreateCollection(w.t.Context(), auth.System, d); err != nil {
		w.t.Fatalf("create collection %s: %v", d.Name, err)
	}
}

// step is a node of a workflow whose nodes stand in a row; those after a
// condition stand in its branch "yes".
type step struct{ kind, key, config string }

func (w *workshop) workflow(trigger string, sync bool, steps ...step) {
	w.t.Helper()
	w.enabled(engine.NewWorkflow{Type: "collection", Config: json.RawMessage(trigger), Sync: sync}, steps...)
}

// scheduled is a workflow without steps that starts by the clock.
func (w *workshop) scheduled(trigger string) {
	w.t.Helper()
	w.enabled(engine.NewWorkflow{Type: "schedule", Config: json.RawMessage(trigger)})
}

func (w *workshop) enabled(made engine.NewWorkflow, steps ...step) {
	w.t.Helper()
	made.Title = "Test"
	wf, err := w.engine.CreateWorkflow(w.t.Context(), auth.System, made)
	if err != nil {
		w.t.Fatalf("create the workflow: %v", err)
	}
	var upstream *int64
	var branch *int
	for _, s := range steps {
		n, err := w.engine.AddNode(w.t.Context(), auth.System, wf.ID, engine.NewNode{
			Key: s.key, Title: s.key, Type: s.kind, Config: json.RawMessage(s.config), UpstreamID: upstream, BranchIndex: branch})
		if err != nil {
			w.t.Fatalf("add node %s: %v", s.key, err)
		}
		upstream, branch = &n.ID, nil
		if s.kind == "condition" {
			yes := 1
			branch = &yes
		}
	}
	if _, err := w.engine.EnableWorkflow(w.t.Context(), auth.System, wf.ID, true); err != nil {
		w.t.Fatalf("enable the workflow: %v", err)
	}
}

// awaitQuiet waits until no execution is queued, runs or waits for a time.
func (w *workshop) awaitQuiet() {
	w.t.Helper()
	progress(w.t, "executions that are not at their end", func() (int64, bool) {
		var open, moves int64
		w.get(&open, "SELECT count(*) FROM alur.executions WHERE status IS NULL OR status = 0")
		w.get(&moves, "SELECT coalesce(sum(segments), 0) FROM alur.executions")
		return moves, open == 0
	})
}

// awaitGone waits until a process that has ended has no session any more: the
// last statement of one that was killed goes on for a moment.
func (w *workshop) awaitGone(name string) {
	w.t.Helper()
	progress(w.t, "sessions of "+name, func() (n int64, done bool) {
		w.get(&n, "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database()", name)
		return n, n == 0
	})
}

func (w *workshop) get(dest any, query string, args ...any) {
	w.t.Helper()
	if err := w.db.GetContext(w.t.Context(), dest, query, args...); err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
}

func (w *workshop) exec(query string, args ...any) {
	w.t.Helper()
	err := w.db.Tx(w.t.Context(), pg.ReadCommitted, func(tx *pg.Tx) error { // again after a deadlock with those at work
		_, err := tx.ExecContext(w.t.Context(), query, args...)
		return err
	})
	if err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
}

// endLeases ends the leases of everybody's executions and slots. It passes over
// what is locked: a frozen process keeps its locks until the server ends its
// transaction.
func (w *workshop) endLeases() {
	w.t.Helper()
	w.exec(`UPDATE alur.executions SET lease_until = now() - interval '1 s' WHERE id IN (
		SELECT id FROM alur.executions WHERE status IS NULL AND lease_until IS NOT NULL FOR UPDATE SKIP LOCKED)`)
	w.exec(`UPDATE alur.slots SET lease_until = now() - interval '1 s' WHERE (workflow_id, slot) IN (
		SELECT workflow_id, slot FROM alur.slots FOR UPDATE SKIP LOCKED)`)
}

// story is what became of a record's executions, for messages.
func (w *workshop) story(record int64) (s string) {
	w.t.Helper()
	w.get(&s, `
		SELECT coalesce(string_agg(format('execution with status %s %s: %s', e.status, e.reason,
			(SELECT string_agg(format('%s %s %s', j.node_key, j.status, j.result), '; ' ORDER BY j.id) FROM alur.jobs j WHERE j.execution_id = e.id)), '; '), '')
		FROM alur.executions e
		WHERE (e.context #>> '{data,id}')::bigint = $1`, record)
	return s
}

func (w *workshop) all(dest any, query string, args ...any) {
	w.t.Helper()
	if err := w.db.SelectContext(w.t.Context(), dest, query, args...); err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// client calls the JSON API of a server, which may be gone.
type client struct {
	url, token string
	http       *http.Client
}

// signIn gets a client for the server at url; copies of it share the session.
func signIn(t *testing.T, url string) client {
	t.Helper()
	c := client{url: url, http: &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 32}}}
	t.Cleanup(c.http.CloseIdleConnections)
	var answer struct{ Token string }
	if err := c.post(t.Context(), "auth:signIn", map[string]any{"account": email, "password": password}, &answer); err != nil {
		t.Fatalf("sign in: %v", err)
	}
	c.token = answer.Token
	return c
}

// post calls an action and reads the answer's data.
func (c client) post(ctx context.Context, action string, body, data any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"/api/"+action, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK && res.StatusCode != http.StatusAccepted {
		return &refusedError{res.StatusCode, fmt.Sprintf("%s answers %s: %s", action, res.Status, text)}
	}
	return json.Unmarshal(text, &struct{ Data any }{data})
}

// refusedError is an answer other than a good one.
type refusedError struct {
	status int
	text   string
}

func (e *refusedError) Error() string { return e.text }
