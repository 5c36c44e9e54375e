package engine_test

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"alur/engine/pg"
	"alur/engine/pgtest"
	"alur/engine/queue"
)

// TestConnectionsBreak: connections that break at any moment, one by one and all
// at once, lose nothing and double nothing, and no place in the pool.
func TestConnectionsBreak(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	victim := pgtest.Open(t, pgtest.URL(t, w.db)+"&application_name=victim")
	e := w.another(victim, 2)
	a := w.workflow(false, "",
		flow{kind: "test_local", key: "a", config: count("SELECT pg_sleep(0.0005) WHERE CAST($1 AS bigint) > 0")},
		flow{kind: "test_local", key: "b", config: count(effect)})
	const executions, rounds = 1200, 25
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { e.Work(ctx, 4); close(done) }()
	tick := time.NewTicker(30 * time.Millisecond)
	defer tick.Stop()
	for round := range rounds {
		w.mustStart(a, executions/rounds)
		<-tick.C
		chance := 0.3
		if round%4 == 0 || round == rounds-1 {
			chance = 1 // the queue's own connection too: what was leased is free at once
		}
		_, err := w.db.ExecContext(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE application_name = 'victim' AND datname = current_database() AND random() <= $1`, chance)
		if err != nil {
			t.Fatal(err)
		}
		if rand.IntN(2) == 0 {
			<-tick.C
		}
	}
	w.eventually("SELECT count(*) = 0 FROM alur.executions WHERE status IS NULL")
	stop()
	<-done
	got := w.one("SELECT count(*) FILTER (WHERE status = 1) || ' ' || count(*) FROM alur.executions") + " " +
		w.one("SELECT count(*) || ' ' || sum(n) FROM public.effects") + " " + w.one("SELECT count(*) FROM alur.jobs")
	if got != "1200 1200 1200 1200 2400" {
		t.Errorf("completed, executions, effects, their sum, jobs: %s, want 1200 1200 1200 1200 2400", got)
	}
	// A closed session ends a moment after its socket, and with it its locks.
	w.eventually("SELECT count(*) = 0 FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())")
	checkPool(t, victim)
}

// checkPool takes every connection of a test's pool at once.
func checkPool(t *testing.T, db *pg.DB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for i := range 16 {
		c, err := db.Conn(ctx)
		if err != nil {
			t.Fatalf("connection %d of 16: %v", i+1, err)
		}
		defer c.Release()
		if err := c.Simple(ctx, "SELECT 1"); err != nil {
			t.Errorf("connection %d: %v", i+1, err)
		}
	}
}

// TestAnswersUnderLoad: answers that come while segments of the same executions
// begin and end wake each of them exactly once.
func TestAnswersUnderLoad(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.workflow(false, "",
		flow{kind: "test_wait", key: "one"}, flow{kind: "test_local", key: "a", config: count(effect)},
		flow{kind: "test_wait", key: "two"}, flow{kind: "test_local", key: "b", config: count(effect)},
		flow{kind: "test_wait", key: "three"}, flow{kind: "test_local", key: "c", config: count(effect)})
	const executions = 60
	w.mustStart(a, executions)
	other := w.another(pgtest.Open(t, pgtest.URL(t, w.db)), 2)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{}, 2)
	for _, e := range []interface{ Work(context.Context, int) }{w.e, other} {
		go func() { e.Work(ctx, 3); done <- struct{}{} }()
	}
	// Whoever sees a waiting job answers it; of several that do, one wins.
	answerers := make(chan int, 4)
	for range cap(answerers) {
		go func() {
			won := 0
			defer func() { answerers <- won }()
			for ctx.Err() == nil {
				var waiting []struct {
					Execution int64 `db:"execution_id"`
					Job       int64 `db:"id"`
				}
				err := w.db.SelectContext(ctx, &waiting, "SELECT execution_id, id FROM alur.jobs WHERE status = 0 ORDER BY random() LIMIT 8")
				if err != nil {
					return
				}
				for _, j := range waiting {
					if w.db.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
						return queue.Answer(ctx, tx, j.Execution, j.Job, 1, nil, w.clock.now())
					}) == nil {
						won++
					}
				}
			}
		}()
	}
	w.eventually("SELECT count(*) = $1 FROM alur.executions WHERE status = 1", executions)
	stop()
	won := 0
	for range cap(answerers) {
		won += <-answerers
	}
	<-done
	<-done
	if won != 3*executions {
		t.Errorf("%d answers won, want %d", won, 3*executions)
	}
	if got := w.one("SELECT count(*) || ' ' || min(n) || ' ' || max(n) FROM public.effects"); got != "60 3 3" {
		t.Errorf("effects, least and most of one execution: %s, want 60 3 3", got)
	}
	if got := strings.Count(w.story(), "one=1 a=1 two=1 b=1 three=1 c=1"); got != executions {
		t.Errorf("%d of %d journals are in order", got, executions)
	}
}
