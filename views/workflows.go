package views

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/a-h/templ"
)

// WorkflowList is the page of all workflows.
type WorkflowList struct {
	Rows     []WorkflowRow
	Query    string
	State    string // "", "on", "off"
	Type     string
	Types    []Option
	Failing  bool
	Filtered bool  // a filter is set: "nothing matches" instead of "nothing here"
	Tabs     []Tab // all, then one for each category
	Category int64 // the chosen one; 0 for all
	Title    Sort
	Failed   Sort
	Last     Sort
	Pager    Pager

	MayCreate, MaySort bool // make workflows; change categories
}

// WorkflowRow is one workflow of the list.
type WorkflowRow struct {
	ID       int64
	Version  int64 // the one that URL leads to
	Title    string
	When     string // "When an order is created"
	On       bool
	Draft    bool // changes wait to be published
	Runs     []SparkBar
	Failures int // of the last 20 runs
	Week     string
	WeekURL  string // the failures; "" when there are none
	State    string // of the newest run; "" when it never ran
	Ago      Moment
	Owner    string
	URL      string // "" for one that the reader may not open

	MayEdit, MayOwn, MayCopy bool

	Categories []Category
}

// SparkBar is one run in a spark line.
type SparkBar struct {
	Bad  bool
	Took time.Duration // 0 when unknown
}

// sparkRect is a bar of the drawn line.
type sparkRect struct{ class, x, y, height string }

// spark draws up to 20 runs, oldest first, on 118 × 24: what went wrong is full
// height, the rest rises with the logarithm of its duration.
func spark(runs []SparkBar) []sparkRect {
	longest := time.Millisecond
	for _, r := range runs {
		longest = max(longest, r.Took)
	}
	var rects []sparkRect
	for i := range 20 {
		r := sparkRect{class: "bar-off", x: strconv.Itoa(i * 6), y: "22", height: "2"}
		if at := i - (20 - len(runs)); at >= 0 {
			h := 24
			r.class = "bar-bad"
			if !runs[at].Bad {
				r.class = "bar-ok"
				ratio := math.Log1p(float64(runs[at].Took.Microseconds())) / math.Log1p(float64(longest.Microseconds()))
				h = 4 + int(math.Round(13*ratio))
			}
			r.y, r.height = strconv.Itoa(24-h), strconv.Itoa(h)
		}
		rects = append(rects, r)
	}
	return rects
}

func sparkLabel(r WorkflowRow) string {
	if len(r.Runs) == 0 {
		return "No executions yet"
	}
	return fmt.Sprintf("Last %s, %d failed", Count(len(r.Runs), "execution", "executions"), r.Failures)
}

// Editor is one version of a workflow with its canvas and, perhaps, the drawer
// of one node.
type Editor struct {
	ID        int64
	Title     string
	On        bool   // this version, or the one beside this draft
	Draft     bool   // not the version that runs, and can be published
	Version   string // "Version 5", "Draft of v5"
	Versions  []VersionLink
	Canvas    Canvas
	Drawer    *Drawer
	Problems  []Problem // why it cannot be turned on; shown after it was tried
	Published string    // drafts: "Version 5 runs on until you publish."
	DraftURL  string    // the draft that waits beside this version; "" for none
	Old       bool      // neither current nor draft: only to look at
	Saved     string    // "Saved 10:41"
	RunsURL   string
	Startable bool   // the reader can run it by hand
	Owner     string // who answers for it; "" for nobody
	About     string // its description
	Limited   string // what the reader may do who may not change it: "View only"

	MayEdit, MayOwn, MayCopy bool
}

// VersionLink is one line of the menu of versions.
type VersionLink struct {
	Text    string
	URL     string
	Current bool
}

// Problem is why a workflow cannot be turned on, with the way there.
type Problem struct {
	Place string // "Update stock"
	Field string // the setting, for who corrects a file; "" on pages with forms
	Text  string
	URL   string // "" for the workflow as a whole
}

// URL is the address of the editor.
func (e Editor) URL() string { return "/workflows/" + ID(e.ID) }

// Drawer is the panel of one node or of the trigger.
type Drawer struct {
	Title    string
	Kind     string // "Update records"
	Icon     string
	Key      string // of the node; "trigger"
	URL      string // its address, and where the form posts to
	Close    string
	Revision int64
	Name     string // as typed; "" for the kind's own
	NameHint string
	Help     string
	Tab      string // "settings", "test" or "help"
	Form     templ.Component
	TestURL  string          // where a test posts to; "" for nodes that cannot be tested
	Trial    *Trial          // of the tab "test"
	More     templ.Component // under Help; nil for nothing
	Menu     []Link
	Saved    bool
	ReadOnly bool
	Above    []string // problems without a place in the form
	NameBad  string
	Lost     *Lost
}

// Trial is the tab in which one node is tested.
type Trial struct {
	Says     string   // what a test does to the world
	Fields   []Field  // variables that the settings use; one is a line or, with Rows, more
	From     string   // where their values come from: "Values from run 12, today 10:41"
	Problems []string // why the settings cannot run
	Result   *TrialResult
}

// TrialResult is what a test came to.
type TrialResult struct {
	State   string
	Took    string
	Problem string    // what went wrong; "" when nothing did
	Value   *DataFold // nil when nothing came out
	Log     []string
}

// Lost is an edit that somebody else was faster than.
type Lost struct {
	Who  string // "Ann Bauer"; "" when unknown
	When string // "a minute ago"
	Now  []Fact // what is saved now
	Mine []Fact // what was not saved

	Revision int64 // of Now
}

// NodeMenu is the dialog that adds a node.
type NodeMenu struct {
	Action string // where the form posts to
	Back   string
	Place  string // "after “Find the product”"
	Hidden map[string]string
	Groups []NodeGroup
	Error  string
}

// FollowMenu asks where what follows goes when a node with branches is added above.
type FollowMenu struct {
	Action, Back string
	Title        string // of the type of node
	Place        string // "after “Find the product”"
	Help         string // what follows: "“Take from stock” and 2 more nodes"
	Hidden       map[string]string
	Take         string // the chosen option
	Options      []Option
	Error        string
}

// NodeGroup is a titled list of node types.
type NodeGroup struct {
	Title string
	Items []NodeItem
}

// NodeItem is one node type to add.
type NodeItem struct {
	Value     string // of the button: kind and variant
	Title     string
	Help      string
	Icon      string
	Forbidden string // why it cannot stand here; "" when it can
}

// NewWorkflow is the form of a new workflow.
type NewWorkflow struct {
	Title, Type string
	Sync        bool // runs at once instead of in the background
	Types       []Option
	Problems    map[string]string
}

// RemoveNode asks before a node is deleted, or a condition of one.
type RemoveNode struct {
	What     string // "node" or "condition"
	Title    string
	Text     string // what goes; not shown with Branches
	Action   string
	Back     string
	Revision int64
	Branches []Option // that can be kept; nil: it has none with nodes
	Used     []string // names of nodes that refer to it
}

func boolString(b bool) string { return strconv.FormatBool(b) }
