package handlers

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"alur/engine/collection"
	"alur/views"
)

// special are the settings that only fields of this kind have.
func (h *collections) special(c echo.Context, in fieldForm, f *collection.Field) ([]views.RecordField, error) {
	switch in.kind.name {
	case "text", "longText", "markdown":
		return in.textOptions(f), nil
	case "choice", "radio", "choices", "checks":
		r := in.kindOf(views.KindArea, views.Field{Name: "choices", Label: "Choices", Value: choicesText(f.Enum), Rows: 5,
			Help: "One a line. To store something else than what is shown, write “stored: shown”."})
		r.Error = in.problems["enum"]
		return []views.RecordField{r}, nil
	case "integer", "bigInt", "double", "float":
		return []views.RecordField{in.number("min", "Smallest", f.Min), in.number("max", "Largest", f.Max)}, nil
	case "decimal", "percent":
		digits := views.Field{Name: "scale", Label: "Digits after the point", Width: "w-2", Num: true, InputMode: "numeric"}
		if in.kind.name == "percent" {
			digits.Help = "Of the stored number: 4 keep 12.34 %."
			if in.field == nil {
				digits.Value = "4"
			}
		}
		if f.Precision > 0 && digits.Value == "" { // else as many as it takes
			digits.Value = strconv.Itoa(f.Scale)
		}
		scale := in.text(digits)
		if p := in.problems["precision"]; p != "" {
			scale.Error = p
		}
		return []views.RecordField{scale, in.number("min", "Smallest", f.Min), in.number("max", "Largest", f.Max)}, nil
	case "unixTimestamp":
		return []views.RecordField{in.kindOf(views.KindSelect, views.Field{Name: "accuracy", Label: "Stored in", Width: "w-3", Value: option(f, "accuracy", "second"),
			Options: []views.Option{{Value: "second", Text: "seconds"}, {Value: "millisecond", Text: "milliseconds"}}})}, nil
	case "nanoid":
		return []views.RecordField{
			in.text(views.Field{Name: "size", Label: "Letters", Width: "w-2", Num: true, InputMode: "numeric", Value: option(f, "size", "12")}),
			in.text(views.Field{Name: "customAlphabet", Label: "Drawn from", Note: "optional", Width: "w-4", Mono: true, Value: option(f, "customAlphabet", ""),
				Help: "All letters and digits when empty."})}, nil
	case "uid":
		return []views.RecordField{in.text(views.Field{Name: "prefix", Label: "In front", Note: "optional", Width: "w-3", Mono: true, Value: option(f, "prefix", "")})}, nil
	case "sequence":
		return in.sequenceOptions(f), nil
	case "formula":
		return in.formulaOptions(f), nil
	case "sort":
		return in.sortOptions(f), nil
	case "files", "file":
		return in.fileOptions(f), nil
	}
	if f.IsRelation() {
		return h.relationOptions(c, in, f)
	}
	return nil, nil
}

// option is a setting of f as text; usual when it has none.
func option(f *collection.Field, name, usual string) string {
	if v := collection.Format(f.Options[name]); v != "" {
		return v
	}
	return usual
}

func (in fieldForm) number(name, label string, v *float64) views.RecordField {
	field := views.Field{Name: name, Label: label, Note: "optional", Width: "w-2", Num: true, InputMode: "decimal"}
	if v != nil {
		field.Value = collection.Format(*v)
	}
	return in.text(field)
}

// simpleRules are the rules that the form shows; others stay as they are.
var simpleRules = []string{"minLength", "pattern"}

func (in fieldForm) textOptions(f *collection.Field) []views.RecordField {
	length := views.Field{Name: "length", Label: "Longest, in characters", Note: "optional", Width: "w-3", Num: true, InputMode: "numeric"}
	if f.Type == collection.String {
		length.Placeholder = "255"
	}
	if f.Length > 0 {
		length.Value = strconv.Itoa(f.Length)
	}
	rules, _ := f.Options["validation"].(map[string]any)
	shortest := views.Field{Name: "minLength", Label: "Shortest", Note: "optional", Width: "w-3", Num: true, InputMode: "numeric", Value: collection.Format(rules["minLength"])}
	list := []views.RecordField{in.text(shortest), in.text(length)}
	if in.kind.name == "text" {
		r := in.text(views.Field{Name: "pattern", Label: "Pattern", Note: "optional", Mono: true, Value: collection.Format(rules["pattern"]),
			Help: "A regular expression that every value must fit, such as ^[A-Z]{2}-[0-9]+$."})
		if p := in.problems["validation"]; p != "" {
			r.Error = p
		}
		list = append(list, r)
	}
	return list
}

// dateFormats are the dates that a number series can have.
var dateFormats = []views.Option{{Text: "none"}, {Value: "YYYY", Text: "2026"}, {Value: "YYYYMM", Text: "202605"}, {Value: "YYYYMMDD", Text: "20260507"}, {Value: "YYYY-MM-DD", Text: "2026-05-07"}}

// cycles are when a number series begins anew, as cron expressions.
var cycles = []views.Option{{Text: "never"}, {Value: "0 0 1 1 *", Text: "each year"}, {Value: "0 0 1 * *", Text: "each month"}, {Value: "0 0 * * 1", Text: "each week"}, {Value: "0 0 * * *", Text: "each day"}}

// series is a number series as the form shows it: a text, a date, a dash and a
// count.
type series struct{ prefix, date, digits, start, cycle string }

// patterns are the parts of the series.
func (s series) patterns() []any {
	part := func(kind string, options map[string]any) map[string]any {
		return map[string]any{"type": kind, "options": options}
	}
	list := []any{}
	if s.prefix != "" {
		list = append(list, part("string", map[string]any{"value": s.prefix}))
	}
	if s.date != "" {
		list = append(list, part("date", map[string]any{"format": s.date}), part("string", map[string]any{"value": "-"}))
	}
	count := map[string]any{"digits": s.digits, "start": s.start}
	if s.cycle != "" {
		count["cycle"] = s.cycle
	}
	return append(list, part("integer", count))
}

// seriesOf reads patterns that the form can show.
func seriesOf(f *collection.Field) (s series, ok bool) {
	s = series{digits: "5", start: "1"}
	list, _ := f.Options["patterns"].([]any)
	if len(list) == 0 {
		return s, true
	}
	for i, item := range list {
		m, _ := item.(map[string]any)
		o, _ := m["options"].(map[string]any)
		switch m["type"] {
		case "string":
			if i == 0 {
				s.prefix = collection.Format(o["value"])
			}
		case "date":
			s.date = collection.Format(o["format"])
		case "integer":
			s.digits, s.start, s.cycle = collection.Format(o["digits"]), collection.Format(o["start"]), collection.Format(o["cycle"])
		}
	}
	want, _ := json.Marshal(list)
	got, _ := json.Marshal(s.patterns())
	return s, string(want) == string(got)
}

func (in fieldForm) sequenceOptions(f *collection.Field) []views.RecordField {
	s, ok := seriesOf(f)
	if !ok {
		raw, _ := json.MarshalIndent(f.Options["patterns"], "", "  ")
		r := in.kindOf(views.KindArea, views.Field{Name: "patterns", Label: "Parts", Value: string(raw), Rows: 10, Mono: true,
			Help: "A list of parts of the types string, integer, date and randomChar, each with its options."})
		return []views.RecordField{r}
	}
	list := []views.RecordField{
		in.text(views.Field{Name: "prefix", Label: "In front", Note: "optional", Width: "w-3", Value: s.prefix, Placeholder: "INV-"}),
		in.kindOf(views.KindSelect, views.Field{Name: "date", Label: "Then the date", Width: "w-3", Value: s.date, Options: dateFormats}),
		in.text(views.Field{Name: "digits", Label: "Digits", Width: "w-2", Num: true, InputMode: "numeric", Value: s.digits, Help: "Zeros fill it up; a longer number is kept."}),
		in.text(views.Field{Name: "start", Label: "Begins at", Width: "w-2", Num: true, InputMode: "numeric", Value: s.start}),
		in.kindOf(views.KindSelect, views.Field{Name: "cycle", Label: "Begins anew", Width: "w-2", Value: s.cycle, Options: cycles}),
	}
	list[2].Error = in.problems["patterns"]
	return list
}

func (in fieldForm) formulaOptions(f *collection.Field) []views.RecordField {
	var names []string
	for _, o := range in.coll.Fields {
		if o.Column != "" && !o.Hidden && !o.ReadOnly && o.Relation == "" && o.Name != f.Name {
			names = append(names, "{{"+o.Name+"}}")
		}
	}
	help := "Fields stand in double braces: {{price}} * {{quantity}}."
	if len(names) > 0 {
		help = views.Clip("Fields: "+strings.Join(names, " "), 300)
	}
	return []views.RecordField{
		in.kindOf(views.KindArea, views.Field{Name: "expression", Label: "Formula", Rows: 3, Mono: true, Value: option(f, "expression", ""), Help: help}),
		in.kindOf(views.KindSelect, views.Field{Name: "engine", Label: "Written for", Width: "w-3", Value: option(f, "engine", "math.js"), Options: []views.Option{
			{Value: "math.js", Text: "Math.js"}, {Value: "formula.js", Text: "Formula.js, as in spreadsheets"}, {Value: "string", Text: "Text with fields in it"}}}),
		in.kindOf(views.KindSelect, views.Field{Name: "dataType", Label: "Its result is", Width: "w-3", Value: option(f, "dataType", "double"), Disabled: in.field != nil, Options: []views.Option{
			{Value: "double", Text: "a number"}, {Value: "decimal", Text: "an exact number"}, {Value: "integer", Text: "a whole number"}, {Value: "string", Text: "a text"},
			{Value: "boolean", Text: "yes or no"}, {Value: "date", Text: "a date and time"}}}),
	}
}

func (in fieldForm) sortOptions(f *collection.Field) []views.RecordField {
	scopes := []views.Option{{Text: "all records"}}
	for _, o := range in.coll.Fields {
		if o.Column != "" && !o.Hidden && !o.ReadOnly && (len(o.Enum) > 0 || o.Relation != "") && !o.IsList() {
			scopes = append(scopes, views.Option{Value: o.Name, Text: "the records of one " + o.Title})
		}
	}
	return []views.RecordField{in.kindOf(views.KindSelect, views.Field{Name: "scopeKey", Label: "Counted within", Width: "w-3", Value: option(f, "scopeKey", ""), Options: scopes})}
}

// changes are the keys of the definition that the form sets.
func (in fieldForm) changes() map[string]any {
	text := func(name string) string { return strings.TrimSpace(in.typed.Get(name)) }
	m := map[string]any{
		"title": text("title"), "allowNull": text("required") != "true", "unique": text("unique") == "true",
		"description": text("description"), "defaultValue": nil,
	}
	if v := text("defaultValue"); v != "" {
		m["defaultValue"] = v
	}
	for _, name := range []string{"accuracy", "size", "customAlphabet", "prefix", "expression", "engine", "dataType", "scopeKey", "target", "onDelete", "through"} {
		if _, sent := in.typed[name]; sent && in.kind.name != "sequence" {
			m[name] = text(name)
		}
	}
	switch k := in.kind.name; k {
	case "boolean":
		if m["defaultValue"] != nil {
			m["defaultValue"] = text("defaultValue") == "true"
		}
	case "text", "longText", "markdown":
		m["length"] = text("length")
		m["validation"] = in.rulesTyped()
	case "choice", "radio", "choices", "checks":
		m["uiSchema"] = map[string]any{"title": text("title"), "enum": in.choices()}
		if v := text("defaultValue"); v != "" && (k == "choices" || k == "checks") {
			m["defaultValue"] = []any{v}
		}
	case "integer", "bigInt", "double", "float", "decimal", "percent":
		m["min"], m["max"] = text("min"), text("max")
		if scale := text("scale"); scale != "" {
			m["scale"], m["precision"] = scale, decimalDigits
			if in.field != nil {
				m["precision"] = max(in.field.Precision, decimalDigits)
			}
		}
	case "datetime", "datetimeNoTz", "unixTimestamp":
		m["defaultToCurrentTime"] = text("defaultValue") == "now"
		m["onUpdateToCurrentTime"] = text("defaultValue") == "always"
		m["defaultValue"] = nil
	case "sequence":
		m["patterns"] = in.patternsTyped()
	case "hasMany", "hasOne", "belongsToMany":
		delete(m, "allowNull")
		delete(m, "unique")
	case "files", "file":
		in.fileChanges(m)
	}
	return m
}

func (in fieldForm) rulesTyped() any {
	rules := map[string]any{}
	if in.field != nil {
		old, _ := in.field.Options["validation"].(map[string]any)
		for k, v := range old {
			rules[k] = v
		}
	}
	for _, name := range simpleRules {
		if v := strings.TrimSpace(in.typed.Get(name)); v != "" {
			rules[name] = v
		} else {
			delete(rules, name)
		}
	}
	if len(rules) == 0 {
		return nil
	}
	return rules
}

func (in fieldForm) patternsTyped() any {
	if raw := in.typed.Get("patterns"); raw != "" {
		var v any
		if json.Unmarshal([]byte(raw), &v) != nil {
			return []any{map[string]any{}} // which is refused beside the field
		}
		return v
	}
	text := func(name string) string { return strings.TrimSpace(in.typed.Get(name)) }
	return series{prefix: in.typed.Get("prefix"), date: text("date"), digits: text("digits"), start: text("start"), cycle: text("cycle")}.patterns()
}

// rules are the settings that most fields have.
func (in fieldForm) rules(f *collection.Field) []views.RecordField {
	list := []views.RecordField{}
	if f.IsRelation() && f.Type != collection.BelongsTo {
		return list
	}
	filled := f.Filled() || f.Type == collection.Password || in.kind.name == "nanoid" || in.kind.name == "uuid" || in.kind.name == "uid"
	if def := in.defaultControl(f); def != nil && !filled {
		list = append(list, *def)
	}
	if f.Type != collection.Boolean && !f.Filled() {
		list = append(list, in.kindOf(views.KindCheck, views.Field{Name: "required", Label: "Required", Checked: f.Required, Help: "A record is not saved without it."}))
	}
	if f.Type != collection.Boolean && f.Base() != collection.JSON && !f.HoldsFiles() && f.Type != collection.Formula && f.Type != collection.Password && f.Type != collection.Sort {
		help := "No two records have the same value."
		if f.Type == collection.BelongsTo {
			help = "No two records refer to the same one: the relation is one to one."
		}
		list = append(list, in.kindOf(views.KindCheck, views.Field{Name: "unique", Label: "Unique", Checked: f.Unique, Help: help}))
	}
	return list
}

// defaultControl asks for what a new record starts with; nil when f can have no
// default.
func (in fieldForm) defaultControl(f *collection.Field) *views.RecordField {
	def := views.Field{Name: "defaultValue", Label: "Default", Note: "optional", Width: "w-3", Value: collection.Format(f.Default), Help: "What a new record starts with."}
	var r views.RecordField
	switch {
	case f.Base() == collection.JSON && len(f.Enum) == 0 && !in.kind.hasChoices(), f.IsRelation():
		return nil
	case f.Type == collection.Boolean:
		def.Options = []views.Option{{Text: "–"}, {Value: "true", Text: "Yes"}, {Value: "false", Text: "No"}}
		r = in.kindOf(views.KindSelect, def)
	case f.Base() == collection.Datetime, f.Type == collection.DatetimeNoTz, f.Type == collection.UnixTimestamp:
		switch {
		case f.Options["onUpdateToCurrentTime"] == true:
			def.Value = "always"
		case f.Options["defaultToCurrentTime"] == true:
			def.Value = "now"
		}
		def.Options = []views.Option{{Text: "–"}, {Value: "now", Text: "the moment it is made"}, {Value: "always", Text: "the moment of the last change"}}
		r = in.kindOf(views.KindSelect, def)
	case f.Type == collection.DateOnly:
		def.Type = "date"
		r = in.text(def)
	case f.Type == collection.Time:
		def.Type = "time"
		r = in.text(def)
	case f.IsList():
		if list, ok := f.Default.([]any); ok && len(list) > 0 {
			def.Value = collection.Format(list[0])
		}
		def.Help = "One of the values above."
		r = in.text(def)
	default:
		r = in.text(def)
	}
	return &r
}

// becomes are the types that the field can be changed to.
func (in fieldForm) becomes() []views.Option {
	var list []views.Option
	for _, typ := range in.field.Becomes() {
		if typ == in.field.Type {
			continue
		}
		k := kindOf(&collection.Field{Type: typ, Interface: "-"})
		list = append(list, views.Option{Value: typ, Text: k.title})
	}
	return list
}

// relationOptions asks what a relation leads to.
func (h *collections) relationOptions(c echo.Context, in fieldForm, f *collection.Field) ([]views.RecordField, error) {
	all, err := h.store.Collections(c.Request().Context())
	if err != nil {
		return nil, err
	}
	target := views.Field{Name: "target", Label: "Collection", Value: f.Target, Width: "w-3", Disabled: in.field != nil, Options: []views.Option{{Text: "–"}}}
	through := views.Field{Name: "through", Label: "Links are kept in", Value: f.Through, Width: "w-3", Disabled: in.field != nil,
		Options: []views.Option{{Text: "a collection made for them"}}, Help: "Choose one of yours when the links have fields of their own."}
	for _, coll := range all {
		switch {
		case !coll.System && coll.Key() != nil:
			if coll.Options["isThrough"] != true || coll.Name == f.Target {
				target.Options = append(target.Options, views.Option{Value: coll.Name, Text: coll.Title})
			}
			if coll.Name != in.coll.Name {
				through.Options = append(through.Options, views.Option{Value: coll.Name, Text: coll.Title})
			}
		case coll.Name == "users" && (f.Type == collection.BelongsTo || f.Type == collection.BelongsToMany):
			target.Options = append(target.Options, views.Option{Value: coll.Name, Text: coll.Title})
		}
	}
	list := []views.RecordField{in.kindOf(views.KindSelect, target)}
	switch f.Type {
	case collection.HasMany:
		list[0].Help = fmt.Sprintf("Its records refer to “%s”; the field for that is made when it is missing.", in.coll.Title)
	case collection.HasOne:
		list[0].Help = fmt.Sprintf("One of its records refers to a record of “%s”; the field for that is made when it is missing.", in.coll.Title)
	case collection.BelongsToMany:
		list = append(list, in.kindOf(views.KindSelect, through))
	case collection.BelongsTo:
		onDelete := views.Field{Name: "onDelete", Label: "When that record is deleted", Value: f.OnDelete, Options: []views.Option{
			{Text: "empty this field; when it is required, refuse to delete that record"}, {Value: "RESTRICT", Text: "refuse to delete that record"},
			{Value: "CASCADE", Text: "delete this record too"}, {Value: "SET NULL", Text: "empty this field"}}}
		list = append(list, in.kindOf(views.KindSelect, onDelete))
	}
	if in.field != nil { // a disabled control sends nothing
		list[0].Value = f.Target
		if f.Type == collection.BelongsToMany {
			list[1].Value = f.Through
		}
		return list, nil
	}
	if f.Type == collection.BelongsTo || f.Type == collection.BelongsToMany {
		reverse := in.text(views.Field{Name: "reverseTitle", Label: "Its records show these as", Note: "optional", Width: "w-3", Complete: "off",
			Help: fmt.Sprintf("Makes the other side too, such as “%s”.", in.coll.Title)})
		if p := in.problems["reverseField.name"]; p != "" {
			reverse.Error = p
		}
		list = append(list, reverse)
	}
	return list, nil
}

// relationWords says in words how a relation goes, in both directions; "" for
// other fields.
func (h *collections) relationWords(c echo.Context, coll *collection.Collection, f *collection.Field) ([]string, error) {
	if !f.IsRelation() || f.HoldsFiles() {
		return nil, nil
	}
	target, err := h.store.Collection(c.Request().Context(), f.Target)
	if err != nil {
		return nil, err
	}
	from, to := coll.Title, target.Title
	var there string
	switch {
	case f.Type == collection.BelongsTo && f.Unique:
		there = fmt.Sprintf("Each record of “%s” refers to one of “%s”, and no two to the same; the key is in “%s”.", from, to, f.ForeignKey)
	case f.Type == collection.BelongsTo:
		there = fmt.Sprintf("Each record of “%s” refers to one of “%s”; the key is in “%s”.", from, to, f.ForeignKey)
	case f.Type == collection.HasOne:
		there = fmt.Sprintf("One record of “%s” refers to each of “%s”, by its field “%s”.", to, from, f.ForeignKey)
	case f.Type == collection.HasMany:
		there = fmt.Sprintf("Any number of records of “%s” refer to each of “%s”, by their field “%s”.", to, from, f.ForeignKey)
	default:
		there = fmt.Sprintf("Each record of “%s” is linked to any number of “%s”; the links are kept in “%s”.", from, to, f.Through)
	}
	if back := otherSide(coll, target, f); back != nil {
		return []string{there, fmt.Sprintf("“%s” shows the other side as “%s”.", to, back.Title)}, nil
	}
	return []string{there, fmt.Sprintf("“%s” does not show the other side.", to)}, nil
}

// otherSide is the field of target that shows the relation f of coll from there;
// nil when none does.
func otherSide(coll, target *collection.Collection, f *collection.Field) *collection.Field {
	for _, o := range target.Fields {
		if !o.IsRelation() || o.Target != coll.Name || o == f {
			continue
		}
		direct := f.Type != collection.BelongsToMany && o.Type != collection.BelongsToMany && o.ForeignKey == f.ForeignKey &&
			(o.Type == collection.BelongsTo) != (f.Type == collection.BelongsTo)
		if direct || f.Type == collection.BelongsToMany && o.Type == f.Type && o.Through == f.Through && o.ForeignKey == f.OtherKey {
			return o
		}
	}
	return nil
}
