package e2e

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-rod/rod/lib/input"
	"github.com/go-rod/rod/lib/proto"

	"alur/engine/mail/mailtest"
	"alur/engine/pg"
	"alur/engine/pgtest"
)

var mailedLink = regexp.MustCompile(`http://127\.0\.0\.1:\d+/links/\S+`)

// TestMailedDecision follows a leave request through a real mail server: the
// mail arrives, a scanner with a browser opens all its links and changes
// nothing, and a person without cookies decides on a phone.
func TestMailedDecision(t *testing.T) {
	t.Parallel()
	smtp, url := mailtest.Start(t), pgtest.NewURL(t)
	s := run(t, "DATABASE_URL="+url, "ADMIN_EMAIL="+adminEmail, "ADMIN_PASSWORD="+adminPassword,
		"SMTP_URL=smtp://"+smtp.Addr, "MAIL_FROM=Alur <alur@alur.test>")
	db := pgtest.Open(t, url)
	ann := s.visitor(t)
	ann.signIn(adminEmail, adminPassword)
	ann.follow("Install sample applications")
	p := s.program(adminEmail, adminPassword)
	request := p.requestLeave()
	mails := smtp.Wait(1)
	if want := "Approve: Leave for Bob Meyer, 5 days"; mails[0].Subject != want || mails[0].To[0].Address != adminEmail {
		t.Errorf("the mail is %q to %v, want %q", mails[0].Subject, mails[0].To, want)
	}
	links := mailedLink.FindAllString(mails[0].Text, -1)
	if len(links) != 2 {
		t.Fatalf("the mail has the links %v, want two", links)
	}

	before := decisions(t, db)
	scanner := s.visitor(t)
	for range 3 {
		for _, link := range links {
			scanner.open(link)
			scanner.sees("h1", "Leave for Bob Meyer, 5 days")
		}
	}
	if after := decisions(t, db); after != before {
		t.Errorf("a scanner changed something:\n%s\nwas:\n%s", after, before)
	}
	if n := len(smtp.Mails()); n != 1 {
		t.Errorf("a scanner caused %d mails", n-1)
	}

	phone := s.visitor(t)
	phone.open(links[0])
	phone.inspect("mail-decision")
	phone.size(360, 740)
	phone.sees(".decision-as", "You decide as ann")
	phone.sees(".two .btn-primary", "Approve")
	phone.fill("Note", "Have a good time.")
	phone.follow("Approve")
	phone.sees(".outcome h1", "Approved")
	phone.sees(".outcome .facts", "Have a good time.")
	phone.inspect("mail-decided")
	p.becomes(request, "approved")
	other := s.visitor(t)
	other.open(links[1])
	other.sees(".outcome", "You approved this on")
	other.gone("form")

	ann.open("/outbox")
	ann.sees("tbody", "Sent")
	ann.inspect("outbox")
	ann.follow("Approve: Leave for Bob Meyer, 5 days")
	ann.sees("main", "Its secret links were taken out here")
	ann.inspect("outbox-mail")
}

// TestTasksInApp decides a leave request on the to-do page.
func TestTasksInApp(t *testing.T) {
	t.Parallel()
	s := startReady(t)
	ann := s.visitor(t)
	ann.signIn(adminEmail, adminPassword)
	ann.open("/tasks")
	ann.sees(".empty", "Nothing to do")
	ann.inspect("tasks-none")
	ann.open("/")
	ann.follow("Install sample applications")
	p := s.program(adminEmail, adminPassword)
	request := p.requestLeave()
	ann.waitTask()
	ann.inspect("tasks")
	ann.size(360, 740)
	ann.enter("Leave for Bob Meyer, 5 days")
	ann.sees("#task-title", "Leave for Bob Meyer, 5 days")
	ann.inspect("task")
	ann.size(360, 740)
	ann.fill("Note", "We need you here.")
	ann.follow("Refuse")
	ann.sees(".toast", "Refused: Leave for Bob Meyer, 5 days")
	ann.sees(".empty", "Nothing to do")
	p.becomes(request, "refused")
	ann.open("/tasks?show=done")
	ann.enter("Leave for Bob Meyer, 5 days")
	ann.sees(".timeline", "We need you here.")
	ann.inspect("task-done")

	ann.open("/outbox") // without a mail server
	ann.sees(".alert", "no mail server yet")
	ann.follow("Approve: Leave for Bob Meyer, 5 days")
	ann.inspect("outbox-kept")
	ann.follow("Approve")
	ann.sees(".outcome", "You refused this on")
}

// waitTask opens the to-do page until a task stands there.
func (v *visitor) waitTask() {
	v.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-tick.C {
		v.open("/tasks")
		if has, _, err := v.Page.Has(".task"); err == nil && has {
			return
		}
	}
	v.t.Fatal("no task appears")
}

// enter follows a link with the keyboard. The links of the to-do list cover
// their whole row, which the driver takes for something else in front of them.
func (v *visitor) enter(text string) {
	v.t.Helper()
	wait := v.Page.Timeout(patience).WaitNavigation(proto.PageLifecycleEventNameLoad)
	v.must(v.named("a", text).Focus(), "focus “"+text+"”")
	v.keys(input.Enter)
	wait()
}

// requestLeave asks for five working days off for the first employee.
func (p *program) requestLeave() (id int64) {
	p.server.t.Helper()
	var employees []struct{ ID int64 }
	p.get("employees:list?sort=id&pageSize=1", &employees)
	var request struct{ ID int64 }
	p.call("leaveRequests:create", map[string]any{"employee": employees[0].ID, "firstDay": "2030-07-01", "lastDay": "2030-07-05", "reason": "Summer"}, &request)
	return request.ID
}

// becomes waits until a leave request has a status.
func (p *program) becomes(id int64, status string) {
	t := p.server.t
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var request struct{ Status string }
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-tick.C {
		if p.get(fmt.Sprintf("leaveRequests:get/%d", id), &request); request.Status == status {
			return
		}
	}
	t.Fatalf("the request stays %q, want %q", request.Status, status)
}

// decisions is everything that opening a mailed link could change.
func decisions(t *testing.T, db *pg.DB) string {
	t.Helper()
	var all strings.Builder
	for _, table := range []string{"tasks", "links", "jobs", "executions"} {
		var rows string
		err := db.GetContext(t.Context(), &rows, fmt.Sprintf(`SELECT string_agg(x::text, E'\n' ORDER BY x::text) FROM alur.%s x`, table))
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString(rows + "\n")
	}
	return all.String()
}
