package collection

import (
	"context"
	"fmt"
	"slices"

	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/pg"
)

// Links says what changes of the records that a relation to many leads to; the rest
// stays as it is. Keys are those of the field of the target that the relation leads
// by.
//
// It can stand for the list in the value of a relation, and is no JSON value, so
// nobody can send it.
type Links struct {
	Add, Drop []any
}

// Relate changes which records a relation of one record leads to, as an update of that
// record does: listeners hear of the record, and of the links, or of the records that
// come to belong to it or belong to it no more. value is [Links], or what Update
// takes. moved reports whether the relation leads elsewhere than before. What it costs
// does not grow with the number of records that [Links] does not speak of.
func (s *Store) Relate(ctx context.Context, tx *pg.Tx, a Access, collection string, id any, relation string, value any) (moved bool, err error) {
	w, c, err := s.writer(ctx, tx, a, collection)
	if err != nil {
		return false, err
	}
	f := c.byName[relation]
	switch {
	case f == nil || !f.IsRelation():
		return false, fault.New(fault.NotFound, "There is no such relation.")
	case f.ReadOnly, !c.Takes(a.Actor, auth.Update, f) && c.Allows(a.Actor, auth.Update):
		return false, fault.New(fault.Forbidden, fmt.Sprintf("You may not change “%s” of a record. Ask an administrator.", f.Title))
	}
	recs, err := w.update(ctx, c, id, Record{relation: value}, 0)
	if err != nil {
		return false, err
	}
	if len(recs) == 0 {
		return false, s.unreached(ctx, tx, a, c, id)
	}
	for _, ch := range w.changes {
		moved = moved || ch.Collection == c && !ch.Nested && slices.Contains(ch.Linked, relation)
	}
	return moved, w.tell(ctx)
}

// links is the value of a relation while it is written.
type links struct {
	items []any // what is linked
	drop  []any // keys of what is not any more
	all   bool  // nor is anything else
}

// links reads v, the value of relation f.
func (f *Field) links(v any) (l links, problem string) {
	if part, ok := v.(Links); ok && f.ToMany() {
		return links{items: part.Add, drop: part.Drop}, ""
	}
	l.all = true
	l.items, problem = f.items(v)
	return l, problem
}

// dropped are those of keys that the actor may see records of: nobody cuts a link to
// what they do not know of.
func (w *writer) dropped(ctx context.Context, target *Collection, by *Field, keys []any) (map[string]bool, []any, error) {
	var asked []any
	for _, k := range keys {
		if _, problem := by.arg(k, w.a.zone()); problem == "" && !blank(k) {
			asked = append(asked, k)
		}
	}
	if len(asked) == 0 {
		return nil, nil, nil
	}
	page, err := w.s.List(ctx, w.tx, w.a, target.Name, Query{Filter: Record{by.Name: map[string]any{"$in": asked}}, Fields: []string{by.Name}, All: true})
	if err != nil {
		return nil, nil, err
	}
	seen, list := map[string]bool{}, []any{}
	for _, rec := range page.Records {
		seen[Format(rec[by.Name])], list = true, append(list, rec[by.Name])
	}
	return seen, list, nil
}
