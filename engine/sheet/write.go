package sheet

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"
)

// Writer writes one file. Close it to have it complete.
type Writer struct {
	write func(cells []any) error
	close func() error
}

// Write adds a row. Cells are nil, bool, string, float64, [Number], [Date] or
// time.Time, which is written as it reads in its zone.
func (w *Writer) Write(cells []any) error { return w.write(cells) }

// Close writes what is left. It does not close what the file is written to.
func (w *Writer) Close() error { return w.close() }

// Date is a day, as in "2026-05-07".
type Date string

// Number is a number with all its digits, as in "0.10".
type Number string

// NewWriter writes a file of a format to out, the heads first. CSV begins with a
// byte order mark: Excel would take it for Windows-1252 otherwise. A workbook
// reaches out only on Close.
func NewWriter(out io.Writer, format Format, name string, heads []string) (*Writer, error) {
	w, err := newWriter(out, format, name, len(heads))
	if err != nil {
		return nil, err
	}
	cells := make([]any, len(heads))
	for i, h := range heads {
		cells[i] = h
	}
	return w, w.Write(cells)
}

func newWriter(out io.Writer, format Format, name string, columns int) (*Writer, error) {
	if format == XLSX {
		return newWorkbook(out, name, columns)
	}
	if _, err := io.WriteString(out, "\ufeff"); err != nil {
		return nil, err
	}
	c := csv.NewWriter(out)
	c.UseCRLF = true // RFC 4180
	texts := make([]string, columns)
	return &Writer{
		write: func(cells []any) error {
			for i := range texts {
				texts[i] = csvCell(cells[i])
			}
			return c.Write(texts)
		},
		close: func() error { c.Flush(); return c.Error() },
	}, nil
}

func csvCell(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case string:
		return Guard(x)
	case float64:
		return strconv.FormatFloat(x, 'f', -1, 64)
	case time.Time:
		return x.Format("2006-01-02 15:04:05")
	}
	return fmt.Sprint(v)
}

// longestCell is what a cell of a workbook may hold, in UTF-16 units.
const longestCell = 32_767

func newWorkbook(out io.Writer, name string, columns int) (*Writer, error) {
	f := excelize.NewFile()
	// Excel's rules for the name of a sheet.
	if err := f.SetSheetName("Sheet1", sheetName(name)); err != nil {
		return nil, fmt.Errorf("name the sheet: %w", err)
	}
	day, err := f.NewStyle(&excelize.Style{CustomNumFmt: ptr("yyyy-mm-dd")})
	if err != nil {
		return nil, fmt.Errorf("style dates: %w", err)
	}
	instant, err := f.NewStyle(&excelize.Style{CustomNumFmt: ptr("yyyy-mm-dd hh:mm:ss")})
	if err != nil {
		return nil, fmt.Errorf("style times: %w", err)
	}
	head, err := f.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}})
	if err != nil {
		return nil, fmt.Errorf("style the heads: %w", err)
	}
	s, err := f.NewStreamWriter(sheetName(name))
	if err != nil {
		return nil, fmt.Errorf("begin a sheet: %w", err)
	}
	if err := s.SetColWidth(1, max(columns, 1), 18); err != nil {
		return nil, fmt.Errorf("set the width of columns: %w", err)
	}
	err = s.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"})
	if err != nil {
		return nil, fmt.Errorf("freeze the heads: %w", err)
	}
	row := 0
	values := make([]any, columns)
	return &Writer{
		write: func(cells []any) error {
			row++
			for i := range values {
				values[i] = workbookCell(cells[i], day, instant)
				if row == 1 {
					values[i] = excelize.Cell{StyleID: head, Value: cells[i]}
				}
			}
			at, err := excelize.CoordinatesToCellName(1, row)
			if err != nil {
				return err
			}
			return s.SetRow(at, values)
		},
		close: func() error {
			defer f.Close()
			if err := s.Flush(); err != nil {
				return err
			}
			return f.Write(out)
		},
	}, nil
}

// workbookCell is a cell of a workbook: dates are real ones.
func workbookCell(v any, day, instant int) any {
	switch x := v.(type) {
	case Date:
		if t, err := time.Parse(time.DateOnly, string(x)); err == nil && t.Year() >= 1900 {
			return excelize.Cell{StyleID: day, Value: t}
		}
		return string(x)
	case time.Time:
		if x.Year() >= 1900 {
			return excelize.Cell{StyleID: instant, Value: time.Date(x.Year(), x.Month(), x.Day(), x.Hour(), x.Minute(), x.Second(), x.Nanosecond(), time.UTC)}
		}
		return csvCell(x)
	case Number:
		if n, err := strconv.ParseFloat(string(x), 64); err == nil && len(strings.TrimLeft(string(x), "-0.")) <= 15 {
			return n
		}
		return string(x)
	case string:
		if rs := []rune(x); len(rs) > longestCell/2 {
			return string(rs[:longestCell/2-1]) + "…"
		}
		return x
	}
	return v
}

// sheetName makes name one that Excel accepts: 31 letters, without some signs.
func sheetName(name string) string {
	var rs []rune
	for _, r := range name {
		switch r {
		case ':', '\\', '/', '?', '*', '[', ']', '\'':
			r = ' '
		}
		if r >= ' ' && r < 0x10000 && len(rs) < 31 {
			rs = append(rs, r)
		}
	}
	if len(rs) == 0 {
		return "Records"
	}
	return string(rs)
}

func ptr[T any](v T) *T { return &v }
