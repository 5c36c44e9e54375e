package collection

import (
	"context"
	"errors"
	"fmt"

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
	for i, rec := range out {
		out[i] = c.strip(a.Actor, rec)
		if len(appends) == 0 || !c.Allows(a.Actor, auth.View) {
			continue
		}
		if out[i], err = s.First(ctx, tx, a, collection, Query{Filter: rec["id"], Appends: appends}); err != nil {
			return nil, err
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
