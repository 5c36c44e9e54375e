package nodes

import (
	"context"

	"alur/engine/expr"
	"alur/engine/node"
)

var _ = node.Register[CalculationConfig](calculation{})

// CalculationConfig is the settings of a calculation node (spec/nodes-core.md §4).
type CalculationConfig struct {
	Engine     string `json:"engine"`     // math.js, formula.js or string; "" is math.js
	Expression string `json:"expression"` // empty: the result is null
}

func (c CalculationConfig) engine() string {
	if c.Engine == "" {
		return expr.MathJS
	}
	return c.Engine
}

func (c CalculationConfig) known() bool {
	switch c.engine() {
	case expr.MathJS, expr.FormulaJS, expr.Plain:
		return true
	}
	return false
}

// Validate lets everything be saved, as the reference does; what cannot be
// calculated is found by Check.
func (CalculationConfig) Validate() node.Problems { return nil }

// calculation works out a value.
type calculation struct{}

func (calculation) Kind() string { return "calculation" }

func (calculation) Effect() node.Effect { return node.Pure }

func (calculation) Run(ctx context.Context, s *node.Step, c CalculationConfig) (node.Outcome, error) {
	return c.calculate(ctx, s.Vars), nil
}

func (c CalculationConfig) calculate(ctx context.Context, vars expr.Scope) node.Outcome {
	if c.Expression == "" || !c.known() {
		return node.Done(nil)
	}
	e, err := expr.Compile(c.engine(), c.Expression)
	if err != nil {
		return node.Stop(node.Error, err.Error())
	}
	value, err := e.Eval(ctx, vars)
	if err != nil {
		return node.Stop(node.Error, err.Error())
	}
	return node.Done(value)
}

func (calculation) Check(c CalculationConfig, _ node.Catalogue) node.Problems {
	switch {
	case !c.known():
		return node.Problems{"engine": "Choose math.js, formula.js or string."}
	case c.Expression == "":
		return node.Problems{"expression": "Write an expression."}
	}
	if _, err := expr.Compile(c.engine(), c.Expression); err != nil {
		return node.Problems{"expression": "This expression cannot be read: " + err.Error()}
	}
	return nil
}

// Test calculates without variables.
func (calculation) Test(ctx context.Context, c CalculationConfig) (node.Outcome, error) {
	return c.calculate(ctx, expr.Vars{}), nil
}
