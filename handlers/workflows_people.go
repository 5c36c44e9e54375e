package handlers

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/fault"
	"alur/views"
)

// peopleRoutes registers the page that says who may do what with a workflow.
func (h *workflows) peopleRoutes(g *Group) {
	g.GET("/workflows/:id/people", auth.UseWorkflows, h.people)
	g.POST("/workflows/:id/people", auth.UseWorkflows, h.addPerson)
	g.POST("/workflows/:id/owner", auth.UseWorkflows, h.setOwner)
	g.POST("/workflows/:id/people/:member", auth.UseWorkflows, h.setPerson)
	g.POST("/workflows/:id/people/:member/remove", auth.UseWorkflows, h.removePerson)
}

// levelOptions are the levels to choose from.
func levelOptions(chosen auth.Level) []views.Option {
	var options []views.Option
	for _, l := range auth.Levels {
		options = append(options, views.Option{Value: string(l), Text: views.Capital(string(l)), Help: levelHelp[l], Selected: l == chosen})
	}
	return options
}

var levelHelp = map[auth.Level]string{
	auth.Viewer:   "Sees the workflow with its settings, and its executions with all their data.",
	auth.Operator: "Also starts it by hand, cancels executions, sends reminders and dismisses failures.",
	auth.Editor:   "Also changes and publishes it. What a workflow does, it does with all rights.",
	auth.Owner:    "Also deletes it, and says who may do what.",
}

func (h *workflows) people(c echo.Context) error {
	d, err := h.open(c)
	if err != nil {
		return err
	}
	return d.renderPeople(http.StatusOK, views.WorkflowPeople{NewLevel: string(auth.Viewer)})
}

// renderPeople shows the people of the workflow, with what was typed and what is
// wrong with it in vm.
func (d *desk) renderPeople(status int, vm views.WorkflowPeople) error {
	ctx, a := d.c.Request().Context(), actor(d.c)
	members, err := d.h.engine.Members(ctx, a, d.w.ID)
	if err != nil {
		return err
	}
	roles, err := d.h.users.Roles(ctx, auth.System) // their names are no secret
	if err != nil {
		return err
	}
	vm.Title, vm.Workflow, vm.Action = workflowTitle(d.w.Title), d.url(), d.url()+"/people"
	vm.MayChange, vm.Levels = d.level.Includes(auth.Owner), levelOptions("")
	vm.Owner = answersFor(members, engine.ReadOwner(d.w.Options))
	var managers []string
	in := map[string]bool{}
	for _, m := range members {
		row := views.WorkflowPerson{
			ID: views.ID(m.ID), Name: m.Name, Role: m.Role != nil, Self: m.UserID != nil && *m.UserID == a.UserID,
			Level: views.Capital(string(m.Level)), Levels: levelOptions(m.Level), URL: vm.Action + "/" + views.ID(m.ID),
		}
		if !m.Active {
			row.Note = "Deactivated"
		}
		in[whoValue(m.UserID, m.Role)] = true
		vm.Owned = vm.Owned || m.Level == auth.Owner
		if m.Level == auth.Owner && m.UserID != nil {
			vm.Owners = append(vm.Owners, views.Option{Value: views.ID(*m.UserID), Text: m.Name, Selected: m.Name == vm.Owner})
		}
		vm.Rows = append(vm.Rows, row)
	}
	for _, o := range d.env.Users {
		if value := "user:" + o.Value; !in[value] {
			vm.People = append(vm.People, views.Option{Value: value, Text: o.Text})
		}
	}
	for _, r := range roles {
		if r.Gives(auth.ManageWorkflows) {
			managers = append(managers, "“"+r.Title+"”")
		}
		if value := "role:" + string(r.Name); !in[value] {
			vm.Roles = append(vm.Roles, views.Option{Value: value, Text: r.Title})
		}
	}
	vm.Managers = "Nobody manages all workflows."
	if len(managers) > 0 {
		vm.Managers = "People with the " + plain(len(managers), "role ", "roles ") + list(managers, 5) +
			" manage all workflows: they may do everything with this one, too."
	}
	return render(d.c, status, views.WorkflowPeoplePage(vm), nil)
}

// whoValue names a person or a role in a form.
func whoValue(user *int64, role *auth.Role) string {
	if role != nil {
		return "role:" + string(*role)
	}
	return "user:" + views.ID(*user)
}

func (h *workflows) addPerson(c echo.Context) error {
	d, err := h.openFor(c, auth.Owner)
	if err != nil {
		return err
	}
	vm := views.WorkflowPeople{New: c.FormValue("who"), NewLevel: c.FormValue("level")}
	n := engine.NewMember{Level: auth.Level(vm.NewLevel)}
	switch kind, name, _ := strings.Cut(vm.New, ":"); kind {
	case "user":
		n.UserID, _ = strconv.ParseInt(name, 10, 64) // 0 is nobody, and refused
	case "role":
		n.Role = auth.Role(name)
	}
	m, err := h.engine.AddMember(c.Request().Context(), actor(c), d.w.ID, n)
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Kind == fault.Invalid {
		if vm.Problems = f.Fields; len(f.Fields) == 0 {
			vm.Problem = f.Msg
		}
		return d.renderPeople(http.StatusUnprocessableEntity, vm)
	}
	if err != nil {
		return err
	}
	return done(c, d.url()+"/people", m.Name+" may use this workflow now, as "+string(m.Level)+".")
}

// setOwner says who of the owners answers for the workflow.
func (h *workflows) setOwner(c echo.Context) error {
	d, err := h.openFor(c, auth.Owner)
	if err != nil {
		return err
	}
	person, err := strconv.ParseInt(c.FormValue("owner"), 10, 64)
	if err != nil {
		person = -1 // nobody, and refused
	}
	err = h.engine.SetOwner(c.Request().Context(), actor(c), d.w.ID, person)
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Kind == fault.Invalid {
		return d.renderPeople(http.StatusUnprocessableEntity, views.WorkflowPeople{NewLevel: string(auth.Viewer), Problems: f.Fields})
	}
	if err != nil {
		return err
	}
	return done(c, d.url()+"/people", "The owner is set.")
}

func (h *workflows) setPerson(c echo.Context) error {
	return h.changePerson(c, func(d *desk, id int64) (string, error) {
		m, err := h.engine.SetMember(c.Request().Context(), actor(c), d.w.ID, id, auth.Level(c.FormValue("level")))
		return m.Name + " is " + string(m.Level) + " now.", err
	})
}

func (h *workflows) removePerson(c echo.Context) error {
	return h.changePerson(c, func(d *desk, id int64) (string, error) {
		return "Removed.", h.engine.RemoveMember(c.Request().Context(), actor(c), d.w.ID, id)
	})
}

// changePerson does something with the member that the address names and goes
// back to the list, as long as the reader may see it then.
func (h *workflows) changePerson(c echo.Context, change func(d *desk, id int64) (notice string, err error)) error {
	d, err := h.openFor(c, auth.Owner)
	if err != nil {
		return err
	}
	id, err := strconv.ParseInt(c.Param("member"), 10, 64)
	if err != nil {
		return errNoPerson
	}
	notice, err := change(d, id)
	if f, ok := errors.AsType[*fault.Error](err); ok && (f.Kind == fault.Conflict || f.Kind == fault.Invalid) {
		status := http.StatusUnprocessableEntity
		if f.Kind == fault.Conflict {
			status = http.StatusConflict
		}
		return d.renderPeople(status, views.WorkflowPeople{NewLevel: string(auth.Viewer), Problem: f.Msg})
	}
	if err != nil {
		return err
	}
	level, err := h.engine.Level(c.Request().Context(), actor(c), d.w.Key)
	if err != nil {
		return err
	}
	if level == "" {
		return done(c, "/workflows", notice)
	}
	return done(c, d.url()+"/people", notice)
}

var errNoPerson = fault.New(fault.NotFound, "This person or role is not in the list any more.")
