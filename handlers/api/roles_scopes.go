package api

import (
	"encoding/json"
	"strconv"

	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/engine/fault"
)

// scopeRoutes registers the filters that rules choose by name.
func (h *Roles) scopeRoutes(r Router) {
	r.POST(`/api/dataSourcesRolesResourcesScopes\:create`, auth.ManageRoles, h.createScope)
	for _, key := range []string{"", "/:id"} {
		r.POST(`/api/dataSourcesRolesResourcesScopes\:update`+key, auth.ManageRoles, h.updateScope)
		r.POST(`/api/dataSourcesRolesResourcesScopes\:destroy`+key, auth.ManageRoles, h.destroyScope)
	}
}

func scopeJSON(n auth.NamedScope) map[string]any {
	return map[string]any{"id": n.ID, "key": n.Key, "name": n.Name, "scope": n.Filter, "resourceName": orNull(n.Collection)}
}

// scopeValues is what may be sent about a scope.
type scopeValues struct {
	Key          string
	Name         *string
	ResourceName *string
	Scope        json.RawMessage
}

// overlay lays what was sent over n, and checks the filter.
func (h *Roles) overlay(c echo.Context, n auth.NamedScope) (auth.NamedScope, error) {
	var in scopeValues
	if err := read(c, &in); err != nil {
		return n, err
	}
	if n.ID == 0 {
		n.Key = in.Key
	}
	if in.Name != nil {
		n.Name = *in.Name
	}
	if in.ResourceName != nil {
		n.Collection = *in.ResourceName
	}
	if len(in.Scope) > 0 {
		n.Filter = in.Scope
	}
	var filter any
	if json.Unmarshal(n.Filter, &filter) != nil || n.Collection == "" {
		return n, nil // the store says what is wrong; without a collection nobody can tell
	}
	return n, h.CheckFilter(c, n.Collection, filter)
}

// scopeID is the scope that a request names; 0 for none.
func scopeID(c echo.Context) int64 {
	key := keyOf(c, "id")
	id, _ := strconv.ParseInt(key, 10, 64)
	return id
}

// find returns the scope that a request names.
func (h *Roles) findScope(c echo.Context) (n auth.NamedScope, found bool, err error) {
	all, err := h.Store.Scopes(c.Request().Context(), h.actor(c))
	if err != nil {
		return n, false, err
	}
	for _, n := range all {
		if n.ID == scopeID(c) {
			return n, true, nil
		}
	}
	return n, false, nil
}

func (h *Roles) createScope(c echo.Context) error {
	n, err := h.overlay(c, auth.NamedScope{})
	if err != nil {
		return err
	}
	if n, err = h.Store.CreateScope(c.Request().Context(), h.actor(c), n); err != nil {
		return err
	}
	return data(c, scopeJSON(n))
}

func (h *Roles) updateScope(c echo.Context) error {
	n, found, err := h.findScope(c)
	if err != nil {
		return err
	}
	if !found {
		return fault.New(fault.NotFound, "There is no such scope.")
	}
	if n, err = h.overlay(c, n); err != nil {
		return err
	}
	if n, err = h.Store.UpdateScope(c.Request().Context(), h.actor(c), n); err != nil {
		return err
	}
	return data(c, []any{scopeJSON(n)})
}

func (h *Roles) destroyScope(c echo.Context) error {
	if err := h.Store.DeleteScope(c.Request().Context(), h.actor(c), scopeID(c)); err != nil {
		return err
	}
	return data(c, 1)
}
