package api

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/fault"
	jsonvalue "alur/engine/value"
)

// execute starts a version by hand (spec/http-api.md §2.8). A run that failed is
// an answer like any other; without one, execution is null.
func (h *Workflows) execute(c echo.Context) error {
	id, err := one(c)
	if err != nil {
		return err
	}
	var raw json.RawMessage
	if err := read(c, &raw); err != nil {
		return err
	}
	sent, err := jsonvalue.Decode(raw) // whole numbers keep all their digits
	if err != nil {
		return errNotJSON
	}
	values, isObject := sent.(map[string]any)
	if !isObject {
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

// cancel stops an execution (spec/http-api.md §4.3) and answers it with its jobs.
// Of several, named by a list or a filter, it answers how many it stopped; those
// that had ended are passed over.
func (h *Workflows) cancel(c echo.Context) error {
	ids, filter, err := meant(c)
	if err != nil {
		return err
	}
	ctx, a := c.Request().Context(), h.Actor(c)
	if filter != nil || len(ids) > 1 {
		return h.cancelAll(c, ids, filter)
	}
	id := ids[0]
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

func (h *Workflows) cancelAll(c echo.Context, ids []int64, filter any) (err error) {
	ctx, a := c.Request().Context(), h.Actor(c)
	if filter != nil {
		open := map[string]any{"$or": []any{map[string]any{"status": nil}, map[string]any{"status": 0.0}}}
		if ids, err = h.Find(ctx, a, "executions", map[string]any{"$and": []any{filter, open}}); err != nil {
			return err
		}
	}
	n, err := h.Engine.Cancel(ctx, a, ids)
	if err != nil {
		return err
	}
	return data(c, n)
}

// rerun runs executions again (spec/http-api.md §4.4). For one that is named by its
// id the answer is the new execution; for several, named or of a filter, it is a
// list, and meta says which were passed over and why: each runs by itself, and what
// cannot does not hold up the others.
func (h *Workflows) rerun(c echo.Context) error {
	var in struct {
		NodeID    optionalInt     `json:"nodeId"`
		From      string          `json:"from"`
		Version   string          `json:"version"`
		Overwrite json.RawMessage `json:"overwrite"` // of the reference; here nothing is written over
	}
	if err := read(c, &in); err != nil {
		return err
	}
	r := engine.Rerun{NodeID: value(in.NodeID.value), Failed: in.From == "failed", Newest: in.Version == "newest"}
	switch {
	case in.From != "" && in.From != "start" && in.From != "failed":
		return problem("from", "Send start or failed.")
	case in.Version != "" && in.Version != "this" && in.Version != "newest":
		return problem("version", "Send this or newest.")
	case in.From != "" && r.NodeID != 0:
		return problem("from", "Send from or nodeId, not both.")
	}
	ctx, a := c.Request().Context(), h.Actor(c)
	ids, filter, err := meant(c)
	if err != nil {
		return err
	}
	if filter == nil && len(ids) == 1 {
		made, err := h.Engine.Rerun(ctx, a, ids[0], r)
		if err != nil {
			return err
		}
		x, err := h.Record(ctx, a, "executions", made.ID)
		if err != nil {
			return err
		}
		return c.JSON(http.StatusAccepted, map[string]any{"data": x})
	}
	if filter != nil {
		if ids, err = h.Part(ctx, a, "executions", filter, 0, engine.MaxReruns+1); err != nil {
			return err
		}
	}
	made, passed, err := h.Engine.RerunAll(ctx, a, ids, r)
	if err != nil {
		return err
	}
	list, refused := []any{}, []any{}
	for _, m := range made {
		list = append(list, map[string]any{"id": m.ID, "rerunOf": m.RerunOf, "workflowId": m.WorkflowID, "key": m.Key, "status": m.Status})
	}
	for _, p := range passed {
		refused = append(refused, map[string]any{"id": p.ID, "message": p.Why})
	}
	return c.JSON(http.StatusAccepted, map[string]any{"data": list, "meta": map[string]any{"passed": refused}})
}
