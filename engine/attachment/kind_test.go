package attachment

import (
	"archive/zip"
	"bytes"
	"strings"
	"testing"
)

const png = "\x89PNG\x0D\x0A\x1A\x0A"

// zipped is a ZIP file with parts of these names.
func zipped(t *testing.T, parts ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range parts {
		name, content, _ := strings.Cut(name, "=")
		f, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestSniff(t *testing.T) {
	t.Parallel()
	const docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
	tests := []struct{ name, content, ending, mime, suited string }{
		{"png", png, ".png", "image/png", ".png"},
		{"png that is called pdf", png, ".pdf", "image/png", ".png"},
		{"png without an ending", png, "", "image/png", ".png"},
		{"jpeg keeps its spelling", "\xFF\xD8\xFF\xE0", ".jpeg", "image/jpeg", ".jpeg"},
		{"pdf", "%PDF-1.7", ".pdf", "application/pdf", ".pdf"},
		{"html", "<!DOCTYPE html><script>alert(1)</script>", ".html", "text/html", ".html"},
		{"html that is called png", "<html><script>alert(1)</script>", ".png", "text/html", ".html"},
		{"html behind a comment", "<!-- x --><script>alert(1)</script>", ".txt", "text/html", ".html"},
		{"svg", `<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`, ".svg", "image/svg+xml", ".svg"},
		{"svg that is called png", `<?xml version="1.0"?><svg onload="alert(1)"/>`, ".png", "image/svg+xml", ".svg"},
		{"xml", `<?xml version="1.0"?><a/>`, ".xml", "application/xml", ".xml"},
		{"csv", "a;b\n1;2\n", ".csv", "text/csv", ".csv"},
		{"text that is called pdf", "hello", ".pdf", "text/plain", ".txt"},
		{"text of an unknown ending", "hello", ".log", "text/plain", ".log"},
		{"zip", zipped(t, "a.txt=hello"), ".zip", "application/zip", ".zip"},
		{"word", zipped(t, "[Content_Types].xml=<Types/>", "word/document.xml=<x/>"), ".docx", docx, ".docx"},
		{"word that is called zip", zipped(t, "word/document.xml=<x/>"), ".zip", docx, ".docx"},
		{"a zip that is called word", zipped(t, "a.txt=hello"), ".docx", "application/zip", ".zip"},
		{"open document", zipped(t, "mimetype=application/vnd.oasis.opendocument.spreadsheet"), ".ods", "application/vnd.oasis.opendocument.spreadsheet", ".ods"},
		{"old word", string(compound) + strings.Repeat("\x00", 600), ".doc", "application/msword", ".doc"},
		{"nothing known that is called word", "\x00\x01\x02", ".doc", "application/octet-stream", ".bin"},
		{"nothing known", "\x00\x01\x02", ".dat", "application/octet-stream", ".dat"},
		{"nothing at all", "", "", "text/plain", ""},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			mime, suited, err := sniff(strings.NewReader(tc.content), int64(len(tc.content)), tc.ending)
			if err != nil {
				t.Fatal(err)
			}
			if mime != tc.mime || suited != tc.suited {
				t.Errorf("it is %s, called %q; want %s, %q", mime, suited, tc.mime, tc.suited)
			}
		})
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	tests := []struct{ upload, title, ending string }{
		{"photo.PNG", "photo", ".png"},
		{"../../etc/passwd", "passwd", ""},
		{`C:\Users\ann\Über uns.pdf`, "Über uns", ".pdf"},
		{"a\x00b.pdf", "ab", ".pdf"},
		{"invoice\u202Efdp.exe", "invoicefdp", ".exe"}, // would read invoiceexe.pdf
		{"\u200Ehidden\u2066.txt", "hidden", ".txt"},
		{"line\r\nX-Injected: 1.txt", "lineX-Injected 1", ".txt"},
		{`"quoted";<b>.txt`, "quoted;b", ".txt"},
		{strings.Repeat("ü", 300) + ".txt", strings.Repeat("ü", 200), ".txt"},
		{"archive.tar.gz", "archive.tar", ".gz"},
		{"no.such ending", "no.such ending", ""},
		{"long." + strings.Repeat("x", 11), "long." + strings.Repeat("x", 11), ""},
		{".htaccess", "file", ".htaccess"},
		{"", "file", ""},
		{"..", "file", ""},
		{"/", "file", ""},
		{"CON", "CON", ""},
		{"\xff\xfe.txt", "file", ".txt"},
		{"عقد.pdf", "عقد", ".pdf"},
		{"a b.txt", "a b", ".txt"},
	}
	for _, tc := range tests {
		if title, ending := names(tc.upload); title != tc.title || ending != tc.ending {
			t.Errorf("names(%q) = %q, %q; want %q, %q", tc.upload, title, ending, tc.title, tc.ending)
		}
	}
}

func FuzzNames(f *testing.F) {
	for _, seed := range []string{"a.png", "../../x", "a\x00.b", "\u202Etxt.exe", ".", strings.Repeat("a.", 300)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, upload string) {
		title, ending := names(upload)
		if n := len([]rune(title)); n < 1 || n > longestTitle {
			t.Errorf("title of %d characters", n)
		}
		if len(ending) > longestEnding+1 || strings.ContainsAny(title+ending, "/\\\x00\r\n\"") {
			t.Errorf("names(%q) = %q, %q", upload, title, ending)
		}
	})
}
