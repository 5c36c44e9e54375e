package crashtest_test

import (
	"slices"
	"strings"
	"syscall"
	"testing"

	"alur/engine/crashpoint"
	"alur/engine/crashtest"
	"alur/engine/mail/mailtest"
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

// TestTakeOverAlert kills the process that notices a trouble at each point from there
// to the mail in somebody's mailbox, beside another process: that one takes over, and
// the mail arrives (R19). It is written once; only when the first one had sent it and
// could not note that, it comes twice, with the same Message-ID.
func TestTakeOverAlert(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		point  string
		arrive int // how many mails arrive
	}{{crashpoint.DuringAlert, 1}, {crashpoint.AfterAlert, 1}, {crashpoint.BeforeMail, 1}, {crashpoint.AfterMail, 2}} {
		t.Run(tc.point, func(t *testing.T) {
			t.Parallel()
			g, smtp := newRemoteGallery(t), mailtest.Start(t)
			w := g.workshop()
			start := func(env ...string) *crashtest.Server {
				return g.start("serve", append(append(env, account...), "LISTEN=127.0.0.1:0", "SMTP_URL=smtp://"+smtp.Addr, "MAIL_FROM=alur@alur.test")...)
			}
			heir := start()
			heir.AwaitReady()
			if !heir.Freeze() {
				t.Fatal("the other process has ended")
			}
			w.exec(`UPDATE alur.workflows SET enabled = true, config = '{"collection": "gone", "mode": 1}'`)
			w.exec("UPDATE alur.watchdog SET due_at = 'epoch'") // the next one to look has the turn
			worker := "WORKER=on"
			if tc.point == crashpoint.DuringAlert || tc.point == crashpoint.AfterAlert {
				worker = "WORKER=off" // else it might send the mail before it dies
			}
			doomed := start("ALUR_CRASH_AT="+tc.point, worker, g.named("doomed"))
			doomed.AwaitCrash()
			w.awaitGone("doomed")
			w.exec("UPDATE alur.watchdog SET due_at = 'epoch'")
			w.exec("UPDATE alur.mails SET lease_until = now() WHERE lease_until IS NOT NULL") // as if the minute were over
			heir.Signal(syscall.SIGCONT)

			smtp.Wait(tc.arrive)
			progress(t, "a look after it", func() (n int64, done bool) {
				w.get(&n, "SELECT CAST(extract(epoch FROM due_at) AS bigint) FROM alur.watchdog")
				w.get(&done, "SELECT due_at <> 'epoch' AND NOT EXISTS (SELECT FROM alur.mails WHERE status <> 'sent') FROM alur.watchdog")
				return n, done
			})
			mails := smtp.Mails()
			var ids []string
			for _, m := range mails {
				ids = append(ids, m.MessageID)
				if !strings.Contains(m.Subject, "cannot start") {
					t.Errorf("a mail says %q", m.Subject)
				}
			}
			slices.Sort(ids)
			if len(mails) != tc.arrive || len(slices.Compact(ids)) != 1 {
				t.Errorf("%d mails with the ids %v arrived, want %d with one", len(mails), ids, tc.arrive)
			}
			var told string
			if w.get(&told, "SELECT count(*) || ' ' || min(cardinality(told_to)) FROM alur.troubles WHERE told_at IS NOT NULL"); told != "1 1" {
				t.Errorf("told and to how many: %s, want one trouble told to one", told)
			}
		})
	}
}
