package engine

import (
	"context"

	"alur/engine/node"
)

// ScopeGroup is a source of variables: the trigger, an earlier node, a node around
// this one, or the system.
type ScopeGroup struct {
	Title     string    // as people named it; "" when they did not
	Node      *TreeNode // nil for the trigger and the system
	Path      string    // what every variable's path starts with: "$context", "$jobsMapByNodeKey.k3f", "$scopes.k3f"
	Variables []node.Variable
}

// Scope lists what the settings of the node called key may refer to: the
// trigger, every node that can have run before, what the nodes around it have for
// their branches, the nearest first, the variables of the server, and the system.
// With key "" it lists what the end of the workflow would see.
//
// Relations have a Target and no Children: ask [node.Catalogue] for the next
// level.
func (e *Engine) Scope(w Workflow, nodes []Node, key string) []ScopeGroup {
	tree, _ := BuildTree(nodes)
	return newScoper(w, tree, e.Records, e.envNames(context.Background())).scope(key)
}

// scoper works out scopes in one workflow, each node's outputs once.
type scoper struct {
	w       Workflow
	tree    Level
	cat     node.Catalogue
	trigger []node.Variable
	env     []node.Variable
	outputs map[*TreeNode][]node.Variable
}

func newScoper(w Workflow, tree Level, cat node.Catalogue, env []node.Variable) *scoper {
	s := &scoper{w: w, tree: tree, cat: cat, env: env, outputs: map[*TreeNode][]node.Variable{}}
	if k := LookupTrigger(w.Type); k != nil {
		s.trigger = k.Outputs(w.Config, cat)
	}
	return s
}

func (s *scoper) scope(key string) []ScopeGroup {
	groups := []ScopeGroup{{Title: s.w.TriggerTitle, Path: "$context", Variables: s.trigger}}
	before, found := s.tree.Before(key)
	if !found && key != "" {
		before = nil
	}
	for _, n := range before {
		if n.Settings == nil {
			continue
		}
		outputs, known := s.outputs[n]
		if !known {
			outputs = n.Kind.Outputs(n.Settings, s.cat)
			s.outputs[n] = outputs
		}
		if len(outputs) > 0 {
			groups = append(groups, ScopeGroup{Title: n.Title, Node: n, Path: "$jobsMapByNodeKey." + n.Key, Variables: outputs})
		}
	}
	for _, n := range s.tree.around(key) {
		if n.Settings == nil {
			continue
		}
		if variables := n.Kind.ScopeOutputs(n.Settings, s.cat); len(variables) > 0 {
			groups = append(groups, ScopeGroup{Title: n.Title, Node: n, Path: "$scopes." + n.Key, Variables: variables})
		}
	}
	if len(s.env) > 0 {
		groups = append(groups, ScopeGroup{Title: "Variables and secrets", Path: "$env", Variables: s.env})
	}
	return append(groups, ScopeGroup{Title: "System", Path: "$system", Variables: systemVariables})
}

// systemVariables are the functions under $system (spec/variables.md §6).
var systemVariables = []node.Variable{
	{Path: "now", Title: "Now", Type: "datetimeTz"},
	{Path: "dateRange", Title: "Dates", Children: []node.Variable{
		{Path: "today", Title: "Today", Type: "dateRange"},
		{Path: "yesterday", Title: "Yesterday", Type: "dateRange"},
		{Path: "tomorrow", Title: "Tomorrow", Type: "dateRange"},
		{Path: "thisWeek", Title: "This week", Type: "dateRange"},
		{Path: "lastWeek", Title: "Last week", Type: "dateRange"},
		{Path: "nextWeek", Title: "Next week", Type: "dateRange"},
		{Path: "thisMonth", Title: "This month", Type: "dateRange"},
		{Path: "lastMonth", Title: "Last month", Type: "dateRange"},
		{Path: "nextMonth", Title: "Next month", Type: "dateRange"},
		{Path: "thisQuarter", Title: "This quarter", Type: "dateRange"},
		{Path: "lastQuarter", Title: "Last quarter", Type: "dateRange"},
		{Path: "nextQuarter", Title: "Next quarter", Type: "dateRange"},
		{Path: "thisYear", Title: "This year", Type: "dateRange"},
		{Path: "lastYear", Title: "Last year", Type: "dateRange"},
		{Path: "nextYear", Title: "Next year", Type: "dateRange"},
		{Path: "last7Days", Title: "Last 7 days", Type: "dateRange"},
		{Path: "last30Days", Title: "Last 30 days", Type: "dateRange"},
		{Path: "last90Days", Title: "Last 90 days", Type: "dateRange"},
		{Path: "next7Days", Title: "Next 7 days", Type: "dateRange"},
		{Path: "next30Days", Title: "Next 30 days", Type: "dateRange"},
		{Path: "next90Days", Title: "Next 90 days", Type: "dateRange"},
	}},
	{Path: "genSnowflakeId", Title: "A new ID", Type: "snowflakeId"},
	{Path: "instanceId", Title: "Number of the server that runs it", Type: "integer"},
	{Path: "epoch", Title: "First second of IDs", Type: "integer"},
}
