package api

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
)

// Roles changes what people may do.
type Roles struct {
	Store   *auth.Store
	Session func(c echo.Context) auth.Session

	// CheckFilter says what is wrong with a scope's filter on a collection; nil
	// for nothing.
	CheckFilter func(c echo.Context, collection string, filter any) error

	// Find returns the ids of the records of a collection that a filter matches.
	Find func(ctx context.Context, a auth.Actor, collection string, filter any) ([]int64, error)

	List Lister
	Rows RowLister
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
	h.resourceRoutes(r)
	h.scopeRoutes(r)
}

func (h *Roles) actor(c echo.Context) auth.Actor { return h.Session(c).Actor }

// roleKey is the role that a request names; "" for none.
func roleKey(c echo.Context) auth.Role { return auth.Role(keyOf(c, "name")) }

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
	if given, sent := v.options["strategy"]; sent && given == nil { // null gives no actions
		v.Strategy = &struct{ Actions []string }{}
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

// ownRole is what people see of their roles: not who else has them.
var ownRole = narrow{"users": nil}

// visible lists the roles that who asks may know of: all to those who look after
// people or roles, their own to others. They come in the order that people are
// offered them, unless another one is asked for.
func (h *Roles) visible(c echo.Context, more any) (q collection.Query, page collection.Page, err error) {
	s := h.Session(c)
	if err := s.Actor.Require(auth.UseRecords); err != nil {
		return q, page, err
	}
	p, err := ParseQuery(c.Request().URL.RawQuery)
	if err != nil {
		return q, page, err
	}
	if q, err = p.listed(); err != nil {
		return q, page, err
	}
	trusted := !s.Actor.Can(auth.ManageUsers)
	if trusted {
		if err := ownRole.check(q); err != nil {
			return q, page, err
		}
	}
	parts := []any{}
	if q.Filter != nil {
		parts = append(parts, q.Filter)
	}
	if trusted && !s.Actor.Can(auth.ManageRoles) {
		acting, err := h.Store.Acting(c.Request().Context(), s)
		if err != nil {
			return q, page, err
		}
		names := []any{}
		for _, d := range acting {
			names = append(names, string(d.Name))
		}
		parts = append(parts, map[string]any{"name": map[string]any{"$in": names}})
	}
	if more != nil {
		parts = append(parts, more)
	}
	q.Filter = map[string]any{"$and": parts}
	if len(q.Sort) == 0 {
		q.Sort = []string{"sort", "title"}
	}
	page, err = h.List(c, trusted, "roles", q)
	for _, r := range page.Records {
		if options, ok := r["options"].(map[string]any); ok && len(q.Fields) == 0 {
			delete(r, "options")
			for k, v := range options {
				if _, there := r[k]; !there {
					r[k] = v
				}
			}
		}
	}
	return q, page, err
}

func (h *Roles) list(c echo.Context) error {
	q, page, err := h.visible(c, nil)
	switch {
	case err != nil:
		return err
	case q.All:
		return data(c, page.Records)
	}
	return c.JSONBlob(http.StatusOK, envelope(page))
}

func (h *Roles) get(c echo.Context) error {
	var named any
	if name := roleKey(c); name != "" {
		named = map[string]any{"name": map[string]any{"$eq": string(name)}}
	}
	_, page, err := h.visible(c, named)
	switch {
	case err != nil:
		return err
	case len(page.Records) == 0:
		return data(c, nil)
	}
	return data(c, page.Records[0])
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
