package handlers

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/pg"
	"alur/views"
)

// categoryRoutes registers the labels that workflows are sorted by.
func (h *workflows) categoryRoutes(g *Group) {
	g.GET("/workflow-categories", auth.ManageWorkflows, h.categories)
	g.GET("/workflow-categories/new", auth.ManageWorkflows, h.blankCategory)
	g.POST("/workflow-categories", auth.ManageWorkflows, h.saveCategory)
	g.GET("/workflow-categories/:id", auth.ManageWorkflows, h.editCategory)
	g.POST("/workflow-categories/:id", auth.ManageWorkflows, h.saveCategory)
	g.POST("/workflow-categories/:id/move", auth.ManageWorkflows, h.moveCategory)
	g.GET("/workflow-categories/:id/delete", auth.ManageWorkflows, h.askRemoveCategory)
	g.POST("/workflow-categories/:id/delete", auth.ManageWorkflows, h.removeCategory)
	g.GET("/workflows/:id/categories", auth.UseWorkflows, h.chooseCategories)
	g.POST("/workflows/:id/categories", auth.UseWorkflows, h.categorize)
}

// categoryCollection holds the categories: changing one is changing a record.
const categoryCollection = "workflowCategories"

// categoryColors are offered; others come by program and are shown as gray.
var categoryColors = []views.Option{
	{Value: "default", Text: "Gray"}, {Value: "blue", Text: "Blue"}, {Value: "green", Text: "Green"},
	{Value: "orange", Text: "Orange"}, {Value: "red", Text: "Red"}, {Value: "purple", Text: "Purple"},
}

var errNoCategory = fault.New(fault.NotFound, "There is no such category. It may have been deleted.")

func categoryRow(c engine.Category) views.Category {
	row := views.Category{ID: c.ID, Title: c.Title, State: choiceStates[c.Color], Use: "On no workflow"}
	if c.Workflows > 0 {
		row.Use = "On " + views.Count(c.Workflows, "workflow", "workflows")
	}
	return row
}

func (h *workflows) categories(c echo.Context) error {
	all, err := h.engine.Categories(c.Request().Context(), actor(c))
	if err != nil {
		return err
	}
	rows := make([]views.Category, len(all))
	for i, cat := range all {
		rows[i] = categoryRow(cat)
		rows[i].First, rows[i].Last = i == 0, i == len(all)-1
	}
	return render(c, http.StatusOK, views.CategoriesPage(rows), nil)
}

// category is the one that the address names, with those beside it.
func (h *workflows) category(c echo.Context) (all []engine.Category, at int, err error) {
	if all, err = h.engine.Categories(c.Request().Context(), actor(c)); err != nil {
		return nil, 0, err
	}
	at = slices.IndexFunc(all, func(cat engine.Category) bool { return views.ID(cat.ID) == c.Param("id") })
	if at < 0 {
		return nil, 0, errNoCategory
	}
	return all, at, nil
}

func (h *workflows) blankCategory(c echo.Context) error {
	return categoryForm(c, http.StatusOK, views.CategoryForm{Color: "default"})
}

func (h *workflows) editCategory(c echo.Context) error {
	all, at, err := h.category(c)
	if err != nil {
		return err
	}
	return categoryForm(c, http.StatusOK, views.CategoryForm{ID: all[at].ID, Title: all[at].Title, Color: all[at].Color})
}

func categoryForm(c echo.Context, status int, f views.CategoryForm) error {
	f.Colors = categoryColors
	if !slices.ContainsFunc(f.Colors, func(o views.Option) bool { return o.Value == f.Color }) {
		f.Colors = append([]views.Option{{Value: f.Color, Text: f.Color}}, f.Colors...)
	}
	return render(c, status, views.CategoryPage(f), views.CategoryDialog(f))
}

// saveCategory makes a category, or changes the one in the address.
func (h *workflows) saveCategory(c echo.Context) error {
	f := views.CategoryForm{Title: strings.TrimSpace(c.FormValue("title")), Color: c.FormValue("color")}
	values := collection.Record{"title": f.Title, "color": f.Color}
	ctx := c.Request().Context()
	var err error
	if c.Param("id") == "" {
		_, err = h.createCategory(c, values)
	} else {
		all, at, missing := h.category(c)
		if missing != nil {
			return missing
		}
		f.ID = all[at].ID
		if f.Title != all[at].Title {
			err = nameTaken(slices.Delete(all, at, at+1), f.Title)
		}
	}
	if err == nil && f.ID != 0 {
		err = h.records.Write(ctx, categoryCollection, func(tx *pg.Tx) error {
			_, err := h.records.Update(ctx, tx, access(c), categoryCollection, f.ID, values)
			return err
		})
	}
	if wrong, ok := errors.AsType[*fault.Error](err); ok && wrong.Kind == fault.Invalid {
		f.Problems = wrong.Fields
		return categoryForm(c, http.StatusUnprocessableEntity, f)
	}
	if err != nil {
		return err
	}
	return done(c, back(c, "/workflow-categories"), "The category “"+f.Title+"” is saved.")
}

// nameTaken refuses the title of one of all, whatever its capital letters. Programs may
// use a title twice, as with the reference: only people would mix the two up.
func nameTaken(all []engine.Category, title string) error {
	if !slices.ContainsFunc(all, func(cat engine.Category) bool { return strings.EqualFold(strings.TrimSpace(cat.Title), title) }) {
		return nil
	}
	return fault.Fields(map[string]string{"title": "There is a category of this name already. Choose a different one."})
}

func (h *workflows) createCategory(c echo.Context, values collection.Record) (id int64, err error) {
	ctx := c.Request().Context()
	all, err := h.engine.Categories(ctx, actor(c))
	if err == nil {
		err = nameTaken(all, collection.Format(values["title"]))
	}
	if err != nil {
		return 0, err
	}
	err = h.records.Write(ctx, categoryCollection, func(tx *pg.Tx) error {
		made, err := h.records.Create(ctx, tx, access(c), categoryCollection, values, nil)
		if n, ok := made["id"].(float64); ok {
			id = int64(n)
		}
		return err
	})
	return id, err
}

// moveCategory puts a category one place up or down.
func (h *workflows) moveCategory(c echo.Context) error {
	all, at, err := h.category(c)
	if err != nil {
		return err
	}
	to := at - 1
	if c.FormValue("to") == "down" {
		to = at + 1
	}
	if to >= 0 && to < len(all) {
		m := collection.Move{Source: all[at].ID, Target: all[to].ID}
		if err := h.records.Move(c.Request().Context(), access(c), categoryCollection, m); err != nil {
			return err
		}
	}
	return done(c, "/workflow-categories", "")
}

func (h *workflows) askRemoveCategory(c echo.Context) error {
	all, at, err := h.category(c)
	if err != nil {
		return err
	}
	row := categoryRow(all[at])
	confirm := views.Confirm{
		Title: "Delete “" + row.Title + "”", Text: "The workflows under it stay as they are.", Lines: []string{row.Use + "."},
		Action: "/workflow-categories/" + views.ID(row.ID) + "/delete", Do: "Delete category", Back: "/workflow-categories",
	}
	return render(c, http.StatusOK, views.ConfirmPage(confirm), views.ConfirmDialog(confirm))
}

func (h *workflows) removeCategory(c echo.Context) error {
	all, at, err := h.category(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	err = h.records.Write(ctx, categoryCollection, func(tx *pg.Tx) error {
		_, err := h.records.Destroy(ctx, tx, access(c), categoryCollection, all[at].ID)
		return err
	})
	if err != nil {
		return err
	}
	return done(c, "/workflow-categories", "The category “"+all[at].Title+"” is deleted.")
}

func (h *workflows) chooseCategories(c echo.Context) error {
	d, err := h.openFor(c, auth.Editor)
	if err != nil {
		return err
	}
	chosen, err := h.engine.CategoriesOf(c.Request().Context(), actor(c), d.w.ID)
	if err != nil {
		return err
	}
	return d.renderCategories(http.StatusOK, chosen, "", nil)
}

func (d *desk) renderCategories(status int, chosen []int64, typed string, problems map[string]string) error {
	all, err := d.h.engine.Categories(d.c.Request().Context(), actor(d.c))
	if err != nil {
		return err
	}
	f := views.CategoryChoice{Workflow: workflowTitle(d.w.Title), Action: d.url() + "/categories", Back: d.url(), New: typed, Problems: problems,
		MayAdd: actor(d.c).Can(auth.ManageWorkflows)}
	for _, cat := range all {
		f.Options = append(f.Options, views.Option{Value: views.ID(cat.ID), Text: cat.Title, Selected: slices.Contains(chosen, cat.ID)})
	}
	return render(d.c, status, views.CategoriesOfPage(f), views.CategoriesOfDialog(f))
}

// categorize gives a workflow the chosen categories, and one that is made on the
// way.
func (h *workflows) categorize(c echo.Context) error {
	d, err := h.openFor(c, auth.Editor)
	if err != nil {
		return err
	}
	form, err := c.FormParams()
	if err != nil {
		return err
	}
	chosen := []int64{}
	for _, text := range form["category"] {
		if id, err := strconv.ParseInt(text, 10, 64); err == nil {
			chosen = append(chosen, id)
		}
	}
	if title := strings.TrimSpace(form.Get("new")); title != "" {
		id, err := h.createCategory(c, collection.Record{"title": title})
		if wrong, ok := errors.AsType[*fault.Error](err); ok && wrong.Kind == fault.Invalid {
			return d.renderCategories(http.StatusUnprocessableEntity, chosen, title, wrong.Fields)
		}
		if err != nil {
			return err
		}
		chosen = append(chosen, id)
	}
	if err := h.engine.Categorize(c.Request().Context(), actor(c), d.w.ID, chosen); err != nil {
		return err
	}
	return done(c, back(c, d.url()), "The categories of “"+workflowTitle(d.w.Title)+"” are saved.")
}
