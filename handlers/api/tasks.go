package api

import (
	"errors"
	"net/http"
	"slices"
	"strconv"

	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/task"
)

// Tasks is the resource workflowManualTasks for the people who decide
// (spec/human-tasks.md §1.4). Lists of everybody's tasks are those of records.
type Tasks struct {
	Store  *task.Store
	Actor  func(c echo.Context) auth.Actor
	Client func(c echo.Context) auth.Client
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

// listMine answers a page of the caller's own tasks, newest first. It filters
// by status: {"status": 0} for those to be decided, most urgent first.
func (h *Tasks) listMine(c echo.Context) error {
	p, err := ParseQuery(c.Request().URL.RawQuery)
	if err != nil {
		return err
	}
	f := task.Filter{Show: task.ShowAll, Page: 1, Size: 20, Search: p.Text("search")}
	for name, into := range map[string]*int{"page": &f.Page, "pageSize": &f.Size} {
		if !p.Has(name) {
			continue
		}
		if *into, err = p.Int(name); err != nil {
			return err
		}
	}
	f.Page, f.Size = min(max(f.Page, 1), 1_000_000), min(max(f.Size, 1), 200)
	if f.Show, err = showing(p); err != nil {
		return err
	}
	mine, more, err := h.Store.Mine(c.Request().Context(), h.Actor(c), f)
	if err != nil {
		return err
	}
	rows := make([]map[string]any, len(mine))
	for i, t := range mine {
		rows[i] = taskJSON(t)
	}
	return c.JSON(http.StatusOK, map[string]any{"data": rows, "meta": map[string]any{"page": f.Page, "pageSize": f.Size, "hasNext": more}})
}

// showing reads the filter.
func showing(p Params) (task.Show, error) {
	v, err := p.JSON("filter")
	if err != nil {
		return "", err
	}
	filter, _ := v.(map[string]any)
	if len(filter) == 0 {
		return task.ShowAll, nil
	}
	status, ok := filter["status"]
	if in, nested := status.(map[string]any); nested {
		if status, ok = in["$eq"]; !ok {
			if in["$ne"] == 0.0 && len(in) == 1 {
				return task.ShowDone, nil
			}
		}
	}
	if ok && len(filter) == 1 && (status == 0.0 || status == "0") {
		return task.ShowOpen, nil
	}
	return "", problem("filter", `Filter your own tasks by {"status": 0} or {"status": {"$ne": 0}}.`)
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
	key := c.Param("key")
	if key == "" {
		key = c.QueryParam("filterByTk")
	}
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
	forms := slices.Clone(t.Ask.Forms)
	for i := range forms { // what the workflow presets is its own business
		forms[i].Scope, forms[i].Actions = nil, slices.Clone(forms[i].Actions)
		for j := range forms[i].Actions {
			forms[i].Actions[j].Values = nil
		}
	}
	return map[string]any{
		"id": t.ID, "jobId": t.JobID, "userId": t.UserID, "title": t.Title, "executionId": t.ExecutionID, "nodeId": t.NodeID,
		"workflowId": t.WorkflowID, "status": t.Status, "result": result,
		"createdAt": t.CreatedAt.UTC().Format(timeForm), "updatedAt": t.UpdatedAt.UTC().Format(timeForm),
		"summary": t.Ask.Summary, "facts": t.Ask.Facts, "forms": forms,
	}
}
