package engine

import (
	"cmp"
	"context"
	_ "embed"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/metric"
	"alur/engine/node"
	"alur/engine/pg"
	"alur/engine/secret"
	"alur/engine/snowflake"
)

// channels between the processes on one database; see pg.DB.Notify
const (
	workflowsChannel  = "alur_workflows"
	executionsChannel = "alur_executions"

	workflowsWait  = 5 * time.Millisecond
	executionsWait = 100 * time.Millisecond

	// lookEvery is how long definitions are believed without a look at whether
	// they changed: a signal can be lost with the process that was to send it.
	lookEvery = 2 * time.Second
)

//go:embed queries.sql
var sqlText string

var queries = pg.LoadQueries(sqlText)

// Engine defines and runs workflows. Make one per process with [New].
type Engine struct {
	DB       *pg.DB
	IDs      *snowflake.Source
	Now      func() time.Time
	Records  *collection.Store
	Log      *slog.Logger
	Services *node.Services // what nodes may use beyond the contract
	Values   *secret.Store  // what $env holds; nil: nothing
	Metrics  *metric.Metrics
	Tracer   trace.Tracer // nil: no spans
	Files    Sweeper      // nil: none are kept
	zone     func(ctx context.Context) (*time.Location, error)
	people   func(ctx context.Context, id int64) (auth.Actor, error)
	acting   func(ctx context.Context, id int64, role auth.Role) (auth.Actor, error)

	mu       sync.Mutex
	programs map[int64]*program // by workflow id
	armed    []*Armed           // enabled workflows; nil: not loaded
	loaded   bool
	epoch    int64 // rises with every change of a definition
	looked   time.Time
	seen     string          // what definitions looked like then
	abouts   map[int64]about // by workflow id, of versions that have run
	watchers map[int64]map[chan struct{}]struct{}
	tempers  map[int64]*temper

	live     live
	timer    chan struct{} // a timer was set that is due soon
	attempts int
	maxNodes int // of one version; 0: no limit

	attention seenAttention
	exhausted atomic.Pointer[error] // what the last probe said; see Probe
}

// Options is what an Engine needs.
type Options struct {
	DB       *pg.DB
	IDs      *snowflake.Source
	Now      func() time.Time
	Records  *collection.Store
	Log      *slog.Logger
	Services *node.Services
	Values   *secret.Store   // nil: $env is empty
	Metrics  *metric.Metrics // nil counts nothing
	Tracer   trace.Tracer    // nil: no spans
	Files    Sweeper         // nil: none are kept
	Attempts int             // how often an execution is begun without moving on before it counts as broken; 0: 5
	MaxNodes int             // how many nodes a version may get; 0: no limit

	// Zone is the time zone of the server; nil: UTC.
	Zone func(ctx context.Context) (*time.Location, error)

	// Person is an active person in all their roles, NotFound when there is none;
	// nil: nobody is asked what they may see.
	Person func(ctx context.Context, id int64) (auth.Actor, error)

	// Acting is an active person in one of their roles, or in all of them
	// ([auth.Union]), with the rights that it has now; nil: nothing goes on in
	// anybody's name.
	Acting func(ctx context.Context, id int64, role auth.Role) (auth.Actor, error)
}

// Sweeper deletes what nothing holds any more, a part at a time; more says that
// there is more to delete at once.
type Sweeper interface {
	SweepOnce(ctx context.Context) (more bool, err error)
}

// New returns an engine and binds the registered trigger types to it.
func New(o Options) *Engine {
	e := &Engine{
		DB: o.DB, IDs: o.IDs, Now: o.Now, Records: o.Records, Log: o.Log, Services: o.Services, Values: o.Values, Metrics: o.Metrics, Tracer: o.Tracer, Files: o.Files, zone: o.Zone, people: o.Person, acting: o.Acting,
		programs: map[int64]*program{},
		abouts:   map[int64]about{},
		watchers: map[int64]map[chan struct{}]struct{}{},
		tempers:  map[int64]*temper{},
		timer:    make(chan struct{}, 1),
		attempts: cmp.Or(o.Attempts, defaultAttempts),
		maxNodes: o.MaxNodes,
	}
	e.DB.Subscribe(workflowsChannel, func(string) { e.forget() })
	e.DB.Subscribe(executionsChannel, e.wakeWatchers)
	e.DB.Subscribe(stopsChannel, func(id string) { e.live.stop(parseID(id)) })
	for _, k := range TriggerKinds() {
		k.Bind(e)
	}
	return e
}

// ServerZone is the time zone of schedules that name none.
func (e *Engine) ServerZone(ctx context.Context) (*time.Location, error) {
	if e.zone == nil {
		return time.UTC, nil
	}
	return e.zone(ctx)
}

// workflowsChanged makes every process read the definitions again, this one
// before it returns. Call it after the commit.
func (e *Engine) workflowsChanged(context.Context) {
	e.DB.Notify(workflowsChannel, "", workflowsWait)
}

// forget drops what was read of workflow definitions.
func (e *Engine) forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.epoch++
	e.armed, e.loaded = nil, false
	clear(e.programs)
}

// lookAgain forgets the definitions when they changed without our hearing of it.
func (e *Engine) lookAgain(ctx context.Context) {
	now := e.Now()
	e.mu.Lock()
	age := now.Sub(e.looked)
	due := age < 0 || age >= lookEvery
	if due {
		e.looked = now
	}
	e.mu.Unlock()
	if !due {
		return
	}
	var seen string
	if err := e.DB.Side().GetContext(ctx, &seen, queries.Get("definitions")); err != nil {
		return // whoever asked meets the same error when it goes on
	}
	e.mu.Lock()
	changed := seen != e.seen
	e.seen = seen
	e.mu.Unlock()
	if changed {
		e.forget()
	}
}

// Watch returns a channel that gets a signal when the execution moved on. The
// signal may come late or twice; it only says "look again". Call stop when done.
func (e *Engine) Watch(executionID int64) (moved <-chan struct{}, stop func()) {
	ch := make(chan struct{}, 1)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.watchers[executionID] == nil {
		e.watchers[executionID] = map[chan struct{}]struct{}{}
	}
	e.watchers[executionID][ch] = struct{}{}
	return ch, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.watchers[executionID], ch)
		if len(e.watchers[executionID]) == 0 {
			delete(e.watchers, executionID)
		}
	}
}

func (e *Engine) wakeWatchers(payload string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	wake := func(chans map[chan struct{}]struct{}) {
		for ch := range chans {
			select {
			case ch <- struct{}{}:
			default:
			}
		}
	}
	if payload == "" {
		for _, chans := range e.watchers {
			wake(chans)
		}
		return
	}
	wake(e.watchers[parseID(payload)])
}
