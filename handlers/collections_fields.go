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
	if title := strings.TrimSpace(form.Get("reverseTitle")); title != "" {
		f.Options["reverseField"] = map[string]any{"name": camelCase(title), "title": title}
	}
	made, err := h.store.AddField(c.Request().Context(), actor(c), coll.Name, f)
	if err != nil {
		return h.fieldAgain(c, in, err)
	}
	again, err := h.formulaWords(c, coll.Name)
	if err != nil {
		return err
	}
	return done(c, definitionPath(coll.Name), fmt.Sprintf("Added “%s”.", made.Title)+again)
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
	text := fmt.Sprintf("Saved “%s”.", strings.TrimSpace(form.Get("title")))
	again, err := h.formulaWords(c, coll.Name)
	if err != nil {
		return err
	}
	return done(c, definitionPath(coll.Name), text+again)
}

// formulaWords says that the formulas of a collection are being worked out; "" when
// they are not.
func (h *collections) formulaWords(c echo.Context, name string) (string, error) {
	n, records, err := h.store.Formulas(c.Request().Context(), actor(c), name)
	if err != nil || records == 0 {
		return "", err
	}
	return fmt.Sprintf(" The formulas of %s are being worked out again in the background; %s done.",
		views.Count(records, "record", "records"), views.Int(min(n, records))), nil
}

// decimalDigits is how many digits a decimal has that is made here.
const decimalDigits = 20

// wrongNumbers finds settings that are no numbers.
func (in fieldForm) wrongNumbers() map[string]string {
	problems := map[string]string{}
	for _, name := range []string{"length", "minLength", "scale", "min", "max", "size", "digits", "start", "maxFiles", "maxMB"} {
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
