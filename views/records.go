package views

import (
	"strings"

	"github.com/a-h/templ"
)

// RecordList is the table of a collection's records.
type RecordList struct {
	Title      string
	URL        string // of the list without any filter
	All        string // of the list without any view
	Query      string
	Keep       []Hidden // what a search must not lose: view, filter and order
	Tabs       []Tab    // saved views; none when there are none
	Chips      []Chip
	Lost       string // conditions that do not fit any more
	FilterURL  string
	ColumnsURL string
	Shown      string // "7 of 14" columns
	SaveView   string // address to save the list as a view; "" when there is nothing to save
	EditView   string // address to change the view; "" when the reader may not
	Columns    []Sort
	Rows       []RecordRow
	Pager      Pager
	Narrowed   bool   // a search or filter is on
	Bulk       string // address of what is done with several records
	BulkKeep   []Hidden
	BulkAll    string // "All 73 records that match"; "" when they are on the page, or too many
	Import     string // address of the import; "" when the reader may not
	Export     string // of the export of what the list shows; "" when the reader may not
	New        string // of the form for a new record; "" when the reader may not make any
	Define     string // address of the collection's definition; "" when the reader may not change it
	Layout     string // of the form's arrangement
	Deleted    string // of deleted records; "" when none are kept
}

// Hidden is a value that a form sends along.
type Hidden struct{ Name, Value string }

// RecordRow is one record in a table.
type RecordRow struct {
	ID    string
	Name  string // what the record is called by
	URL   string
	Cells []Cell // as many as columns; the first one leads to the record
}

// Cell is one value in a table, worded.
type Cell struct {
	Label  string // of the column, for narrow screens
	Text   string
	Class  string // "num", "hide-m", "nowrap"
	URL    string // of the record it refers to
	Moment Moment // a time, with Text empty
	Tag    bool   // one of several choices
	State  string // of a choice with a color: a Badge
	Person bool
	Files  []FileItem
	Edit   string // address of the control that takes the cell's place; "" when it cannot be edited here
}

// Blank reports whether there is nothing to show.
func (c Cell) Blank() bool { return c.Text == "" && c.Moment.ISO == "" && len(c.Files) == 0 }

// FilterBuilder changes the filter of a list.
type FilterBuilder struct {
	Action string
	Keep   []Hidden
	Root   FilterGroup
	Back   string
}

// FilterGroup is conditions that belong together.
type FilterGroup struct {
	Place   string // "" for the outermost, else as in ".1.0"
	Any     bool   // one is enough
	Parts   []FilterPart
	Depth   int
	Deepest bool // no group fits into it
	Full    bool // nothing more fits into it
}

// FilterPart is a group or a condition in a group.
type FilterPart struct {
	Place string
	Group *FilterGroup
	Cond  *FilterCond
}

// FilterCond is one comparison.
type FilterCond struct {
	Fields []OptionGroup
	Ops    []Option
	Values []RecordField // one, two, or none
	Unit   string        // behind the value: "days"
	Error  string
}

// OptionGroup is options of a select under a title; "" for none.
type OptionGroup struct {
	Title   string
	Options []Option
}

// ColumnsForm chooses and orders the columns of a list.
type ColumnsForm struct {
	Action string
	Keep   []Hidden
	Rows   []ColumnRow
	Back   string
}

// ColumnRow is one column that can be chosen.
type ColumnRow struct {
	Path, Title, Icon string
	Chosen            bool
}

// ViewForm saves a list as a view, or changes one.
type ViewForm struct {
	Title, Do    string
	Action       string
	Delete       string // address that deletes it; "" for a new one
	Back         string
	Keep         []Hidden
	Name         string
	Shared       bool
	Default      bool
	MayOpenFirst bool // also for everybody
	Facts        []Fact
	Problems     map[string]string
}

// BulkForm changes one field of several records.
type BulkForm struct {
	Title, Do string
	Action    string
	Back      string
	Keep      []Hidden
	Fields    []Option
	Value     RecordField
}

// CellForm is the control in place of a value in a table.
type CellForm struct {
	Action  string
	Seen    string // the state the editor started from
	View    string // of the list, so that the row comes back with the same columns
	Control RecordField
}

// RecordForm makes or changes a record.
type RecordForm struct {
	Title      string
	Sub        string
	Crumbs     []Link
	Action     string
	Do         string // "Save order"
	Cancel     string
	Delete     string // address of the question; "" for a new record
	Executions string // address of the executions about it; "" for none
	Seen       string // the state the editor started from
	Base       string // what the form showed then, in short
	Into       string // id of the field that the new record is for; "" for none
	Refusal    string // why it was not saved, when no field is at fault
	Conflict   []Difference
	Theirs     string // address of the record as it is stored, with Conflict
	Sections   []RecordSection
	Facts      []Fact
	Changes    []RecordChange
	AllChanges string // address of the whole history; "" when Changes are all
	Related    []RelatedList
	Problems   int
	Multipart  bool // some field holds files
}

// RecordSection is a part of a form; without a title when there is but one.
type RecordSection struct {
	Title, Help string
	Fields      []RecordField
}

// Difference is one field in which two versions of a record differ.
type Difference struct {
	Field, Name, Theirs, Mine string
	Choose                    bool // both were changed: somebody has to choose
}

// RecordChange is one thing that happened to a record.
type RecordChange struct {
	ID       string
	Icon     string
	Who      string // "Ann Bauer", "The workflow"
	What     string // "changed 2 fields"
	Workflow Link   // that did it; Text empty for none, URL when the reader may see the execution
	At       Moment
	Via      string       // "by the API"
	Fields   []Difference // Theirs is the value before, Mine the one after
}

// RecordHistory is all that happened to a record.
type RecordHistory struct {
	Title  string
	Crumbs []Link
	Kept   bool // the collection keeps a history
	Rows   []RecordChange
	Pager  Pager
}

// DeletedRecords lists what was deleted from a collection.
type DeletedRecords struct {
	Title  string
	Crumbs []Link
	Kept   bool
	Back   string
	Rows   []DeletedRecordRow
	Pager  Pager
}

// DeletedRecordRow is one record that was deleted.
type DeletedRecordRow struct {
	Title, URL, Who string
	At              Moment
}

// DeletedRecord is the last values of a record that was deleted.
type DeletedRecord struct {
	Title, Sub string
	Crumbs     []Link
	Facts      []Fact
	LeftOut    []string // titles of fields that were too long to be kept
	Restore    string   // address that makes it again; "" when it is there
	There      string   // address of the record when its id is in use
}

// RelateForm adds a record to a relation.
type RelateForm struct {
	Title, Sub string
	Action     string
	Control    RecordField
	Back       string
}

// LayoutForm arranges the form of a collection.
type LayoutForm struct {
	Title    string
	Crumbs   []Link
	Action   string
	Back     string
	Sections []LayoutSection
	Fields   []LayoutField
	History  bool
	Problems map[string]string
}

// LayoutSection is the line for one section.
type LayoutSection struct{ N, Title, Help, Error string }

// LayoutField is the line for one field.
type LayoutField struct {
	Name, Title, Icon, Place string
	Section                  string // number of its section; "" for none
	Options                  []Option
}

// PickedRecord is a record that was made for a field of another form.
type PickedRecord struct{ Into, Value, Text string }

// Kinds of controls in a record form.
const (
	KindText   = "text"
	KindArea   = "area"
	KindSelect = "select"
	KindCheck  = "check"
	KindPicker = "picker"
	KindChecks = "checks" // several of a few
	KindFiles  = "files"
	KindNone   = "none"
)

// RecordField is a control for one field.
type RecordField struct {
	Field
	Kind   string
	Search string // picker: what was searched without JavaScript
	More   bool   // picker: there are more records than options
	From   string // picker: where options are looked up
	Make   string // picker: address of the form for a new record; "" for none
	Chosen string // picker: the words for Value
	Files  []FileItem
	Upload string // files: where one is sent before the form is
	Accept string // files: of the control, "image/*,.pdf"
}

// RelatedList shows the records of another collection that refer to this one.
type RelatedList struct {
	Title   string
	Count   string
	Columns []Sort // without addresses
	Rows    []RecordRow
	All     string // address of all of them
	New     string // address of the form for another one
	NewText string
	Add     string // address to add one that is there
	Remove  string // address to take one out; "" when each has to belong somewhere
}

// Pick is a list of records to choose from.
type Pick struct {
	Rows []PickRow
	More bool
	None string // what to say when there are no rows
}

// PickRow is one record to choose.
type PickRow struct{ Value, Text, Note string }

// cellEdit makes a cell one that can be edited in place (grid.js).
func cellEdit(c Cell) templ.Attributes {
	if c.Edit == "" {
		return nil
	}
	return templ.Attributes{"data-edit": c.Edit, "tabindex": "-1"}
}

func pickerMake(f RecordField) templ.Attributes {
	if f.Make == "" {
		return nil
	}
	return templ.Attributes{"data-make": f.Make}
}

func anyOrAll(g FilterGroup) string {
	if g.Any {
		return "any"
	}
	return "all"
}

// refresh makes a control bring the filter's form anew. Its own value goes with the
// form; do is what a button does.
func refresh(vm FilterBuilder, do string) templ.Attributes {
	url := vm.Action
	if do != "" {
		url += "?do=" + do
	}
	return templ.Attributes{"hx-get": url, "hx-include": "#filter-form input:not([type=checkbox]), #filter-form :checked, #filter-form select", "hx-target": "#filter-form", "hx-swap": "outerHTML"}
}

func openHelp(vm ViewForm) string {
	if vm.MayOpenFirst {
		return "When you open the collection. Of a shared view: when anybody does who has none of their own."
	}
	return "When you open the collection."
}

func moveIcon(way string) string {
	if way == "down" {
		return "sorted" // the arrow down
	}
	return way
}

// afterDot sets text apart from what stands before it; "" stays "".
func afterDot(text string) string {
	if text == "" {
		return ""
	}
	return "\u00a0· " + text // a plain space would be lost at the edge of its box
}

func relatedAll(r RelatedList) Link {
	if r.All == "" {
		return Link{}
	}
	return Link{Text: "Show all", URL: r.All}
}

func allChanges(vm RecordForm) string {
	if vm.AllChanges == "" {
		return ""
	}
	return "All changes"
}

// sectionTitle names the last section when it has no title of its own.
func sectionTitle(s RecordSection) string {
	if s.Title == "" {
		return "More"
	}
	return s.Title
}

func deletedNone(kept bool) string {
	if kept {
		return "Deleted records show here, with their last values, from when the history was turned on."
	}
	return "The history of this collection is off. Turn it on under “Form and history”, and records that are deleted show here."
}

func problemWords(n int) string {
	return Count(n, "field needs your attention", "fields need your attention")
}

// Decimal puts commas into the whole part of a number in text: "1,290.50". What
// is no number comes back as it is.
func Decimal(s string) string {
	sign, digits := "", s
	if strings.HasPrefix(s, "-") {
		sign, digits = "-", s[1:]
	}
	whole, rest, point := strings.Cut(digits, ".")
	if whole == "" || strings.Trim(whole, "0123456789") != "" {
		return s
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if point {
		whole += "." + rest
	}
	return sign + whole
}
