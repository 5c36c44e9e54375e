package handlers

import (
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/engine/secret"
	"alur/handlers/api"
	"alur/views"
)

// variables lets people change what workflows find under $env.
type variables struct{ store *secret.Store }

const variablesPath = "/variables"

// Routes registers the pages about variables, and the changes by program.
func (h *variables) Routes(g *Group) {
	g.GET(variablesPath, auth.ManageVariables, h.list)
	g.POST(variablesPath, auth.ManageVariables, h.create)
	g.GET(variablesPath+"/new", auth.ManageVariables, h.blank)
	g.GET(variablesPath+"/import", auth.ManageVariables, h.askImport)
	g.POST(variablesPath+"/import", auth.ManageVariables, h.importText)
	g.GET(variablesPath+"/:name/edit", auth.ManageVariables, h.show)
	g.POST(variablesPath+"/:name/edit", auth.ManageVariables, h.update)
	g.GET(variablesPath+"/:name/delete", auth.ManageVariables, h.askRemove)
	g.POST(variablesPath+"/:name/delete", auth.ManageVariables, h.remove)
	(&api.Variables{Store: h.store, Actor: actor}).Routes(g)
}

func (h *variables) list(c echo.Context) error {
	all, err := h.store.List(c.Request().Context(), actor(c))
	if err != nil {
		return err
	}
	w := words(c)
	rows := make([]views.VariableRow, len(all))
	for i, v := range all {
		rows[i] = views.VariableRow{Name: v.Name, Secret: v.Kind == secret.Hidden, Value: views.Clip(v.Value, 200), URL: variablesPath + "/" + v.Name + "/edit",
			Delete: variablesPath + "/" + v.Name + "/delete", Changed: w.Moment(v.UpdatedAt, w.When(v.UpdatedAt)), Person: v.Person}
	}
	return render(c, http.StatusOK, views.VariablesPage(rows), nil)
}

// variableKinds are what a variable can be.
func variableKinds(chosen secret.Kind) []views.Option {
	return []views.Option{
		{Value: string(secret.Plain), Text: "Variable", Help: "Everybody who builds workflows can read it.", Selected: chosen != secret.Hidden},
		{Value: string(secret.Hidden), Text: "Secret", Help: "Nobody can read it again. It is masked in executions and logs.", Selected: chosen == secret.Hidden},
	}
}

func (h *variables) form(c echo.Context, status int, f views.VariableForm, kind secret.Kind) error {
	f.Kinds, f.Back = variableKinds(kind), variablesPath
	if f.Action == "" {
		f.Action = variablesPath
	}
	return render(c, status, views.VariablePage(f), nil)
}

func (h *variables) blank(c echo.Context) error {
	return h.form(c, http.StatusOK, views.VariableForm{}, secret.Plain)
}

func (h *variables) create(c echo.Context) error {
	name, kind, value := c.FormValue("name"), secret.Kind(c.FormValue("type")), c.FormValue("value")
	err := h.store.Create(c.Request().Context(), actor(c), name, kind, value)
	if problems, ok := problemsOf(err); ok {
		return h.form(c, http.StatusUnprocessableEntity, views.VariableForm{Name: name, Value: value, Problems: problems}, kind)
	}
	if err != nil {
		return err
	}
	return done(c, variablesPath, "Workflows find it under {{$env."+name+"}}.")
}

// edit is the form for a variable that is there.
func edit(v secret.Variable) views.VariableForm {
	return views.VariableForm{Name: v.Name, Made: true, Kept: v.Kind == secret.Hidden, Delete: variablesPath + "/" + v.Name + "/delete", Value: v.Value, Action: variablesPath + "/" + v.Name + "/edit"}
}

func (h *variables) show(c echo.Context) error {
	v, err := h.store.Get(c.Request().Context(), actor(c), c.Param("name"))
	if err != nil {
		return err
	}
	return h.form(c, http.StatusOK, edit(v), v.Kind)
}

func (h *variables) update(c echo.Context) error {
	ctx, a := c.Request().Context(), actor(c)
	v, err := h.store.Get(ctx, a, c.Param("name"))
	if err != nil {
		return err
	}
	kind, value := secret.Kind(c.FormValue("type")), c.FormValue("value")
	change := secret.Change{Kind: &kind, Value: &value}
	if v.Kind == secret.Hidden && value == "" {
		change.Value = nil // stays as it is
	}
	err = h.store.Update(ctx, a, v.Name, change)
	if problems, ok := problemsOf(err); ok {
		f := edit(v)
		f.Value, f.Problems = value, problems
		return h.form(c, http.StatusUnprocessableEntity, f, kind)
	}
	if err != nil {
		return err
	}
	return done(c, variablesPath, "Saved "+v.Name+".")
}

func (h *variables) askRemove(c echo.Context) error {
	ctx, a := c.Request().Context(), actor(c)
	v, err := h.store.Get(ctx, a, c.Param("name"))
	if err != nil {
		return err
	}
	used, err := h.store.Uses(ctx, a, v.Name)
	if err != nil {
		return err
	}
	confirm := views.Confirm{
		Title: "Delete " + v.Name, Text: "Its value cannot be brought back. No workflow uses it.",
		Action: variablesPath + "/" + v.Name + "/delete", Do: "Delete variable", Back: variablesPath,
	}
	if len(used) > 0 {
		confirm.Text = "Its value cannot be brought back. These workflows use it and will find nothing there:"
		for _, title := range used {
			confirm.Lines = append(confirm.Lines, workflowTitle(title))
		}
	}
	return render(c, http.StatusOK, views.ConfirmPage(confirm), views.ConfirmDialog(confirm))
}

func (h *variables) remove(c echo.Context) error {
	if err := h.store.Delete(c.Request().Context(), actor(c), c.Param("name")); err != nil {
		return err
	}
	return done(c, variablesPath, "Deleted "+c.Param("name")+".")
}

func importForm(c echo.Context, status int, f views.VariableImport, kind secret.Kind) error {
	f.Kinds = variableKinds(kind)
	return render(c, status, views.ImportVariablesPage(f), nil)
}

func (h *variables) askImport(c echo.Context) error {
	return importForm(c, http.StatusOK, views.VariableImport{}, secret.Plain)
}

func (h *variables) importText(c echo.Context) error {
	text, kind := c.FormValue("text"), secret.Kind(c.FormValue("type"))
	n, err := h.store.Import(c.Request().Context(), actor(c), kind, text)
	if problems, ok := problemsOf(err); ok {
		return importForm(c, http.StatusUnprocessableEntity, views.VariableImport{Text: text, Problems: problems}, kind)
	}
	if err != nil {
		return err
	}
	return done(c, variablesPath, fmt.Sprintf("Imported %s.", views.Count(n, "variable", "variables")))
}
