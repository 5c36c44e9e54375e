package collection

import (
	"context"
	"maps"

	"alur/engine/fault"
)

// maxNesting bounds records written inside of records.
const maxNesting = 8

// related replaces the values of belongsTo fields by keys; objects without an id
// become records first.
func (w *writer) related(ctx context.Context, c *Collection, values Record, depth int) (Record, error) {
	if depth > maxNesting {
		return nil, fault.New(fault.Invalid, "These records are nested too deeply.")
	}
	var out Record // a copy, once something has to be replaced
	problems := map[string]string{}
	for _, f := range c.Fields {
		v, there := values[f.Name]
		if f.Type != BelongsTo || !there || f.ReadOnly {
			continue
		}
		if out == nil {
			out = maps.Clone(values)
		}
		key, problem, err := w.key(ctx, f, v, depth)
		if err != nil {
			return nil, err
		}
		if problem != "" {
			problems[f.Name] = problem
		}
		out[f.ForeignKey] = key
	}
	if out == nil {
		out = values
	}
	return out, fault.Fields(problems)
}

// key reads the value of a to-one relation.
func (w *writer) key(ctx context.Context, f *Field, v any, depth int) (key any, problem string, err error) {
	switch x := v.(type) {
	case nil:
		return nil, "", nil
	case []any:
		return nil, "Choose one record, not a list.", nil
	case map[string]any:
		if id := x["id"]; id != nil {
			return w.key(ctx, f, id, depth)
		}
		if len(x) == 0 {
			return nil, "", nil
		}
		target := w.cat.byName[f.Target]
		if target == nil || w.allowed(target) != nil {
			return nil, "Choose a record.", nil
		}
		rec, err := w.create(ctx, target, x, depth+1)
		if err != nil {
			return nil, "", err
		}
		return rec["id"], "", nil
	case string:
		if x == "" {
			return nil, "", nil
		}
	}
	if id, ok := integer(v); ok {
		return id, "", nil
	}
	return nil, "Choose a record.", nil
}

// linkAll writes the hasMany values of a record that has just been written.
func (w *writer) linkAll(ctx context.Context, c *Collection, rec, values Record, depth int, created bool) error {
	for _, f := range c.Fields {
		v, there := values[f.Name]
		if f.Type != HasMany || !there || f.ReadOnly {
			continue
		}
		if err := w.link(ctx, f, rec["id"], v, depth, created); err != nil {
			return err
		}
	}
	return nil
}

// link makes the records in v, and no others, belong to the record id.
func (w *writer) link(ctx context.Context, f *Field, id, v any, depth int, created bool) error {
	target := w.cat.byName[f.Target]
	if target == nil || w.allowed(target) != nil {
		return fault.Fields(map[string]string{f.Name: "These records cannot be changed here."})
	}
	items, ok := v.([]any)
	if !ok && v != nil {
		return fault.Fields(map[string]string{f.Name: "Give a list of records."})
	}
	ids, fresh := []any{}, []Record{}
	for _, item := range items {
		m, isObject := item.(map[string]any)
		if isObject && m["id"] == nil {
			fresh = append(fresh, m)
			continue
		}
		if isObject {
			item = m["id"]
		}
		n, ok := integer(item)
		if !ok {
			return fault.Fields(map[string]string{f.Name: "Give a list of records."})
		}
		ids = append(ids, n)
	}
	if !created {
		gone := Record{f.ForeignKey: map[string]any{"$eq": id}, "id": map[string]any{"$notIn": ids}}
		if _, err := w.update(ctx, target, gone, Record{f.ForeignKey: nil}, depth+1); err != nil {
			return err
		}
	}
	if len(ids) > 0 {
		come := Record{f.ForeignKey: map[string]any{"$ne": id}, "id": map[string]any{"$in": ids}}
		if _, err := w.update(ctx, target, come, Record{f.ForeignKey: id}, depth+1); err != nil {
			return err
		}
	}
	for _, m := range fresh {
		m = maps.Clone(m)
		m[f.ForeignKey] = id
		if _, err := w.create(ctx, target, m, depth+1); err != nil {
			return err
		}
	}
	return nil
}
