package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"alur/engine/node"
)

// Problem is one reason why a workflow cannot run, at its place.
type Problem struct {
	NodeID  int64  // 0: the trigger, or the workflow as a whole
	NodeKey string // "" with NodeID 0
	Node    string // what people call the place: a node's name, "The trigger"
	Field   string // config key, dotted for depth; "" for the place as a whole
	Msg     string // one sentence
}

func (p Problem) String() string {
	if p.Node == "" {
		return p.Msg
	}
	return p.Node + ": " + p.Msg
}

// Check lists everything that keeps w from running, in the order of the canvas:
// settings that are missing or do not fit the collections there are, unknown
// types, broken links, and references to variables that are not in scope.
func (e *Engine) Check(ctx context.Context, w Workflow, nodes []Node) []Problem {
	return e.check(ctx, w, nodes, e.envNames(ctx))
}

// check is Check where env are the variables of the server.
func (e *Engine) check(ctx context.Context, w Workflow, nodes []Node, env []node.Variable) []Problem {
	cat := e.Records
	var all []Problem
	add := func(at Problem, problems node.Problems) {
		for _, field := range slices.Sorted(maps.Keys(problems)) {
			at.Field, at.Msg = field, problems[field]
			all = append(all, at)
		}
	}
	trigger := Problem{Node: "The trigger"}
	if k := LookupTrigger(w.Type); k == nil {
		add(trigger, node.Problems{"": fmt.Sprintf("Nobody here knows triggers of type %q.", w.Type)})
	} else {
		add(trigger, k.Check(w.Config, cat))
	}
	tree, err := BuildTree(nodes)
	if err != nil {
		all = append(all, Problem{Msg: "The nodes are not linked as a tree: " + err.Error() + "."})
	}
	scopes := newScoper(w, tree, cat, env)
	tree.Walk(func(n *TreeNode) {
		at := Problem{NodeID: n.ID, NodeKey: n.Key, Node: n.displayName()}
		problems := checkTreeNode(w, n, cat)
		if len(problems) == 0 {
			problems = n.Kind.Prove(ctx, e.Services, n.Settings)
		}
		add(at, problems)
		if used := mentioned(n.Node); len(used) > 0 {
			add(at, without(scopes.references(n).check(used), problems))
		}
	})
	return all
}

func checkTreeNode(w Workflow, n *TreeNode, cat node.Catalogue) node.Problems {
	switch {
	case n.Kind == nil:
		return node.Problems{"": fmt.Sprintf("Nobody here knows nodes of type %q. Delete the node, or install what it came with.", n.Type)}
	case n.Settings == nil:
		return n.Problems
	case n.Kind.Waits && w.Sync:
		return node.Problems{"": "This node waits, and a synchronous workflow cannot. Delete the node."}
	}
	return n.Kind.Check(n.Settings, cat)
}

// displayName is what a list of problems calls n.
func (n *TreeNode) displayName() string { return cmp.Or(n.Title, "A node of type "+n.Type) }

func (e *Engine) checkTrigger(kind string, config json.RawMessage, incomplete bool) map[string]string {
	k := LookupTrigger(kind)
	if k == nil {
		return map[string]string{"type": fmt.Sprintf("There is no trigger of type %q.", kind)}
	}
	problems := k.Check(config, e.Records)
	if h, ok := k.(Hesitant); ok {
		var given map[string]json.RawMessage
		_ = json.Unmarshal(config, &given) // Check says when it is no object
		for _, field := range h.Later() {
			if _, there := given[field]; !there {
				delete(problems, field)
			}
		}
	}
	return configProblems(config, problems, incomplete)
}

// without returns the problems whose field has none yet.
func without(problems, known node.Problems) node.Problems {
	maps.DeleteFunc(problems, func(field, _ string) bool { return known[field] != "" })
	return problems
}
