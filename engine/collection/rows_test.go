package collection_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jmoiron/sqlx"

	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/pg"
)

// TestListRows: values without a table are listed in the language of lists.
func TestListRows(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	rows := collection.Rows{Title: "Fruits", Types: map[string]string{"name": collection.String, "at": collection.Datetime, "note": collection.String},
		List: []collection.Record{
			{"name": "Pear", "size": 3, "at": "2026-05-07T10:00:00Z", "ripe": true, "more": map[string]any{"a": 1.0}},
			{"name": "Apple", "size": 2, "at": "2026-06-01T00:00:00Z", "odd": 7},
			{"name": "Fig", "size": 2, "ripe": false, "odd": "x"}}}
	for _, tc := range []struct {
		q    collection.Query
		want string // names, and how many there are
	}{
		{collection.Query{}, "Pear Apple Fig 3"},
		{collection.Query{Filter: map[string]any{"name.$includes": "p"}}, "Pear Apple 2"},
		{collection.Query{Filter: map[string]any{"$or": []any{map[string]any{"ripe": true}, map[string]any{"odd": map[string]any{"$notExists": true}}}}}, "Pear 1"},
		{collection.Query{Filter: map[string]any{"$not": map[string]any{"size": map[string]any{"$gt": 2.0}}}}, "Apple Fig 2"},
		{collection.Query{Filter: map[string]any{"at": map[string]any{"$dateOn": "2026-05"}}}, "Pear 1"},
		{collection.Query{Filter: map[string]any{"note": nil}, Sort: []string{"size", "-name"}}, "Fig Apple Pear 3"},
		{collection.Query{Sort: []string{"-name"}, Page: 2, PageSize: 2}, "Apple 3"},
		{collection.Query{Sort: []string{"name"}, All: true, Most: 3}, "Apple Fig Pear 3"},
	} {
		page, err := s.store.ListRows(t.Context(), s.db, s.a, rows, tc.q)
		var got []string
		for _, r := range page.Records {
			got = append(got, fmt.Sprint(r["name"]))
		}
		if all := fmt.Sprint(strings.Join(got, " "), " ", page.Count); err != nil || all != tc.want {
			t.Errorf("%s: %s, %v; want %s", asJSON(tc.q), all, err, tc.want)
		}
	}
	page, err := s.store.ListRows(t.Context(), s.db, s.a, rows, collection.Query{Except: []string{"at", "size"}, PageSize: 1})
	if got := asJSON(page.Records); err != nil || got != `[{"more":{"a":1},"name":"Pear","ripe":true}]` {
		t.Errorf("without two members: %s, %v", got, err)
	}
	for _, q := range []collection.Query{{Fields: []string{"moon"}}, {Appends: []string{"name"}}, {Sort: []string{"moon"}}, {Filter: map[string]any{"moon": 1.0}},
		{All: true, Most: 2}} {
		if _, err := s.store.ListRows(t.Context(), s.db, s.a, rows, q); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v, want Invalid", asJSON(q), err)
		}
	}
}

// counted counts the statements of a Q.
type counted struct {
	pg.Q
	n int
}

func (c *counted) GetContext(ctx context.Context, into any, query string, args ...any) error {
	c.n++
	return c.Q.GetContext(ctx, into, query, args...)
}

func (c *counted) QueryxContext(ctx context.Context, query string, args ...any) (*sqlx.Rows, error) {
	c.n++
	return c.Q.QueryxContext(ctx, query, args...)
}

// TestListCostsStatements: a page costs one statement, one for its count, and one
// for each relation, however many records it shows.
func TestListCostsStatements(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	const many = 100
	for _, insert := range []string{
		`INSERT INTO alur.workflows (id, key, title, description, type, trigger_title, config, options, created_at, updated_at, current)
			SELECT i, 'k' || i, 'W' || i, '', 'collection', '', '{}', '{}', now(), now(), true FROM generate_series(1, $1) i`,
		`INSERT INTO alur.flow_nodes (id, key, title, workflow_id, type, config, created_at, updated_at) SELECT i, 'n', '', i, 'end', '{}', now(), now() FROM generate_series(1, $1) i`,
		`INSERT INTO alur.executions (id, workflow_id, key, context, status, created_at, started_at, ended_at) SELECT i, i, 'k' || i, '{}', 1, now(), now(), now() FROM generate_series(1, $1) i`,
		`INSERT INTO alur.jobs (id, execution_id, node_id, node_key, status, started_at, ended_at) SELECT i, i, i, 'n', 1, now(), now() FROM generate_series(1, $1) i`,
	} {
		if _, err := s.db.ExecContext(t.Context(), insert, many); err != nil {
			t.Fatal(err)
		}
	}
	for name, appends := range map[string][]string{
		"workflows":  {"nodes", "stats", "versionStats", "categories", "createdBy", "updatedBy", "revisions", "executions.jobs"},
		"executions": {"workflow.nodes", "workflow.stats", "workflow.versionStats", "jobs.node", "createdBy", "parentExecution", "childExecutions"},
		"jobs":       {"execution.workflow", "node", "upstream"},
		"flow_nodes": {"workflow.categories", "upstream", "downstream", "branches"},
	} {
		cost := map[int]int{}
		for _, size := range []int{1, many} {
			q := &counted{Q: s.db}
			page, err := s.store.List(t.Context(), q, s.a, name, collection.Query{Appends: appends, PageSize: size})
			if err != nil || len(page.Records) != size || page.Count != many {
				t.Fatalf("%s: %d records of %d, %v", name, len(page.Records), page.Count, err)
			}
			cost[size] = q.n
		}
		if cost[1] != cost[many] || cost[many] < 2+len(appends)/2 {
			t.Errorf("a page of %s costs %d statements, one record %d", name, cost[many], cost[1])
		}
	}
	for _, q := range []collection.Query{{All: true, Most: many - 1}, {PageSize: many, Appends: []string{"jobs"}, Most: many - 1}} {
		if _, err := s.store.List(t.Context(), s.db, s.a, "executions", q); !fault.Is(err, fault.Invalid) || !strings.Contains(asJSON(fields(err)), "more than 99 records") {
			t.Errorf("more than may be read: %v", err)
		}
	}
}
