package nodes

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/expr"
	"alur/engine/fault"
	"alur/engine/node"
	"alur/engine/pg"
)

// What query, create, update and destroy have in common (spec/nodes-core.md §1).

// mainSource is the only data source; "main:orders" and "orders" are the same.
const mainSource = "main"

// local returns the collection's name without its data source.
func local(name string) string { return strings.TrimPrefix(name, mainSource+":") }

// nameProblem says what is wrong with a collection's name as text.
func nameProblem(name string) string {
	source, rest, two := strings.Cut(name, ":")
	switch {
	case name == "":
		return "Choose a collection."
	case two && (source == "" || rest == ""):
		return "Write the collection as “name” or as “dataSource:name”."
	case two && source != mainSource:
		return fmt.Sprintf("There is no data source “%s”.", source)
	}
	return ""
}

func validateCollection(name string) node.Problems {
	if text := nameProblem(name); text != "" {
		return node.Problems{"collection": text}
	}
	return nil
}

// with adds a problem to p, which may be nil.
func with(p node.Problems, key, problem string) node.Problems {
	if p == nil {
		p = node.Problems{}
	}
	p[key] = problem
	return p
}

// byField reports whether values are given as an object, or not at all.
func byField(values expr.Template) bool {
	v := values.Value()
	_, ok := v.(map[string]any)
	return ok || v == nil
}

// validateFilter adds to p what is wrong with a filter as it stands: it is an object,
// or one variable that is.
func validateFilter(p node.Problems, filter expr.Template) node.Problems {
	switch v := filter.Value().(type) {
	case nil, map[string]any:
		return p
	case string:
		if len(filter.Paths()) > 0 || v == "" {
			return p
		}
	}
	return with(p, "params.filter", "Give the conditions as an object of fields.")
}

// writes is how the values of a record are taken (spec/nodes-core.md §7, passed on to
// the store as in spec/platform.md §3): which of them, and whether those of related
// records that are there change them.
type writes struct{ whitelist, blacklist, nested []string }

func (w writes) check(f fields, collection string, p node.Problems) {
	p["params.whitelist"] = f.Paths(collection, w.whitelist)
	p["params.blacklist"] = f.Paths(collection, w.blacklist)
	p["params.updateAssociationValues"] = f.Paths(collection, w.nested)
}

// access is how a node uses records that changes related ones too.
func (w writes) access(s *node.Step) collection.Access {
	a := access(s)
	a.Nested = w.nested
	return a
}

// checkCollection finds a collection that does not exist (any more).
func checkCollection(name string, cat node.Catalogue) node.Problems {
	if nameProblem(name) != "" {
		return nil // Validate says so
	}
	if _, ok := cat.Fields(local(name)); !ok {
		return node.Problems{"collection": fmt.Sprintf("There is no collection “%s”. Choose another.", local(name))}
	}
	return nil
}

// check collects what is wrong with a record node's settings in the light of the
// catalogue: a collection or a field that does not exist (any more). Without the
// collection nothing can be said of its fields.
func check(name string, cat node.Catalogue, find func(f fields, collection string, p node.Problems)) node.Problems {
	if p := checkCollection(name, cat); p != nil || nameProblem(name) != "" {
		return p
	}
	p := node.Problems{}
	find(fields{node.Fields{Catalogue: cat}}, local(name), p)
	for key, problem := range p {
		if problem == "" {
			delete(p, key)
		}
	}
	return p
}

// filterProblem finds a filter that is missing, or that names no field.
func filterProblem(f fields, collection string, filter expr.Template, doing string) string {
	v := filter.Value()
	if emptyFilter(v) {
		return fmt.Sprintf("Say which records to %s: add at least one condition.", doing)
	}
	return f.Filter(collection, v)
}

// emptyFilter reports whether a filter has no condition at all: nothing, {}, or
// groups of such.
func emptyFilter(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case map[string]any:
		for key, inner := range v {
			if key != "$and" && key != "$or" || !emptyFilter(inner) {
				return false
			}
		}
		return true
	case []any:
		return !slices.ContainsFunc(v, func(inner any) bool { return !emptyFilter(inner) })
	}
	return false
}

// filled is a filter with its variables filled in. One without a value is an
// error: leaving the condition out would widen the filter.
func filled(filter expr.Template, s *node.Step) (any, error) {
	if filter.IsZero() {
		return nil, nil
	}
	if missing := filter.Missing(s.Vars); len(missing) > 0 {
		return nil, fault.New(fault.Invalid, fmt.Sprintf("The conditions use “%s”, which has no value here, so it is not known which records are meant. "+
			"Choose another variable, or load what it leads to in an earlier step.", missing[0]))
	}
	return filter.Eval(s.Vars)
}

// recordValues evaluates the values of a record of a collection; what has no value
// is left out. Lists within lists of related records are one list, and what is null
// there is nobody: ["{{$context.data.tags.id}}"] is the list of all ids.
func recordValues(t expr.Template, s *node.Step, name string, w writes) (map[string]any, error) {
	v, err := t.Eval(s.Vars)
	if err != nil {
		return nil, err
	}
	return valuesOf(v, s, name, w)
}

// valuesOf is recordValues with the variables filled in.
func valuesOf(v any, s *node.Step, name string, w writes) (map[string]any, error) {
	values, err := object(v)
	if err != nil {
		return nil, err
	}
	// What came out of a variable belongs to others.
	values = maps.Clone(values)
	fields, _ := store(s).Fields(local(name))
	for _, f := range fields {
		if list, ok := values[f.Path].([]any); ok && f.Target != "" && f.Many {
			values[f.Path] = flat(make([]any, 0, len(list)), list)
		}
	}
	return collection.Allowed(values, w.whitelist, w.blacklist), nil
}

func flat(out, list []any) []any {
	for _, v := range list {
		switch v := v.(type) {
		case nil:
		case []any:
			out = flat(out, v)
		default:
			out = append(out, v)
		}
	}
	return out
}

func object(v any) (map[string]any, error) {
	v = expr.Clean(v)
	if v == nil {
		return map[string]any{}, nil
	}
	values, ok := v.(map[string]any)
	if !ok {
		return nil, fault.New(fault.Invalid, "The values of a record must be given by field.")
	}
	return values, nil
}

// access is how nodes use records: with every right, and with the chain of
// executions that stops workflows from starting each other for ever.
func access(s *node.Step) collection.Access {
	return collection.Access{Actor: auth.System, Stack: s.Stack}
}

func store(s *node.Step) *collection.Store { return node.Use[*collection.Store](s.Services) }

// segment is the transaction of a local node as the store takes it.
func segment(s *node.Step) *pg.Tx { return s.Tx.(*pg.Tx) }

// asResult turns records into a JSON value.
func asResult(records []collection.Record) []any {
	list := make([]any, len(records))
	for i, r := range records {
		list[i] = r
	}
	return list
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

var countOutput = []node.Variable{{Title: "Number of records", Type: collection.Integer}}
