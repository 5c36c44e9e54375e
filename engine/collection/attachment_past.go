package collection

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/lib/pq"

	"alur/engine/pg"
)

// Moved is how the files changed that a field of a record holds: their ids.
type Moved struct{ Before, After []any }

// fileFields are the relations of c to files, the ones of several only when many.
func (c *Collection) fileFields(many bool) []*Field {
	return slices.DeleteFunc(slices.Clone(c.Fields), func(f *Field) bool { return !f.HoldsFiles() || many && f.ToOne() })
}

// heldLists are columns that give the ids of the files of each record of c,
// whose table is called alias, by the fields that hold several.
func (w *writer) heldLists(c *Collection, alias string) (exprs string, cols []*Field) {
	for _, f := range c.fileFields(true) {
		through, source := w.cat.byName[f.Through], c.named(f.SourceKey)
		if through == nil || source == nil || through.key == nil || through.byName[f.ForeignKey] == nil || through.byName[f.OtherKey] == nil {
			continue
		}
		exprs += fmt.Sprintf(", (SELECT coalesce(json_agg(h.%s ORDER BY h.%s), '[]') FROM %s h WHERE h.%s = %s)", quote(through.byName[f.OtherKey].Column),
			quote(through.key.Column), through.from(), quote(through.byName[f.ForeignKey].Column), source.col(alias))
		cols = append(cols, &Field{Name: f.Name, Type: JSON})
	}
	return exprs, cols
}

// deletion is the end of record r of c, which was read with the lists of files.
func deletion(c *Collection, r Record, files []*Field) Change {
	ch := Change{Kind: Deleted, Collection: c, Before: r}
	for _, f := range files {
		if ch.Files == nil {
			ch.Files = map[string]Moved{}
		}
		ids, _ := r[f.Name].([]any)
		ch.Files[f.Name] = Moved{Before: ids}
		delete(r, f.Name)
	}
	return ch
}

// filesOf are the files that the change of a record took away or brought, by the
// field that holds them.
func (ch Change) filesOf() map[string]Moved {
	all := maps.Clone(ch.Files)
	for _, f := range ch.Collection.fileFields(false) {
		if !f.ToOne() || ch.Kind == Updated && !slices.Contains(ch.Changed, f.ForeignKey) {
			continue
		}
		if all == nil {
			all = map[string]Moved{}
		}
		var m Moved
		if v := ch.Before[f.ForeignKey]; v != nil {
			m.Before = []any{v}
		}
		if v := ch.After[f.ForeignKey]; v != nil {
			m.After = []any{v}
		}
		all[f.Name] = m
	}
	return all
}

// nameFiles reads what the files of changes are called, by their ids: names stay
// in the history when the files are gone.
func (s *Store) nameFiles(ctx context.Context, q pg.Q, changes []Change) (map[string]string, error) {
	var ids []string
	for _, ch := range changes {
		for _, m := range ch.filesOf() {
			for _, id := range slices.Concat(m.Before, m.After) {
				ids = append(ids, Format(id))
			}
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	var rows []struct{ ID, Name string }
	if err := q.SelectContext(ctx, &rows, changeQueries.Get("file_names"), pq.Array(ids)); err != nil {
		return nil, fmt.Errorf("read the names of files: %w", err)
	}
	names := map[string]string{}
	for _, r := range rows {
		names[r.ID] = r.Name
	}
	return names, nil
}

// keepFiles puts files into what the history keeps of a change, in the place of
// their keys: lists of {"id", "name"}.
func (ch Change) keepFiles(out map[string]any, names map[string]string) {
	list := func(ids []any) []any {
		files := make([]any, len(ids))
		for i, id := range ids {
			files[i] = map[string]any{"id": id, "name": names[Format(id)]}
		}
		return files
	}
	for name, m := range ch.filesOf() {
		if f := ch.Collection.byName[name]; f.ToOne() {
			delete(out, f.ForeignKey)
		}
		if ch.Kind == Updated {
			out[name] = []any{list(m.Before), list(m.After)}
		} else if len(m.Before) > 0 {
			out[name] = list(m.Before)
		}
	}
}

// holdFiles keeps the files of deleted records for as long as the deletions are
// known.
func holdFiles(ctx context.Context, tx *pg.Tx, files, changes []int64) error {
	if len(files) == 0 {
		return nil
	}
	if _, err := tx.ExecContext(ctx, changeQueries.Get("hold_files"), pq.Array(files), pq.Array(changes)); err != nil {
		return fmt.Errorf("keep the files of deleted records: %w", err)
	}
	return nil
}

// FileIDs are the ids in a list of files, as the history has it.
func FileIDs(v any) []any {
	ids := []any{}
	list, _ := v.([]any)
	for _, item := range list {
		if m, ok := item.(map[string]any); ok && m["id"] != nil {
			ids = append(ids, m["id"])
		}
	}
	return ids
}
