package collection

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"alur/engine/audit"
	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/pg"
)

// addField adds f and what it needs elsewhere: the key or the through collection
// of a relation, and its other side when that is wished for.
func (d *definer) addField(ctx context.Context, c *Collection, f *Field) error {
	f.alias()
	for _, name := range ours {
		delete(f.Options, name)
	}
	if f.Title == "" {
		f.Title = f.Name
	}
	reverse, _ := f.Options["reverseField"].(map[string]any)
	delete(f.Options, "reverseField")
	d.nameKeys(c, f)
	taken := d.takenOver(c, f)
	if p := d.checkField(c, f, taken); len(p) > 0 {
		return fault.Fields(p)
	}
	if c.view() && !f.virtual() {
		return fault.New(fault.Forbidden, fmt.Sprintf("“%s” is a view of the database; fields cannot be added to it.", c.Title))
	}
	if err := d.prepareRelation(ctx, c, f); err != nil {
		return err
	}
	if taken != nil {
		if err := d.forget(ctx, c, taken.Name); err != nil {
			return err
		}
	}
	if err := d.insertField(ctx, c, f, f.columnName(taken)); err != nil {
		return err
	}
	if f.Column != "" && taken == nil {
		if err := d.addColumn(ctx, c, f); err != nil {
			return err
		}
	} else if taken != nil {
		if err := d.refer(ctx, c, f, f.Column); err != nil {
			return err
		}
	}
	c.Fields = append(c.Fields, f)
	if f.Type == BelongsTo {
		c.Fields = append(c.Fields, keyField(f))
		f.Column = ""
	}
	c.compile()
	d.cat.typeKeys(c)
	return d.addReverse(ctx, c, f, reverse)
}

// columnName is where f's values go; "" for nowhere in this table. taken is the
// field whose column becomes f's key.
func (f *Field) columnName(taken *Field) string {
	switch {
	case taken != nil:
		return taken.Column
	case f.Type == BelongsTo:
		return Snake(f.ForeignKey)
	case f.IsRelation(), f.virtual():
		return ""
	}
	return Snake(f.Name)
}

// insertField stores the definition of f.
func (d *definer) insertField(ctx context.Context, c *Collection, f *Field, column string) error {
	options, err := json.Marshal(f.options())
	if err != nil {
		return err
	}
	f.Column = column
	_, err = d.tx.ExecContext(ctx, queries.Get("insert_field"), c.Name, f.Name, f.Type, f.Interface, f.Title, column, string(options))
	return err
}

// forget removes the definition of a field, and nothing else.
func (d *definer) forget(ctx context.Context, c *Collection, name string) error {
	c.Fields = slices.DeleteFunc(c.Fields, func(f *Field) bool { return f.Name == name || f.Relation == name })
	c.compile()
	_, err := d.tx.ExecContext(ctx, queries.Get("delete_field"), c.Name, name)
	return err
}

// nameKeys fills in the names of a relation that were left out.
func (d *definer) nameKeys(c *Collection, f *Field) {
	switch f.Type {
	case BelongsTo:
		if f.ForeignKey == "" {
			f.ForeignKey = f.Name + "Id"
		}
	case HasOne, HasMany:
		if f.ForeignKey == "" {
			f.ForeignKey = d.wayBack(c, f)
		}
	case BelongsToMany:
		if f.Through == "" {
			f.Through = randomName("t_")
		}
		if f.ForeignKey == "" {
			f.ForeignKey = c.Name + "Id"
		}
		if f.OtherKey == "" {
			f.OtherKey = f.Target + "Id"
		}
		if f.OtherKey == f.ForeignKey {
			f.OtherKey = "other" + strings.ToUpper(f.OtherKey[:1]) + f.OtherKey[1:]
		}
	}
}

// takenOver is the plain field that becomes the key of the belongsTo f, nil when
// there is none and a column is made.
func (d *definer) takenOver(c *Collection, f *Field) *Field {
	target := d.cat.byName[f.Target]
	if f.Type != BelongsTo || target == nil || target.named(f.TargetKey) == nil {
		return nil
	}
	key := c.byName[f.ForeignKey]
	if key == nil || key.Column == "" || key.Relation != "" || key.ReadOnly || key.Hidden || key == c.key ||
		columnTypes[key.Type] != columnTypes[target.named(f.TargetKey).keyType()] {
		return nil
	}
	return key
}

// wayBack finds the key by which the target of f belongs to c already, or makes a
// name for it.
func (d *definer) wayBack(c *Collection, f *Field) string {
	if target := d.cat.byName[f.Target]; target != nil {
		for _, back := range target.Fields {
			if back.Type == BelongsTo && back.Target == c.Name && !back.ReadOnly && (f.Type == HasMany || back.Unique) {
				return back.ForeignKey
			}
		}
	}
	return c.Name + "Id"
}

// prepareRelation makes what a relation needs in other tables.
func (d *definer) prepareRelation(ctx context.Context, c *Collection, f *Field) error {
	switch f.Type {
	case HasOne, HasMany:
		return d.ensureWayBack(ctx, c, f)
	case BelongsToMany:
		return d.ensureThrough(ctx, c, f)
	}
	return nil
}

// ensureWayBack makes the belongsTo that a hasOne or hasMany needs in its target.
// That of a hasOne is unique.
func (d *definer) ensureWayBack(ctx context.Context, c *Collection, f *Field) error {
	target, source := d.cat.byName[f.Target], c.named(f.SourceKey)
	if key := target.byName[f.ForeignKey]; key != nil {
		if key.Column == "" || columnTypes[key.Type] != columnTypes[source.keyType()] {
			return fault.Fields(map[string]string{"foreignKey": fmt.Sprintf("Choose a field of the type of “%s”.", source.Title)})
		}
		return nil
	}
	if target.System {
		return fault.Fields(map[string]string{"target": "Choose a collection of your own, or one that refers to this one already."})
	}
	back := d.keyHolder(c, f.ForeignKey, f.SourceKey)
	back.Name = freeName(target, back.Name)
	back.Unique = f.Type == HasOne
	return d.addField(ctx, target, back)
}

// keyHolder is a new belongsTo that leads to c by the key called name.
func (d *definer) keyHolder(c *Collection, name, targetKey string) *Field {
	field := c.Name
	if stem, ok := strings.CutSuffix(name, "Id"); ok && stem != "" {
		field = stem
	}
	if field == name {
		field += "Record"
	}
	return &Field{Name: field, Type: BelongsTo, Title: c.Title, Target: c.Name, ForeignKey: name, TargetKey: targetKey}
}

// freeName is name, with a number when c has a field of that name.
func freeName(c *Collection, name string) string {
	free := name
	for n := 2; c.byName[free] != nil; n++ {
		free = fmt.Sprintf("%s%d", name, n)
	}
	return free
}

// ensureThrough makes the collection that holds the links of a belongsToMany, as
// far as it is not there.
func (d *definer) ensureThrough(ctx context.Context, c *Collection, f *Field) error {
	target, through := d.cat.byName[f.Target], d.cat.byName[f.Through]
	made := through == nil
	if made {
		title := c.Title + " – " + f.Title
		options := map[string]any{"isThrough": true, "hidden": true}
		if err := d.create(ctx, Definition{Name: f.Through, Title: title, Options: options}); err != nil {
			if e := invalid(err); e != nil {
				return fault.Fields(map[string]string{"through": e.Msg})
			}
			return err
		}
		through = d.cat.byName[f.Through]
	}
	if through.System {
		return fault.Fields(map[string]string{"through": "Choose a collection of your own, or leave it out."})
	}
	for _, end := range []struct {
		c         *Collection
		name, key string
		at        string
	}{{c, f.ForeignKey, f.SourceKey, "foreignKey"}, {target, f.OtherKey, f.TargetKey, "otherKey"}} {
		if have := through.byName[end.name]; have != nil {
			if have.Column == "" || columnTypes[have.Type] != columnTypes[end.c.named(end.key).keyType()] {
				return fault.Fields(map[string]string{end.at: fmt.Sprintf("Choose a field of the type of “%s” in “%s”.", end.c.named(end.key).Title, through.Title)})
			}
			continue
		}
		holder := d.keyHolder(end.c, end.name, end.key)
		holder.Name, holder.Required, holder.OnDelete = freeName(through, holder.Name), true, "CASCADE"
		if err := d.addField(ctx, through, holder); err != nil {
			return err
		}
	}
	if !made {
		return nil
	}
	return d.tx.Simple(ctx, fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s UNIQUE (%s, %s)", through.from(),
		quote(constraintName("uq", through.Table, "pair")), quote(through.byName[f.ForeignKey].Column), quote(through.byName[f.OtherKey].Column)))
}

// addReverse makes the other side of f, as reverse defines it; nil is none.
func (d *definer) addReverse(ctx context.Context, c *Collection, f *Field, reverse map[string]any) error {
	target := d.cat.byName[f.Target]
	if len(reverse) == 0 || target == nil || target.System {
		return nil
	}
	back := &Field{}
	back.Set(reverse)
	back.Target = c.Name
	switch f.Type {
	case BelongsTo:
		if back.Type != HasOne {
			back.Type = HasMany
		}
		back.ForeignKey, back.SourceKey = f.ForeignKey, f.TargetKey
	case BelongsToMany:
		back.Type, back.Through, back.ForeignKey, back.OtherKey = BelongsToMany, f.Through, f.OtherKey, f.ForeignKey
		back.SourceKey, back.TargetKey = f.TargetKey, f.SourceKey
	case HasOne, HasMany: // made already, where the key is
		return d.renameBack(ctx, c, target, f, back)
	}
	back.Interface = ""
	if back.Name == "" {
		back.Name = freeName(target, c.Name)
	}
	if back.Title == "" {
		back.Title = c.Title
	}
	err := d.addField(ctx, target, back)
	if e := invalid(err); e != nil && len(e.Fields) > 0 {
		problems := map[string]string{}
		for k, v := range e.Fields {
			problems["reverseField."+k] = v
		}
		return fault.Fields(problems)
	}
	return err
}

// renameBack gives the belongsTo that ensureWayBack has made its wished name and
// title.
func (d *definer) renameBack(ctx context.Context, c, target *Collection, f, wish *Field) error {
	for _, back := range target.Fields {
		if back.Type != BelongsTo || back.ForeignKey != f.ForeignKey || back.Target != c.Name {
			continue
		}
		if wish.Name != "" && target.byName[wish.Name] == nil && !badName(wish.Name) {
			if err := d.forget(ctx, target, back.Name); err != nil {
				return err
			}
			column := Snake(back.ForeignKey)
			back.Name = wish.Name
			if wish.Title != "" {
				back.Title = wish.Title
			}
			if err := d.insertField(ctx, target, back, column); err != nil {
				return err
			}
			target.Fields = append(target.Fields, back, keyField(back))
			back.Column = ""
			target.compile()
			d.cat.typeKeys(target)
		}
		return nil
	}
	return nil
}

// DropField deletes a field with its values, and the other side of a relation. It
// is refused with a Conflict when more would be lost than was agreed to.
func (s *Store) DropField(ctx context.Context, a auth.Actor, collection, name string, agreed Agreed) error {
	err := s.define(ctx, a, fmt.Sprintf("Deleted the field “%s” of “%s”.", name, collection), func(d *definer) error {
		c, f, err := d.ownField(collection, name)
		if err != nil {
			return err
		}
		if err := d.agreed(ctx, c, f, agreed); err != nil {
			return err
		}
		if err := d.dropField(ctx, c, f); err != nil {
			return err
		}
		return d.mendViews(ctx)
	})
	if err != nil {
		return fmt.Errorf("drop field %s of %s: %w", short(name), short(collection), err)
	}
	return nil
}

func (d *definer) dropField(ctx context.Context, c *Collection, f *Field) error {
	if err := d.needed(c, f); err != nil {
		return err
	}
	column := f.Column
	if f.Type == BelongsTo {
		column = c.byName[f.ForeignKey].Column
		if err := d.dropOtherSides(ctx, c, f); err != nil {
			return err
		}
	}
	if err := d.forget(ctx, c, f.Name); err != nil {
		return err
	}
	if c.stored == f.Name || f.Type == BelongsTo && c.stored == f.ForeignKey {
		c.stored = ""
		if err := d.save(ctx, c); err != nil {
			return err
		}
	}
	if _, err := d.tx.ExecContext(ctx, queries.Get("delete_counters"), c.Name, f.Name); err != nil {
		return err
	}
	if f.Type == BelongsToMany {
		return d.dropThrough(ctx, f.Through)
	}
	if column == "" || c.view() {
		return nil
	}
	return d.tx.Simple(ctx, fmt.Sprintf("ALTER TABLE %s DROP COLUMN %s", c.from(), quote(column)))
}

// needed refuses to delete a field that others count on.
func (d *definer) needed(c *Collection, f *Field) error {
	if f == c.key {
		return fault.New(fault.Conflict, fmt.Sprintf("“%s” is the primary key of “%s”. It goes only with the collection.", f.Title, c.Title))
	}
	for _, other := range d.cat.list {
		for _, r := range other.Fields {
			if r.Type == BelongsTo && r.Target == c.Name && r.TargetKey == f.Name ||
				other == c && r.IsRelation() && r.Type != BelongsTo && r.SourceKey == f.Name {
				return fault.New(fault.Conflict, fmt.Sprintf("The relation “%s” of “%s” is by this field. Delete that relation first.", r.Title, other.Title))
			}
			if other == c && r.Type == Sort && r.scopeKey() == f.Name {
				return fault.New(fault.Conflict, fmt.Sprintf("“%s” is counted per “%s”. Change that first.", r.Title, f.Title))
			}
		}
	}
	return nil
}

// dropOtherSides deletes the relations that go by the key of the belongsTo f.
func (d *definer) dropOtherSides(ctx context.Context, c *Collection, f *Field) error {
	for _, other := range d.cat.list {
		if other.System {
			continue
		}
		for _, r := range slices.Clone(other.Fields) {
			direct := (r.Type == HasMany || r.Type == HasOne) && r.Target == c.Name && r.ForeignKey == f.ForeignKey
			through := r.Type == BelongsToMany && r.Through == c.Name && (r.ForeignKey == f.ForeignKey || r.OtherKey == f.ForeignKey)
			if direct || through {
				if err := d.forget(ctx, other, r.Name); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// dropThrough deletes a collection of links that we made and that no relation
// uses any more.
func (d *definer) dropThrough(ctx context.Context, name string) error {
	through := d.cat.byName[name]
	if through == nil || through.Options["isThrough"] != true {
		return nil
	}
	for _, c := range d.cat.list {
		for _, f := range c.Fields {
			if f.Type == BelongsToMany && f.Through == name || f.IsRelation() && f.Target == name {
				return nil
			}
		}
	}
	for _, f := range through.Fields { // more than links: somebody uses it as a collection
		if f.Type != BelongsTo && !f.ReadOnly && f.Relation == "" {
			return nil
		}
	}
	return d.dropCollection(ctx, through, true)
}

// DropCollection deletes a collection with all its records; an adopted one is
// only forgotten, unless drop says to delete its table too. It is refused while
// records elsewhere can refer to it, and when more would be lost than was agreed
// to.
func (s *Store) DropCollection(ctx context.Context, a auth.Actor, name string, drop bool, agreed Agreed) error {
	err := s.define(ctx, a, "", func(d *definer) error {
		if err := d.dropNamed(ctx, a, name, drop, agreed); err != nil {
			return err
		}
		return d.mendViews(ctx)
	})
	if err != nil {
		return fmt.Errorf("drop collection %s: %w", short(name), err)
	}
	return nil
}

// DropCollections is DropCollection for several, all or none, and returns how many
// are gone. They may refer to each other. Those that are not there, or went with
// another one, are passed over.
func (s *Store) DropCollections(ctx context.Context, a auth.Actor, names []string, drop bool, agreed Agreed) (gone int, err error) {
	err = s.define(ctx, a, "", func(d *definer) error {
		gone = 0
		for left := names; len(left) > 0; {
			var refused []string
			var why error
			for _, name := range left {
				err := d.dropNamed(ctx, a, name, drop, agreed)
				switch {
				case fault.Is(err, fault.NotFound):
				case fault.Is(err, fault.Conflict): // maybe only until another one is gone
					refused = append(refused, name)
					if why == nil {
						why = fault.OfOne(err, len(names), "Collection", name)
					}
				case err != nil:
					return fault.OfOne(err, len(names), "Collection", name)
				default:
					gone++
				}
			}
			if len(refused) == len(left) {
				return why
			}
			left = refused
		}
		return d.mendViews(ctx)
	})
	if err != nil {
		return 0, fmt.Errorf("drop %d collections: %w", len(names), err)
	}
	return gone, nil
}

func (d *definer) dropNamed(ctx context.Context, a auth.Actor, name string, drop bool, agreed Agreed) error {
	c, err := d.own(name)
	if err != nil {
		return err
	}
	if err := d.agreed(ctx, c, nil, agreed); err != nil {
		return err
	}
	if err := d.dropCollection(ctx, c, drop || !c.Adopted()); err != nil {
		return err
	}
	return a.Note(ctx, d.tx, audit.Collections, d.s.now(), fmt.Sprintf("Deleted the collection “%s”.", name))
}

func (d *definer) dropCollection(ctx context.Context, c *Collection, drop bool) error {
	throughs := map[string]bool{}
	for _, other := range d.cat.list {
		for _, f := range slices.Clone(other.Fields) {
			if other == c || other.System || !f.IsRelation() || f.Target != c.Name && f.Through != c.Name {
				continue
			}
			if f.Type == BelongsTo && drop && other.Options["isThrough"] != true {
				return fault.New(fault.Conflict, fmt.Sprintf("“%s” refers to this collection by its field “%s”. Delete that field first.", other.Title, f.Title))
			}
			if f.Type == BelongsTo {
				continue // links go with their relation, below; an adopted table keeps its key as a plain field
			}
			if f.Type == BelongsToMany {
				throughs[f.Through] = f.Through != c.Name
			}
			if err := d.forget(ctx, other, f.Name); err != nil {
				return err
			}
		}
	}
	for _, f := range c.Fields {
		if f.Type == BelongsToMany {
			throughs[f.Through] = true
		}
	}
	if err := d.release(ctx, c); err != nil {
		return err
	}
	for name, there := range throughs {
		if !there {
			continue
		}
		if err := d.dropThrough(ctx, name); err != nil {
			return err
		}
	}
	if !drop {
		return nil
	}
	what := "TABLE "
	if c.view() {
		what = "VIEW "
	}
	err := d.tx.Simple(ctx, "DROP "+what+c.from())
	if pg.Code(err) == "2BP01" {
		return fault.Wrap(fault.Conflict, "Another table or view of the database builds on this one. Delete that first.", err)
	}
	return err
}

// release removes the definition of c, and turns what refers to it into plain
// fields.
func (d *definer) release(ctx context.Context, c *Collection) error {
	for _, other := range d.cat.list {
		if other == c || other.System || other.Options["isThrough"] == true {
			continue
		}
		for _, f := range slices.Clone(other.Fields) {
			if f.Type != BelongsTo || f.Target != c.Name {
				continue
			}
			key := *other.byName[f.ForeignKey]
			if err := d.forget(ctx, other, f.Name); err != nil {
				return err
			}
			key.Relation, key.Options = "", nil
			if err := d.insertField(ctx, other, &key, key.Column); err != nil {
				return err
			}
			other.Fields = append(other.Fields, &key)
			other.compile()
		}
	}
	if _, err := d.tx.ExecContext(ctx, queries.Get("delete_collection"), c.Name); err != nil {
		return err
	}
	if _, err := d.tx.ExecContext(ctx, queries.Get("delete_counters"), c.Name, ""); err != nil {
		return err
	}
	if _, err := d.tx.ExecContext(ctx, changeQueries.Get("forget_collection"), c.Name); err != nil {
		return err
	}
	delete(d.cat.byName, c.Name)
	d.cat.list = slices.DeleteFunc(d.cat.list, func(o *Collection) bool { return o == c })
	return nil
}
