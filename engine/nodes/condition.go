package nodes

import (
	"context"
	"encoding/json"
	"errors"

	"alur/engine/collection"
	"alur/engine/expr"
	"alur/engine/node"
)

var _ = node.Register[ConditionConfig](condition{})

// ConditionConfig is the settings of a condition node (spec/nodes-core.md §2).
// Without any settings the condition is met.
type ConditionConfig struct {
	// RejectOnFalse stops the execution with Failed when the condition is not
	// met, instead of running the branch for that. Nil is false.
	RejectOnFalse *bool          `json:"rejectOnFalse"`
	Engine        string         `json:"engine"`      // basic, math.js or formula.js; "" is basic
	Calculation   expr.Condition `json:"calculation"` // for basic
	Expression    string         `json:"expression"`  // for the others

	given   bool // there are settings
	formula formula
}

const basic = "basic"

// The branches of a condition.
const (
	yes = 1
	no  = 0
)

// UnmarshalJSON also compiles the expression.
func (c *ConditionConfig) UnmarshalJSON(raw []byte) error {
	type plain ConditionConfig
	if err := json.Unmarshal(raw, (*plain)(c)); err != nil {
		return err
	}
	c.given = true
	if c.calculates() {
		c.formula = newFormula(c.Engine, c.Expression)
	}
	return nil
}

// calculates reports whether an expression decides; engines that nobody knows
// count as basic.
func (c ConditionConfig) calculates() bool {
	return c.Engine == expr.MathJS || c.Engine == expr.FormulaJS
}

func (c ConditionConfig) rejects() bool { return c.RejectOnFalse != nil && *c.RejectOnFalse }

func (c ConditionConfig) Validate() node.Problems {
	p := node.Problems{}
	if c.given && c.RejectOnFalse == nil {
		p["rejectOnFalse"] = "Choose what happens when the condition is not met: stop, or go on in a branch of its own."
	}
	switch {
	case c.calculates() && c.Expression == "":
		p["expression"] = "Write an expression that is true when the condition is met."
	case c.calculates():
		if text := c.formula.problem(); text != "" {
			p["expression"] = text
		}
	case c.Engine != "" && c.Engine != basic:
		p["engine"] = "Choose basic, math.js or formula.js."
	default:
		if err := c.Calculation.Check(); err != nil {
			p["calculation"] = "Correct the condition: " + err.Error() + "."
		}
	}
	if len(p) == 0 {
		return nil
	}
	return p
}

// condition goes on in one of two branches, or only when the condition is met.
// Any value that counts as true in JavaScript meets it; the value itself is the
// result.
type condition struct{}

func (condition) Kind() string { return "condition" }

func (condition) Effect() node.Effect { return node.Pure }

func (condition) Run(ctx context.Context, s *node.Step, c ConditionConfig) (node.Outcome, error) {
	if c.calculates() {
		s.Input = c.formula.input(s.Vars)
	} else {
		s.Input = asInput(c.Calculation.Used(s.Vars))
	}
	v, err := c.eval(ctx, s.Vars)
	switch {
	case err != nil:
		return failed(ctx, err)
	case expr.Truthy(v):
		return node.Enter(yes, v), nil
	case c.rejects():
		return node.Stop(node.Failed, v), nil
	}
	return node.Enter(no, v), nil
}

// Test answers what the condition comes to; whether that would stop an
// execution plays no part.
func (condition) Test(ctx context.Context, s *node.Step, c ConditionConfig) (node.Outcome, error) {
	v, err := c.eval(ctx, s.Vars)
	if err != nil {
		return failed(ctx, err)
	}
	return node.Done(v), nil
}

func (c ConditionConfig) eval(ctx context.Context, vars node.Vars) (any, error) {
	switch {
	case !c.calculates():
		return c.Calculation.Eval(vars)
	case c.Expression == "":
		return nil, errors.New("the condition has no expression")
	}
	return c.formula.eval(ctx, vars)
}

func (condition) Branches(c ConditionConfig) []node.Branch {
	if c.rejects() {
		return nil
	}
	return []node.Branch{{Index: yes, Label: "Yes"}, {Index: no, Label: "No"}}
}

func (condition) Outputs(c ConditionConfig, _ node.Catalogue) []node.Variable {
	met := node.Variable{Title: "Condition met"}
	if !c.calculates() {
		met.Type = collection.Boolean
	}
	return []node.Variable{met}
}
