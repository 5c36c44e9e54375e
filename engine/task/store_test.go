package task_test

import (
	"errors"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/pg"
	"alur/engine/task"
)

var update = flag.Bool("update", false, "rewrite golden files")

func TestCreate(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	tasks := o.ask(laptop, 1, 3)
	got := o.task(tasks[1].ID)
	if got.Title != "Laptop 1,290 € for Bob" || got.Requester != "Bob Meyer" || got.WorkflowTitle != "Purchase" ||
		got.Status != task.Open || got.Outcome != nil || len(got.Asked) != 2 || len(got.Ask.Forms[0].Fields) != 4 {
		t.Errorf("task is %+v", got)
	}
	var mails []struct {
		To      string `db:"to_address"`
		Subject string `db:"subject"`
		Text    string `db:"text_body"`
		TaskID  int64  `db:"task_id"`
	}
	if err := o.DB.SelectContext(t.Context(), &mails, `SELECT to_address, subject, text_body, task_id FROM alur.mails`); err != nil {
		t.Fatal(err)
	}
	if len(mails) != 1 { // Carla has no address
		t.Fatalf("%d mails, want 1", len(mails))
	}
	m := mails[0]
	if m.To != "ann@alur.test" || m.Subject != "Approve: Laptop 1,290 € for Bob" || m.TaskID != tasks[1].ID {
		t.Errorf("mail %+v", m)
	}
	text := tokens.ReplaceAllString(m.Text, "TOKEN")
	if *update {
		if err := os.WriteFile("testdata/mail.txt", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/mail.txt")
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("mail differs (run with -update to rewrite it):\n%s", text)
	}
}

func TestCreateRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		assignees []int64
		words     string
	}{
		{"unknown", []int64{1, 99}, "no user with the id 99"},
		{"deactivated", []int64{4}, "Dan Gone is deactivated"},
	}
	o := newOffice(t)
	o.exec(`INSERT INTO alur.executions (id, workflow_id, key, context) VALUES (20, 10, 'wf', '{}')`)
	before := o.snapshot()
	for _, tc := range tests {
		err := o.DB.Tx(t.Context(), pg.RepeatableRead, func(tx *pg.Tx) error {
			return o.Create(t.Context(), tx, task.New{ExecutionID: 20, JobID: 21, NodeKey: "n", WorkflowID: 10, WorkflowKey: "wf", Title: "x", Assignees: tc.assignees, Ask: laptop})
		})
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), tc.words) {
			t.Errorf("%s: %v, want words with %q", tc.name, err, tc.words)
		}
	}
	if after := o.snapshot(); after != before {
		t.Errorf("something was left:\n%s", after)
	}
}

func TestMine(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	first, second := o.ask(laptop, 1, 2), o.ask(laptop, 1)
	o.exec(`UPDATE alur.executions SET expires_at = '2030-01-03' WHERE id = $1`, second[1].ExecutionID)
	o.exec(`UPDATE alur.tasks SET title = 'Chair 100%' WHERE id = $1`, second[1].ID)
	list := func(a auth.Actor, show task.Show, search string) (ids []int64) {
		t.Helper()
		tasks, more, err := o.Mine(t.Context(), a, task.Filter{Show: show, Search: search, Page: 1, Size: 10})
		if err != nil || more {
			t.Fatalf("Mine: %v, more %v", err, more)
		}
		for _, t := range tasks {
			ids = append(ids, t.ID)
		}
		return ids
	}
	if got := list(ann, task.ShowOpen, ""); len(got) != 2 || got[0] != second[1].ID {
		t.Errorf("open tasks %v, want the one with a deadline first", got)
	}
	if got := list(ann, task.ShowOpen, "100%"); len(got) != 1 || got[0] != second[1].ID {
		t.Errorf("search by title: %v", got)
	}
	if got := list(ann, task.ShowOpen, "purch"); len(got) != 2 {
		t.Errorf("search by workflow: %v", got)
	}
	if got := list(ann, task.ShowOpen, "%"); len(got) != 1 {
		t.Errorf("search for a percent sign: %v", got)
	}
	if err := o.Decide(t.Context(), bob, first[2].ID, press("ok", nil)); err != nil {
		t.Fatal(err)
	}
	if got := list(ann, task.ShowDone, ""); len(got) != 1 || got[0] != first[1].ID {
		t.Errorf("done tasks %v", got)
	}
	o.exec(`UPDATE alur.executions SET status = -3, ended_at = now() WHERE id = $1`, second[1].ExecutionID)
	if got := list(ann, task.ShowOpen, ""); len(got) != 0 {
		t.Errorf("tasks of an ended execution stay open: %v", got)
	}
	if n, err := o.Pending(t.Context(), ann); n != 0 || err != nil {
		t.Errorf("Pending: %d, %v", n, err)
	}
	if got := o.task(second[1].ID); got.Status != task.Stopped {
		t.Errorf("its status is %d, want stopped", got.Status)
	}
	if tasks, more, err := o.Mine(t.Context(), ann, task.Filter{Show: task.ShowAll, Page: 2, Size: 1}); err != nil || more || len(tasks) != 1 {
		t.Errorf("second page: %v, %v, %v", tasks, more, err)
	}
}

// A task is its person's and the managers'; for others it does not exist.
func TestTaskNeedsRight(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	id := o.ask(laptop, 1)[1].ID
	for _, tc := range []struct {
		who  auth.Actor
		kind fault.Kind
	}{{auth.Actor{}, fault.Unsigned}, {bob, fault.NotFound}} {
		if _, err := o.Task(t.Context(), tc.who, id); !fault.Is(err, tc.kind) {
			t.Errorf("user %d: %v, want %s", tc.who.UserID, err, tc.kind)
		}
	}
	for _, who := range []auth.Actor{ann, carla} {
		if _, err := o.Task(t.Context(), who, id); err != nil {
			t.Errorf("user %d: %v", who.UserID, err)
		}
	}
	if _, err := o.Task(t.Context(), carla, 12345); !fault.Is(err, fault.NotFound) {
		t.Errorf("unknown task: %v", err)
	}
}

func TestDated(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]string{
		"2026-12-24 to 2027-01-02": "24 Dec 2026 to 2 Jan 2027",
		"2026-06-24T10:00:00.000Z": "24 Jun 2026, 12:00",
		"at 2026-06-24T10:00:00Z.": "at 24 Jun 2026, 12:00.",
		"2026-13-99":               "2026-13-99",
		"part 12026-12-24x":        "part 12026-12-24x",
		"":                         "",
	} {
		if got := task.Dated(in, berlin); got != want {
			t.Errorf("Dated(%q) = %q, want %q", in, got, want)
		}
	}
}

func isDecided(err error) bool { return errors.Is(err, task.ErrDecided) }
