package api

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/task"
)

// Workflows changes workflows, their nodes and their history (spec/http-api.md).
// All of them are listed as records of their collections.
type Workflows struct {
	Engine *engine.Engine
	Tasks  *task.Store
	Actor  func(c echo.Context) auth.Actor

	// Record returns a record of a collection as it is listed, with the relations
	// in appends; nil when there is none.
	Record func(ctx context.Context, a auth.Actor, collection string, id int64, appends ...string) (any, error)

	// Records returns records of a collection as they are listed, with the relations
	// in appends, in the order of ids; those that there are not are left out.
	Records func(ctx context.Context, a auth.Actor, collection string, ids []int64, appends ...string) ([]collection.Record, error)

	// Rows lists what is no record.
	Rows RowLister

	// Find returns the ids of the records of a collection that a filter matches.
	Find func(ctx context.Context, a auth.Actor, collection string, filter any) ([]int64, error)

	// Part is Find for up to limit ids above after, in their order.
	Part func(ctx context.Context, a auth.Actor, collection string, filter any, after int64, limit int) ([]int64, error)
}

// Routes registers the actions that change workflows, nodes and executions.
func (h *Workflows) Routes(r methodRouter) {
	r.POST(`/api/workflows\:create`, auth.CreateWorkflows, h.create)
	h.memberRoutes(r)
	h.categoryRoutes(r)
	h.nodeRoutes(r)
	h.exchangeRoutes(r)
	for _, key := range []string{"", "/:id"} {
		r.POST(`/api/workflows\:update`+key, auth.UseWorkflows, h.update)
		r.POST(`/api/workflows\:destroy`+key, auth.UseWorkflows, h.destroy)
		r.POST(`/api/workflows\:revision`+key, auth.UseWorkflows, h.revision)
		r.POST(`/api/workflows\:execute`+key, auth.UseWorkflows, h.execute)
		r.POST(`/api/workflows\:sync`+key, auth.ManageWorkflows, h.sync)
		r.POST(`/api/executions\:destroy`+key, auth.UseWorkflows, h.destroyExecutions)
		r.POST(`/api/executions\:cancel`+key, auth.UseWorkflows, h.cancel)
		r.POST(`/api/executions\:rerun`+key, auth.UseWorkflows, h.rerun)
		r.POST(`/api/jobs\:resume`+key, auth.ManageServer, h.resume)
	}
	h.rawRoutes(r)
}

// workflowValues is what may be sent about a workflow; other keys are passed
// over, as clients of the reference send whole records back.
type workflowValues struct {
	Key          string
	Type         string
	Title        *string
	Description  *string
	TriggerTitle *string
	Enabled      *bool
	Current      bool // of what is made
	Sync         bool
	Config       json.RawMessage
	Options      json.RawMessage
	Categories   json.RawMessage
}

// categories are the ids of the categories that were sent, as numbers, text, or
// objects with an id; nil when none were spoken of.
func (v workflowValues) categories() (*[]int64, error) {
	if len(v.Categories) == 0 {
		return nil, nil
	}
	bad := problem("categories", "Send a list of ids.")
	var items []json.RawMessage
	if json.Unmarshal(v.Categories, &items) != nil {
		return nil, bad
	}
	ids := []int64{}
	for _, item := range items {
		var named struct{ ID json.RawMessage }
		if json.Unmarshal(item, &named) == nil && named.ID != nil {
			item = named.ID
		}
		id, err := strconv.ParseInt(strings.Trim(string(item), `"`), 10, 64)
		if err != nil {
			return nil, bad
		}
		ids = append(ids, id)
	}
	return &ids, nil
}

// change is what v sets of a version that is there; current is not set by it.
func (v workflowValues) change() (c engine.WorkflowChange, err error) {
	c = engine.WorkflowChange{Title: v.Title, Description: v.Description, TriggerTitle: v.TriggerTitle,
		Config: v.Config, Options: v.Options, Enabled: v.Enabled}
	c.Categories, err = v.categories()
	return c, err
}

// answer answers w as it is listed, with its categories.
func (h *Workflows) answer(c echo.Context, w engine.Workflow) error {
	shown, err := h.Record(c.Request().Context(), h.Actor(c), "workflows", w.ID, "categories")
	if err != nil {
		return err
	}
	return data(c, shown)
}

func (h *Workflows) create(c echo.Context) error {
	var in workflowValues
	if err := read(c, &in); err != nil {
		return err
	}
	categories, err := in.categories()
	if err != nil {
		return err
	}
	w, err := h.Engine.CreateWorkflow(c.Request().Context(), h.Actor(c), engine.NewWorkflow{
		Key: in.Key, Type: in.Type, Title: value(in.Title), Description: value(in.Description),
		TriggerTitle: value(in.TriggerTitle), Config: in.Config, Options: in.Options, Sync: in.Sync,
		Categories: value(categories), Current: in.Current, Enabled: value(in.Enabled),
	})
	if err != nil {
		return err
	}
	return h.answer(c, w)
}

// update answers the changed versions. One that is refused undoes all.
func (h *Workflows) update(c echo.Context) error {
	var in workflowValues
	if err := read(c, &in); err != nil {
		return err
	}
	change, err := in.change()
	if err != nil {
		return err
	}
	ids, err := h.targets(c, "workflows")
	if err != nil {
		return err
	}
	ctx, a := c.Request().Context(), h.Actor(c)
	changed, err := h.Engine.UpdateWorkflows(ctx, a, ids, change)
	if err != nil {
		return err
	}
	shown, err := h.Records(ctx, a, "workflows", changed, "categories")
	if err != nil {
		return err
	}
	return data(c, shown)
}

// destroy answers how many versions were deleted. One that is refused undoes all.
func (h *Workflows) destroy(c echo.Context) error {
	ids, err := h.targets(c, "workflows")
	if err != nil {
		return err
	}
	gone, err := h.Engine.DeleteWorkflows(c.Request().Context(), h.Actor(c), ids)
	if err != nil {
		return err
	}
	return data(c, gone)
}

// revision makes a new version when the filter names the key, else a copy.
func (h *Workflows) revision(c echo.Context) error {
	var in workflowValues
	if err := read(c, &in); err != nil {
		return err
	}
	change, err := in.change()
	if err != nil {
		return err
	}
	change.Current = in.Current
	key, err := revisionKey(c)
	if err != nil {
		return err
	}
	id, err := one(c)
	if err != nil {
		return err
	}
	w, err := h.Engine.ReviseWith(c.Request().Context(), h.Actor(c), id, key, change)
	if err != nil {
		return err
	}
	return h.answer(c, w)
}

// revisionKey is the key in the filter; "" when there is no filter.
func revisionKey(c echo.Context) (string, error) {
	p, err := ParseQuery(c.Request().URL.RawQuery)
	if err != nil {
		return "", err
	}
	filter, err := p.JSON("filter")
	if err != nil || unconditional(filter) {
		return "", err
	}
	m, _ := filter.(map[string]any)
	key := m["key"]
	if eq, ok := key.(map[string]any); ok {
		key = eq["$eq"]
	}
	text, _ := key.(string)
	if text == "" || len(m) != 1 {
		return "", problem("filter", "Send {\"key\": …} for a new version, and no filter for a copy.")
	}
	return text, nil
}

// destroyPart is how many executions of a filter are read at once.
const destroyPart = 5000

// destroyExecutions answers how many executions were deleted; those that have
// not ended stay. It goes on in parts, from the oldest to those that there were in
// the beginning, so what an interrupted request has deleted is gone.
func (h *Workflows) destroyExecutions(c echo.Context) error {
	ctx, a := c.Request().Context(), h.Actor(c)
	ids, filter, err := meant(c)
	if err != nil {
		return err
	}
	if filter == nil {
		n, err := h.Engine.DeleteExecutions(ctx, a, ids)
		if err != nil {
			return err
		}
		return data(c, n)
	}
	last := h.Engine.IDs.Next()
	parts := func(do func(ids []int64) error) error {
		for after := int64(0); after < last; {
			ids, err := h.Part(ctx, a, "executions", filter, after, destroyPart)
			if err != nil || len(ids) == 0 {
				return err
			}
			after = ids[len(ids)-1]
			if i := slices.IndexFunc(ids, func(id int64) bool { return id > last }); i >= 0 {
				ids = ids[:i]
			}
			if err := do(ids); err != nil {
				return err
			}
		}
		return nil
	}
	if err := parts(func(ids []int64) error { return h.Engine.MayDelete(ctx, a, ids) }); err != nil {
		return err
	}
	gone := 0
	err = parts(func(ids []int64) error {
		n, err := h.Engine.DeleteExecutions(ctx, a, ids)
		gone += n
		return err
	})
	if err != nil {
		return err
	}
	return data(c, gone)
}
