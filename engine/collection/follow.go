package collection

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lib/pq"

	"alur/engine/pg"
)

// follower is a belongsTo whose records the database changes when those that it
// leads to go.
type follower struct {
	c       *Collection
	f       *Field // the belongsTo
	cascade bool   // they go too; else they lose the value
}

// followers are the relations by which the end of records of c reaches others.
func (cat *catalogue) followers(c *Collection) (list []follower) {
	for _, other := range cat.list {
		if other.System || other.key == nil || other.view() {
			continue
		}
		for _, f := range other.Fields {
			if f.Type != BelongsTo || f.Target != c.Name || other.byName[f.ForeignKey] == nil || c.named(f.TargetKey) == nil {
				continue
			}
			switch {
			case f.OnDelete == "CASCADE":
				list = append(list, follower{other, f, true})
			case f.OnDelete == "SET NULL", f.OnDelete == "" && !f.Required:
				list = append(list, follower{other, f, false})
			}
		}
	}
	return list
}

// follows reports whether somebody is to know what the database does by itself when
// records of c go: a history, or a listener.
func (w *writer) follows(ctx context.Context, c *Collection) (bool, error) {
	if err := w.ask(ctx); err != nil {
		return false, err
	}
	return w.remembered(c, map[string]bool{}), nil
}

// remembered reports whether the end of records of c changes some whose collection
// keeps a history or is listened to; seen are the collections that were asked.
func (w *writer) remembered(c *Collection, seen map[string]bool) bool {
	if seen[c.Name] {
		return false
	}
	seen[c.Name] = true
	for _, to := range w.cat.followers(c) {
		if w.noted(to.c) || to.cascade && w.remembered(to.c, seen) {
			return true
		}
	}
	return false
}

// noted reports whether changes in bulk of c are kept or heard of.
func (w *writer) noted(c *Collection) bool { return c.KeepsHistory() || w.bulk[c.Name] }

// note takes a change in bulk down for its history and for who listens to it.
func (w *writer) note(ch Change) {
	if ch.Bulk = true; w.bulk[ch.Collection.Name] {
		w.changes = append(w.changes, ch)
	} else {
		w.silent = append(w.silent, ch)
	}
}

// follow takes note of what the database will change by itself once the records
// gone of c are deleted. It reads and locks these records, and only when somebody
// is to know. ended has what goes already, by collection and key.
func (w *writer) follow(ctx context.Context, c *Collection, gone []Record, ended map[string]bool) error {
	if len(gone) == 0 || !w.remembered(c, map[string]bool{}) {
		return nil
	}
	for _, r := range gone {
		ended[c.Name+" "+Format(c.ID(r))] = true
	}
	for _, to := range w.cat.followers(c) {
		if !w.noted(to.c) && !(to.cascade && w.remembered(to.c, map[string]bool{})) {
			continue
		}
		recs, files, err := w.following(ctx, to, c, gone)
		if err != nil {
			return err
		}
		var next []Record
		for _, r := range recs {
			switch {
			case ended[to.c.Name+" "+Format(to.c.ID(r))]:
			case to.cascade:
				w.note(deletion(to.c, r, files))
				next = append(next, r)
			default:
				after := maps.Clone(r)
				after[to.f.ForeignKey] = nil
				w.note(Change{Kind: Updated, Collection: to.c, Before: r, After: after, Changed: []string{to.f.ForeignKey}})
			}
		}
		if err := w.follow(ctx, to.c, next, ended); err != nil {
			return err
		}
	}
	return nil
}

// following are the records of to that lead to those of gone, locked. When they go
// too, files are the lists of files that were read with them.
func (w *writer) following(ctx context.Context, to follower, c *Collection, gone []Record) (recs []Record, files []*Field, err error) {
	var keys pq.StringArray
	key := c.named(to.f.TargetKey)
	for _, r := range gone {
		if v := r[key.Name]; v != nil {
			keys = append(keys, Format(v))
		}
	}
	exprs := ""
	if to.cascade && to.c.KeepsHistory() {
		exprs, files = w.heldLists(to.c, "t")
	}
	query := fmt.Sprintf("SELECT %s FROM %s t WHERE %s = ANY ($1::text[]::%s[]) ORDER BY %s FOR UPDATE OF t",
		list(to.c.columns, "t")+exprs, to.c.from(), to.c.byName[to.f.ForeignKey].col("t"), columnTypes[key.Base()], to.c.key.col("t"))
	if recs, err = w.s.read(ctx, w.tx, slices.Concat(to.c.columns, files), query, []any{keys}); err != nil {
		return nil, nil, fmt.Errorf("read what belongs to deleted records of %s: %w", c.Name, err)
	}
	return recs, files, nil
}

// mendViews takes out of saved views, and out of the columns that people have
// chosen, what leads nowhere any more. Conditions stay: without one a view would
// show more than it should, so its page says that it does not fit.
func (d *definer) mendViews(ctx context.Context) error {
	var views []struct {
		ID         int64          `db:"id"`
		Collection string         `db:"collection_name"`
		Columns    pq.StringArray `db:"columns"`
		Sort       pq.StringArray `db:"sort"`
	}
	if err := d.tx.SelectContext(ctx, &views, viewQueries.Get("mendable")); err != nil {
		return fmt.Errorf("read saved views: %w", err)
	}
	for _, v := range views {
		columns, sort := d.cat.leading(v.Collection, v.Columns), d.cat.leading(v.Collection, v.Sort)
		if len(columns) == len(v.Columns) && len(sort) == len(v.Sort) {
			continue
		}
		if _, err := d.tx.ExecContext(ctx, viewQueries.Get("mend"), v.ID, columns, sort); err != nil {
			return fmt.Errorf("mend view %d: %w", v.ID, err)
		}
	}
	var chosen []struct {
		User       int64          `db:"user_id"`
		Collection string         `db:"collection_name"`
		View       int64          `db:"view_id"`
		Columns    pq.StringArray `db:"columns"`
	}
	if err := d.tx.SelectContext(ctx, &chosen, viewQueries.Get("mendable_columns")); err != nil {
		return fmt.Errorf("read chosen columns: %w", err)
	}
	for _, ch := range chosen {
		columns := d.cat.leading(ch.Collection, ch.Columns)
		if len(columns) == len(ch.Columns) {
			continue
		}
		name, args := "save_columns", []any{ch.User, ch.Collection, ch.View, columns}
		if len(columns) == 0 {
			name, args = "forget_columns", args[:3]
		}
		if _, err := d.tx.ExecContext(ctx, viewQueries.Get(name), args...); err != nil {
			return fmt.Errorf("mend chosen columns: %w", err)
		}
	}
	return nil
}

// leading are those of paths, as in "author.name" or "-title", that lead somewhere.
func (cat *catalogue) leading(collection string, paths pq.StringArray) pq.StringArray {
	out := pq.StringArray{}
	for _, path := range paths {
		if cat.walk(collection, path, func(*Collection, *Field) bool { return false }) {
			out = append(out, path)
		}
	}
	return out
}

// walk follows a path from a collection and reports whether it leads somewhere. It
// ends early, with true, where stop does.
func (cat *catalogue) walk(collection, path string, stop func(*Collection, *Field) bool) bool {
	for name := range strings.SplitSeq(strings.TrimPrefix(path, "-"), ".") {
		if strings.HasPrefix(name, "$") { // an operator
			return true
		}
		c := cat.byName[collection]
		if c == nil || c.byName[name] == nil {
			return false
		}
		f := c.byName[name]
		if stop(c, f) {
			return true
		}
		collection = f.Target
	}
	return true
}

// viewUses lists the saved views that show, sort or filter by a field, or the
// views of a collection when field is "". What others keep for themselves is only
// named by whose it is.
func (s *Store) viewUses(ctx context.Context, q pg.Q, cat *catalogue, collection, field string) ([]Use, error) {
	var rows []viewRow
	if err := q.SelectContext(ctx, &rows, viewQueries.Get("select")+viewQueries.Get("all")); err != nil {
		return nil, fmt.Errorf("look for views that use %s: %w", collection, err)
	}
	var uses []Use
	for _, r := range rows {
		v, err := r.view()
		if err != nil {
			return nil, err
		}
		if !cat.viewUses(v, collection, field) {
			continue
		}
		u := Use{What: "view", Title: v.Title, URL: fmt.Sprintf("/data/%s?view=%d", v.Collection, v.ID)}
		if !v.Shared {
			u = Use{What: "view", Title: "a view of " + v.Owner}
		}
		uses = append(uses, u)
	}
	return uses, nil
}

func (cat *catalogue) viewUses(v View, collection, field string) bool {
	if field == "" {
		return v.Collection == collection
	}
	used := false
	note := func(c *Collection, f *Field) bool {
		used = used || c.Name == collection && (f.Name == field || f.Relation == field)
		return used
	}
	for _, path := range v.Columns {
		cat.walk(v.Collection, path, note)
	}
	for _, path := range v.Sort {
		cat.walk(v.Collection, path, note)
	}
	cat.walkFilter(v.Collection, v.Filter, note)
	return used
}

// walkFilter follows every path in a filter of a collection.
func (cat *catalogue) walkFilter(collection string, filter any, note func(*Collection, *Field) bool) {
	switch x := filter.(type) {
	case []any:
		for _, e := range x {
			cat.walkFilter(collection, e, note)
		}
	case map[string]any:
		for key, e := range x {
			target := collection
			if !strings.HasPrefix(key, "$") {
				cat.walk(collection, key, func(c *Collection, f *Field) bool {
					target = f.Target
					return note(c, f)
				})
			}
			if target != "" {
				cat.walkFilter(target, e, note)
			}
		}
	}
}
