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
	w.open = desc("database_connections", "Connections to the database that are in use, by pool: main is for requests and workflows, side for looks like this one.", "pool")
	w.limit = desc("database_connections_limit", "Connections to the database that may be in use at once, by pool.", "pool")
	w.blocked = desc("database_connections_waiting", "How many wait for a connection of the main pool.")
	m.registry.MustRegister(w)
}

type watch struct {
	db  *pg.DB
	now func() time.Time

	queued, running, oldest, waiting, timers, mails, up, open, limit, blocked *prometheus.Desc

	mu   sync.Mutex
	last *look // the newest; nil: none yet
}

// look is what the database answered, once done is closed.
type look struct {
	at    time.Time // when it began
	done  chan struct{}
	lines []line
	rest  rest
	err   error
}

// ended reports whether the database answered, well or not.
func (l *look) ended() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

type line struct {
	Key     string
	Queued  int64
	Running int64
	Oldest  float64
}

type rest struct{ Waiting, Mails, Timers int64 }

func (w *watch) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{w.queued, w.running, w.oldest, w.waiting, w.timers, w.mails, w.up, w.open, w.limit, w.blocked} {
		ch <- d
	}
}

func (w *watch) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	load, side := w.db.Load(), w.db.Side().Stats()
	gauge(w.open, float64(load.Used), "main")
	gauge(w.open, float64(side.InUse), "side")
	gauge(w.limit, float64(load.Limit), "main")
	gauge(w.limit, float64(side.MaxOpenConnections), "side")
	gauge(w.blocked, float64(load.Waiting))
	l := w.current()
	patient := time.NewTimer(patience)
	defer patient.Stop()
	select {
	case <-l.done:
	case <-patient.C:
	}
	if !l.ended() || l.err != nil {
		gauge(w.up, 0)
		return
	}
	gauge(w.up, 1)
	for _, l := range bounded(l.lines) {
		gauge(w.queued, float64(l.Queued), l.Key)
		gauge(w.running, float64(l.Running), l.Key)
		gauge(w.oldest, l.Oldest, l.Key)
	}
	gauge(w.waiting, float64(l.rest.Waiting))
	gauge(w.timers, float64(l.rest.Timers))
	gauge(w.mails, float64(l.rest.Mails))
}

// current returns a look that is fresh enough, or begins one. There is never
// more than one under way: the driver waits for a silent server for as long as
// the connection stands, whatever its context says, so that scrape after scrape
// would take one connection more.
func (w *watch) current() *look {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	if l := w.last; l != nil && (!l.ended() || l.err == nil && now.Sub(l.at) < fresh && !now.Before(l.at)) {
		return l
	}
	l := &look{at: now, done: make(chan struct{})}
	w.last = l
	go func() {
		defer close(l.done)
		l.err = w.read(l)
	}()
	return l
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

func (w *watch) read(l *look) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := sqlx.SelectContext(ctx, w.db.Side(), &l.lines, queries.Get("queue")); err != nil {
		return err
	}
	return sqlx.GetContext(ctx, w.db.Side(), &l.rest, queries.Get("rest"))
}
