package sheet

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"alur/engine/fault"
)

// Limits of a file. What exceeds one is refused with a sentence that names it.
const (
	MaxBytes    = 50 << 20  // as uploaded
	MaxUnpacked = 512 << 20 // of a workbook
	MaxRows     = 500_000   // without the heads
	MaxColumns  = 200
	MaxCell     = 1 << 20 // bytes
)

// Format is the kind of a file.
type Format string

const (
	CSV  Format = "csv"
	XLSX Format = "xlsx"
)

// Valid reports whether f is one of ours.
func (f Format) Valid() bool { return f == CSV || f == XLSX }

// ContentType is what a browser is told.
func (f Format) ContentType() string {
	if f == XLSX {
		return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	}
	return "text/csv; charset=utf-8"
}

// checkRow refuses a row that is too wide or has a cell that is too long.
func checkRow(row int, cells []string) error {
	if len(cells) > MaxColumns {
		return fault.New(fault.Invalid, fmt.Sprintf("Row %d has %d columns; at most %d are read. Delete those you do not need.", row, len(cells), MaxColumns))
	}
	for _, c := range cells {
		if len(c) > MaxCell {
			return fault.New(fault.Invalid, fmt.Sprintf("Row %d has a cell of %d bytes; at most %d are read.", row, len(c), MaxCell))
		}
	}
	return nil
}

// Serial reads a day number of a workbook, as in 46149.5: days since 1899-12-30
// (ECMA-376 part 1, 18.17.4), or since 1904-01-01 in workbooks of that kind. The
// instant is meant without zone and given in UTC.
func Serial(cell string, from1904 bool) (time.Time, bool) {
	n, err := strconv.ParseFloat(cell, 64)
	if err != nil || math.IsNaN(n) || n < 0 || n > 2_958_466 { // the end of the year 9999
		return time.Time{}, false
	}
	start := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	if from1904 {
		start = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	days, part := math.Modf(n)
	ms := math.Round(part * 24 * 60 * 60 * 1000)
	return start.AddDate(0, 0, int(days)).Add(time.Duration(ms) * time.Millisecond), true
}

// formulaSigns begin a formula in spreadsheets that open a CSV file.
const formulaSigns = "=+-@\t\r"

// Guard makes text safe to open in a spreadsheet: what would be run as a formula
// gets an apostrophe in front (OWASP, CSV injection). [Unguard] takes it away.
func Guard(s string) string {
	if s != "" && strings.ContainsRune(formulaSigns, rune(s[0])) {
		return "'" + s
	}
	return s
}

// Unguard undoes [Guard].
func Unguard(s string) string {
	if len(s) > 1 && s[0] == '\'' && strings.ContainsRune(formulaSigns, rune(s[1])) {
		return s[1:]
	}
	return s
}
