package views

import (
	"context"
	"io"
	"regexp"
	"strings"

	"github.com/a-h/templ"
)

var (
	address = regexp.MustCompile(`https?://[^\s<>"]+[^\s<>".,;:!?)]`)
	ownLine = regexp.MustCompile(`^([^:\n]{1,80}): (https?://[^\s<>"]+)$`)
)

// TextParts finds the addresses in a plain text. A line "Approve: address"
// that leads to this server, which base is the address of, becomes a link with
// that word; other addresses stay in sight.
func TextParts(text, base string) []TextPart {
	var parts []TextPart
	for line := range strings.Lines(text) {
		bare := strings.TrimRight(line, "\r\n")
		if m := ownLine.FindStringSubmatch(bare); m != nil && base != "" && strings.HasPrefix(m[2], base+"/") {
			if strings.Contains(m[2], "…") { // the secret in it was taken out
				parts = append(parts, TextPart{Text: m[1] + ": …" + line[len(bare):]})
				continue
			}
			parts = append(parts, TextPart{Text: m[1], URL: m[2]}, TextPart{Text: line[len(bare):]})
			continue
		}
		end := 0
		for _, at := range address.FindAllStringIndex(line, -1) {
			url := line[at[0]:at[1]]
			parts = append(parts, TextPart{Text: line[end:at[0]]}, TextPart{Text: url, URL: url})
			end = at[1]
		}
		parts = append(parts, TextPart{Text: line[end:]})
	}
	return parts
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
