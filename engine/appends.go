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

// loadNeeded has the trigger and the nodes above n load the relations that the
// variables of n go through, as if somebody had ticked them there: a relation that
// is not loaded has no value (spec/variables.md §5). What cannot be loaded is left to
// [Engine.Check].
func (e *Engine) loadNeeded(ctx context.Context, tx *pg.Tx, w *Workflow, nodes []Node, n Node) error {
	nodes = slices.Clone(nodes)
	if i := slices.IndexFunc(nodes, func(other Node) bool { return other.ID == n.ID }); i >= 0 {
		nodes[i] = n
	} else {
		nodes = append(nodes, n)
	}
	tree, _ := BuildTree(nodes) // as far as it can be walked
	at := tree.Find(n.Key)
	used := References(n)
	if at == nil || len(used) == 0 {
		return nil
	}
	for key, relations := range newScoper(*w, tree, e.Records, nil).references(at).needs(used) {
		var err error
		if key == "" {
			err = e.loadWithTrigger(ctx, tx, w, relations)
		} else {
			err = e.loadWithNode(ctx, tx, tree.Find(key).Node, relations)
		}
		if err != nil {
			return fmt.Errorf("load relations for node %d: %w", n.ID, err)
		}
	}
	return nil
}

// needs returns the relations to load, by the key of the node whose settings do it,
// "" for the trigger.
func (r references) needs(used []Reference) map[string][]string {
	needs := map[string][]string{}
	for _, ref := range used {
		// With a relation loaded the next one of the path may be missing.
		f := r.find(ref)
		for f.relation != "" && !slices.Contains(needs[f.key], f.relation) {
			needs[f.key] = append(needs[f.key], f.relation)
			r.also = needs
			f = r.find(ref)
		}
	}
	for key, list := range needs {
		needs[key] = longest(list)
	}
	return needs
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

func (e *Engine) loadWithTrigger(ctx context.Context, tx *pg.Tx, w *Workflow, relations []string) error {
	config, ok := withAppends(w.Config, relations)
	if !ok {
		return nil
	}
	w.Config = config
	_, err := tx.ExecContext(ctx, workflowQueries.Get("update"), w.ID, w.Title, w.Description, w.TriggerTitle, w.Config, w.Options)
	return err
}

func (e *Engine) loadWithNode(ctx context.Context, tx *pg.Tx, n Node, relations []string) error {
	config, ok := withAppends(n.Config, relations, "params")
	if !ok {
		return nil
	}
	_, err := tx.ExecContext(ctx, workflowQueries.Get("update_node"), n.ID, n.Title, config, e.now())
	return err
}

// withAppends adds relations to the list called appends in the object at path in
// config; ok is false for settings of another shape.
func withAppends(config json.RawMessage, relations []string, path ...string) (_ json.RawMessage, ok bool) {
	var settings map[string]any
	if json.Unmarshal(config, &settings) != nil || settings == nil {
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
	raw, err := json.Marshal(settings)
	return raw, err == nil
}
