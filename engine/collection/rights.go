package collection

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/pg"
)

// grant is what a may do to records of c. Our own collections are guarded by
// their Right, and their fields by theirs.
func (c *Collection) grant(a auth.Actor, act auth.Action) auth.Grant {
	switch {
	case c.System && act != auth.View && c.writable != 0 && !a.Can(c.writable):
		return auth.Grant{}
	case c.Name == Attachments && !a.IsSystem():
		return auth.Grant{Allowed: true} // of whom, fileLimit says
	case c.System:
		return auth.Everything
	}
	return a.Grant(c.Name, act)
}

// Allows reports whether a may do act to some of the records of c, were it only
// to own ones. Which ones they are, the store knows.
func (c *Collection) Allows(a auth.Actor, act auth.Action) bool {
	return a.Can(c.Right) && c.grant(a, act).Allowed
}

// trusted is the engine with the name of a's actor: for what follows from a right
// that was asked before.
func (a Access) trusted() Access {
	id := a.Actor.UserID
	a.Actor = auth.System
	a.Actor.UserID = id
	return a
}

// Shows reports whether a may see f in the records of c that they may see. The key
// they always see, since by it a record is addressed, and the time of its last
// change, by which edits are compared.
func (c *Collection) Shows(a auth.Actor, f *Field) bool {
	if !f.visibleTo(a) {
		return false
	}
	g := c.grant(a, auth.View)
	return g.AllFields() || f == c.key || f == c.byName["id"] || f.Name == "updatedAt" || covers(g, f)
}

// Takes reports whether a may write f by act, which is Create or Update.
func (c *Collection) Takes(a auth.Actor, act auth.Action, f *Field) bool {
	return covers(c.grant(a, act), f)
}

// covers reports whether g is about f: a relation stands for its key too.
func covers(g auth.Grant, f *Field) bool {
	return g.Field(f.Name) || f.Relation != "" && g.Field(f.Relation)
}

// openTo is open for who may do act.
func (s *Store) openTo(ctx context.Context, a Access, collection string, act auth.Action) (*Collection, *catalogue, error) {
	c, cat, err := s.open(ctx, a, collection)
	if err == nil && !c.grant(a.Actor, act).Allowed {
		err = refused(c, act)
	}
	return c, cat, err
}

var doing = map[auth.Action]string{auth.View: "see", auth.Create: "create", auth.Update: "change", auth.Destroy: "delete", auth.Export: "export", auth.Import: "import"}

// RequireOn returns nil when a may do act with some of the records of c.
func (c *Collection) RequireOn(a auth.Actor, act auth.Action) error {
	if !c.Allows(a, act) {
		return refused(c, act)
	}
	return nil
}

func refused(c *Collection, act auth.Action) error {
	return fault.New(fault.Forbidden, fmt.Sprintf("You do not have the right to %s records of “%s”. Ask an administrator.", doing[act], c.Title))
}

// permit refuses who may not do act at all, and leaves out the values that they
// may not write: clients send back what they were given. The key called linking
// is set by a relation, which was permitted where it stands.
func (w *writer) permit(c *Collection, act auth.Action, values Record, linking string) (Record, error) {
	g := c.grant(w.a.Actor, act)
	switch {
	case !g.Allowed:
		return nil, refused(c, act)
	case g.AllFields():
		return values, nil
	}
	values = maps.Clone(values)
	maps.DeleteFunc(values, func(name string, _ any) bool {
		f := c.byName[name]
		return f == nil || !covers(g, f) && name != linking
	})
	return values, nil
}

// linked is the key that the relation above has announced, once.
func (w *writer) linked() (linking string) {
	linking, w.linking = w.linking, ""
	return linking
}

// checkLinks refuses a reference to a record that the actor may not see, in the
// words for one that does not exist; before is nil for a new record. References
// that were there stay.
func (w *writer) checkLinks(ctx context.Context, c *Collection, before, after Record, linking string) error {
	problems := map[string]string{}
	for _, f := range c.own {
		id := after[f.Name]
		if f.Relation == "" || f.ReadOnly || f.Name == linking || id == nil || Same(before[f.Name], id) {
			continue
		}
		rel := c.byName[f.Relation]
		target := w.cat.byName[rel.Target]
		if rel.HoldsFiles() { // were looked at before: now that the record holds them, its readers see them
			continue
		}
		if target == nil || target.named(rel.TargetKey) == nil || target.grant(w.a.Actor, auth.View).Any && !target.shared(w.a.Actor) {
			continue
		}
		b := w.s.builder(w.cat, w.a)
		sc := b.scope(target)
		limit, err := sc.limit(auth.View)
		if err != nil {
			return err
		}
		by := target.named(rel.TargetKey)
		arg, _ := by.arg(id, w.a.zone())
		where := glue([]string{by.col(sc.alias) + " = " + b.param(arg), limit}, " AND ")
		var there bool
		if err := w.tx.GetContext(ctx, &there, "SELECT EXISTS (SELECT FROM "+sc.from()+" WHERE "+where+")", b.args...); err != nil {
			return fmt.Errorf("look for %s %s: %w", target.Name, Format(id), w.s.stale(err))
		}
		if !there {
			problems[f.problemName()] = noSuchRecord
		}
	}
	return fault.Fields(problems)
}

// unseen are the keys of records that belong to source by the belongsToMany f and
// that the actor may not see: their links stay.
func (w *writer) unseen(ctx context.Context, f *Field, target *Collection, by *Field, through *Collection, source any) (map[string]bool, error) {
	if target.grant(w.a.Actor, auth.View).Any {
		return nil, nil
	}
	links, err := w.s.List(ctx, w.tx, w.a.trusted(), through.Name, Query{Filter: Record{f.ForeignKey: map[string]any{"$eq": source}}, All: true})
	if err != nil {
		return nil, err
	}
	kept, keys := map[string]bool{}, []any{}
	for _, l := range links.Records {
		kept[Format(l[f.OtherKey])] = true
		keys = append(keys, l[f.OtherKey])
	}
	if len(keys) == 0 || !target.Allows(w.a.Actor, auth.View) {
		return kept, nil
	}
	seen, err := w.s.List(ctx, w.tx, w.a, target.Name, Query{Filter: Record{by.Name: map[string]any{"$in": keys}}, Fields: []string{by.Name}, All: true})
	for _, r := range seen.Records {
		delete(kept, Format(r[by.Name]))
	}
	return kept, err
}

// noSuchRecord is said of a reference to nothing.
const noSuchRecord = "Choose a record that exists."

// strip is a copy of r with what a may see.
func (c *Collection) strip(a auth.Actor, r Record) Record {
	r = maps.Clone(r)
	maps.DeleteFunc(r, func(name string, _ any) bool {
		f := c.byName[name]
		return f != nil && !c.Shows(a, f)
	})
	return r
}

// unreached says why nothing was found to change at id: what the actor may see
// is there, but not theirs to change; anything else does not exist for them.
func (s *Store) unreached(ctx context.Context, tx *pg.Tx, a Access, c *Collection, id any) error {
	if c.Allows(a.Actor, auth.View) {
		r, err := s.First(ctx, tx, a, c.Name, Query{Filter: id, Fields: []string{c.key.Name}})
		if err != nil {
			return err
		}
		if r != nil {
			return fault.New(fault.Forbidden, fmt.Sprintf("You may see this record of “%s”, but not change it. Ask an administrator.", c.Title))
		}
	}
	return fault.New(fault.NotFound, "This record does not exist any more.")
}

// limit is the condition that keeps the rows of sc to those that the actor may
// do act with; "" when these are all.
func (sc *scope) limit(act auth.Action) (string, error) {
	if sc.c.about != nil {
		return sc.reached(), nil
	}
	g := sc.c.grant(sc.b.a.Actor, act)
	switch {
	case g.Any:
		return "", nil
	case sc.c.Name == Attachments:
		return sc.fileLimit()
	}
	var any []string
	if f := sc.c.byName["createdById"]; g.Own && f != nil && f.Column != "" && f.Type == BigInt {
		any = append(any, f.col(sc.alias)+" = "+sc.b.param(sc.b.a.Actor.UserID))
	}
	for _, s := range g.Scopes {
		cond, err := sc.within(s.Filter)
		if err != nil {
			return "", fmt.Errorf("scope %d: %w", s.ID, err)
		}
		if cond == "" {
			return "", nil
		}
		any = append(any, cond)
	}
	if len(any) == 0 {
		return "FALSE", nil
	}
	return "(" + strings.Join(any, " OR ") + ")", nil
}

// reach is limit for changes: what can be changed is what can be seen, too, as
// far as anything can.
func (sc *scope) reach(act auth.Action) (string, error) {
	change, err := sc.limit(act)
	if err != nil || !sc.c.grant(sc.b.a.Actor, auth.View).Allowed {
		return change, err
	}
	see, err := sc.limit(auth.View)
	return glue([]string{change, see}, " AND "), err
}

// within is the condition of a scope's filter for the rows of sc. It may look at
// more than the actor may: so it has joins of its own.
func (sc *scope) within(filter any) (string, error) {
	b := sc.b
	filter, err := b.fill(filter)
	if err != nil {
		return "", err
	}
	asker := b.a
	b.a.Actor = auth.System
	defer func() { b.a = asker }()
	args := len(b.args)
	plain := &scope{b: b, c: sc.c, source: sc.source, alias: sc.alias, joins: new(strings.Builder), to: map[string]*scope{}}
	cond, err := plain.where(filter, 0)
	if err != nil || plain.joins.Len() == 0 {
		return cond, err
	}
	b.args = b.args[:args]
	id := sc.c.key
	if id == nil {
		return "", badFilter("“%s” has no primary key, so a scope cannot look through its relations.", sc.c.Title)
	}
	sub := b.scope(sc.c)
	if cond, err = sub.where(filter, 0); err != nil {
		return "", err
	}
	return fmt.Sprintf("EXISTS (SELECT FROM %s WHERE %s = %s AND %s)", sub.from(), id.col(sub.alias), id.col(sc.alias), cond), nil
}

// CheckFilter says what is wrong with the filter of a scope, in which variables
// may stand; nil for nothing.
func (s *Store) CheckFilter(ctx context.Context, a auth.Actor, collection string, filter any) error {
	c, cat, err := s.open(ctx, Access{Actor: a}, collection)
	if err != nil {
		return err
	}
	_, err = s.builder(cat, Access{Actor: a}).scope(c).within(filter)
	return err
}
