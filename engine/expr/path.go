package expr

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Scope holds the variables by root: $context, $jobsMapByNodeKey, … Its values
// are JSON values, which are not changed, or functions of type func() any that
// are called for each use, such as the current time.
type Scope = interface {
	Root(name string) (value any, ok bool)
}

// Vars is a Scope made of a map.
type Vars map[string]any

// Root returns the variable called name.
func (v Vars) Root(name string) (any, bool) {
	value, ok := v[name]
	return value, ok
}

// Resolve returns the value at a dotted path, as in "$context.data.title". A
// number is an index into a list; any other name on a list collects that field
// of every element, flattened by one level, so that "orders.lines.sku" is one
// list. A key may hold dots, and a root called like the whole path comes before
// all. ok is false when a step does not exist, also below null
// (spec/variables.md §4).
func Resolve(s Scope, path string) (value any, ok bool) {
	p := parsePath(path)
	return p.resolve(s)
}

type segment struct {
	name  string
	index int // the name as a list index; -1 when it is no number
}

// A path is compiled once: no splitting and no number parsing per evaluation.
type path struct {
	text string
	full string // text without "ctx."
	root string
	rest []segment
}

func parsePath(text string) path {
	names := strings.Split(text, ".")
	// The whole scope is visible once more under "ctx".
	if names[0] == "ctx" && len(names) > 1 {
		names = names[1:]
	}
	p := path{text: text, full: strings.Join(names, "."), root: names[0], rest: make([]segment, len(names)-1)}
	for i, name := range names[1:] {
		p.rest[i] = segment{name, listIndex(name)}
	}
	return p
}

// What a name is in a list that is no index of it.
const (
	noIndex  = -1 // a field of the elements
	badIndex = -2 // digits that no list has: "007", or too many
)

func listIndex(name string) int {
	if strings.Trim(name, "0123456789") != "" || name == "" {
		return noIndex
	}
	n, err := strconv.Atoi(name)
	if err != nil || strconv.Itoa(n) != name {
		return badIndex
	}
	return n
}

func (p *path) resolve(s Scope) (any, bool) {
	if len(p.rest) > 0 {
		if v, ok := s.Root(p.full); ok {
			return given(v)
		}
	}
	top, ok := s.Root(p.root)
	switch {
	case !ok:
		return nil, false
	case len(p.rest) == 0:
		return whole(top)
	}
	cur := top
	for i := range p.rest {
		if cur, ok = p.rest[i].of(cur); !ok {
			return dotted(top, p.rest)
		}
	}
	return given(cur)
}

// dotted is the value at rest in cur where a key may hold dots.
func dotted(cur any, rest []segment) (any, bool) {
	if len(rest) == 0 {
		return given(cur)
	}
	if inner, ok := rest[0].of(cur); ok {
		if v, ok := dotted(inner, rest[1:]); ok {
			return v, true
		}
	}
	fields, _ := cur.(map[string]any)
	name := rest[0].name
	for i, next := range rest[1:] {
		name += "." + next.name
		if inner, ok := fields[name]; ok {
			if v, ok := dotted(inner, rest[i+2:]); ok {
				return v, true
			}
		}
	}
	return nil, false
}

// given is a value as it leaves the scope; ok is false for none. Values that
// differ with each use ($system.now) are functions.
func given(v any) (value any, ok bool) {
	switch v := v.(type) {
	case undefined:
		return nil, false
	case func() any:
		return v(), true
	case int64: // a result that has not been through JSON yet
		return float64(v), true
	case int:
		return float64(v), true
	}
	return v, true
}

// whole is a root that is asked for as such, with its functions called.
func whole(root any) (any, bool) {
	fields, _ := root.(map[string]any)
	if !slices.ContainsFunc(slices.Collect(maps.Values(fields)), isFunction) {
		return given(root)
	}
	called := make(map[string]any, len(fields))
	for name, v := range fields {
		called[name], _ = given(v)
	}
	return called, true
}

func isFunction(v any) bool {
	_, ok := v.(func() any)
	return ok
}

// of returns what stands under the segment in cur.
func (g *segment) of(cur any) (any, bool) {
	switch cur := cur.(type) {
	case map[string]any:
		v, ok := cur[g.name]
		return v, ok
	case []any:
		switch {
		case g.index == noIndex:
			return mapField(cur, g.name), true
		case g.index >= 0 && g.index < len(cur):
			return cur[g.index], true
		}
	case string:
		if g.name == "length" {
			return float64(utf16Len(cur)), true
		}
	case func() any:
		return g.of(cur())
	}
	return nil, false
}

// mapField collects a field of every element. Elements without it keep their
// place as nil, so that lists of two fields stay side by side. "length" counts
// the elements, unless these have a field of that name.
func mapField(list []any, name string) any {
	if name == "length" && !anyHas(list, name) {
		return float64(len(list))
	}
	out := make([]any, 0, len(list))
	for _, item := range list {
		fields, _ := item.(map[string]any)
		v := fields[name]
		if inner, ok := v.([]any); ok {
			out = append(out, inner...)
			continue
		}
		out = append(out, v)
	}
	return out
}

func anyHas(list []any, name string) bool {
	return slices.ContainsFunc(list, func(item any) bool {
		fields, _ := item.(map[string]any)
		_, ok := fields[name]
		return ok
	})
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// used returns the values of params in s, by path, for people who want to see
// what went in; nil when there are no params.
func used(s Scope, params []path) map[string]any {
	if len(params) == 0 {
		return nil
	}
	values := make(map[string]any, len(params))
	for i := range params {
		v, _ := params[i].resolve(s)
		values[params[i].text] = v
	}
	return values
}
