package engine_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/pg"
	"alur/engine/queue"
	"alur/engine/snowflake"
)

// attention is what needs a person now.
func (w *world) attention() engine.Attention {
	w.t.Helper()
	return w.watched(engine.Watch{})
}

func (w *world) watched(watch engine.Watch) engine.Attention {
	w.t.Helper()
	a, err := w.e.Attention(w.t.Context(), auth.System, watch)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// ran writes executions of a workflow into the past, begun at the given times.
func (w *world) ran(a *engine.Armed, status int, at ...time.Time) {
	w.t.Helper()
	for i, t := range at {
		id := (t.Unix()-snowflake.Epoch)<<21 + int64(i%1000) + a.ID%1000*1000
		w.exec(`INSERT INTO alur.executions (id, workflow_id, key, context, status, created_at, started_at, ended_at)
			VALUES ($1, $2, $3, '{}', $4, $5, $5, $5)`, id, a.ID, a.Key, status, t)
	}
}

// quietly fails the test when anything needs attention.
func (w *world) quietly() {
	w.t.Helper()
	if a := w.attention(); a.Count() != 0 || a.Deep() {
		w.t.Fatalf("nothing needs attention, but there is %+v", a)
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	orders := w.workflow(false, "", flow{kind: "test_pure", key: "a"}, flow{kind: "test_pure", key: "b", config: `{"fail": "Order 1234567 has no price."}`})
	other := w.workflow(false, "", flow{kind: "test_pure", key: "c", config: `{"status": -1}`})
	w.mustStart(orders, 3)
	w.work()
	w.exec(`UPDATE alur.jobs SET result = jsonb_set(result, '{message}', '"Order 7654321 has no price."')
		WHERE status < 0 AND execution_id = (SELECT max(id) FROM alur.executions)`)
	w.mustStart(other, 1)
	w.work()
	said := func() string {
		var all []string
		for _, f := range w.attention().Failures.Items {
			all = append(all, fmt.Sprintf("%d×%s:%s", f.Count, f.NodeKey, f.Problem))
		}
		return strings.Join(all, " | ")
	}
	if got, want := said(), "1×c:stopped | 3×b:Order 7654321 has no price."; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	f := w.attention().Failures.Items[1]
	if f.First.After(f.Last) || f.Cut || f.Title != "Test" || f.Node != "b" || f.JobID == nil {
		t.Errorf("the group is %+v", f)
	}

	// What fails while the person reads is not dismissed with the rest.
	w.mustStart(orders, 2)
	w.work()
	dismiss := func(until time.Time) int {
		n, err := w.e.DismissFailures(t.Context(), auth.Actor{UserID: 7, Role: auth.Admin}, f.Key, f.NodeKey, f.Cause, until)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := dismiss(f.Last); n != 3 {
		t.Errorf("dismissed %d, want the 3 that were shown", n)
	}
	if got, want := said(), "2×b:Order 1234567 has no price. | 1×c:stopped"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if n := dismiss(w.clock.now()); n != 2 {
		t.Errorf("dismissed %d, want 2", n)
	}
	if got, want := said(), "1×c:stopped"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := w.one("SELECT count(*) FROM alur.executions WHERE dismissed_by = 7 AND dismissed_at IS NOT NULL"); got != "5" {
		t.Errorf("%s executions remember who dismissed them, want 5", got)
	}

	// One that is run again and fails again is there again.
	w.exec(`UPDATE alur.executions SET ended_at = dismissed_at + interval '1 s' WHERE id = $1`, f.ExecutionID)
	if got, want := said(), "1×b:Order 7654321 has no price. | 1×c:stopped"; got != want {
		t.Errorf("after it failed again: got %s, want %s", got, want)
	}
}

// A flood in one workflow hides no failure of another.
func TestFailureFlood(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rare, flood := w.workflow(false, ""), w.workflow(false, "")
	w.ran(rare, -2, w.clock.now().Add(-time.Hour))
	w.exec(`INSERT INTO alur.executions (id, workflow_id, key, context, status, reason, created_at, started_at, ended_at)
		SELECT n, $1, $2, '{}', -2, 'It broke.', now(), now(), now() FROM generate_series(1, 3000) n`, flood.ID, flood.Key)
	a := w.attention().Failures
	if len(a.Items) != 2 || a.Items[0].Count != 500 || !a.Items[0].Cut || a.Items[1].Count != 1 || a.Items[1].Cut {
		t.Errorf("got %+v, want 500 of the flood and the rare one", a.Items)
	}
	f := a.Items[0]
	if n, err := w.e.DismissFailures(t.Context(), auth.System, f.Key, f.NodeKey, f.Cause, f.Last); n != 3000 || err != nil {
		t.Errorf("dismissed %d, %v, want all 3,000", n, err)
	}
	if a := w.attention().Failures; len(a.Items) != 1 {
		t.Errorf("left are %+v", a.Items)
	}
}

// TestUnclaimed: work waits and no process runs workflows.
func TestUnclaimed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustStart(w.workflow(false, "", flow{kind: "test_pure", key: "a"}), 1)
	w.quietly() // a moment is no trouble
	w.clock.advance(engine.UnclaimedAfter + time.Second)
	if a := w.attention(); a.Unclaimed.IsZero() || !a.Deep() || a.Queued != 1 || a.Count() != 1 {
		t.Fatalf("nobody runs workflows: %+v", a)
	}
	q, err := queue.Open(t.Context(), w.db)
	if err != nil {
		t.Fatal(err)
	}
	if a := w.attention(); !a.Unclaimed.IsZero() || a.Workers != 1 {
		t.Errorf("one process runs workflows: %+v", a)
	}
	q.Close()
	w.work()
	w.quietly()
	w.exec(`INSERT INTO alur.timers (job_id, execution_id, due_at, status) VALUES (1, 1, $1, 1)`, w.clock.now())
	w.quietly()
	w.clock.advance(engine.UnclaimedAfter + time.Second)
	if a := w.attention(); a.Unclaimed.IsZero() || a.Queued != 0 {
		t.Errorf("a timer is due and nobody lets it fire: %+v", a)
	}
}

// TestStuck: a lease ran out and nobody took over; a step gives no sign; one was
// begun again and again.
func TestStuck(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.workflow(false, "", flow{kind: "test_pure", key: "a"})
	w.mustStart(a, 4)
	q, err := queue.Open(t.Context(), w.db)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	claims, err := q.Claim(t.Context(), a.ID, 0, 4, 0)
	if err != nil || len(claims) != 4 {
		t.Fatalf("claimed %v, %v", claims, err)
	}
	w.quietly()
	lost, silent, retried, fine := claims[0].ID, claims[1].ID, claims[2].ID, claims[3].ID
	w.exec(`UPDATE alur.executions SET lease_until = now() - interval '2 min', attempts = 3 WHERE id = $1`, lost)
	w.exec(`UPDATE alur.executions SET started_at = now() - interval '20 min' WHERE id = ANY (ARRAY[$1::bigint, $2])`, silent, fine)
	w.exec(`UPDATE alur.executions SET attempts = 2 WHERE id = $1`, retried)
	for i, x := range []int64{silent, fine} { // begun long ago both, but one of them got on
		w.exec(`INSERT INTO alur.jobs (id, execution_id, node_id, node_key, status, started_at)
			SELECT $1, $1, id, key, 0, now() - $2 * interval '16 min' FROM alur.flow_nodes`, x, 1-i)
	}
	got := w.attention()
	if len(got.Stuck.Items) != 2 || got.Stuck.Items[0].ID != silent || got.Stuck.Items[1].ID != lost {
		t.Errorf("stuck are %+v, want %d and %d", got.Stuck.Items, silent, lost)
	} else if s := got.Stuck.Items[0]; s.Node != "a" || w.clock.now().Sub(s.Moved) < 16*time.Minute {
		t.Errorf("the silent one stands at %+v", s)
	}
	if r := got.Retrying.Items; len(r) != 1 || r[0].ID != retried || r[0].Attempts != 2 {
		t.Errorf("retrying are %+v, want %d", r, retried)
	}
	if n := got.Count(); n != 3 {
		t.Errorf("counts %d, want 3", n)
	}
}

// TestWaitingTooLong with a moved clock.
func TestWaitingTooLong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustStart(w.workflow(false, "", flow{kind: "test_wait", key: "ask"}), 1)
	w.work()
	w.exec(`INSERT INTO alur.users (id, nickname, email, username) VALUES (1, 'Tom Ernst', 'tom@alur.test', NULL), (2, 'Mia', NULL, 'mia')`)
	w.exec(`INSERT INTO alur.tasks (id, execution_id, job_id, node_id, node_key, workflow_id, workflow_key, user_id, title, form)
		SELECT u.id, j.execution_id, j.id, j.node_id, j.node_key, 1, 'k', u.id, 'Laptop for Bob', '{"forms": []}' FROM alur.jobs j, alur.users u`)
	w.quietly()
	w.clock.advance(6 * 24 * time.Hour)
	w.quietly()
	if a := w.watched(engine.Watch{Waiting: 5 * 24 * time.Hour}); len(a.Waiting.Items) != 1 {
		t.Errorf("a shorter patience shows %+v", a.Waiting.Items)
	}
	w.clock.advance(25 * time.Hour)
	a := w.attention().Waiting
	if len(a.Items) != 1 || a.Items[0].Node != "ask" || strings.Join(a.Items[0].Names, ", ") != "Tom Ernst, Mia" ||
		a.Items[0].Task != "Laptop for Bob" || !a.Items[0].Mailed {
		t.Fatalf("waiting are %+v", a.Items)
	}
	if err := w.e.DismissWaiting(t.Context(), auth.System, a.Items[0].ID, a.Items[0].JobID); err != nil {
		t.Fatal(err)
	}
	w.quietly()
	w.clock.advance(8 * 24 * time.Hour)
	if a := w.attention().Waiting; len(a.Items) != 1 {
		t.Errorf("another week later: %+v", a.Items)
	}
	w.exec(`INSERT INTO alur.timers (job_id, execution_id, due_at, status) SELECT id, execution_id, $1, -3 FROM alur.jobs`, w.clock.now().Add(time.Hour))
	w.quietly() // it goes on by itself
}

// every lists times from the first to the last day before now, in steps.
func every(now time.Time, first, last int, step time.Duration, keep func(time.Time) bool) []time.Time {
	var all []time.Time
	end := now.Add(-time.Duration(last) * 24 * time.Hour)
	for t := now.Add(-time.Duration(first) * 24 * time.Hour); !t.After(end); t = t.Add(step) {
		if keep == nil || keep(t) {
			all = append(all, t)
		}
	}
	return all
}

func TestQuiet(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 3, 20, 10, 0, 0, 0, time.UTC) // a Wednesday
	office := func(t time.Time) bool { return t.Weekday()%6 != 0 && t.Hour() >= 9 && t.Hour() < 17 }
	day, hour := 24*time.Hour, time.Hour
	tests := []struct {
		name  string
		runs  []time.Time
		after time.Duration // from now
		want  bool
	}{
		{"every half hour, quiet for 50 minutes", every(now, 10, 0, 30*time.Minute, nil), 50 * time.Minute, false},
		{"every half hour, quiet for 61 minutes", every(now, 10, 0, 30*time.Minute, nil), 61 * time.Minute, true},
		{"every two hours, quiet for 170 minutes", every(now, 10, 0, 2*hour, nil), 170 * time.Minute, false},
		{"every two hours, quiet for 181 minutes", every(now, 10, 0, 2*hour, nil), 181 * time.Minute, true},
		{"every two hours, quiet for a year", every(now, 10, 0, 2*hour, nil), 365 * day, true},
		{"in office hours, at night", every(now, 20, 0, hour, office), 19 * hour, false},
		{"in office hours, over a week", every(now, 20, 0, hour, office), 7 * day, true},
		{"in office hours, over a weekend", every(now, 20, 4, hour, office), -day, false}, // Saturday to Tuesday
		{"daily, a day missed", every(now, 30, 0, day, nil), 37 * hour, true},
		{"weekly", every(now, 29, 0, 7*day, nil), 9 * day, false},
		{"weekly, missed", every(now, 29, 0, 7*day, nil), 10 * day, true},
		{"only four starts", every(now, 9, 0, 3*day, nil), 100 * day, false},
		{"only since three days", every(now, 3, 0, hour, nil), 100 * day, false},
		{"never", nil, day, false},
	}
	w := newWorld(t)
	for _, tc := range tests {
		a := w.workflow(false, "", flow{kind: "test_pure", key: "a"})
		w.ran(a, 1, tc.runs...)
		w.clock.ahead.Store(int64(time.Until(now.Add(tc.after))))
		got := w.attention().Quiet.Items
		if (len(got) == 1 && got[0].WorkflowID == a.ID) != tc.want || len(got) > 1 {
			t.Errorf("%s: %+v, want %t", tc.name, got, tc.want)
		}
		if tc.want && len(got) == 1 {
			if gap := tc.runs[1].Sub(tc.runs[0]).Seconds(); got[0].Every < gap {
				t.Errorf("%s: every %v s, and two starts are %v apart", tc.name, got[0].Every, gap)
			}
			if err := w.e.DismissQuiet(t.Context(), auth.System, got[0].Key, got[0].LastID); err != nil {
				t.Fatal(err)
			}
			if got := w.attention().Quiet.Items; len(got) != 0 {
				t.Errorf("%s: dismissed, and still %+v", tc.name, got)
			}
		}
		if _, err := w.e.EnableWorkflow(t.Context(), auth.System, a.ID, false); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNotStarted: events that started nothing, and a trigger that cannot start.
func TestNotStarted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.workflow(false, "", flow{kind: "test_pure", key: "a"})
	w.mustStart(a, 1)
	w.work()
	w.quietly()
	w.mustStart(a, 2, parse(w.one("SELECT max(id) FROM alur.executions")))
	got := w.attention().Skipped.Items
	if len(got) != 1 || got[0].Count != 2 || got[0].Reason != engine.StackLimit || !strings.Contains(got[0].Detail, "recursion limit") {
		t.Fatalf("not started are %+v", got)
	}
	if err := w.e.DismissSkipped(t.Context(), auth.System, a.Key, got[0].Mark); err != nil {
		t.Fatal(err)
	}
	w.quietly()
	w.mustStart(a, 1, parse(w.one("SELECT max(id) FROM alur.executions")))
	if got := w.attention().Skipped.Items; len(got) != 1 || got[0].Count != 1 {
		t.Errorf("stopped again: %+v", got)
	}
	w.clock.advance(engine.SkippedFor + time.Hour)
	w.quietly()
	w.exec(`UPDATE alur.workflows SET type = 'vanished'`)
	if got := w.attention().Broken.Items; len(got) != 1 || got[0].Problem != `There is no trigger of type "vanished".` {
		t.Errorf("broken are %+v", got)
	}
}

func parse(s string) (id int64) {
	fmt.Sscan(s, &id)
	return id
}

// TestDeepQueue: depth, age, and how fast it is worked off.
func TestDeepQueue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.workflow(false, "", flow{kind: "test_pure", key: "a"}), w.workflow(false, "", flow{kind: "test_pure", key: "a"})
	q, err := queue.Open(t.Context(), w.db)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	w.mustStart(a, 40)
	w.mustStart(b, 1)
	w.quietly()
	w.exec(`INSERT INTO alur.executions (id, workflow_id, key, context, created_at)
		SELECT 9000000000000000 + n, $1, $2, '{}', now() FROM generate_series(1, 960) n`, a.ID, a.Key)
	got := w.attention()
	if !got.Deep() || len(got.Queues.Items) != 1 || got.Queues.Items[0].Queued != 1000 || got.Queued != 1001 || !got.Counted {
		t.Fatalf("1,000 in the queue show as %+v", got.Queues)
	}
	if rate := got.Queues.Items[0].Rate(got.At); rate != 0 {
		t.Errorf("%v a second, and nobody began one", rate)
	}
	if _, err := q.Claim(t.Context(), a.ID, 0, 20, 0); err != nil {
		t.Fatal(err)
	}
	got = w.attention()
	if got.Deep() || got.Queued != 981 {
		t.Errorf("980 in the queue: %+v, %d in all", got.Queues, got.Queued)
	}
	w.clock.advance(engine.LateAfter - 53*time.Second) // within ten seconds of the claim
	w.exec(`UPDATE alur.executions SET created_at = created_at - interval '1 min'`)
	got = w.attention()
	if len(got.Queues.Items) != 2 {
		t.Fatalf("two workflows wait for more than a minute: %+v", got.Queues)
	}
	if rate := got.Queues.Items[0].Rate(got.At); got.Queues.Items[0].Begun != 20 || rate < 2 || rate > 3 {
		t.Errorf("20 were begun 7 s ago: %v a second, %+v", rate, got.Queues.Items[0])
	}
}

// TestSlowDatabase: each way in which the database keeps people waiting.
func TestSlowDatabase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	trouble := func(kind engine.DatabaseKind) engine.DatabaseTrouble {
		t.Helper()
		a := w.attention()
		if len(a.Database) != 1 || a.Database[0].Kind != kind || a.Count() != 1 {
			t.Fatalf("got %+v, want %s", a.Database, kind)
		}
		return a.Database[0]
	}
	w.quietly()

	// A holds a row and does nothing, B waits for it.
	w.exec("INSERT INTO public.effects (id) VALUES (1)")
	const take = "UPDATE public.effects SET n = 2 WHERE id = 1"
	conn, err := w.db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	holder, err := conn.Begin(t.Context(), pg.ReadCommitted)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := holder.ExecContext(t.Context(), take); err != nil {
		t.Fatal(err)
	}
	w.quietly()
	w.clock.advance(engine.IdleAfter + time.Second)
	if got := trouble(engine.Idle); got.Count != 1 || got.Since.IsZero() {
		t.Errorf("an open transaction shows as %+v", got)
	}
	w.clock.ahead.Store(0)
	waiting := make(chan error, 1)
	go func() {
		_, err := w.db.ExecContext(context.WithoutCancel(t.Context()), take)
		waiting <- err
	}()
	w.eventually("SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")
	w.quietly()
	w.clock.advance(engine.LockedAfter + time.Second)
	if got := trouble(engine.Locked); got.Count != 1 {
		t.Errorf("a session that waits for a lock shows as %+v", got)
	}
	holder.Rollback()
	conn.Release()
	if err := <-waiting; err != nil {
		t.Fatal(err)
	}
	w.quietly()

	// Every connection is taken, and one more caller waits.
	w.clock.ahead.Store(0)
	limit := w.db.Load().Limit
	taken := make([]*pg.Conn, limit)
	for i := range taken {
		if taken[i], err = w.db.Conn(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	w.quietly()
	go func() { waiting <- w.db.GetContext(context.WithoutCancel(t.Context()), new(int), "SELECT 1") }()
	for w.db.Load().Waiting == 0 {
		if _, err := w.db.Side().ExecContext(t.Context(), "SELECT 1"); err != nil {
			t.Fatal(err)
		}
	}
	if got := trouble(engine.Full); got.Count != 1 || got.Limit != limit {
		t.Errorf("a full pool shows as %+v", got)
	}
	for _, c := range taken {
		c.Release()
	}
	if err := <-waiting; err != nil {
		t.Fatal(err)
	}

	// Each look at the clock is 60 ms after the one before, so a round trip is.
	real := w.e.Now
	w.e.Now = func() time.Time {
		w.clock.advance(60 * time.Millisecond)
		return real()
	}
	if got := trouble(engine.Slow); got.Took < 60*time.Millisecond {
		t.Errorf("slow round trips show as %+v", got)
	}
}

// TestAttentionRights: who may see it, and what is kept for every page.
func TestAttentionRights(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	member := auth.Actor{UserID: 1, Role: auth.Member}
	for name, call := range map[string]func() error{
		"Attention":       func() error { _, err := w.e.Attention(t.Context(), member, engine.Watch{}); return err },
		"LastAttention":   func() error { _, err := w.e.LastAttention(t.Context(), member, engine.Watch{}); return err },
		"DismissFailures": func() error { _, err := w.e.DismissFailures(t.Context(), member, "k", "", "", time.Time{}); return err },
		"DismissQuiet":    func() error { return w.e.DismissQuiet(t.Context(), member, "k", 1) },
		"DismissSkipped":  func() error { return w.e.DismissSkipped(t.Context(), member, "k", 1) },
		"DismissWaiting":  func() error { return w.e.DismissWaiting(t.Context(), member, 1, 1) },
		"DismissMails":    func() error { return w.e.DismissMails(t.Context(), member, "failed", 1) },
	} {
		if err := call(); !fault.Is(err, fault.Forbidden) {
			t.Errorf("%s as a member: %v, want refused", name, err)
		}
	}
	last := func() int {
		t.Helper()
		a, err := w.e.LastAttention(t.Context(), auth.System, engine.Watch{})
		if err != nil {
			t.Fatal(err)
		}
		return a.Count()
	}
	if n := last(); n != 0 {
		t.Fatalf("%d things need attention", n)
	}
	a := w.workflow(false, "")
	w.ran(a, -2, w.clock.now().Add(-time.Hour))
	if n := last(); n != 0 {
		t.Errorf("a page looks itself: %d", n)
	}
	w.clock.advance(11 * time.Second)
	if n := last(); n != 1 {
		t.Errorf("after ten seconds pages count %d, want 1", n)
	}
	f := w.attention().Failures.Items[0]
	if _, err := w.e.DismissFailures(t.Context(), auth.System, f.Key, f.NodeKey, f.Cause, f.Last); err != nil {
		t.Fatal(err)
	}
	if n := last(); n != 0 {
		t.Errorf("right after it was dismissed pages count %d", n)
	}
}

// TestAttentionPlans: no statement reads the big tables from end to end.
func TestAttentionPlans(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(`INSERT INTO alur.workflows (id, key, title, enabled, type, current)
		SELECT n, 'k' || n, 'Flow', true, 'test', true FROM generate_series(1, 40) n`)
	w.exec(`INSERT INTO alur.executions (id, workflow_id, key, context, status, created_at, started_at, ended_at)
		SELECT (extract(epoch FROM t)::bigint - 1605024000) << 21 | n % 60000, n % 40 + 1, 'k' || n % 40 + 1, '{}',
			CASE WHEN n > 39000 THEN NULL WHEN n % 25 = 0 THEN -2 WHEN n % 10 = 1 THEN 0 ELSE 1 END, t, t, CASE WHEN n <= 39000 AND (n % 25 = 0 OR n % 10 <> 1) THEN t END
		FROM (SELECT n, now() - interval '35 days' + n * interval '1 min' AS t FROM generate_series(1, 40000) n) s`)
	w.exec(`INSERT INTO alur.jobs (id, execution_id, node_id, node_key, status, started_at, ended_at)
		SELECT id, id, 1, 'a', coalesce(status, 0), started_at, ended_at FROM alur.executions`)
	w.exec(`INSERT INTO alur.skipped_triggers (id, workflow_id, key, reason, detail)
		SELECT n, 1, 'k' || n % 40, 'trigger', 'It did not fit.' FROM generate_series(1, 5000) n`)
	w.exec("ANALYZE")
	for name, args := range engine.AttentionArgs(w.e) {
		for _, who := range lookers {
			query, args := who.Reach(auth.Viewer).Query(engine.AttentionSQL.Get(name), args...)
			var lines []string
			if err := w.db.Side().SelectContext(t.Context(), &lines, "EXPLAIN "+query, args...); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			plan := strings.Join(lines, "\n")
			for _, table := range []string{"executions", "jobs", "skipped_triggers"} {
				if strings.Contains(plan, "Seq Scan on "+table+" ") {
					t.Errorf("%s reads all of %s:\n%s", name, table, plan)
				}
			}
		}
	}
	w.attention()
}
