package handlers

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	"alur/views"
)

// fieldActions are the actions whose fields can be chosen.
var fieldActions = []auth.Action{auth.View, auth.Create, auth.Update, auth.Export}

// ruleFields are the fields that rules can be made for: keys go with their
// relation.
func ruleFields(coll *collection.Collection) []*collection.Field {
	var fields []*collection.Field
	for _, f := range coll.Fields {
		if !f.Hidden && f.Relation == "" && f.Name != "id" && f.Name != "updatedAt" {
			fields = append(fields, f)
		}
	}
	return fields
}

// both returns the role and the collection that the address names.
func (h *roles) both(c echo.Context) (auth.RoleDefinition, *collection.Collection, error) {
	d, err := h.find(c)
	if err != nil {
		return d, nil, err
	}
	coll, err := h.records.Collection(c.Request().Context(), c.Param("collection"))
	if err == nil && coll.System {
		err = fault.New(fault.NotFound, "There is no such page.")
	}
	return d, coll, err
}

func (h *roles) showRules(c echo.Context) error {
	d, coll, err := h.both(c)
	if err != nil {
		return err
	}
	return h.rulesPage(c, http.StatusOK, d, coll, nil)
}

// rulesPage shows what a role may do with a collection, by d's own rules or by
// its base actions; with problems, as it was typed.
func (h *roles) rulesPage(c echo.Context, status int, d auth.RoleDefinition, coll *collection.Collection, problems map[string]string) error {
	scopes, err := h.scopesFor(c, coll)
	if err != nil {
		return err
	}
	var typed url.Values
	if len(problems) > 0 {
		typed = c.Request().PostForm
		if typed.Get("own") == "yes" {
			d.Resources = append([]auth.Resource{readRules(typed, coll)}, d.Resources...)
		}
	}
	vm := views.RulesPage{
		Role: d.Title, RoleURL: rolePath(d.Name, ""), Collection: titleOf(coll), URL: c.Request().URL.Path,
		Own: d.Resource(coll.Name) != nil, Locked: d.Above, Problems: problems,
	}
	vm.URL = rolePath(d.Name, "/collections/"+coll.Name)
	for _, act := range auth.Actions {
		vm.Actions = append(vm.Actions, views.ActionChoice{
			Name: "action-" + string(act), Title: actionTitle(act), Options: reachOptions(act, d.Grant(coll.Name, act), scopes)})
	}
	for _, act := range fieldActions {
		vm.FieldHeads = append(vm.FieldHeads, actionTitle(act))
		g := d.Grant(coll.Name, act)
		box := views.RuleBox{Name: "all-" + string(act), Label: actionTitle(act) + ": all fields", Checked: !g.Allowed || g.AllFields()}
		if typed.Has("own") {
			box.Checked = typed.Has(box.Name)
		}
		vm.All = append(vm.All, box)
	}
	for _, f := range ruleFields(coll) {
		row := views.RuleField{Title: f.Title, Name: f.Name}
		for _, act := range fieldActions {
			box := views.RuleBox{Name: "field-" + string(act), Value: f.Name, Label: actionTitle(act) + " " + f.Title}
			g := d.Grant(coll.Name, act)
			box.Checked = !g.AllFields() && g.Field(f.Name)
			if typed.Has("own") {
				box.Checked = slices.Contains(typed[box.Name], f.Name)
			}
			box.None = f.ReadOnly && (act == auth.Create || act == auth.Update)
			row.Boxes = append(row.Boxes, box)
		}
		vm.Fields = append(vm.Fields, row)
		if f.Type != collection.HasMany && f.Type != collection.JSON {
			vm.ScopeFields = append(vm.ScopeFields, views.Option{Value: f.Name, Text: f.Title, Selected: typed.Get("field") == f.Name})
		}
	}
	vm.ScopeName, vm.ScopeValue, vm.ScopeOperator = typed.Get("name"), typed.Get("value"), typed.Get("operator")
	for _, n := range scopes {
		if !n.BuiltIn() {
			vm.Scopes = append(vm.Scopes, views.Fact{Name: n.Name, Value: string(n.Filter)})
		}
	}
	return render(c, status, views.RulesEditPage(vm), nil)
}

// scopesFor are the scopes that rules for a collection can choose.
func (h *roles) scopesFor(c echo.Context, coll *collection.Collection) ([]auth.NamedScope, error) {
	all, err := h.store.Scopes(c.Request().Context(), actor(c))
	return slices.DeleteFunc(all, func(n auth.NamedScope) bool { return n.Collection != "" && n.Collection != coll.Name }), err
}

func (h *roles) saveRules(c echo.Context) error {
	d, coll, err := h.both(c)
	if err != nil {
		return err
	}
	form, err := c.FormParams()
	if err != nil {
		return err
	}
	ctx, a := c.Request().Context(), actor(c)
	if form.Get("own") != "yes" {
		if err := h.store.DropResource(ctx, a, d.Name, coll.Name); err != nil {
			return err
		}
		return done(c, rolePath(d.Name, ""), d.Title+" has no rules of its own for "+titleOf(coll)+" any more.")
	}
	if act, both := allAndSome(form); both {
		return h.rulesPage(c, http.StatusUnprocessableEntity, d, coll, map[string]string{"fields": fmt.Sprintf(
			"For “%s”, all fields are ticked, and single ones beside that. Clear “All fields” so that only the single ones count, or clear those.", actionTitle(act))})
	}
	_, err = h.store.PutResource(ctx, a, d.Name, readRules(form, coll))
	if problems, ok := problemsOf(err); ok {
		return h.rulesPage(c, http.StatusUnprocessableEntity, d, coll, problems)
	}
	if err != nil {
		return err
	}
	return done(c, rolePath(d.Name, ""), "The rules of "+d.Title+" for "+titleOf(coll)+" were saved.")
}

// allAndSome finds an action for which the box of all fields is ticked and single
// ones beside it: nobody could tell whether the others are meant.
func allAndSome(form url.Values) (auth.Action, bool) {
	for _, act := range fieldActions {
		if form.Has("all-"+string(act)) && form.Has("field-"+string(act)) {
			return act, true
		}
	}
	return "", false
}

// readRules reads the form of a role's own rules.
func readRules(form url.Values, coll *collection.Collection) auth.Resource {
	res := auth.Resource{Collection: coll.Name, OwnRules: true}
	for _, act := range auth.Actions {
		reach := form.Get("action-" + string(act))
		if reach == "" {
			continue
		}
		rule := auth.ResourceAction{Name: act}
		if reach == "own" {
			own := int64(auth.ScopeOwn)
			rule.ScopeID = &own
		} else if id, err := strconv.ParseInt(reach, 10, 64); err == nil {
			rule.ScopeID = &id
		}
		if slices.Contains(fieldActions, act) && form.Get("all-"+string(act)) == "" {
			rule.Fields = []string{}
			for _, f := range ruleFields(coll) {
				if slices.Contains(form["field-"+string(act)], f.Name) {
					rule.Fields = append(rule.Fields, f.Name)
				}
			}
		}
		res.Actions = append(res.Actions, rule)
	}
	return res
}

// addScope makes a scope of one condition: a field is, or is not, a value or the
// person who asks.
func (h *roles) addScope(c echo.Context) error {
	d, coll, err := h.both(c)
	if err != nil {
		return err
	}
	name, field, value := c.FormValue("name"), c.FormValue("field"), strings.TrimSpace(c.FormValue("value"))
	f := coll.Field(field)
	if f == nil {
		return h.rulesPage(c, http.StatusUnprocessableEntity, d, coll, map[string]string{"field": "Choose a field."})
	}
	if f.Type == collection.BelongsTo {
		field = f.ForeignKey
	}
	operator := map[string]string{"is": "$eq", "isNot": "$ne", "person": "$eq"}[c.FormValue("operator")]
	if c.FormValue("operator") == "person" {
		value = "{{$user.id}}"
	}
	if operator == "" {
		return h.rulesPage(c, http.StatusUnprocessableEntity, d, coll, map[string]string{"field": "Choose how the field is compared."})
	}
	filter := map[string]any{field: map[string]any{operator: value}}
	ctx, a := c.Request().Context(), actor(c)
	err = h.records.CheckFilter(ctx, a, coll.Name, filter)
	if err == nil {
		var raw []byte
		if raw, err = json.Marshal(filter); err == nil {
			_, err = h.store.CreateScope(ctx, a, auth.NamedScope{Name: name, Collection: coll.Name, Filter: raw})
		}
	}
	if problems, ok := problemsOf(err); ok {
		if problems["filter"] != "" {
			problems["value"] = problems["filter"]
		}
		return h.rulesPage(c, http.StatusUnprocessableEntity, d, coll, problems)
	}
	if err != nil {
		return err
	}
	return done(c, rolePath(d.Name, "/collections/"+coll.Name), "“"+strings.TrimSpace(name)+"” can be chosen now.")
}
