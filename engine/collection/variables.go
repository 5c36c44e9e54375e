package collection

import (
	"maps"
	"slices"
	"strings"
)

// fill puts values in the place of the variables in a filter, as in
// {"ownerId": "{{$user.id}}"}.
func (b *builder) fill(v any) (any, error) {
	switch x := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(x))
		for _, k := range slices.Sorted(maps.Keys(x)) {
			e, err := b.fill(x[k])
			if err != nil {
				return nil, err
			}
			out[k] = e
		}
		return out, nil
	case []any:
		out := make([]any, len(x))
		for i := range x {
			e, err := b.fill(x[i])
			if err != nil {
				return nil, err
			}
			out[i] = e
		}
		return out, nil
	case string:
		name, ok := strings.CutPrefix(strings.TrimSpace(x), "{{")
		if !ok {
			return x, nil
		}
		if name, ok = strings.CutSuffix(name, "}}"); !ok {
			return x, nil
		}
		return b.variable(strings.TrimSpace(name))
	}
	return v, nil
}

// variable is what a name stands for: the one who asks, their role, or a time.
func (b *builder) variable(name string) (any, error) {
	a := b.a.Actor
	for _, prefix := range []string{"$user", "ctx.state.currentUser", "currentUser"} {
		rest, ok := strings.CutPrefix(name, prefix)
		switch {
		case !ok:
		case rest == ".id" || rest == "":
			return float64(a.UserID), nil
		case rest == ".nickname":
			return a.Name, nil
		case rest == ".email":
			return a.Email, nil
		}
	}
	if name == "$nRole" || name == "ctx.state.currentRole" {
		return string(a.Role), nil
	}
	if kind, ok := strings.CutPrefix(name, "$nDate."); ok {
		if kind == "now" {
			return b.now.UTC().Format(Instant), nil
		}
		return map[string]any{"type": kind}, nil
	}
	return nil, badFilter("There is no variable “%s”. Use $user.id, $user.nickname, $user.email, $nRole or $nDate.today.", short(name))
}
