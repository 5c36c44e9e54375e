package api

import (
	"maps"
	"slices"
	"strings"

	"alur/engine/collection"
)

// allowed applies whitelist and blacklist to values. Both may name members of
// associated records, as in "comments.title".
func (c *call) allowed(values map[string]any) (map[string]any, error) {
	white, err := c.params.List("whitelist")
	if err != nil {
		return nil, err
	}
	black, err := c.params.List("blacklist")
	if err != nil {
		return nil, err
	}
	if len(white) > 0 {
		values = only(values, white)
	}
	if len(black) > 0 {
		values = leaveOut(values, black)
	}
	return values, nil
}

// inside returns what the paths say about members of name; whole is true when
// one of them is name itself.
func inside(paths []string, name string) (rest []string, whole bool) {
	for _, path := range paths {
		first, more, deeper := strings.Cut(path, ".")
		switch {
		case first != name:
		case deeper:
			rest = append(rest, more)
		default:
			whole = true
		}
	}
	return rest, whole
}

// only keeps the members that paths name.
func only(values map[string]any, paths []string) map[string]any {
	out := map[string]any{}
	for name, v := range values {
		rest, whole := inside(paths, name)
		switch {
		case whole:
			out[name] = v
		case len(rest) > 0: // a record is linked by its key whatever may be written in it
			out[name] = within(v, func(m map[string]any) map[string]any { return only(m, append(slices.Clone(rest), "id")) })
		}
	}
	return out
}

// leaveOut drops the members that paths name.
func leaveOut(values map[string]any, paths []string) map[string]any {
	out := maps.Clone(values)
	for name, v := range values {
		rest, whole := inside(paths, name)
		switch {
		case whole:
			delete(out, name)
		case len(rest) > 0:
			out[name] = within(v, func(m map[string]any) map[string]any { return leaveOut(m, rest) })
		}
	}
	return out
}

// within changes the objects of an association's value.
func within(v any, change func(map[string]any) map[string]any) any {
	switch x := v.(type) {
	case map[string]any:
		return change(x)
	case []any:
		out := make([]any, len(x))
		for i, e := range x {
			out[i] = within(e, change)
		}
		return out
	}
	return v
}

// resolve fills in the variables of a filter.
func (h *Records) resolve(c *call, filter any) (any, error) {
	if filter == nil {
		return nil, nil
	}
	return h.Store.Resolve(c.ctx, h.DB, c.access(), filter)
}

// aggregate groups records; its parameters stand in the address or in the body.
func (h *Records) aggregate(c *call) (any, error) {
	in := map[string]any{}
	for _, name := range []string{"measures", "dimensions", "orders", "filter", "limit", "offset"} {
		v, err := c.params.JSON(name)
		if err != nil {
			return nil, err
		}
		if body, ok := c.body.(map[string]any); ok && v == nil {
			v = body[name]
		}
		in[name] = v
	}
	filter, err := h.resolve(c, in["filter"])
	if err != nil {
		return nil, err
	}
	g, err := collection.ParseGroups(in)
	if err != nil {
		return nil, err
	}
	if g.Filter = filter; c.of != nil && c.of.filter() != nil {
		g.Filter = map[string]any{"$and": []any{c.of.filter(), filter}}
	}
	return h.Store.Group(c.ctx, h.DB, c.access(), c.resource, g)
}

// move puts a record before or behind another one in its collection's order.
func (h *Records) move(c *call) (any, error) {
	body, _ := c.body.(map[string]any)
	read := func(name string) any {
		if v := c.params[name]; v != nil {
			return v
		}
		return body[name]
	}
	scope, err := c.params.JSON("targetScope")
	if err != nil {
		return nil, err
	}
	if scope == nil {
		scope = body["targetScope"]
	}
	m := collection.Move{
		Source: read("sourceId"), Target: read("targetId"), Field: collection.Format(read("sortField")),
		Method: collection.Format(read("method")), Sticky: collection.Format(read("sticky")) == "true",
	}
	m.Scope, _ = scope.(map[string]any)
	if err := h.Store.Move(c.ctx, c.access(), c.resource, m); err != nil {
		return nil, err
	}
	return "ok", nil
}
