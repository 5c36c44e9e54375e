package handlers

import (
	"cmp"

	"alur/engine"
	"alur/engine/node"
	"alur/engine/value"
	"alur/views"
	"alur/views/nodeforms"
)

// outcome is the line under a step's title: what went wrong, else what came
// out, else what the step is set to do.
func (l *runLog) outcome(n *engine.TreeNode, j engine.Job) string {
	if j.Status < 0 {
		return views.Clip(l.problemWords(n, j), 160)
	}
	if n == nil {
		return ""
	}
	if j.DueAt != nil {
		return "Until " + l.w.When(*j.DueAt)
	}
	set := nodeforms.SummaryOf(n.Type, n.Config, l.env)
	if j.Status == node.Pending || j.Large {
		return set
	}
	v, err := value.Decode(j.Result)
	if err != nil {
		return set
	}
	r := l.result(n, j)
	r.Value, r.Set = v, set
	if said := cmp.Or(nodeforms.SaidOf(n.Type, r), plainWords(v)); said != "" {
		return views.Clip(said, 160)
	}
	return set
}

// result is one run of n as its type words it.
func (l *runLog) result(n *engine.TreeNode, j engine.Job) nodeforms.Result {
	return nodeforms.Result{Config: n.Config, Node: n, Meta: j.Meta, Env: l.env}
}

// ways is what one run of n remembers of its branches.
func (l *runLog) ways(n *engine.TreeNode, j engine.Job) (w nodeforms.Ways, ok bool) {
	if n == nil {
		return w, false
	}
	return nodeforms.WaysOf(n.Type, l.result(n, j))
}

// plainWords words a value of any step; "" for what has no short form.
func plainWords(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return views.Number(v)
	case bool:
		return map[bool]string{true: "True", false: "False"}[v]
	case []any:
		return views.Count(len(v), "value", "values")
	}
	return ""
}

// collectionOf is the collection that a node works on, "" for none.
func collectionOf(n *engine.TreeNode) string {
	name, _ := nodeforms.Decode(n.Config)["collection"].(string)
	return name
}
