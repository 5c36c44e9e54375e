package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/engine/fault"
)

// Roles changes what people may do.
type Roles struct {
	Store   *auth.Store
	Session func(c echo.Context) auth.Session

	// CheckFilter says what is wrong with a scope's filter on a collection; nil
	// for nothing.
	CheckFilter func(c echo.Context, collection string, filter any) error
}

// Routes registers roles, their rules for collections, and scopes.
func (h *Roles) Routes(r Router) {
	r.GET(`/api/roles\:check`, auth.UseRecords, h.check)
	r.GET(`/api/roles\:list`, auth.UseRecords, h.list)
	r.POST(`/api/roles\:create`, auth.ManageRoles, h.create)
	for _, key := range []string{"", "/:name"} {
		r.GET(`/api/roles\:get`+key, auth.UseRecords, h.get)
		r.POST(`/api/roles\:update`+key, auth.ManageRoles, h.update)
		r.POST(`/api/roles\:destroy`+key, auth.ManageRoles, h.destroy)
		r.POST(`/api/roles\:setDefaultRole`+key, auth.ManageRoles, h.setDefault)
	}
	r.GET(`/api/roles/:name/resources\:list`, auth.ManageRoles, h.resources)
	r.POST(`/api/roles/:name/resources\:create`, auth.ManageRoles, h.putResource)
	for _, key := range []string{"", "/:key"} {
		r.GET(`/api/roles/:name/resources\:get`+key, auth.ManageRoles, h.resource)
		r.POST(`/api/roles/:name/resources\:update`+key, auth.ManageRoles, h.putResource)
		r.POST(`/api/roles/:name/resources\:destroy`+key, auth.ManageRoles, h.dropResource)
	}
	h.scopeRoutes(r)
}

func (h *Roles) actor(c echo.Context) auth.Actor { return h.Session(c).Actor }

// roleKey is the role that a request names; "" for none.
func roleKey(c echo.Context) auth.Role {
	if name := c.Param("name"); name != "" {
		return auth.Role(name)
	}
	return auth.Role(c.QueryParam("filterByTk"))
}

func roleJSON(d auth.RoleDefinition) map[string]any {
	m := map[string]any{}
	maps.Copy(m, d.Options)
	m["name"], m["title"], m["description"], m["default"] = d.Name, d.Title, d.Description, d.Default
	m["strategy"], m["snippets"], m["hidden"] = map[string]any{"actions": orEmpty(d.Actions)}, orEmpty(d.Snippets), false
	m["createdAt"], m["updatedAt"] = timeJSON(&d.CreatedAt), timeJSON(&d.UpdatedAt)
	return m
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// roleValues is what may be sent about a role; other keys are kept as options.
type roleValues struct {
	Name        auth.Role
	Title       *string
	Description *string
	Strategy    *struct{ Actions []string }
	Snippets    *[]string
	Default     bool

	options map[string]any
}

// roleKeys are the keys of a role that are not kept as options.
var roleKeys = []string{"name", "title", "description", "strategy", "snippets", "default", "hidden", "createdAt", "updatedAt", "resources", "id"}

func readRole(c echo.Context) (v roleValues, err error) {
	var raw json.RawMessage
	if err := read(c, &raw); err != nil {
		return v, err
	}
	if len(raw) == 0 {
		return v, nil
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return v, fault.Wrap(fault.Invalid, "Send an object with name, title, strategy and snippets.", err)
	}
	if err := json.Unmarshal(raw, &v.options); err != nil {
		return v, fault.Wrap(fault.Invalid, "Send an object with name, title, strategy and snippets.", err)
	}
	for _, k := range roleKeys {
		delete(v.options, k)
	}
	return v, nil
}

// check tells who asks what they may do.
func (h *Roles) check(c echo.Context) error {
	s := h.Session(c)
	acting, err := h.Store.Acting(c.Request().Context(), s)
	if err != nil {
		return err
	}
	actions, resources, rules := []string{}, []string{}, map[string]any{}
	patterns, all := []string{}, false
	for _, d := range acting {
		all = all || d.Name == auth.Root
		actions = append(actions, d.Actions...)
		patterns = append(patterns, d.Snippets...)
		for _, res := range d.Resources {
			if d.Resource(res.Collection) == nil {
				continue
			}
			resources = append(resources, res.Collection)
			for _, a := range res.Actions {
				rule := map[string]any{}
				if a.Fields != nil {
					rule["fields"], rule["whitelist"] = a.Fields, a.Fields
				}
				if a.ScopeID != nil {
					rule["filter"] = a.Filter
				}
				rules[res.Collection+":"+string(a.Name)] = rule
			}
		}
	}
	if len(acting) > 1 { // patterns of several roles could take away what another gives
		patterns = patterns[:0]
		for _, n := range auth.Snippets() {
			if s.Actor.Can(n.Right) {
				patterns = append(patterns, n.Name)
			}
		}
	}
	slices.Sort(resources)
	return data(c, map[string]any{
		"role": s.Actor.Role, "roles": s.Roles, "strategy": map[string]any{"actions": compact(actions)}, "snippets": orEmpty(patterns),
		"actions": rules, "resources": slices.Compact(resources), "availableActions": auth.Actions,
		"allowAll": all, "allowConfigure": all || s.Actor.Can(auth.ManageCollections), "allowMenuItemIds": []any{}, "allowAnonymous": false,
	})
}

func compact(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

// visible lists the roles that who asks may know of: all to those who look after
// people or roles, their own to others.
func (h *Roles) visible(c echo.Context) ([]auth.RoleDefinition, error) {
	s := h.Session(c)
	if s.Actor.Can(auth.ManageRoles) || s.Actor.Can(auth.ManageUsers) {
		return h.Store.Roles(c.Request().Context(), s.Actor)
	}
	return h.Store.Acting(c.Request().Context(), s)
}

func (h *Roles) list(c echo.Context) error {
	all, err := h.visible(c)
	if err != nil {
		return err
	}
	out := make([]any, len(all))
	for i, d := range all {
		out[i] = roleJSON(d)
	}
	return page(c, out)
}

// page answers a list that is always whole.
func page(c echo.Context, list []any) error {
	if c.QueryParam("paginate") == "false" {
		return data(c, list)
	}
	return c.JSON(http.StatusOK, map[string]any{"data": list, "meta": map[string]any{
		"count": len(list), "page": 1, "pageSize": max(len(list), 20), "totalPage": 1}})
}

func (h *Roles) get(c echo.Context) error {
	all, err := h.visible(c)
	if err != nil {
		return err
	}
	for _, d := range all {
		if d.Name == roleKey(c) {
			return data(c, roleJSON(d))
		}
	}
	return data(c, nil)
}

func (h *Roles) create(c echo.Context) error {
	v, err := readRole(c)
	if err != nil {
		return err
	}
	d := auth.RoleDefinition{Name: v.Name, Title: value(v.Title), Description: value(v.Description), Options: v.options, Snippets: value(v.Snippets)}
	if v.Strategy != nil {
		d.Actions = v.Strategy.Actions
	}
	d, err = h.Store.CreateRole(c.Request().Context(), h.actor(c), d)
	if err == nil && v.Default {
		if err = h.Store.SetDefaultRole(c.Request().Context(), h.actor(c), d.Name); err == nil {
			d.Default = true
		}
	}
	if err != nil {
		return err
	}
	return data(c, roleJSON(d))
}

func (h *Roles) update(c echo.Context) error {
	v, err := readRole(c)
	if err != nil {
		return err
	}
	change := auth.RoleChange{Title: v.Title, Description: v.Description, Snippets: v.Snippets, Options: v.options}
	if v.Strategy != nil {
		actions := orEmpty(v.Strategy.Actions)
		change.Actions = &actions
	}
	d, err := h.Store.UpdateRole(c.Request().Context(), h.actor(c), roleKey(c), change)
	if err == nil && v.Default && !d.Default {
		if err = h.Store.SetDefaultRole(c.Request().Context(), h.actor(c), d.Name); err == nil {
			d.Default = true
		}
	}
	if err != nil {
		return err
	}
	return data(c, []any{roleJSON(d)})
}

func (h *Roles) destroy(c echo.Context) error {
	if err := h.Store.DeleteRole(c.Request().Context(), h.actor(c), roleKey(c)); err != nil {
		return err
	}
	return data(c, 1)
}

func (h *Roles) setDefault(c echo.Context) error {
	name := roleKey(c)
	var in struct{ RoleName, Name auth.Role }
	if err := read(c, &in); err != nil {
		return err
	}
	for _, given := range []auth.Role{in.RoleName, in.Name} {
		if name == "" {
			name = given
		}
	}
	if err := h.Store.SetDefaultRole(c.Request().Context(), h.actor(c), name); err != nil {
		return err
	}
	return data(c, nil)
}

// resourceValues is a role's rules for one collection as clients send them.
type resourceValues struct {
	Name               string
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
	return map[string]any{"id": r.ID, "roleName": role, "name": r.Collection, "usingActionsConfig": r.OwnRules, "actions": actions}
}

// rules returns the role's rules, and those that the request names, if there are
// any.
func (h *Roles) rules(c echo.Context) (d auth.RoleDefinition, named *auth.Resource, err error) {
	d, err = h.Store.RoleNamed(c.Request().Context(), h.actor(c), auth.Role(c.Param("name")))
	if err != nil {
		return d, nil, err
	}
	key := c.Param("key")
	if key == "" {
		key = c.QueryParam("filterByTk")
	}
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
	out := []any{}
	for _, r := range d.Resources {
		out = append(out, resourceJSON(d.Name, r))
	}
	return page(c, out)
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
