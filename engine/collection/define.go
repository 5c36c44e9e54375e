package collection

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"alur/engine/audit"
	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/pg"
)

// definer changes definitions and tables in one transaction. Its catalogue is
// its own and follows what it does.
type definer struct {
	s   *Store
	tx  *pg.Tx // nil when nothing is to be changed
	q   pg.Q   // tx, when there is one
	cat *catalogue
}

// define runs fn alone, and notes what was done: definitions change one after the
// other. Everything, the
// tables too, is undone when fn fails.
func (s *Store) define(ctx context.Context, a auth.Actor, did string, fn func(*definer) error) error {
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
		if err := fn(&definer{s: s, tx: tx, q: tx, cat: cat}); err != nil {
			return err
		}
		if did != "" {
			if err := a.Note(ctx, tx, audit.Collections, s.now(), did); err != nil {
				return err
			}
		}
		return tx.Simple(ctx, "NOTIFY "+Channel)
	})
	s.Invalidate()
	switch pg.Code(err) {
	case "22021", "22P05":
		return fault.Wrap(fault.Invalid, "Remove the characters that are not text.", err)
	case "55P03":
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
	err := s.define(ctx, a, fmt.Sprintf("Made the collection “%s”.", d.Name), func(def *definer) error { return def.create(ctx, d) })
	if err != nil {
		return nil, fmt.Errorf("create collection %s: %w", short(d.Name), err)
	}
	return s.Collection(ctx, d.Name)
}

func (d *definer) create(ctx context.Context, def Definition) error {
	for _, name := range ours {
		delete(def.Options, name)
	}
	c := &Collection{Name: def.Name, Title: def.Title, Schema: "public", Table: Snake(def.Name), Options: def.Options, Right: auth.UseRecords}
	key := def.primaryKey()
	if key == nil {
		c.Fields = append(c.Fields, idField())
	}
	c.Fields = append(c.Fields, c.stampFields()...)
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
	err = d.tx.Simple(ctx, d.tableSQL(c))
	switch {
	case pg.Code(err) == "42P07":
		return problem("name", "The database has a table of this name already. Choose a different one.", err)
	case err != nil:
		return err
	}
	if err := d.indexStamps(ctx, c); err != nil {
		return err
	}
	d.cat.list = append(d.cat.list, c)
	d.cat.byName[c.Name] = c
	if key != nil {
		if err := d.addField(ctx, c, key); err != nil {
			return inFields(key.Name, err)
		}
	}
	problems := map[string]string{}
	for i := range def.Fields {
		f := def.Fields[i]
		if c.byName[f.Name] != nil && (c.byName[f.Name].ReadOnly || key != nil && f.Name == key.Name) || f.Options["isForeignKey"] == true {
			continue // clients list what every collection has, and keys of relations
		}
		err := d.addField(ctx, c, &f)
		if e := invalid(err); e != nil && e.Err == nil {
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
	if err := d.addSort(ctx, c); err != nil {
		return err
	}
	return d.setTitleField(ctx, c, def.TitleField)
}

// inFields says that err is about the field called name.
func inFields(name string, err error) error {
	e := invalid(err)
	if e == nil {
		return err
	}
	problems := map[string]string{}
	for k, v := range e.Fields {
		problems["fields."+name+"."+k] = v
	}
	return fault.Fields(problems)
}

// invalid is err when it tells of problems beside fields, else nil.
func invalid(err error) *fault.Error {
	if e, ok := errors.AsType[*fault.Error](err); ok && len(e.Fields) > 0 {
		return e
	}
	return nil
}

// primaryKey is the field that takes the place of our id; nil when none does.
// An integer called id is what we make anyway.
func (def *Definition) primaryKey() *Field {
	for i := range def.Fields {
		f := def.Fields[i]
		if f.Options["primaryKey"] != true || f.IsRelation() {
			continue
		}
		f.alias()
		if f.Name == "id" && (f.Base() == BigInt || f.Base() == Integer) {
			return nil
		}
		f.Required = true
		return &f
	}
	return nil
}

// tableSQL makes the table of c with what it has so far.
func (d *definer) tableSQL(c *Collection) string {
	columns := []string{}
	for _, f := range c.own {
		switch {
		case f == c.key:
			columns = append(columns, quote(f.Column)+" bigint PRIMARY KEY")
		case f.Type == Datetime:
			columns = append(columns, quote(f.Column)+" timestamptz(3) NOT NULL DEFAULT now()")
		default: // a person
			columns = append(columns, fmt.Sprintf("%s bigint CONSTRAINT %s REFERENCES alur.users",
				quote(f.Column), quote(constraintName("fk", c.Table, f.Column))))
		}
	}
	return fmt.Sprintf("CREATE TABLE %s (%s) WITH (fillfactor = 85)", c.from(), strings.Join(columns, ", "))
}

// addStamps makes the columns that the options of c ask for and that are not
// there yet.
func (d *definer) addStamps(ctx context.Context, c *Collection) error {
	for _, f := range c.stampFields() {
		if f.Column == "" || c.byName[f.Name] != nil {
			continue
		}
		typ := "bigint REFERENCES alur.users"
		if f.Type == Datetime {
			typ = "timestamptz(3) NOT NULL DEFAULT now()"
		}
		if err := d.tx.Simple(ctx, fmt.Sprintf("ALTER TABLE %s ADD COLUMN IF NOT EXISTS %s %s", c.from(), quote(f.Column), typ)); err != nil {
			return err
		}
	}
	return nil
}

// SetFields makes the fields of a collection those that are given: it adds and
// changes, and drops what is not among them. What every collection has, and the
// keys of relations, may be left out. A change of a type that would lose values
// is refused.
func (s *Store) SetFields(ctx context.Context, a auth.Actor, collection string, list []Field) (*Collection, error) {
	err := s.define(ctx, a, fmt.Sprintf("Set the fields of “%s”.", collection), func(d *definer) error {
		c, err := d.own(collection)
		if err != nil {
			return err
		}
		given := map[string]bool{}
		for i := range list {
			f := list[i]
			old := c.byName[f.Name]
			if given[f.Name] = true; f.Options["isForeignKey"] == true || old != nil && (old.ReadOnly || old.Relation != "") {
				continue
			}
			if old == nil {
				err = d.addField(ctx, c, &f)
			} else {
				err = d.updateField(ctx, c, old, f.Options, 0)
			}
			if err != nil {
				return inFields(f.Name, err)
			}
		}
		for _, f := range slices.Clone(c.Fields) {
			if given[f.Name] || f.ReadOnly || f.Relation != "" || f == c.key || c.byName[f.Name] == nil {
				continue
			}
			if err := d.dropField(ctx, c, f); err != nil {
				return err
			}
		}
		return d.mendViews(ctx)
	})
	if err != nil {
		return nil, fmt.Errorf("set the fields of %s: %w", short(collection), err)
	}
	return s.Collection(ctx, collection)
}

// addSort gives a collection with the option sortable the field that its records
// are arranged by.
func (d *definer) addSort(ctx context.Context, c *Collection) error {
	name, _ := c.Options["sortable"].(string)
	options, _ := c.Options["sortable"].(map[string]any)
	switch {
	case options != nil:
		if name, _ = options["name"].(string); name == "" {
			name = "sort"
		}
	case c.Options["sortable"] == true:
		name = "sort"
	}
	if name == "" || c.byName[name] != nil {
		return nil
	}
	f := &Field{Name: name, Type: Sort, Title: "Order", Options: map[string]any{"hidden": true}}
	if key, ok := options["scopeKey"].(string); ok {
		f.Options["scopeKey"] = key
	}
	delete(f.Options, "hidden")
	return d.addField(ctx, c, f)
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
	err := s.define(ctx, a, fmt.Sprintf("Changed the collection “%s”.", name), func(d *definer) error {
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
				if !slices.Contains(ours, k) {
					c.Options[k] = v
				}
			}
		}
		if c.Title == "" {
			return fault.Fields(map[string]string{"title": "Write a title."})
		}
		if err := d.addStamps(ctx, c); err != nil {
			return err
		}
		if err := d.addSort(ctx, c); err != nil {
			return err
		}
		return d.setTitleField(ctx, c, titleField)
	})
	if err != nil {
		return nil, fmt.Errorf("update collection %s: %w", short(name), err)
	}
	return s.Collection(ctx, name)
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
	err := s.define(ctx, a, fmt.Sprintf("Added the field “%s” to “%s”.", f.Name, collection), func(d *definer) error {
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
// name stays, and so do the ends of a relation. A change of the type that would
// lose more values than was agreed to is refused.
func (s *Store) UpdateField(ctx context.Context, a auth.Actor, collection, name string, changes map[string]any, agreed Agreed) (*Field, error) {
	err := s.define(ctx, a, fmt.Sprintf("Changed the field “%s” of “%s”.", name, collection), func(d *definer) error {
		c, old, err := d.ownField(collection, name)
		if err != nil {
			return err
		}
		return d.updateField(ctx, c, old, changes, agreed)
	})
	if err != nil {
		return nil, fmt.Errorf("update field %s of %s: %w", short(name), short(collection), err)
	}
	return s.field(ctx, collection, name)
}

func (d *definer) updateField(ctx context.Context, c *Collection, old *Field, changes map[string]any, agreed Agreed) error {
	f := old.changed(changes)
	if p := d.checkOptions(c, f); len(p) > 0 {
		return fault.Fields(p)
	}
	options, err := json.Marshal(f.options())
	if err != nil {
		return err
	}
	if _, err := d.tx.ExecContext(ctx, queries.Get("update_field"), c.Name, old.Name, f.Type, f.Interface, f.Title, string(options)); err != nil {
		return err
	}
	if err := d.alterColumn(ctx, c, old, f, agreed); err != nil || !f.otherFormula(old) {
		return err
	}
	return d.askFormulas(ctx, c)
}

func randomName(prefix string) string {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	b := []byte(prefix)
	for range 11 {
		b = append(b, letters[rand.IntN(len(letters))])
	}
	return string(b)
}
