package crashtest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"alur/engine/crashtest"
)

// TestSpans: requests, batches and steps of the real program reach an endpoint of
// OpenTelemetry, with the numbers of what they belong to.
func TestSpans(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	names := map[string]string{} // span to its attributes' keys
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		var in collector.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(raw, &in)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		for _, resource := range in.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				for _, span := range scope.Spans {
					var keys []string
					for _, a := range span.Attributes {
						keys = append(keys, a.Key)
					}
					slices.Sort(keys)
					names[span.Name] = strings.Join(keys, " ")
				}
			}
		}
	}))
	defer receiver.Close()
	dir := crashtest.Dir(t)
	s := crashtest.Start(t, crashtest.Options{Wait: true, Env: append([]string{"DATA_DIR=" + dir, "METRICS_LISTEN=127.0.0.1:0",
		"OTEL_EXPORTER_OTLP_ENDPOINT=" + receiver.URL, "OTEL_BSP_SCHEDULE_DELAY=50"}, account...)})
	w := newWorkshop(t, crashtest.DatabaseURL(dir))
	w.sample("orders")
	c := signIn(t, s.URL)
	var product int64
	w.get(&product, "SELECT min(id) FROM public.products")
	if err := c.post(t.Context(), "orders:create", map[string]any{"product": product, "quantity": 1}, nil); err != nil {
		t.Fatal(err)
	}
	s.Await("spans", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return names["segment"] != "" && names["query"] != "" && names["POST /api/:target"] != ""
	})
	mu.Lock()
	if got, want := names["query"], "alur.attempt alur.execution_id alur.node alur.status alur.workflow alur.workflow_id"; got != want {
		t.Errorf("a step's span has %s, want %s", got, want)
	}
	mu.Unlock()

	res, err := http.Get("http://" + s.Log.Value("msg=monitoring address=") + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	if !strings.Contains(string(text), "alur_claims_total{") {
		t.Errorf("the scrape says %.300s", text)
	}
}

// TestReadinessOfStop: who routes requests learns of a stop as long as what is
// under way is finished.
func TestReadinessOfStop(t *testing.T) {
	t.Parallel()
	g := newRemoteGallery(t)
	w := g.workshop()
	g.receiver.gate.Lock()
	g.write(w, 1)
	s := g.worker("METRICS_LISTEN=127.0.0.1:0")
	s.Await("a call", func() bool { return g.receiver.came() > 0 })
	ask := func(path string) int {
		res, err := http.Get("http://" + s.Log.Value("msg=monitoring address=") + path)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	if got := ask("/readyz"); got != http.StatusOK {
		t.Errorf("before the stop: %d", got)
	}
	s.Signal(syscall.SIGTERM)
	s.Await("503", func() bool { return ask("/readyz") == http.StatusServiceUnavailable })
	for _, path := range []string{"/healthz", "/metrics"} {
		if got := ask(path); got != http.StatusOK {
			t.Errorf("%s while stopping: %d", path, got)
		}
	}
	g.receiver.gate.Unlock()
	if code := s.Wait(); code != 0 {
		t.Errorf("the worker ends with code %d", code)
	}
}
