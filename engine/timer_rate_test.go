package engine_test

import (
	"testing"
	"time"
)

// TestTimersUnderLoad lets 100 timers a second come due for 10 s by the real
// clock. Each goes on once and never early; how late is in the test's log, because
// it depends on what else the machine does. That the oldest fire first is shown
// in package queue: workers that lag behind claim by the age of executions.
func TestTimersUnderLoad(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.workflow(false, "", flow{kind: "test_nap", key: "nap", config: `{"pause": "1h"}`}, flow{kind: "test_local", key: "a", config: count(effect)})
	const timers = 1000
	w.mustStart(a, timers)
	w.work()
	soon := w.clock.now().Add(time.Second)
	if _, err := w.db.ExecContext(t.Context(), `WITH n AS (SELECT job_id, row_number() OVER (ORDER BY job_id DESC) AS n FROM alur.timers)
		UPDATE alur.timers t SET due_at = CAST($1 AS timestamptz) + n.n * interval '10 ms' FROM n WHERE n.job_id = t.job_id`, soon); err != nil {
		t.Fatal(err)
	}
	if _, err := w.db.ExecContext(t.Context(), "CREATE TABLE public.dues AS SELECT job_id, execution_id, due_at FROM alur.timers"); err != nil {
		t.Fatal(err)
	}
	w.during(2, func() {
		w.eventually("SELECT count(*) = $1 FROM alur.executions WHERE status = 1", timers)
	})
	if got := w.one("SELECT count(*) || ' ' || sum(n) FROM public.effects"); got != "1000 1000" {
		t.Errorf("executions and effects: %s, want 1000 of each", got)
	}
	if got := w.one("SELECT count(*) FROM public.dues d JOIN alur.jobs j ON j.id = d.job_id WHERE j.ended_at < d.due_at"); got != "0" {
		t.Errorf("%s went on early", got)
	}
	t.Logf("late, median / p99 / most: %s", w.one(`SELECT concat_ws(' / ', percentile_disc(0.5) WITHIN GROUP (ORDER BY late), percentile_disc(0.99) WITHIN GROUP (ORDER BY late), max(late))
		FROM (SELECT j.started_at - d.due_at AS late FROM public.dues d JOIN alur.jobs j ON j.execution_id = d.execution_id AND j.node_key = 'a') x`))
}
