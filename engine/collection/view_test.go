package collection_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
)

func TestViews(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	ctx := t.Context()
	ann, bob := collection.Access{Actor: admin}, collection.Access{Actor: member}
	save := func(a collection.Access, v collection.View) (collection.View, error) {
		v.Collection = "products"
		return s.store.SaveView(ctx, a, v)
	}
	own, err := save(bob, collection.View{Title: " Few ", Columns: []string{"name"}, Filter: map[string]any{"stock": map[string]any{"$lt": 5.0}}, Sort: []string{"-stock"}, Default: true})
	if err != nil {
		t.Fatal(err)
	}
	shared, err := save(ann, collection.View{Title: "Everybody's", Shared: true, Default: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := save(ann, collection.View{Title: "Ann's"}); err != nil {
		t.Fatal(err)
	}
	words := func(a collection.Access) string {
		list, err := s.store.Views(ctx, a, "products")
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, v := range list {
			out = append(out, fmt.Sprintf("%s of %s shared %v first %v %v %v %v", v.Title, v.Owner, v.Shared, v.Default, v.Columns, v.Filter, v.Sort))
		}
		return strings.Join(out, "; ")
	}
	if got, want := words(bob), "Few of Bob shared false first true [name] map[stock:map[$lt:5]] [-stock]; Everybody's of Ann shared true first true [] <nil> []"; got != want {
		t.Errorf("Bob's views are %s, want %s", got, want)
	}
	if _, err := s.store.View(ctx, ann, "products", own.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("Ann reads Bob's view: %v, want NotFound", err)
	}

	refused := []struct {
		name string
		a    collection.Access
		v    collection.View
		want fault.Kind
	}{
		{"no name", bob, collection.View{Title: "  "}, fault.Invalid},
		{"a long name", bob, collection.View{Title: strings.Repeat("x", 61)}, fault.Invalid},
		{"too many columns", bob, collection.View{Title: "x", Columns: make([]string, collection.MaxColumns+1)}, fault.Invalid},
		{"a huge filter", bob, collection.View{Title: "x", Filter: strings.Repeat("x", 20_001)}, fault.Invalid},
		{"first for everybody by a member", bob, collection.View{Title: "x", Shared: true, Default: true}, fault.Invalid},
		{"another's shared one", bob, collection.View{ID: shared.ID, Title: "x"}, fault.Forbidden},
		{"another's own one", ann, collection.View{ID: own.ID, Title: "x"}, fault.NotFound},
		{"one that is not there", bob, collection.View{ID: 4711, Title: "x"}, fault.NotFound},
		{"the system", collection.Access{Actor: auth.System}, collection.View{Title: "x"}, fault.Forbidden},
		{"nobody", collection.Access{}, collection.View{Title: "x"}, fault.Unsigned},
	}
	for _, tc := range refused {
		if _, err := save(tc.a, tc.v); !fault.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.want)
		}
	}
	// Whoever manages collections may change shared views; the owner stays.
	theirs, err := save(bob, collection.View{Title: "Bob's shared", Shared: true})
	if err != nil {
		t.Fatal(err)
	}
	if v, err := save(ann, collection.View{ID: theirs.ID, Title: "Renamed", Shared: true}); err != nil || v.OwnerID != member.UserID {
		t.Errorf("renamed is %+v, %v", v, err)
	}
	// One view opens first.
	if _, err := save(bob, collection.View{Title: "Another", Default: true}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(words(bob), "shared false first true"); got != 1 {
		t.Errorf("%d views open first: %s", got, words(bob))
	}

	if err := s.store.ChooseColumns(ctx, bob, "products", own.ID, []string{"stock", "name"}); err != nil {
		t.Fatal(err)
	}
	if got, err := s.store.ChosenColumns(ctx, bob, "products", own.ID); err != nil || strings.Join(got, " ") != "stock name" {
		t.Errorf("chosen are %v, %v", got, err)
	}
	if got, err := s.store.ChosenColumns(ctx, ann, "products", own.ID); err != nil || got != nil {
		t.Errorf("Ann has Bob's columns: %v, %v", got, err)
	}
	if err := s.store.ChooseColumns(ctx, bob, "products", 0, make([]string, collection.MaxColumns+1)); !fault.Is(err, fault.Invalid) {
		t.Errorf("too many columns: %v", err)
	}
	for range 2 {
		if err := s.store.ChooseColumns(ctx, bob, "products", 0, []string{"name"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.store.ChooseColumns(ctx, bob, "products", 0, nil); err != nil {
		t.Fatal(err)
	}
	if got, _ := s.store.ChosenColumns(ctx, bob, "products", 0); got != nil {
		t.Errorf("forgotten columns are %v", got)
	}

	if err := s.store.DeleteView(ctx, ann, "products", own.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("Ann deletes Bob's view: %v", err)
	}
	if err := s.store.DeleteView(ctx, bob, "products", own.ID); err != nil {
		t.Fatal(err)
	}
	if got, _ := s.store.ChosenColumns(ctx, bob, "products", own.ID); got != nil {
		t.Errorf("columns of a deleted view are left: %v", got)
	}
	for i := range collection.MaxViews - 2 {
		if _, err := save(bob, collection.View{Title: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := save(bob, collection.View{Title: "one more"}); !fault.Is(err, fault.Conflict) {
		t.Errorf("view %d: %v, want Conflict", collection.MaxViews+1, err)
	}
	if err := s.store.DropCollection(ctx, admin, "orders", false, collection.All); err != nil {
		t.Fatal(err)
	}
	if err := s.store.DropCollection(ctx, admin, "products", false, collection.All); err != nil {
		t.Errorf("drop a collection with views: %v", err)
	}
}

func TestCountUpTo(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for i := range 5 {
		s.create("products", collection.Record{"name": fmt.Sprint(i), "stock": i})
	}
	few := map[string]any{"stock": map[string]any{"$lt": 2}}
	for _, tc := range []struct {
		filter any
		most   int
		want   int
	}{{nil, 10, 5}, {nil, 5, 5}, {nil, 3, 4}, {few, 10, 2}, {few, 1, 2}} {
		n, known, err := s.store.CountUpTo(t.Context(), s.a, "products", tc.filter, tc.most, time.Minute)
		if err != nil || !known || n != tc.want {
			t.Errorf("CountUpTo(%v, %d) = %d, %v, %v, want %d", tc.filter, tc.most, n, known, err, tc.want)
		}
	}
	// A count that takes longer than one waits is given up: to search
	// 30,000 texts takes longer than a millisecond.
	const many = `INSERT INTO public.products (id, name, stock) SELECT 100 + i, 'many ' || i, 1 FROM generate_series(1, 30000) i`
	if _, err := s.db.ExecContext(t.Context(), many); err != nil {
		t.Fatal(err)
	}
	slow := map[string]any{"$or": []any{map[string]any{"name": map[string]any{"$includes": "nothing like it"}}, map[string]any{"about": map[string]any{"$includes": "nor this"}}}}
	if n, known, err := s.store.CountUpTo(t.Context(), s.a, "products", slow, 10, time.Millisecond); err != nil || known {
		t.Errorf("a slow count gives %d, %v, %v, want to be given up", n, known, err)
	}
}
