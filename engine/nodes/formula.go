package nodes

import (
	"context"

	"alur/engine/expr"
	"alur/engine/node"
)

// formula is an expression in a node's settings, compiled with them.
type formula struct {
	expression *expr.Expression
	err        error // why it could not be compiled, in the engine's words
}

func newFormula(engine, text string) formula {
	e, err := expr.Compile(engine, text)
	return formula{e, err}
}

// eval works the formula out. What does not compile fails here too, so that an
// execution says why.
func (f formula) eval(ctx context.Context, vars node.Vars) (any, error) {
	if f.err != nil {
		return nil, f.err
	}
	return f.expression.Eval(ctx, vars)
}

// used are the variables of f with their values.
func (f formula) used(vars node.Vars) map[string]any {
	if f.expression == nil {
		return nil
	}
	return f.expression.Used(vars)
}

// problem is what to do about a formula that does not compile; "" for one that
// does.
func (f formula) problem() string {
	if f.err == nil {
		return ""
	}
	return "Correct the expression. It cannot be read: " + f.err.Error() + "."
}

// asInput is what the log shows: the variables used, with their values.
func asInput(used map[string]any) any {
	if len(used) == 0 {
		return nil
	}
	return used
}

// failed is the outcome of an evaluation that went wrong: the error as text, as
// the engines word it. The end of ctx is no such failure.
func failed(ctx context.Context, err error) (node.Outcome, error) {
	if ctx.Err() != nil {
		return node.Outcome{}, ctx.Err()
	}
	return node.Stop(node.Error, err.Error()), nil
}
