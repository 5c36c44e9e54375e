package nodes

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"alur/engine/expr"
	"alur/engine/fault"
	"alur/engine/node"
	"alur/engine/value"
)

// mentioned keeps the variables that the buttons' values mention, by root, so
// that they mean the same when the button is pressed. What is known only then
// ($user, $nForm, …) is left to the task.
func mentioned(vars node.Vars, actions []ManualAction) map[string]any {
	var paths []string
	for _, a := range actions {
		var t expr.Template
		if len(a.Values) > 0 && json.Unmarshal(a.Values, &t) == nil {
			paths = append(paths, t.Paths()...)
		}
	}
	slices.Sort(paths) // a value stands before its parts
	scope, wholes := map[string]any{}, []string{}
	for _, path := range paths {
		path = strings.TrimPrefix(path, "ctx.")
		v, ok := expr.Resolve(vars, path)
		if !ok || slices.ContainsFunc(wholes, func(w string) bool { return path == w || strings.HasPrefix(path, w+".") }) {
			continue
		}
		wholes = append(wholes, path)
		names := strings.Split(path, ".")
		m := scope
		for _, name := range names[:len(names)-1] {
			if m[name] == nil {
				m[name] = map[string]any{}
			}
			m = m[name].(map[string]any) // ours: nothing whole lies above path
		}
		m[names[len(names)-1]] = v
	}
	if len(scope) == 0 {
		return nil
	}
	return scope
}

// userIDs finds the people in v: ids as numbers or text, records with an id,
// and lists of these in any depth. What is empty is dropped, and so is who was
// named before.
func userIDs(v any) ([]int64, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case []any:
		var all []int64
		for _, e := range v {
			ids, err := userIDs(e)
			if err != nil {
				return nil, err
			}
			for _, id := range ids {
				if !slices.Contains(all, id) {
					all = append(all, id)
				}
			}
		}
		return all, nil
	case map[string]any:
		if id, ok := v["id"]; ok {
			return userIDs(id)
		}
	case float64:
		if v > 0 && v == math.Trunc(v) && v <= 1<<53 {
			return []int64{int64(v)}, nil
		}
	case string:
		if strings.TrimSpace(v) == "" {
			return nil, nil
		}
		if id, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64); err == nil && id > 0 {
			return []int64{id}, nil
		}
	default:
		if expr.IsUndefined(v) {
			return nil, nil
		}
	}
	return nil, fault.New(fault.Invalid, fmt.Sprintf("“%s” is no user. Let the assignees be users or their ids.", inWords(v)))
}

func idValues(ids []int64) []any {
	out := make([]any, len(ids))
	for i, id := range ids {
		out[i] = float64(id)
	}
	return out
}

// inWords words a value for people; "" for nothing.
func inWords(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case bool:
		if v {
			return "Yes"
		}
		return "No"
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = inWords(e)
		}
		return strings.Join(parts, ", ")
	case map[string]any:
		for _, name := range []string{"title", "name", "nickname", "id"} {
			if v[name] != nil {
				return inWords(v[name])
			}
		}
	}
	if expr.IsUndefined(v) {
		return ""
	}
	return string(value.Append(nil, v))
}
