package collection

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lib/pq"

	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/pg"
)

// include says which fields of a collection to read and which relations to load
// with them, at any depth.
type include struct {
	c        *Collection
	a        Access
	only     map[string]bool // nil: all
	except   map[string]bool
	children map[string]*include // by relation
}

func newInclude(cat *catalogue, a Access, c *Collection, p Query) (*include, error) {
	root := &include{c: c, a: a}
	for _, path := range p.Appends {
		if _, err := root.enter(cat, strings.Split(path, "."), "appends", false); err != nil {
			return nil, err
		}
	}
	for _, path := range p.Fields {
		if err := root.choose(cat, path); err != nil {
			return nil, err
		}
	}
	for _, path := range p.Except {
		if err := root.leaveOut(cat, path); err != nil {
			return nil, err
		}
	}
	return root, nil
}

// enter adds the relations of a path and returns the last one. Those that are new
// show nothing of their own yet when bare.
func (inc *include) enter(cat *catalogue, steps []string, param string, bare bool) (*include, error) {
	for i, step := range steps {
		f := inc.c.visible(inc.a.Actor, step)
		if f == nil || !f.IsRelation() || i > 8 {
			return nil, badField(param, inc.c, step)
		}
		target := cat.byName[f.Target]
		if target == nil || !inc.a.Actor.Can(target.Right) {
			return nil, badField(param, inc.c, step)
		}
		if inc.children == nil {
			inc.children = map[string]*include{}
		}
		child := inc.children[step]
		if child == nil {
			child = &include{c: target, a: inc.a}
			if bare {
				child.only = map[string]bool{}
			}
			inc.children[step] = child
		}
		inc = child
	}
	return inc, nil
}

// choose handles one entry of fields.
func (inc *include) choose(cat *catalogue, path string) error {
	steps := strings.Split(path, ".")
	last := steps[len(steps)-1]
	if inc.only == nil {
		inc.only = map[string]bool{}
	}
	at, err := inc.enter(cat, steps[:len(steps)-1], "fields", true)
	if err != nil {
		return err
	}
	f := at.c.visible(at.a.Actor, last)
	if f == nil {
		return badField("fields", at.c, last)
	}
	if f.IsRelation() {
		_, err := at.enter(cat, []string{last}, "fields", false)
		return err
	}
	if at.only != nil { // a relation that was appended whole stays whole
		at.only[last] = true
	}
	return nil
}

// leaveOut handles one entry of except. What is not there need not be left out.
func (inc *include) leaveOut(cat *catalogue, path string) error {
	steps := strings.Split(path, ".")
	for _, step := range steps[:len(steps)-1] {
		if inc = inc.children[step]; inc == nil {
			return nil
		}
	}
	last := steps[len(steps)-1]
	if inc.except == nil {
		inc.except = map[string]bool{}
	}
	inc.except[last] = true
	delete(inc.children, last)
	return nil
}

func badField(param string, c *Collection, name string) error {
	msg := fmt.Sprintf("“%s” has no field called “%s”.", c.Title, short(name))
	return &fault.Error{Kind: fault.Invalid, Msg: msg, Fields: map[string]string{param: msg}}
}

// shown reports whether a field was asked for.
func (inc *include) shown(f *Field) bool {
	return inc.c.Shows(inc.a.Actor, f) && (inc.only == nil || inc.only[f.Name]) && !inc.except[f.Name]
}

// columns are the fields to select: those that were asked for, and the keys that
// the relations need.
func (inc *include) columns() []*Field {
	need := inc.keys()
	var cols []*Field
	for _, f := range inc.c.columns {
		if inc.shown(f) || need[f.Name] {
			cols = append(cols, f)
		}
	}
	if len(cols) == 0 { // a SELECT of nothing still has to say how many rows there are
		cols = append(cols, inc.c.columns[0])
	}
	return cols
}

// keys are the fields that lead to the relations.
func (inc *include) keys() map[string]bool {
	need := map[string]bool{}
	for name := range inc.children {
		if near := inc.c.near(inc.c.byName[name]); near != nil {
			need[near.Name] = true
		}
	}
	return need
}

// loadRelations loads the relations of records, one statement for each relation, and
// then takes out what was read for that purpose only.
func (s *Store) loadRelations(ctx context.Context, q pg.Q, b *builder, inc *include, records []Record) error {
	for _, name := range slices.Sorted(maps.Keys(inc.children)) {
		f, child := inc.c.byName[name], inc.children[name]
		var err error
		if f.Type == BelongsToMany {
			err = s.loadThrough(ctx, q, b, inc, f, child, records)
		} else {
			err = s.loadDirect(ctx, q, b, inc, f, child, records)
		}
		if err != nil {
			return fmt.Errorf("load %s of %s: %w", name, inc.c.Name, err)
		}
	}
	for name := range inc.keys() {
		if !inc.shown(inc.c.byName[name]) {
			for _, r := range records {
				delete(r, name)
			}
		}
	}
	return nil
}

// near is c's field that relation f joins by; nil when it is not there any more.
func (c *Collection) near(f *Field) *Field {
	if f.Type == BelongsTo {
		return c.byName[f.ForeignKey]
	}
	return c.named(f.SourceKey)
}

// loadDirect loads a relation whose key is in one of the two tables.
func (s *Store) loadDirect(ctx context.Context, q pg.Q, b *builder, inc *include, f *Field, child *include, records []Record) error {
	near, far := inc.c.near(f), child.c.byName[f.ForeignKey]
	if f.Type == BelongsTo {
		far = child.c.named(f.TargetKey)
	}
	if near == nil || far == nil {
		return badField("appends", child.c, f.ForeignKey)
	}
	groups, err := s.related(ctx, q, b, child, far, values(records, near.Name))
	if err != nil {
		return err
	}
	for _, r := range records {
		found := groups[Format(r[near.Name])]
		if r[near.Name] == nil {
			found = nil
		}
		r[f.Name] = f.shape(found)
	}
	return nil
}

// shape is what a record shows of the records that f leads to.
func (f *Field) shape(found []Record) any {
	if f.ToOne() {
		if len(found) == 0 {
			return nil
		}
		return found[0]
	}
	list := make([]any, len(found))
	for i, r := range found {
		list[i] = r
	}
	return list
}

// loadThrough loads a belongsToMany. Each record carries its link under the name
// of the through collection.
func (s *Store) loadThrough(ctx context.Context, q pg.Q, b *builder, inc *include, f *Field, child *include, records []Record) error {
	through := b.cat.byName[f.Through]
	near, far := inc.c.near(f), child.c.named(f.TargetKey)
	if through == nil || near == nil || far == nil || through.byName[f.ForeignKey] == nil || through.byName[f.OtherKey] == nil {
		return badField("appends", inc.c, f.Name)
	}
	// Who sees the relation sees that there are links; what else they hold, only
	// with a right on them.
	links, err := s.related(ctx, q, b, &include{c: through, a: inc.a.trusted()}, through.byName[f.ForeignKey], values(records, near.Name))
	if err != nil {
		return err
	}
	var all []Record
	for _, list := range links {
		all = append(all, list...)
	}
	groups, err := s.related(ctx, q, b, child, far, values(all, f.OtherKey))
	if err != nil {
		return err
	}
	for _, r := range records {
		var found []Record
		for _, link := range links[Format(r[near.Name])] {
			for _, item := range groups[Format(link[f.OtherKey])] {
				item = maps.Clone(item)
				if through.Allows(inc.a.Actor, auth.View) {
					item[f.Through] = through.strip(inc.a.Actor, link)
				}
				found = append(found, item)
			}
		}
		r[f.Name] = f.shape(found)
	}
	return nil
}

// related reads the records of child whose field by is one of keys, grouped by
// it.
func (s *Store) related(ctx context.Context, q pg.Q, b *builder, child *include, by *Field, keys []string) (map[string][]Record, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	sc := (&builder{cat: b.cat, a: child.a, now: b.now}).scope(child.c)
	cols := child.columns()
	if !slices.Contains(cols, by) {
		cols = append(slices.Clone(cols), by)
	}
	among := fmt.Sprintf("%s = ANY (%s::text[]::%s[])", by.col(sc.alias), sc.b.param(pq.StringArray(keys)), columnTypes[by.Type])
	limit, err := sc.limit(auth.View)
	if err != nil {
		return nil, err
	}
	query := fmt.Sprintf("SELECT %s FROM %s WHERE %s", list(cols, sc.alias), sc.from(), glue([]string{among, limit}, " AND "))
	if child.c.key != nil {
		query += " ORDER BY " + child.c.key.col(sc.alias)
	}
	if b.most > 0 {
		query += " LIMIT " + sc.b.param(b.most+1)
	}
	records, err := s.read(ctx, q, cols, query, sc.b.args)
	switch {
	case err != nil:
		return nil, err
	case b.most > 0 && len(records) > b.most:
		return nil, tooMany("appends", "“"+child.c.Title+"” would bring more than %s records. Read fewer records at once, or list “"+child.c.Title+"” by itself.", b.most)
	}
	groups := map[string][]Record{}
	for _, r := range records {
		k := Format(r[by.Name])
		groups[k] = append(groups[k], r)
	}
	if err := s.loadRelations(ctx, q, b, child, records); err != nil {
		return nil, err
	}
	if !child.shown(by) {
		for _, r := range records {
			delete(r, by.Name)
		}
	}
	return groups, nil
}

// values lists the different values of a field, without nulls.
func values(records []Record, field string) []string {
	seen := map[string]bool{}
	var out []string
	for _, r := range records {
		v := Format(r[field])
		if r[field] != nil && !seen[v] {
			seen[v] = true
			out = append(out, v)
		}
	}
	return out
}
