package crashtest_test

import (
	"fmt"
	"testing"
	"time"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/crashpoint"
)

// TestDieWhileRerunning kills the worker that runs many executions again: another one
// goes on where it was, and each runs again once.
func TestDieWhileRerunning(t *testing.T) {
	t.Parallel()
	const executions = 120
	g := newRemoteGallery(t)
	w := g.workshop()
	w.exec(`INSERT INTO alur.users (id, nickname, username, role) VALUES (7, 'Ann', 'ann', 'admin')`)
	w.exec(fmt.Sprintf(`INSERT INTO alur.executions (id, workflow_id, key, context, status, reason, created_at, started_at, ended_at)
		SELECT n, w.id, w.key, '{}', -2, 'It broke.', now(), now(), now() FROM (SELECT * FROM alur.workflows ORDER BY id LIMIT 1) w, generate_series(1, %d) n`, executions))
	ann := auth.Actor{UserID: 7, Role: auth.Admin, Name: "Ann"}
	b, err := w.engine.BeginBulkRerun(t.Context(), ann, engine.ExecutionFilter{States: []string{"error"}}, "/executions", engine.Rerun{Asked: time.Now()})
	if err != nil || b.Total != executions {
		t.Fatalf("begin: %+v, %v", b, err)
	}
	counts := func() (made, noted, twice int) {
		w.get(&made, "SELECT count(*) FROM alur.executions WHERE rerun_of IS NOT NULL")
		w.get(&noted, "SELECT made FROM alur.bulk_reruns")
		w.get(&twice, "SELECT count(*) - count(DISTINCT rerun_of) FROM alur.executions WHERE rerun_of IS NOT NULL")
		return made, noted, twice
	}
	for i, n := range []int{40, 30} {
		name := fmt.Sprintf("doomed%d", i)
		doomed := g.start("worker", fmt.Sprintf("ALUR_CRASH_AT=%s:%d", crashpoint.DuringRerun, n), g.named(name))
		doomed.AwaitCrash()
		w.awaitGone(name)
		want := []int{39, 39 + 29}[i]
		if made, noted, twice := counts(); made != want || noted != want || twice != 0 {
			t.Errorf("after death %d %d run again, %d are noted, and %d run twice; want %d, %d, 0", i+1, made, noted, twice, want, want)
		}
		w.exec("UPDATE alur.bulk_reruns SET lease_until = now()") // what 30 seconds do
	}
	g.worker()
	progress(t, "executions that run again", func() (n int64, done bool) {
		w.get(&n, "SELECT made FROM alur.bulk_reruns")
		w.get(&done, "SELECT status = 'done' FROM alur.bulk_reruns")
		return n, done
	})
	if made, noted, twice := counts(); made != executions || noted != executions || twice != 0 {
		t.Errorf("in the end %d run again, %d are noted, and %d run twice; want %d, %d, 0", made, noted, twice, executions, executions)
	}
}
