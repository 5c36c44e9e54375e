package collection_test

import (
	"slices"
	"strings"
	"testing"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/pg"
)

// relate changes a relation of a product and says what was told: "products near".
func (s *shop) relate(id any, relation string, value any) (told string, moved bool, err error) {
	s.t.Helper()
	s.told = nil
	err = s.write(func(tx *pg.Tx) (err error) {
		moved, err = s.store.Relate(s.t.Context(), tx, s.a, "products", id, relation, value)
		return err
	})
	var words []string
	for _, ch := range s.told {
		word := map[collection.ChangeKind]string{collection.Created: "+", collection.Updated: "", collection.Deleted: "-"}[ch.Kind] + ch.Collection.Name
		if ch.Nested {
			word = "(" + word + ")"
		}
		words = append(words, strings.Join(append([]string{word}, ch.Linked...), ":"))
	}
	slices.Sort(words)
	return strings.Join(words, " "), moved, err
}

// TestRelate: what changes of a relation to many is told as an update of the record,
// and the rest of it stays.
func TestRelate(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	if _, err := s.store.AddField(t.Context(), admin, "products", collection.Field{Name: "near", Type: collection.BelongsToMany, Target: "products", Through: "nearness"}); err != nil {
		t.Fatal(err)
	}
	name := map[string]any{}
	for _, n := range []string{"a", "b", "c", "d"} {
		name[n] = s.create("products", collection.Record{"name": n})["id"]
	}
	first := s.create("orders", collection.Record{"quantity": 1.0, "product": name["b"]})["id"]
	second := s.create("orders", collection.Record{"quantity": 2.0})["id"]
	keys := func(list ...any) []any { return list }
	for _, tc := range []struct {
		name, relation string
		value          any
		told           string
		moved          bool
		holds          string // afterwards
	}{
		{"a link", "near", collection.Links{Add: keys(name["b"])}, "(+nearness) products:near", true, "b"},
		{"one more, by its key as a text", "near", collection.Links{Add: keys(collection.Format(name["c"]))}, "(+nearness) products:near", true, "b c"},
		{"one that is there", "near", collection.Links{Add: keys(name["b"])}, "products", false, "b c"},
		{"a key of no record", "near", collection.Links{Add: keys(4711), Drop: keys(4712)}, "products", false, "b c"},
		{"neither", "near", collection.Links{}, "products", false, "b c"},
		{"one for another", "near", collection.Links{Add: keys(name["d"]), Drop: keys(name["b"])}, "(+nearness) (-nearness) products:near", true, "c d"},
		{"one that is not linked", "near", collection.Links{Drop: keys(name["b"])}, "products", false, "c d"},
		{"the whole list", "near", keys(name["a"]), "(+nearness) (-nearness) (-nearness) products:near", true, "a"},
		{"a record that belongs to another", "orders", collection.Links{Add: keys(first)}, "(orders) products:orders", true, "1"},
		{"one more", "orders", collection.Links{Add: keys(second)}, "(orders) products:orders", true, "1 2"},
		{"one that belongs to it", "orders", collection.Links{Add: keys(second)}, "products", false, "1 2"},
		{"out of it", "orders", collection.Links{Drop: keys(first)}, "(orders) products:orders", true, "2"},
		{"out of it again", "orders", collection.Links{Drop: keys(first)}, "products", false, "2"},
	} {
		told, moved, err := s.relate(name["a"], tc.relation, tc.value)
		if err != nil || told != tc.told || moved != tc.moved {
			t.Errorf("%s: told %q, moved %v (%v); want %q, %v", tc.name, told, moved, err, tc.told, tc.moved)
		}
		var holds []string
		for _, item := range s.list("products", collection.Query{Filter: name["a"], Appends: []string{tc.relation}})[0][tc.relation].([]any) {
			o := item.(map[string]any)
			if tc.relation == "near" {
				holds = append(holds, collection.Format(o["name"]))
			} else {
				holds = append(holds, collection.Format(o["quantity"]))
			}
		}
		slices.Sort(holds)
		if got := strings.Join(holds, " "); got != tc.holds {
			t.Errorf("%s: it holds %q, want %q", tc.name, got, tc.holds)
		}
	}
	for _, tc := range []struct {
		name     string
		id       any
		relation string
		value    any
		kind     fault.Kind
	}{
		{"no such record", 4711, "near", collection.Links{}, fault.NotFound},
		{"no such relation", name["a"], "far", collection.Links{}, fault.NotFound},
		{"no relation", name["a"], "name", collection.Links{}, fault.NotFound},
		{"what is no key", name["a"], "near", collection.Links{Add: keys("moon")}, fault.Invalid},
	} {
		if told, _, err := s.relate(tc.id, tc.relation, tc.value); !fault.Is(err, tc.kind) || told != "" {
			t.Errorf("%s: %v, told %q", tc.name, err, told)
		}
	}
}

// TestRelateRights: who relates may change the record and this field of it, and cuts
// no link to what they do not see.
func TestRelateRights(t *testing.T) {
	t.Parallel()
	r := newRoleShop(t, "view", "update")
	if _, err := r.store.AddField(t.Context(), admin, "products", collection.Field{Name: "near", Type: collection.BelongsToMany, Target: "products", Through: "nearness"}); err != nil {
		t.Fatal(err)
	}
	a := r.create("products", collection.Record{"name": "a", "stock": 1.0})["id"]
	b := r.create("products", collection.Record{"name": "b", "stock": 9.0})["id"]
	c := r.create("products", collection.Record{"name": "c", "stock": 1.0})["id"]
	few := r.scope(`{"stock": {"$lt": 5}}`)
	if _, moved, err := r.relate(a, "near", collection.Links{Add: []any{b}}); err != nil || !moved {
		t.Fatal(moved, err)
	}
	for _, tc := range []struct {
		name    string
		actions []auth.ResourceAction
		id      any
		value   collection.Links
		moved   bool
		kind    fault.Kind
	}{
		{"may change all", []auth.ResourceAction{{Name: auth.View}, {Name: auth.Update}}, a, collection.Links{Add: []any{c}}, true, 0},
		{"cuts what is not seen", []auth.ResourceAction{{Name: auth.View, ScopeID: few}, {Name: auth.Update}}, a, collection.Links{Drop: []any{b}}, false, 0},
		{"links what is not seen", []auth.ResourceAction{{Name: auth.View, ScopeID: few}, {Name: auth.Update}}, c, collection.Links{Add: []any{b}}, false, 0},
		{"cuts what is seen", []auth.ResourceAction{{Name: auth.View, ScopeID: few}, {Name: auth.Update}}, a, collection.Links{Drop: []any{c}}, true, 0},
		{"only sees", []auth.ResourceAction{{Name: auth.View}}, a, collection.Links{Add: []any{c}}, false, fault.Forbidden},
		{"may change others", []auth.ResourceAction{{Name: auth.View}, {Name: auth.Update, ScopeID: few}}, b, collection.Links{Add: []any{c}}, false, fault.Forbidden},
		{"does not see it", []auth.ResourceAction{{Name: auth.View, ScopeID: few}, {Name: auth.Update, ScopeID: few}}, b, collection.Links{Add: []any{c}}, false, fault.NotFound},
		{"may change other fields", []auth.ResourceAction{{Name: auth.View}, {Name: auth.Update, Fields: []string{"name"}}}, a, collection.Links{Add: []any{c}}, false, fault.Forbidden},
		{"may change this field only", []auth.ResourceAction{{Name: auth.View}, {Name: auth.Update, Fields: []string{"near"}}}, a, collection.Links{Add: []any{c}}, true, 0},
	} {
		r.rules("products", tc.actions...)
		r.by(func() {
			told, moved, err := r.relate(tc.id, "near", tc.value)
			if moved != tc.moved || tc.kind == 0 && err != nil || tc.kind != 0 && (!fault.Is(err, tc.kind) || told != "") {
				t.Errorf("%s: moved %v, told %q, %v", tc.name, moved, told, err)
			}
		})
	}
	r.a.Actor = admin
	if got := asJSON(r.shop.list("products", collection.Query{Filter: a, Fields: []string{"near.name"}})); !strings.Contains(got, `"name":"b"`) || !strings.Contains(got, `"name":"c"`) {
		t.Errorf("in the end it is near %s, want b and c", got)
	}
}
