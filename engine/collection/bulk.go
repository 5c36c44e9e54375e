package collection

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/pg"
)

// CreateAll writes new records as [Store.Create] does and tells listeners of all
// of them at once. Of several, problems are named with the place of the record:
// "1.title".
func (s *Store) CreateAll(ctx context.Context, tx *pg.Tx, a Access, collection string, all []Record, appends []string) ([]Record, error) {
	w, c, err := s.writer(ctx, tx, a, collection)
	if err != nil {
		return nil, err
	}
	out := make([]Record, len(all))
	for i, values := range all {
		if out[i], err = w.create(ctx, c, values, 0); err != nil {
			return nil, placed(err, i, len(all))
		}
	}
	if err := w.tell(ctx); err != nil {
		return nil, err
	}
	if len(appends) > 0 && c.Allows(a.Actor, auth.View) {
		return s.readAgain(ctx, tx, a, c, out, appends)
	}
	for i, rec := range out {
		out[i] = c.strip(a.Actor, rec)
	}
	return out, nil
}

// readAgain reads records by their keys, in their order, with the relations in
// appends; what the actor may not see is nil.
func (s *Store) readAgain(ctx context.Context, tx *pg.Tx, a Access, c *Collection, recs []Record, appends []string) ([]Record, error) {
	place := make(map[string]int, len(recs))
	for i, rec := range recs {
		place[Format(c.ID(rec))] = i
	}
	out := make([]Record, len(recs))
	for part := range slices.Chunk(recs, partSize) {
		keys := make([]any, len(part))
		for i, rec := range part {
			keys[i] = c.ID(rec)
		}
		page, err := s.List(ctx, tx, a, c.Name, Query{Filter: Record{c.key.Name: map[string]any{"$in": keys}}, Appends: appends, All: true})
		if err != nil {
			return nil, err
		}
		for _, rec := range page.Records {
			out[place[Format(c.ID(rec))]] = rec
		}
	}
	return out, nil
}

// placed names the record of several that has the problems of err.
func placed(err error, i, n int) error {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || n < 2 || len(e.Fields) == 0 {
		return err
	}
	placed := *e
	placed.Fields = map[string]string{}
	for name, msg := range e.Fields {
		placed.Fields[fmt.Sprintf("%d.%s", i, name)] = msg
	}
	return &placed
}
