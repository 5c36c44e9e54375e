package metric

import (
	"context"
	_ "embed"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/prometheus/client_golang/prometheus"

	"alur/engine/pg"
)

//go:embed queue.sql
var sqlText string

var queries = pg.LoadQueries(sqlText)

const (
	// fresh is how long figures of the queue are good for another scrape.
	fresh = 5 * time.Second
	// patience is how long a scrape waits for the database.
	patience = 2 * time.Second
)

// Watch adds the figures of the queue on db to m: how many executions of which
// workflow are queued and run, how old the oldest queued one is, and how many
// executions, timers and mails wait. A database that does not answer within two
// seconds leaves them out and says so in alur_database_up.
func (m *Metrics) Watch(db *pg.DB, now func() time.Time) {
	w := &watch{db: db, now: now}
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("alur_"+name, help, labels, nil)
	}
	w.queued = desc("queue_depth", "Executions that wait to be claimed; at most 10,000 of a workflow are counted.", "workflow")
	w.running = desc("executions_running", "Executions that a process holds.", "workflow")
	w.oldest = desc("queue_oldest_seconds", "Age of the oldest execution that waits to be claimed.", "workflow")
	w.waiting = desc("executions_waiting", "Executions that wait for a person or a time; at most 10,000 are counted.")
	w.timers = desc("timers_waiting", "Timers that are not due yet; at most 10,000 are counted.")
	w.mails = desc("mails_queued", "Mails that are to be sent; at most 10,000 are counted.")
	w.up = desc("database_up", "1 when the database answered for this scrape.")
	w.open = desc("database_connections", "Open connections to the database, by state: idle, in_use.", "state")
	m.registry.MustRegister(w)
}

type watch struct {
	db  *pg.DB
	now func() time.Time

	queued, running, oldest, waiting, timers, mails, up, open *prometheus.Desc

	mu    sync.Mutex // one look at a time
	at    time.Time
	lines []line
	rest  rest
	ok    bool
}

type line struct {
	Key     string
	Queued  int64
	Running int64
	Oldest  float64
}

type rest struct{ Waiting, Mails, Timers int64 }

func (w *watch) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{w.queued, w.running, w.oldest, w.waiting, w.timers, w.mails, w.up, w.open} {
		ch <- d
	}
}

func (w *watch) Collect(ch chan<- prometheus.Metric) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now := w.now(); !w.ok || now.Sub(w.at) >= fresh || now.Before(w.at) {
		w.at, w.ok = now, w.look() == nil
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	stats := w.db.Side().Stats()
	gauge(w.open, float64(stats.Idle), "idle")
	gauge(w.open, float64(stats.InUse), "in_use")
	if !w.ok {
		gauge(w.up, 0)
		return
	}
	gauge(w.up, 1)
	for _, l := range bounded(w.lines) {
		gauge(w.queued, float64(l.Queued), l.Key)
		gauge(w.running, float64(l.Running), l.Key)
		gauge(w.oldest, l.Oldest, l.Key)
	}
	gauge(w.waiting, float64(w.rest.Waiting))
	gauge(w.timers, float64(w.rest.Timers))
	gauge(w.mails, float64(w.rest.Mails))
}

// bounded sums up what is beyond [MaxWorkflows].
func bounded(lines []line) []line {
	if len(lines) <= MaxWorkflows {
		return lines
	}
	other := line{Key: Other}
	for _, l := range lines[MaxWorkflows:] {
		other.Queued += l.Queued
		other.Running += l.Running
		other.Oldest = max(other.Oldest, l.Oldest)
	}
	return append(lines[:MaxWorkflows:MaxWorkflows], other)
}

func (w *watch) look() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	w.lines, w.rest = nil, rest{}
	if err := sqlx.SelectContext(ctx, w.db.Side(), &w.lines, queries.Get("queue")); err != nil {
		return err
	}
	return sqlx.GetContext(ctx, w.db.Side(), &w.rest, queries.Get("rest"))
}
