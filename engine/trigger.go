package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/lib/pq"

	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/node"
	"alur/engine/pg"
)

// TriggerKind is a trigger type. It is registered with [RegisterTrigger], knows
// how its configuration looks, and starts executions with [Engine.Start] when
// something happens.
type TriggerKind interface {
	// Name is stored in workflows.type: never rename.
	Name() string
	// Decode reads a configuration; the result is handed back in [Armed].
	Decode(config json.RawMessage) (any, node.Problems)
	// Check returns what keeps a configuration from working.
	Check(config json.RawMessage, cat node.Catalogue) node.Problems
	// Outputs describes what stands below $context.
	Outputs(config json.RawMessage, cat node.Catalogue) []node.Variable
	// Bind is called once for each engine, before anything happens.
	Bind(e *Engine)
}

// Hesitant is a TriggerKind with settings that a workflow may lack until it is
// turned on.
type Hesitant interface{ Later() []string }

// Scheduler is a TriggerKind that starts executions when their time comes.
type Scheduler interface {
	// Plan is called in the transaction that turned versions of the workflow key on
	// or off, or changed the trigger of the one that is on. on is what is on now; nil
	// for nothing.
	Plan(ctx context.Context, e *Engine, tx *pg.Tx, key string, on *Armed) error
	// Tick does some of what is due, and returns when there is more to do; zero: not
	// that it knows of. All processes call it, again and again.
	Tick(ctx context.Context, e *Engine) (next time.Time, err error)
}

// Planned is one time at which a trigger is going to start its workflow.
type Planned struct {
	At     time.Time // UTC
	Record string    // what the record is called; "" without one
}

// Forecaster is a TriggerKind that knows when it starts next.
type Forecaster interface {
	// Forecast returns the next n times with settings that pass Check, as they would be
	// planned now. Records come as a may see them.
	Forecast(ctx context.Context, e *Engine, a collection.Access, config json.RawMessage, n int) ([]Planned, error)
}

var triggerKinds = map[string]TriggerKind{}

// RegisterTrigger adds a trigger type. It panics when the name is taken.
func RegisterTrigger(k TriggerKind) TriggerKind {
	if triggerKinds[k.Name()] != nil {
		panic("engine: trigger registered twice: " + k.Name())
	}
	triggerKinds[k.Name()] = k
	return k
}

// LookupTrigger returns a trigger type; nil when nobody registered it.
func LookupTrigger(name string) TriggerKind { return triggerKinds[name] }

// TriggerKinds returns all trigger types by name.
func TriggerKinds() []TriggerKind {
	return slices.SortedFunc(maps.Values(triggerKinds), func(a, b TriggerKind) int { return cmp.Compare(a.Name(), b.Name()) })
}

// Armed is an enabled workflow, as its trigger sees it.
type Armed struct {
	ID         int64
	Key        string
	Title      string
	Type       string
	Sync       bool
	StackLimit int
	Config     any // from TriggerKind.Decode
}

// Armed returns the enabled workflows of a trigger type. The list is read once
// and kept until a definition changes.
func (e *Engine) Armed(ctx context.Context, kind string) ([]*Armed, error) {
	e.lookAgain(ctx)
	e.mu.Lock()
	all, loaded, epoch := e.armed, e.loaded, e.epoch
	e.mu.Unlock()
	if !loaded {
		var err error
		if all, err = e.loadArmed(ctx); err != nil {
			return nil, err
		}
		e.mu.Lock()
		if e.epoch == epoch { // else it changed meanwhile: read again next time
			e.armed, e.loaded = all, true
		}
		e.mu.Unlock()
	}
	if !slices.ContainsFunc(all, func(a *Armed) bool { return a.Type != kind }) {
		return all, nil
	}
	var of []*Armed
	for _, a := range all {
		if a.Type == kind {
			of = append(of, a)
		}
	}
	return of, nil
}

// plan tells the triggers that what is on of the key of w has changed. w is as it
// is now; the version that was on before may have had a trigger of another type.
func (e *Engine) plan(ctx context.Context, tx *pg.Tx, w Workflow) error {
	for _, kind := range TriggerKinds() {
		if other, ok := kind.(Scheduler); ok && (kind.Name() != w.Type || !w.Enabled) {
			if err := other.Plan(ctx, e, tx, w.Key, nil); err != nil {
				return err
			}
		}
	}
	kind, ok := LookupTrigger(w.Type).(Scheduler)
	if !ok || !w.Enabled {
		return nil
	}
	config, problems := LookupTrigger(w.Type).Decode(w.Config)
	if len(problems) > 0 {
		return fault.Fields(problems)
	}
	return kind.Plan(ctx, e, tx, w.Key, &Armed{ID: w.ID, Key: w.Key, Title: w.Title, Type: w.Type, Config: config})
}

// loadArmed reads over the side pool: the caller may hold the last connection.
func (e *Engine) loadArmed(ctx context.Context) ([]*Armed, error) {
	var rows []struct {
		ID      int64           `db:"id"`
		Key     string          `db:"key"`
		Title   string          `db:"title"`
		Type    string          `db:"type"`
		Sync    bool            `db:"sync"`
		Config  json.RawMessage `db:"config"`
		Options json.RawMessage `db:"options"`
	}
	if err := e.DB.Side().SelectContext(ctx, &rows, queries.Get("armed")); err != nil {
		return nil, fmt.Errorf("list enabled workflows: %w", err)
	}
	all := make([]*Armed, 0, len(rows))
	for _, r := range rows {
		k := LookupTrigger(r.Type)
		if k == nil {
			e.Log.WarnContext(ctx, "enabled workflow has an unknown trigger type", "workflow_id", r.ID, "type", r.Type)
			continue
		}
		config, problems := k.Decode(r.Config)
		if len(problems) > 0 {
			e.Log.WarnContext(ctx, "enabled workflow has an unreadable trigger", "workflow_id", r.ID, "problems", problems)
			continue
		}
		all = append(all, &Armed{ID: r.ID, Key: r.Key, Title: r.Title, Type: r.Type, Sync: r.Sync, StackLimit: readOptions(r.Options).StackLimit, Config: config})
	}
	return all, nil
}

// Event is one reason to run a workflow.
type Event struct {
	Workflow  *Armed
	Context   map[string]any // $context; a JSON value
	EventKey  string         // at most one execution per key; "" for none
	Stack     []int64        // executions that led here
	CreatedBy int64          // the person behind it, 0 for nobody
	Manually  bool           // a person started the workflow itself

	// MustSucceed makes a synchronous execution that fails fail the change too.
	MustSucceed bool
	// Record is the key of the record that it is about, when the change is one of
	// several; "" otherwise.
	Record string

	encoded json.RawMessage // Context, once it was encoded
}

// insertion is the statement called name, which for an event with a key does
// nothing when there is an execution of that key.
func insertion(name string, ev Event) string {
	if ev.EventKey == "" {
		return queries.Get(name)
	}
	return queries.Get(name) + "\n" + queries.Get("once")
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

func parseID(s string) int64 {
	id, _ := strconv.ParseInt(s, 10, 64)
	return id
}

func nullString(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func nullID(id int64) any {
	if id == 0 {
		return nil
	}
	return id
}

func nullTrue(b bool) any {
	if !b {
		return nil
	}
	return true
}

func nullArray(ids []int64) any {
	if len(ids) == 0 {
		return nil
	}
	return pq.Array(ids)
}
