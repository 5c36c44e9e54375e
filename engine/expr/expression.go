package expr

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"alur/engine/lru"
)

// The engines an expression can be written for.
const (
	MathJS    = "math.js"
	FormulaJS = "formula.js"
	Plain     = "string"
)

// Expression is a calculation, compiled. Placeholders are parameters, not
// text: a variable that holds a text needs no quotes, and one without a value
// is null.
type Expression struct {
	engine string
	params []path
	run    func(ctx context.Context, args []any) (any, error)
}

// Engine returns the engine e was compiled for.
func (e *Expression) Engine() string { return e.engine }

// Paths returns the paths of all variables in e, each once.
func (e *Expression) Paths() []string {
	out := make([]string, len(e.params))
	for i := range e.params {
		out[i] = e.params[i].text
	}
	return out
}

// Used returns the variables of e with their values in s, by path; nil when e
// has none.
func (e *Expression) Used(s Scope) map[string]any { return used(s, e.params) }

// Compile prepares text for engine. An expression that the engine cannot parse
// is an error in the engine's words: "SyntaxError: Unexpected end of expression
// (char 4)".
//
// Compiling the same text again is cheap.
func Compile(engine, text string) (*Expression, error) {
	key := [2]string{engine, strings.Trim(text, jsSpace)}
	compiled.Lock()
	e, ok := compiled.expressions.Get(key)
	compiled.Unlock()
	if ok {
		return e, nil
	}
	e, err := compileExpression(engine, key[1])
	if err != nil {
		return nil, err
	}
	compiled.Lock()
	defer compiled.Unlock()
	if first, ok := compiled.expressions.Get(key); ok {
		return first, nil // somebody was faster
	}
	compiled.expressions.Put(key, e)
	return e, nil
}

var compiled = struct {
	sync.Mutex
	expressions *lru.Cache[[2]string, *Expression]
}{expressions: lru.New[[2]string, *Expression](1000)}

func compileExpression(engine, text string) (*Expression, error) {
	pieces, params := parameters(text)
	e := &Expression{engine: engine, params: params}
	switch engine {
	case Plain:
		e.run = interpolate(pieces)
		return e, nil
	case MathJS, FormulaJS:
		var err error
		e.run, err = compileLibrary(dialects[engine], engine, &code{source: source(pieces), params: len(params)})
		return e, err
	}
	return nil, fmt.Errorf("there is no calculation engine %q", engine)
}

// source is the expression as the library sees it.
func source(pieces []piece) string {
	var b strings.Builder
	for _, p := range pieces {
		b.WriteString(p.text)
		if p.param >= 0 {
			b.WriteString("$$" + strconv.Itoa(p.param))
		}
	}
	return b.String()
}

// Eval works out the expression with the variables of s. Errors read as the
// engine's own, with their type in front: "TypeError: …".
func (e *Expression) Eval(ctx context.Context, s Scope) (any, error) {
	var few [4]any
	args := few[:0]
	for i := range e.params {
		v, _ := e.params[i].resolve(s)
		args = append(args, v)
	}
	return e.run(ctx, args)
}

// failure is an error as the engines word theirs: with its type in front.
type failure string

func (f failure) Error() string { return string(f) }

func thrown(kind, format string, args ...any) error {
	return failure(kind + ": " + fmt.Sprintf(format, args...))
}

// piece is text, or the number of a parameter.
type piece struct {
	text  string
	param int // -1 for text
}

// parameters splits text at its placeholders. Placeholders of one path share a
// parameter.
func parameters(text string) (pieces []piece, params []path) {
	number := map[string]int{}
	end := 0
	add := func(s string) {
		if s != "" {
			pieces = append(pieces, piece{s, -1})
		}
	}
	for _, p := range Parameters(text) {
		add(text[end:p.Start])
		n, ok := number[p.Path]
		if !ok {
			n = len(params)
			number[p.Path] = n
			params = append(params, parsePath(p.Path))
		}
		pieces = append(pieces, piece{"", n})
		end = p.End
	}
	add(text[end:])
	return pieces, params
}

// Parameters finds the variables of an expression, from left to right. Spaces and
// defaults have no place in them, and those that start with "this." are text.
func Parameters(text string) []Placeholder {
	return placeholders(text, inParameter, func(inside string) (string, bool) {
		p := strings.Trim(inside, jsSpace)
		return p, p != "" && !strings.ContainsAny(p, jsSpace) && !strings.HasPrefix(p, "this.")
	})
}

func inParameter(r rune) bool { return inPath(r) || strings.ContainsRune(jsSpace, r) }

// interpolate is the engine "string".
func interpolate(pieces []piece) func(context.Context, []any) (any, error) {
	return func(_ context.Context, args []any) (any, error) {
		b := make([]byte, 0, 64)
		for _, p := range pieces {
			if p.param < 0 {
				b = append(b, p.text...)
			} else {
				b = appendText(b, args[p.param])
			}
		}
		return string(b), nil
	}
}
