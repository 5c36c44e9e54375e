package api

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/engine/fault"
)

// Users changes people. They are listed as records of the collection users.
type Users struct {
	Store *auth.Store
	Actor func(c echo.Context) auth.Actor

	// Find returns the ids of the people that a filter of the collection users
	// matches.
	Find func(ctx context.Context, a auth.Actor, filter any) ([]int64, error)
}

// Routes registers the actions of the resource users that change people.
func (h *Users) Routes(r Router) {
	r.POST(`/api/users\:create`, auth.ManageUsers, h.create)
	for _, key := range []string{"", "/:id"} {
		r.POST(`/api/users\:update`+key, auth.ManageUsers, h.update)
		r.POST(`/api/users\:destroy`+key, auth.ManageUsers, h.destroy)
	}
	r.POST(`/api/users\:setDefaultRole`, auth.UseRecords, h.setOwnRole)
	for name, merge := range map[string]func(old, sent []auth.Role) []auth.Role{"add": add, "set": set, "remove": remove} {
		r.POST(`/api/users/:id/roles\:`+name, auth.ManageUsers, h.changeRoles(merge))
	}
}

// userValues is what may be sent about a person; nil stays as it is.
type userValues struct {
	ID       int64
	Nickname *string
	Username *string
	Email    *string
	Password *string
	TimeZone *string
	Active   *bool
	Role     *auth.Role
	Roles    *[]roleName // all of them
}

// roleName is "member" or {"name": "member"}.
type roleName auth.Role

func (r *roleName) UnmarshalJSON(b []byte) error {
	var named struct{ Name auth.Role }
	if json.Unmarshal(b, &named) == nil {
		*r = roleName(named.Name)
		return nil
	}
	return json.Unmarshal(b, (*auth.Role)(r))
}

// roles returns the roles that were sent, nil for none: a list says all of them,
// the own one first; role alone changes the own one.
func (v userValues) roles() (role *auth.Role, more *[]auth.Role, err error) {
	if v.Roles == nil {
		return v.Role, nil, nil
	}
	var all []auth.Role
	if v.Role != nil {
		all = append(all, *v.Role)
	}
	for _, r := range *v.Roles {
		if !slices.Contains(all, auth.Role(r)) {
			all = append(all, auth.Role(r))
		}
	}
	if len(all) == 0 {
		return nil, nil, fault.Fields(map[string]string{"roles": "A person has at least one role. Send a list of one or more."})
	}
	rest := all[1:]
	return &all[0], &rest, nil
}

func (h *Users) create(c echo.Context) error {
	var in userValues
	if err := read(c, &in); err != nil {
		return err
	}
	role, more, err := in.roles()
	if err != nil {
		return err
	}
	u, err := h.Store.Create(c.Request().Context(), h.Actor(c), auth.NewUser{
		ID: in.ID, Nickname: value(in.Nickname), Username: value(in.Username), Email: value(in.Email),
		Password: value(in.Password), TimeZone: value(in.TimeZone), Role: value(role), More: value(more),
	})
	if err != nil {
		return err
	}
	return data(c, userJSON(u))
}

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// update answers the changed people. One that is refused undoes all.
func (h *Users) update(c echo.Context) error {
	var in userValues
	if err := read(c, &in); err != nil {
		return err
	}
	role, more, err := in.roles()
	if err != nil {
		return err
	}
	ctx, a := c.Request().Context(), h.Actor(c)
	ids, err := h.targets(c)
	if err != nil {
		return err
	}
	people, err := h.Store.UpdateAll(ctx, a, ids, auth.Change{
		Nickname: in.Nickname, Username: in.Username, Email: in.Email, Password: in.Password, TimeZone: in.TimeZone, Role: role, More: more,
	}, in.Active)
	if err != nil {
		return err
	}
	changed := []any{}
	for _, u := range people {
		changed = append(changed, userJSON(u))
	}
	return data(c, changed)
}

// destroy answers how many people were deleted. One that is refused undoes all.
func (h *Users) destroy(c echo.Context) error {
	ids, err := h.targets(c)
	if err != nil {
		return err
	}
	if err := h.Store.DeleteAll(c.Request().Context(), h.Actor(c), ids); err != nil {
		return err
	}
	return data(c, len(ids))
}

// targets are the people that a request names: by key in the path, by
// filterByTk (one or several), by filter, or by both.
func (h *Users) targets(c echo.Context) ([]int64, error) {
	return targets(c, func(filter any) ([]int64, error) { return h.Find(c.Request().Context(), h.Actor(c), filter) })
}

// setOwnRole chooses the role in which the caller's programs act.
func (h *Users) setOwnRole(c echo.Context) error {
	var in struct{ RoleName auth.Role }
	if err := read(c, &in); err != nil {
		return err
	}
	if _, err := h.Store.SetOwnRole(c.Request().Context(), h.Actor(c), in.RoleName); err != nil {
		return err
	}
	return data(c, nil)
}

// person is the one in the path of a request about their roles.
func (h *Users) person(c echo.Context) (auth.User, error) {
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil {
		return auth.User{}, notFound
	}
	return h.Store.Get(c.Request().Context(), h.Actor(c), id)
}

func add(old, sent []auth.Role) []auth.Role { return unique(slices.Concat(old, sent)) }

// set keeps the own role in its place when it stays.
func set(old, sent []auth.Role) []auth.Role {
	if slices.Contains(sent, old[0]) {
		sent = slices.Concat(old[:1], sent)
	}
	return unique(sent)
}

func remove(old, sent []auth.Role) []auth.Role {
	return slices.DeleteFunc(slices.Clone(old), func(r auth.Role) bool { return slices.Contains(sent, r) })
}

func unique(list []auth.Role) (out []auth.Role) {
	for _, r := range list {
		if !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	return out
}

// changeRoles gives a person the roles that merge makes of theirs and those sent
// in the body or as filterByTk(s).
func (h *Users) changeRoles(merge func(old, sent []auth.Role) []auth.Role) echo.HandlerFunc {
	return func(c echo.Context) error {
		u, err := h.person(c)
		if err != nil {
			return err
		}
		var body []roleName
		if err := readAny(c, &body); err != nil {
			return err
		}
		var sent []auth.Role
		for _, r := range body {
			sent = append(sent, auth.Role(r))
		}
		params, err := ParseQuery(c.Request().URL.RawQuery)
		if err != nil {
			return err
		}
		for _, name := range []string{"filterByTk", "filterByTks"} {
			names, err := params.List(name)
			if err != nil {
				return err
			}
			for _, n := range names {
				sent = append(sent, auth.Role(n))
			}
		}
		if len(sent) == 0 {
			return fault.New(fault.Invalid, "Say which roles: a list of names in the body, or filterByTk.")
		}
		roles := merge(u.Roles(), sent)
		if len(roles) == 0 {
			return fault.New(fault.Conflict, "A person has at least one role. Give them another one first, or deactivate the account.")
		}
		rest := roles[1:]
		u, err = h.Store.Update(c.Request().Context(), h.Actor(c), u.ID, auth.Change{Role: &roles[0], More: &rest})
		if err != nil {
			return err
		}
		return data(c, rolesJSON(u))
	}
}

// readAny reads roles: a list, or an object with the name of one. An empty body
// or another object is none: clients send {} when all is in the address.
func readAny(c echo.Context, into *[]roleName) error {
	var raw json.RawMessage
	if err := read(c, &raw); err != nil {
		return err
	}
	if len(raw) == 0 || json.Unmarshal(raw, into) == nil {
		return nil
	}
	var one roleName
	if err := json.Unmarshal(raw, &one); err != nil {
		return fault.Wrap(fault.Invalid, "Send a list of the names of roles.", err)
	}
	if one != "" {
		*into = []roleName{one}
	}
	return nil
}
