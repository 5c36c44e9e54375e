package engine_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"alur/engine/node"
	"alur/engine/pg"
	"alur/engine/queue"
)

// slow takes as long as a test lets it.
type slow struct{ kind }

// gate holds slow nodes back.
type gate struct{ entered, leave chan struct{} }

func (slow) Run(ctx context.Context, s *node.Step, _ config) (node.Outcome, error) {
	g := node.Use[gate](s.Services)
	g.entered <- struct{}{}
	select {
	case <-g.leave:
		return node.Done(nil), nil
	case <-ctx.Done():
		return node.Outcome{}, ctx.Err()
	}
}

// late is a node whose own time limit ran out.
type late struct{ kind }

func (late) Run(ctx context.Context, _ *node.Step, _ config) (node.Outcome, error) {
	own, cancel := context.WithTimeout(ctx, 0)
	defer cancel()
	return node.Outcome{}, fmt.Errorf("the server did not answer: %w", own.Err())
}

// bomb has a result that crashes whoever writes it down.
type bomb struct{ kind }

type explosive struct{}

func (explosive) MarshalJSON() ([]byte, error) { panic("boom") }

func (bomb) Run(context.Context, *node.Step, config) (node.Outcome, error) {
	return node.Done(explosive{}), nil
}

var (
	_ = node.Register[config](slow{kind{"test_slow", node.Pure}})
	_ = node.Register[config](late{kind{"test_late", node.Remote}})
	_ = node.Register[config](bomb{kind{"test_bomb", node.Pure}})
)

// during runs workers until fn returns.
func (w *world) during(workers int, fn func()) {
	w.t.Helper()
	ctx, stop := context.WithCancel(w.t.Context())
	done := make(chan struct{})
	go func() { w.e.Work(ctx, workers); close(done) }()
	defer func() { stop(); <-done }()
	fn()
}

// TestJournalOfTwoClocks: ids of jobs that two processes made in one second do
// not follow their order in time; what ran is not run again.
func TestJournalOfTwoClocks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.workflow(false, "", flow{kind: "test_local", key: "a", config: count(effect)},
		flow{kind: "test_local", key: "b", config: count(effect)}, flow{kind: "test_local", key: "c", config: count(effect)})
	w.mustStart(a, 1)
	// a ran elsewhere, by a clock that is ahead, then b here; then the power went.
	for id, key := range map[int]string{200: "a", 100: "b"} {
		_, err := w.db.ExecContext(t.Context(), `INSERT INTO alur.jobs (id, execution_id, node_id, node_key, status, result, started_at, ended_at)
			SELECT $1, x.id, n.id, n.key, 1, '"done"', now(), now() FROM alur.executions x, alur.flow_nodes n WHERE n.key = $2`, id, key)
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.db.ExecContext(t.Context(), "UPDATE alur.executions SET segments = 2"); err != nil {
		t.Fatal(err)
	}
	w.work()
	if got := w.one("SELECT string_agg(status || ':' || (SELECT string_agg(node_key, ' ' ORDER BY node_key) FROM alur.jobs), '') FROM alur.executions"); got != "1:a b c" {
		t.Errorf("got %s, want 1:a b c", got)
	}
	if got := w.one("SELECT n FROM public.effects"); got != "1" {
		t.Errorf("%s effects, want c's only", got)
	}
}

// TestAnsweredByNobody: the type of the step that waited is gone when the answer
// comes. That step says so.
func TestAnsweredByNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustStart(w.workflow(false, "", flow{kind: "test_pure", key: "a"}, flow{kind: "test_wait", key: "ask"}, flow{kind: "test_pure", key: "b"}), 1)
	w.work()
	w.answer()
	if _, err := w.db.ExecContext(t.Context(), "UPDATE alur.flow_nodes SET type = 'vanished' WHERE key = 'ask'"); err != nil {
		t.Fatal(err)
	}
	w.e = w.another(w.db, 3) // another server
	w.work()
	if got, want := w.story(), "-2:a=1 ask=-2"; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	if got := w.one("SELECT result ->> 'message' FROM alur.jobs WHERE node_key = 'ask'"); !strings.Contains(got, `no node type "vanished"`) {
		t.Errorf("the step says %q", got)
	}
}

// answer answers the only waiting job.
func (w *world) answer() {
	w.t.Helper()
	execution, job := atoi(w.t, w.one("SELECT execution_id FROM alur.jobs WHERE status = 0")), atoi(w.t, w.one("SELECT id FROM alur.jobs WHERE status = 0"))
	err := w.db.Tx(w.t.Context(), pg.ReadCommitted, func(tx *pg.Tx) error {
		return queue.Answer(w.t.Context(), tx, execution, job, 1, nil, w.clock.now())
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// TestGivesUpInPlace: what got no further is blamed where it stopped, not on the
// steps before.
func TestGivesUpInPlace(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, want string
		journal    string // its state before the last attempt
	}{
		{"after an answer", "-2:a=1 ask=-2", "status = 1"},
		{"after a flush", "-2:a=1 ask=1 b=-2", "status = 1"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.mustStart(w.workflow(false, "", flow{kind: "test_pure", key: "a"}, flow{kind: "test_wait", key: "ask"}, flow{kind: "test_pure", key: "b"}), 1)
			w.work()
			w.answer()
			set := "attempts = 5"
			if tc.name == "after a flush" {
				set += ", wake = NULL"
			}
			if _, err := w.db.ExecContext(t.Context(), "UPDATE alur.executions SET "+set); err != nil {
				t.Fatal(err)
			}
			w.work()
			if got := w.story(); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

// TestErrorsOfNodes: what goes wrong in a node is the node's, whatever it looks
// like, and ends the execution in words at once.
func TestErrorsOfNodes(t *testing.T) {
	t.Parallel()
	tests := []struct{ kind, want, words string }{
		{"test_late", "-2:a=1 b=-2", "the server did not answer"},
		{"test_bomb", "-2:a=-2", "this execution crashed: boom"},
	}
	for _, tc := range tests {
		t.Run(tc.kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.mustStart(w.workflow(false, "", flow{kind: "test_pure", key: "a"}, flow{kind: tc.kind, key: "b"}), 3)
			w.work()
			if got, want := w.story(), strings.Join([]string{tc.want, tc.want, tc.want}, " | "); got != want {
				t.Fatalf("got %s, want %s", got, want)
			}
			if got := w.one("SELECT result ->> 'message' FROM alur.jobs WHERE status = -2 LIMIT 1"); !strings.Contains(got, tc.words) {
				t.Errorf("the step says %q", got)
			}
		})
	}
}

// TestLockedRow: an execution that needs a row which somebody holds waits for
// it, without a worker, and the others of its batch do not.
func TestLockedRow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.db.ExecContext(t.Context(), "INSERT INTO public.effects (id, n) VALUES (0, 1)"); err != nil {
		t.Fatal(err)
	}
	a := w.workflow(false, "",
		flow{kind: "test_local", key: "hurry", config: count("SELECT set_config('lock_timeout', '20ms', true) WHERE CAST($1 AS bigint) > 0")},
		flow{kind: "test_local", key: "take", config: count("UPDATE public.effects SET n = n + 1 WHERE id = 0 AND $1 = (SELECT min(id) FROM alur.executions)")})
	w.mustStart(a, 5)
	holder, err := w.db.Side().BeginTxx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Rollback()
	if _, err := holder.ExecContext(t.Context(), "UPDATE public.effects SET n = n WHERE id = 0"); err != nil {
		t.Fatal(err)
	}
	w.during(2, func() {
		w.eventually("SELECT count(*) = 4 FROM alur.executions WHERE status = 1")
		w.eventually("SELECT lease_until > now() AND attempts = 0 FROM alur.executions WHERE status IS NULL")
		if err := holder.Commit(); err != nil {
			t.Fatal(err)
		}
		if _, err := w.db.ExecContext(t.Context(), "UPDATE alur.executions SET lease_until = NULL WHERE status IS NULL"); err != nil {
			t.Fatal(err)
		}
		w.eventually("SELECT count(*) = 5 FROM alur.executions WHERE status = 1")
	})
	if got := w.one("SELECT n FROM public.effects"); got != "2" {
		t.Errorf("the row is %s, want 2", got)
	}
}

// TestStopUnderLoad: a process that is asked to stop finishes what runs, keeps
// its lease, and gives back what it only claimed, without a counted attempt.
func TestStopUnderLoad(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := gate{make(chan struct{}), make(chan struct{})}
	node.Provide(w.e.Services, g)
	w.mustStart(w.workflow(false, "", flow{kind: "test_slow", key: "a"}), 1)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { w.e.Work(ctx, 1); close(done) }()
	<-g.entered
	many := w.workflow(false, "", flow{kind: "test_pure", key: "b"})
	w.mustStart(many, 200)
	w.eventually("SELECT count(*) > 32 FROM alur.executions WHERE workflow_id = $1 AND lease_until IS NOT NULL", many.ID)
	stop()
	close(g.leave)
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("still working")
	}
	if got := w.one("SELECT status FROM alur.executions ORDER BY id LIMIT 1"); got != "1" {
		t.Errorf("the running execution ended with %q, want 1", got)
	}
	if got := w.one("SELECT count(*) FROM alur.executions WHERE status IS NULL AND (lease_until IS NOT NULL OR attempts <> 0)"); got != "0" {
		t.Errorf("%s executions were not given back", got)
	}
}

// TestTurns: a flood of slow executions leaves other workflows their turn.
func TestTurns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	flood := w.workflow(false, "", flow{kind: "test_pure", key: "slow", config: `{"pause": "300ms"}`})
	other := w.workflow(false, "", flow{kind: "test_pure", key: "quick"})
	w.mustStart(flood, 64)
	w.mustStart(other, 1)
	w.during(1, func() {
		w.eventually("SELECT count(*) = 0 FROM alur.executions WHERE status IS NULL")
	})
	before := w.one(`SELECT count(*) FROM alur.executions WHERE workflow_id = $1 AND ended_at < (SELECT ended_at FROM alur.executions WHERE workflow_id = $2)`, flood.ID, other.ID)
	if atoi(t, before) > 3 {
		t.Errorf("%s slow executions went before the quick one", before)
	}
	if got := w.one("SELECT count(*) || ' ' || sum(segments) || ' ' || max(fence) FROM alur.executions WHERE status = 1"); !strings.HasPrefix(got, "65 65 ") {
		t.Errorf("completed, segments, claims: %s, want 65 65", got)
	}
}
