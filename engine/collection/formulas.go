package collection

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/lib/pq"

	"alur/engine/auth"
	"alur/engine/pg"
)

// formulaBatch is how many records are worked out again in one transaction.
const formulaBatch = 500

// askFormulas has the formulas of all records of c worked out again, once the
// definition is committed.
func (d *definer) askFormulas(ctx context.Context, c *Collection) error {
	if c.key == nil || c.view() {
		return nil
	}
	var n int64
	if err := d.tx.GetContext(ctx, &n, "SELECT count(*) FROM "+c.from()); err != nil {
		return err
	}
	if n == 0 {
		return nil
	}
	_, err := d.tx.ExecContext(ctx, upkeepQueries.Get("formulas_ask"), c.Name, n)
	return err
}

// otherFormula reports whether f gives other values than old, where both are formulas.
func (f *Field) otherFormula(old *Field) bool {
	return f.Type == Formula && old.Type == Formula && (f.engine() != old.engine() || f.text("expression") != old.text("expression"))
}

// Formulas says how far the work is that a change of a formula has made: done of
// records; both 0 when there is none.
func (s *Store) Formulas(ctx context.Context, a auth.Actor, collection string) (done, records int, err error) {
	if err := a.Require(auth.ManageCollections); err != nil {
		return 0, 0, err
	}
	var run struct{ Done, Records int }
	err = s.db.GetContext(ctx, &run, upkeepQueries.Get("formulas_progress"), collection)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, 0, fmt.Errorf("read how far the formulas of %s are: %w", collection, err)
	}
	return run.Done, run.Records, nil
}

// runFormulas works out again what was asked for.
func (s *Store) runFormulas(ctx context.Context) error {
	var names []string
	if err := s.db.SelectContext(ctx, &names, upkeepQueries.Get("formulas_asked")); err != nil {
		return fmt.Errorf("look for formulas to work out: %w", err)
	}
	for _, name := range names {
		for more := true; more; {
			err := s.db.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) (err error) {
				more, err = s.formulaBatch(ctx, tx, name)
				return err
			})
			if err != nil {
				return fmt.Errorf("work out the formulas of %s: %w", name, err)
			}
		}
	}
	return nil
}

// formulaBatch works out the formulas of some records again, after those that
// were before. It is no change that somebody made: listeners and histories do not
// hear of it, and the records stay as old as they are.
func (s *Store) formulaBatch(ctx context.Context, tx *pg.Tx, name string) (more bool, err error) {
	var run struct {
		After   *string `db:"after_key"`
		Done    int64   `db:"done"`
		Records int64   `db:"records"`
	}
	switch err := tx.GetContext(ctx, &run, upkeepQueries.Get("formulas_run"), name); {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case err != nil:
		return false, err
	}
	c, err := s.Collection(ctx, name)
	if err != nil {
		return false, err
	}
	over := func() (bool, error) {
		_, err := tx.ExecContext(ctx, upkeepQueries.Get("formulas_over"), name)
		return false, err
	}
	if !c.computes || c.key == nil {
		return over()
	}
	where, args := "", []any{}
	if run.After != nil {
		where, args = fmt.Sprintf(" WHERE %s > $1::%s", c.key.col("t"), columnTypes[c.key.Base()]), []any{*run.After}
	}
	recs, err := s.read(ctx, tx, c.columns, fmt.Sprintf("SELECT %s FROM %s t%s ORDER BY %s LIMIT %d FOR NO KEY UPDATE",
		list(c.columns, "t"), c.from(), where, c.key.col("t"), formulaBatch), args)
	if err != nil {
		return false, err
	}
	if len(recs) == 0 {
		return over()
	}
	if err := s.setFormulas(ctx, tx, c, recs); err != nil {
		return false, err
	}
	_, err = tx.ExecContext(ctx, upkeepQueries.Get("formulas_on"), name, Format(c.ID(recs[len(recs)-1])), len(recs))
	return true, err
}

// setFormulas writes what the formulas of records come to, in one statement.
func (s *Store) setFormulas(ctx context.Context, tx *pg.Tx, c *Collection, recs []Record) error {
	keys := make(pq.StringArray, len(recs))
	var values [][]sql.NullString
	sets, places, names, same := []string{}, []string{fmt.Sprintf("$1::text[]::%s[]", columnTypes[c.key.Base()])}, []string{"k"}, []string{}
	var fields []*Field
	for _, f := range c.own {
		if f.Type == Formula {
			fields = append(fields, f)
			name := fmt.Sprintf("f%d", len(fields))
			names, sets = append(names, name), append(sets, quote(f.Column)+" = u."+name)
			same = append(same, fmt.Sprintf("%s IS DISTINCT FROM u.%s", f.col("t"), name))
			places = append(places, fmt.Sprintf("$%d::text[]::%s[]", len(fields)+1, columnTypes[f.Base()]))
			values = append(values, make([]sql.NullString, len(recs)))
		}
	}
	for i, r := range recs {
		keys[i] = Format(c.ID(r))
		for j, f := range fields {
			arg, err := f.formula(ctx, r)
			if err != nil {
				return err
			}
			if r[f.Name] = f.fromArg(arg); arg != nil {
				values[j][i] = sql.NullString{String: Format(arg), Valid: true}
			}
		}
	}
	args := []any{keys}
	for _, v := range values {
		args = append(args, pq.Array(v))
	}
	query := fmt.Sprintf("UPDATE %s t SET %s FROM unnest(%s) u (%s) WHERE %s = u.k AND (%s)", c.from(), strings.Join(sets, ", "),
		strings.Join(places, ", "), strings.Join(names, ", "), c.key.col("t"), strings.Join(same, " OR "))
	_, err := tx.ExecContext(ctx, query, args...)
	return err
}

// ordered reports whether some order of c's records is counted per value of a field.
func (c *Collection) ordered() bool {
	for _, f := range c.own {
		if f.Type == Sort && f.scopeKey() != "" {
			return true
		}
	}
	return false
}

// renumber gives records that came to another scope of an order the place at its
// end, unless the change says which.
func (w *writer) renumber(ctx context.Context, c *Collection, changes []Change, sets []set) error {
	for _, f := range c.own {
		scope := c.byName[f.scopeKey()]
		if f.Type != Sort || scope == nil || scope.Column == "" || isSet(sets, f) {
			continue
		}
		var fresh pq.StringArray
		for _, ch := range changes {
			if !Same(ch.Before[scope.Name], ch.After[scope.Name]) {
				fresh = append(fresh, Format(c.ID(ch.After)))
			}
		}
		for i, ch := range changes {
			if Same(ch.Before[scope.Name], ch.After[scope.Name]) {
				continue
			}
			n, err := w.place(ctx, c, f, ch.After, fresh)
			if err != nil {
				return err
			}
			key, problem := c.key.arg(c.ID(ch.After), w.a.zone())
			if problem != "" {
				return fmt.Errorf("read the key of a record of %s: %s", c.Name, problem)
			}
			query := fmt.Sprintf("UPDATE %s SET %s = $1 WHERE %s = $2", c.from(), quote(f.Column), quote(c.key.Column))
			if _, err := w.tx.ExecContext(ctx, query, n, key); err != nil {
				return w.explain(c, err)
			}
			ch.After[f.Name] = f.fromArg(n)
			changes[i].Changed = c.changed(ch.Before, ch.After)
		}
	}
	return nil
}

func isSet(sets []set, f *Field) bool {
	for _, s := range sets {
		if s.field == f {
			return true
		}
	}
	return false
}
