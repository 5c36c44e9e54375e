package task

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"alur/engine/fault"
	"alur/engine/mail"
)

// Status is where a task stands (spec/human-tasks.md §1.3).
type Status int

const (
	Open     Status = 0
	Passed   Status = 1  // decided, and the workflow goes on
	Stopped  Status = -3 // the execution ended before anybody decided
	Closed   Status = -4 // somebody else decided
	Rejected Status = -5 // decided, and the workflow ends here
)

// Decided reports whether the task's own person decided it.
func (s Status) Decided() bool { return s == Passed || s == Rejected }

// Channel is the way a decision came in.
type Channel string

const (
	App  Channel = "app"  // signed in, in the browser
	Link Channel = "link" // by a mailed link, without signing in
	API  Channel = "api"
)

// ErrDecided answers for every decision but the first.
var ErrDecided = fault.New(fault.Conflict, "This task has already been decided.")

// errNone answers for tasks that do not exist or are none of the actor's.
var errNone = fault.New(fault.NotFound, "There is no such task.")

// Fact is a labelled value shown to whoever decides.
type Fact = mail.Fact

// Ask is what a task shows and asks, stored as JSON with the task.
type Ask struct {
	Summary string `json:"summary,omitempty"` // a paragraph
	Facts   []Fact `json:"facts,omitempty"`
	Forms   []Form `json:"forms"` // at least one
}

// Form is fields with the buttons below them.
type Form struct {
	Key     string         `json:"key"` // in the result and in variables
	Title   string         `json:"title,omitempty"`
	Fields  []Field        `json:"fields,omitempty"`
	Actions []Action       `json:"actions"`
	Scope   map[string]any `json:"scope,omitempty"` // the variables that Actions' values mention, by root
}

// Kind says how a field is typed in.
type Kind string

const (
	Text     Kind = "text"
	LongText Kind = "longText"
	Number   Kind = "number"
	Integer  Kind = "integer"
	Choice   Kind = "choice"
	Date     Kind = "date" // a day, "2026-12-24"
	YesNo    Kind = "yesNo"
)

// Field is one input.
type Field struct {
	Name        string   `json:"name"`
	Title       string   `json:"title"`
	Kind        Kind     `json:"kind"`
	Help        string   `json:"help,omitempty"`
	Required    bool     `json:"required,omitempty"`    // for every deciding button
	RequiredFor []string `json:"requiredFor,omitempty"` // for the buttons with these keys
	Choices     []Option `json:"choices,omitempty"`     // of a Choice
	Default     any      `json:"default,omitempty"`
}

// Option is one way to fill a Choice.
type Option struct {
	Value any    `json:"value"` // text or number
	Label string `json:"label"`
}

// Action is a button.
type Action struct {
	Key    string          `json:"key"`
	Title  string          `json:"title"`
	Status Status          `json:"status"`           // Passed, Rejected, or Open: save only
	Values json.RawMessage `json:"values,omitempty"` // presets, with {{variables}}; they override what was typed
}

// form returns the form called key.
func (a Ask) form(key string) (Form, bool) {
	for _, f := range a.Forms {
		if f.Key == key {
			return f, true
		}
	}
	return Form{}, false
}

// Action returns the button called key.
func (f Form) Action(key string) (Action, bool) {
	for _, a := range f.Actions {
		if a.Key == key {
			return a, true
		}
	}
	return Action{}, false
}

// negative words on buttons that go on with a no, for workflows that handle a
// refusal themselves.
var negative = []string{"reject", "refuse", "decline", "deny", "disapprove", "no", "cancel"}

// Refuses reports whether the button says no: it ends the workflow as rejected,
// or its key or title is a word for that. It decides nothing but the looks.
func (a Action) Refuses() bool {
	return a.Status == Rejected || a.Status == Passed &&
		(slices.Contains(negative, strings.ToLower(a.Key)) || slices.Contains(negative, strings.ToLower(a.Title)))
}

// Buttons returns the actions as people expect them: what says yes, what says
// no, what only saves.
func (f Form) Buttons() []Action {
	rank := func(a Action) int {
		switch {
		case a.Status == Open:
			return 2
		case a.Refuses():
			return 1
		}
		return 0
	}
	return slices.SortedStableFunc(slices.Values(f.Actions), func(a, b Action) int { return rank(a) - rank(b) })
}

func (a Ask) Value() (driver.Value, error) {
	raw, err := json.Marshal(a)
	return string(raw), err
}

func (a *Ask) Scan(src any) error {
	raw, ok := src.([]byte)
	if !ok {
		return fmt.Errorf("scan task form from %T", src)
	}
	return json.Unmarshal(raw, a)
}

// Result is what was filled in: {<form key>: {fields}, "_": <action key>}.
type Result map[string]any

// Form returns the fields filled in on the form called key; nil for none.
func (r Result) Form(key string) map[string]any {
	m, _ := r[key].(map[string]any)
	return m
}

// Action returns the key of the button that was pressed; "" for none.
func (r Result) Action() string {
	s, _ := r["_"].(string)
	return s
}

func (r *Result) Scan(src any) error {
	raw, ok := src.([]byte)
	if !ok { // NULL
		*r = nil
		return nil
	}
	return json.Unmarshal(raw, r)
}

// Task asks one person for their share in a decision.
type Task struct {
	ID            int64      `db:"id"`
	ExecutionID   int64      `db:"execution_id"`
	JobID         int64      `db:"job_id"` // shared by all who are asked by one step
	NodeID        int64      `db:"node_id"`
	NodeKey       string     `db:"node_key"`
	WorkflowID    int64      `db:"workflow_id"`
	WorkflowKey   string     `db:"workflow_key"`
	WorkflowTitle string     `db:"workflow_title"` // "" once the workflow is gone
	UserID        int64      `db:"user_id"`
	UserName      string     `db:"user_name"`
	UserZone      string     `db:"user_zone"` // IANA name; "" for the server's
	Requester     string     `db:"requester"` // whose change started the execution; "" for nobody's
	Title         string     `db:"title"`     // 1 to 200 characters
	Status        Status     `db:"status"`
	Ask           Ask        `db:"form"`
	Result        Result     `db:"result"`     // nil: nothing saved yet
	DueAt         *time.Time `db:"due_at"`     // when the execution times out; nil: never
	DecidedAt     *time.Time `db:"decided_at"` // nil exactly while Status is Open in the table
	Channel       *Channel   `db:"channel"`    // set exactly when Status.Decided
	IP            string     `db:"ip"`
	Agent         string     `db:"agent"` // the browser's User-Agent
	CreatedAt     time.Time  `db:"created_at"`
	UpdatedAt     time.Time  `db:"updated_at"`

	// Outcome is the decision of the step, whoever made it; nil while there is
	// none. Asked are the names of all who are asked. Both are set by
	// [Store.Task] and [Store.ByLink] only.
	Outcome *Outcome `db:"-"`
	Asked   []string `db:"-"`

	Watched bool `db:"-"` // who asked [Store.Task] may see the execution, too
}

// Outcome is how a step was decided.
type Outcome struct {
	ByID      int64
	By        string
	Status    Status
	Form      Form
	Action    Action
	Values    map[string]any // of Form
	At        time.Time
	Channel   Channel
	IP, Agent string
}

func outcomeOf(t Task) *Outcome {
	o := &Outcome{ByID: t.UserID, By: t.UserName, Status: t.Status, IP: t.IP, Agent: t.Agent}
	if t.DecidedAt != nil {
		o.At = *t.DecidedAt
	}
	if t.Channel != nil {
		o.Channel = *t.Channel
	}
	for _, f := range t.Ask.Forms {
		a, known := f.Action(t.Result.Action())
		if values := t.Result.Form(f.Key); known && values != nil {
			o.Form, o.Action, o.Values = f, a, values
			break
		}
	}
	return o
}
