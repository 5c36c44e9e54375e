package handlers

import (
	"cmp"
	"encoding/json"

	"alur/engine"
	"alur/engine/expr"
	"alur/views"
	"alur/views/nodeforms"
)

// answers is what the conditions of a step said, as its meta keeps them.
type answers struct {
	known bool  // it is a step with several conditions
	all   []any // of those that were asked
	taken int   // the branch that was chosen; -1 for none
}

// answersOf reads the answers of one run of n. Those of a wrong condition end with
// the text of the error.
func answersOf(n *engine.TreeNode, j engine.Job) answers {
	var meta struct{ Conditions []any }
	if n == nil || n.Type != "multi-conditions" || json.Unmarshal(j.Meta, &meta) != nil || meta.Conditions == nil {
		return answers{}
	}
	a := answers{known: true, all: meta.Conditions}
	if last := len(a.all) - 1; last >= 0 {
		if _, wrong := a.all[last].(string); wrong {
			a.taken = -1
		} else if expr.Truthy(a.all[last]) {
			a.taken = last + 1
		}
	}
	return a
}

// mark is the state of a branch's condition, and the word for it.
func (a answers) mark(branch int) (state, word string) {
	switch i := branch - 1; {
	case !a.known:
		return "", ""
	case branch == 0 && a.taken == 0:
		return views.Completed, "taken"
	case branch == 0:
		return views.Idle, "not taken"
	case branch == a.taken:
		return views.Completed, "met"
	case i >= len(a.all):
		return views.Idle, "not asked"
	case i == len(a.all)-1 && a.taken < 0:
		return views.Error, "went wrong"
	}
	return views.Idle, "not met"
}

// words says which condition was met: "Big order · Total > 1000".
func (a answers) words(n *engine.TreeNode, env *nodeforms.Env) string {
	if a.taken == 0 {
		return "No condition was met"
	}
	for _, b := range n.Branches {
		if b.Index != a.taken {
			continue
		}
		said := cmp.Or(nodeforms.CaseWords(n.Config, b.Index-1, env), "always")
		return b.Label + " · " + said
	}
	return ""
}
