package collection

import (
	"context"
	"fmt"
	"maps"
	"strconv"

	"alur/engine/auth"
	"alur/engine/pg"
)

// eachPart is how many records [Store.Each] holds at once.
const eachPart = 500

// Each reads every record that matches and that the actor may export, a part at a
// time and all of one moment, and gives the parts to fn. Pages of p do not count. Memory does not grow with
// the number of records.
func (s *Store) Each(ctx context.Context, tx *pg.Tx, a Access, collection string, p Query, fn func([]Record) error) error {
	c, cat, err := s.openTo(ctx, a, collection, auth.View)
	if err != nil {
		return err
	}
	export := c.grant(a.Actor, auth.Export)
	if !export.Allowed {
		return refused(c, auth.Export)
	}
	sel, err := s.selection(cat, a, c, p)
	if err != nil {
		return err
	}
	switch limit, err := sel.scope.limit(auth.Export); {
	case err != nil:
		return err
	case limit != "" && sel.where == "":
		sel.where = " WHERE " + limit
	case limit != "":
		sel.where += " AND " + limit
	}
	cols := sel.inc.columns()
	// A name of its own: a prepared FETCH keeps the shape of its first cursor.
	cursor := quote("each_" + strconv.FormatInt(s.ids.Next(), 10))
	query := "DECLARE " + cursor + " NO SCROLL CURSOR FOR SELECT " + list(cols, sel.scope.alias) + " FROM " + sel.scope.from() + sel.where + sel.order
	if _, err := tx.ExecContext(ctx, query, sel.scope.b.args...); err != nil {
		return fmt.Errorf("read all of %s: %w", c.Name, s.stale(err))
	}
	fetch := "FETCH " + strconv.Itoa(eachPart) + " FROM " + cursor
	for {
		records, err := s.read(ctx, tx, cols, fetch, nil)
		if err != nil {
			return fmt.Errorf("read all of %s: %w", c.Name, err)
		}
		if len(records) == 0 {
			return nil
		}
		if err := s.loadRelations(ctx, tx, sel.scope.b, sel.inc, records); err != nil {
			return fmt.Errorf("read all of %s: %w", c.Name, err)
		}
		if !export.AllFields() {
			for _, r := range records {
				maps.DeleteFunc(r, func(name string, _ any) bool {
					f := c.byName[name]
					return f != nil && f != c.key && !covers(export, f)
				})
			}
		}
		if err := fn(records); err != nil {
			return err
		}
	}
}

// Part reads up to limit records that match filter, nil for all, and whose primary
// keys come after one, as [Format] words it, in the order of their keys; "" begins
// with the first. Only the fields and the key are read.
func (s *Store) Part(ctx context.Context, q pg.Q, a Access, collection string, filter any, after string, fields []string, limit int) ([]Record, error) {
	c, cat, err := s.openTo(ctx, a, collection, auth.View)
	if err != nil || c.key == nil {
		return nil, err
	}
	sel, err := s.selection(cat, a, c, Query{Filter: filter, Fields: append(fields, c.key.Name), Sort: []string{c.key.Name}})
	if err != nil {
		return nil, err
	}
	if after != "" {
		arg, problem := c.key.arg(after, a.zone())
		if problem != "" {
			return nil, fmt.Errorf("read on in %s: the key %q: %s", c.Name, after, problem)
		}
		is := c.key.col(sel.scope.alias) + " > " + sel.scope.b.param(arg)
		if sel.where == "" {
			sel.where = " WHERE " + is
		} else {
			sel.where += " AND " + is
		}
	}
	sel.limit(limit, 0)
	records, err := s.run(ctx, q, sel)
	if err != nil {
		return nil, fmt.Errorf("read on in %s: %w", c.Name, err)
	}
	return records, nil
}

// Rehearse writes what Create (id nil) or Update of one record would write, and
// tells no listener of it: for transactions that are taken back.
func (s *Store) Rehearse(ctx context.Context, tx *pg.Tx, a Access, collection string, id any, values Record) (Record, error) {
	w, c, err := s.writer(ctx, tx, a, collection)
	if err != nil {
		return nil, err
	}
	if id == nil {
		rec, err := w.create(ctx, c, values, 0)
		return c.strip(a.Actor, rec), err
	}
	recs, err := w.update(ctx, c, id, values, 0)
	if err != nil || len(recs) == 0 {
		return nil, err
	}
	return c.strip(a.Actor, recs[0]), nil
}
