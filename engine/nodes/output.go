package nodes

import (
	"context"

	"alur/engine/expr"
	"alur/engine/node"
)

var _ = node.Register[OutputConfig](output{})

// OutputConfig is the settings of an output node (spec/nodes-core.md §6).
type OutputConfig struct {
	Value expr.Template `json:"value"` // any value; without one the output is null
}

func (OutputConfig) Validate() node.Problems { return nil }

// output sets what the execution gives to whoever started it. Of several the last
// one counts.
type output struct{}

func (output) Kind() string { return "output" }

func (output) Effect() node.Effect { return node.Pure }

func (output) Run(_ context.Context, s *node.Step, c OutputConfig) (node.Outcome, error) {
	vars, used := expr.Hear(s.Vars), map[string]any{}
	out, err := c.eval(vars)
	for _, path := range c.Value.Paths() {
		used[path], _ = expr.Resolve(vars.Again(), path)
	}
	s.Input = asInput(used)
	out.Output = true
	return out, err
}

// Test answers the value and sets nothing.
func (output) Test(_ context.Context, s *node.Step, c OutputConfig) (node.Outcome, error) {
	return c.eval(s.Vars)
}

func (c OutputConfig) eval(vars node.Vars) (node.Outcome, error) {
	v, err := c.Value.Eval(vars)
	return node.Done(expr.Clean(v)), err
}

func (output) Sample(c OutputConfig, _ node.Catalogue) any {
	if len(c.Value.Paths()) > 0 {
		return "Output"
	}
	return expr.Clean(c.Value.Value())
}

func (output) Outputs(OutputConfig, node.Catalogue) []node.Variable {
	return []node.Variable{{Title: "Output"}}
}
