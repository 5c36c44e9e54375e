package handlers

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

// figure is the value of a metric with labels, as in alur_x{a="b"}; "" when the
// scrape has no such line.
func figure(scrape, name string) string {
	for line := range strings.Lines(scrape) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// TestMetrics reads what real executions left in the figures.
func TestMetrics(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.exec(`INSERT INTO alur.executions (id, workflow_id, key, context, created_at) SELECT 7, workflow_id, key, '{}', now() - interval '1 hour' FROM alur.executions WHERE id = $1`, s.fits)
	s.get(member, "/metrics").want(http.StatusForbidden)
	s.get(nobody, "/metrics").want(http.StatusSeeOther)
	text := s.get(admin, "/metrics").want(http.StatusOK).Text
	if problems, err := promlint.New(strings.NewReader(text)).Lint(); err != nil {
		t.Fatalf("no scraper can read it: %v", err)
	} else if len(problems) > 0 {
		t.Errorf("not as Prometheus advises: %v", problems)
	}
	var key string
	if err := s.DB.GetContext(t.Context(), &key, "SELECT key FROM alur.executions WHERE id = $1", s.fits); err != nil {
		t.Fatal(err)
	}
	w := `{workflow="` + key + `"}`
	for name, want := range map[string]string{
		"alur_claims_total" + w: "3", "alur_queue_depth" + w: "1", "alur_executions_running" + w: "0",
		`alur_executions_ended_total{status="error",workflow="` + key + `"}`: "1",
		`alur_steps_total{status="pending",type="manual"}`:                   "1",
		"alur_executions_waiting":                                            "1", "alur_database_up": "1",
		"alur_queue_wait_seconds_count" + w: "3", "alur_claim_to_done_seconds_count" + w: "3",
	} {
		if got := figure(text, name); got != want {
			t.Errorf("%s is %q, want %s", name, got, want)
		}
	}
	if got := figure(text, "alur_queue_oldest_seconds"+w); !strings.HasPrefix(got, "36") {
		t.Errorf("the oldest is %s s old, want an hour", got)
	}
	if got := figure(text, `alur_http_requests_total{method="GET",route="/metrics",status="4xx"}`); got != "1" {
		t.Errorf("refused scrapes: %q, want 1", got)
	}
	s.DB.Close()
	recorder := httptest.NewRecorder()
	s.Metrics.Handler().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if got := figure(recorder.Body.String(), "alur_database_up"); recorder.Code != http.StatusOK || got != "1" {
		t.Errorf("right after: status %d, database up %q; want the figures of a moment ago", recorder.Code, got)
	}
}

// TestMonitor: an address of its own answers without signing in, and shows
// profiles only where nobody else can reach it.
func TestMonitor(t *testing.T) {
	t.Parallel()
	why := ""
	scrape := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "figures") })
	for address, profiles := range map[string]int{"127.0.0.1:9090": 200, "[::1]:9090": 200, "localhost:9090": 200, "10.1.2.3:9090": 404, ":9090": 404, "0.0.0.0:9090": 404} {
		h := Monitor(address, scrape, func(context.Context) string { return why })
		get := func(path string) (int, string) {
			r := httptest.NewRecorder()
			h.ServeHTTP(r, httptest.NewRequest(http.MethodGet, path, nil))
			return r.Code, strings.TrimSpace(r.Body.String())
		}
		why = ""
		for path, want := range map[string]string{"/metrics": "figures", "/healthz": "ok", "/readyz": "ok"} {
			if status, got := get(path); status != 200 || got != want {
				t.Errorf("%s%s: %d %q, want %q", address, path, status, got, want)
			}
		}
		why = "the process stops"
		if status, got := get("/readyz"); status != http.StatusServiceUnavailable || got != why {
			t.Errorf("%s/readyz: %d %q", address, status, got)
		}
		if status, _ := get("/debug/pprof/"); status != profiles {
			t.Errorf("%s: profiles answer %d, want %d", address, status, profiles)
		}
	}
}
