package triggers_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/pg"
)

// ways is a shop whose orders have tags through orderTags, notes that go with them,
// and a place; three sorts of workflows listen to all of it.
type ways struct {
	*shop
	a collection.Access
}

// settings are those of a trigger that says nothing, of one that counts everything,
// and of one that counts what the reference counts.
var settings = []struct{ name, json string }{
	{"absent", ``}, {"all", `, "bulk": true, "nested": true`}, {"direct", `, "bulk": false, "nested": false`},
}

func newWays(t *testing.T) *ways {
	t.Helper()
	s := &ways{shop: newShop(t), a: collection.Access{Actor: auth.System}}
	for _, def := range []string{
		`{"name": "tags", "title": "Tags", "fields": [{"name": "name", "type": "string"}]}`,
		`{"name": "notes", "title": "Notes", "fields": [{"name": "text", "type": "string"},
			{"name": "order", "type": "belongsTo", "target": "orders", "foreignKey": "orderId", "onDelete": "CASCADE"}]}`,
	} {
		var d collection.Definition
		if err := json.Unmarshal([]byte(def), &d); err != nil {
			t.Fatal(err)
		}
		if _, err := s.records.CreateCollection(t.Context(), auth.System, d); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []collection.Field{
		{Name: "tags", Type: collection.BelongsToMany, Target: "tags", Through: "orderTags", ForeignKey: "orderId", OtherKey: "tagId"},
		{Name: "place", Type: collection.Sort},
	} {
		if _, err := s.records.AddField(t.Context(), auth.System, "orders", f); err != nil {
			t.Fatal(err)
		}
	}
	for _, set := range settings {
		for _, coll := range []string{"customers", "orders", "lines", "tags", "orderTags", "notes"} {
			for _, mode := range []int{3, 4} {
				id := s.add(engine.NewWorkflow{Title: set.name}, fmt.Sprintf(`{"collection": %q, "mode": %d%s}`, coll, mode, set.json))
				s.enable(id, true)
			}
		}
	}
	return s
}

// started says what the workflows with a setting were started by, and forgets it.
func (s *ways) started(setting string) string {
	s.t.Helper()
	return s.one(`SELECT string_agg(n || ' ' || what, ', ' ORDER BY what) FROM (
		SELECT count(*) AS n, (w.config ->> 'collection') || ' ' || (x.context ->> 'event') AS what
		FROM alur.executions x JOIN alur.workflows w ON w.id = x.workflow_id WHERE w.title = $1 GROUP BY 2) y`, setting)
}

// TestWaysToWrite is spec/triggers-core.md §2.2: which write raises which event. The
// second and third column are what a trigger hears that counts everything, and one
// that counts as the reference does; "" is the same as in the column before.
func TestWaysToWrite(t *testing.T) {
	t.Parallel()
	s := newWays(t)
	type writing = func(tx *pg.Tx) error
	ctx, a := t.Context(), s.a
	create := func(name string, values collection.Record) writing {
		return func(tx *pg.Tx) error {
			_, err := s.records.Create(ctx, tx, a, name, values, nil)
			return err
		}
	}
	update := func(name string, filter any, values collection.Record) writing {
		return func(tx *pg.Tx) error {
			_, err := s.records.Update(ctx, tx, a, name, filter, values)
			return err
		}
	}
	relate := func(id any, relation string, change collection.Links) writing {
		return func(tx *pg.Tx) error {
			_, err := s.records.Relate(ctx, tx, a, "orders", id, relation, change)
			return err
		}
	}
	ann := s.create("customers", collection.Record{"name": "Ann"})["id"]
	red, blue := s.create("tags", collection.Record{"name": "red"})["id"], s.create("tags", collection.Record{"name": "blue"})["id"]
	order := s.create("orders", collection.Record{"title": "first", "customer": ann, "tags": []any{red}})["id"]
	second := s.create("orders", collection.Record{"title": "second"})["id"]
	line := s.create("lines", collection.Record{"title": "l", "order": order})["id"]
	one := map[string]any{"id": map[string]any{"$eq": order}}
	all := map[string]any{"id": map[string]any{"$gt": 0}}
	tests := []struct {
		name                string
		do                  writing
		absent, all, direct string
	}{
		{"2.2 create", create("orders", collection.Record{"title": "third"}), "1 orders created", "", ""},
		{"2.2 create with an array of values", func(tx *pg.Tx) error {
			_, err := s.records.CreateAll(ctx, tx, a, "lines", []collection.Record{{"title": "a"}, {"title": "b"}, {"title": "c"}}, nil)
			return err
		}, "3 lines created", "", ""},
		{"2.2 update", update("orders", order, collection.Record{"title": "x"}), "1 orders updated", "", ""},
		{"2.2 update of many rows by filter, one by one, also if nothing changed", update("orders", all, collection.Record{"status": "new"}), "3 orders updated", "", ""},
		{"2.2 update of many for who wants their number", func(tx *pg.Tx) error {
			n, err := s.records.UpdateMany(ctx, tx, a, "orders", all, collection.Record{"status": "many"})
			if n != 3 {
				t.Errorf("UpdateMany changed %d, want 3", n)
			}
			return err
		}, "3 orders updated", "", ""},
		{"2.2 bulk update", func(tx *pg.Tx) error {
			n, err := s.records.UpdateBulk(ctx, tx, a, "orders", all, collection.Record{"status": "bulk"})
			if n != 3 {
				t.Errorf("UpdateBulk changed %d, want 3", n)
			}
			return err
		}, "-", "3 orders updated", "-"},
		{"2.2 bulk update with a record made on the way", func(tx *pg.Tx) error {
			_, err := s.records.UpdateBulk(ctx, tx, a, "orders", map[string]any{"title": "third"}, collection.Record{"customer": map[string]any{"name": "Bob"}})
			return err
		}, "1 customers created", "1 customers created, 1 orders updated", "-"},
		{"2.2 nested records of a relation to many", create("orders", collection.Record{"title": "n", "lines": []any{map[string]any{"title": "1"}, map[string]any{"title": "2"}}}),
			"2 lines created, 1 orders created", "", "1 orders created"},
		{"2.2 nested record of a relation to one", create("orders", collection.Record{"title": "n", "customer": map[string]any{"name": "Cleo"}}),
			"1 customers created, 1 orders created", "", "1 orders created"},
		{"2.2 nested record in an update", update("orders", order, collection.Record{"lines": []any{line, map[string]any{"title": "new"}}}),
			"1 lines created, 1 orders updated", "", "1 orders updated"},
		{"2.2 a value that only links", update("orders", order, collection.Record{"customer": ann}), "1 orders updated", "", ""},
		{"2.2 taken out of a relation to many", update("orders", order, collection.Record{"lines": []any{line}}), "1 lines updated, 1 orders updated", "", "1 orders updated"},
		{"2.2 other values of a nested record, where they may be changed", func(tx *pg.Tx) error {
			a := a
			a.Nested = []string{"lines"}
			_, err := s.records.Update(ctx, tx, a, "orders", one, collection.Record{"lines": []any{map[string]any{"id": line, "title": "renamed"}}})
			return err
		}, "1 lines updated, 1 orders updated", "", "1 orders updated"},
		{"2.2 linking many-to-many", update("orders", order, collection.Record{"tags": []any{red, blue}}), "1 orderTags created, 1 orders updated", "", "1 orders updated"},
		{"2.2 unlinking many-to-many", update("orders", order, collection.Record{"tags": []any{blue}}), "1 orderTags deleted, 1 orders updated", "", "1 orders updated"},
		{"2.2 linking one more", relate(order, "tags", collection.Links{Add: []any{red}}), "1 orderTags created, 1 orders updated", "", "1 orders updated"},
		{"2.2 unlinking one", relate(order, "tags", collection.Links{Drop: []any{red}}), "1 orderTags deleted, 1 orders updated", "", "1 orders updated"},
		{"2.2 taking one out of a relation to many", relate(order, "lines", collection.Links{Drop: []any{line}}), "1 lines updated, 1 orders updated", "", "1 orders updated"},
		{"2.2 adding it again", relate(order, "lines", collection.Links{Add: []any{line}}), "1 lines updated, 1 orders updated", "", "1 orders updated"},
		{"2.2 a link written as a record of its own", create("orderTags", collection.Record{"orderId": second, "tagId": red}), "1 orderTags created", "", ""},
		{"2.2 drag-sort", func(*pg.Tx) error {
			return s.records.Move(ctx, a, "orders", collection.Move{Source: second, Target: order, Field: "place"})
		}, "1 orders updated", "", ""},
		{"2.2 raw SQL", func(tx *pg.Tx) error {
			_, err := tx.ExecContext(ctx, "UPDATE public.orders SET title = 'sql'")
			return err
		}, "-", "-", "-"},
		{"2.2 writes that are taken back, as of a rehearsal", func(tx *pg.Tx) error {
			_, err := s.records.Rehearse(ctx, tx, a, "orders", nil, collection.Record{"title": "never"})
			return err
		}, "-", "-", "-"},
		{"2.2 cascade by a foreign key", func(tx *pg.Tx) error {
			if _, err := tx.ExecContext(ctx, "INSERT INTO public.notes (id, text, order_id) SELECT i, 'n', $1 FROM generate_series(1, 2) i", order); err != nil {
				return err
			}
			n, err := s.records.Destroy(ctx, tx, a, "orders", order)
			if n != 1 {
				t.Errorf("Destroy deleted %d, want 1", n)
			}
			return err
		}, "1 orders deleted", "1 lines updated, 2 notes deleted, 1 orderTags deleted, 1 orders deleted", "1 orders deleted"},
		{"2.2 destroy by ids", func(tx *pg.Tx) error {
			_, err := s.records.Destroy(ctx, tx, a, "tags", []any{red, blue})
			return err
		}, "2 tags deleted", "1 orderTags deleted, 2 tags deleted", "2 tags deleted"},
		{"2.2 destroy by filter", func(tx *pg.Tx) error {
			_, err := s.records.Destroy(ctx, tx, a, "orders", all)
			return err
		}, "5 orders deleted", "2 lines updated, 5 orders deleted", "5 orders deleted"},
	}
	for _, tc := range tests { // one story: each goes on where the one before stopped
		if _, err := s.db.ExecContext(ctx, "DELETE FROM alur.executions"); err != nil {
			t.Fatal(err)
		}
		if err := s.write("orders", tc.do); err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		if tc.all == "" {
			tc.all = tc.absent
		}
		if tc.direct == "" {
			tc.direct = tc.absent
		}
		for setting, want := range map[string]string{"absent": tc.absent, "all": tc.all, "direct": tc.direct} {
			if got := s.started(setting); got != strings.Trim(want, "-") {
				t.Errorf("%s, %s: started by %q, want %q", tc.name, setting, got, want)
			}
		}
	}
}
