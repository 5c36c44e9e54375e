package api

import (
	"context"
	"encoding/json"
	"fmt"
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
	Roles    *[]roleName // another way to say Role: a list of one
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

// role returns the role that was sent, nil for none.
func (v userValues) role() (*auth.Role, error) {
	if v.Role != nil || v.Roles == nil {
		return v.Role, nil
	}
	if len(*v.Roles) != 1 {
		return nil, fault.Fields(map[string]string{"roles": "A person has one role. Send a list of one."})
	}
	r := auth.Role((*v.Roles)[0])
	return &r, nil
}

func (h *Users) create(c echo.Context) error {
	var in userValues
	if err := read(c, &in); err != nil {
		return err
	}
	role, err := in.role()
	if err != nil {
		return err
	}
	u, err := h.Store.Create(c.Request().Context(), h.Actor(c), auth.NewUser{
		ID: in.ID, Nickname: value(in.Nickname), Username: value(in.Username), Email: value(in.Email),
		Password: value(in.Password), TimeZone: value(in.TimeZone), Role: value(role),
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

// update answers the changed people. Each is changed on its own: the first
// refusal stops, and those before it stay changed.
func (h *Users) update(c echo.Context) error {
	var in userValues
	if err := read(c, &in); err != nil {
		return err
	}
	role, err := in.role()
	if err != nil {
		return err
	}
	ctx, a := c.Request().Context(), h.Actor(c)
	ids, err := h.targets(c)
	if err != nil {
		return err
	}
	changed := []any{}
	for _, id := range ids {
		u, err := h.Store.Update(ctx, a, id, auth.Change{
			Nickname: in.Nickname, Username: in.Username, Email: in.Email, Password: in.Password, TimeZone: in.TimeZone, Role: role,
		})
		if err == nil && in.Active != nil && *in.Active != u.Active {
			do := h.Store.Deactivate
			if *in.Active {
				do = h.Store.Reactivate
			}
			u, err = do(ctx, a, id)
		}
		if err != nil {
			return err
		}
		changed = append(changed, userJSON(u))
	}
	return data(c, changed)
}

// destroy answers how many people were deleted.
func (h *Users) destroy(c echo.Context) error {
	ids, err := h.targets(c)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := h.Store.Delete(c.Request().Context(), h.Actor(c), id); err != nil {
			return err
		}
	}
	return data(c, len(ids))
}

// targets are the people that a request names: by key in the path, by
// filterByTk (one or several), or by filter.
func (h *Users) targets(c echo.Context) ([]int64, error) {
	keys := c.QueryParams()["filterByTk"]
	keys = append(keys, c.QueryParams()["filterByTk[]"]...)
	if key := c.Param("id"); key != "" {
		keys = []string{key}
	}
	var ids []int64
	for _, key := range keys {
		var list []int64
		if json.Unmarshal([]byte(key), &list) != nil { // not [1,2]
			id, err := strconv.ParseInt(key, 10, 64)
			if err != nil {
				return nil, fault.New(fault.Invalid, fmt.Sprintf("“%s” is not the id of a person.", key))
			}
			list = []int64{id}
		}
		ids = append(ids, list...)
	}
	text := c.QueryParam("filter")
	switch {
	case len(ids) > 0:
		return ids, nil
	case text == "":
		return nil, fault.New(fault.Invalid, "Say who is meant with filterByTk or filter.")
	}
	var filter map[string]any
	if err := json.Unmarshal([]byte(text), &filter); err != nil {
		return nil, fault.Wrap(fault.Invalid, "The filter is not a JSON object.", err)
	}
	if len(filter) == 0 {
		return nil, fault.New(fault.Invalid, "Say who is meant with filterByTk or filter.")
	}
	return h.Find(c.Request().Context(), h.Actor(c), filter)
}
