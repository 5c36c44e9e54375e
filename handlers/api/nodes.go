package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"alur/engine"
	"alur/engine/fault"
	"alur/engine/node"
)

// placeValues say where a node shall stand. Clients send "" for none too.
type placeValues struct {
	UpstreamID  optionalInt
	BranchIndex optionalInt
	Config      json.RawMessage // of duplicates
}

func (v placeValues) place() engine.Place {
	to := engine.Place{UpstreamID: v.UpstreamID.value}
	if to.UpstreamID != nil && v.BranchIndex.value != nil {
		index := int(*v.BranchIndex.value)
		to.BranchIndex = &index
	}
	return to
}

// optionalInt is a whole number, as a number or as text; "" and null are none.
type optionalInt struct{ value *int64 }

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
	id, err := one(c)
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
	id, err := one(c)
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
	id, err := one(c)
	if err != nil {
		return err
	}
	branch, err := strconv.Atoi(c.QueryParam("branchIndex"))
	if err != nil {
		return problem("branchIndex", "Say which branch with branchIndex, a whole number.")
	}
	shift, _ := strconv.ParseFloat(c.QueryParam("shift"), 64)
	head, err := h.Engine.RemoveBranch(c.Request().Context(), h.Actor(c), id, branch, shift == 1)
	switch {
	case err != nil:
		return err
	case head == nil:
		return c.NoContent(http.StatusNoContent)
	}
	return data(c, head)
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
	var in struct {
		Status node.Status
		Result json.RawMessage
	}
	if err := read(c, &in); err != nil {
		return err
	}
	id, err := one(c)
	if err != nil {
		return err
	}
	ctx, a := c.Request().Context(), h.Actor(c)
	if in.Status != node.Pending {
		if err := h.Engine.Resume(ctx, a, id, in.Status, in.Result); err != nil {
			return err
		}
	}
	job, err := h.Record(ctx, a, "jobs", id)
	if err != nil {
		return err
	}
	if job == nil {
		return fault.New(fault.NotFound, "There is no such job.")
	}
	return c.JSON(http.StatusAccepted, map[string]any{"data": job})
}
