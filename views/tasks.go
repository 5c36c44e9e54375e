package views

import (
	"strconv"
	"strings"
)

// Tasks is the to-do page: a list and, beside it, one task.
type Tasks struct {
	Tabs       []Tab
	Show       string // kept by the search: "", "done"
	Query      string
	Rows       []TaskRow
	Pager      Pager // empty Text for one page only
	EmptyTitle string
	EmptyText  string
	Detail     *TaskDetail // nil when there is none to show
	Open       bool        // Detail has the address: on a phone it is the page
	Back       string      // address of the list
}

// TaskRow is one task in the list.
type TaskRow struct {
	ID      string
	Title   string
	URL     string
	Who     string // "Bob Meyer · Purchase"
	Due     string // "Today, 17:00", or how a done task came out
	Urgency string // of Due: "late", "soon", ""
	Current bool
}

// TaskDetail is one task.
type TaskDetail struct {
	Title     string
	Workflow  string
	Due       string // "" for no deadline
	Urgency   string
	Requester string // "" for nobody's
	Lead      string // "Bob Meyer asked on 20 Nov, 14:12 · one of Ann Bauer, Jonas Weber decides"
	Summary   string
	Facts     []Fact
	Notice    string         // why it cannot be decided here; "" when it can
	Problem   string         // what kept the decision from being saved
	Forms     []DecisionForm // none when there is nothing to decide
	Outcome   *Decided       // nil while it is open
	History   []Step
	Execution string // address of the execution, for those who may see it; "" else
}

// DecisionForm is what a person fills in, with the buttons below.
type DecisionForm struct {
	Action  string // where it posts to
	Key     string
	Title   string // "" when there is one form only
	Fields  []DecisionField
	Buttons []DecisionButton
}

// DecisionField is a field with how it is typed in: text, longText, number,
// choice, date, yesNo.
type DecisionField struct {
	Kind string
	Field
}

// DecisionButton is one way to decide.
type DecisionButton struct {
	Key     string
	Text    string
	Icon    string // "" for none
	Primary bool
	No      bool // it says no
	Focus   bool // chosen in the mail already
}

// Decided is how it came out.
type Decided struct {
	State string // completed, rejected, cancelled: color and icon
	Title string // "Already approved"
	Text  string // "Ann Bauer approved this on 23 Nov 2026, 10:42."
	Facts []Fact // by whom, through what, and what was filled in
}

// MailedLink is the page behind a link in a mail.
type MailedLink struct {
	Title    string // of the task
	Host     string // of this server, beside the brand
	As       string // in whose name the reader decides
	AsNote   string
	Due      string
	Urgency  string
	Summary  string
	Facts    []Fact
	Chosen   string // the button pressed in the mail, in words; "" for none
	Problem  string // what kept the decision from being saved
	Forms    []DecisionForm
	Outcome  *Decided
	Expired  string // why this link does not decide any more; "" when it does
	Fresh    string // where a fresh link is asked for; with Expired
	TaskURL  string // the task inside
	Until    string // how long the link works
	Tab      string // what the browser's tab says
	Mistaken bool   // the reader's own decision: says what to do about a mistake
}

// past is what a button did, for a sentence "Ann … this".
var past = map[string]string{
	"approve": "approved", "reject": "rejected", "refuse": "refused", "accept": "accepted", "confirm": "confirmed",
	"decline": "declined", "deny": "denied", "agree": "agreed to", "cancel": "cancelled", "release": "released", "order": "ordered",
}

// Past words a decision by its button's title: "approved", or "decided
// “Ask Bob”" for what has no past tense here.
func Past(title string) string {
	if p, ok := past[strings.ToLower(strings.TrimSpace(title))]; ok {
		return p
	}
	return "decided “" + title + "” on"
}

func dueClass(urgency string) string {
	if urgency == "" {
		return ""
	}
	return "due-" + urgency
}

// dueState colors the badge of a deadline.
func dueState(urgency string) string {
	if urgency == "late" {
		return Error
	}
	return Waiting
}

func decisionClass(b DecisionButton, large bool) string {
	c := "btn"
	if large {
		c += " btn-l"
	}
	switch {
	case b.Primary:
		c += " btn-primary"
	case b.No && !large:
		c += " btn-danger"
	}
	return c
}

// fieldID keeps the ids of several forms apart.
func fieldID(form, name string) string { return "f-" + slug(form) + "-" + slug(name) }

// WithID gives a decision's field an id that no other form has.
func (f DecisionField) WithID(form string, n int) DecisionField {
	f.ID = fieldID(form, f.Name) + "-" + strconv.Itoa(n)
	return f
}
