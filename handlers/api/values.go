package api

import "alur/engine/collection"

// allowed applies whitelist and blacklist to values.
func (c *call) allowed(values map[string]any) (map[string]any, error) {
	white, err := c.params.List("whitelist")
	if err != nil {
		return nil, err
	}
	black, err := c.params.List("blacklist")
	if err != nil {
		return nil, err
	}
	return collection.Allowed(values, white, black), nil
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
