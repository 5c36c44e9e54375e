package views

import (
	"strings"
	"time"

	"github.com/a-h/templ"
)

// Link is a link or a button that leads somewhere.
type Link struct {
	Text  string
	URL   string
	Icon  string           // "" for none
	Attrs templ.Attributes // hx-get and the like
}

// Head is the top of a page.
type Head struct {
	Title  string
	Sub    string // one line under the title
	Crumbs []Link // the way back, outermost first
}

// CardTitle is the head of a card.
type CardTitle struct {
	ID    string // of the heading, for aria-labelledby
	Title string
	Count string // already worded; "" for none
	Link  Link   // at the right; empty Text for none
}

// Fact is one line of a list of facts.
type Fact struct {
	Name  string
	Value string
	Num   bool // figures that are compared
}

// Tab is one of the tabs of a page. Tabs are links: each has an address.
type Tab struct {
	Text    string
	URL     string
	Count   string // "" for none
	Current bool
	Attrs   templ.Attributes
}

// Chip is an active filter with a link that removes it.
type Chip struct {
	Name   string
	Value  string
	Remove string // address of the list without this filter
}

func chipName(c Chip) string {
	if c.Name == "" {
		return c.Value
	}
	return c.Name
}

// Pager is the foot of a table: what is shown, and the neighbors.
type Pager struct {
	Text string // "1–20 of 128", "Page 3"
	Prev string // address; "" when this is the first page
	Next string // address; "" when this is the last page
}

// Sort is a column head that sorts.
type Sort struct {
	Text  string
	URL   string // sorts by this column, or turns the direction
	More  string // sorts by it after the others; "" when lists sort by one column
	Rank  string // which of several columns it is: "2"
	Dir   string // "ascending", "descending", "" when not sorted by it
	Class string // of the <th>: "num", "hide-m"
}

// Confirm asks before something that cannot be undone. The same model is a
// dialog (for htmx) and a page of its own (for everybody else).
type Confirm struct {
	Title  string   // "Delete workflow"
	Text   string   // what will be gone, in one or two sentences
	Lines  []string // further consequences, as a list
	Action string   // where the form posts to
	Do     string   // the button, worded like the act: "Delete workflow"
	Back   string   // where Cancel leads without JavaScript
	Hidden map[string]string
	Ask    []Field // choices to make, see Choices
	Calm   bool    // the act is not destructive: an ordinary primary button
}

// Step is one line of a timeline.
type Step struct {
	State string
	Icon  string // "" for the icon of State
	Text  string
	Note  string // when, by whom
	Quote string // a comment somebody left
}

// States of executions, steps and tasks. An icon of the same name exists for
// each.
const (
	Queued    = "queued"
	Running   = "running"
	Waiting   = "waiting"
	Completed = "completed"
	Failed    = "failed" // a rule said no
	Error     = "error"  // something broke
	Cancelled = "cancelled"
	Rejected  = "rejected" // a person said no
	Idle      = "idle"     // not reached
)

// StateWord is the word for a state: "Completed".
func StateWord(state string) string {
	if state == Idle {
		return "Not reached"
	}
	return upperFirst(state)
}

// current marks the link to where the reader is.
func current(yes bool) templ.Attributes {
	if !yes {
		return nil
	}
	return templ.Attributes{"aria-current": "page"}
}

// alertIcon is the icon of an alert or toast in a state.
func alertIcon(state string) string {
	switch state {
	case "":
		return "info"
	case Waiting:
		return "attention"
	}
	return state
}

// alertRole makes what went wrong heard at once.
func alertRole(state string) templ.Attributes {
	if state == Error || state == Failed {
		return templ.Attributes{"role": "alert"}
	}
	return nil
}

// slug is an element id made from text.
func slug(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, s)
}

// Moment is a time in words, with the exact time behind it.
type Moment struct {
	Text  string
	Exact string
	ISO   string
}

// Moment words t for [Time]: text is what is read, such as w.Ago(t).
func (w Words) Moment(t time.Time, text string) Moment {
	return Moment{Text: text, Exact: w.Exact(t), ISO: w.ISO(t)}
}

func cardID(t CardTitle) string {
	if t.ID != "" {
		return t.ID
	}
	return "h-" + slug(t.Title)
}

func stateOr(word, state string) string {
	if word != "" {
		return word
	}
	return StateWord(state)
}

func iconOr(icon, state string) string {
	if icon != "" {
		return icon
	}
	return state
}

func choiceType(f Field) string {
	if f.Multiple {
		return "checkbox"
	}
	return "radio"
}
