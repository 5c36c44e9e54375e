package handlers

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	"alur/views"
)

// roles lets managers say what people may do.
type roles struct {
	store   *auth.Store
	records *collection.Store
}

// Routes registers the pages about roles.
func (h *roles) Routes(g *Group) {
	g.GET("/roles", auth.ManageRoles, h.list)
	g.GET("/roles/new", auth.ManageRoles, h.blank)
	g.POST("/roles", auth.ManageRoles, h.create)
	g.GET("/roles/:name", auth.ManageRoles, h.show)
	g.POST("/roles/:name", auth.ManageRoles, h.update)
	g.POST("/roles/:name/default", auth.ManageRoles, h.setDefault)
	g.GET("/roles/:name/delete", auth.ManageRoles, h.askRemove)
	g.POST("/roles/:name/delete", auth.ManageRoles, h.remove)
	g.GET("/roles/:name/collections/:collection", auth.ManageRoles, h.showRules)
	g.POST("/roles/:name/collections/:collection", auth.ManageRoles, h.saveRules)
	g.POST("/roles/:name/collections/:collection/scope", auth.ManageRoles, h.addScope)
}

// rolePath is where a role is, and below it what is given.
func rolePath(name auth.Role, below string) string { return "/roles/" + namePath(string(name)) + below }

func (h *roles) list(c echo.Context) error {
	ctx, a := c.Request().Context(), actor(c)
	all, err := h.store.Roles(ctx, a)
	if err != nil {
		return err
	}
	people, err := h.store.PeoplePerRole(ctx, a)
	if err != nil {
		return err
	}
	vm := views.Roles{Tabs: peopleTabs(c, "/roles")}
	for _, d := range all {
		vm.Rows = append(vm.Rows, views.RoleRow{
			Name: string(d.Name), Title: d.Title, About: d.Description, Default: d.Default, BuiltIn: d.BuiltIn(),
			People: views.Count(people[d.Name], "person", "people"), URL: rolePath(d.Name, ""),
			PeopleURL: "/users?role=" + string(d.Name), Locked: d.Above,
		})
	}
	return render(c, http.StatusOK, views.RolesPage(vm), nil)
}

func (h *roles) blank(c echo.Context) error {
	return h.showForm(c, http.StatusOK, auth.RoleDefinition{Actions: []string{"view:own"}}, nil)
}

func (h *roles) create(c echo.Context) error {
	d, err := readRoleForm(c)
	if err != nil {
		return err
	}
	made, err := h.store.CreateRole(c.Request().Context(), actor(c), d)
	if problems, ok := problemsOf(err); ok {
		return h.showForm(c, http.StatusUnprocessableEntity, d, problems)
	}
	if err != nil {
		return err
	}
	return done(c, rolePath(made.Name, ""), made.Title+" was made. Now say what it may do with each collection.")
}

// problemsOf are the problems of a refused form; a right that is not there to give
// is one of them.
func problemsOf(err error) (map[string]string, bool) {
	switch {
	case fault.Is(err, fault.Invalid):
		return classify(err).Fields, true
	case fault.Is(err, fault.Forbidden):
		return map[string]string{"": classify(err).Msg}, true
	}
	return nil, false
}

// readRoleForm reads name, management rights and base actions.
func readRoleForm(c echo.Context) (d auth.RoleDefinition, err error) {
	form, err := c.FormParams()
	if err != nil {
		return d, err
	}
	d.Title, d.Description, d.Snippets = form.Get("title"), form.Get("description"), []string{}
	if d.Title == "" {
		d.Title = " " // the store says that it is missing
	}
	for _, s := range auth.Snippets() {
		if slices.Contains(form["snippet"], s.Name) {
			d.Snippets = append(d.Snippets, s.Name)
		}
	}
	d.Actions = []string{}
	for _, act := range auth.Actions {
		switch form.Get("action-" + string(act)) {
		case "all":
			d.Actions = append(d.Actions, string(act))
		case "own":
			d.Actions = append(d.Actions, string(act)+":own")
		}
	}
	return d, nil
}

// showForm shows the form of a new role.
func (h *roles) showForm(c echo.Context, status int, d auth.RoleDefinition, problems map[string]string) error {
	return render(c, status, views.NewRolePage(h.form(c, d, problems)), nil)
}

// form is the part about name, management and base actions.
func (h *roles) form(c echo.Context, d auth.RoleDefinition, problems map[string]string) views.RoleForm {
	a := actor(c)
	vm := views.RoleForm{Title: d.Title, Description: d.Description, Problems: problems}
	for _, s := range auth.Snippets() {
		o := views.Option{Value: s.Name, Text: "May " + s.Title, Help: s.Help, Selected: s.Gives(d.Snippets)}
		if o.Disabled = !a.Can(s.Right) && !o.Selected; o.Disabled {
			o.Help = "You do not have this right, so you cannot give it."
		}
		vm.Snippets = append(vm.Snippets, o)
	}
	for _, act := range auth.Actions {
		g := auth.RoleDefinition{Actions: d.Actions}.Grant("", act)
		vm.Actions = append(vm.Actions, views.ActionChoice{Name: "action-" + string(act), Title: actionTitle(act), Options: reachOptions(act, g, nil)})
	}
	return vm
}

// actionTitle is an action as the head of a row: "See".
func actionTitle(act auth.Action) string { return views.Capital(doWords[act]) }

// reachOptions are the records that an action may reach, the chosen one marked.
func reachOptions(act auth.Action, g auth.Grant, scopes []auth.NamedScope) []views.Option {
	all := "All records"
	if !act.Reaches() {
		all = "Yes"
	}
	options := []views.Option{
		{Value: "", Text: "No", Selected: !g.Allowed},
		{Value: "all", Text: all, Selected: g.Any},
	}
	if !act.Reaches() {
		return options
	}
	options = append(options, views.Option{Value: "own", Text: "Own records", Selected: g.Own})
	for _, n := range scopes {
		if !n.BuiltIn() {
			options = append(options, views.Option{Value: views.ID(n.ID), Text: n.Name,
				Selected: slices.ContainsFunc(g.Scopes, func(s auth.Scope) bool { return s.ID == n.ID })})
		}
	}
	return options
}

func (h *roles) find(c echo.Context) (auth.RoleDefinition, error) {
	return h.store.RoleNamed(c.Request().Context(), actor(c), auth.Role(pathName(c, "name")))
}

func (h *roles) show(c echo.Context) error {
	d, err := h.find(c)
	if err != nil {
		return err
	}
	return h.page(c, http.StatusOK, d, nil)
}

// page shows a role with what a form holds.
func (h *roles) page(c echo.Context, status int, d auth.RoleDefinition, problems map[string]string) error {
	ctx, a := c.Request().Context(), actor(c)
	all, err := h.records.Collections(ctx)
	if err != nil {
		return err
	}
	people, err := h.store.PeoplePerRole(ctx, a)
	if err != nil {
		return err
	}
	vm := views.RolePage{
		Form: h.form(c, d, problems), URL: rolePath(d.Name, ""), Default: d.Default, BuiltIn: d.BuiltIn(), Locked: d.Above,
		People: views.Count(people[d.Name], "person has", "people have") + " this role", PeopleURL: "/users?role=" + string(d.Name),
		Heads: matrixHeads(),
	}
	switch {
	case d.Name == auth.Root:
		vm.Why = "The owner may do everything, always. Nobody can change that."
	case vm.Locked:
		vm.Why = "This role may do more than you, so you cannot change it."
	}
	for _, coll := range all {
		if !coll.System {
			vm.Rows = append(vm.Rows, h.matrixRow(d, coll))
		}
	}
	return render(c, status, views.RoleEditPage(vm), nil)
}

func matrixHeads() []string {
	var heads []string
	for _, act := range auth.Actions {
		heads = append(heads, actionTitle(act))
	}
	return heads
}

// matrixRow says what a role may do with one collection.
func (h *roles) matrixRow(d auth.RoleDefinition, coll *collection.Collection) views.MatrixRow {
	row := views.MatrixRow{Title: titleOf(coll), URL: rolePath(d.Name, "/collections/"+coll.Name), Own: d.Resource(coll.Name) != nil}
	for _, act := range auth.Actions {
		g := d.Grant(coll.Name, act)
		cell := views.MatrixCell{Word: "–", Head: actionTitle(act)}
		if g.Allowed {
			cell.Yes, cell.Word = true, views.Capital(reachWord(g))
			if !act.Reaches() {
				cell.Word = "Yes"
			}
			if n, of := granted(g, coll); n < of {
				cell.Note = fmt.Sprintf("%d of %d fields", n, of)
			}
		}
		row.Cells = append(row.Cells, cell)
	}
	return row
}

// granted counts the fields that a grant covers.
func granted(g auth.Grant, coll *collection.Collection) (n, of int) {
	for _, f := range ruleFields(coll) {
		of++
		if g.Field(f.Name) {
			n++
		}
	}
	return n, of
}

func (h *roles) update(c echo.Context) error {
	d, err := h.find(c)
	if err != nil {
		return err
	}
	typed, err := readRoleForm(c)
	if err != nil {
		return err
	}
	// Rights that the page does not know, and those that patterns gave, stay as
	// long as the boxes say the same.
	snippets := typed.Snippets
	if sameSnippets(d.Snippets, snippets) {
		snippets = d.Snippets
	}
	changed, err := h.store.UpdateRole(c.Request().Context(), actor(c), d.Name, auth.RoleChange{
		Title: &typed.Title, Description: &typed.Description, Actions: &typed.Actions, Snippets: &snippets,
	})
	if problems, ok := problemsOf(err); ok {
		d.Title, d.Description, d.Actions, d.Snippets = typed.Title, typed.Description, typed.Actions, snippets
		return h.page(c, http.StatusUnprocessableEntity, d, problems)
	}
	if err != nil {
		return err
	}
	return done(c, rolePath(d.Name, ""), changed.Title+" was saved.")
}

func sameSnippets(a, b []string) bool {
	for _, s := range auth.Snippets() {
		if s.Gives(a) != s.Gives(b) {
			return false
		}
	}
	return true
}

func (h *roles) setDefault(c echo.Context) error {
	d, err := h.find(c)
	if err != nil {
		return err
	}
	if err := h.store.SetDefaultRole(c.Request().Context(), actor(c), d.Name); err != nil {
		return err
	}
	return done(c, rolePath(d.Name, ""), "New people get the role "+d.Title+" from now on.")
}

func (h *roles) askRemove(c echo.Context) error {
	d, err := h.find(c)
	if err != nil {
		return err
	}
	vm := views.Confirm{Title: "Delete " + d.Title, Do: "Delete role", Action: c.Request().URL.Path, Back: rolePath(d.Name, ""),
		Text: "The role and its rules are gone. Nobody may have it as their own role; who has it as a further one loses it."}
	return render(c, http.StatusOK, views.ConfirmPage(vm), views.ConfirmDialog(vm))
}

func (h *roles) remove(c echo.Context) error {
	d, err := h.find(c)
	if err != nil {
		return err
	}
	if err := h.store.DeleteRole(c.Request().Context(), actor(c), d.Name); err != nil {
		return err
	}
	return done(c, "/roles", d.Title+" was deleted.")
}
