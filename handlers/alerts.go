package handlers

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/fault"
	"alur/views"
)

// alerts lets people say who hears by mail of what goes wrong.
type alerts struct {
	engine *engine.Engine
	users  *auth.Store
}

// Routes registers the alerts of a workflow; those of the server are with the
// other settings.
func (h *alerts) Routes(g *Group) {
	g.GET("/workflows/:id/alerts", auth.UseWorkflows, h.show)
	g.POST("/workflows/:id/alerts", auth.UseWorkflows, h.update)
}

// workflow is what the address names, for who may change it.
func (h *alerts) workflow(c echo.Context) (engine.Workflow, error) {
	var id int64
	if err := echo.PathParamsBinder(c).Int64("id", &id).BindError(); err != nil {
		return engine.Workflow{}, errNoWorkflowPage
	}
	w, _, err := h.engine.Workflow(c.Request().Context(), actor(c), id)
	if err != nil {
		return engine.Workflow{}, err
	}
	return w, h.engine.May(c.Request().Context(), actor(c), w.Key, auth.Editor)
}

func (h *alerts) show(c echo.Context) error {
	w, err := h.workflow(c)
	if err != nil {
		return err
	}
	s, err := h.engine.AlertSettings(c.Request().Context(), actor(c))
	if err != nil {
		return err
	}
	own := engine.ReadAlerts(w.Options)
	rules := own.Alerts
	if own.Mode != engine.OwnAlerts {
		rules = s.Alerts
	}
	vm := alertsForm(rules)
	vm.Mode = string(own.Mode)
	return h.render(c, http.StatusOK, w, vm, rules)
}

// render shows the form of w with those chosen who rules name.
func (h *alerts) render(c echo.Context, status int, w engine.Workflow, vm views.AlertsForm, rules engine.Alerts) error {
	ctx := c.Request().Context()
	s, err := h.engine.AlertSettings(ctx, actor(c))
	if err != nil {
		return err
	}
	members, err := h.engine.Members(ctx, actor(c), w.ID)
	if err != nil {
		return err
	}
	people, roles, err := h.managers(ctx)
	if err != nil {
		return err
	}
	for _, m := range members {
		switch {
		case m.Role != nil:
			roles = append(roles, views.Option{Value: string(*m.Role), Text: m.Name})
		case m.Active:
			people = append(people, views.Option{Value: views.ID(*m.UserID), Text: m.Name})
		}
	}
	vm.OwnerName = answersFor(members, engine.ReadOwner(w.Options))
	vm.Workflow, vm.Back, vm.Server = workflowTitle(w.Title), "/workflows/"+views.ID(w.ID), alertWords(s.Alerts)
	vm.Action = vm.Back + "/alerts"
	vm.People, vm.Roles = chosenPeople(people, rules.UserIDs), chosenRoles(roles, rules.Roles)
	return render(c, status, views.AlertsPage(vm), nil)
}

// answersFor names who answers for a workflow: the person who was chosen, if they
// own it, else the first owner; "" for nobody.
func answersFor(members []engine.Member, person int64) string {
	name, first := "", int64(0)
	for _, m := range members {
		if m.Level != auth.Owner || !m.Active {
			continue
		}
		if m.UserID != nil && *m.UserID == person {
			return m.Name
		}
		if first == 0 || m.ID < first {
			name, first = m.Name, m.ID
		}
	}
	return name
}

// managers are the people and roles that manage all workflows.
func (h *alerts) managers(ctx context.Context) (people, roles []views.Option, err error) {
	all, err := h.users.Roles(ctx, auth.System) // their names are no secret
	if err != nil {
		return nil, nil, err
	}
	manages := map[auth.Role]bool{}
	for _, r := range all {
		if r.Gives(auth.ManageWorkflows) {
			manages[r.Name] = true
			roles = append(roles, views.Option{Value: string(r.Name), Text: r.Title})
		}
	}
	users, _, err := h.users.List(ctx, auth.System, auth.Filter{PageSize: 500})
	if err != nil {
		return nil, nil, err
	}
	for _, u := range users {
		if u.Active && slices.ContainsFunc(u.Roles(), func(r auth.Role) bool { return manages[r] }) {
			people = append(people, views.Option{Value: views.ID(u.ID), Text: u.Nickname})
		}
	}
	return people, roles, nil
}

func chosenPeople(options []views.Option, ids []int64) []views.Option {
	return chosen(options, func(value string) bool {
		return slices.ContainsFunc(ids, func(id int64) bool { return views.ID(id) == value })
	})
}

func chosenRoles(options []views.Option, roles []auth.Role) []views.Option {
	return chosen(options, func(value string) bool { return slices.Contains(roles, auth.Role(value)) })
}

// chosen marks some options, and leaves out those that are there already.
func chosen(options []views.Option, is func(value string) bool) []views.Option {
	var list []views.Option
	for _, o := range options {
		if !slices.ContainsFunc(list, func(other views.Option) bool { return other.Value == o.Value }) {
			o.Selected = is(o.Value)
			list = append(list, o)
		}
	}
	return list
}

func (h *alerts) update(c echo.Context) error {
	w, err := h.workflow(c)
	if err != nil {
		return err
	}
	vm, rules, err := readAlertsForm(c)
	if err != nil {
		return err
	}
	vm.Mode = c.FormValue("rules")
	err = h.engine.SetAlerts(c.Request().Context(), actor(c), w.ID, engine.WorkflowAlerts{Mode: engine.AlertMode(vm.Mode), Alerts: rules})
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Kind == fault.Invalid {
		vm.Problems = f.Fields
		return h.render(c, http.StatusUnprocessableEntity, w, vm, rules)
	}
	if err != nil {
		return err
	}
	return done(c, "/workflows/"+views.ID(w.ID), "The alerts of “"+workflowTitle(w.Title)+"” are set.")
}

// alertsForm is how rules stand in a form.
func alertsForm(a engine.Alerts) views.AlertsForm {
	vm := views.AlertsForm{Owner: a.Owner, After: strconv.Itoa(a.After), WithinUnit: "1", Recovered: a.Recovered}
	if a.Within > 0 {
		vm.Within, vm.WithinUnit = minutesText(a.Within)
	}
	vm.Every, vm.EveryUnit = minutesText(a.Every)
	return vm
}

// minutesText is a time in the largest unit that it is a whole number of.
func minutesText(minutes int) (number, unit string) {
	for _, u := range views.AlertUnits {
		if n, _ := strconv.Atoi(u.Value); minutes%n == 0 {
			number, unit = strconv.Itoa(minutes/n), u.Value
		}
	}
	return number, unit
}

// readAlertsForm takes posted rules as typed and as numbers; what is no positive
// number is -1, which the engine refuses.
func readAlertsForm(c echo.Context) (views.AlertsForm, engine.Alerts, error) {
	form, err := c.FormParams()
	if err != nil {
		return views.AlertsForm{}, engine.Alerts{}, err
	}
	typed := func(name string) string { return strings.TrimSpace(form.Get(name)) }
	vm := views.AlertsForm{Owner: typed("owner") == "true", After: typed("after"), Within: typed("within"), WithinUnit: typed("withinUnit"),
		Every: typed("every"), EveryUnit: typed("everyUnit"), Recovered: typed("recovered") == "true"}
	a := engine.Alerts{Owner: vm.Owner, After: whole(vm.After, -1), Recovered: vm.Recovered, Every: minutes(vm.Every, vm.EveryUnit, -1), Within: minutes(vm.Within, vm.WithinUnit, 0)}
	a.UserIDs, a.Roles = readPeople(form["user"]), readRoles(form["role"])
	return vm, a, nil
}

// minutes is a typed time.
func minutes(number, unit string, empty int) int {
	n := whole(number, empty)
	if n <= 0 {
		return n
	}
	return min(n, 1_000_000) * max(whole(unit, 1), 1)
}

func readPeople(values []string) (ids []int64) {
	for _, v := range values {
		if id, err := strconv.ParseInt(v, 10, 64); err == nil {
			ids = append(ids, id)
		}
	}
	return ids
}

func readRoles(values []string) (roles []auth.Role) {
	for _, v := range values {
		roles = append(roles, auth.Role(v))
	}
	return roles
}

// alertWords says who hears of what.
func alertWords(a engine.Alerts) string {
	var who []string
	if a.Owner {
		who = append(who, "the owner")
	}
	if n := len(a.UserIDs); n > 0 {
		who = append(who, views.Count(n, "person", "people"))
	}
	if n := len(a.Roles); n > 0 {
		who = append(who, views.Count(n, "role", "roles"))
	}
	if len(who) == 0 {
		who = append(who, "nobody but those who hear of the server")
	}
	text := views.Capital(list(who, 5)) + ", "
	switch {
	case a.After == 1:
		text += "at once"
	case a.Within > 0:
		text += "after " + views.Int(a.After) + " failures within " + views.Duration(time.Duration(a.Within)*time.Minute)
	default:
		text += "after " + views.Int(a.After) + " failures in a row"
	}
	return text + ", at most one mail in " + views.Duration(time.Duration(a.Every)*time.Minute) + "."
}

// settings is the form of the server's alerts, with s chosen.
func (h *alerts) settings(ctx context.Context, vm views.AlertsForm, s engine.AlertSettings) (views.AlertsForm, error) {
	people, roles, err := h.managers(ctx)
	if err != nil {
		return vm, err
	}
	vm.Action = "/settings/alerts"
	vm.People, vm.Roles = chosenPeople(people, s.UserIDs), chosenRoles(roles, s.Roles)
	vm.ServerPeople, vm.ServerRoles = chosenPeople(people, s.Server.UserIDs), chosenRoles(roles, s.Server.Roles)
	return vm, nil
}

// updateAlerts changes the alerts of the server.
func (h *retention) updateAlerts(c echo.Context) error {
	vm, rules, err := readAlertsForm(c)
	if err != nil {
		return err
	}
	form, err := c.FormParams()
	if err != nil {
		return err
	}
	s := engine.AlertSettings{Alerts: rules}
	s.Server.UserIDs, s.Server.Roles = readPeople(form["serverUser"]), readRoles(form["serverRole"])
	err = h.engine.SaveAlertSettings(c.Request().Context(), actor(c), s)
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Kind == fault.Invalid {
		vm.Problems = f.Fields
		if vm, err = h.alerts.settings(c.Request().Context(), vm, s); err != nil {
			return err
		}
		kept, err := h.historySettings(c)
		if err != nil {
			return err
		}
		return h.renderSettings(c, http.StatusUnprocessableEntity, kept, &vm)
	}
	if err != nil {
		return err
	}
	return done(c, "/settings", "The alerts are saved.")
}
