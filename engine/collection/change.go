package collection

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lib/pq"

	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/pg"
	"alur/engine/snowflake"
	"alur/engine/value"
)

//go:embed queries_change.sql
var changeText string

var changeQueries = pg.LoadQueries(changeText)

// Ways by which a change comes; "" is the system itself.
const (
	ViaPage    = "page"
	ViaAPI     = "api"
	ViaOutside = "outside" // another program wrote into the table
)

const (
	// longestKept is how much of a value the history of an update keeps, in
	// characters.
	longestKept = 2000
	// mostKept bounds what the history keeps of a deleted record, in bytes; the
	// longest values are left out first.
	mostKept = 1 << 20
)

// Past is one thing that happened to a record.
type Past struct {
	ID          int64  // grows with time
	RecordID    string // its primary key
	Kind        ChangeKind
	At          time.Time
	UserID      int64  // 0: nobody was signed in
	Person      string // name of UserID
	Via         string // ViaPage, ViaAPI, ViaOutside, or "" for the system itself
	ExecutionID int64  // that did it; 0: no workflow
	Workflow    string // its title; "" when it is not known any more
	Title       string // what the record was called
	Fields      []PastField
	LeftOut     []string // titles of fields whose values were too long to be kept
}

// PastField is one value of a [Past], of a field that is still there.
type PastField struct {
	Field  *Field
	Before any // nil when there was none
	After  any // nil when deleted
}

// KeepsHistory reports whether changes of the collection's records are kept.
func (c *Collection) KeepsHistory() bool { return c.key != nil && c.Options["recordHistory"] == true }

// keep writes changes into the history of their collections, in one statement
// whatever their number; nothing when none of the collections keeps one.
func (s *Store) keep(ctx context.Context, tx *pg.Tx, a Access, changes []Change) error {
	var ids, kinds, files, deletions []int64
	var names, records, titles, fields []string
	kept := slices.DeleteFunc(slices.Clone(changes), func(ch Change) bool {
		return !ch.Collection.KeepsHistory() || ch.Kind == Updated && len(ch.Changed) == 0
	})
	fileNames, err := s.nameFiles(ctx, tx, kept)
	if err != nil {
		return err
	}
	for _, ch := range kept {
		rec := ch.After
		if rec == nil {
			rec = ch.Before
		}
		raw, err := json.Marshal(ch.kept(fileNames))
		if err != nil {
			return fmt.Errorf("keep the history of %s: %w", ch.Collection.Name, err)
		}
		id := s.ids.Next()
		if ch.Kind == Deleted {
			for _, m := range ch.filesOf() {
				for _, v := range m.Before {
					if file, ok := integer(v); ok {
						files, deletions = append(files, file), append(deletions, id)
					}
				}
			}
		}
		ids, records, kinds = append(ids, id), append(records, Format(ch.Collection.ID(rec))), append(kinds, int64(ch.Kind))
		names, titles, fields = append(names, ch.Collection.Name), append(titles, clip(ch.Collection.TitleOf(rec), 200)), append(fields, string(raw))
	}
	if len(ids) == 0 {
		return nil
	}
	var user, execution *int64
	if a.Actor.Signed() {
		user = &a.Actor.UserID
	}
	if n := len(a.Stack); n > 0 {
		execution = &a.Stack[n-1]
	}
	_, err = tx.ExecContext(ctx, changeQueries.Get("insert"), pq.Array(ids), pq.Array(names), pq.Array(records), pq.Array(kinds),
		pq.Array(titles), pq.Array(fields), s.now().UTC(), user, a.Via, execution)
	if err != nil {
		return fmt.Errorf("keep the history of %s: %w", strings.Join(slices.Compact(names), ", "), err)
	}
	return holdFiles(ctx, tx, files, deletions)
}

// kept is what the history holds of a change. What a record was created with is
// what it has now, or what the first change of it says. names are those of files.
func (ch Change) kept(names map[string]string) map[string]any {
	out := map[string]any{}
	defer func() { ch.keepFiles(out, names) }()
	switch ch.Kind {
	case Updated:
		for _, name := range ch.Changed {
			out[name] = []any{shortened(ch.Before[name]), shortened(ch.After[name])}
		}
	case Deleted:
		out = maps.Clone(ch.Before)
		delete(out, ch.Collection.key.Name)
		sizes, all := map[string]int{}, 0
		for name, v := range out {
			raw, _ := json.Marshal(v)
			sizes[name] = len(raw)
			all += len(raw)
		}
		var cut []any
		for all > mostKept {
			longest := slices.MaxFunc(slices.Sorted(maps.Keys(sizes)), func(a, b string) int { return sizes[a] - sizes[b] })
			all -= sizes[longest]
			delete(sizes, longest)
			delete(out, longest)
			cut = append(cut, longest)
		}
		if cut != nil {
			out["$leftOut"] = cut
		}
	}
	return out
}

// shortened is v, or the beginning of its text.
func shortened(v any) any {
	switch v.(type) {
	case nil, bool, float64:
		return v
	}
	if s := Format(v); utf8.RuneCountInString(s) > longestKept {
		return clip(s, longestKept)
	}
	return v
}

func clip(s string, n int) string {
	if rs := []rune(s); len(rs) > n {
		return string(rs[:n-1]) + "…"
	}
	return s
}

type pastRow struct {
	ID          int64      `db:"id"`
	RecordID    string     `db:"record_id"`
	Kind        ChangeKind `db:"kind"`
	At          time.Time  `db:"at"`
	UserID      *int64     `db:"user_id"`
	Person      string     `db:"person"`
	Via         string     `db:"via"`
	ExecutionID *int64     `db:"execution_id"`
	Workflow    string     `db:"workflow"`
	Title       string     `db:"title"`
	Fields      []byte     `db:"fields"`
}

// past understands a row as actor a may see it.
func (c *Collection) past(a auth.Actor, r pastRow) (Past, error) {
	p := Past{ID: r.ID, RecordID: r.RecordID, Kind: r.Kind, At: r.At, Person: r.Person, Via: r.Via, Workflow: r.Workflow, Title: r.Title}
	if f := c.byName[c.TitleField]; f != nil && !c.Shows(a, f) {
		p.Title = r.RecordID
	}
	if r.UserID != nil {
		p.UserID = *r.UserID
	}
	if r.ExecutionID != nil {
		p.ExecutionID = *r.ExecutionID
	}
	read, err := value.Decode(r.Fields)
	if err != nil {
		return Past{}, fmt.Errorf("read change %d: %w", r.ID, err)
	}
	values, _ := read.(map[string]any) // the column holds objects
	for _, f := range slices.Concat(c.columns, c.fileFields(false)) {
		v, there := values[f.Name]
		if !there || c.visible(a, f.Name) == nil {
			continue
		}
		pf := PastField{Field: f, Before: v}
		if pair, ok := v.([]any); r.Kind == Updated && ok && len(pair) == 2 {
			pf.Before, pf.After = pair[0], pair[1]
		}
		p.Fields = append(p.Fields, pf)
	}
	cut, _ := values["$leftOut"].([]any)
	for _, name := range cut {
		if f := c.visible(a, Format(name)); f != nil {
			p.LeftOut = append(p.LeftOut, f.Title)
		}
	}
	return p, nil
}

func (c *Collection) pasts(a auth.Actor, rows []pastRow, limit int) (list []Past, more bool, err error) {
	if more = len(rows) > limit; more {
		rows = rows[:limit]
	}
	for _, r := range rows {
		p, err := c.past(a, r)
		if err != nil {
			return nil, false, err
		}
		list = append(list, p)
	}
	return list, more, nil
}

// before0 is where a list that begins with the newest starts.
func before0(id int64) int64 {
	if id == 0 {
		return math.MaxInt64
	}
	return id
}

// History lists what happened to a record, the newest first; before is the id of
// the last one that is known already, 0 for none. Whoever asks has to be able to
// read the record.
func (s *Store) History(ctx context.Context, q pg.Q, a Access, collection string, id any, before int64, limit int) (list []Past, more bool, err error) {
	c, _, err := s.openTo(ctx, a, collection, auth.View)
	if err != nil {
		return nil, false, err
	}
	there, err := s.has(ctx, q, a, c, id)
	if err != nil {
		return nil, false, err
	}
	if !there {
		return nil, false, fault.New(fault.NotFound, "This record does not exist, or not any more.")
	}
	var rows []pastRow
	if err := q.SelectContext(ctx, &rows, changeQueries.Get("select")+changeQueries.Get("of_record"), collection, Format(id), before0(before), limit+1); err != nil {
		return nil, false, fmt.Errorf("read the history of %s %s: %w", collection, Format(id), err)
	}
	return c.pasts(a.Actor, rows, limit)
}

// has reports whether a may see a record with that key.
func (s *Store) has(ctx context.Context, q pg.Q, a Access, c *Collection, id any) (bool, error) {
	if c.key == nil {
		return false, nil
	}
	rec, err := s.First(ctx, q, a, c.Name, Query{Filter: c.Keyed(id), Fields: []string{c.key.Name}})
	return rec != nil, err
}

// Keyed is the filter that finds the record with a key, and only that; c has a
// primary key.
func (c *Collection) Keyed(id any) any {
	return map[string]any{c.key.Name: map[string]any{"$eq": id}}
}

// DeletedRecords lists the records that were deleted and are not there again, the
// newest deletion first; before is as for History. It is for those who may
// change the collection: rights on rows cannot be asked of rows that are gone.
func (s *Store) DeletedRecords(ctx context.Context, q pg.Q, a Access, collection string, before int64, limit int) (list []Past, more bool, err error) {
	c, err := s.openDeleted(ctx, a, collection)
	if err != nil {
		return nil, false, err
	}
	query := changeQueries.Get("select") + strings.NewReplacer("{table}", c.from(), "{key}", quote(c.key.Column), "{type}", c.key.columnType()).Replace(changeQueries.Get("deleted"))
	var rows []pastRow
	if err := q.SelectContext(ctx, &rows, query, collection, before0(before), limit+1); err != nil {
		return nil, false, fmt.Errorf("list what was deleted from %s: %w", collection, s.stale(err))
	}
	return c.pasts(a.Actor, rows, limit)
}

func (s *Store) openDeleted(ctx context.Context, a Access, collection string) (*Collection, error) {
	c, _, err := s.openTo(ctx, a, collection, auth.View)
	if err != nil {
		return nil, err
	}
	if c.System || c.key == nil {
		return nil, missing(collection)
	}
	return c, a.Actor.Require(auth.ManageCollections)
}

// DeletedRecord is one deletion, with the values that the record had.
func (s *Store) DeletedRecord(ctx context.Context, q pg.Q, a Access, collection string, id int64) (Past, error) {
	c, err := s.openDeleted(ctx, a, collection)
	if err != nil {
		return Past{}, err
	}
	var rows []pastRow
	if err := q.SelectContext(ctx, &rows, changeQueries.Get("select")+changeQueries.Get("deletion"), collection, id); err != nil {
		return Past{}, fmt.Errorf("read deletion %d: %w", id, err)
	}
	if len(rows) == 0 {
		return Past{}, fault.New(fault.NotFound, "Nothing is known of this deleted record any more.")
	}
	return c.past(a.Actor, rows[0])
}

// Restore creates a deleted record again, with its id and the values that it had.
// It answers Conflict when the id is taken.
func (s *Store) Restore(ctx context.Context, tx *pg.Tx, a Access, collection string, id int64) (Record, error) {
	p, err := s.DeletedRecord(ctx, tx, a, collection, id)
	if err != nil {
		return nil, err
	}
	c, err := s.Collection(ctx, collection)
	if err != nil {
		return nil, err
	}
	there, err := s.has(ctx, tx, Access{Actor: auth.System}, c, p.RecordID)
	if err != nil {
		return nil, err
	}
	if there {
		return nil, fault.New(fault.Conflict, "Not restored: a record with this id is there already.")
	}
	values := Record{c.key.Name: p.RecordID}
	for _, f := range p.Fields {
		switch ids := FileIDs(f.Before); {
		case f.Field.HoldsFiles() && f.Field.ToOne() && len(ids) > 0:
			values[f.Field.Name] = ids[0]
		case f.Field.HoldsFiles():
			values[f.Field.Name] = ids
		case !f.Field.ReadOnly:
			values[f.Field.Name] = f.Before
		}
	}
	a.restoring = true
	rec, err := s.Create(ctx, tx, a, collection, values, nil)
	if err != nil {
		return nil, fmt.Errorf("restore %s %s: %w", collection, p.RecordID, err)
	}
	return rec, nil
}

// ForgetChanges deletes up to limit of the changes from before a time and returns
// how many those were.
func (s *Store) ForgetChanges(ctx context.Context, tx *pg.Tx, before time.Time, limit int) (int, error) {
	res, err := tx.ExecContext(ctx, changeQueries.Get("forget"), snowflake.At(before), limit)
	if err != nil {
		return 0, fmt.Errorf("forget old changes of records: %w", err)
	}
	n, err := res.RowsAffected()
	return int(n), err
}
