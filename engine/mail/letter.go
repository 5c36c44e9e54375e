package mail

import (
	"bytes"
	"embed"
	"fmt"
	html "html/template"
	"strings"
	text "text/template"
)

//go:embed letter.html.tmpl letter.txt.tmpl
var letterFiles embed.FS

var (
	letterHTML = html.Must(html.New("letter.html.tmpl").Funcs(html.FuncMap{"rows": rows, "width": width}).
			ParseFS(letterFiles, "letter.html.tmpl"))
	letterText = text.Must(text.New("letter.txt.tmpl").Funcs(text.FuncMap{"indent": indent}).
			ParseFS(letterFiles, "letter.txt.tmpl"))
)

// Letter is what a mail says; [Letter.Render] sets it in our design. Every
// string may hold anything: both parts escape what they must. All but Title may
// be empty.
type Letter struct {
	Preview string   // shown beside the subject in lists of mails
	Intro   string   // who writes why: "Bob Meyer asks for your decision"
	Title   string   // the matter
	Due     string   // "Until Mon, 23 Nov 2026, 17:00"
	Summary string   // a paragraph
	Facts   []Fact   // what one needs to know
	Buttons []Button // the first one stands out
	Note    string   // below the buttons
	More    *Button  // a link in the note's line
	Footer  []string // small print, a line each
}

// Fact is a labelled value.
type Fact struct {
	Label string `json:"label"`
	Value string `json:"value"`
}

// Button leads somewhere. URLs other than http and https are rendered harmless.
type Button struct {
	Label string
	URL   string
}

// Render returns the plain text and the HTML of l.
func (l Letter) Render() (plain, rich string, err error) {
	var t, h bytes.Buffer
	if err := letterText.Execute(&t, l); err != nil {
		return "", "", fmt.Errorf("render mail text: %w", err)
	}
	if err := letterHTML.Execute(&h, l); err != nil {
		return "", "", fmt.Errorf("render mail HTML: %w", err)
	}
	return t.String(), h.String(), nil
}

// rows sets buttons side by side in twos.
func rows(bs []Button) [][]Button {
	var out [][]Button
	for len(bs) > 2 {
		out, bs = append(out, bs[:2]), bs[2:]
	}
	if len(bs) > 0 {
		out = append(out, bs)
	}
	return out
}

func width(row []Button) string {
	if len(row) == 1 {
		return "100%"
	}
	return "48%"
}

// indent keeps the further lines of a value below its label, so that a value
// cannot pass for a line of ours.
func indent(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	return strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n    ")
}
