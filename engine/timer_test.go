package engine_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/node"
	"alur/engine/pg"
	"alur/engine/pgtest"
	"alur/engine/queue"
)

// nap waits for the time in its config's Pause.
type nap struct{ kind }

func (nap) Waits() {}

func (nap) Run(_ context.Context, s *node.Step, c config) (node.Outcome, error) {
	d, err := time.ParseDuration(c.Pause)
	return node.WaitUntil(s.Now.Add(d), node.Resolved), err
}

var _ = node.Register[config](nap{kind{"test_nap", node.Pure}})

// TestTimersFireOnce: three processes on one database let each timer fire once,
// also when several in a row are due at once after a time without any process.
func TestTimersFireOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.workflow(false, "", flow{kind: "test_nap", key: "one", config: `{"pause": "1h"}`}, flow{kind: "test_local", key: "a", config: count(effect)},
		flow{kind: "test_nap", key: "two", config: `{"pause": "0s"}`}, flow{kind: "test_local", key: "b", config: count(effect)})
	const executions = 700 // more than fire at once
	w.mustStart(a, executions)
	w.work()
	if got := w.one("SELECT count(*) FROM alur.timers"); got != fmt.Sprint(executions) {
		t.Fatalf("%s timers, want %d", got, executions)
	}
	w.clock.advance(2 * time.Hour) // nobody was there meanwhile
	engines := []*engine.Engine{w.another(pgtest.Open(t, pgtest.URL(t, w.db)), 2), w.another(pgtest.Open(t, pgtest.URL(t, w.db)), 3), w.e}
	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for _, e := range engines {
		group.Go(func() { e.Work(ctx, 2) })
	}
	w.eventually("SELECT count(*) = $1 FROM alur.executions WHERE status = 1", executions)
	stop()
	group.Wait()
	if got := w.one("SELECT count(*) || ' ' || min(n) || ' ' || max(n) FROM public.effects"); got != "700 2 2" {
		t.Errorf("effects, least and most of one: %s, want 700 2 2", got)
	}
	if got := w.one("SELECT count(*) FILTER (WHERE log LIKE 'Went on late%') || ' ' || count(*) FILTER (WHERE log IS NOT NULL) FROM alur.jobs"); got != "700 700" {
		t.Errorf("late by their log: %s, want the 700 that were", got)
	}
	if got := w.one("SELECT count(*) FROM alur.timers"); got != "0" {
		t.Errorf("%s timers are left", got)
	}
}

// TestTimerAgainstAnswer: of a timer that fires, an answer and a stop, one wins.
func TestTimerAgainstAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.workflow(false, "", flow{kind: "test_nap", key: "nap", config: `{"pause": "1h"}`}, flow{kind: "test_local", key: "a", config: count(effect)})
	const rounds, racers = 50, 32
	w.mustStart(a, rounds)
	w.work()
	w.clock.advance(2 * time.Hour)
	var waiting []struct {
		Execution int64 `db:"execution_id"`
		Job       int64 `db:"job_id"`
	}
	if err := w.db.SelectContext(t.Context(), &waiting, "SELECT execution_id, job_id FROM alur.timers ORDER BY execution_id"); err != nil {
		t.Fatal(err)
	}
	for _, x := range waiting {
		if _, err := w.db.ExecContext(t.Context(), "UPDATE alur.timers SET due_at = due_at + interval '9 days' WHERE execution_id <> $1", x.Execution); err != nil {
			t.Fatal(err)
		}
		if _, err := w.db.ExecContext(t.Context(), "UPDATE alur.timers SET due_at = $2 WHERE execution_id = $1", x.Execution, w.clock.now()); err != nil {
			t.Fatal(err)
		}
		var group sync.WaitGroup
		won := make([]int, racers)
		for i := range racers {
			group.Go(func() {
				var err error
				if i%2 == 0 {
					won[i], _, err = queue.Fire(t.Context(), w.db, w.clock.now(), 1)
				} else {
					err = w.db.Tx(t.Context(), pg.ReadCommitted, func(tx *pg.Tx) error {
						return queue.Answer(t.Context(), tx, x.Execution, x.Job, 1, nil, w.clock.now())
					})
					if err == nil {
						won[i] = 1
					}
					if fault.Is(err, fault.Conflict) || fault.Is(err, fault.Gone) {
						err = nil
					}
				}
				if err != nil {
					t.Errorf("racer %d: %v", i, err)
				}
			})
		}
		group.Wait()
		sum := 0
		for _, n := range won {
			sum += n
		}
		if sum != 1 {
			t.Fatalf("%d of %d won", sum, racers)
		}
		if got := w.one("SELECT cardinality(wake) FROM alur.executions WHERE id = $1", x.Execution); got != "1" {
			t.Fatalf("woken %s times", got)
		}
	}
	w.work()
	if got := w.one("SELECT count(*) || ' ' || sum(n) FROM public.effects"); got != "50 50" {
		t.Errorf("effects: %s, want 50 50", got)
	}
}

// TestTimerOfStopped: what was stopped does not go on when its time comes.
func TestTimerOfStopped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustStart(w.workflow(false, "", flow{kind: "test_nap", key: "nap", config: `{"pause": "1h"}`}), 2)
	w.work()
	if n, err := w.e.Cancel(t.Context(), auth.System, []int64{atoi(t, w.one("SELECT min(id) FROM alur.executions"))}); err != nil || n != 1 {
		t.Fatalf("cancelled %d: %v", n, err)
	}
	w.clock.advance(2 * time.Hour)
	w.during(1, func() { w.eventually("SELECT count(*) = 0 FROM alur.executions WHERE status IS NULL OR status = 0") })
	if got, want := w.story(), "-3:nap=-3 | 1:nap=1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
