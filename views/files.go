package views

import (
	"strconv"

	"github.com/a-h/templ"
)

// FileItem is a file that a record holds.
type FileItem struct {
	ID, Name, Size string // "scan.pdf", "1.2 MB"
	URL            string // where it is downloaded
	Picture        string // where it is shown; "" for what is no picture
}

// filesInCell is how many files a cell of a table names.
const filesInCell = 3

func moreFiles(n int) string { return "+" + strconv.Itoa(n) }

func addFileWords(f RecordField) string {
	if f.Multiple {
		return "Add files to " + f.Label
	}
	return "Choose a file for " + f.Label
}

// fileControl is [Field.Control] of the input that sends new files: under a name of
// its own, since the field's values are the ids of files.
func (f RecordField) fileControl() templ.Attributes {
	a := f.Control()
	a["name"] = "_file." + f.Name
	return a
}
