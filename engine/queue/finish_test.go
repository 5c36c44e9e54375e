package queue_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"alur/engine/fault"
	"alur/engine/queue"
)

var noon = time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC)

// wait puts an execution into the state after a step that waits until due.
func (l *line) wait(execution int64, due time.Time, then int) {
	l.t.Helper()
	l.add(7, execution, execution)
	q := l.open()
	c := l.claim(q, 7, execution-1, 1)[0]
	x := fmt.Sprintf(`[{"i": %d, "f": %d, "s": 0, "w": 0}]`, c.ID, c.Fence)
	f := queue.Flush{Executions: []byte(x)}
	f.Jobs.Add(queue.Job{ID: c.ID * 10, ExecutionID: c.ID, NodeID: 1, NodeKey: "n", Attempt: 1, Started: noon, Due: due, Then: then})
	if n, err := queue.Finish(l.t.Context(), l.db, &f); err != nil || n != 1 {
		l.t.Fatalf("finished %d: %v", n, err)
	}
}

// TestFire: what is due goes on, the oldest first, and once.
func TestFire(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	l.wait(1, noon.Add(-time.Hour), 1)
	l.wait(2, noon.Add(-time.Second), -1)
	l.wait(3, noon, 1)
	l.wait(4, noon.Add(time.Second), 1)
	if due, ok, err := queue.NextDue(t.Context(), l.db); err != nil || !ok || !due.Equal(noon.Add(-time.Hour)) {
		t.Errorf("next due %v %v: %v", due, ok, err)
	}
	for _, want := range []string{"2 1", "1 0", "0 0"} {
		fired, late, err := queue.Fire(t.Context(), l.db, noon, 2)
		if got := fmt.Sprint(fired, late); err != nil || got != want {
			t.Errorf("fired and late: %s: %v, want %s", got, err, want)
		}
	}
	if got := l.one("SELECT string_agg(concat_ws(' ', id, coalesce(status::text, 'null'), wake), ', ' ORDER BY id) FROM alur.executions"); got != "1 null {10}, 2 null {20}, 3 null {30}, 4 0" {
		t.Errorf("executions: %s", got)
	}
	if got := l.one("SELECT string_agg(concat_ws(' ', id, status, ended_at = $1), ', ' ORDER BY id) FROM alur.jobs", noon); got != "10 1 t, 20 -1 t, 30 1 t, 40 0" {
		t.Errorf("jobs: %s", got)
	}
	if got := l.one("SELECT log FROM alur.jobs WHERE id = 10"); !strings.Contains(got, "due at 2030-01-02 11:00:00 UTC") {
		t.Errorf("the late one says %q", got)
	}
	if got := l.one("SELECT count(*) FROM alur.jobs WHERE log IS NOT NULL"); got != "1" {
		t.Errorf("%s jobs say that they are late, want 1", got)
	}
}

// TestFireAfterTheEnd: an answer takes the timer away, and a timer of an ended
// execution does nothing.
func TestFireAfterTheEnd(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	l.wait(1, noon, 1)
	l.wait(2, noon, 1)
	l.wait(3, noon, 1)
	if err := l.answer(1, 10); err != nil {
		t.Fatal(err)
	}
	if stopped, err := queue.Stop(t.Context(), l.db, []int64{2}, "timeout", 0, noon); err != nil || fmt.Sprint(stopped) != "[2]" {
		t.Fatalf("stopped %v: %v", stopped, err)
	}
	l.exec("UPDATE alur.executions SET status = 1, ended_at = now() WHERE id = 3") // and its timer stays behind
	if fired, _, err := queue.Fire(t.Context(), l.db, noon, 9); err != nil || fired != 1 {
		t.Errorf("fired %d: %v, want the one that stayed behind", fired, err)
	}
	if got := l.one("SELECT string_agg(concat_ws(' ', id, coalesce(status::text, 'null'), reason), ', ' ORDER BY id) FROM alur.executions"); got != "1 null, 2 -3 timeout, 3 1" {
		t.Errorf("executions: %s", got)
	}
	if got := l.one("SELECT string_agg(concat_ws(' ', id, status), ', ' ORDER BY id) FROM alur.jobs"); got != "10 1, 20 -3, 30 0" {
		t.Errorf("jobs: %s", got)
	}
	if err := l.answer(2, 20); !fault.Is(err, fault.Gone) {
		t.Errorf("answered after the stop: %v, want Gone", err)
	}
}

// TestStop ends what has not ended, with its children, and nothing else.
func TestStop(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	l.add(7, 1, 6)
	l.exec("UPDATE alur.executions SET parent_id = 1 WHERE id IN (2, 3)")
	l.exec("UPDATE alur.executions SET parent_id = 3 WHERE id = 4")
	l.exec("UPDATE alur.executions SET status = 1, ended_at = now() WHERE id IN (2, 5)")
	q := l.open()
	held := l.claim(q, 7, 0, 1)[0]
	stopped, err := queue.Stop(t.Context(), l.db, []int64{1, 5, 99}, "manual_cancel", 0, noon)
	if err != nil || fmt.Sprint(stopped) != "[1 3 4]" {
		t.Fatalf("stopped %v: %v, want 1 3 4", stopped, err)
	}
	if again, err := queue.Stop(t.Context(), l.db, []int64{1, 5, 99}, "timeout", 0, noon); err != nil || len(again) != 0 {
		t.Errorf("stopped again %v: %v", again, err)
	}
	if got := l.one("SELECT string_agg(concat_ws(' ', id, coalesce(status::text, 'null'), reason), ', ' ORDER BY id) FROM alur.executions"); got !=
		"1 -3 manual_cancel, 2 1, 3 -3 parent_aborted, 4 -3 parent_aborted, 5 1, 6 null" {
		t.Errorf("executions: %s", got)
	}
	if err := l.finish(held, 1, 0); err == nil {
		t.Error("a worker finished what was stopped")
	}
	if lost, err := q.Lost(t.Context(), []queue.Claim{held}); err != nil || fmt.Sprint(lost) != "[1]" || q.Holds(held) {
		t.Errorf("lost %v: %v, want 1", lost, err)
	}
}

// TestOverdue finds what is past its deadline and has not ended.
func TestOverdue(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	l.add(7, 1, 5)
	l.exec("UPDATE alur.executions SET expires_at = CAST($1 AS timestamptz) - id * interval '1 min' WHERE id < 4", noon)
	l.exec("UPDATE alur.executions SET expires_at = CAST($1 AS timestamptz) + interval '1 s' WHERE id = 4", noon)
	l.exec("UPDATE alur.executions SET status = 1, ended_at = now() WHERE id = 2")
	l.exec("UPDATE alur.executions SET status = 0 WHERE id = 1")
	if ids, err := queue.Overdue(t.Context(), l.db, noon, 9); err != nil || fmt.Sprint(ids) != "[3 1]" {
		t.Errorf("overdue %v: %v, want 3 1", ids, err)
	}
	if ids, err := queue.Overdue(t.Context(), l.db, noon, 1); err != nil || fmt.Sprint(ids) != "[3]" {
		t.Errorf("overdue, one: %v: %v, want 3", ids, err)
	}
}

// TestDeadline: it counts from the first claim and stays.
func TestDeadline(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	l.add(7, 1, 1)
	q := l.open()
	first, err := q.Claim(t.Context(), 7, 0, 1, time.Minute)
	if err != nil || len(first) != 1 || first[0].ExpiresAt == nil || first[0].ExpiresAt.Sub(first[0].StartedAt) != time.Minute {
		t.Fatalf("claimed %+v: %v, want a deadline after a minute", first, err)
	}
	if err := q.Release(t.Context(), first, 0); err != nil {
		t.Fatal(err)
	}
	again, err := q.Claim(t.Context(), 7, 0, 1, time.Hour)
	if err != nil || len(again) != 1 || !again[0].ExpiresAt.Equal(*first[0].ExpiresAt) {
		t.Errorf("claimed %+v: %v, want the first deadline", again, err)
	}
}

// TestSlots: there are as many as the limit, in all processes together; those of
// processes that left or died are free at once, and idle ones after a while.
func TestSlots(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	one, err := queue.Open(t.Context(), l.db)
	if err != nil {
		t.Fatal(err)
	}
	two := l.open()
	now := noon
	take := func(q *queue.Queue, limit int) bool {
		t.Helper()
		ok, err := q.TakeSlot(t.Context(), 7, limit, now)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	for i, step := range []struct {
		q    *queue.Queue
		want bool
	}{{one, true}, {two, true}, {one, true}, {two, false}, {one, false}} {
		if got := take(step.q, 3); got != step.want {
			t.Fatalf("taking slot %d: %v, want %v", i+1, got, step.want)
		}
	}
	free := func(want bool) {
		t.Helper()
		if freed, err := one.FreeSlots(t.Context()); err != nil || freed != want {
			t.Errorf("freed %v: %v, want %v", freed, err, want)
		}
	}
	one.GiveSlot(7)
	if now = now.Add(time.Second); take(two, 3) {
		t.Error("took what another process keeps for its next use")
	}
	free(false) // it was used a moment ago
	// To look for something to do, again and again, is no use of a slot.
	if !take(one, 3) {
		t.Error("did not get its own slot")
	}
	one.ReturnSlot(7)
	free(true)
	if now = now.Add(time.Second); !take(two, 3) {
		t.Error("did not get what was freed")
	}
	if take(two, 3) {
		t.Error("took a fourth of three")
	}
	one.Close() // leaves with one slot
	if now = now.Add(time.Second); !take(two, 3) {
		t.Error("did not get the slot of a process that left")
	}
	dead, err := queue.Open(t.Context(), l.db)
	if err != nil {
		t.Fatal(err)
	}
	if !take(dead, 4) {
		t.Fatal("did not get a fourth of four")
	}
	l.exec(`SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND classid = 4711
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND objid = (SELECT CAST(worker AS oid) FROM alur.slots WHERE slot = 4)`)
	deadline := time.Now().Add(10 * time.Second)
	for !take(two, 4) {
		if _, err := two.Rescue(t.Context()); err != nil {
			t.Fatal(err)
		}
		if now = now.Add(time.Second); time.Now().After(deadline) {
			t.Fatal("the slot of a dead process is never free")
		}
	}
	dead.Close()
	// A lease that ran out is anybody's.
	l.exec("UPDATE alur.slots SET lease_until = now() - interval '1 s'")
	three := l.open()
	if ok, err := three.TakeSlot(t.Context(), 7, 4, now); err != nil || !ok {
		t.Errorf("slot with a lease that ran out: %v %v", ok, err)
	}
	if _, err := two.Renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := l.one("SELECT count(*) || ' ' || count(*) FILTER (WHERE lease_until > now()) FROM alur.slots"); got != "4 4" {
		t.Errorf("slots and renewed ones: %s, want 4 4", got)
	}
}
