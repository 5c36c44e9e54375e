package collection

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/pg"
)

// definer changes definitions and tables in one transaction. Its catalogue is
// its own and follows what it does.
type definer struct {
	s   *Store
	tx  *pg.Tx
	cat *catalogue
}

// define runs fn alone: definitions change one after the other. Everything, the
// tables too, is undone when fn fails.
func (s *Store) define(ctx context.Context, a auth.Actor, fn func(*definer) error) error {
	if err := a.Require(auth.ManageCollections); err != nil {
		return err
	}
	err := s.db.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		// A table in use must not make everybody else wait behind us.
		if err := tx.Simple(ctx, "SET LOCAL lock_timeout = '5s'"); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, queries.Get("bump")); err != nil {
			return err
		}
		cat, err := s.load(ctx)
		if err != nil {
			return err
		}
		if err := fn(&definer{s: s, tx: tx, cat: cat}); err != nil {
			return err
		}
		return tx.Simple(ctx, "NOTIFY "+Channel)
	})
	s.Invalidate()
	if pg.Code(err) == "55P03" {
		return fault.Wrap(fault.Overloaded, "This collection is in use right now. Try again in a moment.", err)
	}
	return err
}

// CreateCollection makes a collection and its table. Without a name it gets one.
func (s *Store) CreateCollection(ctx context.Context, a auth.Actor, d Definition) (*Collection, error) {
	if d.Name == "" {
		d.Name = randomName("t_")
	}
	if d.Title == "" {
		d.Title = d.Name
	}
	err := s.define(ctx, a, func(def *definer) error { return def.create(ctx, d) })
	if err != nil {
		return nil, fmt.Errorf("create collection %s: %w", short(d.Name), err)
	}
	return s.Collection(ctx, d.Name)
}

func (d *definer) create(ctx context.Context, def Definition) error {
	c := &Collection{Name: def.Name, Title: def.Title, Schema: "public", Table: Snake(def.Name), Options: def.Options, Right: auth.UseRecords}
	c.Fields = append([]*Field{idField()}, stampFields()...)
	c.compile()
	if p := d.checkCollection(c); len(p) > 0 {
		return fault.Fields(p)
	}
	options, err := json.Marshal(orEmpty(c.Options))
	if err != nil {
		return err
	}
	now := d.s.now().UTC()
	if _, err := d.tx.ExecContext(ctx, queries.Get("insert_collection"), c.Name, c.Title, c.Table, "", string(options), now); err != nil {
		return err
	}
	err = d.tx.Simple(ctx, fmt.Sprintf(`CREATE TABLE %s (
		id bigint PRIMARY KEY,
		created_at timestamptz(3) NOT NULL DEFAULT now(),
		created_by_id bigint CONSTRAINT %s REFERENCES alur.users,
		updated_at timestamptz(3) NOT NULL DEFAULT now(),
		updated_by_id bigint CONSTRAINT %s REFERENCES alur.users) WITH (fillfactor = 85)`, c.from(),
		quote(constraintName("fk", c.Table, "created_by_id")), quote(constraintName("fk", c.Table, "updated_by_id"))))
	switch {
	case pg.Code(err) == "42P07":
		return problem("name", "The database has a table of this name already. Choose a different one.", err)
	case err != nil:
		return err
	}
	d.cat.list = append(d.cat.list, c)
	d.cat.byName[c.Name] = c
	problems := map[string]string{}
	for i := range def.Fields {
		f := def.Fields[i]
		if c.byName[f.Name] != nil && c.byName[f.Name].ReadOnly || f.Options["isForeignKey"] == true {
			continue // clients list what every collection has, and keys of relations
		}
		err := d.addField(ctx, c, &f)
		if e, ok := errors.AsType[*fault.Error](err); ok && len(e.Fields) > 0 && e.Err == nil {
			for k, v := range e.Fields {
				problems["fields."+f.Name+"."+k] = v
			}
			continue
		}
		if err != nil {
			return err
		}
	}
	if err := fault.Fields(problems); err != nil {
		return err
	}
	return d.setTitleField(ctx, c, def.TitleField)
}

func orEmpty(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}

func (d *definer) setTitleField(ctx context.Context, c *Collection, name string) error {
	if name != "" && (c.Field(name) == nil || c.Field(name).Column == "") {
		return fault.Fields(map[string]string{"titleField": "Choose one of the collection's own fields."})
	}
	c.stored = name
	return d.save(ctx, c)
}

func (d *definer) save(ctx context.Context, c *Collection) error {
	options, err := json.Marshal(orEmpty(c.Options))
	if err != nil {
		return err
	}
	_, err = d.tx.ExecContext(ctx, queries.Get("update_collection"), c.Name, c.Title, c.stored, string(options), d.s.now().UTC())
	return err
}

// UpdateCollection changes title, titleField and options; other keys of changes
// are kept as options. The name stays.
func (s *Store) UpdateCollection(ctx context.Context, a auth.Actor, name string, changes map[string]any) (*Collection, error) {
	err := s.define(ctx, a, func(d *definer) error {
		c, err := d.own(name)
		if err != nil {
			return err
		}
		c.Options = orEmpty(c.Options)
		titleField := c.stored
		for k, v := range changes {
			switch k {
			case "title":
				c.Title, _ = v.(string)
			case "titleField":
				titleField, _ = v.(string)
			case "name", "fields":
			default:
				c.Options[k] = v
			}
		}
		if c.Title == "" {
			return fault.Fields(map[string]string{"title": "Write a title."})
		}
		return d.setTitleField(ctx, c, titleField)
	})
	if err != nil {
		return nil, fmt.Errorf("update collection %s: %w", short(name), err)
	}
	return s.Collection(ctx, name)
}

// DropCollection deletes a collection with all its records. It is refused while
// records elsewhere can refer to it.
func (s *Store) DropCollection(ctx context.Context, a auth.Actor, name string) error {
	err := s.define(ctx, a, func(d *definer) error {
		c, err := d.own(name)
		if err != nil {
			return err
		}
		for _, other := range d.cat.list {
			for _, f := range other.Fields {
				if f.Target != name || other == c {
					continue
				}
				if f.Type == BelongsTo {
					return fault.New(fault.Conflict, fmt.Sprintf("“%s” refers to this collection by its field “%s”. Delete that field first.", other.Title, f.Title))
				}
				if _, err := d.tx.ExecContext(ctx, queries.Get("delete_field"), other.Name, f.Name); err != nil {
					return err
				}
			}
		}
		if _, err := d.tx.ExecContext(ctx, queries.Get("delete_collection"), name); err != nil {
			return err
		}
		return d.tx.Simple(ctx, "DROP TABLE "+c.from())
	})
	if err != nil {
		return fmt.Errorf("drop collection %s: %w", short(name), err)
	}
	return nil
}

// own returns a collection that people may change.
func (d *definer) own(name string) (*Collection, error) {
	c := d.cat.byName[name]
	switch {
	case c == nil:
		return nil, missing(name)
	case c.System:
		return nil, fault.New(fault.Forbidden, fmt.Sprintf("“%s” belongs to the system and cannot be changed.", c.Title))
	}
	return c, nil
}

// AddField adds a field to a collection. Without a name it gets one. A hasMany
// whose target has no way back makes that belongsTo too.
func (s *Store) AddField(ctx context.Context, a auth.Actor, collection string, f Field) (*Field, error) {
	if f.Name == "" {
		f.Name = randomName("f_")
	}
	err := s.define(ctx, a, func(d *definer) error {
		c, err := d.own(collection)
		if err != nil {
			return err
		}
		field := f
		return d.addField(ctx, c, &field)
	})
	if err != nil {
		return nil, fmt.Errorf("add field %s to %s: %w", short(f.Name), short(collection), err)
	}
	return s.field(ctx, collection, f.Name)
}

func (s *Store) field(ctx context.Context, collection, name string) (*Field, error) {
	c, err := s.Collection(ctx, collection)
	if err != nil {
		return nil, err
	}
	return c.Field(name), nil
}

func (d *definer) addField(ctx context.Context, c *Collection, f *Field) error {
	f.alias()
	if f.Title == "" {
		f.Title = f.Name
	}
	if f.Type == BelongsTo && f.ForeignKey == "" {
		f.ForeignKey = f.Name + "Id"
	}
	if f.Type == HasMany && f.ForeignKey == "" {
		f.ForeignKey = d.wayBack(c, f)
	}
	if p := d.checkField(c, f); len(p) > 0 {
		return fault.Fields(p)
	}
	column := ""
	switch f.Type {
	case BelongsTo:
		column = Snake(f.ForeignKey)
	case HasMany:
		if err := d.ensureWayBack(ctx, c, f); err != nil {
			return err
		}
	default:
		column = Snake(f.Name)
	}
	options, err := json.Marshal(f.options())
	if err != nil {
		return err
	}
	if _, err := d.tx.ExecContext(ctx, queries.Get("insert_field"), c.Name, f.Name, f.Type, f.Interface, f.Title, column, string(options)); err != nil {
		return err
	}
	f.Column = column
	if column != "" {
		if err := d.addColumn(ctx, c, f); err != nil {
			return err
		}
	}
	c.Fields = append(c.Fields, f)
	if f.Type == BelongsTo {
		c.Fields = append(c.Fields, keyField(f))
		f.Column = ""
	}
	c.compile()
	return nil
}

// wayBack finds the key by which the target of a hasMany belongs to c already,
// or makes a name for it.
func (d *definer) wayBack(c *Collection, f *Field) string {
	if target := d.cat.byName[f.Target]; target != nil {
		for _, back := range target.Fields {
			if back.Type == BelongsTo && back.Target == c.Name {
				return back.ForeignKey
			}
		}
	}
	return c.Name + "Id"
}

// ensureWayBack makes the belongsTo that a hasMany needs in its target.
func (d *definer) ensureWayBack(ctx context.Context, c *Collection, f *Field) error {
	target := d.cat.byName[f.Target]
	if key := target.byName[f.ForeignKey]; key != nil {
		if key.Column == "" || key.Type != BigInt {
			return fault.Fields(map[string]string{"foreignKey": "Choose a field that holds ids."})
		}
		return nil
	}
	if target.System {
		return fault.Fields(map[string]string{"target": "Choose a collection of your own, or one that refers to this one already."})
	}
	name := c.Name
	if n := len(f.ForeignKey) - len("Id"); n > 0 && f.ForeignKey[n:] == "Id" {
		name = f.ForeignKey[:n]
	}
	return d.addField(ctx, target, &Field{Name: name, Type: BelongsTo, Title: c.Title, Target: c.Name, ForeignKey: f.ForeignKey})
}

// DropField deletes a field with its values, and the other side of a relation.
func (s *Store) DropField(ctx context.Context, a auth.Actor, collection, name string) error {
	err := s.define(ctx, a, func(d *definer) error {
		c, f, err := d.ownField(collection, name)
		if err != nil {
			return err
		}
		column := f.Column
		if f.Type == BelongsTo {
			column = c.byName[f.ForeignKey].Column
			if err := d.dropOtherSides(ctx, c, f); err != nil {
				return err
			}
		}
		if _, err := d.tx.ExecContext(ctx, queries.Get("delete_field"), collection, name); err != nil {
			return err
		}
		if c.stored == name || c.stored == f.ForeignKey && f.Type == BelongsTo {
			c.stored = ""
			if err := d.save(ctx, c); err != nil {
				return err
			}
		}
		if column == "" {
			return nil
		}
		return d.tx.Simple(ctx, fmt.Sprintf("ALTER TABLE %s DROP COLUMN %s", c.from(), quote(column)))
	})
	if err != nil {
		return fmt.Errorf("drop field %s of %s: %w", short(name), short(collection), err)
	}
	return nil
}

// dropOtherSides deletes the hasMany fields that show the belongsTo f from its
// target.
func (d *definer) dropOtherSides(ctx context.Context, c *Collection, f *Field) error {
	target := d.cat.byName[f.Target]
	if target == nil || target.System {
		return nil
	}
	for _, other := range target.Fields {
		if other.Type == HasMany && other.Target == c.Name && other.ForeignKey == f.ForeignKey {
			if _, err := d.tx.ExecContext(ctx, queries.Get("delete_field"), target.Name, other.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

// ownField returns a field that people may change.
func (d *definer) ownField(collection, name string) (*Collection, *Field, error) {
	c, err := d.own(collection)
	if err != nil {
		return nil, nil, err
	}
	f := c.Field(name)
	switch {
	case f == nil:
		return nil, nil, fault.New(fault.NotFound, fmt.Sprintf("“%s” has no field called “%s”.", c.Title, short(name)))
	case f.ReadOnly:
		return nil, nil, fault.New(fault.Forbidden, fmt.Sprintf("Every collection has “%s”; it cannot be changed.", f.Title))
	case f.Relation != "":
		return nil, nil, fault.New(fault.Forbidden, fmt.Sprintf("“%s” belongs to the relation “%s”. Change that.", f.Name, f.Relation))
	}
	return c, f, nil
}

// UpdateField changes a field; keys that are not in changes stay as they are. The
// name stays, and so does the target of a relation.
func (s *Store) UpdateField(ctx context.Context, a auth.Actor, collection, name string, changes map[string]any) (*Field, error) {
	err := s.define(ctx, a, func(d *definer) error {
		c, old, err := d.ownField(collection, name)
		if err != nil {
			return err
		}
		f := *old
		f.Options = maps.Clone(old.Options)
		f.Enum = slices.Clone(old.Enum)
		changes = maps.Clone(changes)
		for _, fixed := range []string{"name", "target", "foreignKey"} {
			delete(changes, fixed)
		}
		if t, ok := changes["type"].(string); ok && t != f.Type && changes["interface"] == nil {
			f.Interface = ""
		}
		f.Set(changes)
		if f.Title == "" {
			f.Title = f.Name
		}
		if p := d.checkOptions(&f); len(p) > 0 {
			return fault.Fields(p)
		}
		options, err := json.Marshal(f.options())
		if err != nil {
			return err
		}
		if _, err := d.tx.ExecContext(ctx, queries.Get("update_field"), collection, name, f.Type, f.Interface, f.Title, string(options)); err != nil {
			return err
		}
		return d.alterColumn(ctx, c, old, &f)
	})
	if err != nil {
		return nil, fmt.Errorf("update field %s of %s: %w", short(name), short(collection), err)
	}
	return s.field(ctx, collection, name)
}

func randomName(prefix string) string {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	b := []byte(prefix)
	for range 11 {
		b = append(b, letters[rand.IntN(len(letters))])
	}
	return string(b)
}
