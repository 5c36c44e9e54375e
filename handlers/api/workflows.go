package api

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/node"
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

	// Find returns the ids of the records of a collection that a filter matches.
	Find func(ctx context.Context, a auth.Actor, collection string, filter any) ([]int64, error)
}

// Routes registers the actions that change workflows, nodes and executions.
func (h *Workflows) Routes(r Router) {
	r.POST(`/api/workflows\:create`, auth.CreateWorkflows, h.create)
	r.POST(`/api/workflows/:id/nodes\:create`, auth.UseWorkflows, h.createNode)
	r.POST(`/api/flow_nodes\:test`, auth.UseWorkflows, h.testNode)
	r.POST(`/api/flow_nodes\:create`, auth.UseWorkflows, h.createNode)
	h.memberRoutes(r)
	for _, key := range []string{"", "/:id"} {
		r.POST(`/api/workflows\:update`+key, auth.UseWorkflows, h.update)
		r.POST(`/api/workflows\:destroy`+key, auth.UseWorkflows, h.destroy)
		r.POST(`/api/workflows\:revision`+key, auth.UseWorkflows, h.revision)
		r.POST(`/api/flow_nodes\:update`+key, auth.UseWorkflows, h.updateNode)
		r.POST(`/api/flow_nodes\:destroy`+key, auth.UseWorkflows, h.destroyNode)
		r.POST(`/api/workflows\:execute`+key, auth.UseWorkflows, h.execute)
		r.POST(`/api/executions\:destroy`+key, auth.UseWorkflows, h.destroyExecutions)
		r.POST(`/api/executions\:cancel`+key, auth.UseWorkflows, h.cancel)
		r.POST(`/api/executions\:rerun`+key, auth.UseWorkflows, h.rerun)
		r.POST(`/api/workflows\:sync`+key, auth.ManageWorkflows, h.sync)
		r.POST(`/api/flow_nodes\:destroyBranch`+key, auth.UseWorkflows, h.destroyBranch)
		r.POST(`/api/flow_nodes\:duplicate`+key, auth.UseWorkflows, h.duplicateNode)
		r.POST(`/api/flow_nodes\:move`+key, auth.UseWorkflows, h.moveNode)
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

// shown is w as it is answered: with its categories, if the request spoke of them.
func (h *Workflows) shown(c echo.Context, w engine.Workflow, in workflowValues) (any, error) {
	if len(in.Categories) == 0 {
		return w, nil
	}
	return h.Record(c.Request().Context(), h.Actor(c), "workflows", w.ID, "categories")
}

func (h *Workflows) answer(c echo.Context, w engine.Workflow, in workflowValues) error {
	shown, err := h.shown(c, w, in)
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
	ctx, a := c.Request().Context(), h.Actor(c)
	w, err := h.Engine.CreateWorkflow(ctx, a, engine.NewWorkflow{
		Key: in.Key, Type: in.Type, Title: value(in.Title), Description: value(in.Description),
		TriggerTitle: value(in.TriggerTitle), Config: in.Config, Options: in.Options, Sync: in.Sync,
		Categories: value(categories),
	})
	if err != nil {
		return err
	}
	if value(in.Enabled) {
		if w, err = h.Engine.EnableWorkflow(ctx, a, w.ID, true); err != nil {
			return err
		}
	}
	return h.answer(c, w, in)
}

func (h *Workflows) update(c echo.Context) error {
	var in workflowValues
	if err := read(c, &in); err != nil {
		return err
	}
	ids, err := h.targets(c, "workflows")
	if err != nil {
		return err
	}
	changed := []any{}
	for _, id := range ids {
		w, err := h.change(c, id, in)
		if fault.Is(err, fault.NotFound) && len(in.Config) == 0 {
			continue
		}
		if err != nil {
			return err
		}
		shown, err := h.shown(c, w, in)
		if err != nil {
			return err
		}
		changed = append(changed, shown)
	}
	return data(c, changed)
}

func (h *Workflows) change(c echo.Context, id int64, in workflowValues) (w engine.Workflow, err error) {
	categories, err := in.categories()
	if err != nil {
		return w, err
	}
	ctx, a := c.Request().Context(), h.Actor(c)
	w, err = h.Engine.UpdateWorkflow(ctx, a, id, engine.WorkflowChange{
		Title: in.Title, Description: in.Description, TriggerTitle: in.TriggerTitle, Config: in.Config, Options: in.Options,
		Categories: categories,
	})
	if err == nil && in.Enabled != nil && *in.Enabled != w.Enabled {
		w, err = h.Engine.EnableWorkflow(ctx, a, id, *in.Enabled)
	}
	return w, err
}

// destroy answers how many versions were deleted.
func (h *Workflows) destroy(c echo.Context) error {
	ids, err := h.targets(c, "workflows")
	if err != nil {
		return err
	}
	gone := 0
	for _, id := range ids {
		n, err := h.Engine.DeleteWorkflow(c.Request().Context(), h.Actor(c), id)
		if err != nil && !fault.Is(err, fault.NotFound) { // gone with its current version
			return err
		}
		gone += n
	}
	return data(c, gone)
}

// revision makes a new version when the filter names the key, else a copy.
func (h *Workflows) revision(c echo.Context) error {
	var in workflowValues
	if err := read(c, &in); err != nil {
		return err
	}
	var filter struct{ Key string }
	if text := c.QueryParam("filter"); text != "" {
		if err := json.Unmarshal([]byte(text), &filter); err != nil {
			return fault.Wrap(fault.Invalid, "The filter is not a JSON object.", err)
		}
	}
	id, err := one(c)
	if err != nil {
		return err
	}
	w, err := h.Engine.Revise(c.Request().Context(), h.Actor(c), id, filter.Key, value(in.Title))
	if err != nil {
		return err
	}
	in.Config, in.TriggerTitle, in.Title = nil, nil, nil
	if in.Description != nil || in.Enabled != nil || len(in.Options) > 0 || in.Categories != nil {
		if w, err = h.change(c, w.ID, in); err != nil {
			return err
		}
	}
	return h.answer(c, w, in)
}

// nodeValues is what may be sent about a node.
type nodeValues struct {
	Key         string
	Type        string
	Title       *string
	Config      json.RawMessage
	UpstreamID  *int64
	BranchIndex *int
	WorkflowID  optionalInt // where no address names it, and of a test: what the node is for

	// DownstreamID is the one link that clients write themselves; nil when it was
	// not sent, "null" for none.
	DownstreamID json.RawMessage
}

// link is the node that shall follow; ok is false when nothing was said of it.
func (v nodeValues) link() (next *int64, ok bool, err error) {
	if len(v.DownstreamID) == 0 {
		return nil, false, nil
	}
	var id optionalInt
	err = id.UnmarshalJSON(v.DownstreamID)
	return id.value, true, err
}

func (h *Workflows) createNode(c echo.Context) error {
	var in nodeValues
	if err := read(c, &in); err != nil {
		return err
	}
	id := value(in.WorkflowID.value)
	if c.Param("id") != "" || id == 0 {
		var err error
		if id, err = one(c); err != nil {
			return err
		}
	}
	n, err := h.Engine.AddNode(c.Request().Context(), h.Actor(c), id, engine.NewNode{
		Key: in.Key, Type: in.Type, Title: value(in.Title), Config: in.Config, UpstreamID: in.UpstreamID, BranchIndex: in.BranchIndex,
	})
	if err != nil {
		return err
	}
	return h.nodeData(c, n)
}

// linkedNode is a node with its neighbors.
type linkedNode struct {
	engine.Node
	Upstream   *engine.Node     `json:"upstream"`
	Downstream *engine.Node     `json:"downstream"`
	Workflow   *engine.Workflow `json:"workflow,omitempty"`
}

// nodeData answers n with the neighbors that it has now.
func (h *Workflows) nodeData(c echo.Context, n engine.Node) error {
	_, nodes, err := h.Engine.Workflow(c.Request().Context(), h.Actor(c), n.WorkflowID)
	if err != nil {
		return err
	}
	return data(c, linked(n, nodes))
}

func linked(n engine.Node, nodes []engine.Node) linkedNode {
	out := linkedNode{Node: n}
	for i := range nodes {
		if n.UpstreamID != nil && nodes[i].ID == *n.UpstreamID {
			out.Upstream = &nodes[i]
		}
		if n.DownstreamID != nil && nodes[i].ID == *n.DownstreamID {
			out.Downstream = &nodes[i]
		}
	}
	return out
}

func (h *Workflows) updateNode(c echo.Context) error {
	var in nodeValues
	if err := read(c, &in); err != nil {
		return err
	}
	ids, err := h.targets(c, "flow_nodes")
	if err != nil {
		return err
	}
	next, linked, err := in.link()
	if err != nil {
		return err
	}
	changed := []engine.Node{}
	for _, id := range ids {
		if linked {
			if err := h.Engine.LinkNode(c.Request().Context(), h.Actor(c), id, next); err != nil {
				return err
			}
		}
		n, err := h.Engine.UpdateNode(c.Request().Context(), h.Actor(c), id, engine.NodeChange{Title: in.Title, Config: in.Config})
		if err != nil {
			return err
		}
		changed = append(changed, n)
	}
	return data(c, changed)
}

// testNode answers what a node with these settings comes to. They are taken as
// they stand: variables in them have no value. Who may not make workflows says
// with workflowId for which one that they may change it is.
func (h *Workflows) testNode(c echo.Context) error {
	var in nodeValues
	if err := read(c, &in); err != nil {
		return err
	}
	out, err := h.Engine.TestNode(c.Request().Context(), h.Actor(c), engine.Trial{WorkflowID: value(in.WorkflowID.value), Type: in.Type, Config: in.Config})
	if err != nil {
		return err
	}
	return data(c, struct {
		Status node.Status `json:"status"`
		Result any         `json:"result"`
		Log    string      `json:"log,omitempty"`
	}{out.Status, out.Result, out.Log})
}

// destroyNode answers the deleted node with what stood around it.
func (h *Workflows) destroyNode(c echo.Context) error {
	id, err := one(c)
	if err != nil {
		return err
	}
	var keep *int
	if text := c.QueryParam("keepBranch"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			return fault.New(fault.Invalid, fmt.Sprintf("Branch %s not found.", text))
		}
		keep = &n
	}
	ctx, a := c.Request().Context(), h.Actor(c)
	n, err := h.Engine.Node(ctx, a, id)
	if err != nil {
		return err
	}
	w, nodes, err := h.Engine.Workflow(ctx, a, n.WorkflowID)
	if err != nil {
		return err
	}
	if err := h.Engine.RemoveNode(ctx, a, id, 0, keep); err != nil {
		return err
	}
	out := linked(n, nodes)
	out.Workflow = &w
	return data(c, out)
}

// destroyExecutions answers how many executions were deleted; those that have
// not ended stay.
func (h *Workflows) destroyExecutions(c echo.Context) error {
	ids, err := h.targets(c, "executions")
	if err != nil {
		return err
	}
	n, err := h.Engine.DeleteExecutions(c.Request().Context(), h.Actor(c), ids)
	if err != nil {
		return err
	}
	return data(c, n)
}

// keyOf is the key that a request names: behind the action, or with filterByTk; ""
// for none.
func keyOf(c echo.Context, parameter string) string {
	if key := c.Param(parameter); key != "" {
		return key
	}
	return c.QueryParam("filterByTk")
}

// one is the id of the only record that a request names.
func one(c echo.Context) (int64, error) {
	text := keyOf(c, "id")
	id, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return 0, fault.New(fault.Invalid, "Say which one is meant with filterByTk.")
	}
	return id, nil
}

// targets are the records that a request names: by key in the path, by
// filterByTk (one or several), or by filter.
func (h *Workflows) targets(c echo.Context, resource string) ([]int64, error) {
	return targets(c, func(filter any) ([]int64, error) {
		return h.Find(c.Request().Context(), h.Actor(c), resource, filter)
	})
}

func targets(c echo.Context, find func(filter any) ([]int64, error)) ([]int64, error) {
	p, err := ParseQuery(c.Request().URL.RawQuery)
	if err != nil {
		return nil, err
	}
	var given any = c.Param("id")
	if given == "" {
		given = p["filterByTk"]
	}
	if text, ok := given.(string); ok {
		given = parseKeys(text)
	}
	list, ok := given.([]any)
	if !ok && given != nil && given != "" {
		list = []any{given}
	}
	var ids []int64
	for _, v := range list {
		if !isID(v) {
			return nil, problem("filterByTk", "Send an id or a list of ids.")
		}
		id, _ := strconv.ParseInt(strings.TrimSpace(collection.Format(v)), 10, 64)
		ids = append(ids, id)
	}
	if len(ids) > 0 {
		return ids, nil
	}
	filter, err := p.JSON("filter")
	if err != nil {
		return nil, err
	}
	if unconditional(filter) {
		return nil, problem("filterByTk", "Say which ones are meant with filterByTk or filter.")
	}
	return find(filter)
}
