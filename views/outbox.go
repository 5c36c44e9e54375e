package views

import (
	"context"
	"io"
	"regexp"

	"github.com/a-h/templ"
)

var address = regexp.MustCompile(`https?://[^\s<>"]+[^\s<>".,;:!?)]`)

// TextParts finds the addresses in a plain text.
func TextParts(text string) []TextPart {
	var parts []TextPart
	end := 0
	for _, at := range address.FindAllStringIndex(text, -1) {
		if at[0] > end {
			parts = append(parts, TextPart{Text: text[end:at[0]]})
		}
		parts = append(parts, TextPart{Text: text[at[0]:at[1]], URL: text[at[0]:at[1]]})
		end = at[1]
	}
	return append(parts, TextPart{Text: text[end:]})
}

// mailText keeps the text's own line breaks, so nothing of a template's white
// space may come between its parts.
func mailText(parts []TextPart) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		out := `<div class="mail-text">`
		for _, p := range parts {
			text := templ.EscapeString(p.Text)
			if p.URL != "" {
				text = `<a rel="noreferrer" href="` + templ.EscapeString(string(templ.URL(p.URL))) + `">` + text + `</a>`
			}
			out += text
		}
		_, err := io.WriteString(w, out+"</div>")
		return err
	})
}
