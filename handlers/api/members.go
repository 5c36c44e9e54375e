package api

import (
	"strconv"

	"github.com/labstack/echo/v4"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
)

// memberRoutes registers who may do what with the workflow of a version.
func (h *Workflows) memberRoutes(r Router) {
	r.GET(`/api/workflows/:id/members\:list`, auth.UseWorkflows, h.members)
	r.POST(`/api/workflows/:id/members\:list`, auth.UseWorkflows, h.members)
	r.POST(`/api/workflows/:id/members\:create`, auth.UseWorkflows, h.addMember)
	for _, key := range []string{"", "/:key"} {
		r.POST(`/api/workflows/:id/members\:update`+key, auth.UseWorkflows, h.setMember)
		r.POST(`/api/workflows/:id/members\:destroy`+key, auth.UseWorkflows, h.removeMember)
	}
}

// workflowID is the version in the path.
func workflowID(c echo.Context) (int64, error) {
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil {
		return 0, fault.New(fault.NotFound, "There is no such workflow.")
	}
	return id, nil
}

// memberID is the only member that a request names.
func memberID(c echo.Context) (int64, error) {
	text := keyOf(c, "key")
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, problem("filterByTk", "Say which member is meant with filterByTk.")
	}
	return id, nil
}

func (h *Workflows) members(c echo.Context) error {
	id, err := workflowID(c)
	if err != nil {
		return err
	}
	list, err := h.Engine.Members(c.Request().Context(), h.Actor(c), id)
	if err != nil {
		return err
	}
	rows := collection.Rows{Title: "Members", Types: memberTypes}
	for _, m := range list {
		rows.List = append(rows.List, memberJSON(m))
	}
	return h.Rows.answer(c, rows)
}

// memberTypes are what memberJSON holds.
var memberTypes = map[string]string{"id": collection.BigInt, "workflowKey": collection.String, "userId": collection.BigInt, "roleName": collection.String,
	"name": collection.String, "level": collection.String, "createdAt": collection.Datetime, "updatedAt": collection.Datetime}

func memberJSON(m engine.Member) collection.Record {
	r := collection.Record{"id": m.ID, "workflowKey": m.Key, "userId": nil, "roleName": nil, "name": m.Name, "level": string(m.Level),
		"createdAt": timeJSON(&m.CreatedAt), "updatedAt": timeJSON(&m.UpdatedAt)}
	if m.UserID != nil {
		r["userId"] = *m.UserID
	}
	if m.Role != nil {
		r["roleName"] = string(*m.Role)
	}
	return r
}

// addMember gives the workflow to the person userId or to the role roleName.
func (h *Workflows) addMember(c echo.Context) error {
	id, err := workflowID(c)
	if err != nil {
		return err
	}
	var in struct {
		UserID   optionalInt
		RoleName auth.Role
		Level    auth.Level
	}
	if err := read(c, &in); err != nil {
		return err
	}
	n := engine.NewMember{Role: in.RoleName, Level: in.Level}
	if in.UserID.value != nil {
		n.UserID = *in.UserID.value
	}
	m, err := h.Engine.AddMember(c.Request().Context(), h.Actor(c), id, n)
	if err != nil {
		return err
	}
	return data(c, memberJSON(m))
}

// setMember answers the changed member in a list, as updates do.
func (h *Workflows) setMember(c echo.Context) error {
	id, err := workflowID(c)
	if err != nil {
		return err
	}
	member, err := memberID(c)
	if err != nil {
		return err
	}
	var in struct{ Level auth.Level }
	if err := read(c, &in); err != nil {
		return err
	}
	m, err := h.Engine.SetMember(c.Request().Context(), h.Actor(c), id, member, in.Level)
	if err != nil {
		return err
	}
	return data(c, []any{memberJSON(m)})
}

// removeMember answers how many were removed.
func (h *Workflows) removeMember(c echo.Context) error {
	id, err := workflowID(c)
	if err != nil {
		return err
	}
	member, err := memberID(c)
	if err != nil {
		return err
	}
	if err := h.Engine.RemoveMember(c.Request().Context(), h.Actor(c), id, member); err != nil {
		return err
	}
	return data(c, 1)
}
