package script

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/dop251/goja"
	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/parser"
)

const (
	fileName  = "script" // in the positions of errors
	callDepth = 4_000    // calls within calls
)

// compileScript makes the script the body of an async function. The function's
// parameter is what it returns when no return statement is reached; its name
// stands nowhere in the source.
func compileScript(source string) (*goja.Program, error) {
	end := "end"
	for strings.Contains(source, end) {
		end += "_"
	}
	text := "(async (" + end + ") => {" + source + "\n;return " + end + "})"
	tree, err := parser.ParseFile(nil, fileName, text, 0, parser.WithDisableSourceMaps)
	if err != nil {
		return nil, err
	}
	// A source that closes the function would be something else.
	if len(tree.Body) == 1 {
		if statement, ok := tree.Body[0].(*ast.ExpressionStatement); ok {
			if f, ok := statement.Expression.(*ast.ArrowFunctionLiteral); ok && int(f.Idx1()) == len(text) {
				leftToRight(tree, text)
				return goja.CompileAST(tree, false)
			}
		}
	}
	return nil, errBraces
}

var errBraces = &Error{Message: "SyntaxError: The braces { and } of the script do not match"}

func (w *worker) compile(source string) (*goja.Program, error) {
	if p, ok := w.programs.Get(source); ok {
		return p, nil
	}
	p, err := compileScript(source)
	if err == nil {
		w.programs.Put(source, p)
	}
	return p, err
}

// run runs the script of a request in a runtime of its own.
func (w *worker) run(req request) response {
	program, err := w.compile(w.source)
	if err != nil {
		return response{Error: syntaxProblem(err)}
	}
	r := &run{rt: goja.New(), timeout: time.Duration(req.Timeout) * time.Millisecond}
	r.rt.SetMaxCallStackSize(callDepth)
	var over atomic.Bool
	deadline := time.AfterFunc(r.timeout, func() { over.Store(true) })
	defer deadline.Stop()
	watcher := watch(r.rt, heapOfScript, over.Load)
	defer watcher.stop()
	var res response
	err = r.try(func() { res = r.do(program, req) })
	if err != nil {
		res = response{Error: r.problem(err)}
	}
	res.Log = r.log.String()
	res.Retire = r.stopped
	return res
}

// run is one run of a script.
type run struct {
	rt      *goja.Runtime
	timeout time.Duration
	log     log
	modules map[string]goja.Value // that have been required
	json    goja.Callable         // JSON.stringify, as it was before the script
	stopped bool                  // by a limit
}

// try calls fn, which may run code of the script, and returns what that throws.
func (r *run) try(fn func()) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case *goja.InterruptedError:
			err = p
		case *goja.StackOverflowError:
			err = p
		case error:
			err = p
			r.stopped = true
		default:
			err = &Error{Message: fmt.Sprintf("Error: the engine failed: %v", p)}
			r.stopped = true
		}
	}()
	if exception := r.rt.Try(fn); exception != nil {
		return exception
	}
	return nil
}

// thrown is an error that a promise was rejected with.
type thrown struct{ value goja.Value }

func (thrown) Error() string { return "rejected" }

var errNeverSettled = &Error{Message: "Error: The script waits for a promise that is never settled. There are no timers and no network here."}

func (r *run) do(program *goja.Program, req request) response {
	res, err := r.call(program, req)
	if err != nil {
		return response{Error: r.problem(err)}
	}
	return res
}

func (r *run) call(program *goja.Program, req request) (response, error) {
	jsonObject := r.rt.Get("JSON").ToObject(r.rt)
	parse, _ := goja.AssertFunction(jsonObject.Get("parse"))
	r.json, _ = goja.AssertFunction(jsonObject.Get("stringify"))
	args, err := parse(goja.Undefined(), r.rt.ToValue(string(req.Args)))
	if err != nil {
		return response{}, err
	}
	r.setGlobals()
	global := r.rt.GlobalObject()
	list := args.ToObject(r.rt)
	for i, name := range req.Names {
		// Not Set, for which __proto__ is no name.
		if err := global.DefineDataProperty(name, list.Get(strconv.Itoa(i)), goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_TRUE); err != nil {
			return response{}, &Error{Message: fmt.Sprintf("SyntaxError: “%s” cannot be the name of an argument", name)}
		}
	}
	function, err := r.rt.RunProgram(program)
	if err != nil {
		return response{}, err
	}
	call, _ := goja.AssertFunction(function)
	end := r.rt.NewObject()
	v, err := call(goja.Undefined(), end)
	if err != nil {
		return response{}, err
	}
	promise, _ := v.Export().(*goja.Promise)
	switch promise.State() {
	case goja.PromiseStateRejected:
		return response{}, thrown{promise.Result()}
	case goja.PromiseStatePending:
		return response{}, errNeverSettled
	}
	if promise.Result() == goja.Value(end) {
		return response{}, nil
	}
	text, err := r.text(promise.Result())
	if err != nil {
		return response{}, err
	}
	if len(text) > MaxOutput {
		return response{}, overLimit(LimitOutput, "The script returned %s; a result can have at most 1 MB. Return only what later steps need.", kilobytes(len(text)))
	}
	if checkDepth([]byte(text), MaxDepth) != nil {
		return response{}, overLimit(LimitDepth, "The script returned data nested more than %d levels deep. Return something flatter.", MaxDepth)
	}
	return response{Value: []byte(text), Returned: true}, nil
}

// text is v as JSON; what has no JSON is null.
func (r *run) text(v goja.Value) (string, error) {
	text, err := r.json(goja.Undefined(), v)
	if err != nil {
		return "", err
	}
	if goja.IsUndefined(text) {
		return "null", nil
	}
	return text.String(), nil
}

// problem words what a script failed by.
func (r *run) problem(err error) *problem {
	if e, ok := errors.AsType[*Error](err); ok {
		return &problem{Message: e.Message, Limit: e.Limit}
	}
	if e, ok := errors.AsType[*goja.InterruptedError](err); ok {
		r.stopped = true
		limit := timeError(r.timeout)
		if e.Value() == errMemory {
			limit = memoryError()
		}
		return &problem{Message: limit.Message, Limit: limit.Limit, Line: line(e.String())}
	}
	if e, ok := errors.AsType[*goja.StackOverflowError](err); ok {
		return &problem{Message: "RangeError: Maximum call stack size exceeded", Limit: LimitStack, Line: line(e.String())}
	}
	if e, ok := errors.AsType[thrown](err); ok {
		return r.wordValue(e.value, "")
	}
	if e, ok := errors.AsType[*goja.Exception](err); ok {
		return r.wordValue(e.Value(), e.String())
	}
	return &problem{Message: err.Error()}
}

// wordValue describes a thrown value, which may be anything.
func (r *run) wordValue(v goja.Value, trace string) *problem {
	p := &problem{}
	err := r.try(func() {
		p.Message = r.describe(v)
		if o, ok := v.(*goja.Object); ok && trace == "" {
			if stack := o.Get("stack"); stack != nil {
				trace = stack.String()
			}
		}
	})
	if e, ok := errors.AsType[*goja.InterruptedError](err); ok {
		return r.problem(e)
	}
	if p.Message == "" {
		p.Message = "Error: The script threw something that cannot be shown"
	}
	if len(p.Message) > maxMessage {
		p.Message = strings.ToValidUTF8(p.Message[:maxMessage], "") + "…"
	}
	p.Line = line(trace)
	return p
}

const maxMessage = 10_000 // bytes

var position = regexp.MustCompile(fileName + `:(\d+):\d+`)

// line finds the script's line in a stack trace.
func line(trace string) int {
	if len(trace) > maxMessage {
		trace = trace[:maxMessage]
	}
	if m := position.FindStringSubmatch(trace); m != nil {
		n, _ := strconv.Atoi(m[1])
		return n
	}
	return 0
}

// describe is a value as people read it: texts as they are, errors as
// "Name: message", objects as JSON.
func (r *run) describe(v goja.Value) string {
	o, ok := v.(*goja.Object)
	if !ok {
		return v.String()
	}
	switch o.ClassName() {
	case "Error":
		name, message := field(o, "name"), field(o, "message")
		if message == "" {
			return name
		}
		return name + ": " + message
	case "Function":
		return "[function " + field(o, "name") + "]"
	}
	if text, err := r.text(v); err == nil {
		return text
	}
	return o.String()
}

func field(o *goja.Object, name string) string {
	v := o.Get(name)
	if v == nil || goja.IsUndefined(v) {
		return ""
	}
	return v.String()
}

func syntaxProblem(err error) *problem {
	text := err.Error()
	n := 0
	if list, ok := errors.AsType[parser.ErrorList](err); ok && len(list) > 0 {
		text, n = "SyntaxError: "+list[0].Message, list[0].Position.Line
	} else if wrong, ok := errors.AsType[*goja.CompilerSyntaxError](err); ok {
		text = "SyntaxError: " + wrong.Message
		if wrong.File != nil {
			n = wrong.File.Position(wrong.Offset).Line
		}
	}
	return &problem{Message: text, Line: n}
}
