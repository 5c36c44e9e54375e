package nodes

import (
	"context"
	"encoding/json"
	"errors"

	"alur/engine/expr"
	"alur/engine/node"
)

// question is what a condition asks: comparisons, or an expression. The zero
// question is met.
type question struct {
	Engine      string         `json:"engine"`      // basic, math.js or formula.js; "" is basic
	Calculation expr.Condition `json:"calculation"` // for basic
	Expression  string         `json:"expression"`  // for the others

	formula formula
}

const basic = "basic"

// read takes q out of the settings that it is part of, and compiles it.
func (q *question) read(raw []byte) error {
	if err := json.Unmarshal(raw, q); err != nil {
		return err
	}
	if q.calculates() {
		q.formula = newFormula(q.Engine, q.Expression)
	}
	return nil
}

// calculates reports whether an expression decides; engines that nobody knows
// count as basic.
func (q question) calculates() bool { return q.Engine == expr.MathJS || q.Engine == expr.FormulaJS }

func (q question) knownEngine() bool {
	return q.Engine == "" || q.Engine == basic || q.calculates()
}

// validate adds what is wrong with q, whose settings stand below at in those of
// its node.
func (q question) validate(p node.Problems, at string) {
	switch {
	case q.calculates() && q.Expression == "":
		p[at+"expression"] = "Write an expression that is true when the condition is met."
	case q.calculates():
		if text := q.formula.problem(); text != "" {
			p[at+"expression"] = text
		}
	default:
		if err := q.Calculation.Check(); err != nil {
			p[at+"calculation"] = "Correct the condition: " + err.Error() + "."
		}
	}
}

// used are the variables of q with their values.
func (q question) used(vars node.Vars) map[string]any {
	if !q.calculates() {
		return q.Calculation.Used(vars)
	}
	return q.formula.used(vars)
}

// answer is what q comes to, of whatever type; see met.
func (q question) answer(ctx context.Context, vars node.Vars) (any, error) {
	switch {
	case !q.calculates():
		return q.Calculation.Eval(vars)
	case q.Expression == "":
		return nil, errors.New("the condition has no expression")
	}
	return q.formula.eval(ctx, vars)
}

// met reports whether an answer counts as yes: every value that is true in
// JavaScript, such as 1 and "yes".
func met(answer any) bool { return expr.Truthy(answer) }
