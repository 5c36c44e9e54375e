package transfer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/pg"
)

// existing finds the records that have the rows' values of the field to match
// by: their ids by that value.
func (p *plan) existing(ctx context.Context, q pg.Q, rows []Row) (found, error) {
	if p.match < 0 {
		return nil, nil
	}
	f := p.targets[p.match].Field
	wanted := map[string]any{}
	for _, r := range rows {
		if v, problem := p.value(f, cell(r.Cells, p.match)); problem == "" && v != "" {
			wanted[collection.Format(v)] = v
		}
	}
	there := found{}
	if len(wanted) == 0 {
		return there, nil
	}
	page, err := p.records.List(ctx, q, p.a, p.c.Name, collection.Query{
		Filter: map[string]any{f.Name: map[string]any{"$in": slices.Collect(maps.Values(wanted))}},
		Fields: []string{p.c.Key().Name, f.Name}, All: true,
	})
	if err != nil {
		return nil, fmt.Errorf("find records to change: %w", err)
	}
	for _, r := range page.Records {
		key := collection.Format(r[f.Name])
		there[key] = append(there[key], p.c.ID(r))
	}
	return there, nil
}

// write writes one row.
type write struct {
	s        *Store
	p        *plan
	out      *outcome
	rehearse bool
}

// unfit is a row's problem that was found before anything was written.
type unfit string

func (u unfit) Error() string { return string(u) }

// guarded writes a row behind a savepoint when that is wanted. Without one, an
// error that may have left something behind asks for it.
func (w write) guarded(ctx context.Context, tx *pg.Tx, row Row, others []found, there found, guarded bool) error {
	if guarded {
		return tx.Savepoint(ctx, func() error { return w.row(ctx, tx, row, others, there) })
	}
	err := w.row(ctx, tx, row, others, there)
	if err == nil || pg.IsRetryable(err) || ctx.Err() != nil {
		return err
	}
	if _, early := errors.AsType[unfit](err); early {
		return err
	}
	if e, ok := errors.AsType[*fault.Error](err); ok && len(e.Fields) > 0 && e.Err == nil {
		return err // values are checked before they are written
	}
	return errGuard
}

func (w write) row(ctx context.Context, tx *pg.Tx, row Row, others []found, there found) error {
	p := w.p
	id, skip, err := p.fate(row, there)
	if err != nil {
		return err
	}
	if skip {
		w.out.skipped++
		return nil
	}
	values, words := p.record(row, others, id == nil)
	if words != "" {
		return unfit(words)
	}
	if id == nil {
		if w.rehearse {
			_, err = w.s.Records.Rehearse(ctx, tx, p.a, p.c.Name, nil, values)
		} else {
			var rec collection.Record
			if rec, err = w.s.Records.Create(ctx, tx, p.a, p.c.Name, values, nil); err == nil && p.match >= 0 {
				p.remember(there, row, p.c.ID(rec))
			}
		}
		if err == nil {
			w.out.created++
		}
		return err
	}
	delete(values, p.c.Key().Name)
	changed := 0
	if w.rehearse {
		var rec collection.Record
		if rec, err = w.s.Records.Rehearse(ctx, tx, p.a, p.c.Name, id, values); rec != nil {
			changed = 1
		}
	} else {
		var recs []collection.Record
		recs, err = w.s.Records.Update(ctx, tx, p.a, p.c.Name, id, values)
		changed = len(recs)
	}
	switch {
	case err != nil:
		return err
	case changed == 0: // it was seen a moment ago
		return unfit("You may see this record, but not change it.")
	}
	w.out.updated++
	return nil
}

// fate decides whether a row changes a record (its id), makes one (nil), or is
// skipped.
func (p *plan) fate(row Row, there found) (id any, skip bool, err error) {
	set := p.im.Settings
	if p.match < 0 {
		return nil, false, nil
	}
	t := p.targets[p.match]
	v, problem := p.value(t.Field, cell(row.Cells, p.match))
	if problem != "" {
		return nil, false, unfit(t.Field.Title + ": " + problem)
	}
	ids := there[collection.Format(v)]
	switch {
	case len(ids) > 1:
		return nil, false, unfit(fmt.Sprintf("%d records have this %s. Choose a field that tells them apart.", len(ids), t.Field.Title))
	case len(ids) == 1:
		return ids[0], set.Existing == Skip, nil
	}
	return nil, set.Missing == Skip, nil
}

// remember lets later rows of the batch find a record that an earlier one made.
func (p *plan) remember(there found, row Row, id any) {
	if v, problem := p.value(p.targets[p.match].Field, cell(row.Cells, p.match)); problem == "" {
		there[collection.Format(v)] = []any{id}
	}
}
