package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/node"
)

// nodeRoutes registers what is done with nodes, at their own address and at that of
// their workflow.
func (h *Workflows) nodeRoutes(r Router) {
	r.POST(`/api/workflows/:id/nodes\:create`, auth.UseWorkflows, h.createNode)
	r.POST(`/api/workflows/:workflow/nodes\:test`, auth.UseWorkflows, h.testNode)
	r.POST(`/api/flow_nodes\:test`, auth.UseWorkflows, h.testNode)
	r.POST(`/api/flow_nodes\:create`, auth.UseWorkflows, h.createNode)
	for _, resource := range []string{"/api/flow_nodes", "/api/workflows/:workflow/nodes"} {
		for _, key := range []string{"", "/:id"} {
			r.POST(resource+`\:update`+key, auth.UseWorkflows, h.updateNode)
			r.POST(resource+`\:destroy`+key, auth.UseWorkflows, h.destroyNode)
			r.POST(resource+`\:destroyBranch`+key, auth.UseWorkflows, h.destroyBranch)
			r.POST(resource+`\:duplicate`+key, auth.UseWorkflows, h.duplicateNode)
			r.POST(resource+`\:move`+key, auth.UseWorkflows, h.moveNode)
		}
	}
}

// nodeID is the only node that a request names; at a workflow's address it is one
// of its own.
func (h *Workflows) nodeID(c echo.Context) (int64, error) {
	id, err := one(c)
	if err != nil || c.Param("workflow") == "" {
		return id, err
	}
	n, err := h.Engine.Node(c.Request().Context(), h.Actor(c), id)
	if err == nil && strconv.FormatInt(n.WorkflowID, 10) != c.Param("workflow") {
		err = fault.New(fault.NotFound, "There is no such node in this workflow.")
	}
	return id, err
}

// nodeValues is what may be sent about a node; other keys are passed over, as
// clients send whole records back.
type nodeValues struct {
	Key         string
	Type        string
	Title       *string
	Config      json.RawMessage
	UpstreamID  optionalInt
	BranchIndex optionalInt
	WorkflowID  optionalInt // where no address names it, and of a test: what the node is for

	// DownstreamID is the one link that clients write themselves; nil when it was
	// not sent, "null" for none.
	DownstreamID json.RawMessage
}

// change is what v sets of a node that is there.
func (v nodeValues) change() (c engine.NodeChange, err error) {
	c = engine.NodeChange{Title: v.Title, Config: v.Config, Links: len(v.DownstreamID) > 0}
	if c.Links {
		var next optionalInt
		err = next.UnmarshalJSON(v.DownstreamID)
		c.Next = next.value
	}
	return c, err
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
		Key: in.Key, Type: in.Type, Title: value(in.Title), Config: in.Config, UpstreamID: in.UpstreamID.value, BranchIndex: in.BranchIndex.whole(),
	})
	if err != nil {
		return err
	}
	return h.nodeData(c, n)
}

// nodeData answers n with the neighbors that it has now.
func (h *Workflows) nodeData(c echo.Context, n engine.Node) error {
	shown, err := h.Record(c.Request().Context(), h.Actor(c), "flow_nodes", n.ID, "upstream", "downstream")
	if err != nil {
		return err
	}
	return data(c, shown)
}

// updateNode answers the changed nodes. One that is refused undoes all.
func (h *Workflows) updateNode(c echo.Context) error {
	var in nodeValues
	if err := read(c, &in); err != nil {
		return err
	}
	change, err := in.change()
	if err != nil {
		return err
	}
	ids, err := h.targets(c, "flow_nodes")
	if err != nil {
		return err
	}
	ctx, a := c.Request().Context(), h.Actor(c)
	if err := h.Engine.UpdateNodes(ctx, a, ids, change); err != nil {
		return err
	}
	shown, err := h.Records(ctx, a, "flow_nodes", ids)
	if err != nil {
		return err
	}
	return data(c, shown)
}

// testNode answers what a node with these settings comes to. They are taken as
// they stand: variables in them have no value. Who may not make workflows says
// with workflowId for which one that they may change it is.
func (h *Workflows) testNode(c echo.Context) error {
	var in nodeValues
	if err := read(c, &in); err != nil {
		return err
	}
	if of := c.Param("workflow"); of != "" {
		if err := in.WorkflowID.UnmarshalJSON([]byte(of)); err != nil {
			return err
		}
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
	id, err := h.nodeID(c)
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
	shown, err := h.Record(ctx, a, "flow_nodes", id, "upstream", "downstream", "workflow")
	if err != nil {
		return err
	}
	if err := h.Engine.RemoveNode(ctx, a, id, 0, keep); err != nil {
		return err
	}
	return data(c, shown)
}

// placeValues say where a node shall stand. Clients send "" for none too.
type placeValues struct {
	UpstreamID  optionalInt
	BranchIndex optionalInt
	Config      json.RawMessage // of duplicates
}

func (v placeValues) place() engine.Place {
	to := engine.Place{UpstreamID: v.UpstreamID.value}
	if to.UpstreamID != nil {
		to.BranchIndex = v.BranchIndex.whole()
	}
	return to
}

// optionalInt is a whole number, as a number or as text; "" and null are none.
type optionalInt struct{ value *int64 }

func (o optionalInt) whole() *int {
	if o.value == nil {
		return nil
	}
	n := int(*o.value)
	return &n
}

func (o *optionalInt) UnmarshalJSON(raw []byte) error {
	text := strings.TrimSpace(strings.Trim(string(raw), `"`))
	if o.value = nil; text == "" || text == "null" {
		return nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return fault.Wrap(fault.Invalid, fmt.Sprintf("“%.40s” is no whole number.", text), err)
	}
	o.value = &n
	return nil
}

// moveNode answers the moved node (spec/http-api.md §3.5).
func (h *Workflows) moveNode(c echo.Context) error {
	var in placeValues
	if err := read(c, &in); err != nil {
		return err
	}
	id, err := h.nodeID(c)
	if err != nil {
		return err
	}
	n, err := h.Engine.MoveNode(c.Request().Context(), h.Actor(c), id, in.place())
	if err != nil {
		return err
	}
	return h.nodeData(c, n)
}

// duplicateNode answers the copy (spec/http-api.md §3.6).
func (h *Workflows) duplicateNode(c echo.Context) error {
	var in placeValues
	if err := read(c, &in); err != nil {
		return err
	}
	id, err := h.nodeID(c)
	if err != nil {
		return err
	}
	n, err := h.Engine.DuplicateNode(c.Request().Context(), h.Actor(c), id, in.place(), in.Config)
	if err != nil {
		return err
	}
	return h.nodeData(c, n)
}

// destroyBranch answers the first node of what is gone; 204 when the branch was
// empty (spec/http-api.md §3.4).
func (h *Workflows) destroyBranch(c echo.Context) error {
	id, err := h.nodeID(c)
	if err != nil {
		return err
	}
	branch, err := strconv.Atoi(c.QueryParam("branchIndex"))
	if err != nil {
		return problem("branchIndex", "Say which branch with branchIndex, a whole number.")
	}
	shift, _ := strconv.ParseFloat(c.QueryParam("shift"), 64)
	ctx, a := c.Request().Context(), h.Actor(c)
	first, err := h.Find(ctx, a, "flow_nodes", map[string]any{"upstreamId": id, "branchIndex": branch})
	if err != nil {
		return err
	}
	shown, err := h.Records(ctx, a, "flow_nodes", first)
	if err != nil {
		return err
	}
	head, err := h.Engine.RemoveBranch(ctx, a, id, branch, shift == 1)
	switch {
	case err != nil:
		return err
	case head == nil || len(shown) == 0:
		return c.NoContent(http.StatusNoContent)
	}
	return data(c, shown[0])
}

// sync makes all processes read the workflows again (spec/http-api.md §2.7).
func (h *Workflows) sync(c echo.Context) error {
	if _, err := h.targets(c, "workflows"); err != nil {
		return err
	}
	if err := h.Engine.Rearm(c.Request().Context(), h.Actor(c)); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// resume answers a waiting job with 202 and the job; without a status, or with
// status 0, it goes on waiting (spec/http-api.md §5).
func (h *Workflows) resume(c echo.Context) error {
	change, err := jobChange(c)
	if err != nil {
		return err
	}
	id, err := one(c)
	if err != nil {
		return err
	}
	ctx, a := c.Request().Context(), h.Actor(c)
	if err := h.Engine.Resume(ctx, a, id, change); err != nil {
		return err
	}
	job, err := h.Record(ctx, a, "jobs", id)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusAccepted, map[string]any{"data": job})
}
