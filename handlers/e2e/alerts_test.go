package e2e

import (
	"regexp"
	"testing"
	"time"

	"alur/engine/mail/mailtest"
	"alur/engine/pgtest"
)

// failedStep is the link of a mail to where a workflow failed.
var failedStep = regexp.MustCompile(`http://127\.0\.0\.1:\d+/executions/\d+/steps/\d+`)

// TestAlerts: a person wants to hear when a workflow fails twice in a row, hears it,
// follows the mail to the failed step, runs it again, and hears that it works again.
func TestAlerts(t *testing.T) {
	t.Parallel()
	smtp, url := mailtest.Start(t), pgtest.NewURL(t)
	s := run(t, "DATABASE_URL="+url, "ADMIN_EMAIL="+adminEmail, "ADMIN_PASSWORD="+adminPassword,
		"SMTP_URL=smtp://"+smtp.Addr, "MAIL_FROM=Alur <alur@alur.test>")
	db := pgtest.Open(t, url)
	status := func(value string) { // what the step “Confirm order” writes
		t.Helper()
		if _, err := db.ExecContext(t.Context(), `UPDATE alur.flow_nodes SET config = jsonb_set(config, '{params,values,status}', to_jsonb($1::text)) WHERE key = 'confirm'`, value); err != nil {
			t.Fatal(err)
		}
		db.Notify("alur_workflows", "", 0)
	}
	arrives := func(n int, subject string) mailtest.Mail { // the watchdog looks every ten seconds, and waits for open transactions
		t.Helper()
		end := time.Now().Add(6 * patience)
		for tick := time.Tick(100 * time.Millisecond); ; <-tick {
			mails := smtp.Mails()
			if len(mails) >= n {
				if m := mails[n-1]; len(mails) > n || m.Subject != subject || m.To[0].Address != adminEmail {
					t.Fatalf("%d mails, the last is %q to %v; want %d and %q", len(mails), m.Subject, m.To, n, subject)
				}
				return mails[n-1]
			}
			if time.Now().After(end) {
				t.Fatalf("no mail says %q", subject)
			}
		}
	}
	ann := s.visitor(t)
	ann.signIn(adminEmail, adminPassword)
	ann.follow("Install sample applications")
	ann.open("/workflows")
	ann.follow("Orders and stock")
	ann.at(ann.named("button", "Actions for Orders and stock"), "open the menu")
	ann.follow("Alerts…")
	ann.inspect("alerts")
	ann.check("By rules of its own")
	ann.check("Its owner") // off
	ann.check("ann")
	ann.fill("After", "2")
	ann.fill("Within", "")
	ann.follow("Save alerts")
	ann.sees(".toast", "The alerts of “Orders and stock” are set.")

	t.Log("it fails twice")
	status("confirmd")
	p := s.program(adminEmail, adminPassword)
	var products []struct{ ID int64 }
	p.get("products:list?sort=id&pageSize=1", &products)
	for range 2 {
		p.call("orders:create", map[string]any{"product": products[0].ID, "quantity": 1}, nil)
	}
	mail := arrives(1, "“Orders and stock” failed at “Confirm order” 2 times")
	link := failedStep.FindString(mail.Text)
	if link == "" {
		t.Fatalf("the mail leads nowhere:\n%s", mail.Text)
	}
	ann.open(link)
	ann.sees("#drawer-title, .drawer h2, aside h2", "Confirm order")

	t.Log("what was wrong is repaired, and it runs again from there")
	status("confirmed")
	ann.at(ann.named("a", "Run again from here"), "ask to run it again")
	ann.sees("dialog[open] h2", "Run")
	ann.follow("Run again")
	arrives(2, "“Orders and stock” works again")
	ann.until("main", "Completed")
}
