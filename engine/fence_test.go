package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"alur/engine"
	"alur/engine/fault"
	"alur/engine/pg"
	"alur/engine/pgtest"
	"alur/engine/queue"
)

// TestLostLease: a worker whose lease ran out and went to another one cannot
// write any more, and its local effects vanish with its journal.
func TestLostLease(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.workflow(false, "", flow{kind: "test_local", key: "a", config: count(effect)})
	w.mustStart(a, 1)
	q, err := queue.Open(t.Context(), w.db)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	claims, err := q.Claim(t.Context(), a.ID, 0, 10, 0)
	if err != nil || len(claims) != 1 {
		t.Fatalf("claimed %d: %v", len(claims), err)
	}
	// The lease runs out, and somebody else claims and finishes.
	if _, err := w.db.ExecContext(t.Context(), "UPDATE alur.executions SET lease_until = now() - interval '1 s'"); err != nil {
		t.Fatal(err)
	}
	w.work()
	conn, err := w.db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	if err := engine.RunBatch(w.e, t.Context(), q, conn, claims); err != nil {
		t.Fatal(err)
	}
	if got := w.one("SELECT n FROM public.effects"); got != "1" {
		t.Errorf("effect happened %s times, want once", got)
	}
	if got, want := w.story(), "1:a=1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if q.Held() != 0 {
		t.Errorf("%d executions still held", q.Held())
	}
}

// TestRescue: what a dead process held is claimable at once, and what a living
// one holds is not.
func TestRescue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.workflow(false, "", flow{kind: "test_pure", key: "a"})
	w.mustStart(a, 2)
	dead, err := queue.Open(t.Context(), w.db)
	if err != nil {
		t.Fatal(err)
	}
	living, err := queue.Open(t.Context(), w.db)
	if err != nil {
		t.Fatal(err)
	}
	defer living.Close()
	for _, q := range []*queue.Queue{dead, living} {
		if claims, err := q.Claim(t.Context(), a.ID, 0, 1, 0); err != nil || len(claims) != 1 {
			t.Fatalf("claimed %d: %v", len(claims), err)
		}
	}
	dead.Close()
	w.eventually("SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND classid = 4711 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())")
	if n, err := living.Rescue(t.Context()); err != nil || n != 1 {
		t.Fatalf("rescued %d: %v, want 1", n, err)
	}
	if claims, err := living.Claim(t.Context(), a.ID, 0, 10, 0); err != nil || len(claims) != 1 || claims[0].Attempts != 2 {
		t.Fatalf("claimed %+v: %v, want one at its second attempt", claims, err)
	}
	if lost, err := living.Renew(t.Context()); err != nil || len(lost) != 0 {
		t.Fatalf("lost %v: %v", lost, err)
	}
	if held := living.Held(); held != 2 {
		t.Errorf("holds %d, want 2", held)
	}
}

// TestGiveUp: an execution whose server dies at it again and again ends with
// the reason instead of going round for ever.
func TestGiveUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustStart(w.workflow(false, "", flow{kind: "test_local", key: "a", config: count(effect)}), 1)
	if _, err := w.db.ExecContext(t.Context(), "UPDATE alur.executions SET attempts = 5"); err != nil {
		t.Fatal(err)
	}
	w.work()
	if got, want := w.story(), "-2:a=-2"; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	if got := w.one("SELECT reason FROM alur.executions"); !strings.Contains(got, "begun 5 times") {
		t.Errorf("the reason is %q", got)
	}
	if got := w.one("SELECT count(*) FROM public.effects"); got != "0" {
		t.Errorf("%s effects, want none", got)
	}
}

// TestSuspectsRunApart: what was begun often runs one at a time, each in a
// transaction of its own, and what is new does not wait for it.
func TestSuspectsRunApart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	wf := w.workflow(false, "", flow{kind: "test_local", key: "a", config: count(effect)})
	w.mustStart(wf, 40)
	if _, err := w.db.ExecContext(t.Context(), "UPDATE alur.executions SET attempts = 2"); err != nil {
		t.Fatal(err)
	}
	w.mustStart(wf, 10)
	w.work()
	if got := w.one("SELECT count(*) FROM alur.executions WHERE status = 1"); got != "50" {
		t.Errorf("%s executions completed, want 50", got)
	}
	if got := w.one("SELECT count(*) FROM public.effects"); got != "50" {
		t.Errorf("%s effects, want 50", got)
	}
	if got := w.one("SELECT count(DISTINCT xmin::text) FROM (SELECT xmin FROM alur.executions ORDER BY id LIMIT 40) suspects"); got != "40" {
		t.Errorf("40 suspects ran in %s transactions, want one each", got)
	}
}

// TestAnswerOnce: of 32 answers at once one wins, and the execution goes on once.
func TestAnswerOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustStart(w.workflow(false, "", flow{kind: "test_wait", key: "ask"}, flow{kind: "test_local", key: "b", config: count(effect)}), 1)
	w.work()
	execution, job := atoi(t, w.one("SELECT execution_id FROM alur.jobs")), atoi(t, w.one("SELECT id FROM alur.jobs"))
	var group sync.WaitGroup
	errs := make([]error, 32)
	for i := range errs {
		group.Go(func() {
			errs[i] = w.db.Tx(t.Context(), pg.RepeatableRead, func(tx *pg.Tx) error {
				return queue.Answer(t.Context(), tx, execution, job, 1, nil, w.clock.now())
			})
		})
	}
	group.Wait()
	won := 0
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.Gone):
			t.Errorf("a loser got %v", err)
		}
	}
	if won != 1 {
		t.Errorf("%d answers won, want 1", won)
	}
	w.work()
	if got, want := w.story()+" "+w.one("SELECT n FROM public.effects"), "1:ask=1 b=1 1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestHotRow is R23 in small: read, decide, write on one row by two processes
// with four workers each takes exactly what is there.
func TestHotRow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.db.ExecContext(t.Context(), "INSERT INTO public.effects (id, n) VALUES (0, 150)"); err != nil {
		t.Fatal(err)
	}
	a := w.workflow(false, "", flow{kind: "test_take", key: "take"})
	b := w.workflow(false, "", flow{kind: "test_take", key: "take"})
	w.mustStart(a, 100)
	w.mustStart(b, 100)
	other := pgtest.Open(t, pgtest.URL(t, w.db))
	w.work(w.another(other, 2))
	got := w.one("SELECT count(*) FILTER (WHERE status = 1) || ' ' || count(*) FILTER (WHERE status = -1) FROM alur.executions")
	if got += " " + w.one("SELECT n FROM public.effects"); got != "150 50 0" {
		t.Errorf("served, refused, left: %s, want 150 50 0", got)
	}
}

// TestStackLimit: a chain that came back to its own workflow is stopped, and
// the stop can be seen.
func TestStackLimit(t *testing.T) {
	t.Parallel()
	tests := []struct {
		options string
		chain   int // executions of the workflow already in the stack
		started bool
	}{
		{`{}`, 0, true}, {`{}`, 1, false}, {`{"stackLimit": 0}`, 1, false},
		{`{"stackLimit": 3}`, 2, true}, {`{"stackLimit": 3}`, 3, false},
	}
	for _, tc := range tests {
		t.Run(fmt.Sprintf("%s after %d", tc.options, tc.chain), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			a := w.workflow(false, tc.options, flow{kind: "test_pure", key: "a"})
			var stack []int64
			for range tc.chain {
				w.mustStart(a, 1)
				stack = append(stack, atoi(t, w.one("SELECT max(id) FROM alur.executions")))
			}
			w.mustStart(a, 1, stack...)
			want := fmt.Sprint(tc.chain) + " 1"
			if tc.started {
				want = fmt.Sprint(tc.chain+1) + " 0"
			}
			got := w.one("SELECT count(*) FROM alur.executions") + " " + w.one("SELECT count(*) FROM alur.skipped_triggers WHERE reason = 'stack_limit' AND detail <> ''")
			if got != want {
				t.Errorf("executions and records of stops: %s, want %s", got, want)
			}
		})
	}
}

// TestSync: a synchronous execution runs inside the transaction that caused it.
func TestSync(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.workflow(true, "", flow{kind: "test_local", key: "a", config: count(effect)}, flow{kind: "test_local", key: "b", config: `{"fail": "no"}`})
	start := func(must bool, fail error) error {
		return w.db.Tx(t.Context(), pg.RepeatableRead, func(tx *pg.Tx) error {
			ev := engine.Event{Workflow: a, Context: map[string]any{}, MustSucceed: must}
			if err := w.e.Start(t.Context(), tx, []engine.Event{ev}); err != nil {
				return err
			}
			return fail
		})
	}
	if err := start(false, nil); err != nil {
		t.Fatal(err)
	}
	if got, want := w.story()+" "+w.one("SELECT count(*) FROM public.effects"), "-2:a=1 b=-2 1"; got != want {
		t.Errorf("a failure that may be: got %s, want %s", got, want)
	}
	err := start(true, nil)
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.Code != "WORKFLOW_ROLLBACK_ON_FAILURE" {
		t.Fatalf("a failure that must not be: %v", err)
	}
	if got, want := w.story()+" "+w.one("SELECT count(*) FROM public.effects"), "-2:a=1 b=-2 | -2:a=1 b=-2 1"; got != want {
		t.Errorf("after the refusal: got %s, want %s", got, want)
	}
	if err := start(false, errors.New("the caller changes its mind")); err == nil {
		t.Fatal("no error")
	}
	if got := w.one("SELECT count(*) FROM public.effects"); got != "1" {
		t.Errorf("effects after the caller's rollback: %s, want 1", got)
	}
}

// TestStopReleases: what was claimed and not begun when the process is asked to
// stop can be claimed at once, without a counted attempt.
func TestStopReleases(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.workflow(false, "", flow{kind: "test_pure", key: "a"})
	w.mustStart(a, 5)
	q, err := queue.Open(t.Context(), w.db)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	claims, err := q.Claim(t.Context(), a.ID, 0, 10, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := q.Release(context.WithoutCancel(t.Context()), claims, 0); err != nil {
		t.Fatal(err)
	}
	if got := w.one("SELECT count(*) FROM alur.executions WHERE lease_until IS NULL AND attempts = 0"); got != "5" {
		t.Errorf("%s executions are free, want 5", got)
	}
}

// TestRefusedOutcome: what the database refuses to record ends the execution
// with the reason, and at once.
func TestRefusedOutcome(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.workflow(false, "", flow{kind: "test_local", key: "a", config: count(effect)}, flow{kind: "test_pure", key: "b"})
	if _, err := w.db.ExecContext(t.Context(), "ALTER TABLE alur.jobs ADD CHECK (node_key <> 'b')"); err != nil {
		t.Fatal(err)
	}
	w.mustStart(a, 3)
	w.work()
	if got, want := w.story(), "-2:a=-2 | -2:a=-2 | -2:a=-2"; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	if got := w.one("SELECT count(*) FROM alur.executions WHERE reason LIKE 'What the steps came to could not be recorded%'"); got != "3" {
		t.Errorf("%s executions say why, want 3", got)
	}
	if got := w.one("SELECT count(*) FROM public.effects"); got != "0" {
		t.Errorf("%s effects without a journal", got)
	}
}

// TestEventKey: of 32 events with one key at once, one starts an execution, and
// the others stand in nobody's way.
func TestEventKey(t *testing.T) {
	t.Parallel()
	for _, sync := range []bool{false, true} {
		t.Run(fmt.Sprintf("sync %v", sync), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			a := w.workflow(sync, "", flow{kind: "test_local", key: "a", config: count(effect)})
			w.race(32, func() error {
				return w.db.Tx(t.Context(), pg.RepeatableRead, func(tx *pg.Tx) error {
					return w.e.Start(t.Context(), tx, []engine.Event{{Workflow: a, Context: map[string]any{}, EventKey: "noon"}})
				})
			})
			w.work()
			if got := w.story() + " " + w.one("SELECT count(*) FROM public.effects"); got != "1:a=1 1" {
				t.Errorf("got %s, want 1:a=1 1", got)
			}
		})
	}
}

// race runs fn n times at once; none may fail.
func (w *world) race(n int, fn func() error) {
	w.t.Helper()
	var group sync.WaitGroup
	for range n {
		group.Go(func() {
			if err := fn(); err != nil {
				w.t.Error(err)
			}
		})
	}
	group.Wait()
}
