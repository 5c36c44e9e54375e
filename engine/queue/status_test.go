package queue_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/lib/pq"

	"alur/engine/queue"
)

// The states of an execution, and the statements that bring execution 1 of
// workflow 7, claimed once by q as c, there.
var states = map[string]func(l *line, q *queue.Queue) (c queue.Claim){
	"queued": func(l *line, q *queue.Queue) queue.Claim {
		c := l.first(q)
		l.must(q.Release(l.t.Context(), []queue.Claim{c}, 0))
		return c
	},
	"held": func(l *line, q *queue.Queue) queue.Claim { return l.first(q) },
	"waits": func(l *line, q *queue.Queue) queue.Claim {
		c := l.first(q)
		l.must(l.park(c))
		return c
	},
	"answered": func(l *line, q *queue.Queue) queue.Claim {
		c := l.first(q)
		l.must(l.park(c))
		l.must(l.answer(1, 10))
		return c
	},
	"stopped": func(l *line, q *queue.Queue) queue.Claim {
		c := l.first(q)
		l.must(l.park(c))
		_, err := queue.Stop(l.t.Context(), l.db, []int64{1}, "manual_cancel", 0, noon)
		l.must(err)
		return c
	},
	"done 1": ends(1), "done -1": ends(-1), "done -2": ends(-2), "done -3": ends(-3), "done -4": ends(-4), "done -5": ends(-5), "done -6": ends(-6),
}

func ends(status int) func(*line, *queue.Queue) queue.Claim {
	return func(l *line, q *queue.Queue) queue.Claim {
		c := l.first(q)
		l.must(l.finish(c, status, 0))
		return c
	}
}

// commands are what workers, people and clocks may try at any moment.
var commands = map[string]func(ctx context.Context, l *line, q *queue.Queue, c queue.Claim) error{
	"claim": func(ctx context.Context, l *line, q *queue.Queue, _ queue.Claim) error {
		_, err := q.Claim(ctx, 7, 0, 1, 0)
		return err
	},
	"claim suspect": func(ctx context.Context, l *line, q *queue.Queue, _ queue.Claim) error {
		_, err := q.ClaimSuspect(ctx, 7)
		return err
	},
	"finish": func(_ context.Context, l *line, _ *queue.Queue, c queue.Claim) error { return l.finish(c, 1, 0) },
	"finish late": func(_ context.Context, l *line, _ *queue.Queue, c queue.Claim) error {
		c.Fence--
		return l.finish(c, 1, 0)
	},
	"park": func(_ context.Context, l *line, _ *queue.Queue, c queue.Claim) error { return l.park(c) },
	"release": func(ctx context.Context, _ *line, q *queue.Queue, c queue.Claim) error {
		return q.Release(ctx, []queue.Claim{c}, 0)
	},
	"renew": func(ctx context.Context, _ *line, q *queue.Queue, _ queue.Claim) error {
		_, err := q.Renew(ctx)
		return err
	},
	"rescue": func(ctx context.Context, _ *line, q *queue.Queue, _ queue.Claim) error {
		_, err := q.Rescue(ctx)
		return err
	},
	"answer": func(_ context.Context, l *line, _ *queue.Queue, _ queue.Claim) error { return l.answer(1, 10) },
	"timer": func(ctx context.Context, l *line, _ *queue.Queue, _ queue.Claim) error {
		_, _, err := queue.Fire(ctx, l.db, noon, 9)
		return err
	},
	"stop": func(ctx context.Context, l *line, _ *queue.Queue, _ queue.Claim) error {
		_, err := queue.Stop(ctx, l.db, []int64{1}, "timeout", 0, noon)
		return err
	},
}

// TestArrows tries every command in every state. What is not listed changes
// nothing at all, neither in the execution nor in its job (R20).
func TestArrows(t *testing.T) {
	t.Parallel()
	arrows := map[string]string{
		"queued claim": "held", "queued stop": "ended -3",
		// A claim that was given back may still be finished, as long as nobody has claimed it since.
		"queued finish": "ended 1", "queued park": "waits",
		"held finish": "ended 1", "held park": "waits", "held release": "queued", "held renew": "held", "held stop": "ended -3",
		"waits answer": "queued", "waits timer": "queued", "waits stop": "ended -3",
		"answered claim": "held", "answered stop": "ended -3",
		"answered finish": "ended 1",
	}
	l := newLine(t)
	q := l.open()
	reached := map[string]bool{}
	for state, reach := range states {
		for name, do := range commands {
			l.exec("DELETE FROM alur.executions")
			l.exec("DELETE FROM alur.jobs")
			l.exec("DELETE FROM alur.timers")
			l.add(7, 1, 1)
			c := reach(l, q)
			before := l.row()
			err := do(t.Context(), l, q, c)
			arrow := state + " " + name
			want, allowed := arrows[arrow]
			reached[arrow] = allowed
			q.Forget(c.ID, c.Fence)
			q.Forget(c.ID, c.Fence+1)
			switch after := l.row(); {
			case !allowed && after != before:
				t.Errorf("%s changed\n%s\ninto\n%s", arrow, before, after)
			case allowed && (err != nil || l.state() != want):
				t.Errorf("%s leads to %s: %v, want %s", arrow, l.state(), err, want)
			}
		}
	}
	for arrow := range arrows {
		if !reached[arrow] {
			t.Errorf("there is no %q", arrow)
		}
	}
}

// first claims execution 1.
func (l *line) first(q *queue.Queue) queue.Claim { return l.claim(q, 7, 0, 1)[0] }

func (l *line) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

// park writes the outcome of an execution that waits, until noon.
func (l *line) park(c queue.Claim) error {
	x := fmt.Sprintf(`[{"i": %d, "f": %d, "s": 0, "w": 0}]`, c.ID, c.Fence)
	j := job(c.ID*10, c.ID, 0)
	j.Due, j.Then = noon, 1
	f := queue.Flush{Executions: []byte(x)}
	f.Jobs.Add(j)
	_, err := queue.Finish(l.t.Context(), l.db, &f)
	return err
}

// row is all there is of execution 1.
func (l *line) row() string {
	return l.one(`SELECT concat_ws(E'\n', x::text, (SELECT string_agg(j::text, E'\n' ORDER BY id) FROM alur.jobs j),
		(SELECT string_agg(t::text, E'\n') FROM alur.timers t)) FROM alur.executions x`)
}

func (l *line) state() string {
	return l.one(`SELECT CASE WHEN status = 0 THEN 'waits' WHEN status IS NOT NULL THEN 'ended ' || status
		WHEN lease_until > now() THEN 'held' ELSE 'queued' END FROM alur.executions`)
}

// TestImpossible writes combinations that no statement of ours makes; the
// database refuses them.
func TestImpossible(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	l.add(7, 1, 1)
	l.must(l.park(l.first(l.open())))
	refused := []string{
		"UPDATE alur.executions SET status = 1",                                                            // ended, and no time
		"UPDATE alur.executions SET ended_at = now()",                                                      // waits, and an end
		"UPDATE alur.executions SET status = NULL, ended_at = now()",                                       // queued, and an end
		"UPDATE alur.executions SET lease_until = now()",                                                   // waits, and a lease
		"UPDATE alur.executions SET status = 1, ended_at = now(), lease_until = now()",                     // ended, and a lease
		"UPDATE alur.executions SET status = 2, ended_at = now()",                                          // no such status
		"UPDATE alur.executions SET status = -7, ended_at = now()",                                         // nor this
		"UPDATE alur.jobs SET status = 1",                                                                  // ended, and no time
		"UPDATE alur.jobs SET ended_at = now()",                                                            // waits, and an end
		"UPDATE alur.jobs SET status = 1, ended_at = now(), running = true",                                // ended, and runs
		"INSERT INTO alur.executions (id, workflow_id, key, context, status) VALUES (2, 7, 'k', '{}', -3)", // made as ended
	}
	for _, statement := range refused {
		_, err := l.db.ExecContext(t.Context(), statement)
		if e, ok := errors.AsType[*pq.Error](err); !ok || e.Code != "23514" {
			t.Errorf("%s: %v, want a refusal by a CHECK", statement, err)
		}
	}
	checks := strings.Fields(l.one(`SELECT string_agg(conname, ' ') FROM pg_constraint
		WHERE contype = 'c' AND conrelid IN ('alur.executions'::regclass, 'alur.jobs'::regclass)`))
	for _, name := range []string{"executions_status", "executions_ended", "executions_lease", "jobs_ended", "jobs_running"} {
		if !slices.Contains(checks, name) {
			t.Errorf("there is no CHECK %s", name)
		}
	}
}
