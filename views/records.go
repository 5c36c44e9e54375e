package views

import "strings"

// RecordList is the table of a collection's records.
type RecordList struct {
	Title    string
	URL      string // of the list without any filter
	Sub      string
	Query    string
	Keep     []Hidden // what a search must not lose: filters and order
	Chips    []Chip
	Fields   []Link // fields to filter by
	Columns  []Sort
	Rows     []RecordRow
	Pager    Pager
	Narrowed bool   // a search or filter is on
	Export   string // address of the export of what the list shows
	Define   string // address of the collection's definition; "" when the reader may not change it
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
}

// Blank reports whether there is nothing to show.
func (c Cell) Blank() bool { return c.Text == "" && c.Moment.ISO == "" }

// FilterForm asks for one condition on one field.
type FilterForm struct {
	Title  string // "Filter by Stock"
	Action string
	Keep   []Hidden
	Field  string // its name
	Ops    []Option
	Value  RecordField // its Kind is "none" when no operator takes a value
	Back   string
}

// RecordForm makes or changes a record.
type RecordForm struct {
	Title    string
	Sub      string
	Crumbs   []Link
	Action   string
	Do       string // "Save order"
	Cancel   string
	Delete   string // address of the question; "" for a new record
	Seen     string // the state the editor started from
	Refusal  string // why it was not saved, when no field is at fault
	Conflict []Difference
	Theirs   string // address of the record as it is stored, with Conflict
	Fields   []RecordField
	Facts    []Fact
	Related  []RelatedList
	Problems int
}

// Difference is one field in which two versions of a record differ.
type Difference struct{ Name, Theirs, Mine string }

// Kinds of controls in a record form.
const (
	KindText   = "text"
	KindArea   = "area"
	KindSelect = "select"
	KindCheck  = "check"
	KindPicker = "picker"
	KindChecks = "checks" // several of a few
	KindNone   = "none"
)

// RecordField is a control for one field.
type RecordField struct {
	Field
	Kind   string
	Search string // picker: what was searched without JavaScript
	More   bool   // picker: there are more records than options
	From   string // picker: where options are looked up
	Chosen string // picker: the words for Value
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
}

// Pick is a list of records to choose from.
type Pick struct {
	Rows []PickRow
	More bool
	None string // what to say when there are no rows
}

// PickRow is one record to choose.
type PickRow struct{ Value, Text, Note string }

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
