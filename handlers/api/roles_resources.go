package api

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/engine/collection"
)

// mainSource is the one data source that there is.
const mainSource = "main"

// resourceRoutes registers what roles may do with single collections, under both
// names that clients use.
func (h *Roles) resourceRoutes(r Router) {
	for _, name := range []string{"resources", "dataSourceResources"} {
		path := "/api/roles/:name/" + name
		r.GET(path+`\:list`, auth.ManageRoles, h.resources)
		r.POST(path+`\:create`, auth.ManageRoles, h.putResource)
		for _, key := range []string{"", "/:key"} {
			r.GET(path+`\:get`+key, auth.ManageRoles, h.resource)
			r.POST(path+`\:update`+key, auth.ManageRoles, h.putResource)
			r.POST(path+`\:destroy`+key, auth.ManageRoles, h.dropResource)
		}
	}
	r.POST(`/api/dataSourcesRolesResources\:destroy`, auth.ManageRoles, h.destroyResources)
	r.POST(`/api/dataSourcesRolesResources\:destroy/:id`, auth.ManageRoles, h.destroyResources)
}

// resourceValues is a role's rules for one collection as clients send them.
type resourceValues struct {
	Name               string
	DataSourceKey      string // "main" or nothing: there is no other
	UsingActionsConfig *bool
	Actions            *[]struct {
		Name    auth.Action
		Fields  []string
		Scope   json.RawMessage // an id, null, or an object with id or key
		ScopeID *int64
	}
}

func resourceJSON(role auth.Role, r auth.Resource) map[string]any {
	actions := []any{}
	for _, a := range r.Actions {
		actions = append(actions, map[string]any{"id": a.ID, "name": a.Name, "fields": a.Fields, "scope": a.ScopeID, "scopeId": a.ScopeID})
	}
	return map[string]any{"id": r.ID, "roleName": string(role), "dataSourceKey": mainSource, "name": r.Collection, "usingActionsConfig": r.OwnRules, "actions": actions}
}

// rules returns the role's rules, and those that the request names, if there are
// any.
func (h *Roles) rules(c echo.Context) (d auth.RoleDefinition, named *auth.Resource, err error) {
	d, err = h.Store.RoleNamed(c.Request().Context(), h.actor(c), auth.Role(c.Param("name")))
	if err != nil {
		return d, nil, err
	}
	key := keyOf(c, "key")
	if key == "" {
		var filter struct{ Name string }
		_ = json.Unmarshal([]byte(c.QueryParam("filter")), &filter)
		key = filter.Name
	}
	for i, r := range d.Resources {
		if r.Collection == key || strconv.FormatInt(r.ID, 10) == key {
			return d, &d.Resources[i], nil
		}
	}
	return d, nil, nil
}

func (h *Roles) resources(c echo.Context) error {
	d, _, err := h.rules(c)
	if err != nil {
		return err
	}
	rows := collection.Rows{Title: "Rules of roles", Types: map[string]string{"id": collection.BigInt, "name": collection.String,
		"roleName": collection.String, "dataSourceKey": collection.String, "usingActionsConfig": collection.Boolean, "actions": collection.JSON}}
	for _, r := range d.Resources {
		rows.List = append(rows.List, resourceJSON(d.Name, r))
	}
	return h.Rows.answer(c, rows)
}

func (h *Roles) resource(c echo.Context) error {
	d, r, err := h.rules(c)
	switch {
	case err != nil:
		return err
	case r == nil:
		return data(c, nil)
	}
	return data(c, resourceJSON(d.Name, *r))
}

func (h *Roles) putResource(c echo.Context) error {
	var in resourceValues
	if err := read(c, &in); err != nil {
		return err
	}
	if in.DataSourceKey != "" && in.DataSourceKey != mainSource {
		return problem("dataSourceKey", "There is one data source here: main.")
	}
	d, old, err := h.rules(c)
	if err != nil {
		return err
	}
	r := auth.Resource{Collection: in.Name, OwnRules: true}
	if old != nil {
		r = *old
	}
	if in.UsingActionsConfig != nil {
		r.OwnRules = *in.UsingActionsConfig
	}
	if in.Actions != nil {
		r.Actions = nil
		for _, a := range *in.Actions {
			scope, err := h.scopeOf(c, a.Scope)
			if err != nil {
				return err
			}
			if scope == nil {
				scope = a.ScopeID
			}
			r.Actions = append(r.Actions, auth.ResourceAction{Name: a.Name, Fields: a.Fields, ScopeID: scope})
		}
	}
	made, err := h.Store.PutResource(c.Request().Context(), h.actor(c), d.Name, r)
	if err != nil {
		return err
	}
	if old != nil {
		return data(c, []any{resourceJSON(d.Name, made)})
	}
	return data(c, resourceJSON(d.Name, made))
}

func (h *Roles) dropResource(c echo.Context) error {
	d, r, err := h.rules(c)
	switch {
	case err != nil:
		return err
	case r == nil:
		return data(c, 0)
	}
	if err := h.Store.DropResource(c.Request().Context(), h.actor(c), d.Name, r.Collection); err != nil {
		return err
	}
	return data(c, 1)
}

// destroyResources takes rules back by the id of the rules or by a filter, as in
// {"roleName": "member"}, and answers how many. One that is refused undoes all.
func (h *Roles) destroyResources(c echo.Context) error {
	ctx, a := c.Request().Context(), h.actor(c)
	ids, err := targets(c, func(filter any) ([]int64, error) { return h.Find(ctx, a, "dataSourcesRolesResources", filter) })
	if err != nil {
		return err
	}
	gone, err := h.Store.DropResources(ctx, a, ids)
	if err != nil {
		return err
	}
	return data(c, gone)
}

// scopeOf reads the scope of an action.
func (h *Roles) scopeOf(c echo.Context, raw json.RawMessage) (*int64, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	var named struct {
		ID  json.Number
		Key string
	}
	if json.Unmarshal(raw, &named) != nil {
		if json.Unmarshal(raw, &named.ID) != nil {
			_ = json.Unmarshal(raw, &named.Key)
		}
	}
	if id, err := named.ID.Int64(); err == nil {
		return &id, nil
	}
	all, err := h.Store.Scopes(c.Request().Context(), h.actor(c))
	if err != nil {
		return nil, err
	}
	for _, n := range all {
		if n.Key == named.Key {
			return &n.ID, nil
		}
	}
	return nil, problem("actions", fmt.Sprintf("There is no scope “%s”. Send the id or the key of one.", named.Key))
}
