package crashtest_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"alur/engine/crashpoint"
	"alur/engine/crashtest"
	"alur/engine/pgtest"
)

// TestPoints kills a worker exactly at each of the named points. The test fails
// when the worker does not come there. A fresh one finishes everything: each
// execution has one effect, and remote steps repeat with their own key only.
func TestPoints(t *testing.T) {
	t.Parallel()
	const executions = 24 // one batch
	tests := []struct {
		point string
		times []int  // at which arrival there
		left  string // what is true after a death at the first of them
	}{
		{crashpoint.AfterClaim, []int{1, 2}, "SELECT count(*) = 0 AND (SELECT count(*) > 0 FROM alur.executions WHERE lease_until > now() AND attempts = 1) FROM alur.jobs"},
		{crashpoint.BeforeRun, []int{1, 30}, "SELECT count(*) = 0 FROM alur.jobs"},
		{crashpoint.AfterLocalEffect, []int{1, 17, 30}, "SELECT count(*) = 0 FROM alur.jobs"},
		{crashpoint.DuringFlush, []int{1, 2, 3}, "SELECT true"},
		{crashpoint.BeforeCommit, []int{1, 2}, "SELECT count(*) = 0 FROM alur.jobs"},
		{crashpoint.AfterCommit, []int{1, 2, 3}, "SELECT count(*) > 0 FROM alur.jobs WHERE node_key = 'call' AND running"},
		{crashpoint.BeforeRemote, []int{1, 9}, "SELECT count(*) FILTER (WHERE running) > 0 AND count(*) FILTER (WHERE NOT running) = 0 FROM alur.jobs WHERE node_key = 'call'"},
		{crashpoint.AfterRemote, []int{1, 9}, "SELECT count(*) FILTER (WHERE running) > 0 AND count(*) FILTER (WHERE NOT running) = 0 FROM alur.jobs WHERE node_key = 'call'"},
		{crashpoint.BeforeResume, []int{1, 9}, "SELECT count(*) FILTER (WHERE node_key = 'pause' AND status = 1) > 0 AND count(*) FILTER (WHERE node_key = 'seen') = 0 FROM alur.jobs"},
		{crashpoint.AfterResume, []int{1, 9}, "SELECT count(*) FILTER (WHERE node_key = 'pause' AND status = 1) > 0 AND count(*) FILTER (WHERE node_key = 'seen') = 0 FROM alur.jobs"},
	}
	for _, tc := range tests {
		for i, n := range tc.times {
			t.Run(fmt.Sprintf("%s %d", tc.point, n), func(t *testing.T) {
				t.Parallel()
				g := newRemoteGallery(t)
				w := g.workshop()
				g.write(w, executions)
				doomed := g.start("worker", fmt.Sprintf("ALUR_CRASH_AT=%s:%d", tc.point, n), g.named("doomed"))
				doomed.AwaitCrash()
				died := time.Now()
				w.awaitGone("doomed")
				var as bool
				if w.get(&as, tc.left); i == 0 && !as {
					t.Errorf("it died in another place: not true that %s", tc.left)
				}
				if tc.point == crashpoint.AfterRemote && g.receiver.came() == 0 {
					t.Error("it died before the call")
				}
				var apart int
				w.get(&apart, "SELECT count(*) - (SELECT count(*) FROM public.hits) FROM alur.jobs WHERE node_key = 'hit'")
				if apart != 0 {
					t.Errorf("%d more steps than effects were recorded", apart)
				}
				g.worker()
				g.check()
				g.within(w, died, 90*time.Second)
			})
		}
	}
}

// TestDieWhileStopping kills a worker when it gives work back after SIGTERM.
func TestDieWhileStopping(t *testing.T) {
	t.Parallel()
	g := newRemoteGallery(t)
	w := g.workshop()
	g.receiver.gate.Lock() // so that it has to wait for its calls
	g.write(w, 24)
	doomed := g.worker("ALUR_CRASH_AT=" + crashpoint.DuringShutdown)
	doomed.Await("a call", func() bool { return g.receiver.came() > 0 })
	doomed.Signal(syscall.SIGTERM)
	doomed.AwaitCrash()
	died := time.Now()
	g.receiver.gate.Unlock()
	g.worker()
	g.check()
	g.within(w, died, 90*time.Second)
}

// TestDieWhileMigrating kills the program between two migrations; the next start
// goes on there.
func TestDieWhileMigrating(t *testing.T) {
	t.Parallel()
	url := pgtest.NewEmptyURL(t)
	migrate := func(env ...string) *crashtest.Server {
		return crashtest.Start(t, crashtest.Options{Args: []string{"migrate"}, Env: append(env, "DATABASE_URL="+url, "DATA_DIR="+crashtest.Dir(t))})
	}
	migrate("ALUR_CRASH_AT=" + crashpoint.DuringMigration + ":2").AwaitCrash()
	var applied int
	db := pgtest.Open(t, url)
	const count = "SELECT count(*) FROM alur.schema_migrations WHERE version_id > 0 AND is_applied"
	if err := db.GetContext(t.Context(), &applied, count); err != nil || applied != 2 {
		t.Errorf("%d migrations before the death: %v, want 2", applied, err)
	}
	if code := migrate().Wait(); code != 0 {
		t.Fatalf("the next start ends with code %d, want 0", code)
	}
	var all int
	if err := pgtest.New(t).GetContext(t.Context(), &all, count); err != nil {
		t.Fatal(err)
	}
	if err := db.GetContext(t.Context(), &applied, count); err != nil || applied != all {
		t.Errorf("%d migrations after the next start: %v, want %d", applied, err, all)
	}
}

// TestAttempts lets an execution die with its worker as often as ATTEMPTS says:
// then it ends, with words that say why.
func TestAttempts(t *testing.T) {
	t.Parallel()
	g := newRemoteGallery(t)
	w := g.workshop()
	g.write(w, 1)
	for range 2 {
		g.start("worker", "ATTEMPTS=2", "ALUR_CRASH_AT="+crashpoint.AfterLocalEffect).AwaitCrash()
	}
	g.worker("ATTEMPTS=2")
	w.awaitQuiet()
	var reason string
	w.get(&reason, "SELECT status || ' ' || reason FROM alur.executions")
	if want := "-2 This execution was begun 2 times"; len(reason) < len(want) || reason[:len(want)] != want {
		t.Errorf("it ended with %q, want %q …", reason, want)
	}
	var hits int
	if w.get(&hits, "SELECT count(*) FROM public.hits"); hits != 0 || g.receiver.came() != 0 {
		t.Errorf("%d effects and %d calls, want none", hits, g.receiver.came())
	}
}
