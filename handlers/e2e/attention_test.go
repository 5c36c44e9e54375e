package e2e

import (
	"testing"

	"alur/engine/mail/mailtest"
	"alur/engine/pgtest"
)

// TestAttention sees all well, then meets one of most kinds of trouble, follows
// a failure to its step, and makes the list shorter until it is empty again.
func TestAttention(t *testing.T) {
	t.Parallel()
	smtp, url := mailtest.Start(t), pgtest.NewURL(t)
	s := run(t, "DATABASE_URL="+url, "ADMIN_EMAIL="+adminEmail, "ADMIN_PASSWORD="+adminPassword,
		"SMTP_URL=smtp://"+smtp.Addr, "MAIL_FROM=Alur <alur@alur.test>")
	db := pgtest.Open(t, url)
	exec := func(query string, args ...any) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), query, args...); err != nil {
			t.Fatal(err)
		}
	}
	ann := s.visitor(t)
	ann.signIn(adminEmail, adminPassword)
	ann.follow("Install sample applications")
	ann.follow("Needs attention")
	ann.sees("#h-well", "Nothing needs attention")
	ann.inspect("attention-none")

	t.Log("two orders fail at one step, a leave request waits for long, a mail is refused")
	exec(`UPDATE alur.flow_nodes SET config = jsonb_set(config, '{params,values,status}', '"confirmd"') WHERE key = 'confirm'`)
	db.Notify("alur_workflows", "", 0)
	p := s.program(adminEmail, adminPassword)
	var products []struct{ ID int64 }
	p.get("products:list?sort=id&pageSize=1", &products)
	for range 2 {
		p.call("orders:create", map[string]any{"product": products[0].ID, "quantity": 1}, nil)
	}
	p.requestLeave()
	smtp.Wait(1)
	ann.sees("#attention .list-main", "Orders and stock failed 2 times at “Confirm order”") // by itself
	// Ids grow with time, so an execution of 19 days ago has a smaller one.
	exec(`WITH old AS (
			INSERT INTO alur.executions (id, workflow_id, key, context, status, created_by, segments, created_at, started_at)
			SELECT id - (19::bigint * 86400 << 21), workflow_id, key, context, status, created_by, segments, created_at - interval '19 days', started_at
			FROM alur.executions WHERE status = 0 RETURNING id),
		jobs AS (UPDATE alur.jobs SET execution_id = old.id, started_at = started_at - interval '19 days' FROM old WHERE status = 0)
		UPDATE alur.tasks SET execution_id = old.id FROM old`)
	exec(`DELETE FROM alur.executions WHERE status = 0 AND id NOT IN (SELECT execution_id FROM alur.tasks)`)
	exec(`UPDATE alur.links SET created_at = created_at - interval '1 day', expires_at = expires_at - interval '1 day'`)
	exec(`INSERT INTO alur.mails (id, to_address, subject, text_body, status, attempts, due_at, error, created_at)
		VALUES (1, 'gone@alur.test', 'Approve', 'Approve', 'failed', 8, now(), '550 5.1.1 no such person here', now())`)
	exec(`INSERT INTO alur.skipped_triggers (id, workflow_id, key, reason, detail)
		SELECT 8000000000000000 + n, id, key, 'stack_limit', 'The change came from an execution of this workflow itself (1 execution in the same chain), and its recursion limit is 1.'
		FROM alur.workflows, generate_series(1, 12) n WHERE key = 'orders' AND current`)
	exec(`INSERT INTO alur.executions (id, workflow_id, key, context, created_at, lease_until)
		SELECT 8000000000000000 + n, 1, 'gone', '{}', now() - interval '3 min', now() + interval '1 h' FROM generate_series(1, 4120) n`)
	ann.open("/attention")
	ann.sees("section[aria-labelledby=h-queue] .list-main", "executions wait")
	ann.inspect("attention")
	ann.open("/executions")
	ann.sees(".alert", "The queue is deep")
	ann.inspect("executions-deep")
	ann.open("/")
	ann.sees("section[aria-labelledby=h-attention]", "Orders and stock failed 2 times")
	ann.inspect("home-attention")

	t.Log("the failed step opens, and what has been seen goes away")
	ann.open("/attention")
	ann.followIn("li[id^=failed-] .acts", "Open failed step")
	ann.sees("#drawer-title, .drawer h2, aside h2", "Confirm order")
	ann.open("/attention")
	ann.follow("Dismiss: Orders and stock at “Confirm order”")
	ann.sees(".toast", "2 failures dismissed.")
	ann.gone("li[id^=failed-]")
	ann.follow("Send reminder")
	ann.sees(".toast", "with a fresh link")
	smtp.Wait(2)
	exec(`DELETE FROM alur.executions WHERE key = 'gone'`)
	exec(`DELETE FROM alur.skipped_triggers`)
	ann.gone("#h-queue") // by itself
	ann.follow("Send again")
	ann.sees(".toast", "1 mail will be sent again.")
	smtp.Wait(3)
	ann.follow("Dismiss: Leave requests")
	ann.sees("#h-well", "Nothing needs attention")
}
