package collection_test

import (
	"fmt"
	"strings"
	"testing"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
)

// drawn is a tree in short: "a(b c(d))".
func drawn(records []any, children string) string {
	var parts []string
	for _, v := range records {
		r := v.(map[string]any)
		part := fmt.Sprint(r["name"])
		if below, ok := r[children].([]any); ok {
			part += "(" + drawn(below, children) + ")"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, " ")
}

func TestTree(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	for _, def := range []collection.Definition{
		{Name: "plain", Fields: []collection.Field{{Name: "name", Type: "string"}}},
		{Name: "places", Fields: []collection.Field{{Name: "name", Type: "string"}, {Name: "size", Type: "integer"},
			{Name: "within", Type: "belongsTo", Target: "places", Options: map[string]any{"treeParent": true}},
			{Name: "parts", Type: "hasMany", Target: "places", ForeignKey: "withinId", Options: map[string]any{"treeChildren": true}}}},
		{Name: "topics", Fields: []collection.Field{{Name: "name", Type: "string"}, {Name: "parent", Type: "belongsTo", Target: "topics"}}},
	} {
		if _, err := s.store.CreateCollection(t.Context(), admin, def); err != nil {
			t.Fatal(err)
		}
	}
	ids := map[string]any{}
	for i, path := range []string{"europe", "europe/spain", "europe/spain/madrid", "europe/italy", "asia", "asia/japan", "mars"} {
		at := strings.Split(path, "/")
		values := collection.Record{"name": at[len(at)-1], "size": float64(i)}
		if len(at) > 1 {
			values["within"] = ids[at[len(at)-2]]
		}
		ids[at[len(at)-1]] = s.create("places", values)["id"]
	}
	s.create("topics", collection.Record{"name": "b", "parent": s.create("topics", collection.Record{"name": "a"})["id"]})
	tests := []struct {
		name  string
		q     collection.Query
		want  string
		count int
	}{
		{"all", collection.Query{}, "europe(spain(madrid) italy) asia(japan) mars", 3},
		{"in order", collection.Query{Sort: []string{"-name"}}, "mars europe(spain(madrid) italy) asia(japan)", 3},
		{"a page", collection.Query{Sort: []string{"name"}, Page: 2, PageSize: 1}, "europe(italy spain(madrid))", 3},
		{"deep match", collection.Query{Filter: map[string]any{"name": "madrid"}}, "europe(spain(madrid))", 1},
		{"two matches", collection.Query{Filter: map[string]any{"name": map[string]any{"$in": []any{"spain", "japan"}}}}, "europe(spain) asia(japan)", 2},
		{"a match above", collection.Query{Filter: map[string]any{"size": map[string]any{"$lte": 1}}}, "europe(spain)", 1},
		{"no match", collection.Query{Filter: map[string]any{"name": "venus"}}, "", 0},
		{"name alone", collection.Query{Fields: []string{"name"}, Except: []string{"id"}}, "europe(spain(madrid) italy) asia(japan) mars", 3},
	}
	for _, tc := range tests {
		page, err := s.store.Tree(t.Context(), s.db, s.a, "places", tc.q)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		var top []any
		for _, r := range page.Records {
			top = append(top, r)
			if len(tc.q.Fields) > 0 && (r["id"] != nil || r["withinId"] != nil) {
				t.Errorf("%s: %v shows what was not asked for", tc.name, r)
			}
		}
		if got := drawn(top, "parts"); got != tc.want || page.Count != tc.count {
			t.Errorf("%s: %s, %d at the top; want %s, %d", tc.name, got, page.Count, tc.want, tc.count)
		}
	}
	page, err := s.store.Tree(t.Context(), s.db, s.a, "topics", collection.Query{})
	if err != nil || len(page.Records) != 1 || drawn([]any{page.Records[0]}, "children") != "a(b)" {
		t.Errorf("by the name of the relation: %v, %v", page.Records, err)
	}
	if _, err := s.store.Tree(t.Context(), s.db, s.a, "plain", collection.Query{}); !fault.Is(err, fault.Invalid) {
		t.Errorf("a tree of what is none: %v", err)
	}
	// Who sees only own records sees them at the top when what is above is not theirs.
	mine := collection.Access{Actor: auth.Actor{UserID: 7, Role: auth.Member}}
	if _, err := s.db.ExecContext(t.Context(), `INSERT INTO alur.users (id, nickname, email) VALUES (7, 'Mia', 'mia@alur.test')`); err != nil {
		t.Fatal(err)
	}
	if _, err := s.db.ExecContext(t.Context(), `UPDATE public.places SET created_by_id = 7 WHERE name IN ('spain', 'madrid', 'mars')`); err != nil {
		t.Fatal(err)
	}
	page, err = s.store.Tree(t.Context(), s.db, mine, "places", collection.Query{})
	var top []any
	for _, r := range page.Records {
		top = append(top, r)
	}
	if got := drawn(top, "parts"); err != nil || got != "spain(madrid) mars" {
		t.Errorf("of one's own: %s, %v", got, err)
	}
}
