package sheet_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"alur/engine/fault"
	"alur/engine/sheet"
)

// file writes content into a file and returns its path.
func file(t *testing.T, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "upload")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// rows reads all of a file.
func rows(path string) (r *sheet.Reader, list [][]string, err error) {
	if r, err = sheet.Open(path); err != nil {
		return nil, nil, err
	}
	defer r.Close()
	for {
		row, err := r.Next()
		if errors.Is(err, io.EOF) {
			return r, list, nil
		}
		if err != nil {
			return r, list, err
		}
		list = append(list, slices.Clone(row))
	}
}

func utf16(s string) []byte {
	b := []byte{0xff, 0xfe}
	for _, r := range s {
		b = append(b, byte(r), byte(r>>8))
	}
	return b
}

func TestCSV(t *testing.T) {
	long := strings.Repeat("x", 64<<10-1) + "äß" // a letter across two parts
	for _, c := range []struct {
		name  string
		in    []byte
		comma rune
		want  [][]string
	}{
		{"comma", []byte("a,b\n1,2\n"), ',', [][]string{{"a", "b"}, {"1", "2"}}},
		{"no line end", []byte("a,b\r\n1,2"), ',', [][]string{{"a", "b"}, {"1", "2"}}},
		{"semicolon", []byte("a;b\n1,5;2\n"), ';', [][]string{{"a", "b"}, {"1,5", "2"}}},
		{"tab", []byte("a\tb\n1\t2\n"), '\t', [][]string{{"a", "b"}, {"1", "2"}}},
		{"bar", []byte("a|b\n1|2\n"), '|', [][]string{{"a", "b"}, {"1", "2"}}},
		{"one column", []byte("a\n1;2\n"), ',', [][]string{{"a"}, {"1;2"}}},
		{"quoted head", []byte("\"a;b;c\",d\n1,2\n"), ',', [][]string{{"a;b;c", "d"}, {"1", "2"}}},
		{"quotes and lines", []byte("a,b\n\"x\ny\",\"say \"\"hi\"\"\"\n"), ',', [][]string{{"a", "b"}, {"x\ny", `say "hi"`}}},
		{"byte order mark", []byte("\ufeffa,b\n1,2\n"), ',', [][]string{{"a", "b"}, {"1", "2"}}},
		{"UTF-16", utf16("a;ü\n1;2\n"), ';', [][]string{{"a", "ü"}, {"1", "2"}}},
		{"Windows-1252", []byte("a,b\nM\xfcller,\x80 5\n"), ',', [][]string{{"a", "b"}, {"Müller", "€ 5"}}},
		{"letter across parts", []byte("a\n" + long + "\n"), ',', [][]string{{"a"}, {long}}},
		{"empty rows", []byte("a,b\n,\n\n 1,2\n"), ',', [][]string{{"a", "b"}, {" 1", "2"}}},
		{"short and long rows", []byte("a,b\n1\n1,2,3\n"), ',', [][]string{{"a", "b"}, {"1"}, {"1", "2", "3"}}},
		{"guarded", []byte("a\n'=1+1\n'tis\n"), ',', [][]string{{"a"}, {"=1+1"}, {"'tis"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, got, err := rows(file(t, c.in))
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Fatalf("%q, %v, want %q", got, err, c.want)
			}
			if r.Comma != c.comma || r.Format != sheet.CSV {
				t.Errorf("separated by %q in a %s, want %q in a csv", r.Comma, r.Format, c.comma)
			}
		})
	}
}

// TestRefused: what cannot be read is refused in words.
func TestRefused(t *testing.T) {
	var notBook bytes.Buffer
	z := zip.NewWriter(&notBook)
	if _, err := z.Create("x.txt"); err != nil {
		t.Fatal(err)
	}
	z.Close()
	for _, c := range []struct {
		name string
		in   []byte
		want string
	}{
		{"empty", nil, "empty"},
		{"old workbook", []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 and more"), ".xlsx"},
		{"zip of something", notBook.Bytes(), "cannot be read"},
		{"broken zip", []byte("PK\x03\x04 and nothing"), "cannot be read"},
		{"picture", append([]byte("\x89PNG\r\n\x1a\n"), make([]byte, 100)...), "neither"},
		{"wide", []byte(strings.Repeat("a,", sheet.MaxColumns) + "b\n"), "at most 200"},
		{"long cell", []byte("a\n" + strings.Repeat("x", sheet.MaxCell+1) + "\n"), "at most 1048576"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := rows(file(t, c.in))
			if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want Invalid with %q", err, c.want)
			}
		})
	}
}

// TestRoundTrip: what is written is read again.
func TestRoundTrip(t *testing.T) {
	zone := time.FixedZone("", 7*60*60)
	when := time.Date(2026, 5, 7, 14, 30, 15, 0, zone)
	in := []any{"=danger", "-5", sheet.Number("0.10"), sheet.Number("-12345678901234567890"), 1.5, true, nil, sheet.Date("2026-05-07"), when, "äöü\nnext"}
	want := map[sheet.Format][]string{
		sheet.CSV:  {"=danger", "-5", "0.10", "-12345678901234567890", "1.5", "true", "", "2026-05-07", "2026-05-07 14:30:15", "äöü\nnext"},
		sheet.XLSX: {"=danger", "-5", "0.1", "-12345678901234567890", "1.5", "1", "", "46149", "46149.60434027778", "äöü\nnext"},
	}
	heads := strings.Split("a b c d e f g h i j", " ")
	for format, cells := range want {
		t.Run(string(format), func(t *testing.T) {
			var out bytes.Buffer
			w, err := sheet.NewWriter(&out, format, "Orders: [all] / of the year 2026 and more", heads)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(w.Write(in), w.Close()); err != nil {
				t.Fatal(err)
			}
			r, got, err := rows(file(t, out.Bytes()))
			if err != nil || len(got) != 2 || !slices.Equal(got[0], heads) {
				t.Fatalf("%q, %v", got, err)
			}
			if !slices.Equal(got[1], cells) {
				t.Errorf("\n%q, want\n%q", got[1], cells)
			}
			if r.Format != format {
				t.Errorf("a %s", r.Format)
			}
			if format == sheet.XLSX {
				if at, ok := sheet.Serial(got[1][8], false); !ok || at.Format(time.DateTime) != "2026-05-07 14:30:15" {
					t.Errorf("the time reads as %s", at)
				}
			} else if !strings.Contains(out.String(), "'=danger") {
				t.Error("a formula is not guarded")
			}
		})
	}
}

func TestSerial(t *testing.T) {
	for _, c := range []struct {
		cell string
		mac  bool
		want string
	}{
		{"46149", false, "2026-05-07 00:00:00.000"},
		{"46149.5", false, "2026-05-07 12:00:00.000"},
		{"44687", true, "2026-05-07 00:00:00.000"},
		{"0.000011574", false, "1899-12-30 00:00:01.000"},
		{"2958465", false, "9999-12-31 00:00:00.000"},
		{"2958467", false, ""}, {"-1", false, ""}, {"NaN", false, ""}, {"2026-05-07", false, ""},
	} {
		at, ok := sheet.Serial(c.cell, c.mac)
		got := ""
		if ok {
			got = at.Format("2006-01-02 15:04:05.000")
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.cell, got, c.want)
		}
	}
}

// FuzzOpen: no file brings the reader down, and what it refuses it refuses in
// words.
func FuzzOpen(f *testing.F) {
	f.Add([]byte("a,b\n1,2\n"))
	f.Add([]byte("\"a\n"))
	f.Add(utf16("a;b\n"))
	f.Add([]byte("PK\x03\x04"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(dir, fmt.Sprintf("%x", len(content)))
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := rows(path); err != nil && !fault.Is(err, fault.Invalid) {
			t.Fatalf("%v", err)
		}
	})
}
