package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/pg"
)

// notFound is the answer for resources and actions that are not there, and for
// those that the actor may not know of.
var notFound = fault.New(fault.NotFound, "Not Found")

// Records serves every collection, and the definitions of collections.
type Records struct {
	DB    *pg.DB
	Store *collection.Store
	Actor func(c echo.Context) auth.Actor
	Zone  func(c echo.Context) *time.Location // in which days begin for who asks

	actions map[string]map[string]action // of collections and their fields, by resource and name
}

// methodRouter is a Router for the other methods too.
type methodRouter interface {
	Router
	Add(method, path string, need auth.Right, h echo.HandlerFunc)
}

// Routes registers the general routes. Resources with actions of their own
// register those by name, as in `/api/users\:create`: that goes first.
func (h *Records) Routes(r methodRouter) {
	h.actions = h.definitions()
	for _, path := range []string{"/api/:target", "/api/:target/:key", "/api/:parent/:name/:target", "/api/:parent/:name/:target/:key"} {
		r.GET(path, auth.UseRecords, h.serve)
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
			r.Add(method, path, auth.UseRecords, h.serve)
		}
	}
}

// action is one thing that can be done with a resource.
type action struct {
	need auth.Right // asked before do, the engine asks again; 0: whoever may use records
	read bool       // changes nothing: may be called with GET
	do   func(*call) (any, error)
}

// answer is more than data.
type answer struct {
	data any
	meta any // left out when nil
}

// call is a request to one action.
type call struct {
	ctx      context.Context
	actor    auth.Actor
	zone     *time.Location
	resource string
	parent   string // "orders" in collections/orders/fields:list
	path     string // the key in the path; "" for none
	params   Params
	body     any // JSON value; an empty object when there was none
}

// access is for calls of the record store.
func (c *call) access() collection.Access { return collection.Access{Actor: c.actor, Zone: c.zone} }

// values is the body as an object.
func (c *call) values() (map[string]any, error) {
	m, ok := c.body.(map[string]any)
	if !ok {
		return nil, fault.New(fault.Invalid, "Send an object with the values.")
	}
	return m, nil
}

// key is filterByTk, from the path or the parameters; "" when there is none.
func (c *call) key() string {
	if c.path != "" {
		return c.path
	}
	return c.params.Text("filterByTk")
}

// serve runs the action that a request asks for.
func (h *Records) serve(c echo.Context) error {
	r, who := c.Request(), h.Actor(c)
	resource, name := split(c)
	act, ok := h.find(r.Context(), who, c.Param("parent"), resource, name)
	if !ok || !act.read && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		return notFound
	}
	if act.need != 0 {
		if err := who.Require(act.need); err != nil {
			return err
		}
	}
	in := &call{ctx: r.Context(), actor: who, zone: h.zone(c), resource: resource, parent: c.Param("name"), path: c.Param("key")}
	var err error
	if in.params, err = ParseQuery(r.URL.RawQuery); err != nil {
		return err
	}
	if in.body, err = body(r); err != nil {
		return err
	}
	out, err := act.do(in)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, envelope(out))
}

// split finds resource and action; without an action the method says which.
func split(c echo.Context) (resource, action string) {
	resource, action, ok := strings.Cut(c.Param("target"), ":")
	if parent := c.Param("parent"); parent != "" {
		resource = parent + "." + resource
	}
	if ok {
		return resource, action
	}
	switch c.Request().Method {
	case http.MethodGet, http.MethodHead:
		if c.Param("key") == "" {
			return resource, "list"
		}
		return resource, "get"
	case http.MethodPost:
		return resource, "create"
	case http.MethodPut, http.MethodPatch:
		return resource, "update"
	case http.MethodDelete:
		return resource, "destroy"
	}
	return resource, ""
}

// find looks among the actions of the resource, then among those of records.
func (h *Records) find(ctx context.Context, who auth.Actor, parent, resource, name string) (action, bool) {
	if act, ok := h.actions[resource][name]; ok {
		return act, true
	}
	act, ok := h.recordAction(name)
	if !ok || parent != "" {
		return action{}, false
	}
	if c, err := h.Store.Collection(ctx, resource); fault.Is(err, fault.NotFound) || err == nil && !who.Can(c.Right) {
		return action{}, false
	}
	return act, true
}

// zone is X-Timezone, else the zone of who asks.
func (h *Records) zone(c echo.Context) *time.Location {
	if t, err := time.Parse("-07:00", c.Request().Header.Get("X-Timezone")); err == nil {
		return t.Location()
	}
	return h.Zone(c)
}

// maxDepth bounds the nesting of JSON that is sent to us.
const maxDepth = 64

func body(r *http.Request) (any, error) {
	if r.Method == http.MethodGet || r.Method == http.MethodHead || r.Body == nil {
		return map[string]any{}, nil
	}
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if len(strings.TrimSpace(string(raw))) == 0 {
		return map[string]any{}, nil
	}
	return decode(raw)
}

var errNotJSON = fault.New(fault.Invalid, "The body could not be read. Send JSON.")

// decode reads JSON that somebody else wrote.
func decode(raw []byte) (any, error) {
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		if _, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return nil, fault.Wrap(fault.Invalid, "A number in the body is too large.", err)
		}
		return nil, errNotJSON
	}
	if depth(v) > maxDepth {
		return nil, fault.New(fault.Invalid, "The JSON is nested too deeply.")
	}
	return v, nil
}

func depth(v any) int {
	deepest := 0
	switch x := v.(type) {
	case map[string]any:
		for _, e := range x {
			deepest = max(deepest, depth(e))
		}
	case []any:
		for _, e := range x {
			deepest = max(deepest, depth(e))
		}
	default:
		return 0
	}
	return deepest + 1
}

// envelope wraps what an action answered (spec/platform.md §2).
func envelope(v any) any {
	switch x := v.(type) {
	case answer:
		if x.meta == nil {
			return map[string]any{"data": x.data}
		}
		return map[string]any{"data": x.data, "meta": x.meta}
	case collection.Page:
		return map[string]any{"data": x.Records, "meta": map[string]any{
			"count": x.Count, "page": x.Page, "pageSize": x.PageSize, "totalPage": x.TotalPage}}
	}
	return map[string]any{"data": v}
}
