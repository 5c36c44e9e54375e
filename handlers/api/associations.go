package api

import (
	"context"
	"maps"
	"slices"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/pg"
)

// anyParent stands in a path for the key of no record in particular: all records
// of the associated collection.
const anyParent = "_"

// association is what the route /api/<parent>/<key>/<field> leads to.
type association struct {
	parent *collection.Collection
	field  *collection.Field
	key    string // of the parent's record, or anyParent
}

// association finds an association that who may read.
func (h *Records) association(ctx context.Context, who auth.Actor, parent, key, name string) (*association, error) {
	c, err := h.readable(ctx, who, parent)
	if err != nil {
		return nil, err
	}
	f := c.Field(name)
	if f == nil || !f.IsRelation() || !c.Shows(who, f) {
		return nil, notFound
	}
	if _, err := h.readable(ctx, who, f.Target); err != nil {
		return nil, err
	}
	return &association{parent: c, field: f, key: key}, nil
}

// filter is met by the records that the association leads to; nil for all.
func (a *association) filter() any {
	if a.key == anyParent {
		return nil
	}
	return map[string]any{"$of": collection.Of{Collection: a.parent.Name, Key: a.key, Association: a.field.Name}}
}

// associationAction returns an action that every association has.
func (h *Records) associationAction(name string) (action, bool) {
	if ways[name] != nil {
		return action{do: func(c *call) (any, error) { return h.link(c, name) }}, true
	}
	act, ok := h.recordAction(name)
	if !ok {
		return action{}, false
	}
	do := act.do
	act.do = func(c *call) (any, error) {
		if c.of.key != anyParent {
			if err := h.parentExists(c, h.DB); err != nil {
				return nil, err
			}
		}
		return do(c)
	}
	return act, true
}

// targetKey is the name of the field that clients address records with.
func targetKey(c *collection.Collection) string {
	if f := c.AddressedBy(); f != nil {
		return f.Name
	}
	return "id"
}

// byKey is the filter for one record by the key that clients address it with.
func byKey(c *collection.Collection, key any) map[string]any {
	return map[string]any{targetKey(c): map[string]any{"$eq": key}}
}

// parentExists answers NotFound for a parent that is not there.
func (h *Records) parentExists(c *call, q pg.Q) error {
	rec, err := h.Store.First(c.ctx, q, c.access(), c.of.parent.Name,
		collection.Query{Filter: byKey(c.of.parent, c.of.key), Fields: []string{targetKey(c.of.parent)}})
	if err == nil && rec == nil {
		return notFound
	}
	return err
}

// linkKey is the field of the target that links are made by.
func (a *association) linkKey(target *collection.Collection) string {
	if a.field.TargetKey != "" {
		return a.field.TargetKey
	}
	return target.Key().Name
}

// link changes which records the association leads to: adds the given ones, sets them
// and no others, removes them, or toggles each. The parent's row is changed with it, so
// that of two that change one set at once none is lost.
func (h *Records) link(c *call, way string) (any, error) {
	given, err := c.linkKeys()
	if err != nil {
		return nil, err
	}
	target, err := h.Store.Collection(c.ctx, c.of.field.Target)
	if err != nil {
		return nil, err
	}
	if !c.of.field.ToMany() && len(given) > 1 {
		return nil, problem(c.of.field.Name, "This leads to one record. Send one key.")
	}
	parent := byKey(c.of.parent, c.of.key)
	err = h.Store.Write(c.ctx, c.of.parent.Name, func(tx *pg.Tx) error {
		if err := h.parentExists(c, tx); err != nil {
			return err
		}
		value, err := h.linkValue(c, tx, target, way, given)
		if err != nil {
			return err
		}
		_, err = h.Store.Relate(c.ctx, tx, c.access(), c.of.parent.Name, parent, c.of.field.Name, value)
		return err
	})
	return nil, err
}

// linkValue is what the association leads to afterwards, or what changes of that.
func (h *Records) linkValue(c *call, tx *pg.Tx, target *collection.Collection, way string, given []string) (any, error) {
	many := c.of.field.ToMany()
	switch {
	case many && way == "add":
		return collection.Links{Add: toAny(given)}, nil
	case many && way == "remove":
		return collection.Links{Drop: toAny(given)}, nil
	}
	key := c.of.linkKey(target)
	rec, err := h.Store.First(c.ctx, tx, c.access(), c.of.parent.Name, collection.Query{
		Filter: byKey(c.of.parent, c.of.key), Fields: []string{"id", c.of.field.Name + "." + key}})
	if err != nil {
		return nil, err
	}
	list := ways[way](keysOf(rec[c.of.field.Name], key), given)
	switch {
	case many:
		return toAny(list), nil
	case len(list) == 0:
		return nil, nil
	}
	return list[len(list)-1], nil
}

// ways to change the set of associated records; keys are those of the request, both
// lists hold texts.
var ways = map[string]func(now, keys []string) []string{"add": union, "set": replace, "remove": without, "toggle": toggled}

func union(now, keys []string) []string {
	for _, k := range keys {
		if !slices.Contains(now, k) {
			now = append(now, k)
		}
	}
	return now
}

func replace(_, keys []string) []string { return keys }

func without(now, keys []string) []string {
	return slices.DeleteFunc(now, func(k string) bool { return slices.Contains(keys, k) })
}

func toggled(now, keys []string) []string {
	return append(without(slices.Clone(now), keys), slices.DeleteFunc(slices.Clone(keys), func(k string) bool { return slices.Contains(now, k) })...)
}

// keysOf lists the keys of one associated record or of a list of them.
func keysOf(v any, key string) []string {
	var out []string
	switch x := v.(type) {
	case map[string]any:
		out = append(out, collection.Format(x[key]))
	case []any:
		for _, item := range x {
			if m, ok := item.(map[string]any); ok {
				out = append(out, collection.Format(m[key]))
			}
		}
	}
	return out
}

func toAny(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

// linkKeys are the keys of the records to link: in the path, in filterByTk,
// filterByTks or values, or the body itself.
func (c *call) linkKeys() ([]string, error) {
	var given any = c.path
	if c.path == "" {
		given = firstOf(c.params, "filterByTk", "filterByTks", "values")
	}
	if given == nil {
		given = c.body
		if m, ok := c.body.(map[string]any); ok {
			given = firstOf(m, "filterByTk", "filterByTks", "values", "id")
		}
	}
	if s, ok := given.(string); ok {
		given = parseKeys(s)
	}
	list, ok := given.([]any)
	if !ok && given != nil {
		list = []any{given}
	}
	out := []string{}
	for _, k := range list {
		if m, ok := k.(map[string]any); ok {
			k = m["id"]
		}
		switch k.(type) {
		case nil, []any, map[string]any:
			return nil, problem("filterByTk", "Send the key of a record, or a list of keys.")
		}
		out = append(out, collection.Format(k))
	}
	if len(out) == 0 && given == nil {
		return nil, problem("filterByTk", "Send the key of a record, or a list of keys.")
	}
	return out, nil
}

// firstOf is the first of some members that is there.
func firstOf(m map[string]any, names ...string) any {
	for _, name := range names {
		if v := m[name]; v != nil {
			return v
		}
	}
	return nil
}

// linked adds what makes a new record one of the association's: the key of the
// parent for hasMany. Other kinds are linked when the record is there.
func (h *Records) linked(c *call, tx *pg.Tx, values map[string]any) (map[string]any, error) {
	if c.of == nil || c.of.field.Type != collection.HasMany && c.of.field.Type != collection.HasOne {
		return values, nil
	}
	source := c.of.field.SourceKey
	if source == "" {
		source = c.of.parent.Key().Name
	}
	parent, err := h.Store.First(c.ctx, tx, c.access(), c.of.parent.Name,
		collection.Query{Filter: byKey(c.of.parent, c.of.key), Fields: []string{source}})
	if err != nil {
		return nil, err
	}
	if parent == nil {
		return nil, notFound
	}
	values = maps.Clone(values)
	target, err := h.Store.Collection(c.ctx, c.of.field.Target)
	if err != nil {
		return nil, err
	}
	for _, f := range target.Fields { // the way back as a relation would win over its key
		if f.Type == collection.BelongsTo && f.ForeignKey == c.of.field.ForeignKey {
			delete(values, f.Name)
		}
	}
	values[c.of.field.ForeignKey] = parent[source]
	return values, nil
}

// linkedAll is linked for several records.
func (h *Records) linkedAll(c *call, tx *pg.Tx, all []collection.Record) ([]collection.Record, error) {
	out := make([]collection.Record, len(all))
	for i, values := range all {
		var err error
		if out[i], err = h.linked(c, tx, values); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// linkNew links records that were just created, where their own key cannot.
func (h *Records) linkNew(c *call, tx *pg.Tx, recs []collection.Record) error {
	if c.of == nil || c.of.field.Type == collection.HasMany || c.of.field.Type == collection.HasOne || len(recs) == 0 {
		return nil
	}
	target, err := h.Store.Collection(c.ctx, c.of.field.Target)
	if err != nil {
		return err
	}
	key := c.of.linkKey(target)
	var value any = recs[len(recs)-1][key]
	if c.of.field.ToMany() {
		parent, err := h.Store.First(c.ctx, tx, c.access(), c.of.parent.Name, collection.Query{
			Filter: byKey(c.of.parent, c.of.key), Fields: []string{"id", c.of.field.Name + "." + key}})
		if err != nil {
			return err
		}
		if parent == nil {
			return notFound
		}
		now := keysOf(parent[c.of.field.Name], key)
		for _, r := range recs {
			now = append(now, collection.Format(r[key]))
		}
		value = toAny(now)
	}
	_, err = h.Store.Update(c.ctx, tx, c.access(), c.of.parent.Name, byKey(c.of.parent, c.of.key), map[string]any{c.of.field.Name: value})
	return err
}
