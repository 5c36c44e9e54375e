package api

import (
	"strconv"

	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/engine/fault"
)

// execute starts a version by hand (spec/http-api.md §2.8). A run that failed is
// an answer like any other; without one, execution is null.
func (h *Workflows) execute(c echo.Context) error {
	id, err := one(c)
	if err != nil {
		return err
	}
	var values map[string]any
	if err := read(c, &values); err != nil {
		return err
	}
	if values == nil {
		return fault.New(fault.Invalid, "Send the values that the trigger needs as a JSON object; {} for none.")
	}
	ctx, a := c.Request().Context(), h.Actor(c)
	n, err := strconv.ParseFloat(c.QueryParam("autoRevision"), 64)
	revise := err == nil && n == 1
	if revise { // ask before it runs
		w, _, err := h.Engine.Workflow(ctx, a, id)
		if err == nil {
			err = h.Engine.May(ctx, a, w.Key, auth.Editor)
		}
		if err != nil {
			return err
		}
	}
	x, started, err := h.Engine.Execute(ctx, a, id, values)
	if err != nil {
		return err
	}
	answer := map[string]any{"execution": nil}
	if !started {
		return data(c, answer)
	}
	answer["execution"] = map[string]any{"id": x.ID, "status": x.Status}
	if revise {
		made, err := h.Engine.Replace(ctx, a, id)
		if err != nil {
			return err
		}
		answer["newVersionId"] = made.ID
	}
	return data(c, answer)
}

// cancel stops an execution (spec/http-api.md §4.3).
func (h *Workflows) cancel(c echo.Context) error {
	id, err := one(c)
	if err != nil {
		return err
	}
	ctx, a := c.Request().Context(), h.Actor(c)
	if _, _, err := h.Engine.Execution(ctx, a, id); err != nil {
		return err
	}
	n, err := h.Engine.Cancel(ctx, a, []int64{id})
	if err != nil {
		return err
	}
	if n == 0 {
		return fault.New(fault.Invalid, "This execution has ended already.")
	}
	x, err := h.Record(ctx, a, "executions", id, "jobs")
	if err != nil {
		return err
	}
	return data(c, x)
}
