package nodes

import (
	"context"
	"encoding/json"

	"alur/engine/collection"
	"alur/engine/expr"
	"alur/engine/node"
)

var _ = node.Register[ConditionConfig](condition{})

// ConditionConfig is the settings of a condition node (spec/nodes-core.md §2).
// Without any settings, {} included, the condition is met: that is what a node has
// that was made without.
type ConditionConfig struct {
	// RejectOnFalse stops the execution with Failed when the condition is not
	// met, instead of running the branch for that. Nil is false.
	RejectOnFalse *flag
	question

	given bool // there are settings
}

// The branches of a condition.
const (
	yes = 1
	no  = 0
)

// UnmarshalJSON also compiles the expression.
func (c *ConditionConfig) UnmarshalJSON(raw []byte) error {
	var plain struct {
		RejectOnFalse *flag `json:"rejectOnFalse"`
	}
	if err := json.Unmarshal(raw, &plain); err != nil {
		return err
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		return err
	}
	c.given, c.RejectOnFalse = len(all) > 0, plain.RejectOnFalse
	return c.read(raw)
}

func (c ConditionConfig) rejects() bool { return c.RejectOnFalse != nil && bool(*c.RejectOnFalse) }

func (c ConditionConfig) Validate() node.Problems {
	p := node.Problems{}
	if c.given && c.RejectOnFalse == nil {
		p["rejectOnFalse"] = "Choose what happens when the condition is not met: stop, or go on in a branch of its own."
	}
	if !c.knownEngine() {
		p["engine"] = "Choose basic, math.js or formula.js."
	} else {
		c.validate(p, "")
	}
	if raw, err := c.Calculation.MarshalJSON(); err == nil && !c.Calculation.IsZero() && raw[0] != '{' {
		p["calculation"] = "Give the comparisons as an object."
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
	vars := expr.Hear(s.Vars)
	v, err := c.answer(ctx, vars)
	s.Input = asInput(c.used(vars.Again()))
	switch {
	case err != nil:
		return failed(ctx, err)
	case met(v):
		return node.Enter(yes, v), nil
	case c.rejects():
		return node.Stop(node.Failed, v), nil
	}
	return node.Enter(no, v), nil
}

// Test answers what the condition comes to; whether that would stop an
// execution plays no part.
func (condition) Test(ctx context.Context, s *node.Step, c ConditionConfig) (node.Outcome, error) {
	v, err := c.answer(ctx, s.Vars)
	if err != nil {
		return failed(ctx, err)
	}
	return node.Done(v), nil
}

func (condition) Branches(c ConditionConfig) []node.Branch {
	if c.rejects() {
		return nil
	}
	return []node.Branch{{Index: yes, Label: "Yes"}, {Index: no, Label: "No"}}
}

func (condition) Sample(ConditionConfig, node.Catalogue) any { return true }

func (condition) Outputs(c ConditionConfig, _ node.Catalogue) []node.Variable {
	met := node.Variable{Title: "Condition met"}
	if !c.calculates() {
		met.Type = collection.Boolean
	}
	return []node.Variable{met}
}
