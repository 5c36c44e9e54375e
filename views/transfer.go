package views

import "strconv"

// ImportStart is where a file is chosen.
type ImportStart struct {
	Title    string // "Import into Orders"
	Crumbs   []Link
	Action   string
	Problem  string // of the file
	Limits   string
	Template string // address of an empty file with the right columns
	Recent   []ImportRow
}

// ImportRow is one import in a list.
type ImportRow struct {
	File  string
	URL   string
	State string
	Word  string
	Rows  string // "1,200 rows"
	Made  Moment
}

// Import is one import: what its columns mean, how far it is, or what came of it.
type Import struct {
	Title   string
	Sub     string
	Crumbs  []Link
	URL     string
	State   string // of a badge
	Word    string
	Problem string // of the settings as a whole, or why the import failed

	Columns  []ImportColumn // while it can be set up
	Match    Field
	Existing Field
	Missing  Field
	Whole    Field
	Decimal  Field
	Dates    Field
	Setup    bool // the settings can be changed
	Checked  bool // a dry run is over

	Open  bool // work is under way: Done of Total
	Done  int
	Total int
	Step  string // "Checking", "Importing"

	Facts    []Fact
	Problems []ImportProblem
	More     string // "Only the first 50 of 312 are shown."
	Report   string // address of the rows with a problem; "" for none
	Records  string // address of the records
}

// ImportColumn is one column of the file.
type ImportColumn struct {
	Head    string
	Samples []string
	Target  Field
}

// ImportProblem is one row that cannot be imported.
type ImportProblem struct{ Row, Text, Problem string }

// Export asks what goes into a file.
type Export struct {
	Title   string
	Sub     string
	Crumbs  []Link
	Action  string
	Keep    []Hidden // which records
	Columns Field
	Format  Field
	Cancel  string
}

func (i Import) percent() string {
	if i.Total == 0 {
		return "0"
	}
	return strconv.Itoa(i.Done * 100 / i.Total)
}
