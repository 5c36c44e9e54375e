package engine_test

import (
	"testing"

	"alur/engine"
	"alur/engine/expr"
	"alur/engine/node"
)

// TestSystemVariables: what the variable button offers of the system has a value.
func TestSystemVariables(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	vars := expr.Vars{"$system": h.SystemVars()}
	n := 0
	var look func(path string, list []node.Variable)
	look = func(path string, list []node.Variable) {
		for _, v := range list {
			n++
			at := path + "." + v.Path
			if got, ok := expr.Resolve(vars, at); !ok || got == nil {
				t.Errorf("%s is %v", at, got)
			}
			look(at, v.Children)
		}
	}
	for _, g := range h.Scope(engine.Workflow{Type: "test"}, nil, "") {
		if g.Path == "$system" {
			look(g.Path, g.Variables)
		}
	}
	if n < 20 {
		t.Errorf("only %d variables are offered", n)
	}
}
