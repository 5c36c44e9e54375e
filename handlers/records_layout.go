package handlers

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	"alur/views"
)

const (
	sectionsMost = 12
	sectionTitle = 60  // characters
	sectionHelp  = 200 // characters
)

// section is a titled part of a form for records. Sections are kept in the
// collection's option "form".
type section struct {
	Title  string   `json:"title"`
	Help   string   `json:"help"`
	Fields []string `json:"fields"` // names, in their order

	fields []*collection.Field
}

// layoutOf are the sections of a collection's form, with their fields. Fields that
// no section names come last, in a section without a title.
func layoutOf(coll *collection.Collection) []section {
	var stored struct{ Sections []section }
	raw, err := json.Marshal(coll.Options["form"])
	if err == nil {
		_ = json.Unmarshal(raw, &stored) // a foreign shape counts as none
	}
	placed := map[string]bool{}
	list := stored.Sections
	for i := range list {
		for _, name := range list[i].Fields {
			if f := coll.Field(name); f != nil && editable(f) && !placed[name] {
				list[i].fields = append(list[i].fields, f)
				placed[name] = true
			}
		}
	}
	rest := section{}
	for _, f := range coll.Fields {
		if editable(f) && !placed[f.Name] {
			rest.fields = append(rest.fields, f)
		}
	}
	if len(rest.fields) > 0 {
		list = append(list, rest)
	}
	return list
}

// editLayout lets managers arrange the form of a collection.
func (h *records) editLayout(c echo.Context) error {
	if err := actor(c).Require(auth.ManageCollections); err != nil {
		return err
	}
	coll, err := h.find(c)
	if err != nil {
		return err
	}
	return h.renderLayout(c, http.StatusOK, coll, layoutOf(coll), coll.KeepsHistory(), nil)
}

func (h *records) renderLayout(c echo.Context, code int, coll *collection.Collection, list []section, history bool, problems map[string]string) error {
	vm := views.LayoutForm{Title: "Form of " + coll.Title, Crumbs: []views.Link{{Text: coll.Title, URL: recordsPath(coll.Name)}}, Action: recordsPath(coll.Name) + "/form",
		Back: recordsPath(coll.Name), History: history, Problems: problems}
	options := []views.Option{{Value: "", Text: "Last, without a title"}}
	for i := range sectionsMost {
		s := section{}
		if i < len(list) && list[i].Title != "" {
			s = list[i]
			options = append(options, views.Option{Value: strconv.Itoa(i), Text: s.Title})
		} else if i > len(titled(list)) {
			break // one empty line for a new section is enough
		}
		vm.Sections = append(vm.Sections, views.LayoutSection{N: strconv.Itoa(i), Title: s.Title, Help: s.Help, Error: problems["title."+strconv.Itoa(i)]})
	}
	place := 0
	for i, s := range list {
		for _, f := range s.fields {
			place += 10
			row := views.LayoutField{Name: f.Name, Title: f.Title, Icon: fieldIcon(f), Place: strconv.Itoa(place), Options: slices.Clone(options)}
			if s.Title != "" {
				row.Section = strconv.Itoa(i)
			}
			vm.Fields = append(vm.Fields, row)
		}
	}
	return render(c, code, views.LayoutPage(vm), nil)
}

func titled(list []section) []section {
	return slices.DeleteFunc(slices.Clone(list), func(s section) bool { return s.Title == "" })
}

// saveLayout keeps the sections, the place of each field, and whether the
// collection keeps a history.
func (h *records) saveLayout(c echo.Context) error {
	if err := actor(c).Require(auth.ManageCollections); err != nil {
		return err
	}
	coll, err := h.find(c)
	if err != nil {
		return err
	}
	form, err := c.FormParams()
	if err != nil {
		return err
	}
	list, problems := make([]section, sectionsMost), map[string]string{}
	for i := range list {
		n := strconv.Itoa(i)
		list[i].Title, list[i].Help = strings.TrimSpace(form.Get("title."+n)), strings.TrimSpace(form.Get("help."+n))
		if len([]rune(list[i].Title)) > sectionTitle || len([]rune(list[i].Help)) > sectionHelp {
			problems["title."+n] = "Write at most 60 characters, and 200 of explanation."
		}
	}
	type placed struct {
		f     *collection.Field
		at    int // section, -1 for none
		place float64
	}
	var fields []placed
	for _, f := range coll.Fields {
		if !editable(f) {
			continue
		}
		p := placed{f: f, at: -1}
		if i, err := strconv.Atoi(form.Get("section." + f.Name)); err == nil && i >= 0 && i < len(list) && list[i].Title != "" {
			p.at = i
		}
		if p.place, err = strconv.ParseFloat(form.Get("place."+f.Name), 64); err != nil {
			p.place = 1e9
		}
		fields = append(fields, p)
	}
	slices.SortStableFunc(fields, func(a, b placed) int {
		switch {
		case a.place < b.place:
			return -1
		case a.place > b.place:
			return 1
		}
		return 0
	})
	rest := section{}
	for _, p := range fields {
		at := &rest
		if p.at >= 0 {
			at = &list[p.at]
		}
		at.Fields, at.fields = append(at.Fields, p.f.Name), append(at.fields, p.f)
	}
	list = slices.DeleteFunc(list, func(s section) bool { return s.Title == "" })
	if len(rest.Fields) > 0 {
		list = append(list, rest)
	}
	history := form.Get("history") == "true"
	if len(problems) > 0 {
		return h.renderLayout(c, http.StatusUnprocessableEntity, coll, list, history, problems)
	}
	_, err = h.store.UpdateCollection(c.Request().Context(), actor(c), coll.Name, map[string]any{
		"form": map[string]any{"sections": list}, "recordHistory": history})
	if f := classify(err); fault.Is(err, fault.Invalid) {
		return h.renderLayout(c, http.StatusUnprocessableEntity, coll, list, history, f.Fields)
	}
	if err != nil {
		return err
	}
	return done(c, recordsPath(coll.Name), "The form is arranged.")
}
