package crashtest_test

import (
	"strings"
	"testing"

	"alur/engine/crashpoint"
	"alur/engine/crashtest"
)

// TestDieWhileAlerting kills a server when it has written alerts and not committed
// them, and right after that: somebody is told once either way.
func TestDieWhileAlerting(t *testing.T) {
	t.Parallel()
	for point, before := range map[string]int{crashpoint.DuringAlert: 0, crashpoint.AfterAlert: 1} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			g := newRemoteGallery(t)
			w := g.workshop()
			start := func(env ...string) *crashtest.Server {
				return g.start("serve", append(append(env, account...), "LISTEN=127.0.0.1:0", "WORKER=off")...)
			}
			doomed := start("ALUR_CRASH_AT="+point, g.named("doomed"))
			progress(t, "an administrator", func() (n int64, done bool) {
				w.get(&n, "SELECT count(*) FROM alur.users")
				return n, n == 1
			})
			w.exec(`INSERT INTO alur.executions (id, workflow_id, key, context, status, reason, created_at, started_at, ended_at)
				SELECT 1, id, key, '{}', -2, 'It broke.', now(), now(), now() + interval '1 s' FROM alur.workflows ORDER BY id LIMIT 1`)
			doomed.AwaitCrash()
			w.awaitGone("doomed")
			var told int
			if w.get(&told, "SELECT count(*) FROM alur.mails"); told != before {
				t.Errorf("%d mails after the death, want %d", told, before)
			}
			start()
			progress(t, "a mail and a look after it", func() (n int64, done bool) {
				w.get(&n, "SELECT count(*) FROM alur.mails")
				w.get(&done, "SELECT (SELECT count(*) FROM alur.mails) > 0 AND swept_to > (SELECT max(created_at) FROM alur.mails) FROM alur.watchdog")
				return n, done
			})
			var subjects string
			w.get(&subjects, "SELECT string_agg(subject, ' | ') FROM alur.mails")
			if !strings.Contains(subjects, "failed") || strings.Contains(subjects, "|") {
				t.Errorf("mails: %s, want one about the failure", subjects)
			}
		})
	}
}
