package handlers

import (
	"fmt"
	"net/http"
	"strings"
	"unicode"

	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/pg"
	"alur/views"
)

// collections lets managers say what is stored.
type collections struct {
	store *collection.Store
	db    *pg.DB
}

// Routes registers the pages about collections and their fields.
func (h *collections) Routes(g *Group) {
	g.GET("/collections", auth.ManageCollections, h.list)
	g.GET("/collections/new", auth.ManageCollections, h.blank)
	g.POST("/collections", auth.ManageCollections, h.create)
	g.GET("/collections/:name", auth.ManageCollections, h.show)
	g.POST("/collections/:name", auth.ManageCollections, h.update)
	g.GET("/collections/:name/delete", auth.ManageCollections, h.askRemove)
	g.POST("/collections/:name/delete", auth.ManageCollections, h.remove)
	g.GET("/collections/:name/fields/new", auth.ManageCollections, h.blankField)
	g.POST("/collections/:name/fields", auth.ManageCollections, h.createField)
	g.GET("/collections/:name/fields/:field", auth.ManageCollections, h.showField)
	g.POST("/collections/:name/fields/:field", auth.ManageCollections, h.updateField)
	g.GET("/collections/adopt", auth.ManageCollections, h.tables)
	g.POST("/collections/adopt", auth.ManageCollections, h.adopt)
	g.GET("/collections/:name/fields/:field/type", auth.ManageCollections, h.askConvert)
	g.POST("/collections/:name/fields/:field/type", auth.ManageCollections, h.convert)
	g.GET("/collections/:name/fields/:field/delete", auth.ManageCollections, h.askRemoveField)
	g.POST("/collections/:name/fields/:field/delete", auth.ManageCollections, h.removeField)
}

// find returns the collection that the address names. Ours cannot be changed.
func (h *collections) find(c echo.Context) (*collection.Collection, error) {
	coll, err := h.store.Collection(c.Request().Context(), pathName(c, "name"))
	if err != nil {
		return nil, err
	}
	if coll.System {
		return nil, fault.New(fault.NotFound, "There is no such page.")
	}
	return coll, nil
}

func definitionPath(collection string) string { return "/collections/" + namePath(collection) }

// namePath is the name of a collection or a role as a part of an address. A "~" goes
// before one that is a page there.
func namePath(name string) string {
	if name == "new" || name == "adopt" {
		return "~" + name
	}
	return name
}

// pathName is the name that an address has as its parameter.
func pathName(c echo.Context, parameter string) string {
	return strings.TrimPrefix(c.Param(parameter), "~")
}

func (h *collections) list(c echo.Context) error {
	ctx := c.Request().Context()
	all, err := h.store.Collections(ctx)
	if err != nil {
		return err
	}
	var vm views.Collections
	for _, coll := range all {
		if coll.System || coll.Options["isThrough"] == true && len(ownFields(coll)) < 3 {
			continue // collections that only hold links
		}
		n, err := h.store.Count(ctx, h.db, access(c), coll.Name, nil)
		if err != nil {
			return err
		}
		vm.Rows = append(vm.Rows, views.CollectionRow{
			Name: coll.Name, Title: coll.Title, Fields: views.Int(len(ownFields(coll))), Records: views.Int(n),
			Data: recordsPath(coll.Name), URL: definitionPath(coll.Name), Adopted: coll.Adopted(),
		})
	}
	return render(c, http.StatusOK, views.CollectionsPage(vm), nil)
}

// ownFields are the fields that people made.
func ownFields(coll *collection.Collection) []*collection.Field {
	var fields []*collection.Field
	for _, f := range coll.Fields {
		if !f.ReadOnly && f.Relation == "" {
			fields = append(fields, f)
		}
	}
	return fields
}

func (h *collections) blank(c echo.Context) error {
	return render(c, http.StatusOK, views.NewCollectionPage(views.CollectionForm{Stamps: true, People: true}), nil)
}

func (h *collections) create(c echo.Context) error {
	d := collection.Definition{Title: strings.TrimSpace(c.FormValue("title")), Name: strings.TrimSpace(c.FormValue("name"))}
	vm := views.CollectionForm{Title: d.Title, Name: d.Name, Stamps: c.FormValue("stamps") == "true", People: c.FormValue("people") == "true", Sortable: c.FormValue("sortable") == "true"}
	d.Options = map[string]any{"createdAt": vm.Stamps, "updatedAt": vm.Stamps, "createdBy": vm.People, "updatedBy": vm.People, "sortable": vm.Sortable,
		"recordHistory": true} // whoever works in the browser asks who did what
	if d.Title == "" {
		vm.Problems = map[string]string{"title": "Write a title."}
		return render(c, http.StatusUnprocessableEntity, views.NewCollectionPage(vm), nil)
	}
	if d.Name == "" {
		d.Name = camelCase(d.Title)
	}
	coll, err := h.store.CreateCollection(c.Request().Context(), actor(c), d)
	if f := classify(err); fault.Is(err, fault.Invalid) {
		vm.Problems = f.Fields
		return render(c, http.StatusUnprocessableEntity, views.NewCollectionPage(vm), nil)
	}
	if err != nil {
		return err
	}
	return done(c, definitionPath(coll.Name), fmt.Sprintf("Made “%s”. Now add its fields.", coll.Title))
}

// camelCase makes a name for programs from a title: "Leave requests" is
// leaveRequests. It is "" when the title has no letters that fit.
func camelCase(title string) string {
	var b strings.Builder
	up := false
	for _, r := range title {
		switch {
		case r < 128 && unicode.IsLetter(r), r >= '0' && r <= '9' && b.Len() > 0:
			switch {
			case b.Len() == 0:
				r = unicode.ToLower(r)
			case up:
				r = unicode.ToUpper(r)
			}
			b.WriteRune(r)
			up = false
		default:
			up = b.Len() > 0
		}
		if b.Len() >= 50 {
			break
		}
	}
	return b.String()
}

func (h *collections) show(c echo.Context) error {
	coll, err := h.find(c)
	if err != nil {
		return err
	}
	return h.page(c, http.StatusOK, coll, coll.Title, coll.ChosenTitleField(), nil)
}

func (h *collections) page(c echo.Context, code int, coll *collection.Collection, title, titleField string, problems map[string]string) error {
	vm := views.CollectionView{
		URL: definitionPath(coll.Name), Data: recordsPath(coll.Name),
		Form: views.CollectionForm{Title: title, Name: coll.Name, Problems: problems}, Notes: collectionNotes(coll),
	}
	auto := "the first short text"
	if f := coll.Field(coll.TitleField); f != nil {
		auto += ", now " + f.Title
	}
	vm.Form.TitleFields = []views.Option{{Text: auto, Selected: titleField == ""}}
	for _, f := range coll.Fields {
		row, err := h.fieldRow(c, coll, f)
		if err != nil {
			return err
		}
		if f.Relation == "" && (!f.Hidden || f.Type == collection.Password) {
			vm.Fields = append(vm.Fields, row)
		}
		if !f.ReadOnly && !f.Hidden && f.Column != "" && f.Relation == "" && f.Base() != collection.JSON {
			vm.Form.TitleFields = append(vm.Form.TitleFields, views.Option{Value: f.Name, Text: f.Title, Selected: f.Name == titleField})
		}
	}
	return render(c, code, views.CollectionPage(vm), nil)
}

func (h *collections) fieldRow(c echo.Context, coll *collection.Collection, f *collection.Field) (views.FieldRow, error) {
	row := views.FieldRow{Name: f.Name, Title: f.Title, Icon: fieldIcon(f), Type: kindOf(f).title}
	if !f.ReadOnly {
		row.URL = definitionPath(coll.Name) + "/fields/" + f.Name
	}
	for _, mark := range []struct {
		text string
		on   bool
	}{{"Primary key", f == coll.Key() && f.Name != "id"}, {"Required", f.Required}, {"Unique", f.Unique}, {"Filled by the system", f.Filled()}} {
		if mark.on {
			row.Marks = append(row.Marks, mark.text)
		}
	}
	switch {
	case f.Target != "":
		target, err := h.store.Collection(c.Request().Context(), f.Target)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return row, err
		}
		if target != nil {
			row.Detail = "to " + target.Title
			if back := otherSide(coll, target, f); back != nil {
				row.Detail += ", which shows it as " + back.Title
			}
		}
	case len(f.Enum) > 0:
		var labels []string
		for _, choice := range f.Enum {
			labels = append(labels, choice.Label)
		}
		row.Detail = views.Clip(strings.Join(labels, ", "), 80)
	}
	return row, nil
}

func (h *collections) update(c echo.Context) error {
	coll, err := h.find(c)
	if err != nil {
		return err
	}
	title, titleField := strings.TrimSpace(c.FormValue("title")), c.FormValue("titleField")
	_, err = h.store.UpdateCollection(c.Request().Context(), actor(c), coll.Name, map[string]any{"title": title, "titleField": titleField})
	if f := classify(err); fault.Is(err, fault.Invalid) {
		return h.page(c, http.StatusUnprocessableEntity, coll, title, titleField, f.Fields)
	}
	if err != nil {
		return err
	}
	return done(c, definitionPath(coll.Name), "Saved.")
}
