// Package function adds functions to the expressions of math.js and Formula.js: a
// company's own program registers them, as in
//
//	var _ = function.Register(function.Function{
//		Name: "VAT_GROSS", Help: "VAT_GROSS(net, rate): the price with tax",
//		Call: func(args []any) (any, error) { … },
//	})
//
// Both libraries have them then, in conditions, calculations and wherever else
// expressions stand. The native path knows none of them, so a call costs a trip to
// a child process (package script). There a function runs: it gets no environment,
// no files and no network, must be quick, and must depend on its arguments alone.
package function

import (
	"regexp"
	"slices"
	"strings"
)

// Function is one function of expressions.
type Function struct {
	Name string // letters, digits and _; not one of math.js or Formula.js
	Help string // how to call it and what comes out, shown below the expression
	// Call takes and returns JSON values: nil, bool, float64, string, []any,
	// map[string]any. How many arguments there are is up to the author. The text of an
	// error ends the expression and is shown as it is.
	Call func(args []any) (any, error)
}

var all []Function

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Register adds f to all expressions. It panics when the name is taken or no name.
func Register(f Function) Function {
	switch {
	case !identifier.MatchString(f.Name) || f.Call == nil:
		panic("function: give a function a name of letters, digits and _, and something to call: " + f.Name)
	case slices.ContainsFunc(all, func(o Function) bool { return o.Name == f.Name }):
		panic("function: registered twice: " + f.Name)
	}
	all = append(all, f)
	return f
}

// All returns the functions by name.
func All() []Function {
	return slices.SortedFunc(slices.Values(all), func(a, b Function) int { return strings.Compare(a.Name, b.Name) })
}
