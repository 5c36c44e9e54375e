package engine_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/node"
	"alur/engine/pgtest"
	"alur/engine/queue"
)

// steps is the steps of an execution in their order: key, status, and "kept" for
// those that did not run in it.
func (w *world) steps(execution int64) string {
	w.t.Helper()
	return w.one(`SELECT string_agg(concat_ws(' ', node_key, status, CASE attempt WHEN 0 THEN 'kept' END), ', ' ORDER BY started_at, id)
		FROM alur.jobs WHERE execution_id = $1`, execution)
}

// latest is the newest execution that runs no other one again.
func (w *world) latest() int64 {
	w.t.Helper()
	return atoi(w.t, w.one("SELECT max(id) FROM alur.executions WHERE rerun_of IS NULL"))
}

func (w *world) rerun(id int64, r engine.Rerun) int64 {
	w.t.Helper()
	x, err := w.e.Rerun(w.t.Context(), auth.System, id, r)
	if err != nil {
		w.t.Fatalf("run %d again with %+v: %v", id, r, err)
	}
	if x.RerunOf == nil || *x.RerunOf != id || x.State() != "queued" {
		w.t.Fatalf("got %+v, want a queued execution of %d", x, id)
	}
	return x.ID
}

// mend makes a node of a version that has run do what it could not.
func (w *world) mend(workflow int64, key, config string) {
	w.t.Helper()
	w.exec("UPDATE alur.flow_nodes SET config = $3 WHERE workflow_id = $1 AND key = $2", workflow, key, config)
	if err := w.e.Rearm(w.t.Context(), auth.System); err != nil {
		w.t.Fatal(err)
	}
}

// TestRerun: a new execution runs, from where it should, and the journal of the
// old one stays as it was.
func TestRerun(t *testing.T) {
	t.Parallel()
	one := 1
	bad := `{"fail": "no"}`
	nodes := func() []flow {
		return []flow{
			{kind: "test_local", key: "a", config: count(effect)},
			{kind: "test_pure", key: "if", config: fmt.Sprintf(`{"branch": %d}`, one), branches: map[int][]flow{
				1: {{kind: "test_local", key: "b", config: bad}, {kind: "test_local", key: "c", config: count(effect)}}}},
			{kind: "test_local", key: "d", config: count(effect)},
		}
	}
	for _, tc := range []struct {
		name    string
		rerun   engine.Rerun
		node    string
		ran     string
		effects string // of the new execution
	}{
		{"from the start", engine.Rerun{}, "", "a 1, if 1, b 1, c 1, d 1", "3"},
		{"from the failed step", engine.Rerun{Failed: true}, "", "a 1 kept, if 1 kept, b 1, c 1, d 1", "2"},
		{"from a node", engine.Rerun{}, "if", "a 1 kept, if 1, b 1, c 1, d 1", "2"},
		{"from the first node", engine.Rerun{}, "a", "a 1, if 1, b 1, c 1, d 1", "3"},
	} {
		for _, sync := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, synchronous %t", tc.name, sync), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				a := w.workflow(sync, "", nodes()...)
				w.mustStart(a, 1)
				w.work()
				old := w.latest()
				before := w.one("SELECT to_jsonb(x)::text || (SELECT jsonb_agg(to_jsonb(j) ORDER BY id)::text FROM alur.jobs j WHERE execution_id = x.id) FROM alur.executions x WHERE id = $1", old)
				if got := w.steps(old); got != "a 1, if 1, b -2" {
					t.Fatalf("the first run: %s", got)
				}
				w.mend(a.ID, "b", "{}")
				if tc.node != "" {
					tc.rerun.NodeID = w.node(a.ID, tc.node).ID
				}
				made := w.rerun(old, tc.rerun)
				w.work()
				if got := w.steps(made); got != tc.ran {
					t.Errorf("ran %s, want %s", got, tc.ran)
				}
				if got := w.one("SELECT concat_ws(' ', status, manually, context) FROM alur.executions WHERE id = $1", made); got != `1 t {"data": {"n": 1}}` {
					t.Errorf("the new one is %s", got)
				}
				if got := w.one("SELECT coalesce(sum(n), 0) FROM public.effects WHERE id = $1", made); got != tc.effects {
					t.Errorf("%s effects, want %s", got, tc.effects)
				}
				if after := w.one("SELECT to_jsonb(x)::text || (SELECT jsonb_agg(to_jsonb(j) ORDER BY id)::text FROM alur.jobs j WHERE execution_id = x.id) FROM alur.executions x WHERE id = $1", old); after != before {
					t.Errorf("the old one was\n%s\nand is\n%s", before, after)
				}
				if got := w.one("SELECT count(*) FROM alur.audit_log WHERE kind = 'workflows' AND text LIKE '%' || $1 || '%again%' || $2 || '%'", fmt.Sprint(old), fmt.Sprint(made)); got != "1" {
					t.Errorf("%s lines in the audit log", got)
				}
				list, err := w.e.Reruns(t.Context(), auth.System, old, 5)
				if err != nil || len(list) != 1 || list[0].ID != made || list[0].State() != "completed" {
					t.Errorf("its reruns are %+v: %v", list, err)
				}
			})
		}
	}
}

// TestRerunKeepsResults: what kept steps came to is there for those that run.
func TestRerunKeepsResults(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.workflow(false, "", flow{kind: "test_pure", key: "a"}, flow{kind: "test_pure", key: "b", config: `{"fail": "no"}`})
	w.mustStart(a, 1)
	w.work()
	old := w.latest()
	made := w.rerun(old, engine.Rerun{Failed: true})
	const same = `SELECT count(*) = 1 FROM alur.jobs o JOIN alur.jobs n ON n.node_key = o.node_key AND n.id <> o.id AND n.started_at = o.started_at
		AND n.ended_at = o.ended_at AND n.result = o.result AND n.node_id = o.node_id WHERE o.execution_id = $1 AND n.execution_id = $2`
	if w.one(same, old, made) != "true" {
		t.Errorf("kept %s", w.one("SELECT jsonb_agg(to_jsonb(j))::text FROM alur.jobs j WHERE execution_id = $1", made))
	}
	w.work()
	// It failed again, so it can be run again, from the step that failed.
	twice := w.rerun(made, engine.Rerun{Failed: true})
	w.work()
	if got := w.steps(twice); got != "a 1 kept, b -2" {
		t.Errorf("the second one ran %s", got)
	}
}

// TestRerunVersions: on the version that ran, or on the current one, where what is
// new before the step runs, too.
func TestRerunVersions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.workflow(false, "", flow{kind: "test_pure", key: "a"}, flow{kind: "test_pure", key: "b", config: `{"fail": "no"}`}, flow{kind: "test_pure", key: "c"})
	w.mustStart(first, 1)
	w.work()
	old := w.latest()
	b := w.node(first.ID, "b").ID
	second, err := w.e.Revise(t.Context(), auth.System, first.ID, first.Key, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.e.UpdateNode(t.Context(), auth.System, w.node(second.ID, "b").ID, engine.NodeChange{Config: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	at := w.node(second.ID, "a").ID
	if _, err := w.e.AddNode(t.Context(), auth.System, second.ID, engine.NewNode{Key: "new", Title: "new", Type: "test_pure", UpstreamID: &at}); err != nil {
		t.Fatal(err)
	}
	// A draft is not the newest yet.
	made := w.rerun(old, engine.Rerun{Failed: true, Newest: true})
	w.work()
	if got := w.steps(made); got != "a 1 kept, b -2" {
		t.Errorf("beside a draft ran %s", got)
	}
	if _, err := w.e.EnableWorkflow(t.Context(), auth.System, second.ID, true); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		r    engine.Rerun
		want string
	}{
		{engine.Rerun{Failed: true}, "a 1 kept, b -2"},
		{engine.Rerun{Failed: true, Newest: true}, "a 1 kept, new 1, b 1, c 1"},
		{engine.Rerun{NodeID: b, Newest: true}, "a 1 kept, new 1, b 1, c 1"},
		{engine.Rerun{Newest: true}, "a 1, new 1, b 1, c 1"},
	} {
		made := w.rerun(old, tc.r)
		w.work()
		if got := w.steps(made); got != tc.want {
			t.Errorf("%+v ran %s, want %s", tc.r, got, tc.want)
		}
		version := first.ID
		if tc.r.Newest {
			version = second.ID
		}
		if got := w.one("SELECT workflow_id = $2 FROM alur.executions WHERE id = $1", made, version); got != "true" {
			t.Errorf("%+v ran on another version", tc.r)
		}
	}
	if plan, err := w.e.RerunPlan(t.Context(), auth.System, []int64{old}, engine.Rerun{}); err != nil || !plan.Newer {
		t.Errorf("the plan knows of no newer version: %+v, %v", plan, err)
	}
}

// TestRerunWaiting: what waits is stopped with its task's step and timer, and what
// the people answer afterwards comes too late.
func TestRerunWaiting(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.workflow(false, "", flow{kind: "test_local", key: "a", config: count(effect)}, flow{kind: "test_wait", key: "ask"}, flow{kind: "test_pure", key: "b"})
	w.mustStart(a, 1)
	w.work()
	old := w.latest()
	asked := atoi(t, w.one("SELECT id FROM alur.jobs WHERE execution_id = $1 AND node_key = 'ask'", old))
	w.exec("INSERT INTO alur.timers (job_id, execution_id, due_at, status) VALUES ($1, $2, $3, 1)", asked, old, time.Now().Add(time.Hour))
	plan, err := w.e.RerunPlan(t.Context(), auth.System, []int64{old}, engine.Rerun{Failed: true})
	if err != nil || plan.Waiting != 1 || len(plan.Repeats) != 0 || !slices.Equal(plan.From, []string{"ask"}) {
		t.Errorf("the plan is %+v: %v", plan, err)
	}
	made := w.rerun(old, engine.Rerun{Failed: true})
	if got := w.one("SELECT concat_ws(' ', x.status, x.reason, j.status, (SELECT count(*) FROM alur.timers)) FROM alur.executions x, alur.jobs j WHERE x.id = $1 AND j.id = $2", old, asked); got != "-3 rerun -3 0" {
		t.Errorf("the old one is %s", got)
	}
	if err := w.resume(asked, node.Resolved); !fault.Is(err, fault.Invalid) {
		t.Errorf("the old step was answered: %v", err)
	}
	w.work()
	if got := w.steps(made); got != "a 1 kept, ask 0" {
		t.Errorf("ran %s", got)
	}
	if err := w.resume(atoi(t, w.one("SELECT id FROM alur.jobs WHERE execution_id = $1 AND status = 0", made)), node.Resolved); err != nil {
		t.Fatal(err)
	}
	w.work()
	if got := w.steps(made); got != "a 1 kept, ask 1, b 1" {
		t.Errorf("after the answer: %s", got)
	}
	if got := w.one("SELECT string_agg(concat_ws(' ', id = $1, n), ', ') FROM public.effects", old); got != "t 1" {
		t.Errorf("effects: %s", got)
	}
}

// TestRerunOnce: of processes that run an execution again at the same time, one
// does it, whether it waits or has failed.
func TestRerunOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := w.another(pgtest.Open(t, pgtest.URL(t, w.db)), 2)
	waits := w.workflow(false, "", flow{kind: "test_wait", key: "ask"})
	fails := w.workflow(false, "", flow{kind: "test_pure", key: "a", config: `{"fail": "no"}`})
	for round := range 20 {
		for _, a := range []*engine.Armed{waits, fails} {
			w.mustStart(a, 1)
			w.work()
			old := w.latest()
			errs := make([]error, 8)
			var group sync.WaitGroup
			for i := range errs {
				group.Go(func() {
					_, errs[i] = []*engine.Engine{w.e, other}[i%2].Rerun(t.Context(), auth.System, old, engine.Rerun{Failed: i%3 == 0})
				})
			}
			group.Wait()
			won := 0
			for _, err := range errs {
				switch {
				case err == nil:
					won++
				case !fault.Is(err, fault.Conflict):
					t.Errorf("round %d: a loser is told %v", round, err)
				}
			}
			if n := w.one("SELECT count(*) FROM alur.executions WHERE rerun_of = $1", old); won != 1 || n != "1" {
				t.Fatalf("round %d: %d won and %s were made", round, won, n)
			}
		}
	}
}

// TestRerunSinceAsked: a second press of a page that is behind does nothing, even
// when the first has ended by then.
func TestRerunSinceAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustStart(w.workflow(false, "", flow{kind: "test_pure", key: "a"}), 1)
	w.work()
	old, asked := w.latest(), time.Now().Add(-time.Second)
	w.rerun(old, engine.Rerun{Asked: asked})
	w.work()
	if _, err := w.e.Rerun(t.Context(), auth.System, old, engine.Rerun{Asked: asked}); !fault.Is(err, fault.Conflict) {
		t.Errorf("pressed twice: %v, want a conflict", err)
	}
	w.rerun(old, engine.Rerun{Asked: time.Now().Add(time.Second)})
	w.work()
	w.rerun(old, engine.Rerun{})
}

// TestRerunRefuses: what cannot be run again says why.
func TestRerunRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one := 1
	a := w.workflow(false, "", flow{kind: "test_pure", key: "if", config: fmt.Sprintf(`{"branch": %d}`, one), branches: map[int][]flow{
		1: {{kind: "test_pure", key: "b"}}, 2: {{kind: "test_pure", key: "never"}}}})
	w.mustStart(a, 1)
	w.work()
	completed := w.latest()
	gone := w.workflow(false, "", flow{kind: "test_pure", key: "z", config: `{"fail": "no"}`})
	foreign := w.node(gone.ID, "z").ID
	w.mustStart(gone, 1)
	w.work()
	deleted := w.latest()
	if _, err := w.e.DeleteWorkflow(t.Context(), auth.System, gone.ID); err != nil {
		t.Fatal(err)
	}
	w.mustStart(a, 1)
	queued := w.latest()
	w.mustStart(w.workflow(false, "", flow{kind: "test_pure", key: "x"}), 1)
	held := w.latest()
	w.exec("UPDATE alur.executions SET lease_until = now() + interval '1 min', started_at = now() WHERE id = $1", held)
	for _, tc := range []struct {
		name  string
		id    int64
		r     engine.Rerun
		kind  fault.Kind
		words string
	}{
		{"unknown", 42, engine.Rerun{}, fault.NotFound, "no such execution"},
		{"queued", queued, engine.Rerun{}, fault.Invalid, "not been begun"},
		{"running", held, engine.Rerun{}, fault.Conflict, "being worked on"},
		{"workflow deleted", deleted, engine.Rerun{}, fault.Invalid, "has been deleted"},
		{"workflow deleted, newest", deleted, engine.Rerun{Newest: true}, fault.Invalid, "has been deleted"},
		{"nothing failed", completed, engine.Rerun{Failed: true}, fault.Invalid, "No step of this execution failed"},
		{"node of another workflow", completed, engine.Rerun{NodeID: foreign}, fault.Invalid, "not part of the version"},
		{"node that did not run", completed, engine.Rerun{NodeID: w.node(a.ID, "never").ID}, fault.Invalid, "did not run"},
	} {
		before := w.one("SELECT count(*) FROM alur.executions")
		_, err := w.e.Rerun(t.Context(), auth.System, tc.id, tc.r)
		var f *fault.Error
		if !errors.As(err, &f) || f.Kind != tc.kind || !strings.Contains(f.Msg, tc.words) {
			t.Errorf("%s: %v, want %v with %q", tc.name, err, tc.kind, tc.words)
		}
		if after := w.one("SELECT count(*) FROM alur.executions"); after != before {
			t.Errorf("%s: made an execution", tc.name)
		}
	}
	// In bulk the others go on.
	made, passed, err := w.e.RerunAll(t.Context(), auth.System, []int64{completed, queued, 42, deleted, completed}, engine.Rerun{})
	if err != nil || len(made) != 1 || len(passed) != 3 {
		t.Errorf("in bulk: %d made, passed over %v, %v", len(made), passed, err)
	}
	many := make([]int64, engine.MaxReruns+1)
	for i := range many {
		many[i] = int64(i + 1)
	}
	if _, _, err := w.e.RerunAll(t.Context(), auth.System, many, engine.Rerun{}); !fault.Is(err, fault.Invalid) {
		t.Errorf("%d at once: %v", len(many), err)
	}
}

// TestRerunPlan counts by node what was done and would be done again.
func TestRerunPlan(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.workflow(false, "", flow{kind: "test_pure", key: "p"}, flow{kind: "test_local", key: "a", config: count(effect)}, flow{kind: "test_local", key: "b", config: `{"fail": "no"}`},
		flow{kind: "test_local", key: "later", config: count(effect)})
	w.mustStart(a, 3)
	w.work()
	var ids []int64
	if err := w.db.SelectContext(t.Context(), &ids, "SELECT id FROM alur.executions"); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		r    engine.Rerun
		want string
	}{
		{engine.Rerun{}, "3 [] a:3 b:3"},
		{engine.Rerun{Failed: true}, "3 [b] b:3"},
	} {
		plan, err := w.e.RerunPlan(t.Context(), auth.System, append(ids, 42), tc.r)
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprintf("%d %v", len(plan.Again), plan.From)
		for _, r := range plan.Repeats {
			got += fmt.Sprintf(" %s:%d", r.Title, r.Executions)
		}
		if got != tc.want || len(plan.Passed) != 1 {
			t.Errorf("%+v: %s, %v; want %s", tc.r, got, plan.Passed, tc.want)
		}
	}
	if n := w.one("SELECT count(*) FROM alur.executions"); n != "3" {
		t.Errorf("planning left %s executions", n)
	}
}

// TestRerunAfterCrash: an execution that begins in the middle is found there again
// by the next worker, when the first has taken it and died.
func TestRerunAfterCrash(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.workflow(false, "", flow{kind: "test_local", key: "a", config: count(effect)}, flow{kind: "test_local", key: "b", config: `{"fail": "no"}`})
	w.mustStart(a, 1)
	w.work()
	old := w.latest()
	w.mend(a.ID, "b", count(effect))
	made := w.rerun(old, engine.Rerun{Failed: true})
	q, err := queue.Open(t.Context(), w.db)
	if err != nil {
		t.Fatal(err)
	}
	if claims, err := q.Claim(t.Context(), a.ID, 0, 1, 0); err != nil || len(claims) != 1 {
		t.Fatalf("claimed %v: %v", claims, err)
	}
	if _, err := w.e.Rerun(t.Context(), auth.System, made, engine.Rerun{}); !fault.Is(err, fault.Conflict) {
		t.Errorf("while a worker has it: %v", err)
	}
	q.Close()
	w.exec("UPDATE alur.executions SET lease_until = now() - interval '1 s' WHERE id = $1", made)
	w.work()
	if got := w.steps(made) + " " + w.one("SELECT n FROM public.effects WHERE id = $1", made); got != "a 1 kept, b 1 1" {
		t.Errorf("ran %s", got)
	}
}
