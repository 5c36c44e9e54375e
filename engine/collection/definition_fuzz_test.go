package collection_test

import (
	"encoding/json"
	"testing"

	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/pg"
)

// FuzzDefinition makes collections of what a stranger may send (S14): each is made
// or refused in words, and nothing happens to other tables.
func FuzzDefinition(f *testing.F) {
	for _, seed := range []string{
		`{"name": "a", "fields": [{"name": "b", "type": "string", "defaultValue": "'; DROP TABLE canary; --"}]}`,
		`{"name": "canary"}`, `{"name": "a\"; DROP TABLE canary; --"}`, `{"name": "pg_class"}`, `{"name": "users"}`, `{"name": "A1", "title": "\u0000"}`,
		`{"name": "a", "fields": [{"name": "x", "type": "belongsTo", "target": "canary", "foreignKey": "id"}]}`,
		`{"name": "a", "fields": [{"name": "id", "type": "uuid", "primaryKey": true}, {"name": "r", "type": "belongsToMany", "target": "a", "through": "t"}]}`,
		`{"name": "a", "autoGenId": false, "createdAt": false, "fields": [{"name": "n", "type": "sequence", "patterns": [{"type": "integer", "options": {"digits": 99}}]}]}`,
		`{"name": "a", "sortable": {"name": "s", "scopeKey": "x"}, "fields": [{"name": "x", "type": "decimal", "precision": 2000, "scale": -1}]}`,
		`{"name": "a", "options": {"adopted": true}, "adopted": true, "view": true, "fields": [{"name": "v", "type": "virtual"}]}`,
		`{"name": "a", "fields": [{"name": "f", "type": "formula", "expression": "{{f}}"}, {"name": "g", "type": "set", "unique": true}]}`,
		`{"name": "a", "fields": [{"name": "p", "type": "string", "validation": {"pattern": "(?=x)"}}, {"name": "d", "type": "json", "defaultValue": {"a": "\\"}}]}`,
	} {
		f.Add(seed)
	}
	s := newStore(f)
	for _, sql := range []string{"CREATE TABLE public.canary (id int PRIMARY KEY, note text)", "INSERT INTO public.canary VALUES (1, 'sings')"} {
		if _, err := s.db.ExecContext(f.Context(), sql); err != nil {
			f.Fatal(err)
		}
	}
	tables := func(t *testing.T) (list string) {
		t.Helper()
		const query = `SELECT (SELECT note FROM public.canary) || ' ' || string_agg(table_schema || '.' || table_name, ' ' ORDER BY 1)
			FROM information_schema.tables WHERE table_schema NOT IN ('pg_catalog', 'information_schema')`
		if err := s.db.GetContext(t.Context(), &list, query); err != nil {
			t.Fatalf("the canary does not sing: %v", err)
		}
		return list
	}
	f.Fuzz(func(t *testing.T, definition string) {
		var d collection.Definition
		if json.Unmarshal([]byte(definition), &d) != nil {
			return
		}
		before := tables(t)
		c, err := s.store.CreateCollection(t.Context(), admin, d)
		if err != nil {
			if k := fault.Of(err); k != fault.Invalid && k != fault.Conflict && k != fault.Forbidden {
				t.Errorf("refused with %v", err)
			}
		} else {
			_ = s.store.Write(t.Context(), c.Name, func(tx *pg.Tx) error {
				_, err := s.store.Create(t.Context(), tx, s.a, c.Name, collection.Record{}, nil)
				return err
			})
			if err := s.store.DropCollection(t.Context(), admin, c.Name, false, collection.All); err != nil {
				t.Errorf("drop: %v", err)
			}
		}
		if after := tables(t); after != before {
			t.Errorf("the tables are %s, were %s", after, before)
		}
	})
}
