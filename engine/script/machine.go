package script

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"time"

	"github.com/dop251/goja"

	"alur/engine/expr/function"
	"alur/engine/expr/library"
	"alur/engine/lru"
	"alur/engine/value"
)

const (
	// evalLimit is generous: the first use of a math.js function takes 0.1 s, and
	// several times that on a busy machine.
	evalLimit = 2 * time.Second
	evalStack = 1_000 // calls within calls
	keptCodes = 500   // compiled expressions of a machine
)

var (
	errCalculationTime   = errors.New("the calculation took longer than 2 seconds and was stopped")
	errCalculationMemory = errors.New("the calculation needed too much memory and was stopped")
)

// machine is one JavaScript runtime with a library, in a child that serves
// expressions of all workflows.
type machine struct {
	rt     *goja.Runtime
	entry  *goja.Object
	run    goja.Callable
	ready  *lru.Cache[codeKey, goja.Value] // what has been compiled
	prep   func(m *machine, source string, params int) (goja.Value, error)
	names  map[string]bool // functions of the library; only formula.js
	broken bool            // was interrupted; its state is unknown
}

type codeKey struct {
	source string
	params int
}

func newMachine(name string) (*machine, error) {
	m := &machine{rt: goja.New(), ready: lru.New[codeKey, goja.Value](keptCodes)}
	m.rt.SetMaxCallStackSize(evalStack)
	var err error
	switch name {
	case "math.js":
		m.entry, err = library.MathJS.Load(m.rt)
		m.prep = prepareMath
	case "formula.js":
		m.entry, err = library.FormulaJS.Load(m.rt)
		m.prep = prepareFormula
	default:
		err = fmt.Errorf("there is no library %q", name)
	}
	if err != nil {
		return nil, err
	}
	m.run, _ = goja.AssertFunction(m.entry.Get("run"))
	if err := m.define(function.All()); err != nil {
		return nil, err
	}
	if name == "formula.js" {
		// Expressions are JavaScript: freeze what the next one will see too.
		m.names = map[string]bool{}
		for _, name := range m.entry.Get("names").Export().([]any) {
			m.names[name.(string)] = true
		}
		harden, _ := goja.AssertFunction(m.entry.Get("harden"))
		_, err = harden(goja.Undefined())
	}
	return m, err
}

// define adds the functions of the program's own to the library.
func (m *machine) define(own []function.Function) error {
	define, _ := goja.AssertFunction(m.entry.Get("define"))
	for _, f := range own {
		call := func(c goja.FunctionCall) goja.Value { return m.callOwn(f, c.Arguments) }
		if _, err := define(goja.Undefined(), m.rt.ToValue(f.Name), m.rt.ToValue(call)); err != nil {
			return fmt.Errorf("add the function %s: %w", f.Name, err)
		}
	}
	return nil
}

// callOwn answers { value } or { error }, as library/own.js wants it.
func (m *machine) callOwn(f function.Function, in []goja.Value) goja.Value {
	args := make([]any, len(in))
	for i, v := range in {
		text, err := resultText(v)
		if err == nil && text != nil {
			err = json.Unmarshal(text, &args[i])
		}
		if err != nil {
			return toJS(m.rt, map[string]any{"error": err.Error()})
		}
	}
	v, err := f.Call(args)
	if err != nil {
		return toJS(m.rt, map[string]any{"error": err.Error()})
	}
	return toJS(m.rt, map[string]any{"value": value.Normalize(v)})
}

func prepareMath(m *machine, source string, _ int) (goja.Value, error) {
	compile, _ := goja.AssertFunction(m.entry.Get("compile"))
	return compile(goja.Undefined(), m.rt.ToValue(source))
}

// answer works off a request for an expression.
func (m *machine) answer(req request, source string) response {
	text, err := m.eval(req, source)
	if err != nil {
		return response{Error: &problem{Message: err.Error()}, Retire: m.broken}
	}
	return response{Value: text, Retire: m.broken}
}

// compile prepares an expression and keeps it.
func (m *machine) compile(key codeKey) (goja.Value, error) {
	if v, ok := m.ready.Get(key); ok {
		return v, nil
	}
	v, err := m.limited(func() (goja.Value, error) { return m.prep(m, key.source, key.params) })
	if err != nil {
		return nil, err
	}
	m.ready.Put(key, v)
	return v, nil
}

// eval returns the JSON text of an expression's value.
func (m *machine) eval(req request, source string) ([]byte, error) {
	code, err := m.compile(codeKey{source, req.Params})
	if err != nil || req.Do == doCompile {
		return nil, err
	}
	var args []any
	if err := json.Unmarshal(req.Args, &args); err != nil {
		return nil, err
	}
	in := make([]goja.Value, 1, len(args)+1)
	in[0] = code
	for _, arg := range args {
		in = append(in, toJS(m.rt, arg))
	}
	v, err := m.limited(func() (goja.Value, error) { return m.run(goja.Undefined(), in...) })
	if err != nil {
		return nil, err
	}
	return resultText(v)
}

// limited calls fn under the limits and words its error.
func (m *machine) limited(fn func() (goja.Value, error)) (v goja.Value, err error) {
	// Counted in processor time: a calculation is not blamed for what others
	// take on a busy machine.
	until := cpuTime() + evalLimit
	w := watch(m.rt, heapOfLibrary, func() bool {
		if cpuTime() > until+killGrace { // in native code, which takes no interrupt
			fmt.Fprintln(os.Stderr, tooLate)
			os.Exit(1)
		}
		return cpuTime() > until
	})
	defer w.stop()
	defer func() {
		if r := recover(); r != nil {
			m.broken = true
			err = calculationError(fmt.Sprintf("Error: the calculation failed inside the engine: %v", r))
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
		if stopped.Value() == errMemory {
			return calculationError("Error: " + errCalculationMemory.Error())
		}
		return calculationError("Error: " + errCalculationTime.Error())
	}
	if _, ok := errors.AsType[*goja.StackOverflowError](err); ok {
		return calculationError("RangeError: Maximum call stack size exceeded")
	}
	if exception, ok := errors.AsType[*goja.Exception](err); ok {
		return calculationError(exception.Value().String())
	}
	return err
}

// toJS copies a JSON value into rt.
func toJS(rt *goja.Runtime, v any) goja.Value {
	switch v := v.(type) {
	case nil:
		return goja.Null()
	case []any:
		items := make([]any, len(v))
		for i, e := range v {
			items[i] = toJS(rt, e)
		}
		return rt.NewArray(items...)
	case map[string]any:
		o := rt.NewObject()
		for _, k := range slices.Sorted(maps.Keys(v)) {
			// Not Set, for which __proto__ is no key.
			_ = o.DefineDataProperty(k, toJS(rt, v[k]), goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_TRUE)
		}
		return o
	}
	return rt.ToValue(v)
}

// resultText reads what jsonValue (library/result.js) returned.
func resultText(v goja.Value) ([]byte, error) {
	switch v := v.Export().(type) {
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, nil
		}
		return json.Marshal(v)
	case nil, bool, string, int64:
		return json.Marshal(v)
	case map[string]any:
		text, _ := v["json"].(string)
		return []byte(text), nil
	default:
		return nil, calculationError(fmt.Sprintf("Error: the result cannot be stored: it is a %T", v))
	}
}
