package engine_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/node"
	"alur/engine/pg"
	"alur/engine/pgtest"
)

// Manual lets people start workflows of the tests' trigger: with "refuse" in the
// values, its condition is not met.
func (*trigger) Asks(any) (string, bool) { return "", false }

func (*trigger) Manual(_ context.Context, _ *engine.Engine, _ pg.Q, _ any, values map[string]any) (map[string]any, bool, error) {
	return values, values["refuse"] == nil, nil
}

// TestExecute: a version runs by hand, on or off, and the caller learns what
// became of it.
func TestExecute(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, tc := range []struct {
		name string
		sync bool
		node flow
		want string
	}{
		{"asynchronous", false, flow{kind: "test_local", key: "a", config: count(effect)}, "completed"},
		{"synchronous", true, flow{kind: "test_local", key: "a", config: count(effect)}, "completed"},
		{"failing", true, flow{kind: "test_local", key: "a", config: `{"fail": "no"}`}, "error"},
		{"waiting", false, flow{kind: "test_wait", key: "a"}, "waiting"},
	} {
		a := w.workflow(tc.sync, "", tc.node)
		if _, err := w.e.EnableWorkflow(t.Context(), auth.System, a.ID, false); err != nil {
			t.Fatal(err)
		}
		w.during(1, func() {
			x, started, err := w.e.Execute(t.Context(), auth.System, a.ID, map[string]any{"n": 1.0})
			if err != nil || !started || x.State() != tc.want {
				t.Errorf("%s: %s, started %v: %v; want %s", tc.name, x.State(), started, err, tc.want)
			}
			if got := w.one("SELECT manually || ' ' || (context ->> 'n') FROM alur.executions WHERE id = $1", x.ID); got != "true 1" {
				t.Errorf("%s: manually and context: %s", tc.name, got)
			}
			if _, started, err := w.e.Execute(t.Context(), auth.System, a.ID, map[string]any{"refuse": true}); started || err != nil {
				t.Errorf("%s: started %v though the condition is not met: %v", tc.name, started, err)
			}
		})
	}
}

// due is a context whose end is known, and never comes.
type due struct {
	context.Context
	at time.Time
}

func (d due) Deadline() (time.Time, bool) { return d.at, true }

// TestExecuteAnswersInTime: the caller is told of what has not run yet while there
// is time to answer.
func TestExecuteAnswersInTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t) // where nobody works
	a := w.workflow(false, "", flow{kind: "test_pure", key: "a"})
	x, started, err := w.e.Execute(due{t.Context(), w.e.Now().Add(5 * time.Second)}, auth.System, a.ID, map[string]any{})
	if err != nil || !started || x.State() != "queued" {
		t.Errorf("%s, started %v: %v; want queued", x.State(), started, err)
	}
}

// TestExecuteRefusesWaits: a synchronous workflow cannot wait, by hand either.
func TestExecuteRefusesWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	made, err := w.e.CreateWorkflow(t.Context(), auth.System, engine.NewWorkflow{Title: "Test", Type: "test", Sync: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.db.ExecContext(t.Context(), `INSERT INTO alur.flow_nodes (id, key, title, workflow_id, type) VALUES (7, 'ask', 'Ask', $1, 'test_wait')`, made.ID); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.e.Execute(t.Context(), auth.System, made.ID, map[string]any{}); !fault.Is(err, fault.Invalid) {
		t.Errorf("got %v, want Invalid", err)
	}
	if got := w.one("SELECT count(*) FROM alur.executions"); got != "0" {
		t.Errorf("%s executions", got)
	}
}

// TestReplace: after a run by hand a new version takes the place of the one that
// ran.
func TestReplace(t *testing.T) {
	t.Parallel()
	for _, on := range []bool{true, false} {
		w := newWorld(t)
		a := w.workflow(false, "", flow{kind: "test_pure", key: "a"})
		if _, err := w.e.EnableWorkflow(t.Context(), auth.System, a.ID, on); err != nil {
			t.Fatal(err)
		}
		made, err := w.e.Replace(t.Context(), auth.System, a.ID)
		if err != nil || !made.Current || made.Enabled != on {
			t.Errorf("on %v: made %+v: %v", on, made, err)
		}
		if got := w.one("SELECT count(*) FROM alur.workflows WHERE key = $1 AND (current OR enabled)", a.Key); got != "1" {
			t.Errorf("on %v: %s versions are current or on, want 1", on, got)
		}
	}
}

// TestSyncFewConnections: synchronous executions use their caller's connection
// and never wait for another: 32 callers get through with two.
func TestSyncFewConnections(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	few, err := pg.Open(t.Context(), pgtest.URL(t, w.db), 2)
	if err != nil {
		t.Fatal(err)
	}
	defer few.Close()
	e := w.another(few, 2)
	good := w.workflow(true, "", flow{kind: "test_local", key: "a", config: count(effect)}, flow{kind: "test_pure", key: "b"})
	bad := w.workflow(true, "", flow{kind: "test_local", key: "a", config: count(effect)}, flow{kind: "test_local", key: "b", config: `{"fail": "no"}`})
	node.Provide(e.Services, w.clock)
	const callers, each = 32, 6
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			for i := range each {
				a, must := good, true
				if i%3 != 0 {
					a, must = bad, i%3 == 1
				}
				err := few.Tx(t.Context(), pg.RepeatableRead, func(tx *pg.Tx) error {
					return e.Start(t.Context(), tx, []engine.Event{{Workflow: a, Context: map[string]any{}, MustSucceed: must}})
				})
				if (err != nil) != (i%3 == 1) {
					t.Errorf("call %d: %v", i, err)
				}
			}
		})
	}
	group.Wait()
	got := w.one("SELECT count(*) FILTER (WHERE status = 1) || ' ' || count(*) FILTER (WHERE status = -2) FROM alur.executions") + " " + w.one("SELECT count(*) FROM public.effects")
	if got != "64 128 128" {
		t.Errorf("completed, failed, effects: %s, want 64 128 128", got)
	}
}
