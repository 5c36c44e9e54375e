package collection

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"alur/engine/auth"
	"alur/engine/node"
)

// Channel is where a process is told that definitions have changed. Whoever
// listens calls [Store.Invalidate]; without it a process notices within a second.
const Channel = "alur_collections"

// checkEvery is how old the knowledge of the catalogue's version may be.
const checkEvery = time.Second

// catalogue is all collections at one version. It is never changed.
type catalogue struct {
	version int64
	list    []*Collection // user collections in their order, then system ones
	byName  map[string]*Collection
}

type cache struct {
	mu      sync.Mutex
	current *catalogue
	checked time.Time
}

// Invalidate forgets the catalogue, so that the next call reads it again.
func (s *Store) Invalidate() {
	s.cache.mu.Lock()
	defer s.cache.mu.Unlock()
	s.cache.current = nil
}

func (s *Store) catalogue(ctx context.Context) (*catalogue, error) {
	s.cache.mu.Lock()
	defer s.cache.mu.Unlock()
	now := s.now()
	if c := s.cache.current; c != nil {
		if age := now.Sub(s.cache.checked); age >= 0 && age < checkEvery {
			return c, nil
		}
		var version int64
		if err := s.db.Side().GetContext(ctx, &version, queries.Get("version")); err != nil {
			return nil, fmt.Errorf("read the catalogue's version: %w", err)
		}
		if version == c.version {
			s.cache.checked = now
			return c, nil
		}
	}
	c, err := s.load(ctx)
	if err != nil {
		return nil, err
	}
	s.cache.current, s.cache.checked = c, now
	return c, nil
}

type storedCollection struct {
	Name, Title, Table, TitleField string
	Options                        map[string]any
	Fields                         []storedField
}

type storedField struct {
	Name, Type, Interface, Title, Column string
	Options                              map[string]any
}

// load reads over the side pool, so that a transaction that holds the last
// connection can still learn what a collection is.
func (s *Store) load(ctx context.Context) (*catalogue, error) {
	var row struct {
		Version     int64           `db:"version"`
		Collections json.RawMessage `db:"collections"`
	}
	if err := s.db.Side().GetContext(ctx, &row, queries.Get("catalogue")); err != nil {
		return nil, fmt.Errorf("read the catalogue: %w", err)
	}
	var stored []storedCollection
	if err := json.Unmarshal(row.Collections, &stored); err != nil {
		return nil, fmt.Errorf("read the catalogue: %w", err)
	}
	cat := &catalogue{version: row.Version, byName: map[string]*Collection{}}
	for _, sc := range stored {
		cat.list = append(cat.list, sc.collection())
	}
	cat.list = append(cat.list, systemCollections()...)
	for _, c := range cat.list {
		c.compile()
		cat.byName[c.Name] = c
	}
	for _, c := range cat.list {
		cat.typeKeys(c)
	}
	return cat, nil
}

// typeKeys gives the keys of c's relations the types of what they refer to.
func (cat *catalogue) typeKeys(c *Collection) {
	for _, f := range c.Fields {
		if f.Type != BelongsTo || c.byName[f.ForeignKey] == nil || c.byName[f.ForeignKey].Relation != f.Name {
			continue
		}
		if target := cat.byName[f.Target]; target != nil && target.named(f.TargetKey) != nil {
			c.byName[f.ForeignKey].Type = target.named(f.TargetKey).keyType()
		}
	}
}

func (sc storedCollection) collection() *Collection {
	c := &Collection{Name: sc.Name, Title: sc.Title, Schema: "public", Table: sc.Table, stored: sc.TitleField, Options: sc.Options, Right: auth.UseRecords}
	if c.ownKey(sc.Fields) {
		c.Fields = append(c.Fields, idField())
	}
	for _, sf := range sc.Fields {
		f := &Field{}
		f.Set(sf.Options)
		f.Name, f.Type, f.Interface, f.Title, f.Column = sf.Name, sf.Type, sf.Interface, sf.Title, sf.Column
		f.setRules()
		f.ReadOnly = c.Adopted() && f.Type == Datetime && f.Interface == f.Name // createdAt, updatedAt
		c.Fields = append(c.Fields, f)
		if f.Type == BelongsTo {
			c.Fields = append(c.Fields, keyField(f))
			f.Column = ""
		}
	}
	c.Fields = append(c.Fields, c.stampFields()...)
	return c
}

// ownKey reports whether c has the id that collections have as a rule: not when
// one of its fields is the primary key, and not when it was adopted.
func (c *Collection) ownKey(fields []storedField) bool {
	return !c.Adopted() && !slices.ContainsFunc(fields, func(f storedField) bool { return f.Options["primaryKey"] == true })
}

// Adopted reports whether c's table was there before it, and stays when c goes.
func (c *Collection) Adopted() bool { return c.Options["adopted"] == true }

// view reports whether c reads a view of the database.
func (c *Collection) view() bool { return c.Options["view"] == true }

// keyField is the foreign key of the belongsTo f: a field of its own, as in
// productId beside product.
func keyField(f *Field) *Field {
	return &Field{
		Name: f.ForeignKey, Type: BigInt, Interface: "integer", Title: f.Title + " (id)", Column: f.Column,
		Required: f.Required, Unique: f.Unique, Relation: f.Name, Default: f.Default,
	}
}

// Collections returns all collections: user collections first.
func (s *Store) Collections(ctx context.Context) ([]*Collection, error) {
	cat, err := s.catalogue(ctx)
	if err != nil {
		return nil, err
	}
	return slices.Clone(cat.list), nil
}

// Collection returns the collection called name. Do not change it.
func (s *Store) Collection(ctx context.Context, name string) (*Collection, error) {
	cat, err := s.catalogue(ctx)
	if err != nil {
		return nil, err
	}
	c := cat.byName[name]
	if c == nil {
		return nil, missing(name)
	}
	return c, nil
}

var _ node.Catalogue = (*Store)(nil)

// Fields describes a record of collection for variable pickers and checks
// ([node.Catalogue]). What a record has no value for is not there.
func (s *Store) Fields(collection string) ([]node.Variable, bool) {
	c, err := s.Collection(context.Background(), collection)
	if err != nil {
		return nil, false
	}
	var vars []node.Variable
	for _, f := range c.Fields {
		if f.Hidden || f.virtual() {
			continue
		}
		vars = append(vars, node.Variable{
			Path: f.Name, Title: f.Title, Type: f.Type, Target: f.Target, Many: f.ToMany(),
		})
	}
	return vars, true
}
