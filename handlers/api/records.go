package api

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/pg"
	jsonvalue "alur/engine/value"
)

// countPatience is how long is counted before a change.
const countPatience = 5 * time.Second

const (
	maxPageSize = 1000
	maxAll      = 20_000 // records with paginate=false, and of each appended relation
)

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
	case "query":
		return action{read: true, do: h.aggregate}, true
	case "move":
		return action{do: h.move}, true
	}
	return action{}, false
}

// query reads the parameters that say which records and how much of them.
func (h *Records) query(c *call) (q collection.Query, err error) {
	if q, err = c.params.listed(); err != nil {
		return q, err
	}
	q.Filter, err = h.filter(c)
	return q, err
}

// filter joins filterByTk, filter, and the association of the route; nil when
// there is none of them.
func (h *Records) filter(c *call) (any, error) {
	filter, err := c.params.JSON("filter")
	if err != nil {
		return nil, err
	}
	if filter, err = h.resolve(c, filter); err != nil {
		return nil, err
	}
	byKeys, err := h.keys(c)
	if err != nil {
		return nil, err
	}
	var of any
	if c.of != nil {
		of = c.of.filter()
	}
	parts := slices.DeleteFunc([]any{of, byKeys, filter}, func(part any) bool { return part == nil })
	switch len(parts) {
	case 0:
		return nil, nil
	case 1:
		return parts[0], nil
	}
	return map[string]any{"$and": parts}, nil
}

// writeFilter is filter for what changes records: it has to say which ones.
func (h *Records) writeFilter(c *call) (any, error) {
	filter, err := h.filter(c)
	if err != nil {
		return nil, err
	}
	own, err := c.params.JSON("filter")
	if err != nil {
		return nil, err
	}
	if c.of != nil && !c.of.field.ToMany() || c.path != "" || c.params.Has("filterByTk") || !unconditional(own) {
		return filter, nil
	}
	return nil, problem("filter", "Say which records are meant with filterByTk or filter.")
}

// unconditional reports whether every record meets a filter.
func unconditional(filter any) bool {
	switch f := filter.(type) {
	case nil:
		return true
	case []any:
		return !slices.ContainsFunc(f, func(part any) bool { return !unconditional(part) })
	case map[string]any:
		for key, part := range f {
			if key != "$and" && key != "$or" && key != "$not" || !unconditional(part) {
				return false
			}
		}
		return true
	}
	return false
}

// keys is the filter of filterByTk: one key, a list, JSON of either, or an object
// of fields; nil for none.
func (h *Records) keys(c *call) (any, error) {
	var v any = c.path
	if c.path == "" {
		if !c.params.Has("filterByTk") {
			return nil, nil
		}
		v = c.params["filterByTk"]
	}
	coll, err := h.Store.Collection(c.ctx, c.resource)
	if err != nil {
		return nil, err
	}
	f := coll.Field(targetKey(coll))
	bad := problem("filterByTk", "Send a key or a list of keys.")
	whole := f != nil && (f.Type == collection.BigInt || f.Type == collection.Integer)
	if s, ok := v.(string); ok {
		v = parseKeys(s)
	}
	switch x := v.(type) {
	case nil:
		return map[string]any{targetKey(coll): map[string]any{"$in": []any{}}}, nil
	case map[string]any:
		equal := map[string]any{}
		for name, part := range x {
			equal[name] = map[string]any{"$eq": part}
		}
		if len(equal) == 0 {
			return nil, bad
		}
		return equal, nil
	case []any:
		for _, e := range x {
			if whole && !isID(e) {
				return nil, bad
			}
		}
		return map[string]any{targetKey(coll): map[string]any{"$in": x}}, nil
	}
	if whole && !isID(v) {
		return nil, bad
	}
	return byKey(coll, v), nil
}

// parseKeys reads a key, keys with commas between them, or JSON of several.
func parseKeys(s string) any {
	s = strings.TrimSpace(s)
	if strings.HasPrefix(s, "[") || strings.HasPrefix(s, "{") {
		if v, err := jsonvalue.Decode([]byte(s)); err == nil {
			return v
		}
	}
	if !strings.Contains(s, ",") {
		return s
	}
	list := []any{}
	for part := range strings.SplitSeq(s, ",") {
		list = append(list, strings.TrimSpace(part))
	}
	return list
}

func isID(v any) bool {
	_, err := strconv.ParseInt(strings.TrimSpace(collection.Format(v)), 10, 64)
	return err == nil
}

func (h *Records) list(c *call) (any, error) {
	search, err := c.searched()
	if err != nil {
		return nil, err
	}
	q, err := h.query(c)
	if err != nil {
		return nil, err
	}
	if search != nil {
		return h.search(c, *search, q)
	}
	coll, err := h.Store.Collection(c.ctx, c.resource)
	if err != nil {
		return nil, err
	}
	simple := coll.Options["simplePaginate"] == true
	q.NoCount = simple && !q.All
	read := h.Store.List
	if tree := c.params.Text("tree"); tree == "true" || tree == "1" {
		read = h.Store.Tree
	}
	page, err := read(c.ctx, h.DB, c.access(), c.resource, q)
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
	q, err := h.query(c)
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
	all := make([]collection.Record, len(list))
	for i, item := range list {
		values, ok := item.(map[string]any)
		if !ok {
			return nil, fault.New(fault.Invalid, "Send an object with the values, or a list of such objects.")
		}
		if all[i], err = c.allowed(values); err != nil {
			return nil, err
		}
	}
	write := h.Store.Write
	if !many {
		write = h.Store.WriteShared
	}
	var recs []collection.Record
	err = write(c.ctx, c.resource, func(tx *pg.Tx) error {
		linked := all
		if c.of != nil {
			if linked, err = h.linkedAll(c, tx, all); err != nil {
				return err
			}
		}
		if recs, err = h.Store.CreateAll(c.ctx, tx, c.access(), c.resource, linked, appends); err != nil {
			return err
		}
		return h.linkNew(c, tx, recs)
	})
	switch {
	case err != nil:
		return nil, err
	case many:
		return recs, nil
	}
	return recs[0], nil
}

func (h *Records) update(c *call) (any, error) {
	filter, err := h.writeFilter(c)
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
	if c.key() == "" {
		n, _, err := h.Store.CountUpTo(c.ctx, c.access(), c.resource, filter, collection.MostHeard, countPatience)
		if err != nil && !fault.Is(err, fault.Forbidden) { // who may change and not see
			return nil, err
		}
		if n > collection.MostHeard {
			return nil, fault.New(fault.Invalid, fmt.Sprintf("Nothing was changed: these are more than %d records, and the answer would hold all of them. Narrow the filter and do it in parts.", collection.MostHeard))
		}
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
	filter, err := h.writeFilter(c)
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
		v, there := values[k]
		if !there {
			return nil, problem("filterKeys", fmt.Sprintf("Send a value for “%s”: the record is found by it.", k))
		}
		filter[k] = map[string]any{"$eq": v}
	}
	if c.of != nil {
		filter["$of"] = c.of.filter().(map[string]any)["$of"]
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
		kept, err := c.allowed(values)
		if err != nil {
			return err
		}
		if rec == nil {
			if kept, err = h.linked(c, tx, kept); err != nil {
				return err
			}
			if rec, err = h.Store.Create(c.ctx, tx, c.access(), c.resource, kept, nil); err != nil {
				return err
			}
			return h.linkNew(c, tx, []collection.Record{rec})
		}
		if !update {
			return nil
		}
		recs, err := h.Store.Update(c.ctx, tx, c.access(), c.resource, rec["id"], kept)
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
