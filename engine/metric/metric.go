package metric

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	// MaxWorkflows is how many workflows are told apart.
	MaxWorkflows = 200
	// Other is the label of all workflows beyond that.
	Other = "other"
)

// Metrics is the figures of one process. Make one with [New].
type Metrics struct {
	registry *prometheus.Registry

	ended, claims, again, conflicts, lost *prometheus.CounterVec
	steps                                 *prometheus.CounterVec
	segment, wait, run                    *prometheus.HistogramVec
	rescued                               prometheus.Counter
	mails, requests                       *prometheus.CounterVec
	took                                  *prometheus.HistogramVec

	mu        sync.Mutex
	workflows map[string]*Workflow
}

// Fine enough for what takes a millisecond, far enough for what takes a minute.
var (
	shortly = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	atLast  = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800}
)

// New returns the figures of this process, all at zero.
func New() *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), workflows: map[string]*Workflow{}}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "alur_" + name, Help: help}, labels)
		m.registry.MustRegister(v)
		return v
	}
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "alur_" + name, Help: help, Buckets: buckets}, labels)
		m.registry.MustRegister(v)
		return v
	}
	const workflow = "workflow"
	m.claims = counter("claims_total", "Executions that this process claimed.", workflow)
	m.again = counter("claims_again_total", "Claims of executions that had been begun before without moving on.", workflow)
	m.ended = counter("executions_ended_total", "Executions that ended in this process, by status.", workflow, "status")
	m.conflicts = counter("conflicts_total", "Batches that were run again after a conflict in the database.", workflow)
	m.lost = counter("leases_lost_total", "Executions whose outcome was dropped because the lease had gone to another process, or they were stopped.", workflow)
	m.steps = counter("steps_total", "Steps that ran, by node type and outcome.", "type", "status")
	m.segment = histogram("segment_seconds", "Time of one transaction with a batch of executions.", shortly, workflow)
	m.wait = histogram("queue_wait_seconds", "Time from the creation of an execution to its first claim.", atLast, workflow)
	m.run = histogram("claim_to_done_seconds", "Time from the claim of an execution until it ended or waits.", atLast, workflow)
	m.mails = counter("mails_total", "Mails by outcome of the attempt to send them: sent, failed.", "outcome")
	m.requests = counter("http_requests_total", "HTTP requests by route and class of status.", "method", "route", "status")
	m.took = histogram("http_request_seconds", "Time to answer an HTTP request, by route.", shortly, "route")
	rescued := counter("rescued_total", "Executions that dead processes left and this one made claimable again.")
	m.rescued = rescued.WithLabelValues()
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Handler answers a scrape.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
}

// Workflow is the counters of one workflow.
type Workflow struct {
	claims, again, conflicts, lost prometheus.Counter
	segment, wait, run             prometheus.Observer
	ended                          func(status int) prometheus.Counter
}

// Workflow returns the counters of the workflow with a key; nil from a nil
// Metrics. Beyond 200 workflows it returns those of [Other].
func (m *Metrics) Workflow(key string) *Workflow {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if w := m.workflows[key]; w != nil {
		return w
	}
	if len(m.workflows) >= MaxWorkflows {
		key = Other
		if w := m.workflows[key]; w != nil {
			return w
		}
	}
	w := &Workflow{
		claims: m.claims.WithLabelValues(key), again: m.again.WithLabelValues(key), conflicts: m.conflicts.WithLabelValues(key), lost: m.lost.WithLabelValues(key),
		segment: m.segment.WithLabelValues(key), wait: m.wait.WithLabelValues(key), run: m.run.WithLabelValues(key),
		ended: func(status int) prometheus.Counter { return m.ended.WithLabelValues(key, statusText(status)) },
	}
	m.workflows[key] = w
	return w
}

// Claimed counts a claim; waited is since the creation of the execution, when
// this is its first one.
func (w *Workflow) Claimed(attempt int, first bool, waited time.Duration) {
	if w == nil {
		return
	}
	w.claims.Inc()
	if attempt > 1 {
		w.again.Inc()
	}
	if first {
		w.wait.Observe(max(waited, 0).Seconds())
	}
}

// Rested counts an execution that ended or waits, so long after its claim.
// status 0 is waiting.
func (w *Workflow) Rested(status int, took time.Duration) {
	if w == nil {
		return
	}
	w.run.Observe(max(took, 0).Seconds())
	if status != 0 {
		w.ended(status).Inc()
	}
}

// Segment counts one committed transaction.
func (w *Workflow) Segment(took time.Duration) {
	if w != nil {
		w.segment.Observe(max(took, 0).Seconds())
	}
}

// Conflict counts a batch that runs again.
func (w *Workflow) Conflict() {
	if w != nil {
		w.conflicts.Inc()
	}
}

// Lost counts an outcome that was dropped.
func (w *Workflow) Lost() {
	if w != nil {
		w.lost.Inc()
	}
}

// Steps counts the steps of one node type.
type Steps struct{ resolved, failed, waiting prometheus.Counter }

// Steps returns the counters of a node type; nil from a nil Metrics.
func (m *Metrics) Steps(kind string) *Steps {
	if m == nil {
		return nil
	}
	return &Steps{m.steps.WithLabelValues(kind, "resolved"), m.steps.WithLabelValues(kind, "failed"), m.steps.WithLabelValues(kind, "pending")}
}

// Ran counts a step that came to status.
func (s *Steps) Ran(status int) {
	switch {
	case s == nil:
	case status > 0:
		s.resolved.Inc()
	case status < 0:
		s.failed.Inc()
	default:
		s.waiting.Inc()
	}
}

// Rescued counts executions that dead processes left.
func (m *Metrics) Rescued(n int64) {
	if m != nil {
		m.rescued.Add(float64(n))
	}
}

// Mail counts an attempt to send a mail.
func (m *Metrics) Mail(sent bool) {
	if m != nil {
		m.mails.WithLabelValues(map[bool]string{true: "sent", false: "failed"}[sent]).Inc()
	}
}

// Request counts an answered request; route is its pattern, "" for none.
func (m *Metrics) Request(method, route string, status int, took time.Duration) {
	if m == nil {
		return
	}
	if route == "" {
		route = Other
	}
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
	default: // whoever calls could make up any number of them
		method = Other
	}
	m.requests.WithLabelValues(method, route, strconv.Itoa(status/100)+"xx").Inc()
	m.took.WithLabelValues(route).Observe(max(took, 0).Seconds())
}

// statusText words a status of spec/engine.md §3; others are counted by sign.
func statusText(status int) string {
	names := map[int]string{1: "resolved", -1: "failed", -2: "error", -3: "aborted", -4: "canceled", -5: "rejected", -6: "retry_needed"}
	if name := names[status]; name != "" {
		return name
	}
	if status > 0 {
		return names[1]
	}
	return names[-1]
}
