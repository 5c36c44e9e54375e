package expr

import (
	"maps"
	"time"
)

// Heard is a Scope that remembers what the functions in it answered, such as that of a
// new id, so that one can say afterwards which values an evaluation had.
type Heard struct {
	scope  Scope
	values map[string]map[string]any // by root and name; the last answer counts
}

// Hear returns s as a Heard.
func Hear(s Scope) *Heard { return &Heard{scope: s} }

// Root returns a variable; functions in it are asked anew with each use.
func (h *Heard) Root(name string) (any, bool) {
	return h.root(name, func(f func() any, part string) any {
		v := f()
		if h.values == nil {
			h.values = map[string]map[string]any{}
		}
		if h.values[name] == nil {
			h.values[name] = map[string]any{}
		}
		h.values[name][part] = v
		return v
	})
}

// Zone is that of the Scope ([Zoned]).
func (h *Heard) Zone() *time.Location { return zoneOf(h.scope) }

// Again is the Scope with what its functions answered before; those that nobody has
// asked yet are asked.
func (h *Heard) Again() Scope { return again{h} }

type again struct{ h *Heard }

func (a again) Zone() *time.Location { return a.h.Zone() }

func (a again) Root(name string) (any, bool) {
	return a.h.root(name, func(f func() any, part string) any {
		if v, ok := a.h.values[name][part]; ok {
			return v
		}
		return f()
	})
}

// root is the root called name, with ask around its functions.
func (h *Heard) root(name string, ask func(f func() any, part string) any) (any, bool) {
	v, ok := h.scope.Root(name)
	parts, isMap := v.(map[string]any)
	if name != "$system" || !isMap { // the others have no functions, and may be large
		return v, ok
	}
	parts = maps.Clone(parts)
	for part, v := range parts {
		if f, ok := v.(func() any); ok {
			parts[part] = func() any { return ask(f, part) }
		}
	}
	return parts, ok
}
