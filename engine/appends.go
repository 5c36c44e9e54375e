package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"alur/engine/pg"
)

// Load is a relation that a trigger or a node loads with its record, since a variable
// goes through it.
type Load struct {
	NodeKey  string // "" for the trigger
	Node     string // what people call the place, as in Problem
	Relation string // a dotted path from the record
}

// load has the trigger of w and nodes load the relations that variables go through, as
// if somebody had ticked them there: a relation that is not loaded has no value
// (spec/variables.md §5). The variables are those of the nodes that of picks; with nil of
// all. It changes w and nodes, not what is stored, and returns what it added in the order
// of the canvas. What cannot be loaded is left to [Engine.Check].
func (e *Engine) load(w *Workflow, nodes []Node, of func(Node) bool) []Load {
	tree, _ := BuildTree(nodes) // as far as it can be walked
	scopes, needs := newScoper(*w, tree, e.Records, nil), map[string][]string{}
	tree.Walk(func(n *TreeNode) {
		if of != nil && !of(n.Node) {
			return
		}
		if used := References(n.Node); len(used) > 0 {
			scopes.references(n).need(used, needs)
		}
	})
	var loads []Load
	add := func(key, called string, config *json.RawMessage, path ...string) {
		relations := longest(needs[key])
		if len(relations) == 0 {
			return
		}
		made, ok := withAppends(*config, relations, path...)
		if !ok {
			return
		}
		*config = made
		for _, r := range relations {
			loads = append(loads, Load{key, called, r})
		}
	}
	add("", "The trigger", &w.Config)
	tree.Walk(func(n *TreeNode) {
		if tree.Find(n.Key) != n {
			return // another one of the same key is meant
		}
		i := slices.IndexFunc(nodes, func(other Node) bool { return other.ID == n.ID })
		add(n.Key, n.displayName(), &nodes[i].Config, "params")
	})
	return loads
}

// loadNeeded is load for variables of what is stored, where n is as it shall be.
func (e *Engine) loadNeeded(ctx context.Context, tx *pg.Tx, w *Workflow, nodes []Node, n Node) error {
	nodes = slices.Clone(nodes)
	if i := slices.IndexFunc(nodes, func(other Node) bool { return other.ID == n.ID }); i >= 0 {
		nodes[i] = n
	} else {
		nodes = append(nodes, n)
	}
	return e.storeLoads(ctx, tx, w, nodes, e.load(w, nodes, func(other Node) bool { return other.ID == n.ID }))
}

// storeLoads writes the settings that load changed.
func (e *Engine) storeLoads(ctx context.Context, tx *pg.Tx, w *Workflow, nodes []Node, loads []Load) error {
	changed := func(key string) bool {
		return slices.ContainsFunc(loads, func(l Load) bool { return l.NodeKey == key })
	}
	if changed("") {
		_, err := tx.ExecContext(ctx, workflowQueries.Get("update"), w.ID, w.Title, w.Description, w.TriggerTitle, w.Config, w.Options)
		if err != nil {
			return fmt.Errorf("load relations with the trigger: %w", err)
		}
	}
	for _, n := range nodes {
		if n.Key == "" || !changed(n.Key) {
			continue
		}
		if _, err := tx.ExecContext(ctx, workflowQueries.Get("update_node"), n.ID, n.Title, n.Config, e.now()); err != nil {
			return fmt.Errorf("load relations with node %d: %w", n.ID, err)
		}
	}
	return nil
}

// need adds the relations that used goes through to needs, by the key of the node whose
// settings load them, "" for the trigger.
func (r references) need(used []Reference, needs map[string][]string) {
	r.also = needs
	for _, ref := range used {
		// With a relation loaded the next one of the path may be missing.
		for f := r.find(ref); f.relation != "" && !slices.Contains(needs[f.key], f.relation); f = r.find(ref) {
			needs[f.key] = append(needs[f.key], f.relation)
		}
	}
}

// longest drops the paths that another one begins with.
func longest(paths []string) []string {
	return slices.DeleteFunc(slices.Clone(paths), func(p string) bool {
		return slices.ContainsFunc(paths, func(other string) bool { return strings.HasPrefix(other, p+".") })
	})
}

// loads reports whether the trigger, or the node called key, can load a relation: a
// trigger for deleted records cannot.
func (r references) loads(key, relation string) bool {
	if key == "" {
		config, ok := withAppends(r.w.Config, []string{relation})
		k := LookupTrigger(r.w.Type)
		return ok && k != nil && k.Check(config, r.cat)["appends"] == ""
	}
	n := r.tree.Find(key)
	return n != nil && n.Kind != nil && n.Kind.Knows("params.appends")
}

// withAppends adds relations to the list called appends in the object at path in
// config; ok is false for settings of another shape.
func withAppends(config json.RawMessage, relations []string, path ...string) (_ json.RawMessage, ok bool) {
	read, err := exactly(config)
	settings, isObject := read.(map[string]any)
	if err != nil || !isObject {
		return nil, false
	}
	at := settings
	for _, key := range path {
		inner, isObject := at[key].(map[string]any)
		if at[key] != nil && !isObject {
			return nil, false
		}
		inner = maps.Clone(inner)
		if inner == nil {
			inner = map[string]any{}
		}
		at[key] = inner
		at = inner
	}
	list, isList := at["appends"].([]any)
	if at["appends"] != nil && !isList {
		return nil, false
	}
	for _, r := range relations {
		list = append(list, r)
	}
	at["appends"] = list
	raw, err := inOrder(settings)
	return raw, err == nil
}
