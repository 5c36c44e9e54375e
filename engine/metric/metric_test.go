package metric_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"alur/engine/metric"
	"alur/engine/pgtest"
)

func scrape(t *testing.T, m *metric.Metrics) string {
	t.Helper()
	r := httptest.NewRecorder()
	m.Handler().ServeHTTP(r, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return r.Body.String()
}

// TestBounded: labels that others choose cannot grow without end.
func TestBounded(t *testing.T) {
	t.Parallel()
	m := metric.New()
	for i := range metric.MaxWorkflows + 50 {
		m.Workflow(fmt.Sprint("w", i)).Claimed(1, true, time.Second)
		m.Request(fmt.Sprint("METHOD", i), "", 404, time.Millisecond)
	}
	text := scrape(t, m)
	if got := strings.Count(text, "\nalur_claims_total{"); got != metric.MaxWorkflows+1 {
		t.Errorf("%d workflows are told apart, want %d and the rest", got, metric.MaxWorkflows)
	}
	for _, line := range []string{`alur_claims_total{workflow="other"} 50`, `alur_http_requests_total{method="other",route="other",status="4xx"} 250`} {
		if !strings.Contains(text, line) {
			t.Errorf("no line %s", line)
		}
	}
}

// TestNil: without figures nothing is counted and nothing breaks.
func TestNil(t *testing.T) {
	t.Parallel()
	var m *metric.Metrics
	w := m.Workflow("x")
	w.Claimed(2, true, 0)
	w.Rested(1, 0)
	w.Segment(0)
	w.Conflict()
	w.Lost()
	m.Steps("x").Ran(1)
	m.Rescued(1)
	m.Mail(true)
	m.Request("GET", "/", 200, 0)
}

// TestWatch reads the queue by its index, also when it is long, and goes on
// without a database.
func TestWatch(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	for _, query := range []string{
		`INSERT INTO alur.executions (id, workflow_id, key, context, created_at) SELECT i, 1 + i % 3, 'k', '{}', now() - interval '1 min' FROM generate_series(1, 36000) i`,
		`UPDATE alur.executions SET lease_until = now() + interval '1 min' WHERE id <= 3`,
		`INSERT INTO alur.executions (id, workflow_id, key, context, status, ended_at) SELECT i, 1, 'k', '{}', 1, now() FROM generate_series(40000, 60000) i`,
		`INSERT INTO alur.workflows (id, key, type) VALUES (1, 'one', 'test'), (2, 'two', 'test')`,
		`ANALYZE alur.executions`,
	} {
		if _, err := db.ExecContext(t.Context(), query); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	now := time.Now()
	m := metric.New()
	m.Watch(db, func() time.Time { return now })
	text := scrape(t, m)
	for _, line := range []string{
		`alur_queue_depth{workflow="one"} 9999`, `alur_executions_running{workflow="one"} 1`,
		`alur_queue_depth{workflow="two"} 9999`, `alur_queue_depth{workflow="deleted"} 9999`, `alur_database_up 1`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no line %s", line)
		}
	}
	for _, name := range []string{"queue", "rest"} {
		var plan []string
		if err := db.SelectContext(t.Context(), &plan, "EXPLAIN "+metric.Query(name)); err != nil {
			t.Fatal(err)
		}
		if text := strings.Join(plan, "\n"); strings.Contains(text, "Seq Scan on executions") {
			t.Errorf("%s reads everything:\n%s", name, text)
		}
	}
	db.Close()
	now = now.Add(time.Minute)
	text = scrape(t, m)
	if !strings.Contains(text, "alur_database_up 0\n") || strings.Contains(text, "alur_queue_depth") || !strings.Contains(text, "go_goroutines") {
		t.Errorf("without a database:\n%.800s", text)
	}
}

// BenchmarkExecution is what an execution with three steps pays for its figures.
func BenchmarkExecution(b *testing.B) {
	m := metric.New()
	w, s := m.Workflow("w"), m.Steps("condition")
	b.ReportAllocs()
	for b.Loop() {
		w.Claimed(1, true, time.Millisecond)
		for range 3 {
			s.Ran(1)
		}
		w.Rested(1, time.Millisecond)
	}
}
