package collection

import (
	"context"
	"fmt"
	"slices"

	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/pg"
)

// Move says where a record goes in its collection's own order (spec/platform.md
// §3). Source and Target are keys that clients address records with.
type Move struct {
	Source, Target any
	Field          string // of type sort; "" for the collection's first
	Method         string // "insertAfter" behind Target, "prepend" before all; "" takes Target's place
	Scope          Record // the scope to move to, by the field that the order is scoped by
	Sticky         bool   // before all others
}

// Move changes the place of one record. Listeners hear of that one only, not of
// those that make room.
func (s *Store) Move(ctx context.Context, a Access, collection string, m Move) error {
	return s.Write(ctx, collection, func(tx *pg.Tx) error {
		w, c, err := s.writer(ctx, tx, a, collection)
		if err != nil {
			return err
		}
		f, err := c.orderedBy(m.Field)
		if err != nil {
			return err
		}
		if !c.Takes(a.Actor, auth.Update, f) {
			return refused(c, auth.Update)
		}
		if err := w.move(ctx, c, f, m); err != nil {
			return err
		}
		return w.tell(ctx)
	})
}

// orderedBy is the field of the collection's own order.
func (c *Collection) orderedBy(name string) (*Field, error) {
	i := slices.IndexFunc(c.own, func(f *Field) bool { return f.Type == Sort && (name == "" || f.Name == name) })
	if i < 0 {
		return nil, fault.Fields(map[string]string{"sortField": fmt.Sprintf("“%s” has no order of its own. Add a field of type sort.", c.Title)})
	}
	return c.own[i], nil
}

func (w *writer) move(ctx context.Context, c *Collection, f *Field, m Move) error {
	source, err := w.mover(ctx, c, "sourceId", m.Source)
	if err != nil {
		return err
	}
	scope := c.byName[Format(f.Options["scopeKey"])]
	values, in := Record{}, any(nil)
	if scope != nil {
		in = source[scope.Name]
		if to, there := m.Scope[scope.Name]; there && !Same(to, in) {
			in, values[scope.Name] = to, to
		}
	}
	was, _ := integer(source[f.Name])
	at, first := int64(0), m.Sticky || m.Method == "prepend" || m.Target == nil
	if !first {
		target, err := w.mover(ctx, c, "targetId", m.Target)
		if err != nil {
			return err
		}
		if scope != nil && !Same(target[scope.Name], in) {
			in, values[scope.Name] = target[scope.Name], target[scope.Name]
		}
		at, _ = integer(target[f.Name])
	}
	stays := scope == nil || values[scope.Name] == nil
	switch {
	case first:
		at, err = w.least(ctx, c, f, scope, in)
	case stays && was < at: // it leaves its place, so those up to the target move up
		err = w.shift(ctx, c, f, scope, in, was+1, at, -1)
	default:
		if m.Method == "insertAfter" {
			at++
		}
		to := int64(maxSafe)
		if stays {
			to = was - 1
		}
		err = w.shift(ctx, c, f, scope, in, at, to, 1)
	}
	if err != nil {
		return err
	}
	values[f.Name] = at
	moved, err := w.update(ctx, c, Record{c.key.Name: map[string]any{"$eq": c.ID(source)}}, values, 0)
	if err == nil && len(moved) == 0 {
		err = w.s.unreached(ctx, w.tx, w.a, c, c.ID(source))
	}
	return err
}

// mover reads a record to be moved, or to move to.
func (w *writer) mover(ctx context.Context, c *Collection, param string, key any) (Record, error) {
	by := c.AddressedBy()
	rec, err := w.s.First(ctx, w.tx, w.a, c.Name, Query{Filter: Record{by.Name: map[string]any{"$eq": key}}})
	if err != nil {
		return nil, err
	}
	if rec == nil || key == nil {
		return nil, fault.Fields(map[string]string{param: "There is no such record."})
	}
	return rec, nil
}

// least is a place before all others of a scope.
func (w *writer) least(ctx context.Context, c *Collection, f, scope *Field, in any) (int64, error) {
	b := w.s.builder(w.cat, w.a)
	where, err := b.sameScope(scope, in)
	if err != nil {
		return 0, err
	}
	var least int64
	query := fmt.Sprintf("SELECT coalesce(min(%s), 1) - 1 FROM %s t WHERE %s", f.col("t"), c.from(), where)
	if err := w.tx.GetContext(ctx, &least, query, b.args...); err != nil {
		return 0, fmt.Errorf("find the first place in %s: %w", c.Name, err)
	}
	return least, nil
}

// shift moves the records between two places of a scope by one.
func (w *writer) shift(ctx context.Context, c *Collection, f, scope *Field, in any, from, to int64, by int) error {
	b := w.s.builder(w.cat, w.a)
	where, err := b.sameScope(scope, in)
	if err != nil {
		return err
	}
	col := quote(f.Column)
	query := fmt.Sprintf("UPDATE %s t SET %s = %s + %s::bigint WHERE %s AND %s BETWEEN %s::bigint AND %s::bigint",
		c.from(), col, f.col("t"), b.param(by), where, f.col("t"), b.param(from), b.param(to))
	if _, err := w.tx.ExecContext(ctx, query, b.args...); err != nil {
		return fmt.Errorf("make room in %s: %w", c.Name, err)
	}
	return nil
}

func (b *builder) sameScope(scope *Field, in any) (string, error) {
	if scope == nil {
		return "TRUE", nil
	}
	return operand{b: b, f: scope, col: scope.col("t"), name: "$eq"}.apply("eq", in)
}
