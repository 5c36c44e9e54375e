package collection_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"alur/engine/collection"
	"alur/engine/fault"
)

const manyJSON = `{"name": "many", "title": "Many", "fields": [
	{"name": "code", "type": "string", "index": true, "length": 40}, {"name": "n", "type": "integer", "allowNull": false, "index": true},
	{"name": "tags", "type": "json", "index": true}, {"name": "free", "type": "integer"}]}`

// TestIndexes asks whether lists of a large collection are read by an index where
// one was asked for, and whether it goes with the option.
func TestIndexes(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	var def collection.Definition
	if err := json.Unmarshal([]byte(manyJSON), &def); err != nil {
		t.Fatal(err)
	}
	if _, err := s.store.CreateCollection(t.Context(), admin, def); err != nil {
		t.Fatal(err)
	}
	const rows = `INSERT INTO public.many (id, code, n, tags, free, created_at)
		SELECT i, CASE WHEN i % 10 > 0 THEN 'c' || i % 5000 END, i % 300, jsonb_build_array(i % 700), i, timestamptz '2026-01-01' + i * interval '1 s'
		FROM generate_series(1, 60000) i`
	for _, query := range []string{rows, "ANALYZE public.many"} {
		if _, err := s.db.ExecContext(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		name, filter string
		sort         []string
		index        string // by which it is read; "" for from end to end
	}{
		{"newest first", `{}`, []string{"-createdAt"}, "ix_many_created_at"},
		{"oldest first", `{}`, []string{"createdAt"}, "ix_many_created_at"},
		{"by text", `{}`, []string{"code"}, "ix_many_code"},
		{"by text the other way", `{}`, []string{"-code"}, "ixd_many_code"},
		{"by number", `{}`, []string{"-n"}, "ix_many_n"},
		{"equal", `{"code": "c77"}`, nil, "many_code"},
		{"one of", `{"code": {"$in": ["c77", "c78"]}}`, []string{"-createdAt"}, "many_code"},
		{"range", `{"n": {"$gt": 297}}`, []string{"n"}, "ix_many_n"},
		{"list", `{"tags": {"$anyOf": [5]}}`, nil, "ix_many_tags"},
		{"without", `{}`, []string{"-free"}, ""},
	} {
		var filter any
		if err := json.Unmarshal([]byte(tc.filter), &filter); err != nil {
			t.Fatal(err)
		}
		plan := s.plan(t, "many", collection.Query{Filter: filter, Sort: tc.sort, PageSize: 20})
		if tc.index == "" && !strings.Contains(plan, "Seq Scan") || tc.index != "" && !strings.Contains(plan, tc.index) {
			t.Errorf("%s: read by another way than %q:\n%s", tc.name, tc.index, plan)
		}
	}
	if page, err := s.store.List(t.Context(), s.db, s.a, "many", collection.Query{}); err != nil || page.Count != 60000 {
		t.Errorf("counted %d, %v", page.Count, err)
	}
	indexes := func() (names string) {
		t.Helper()
		if err := s.db.GetContext(t.Context(), &names, `SELECT string_agg(indexname, ' ' ORDER BY indexname) FROM pg_indexes WHERE tablename = 'many'`); err != nil {
			t.Fatal(err)
		}
		return names
	}
	for _, step := range []struct {
		field  string
		change map[string]any
		want   string
	}{
		{"code", map[string]any{"index": false}, "ix_many_created_at ix_many_n ix_many_tags many_pkey"},
		{"n", map[string]any{"allowNull": true}, "ix_many_created_at ix_many_n ix_many_tags ixd_many_n many_pkey"},
		{"n", map[string]any{"allowNull": false}, "ix_many_created_at ix_many_n ix_many_tags many_pkey"},
		{"free", map[string]any{"index": true}, "ix_many_created_at ix_many_free ix_many_n ix_many_tags ixd_many_free many_pkey"},
	} {
		if _, err := s.store.UpdateField(t.Context(), admin, "many", step.field, step.change, 0); err != nil {
			t.Fatal(err)
		}
		if got := indexes(); got != step.want {
			t.Errorf("after %s %v there are %s, want %s", step.field, step.change, got, step.want)
		}
	}
	_, err := s.store.AddField(t.Context(), admin, "many", collection.Field{Name: "about", Type: collection.Text, Options: map[string]any{"index": true}})
	if !fault.Is(err, fault.Invalid) || fields(err)["index"] == "" {
		t.Errorf("a long text got an index: %v", err)
	}
}

// plan is how PostgreSQL would read a list.
func (s *shop) plan(t *testing.T, name string, q collection.Query) string {
	t.Helper()
	query, args, err := s.store.ListSQL(t.Context(), s.a, name, q)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	if err := s.db.SelectContext(t.Context(), &lines, "EXPLAIN "+query, args...); err != nil {
		t.Fatal(fmt.Errorf("%s: %w", query, err))
	}
	return strings.Join(lines, "\n")
}
