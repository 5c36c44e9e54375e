package task_test

import (
	"fmt"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"alur/engine/auth"
	"alur/engine/link"
	"alur/engine/mail"
	"alur/engine/pg"
	"alur/engine/pgtest"
	"alur/engine/snowflake"
	"alur/engine/task"
)

// people of every office
var (
	ann   = auth.Actor{UserID: 1, Role: auth.Member, Name: "Ann Bauer"}
	bob   = auth.Actor{UserID: 2, Role: auth.Member, Name: "Bob Meyer"}
	carla = auth.Actor{UserID: 3, Role: auth.Admin, Name: "Carla Boss"}
)

// office is a store on a database of its own, with people and a clock to move.
type office struct {
	*task.Store
	t   *testing.T
	now atomic.Pointer[time.Time]
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{t: t}
	o.set(time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC))
	db := pgtest.New(t)
	clock := func() time.Time { return *o.now.Load() }
	ids := snowflake.New(1, clock)
	o.Store = &task.Store{DB: db, IDs: ids, Now: clock, BaseURL: "https://alur.test",
		Outbox: &mail.Outbox{DB: db, IDs: ids, Now: clock}}
	o.exec(`INSERT INTO alur.users (id, nickname, email, username, role, active, time_zone) VALUES
		(1, 'Ann Bauer', 'ann@alur.test', NULL, 'member', true, 'Europe/Berlin'),
		(2, 'Bob Meyer', 'bob@alur.test', NULL, 'member', true, NULL),
		(3, 'Carla Boss', NULL, 'carla', 'admin', true, NULL),
		(4, 'Dan Gone', 'dan@alur.test', NULL, 'member', false, NULL)`)
	o.exec(`INSERT INTO alur.workflows (id, key, title, type) VALUES (10, 'wf', 'Purchase', 'collection')`)
	return o
}

func (o *office) set(now time.Time)   { o.now.Store(&now) }
func (o *office) add(d time.Duration) { o.set(o.Now().Add(d)) }

func (o *office) exec(query string, args ...any) {
	o.t.Helper()
	if _, err := o.DB.ExecContext(o.t.Context(), query, args...); err != nil {
		o.t.Fatal(err)
	}
}

// snapshot is everything in our tables, to see whether anything changed.
func (o *office) snapshot() string {
	o.t.Helper()
	var all strings.Builder
	for _, table := range []string{"tasks", "links", "mails", "jobs", "executions", "users", "sessions"} {
		var rows *string
		if err := o.DB.GetContext(o.t.Context(), &rows, fmt.Sprintf(`SELECT string_agg(x::text, E'\n' ORDER BY x::text) FROM alur.%s x`, table)); err != nil {
			o.t.Fatal(err)
		}
		if rows != nil {
			all.WriteString(table + ":\n" + *rows + "\n")
		}
	}
	return all.String()
}

var laptop = task.Ask{
	Facts: []task.Fact{{Label: "What", Value: "Laptop 14″"}, {Label: "Needed", Value: "2030-01-09"}},
	Forms: []task.Form{{
		Key: "f1",
		Fields: []task.Field{
			{Name: "comment", Title: "Comment", Kind: task.LongText, RequiredFor: []string{"no"}},
			{Name: "amount", Title: "Amount", Kind: task.Number},
			{Name: "center", Title: "Cost center", Kind: task.Choice, Choices: []task.Option{{Value: "4120", Label: "Sales north"}, {Value: 5.0, Label: "Five"}}},
			{Name: "until", Title: "Buy until", Kind: task.Date},
		},
		Actions: []task.Action{
			{Key: "ok", Title: "Approve", Status: task.Passed},
			{Key: "no", Title: "Reject", Status: task.Rejected},
			{Key: "save", Title: "Save", Status: task.Open},
		},
	}},
}

// ask makes an execution that waits for a decision of some people, and returns
// their tasks by user.
func (o *office) ask(a task.Ask, assignees ...int64) map[int64]task.Task {
	o.t.Helper()
	execution, job := o.IDs.Next(), o.IDs.Next()
	o.exec(`INSERT INTO alur.executions (id, workflow_id, key, context, status, created_by, started_at) VALUES ($1, 10, 'wf', '{}', 0, 2, now())`, execution)
	o.exec(`INSERT INTO alur.jobs (id, execution_id, node_id, node_key, status, started_at) VALUES ($1, $2, 11, 'n1', 0, now())`, job, execution)
	err := o.DB.Tx(o.t.Context(), pg.RepeatableRead, func(tx *pg.Tx) error {
		return o.Create(o.t.Context(), tx, task.New{
			ExecutionID: execution, JobID: job, NodeID: 11, NodeKey: "n1", WorkflowID: 10, WorkflowKey: "wf",
			Title: "Laptop 1,290 € for Bob", Assignees: assignees, Ask: a,
		})
	})
	if err != nil {
		o.t.Fatalf("Create: %v", err)
	}
	tasks := map[int64]task.Task{}
	for _, id := range assignees {
		mine, _, err := o.Mine(o.t.Context(), auth.Actor{UserID: id, Role: auth.Member}, task.Filter{Show: task.ShowAll, Page: 1, Size: 1})
		if err != nil || len(mine) != 1 {
			o.t.Fatalf("tasks of user %d: %v, %v", id, mine, err)
		}
		tasks[id] = mine[0]
	}
	return tasks
}

var tokens = regexp.MustCompile(link.Prefix + `[0-9A-Za-z]+`)

// token is the link token in the newest mail to an address.
func (o *office) token(address string) link.Token {
	o.t.Helper()
	var text string
	if err := o.DB.GetContext(o.t.Context(), &text, `SELECT text_body FROM alur.mails WHERE to_address = $1 ORDER BY id DESC LIMIT 1`, address); err != nil {
		o.t.Fatal(err)
	}
	return link.Token(tokens.FindString(text))
}

func (o *office) task(id int64) task.Task {
	o.t.Helper()
	t, err := o.Task(o.t.Context(), carla, id)
	if err != nil {
		o.t.Fatal(err)
	}
	return t
}

// job is the waiting step's status and result.
func (o *office) job(t task.Task) (status int, result string) {
	o.t.Helper()
	var j struct {
		Status int     `db:"status"`
		Result *string `db:"result"`
	}
	if err := o.DB.GetContext(o.t.Context(), &j, `SELECT status, result::text AS result FROM alur.jobs WHERE id = $1`, t.JobID); err != nil {
		o.t.Fatal(err)
	}
	if j.Result != nil {
		result = *j.Result
	}
	return j.Status, result
}

func press(action string, values map[string]any) task.Decision {
	return task.Decision{Action: action, Values: values, Channel: task.App, IP: "10.2.3.4", Agent: "Firefox"}
}
