package expr

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Condition is a "basic" condition: comparisons joined by and/or, nested
// without limit, as stored under "calculation" in a node's settings. The zero
// Condition and null are true.
//
//	{"group": {"type": "and", "calculations": [
//	  {"calculator": "gt", "operands": ["{{$context.data.stock}}", 0]}]}}
//
// Every text in it is a template.
type Condition struct {
	raw  json.RawMessage
	test test     // nil when only the scope shows the structure
	tmpl Template // evaluated first when test is nil
	vars []path
}

// NewCondition compiles a JSON value.
func NewCondition(v any) (Condition, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return Condition{}, fmt.Errorf("compile condition: %w", err)
	}
	var c Condition
	err = c.UnmarshalJSON(raw)
	return c, err
}

// UnmarshalJSON compiles raw. Wrong operators and groups are no error here:
// [Condition.Check] finds them, and so does Eval.
func (c *Condition) UnmarshalJSON(raw []byte) error {
	var t Template
	if err := t.UnmarshalJSON(raw); err != nil {
		return err
	}
	*c = Condition{raw: bytes.Clone(raw), tmpl: t}
	for _, p := range t.Paths() {
		c.vars = append(c.vars, parsePath(p))
	}
	if isStatic(t.root) {
		c.test = build(t.root)
	}
	return nil
}

// MarshalJSON returns what the condition was compiled from.
func (c Condition) MarshalJSON() ([]byte, error) {
	if c.raw == nil {
		return []byte("null"), nil
	}
	return c.raw, nil
}

// IsZero reports whether there is no condition: absent or null.
func (c Condition) IsZero() bool { return c.raw == nil || string(c.raw) == "null" }

// Paths returns the paths of all variables in c, each once.
func (c Condition) Paths() []string { return c.tmpl.Paths() }

// Used returns the variables of c with their values in s, by path; nil when c has
// none.
func (c Condition) Used(s Scope) map[string]any { return used(s, c.vars) }

// Value returns the JSON value that c was compiled from.
func (c Condition) Value() any { return c.tmpl.Value() }

// Check returns the first thing that makes c fail whatever the variables are,
// such as an operator that does not exist.
func (c Condition) Check() error {
	if c.test == nil {
		return nil
	}
	return c.test.check()
}

// Eval works out the condition. It stops at the first comparison that settles
// an and/or.
func (c Condition) Eval(s Scope) (bool, error) {
	if c.raw == nil {
		return true, nil
	}
	if c.test != nil {
		return c.test.eval(s)
	}
	v, err := c.tmpl.Eval(s)
	if err != nil {
		return false, err
	}
	return build(literal(v)).eval(noVars{s})
}

// literal is compile for a value that came out of variables: texts in it are
// never templates.
func literal(v any) part {
	switch v := v.(type) {
	case []any:
		a := make(array, len(v))
		for i, e := range v {
			a[i] = literal(e)
		}
		return a
	case map[string]any:
		o := make(object, 0, len(v))
		for k, e := range v {
			o = append(o, entry{constant{k}, literal(e)})
		}
		return o
	}
	return constant{v}
}

// noVars is the scope for what has been filled in already from another.
type noVars struct{ from Scope }

func (noVars) Root(string) (any, bool) { return nil, false }

func (v noVars) Zone() *time.Location { return zoneOf(v.from) }

// test is a compiled condition.
type test interface {
	eval(s Scope) (bool, error)
	check() error
}

type (
	always bool
	broken struct{ err error }
	group  struct {
		any   bool // or
		tests []test
	}
	comparison struct {
		op    operator
		a, b  part
		alike bool // both operands are the same variable
	}
)

func (t always) eval(Scope) (bool, error) { return bool(t), nil }
func (t always) check() error             { return nil }

func (t broken) eval(Scope) (bool, error) { return false, t.err }
func (t broken) check() error             { return t.err }

func (t group) eval(s Scope) (bool, error) {
	for _, e := range t.tests {
		ok, err := e.eval(s)
		if err != nil {
			return false, err
		}
		if ok == t.any {
			return ok, nil
		}
	}
	return !t.any, nil
}

func (t group) check() error {
	for _, e := range t.tests {
		if err := e.check(); err != nil {
			return err
		}
	}
	return nil
}

func (t comparison) eval(s Scope) (bool, error) {
	return t.op(t.a.eval(s), t.b.eval(s), t.alike)
}

func (t comparison) check() error { return nil }

// isStatic reports whether the structure (groups, operators, keys) is known
// without variables, so that only operands are evaluated.
func isStatic(p part) bool {
	o, ok := p.(object)
	if !ok {
		_, ok = p.(constant)
		return ok
	}
	for _, e := range o {
		key, ok := e.key.(constant)
		if !ok {
			return false
		}
		switch key.v {
		case "group":
			g, ok := e.value.(object)
			if !ok {
				if _, ok := e.value.(constant); ok {
					continue
				}
				return false
			}
			for _, e := range g {
				if !isStaticGroupPart(e) {
					return false
				}
			}
		case "calculator":
			if _, ok := e.value.(constant); !ok {
				return false
			}
		case "operands":
			switch e.value.(type) {
			case *placeholder, interpolation:
				return false
			}
		}
	}
	return true
}

func isStaticGroupPart(e entry) bool {
	key, ok := e.key.(constant)
	if !ok {
		return false
	}
	switch v := e.value.(type) {
	case *placeholder, interpolation:
		return key.v != "type" && key.v != "calculations"
	case array:
		return key.v != "calculations" || !slices.ContainsFunc(v, func(p part) bool { return !isStatic(p) })
	}
	return true
}

// build turns an object with group, or calculator and operands, into a test.
// Whatever is no such object is true, as null is.
func build(p part) test {
	o, _ := p.(object)
	switch g := o.get("group").(type) {
	case object:
		return buildGroup(g)
	case array:
		return broken{errGroup(nil)}
	case constant:
		if g.v == nil {
			return broken{errGroup(nil)}
		}
	}
	calculator, _ := o.get("calculator").(constant)
	operands, _ := o.get("operands").(array)
	if !Truthy(calculator.v) || len(operands) == 0 {
		return always(true)
	}
	name := jsString(calculator.v)
	c := comparison{a: operands[0], b: constant{Undefined}}
	if len(operands) > 1 {
		c.b = operands[1]
	}
	if by, ok := dayOperators[name]; ok {
		return dayComparison{c.a, c.b, by.holds, by.negated}
	}
	op, ok := operators[name]
	switch {
	case !ok:
		return broken{fmt.Errorf("no calculator function registered for %q", name)}
	case lone[name] && len(operands) > 1:
		return broken{fmt.Errorf("%q looks at one value, but was given %d", name, len(operands))}
	}
	c.op = op
	x, ok1 := c.a.(*placeholder)
	y, ok2 := c.b.(*placeholder)
	c.alike = ok1 && ok2 && x.path.full == y.path.full
	return c
}

func buildGroup(g object) test {
	kind, _ := g.get("type").(constant)
	if kind.v != "and" && kind.v != "or" {
		return broken{errGroup(kind.v)}
	}
	items, _ := g.get("calculations").(array)
	t := group{any: kind.v == "or", tests: make([]test, len(items))}
	for i, item := range items {
		t.tests[i] = build(item)
	}
	return t
}

func errGroup(kind any) error {
	return fmt.Errorf("a group of conditions is joined by %q, which must be \"and\" or \"or\"", jsString(kind))
}

// get returns the value under a key without placeholders; nil without one.
func (o object) get(key string) part {
	for _, e := range o {
		if c, ok := e.key.(constant); ok && c.v == key {
			return e.value
		}
	}
	return nil
}
