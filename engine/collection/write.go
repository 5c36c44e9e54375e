package collection

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jmoiron/sqlx"

	"alur/engine/fault"
	"alur/engine/pg"
)

// Create writes a new record and returns it, with the relations in appends.
// Values of relations are ids, {"id": …}, or objects without an id, which become
// records of their own; unknown and read-only names are ignored, as API clients
// send back what they were given.
func (s *Store) Create(ctx context.Context, tx *pg.Tx, a Access, collection string, values Record, appends []string) (Record, error) {
	w, c, err := s.writer(ctx, tx, a, collection)
	if err != nil {
		return nil, err
	}
	rec, err := w.create(ctx, c, values, 0)
	if err != nil {
		return nil, err
	}
	if err := w.tell(ctx); err != nil {
		return nil, err
	}
	if len(appends) == 0 {
		return maps.Clone(rec), nil
	}
	return s.First(ctx, tx, a, collection, Query{Filter: rec["id"], Appends: appends})
}

// Update changes every record that matches filter (an id, ids or a filter that
// is not empty), tells listeners of each, and returns them as they are now.
func (s *Store) Update(ctx context.Context, tx *pg.Tx, a Access, collection string, filter any, values Record) ([]Record, error) {
	w, c, err := s.writer(ctx, tx, a, collection)
	if err != nil {
		return nil, err
	}
	recs, err := w.update(ctx, c, filter, values, 0)
	if err != nil {
		return nil, err
	}
	out := make([]Record, len(recs))
	for i, r := range recs {
		out[i] = maps.Clone(r)
	}
	return out, w.tell(ctx)
}

// UpdateBulk changes every record that matches filter in one go and returns how
// many those were. Listeners hear nothing of it; hasMany values are ignored.
func (s *Store) UpdateBulk(ctx context.Context, tx *pg.Tx, a Access, collection string, filter any, values Record) (int, error) {
	w, c, err := s.writer(ctx, tx, a, collection)
	if err != nil {
		return 0, err
	}
	sets, err := w.sets(ctx, c, values, 0)
	if err != nil {
		return 0, err
	}
	b := s.builder(w.cat, a)
	query, err := w.updateSQL(b, c, filter, sets)
	if err != nil {
		return 0, err
	}
	res, err := tx.ExecContext(ctx, query, b.args...)
	if err != nil {
		return 0, w.explain(c, err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return 0, err
	}
	return int(n), w.tell(ctx) // of records that were created on the way
}

// Destroy deletes every record that matches filter and returns how many those
// were.
func (s *Store) Destroy(ctx context.Context, tx *pg.Tx, a Access, collection string, filter any) (int, error) {
	w, c, err := s.writer(ctx, tx, a, collection)
	if err != nil {
		return 0, err
	}
	b := s.builder(w.cat, a)
	old, err := w.locked(b, c, filter, c.columns[:1])
	if err != nil {
		return 0, err
	}
	query := fmt.Sprintf("DELETE FROM %s t USING %s WHERE t.id = o.id RETURNING %s", c.from(), old, list(c.columns, "t"))
	recs, err := s.read(ctx, tx, c.columns, query, b.args)
	if err != nil {
		return 0, w.explain(c, err)
	}
	byID(recs)
	for _, r := range recs {
		w.changes = append(w.changes, Change{Kind: Deleted, Collection: c, Before: r})
	}
	return len(recs), w.tell(ctx)
}

// Lost is the cause of the Conflict that [Store.Edit] answers when somebody else
// was faster.
type Lost struct {
	Theirs Record // what is stored now
	Mine   Record // what was to be written
}

func (l *Lost) Error() string {
	return fmt.Sprintf("record %s was changed meanwhile", Format(l.Theirs["id"]))
}

// Edit is Update of one record by somebody who saw it with updatedAt seen. It
// answers Conflict with a [*Lost] when the record has changed since, and NotFound
// when it is gone. An empty seen overwrites.
func (s *Store) Edit(ctx context.Context, tx *pg.Tx, a Access, collection string, id int64, seen string, values Record) (Record, error) {
	w, c, err := s.writer(ctx, tx, a, collection)
	if err != nil {
		return nil, err
	}
	query := fmt.Sprintf("SELECT %s FROM %s t WHERE t.id = $1 FOR NO KEY UPDATE", list(c.columns, "t"), c.from())
	now, err := s.read(ctx, tx, c.columns, query, []any{id})
	switch {
	case err != nil:
		return nil, fmt.Errorf("lock %s %d: %w", c.Name, id, err)
	case len(now) == 0:
		return nil, fault.New(fault.NotFound, "This record does not exist any more.")
	case seen != "" && now[0]["updatedAt"] != seen:
		return nil, fault.Wrap(fault.Conflict, "Not saved. Somebody else changed this record while you were editing it.",
			&Lost{Theirs: now[0], Mine: values})
	}
	recs, err := w.update(ctx, c, id, values, 0)
	if err != nil {
		return nil, err
	}
	if len(recs) == 0 {
		return nil, fault.New(fault.NotFound, "This record does not exist any more.")
	}
	return maps.Clone(recs[0]), w.tell(ctx)
}

// writer is one write with all that follows from it.
type writer struct {
	s       *Store
	tx      *pg.Tx
	a       Access
	cat     *catalogue
	changes []Change
}

func (s *Store) writer(ctx context.Context, tx *pg.Tx, a Access, collection string) (*writer, *Collection, error) {
	c, cat, err := s.open(ctx, a, collection)
	if err != nil {
		return nil, nil, err
	}
	w := &writer{s: s, tx: tx, a: a, cat: cat}
	return w, c, w.allowed(c)
}

func (w *writer) allowed(c *Collection) error {
	if c.System {
		return fault.New(fault.Forbidden, fmt.Sprintf("Records of “%s” cannot be changed here.", c.Title))
	}
	return nil
}

func (w *writer) tell(ctx context.Context) error {
	if len(w.changes) == 0 {
		return nil
	}
	return w.s.tell(ctx, w.tx, w.a, w.changes)
}

// create writes one record and those nested in it. Every column is in the
// statement, so that a collection has one text that stays prepared.
func (w *writer) create(ctx context.Context, c *Collection, values Record, depth int) (Record, error) {
	values, err := w.related(ctx, c, values, depth)
	if err != nil {
		return nil, err
	}
	now := w.s.now().UTC().Format(Instant)
	args := make([]any, len(c.own))
	problems := map[string]string{}
	for i, f := range c.own {
		switch f.Name {
		case "id":
			id, problem := w.id(values["id"])
			if problem != "" {
				problems["id"] = problem
			}
			args[i] = id
		case "createdAt", "updatedAt":
			args[i] = now
		case "createdById", "updatedById":
			args[i] = w.person(values[f.Name])
		default:
			v, there := values[f.Name]
			if !there {
				v = w.fallback(f, now)
			}
			arg, problem := f.arg(v, w.a.zone())
			if problem == "" && f.Required && blank(arg) {
				problem = "Fill this in."
			}
			if problem != "" {
				problems[f.problemName()] = problem
			}
			args[i] = arg
		}
	}
	if err := fault.Fields(problems); err != nil {
		return nil, err
	}
	recs, err := w.s.read(ctx, w.tx, c.columns, c.insert, args)
	if err != nil {
		return nil, w.explain(c, err)
	}
	rec := recs[0]
	w.changes = append(w.changes, Change{Kind: Created, Collection: c, After: rec})
	return rec, w.linkAll(ctx, c, rec, values, depth, true)
}

// blank reports whether a required field still lacks a value.
func blank(arg any) bool { return arg == nil || arg == "" }

// problemName is the name that a problem of f is reported under: people see the
// relation, not its key.
func (f *Field) problemName() string {
	if f.Relation != "" {
		return f.Relation
	}
	return f.Name
}

func (w *writer) fallback(f *Field, now string) any {
	if f.Default == nil && f.Options["defaultToCurrentTime"] == true {
		return now
	}
	return f.Default
}

// id takes over an id that was chosen by the writer, or makes one.
func (w *writer) id(v any) (id int64, problem string) {
	if v == nil {
		return w.s.ids.Next(), ""
	}
	id, ok := integer(v)
	if !ok || id < 1 || id > maxSafe {
		return 0, fmt.Sprintf("Write a whole number from 1 to %d.", maxSafe)
	}
	return id, ""
}

// person is who writes. Workflows leave it null unless they say otherwise.
func (w *writer) person(given any) any {
	if w.a.Actor.Signed() {
		return w.a.Actor.UserID
	}
	if id, ok := integer(given); ok && w.a.Actor.IsSystem() {
		return id
	}
	return nil
}

// set is one column that an update writes.
type set struct {
	field *Field
	arg   any
}

// sets checks the values of an update.
func (w *writer) sets(ctx context.Context, c *Collection, values Record, depth int) ([]set, error) {
	values, err := w.related(ctx, c, values, depth)
	if err != nil {
		return nil, err
	}
	var sets []set
	problems := map[string]string{}
	for _, f := range c.own {
		v, there := values[f.Name]
		if !there || f.ReadOnly {
			continue
		}
		arg, problem := f.arg(v, w.a.zone())
		if problem == "" && f.Required && blank(arg) {
			problem = "Fill this in."
		}
		if problem != "" {
			problems[f.problemName()] = problem
		}
		sets = append(sets, set{f, arg})
	}
	return sets, fault.Fields(problems)
}

// update changes the records that match and returns them, oldest first. One
// statement locks them, changes them, and gives them as they were and as they are.
func (w *writer) update(ctx context.Context, c *Collection, filter any, values Record, depth int) ([]Record, error) {
	sets, err := w.sets(ctx, c, values, depth)
	if err != nil {
		return nil, err
	}
	b := w.s.builder(w.cat, w.a)
	query, err := w.updateSQL(b, c, filter, sets)
	if err != nil {
		return nil, err
	}
	query += " RETURNING " + list(c.columns, "o") + ", " + list(c.columns, "t")
	var changes []Change
	err = w.s.rows(ctx, w.tx, query, b.args, func(rows *sqlx.Rows) error {
		row := newRow(2 * len(c.columns))
		for rows.Next() {
			if err := rows.Scan(row.into...); err != nil {
				return err
			}
			before, after := row.record(c.columns, 0), row.record(c.columns, len(c.columns))
			changes = append(changes, Change{Kind: Updated, Collection: c, Before: before, After: after, Changed: c.changed(before, after)})
		}
		return rows.Err()
	})
	if err != nil {
		return nil, w.explain(c, err)
	}
	slices.SortFunc(changes, func(a, b Change) int { return compareIDs(a.After, b.After) })
	w.changes = append(w.changes, changes...)
	recs := make([]Record, len(changes))
	for i, ch := range changes {
		recs[i] = ch.After
		if err := w.linkAll(ctx, c, ch.After, values, depth, false); err != nil {
			return nil, err
		}
	}
	return recs, nil
}

// changed names the fields that differ; the stamp of the change itself does not
// count.
func (c *Collection) changed(before, after Record) []string {
	var names []string
	for _, f := range c.columns {
		if f.Name != "updatedAt" && f.Name != "updatedById" && !Same(before[f.Name], after[f.Name]) {
			names = append(names, f.Name)
		}
	}
	return names
}

// updateSQL is an UPDATE without RETURNING. updated_at rises with every change,
// also within one millisecond: edits are compared by it.
func (w *writer) updateSQL(b *builder, c *Collection, filter any, sets []set) (string, error) {
	old, err := w.locked(b, c, filter, c.columns)
	if err != nil {
		return "", err
	}
	var q strings.Builder
	fmt.Fprintf(&q, "UPDATE %s t SET ", c.from())
	for _, s := range sets {
		fmt.Fprintf(&q, "%s = %s, ", quote(s.field.Column), b.param(s.arg))
	}
	fmt.Fprintf(&q, "updated_at = greatest(%s::timestamptz, o.updated_at + interval '1 ms'), updated_by_id = %s",
		b.param(w.s.now().UTC().Format(Instant)), b.param(w.person(nil)))
	fmt.Fprintf(&q, " FROM %s WHERE t.id = o.id", old)
	return q.String(), nil
}

// locked is a subquery called o of the records that match, locked against other
// writers but not against references to them.
func (w *writer) locked(b *builder, c *Collection, filter any, cols []*Field) (string, error) {
	sc := b.scope(c)
	where, err := sc.filter(filter)
	if err != nil {
		return "", err
	}
	if where == "" {
		return "", badFilter("Say which records: an empty filter would mean all of them.")
	}
	return fmt.Sprintf("(SELECT %s FROM %s%s ORDER BY %s FOR NO KEY UPDATE OF %s) o",
		list(cols, sc.alias), sc.from(), where, c.byName["id"].col(sc.alias), sc.alias), nil
}

func byID(recs []Record) { slices.SortFunc(recs, compareIDs) }

func compareIDs(a, b Record) int {
	x, _ := number(a["id"])
	y, _ := number(b["id"])
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}
