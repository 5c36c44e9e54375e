package task_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/link"
	"alur/engine/task"
)

func TestDecide(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	tasks := o.ask(laptop, 1, 2)
	o.add(time.Minute)
	err := o.Decide(t.Context(), ann, tasks[1].ID, press("ok", map[string]any{"comment": " fine\r\nwith me ", "amount": "1290.5", "center": "5", "until": "2030-01-09"}))
	if err != nil {
		t.Fatal(err)
	}
	status, result := o.job(tasks[1])
	want := `{"_": "ok", "f1": {"until": "2030-01-09", "amount": 1290.5, "center": 5, "comment": "fine\nwith me"}}`
	if status != 1 || result != want {
		t.Errorf("job is %d with %s, want 1 with %s", status, result, want)
	}
	var woken bool
	if err := o.DB.GetContext(t.Context(), &woken, `SELECT status IS NULL AND wake = ARRAY[$2::bigint] FROM alur.executions WHERE id = $1`, tasks[1].ExecutionID, tasks[1].JobID); err != nil || !woken {
		t.Errorf("the execution was not woken (%v)", err)
	}
	mine, other := o.task(tasks[1].ID), o.task(tasks[2].ID)
	if mine.Status != task.Passed || other.Status != task.Closed {
		t.Errorf("tasks are %d and %d, want %d and %d", mine.Status, other.Status, task.Passed, task.Closed)
	}
	for _, got := range []task.Task{mine, other} {
		out := got.Outcome
		if out == nil || out.By != "Ann Bauer" || out.Action.Title != "Approve" || out.Channel != task.App || out.IP != "10.2.3.4" ||
			out.Agent != "Firefox" || !out.At.Equal(o.Now()) || out.Values["amount"] != 1290.5 {
			t.Errorf("outcome on task %d is %+v", got.ID, out)
		}
	}
	for _, who := range []auth.Actor{ann, bob} {
		if err := o.Decide(t.Context(), who, tasks[who.UserID].ID, press("ok", nil)); !isDecided(err) {
			t.Errorf("second decision by %s: %v, want ErrDecided", who.Name, err)
		}
	}
}

func TestReject(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	id := o.ask(laptop, 1)[1]
	err := o.Decide(t.Context(), ann, id.ID, press("no", nil))
	if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "Fill this in to press “Reject”.") {
		t.Errorf("without a comment: %v", err)
	}
	if err := o.Decide(t.Context(), ann, id.ID, press("no", map[string]any{"comment": "Too dear."})); err != nil {
		t.Fatal(err)
	}
	if status, _ := o.job(id); status != -5 {
		t.Errorf("job is %d, want -5", status)
	}
}

// Nothing changes by a decision that is refused.
func TestDecideRefuses(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	id := o.ask(laptop, 1)[1].ID
	ended := o.ask(laptop, 1)[1]
	o.exec(`UPDATE alur.executions SET status = 1, ended_at = now() WHERE id = $1`, ended.ExecutionID)
	late := o.ask(laptop, 1)[1]
	o.exec(`UPDATE alur.executions SET expires_at = $2 WHERE id = $1`, late.ExecutionID, o.Now())
	answered := o.ask(laptop, 1)[1]
	o.exec(`UPDATE alur.jobs SET status = 1, ended_at = now() WHERE id = $1`, answered.JobID)
	two := laptop
	two.Forms = append([]task.Form{{Key: "f2"}}, two.Forms...)
	twoForms := o.ask(two, 1)[1].ID
	tests := []struct {
		name string
		who  auth.Actor
		id   int64
		d    task.Decision
		kind fault.Kind
		in   string // in the message
	}{
		{"nobody", auth.Actor{}, id, press("ok", nil), fault.Unsigned, "Sign in"},
		{"unknown", ann, 12345, press("ok", nil), fault.NotFound, "no such task"},
		{"somebody else", bob, id, press("ok", nil), fault.Forbidden, "somebody else's"},
		{"manager", carla, id, press("ok", nil), fault.Forbidden, "somebody else's"},
		{"unknown button", ann, id, press("maybe", nil), fault.Invalid, "one of the buttons"},
		{"unknown form", ann, id, task.Decision{Form: "f9", Action: "ok"}, fault.Invalid, "no form “f9”"},
		{"which form", ann, twoForms, press("ok", nil), fault.Invalid, "no form"},
		{"not a number", ann, id, press("ok", map[string]any{"amount": "much"}), fault.Invalid, "Write a number"},
		{"not a choice", ann, id, press("ok", map[string]any{"center": "9"}), fault.Invalid, "Choose one of the list"},
		{"not a date", ann, id, press("ok", map[string]any{"until": "9 Jan"}), fault.Invalid, "Write a date"},
		{"too long", ann, id, press("ok", map[string]any{"comment": strings.Repeat("x", 10_001)}), fault.Invalid, "10,000"},
		{"not on the form", ann, id, press("ok", map[string]any{"salary": 9.0}), fault.Invalid, "no field “salary”"},
		{"ended", ann, ended.ID, press("ok", nil), fault.Gone, "has ended"},
		{"timed out", ann, late.ID, press("ok", nil), fault.Gone, "timed out"},
		{"job answered", ann, answered.ID, press("ok", nil), fault.Conflict, "no longer waits"},
	}
	before := o.snapshot()
	for _, tc := range tests {
		err := o.Decide(t.Context(), tc.who, tc.id, tc.d)
		if !fault.Is(err, tc.kind) || !strings.Contains(err.Error(), tc.in) {
			t.Errorf("%s: %v, want %s with %q", tc.name, err, tc.kind, tc.in)
		}
	}
	if after := o.snapshot(); after != before {
		t.Errorf("something changed:\n%s\nwas:\n%s", after, before)
	}
}

func TestSave(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	got := o.ask(laptop, 1)[1]
	if err := o.Decide(t.Context(), ann, got.ID, press("save", map[string]any{"amount": "7"})); err != nil {
		t.Fatal(err)
	}
	saved := o.task(got.ID)
	if saved.Status != task.Open || saved.Result.Form("f1")["amount"] != 7.0 || saved.DecidedAt != nil {
		t.Errorf("saved task is %+v", saved)
	}
	if status, result := o.job(got); status != 0 || !strings.Contains(result, `"amount": 7`) {
		t.Errorf("waiting job is %d with %s", status, result)
	}
	if err := o.Decide(t.Context(), ann, got.ID, press("ok", map[string]any{"comment": "now"})); err != nil {
		t.Fatal(err)
	}
	if _, result := o.job(got); result != `{"_": "ok", "f1": {"comment": "now"}}` {
		t.Errorf("a decision keeps what was saved: %s", result)
	}
}

func TestPresets(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ask := laptop
	ask.Forms = []task.Form{laptop.Forms[0]}
	ask.Forms[0].Scope = map[string]any{"$context": map[string]any{"data": map[string]any{"limit": 500.0}}}
	ask.Forms[0].Actions = []task.Action{{Key: "ok", Title: "Approve", Status: task.Passed,
		Values: json.RawMessage(`{"amount": "{{$context.data.limit}}", "by": "{{$user.nickname}} said {{$nForm.comment}}", "at": "{{$nDate.now}}", "gone": "{{$context.nothing}}"}`)}}
	got := o.ask(ask, 1)[1]
	if err := o.Decide(t.Context(), ann, got.ID, press("ok", map[string]any{"amount": 900.0, "comment": "yes"})); err != nil {
		t.Fatal(err)
	}
	want := `{"_": "ok", "f1": {"at": "2030-01-02T03:04:05.000Z", "by": "Ann Bauer said yes", "amount": 500, "comment": "yes"}}`
	if _, result := o.job(got); result != want {
		t.Errorf("job holds %s, want %s", result, want)
	}
}

func TestDecideByLink(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	tasks := o.ask(laptop, 1, 2)
	anns, bobs := o.token("ann@alur.test"), o.token("bob@alur.test")
	d := press("ok", map[string]any{"comment": "by mail"})
	if err := o.DecideByLink(t.Context(), "alur_lnk_made-up", d); !fault.Is(err, fault.NotFound) {
		t.Errorf("made-up token: %v", err)
	}
	if err := o.DecideByLink(t.Context(), anns, d); err != nil {
		t.Fatal(err)
	}
	for _, token := range []link.Token{anns, bobs} {
		if err := o.DecideByLink(t.Context(), token, d); !isDecided(err) {
			t.Errorf("second decision: %v", err)
		}
		got, l, err := o.ByLink(t.Context(), token)
		if err != nil || got.Outcome == nil || got.Outcome.By != "Ann Bauer" || got.Outcome.Channel != task.Link || l.UserID != got.UserID {
			t.Errorf("the page of a used link: %+v, %v", got.Outcome, err)
		}
	}
	if got := o.task(tasks[2].ID); got.Status != task.Closed {
		t.Errorf("Bob's task is %d", got.Status)
	}
}

func TestLinkEnds(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.ask(laptop, 1, 2)
	old, bobs := o.token("ann@alur.test"), o.token("bob@alur.test")
	mails := func() (n int) {
		t.Helper()
		if err := o.DB.GetContext(t.Context(), &n, `SELECT count(*) FROM alur.mails WHERE to_address = 'ann@alur.test'`); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if err := o.FreshLink(t.Context(), old); err != nil || mails() != 1 {
		t.Errorf("a fresh link right away: %v, %d mails", err, mails())
	}
	o.add(link.MaxAge)
	if err := o.DecideByLink(t.Context(), old, press("ok", nil)); !fault.Is(err, fault.Gone) || !strings.Contains(err.Error(), "expired") {
		t.Errorf("expired link: %v", err)
	}
	for range 3 { // asked three times, sent once
		if err := o.FreshLink(t.Context(), old); err != nil {
			t.Fatal(err)
		}
	}
	if mails() != 2 {
		t.Errorf("%d mails, want 2", mails())
	}
	if err := o.DecideByLink(t.Context(), old, press("ok", nil)); !fault.Is(err, fault.Gone) || !strings.Contains(err.Error(), "newer") {
		t.Errorf("superseded link: %v", err)
	}
	fresh := o.token("ann@alur.test")
	o.exec(`UPDATE alur.users SET active = false WHERE id = 1`)
	if err := o.DecideByLink(t.Context(), fresh, press("ok", nil)); !fault.Is(err, fault.Gone) || !strings.Contains(err.Error(), "deactivated") {
		t.Errorf("link of a deactivated person: %v", err)
	}
	o.exec(`UPDATE alur.users SET active = true WHERE id = 1`)
	if err := o.DecideByLink(t.Context(), fresh, press("ok", nil)); err != nil {
		t.Errorf("fresh link: %v", err)
	}
	if err := o.FreshLink(t.Context(), bobs); !isDecided(err) {
		t.Errorf("a fresh link for a decided task: %v", err)
	}
}

func TestRemind(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	x := o.ask(laptop, 1, 2, 3)[1].ExecutionID // Carla has no address
	old := o.token("ann@alur.test")
	remind := func() int {
		t.Helper()
		n, err := o.Remind(t.Context(), carla, x)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := remind(); n != 0 {
		t.Errorf("a moment after the first mails %d more were sent", n)
	}
	o.add(time.Hour)
	o.exec(`UPDATE alur.users SET active = false WHERE id = 2`)
	if n := remind(); n != 1 {
		t.Errorf("%d mails were sent, want one, to Ann", n)
	}
	if err := o.DecideByLink(t.Context(), old, press("ok", nil)); !fault.Is(err, fault.Gone) {
		t.Errorf("the link of the first mail: %v, want gone", err)
	}
	if _, err := o.Remind(t.Context(), ann, x); !fault.Is(err, fault.Forbidden) {
		t.Errorf("Ann reminds herself: %v, want forbidden", err)
	}
	if err := o.DecideByLink(t.Context(), o.token("ann@alur.test"), press("ok", nil)); err != nil {
		t.Errorf("the link of the reminder: %v", err)
	}
	if _, err := o.Remind(t.Context(), carla, x); !fault.Is(err, fault.Gone) {
		t.Errorf("reminding of a decided task: %v, want gone", err)
	}
}

// R6: of 32 who decide at once, in the app and by link, on their own tasks of
// one step, exactly one wins; the step is answered once.
func TestOneDecisionWins(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	const people, rounds = 8, 6
	var all []int64
	for i := range people {
		id := int64(100 + i)
		all = append(all, id)
		o.exec(`INSERT INTO alur.users (id, nickname, email) VALUES ($1, $2, $3)`, id, fmt.Sprintf("Person %d", i), fmt.Sprintf("p%d@alur.test", i))
	}
	for round := range rounds {
		tasks := o.ask(laptop, all...)
		var wg sync.WaitGroup
		errs := make(chan error, 32)
		for i := range 32 {
			id := all[i%people]
			action := []string{"ok", "no"}[i/2%2]
			d := press(action, map[string]any{"comment": fmt.Sprint(i)})
			token := o.token(fmt.Sprintf("p%d@alur.test", i%people))
			wg.Go(func() {
				if i%2 == 0 {
					errs <- o.Decide(t.Context(), auth.Actor{UserID: id, Role: auth.Member}, tasks[id].ID, d)
				} else {
					errs <- o.DecideByLink(t.Context(), token, d)
				}
			})
		}
		wg.Wait()
		close(errs)
		won := 0
		for err := range errs {
			if err == nil {
				won++
			} else if !isDecided(err) {
				t.Errorf("round %d: a loser got %v", round, err)
			}
		}
		if won != 1 {
			t.Fatalf("round %d: %d winners", round, won)
		}
		var decided, closed, woken int
		err := o.DB.GetContext(t.Context(), &decided, `SELECT count(*) FROM alur.tasks WHERE job_id = $1 AND status IN (1, -5)`, tasks[100].JobID)
		if err == nil {
			err = o.DB.GetContext(t.Context(), &closed, `SELECT count(*) FROM alur.tasks WHERE job_id = $1 AND status = -4`, tasks[100].JobID)
		}
		if err == nil {
			err = o.DB.GetContext(t.Context(), &woken, `SELECT cardinality(wake) FROM alur.executions WHERE id = $1`, tasks[100].ExecutionID)
		}
		if err != nil || decided != 1 || closed != people-1 || woken != 1 {
			t.Fatalf("round %d: %d decided, %d closed, woken %d times (%v)", round, decided, closed, woken, err)
		}
	}
}
