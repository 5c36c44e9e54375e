package views

// WorkflowFile is where a file of workflows is chosen.
type WorkflowFile struct {
	Text    string // pasted, as typed
	Problem string // of the file or the text
	Limits  string
}

// WorkflowArrivals is what a file of workflows would make.
type WorkflowArrivals struct {
	Content string // of the file, to be sent again
	Rows    []WorkflowArrival
	People  []Field // who is meant, a select each
	Problem string
	Ready   bool // some workflow can come in
}

// WorkflowArrival is one workflow of a file.
type WorkflowArrival struct {
	ID       string // of its card
	Title    string
	Take     Field // to bring it in or not
	Facts    []Fact
	As       Field // a workflow of its own, or a version; without Options there is no choice
	Wrong    []Problem
	Missing  []MissingRow
	Loads    []Problem // relations that are loaded besides: Place, and Field with its path
	Problems []Problem
}

// MissingRow is something that is not here.
type MissingRow struct{ What, Name, Where string }
