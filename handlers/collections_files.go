package handlers

import (
	"slices"
	"strconv"
	"strings"

	"alur/engine/collection"
	"alur/views"
)

// fileGroups are types of files that people choose by one box.
var fileGroups = []struct {
	name, title, help string
	accept            []string
}{
	{"pictures", "Pictures", "PNG, JPEG, GIF, WebP", []string{"image/png", "image/jpeg", "image/gif", "image/webp"}},
	{"pdf", "PDF", "", []string{"application/pdf"}},
	{"office", "Office documents", "Word, Excel, PowerPoint, OpenDocument", []string{".docx", ".xlsx", ".pptx", ".odt", ".ods", ".odp", ".doc", ".xls", ".ppt"}},
	{"text", "Text", "plain text, CSV, Markdown", []string{"text/plain", "text/csv", "text/markdown"}},
	{"zip", "ZIP archives", "", []string{"application/zip"}},
}

// fileOptions ask what a field takes that holds files.
func (in fieldForm) fileOptions(f *collection.Field) []views.RecordField {
	rules := f.FileRules()
	groups, others := fileGroupsOf(rules.Accept)
	types := in.kindOf(views.KindChecks, views.Field{Name: "acceptGroups", Label: "Takes", Note: "everything when nothing is ticked", Multiple: true})
	if in.typed != nil {
		groups = in.typed["acceptGroups"]
	}
	for _, g := range fileGroups {
		types.Options = append(types.Options, views.Option{Value: g.name, Text: g.title, Help: g.help, Selected: slices.Contains(groups, g.name)})
	}
	other := in.text(views.Field{Name: "acceptOthers", Label: "And these types", Note: "optional", Mono: true, Value: strings.Join(others, ", "), Placeholder: ".dwg, video/*",
		Help: "Endings or types, with commas between. What a file is, its content says, not its name."})
	if p := in.problems["accept"]; p != "" {
		other.Error = p
	}
	size := views.Field{Name: "maxMB", Label: "Largest file, in MB", Note: "optional", Width: "w-3", Num: true, InputMode: "decimal", Help: "As large as the server takes when empty."}
	if rules.Size > 0 {
		size.Value = strconv.FormatFloat(float64(rules.Size)/(1<<20), 'f', -1, 64)
	}
	largest := in.text(size)
	if p := in.problems["maxSize"]; p != "" {
		largest.Error = "Write a number that is more than 0."
	}
	list := []views.RecordField{types, other}
	if f.ToMany() {
		most := views.Field{Name: "maxFiles", Label: "Most files", Note: "optional", Width: "w-3", Num: true, InputMode: "numeric", Placeholder: strconv.Itoa(collection.MostFiles),
			Value: option(f, "maxFiles", "")}
		list = append(list, in.text(most))
	}
	return append(list, largest)
}

// fileGroupsOf are the groups whose types are all in accept, and what is left of it.
func fileGroupsOf(accept []string) (groups, others []string) {
	others = slices.Clone(accept)
	for _, g := range fileGroups {
		if slices.ContainsFunc(g.accept, func(a string) bool { return !slices.Contains(accept, a) }) {
			continue
		}
		groups = append(groups, g.name)
		others = slices.DeleteFunc(others, func(a string) bool { return slices.Contains(g.accept, a) })
	}
	return groups, others
}

// fileChanges puts what fileOptions asked into the definition.
func (in fieldForm) fileChanges(m map[string]any) {
	accept := []any{}
	for _, g := range fileGroups {
		if slices.Contains(in.typed["acceptGroups"], g.name) {
			for _, a := range g.accept {
				accept = append(accept, a)
			}
		}
	}
	for part := range strings.SplitSeq(in.typed.Get("acceptOthers"), ",") {
		if part = strings.ToLower(strings.TrimSpace(part)); part != "" {
			accept = append(accept, part)
		}
	}
	m["accept"], m["maxSize"] = accept, nil
	if mb, err := strconv.ParseFloat(strings.TrimSpace(in.typed.Get("maxMB")), 64); err == nil {
		m["maxSize"] = float64(int64(mb * (1 << 20)))
	}
	m["target"] = collection.Attachments
	for _, name := range []string{"unique", "defaultValue", "through", "onDelete"} {
		delete(m, name)
	}
	if in.kind.name == "files" {
		delete(m, "allowNull")
		m["maxFiles"] = nil
		if n, err := strconv.ParseFloat(strings.TrimSpace(in.typed.Get("maxFiles")), 64); err == nil {
			m["maxFiles"] = n
		}
	}
}
