package collection_test

import (
	"slices"
	"strings"
	"testing"

	"alur/engine/collection"
)

// TestHistoryFollows: what the database deletes and empties by itself, because of
// a relation, is in the histories of those records; who has not asked for changes in
// bulk hears nothing of it.
func TestHistoryFollows(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	belongs := func(name, target, onDelete string) collection.Field {
		return collection.Field{Name: name, Type: collection.BelongsTo, Target: target, OnDelete: onDelete}
	}
	for _, def := range []collection.Definition{
		{Name: "trees", Fields: []collection.Field{{Name: "name", Type: collection.String}}},
		{Name: "branches", Fields: []collection.Field{{Name: "name", Type: collection.String}, belongs("tree", "trees", "CASCADE")}},
		{Name: "birds", Fields: []collection.Field{{Name: "name", Type: collection.String}, belongs("branch", "branches", ""), belongs("tree", "trees", "")}},
		{Name: "eggs", Fields: []collection.Field{belongs("bird", "birds", "RESTRICT"), belongs("branch", "branches", "CASCADE")}},
	} {
		if _, err := s.store.CreateCollection(t.Context(), admin, def); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.store.AddField(t.Context(), admin, "branches", belongs("from", "branches", "CASCADE")); err != nil {
		t.Fatal(err)
	}
	s.keepHistory("birds", "branches")
	tree := s.create("trees", collection.Record{"name": "oak"})
	low := s.create("branches", collection.Record{"name": "low", "tree": tree["id"]})
	high := s.create("branches", collection.Record{"name": "high", "from": low["id"], "tree": tree["id"]})
	bird := s.create("birds", collection.Record{"name": "owl", "branch": high["id"], "tree": tree["id"]})
	free := s.create("birds", collection.Record{"name": "kite"})
	s.create("eggs", collection.Record{"branch": high["id"]}) // keeps no history
	s.told = nil
	if n, err := s.destroy("trees", tree["id"]); n != 1 || err != nil {
		t.Fatalf("deleted %d, %v", n, err)
	}
	if len(s.told) != 1 {
		t.Errorf("listeners heard of %d changes, want 1", len(s.told))
	}
	deleted, _, err := s.store.DeletedRecords(t.Context(), s.db, s.a, "branches", 0, 10)
	var names []string
	for _, p := range deleted {
		names = append(names, p.Title)
	}
	slices.Sort(names)
	if err != nil || strings.Join(names, " ") != "high low" {
		t.Errorf("deleted branches: %q, %v; want each once", names, err)
	}
	var changes []string
	for _, line := range s.story("birds", id(bird))[1:] {
		changes = append(changes, line[strings.Index(line, "execution 0"):])
	}
	slices.Sort(changes)
	if len(changes) != 2 || !strings.HasPrefix(changes[0], "execution 0 branchId ") || !strings.HasPrefix(changes[1], "execution 0 treeId ") || !strings.HasSuffix(changes[1], "→<nil>") {
		t.Errorf("the bird: %q", changes)
	}
	if got := s.story("birds", id(free)); len(got) != 1 {
		t.Errorf("a bird that was not on it: %q", got)
	}
}

// TestViewsUseFields: before a field goes the views that use it are named, and
// afterwards they do without.
func TestViewsUseFields(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	ctx := t.Context()
	bob := s.a
	bob.Actor.UserID = 2
	save := func(a collection.Access, v collection.View) collection.View {
		t.Helper()
		v, err := s.store.SaveView(ctx, a, v)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	shown := save(s.a, collection.View{Collection: "orders", Title: "Shown", Shared: true, Columns: []string{"quantity", "product.stock", "createdAt"}, Sort: []string{"-product.stock", "quantity"}})
	save(bob, collection.View{Collection: "products", Title: "Secret", Filter: map[string]any{"$or": []any{map[string]any{"stock": map[string]any{"$gt": 1}}}}})
	save(s.a, collection.View{Collection: "orders", Title: "Filtered", Shared: true, Filter: map[string]any{"$and": []any{map[string]any{"product": map[string]any{"stock": 3}}}}})
	save(s.a, collection.View{Collection: "orders", Title: "Without", Shared: true, Columns: []string{"quantity", "product"}})
	if err := s.store.ChooseColumns(ctx, s.a, "products", 0, []string{"stock", "name"}); err != nil {
		t.Fatal(err)
	}
	uses := func(coll, field string) string {
		t.Helper()
		loss, err := s.store.Losses(ctx, admin, coll, field)
		if err != nil {
			t.Fatal(err)
		}
		var titles []string
		for _, u := range loss.Uses {
			titles = append(titles, u.What+" "+u.Title)
		}
		return strings.Join(titles, ", ")
	}
	if got := uses("products", "stock"); got != "view Filtered, view Shown, view a view of Bob" {
		t.Errorf("the stock is used by %s", got)
	}
	if got := uses("orders", "product"); got != "view Filtered, view Shown, view Without" {
		t.Errorf("the product is used by %s", got)
	}
	if got := uses("products", ""); got != "view a view of Bob" {
		t.Errorf("the collection is used by %s", got)
	}
	if err := s.store.DropField(ctx, admin, "products", "stock", collection.All); err != nil {
		t.Fatal(err)
	}
	v, err := s.store.View(ctx, s.a, "orders", shown.ID)
	if err != nil || strings.Join(v.Columns, " ") != "quantity createdAt" || strings.Join(v.Sort, " ") != "quantity" {
		t.Errorf("the view has columns %q and order %q, %v", v.Columns, v.Sort, err)
	}
	if got, err := s.store.ChosenColumns(ctx, s.a, "products", 0); err != nil || strings.Join(got, " ") != "name" {
		t.Errorf("chosen are %q, %v", got, err)
	}
	if got := uses("products", "name"); got != "" {
		t.Errorf("the name is used by %s", got)
	}
}
