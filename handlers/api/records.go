package api

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/pg"
)

const maxPageSize = 1000

// recordAction returns an action that every collection has.
func (h *Records) recordAction(name string) (action, bool) {
	switch name {
	case "list":
		return action{read: true, do: h.list}, true
	case "get":
		return action{read: true, do: h.get}, true
	case "create":
		return action{do: h.create}, true
	case "update":
		return action{do: h.update}, true
	case "destroy":
		return action{do: h.destroy}, true
	case "firstOrCreate":
		return action{do: h.firstOrCreate}, true
	case "updateOrCreate":
		return action{do: h.updateOrCreate}, true
	}
	return action{}, false
}

// query reads the parameters that say which records and how much of them.
func (c *call) query() (q collection.Query, err error) {
	if q.Filter, err = c.filter(); err != nil {
		return q, err
	}
	for name, into := range map[string]*[]string{"fields": &q.Fields, "except": &q.Except, "appends": &q.Appends, "sort": &q.Sort} {
		if *into, err = c.params.List(name); err != nil {
			return q, err
		}
	}
	if q.Page, err = c.params.Int("page"); err != nil {
		return q, err
	}
	if q.PageSize, err = c.params.Int("pageSize"); err != nil {
		return q, err
	}
	q.PageSize = min(q.PageSize, maxPageSize)
	q.All = c.params.Text("paginate") == "false"
	return q, nil
}

// filter joins filterByTk and filter; nil when there is neither.
func (c *call) filter() (any, error) {
	filter, err := c.params.JSON("filter")
	if err != nil {
		return nil, err
	}
	keys, err := c.keys()
	if err != nil || keys == nil {
		return filter, err
	}
	byKey := map[string]any{"id": map[string]any{"$in": keys}}
	if filter == nil {
		return byKey, nil
	}
	return map[string]any{"$and": []any{byKey, filter}}, nil
}

// keys are the ids of filterByTk: one, a list, or JSON of either; nil for none.
func (c *call) keys() ([]any, error) {
	var v any = c.path
	if c.path == "" {
		v = c.params["filterByTk"]
	}
	if s, ok := v.(string); ok && strings.HasPrefix(strings.TrimSpace(s), "[") {
		if json.Unmarshal([]byte(s), &v) != nil {
			return nil, problem("filterByTk", "Send an id or a list of ids.")
		}
	} else if ok && strings.Contains(s, ",") {
		var list []any
		for part := range strings.SplitSeq(s, ",") {
			list = append(list, part)
		}
		v = list
	}
	switch x := v.(type) {
	case nil:
		if c.params.Has("filterByTk") {
			return []any{}, nil
		}
		return nil, nil
	case []any:
		for _, e := range x {
			if !isID(e) {
				return nil, problem("filterByTk", "Send an id or a list of ids.")
			}
		}
		return x, nil
	case string:
		if x == "" && !c.params.Has("filterByTk") {
			return nil, nil
		}
		if !isID(x) {
			return nil, problem("filterByTk", "Send an id or a list of ids.")
		}
		return []any{x}, nil
	}
	return nil, problem("filterByTk", "Send an id or a list of ids.")
}

func isID(v any) bool {
	_, err := strconv.ParseInt(strings.TrimSpace(collection.Format(v)), 10, 64)
	return err == nil
}

func (h *Records) list(c *call) (any, error) {
	q, err := c.query()
	if err != nil {
		return nil, err
	}
	coll, err := h.Store.Collection(c.ctx, c.resource)
	if err != nil {
		return nil, err
	}
	simple := coll.Options["simplePaginate"] == true
	q.NoCount = simple && !q.All
	page, err := h.Store.List(c.ctx, h.DB, c.access(), c.resource, q)
	switch {
	case err != nil:
		return nil, err
	case q.All:
		return page.Records, nil
	case simple:
		return answer{data: page.Records, meta: map[string]any{"hasNext": page.HasNext, "page": page.Page, "pageSize": page.PageSize}}, nil
	}
	return page, nil
}

func (h *Records) get(c *call) (any, error) {
	q, err := c.query()
	if err != nil {
		return nil, err
	}
	rec, err := h.Store.First(c.ctx, h.DB, c.access(), c.resource, q)
	if err != nil || rec == nil {
		return nil, err
	}
	return rec, nil
}

// write runs fn in a transaction for the resource's collection.
func (h *Records) write(c *call, fn func(tx *pg.Tx) error) error {
	return h.Store.Write(c.ctx, c.resource, fn)
}

func (h *Records) create(c *call) (any, error) {
	list, many := c.body.([]any)
	if !many {
		list = []any{c.body}
	}
	appends, err := c.params.List("appends")
	if err != nil {
		return nil, err
	}
	write := h.Store.Write
	if !many {
		write = h.Store.WriteShared
	}
	var recs []collection.Record
	err = write(c.ctx, c.resource, func(tx *pg.Tx) error {
		recs = make([]collection.Record, 0, len(list))
		for _, item := range list {
			values, ok := item.(map[string]any)
			if !ok {
				return fault.New(fault.Invalid, "Send an object with the values, or a list of such objects.")
			}
			values, err := c.allowed(values)
			if err != nil {
				return err
			}
			rec, err := h.Store.Create(c.ctx, tx, c.access(), c.resource, values, appends)
			if err != nil {
				return err
			}
			recs = append(recs, rec)
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case many:
		return recs, nil
	}
	return recs[0], nil
}

// allowed applies whitelist and blacklist to values.
func (c *call) allowed(values map[string]any) (map[string]any, error) {
	white, err := c.params.List("whitelist")
	if err != nil {
		return nil, err
	}
	black, err := c.params.List("blacklist")
	if err != nil || len(white)+len(black) == 0 {
		return values, err
	}
	values = maps.Clone(values)
	maps.DeleteFunc(values, func(k string, _ any) bool {
		return len(white) > 0 && !slices.Contains(white, k) || slices.Contains(black, k)
	})
	return values, nil
}

func (h *Records) update(c *call) (any, error) {
	filter, err := c.filter()
	if err != nil {
		return nil, err
	}
	values, err := c.values()
	if err != nil {
		return nil, err
	}
	if values, err = c.allowed(values); err != nil {
		return nil, err
	}
	recs := []collection.Record{}
	err = h.write(c, func(tx *pg.Tx) error {
		seen := c.params.Text("updatedAt")
		if id, err := strconv.ParseInt(c.key(), 10, 64); err == nil && seen != "" {
			rec, err := h.Store.Edit(c.ctx, tx, c.access(), c.resource, id, seen, values)
			recs = []collection.Record{rec}
			return err
		}
		recs, err = h.Store.Update(c.ctx, tx, c.access(), c.resource, filter, values)
		return err
	})
	if err != nil {
		return nil, err
	}
	return recs, nil
}

func (h *Records) destroy(c *call) (any, error) {
	filter, err := c.filter()
	if err != nil {
		return nil, err
	}
	n := 0
	err = h.write(c, func(tx *pg.Tx) error {
		n, err = h.Store.Destroy(c.ctx, tx, c.access(), c.resource, filter)
		return err
	})
	return n, err
}

// byKeys finds the record whose filterKeys have the values given.
func (h *Records) byKeys(c *call, tx *pg.Tx, values map[string]any) (collection.Record, error) {
	keys, err := c.params.List("filterKeys")
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, problem("filterKeys", "Say by which fields the record is found.")
	}
	filter := map[string]any{}
	for _, k := range keys {
		filter[k] = map[string]any{"$eq": values[k]}
	}
	return h.Store.First(c.ctx, tx, c.access(), c.resource, collection.Query{Filter: filter})
}

func (h *Records) firstOrCreate(c *call) (any, error) { return h.orCreate(c, false) }

func (h *Records) updateOrCreate(c *call) (any, error) { return h.orCreate(c, true) }

func (h *Records) orCreate(c *call, update bool) (any, error) {
	values, err := c.values()
	if err != nil {
		return nil, err
	}
	var rec collection.Record
	err = h.write(c, func(tx *pg.Tx) error {
		if rec, err = h.byKeys(c, tx, values); err != nil {
			return err
		}
		if rec == nil {
			rec, err = h.Store.Create(c.ctx, tx, c.access(), c.resource, values, nil)
			return err
		}
		if !update {
			return nil
		}
		recs, err := h.Store.Update(c.ctx, tx, c.access(), c.resource, rec["id"], values)
		if err == nil && len(recs) > 0 {
			rec = recs[0]
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return rec, nil
}
