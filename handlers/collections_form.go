package handlers

import (
	"strconv"

	"github.com/labstack/echo/v4"

	"alur/engine/collection"
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
		f = &collection.Field{Type: in.kind.typ, Interface: in.kind.iface, Precision: decimalDigits, Scale: 2}
	} else {
		vm.Title, vm.Do, vm.Cancel, vm.Kind = f.Title, "Save field", base, ""
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
	if f.Type != collection.HasMany {
		vm.Rules = in.rules(f)
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

// special are the settings that only fields of this kind have.
func (h *collections) special(c echo.Context, in fieldForm, f *collection.Field) ([]views.RecordField, error) {
	number := func(name, label string, v *float64) views.RecordField {
		field := views.Field{Name: name, Label: label, Note: "optional", Width: "w-2", Num: true, InputMode: "decimal"}
		if v != nil {
			field.Value = collection.Format(*v)
		}
		return in.text(field)
	}
	switch in.kind.name {
	case "text":
		length := views.Field{Name: "length", Label: "Longest, in characters", Note: "optional", Width: "w-3", Num: true, InputMode: "numeric", Placeholder: "255"}
		if f.Length > 0 {
			length.Value = strconv.Itoa(f.Length)
		}
		return []views.RecordField{in.text(length)}, nil
	case "choice":
		r := in.kindOf(views.KindArea, views.Field{Name: "choices", Label: "Choices", Value: choicesText(f.Enum), Rows: 5,
			Help: "One a line. To store something else than what is shown, write “stored: shown”."})
		r.Error = in.problems["enum"]
		return []views.RecordField{r}, nil
	case "integer":
		return []views.RecordField{number("min", "Smallest", f.Min), number("max", "Largest", f.Max)}, nil
	case "decimal":
		digits := views.Field{Name: "scale", Label: "Digits after the point", Width: "w-2", Num: true, InputMode: "numeric"}
		if f.Precision > 0 { // else as many as it takes
			digits.Value = strconv.Itoa(f.Scale)
		}
		scale := in.text(digits)
		if p := in.problems["precision"]; p != "" {
			scale.Error = p
		}
		return []views.RecordField{scale, number("min", "Smallest", f.Min), number("max", "Largest", f.Max)}, nil
	case "belongsTo", "hasMany":
		return h.targets(c, in, f)
	}
	return nil, nil
}

// targets asks which collection a relation leads to.
func (h *collections) targets(c echo.Context, in fieldForm, f *collection.Field) ([]views.RecordField, error) {
	all, err := h.store.Collections(c.Request().Context())
	if err != nil {
		return nil, err
	}
	target := views.Field{Name: "target", Label: "Collection", Value: f.Target, Width: "w-3", Disabled: in.field != nil, Options: []views.Option{{Text: "–"}}}
	for _, coll := range all {
		if !coll.System || coll.Name == "users" && f.Type == collection.BelongsTo {
			target.Options = append(target.Options, views.Option{Value: coll.Name, Text: coll.Title})
		}
	}
	list := []views.RecordField{in.kindOf(views.KindSelect, target)}
	if in.field != nil {
		list[0].Value = f.Target // a disabled control sends nothing
	}
	if f.Type == collection.HasMany {
		list[0].Help = "Its records refer to this collection; the field for that is made when it is missing."
		return list, nil
	}
	onDelete := views.Field{Name: "onDelete", Label: "When that record is deleted", Value: f.OnDelete, Options: []views.Option{
		{Text: "empty this field; when it is required, refuse to delete that record"}, {Value: "RESTRICT", Text: "refuse to delete that record"},
		{Value: "CASCADE", Text: "delete this record too"}, {Value: "SET NULL", Text: "empty this field"}}}
	return append(list, in.kindOf(views.KindSelect, onDelete)), nil
}

// rules are the settings that most fields have.
func (in fieldForm) rules(f *collection.Field) []views.RecordField {
	list := []views.RecordField{}
	if f.Type != collection.JSON {
		def := views.Field{Name: "defaultValue", Label: "Default", Note: "optional", Width: "w-3", Value: collection.Format(f.Default), Help: "What a new record starts with."}
		switch f.Type {
		case collection.Boolean:
			def.Options = []views.Option{{Text: "–"}, {Value: "true", Text: "Yes"}, {Value: "false", Text: "No"}}
			list = append(list, in.kindOf(views.KindSelect, def))
		case collection.Datetime:
			if f.Options["defaultToCurrentTime"] == true {
				def.Value = "now"
			}
			def.Options = []views.Option{{Text: "–"}, {Value: "now", Text: "the moment it is made"}}
			list = append(list, in.kindOf(views.KindSelect, def))
		case collection.DateOnly:
			def.Type = "date"
			list = append(list, in.text(def))
		case collection.BelongsTo:
		default:
			list = append(list, in.text(def))
		}
	}
	if f.Type != collection.Boolean {
		list = append(list, in.kindOf(views.KindCheck, views.Field{Name: "required", Label: "Required", Checked: f.Required, Help: "A record is not saved without it."}))
	}
	if f.Type != collection.Boolean && f.Type != collection.JSON {
		list = append(list, in.kindOf(views.KindCheck, views.Field{Name: "unique", Label: "Unique", Checked: f.Unique, Help: "No two records have the same value."}))
	}
	return list
}
