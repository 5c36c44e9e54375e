package engine_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/node"
	"alur/engine/pg"
	"alur/engine/pgtest"
	"alur/engine/queue"
	"alur/engine/script/scripttest"
	"alur/engine/snowflake"
)

// Node types for tests of the engine itself. What they do is in their config.
type config struct {
	Fail   string `json:"fail"`   // error text
	Panic  bool   `json:"panic"`  // crash
	Branch *int   `json:"branch"` // branch to enter
	Status int    `json:"status"` // outcome other than Resolved
	End    int    `json:"end"`    // end the execution with this status
	SQL    string `json:"sql"`    // run before anything else; $1 is the execution id
	Pause  string `json:"pause"`  // advance the test's clock by this much
}

func (config) Validate() node.Problems { return nil }

type kind struct {
	name   string
	effect node.Effect
}

func (k kind) Kind() string        { return k.name }
func (k kind) Effect() node.Effect { return k.effect }

func (k kind) Branches(config) []node.Branch {
	return []node.Branch{{Index: 1, Label: "One"}, {Index: 2, Label: "Two"}}
}

func (k kind) Run(ctx context.Context, s *node.Step, c config) (node.Outcome, error) {
	if c.SQL != "" {
		if _, err := s.Tx.ExecContext(ctx, c.SQL, s.ExecutionID); err != nil {
			return node.Outcome{}, err
		}
	}
	if c.Pause != "" {
		d, err := time.ParseDuration(c.Pause)
		if err != nil {
			return node.Outcome{}, err
		}
		node.Use[*clock](s.Services).advance(d)
	}
	switch {
	case c.Panic:
		panic("boom")
	case c.Fail != "":
		return node.Outcome{}, errors.New(c.Fail)
	case c.Branch != nil:
		return node.Enter(*c.Branch, true), nil
	case c.End != 0:
		return node.End(node.Status(c.End)), nil
	case c.Status != 0:
		return node.Stop(node.Status(c.Status), "stopped"), nil
	}
	return node.Done(s.NodeKey), nil
}

type waiting struct{ kind }

func (waiting) Waits() {}

func (waiting) Run(context.Context, *node.Step, config) (node.Outcome, error) {
	return node.Wait(), nil
}

// take is read, decide, write: the pattern that must stay right under load.
type take struct{ kind }

func (take) Run(ctx context.Context, s *node.Step, _ config) (node.Outcome, error) {
	var stock int
	if err := s.Tx.GetContext(ctx, &stock, "SELECT n FROM public.effects WHERE id = 0"); err != nil {
		return node.Outcome{}, err
	}
	if stock == 0 {
		return node.Stop(node.Failed, "sold out"), nil
	}
	_, err := s.Tx.ExecContext(ctx, "UPDATE public.effects SET n = $1 WHERE id = 0", stock-1)
	return node.Done(float64(stock - 1)), err
}

var (
	_ = node.Register[config](kind{"test_pure", node.Pure})
	_ = node.Register[config](kind{"test_local", node.Local})
	_ = node.Register[config](waiting{kind{"test_wait", node.Pure}})
	_ = node.Register[config](take{kind{"test_take", node.Local}})
	_ = engine.RegisterTrigger(&trigger{})
)

// trigger starts executions when a test says so.
type trigger struct{}

func (*trigger) Name() string                                            { return "test" }
func (*trigger) Decode(json.RawMessage) (any, node.Problems)             { return nil, nil }
func (*trigger) Check(json.RawMessage, node.Catalogue) node.Problems     { return nil }
func (*trigger) Outputs(json.RawMessage, node.Catalogue) []node.Variable { return nil }
func (*trigger) Bind(*engine.Engine)                                     {}

// clock runs with the real one and can be moved ahead.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

// world is an engine on a database of its own.
type world struct {
	t     *testing.T
	db    *pg.DB
	e     *engine.Engine
	clock *clock
}

func newWorld(t *testing.T) *world {
	t.Helper()
	db := pgtest.New(t)
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE public.effects (id bigint PRIMARY KEY, n bigint NOT NULL DEFAULT 1 CHECK (n >= 0))"); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, db: db, clock: &clock{}}
	w.e = w.another(db, 1)
	return w
}

// another is a second engine on the same database, as another process has it.
func (w *world) another(db *pg.DB, worker int) *engine.Engine {
	ids := snowflake.New(worker, time.Now)
	services := &node.Services{}
	node.Provide(services, w.clock)
	node.Provide(services, scripttest.Shared())
	return engine.New(engine.Options{DB: db, IDs: ids, Now: w.clock.now, Records: collection.NewStore(db, ids, w.clock.now),
		Services: services, Log: slog.New(slog.NewTextHandler(w.t.Output(), nil))})
}

// flow is a node and what follows it in its branches.
type flow struct {
	kind, key, config string
	branches          map[int][]flow
}

// workflow makes and enables a workflow.
func (w *world) workflow(sync bool, options string, nodes ...flow) *engine.Armed {
	w.t.Helper()
	ctx := w.t.Context()
	made, err := w.e.CreateWorkflow(ctx, auth.System, engine.NewWorkflow{Title: "Test", Type: "test", Sync: sync, Options: json.RawMessage(options)})
	if err != nil {
		w.t.Fatal(err)
	}
	w.add(made.ID, nodes, nil, nil)
	if _, err := w.e.EnableWorkflow(ctx, auth.System, made.ID, true); err != nil {
		w.t.Fatal(err)
	}
	return w.armed(made.ID)
}

func (w *world) armed(id int64) *engine.Armed {
	w.t.Helper()
	all, err := w.e.Armed(w.t.Context(), "test")
	if err != nil {
		w.t.Fatal(err)
	}
	for _, a := range all {
		if a.ID == id {
			return a
		}
	}
	w.t.Fatalf("workflow %d is not enabled", id)
	return nil
}

func (w *world) add(workflow int64, nodes []flow, upstream *int64, branch *int) {
	w.t.Helper()
	for _, n := range nodes {
		made, err := w.e.AddNode(w.t.Context(), auth.System, workflow, engine.NewNode{Key: n.key, Title: n.key, Type: n.kind,
			Config: json.RawMessage(n.config), UpstreamID: upstream, BranchIndex: branch})
		if err != nil {
			w.t.Fatal(err)
		}
		for index, inner := range n.branches {
			w.add(workflow, inner, &made.ID, &index)
		}
		upstream, branch = &made.ID, nil
	}
}

// start creates n executions in one transaction.
func (w *world) start(a *engine.Armed, n int, stack ...int64) error {
	return w.db.Tx(w.t.Context(), pg.RepeatableRead, func(tx *pg.Tx) error {
		for range n {
			ev := engine.Event{Workflow: a, Context: map[string]any{"data": map[string]any{"n": 1.0}}, Stack: stack}
			if err := w.e.Start(w.t.Context(), tx, []engine.Event{ev}); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *world) mustStart(a *engine.Armed, n int, stack ...int64) {
	w.t.Helper()
	if err := w.start(a, n, stack...); err != nil {
		w.t.Fatal(err)
	}
}

// work runs workers until nothing is left to claim.
func (w *world) work(engines ...*engine.Engine) {
	w.t.Helper()
	ctx, stop := context.WithCancel(w.t.Context())
	done := make(chan struct{}, len(engines)+1)
	for _, e := range append(engines, w.e) {
		go func() { e.Work(ctx, 4); done <- struct{}{} }()
	}
	w.eventually("SELECT count(*) = 0 FROM alur.executions WHERE status IS NULL")
	stop()
	for range len(engines) + 1 {
		<-done
	}
}

// eventually waits until a query answers true.
func (w *world) eventually(query string, args ...any) {
	w.t.Helper()
	deadline := time.After(2 * time.Minute) // a busy machine
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if w.one(query, args...) == "true" {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			w.t.Fatalf("did not become true: %s\nexecutions:\n%s\njobs:\n%s", query,
				w.one("SELECT coalesce(jsonb_agg(to_jsonb(x) ORDER BY id)::text, '') FROM alur.executions x"),
				w.one("SELECT coalesce(jsonb_agg(to_jsonb(x) ORDER BY id)::text, '') FROM alur.jobs x"))
		}
	}
}

// one returns the only value of a query as text, "" for null and for no row.
func (w *world) one(query string, args ...any) string {
	w.t.Helper()
	var v sql.NullString
	if err := sqlx.GetContext(w.t.Context(), w.db.Side(), &v, query, args...); err != nil && !errors.Is(err, sql.ErrNoRows) {
		w.t.Fatalf("%s: %v", query, err)
	}
	return v.String
}

func (w *world) exec(query string, args ...any) {
	w.t.Helper()
	if _, err := w.db.ExecContext(w.t.Context(), query, args...); err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
}

// story is what happened: the execution's status and its jobs in order.
func (w *world) story() string {
	w.t.Helper()
	return w.one(`SELECT string_agg(coalesce(x.status::text, 'null') || ':' || coalesce(j.steps, ''), ' | ' ORDER BY x.id)
		FROM alur.executions x LEFT JOIN LATERAL (
			SELECT string_agg(node_key || '=' || status, ' ' ORDER BY started_at, id) AS steps FROM alur.jobs WHERE execution_id = x.id) j ON true`)
}

func count(sql string) string { return fmt.Sprintf(`{"sql": %q}`, sql) }

const effect = "INSERT INTO public.effects (id) VALUES ($1) ON CONFLICT (id) DO UPDATE SET n = effects.n + 1"

// TestWalk runs small trees and compares what was journaled.
func TestWalk(t *testing.T) {
	t.Parallel()
	pure := func(key, config string) flow { return flow{kind: "test_pure", key: key, config: config} }
	local := func(key, config string) flow { return flow{kind: "test_local", key: key, config: config} }
	one := func(key string, inner ...flow) flow {
		return flow{"test_pure", key, `{"branch": 1}`, map[int][]flow{1: inner}}
	}
	tests := []struct {
		name  string
		nodes []flow
		want  string
	}{
		{"no nodes", nil, "1:"},
		{"two in a row", []flow{pure("a", ""), pure("b", "")}, "1:a=1 b=1"},
		{"pure then local", []flow{pure("a", ""), local("b", count(effect))}, "1:a=1 b=1"},
		{"a branch, then on below", []flow{one("a", pure("b", "")), pure("c", "")}, "1:a=1 b=1 c=1"},
		{"a branch without nodes", []flow{pure("a", `{"branch": 2}`), pure("b", "")}, "1:a=1 b=1"},
		{"failure in a branch ends all", []flow{one("a", pure("b", `{"status": -1}`), pure("x", "")), pure("y", "")}, "-1:a=1 b=-1"},
		{"failure climbs out of two branches", []flow{one("a", one("b", pure("c", `{"status": -5}`))), pure("y", "")}, "-5:a=1 b=1 c=-5"},
		{"end inside branches", []flow{one("a", pure("b", `{"end": 1}`), pure("x", "")), pure("y", "")}, "1:a=1 b=1"},
		{"end as failed", []flow{pure("a", `{"end": -1}`), pure("x", "")}, "-1:a=-1"},
		{"unknown positive status", []flow{pure("a", `{"status": 100}`)}, "1:a=100"},
		{"unknown negative status", []flow{pure("a", `{"status": -100}`)}, "-1:a=-100"},
		{"an error in a pure node", []flow{pure("a", ""), pure("b", `{"fail": "no"}`), pure("x", "")}, "-2:a=1 b=-2"},
		{"an error in a local node", []flow{pure("a", ""), local("b", `{"fail": "no"}`), pure("x", "")}, "-2:a=1 b=-2"},
		{"a crash", []flow{pure("a", `{"panic": true}`)}, "-2:a=-2"},
		{"a crash of a local node", []flow{local("a", `{"panic": true}`)}, "-2:a=-2"},
		{"a wrong statement", []flow{local("a", count(effect)), local("b", count("SELECT nonsense FROM nowhere WHERE id = $1"))}, "-2:a=1 b=-2"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.mustStart(w.workflow(false, "", tc.nodes...), 1)
			w.work()
			if got := w.story(); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

// TestErrorsAreWords reads what a broken step tells a person.
func TestErrorsAreWords(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.workflow(false, "", flow{kind: "test_pure", key: "a"})
	if _, err := w.db.ExecContext(t.Context(), "UPDATE alur.flow_nodes SET type = 'vanished'"); err != nil {
		t.Fatal(err)
	}
	w.mustStart(a, 1)
	w.work()
	if got, want := w.story(), "-2:a=-2"; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	if got := w.one("SELECT result ->> 'message' FROM alur.jobs"); !strings.Contains(got, `no node type "vanished"`) {
		t.Errorf("the step says %q", got)
	}
}

// TestFailureAlone: one failing execution in a batch undoes nothing of the
// others, and nothing of its own earlier steps.
func TestFailureAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.workflow(false, "",
		flow{kind: "test_local", key: "a", config: count(effect)},
		flow{kind: "test_local", key: "b", config: count("INSERT INTO public.effects (id, n) SELECT -CAST($1 AS bigint), CASE WHEN $1 = (SELECT max(id) FROM alur.executions) THEN -1 ELSE 1 END")},
		flow{kind: "test_local", key: "c", config: count(effect)})
	w.mustStart(a, 40)
	w.work()
	got := w.one("SELECT count(*) FILTER (WHERE status = 1) || ' ' || count(*) FILTER (WHERE status = -2) FROM alur.executions")
	if got != "39 1" {
		t.Fatalf("completed and failed: %s, want 39 1", got)
	}
	if got := w.one("SELECT sum(n) || ' ' || count(*) FROM public.effects"); got != "118 79" {
		t.Errorf("effects: %s, want 118 79", got)
	}
}

func TestWaitAndAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.workflow(false, "",
		flow{"test_pure", "a", `{"branch": 1}`, map[int][]flow{1: {{kind: "test_wait", key: "ask"}, {kind: "test_local", key: "b", config: count(effect)}}}},
		flow{kind: "test_pure", key: "c"})
	w.mustStart(a, 2)
	w.work()
	if got, want := w.story(), "0:a=1 ask=0 | 0:a=1 ask=0"; got != want {
		t.Fatalf("waiting: got %s, want %s", got, want)
	}
	answer := func(execution, job string, status int) error {
		return w.db.Tx(t.Context(), pg.RepeatableRead, func(tx *pg.Tx) error {
			return queue.Answer(t.Context(), tx, atoi(t, execution), atoi(t, job), status, json.RawMessage(`{"ok": true}`), time.Now())
		})
	}
	jobs := func(order string) (string, string) {
		return w.one("SELECT execution_id FROM alur.jobs WHERE node_key = 'ask' ORDER BY id " + order), w.one("SELECT id FROM alur.jobs WHERE node_key = 'ask' ORDER BY id " + order)
	}
	x1, j1 := jobs("ASC")
	x2, j2 := jobs("DESC")
	if err := answer(x1, j1, 1); err != nil {
		t.Fatal(err)
	}
	if err := answer(x2, j2, -5); err != nil {
		t.Fatal(err)
	}
	if err := answer(x1, j1, -5); err == nil {
		t.Error("a job was answered twice")
	}
	w.work()
	if got, want := w.story(), "1:a=1 ask=1 b=1 c=1 | -5:a=1 ask=-5"; got != want {
		t.Fatalf("after the answers: got %s, want %s", got, want)
	}
	if got := w.one("SELECT count(*) || ' ' || count(*) FILTER (WHERE ended_at IS NOT NULL) FROM alur.jobs"); got != "6 6" {
		t.Errorf("jobs and ended jobs: %s, want 6 6", got)
	}
}

// TestGoesOnFromTheJournal: a segment that was flushed in the middle goes on
// after its last job when another worker takes over.
func TestGoesOnFromTheJournal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.workflow(false, "",
		flow{"test_pure", "a", `{"branch": 1}`, map[int][]flow{1: {
			{kind: "test_local", key: "b", config: `{"pause": "16s", "sql": "` + effect + `"}`},
			{kind: "test_local", key: "c", config: `{"pause": "16s", "sql": "` + effect + `"}`},
		}}},
		flow{kind: "test_local", key: "d", config: `{"sql": "` + effect + `"}`})
	w.mustStart(a, 3)
	w.work()
	if got, want := w.story(), "1:a=1 b=1 c=1 d=1 | 1:a=1 b=1 c=1 d=1 | 1:a=1 b=1 c=1 d=1"; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	if got := w.one("SELECT min(segments) FROM alur.executions"); got != "3" {
		t.Errorf("flushed %s times, want 3", got)
	}
	if got := w.one("SELECT sum(n) FROM public.effects"); got != "9" {
		t.Errorf("effects: %s, want 9", got)
	}
}

// TestReadAndWriteStayTogether: a segment that has read records is not cut before
// it writes, even if a busy machine makes it slow: what it read would be old.
func TestReadAndWriteStayTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.workflow(false, "", flow{kind: "test_local", key: "read", config: `{"sql": "SELECT $1::bigint"}`},
		flow{kind: "test_pure", key: "think", config: `{"pause": "5s"}`},
		flow{kind: "test_pure", key: "decide", config: `{"pause": "5s"}`},
		flow{kind: "test_local", key: "write", config: count(effect)})
	w.mustStart(a, 3)
	w.work()
	if got := w.one("SELECT count(*) || ' ' || max(segments) FROM alur.executions WHERE status = 1"); got != "3 1" {
		t.Errorf("completed, segments: %s, want 3 1", got)
	}
}

func atoi(t *testing.T, s string) int64 {
	t.Helper()
	var n int64
	if _, err := fmt.Sscan(s, &n); err != nil {
		t.Fatal(err)
	}
	return n
}
