package api

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"alur/engine/attachment"
	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/pg"
	jsonvalue "alur/engine/value"
)

// notFound is the answer for resources and actions that are not there.
var notFound = fault.New(fault.NotFound, "Not Found")

// Records serves every collection, and the definitions of collections.
type Records struct {
	DB    *pg.DB
	Store *collection.Store
	Actor func(c echo.Context) auth.Actor
	Zone  func(c echo.Context) *time.Location // in which days begin for who asks

	Searcher Searcher // of executions

	// Files keeps uploads; nil to describe the API only. Uploaded writes the file
	// that a request holds as field into one of ours, which the caller deletes.
	Files    *attachment.Store
	Uploaded func(r *http.Request, field string) (name, path string, err error)

	actions map[string]map[string]action // of collections and their fields, by resource and name
}

// methodRouter is a Router for the other methods too.
type methodRouter interface {
	Router
	Add(method, path string, need auth.Right, h echo.HandlerFunc)
	Upload(path string, need auth.Right, most int64, h echo.HandlerFunc)
}

// Routes registers the general routes. Resources with actions of their own
// register those by name, as in `/api/users\:create`: that goes first.
func (h *Records) Routes(r methodRouter) {
	h.actions = h.definitions()
	r.GET("/api/openapi.json", auth.UseRecords, h.serveDocument)
	for _, name := range []string{"create", "upload"} {
		r.Upload(`/api/attachments\:`+name, auth.UseRecords, h.Files.Most+aroundFile, h.upload)
	}
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
	parent   string       // "orders" in collections/orders/fields:list
	of       *association // the route's association; nil for none
	path     string       // the key in the path; "" for none
	nested   []string     // relations whose records may be changed by the way
	params   Params
	body     any // JSON value; an empty object when there was none
}

// access is for calls of the record store.
func (c *call) access() collection.Access {
	return collection.Access{Actor: c.actor, Zone: c.zone, Nested: c.nested, Via: collection.ViaAPI}
}

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
	act, of, err := h.find(r.Context(), who, c, resource, name)
	if err == nil && !act.read && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		err = notFound // a GET changes nothing, so that no link and no image on another site does
	}
	if err != nil {
		return err
	}
	if act.need != 0 {
		if err := who.Require(act.need); err != nil {
			return err
		}
	}
	in := &call{ctx: r.Context(), actor: who, zone: h.zone(c), resource: resource, parent: c.Param("name"), of: of, path: c.Param("key")}
	if of != nil {
		in.resource = of.field.Target
	}
	if in.params, err = ParseQuery(r.URL.RawQuery); err != nil {
		return err
	}
	if in.nested, err = in.params.List("updateAssociationValues"); err != nil {
		return err
	}
	if in.body, err = body(r); err != nil {
		return err
	}
	out, err := act.do(in)
	if err != nil {
		return err
	}
	return c.JSONBlob(http.StatusOK, envelope(out))
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

// find looks among the actions of the resource, then among those of records and
// of their associations.
func (h *Records) find(ctx context.Context, who auth.Actor, c echo.Context, resource, name string) (action, *association, error) {
	if act, ok := h.actions[resource][name]; ok {
		return act, nil, nil
	}
	if parent := c.Param("parent"); parent != "" {
		of, err := h.association(ctx, who, parent, c.Param("name"), strings.TrimPrefix(resource, parent+"."))
		if err != nil {
			return action{}, nil, err
		}
		act, ok := h.associationAction(name)
		if !ok || !act.read && of.key == anyParent {
			err = notFound
		}
		return act, of, err
	}
	act, ok := h.recordAction(name)
	if !ok {
		return action{}, nil, notFound
	}
	_, err := h.readable(ctx, who, resource)
	return act, nil, err
}

// readable finds a collection that who may read. Those that are part of the product
// everybody may know of: they are Forbidden to who may not.
func (h *Records) readable(ctx context.Context, who auth.Actor, name string) (*collection.Collection, error) {
	coll, err := h.Store.Collection(ctx, name)
	switch {
	case fault.Is(err, fault.NotFound):
		return nil, notFound
	case err != nil:
		return nil, err
	}
	return coll, who.Require(coll.Right)
}

// zone is X-Timezone, else the zone of who asks.
func (h *Records) zone(c echo.Context) *time.Location {
	if t, err := time.Parse("-07:00", c.Request().Header.Get("X-Timezone")); err == nil {
		return t.Location()
	}
	return h.Zone(c)
}

// body reads the JSON of a request; without one it is an empty object.
func body(r *http.Request) (any, error) {
	if r.Method == http.MethodGet || r.Method == http.MethodHead || r.Body == nil {
		return map[string]any{}, nil
	}
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		return map[string]any{}, nil
	}
	return decode(raw)
}

// envelope wraps what an action answered (spec/platform.md §2).
func envelope(v any) []byte {
	data, meta := v, any(nil)
	switch x := v.(type) {
	case answer:
		data, meta = x.data, x.meta
	case collection.Page:
		data = x.Records
		meta = map[string]any{"count": x.Count, "page": x.Page, "pageSize": x.PageSize, "totalPage": x.TotalPage}
	}
	out := append(make([]byte, 0, 1024), `{"data":`...)
	if records, ok := data.([]collection.Record); ok { // the most frequent ones are written by hand
		out = append(out, '[')
		for i, r := range records {
			if i > 0 {
				out = append(out, ',')
			}
			out = jsonvalue.Append(out, r)
		}
		out = append(out, ']')
	} else {
		out = jsonvalue.Append(out, data)
	}
	if meta != nil {
		out = jsonvalue.Append(append(out, `,"meta":`...), meta)
	}
	return append(out, '}')
}
