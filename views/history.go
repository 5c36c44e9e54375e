package views

// HistoryForm says how long executions are kept: those of one workflow, or those
// of all that do not say otherwise.
type HistoryForm struct {
	Workflow string // its title; "" for the server
	Action   string
	Back     string
	Server   string // what the server says, in words; for a workflow
	Own      bool   // the workflow has rules of its own
	Problems map[string]string

	Days         string
	FailedDays   string
	Most         string
	RecordMonths string   // for the server
	DeleteOn     []Option // ends after which nothing is kept; for a workflow
}

// DeletedRow is a deleted execution in the list.
type DeletedRow struct {
	ID       string
	URL      string
	State    string
	Workflow string
	Started  Moment
	Took     string
	Why      string // why it ended so
	Deleted  Moment
	Reason   string // why it was deleted
}

// DeletedList is the page of deleted executions.
type DeletedList struct {
	Title  string
	Crumbs []Link
	Tabs   []Tab
	Rows   []DeletedRow
	Pager  Pager
	Empty  EmptyList
}

// DeletedExecution is what stayed of an execution.
type DeletedExecution struct {
	Title  string
	Crumbs []Link
	State  string
	Strong string // that it was deleted, and when
	More   string // why
	Facts  []Fact
	Links  []Link
}
