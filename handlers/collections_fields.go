package handlers

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"alur/engine/collection"
	"alur/engine/fault"
	"alur/views"
)

// fieldKind is a kind of field as people choose one.
type fieldKind struct {
	name  string // in the address
	typ   string
	iface string // "" for the type's own
	group string
	title string
	help  string
}

// fieldKinds are all kinds, in the order people are offered them.
var fieldKinds = []fieldKind{
	{"text", collection.String, "", "Text", "Text", "One line: a name, a number with letters."},
	{"longText", collection.Text, "", "Text", "Long text", "Several lines: a note, a reason."},
	{"choice", collection.String, "select", "Text", "Single choice", "One of a few values: a status, a size."},
	{"integer", collection.Integer, "", "Numbers", "Integer", "A whole number: a quantity."},
	{"decimal", collection.Decimal, "", "Numbers", "Decimal", "A number with fixed digits after the point: a price."},
	{"boolean", collection.Boolean, "", "Numbers", "Yes or no", "A box to tick."},
	{"datetime", collection.Datetime, "", "Dates", "Date and time", "A moment, shown to everybody in their own time zone."},
	{"date", collection.DateOnly, "", "Dates", "Date", "A day, the same for everybody."},
	{"belongsTo", collection.BelongsTo, "", "Relations", "Belongs to one", "A record of another collection, or a person: an order's product."},
	{"hasMany", collection.HasMany, "", "Relations", "Has many", "The other side: all orders of a product."},
	{"json", collection.JSON, "", "For programs", "JSON", "Lists and objects that programs store."},
}

// moreKinds are kinds that only programs make.
var moreKinds = []fieldKind{
	{"bigInt", collection.BigInt, "", "", "Big integer", ""}, {"double", collection.Double, "", "", "Number", ""}, {"float", collection.Float, "", "", "Number", ""},
}

func kindOf(f *collection.Field) fieldKind {
	for _, k := range slices.Concat(fieldKinds, moreKinds) {
		if k.typ == f.Type && (k.iface == "") == (len(f.Enum) == 0) {
			return k
		}
	}
	return fieldKind{typ: f.Type, title: f.Type}
}

func (h *collections) blankField(c echo.Context) error {
	coll, err := h.find(c)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(fieldKinds, func(k fieldKind) bool { return k.name == c.QueryParam("kind") })
	if i >= 0 {
		return h.fieldForm(c, http.StatusOK, fieldForm{coll: coll, kind: fieldKinds[i]})
	}
	vm := views.FieldTypes{Collection: coll.Title, URL: definitionPath(coll.Name)}
	for _, k := range fieldKinds {
		if n := len(vm.Groups); n == 0 || vm.Groups[n-1].Title != k.group {
			vm.Groups = append(vm.Groups, views.FieldTypeGroup{Title: k.group})
		}
		g := &vm.Groups[len(vm.Groups)-1]
		g.Types = append(g.Types, views.FieldType{
			URL: vm.URL + "/fields/new?kind=" + k.name, Icon: fieldIcon(k.field()), Title: k.title, Help: k.help,
		})
	}
	return render(c, http.StatusOK, views.FieldTypesPage(vm), nil)
}

// field is an empty field of the kind.
func (k fieldKind) field() *collection.Field {
	f := &collection.Field{Type: k.typ, Interface: k.iface}
	if k.iface == "select" {
		f.Enum = []collection.Choice{{}}
	}
	return f
}

// fieldForm is what a form for a field is made from.
type fieldForm struct {
	coll     *collection.Collection
	kind     fieldKind
	field    *collection.Field // nil for a new one
	typed    url.Values        // nil when the form is fresh
	problems map[string]string
	refusal  string
}

func (h *collections) createField(c echo.Context) error {
	coll, err := h.find(c)
	if err != nil {
		return err
	}
	form, err := c.FormParams()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(fieldKinds, func(k fieldKind) bool { return k.name == form.Get("kind") })
	if i < 0 {
		return fault.New(fault.Invalid, "Choose what the field holds.")
	}
	in := fieldForm{coll: coll, kind: fieldKinds[i], typed: form}
	changes := in.changes()
	name := strings.TrimSpace(form.Get("name"))
	if name == "" {
		name = camelCase(form.Get("title"))
	}
	if in.problems = in.wrongNumbers(); strings.TrimSpace(form.Get("title")) == "" {
		in.problems["title"] = "Write a title."
	}
	if len(in.problems) > 0 {
		return h.fieldForm(c, http.StatusUnprocessableEntity, in)
	}
	f := collection.Field{}
	f.Set(changes)
	f.Name, f.Type, f.Interface = name, in.kind.typ, in.kind.iface
	made, err := h.store.AddField(c.Request().Context(), actor(c), coll.Name, f)
	if err != nil {
		return h.fieldAgain(c, in, err)
	}
	return done(c, definitionPath(coll.Name), fmt.Sprintf("Added “%s”.", made.Title))
}

// fieldAgain shows the form with what is wrong.
func (h *collections) fieldAgain(c echo.Context, in fieldForm, err error) error {
	f := classify(err)
	switch f.Kind {
	case fault.Invalid:
		in.problems = f.Fields
		if len(f.Fields) == 0 {
			in.refusal = f.Msg
		}
		return h.fieldForm(c, http.StatusUnprocessableEntity, in)
	case fault.Conflict, fault.Overloaded:
		in.refusal = f.Msg
		return h.fieldForm(c, status(f.Kind, false), in)
	}
	return err
}

// ownField returns the field that the address names.
func (h *collections) ownField(c echo.Context) (*collection.Collection, *collection.Field, error) {
	coll, err := h.find(c)
	if err != nil {
		return nil, nil, err
	}
	f := coll.Field(c.Param("field"))
	if f == nil || f.ReadOnly || f.Relation != "" {
		return nil, nil, fault.New(fault.NotFound, fmt.Sprintf("“%s” has no such field.", coll.Title))
	}
	return coll, f, nil
}

func (h *collections) showField(c echo.Context) error {
	coll, f, err := h.ownField(c)
	if err != nil {
		return err
	}
	return h.fieldForm(c, http.StatusOK, fieldForm{coll: coll, kind: kindOf(f), field: f})
}

func (h *collections) updateField(c echo.Context) error {
	coll, f, err := h.ownField(c)
	if err != nil {
		return err
	}
	form, err := c.FormParams()
	if err != nil {
		return err
	}
	in := fieldForm{coll: coll, kind: kindOf(f), field: f, typed: form}
	if in.problems = in.wrongNumbers(); strings.TrimSpace(form.Get("title")) == "" {
		in.problems["title"] = "Write a title."
	}
	if len(in.problems) > 0 {
		return h.fieldForm(c, http.StatusUnprocessableEntity, in)
	}
	if _, err := h.store.UpdateField(c.Request().Context(), actor(c), coll.Name, f.Name, in.changes(), 0); err != nil {
		return h.fieldAgain(c, in, err)
	}
	return done(c, definitionPath(coll.Name), fmt.Sprintf("Saved “%s”.", strings.TrimSpace(form.Get("title"))))
}

// changes are the keys of the definition that the form sets.
func (in fieldForm) changes() map[string]any {
	text := func(name string) string { return strings.TrimSpace(in.typed.Get(name)) }
	m := map[string]any{
		"title": text("title"), "allowNull": text("required") != "true", "unique": text("unique") == "true",
		"description": text("description"),
	}
	if v := text("defaultValue"); v != "" {
		m["defaultValue"] = v
	} else {
		m["defaultValue"] = nil
	}
	switch in.kind.name {
	case "boolean":
		if m["defaultValue"] != nil {
			m["defaultValue"] = text("defaultValue") == "true"
		}
	case "text":
		m["length"] = text("length")
	case "choice":
		m["uiSchema"] = map[string]any{"title": text("title"), "enum": in.choices()}
	case "integer":
		m["min"], m["max"] = text("min"), text("max")
	case "decimal":
		m["min"], m["max"] = text("min"), text("max")
		if scale := text("scale"); scale != "" {
			m["scale"], m["precision"] = scale, decimalDigits
			if in.field != nil {
				m["precision"] = max(in.field.Precision, decimalDigits)
			}
		}
	case "datetime":
		m["defaultToCurrentTime"] = text("defaultValue") == "now"
		m["defaultValue"] = nil
	case "belongsTo":
		m["target"], m["onDelete"] = text("target"), text("onDelete")
	case "hasMany":
		m["target"] = text("target")
		delete(m, "allowNull")
		delete(m, "unique")
	}
	return m
}

// decimalDigits is how many digits a decimal has that is made here.
const decimalDigits = 20

// wrongNumbers finds settings that are no numbers.
func (in fieldForm) wrongNumbers() map[string]string {
	problems := map[string]string{}
	for _, name := range []string{"length", "scale", "min", "max"} {
		typed := strings.TrimSpace(in.typed.Get(name))
		if _, err := strconv.ParseFloat(typed, 64); err != nil && typed != "" {
			problems[name] = "Write a number."
		}
	}
	return problems
}

// choices reads one choice a line: "value: Label", or a label alone. A choice
// that was there keeps its color.
func (in fieldForm) choices() []any {
	list := []any{}
	for line := range strings.Lines(in.typed.Get("choices")) {
		value, label, both := strings.Cut(strings.TrimSpace(line), ":")
		value, label = strings.TrimSpace(value), strings.TrimSpace(label)
		if !both || label == "" {
			label = value
		}
		if value != "" {
			choice := map[string]any{"value": value, "label": label}
			if in.field != nil {
				old, _ := in.field.Choice(value)
				choice["color"] = old.Color
			}
			list = append(list, choice)
		}
	}
	return list
}

func choicesText(choices []collection.Choice) string {
	var b strings.Builder
	for _, c := range choices {
		b.WriteString(c.Value)
		if c.Label != c.Value {
			b.WriteString(": " + c.Label)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func (h *collections) askRemoveField(c echo.Context) error {
	coll, f, err := h.ownField(c)
	if err != nil {
		return err
	}
	path := definitionPath(coll.Name) + "/fields/" + f.Name
	vm := views.Confirm{
		Title: "Delete field", Text: fmt.Sprintf("“%s” will be gone from every record of “%s”, with its values. This cannot be undone.", f.Title, coll.Title),
		Action: path + "/delete", Do: "Delete field", Back: path,
	}
	if f.Type == collection.BelongsTo {
		vm.Lines = []string{"The other side of the relation goes with it."}
	}
	return render(c, http.StatusOK, views.ConfirmPage(vm), views.ConfirmDialog(vm))
}

func (h *collections) removeField(c echo.Context) error {
	coll, f, err := h.ownField(c)
	if err != nil {
		return err
	}
	if err := h.store.DropField(c.Request().Context(), actor(c), coll.Name, f.Name, collection.All); err != nil {
		return err
	}
	return done(c, definitionPath(coll.Name), fmt.Sprintf("Deleted the field “%s”.", f.Title))
}
