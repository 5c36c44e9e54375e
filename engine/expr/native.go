package expr

import (
	"context"
	"math"
)

// The native path works out common expressions without JavaScript. It covers
// arithmetic, comparison, logic, ?: and a few functions on numbers, texts,
// booleans, null and lists of them, and only where the answer is certain to be
// the library's: everything else, and every error, is left to the library. The
// test TestNativeAgrees compares the two.

type kind uint8

const (
	kNull kind = iota
	kBool      // num is 0 or 1
	kNumber
	kText
	kList
)

// cell is a value without the allocation that a number in an interface costs.
type cell struct {
	kind kind
	num  float64
	text string
	list []any
}

func number(f float64) cell { return cell{kind: kNumber, num: f} }
func text(s string) cell    { return cell{kind: kText, text: s} }

func boolean(b bool) cell {
	if b {
		return cell{kind: kBool, num: 1}
	}
	return cell{kind: kBool}
}

// toCell is not ok for what the native path does not know.
func toCell(v any) (cell, bool) {
	switch v := v.(type) {
	case nil:
		return cell{}, true
	case bool:
		return boolean(v), true
	case float64:
		return number(v), true
	case string:
		return text(v), true
	case []any:
		return cell{kind: kList, list: v}, true
	}
	return cell{}, false
}

// result is the value of an expression, normalized; not ok for lists, which
// would be shared with the scope.
func (c cell) result() (any, bool) {
	switch c.kind {
	case kNull:
		return nil, true
	case kBool:
		return c.num != 0, true
	case kNumber:
		return normal(c.num), true
	case kText:
		return c.text, true
	}
	return nil, false
}

// truthy is JavaScript's Boolean(c).
func (c cell) truthy() bool {
	switch c.kind {
	case kBool, kNumber:
		return c.num != 0 && !math.IsNaN(c.num)
	case kText:
		return c.text != ""
	case kList:
		return true
	}
	return false
}

// formula is a compiled part of an expression; ok is false when the library
// must answer.
type formula func(args []any) (c cell, ok bool)

// or evaluates natively, and with library where that is not certain.
func (f formula) or(library func(context.Context, []any) (any, error)) func(context.Context, []any) (any, error) {
	return func(ctx context.Context, args []any) (any, error) {
		if c, ok := f(args); ok {
			if v, ok := c.result(); ok {
				return v, nil
			}
		}
		return library(ctx, args)
	}
}

// dialect is what differs between the languages.
type dialect struct {
	space     string            // characters between tokens
	operators []string          // tokens, longer ones before their beginnings
	binary    map[string]binary // by token
	prefix    map[string]prefix
	constants map[string]cell
	functions map[string]function
	// noNestedChoice: "a ? b ? 1 : 2 : 3" means something else than in
	// JavaScript (math.js reads 2 : 3 as a range).
	noNestedChoice bool
}

type binary struct {
	level int
	right bool // binds from the right
	once  bool // cannot be chained: a < b < c
	apply func(a, b cell) (cell, bool)
	// lazy decides after the first operand whether it settles the result; the
	// second one is then not evaluated.
	lazy func(a cell) (c cell, settled, ok bool)
}

type prefix struct {
	level int // of the operators that bind tighter
	apply func(a cell) (cell, bool)
}

type function struct {
	least, most int // number of arguments
	apply       func(args []cell) (cell, bool)
}

// compileNative returns nil when the expression is beyond the native path.
func compileNative(d *dialect, c *code) formula {
	tokens, ok := scan(d, c.source)
	if !ok {
		return nil
	}
	p := &nativeParser{dialect: d, tokens: tokens, params: c.params}
	f := p.choice(false)
	if p.failed || p.at != len(p.tokens) {
		return nil
	}
	return f
}

// nativeParser reads expressions by operator precedence. After a failure it
// returns nil formulas and reads no further.
type nativeParser struct {
	*dialect
	tokens []token
	at     int
	params int
	depth  int
	failed bool
}

const nativeDepth = 100 // of nested parts

func (p *nativeParser) fail() formula {
	p.failed = true
	return nil
}

func (p *nativeParser) peek() token {
	if p.failed || p.at == len(p.tokens) {
		return token{}
	}
	return p.tokens[p.at]
}

// accept reads the operator op if it comes next.
func (p *nativeParser) accept(op string) bool {
	if t := p.peek(); t.kind != tOperator || t.text != op {
		return false
	}
	p.at++
	return true
}

// choice reads an expression; inner says that it stands between ? and :.
func (p *nativeParser) choice(inner bool) formula {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > nativeDepth {
		return p.fail()
	}
	test := p.level(0)
	if !p.accept("?") {
		return test
	}
	if inner && p.noNestedChoice {
		return p.fail()
	}
	yes := p.choice(true)
	if !p.accept(":") {
		return p.fail()
	}
	no := p.choice(inner)
	return func(args []any) (cell, bool) {
		c, ok := test(args)
		switch {
		case !ok || c.kind == kList:
			return cell{}, false
		case c.truthy():
			return yes(args)
		}
		return no(args)
	}
}

// level reads operators that bind at least as tight as least.
func (p *nativeParser) level(least int) formula {
	left := p.operand()
	chained := 0
	for {
		t := p.peek()
		op, ok := p.binary[t.text]
		if t.kind != tOperator || !ok || op.level < least {
			return left
		}
		if op.once && op.level == chained {
			return p.fail()
		}
		p.at++
		chained = op.level
		next := op.level + 1
		if op.right {
			next = op.level
		}
		left = join2(op, left, p.level(next))
		if p.failed {
			return nil
		}
	}
}

func join2(op binary, a, b formula) formula {
	return func(args []any) (cell, bool) {
		x, ok := a(args)
		if !ok {
			return cell{}, false
		}
		if op.lazy != nil {
			if c, settled, ok := op.lazy(x); settled || !ok {
				return c, ok
			}
		}
		y, ok := b(args)
		if !ok {
			return cell{}, false
		}
		return op.apply(x, y)
	}
}

func (p *nativeParser) operand() formula {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > nativeDepth {
		return p.fail()
	}
	t := p.peek()
	p.at++
	switch t.kind {
	case tNumber:
		return constantly(number(t.num))
	case tText:
		return constantly(text(t.text))
	case tParam:
		if t.param >= p.params {
			return p.fail()
		}
		return func(args []any) (cell, bool) { return toCell(args[t.param]) }
	case tName:
		return p.name(t.text)
	case tOperator:
		if op, ok := p.prefix[t.text]; ok {
			inner := p.level(op.level)
			return func(args []any) (cell, bool) {
				c, ok := inner(args)
				if !ok {
					return cell{}, false
				}
				return op.apply(c)
			}
		}
		if t.text == "(" {
			inner := p.choice(false)
			if !p.accept(")") {
				return p.fail()
			}
			return inner
		}
	}
	return p.fail()
}

// name reads a constant or a call.
func (p *nativeParser) name(name string) formula {
	if !p.accept("(") {
		c, ok := p.constants[name]
		if !ok {
			return p.fail()
		}
		return constantly(c)
	}
	fn, ok := p.functions[name]
	if !ok {
		return p.fail()
	}
	var parts []formula
	for !p.accept(")") {
		if len(parts) > 0 && !p.accept(",") {
			return p.fail()
		}
		parts = append(parts, p.choice(false))
		if p.failed {
			return nil
		}
	}
	if len(parts) < fn.least || len(parts) > fn.most {
		return p.fail()
	}
	return func(args []any) (cell, bool) {
		var few [4]cell
		in := few[:0]
		for _, part := range parts {
			c, ok := part(args)
			if !ok {
				return cell{}, false
			}
			in = append(in, c)
		}
		return fn.apply(in)
	}
}

func constantly(c cell) formula { return func([]any) (cell, bool) { return c, true } }
