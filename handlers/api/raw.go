package api

import (
	"encoding/json"

	"github.com/labstack/echo/v4"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/node"
)

// rawRoutes registers what the first user may write of the engine's own rows
// (spec/api-surface.md): never what the queue works with.
func (h *Workflows) rawRoutes(r Router) {
	r.POST(`/api/executions\:create`, auth.ManageServer, h.recordExecution)
	r.POST(`/api/jobs\:update`, auth.ManageServer, h.updateJobs)
	r.POST(`/api/jobs\:update/:id`, auth.ManageServer, h.updateJobs)
	r.POST(`/api/workflowManualTasks\:destroy`, auth.ManageServer, h.destroyTasks)
	r.POST(`/api/workflowManualTasks\:destroy/:id`, auth.ManageServer, h.destroyTasks)
}

// recordExecution answers the execution that it wrote.
func (h *Workflows) recordExecution(c echo.Context) error {
	var in struct {
		WorkflowID optionalInt
		Key        string
		EventKey   string
		Context    json.RawMessage
		Status     *node.Status
		Reason     string
		Output     json.RawMessage
	}
	if err := read(c, &in); err != nil {
		return err
	}
	ctx, a := c.Request().Context(), h.Actor(c)
	id, err := h.Engine.RecordExecution(ctx, a, engine.RawExecution{
		WorkflowID: value(in.WorkflowID.value), Key: in.Key, EventKey: in.EventKey, Context: in.Context, Status: in.Status,
		Reason: in.Reason, Output: in.Output,
	})
	if err != nil {
		return err
	}
	x, err := h.Record(ctx, a, "executions", id)
	if err != nil {
		return err
	}
	return data(c, x)
}

// jobChange is what a request says about a job.
func jobChange(c echo.Context) (engine.JobChange, error) {
	var in struct {
		Status *node.Status
		Result json.RawMessage
		Meta   json.RawMessage
		Log    *string
	}
	err := read(c, &in)
	return engine.JobChange{Status: in.Status, Result: in.Result, Meta: in.Meta, Log: in.Log}, err
}

// updateJobs answers the changed jobs. One that is refused undoes all.
func (h *Workflows) updateJobs(c echo.Context) error {
	change, err := jobChange(c)
	if err != nil {
		return err
	}
	ids, err := h.targets(c, "jobs")
	if err != nil {
		return err
	}
	ctx, a := c.Request().Context(), h.Actor(c)
	if err := h.Engine.UpdateJobs(ctx, a, ids, change); err != nil {
		return err
	}
	changed, err := h.Records(ctx, a, "jobs", ids)
	if err != nil {
		return err
	}
	return data(c, changed)
}

// destroyTasks answers how many tasks are gone; those that are still waited for
// stay.
func (h *Workflows) destroyTasks(c echo.Context) error {
	ids, err := h.targets(c, "workflowManualTasks")
	if err != nil {
		return err
	}
	n, err := h.Tasks.Delete(c.Request().Context(), h.Actor(c), ids)
	if err != nil {
		return err
	}
	return data(c, n)
}
