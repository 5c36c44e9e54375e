package collection

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"alur/engine/auth"
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
	if len(appends) == 0 || !c.Allows(a.Actor, auth.View) {
		return c.strip(a.Actor, rec), nil
	}
	return s.First(ctx, tx, a, collection, Query{Filter: c.ID(rec), Appends: appends})
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
		out[i] = c.strip(a.Actor, r)
	}
	return out, w.tell(ctx)
}

// Destroy deletes every record that matches filter and returns how many those
// were.
func (s *Store) Destroy(ctx context.Context, tx *pg.Tx, a Access, collection string, filter any) (int, error) {
	w, c, err := s.writer(ctx, tx, a, collection)
	if err != nil {
		return 0, err
	}
	n, err := w.destroy(ctx, c, filter, false)
	if err != nil {
		return 0, err
	}
	return n, w.tell(ctx)
}

// destroy deletes the records that match; nested ones are links of another record.
func (w *writer) destroy(ctx context.Context, c *Collection, filter any, nested bool) (int, error) {
	if _, err := w.permit(c, auth.Destroy, nil, ""); err != nil {
		return 0, err
	}
	follows, err := w.follows(ctx, c)
	if err != nil {
		return 0, err
	}
	if follows {
		b := w.s.builder(w.cat, w.a)
		old, err := w.locked(b, c, filter, c.columns, auth.Destroy)
		if err != nil {
			return 0, err
		}
		gone, err := w.s.read(ctx, w.tx, c.columns, "SELECT "+list(c.columns, "o")+" FROM "+old, b.args)
		if err != nil {
			return 0, fmt.Errorf("lock records of %s: %w", c.Name, err)
		}
		if err := w.follow(ctx, c, gone, map[string]bool{}); err != nil {
			return 0, err
		}
	}
	b := w.s.builder(w.cat, w.a)
	old, err := w.locked(b, c, filter, []*Field{c.key}, auth.Destroy)
	if err != nil {
		return 0, err
	}
	query := fmt.Sprintf("DELETE FROM %s t USING %s WHERE %s = %s RETURNING %s", c.from(), old, c.key.col("t"), c.key.col("o"), list(c.columns, "t"))
	cols, files := c.columns, []*Field(nil)
	if c.KeepsHistory() {
		exprs, held := w.heldLists(c, "t")
		query, files, cols = query+exprs, held, slices.Concat(cols, held)
	}
	recs, err := w.s.read(ctx, w.tx, cols, query, b.args)
	if err != nil {
		return 0, w.explainOf(c, filter, err)
	}
	slices.SortFunc(recs, c.compareKeys)
	for _, r := range recs {
		ch := deletion(c, r, files)
		ch.Nested = nested
		w.changes = append(w.changes, ch)
	}
	return len(recs), nil
}

// Lost is the cause of the Conflict that [Store.Edit] answers when somebody else
// was faster.
type Lost struct {
	ID     any
	Theirs Record // what is stored now
	Mine   Record // what was to be written
}

func (l *Lost) Error() string {
	return fmt.Sprintf("record %s was changed meanwhile", Format(l.ID))
}

// Edit is Update of one record by somebody who saw its state seen
// ([Collection.State]). It
// answers Conflict with a [*Lost] when the record has changed since, and NotFound
// when it is gone. An empty seen overwrites.
func (s *Store) Edit(ctx context.Context, tx *pg.Tx, a Access, collection string, id any, seen string, values Record) (Record, error) {
	w, c, err := s.writer(ctx, tx, a, collection)
	if err != nil {
		return nil, err
	}
	if _, wrong := c.key.arg(id, a.zone()); wrong != "" {
		return nil, fault.New(fault.NotFound, "This record does not exist any more.")
	}
	b := s.builder(w.cat, a)
	one, err := w.locked(b, c, id, c.columns, auth.Update)
	if err != nil {
		return nil, err
	}
	now, err := s.read(ctx, tx, c.columns, "SELECT "+list(c.columns, "o")+" FROM "+one, b.args)
	switch {
	case err != nil:
		return nil, fmt.Errorf("lock %s %s: %w", c.Name, Format(id), err)
	case len(now) == 0:
		return nil, s.unreached(ctx, tx, a, c, id)
	case seen != "" && c.State(now[0]) != seen:
		return nil, fault.Wrap(fault.Conflict, "Not saved. Somebody else changed this record while you were editing it.",
			&Lost{ID: id, Theirs: c.strip(a.Actor, now[0]), Mine: values})
	}
	recs, err := w.update(ctx, c, id, values, 0)
	if err != nil {
		return nil, err
	}
	if len(recs) == 0 {
		return nil, fault.New(fault.NotFound, "This record does not exist any more.")
	}
	return c.strip(a.Actor, recs[0]), w.tell(ctx)
}

// writer is one write with all that follows from it.
type writer struct {
	s       *Store
	tx      *pg.Tx
	a       Access
	cat     *catalogue
	changes []Change
	silent  []Change        // in bulk or by the database itself, and only for the history
	each    map[string]bool // collections whose changes start something, by [Listener.Starts]; nil: not asked yet
	bulk    map[string]bool // and those that do so in bulk too
	path    []string        // the relations that led to what is being written
	linking string          // the key that a relation is about to set in a record of its target
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
	if !c.Open() {
		return fault.New(fault.Forbidden, fmt.Sprintf("Records of “%s” cannot be changed here.", c.Title))
	}
	if c.key == nil {
		return fault.New(fault.Forbidden, fmt.Sprintf("“%s” has no primary key, so its records can be read but not changed.", c.Title))
	}
	return nil
}

func (w *writer) tell(ctx context.Context) error {
	if len(w.silent) > 0 {
		if err := w.s.keep(ctx, w.tx, w.a, w.silent); err != nil {
			return err
		}
		count(ctx, w.silent)
	}
	if len(w.changes) == 0 {
		return nil
	}
	return w.s.tell(ctx, w.tx, w.a, w.changes)
}

// create writes one record and those nested in it. Every column is in the
// statement, so that a collection has one text that stays prepared.
func (w *writer) create(ctx context.Context, c *Collection, values Record, depth int) (Record, error) {
	linking := w.linked()
	values, err := w.permit(c, auth.Create, values, linking)
	if err != nil {
		return nil, err
	}
	if values, err = w.related(ctx, c, values, depth); err != nil {
		return nil, err
	}
	now := w.s.now().UTC().Format(Instant)
	args := make([]any, len(c.own))
	problems := map[string]string{}
	for i, f := range c.own {
		arg, problem, err := w.first(ctx, c, f, values, now)
		if err != nil {
			return nil, err
		}
		if problem != "" {
			problems[f.problemName()] = problem
		}
		args[i] = arg
	}
	if err := fault.Fields(problems); err != nil {
		return nil, err
	}
	if err := c.formulas(ctx, args); err != nil {
		return nil, err
	}
	query, args := c.inserting(args)
	recs, err := w.s.read(ctx, w.tx, c.columns, query, args)
	if err != nil {
		return nil, w.explain(c, err)
	}
	rec := recs[0]
	if err := w.checkLinks(ctx, c, nil, rec, linking); err != nil {
		return nil, err
	}
	w.changes = append(w.changes, Change{Kind: Created, Collection: c, After: rec, Nested: depth > 0})
	_, _, err = w.linkAll(ctx, c, rec, values, depth, true)
	return rec, err
}

// first is the value that field f of a new record gets.
func (w *writer) first(ctx context.Context, c *Collection, f *Field, values Record, now string) (arg any, problem string, err error) {
	v, there := values[f.Name]
	switch {
	case f.Options["databaseDefault"] == true && blank(v), f.Options["generated"] == true:
		return nil, "", nil
	case f == c.key && f.Type == BigInt:
		arg, problem = w.id(v)
		return arg, problem, nil
	case f.ReadOnly && f.Type == Datetime: // createdAt, updatedAt: records that come from elsewhere keep theirs
		if !blank(v) {
			arg, problem = f.arg(v, w.a.zone())
			return arg, problem, nil
		}
		return now, "", nil
	case f.ReadOnly && f.Relation != "": // createdById, updatedById
		return w.person(v), "", nil
	case f.makes():
		if v, err = w.make(ctx, c, f, v, values); err != nil {
			return nil, "", err
		}
	case !there:
		v = w.fallback(f, now)
	}
	if arg, problem = f.arg(v, w.a.zone()); problem == "" && f.Required && blank(arg) && f.Type != Formula {
		problem = "Fill this in."
	}
	return arg, problem, nil
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
	if f.Default == nil && (f.Options["defaultToCurrentTime"] == true || f.Options["onUpdateToCurrentTime"] == true) {
		return w.current(f, now)
	}
	return f.Default
}

// current is the present as a value of f.
func (w *writer) current(f *Field, now string) any {
	switch f.Base() {
	case DatetimeNoTz, DateOnly, Time:
		here := w.s.now().In(w.a.zone())
		return here.Format(map[string]string{DatetimeNoTz: WallClock, DateOnly: time.DateOnly, Time: time.TimeOnly}[f.Base()])
	}
	return now
}

// id takes over an id that was chosen by the writer, or makes one.
func (w *writer) id(v any) (id any, problem string) {
	if v == nil {
		return w.s.ids.Next(), ""
	}
	n, ok := integer(v)
	if !ok || n < 1 || n > maxSafe {
		return nil, fmt.Sprintf("Write a whole number from 1 to %d.", maxSafe)
	}
	return n, ""
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
	add   bool // arg is added to what is there ([Increase])
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
		if !there && f.Options["onUpdateToCurrentTime"] == true {
			v, there = w.current(f, w.s.now().UTC().Format(Instant)), true
		}
		if !there || f.ReadOnly || f.keeps(v) {
			continue
		}
		if f.Type == Password {
			if v, err = f.hash(ctx, v); err != nil {
				return nil, err
			}
		}
		in, add := v.(Increase)
		var arg any
		var problem string
		if add {
			arg, problem = f.increase(c, in)
		} else {
			arg, problem = f.arg(v, w.a.zone())
		}
		if problem == "" && f.Required && blank(arg) {
			problem = "Fill this in."
		}
		if problem != "" {
			problems[f.problemName()] = problem
		}
		sets = append(sets, set{f, arg, add})
	}
	return sets, fault.Fields(problems)
}

// keeps reports whether an update of f by v leaves it as it is: what we count and
// work out stays ours, and nobody can be made to send a password again.
func (f *Field) keeps(v any) bool {
	switch f.Type {
	case Password:
		return blank(v)
	case Sequence:
		return f.Filled()
	case Formula:
		return true
	}
	return f.Options["generated"] == true
}

// update changes the records that match and returns them, oldest first. One
// statement locks them, changes them, and gives them as they were and as they are.
func (w *writer) update(ctx context.Context, c *Collection, filter any, values Record, depth int) ([]Record, error) {
	linking := w.linked()
	values, err := w.permit(c, auth.Update, values, linking)
	if err != nil {
		return nil, err
	}
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
			changes = append(changes, Change{Kind: Updated, Collection: c, Before: before, After: after, Changed: c.changed(before, after), Nested: depth > 0})
		}
		return rows.Err()
	})
	if err != nil {
		return nil, w.explainIncrease(c, filter, sets, err)
	}
	if err := w.checkIncreased(c, sets, changes); err != nil {
		return nil, err
	}
	slices.SortFunc(changes, func(a, b Change) int { return c.compareKeys(a.After, b.After) })
	if err := w.renumber(ctx, c, changes, sets); err != nil {
		return nil, err
	}
	if err := w.recompute(ctx, c, changes); err != nil {
		return nil, err
	}
	first := len(w.changes)
	w.changes = append(w.changes, changes...)
	recs := make([]Record, len(changes))
	for i, ch := range changes {
		recs[i] = ch.After
		if err := w.checkLinks(ctx, c, ch.Before, ch.After, linking); err != nil {
			return nil, c.ofOne(err, changes, ch)
		}
		files, linked, err := w.linkAll(ctx, c, ch.After, values, depth, false)
		if err != nil {
			return nil, c.ofOne(err, changes, ch)
		}
		told := &w.changes[first+i]
		told.Files, told.Linked, told.Changed = files, linked, append(told.Changed, slices.Sorted(maps.Keys(files))...)
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
	old, err := w.locked(b, c, filter, c.columns, auth.Update)
	if err != nil {
		return "", err
	}
	var q strings.Builder
	fmt.Fprintf(&q, "UPDATE %s t SET ", c.from())
	for _, s := range sets {
		if s.add {
			fmt.Fprintf(&q, "%s = coalesce(%s, 0) + %s, ", quote(s.field.Column), s.field.col("t"), b.param(s.arg))
			continue
		}
		fmt.Fprintf(&q, "%s = %s, ", quote(s.field.Column), b.param(s.arg))
	}
	if f := c.byName["updatedAt"]; f != nil && f.ReadOnly {
		fmt.Fprintf(&q, "%s = greatest(%s::timestamptz, %s + interval '1 ms'), ", quote(f.Column), b.param(w.s.now().UTC().Format(Instant)), f.col("o"))
	}
	if f := c.byName["updatedById"]; f != nil && f.ReadOnly {
		fmt.Fprintf(&q, "%s = %s, ", quote(f.Column), b.param(w.person(nil)))
	}
	key := quote(c.key.Column)
	if len(sets) == 0 && c.byName["updatedAt"] == nil { // there must be something
		fmt.Fprintf(&q, "%s = t.%s, ", key, key)
	}
	return strings.TrimSuffix(q.String(), ", ") + fmt.Sprintf(" FROM %s WHERE t.%s = o.%s", old, key, key), nil
}

// locked is a subquery called o of the records that match and that the actor may
// do act with, locked against other writers but not against references to them.
func (w *writer) locked(b *builder, c *Collection, filter any, cols []*Field, act auth.Action) (string, error) {
	sc := b.scope(c)
	given, err := sc.where(IDs(filter), 0)
	if err != nil {
		return "", err
	}
	if given == "" {
		return "", badFilter("Say which records: an empty filter would mean all of them.")
	}
	limit, err := sc.reach(act)
	if err != nil {
		return "", err
	}
	where := " WHERE " + glue([]string{given, limit}, " AND ")
	if slices.Contains(cols, c.byName["id"]) && c.key.Name != "id" { // the key's column once
		cols = slices.DeleteFunc(slices.Clone(cols), func(f *Field) bool { return f == c.byName["id"] })
	}
	return fmt.Sprintf("(SELECT %s FROM %s%s ORDER BY %s FOR NO KEY UPDATE OF %s) o",
		list(cols, sc.alias), sc.from(), where, c.key.col(sc.alias), sc.alias), nil
}

// compareKeys puts records in the order of their keys: numbers by size, texts
// by letters.
func (c *Collection) compareKeys(a, b Record) int {
	x, isNumber := number(c.ID(a))
	y, both := number(c.ID(b))
	if isNumber && both {
		return cmp.Compare(x, y)
	}
	return cmp.Compare(Format(c.ID(a)), Format(c.ID(b)))
}

// State tells one state of a record from another: when it was last changed,
// else a digest of its values.
func (c *Collection) State(r Record) string {
	if f := c.byName["updatedAt"]; f != nil && f.ReadOnly && !c.Adopted() {
		return Format(r[f.Name])
	}
	own := Record{}
	for _, f := range c.columns {
		own[f.Name] = r[f.Name]
	}
	raw, err := json.Marshal(own) // of a map: keys come sorted
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:12])
}
