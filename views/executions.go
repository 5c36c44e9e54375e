package views

import (
	"fmt"
	"time"
)

// Executions is the page that lists executions, or what started none.
type Executions struct {
	Title  string
	Crumbs []Link
	Tabs   []Tab
	Filter ExecutionFilter
	Chips  []Chip // filters that no control of the bar shows
	Found  string // how many match; "" when nothing is filtered, or nobody knows
	All    string // address of the question whether to run all of them again; "" for none
	Limit  string // what the search does not look at; "" for none
	Behind string // what the search does not know yet; "" for nothing
	List   ExecutionList
	Back   string // address of this page with its filter

	Reruns []RerunProgress // of many executions, own and recent
}

// ExecutionFilter is the bar above the list.
type ExecutionFilter struct {
	Action      string
	Text        string
	Wrong       string // what is wrong with Text; "" for nothing
	States      []string
	Workflows   []Option
	Also        []string // keys of further workflows
	And         []Option // workflows to add; empty while none is chosen
	Since       []Option
	Days        bool // two days are asked for
	From, To    string
	Longer      []Option
	People      []Option
	Collections []Option
	Record      string // its key
	AllStates   []Option
	Open        bool // the further filters are shown
}

// ExecutionList is the part of the page that refreshes itself.
type ExecutionList struct {
	MayCancel, MayDelete bool // some of them at least

	URL   string // of the page that is shown
	Tag   string // what the list looked like when it was rendered
	Rows  []ExecutionRow
	Pager Pager
	Empty EmptyList

	Notice Notice // about the queue; empty Text for none
}

// EmptyList says why there is nothing, and the way out.
type EmptyList struct {
	Title string
	Text  string
	Link  Link
}

// ExecutionRow is one execution in the list.
type ExecutionRow struct {
	ID       string
	URL      string
	State    string
	Workflow string
	Version  string // "v5"; "" when the workflow is gone
	Started  Moment
	Took     string
	Cause    string // what began it, and who
	Why      string // what went wrong, or what it waits for
}

// RerunProgress says how far running many executions again is.
type RerunProgress struct {
	URL                 string
	Total, Made, Passed int
	Why                 string // why the first one was passed over; "" for none
	Open                bool   // it is not over
	State, Word         string // where it stands
	Reason              string // why it was given up; "" when it was not
	How                 string // from where, and on which version
	Person              string // who asked for it
	Begun, Ended        Moment
	Back                string // address of the list
}

// sum is what has become of them.
func (p RerunProgress) sum() string {
	verb := " run again."
	if p.Made == 1 {
		verb = " runs again."
	}
	return Int(p.Made) + " of " + Count(p.Total, "execution", "executions") + verb
}

// alert is the state of the message about it.
func (p RerunProgress) alert() string {
	if p.State == Completed || p.State == Error {
		return p.State
	}
	return ""
}

// gone is how many did not come up any more, once all is done.
func (p RerunProgress) gone() int {
	if p.Open || p.State != Completed {
		return 0
	}
	return max(p.Total-p.Made-p.Passed, 0)
}

// SkippedRow is an event that started nothing.
type SkippedRow struct {
	ID       string
	Workflow string
	URL      string // of the workflow; "" when it is gone
	At       Moment
	Why      string
}

// SkippedList is the page of events that started nothing.
type SkippedList struct {
	Title  string
	Crumbs []Link
	Tabs   []Tab
	Rows   []SkippedRow
	Note   string // under the table
	Empty  EmptyList
}

// Execution is one execution: its workflow as a log.
type Execution struct {
	ID      string
	Title   string
	Crumbs  []Link
	Head    ExecutionHead
	Notices []ExecutionNotice
	Canvas  Canvas
	Outline []OutlineEntry
	Live    string // address of the stream; "" when there is nothing to wait for
	Editor  string // the version in the editor; "" when the workflow is gone
	Delete  string // address of the question; "" while it runs
	Cancel  string // address of the question; "" once it has ended
	Rerun   string // address of the question; "" while there is nothing to run again
	Panel   *StepPanel
}

// ExecutionHead is what changes above the canvas.
type ExecutionHead struct {
	State   string
	Started Moment
	Took    string
	Version string // "version 5"
	Author  string
	Said    string // read aloud when it has ended
}

// ExecutionNotice is something to know before looking at the steps.
type ExecutionNotice struct {
	State  string
	Strong string
	More   string
	Link   Link
	Narrow bool // only where the panel would cover the canvas
}

// StepPanel is what one step was given, what came out, and how long it took.
type StepPanel struct {
	Key     string // of the card
	Icon    string
	Trigger bool
	Title   string
	State   string
	Word    string
	Close   string
	Refresh string // address of this panel while the step is not over
	Folded  bool   // opened by itself: it leaves the canvas free where it would cover it
	Problem *ExecutionNotice
	Text    string // a plain sentence, for steps that did not run
	Facts   []Fact
	Links   []Link
	Rerun   string // address of the question whether to run again from here; "" for none
	Data    []DataFold
	Log     []string
	Runs    []StepRun // of the same node, newest first; empty when it ran once
}

// StepRun is one run of a node among several.
type StepRun struct {
	State   string
	Text    string
	URL     string
	Current bool
}

// DataFold is a JSON value that can be folded away.
type DataFold struct {
	ID   string
	Name string
	Size string
	Open bool
	Tree JSONNode
	Note string // what is not shown
	URL  string // all of it, as text; "" when it is kept nowhere
}

// Milli is date and time to the millisecond: "23 Nov 2026, 10:42:07.124".
func (w Words) Milli(t time.Time) string { return w.in(t).Format("2 Jan 2006, 15:04:05.000") }

// ClockMilli is the time of day to the millisecond: "10:42:07.124".
func (w Words) ClockMilli(t time.Time) string { return w.in(t).Format("15:04:05.000") }

// Bytes words a size: "418 bytes", "12 kB", "1.4 MB".
func Bytes(n int) string {
	switch {
	case n < 1000:
		return Count(n, "byte", "bytes")
	case n < 10_000:
		return fmt.Sprintf("%.1f kB", float64(n)/1000)
	case n < 1_000_000:
		return fmt.Sprintf("%d kB", n/1000)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}
