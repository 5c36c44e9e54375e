package sheet

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"alur/engine/fault"
)

// Reader reads the rows of one file. Close it.
type Reader struct {
	Format   Format
	Comma    rune // between the cells of a CSV; 0 for workbooks
	Latin    bool // the CSV was taken for Windows-1252
	From1904 bool // day numbers of the workbook begin in 1904, see [Serial]
	Sheet    string

	next  func() ([]string, error)
	close func()
	row   int
}

// Open reads the file at path: a workbook's first sheet that is not empty, or a
// CSV. Problems of the file are of kind Invalid.
func Open(path string) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open an uploaded file: %w", err)
	}
	head := make([]byte, 8)
	n, err := io.ReadFull(f, head)
	switch {
	case n == 0:
		f.Close()
		return nil, fault.New(fault.Invalid, "The file is empty.")
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		f.Close()
		return nil, fmt.Errorf("read an uploaded file: %w", err)
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		f.Close()
		return openWorkbook(path)
	case bytes.HasPrefix(head, []byte("\xd0\xcf\x11\xe0")):
		f.Close()
		return nil, fault.New(fault.Invalid, "This is an old or a locked workbook. Save it as .xlsx without a password, or as CSV.")
	}
	r, err := openCSV(f)
	if err != nil {
		f.Close()
	}
	return r, err
}

// Next returns the next row that is not empty, io.EOF after the last one. Cells
// at the end of a row that are empty may be missing. The slice is reused.
func (r *Reader) Next() ([]string, error) {
	for {
		cells, err := r.next()
		if err != nil {
			return nil, err
		}
		r.row++
		if err := checkRow(r.row, cells); err != nil {
			return nil, err
		}
		for _, c := range cells {
			if strings.TrimSpace(c) != "" {
				return cells, nil
			}
		}
	}
}

// Row is the number of the row that Next gave last, from 1, as a spreadsheet
// counts them.
func (r *Reader) Row() int { return r.row }

// Close gives everything back.
func (r *Reader) Close() { r.close() }

func openCSV(f *os.File) (*Reader, error) {
	valid, sample, err := look(f)
	if err != nil {
		return nil, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("read an uploaded file: %w", err)
	}
	r := &Reader{Format: CSV, close: func() { f.Close() }}
	var text io.Reader = f
	switch {
	case bytes.HasPrefix(sample, []byte("\xff\xfe")), bytes.HasPrefix(sample, []byte("\xfe\xff")):
		text = transform.NewReader(f, unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder())
		decoded, _, err := transform.Bytes(unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder(), sample[:len(sample)&^1])
		if err == nil {
			sample = decoded
		}
	case valid:
		text = transform.NewReader(f, unicode.UTF8BOM.NewDecoder())
	case bytes.IndexByte(sample, 0) >= 0:
		return nil, fault.New(fault.Invalid, "This is neither a CSV file nor an .xlsx workbook.")
	default:
		r.Latin = true
		text = transform.NewReader(f, charmap.Windows1252.NewDecoder())
	}
	r.Comma = comma(sample)
	c := csv.NewReader(bufio.NewReaderSize(text, 64<<10))
	c.Comma, c.FieldsPerRecord, c.ReuseRecord, c.LazyQuotes = r.Comma, -1, true, true
	r.next = func() ([]string, error) {
		cells, err := c.Read()
		var bad *csv.ParseError
		switch {
		case errors.As(err, &bad):
			return nil, fault.Wrap(fault.Invalid, fmt.Sprintf("Line %d cannot be read: a quoted cell does not end.", bad.StartLine), err)
		case err != nil && !errors.Is(err, io.EOF):
			return nil, fmt.Errorf("read an uploaded file: %w", err)
		case err != nil:
			return nil, io.EOF
		}
		for i, cell := range cells {
			cells[i] = Unguard(cell)
		}
		return cells, nil
	}
	return r, nil
}

// look reads the whole file once: whether it is UTF-8, and how it begins.
func look(f *os.File) (valid bool, sample []byte, err error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return false, nil, fmt.Errorf("read an uploaded file: %w", err)
	}
	valid = true
	buf, rest := make([]byte, 64<<10), 0
	for {
		n, err := f.Read(buf[rest:])
		part := buf[:rest+n]
		if sample == nil {
			sample = bytes.Clone(part)
		}
		end := len(part)
		if err == nil {
			end -= unfinished(part)
		}
		if !utf8.Valid(part[:end]) || bytes.IndexByte(part[:end], 0) >= 0 {
			valid = false
		}
		rest = copy(buf, part[end:])
		switch {
		case errors.Is(err, io.EOF):
			return valid, sample, nil
		case err != nil:
			return false, nil, fmt.Errorf("read an uploaded file: %w", err)
		}
	}
}

// unfinished is how many bytes at the end of part are the beginning of a letter.
func unfinished(part []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(part); n++ {
		if tail := part[len(part)-n:]; utf8.RuneStart(tail[0]) {
			if utf8.FullRune(tail) {
				return 0
			}
			return n
		}
	}
	return 0
}

// comma is the sign that stands between the cells of the first line.
func comma(sample []byte) rune {
	counts := map[rune]int{}
	quoted := false
	for _, c := range string(sample) {
		switch {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '\n' && len(counts) > 0:
			return most(counts)
		case c == ',', c == ';', c == '\t', c == '|':
			counts[c]++
		case c == '\n':
			return ','
		}
	}
	return most(counts)
}

func most(counts map[rune]int) rune {
	best := ','
	for _, c := range []rune{',', ';', '\t', '|'} {
		if counts[c] > counts[best] {
			best = c
		}
	}
	return best
}

// longNumber is a number with more digits than a workbook means: 0.1 is stored
// as 0.10000000000000001.
var longNumber = regexp.MustCompile(`^-?[0-9]*\.[0-9]{14,}(E[-+]?[0-9]+)?$`)

func openWorkbook(path string) (*Reader, error) {
	f, err := excelize.OpenFile(path, excelize.Options{UnzipSizeLimit: MaxUnpacked, UnzipXMLSizeLimit: 4 << 20, RawCellValue: true})
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "This workbook cannot be read. Save it again as .xlsx, or as CSV.", err)
	}
	r := &Reader{Format: XLSX}
	if props, err := f.GetWorkbookProps(); err == nil && props.Date1904 != nil {
		r.From1904 = *props.Date1904
	}
	for _, name := range f.GetSheetList() {
		rows, err := f.Rows(name)
		if err != nil {
			continue // a chart has no rows
		}
		if !rows.Next() {
			rows.Close()
			continue
		}
		r.Sheet = name
		first := true
		r.next = func() ([]string, error) {
			if !first && !rows.Next() {
				if err := rows.Error(); err != nil {
					return nil, fault.Wrap(fault.Invalid, fmt.Sprintf("The workbook cannot be read after row %d. Save it again, or as CSV.", r.row), err)
				}
				return nil, io.EOF
			}
			first = false
			cells, err := rows.Columns()
			if err != nil {
				return nil, fault.Wrap(fault.Invalid, fmt.Sprintf("The workbook cannot be read in row %d. Save it again, or as CSV.", r.row+1), err)
			}
			for i, cell := range cells {
				if longNumber.MatchString(cell) {
					if n, err := strconv.ParseFloat(cell, 64); err == nil {
						cells[i] = strconv.FormatFloat(n, 'g', 15, 64)
					}
				}
			}
			return cells, nil
		}
		r.close = func() { rows.Close(); f.Close() }
		return r, nil
	}
	f.Close()
	return nil, fault.New(fault.Invalid, "The workbook has no cells.")
}
