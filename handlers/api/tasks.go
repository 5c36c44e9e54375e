package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/task"
	jsonvalue "alur/engine/value"
)

// Tasks is the resource workflowManualTasks for the people who decide
// (spec/human-tasks.md §1.4). Lists of everybody's tasks are those of records.
type Tasks struct {
	Store  *task.Store
	Actor  func(c echo.Context) auth.Actor
	Client func(c echo.Context) auth.Client
	List   Lister
}

// Routes registers the actions by name.
func (h *Tasks) Routes(r Router) {
	r.GET(`/api/workflowManualTasks\:listMine`, auth.UseRecords, h.listMine)
	r.POST(`/api/workflowManualTasks\:listMine`, auth.UseRecords, h.listMine)
	for _, key := range []string{"", "/:key"} {
		r.GET(`/api/workflowManualTasks\:get`+key, auth.UseRecords, h.get)
		r.POST(`/api/workflowManualTasks\:submit`+key, auth.UseRecords, h.submit)
	}
}

// ownTask is what people see of the workflows that ask them.
var ownTask = narrow{
	"user":      {"id", "nickname"},
	"workflow":  {"id", "key", "title", "type", "triggerTitle", "enabled", "current"},
	"node":      {"id", "key", "title", "type", "workflowId"},
	"execution": {"id", "key", "workflowId", "status", "reason", "createdAt", "startedAt", "expiresAt", "endedAt"},
	"job":       {"id", "executionId", "nodeId", "nodeKey", "status", "startedAt", "endedAt"},
}

// asked are what is made of a task's form.
var asked = []string{"summary", "facts", "forms"}

// listMine answers a page of the caller's own tasks, newest first unless another
// order is asked for.
func (h *Tasks) listMine(c echo.Context) error {
	a := h.Actor(c)
	if err := a.Require(auth.UseRecords); err != nil {
		return err
	}
	p, err := ParseQuery(c.Request().URL.RawQuery)
	if err != nil {
		return err
	}
	q, err := p.listed()
	if err != nil {
		return err
	}
	trusted := !a.Can(auth.ManageWorkflows)
	if trusted {
		if err := ownTask.check(q); err != nil {
			return err
		}
	}
	own := []any{map[string]any{"userId": map[string]any{"$eq": a.UserID}}}
	if q.Filter != nil {
		own = append(own, q.Filter)
	}
	if search := p.Text("search"); search != "" {
		own = append(own, map[string]any{"title": map[string]any{"$includes": search}})
	}
	q.Filter, q.NoCount = map[string]any{"$and": own}, !q.All
	if len(q.Sort) == 0 {
		q.Sort = []string{"-id"}
	}
	shown := q.Fields
	if slices.ContainsFunc(shown, func(f string) bool { return slices.Contains(asked, f) }) {
		q.Fields = append(slices.DeleteFunc(slices.Clone(shown), func(f string) bool { return slices.Contains(asked, f) }), "form")
	}
	page, err := h.List(c, trusted, "workflowManualTasks", q)
	if err != nil {
		return err
	}
	if trusted {
		ownTask.strip(page.Records)
	}
	for _, r := range page.Records {
		if err := showForm(r, shown, q.Except); err != nil {
			return err
		}
	}
	if q.All {
		return data(c, page.Records)
	}
	return c.JSON(http.StatusOK, map[string]any{"data": page.Records, "meta": map[string]any{
		"page": page.Page, "pageSize": page.PageSize, "hasNext": page.HasNext}})
}

// showForm puts what people are asked in place of the form as it is stored.
func showForm(r collection.Record, shown, except []string) error {
	raw, there := r["form"]
	if !there {
		return nil
	}
	delete(r, "form")
	var ask task.Ask
	if err := json.Unmarshal([]byte(jsonvalue.Encode(raw)), &ask); err != nil {
		return fmt.Errorf("read the form of task %v: %w", r["id"], err)
	}
	all := askJSON(ask)
	for _, name := range asked {
		if (shown == nil || slices.Contains(shown, name)) && !slices.Contains(except, name) {
			r[name] = all[name]
		}
	}
	return nil
}

func (h *Tasks) get(c echo.Context) error {
	id, err := taskID(c)
	if err != nil {
		return err
	}
	t, err := h.Store.Task(c.Request().Context(), h.Actor(c), id)
	if err != nil {
		return err
	}
	return data(c, taskJSON(t))
}

func taskID(c echo.Context) (int64, error) {
	key := keyOf(c, "key")
	id, err := strconv.ParseInt(key, 10, 64)
	if err != nil {
		return 0, fault.New(fault.NotFound, "There is no such task.")
	}
	return id, nil
}

// submit decides: {"result": {"<form>": {fields}, "_": "<action>"}}. It answers
// 202 with the task. What was never pending any more is 400, who lost a race
// meanwhile gets 409.
func (h *Tasks) submit(c echo.Context) error {
	id, err := taskID(c)
	if err != nil {
		return err
	}
	ctx, who := c.Request().Context(), h.Actor(c)
	t, err := h.Store.Task(ctx, who, id)
	switch {
	case fault.Is(err, fault.NotFound): // or somebody else's: deciding tells them apart
	case err != nil:
		return err
	case t.Status != task.Open:
		return fault.New(fault.Invalid, "This task is not open any more.")
	}
	var in struct {
		Result map[string]any `json:"result"`
	}
	if err := read(c, &in); err != nil {
		return err
	}
	d := task.Decision{Channel: task.API, IP: h.Client(c).IP, Agent: h.Client(c).Agent}
	d.Action, _ = in.Result["_"].(string)
	if d.Action == "" {
		return problem("result", "Send the key of the pressed button as “_”.")
	}
	for key, v := range in.Result {
		if key == "_" {
			continue
		}
		values, ok := v.(map[string]any)
		if !ok || d.Form != "" {
			return problem("result", "Send one form with its fields, and the key of the pressed button as “_”.")
		}
		d.Form, d.Values = key, values
	}
	err = h.Store.Decide(ctx, who, id, d)
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Kind == fault.Gone {
		return fault.Wrap(fault.Invalid, f.Msg, err) // ended or timed out: 400
	}
	if err != nil {
		return err
	}
	if t, err = h.Store.Task(ctx, who, id); err != nil {
		return err
	}
	return c.JSON(http.StatusAccepted, map[string]any{"data": taskJSON(t)})
}

func taskJSON(t task.Task) map[string]any {
	var result any
	if t.Result != nil {
		result = t.Result
	}
	m := askJSON(t.Ask)
	maps.Copy(m, map[string]any{
		"id": t.ID, "jobId": t.JobID, "userId": t.UserID, "title": t.Title, "executionId": t.ExecutionID, "nodeId": t.NodeID,
		"workflowId": t.WorkflowID, "status": t.Status, "result": result,
		"createdAt": t.CreatedAt.UTC().Format(timeForm), "updatedAt": t.UpdatedAt.UTC().Format(timeForm),
	})
	return m
}

// askJSON is what a task asks. What the workflow presets is its own business.
func askJSON(a task.Ask) map[string]any {
	forms := slices.Clone(a.Forms)
	for i := range forms {
		forms[i].Scope, forms[i].Actions = nil, slices.Clone(forms[i].Actions)
		for j := range forms[i].Actions {
			forms[i].Actions[j].Values = nil
		}
	}
	return map[string]any{"summary": a.Summary, "facts": a.Facts, "forms": forms}
}
