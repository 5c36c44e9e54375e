package expr

import (
	"context"
	"encoding/json"
	"errors"
	"runtime/metrics"
	"strings"
	"sync"
	"time"

	"github.com/dlclark/regexp2/v2"
	"github.com/dop251/goja"

	"alur/engine/expr/library"
)

// What one evaluation may take. goja is no sandbox: these limits keep mistakes
// and simple attacks from stopping everybody's workflows. A single call of
// native code cannot be interrupted; library/harden.js bounds the known ones.
const (
	timeLimit   = time.Second // generous: the first use of a math.js function may take 0.1 s
	memoryLimit = 256 << 20   // bytes by which the process may grow meanwhile
	sourceLimit = 16_000      // bytes of an expression
	stackLimit  = 1_000       // calls within calls
	regexpLimit = 100 * time.Millisecond
	watchAfter  = 20 * time.Millisecond
	watchEvery  = 10 * time.Millisecond
)

// Patterns that goja hands to a backtracking engine could run for ever.
func init() { regexp2.DefaultMatchTimeout = regexpLimit }

var (
	errTime   = errors.New("the calculation took longer than a second and was stopped")
	errMemory = errors.New("the calculation needed too much memory and was stopped")
)

// pool lends out runtimes with a library. There is none until the first is
// needed, and another one only when all are busy.
type pool struct {
	max  int
	load func() (*machine, error)
	idle chan *machine

	mu   sync.Mutex
	made int
}

func newPool(most int, load func() (*machine, error)) *pool {
	return &pool{max: most, load: load, idle: make(chan *machine, most)}
}

// with runs fn with a runtime of its own.
func (p *pool) with(ctx context.Context, fn func(*machine) (any, error)) (any, error) {
	m, err := p.take(ctx)
	if err != nil {
		return nil, err
	}
	v, err := fn(m)
	if m.broken {
		p.mu.Lock()
		p.made--
		p.mu.Unlock()
		p.grow()
	} else {
		p.idle <- m
	}
	return v, err
}

func (p *pool) take(ctx context.Context) (*machine, error) {
	select {
	case m := <-p.idle:
		return m, nil
	default:
	}
	p.grow()
	select {
	case m := <-p.idle:
		return m, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// grow loads one more runtime in the background, up to the maximum.
func (p *pool) grow() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.made == p.max {
		return
	}
	p.made++
	go func() {
		m, err := p.load()
		if err != nil {
			panic("expr: load library: " + err.Error()) // a broken build
		}
		p.idle <- m
	}()
}

// machine is one JavaScript runtime with a library.
type machine struct {
	rt      *goja.Runtime
	entry   *goja.Object
	run     goja.Callable
	ready   *lru[*code, goja.Value] // what has been compiled in this runtime
	prepare func(*machine, *code) (goja.Value, error)
	broken  bool // was interrupted; its state is unknown
}

// code is an expression for one of the libraries.
type code struct {
	source  string // with $$0, $$1, … for parameters
	params  int
	program *goja.Program // only formula.js
	names   []string      // functions it uses; only formula.js
}

const readyCodes = 500

func newMachine(lib *library.Library, prepare func(*machine, *code) (goja.Value, error)) (*machine, error) {
	m := &machine{rt: goja.New(), prepare: prepare, ready: newLRU[*code, goja.Value](readyCodes)}
	m.rt.SetMaxCallStackSize(stackLimit)
	var err error
	if m.entry, err = lib.Load(m.rt); err != nil {
		return nil, err
	}
	m.run, _ = goja.AssertFunction(m.entry.Get("run"))
	return m, nil
}

// compile prepares c and keeps it.
func (m *machine) compile(ctx context.Context, c *code) (goja.Value, error) {
	if v, ok := m.ready.get(c); ok {
		return v, nil
	}
	v, err := m.limited(ctx, func() (goja.Value, error) { return m.prepare(m, c) })
	if err != nil {
		return nil, err
	}
	m.ready.put(c, v)
	return v, nil
}

// eval runs c and returns a JSON value.
func (m *machine) eval(ctx context.Context, c *code, args []any) (any, error) {
	compiled, err := m.compile(ctx, c)
	if err != nil {
		return nil, err
	}
	in := make([]goja.Value, 1, len(args)+1)
	in[0] = compiled
	for _, arg := range args {
		in = append(in, toJS(m.rt, arg))
	}
	v, err := m.limited(ctx, func() (goja.Value, error) { return m.run(goja.Undefined(), in...) })
	if err != nil {
		return nil, err
	}
	return fromJS(v)
}

// limited calls fn under the limits and words its error.
func (m *machine) limited(ctx context.Context, fn func() (goja.Value, error)) (v goja.Value, err error) {
	w := watch(ctx, m.rt)
	defer w.stop()
	defer func() {
		if r := recover(); r != nil {
			m.broken = true
			err = thrown("Error", "the calculation failed inside the engine: %v", r)
			if stopped, ok := r.(*goja.InterruptedError); ok {
				err = m.word(stopped)
			}
		}
	}()
	v, err = fn()
	if err != nil {
		return nil, m.word(err) // under the watch too: the text of an error may be code
	}
	return v, nil
}

// word turns what goja reports into the text that people see.
func (m *machine) word(err error) error {
	if stopped, ok := errors.AsType[*goja.InterruptedError](err); ok {
		m.broken = true
		if cause, ok := stopped.Value().(error); ok {
			return thrown("Error", "%v", cause)
		}
	}
	if _, ok := errors.AsType[*goja.StackOverflowError](err); ok {
		return thrown("RangeError", "Maximum call stack size exceeded")
	}
	if exception, ok := errors.AsType[*goja.Exception](err); ok {
		return failure(exception.Value().String())
	}
	return err
}

// watcher interrupts a runtime that takes too much.
//
// Time is counted in looks instead of by the clock: on a starved machine a look
// comes late, and a calculation is not blamed for what others take.
type watcher struct {
	ctx context.Context
	rt  *goja.Runtime

	mu    sync.Mutex
	done  bool
	timer *time.Timer
	looks int
	heap  uint64 // at the first look
}

func watch(ctx context.Context, rt *goja.Runtime) *watcher {
	w := &watcher{ctx: ctx, rt: rt}
	w.mu.Lock()
	w.timer = time.AfterFunc(watchAfter, w.look)
	w.mu.Unlock()
	return w
}

func (w *watcher) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done {
		return
	}
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	heap := sample[0].Value.Uint64()
	if w.looks == 0 {
		w.heap = heap
	}
	w.looks++
	switch {
	case w.ctx.Err() != nil:
		w.rt.Interrupt(w.ctx.Err())
	case time.Duration(w.looks)*watchEvery > timeLimit:
		w.rt.Interrupt(errTime)
	case heap > w.heap+memoryLimit:
		w.rt.Interrupt(errMemory)
	}
	w.timer.Reset(watchEvery) // also after an interrupt: what runs then may hang too
}

// stop ends the watch; afterwards the runtime is not interrupted any more, not
// even by an interrupt that came too late.
func (w *watcher) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done = true
	w.timer.Stop()
	w.rt.ClearInterrupt()
}

// toJS copies a JSON value into rt, so that no expression can change ours.
func toJS(rt *goja.Runtime, v any) goja.Value {
	switch v := v.(type) {
	case []any:
		items := make([]any, len(v))
		for i, e := range v {
			items[i] = toJS(rt, e)
		}
		return rt.NewArray(items...)
	case map[string]any:
		o := rt.NewObject()
		for _, k := range sortedKeys(v) {
			_ = o.Set(k, toJS(rt, v[k])) // a plain new object takes every key
		}
		return o
	case undefined, nil:
		return goja.Null()
	}
	return rt.ToValue(v)
}

// fromJS reads what jsonValue (library/result.js) returned.
func fromJS(v goja.Value) (any, error) {
	switch v := v.Export().(type) {
	case nil, bool, string:
		return v, nil
	case int64:
		return float64(v), nil
	case float64:
		return normal(v), nil
	case map[string]any:
		text, _ := v["json"].(string)
		var out any
		if err := json.NewDecoder(strings.NewReader(text)).Decode(&out); err != nil {
			return nil, thrown("Error", "the result cannot be stored: %v", err)
		}
		return out, nil
	default:
		return nil, thrown("Error", "the result cannot be stored: it is a %T", v)
	}
}
