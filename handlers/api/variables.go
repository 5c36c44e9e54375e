package api

import (
	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/secret"
)

// Variables changes the resource environmentVariables (spec/platform.md §9);
// reading it is reading a collection, which has no values of secrets.
type Variables struct {
	Store *secret.Store
	Actor func(c echo.Context) auth.Actor
}

// Routes registers the changes of the resource environmentVariables.
func (h *Variables) Routes(r Router) {
	r.POST(`/api/environmentVariables\:create`, auth.ManageVariables, h.create)
	r.POST(`/api/environmentVariables\:import`, auth.ManageVariables, h.importText)
	for _, key := range []string{"", "/:id"} {
		r.POST(`/api/environmentVariables\:update`+key, auth.ManageVariables, h.update)
		r.POST(`/api/environmentVariables\:destroy`+key, auth.ManageVariables, h.destroy)
	}
}

// variableName is the variable that the request is about.
func variableName(c echo.Context) (string, error) {
	name := keyOf(c, "id")
	if name == "" {
		return "", fault.New(fault.Invalid, "Say which variable with filterByTk.")
	}
	return name, nil
}

// answer shows a variable after a change of it.
func (h *Variables) answer(c echo.Context, name string, wrap func(any) any) error {
	v, err := h.Store.Get(c.Request().Context(), h.Actor(c), name)
	if err != nil {
		return err
	}
	out := map[string]any{"name": v.Name, "type": v.Kind, "createdAt": timeJSON(&v.CreatedAt), "updatedAt": timeJSON(&v.UpdatedAt)}
	if v.Kind == secret.Plain {
		out["value"] = v.Value
	}
	return data(c, wrap(out))
}

func (h *Variables) create(c echo.Context) error {
	in := struct {
		Name  string
		Type  secret.Kind
		Value string
	}{Type: secret.Plain}
	if err := read(c, &in); err != nil {
		return err
	}
	if err := h.Store.Create(c.Request().Context(), h.Actor(c), in.Name, in.Type, in.Value); err != nil {
		return err
	}
	return h.answer(c, in.Name, func(v any) any { return v })
}

func (h *Variables) update(c echo.Context) error {
	name, err := variableName(c)
	if err != nil {
		return err
	}
	var in struct {
		Type  *secret.Kind
		Value *string
	}
	if err := read(c, &in); err != nil {
		return err
	}
	if err := h.Store.Update(c.Request().Context(), h.Actor(c), name, secret.Change{Kind: in.Type, Value: in.Value}); err != nil {
		return err
	}
	return h.answer(c, name, func(v any) any { return []any{v} })
}

func (h *Variables) destroy(c echo.Context) error {
	name, err := variableName(c)
	if err == nil {
		err = h.Store.Delete(c.Request().Context(), h.Actor(c), name)
	}
	if err != nil {
		return err
	}
	return data(c, 1)
}

// importText takes {"text": "KEY=VALUE\n…", "type": "secret"} and answers how many
// variables were made or changed.
func (h *Variables) importText(c echo.Context) error {
	in := struct {
		Text string
		Type secret.Kind
	}{Type: secret.Plain}
	if err := read(c, &in); err != nil {
		return err
	}
	n, err := h.Store.Import(c.Request().Context(), h.Actor(c), in.Type, in.Text)
	if err != nil {
		return err
	}
	return data(c, n)
}
