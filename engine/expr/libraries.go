package expr

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
)

// Libraries are the original libraries behind [MathJS] and [FormulaJS]. Whoever
// has them decides where they run; see package script. An expression names its
// parameters $$0, $$1, ….
type Libraries interface {
	// Check finds out whether the library of an engine can read an expression;
	// problem is its answer when it cannot.
	Check(ctx context.Context, engine, source string, params int) (problem string, err error)
	// Eval returns a JSON value, or an error in the library's words.
	Eval(ctx context.Context, engine, source string, args []any) (any, error)
}

// Use says which libraries work out what the native path cannot. It is called
// once, before the first expression is compiled.
func Use(l Libraries) { libraries.Store(&l) }

var libraries atomic.Pointer[Libraries]

var errNoLibraries = errors.New("this program has no libraries for calculations")

const sourceLimit = 16_000 // bytes of an expression for a library

// compileLibrary prepares an expression for an engine with a library: natively
// when that is possible, and for the library otherwise.
func compileLibrary(d *dialect, engine string, c *code) (func(ctx context.Context, args []any) (any, error), error) {
	if engine == FormulaJS {
		c.source = strings.TrimRight(c.source, "; \t\r\n")
	}
	if c.source == "" {
		return null, nil
	}
	library := func(ctx context.Context, args []any) (any, error) { return fromLibrary(ctx, engine, c, args) }
	if quick := compileNative(d, c); quick != nil {
		return quick.or(library), nil
	}
	if len(c.source) > sourceLimit {
		return nil, thrown("SyntaxError", "an expression has at most 16,000 characters")
	}
	l := libraries.Load()
	if l == nil {
		return nil, errNoLibraries
	}
	// What keeps the library from answering may have passed when the
	// expression is needed.
	if problem, err := (*l).Check(context.Background(), engine, c.source, c.params); err == nil && problem != "" {
		return nil, failure(problem)
	}
	return library, nil
}

func fromLibrary(ctx context.Context, engine string, c *code, args []any) (any, error) {
	l := libraries.Load()
	if l == nil {
		return nil, errNoLibraries
	}
	v, err := (*l).Eval(ctx, engine, c.source, args)
	if err != nil {
		return nil, err
	}
	if f, ok := v.(float64); ok {
		return normal(f), nil
	}
	return v, nil
}

// The languages of the engines, as far as the native path knows them.
var dialects = map[string]*dialect{MathJS: mathDialect, FormulaJS: formulaDialect}

// code is an expression for one of the libraries.
type code struct {
	source string // with $$0, $$1, … for parameters
	params int
}

// null is the result of an empty expression.
func null(context.Context, []any) (any, error) { return nil, nil }
