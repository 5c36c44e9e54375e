package collection_test

import (
	"strings"
	"testing"
	"time"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/pg"
	"alur/engine/pgtest"
)

// many makes n products called p1, p2, … of stock 0.
func (s *shop) many(n int) {
	s.t.Helper()
	const fill = `INSERT INTO public.products (id, name, stock, updated_at) SELECT i, 'p' || i, 0, now() FROM generate_series(1, $1) i`
	if _, err := s.db.ExecContext(s.t.Context(), fill, n); err != nil {
		s.t.Fatal(err)
	}
}

// TestUpdateMany: a change of many is told in parts, and means the same as in one.
func TestUpdateMany(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.many(1201)
	few := map[string]any{"stock": 0.0}
	change := func(bulk bool, filter any, values collection.Record) (n int, err error) {
		t.Helper()
		s.told, s.calls = nil, 0
		err = s.write(func(tx *pg.Tx) (err error) {
			if bulk {
				n, err = s.store.UpdateBulk(t.Context(), tx, s.a, "products", filter, values)
			} else {
				n, err = s.store.UpdateMany(t.Context(), tx, s.a, "products", filter, values)
			}
			return err
		})
		return n, err
	}
	// What is changed would not meet the filter any more.
	if n, err := change(false, few, collection.Record{"stock": 1.0}); n != 1201 || err != nil || len(s.told) != 1201 || s.calls != 3 {
		t.Errorf("changed %d (%v), told of %d in %d parts; want 1201 in 3", n, err, len(s.told), s.calls)
	}
	if s.told[600].Bulk || s.told[600].Nested || s.told[600].Before["stock"] != 0.0 || s.told[600].After["name"] != "p601" {
		t.Errorf("told %s", asJSON(s.told[600]))
	}
	if n, err := change(false, few, collection.Record{"stock": 1.0}); n != 0 || err != nil || s.calls != 0 {
		t.Errorf("none of them: %d (%v), told %d times", n, err, s.calls)
	}
	if _, err := change(false, few, collection.Record{"stock": "many"}); fields(err)["stock"] == "" {
		t.Errorf("none of them, by values that do not fit: %v", err)
	}
	if _, err := change(false, map[string]any{}, collection.Record{"stock": 1.0}); !fault.Is(err, fault.Invalid) {
		t.Errorf("no condition: %v", err)
	}
	if n, err := change(true, map[string]any{"stock": 1.0}, collection.Record{"stock": 2.0}); n != 1201 || err != nil || s.calls != 0 {
		t.Errorf("in bulk, when nobody listens: %d (%v), told %d times", n, err, s.calls)
	}
	s.bulk = map[string]bool{"products": true}
	if n, err := change(true, map[string]any{"stock": 2.0}, collection.Record{"stock": 3.0}); n != 1201 || err != nil || len(s.told) != 1201 || s.calls != 3 || !s.told[0].Bulk {
		t.Errorf("in bulk: %d (%v), told of %d in %d parts", n, err, len(s.told), s.calls)
	}
	s.long = true
	if n, err := change(true, map[string]any{"stock": 3.0}, collection.Record{"stock": 2.0}); n != 1201 || err != nil || len(s.told) != 1201 || s.calls != 1 {
		t.Errorf("by a listener that acts at once: %d (%v), told of %d in %d parts; want 1201 in 1", n, err, len(s.told), s.calls)
	}
	if n, err := change(false, map[string]any{"stock": 2.0}, collection.Record{"stock": 3.0}); n != 1201 || err != nil || s.calls != 1 {
		t.Errorf("one by one, by a listener that acts at once: %d (%v), told %d times", n, err, s.calls)
	}
	s.long = false
	// The histories of what nobody listens to are kept in parts too.
	s.bulk = nil
	s.keepHistory("products")
	if n, err := change(true, map[string]any{"stock": 3.0}, collection.Record{"stock": 4.0}); n != 1201 || err != nil || s.calls != 0 {
		t.Errorf("in bulk with a history: %d (%v), told %d times", n, err, s.calls)
	}
	var kept int
	if err := s.db.GetContext(t.Context(), &kept, "SELECT count(*) FROM alur.record_changes"); err != nil || kept != 1201 {
		t.Errorf("%d changes are kept (%v)", kept, err)
	}
}

// TestUpdateManyMakesOnce: a record that stands in the values of a change of many is
// made once for all, also for who may not write all fields.
func TestUpdateManyMakesOnce(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	const fill = `INSERT INTO public.orders (id, quantity, updated_at) SELECT i, 1, now() FROM generate_series(1, 600) i`
	if _, err := s.db.ExecContext(t.Context(), fill); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b"} {
		s.told = nil
		err := s.write(func(tx *pg.Tx) error {
			values := collection.Record{"product": map[string]any{"name": name}, "note": name}
			n, err := s.store.UpdateMany(t.Context(), tx, s.a, "orders", map[string]any{"quantity": 1.0}, values)
			if n != 600 {
				t.Errorf("changed %d", n)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		made := s.list("products", collection.Query{Filter: map[string]any{"name": name}})
		if len(made) != 1 || len(s.told) != 601 || !s.told[0].Nested {
			t.Fatalf("made %s, told of %d", asJSON(made), len(s.told))
		}
		if got := s.list("orders", collection.Query{Filter: map[string]any{"productId": made[0]["id"], "note": name}, All: true}); len(got) != 600 {
			t.Errorf("%d orders are of %s", len(got), name)
		}
	}
}

// TestUpdateOneInOneStatement: a change by key takes no statement to find out whose.
func TestUpdateOneInOneStatement(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.many(3)
	url, statements := pgtest.Counted(t, pgtest.URL(t, s.db))
	other := collection.NewStore(pgtest.Open(t, url), nil, func() time.Time { return now })
	for name, tc := range map[string]struct {
		filter any
		want   int64 // statements, BEGIN and COMMIT among them
	}{
		"a key":              {1.0, 3},
		"the key of a text":  {"1", 3},
		"the key by name":    {map[string]any{"id": 1.0}, 3},
		"equal":              {map[string]any{"id": map[string]any{"$eq": 1.0}}, 3},
		"in a group":         {map[string]any{"$and": []any{map[string]any{"id": map[string]any{"$eq": 1.0}}, map[string]any{"stock": 0.0}}}, 3},
		"one of several":     {map[string]any{"id": []any{1.0, 2.0}}, 4},
		"a list of keys":     {[]any{1.0, 2.0}, 4},
		"something else":     {map[string]any{"stock": 0.0}, 4},
		"one or another":     {map[string]any{"$or": []any{map[string]any{"id": 1.0}, map[string]any{"stock": 0.0}}}, 4},
		"no key, but by not": {map[string]any{"id": map[string]any{"$ne": 1.0}}, 4},
	} {
		update := func() {
			err := other.Write(t.Context(), "products", func(tx *pg.Tx) error {
				_, err := other.UpdateMany(t.Context(), tx, s.a, "products", tc.filter, collection.Record{"stock": 0.0})
				return err
			})
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		update() // definitions are read
		before := statements.Load()
		update()
		if got := statements.Load() - before; got != tc.want {
			t.Errorf("%s: %d statements, want %d", name, got, tc.want)
		}
	}
}

// TestLinked: an update names the relations that lead elsewhere than before.
func TestLinked(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	if _, err := s.store.AddField(t.Context(), admin, "products", collection.Field{Name: "near", Type: collection.BelongsToMany, Target: "products", Through: "nearness"}); err != nil {
		t.Fatal(err)
	}
	a, b := s.create("products", collection.Record{"name": "a"})["id"], s.create("products", collection.Record{"name": "b"})["id"]
	o := s.create("orders", collection.Record{"quantity": 1.0, "product": a})["id"]
	for _, tc := range []struct {
		name   string
		values collection.Record
		want   string
	}{
		{"the same set", collection.Record{"orders": []any{o}}, ""},
		{"none of it was there", collection.Record{"near": []any{}}, ""},
		{"a new record", collection.Record{"orders": []any{o, map[string]any{"quantity": 2.0}}}, "orders"},
		{"taken out", collection.Record{"orders": []any{}}, "orders"},
		{"put back", collection.Record{"orders": []any{o}}, "orders"},
		{"linked", collection.Record{"near": []any{b}}, "near"},
		{"linked already", collection.Record{"near": []any{b}}, ""},
		{"both", collection.Record{"near": []any{}, "orders": []any{}}, "orders near"},
		{"neither is said", collection.Record{"stock": 7.0}, ""},
	} {
		s.told = nil
		if _, err := s.update("products", a, tc.values); err != nil {
			t.Fatal(err)
		}
		for _, ch := range s.told {
			if ch.Collection.Name == "products" && strings.Join(ch.Linked, " ") != tc.want {
				t.Errorf("%s: %q, want %q", tc.name, ch.Linked, tc.want)
			}
			if nested := ch.Collection.Name != "products"; ch.Nested != nested {
				t.Errorf("%s: of %s, nested is %v", tc.name, ch.Collection.Name, ch.Nested)
			}
		}
	}
}

// TestCascadesAreHeard: who listens to changes in bulk hears what the database does
// after a deletion, through collections that nobody listens to, and each once.
func TestCascadesAreHeard(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	belongs := func(name, target, onDelete string) collection.Field {
		return collection.Field{Name: name, Type: collection.BelongsTo, Target: target, OnDelete: onDelete}
	}
	for _, def := range []collection.Definition{
		{Name: "trees", Fields: []collection.Field{{Name: "name", Type: collection.String}}},
		{Name: "branches", Fields: []collection.Field{{Name: "name", Type: collection.String}, belongs("tree", "trees", "CASCADE")}},
		{Name: "birds", Fields: []collection.Field{{Name: "name", Type: collection.String}, belongs("branch", "branches", "")}},
		{Name: "eggs", Fields: []collection.Field{belongs("branch", "branches", "CASCADE")}},
	} {
		if _, err := s.store.CreateCollection(t.Context(), auth.System, def); err != nil {
			t.Fatal(err)
		}
	}
	s.bulk = map[string]bool{"birds": true, "eggs": true}
	tree := s.create("trees", collection.Record{"name": "oak"})
	low := s.create("branches", collection.Record{"name": "low", "tree": tree["id"]})
	s.create("birds", collection.Record{"name": "owl", "branch": low["id"]})
	s.create("eggs", collection.Record{"branch": low["id"]})
	s.told = nil
	if n, err := s.destroy("trees", tree["id"]); n != 1 || err != nil {
		t.Fatalf("deleted %d, %v", n, err)
	}
	var heard []string
	for _, ch := range s.told {
		line := ch.Collection.Name + " " + map[collection.ChangeKind]string{collection.Updated: "updated", collection.Deleted: "deleted"}[ch.Kind]
		if ch.Bulk {
			line += " in bulk"
		}
		if ch.Kind == collection.Updated && (ch.Before["branchId"] != low["id"] || ch.After["branchId"] != nil || strings.Join(ch.Changed, " ") != "branchId") {
			t.Errorf("the bird: %s", asJSON(ch))
		}
		heard = append(heard, line)
	}
	if got := strings.Join(heard, ", "); got != "birds updated in bulk, eggs deleted in bulk, trees deleted" {
		t.Errorf("heard: %s", got)
	}
}
