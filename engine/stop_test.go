package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
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

// TestCancel: it reaches what runs in another process, takes the children along,
// and passes over what has ended.
func TestCancel(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := newOutside(true)
	other := w.another(pgtest.Open(t, pgtest.URL(t, w.db)), 2)
	node.Provide(other.Services, o)
	w.mustStart(w.workflow(false, "", flow{kind: "test_remote", key: "call"}), 1)
	running := atoi(t, w.one("SELECT max(id) FROM alur.executions"))
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { other.Work(ctx, 2); close(done) }()
	<-o.came
	w.mustStart(w.workflow(false, "", flow{kind: "test_wait", key: "ask"}), 1)
	waiting := atoi(t, w.one("SELECT max(id) FROM alur.executions"))
	w.mustStart(w.workflow(false, "", flow{kind: "test_pure", key: "a"}), 1)
	ended := atoi(t, w.one("SELECT max(id) FROM alur.executions"))
	w.eventually("SELECT count(*) = 2 FROM alur.executions WHERE status >= 0")
	if _, err := w.db.ExecContext(t.Context(), "UPDATE alur.executions SET parent_id = $1 WHERE id = $2", running, waiting); err != nil {
		t.Fatal(err)
	}
	if _, err := w.e.Cancel(t.Context(), auth.Actor{}, []int64{running}); !fault.Is(err, fault.Forbidden) && !fault.Is(err, fault.Unsigned) {
		t.Errorf("a stranger cancelled: %v", err)
	}
	n, err := w.e.Cancel(t.Context(), auth.System, []int64{running, ended, 42})
	if err != nil || n != 1 {
		t.Fatalf("cancelled %d: %v, want 1", n, err)
	}
	for deadline := time.Now().Add(10 * time.Second); o.under() > 0; {
		if time.Now().After(deadline) {
			t.Fatal("the call goes on")
		}
		w.eventually("SELECT true")
	}
	stop()
	<-done
	got := w.one("SELECT string_agg(concat_ws(' ', x.status, x.reason, j.status), ', ' ORDER BY x.id) FROM alur.executions x JOIN alur.jobs j ON j.execution_id = x.id")
	if want := "-3 manual_cancel -3, -3 parent_aborted -3, 1 1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestCancelCutsStatement: a statement that runs is ended, what the execution
// changed is undone, and the others of its batch complete.
func TestCancelCutsStatement(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.workflow(false, "", flow{kind: "test_local", key: "a", config: count(effect)},
		flow{kind: "test_local", key: "b", config: count("SELECT pg_sleep(CASE WHEN $1 = (SELECT min(id) FROM alur.executions) THEN 300 ELSE 0 END)")})
	w.mustStart(a, 5)
	w.during(1, func() {
		w.eventually("SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(CASE%' AND state = 'active' AND datname = current_database() AND pid <> pg_backend_pid()")
		if n, err := w.e.Cancel(t.Context(), auth.System, []int64{atoi(t, w.one("SELECT min(id) FROM alur.executions"))}); err != nil || n != 1 {
			t.Fatalf("cancelled %d: %v", n, err)
		}
		w.eventually("SELECT count(*) = 0 FROM alur.executions WHERE status IS NULL")
	})
	if got := w.one("SELECT string_agg(status::text, ' ' ORDER BY id) FROM alur.executions"); got != "-3 1 1 1 1" {
		t.Errorf("statuses %s, want -3 1 1 1 1", got)
	}
	if got := w.one("SELECT sum(n) FROM public.effects"); got != "4" {
		t.Errorf("effects %s, want 4", got)
	}
}

// TestTimeout: the deadline counts from the first step on, waiting included.
func TestTimeout(t *testing.T) {
	t.Parallel()
	pause := flow{kind: "test_pure", key: "a", config: `{"pause": "2s"}`}
	for _, tc := range []struct {
		name, options string
		nodes         []flow
		queued, later time.Duration // before the first step; after the first rest
		want          string
	}{
		{"none", `{"timeout": 0}`, []flow{pause, {kind: "test_pure", key: "b"}}, 0, 0, "1:a=1 b=1 "},
		{"no number", `{"timeout": "soon"}`, []flow{pause, {kind: "test_pure", key: "b"}}, 0, 0, "1:a=1 b=1 "},
		{"negative", `{"timeout": -5}`, []flow{pause, {kind: "test_pure", key: "b"}}, 0, 0, "1:a=1 b=1 "},
		{"before a node", `{"timeout": 1000}`, []flow{pause, {kind: "test_pure", key: "b"}}, 0, 0, "-3:a=1 timeout"},
		{"after the last node", `{"timeout": 1000}`, []flow{pause}, 0, 0, "1:a=1 "},
		{"the queue does not count", `{"timeout": 60000}`, []flow{{kind: "test_pure", key: "a"}}, time.Hour, 0, "1:a=1 "},
		{"waiting counts", `{"timeout": 60000}`, []flow{{kind: "test_wait", key: "ask"}}, 0, time.Hour, "-3:ask=-3 timeout"},
		{"waiting in time", `{"timeout": 7200000}`, []flow{{kind: "test_wait", key: "ask"}}, 0, time.Hour, "0:ask=0 "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.mustStart(w.workflow(false, tc.options, tc.nodes...), 1)
			if _, err := w.db.ExecContext(t.Context(), "UPDATE alur.executions SET created_at = created_at - $1 * interval '1 s'", tc.queued.Seconds()); err != nil {
				t.Fatal(err)
			}
			w.during(1, func() {
				w.eventually("SELECT count(*) = 0 FROM alur.executions WHERE status IS NULL")
				w.clock.advance(tc.later)
				if strings.HasPrefix(tc.want, "-3") {
					w.eventually("SELECT count(*) = 1 FROM alur.executions WHERE status = -3")
				}
			})
			got := w.story() + " " + w.one("SELECT reason FROM alur.executions")
			// What looks after deadlines may be faster than the worker, which drops the step then.
			if swept := tc.name == "before a node" && got == "-3: timeout"; got != tc.want && !swept {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// TestTimeoutCutsOff: a call and a statement that take longer are ended at the
// deadline, and a later change of the limit does not move it.
func TestTimeoutCutsOff(t *testing.T) {
	t.Parallel()
	for _, n := range []flow{{kind: "test_remote", key: "b"}, {kind: "test_local", key: "b", config: count("SELECT pg_sleep(300) WHERE CAST($1 AS bigint) > 0")}} {
		t.Run(n.kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			node.Provide(w.e.Services, newOutside(true))
			a := w.workflow(false, `{"timeout": 700}`, flow{kind: "test_pure", key: "a"}, n)
			w.mustStart(a, 1)
			w.during(1, func() {
				w.eventually("SELECT count(*) = 1 FROM alur.executions WHERE expires_at IS NOT NULL")
				if _, err := w.e.UpdateWorkflow(t.Context(), auth.System, a.ID, engine.WorkflowChange{Options: json.RawMessage(`{"timeout": 900000}`)}); err != nil {
					t.Fatal(err)
				}
				w.eventually("SELECT count(*) = 1 FROM alur.executions WHERE status = -3 AND reason = 'timeout'")
			})
			if got := w.one("SELECT count(*) FROM alur.jobs WHERE status = 0"); got != "0" {
				t.Errorf("%s jobs are open", got)
			}
		})
	}
}

// TestSyncTimeout: the time limit of a synchronous workflow ends the statement
// that runs, and the change that started it goes on, unless it may not.
func TestSyncTimeout(t *testing.T) {
	t.Parallel()
	for _, must := range []bool{false, true} {
		t.Run(fmt.Sprint("must succeed ", must), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			a := w.workflow(true, `{"timeout": 100}`, flow{kind: "test_local", key: "a", config: count(effect)},
				flow{kind: "test_local", key: "b", config: count("SELECT pg_sleep(300) WHERE CAST($1 AS bigint) > 0")}, flow{kind: "test_local", key: "x", config: count(effect)})
			err := w.db.Tx(t.Context(), pg.RepeatableRead, func(tx *pg.Tx) error {
				if err := w.e.Start(t.Context(), tx, []engine.Event{{Workflow: a, Context: map[string]any{}, MustSucceed: must}}); err != nil {
					return err
				}
				_, err := tx.ExecContext(t.Context(), "INSERT INTO public.effects (id) VALUES (7)")
				return err
			})
			f, refused := errors.AsType[*fault.Error](err)
			if refused != must || must && f.Code != "WORKFLOW_ROLLBACK_ON_FAILURE" || !must && err != nil {
				t.Errorf("the change came to %v", err)
			}
			if got, want := w.story()+" "+w.one("SELECT reason FROM alur.executions"), "-3:a=1 b=-3 timeout"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			want := map[bool]string{false: "2", true: "0"}[must]
			if got := w.one("SELECT count(*) FROM public.effects"); got != want {
				t.Errorf("effects %s, want %s", got, want)
			}
		})
	}
}

// TestOneWins is R6: of a cancel, a timeout, answers and a finish that meet,
// exactly one wins, 200 times.
func TestOneWins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.workflow(false, "", flow{kind: "test_wait", key: "ask"}, flow{kind: "test_local", key: "b", config: count(effect)})
	const rounds, racers = 200, 32
	w.mustStart(a, rounds)
	w.during(2, func() {
		w.eventually("SELECT count(*) = $1 FROM alur.executions WHERE status = 0", rounds)
		var waiting []struct {
			Execution int64 `db:"execution_id"`
			Job       int64 `db:"id"`
		}
		if err := w.db.SelectContext(t.Context(), &waiting, "SELECT execution_id, id FROM alur.jobs ORDER BY execution_id"); err != nil {
			t.Fatal(err)
		}
		for _, x := range waiting {
			var group sync.WaitGroup
			won := make([]bool, racers)
			for i := range racers {
				group.Go(func() {
					var stopped []int64
					var err error
					switch i % 4 {
					case 0:
						n, e := w.e.Cancel(t.Context(), auth.System, []int64{x.Execution})
						won[i], err = n == 1, e
					case 1:
						stopped, err = queue.Stop(t.Context(), w.db, []int64{x.Execution}, "timeout", 0, w.clock.now())
						won[i] = len(stopped) == 1
					default:
						err = w.db.Tx(t.Context(), pg.ReadCommitted, func(tx *pg.Tx) error {
							return queue.Answer(t.Context(), tx, x.Execution, x.Job, 1, nil, w.clock.now())
						})
						won[i] = err == nil
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
			answers, stops := 0, 0
			for i, yes := range won {
				if yes && i%4 < 2 {
					stops++
				} else if yes {
					answers++
				}
			}
			// An answer may be followed by a stop of what it woke, never the other way round.
			if answers > 1 || stops > 1 || answers+stops == 0 {
				t.Fatalf("execution %d: %d answers and %d stops won", x.Execution, answers, stops)
			}
		}
		w.eventually("SELECT count(*) = 0 FROM alur.executions WHERE status IS NULL OR status = 0")
	})
	bad := w.one(`SELECT count(*) FROM alur.executions x WHERE NOT CASE x.status
		WHEN 1 THEN (SELECT count(*) = 2 AND bool_and(status = 1) FROM alur.jobs WHERE execution_id = x.id) AND EXISTS (SELECT 1 FROM public.effects WHERE id = x.id AND n = 1)
		WHEN -3 THEN x.reason IN ('manual_cancel', 'timeout') AND NOT EXISTS (SELECT 1 FROM alur.jobs WHERE execution_id = x.id AND status = 0) AND NOT EXISTS (SELECT 1 FROM public.effects WHERE id = x.id)
		ELSE false END`)
	if bad != "0" {
		t.Errorf("%s executions are not as their winner left them: %s", bad, w.story())
	}
}
