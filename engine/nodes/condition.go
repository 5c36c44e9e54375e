package nodes

import (
	"context"

	"alur/engine/expr"
	"alur/engine/node"
)

var _ = node.Register[ConditionConfig](condition{})

// ConditionConfig is the settings of a condition node (spec/nodes-core.md §2).
type ConditionConfig struct {
	RejectOnFalse *bool          `json:"rejectOnFalse"` // true: stop when it does not hold; false: branch
	Engine        string         `json:"engine"`        // basic, math.js or formula.js; "" is basic
	Calculation   expr.Condition `json:"calculation"`   // for basic; empty: holds
	Expression    string         `json:"expression"`    // for the others
}

const basic = "basic"

// The branches of a condition.
const (
	branchNo  = 0
	branchYes = 1
)

func (c ConditionConfig) rejects() bool { return c.RejectOnFalse != nil && *c.RejectOnFalse }

// expression reports whether c is written for an expression engine.
func (c ConditionConfig) expression() bool {
	return c.Engine == expr.MathJS || c.Engine == expr.FormulaJS
}

func (c ConditionConfig) Validate() node.Problems {
	p := node.Problems{}
	if c.RejectOnFalse == nil {
		p["rejectOnFalse"] = "Choose whether to stop when the condition does not hold, or to branch."
	}
	switch {
	case c.Engine == "", c.Engine == basic:
		if err := c.Calculation.Check(); err != nil {
			p["calculation"] = err.Error()
		}
	case !c.expression():
		p["engine"] = "Choose basic, math.js or formula.js."
	case c.Expression == "":
		p["expression"] = "Write an expression."
	default:
		if _, err := expr.Compile(c.Engine, c.Expression); err != nil {
			p["expression"] = "This expression cannot be read: " + err.Error()
		}
	}
	if len(p) == 0 {
		return nil
	}
	return p
}

// condition goes one way or the other, or stops.
type condition struct{}

func (condition) Kind() string { return "condition" }

func (condition) Effect() node.Effect { return node.Pure }

func (condition) Run(ctx context.Context, s *node.Step, c ConditionConfig) (node.Outcome, error) {
	return c.decide(ctx, s.Vars), nil
}

// decide evaluates c. An expression may give any value; it counts by its truth,
// and stays in the result as it is.
func (c ConditionConfig) decide(ctx context.Context, vars expr.Scope) node.Outcome {
	value, holds, err := c.eval(ctx, vars)
	switch {
	case err != nil:
		return node.Stop(node.Error, err.Error())
	case !holds && c.rejects():
		return node.Stop(node.Failed, value)
	case holds:
		return node.Enter(branchYes, value)
	}
	return node.Enter(branchNo, value)
}

func (c ConditionConfig) eval(ctx context.Context, vars expr.Scope) (value any, holds bool, err error) {
	if !c.expression() {
		holds, err = c.Calculation.Eval(vars)
		return holds, holds, err
	}
	e, err := expr.Compile(c.Engine, c.Expression)
	if err != nil {
		return nil, false, err
	}
	if value, err = e.Eval(ctx, vars); err != nil {
		return nil, false, err
	}
	return value, expr.Truthy(value), nil
}

func (condition) Branches(c ConditionConfig) []node.Branch {
	if c.rejects() {
		return nil
	}
	return []node.Branch{{Index: branchYes, Label: "Yes"}, {Index: branchNo, Label: "No"}}
}

func (condition) Outputs(ConditionConfig, node.Catalogue) []node.Variable {
	return []node.Variable{{Title: "Result", Type: "boolean"}}
}

// Test evaluates c without variables.
func (condition) Test(ctx context.Context, c ConditionConfig) (node.Outcome, error) {
	value, _, err := c.eval(ctx, expr.Vars{})
	if err != nil {
		return node.Stop(node.Error, err.Error()), nil
	}
	return node.Done(value), nil
}
