package handlers

import (
	"github.com/labstack/echo/v4"

	"alur/views"
)

// fieldForm shows the form for a field.
func (h *collections) fieldForm(c echo.Context, code int, in fieldForm) error {
	base := definitionPath(in.coll.Name)
	vm := views.FieldForm{
		Title: "New field: " + in.kind.title, Action: base + "/fields", Do: "Add field", Cancel: base + "/fields/new", Kind: in.kind.name, Refusal: in.refusal,
		Crumbs: []views.Link{{Text: "Collections", URL: "/collections"}, {Text: in.coll.Title, URL: base}},
	}
	f := in.field
	if f == nil {
		f = in.kind.field()
		f.Precision, f.Scale, f.Enum = decimalDigits, 2, nil
		f.Unique = in.kind.name == "sequence" || in.kind.name == "nanoid" || in.kind.name == "uuid"
	} else {
		vm.Title, vm.Do, vm.Cancel, vm.Kind = f.Title, "Save field", base, ""
		vm.Sub = in.kind.title
		vm.Action = base + "/fields/" + f.Name
		vm.Delete = vm.Action + "/delete"
	}
	vm.Main = []views.RecordField{in.text(views.Field{Name: "title", Label: "Title", Value: f.Title, Width: "w-3", Complete: "off", Focus: in.field == nil})}
	if in.field == nil {
		vm.Main = append(vm.Main, in.text(views.Field{Name: "name", Label: "Name", Note: "optional", Width: "w-3", Mono: true, Complete: "off",
			Help: "For workflows and programs. Made from the title when empty; it stays."}))
	}
	special, err := h.special(c, in, f)
	if err != nil {
		return err
	}
	vm.Main = append(vm.Main, special...)
	help, _ := f.Options["description"].(string)
	vm.Main = append(vm.Main, in.text(views.Field{Name: "description", Label: "Help", Note: "optional", Value: help, Help: "One sentence, shown under the field."}))
	vm.Rules = in.rules(f)
	if in.field != nil {
		if vm.Relation, err = h.relationWords(c, in.coll, f); err != nil {
			return err
		}
		vm.Becomes = in.becomes()
	}
	return render(c, code, views.FieldFormPage(vm), nil)
}

// text is a text control that keeps what was typed.
func (in fieldForm) text(f views.Field) views.RecordField {
	if in.typed != nil {
		f.Value = in.typed.Get(f.Name)
		f.Checked = f.Value == "true"
	}
	f.Error = in.problems[f.Name]
	return views.RecordField{Kind: views.KindText, Field: f}
}

func (in fieldForm) kindOf(kind string, f views.Field) views.RecordField {
	r := in.text(f)
	r.Kind = kind
	return r
}
