package script

import (
	"context"
	"errors"
	"fmt"

	"alur/engine/value"
)

// The libraries, by the names of their engines, with how many expressions they
// work out at the same time at least.
var libraryPlaces = map[string]int{"math.js": 2, "formula.js": 4}

// calculationError is a failure of an expression, in the engine's words.
type calculationError string

func (e calculationError) Error() string { return string(e) }

// Check finds out whether a library can read an expression with parameters $$0,
// $$1, …; problem is the library's answer when it cannot.
func (p *Pool) Check(ctx context.Context, library, source string, params int) (problem string, err error) {
	_, err = p.calculate(ctx, request{Do: doCompile, Library: library, Params: params}, source)
	if e, ok := errors.AsType[calculationError](err); ok {
		return string(e), nil
	}
	return "", err
}

// Eval works an expression out with a library. It returns a JSON value, with
// numbers as the library has them.
func (p *Pool) Eval(ctx context.Context, library, source string, args []any) (any, error) {
	return p.calculate(ctx, request{
		Do: doEval, Library: library, Params: len(args), Args: value.Append(make([]byte, 0, 128), args),
	}, source)
}

func (p *Pool) calculate(ctx context.Context, req request, source string) (any, error) {
	l := p.libraries[req.Library]
	if l == nil {
		return nil, fmt.Errorf("there is no calculation engine %q", req.Library)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	res, err := p.ask(ctx, l, l.library, req, source, evalWithin)
	if err != nil {
		if e, ok := errors.AsType[*end](err); ok {
			return nil, e.calculationError()
		}
		return nil, err
	}
	if res.Error != nil {
		return nil, calculationError(res.Error.Message)
	}
	v, err := decodeValue(res.Value)
	if err != nil {
		return nil, calculationError("Error: the result cannot be stored: " + err.Error())
	}
	return v, nil
}

// calculationError words the end of a child that worked an expression out.
func (e *end) calculationError() error {
	switch e.limit() {
	case LimitTime:
		return calculationError("Error: " + errCalculationTime.Error())
	case LimitMemory:
		return calculationError("Error: " + errCalculationMemory.Error())
	case LimitStack:
		return calculationError("RangeError: the calculation is nested too deeply and was stopped")
	}
	return fmt.Errorf("work out an expression: %w", e)
}

// load makes c a child of the lane's library, or drops it.
func (p *Pool) load(ctx context.Context, c *child, l *lane) error {
	res, good, err := p.exchange(ctx, c, request{Do: doLoad, Library: l.library}, loadWithin)
	if err == nil && (!good || res.Error != nil) {
		err = fmt.Errorf("%+v", res.Error)
	}
	if err != nil {
		p.drop(c)
		return fmt.Errorf("load %s: %w", l.library, err)
	}
	return nil
}

// spare loads a library into one more child, in the background, while there is
// only one: whoever comes next need not wait while that is busy or after it has
// been killed.
func (p *Pool) spare(l *lane) {
	if l.library == "" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.live == nil || l.sparing || l.children > 1 {
		return
	}
	l.sparing = true
	p.ended.Go(func() {
		ctx := context.Background() // Close kills the child
		c, err := p.newChild(ctx)
		if err == nil {
			p.assign(c, l)
			if err = p.load(ctx, c, l); err == nil {
				p.keep(l, l.library, c)
			}
		}
		if err != nil && !p.closed() {
			p.log.WarnContext(ctx, "no spare process for calculations", "library", l.library, "err", err)
		}
		p.mu.Lock()
		l.sparing = false
		p.mu.Unlock()
	})
}
