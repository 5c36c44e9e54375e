package nodes

import (
	"context"
	"encoding/json"
	"strings"

	"alur/engine/collection"
	"alur/engine/expr"
	"alur/engine/node"
)

var _ = node.Register[CalculationConfig](calculation{})

// CalculationConfig is the settings of a calculation node (spec/nodes-core.md §4).
type CalculationConfig struct {
	Engine     string `json:"engine"`     // math.js, formula.js or string; "" is math.js
	Expression string `json:"expression"` // "" gives null

	formula formula
}

// UnmarshalJSON also compiles the expression.
func (c *CalculationConfig) UnmarshalJSON(raw []byte) error {
	type plain CalculationConfig
	if err := json.Unmarshal(raw, (*plain)(c)); err != nil {
		return err
	}
	if c.Engine == "" {
		c.Engine = expr.MathJS
	}
	c.formula = newFormula(c.Engine, c.Expression)
	return nil
}

// known reports whether there is an engine for the expression.
func (c CalculationConfig) known() bool {
	switch c.Engine {
	case "", expr.MathJS, expr.FormulaJS, expr.Plain:
		return true
	}
	return false
}

func (c CalculationConfig) Validate() node.Problems {
	if !c.known() {
		return node.Problems{"engine": "Choose math.js, formula.js or string."}
	}
	if text := c.formula.problem(); text != "" {
		return node.Problems{"expression": text}
	}
	return nil
}

// calculation works out an expression. One for an engine that nobody knows gives
// null, as none does.
type calculation struct{}

func (calculation) Kind() string { return "calculation" }

func (calculation) Effect() node.Effect { return node.Pure }

func (calculation) Run(ctx context.Context, s *node.Step, c CalculationConfig) (node.Outcome, error) {
	vars := expr.Hear(s.Vars)
	out, err := c.run(ctx, vars)
	s.Input = asInput(c.formula.used(vars.Again()))
	return out, err
}

func (calculation) Test(ctx context.Context, s *node.Step, c CalculationConfig) (node.Outcome, error) {
	return c.run(ctx, s.Vars)
}

func (c CalculationConfig) run(ctx context.Context, vars node.Vars) (node.Outcome, error) {
	if c.Expression == "" || !c.known() {
		return node.Done(nil), nil
	}
	v, err := c.formula.eval(ctx, vars)
	if err != nil {
		return failed(ctx, err)
	}
	return node.Done(v), nil
}

// Check asks for an expression: an empty one may be saved and gives null, but
// nobody switches that on with intent.
func (calculation) Check(c CalculationConfig, _ node.Catalogue) node.Problems {
	if strings.TrimSpace(c.Expression) == "" {
		return node.Problems{"expression": "Write an expression."}
	}
	return nil
}

func (calculation) Sample(c CalculationConfig, _ node.Catalogue) any {
	if c.Engine == expr.Plain {
		return c.Expression
	}
	return 42.0
}

func (calculation) Outputs(c CalculationConfig, _ node.Catalogue) []node.Variable {
	result := node.Variable{Title: "Result"}
	if c.Engine == expr.Plain {
		result.Type = collection.String
	}
	return []node.Variable{result}
}
