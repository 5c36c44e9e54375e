package collection

import (
	"maps"
	"slices"
	"strings"
)

// Allowed returns the values of a record that white names, all when it is empty,
// without those that black names (spec/platform.md §3). Both may name members of
// related records, as in "comments.title".
func Allowed(values Record, white, black []string) Record {
	if len(white) > 0 {
		values = only(values, white)
	}
	if len(black) > 0 {
		values = leaveOut(values, black)
	}
	return values
}

// inside returns what the paths say about members of name; whole is true when
// one of them is name itself.
func inside(paths []string, name string) (rest []string, whole bool) {
	for _, path := range paths {
		first, more, deeper := strings.Cut(path, ".")
		switch {
		case first != name:
		case deeper:
			rest = append(rest, more)
		default:
			whole = true
		}
	}
	return rest, whole
}

// only keeps the members that paths name.
func only(values map[string]any, paths []string) map[string]any {
	out := map[string]any{}
	for name, v := range values {
		rest, whole := inside(paths, name)
		switch {
		case whole:
			out[name] = v
		case len(rest) > 0: // a record is linked by its key whatever may be written in it
			out[name] = within(v, func(m map[string]any) map[string]any { return only(m, append(slices.Clone(rest), "id")) })
		}
	}
	return out
}

// leaveOut drops the members that paths name.
func leaveOut(values map[string]any, paths []string) map[string]any {
	out := maps.Clone(values)
	for name, v := range values {
		rest, whole := inside(paths, name)
		switch {
		case whole:
			delete(out, name)
		case len(rest) > 0:
			out[name] = within(v, func(m map[string]any) map[string]any { return leaveOut(m, rest) })
		}
	}
	return out
}

// within changes the objects of an association's value.
func within(v any, change func(map[string]any) map[string]any) any {
	switch x := v.(type) {
	case map[string]any:
		return change(x)
	case []any:
		out := make([]any, len(x))
		for i, e := range x {
			out[i] = within(e, change)
		}
		return out
	}
	return v
}
