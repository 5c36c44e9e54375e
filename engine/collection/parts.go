package collection

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"alur/engine/audit"
	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/pg"
)

const (
	// partSize is how many records a large change holds in memory at once, with its
	// listeners.
	partSize = 500
	// MostHeard is how many records one write may change when listeners hear of each:
	// what they start is part of the same transaction.
	MostHeard = 100_000
)

// TooMany refuses a write of n records that listeners would hear of.
func TooMany(n int) error {
	return fault.New(fault.Invalid, fmt.Sprintf("Nothing was changed: these are %d records, and workflows would start for each. "+
		"At most %d can be changed at once then. Narrow the filter and do it in parts.", n, MostHeard))
}

// UpdateMany is Update for who only wants to know how many records were changed:
// listeners hear of 500 at a time, as they are written, and memory does not grow with
// the number. Of changes whose listeners do something there and then ([Listener.Long])
// they hear once all are written: what they do finds every record changed, and does
// not happen at all when a later one cannot be.
func (s *Store) UpdateMany(ctx context.Context, tx *pg.Tx, a Access, collection string, filter any, values Record) (int, error) {
	w, c, err := s.writer(ctx, tx, a, collection)
	if err != nil {
		return 0, err
	}
	return w.updateParts(ctx, c, filter, values, false)
}

// UpdateBulk changes every record that matches filter in one go and returns how
// many those were; values of relations to many are ignored. Of these changes only
// listeners hear that want to ([Listener.Starts]). When some do, or when each record
// has formulas, a past or a place of its own, it goes on as UpdateMany.
func (s *Store) UpdateBulk(ctx context.Context, tx *pg.Tx, a Access, collection string, filter any, values Record) (int, error) {
	w, c, err := s.writer(ctx, tx, a, collection)
	if err != nil {
		return 0, err
	}
	if err := w.ask(ctx); err != nil {
		return 0, err
	}
	if w.bulk[c.Name] || c.computes || c.KeepsHistory() || c.ordered() {
		own := maps.Clone(values)
		for _, f := range c.Fields {
			if f.ToMany() {
				delete(own, f.Name)
			}
		}
		return w.updateParts(ctx, c, filter, own, true)
	}
	if values, err = w.permit(c, auth.Update, values, ""); err != nil {
		return 0, err
	}
	sets, err := w.sets(ctx, c, values, 0)
	if err != nil {
		return 0, err
	}
	after := Record{}
	for _, set := range sets {
		after[set.field.Name] = set.arg
	}
	if err := w.checkLinks(ctx, c, nil, after, ""); err != nil {
		return 0, err
	}
	b := s.builder(w.cat, a)
	query, err := w.updateSQL(b, c, filter, sets)
	if err != nil {
		return 0, err
	}
	if len(increased(sets)) > 0 {
		n, err := w.bulkIncrease(ctx, c, filter, sets, query, b.args)
		if err != nil {
			return 0, err
		}
		audit.Count(ctx, c.Name, audit.Counts{Updated: n})
		return n, w.tell(ctx)
	}
	res, err := tx.ExecContext(ctx, query, b.args...)
	if err != nil {
		return 0, w.explain(c, err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return 0, err
	}
	audit.Count(ctx, c.Name, audit.Counts{Updated: int(n)})
	return int(n), w.tell(ctx) // of records that were created on the way
}

// ask asks the listeners which changes start something, once for each write.
func (w *writer) ask(ctx context.Context) error {
	if w.each != nil {
		return nil
	}
	w.each, w.bulk = map[string]bool{}, map[string]bool{}
	for _, l := range w.s.listeners {
		each, bulk, err := l.Starts(ctx)
		if err != nil {
			return err
		}
		maps.Copy(w.each, each)
		maps.Copy(w.bulk, bulk)
	}
	return nil
}

// updateParts changes the records that match, some at a time. Which ones they are
// is settled before the first is changed, so a filter that looks at what is changed
// means what it meant. Objects in values that stand for no record become one for
// all.
func (w *writer) updateParts(ctx context.Context, c *Collection, filter any, values Record, bulk bool) (n int, err error) {
	parts := [][]any{nil}
	if !c.one(filter) {
		if err := w.ask(ctx); err != nil {
			return 0, err
		}
		keys, err := w.keys(ctx, c, filter)
		if err != nil {
			return 0, err
		}
		if starts := w.each[c.Name] && (!bulk || w.bulk[c.Name]); starts && len(keys) > MostHeard {
			return 0, TooMany(len(keys))
		}
		if len(keys) > 0 {
			parts = slices.Collect(slices.Chunk(keys, partSize))
		}
	}
	if len(parts) > 1 {
		if values, err = w.settled(ctx, c, values); err != nil {
			return 0, err
		}
	}
	hold := false
	for _, keys := range parts {
		which := filter
		if keys != nil {
			which = Record{c.key.Name: map[string]any{"$in": keys}}
		}
		first := len(w.changes)
		recs, err := w.update(ctx, c, which, values, 0)
		if err != nil {
			return 0, err
		}
		n += len(recs)
		if bulk {
			w.markBulk(c, first)
		}
		if !hold && len(parts) > 1 {
			if hold, err = w.acted(ctx); err != nil {
				return 0, err
			}
		}
		if hold {
			continue
		}
		if err := w.tell(ctx); err != nil {
			return 0, err
		}
		w.changes, w.silent = nil, nil
	}
	return n, w.tell(ctx)
}

// acted reports whether listeners act on a change at once, before others are told.
func (w *writer) acted(ctx context.Context) (bool, error) {
	asked := map[string]bool{}
	for _, ch := range w.changes {
		if asked[ch.Collection.Name] {
			continue
		}
		asked[ch.Collection.Name] = true
		if long, err := w.s.long(ctx, ch.Collection.Name); err != nil || long {
			return long, err
		}
	}
	return false, nil
}

// markBulk notes that the changes from first on that are those of c were made in
// bulk; what was written on the way was not.
func (w *writer) markBulk(c *Collection, first int) {
	changes := slices.Clone(w.changes[first:])
	w.changes = w.changes[:first]
	for _, ch := range changes {
		if ch.Kind == Updated && ch.Collection == c && !ch.Nested {
			w.note(ch)
		} else {
			w.changes = append(w.changes, ch)
		}
	}
}

// keys are those of the records that match and that the actor may change, locked.
func (w *writer) keys(ctx context.Context, c *Collection, filter any) ([]any, error) {
	b := w.s.builder(w.cat, w.a)
	old, err := w.locked(b, c, filter, []*Field{c.key}, auth.Update)
	if err != nil {
		return nil, err
	}
	recs, err := w.s.read(ctx, w.tx, []*Field{c.key}, "SELECT "+list([]*Field{c.key}, "o")+" FROM "+old, b.args)
	if err != nil {
		return nil, fmt.Errorf("lock records of %s: %w", c.Name, err)
	}
	keys := make([]any, len(recs))
	for i, r := range recs {
		keys[i] = r[c.key.Name]
	}
	return keys, nil
}

// one reports whether a filter can only mean one record: it asks for a key.
func (c *Collection) one(filter any) bool {
	switch f := filter.(type) {
	case int64, int, float64, string:
		return true
	case []any:
		return len(f) == 1 && c.one(f[0])
	case map[string]any:
		if slices.ContainsFunc(listOf(f["$and"]), c.one) {
			return true
		}
		v := f[c.key.Name]
		if is, ok := v.(map[string]any); ok {
			v = is["$eq"]
		}
		_, isList := v.([]any)
		return v != nil && !isList
	}
	return false
}

func listOf(v any) []any {
	list, _ := v.([]any)
	return list
}

// settled are the values of an update of many with the records that stand in them
// made and replaced by their keys.
func (w *writer) settled(ctx context.Context, c *Collection, values Record) (Record, error) {
	values, err := w.permit(c, auth.Update, values, "")
	if err != nil {
		return nil, err
	}
	if values, err = w.related(ctx, c, values, 0); err != nil {
		return nil, err
	}
	values = maps.Clone(values)
	for _, f := range c.Fields {
		if f.Type == BelongsTo {
			delete(values, f.Name)
		}
	}
	return values, nil
}
