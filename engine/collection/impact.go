package collection

import (
	"context"
	"fmt"

	"alur/engine/auth"
	"alur/engine/fault"
)

// Agreed is how many records somebody agreed to lose values of, having seen the
// number; what would lose more is refused. 0 agrees to no loss, [All] to any.
type Agreed int

// All agrees to lose everything.
const All Agreed = -1

// Use is something that works with a collection or a field, and stops to when
// that goes.
type Use struct {
	What  string // "workflow", "view"
	Title string
	URL   string // "" for none
}

// Users tells what uses a field, or a collection when field is "".
type Users interface {
	Uses(ctx context.Context, collection, field string) ([]Use, error)
}

// AskUsers adds somebody to ask before something is removed. Call it before the
// store is used.
func (s *Store) AskUsers(u Users) { s.users = append(s.users, u) }

// Loss is what goes with a field or a collection.
type Loss struct {
	Records  int      // of the collection
	Values   int      // records that lose a value; of a collection all of them
	Examples []string // values that would be lost, when a type changes; at most 5
	Also     []string // relations that go with it: "Orders of Products"
	Uses     []Use
}

// Losses says what deleting a field would lose, or the whole collection when
// field is "".
func (s *Store) Losses(ctx context.Context, a auth.Actor, collection, field string) (Loss, error) {
	var loss Loss
	err := s.look(ctx, a, collection, field, func(d *definer, c *Collection, f *Field) (err error) {
		if loss, err = d.losses(ctx, c, f); err != nil {
			return err
		}
		loss.Uses, err = s.uses(ctx, d.cat, collection, field)
		return err
	})
	return loss, err
}

// uses asks everybody for what uses a field.
func (s *Store) uses(ctx context.Context, cat *catalogue, collection, field string) ([]Use, error) {
	all, err := s.viewUses(ctx, s.db, cat, collection, field)
	if err != nil {
		return nil, err
	}
	for _, u := range s.users {
		uses, err := u.Uses(ctx, collection, field)
		if err != nil {
			return nil, err
		}
		all = append(all, uses...)
	}
	return all, nil
}

// look runs fn, which changes nothing, on a field, or a collection when field is
// "".
func (s *Store) look(ctx context.Context, a auth.Actor, collection, field string, fn func(*definer, *Collection, *Field) error) error {
	if err := a.Require(auth.ManageCollections); err != nil {
		return err
	}
	cat, err := s.catalogue(ctx)
	if err != nil {
		return err
	}
	d := &definer{s: s, q: s.db, cat: cat}
	c, err := d.own(collection)
	if err != nil {
		return err
	}
	var f *Field
	if field != "" {
		if c, f, err = d.ownField(collection, field); err != nil {
			return err
		}
	}
	return fn(d, c, f)
}

// losses counts what goes with f, or with c when f is nil.
func (d *definer) losses(ctx context.Context, c *Collection, f *Field) (Loss, error) {
	var loss Loss
	if err := d.q.GetContext(ctx, &loss.Records, "SELECT count(*) FROM "+c.from()); err != nil {
		return loss, err
	}
	if f == nil {
		loss.Values = loss.Records
		for _, other := range d.cat.list {
			for _, r := range other.Fields {
				if other != c && !other.System && r.Target == c.Name && r.Relation == "" && other.Options["isThrough"] != true {
					loss.Also = append(loss.Also, fmt.Sprintf("“%s” of “%s”", r.Title, other.Title))
				}
			}
		}
		return loss, nil
	}
	column := f.Column
	if f.Type == BelongsTo {
		column = c.byName[f.ForeignKey].Column
	}
	switch {
	case f.Type == BelongsToMany:
		if through := d.cat.byName[f.Through]; through != nil {
			query := fmt.Sprintf("SELECT count(DISTINCT %s) FROM %s", quote(through.byName[f.ForeignKey].Column), through.from())
			if err := d.q.GetContext(ctx, &loss.Values, query); err != nil {
				return loss, err
			}
		}
	case column != "":
		if err := d.q.GetContext(ctx, &loss.Values, fmt.Sprintf("SELECT count(%s) FROM %s", quote(column), c.from())); err != nil {
			return loss, err
		}
	}
	if f.Type != BelongsTo {
		return loss, nil
	}
	for _, other := range d.cat.list {
		for _, r := range other.Fields {
			if !other.System && (r.Type == HasMany || r.Type == HasOne) && r.Target == c.Name && r.ForeignKey == f.ForeignKey ||
				r.Type == BelongsToMany && r.Through == c.Name && (r.ForeignKey == f.ForeignKey || r.OtherKey == f.ForeignKey) {
				loss.Also = append(loss.Also, fmt.Sprintf("“%s” of “%s”", r.Title, other.Title))
			}
		}
	}
	return loss, nil
}

// agreed refuses to lose more than was agreed to. The table stays locked, so that
// the number holds.
func (d *definer) agreed(ctx context.Context, c *Collection, f *Field, agreed Agreed) error {
	if agreed == All {
		return nil
	}
	if err := d.tx.Simple(ctx, "LOCK TABLE "+c.from()+" IN ACCESS EXCLUSIVE MODE"); err != nil {
		return err
	}
	loss, err := d.losses(ctx, c, f)
	if err != nil {
		return err
	}
	return loss.within(agreed)
}

func (l Loss) within(agreed Agreed) error {
	if l.Values <= int(agreed) {
		return nil
	}
	return fault.New(fault.Conflict, fmt.Sprintf("Nothing was changed: %d records would lose a value now, and you agreed to %d. Look again, then decide.", l.Values, int(agreed)))
}
