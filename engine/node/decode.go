package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"alur/engine/fault"
)

// Decode reads settings; null and nothing give the zero settings. Every wrong type
// of a value comes back as a problem at its key, together with what Validate says
// of the rest.
func (k *Kind) Decode(raw json.RawMessage) (Config, Problems) {
	if string(raw) == "null" {
		raw = nil
	}
	var c Config
	wrong, whole := WrongTypes(raw, func(raw json.RawMessage) (err error) {
		c, err = k.decode(raw)
		return err
	})
	if len(wrong) == 0 {
		return c, nil
	}
	if !whole {
		return nil, wrong
	}
	return nil, wrong.Above(c.Validate())
}

// WrongTypes reads settings with read, which is called again without every value
// that has a wrong type, and returns the problems of those at their keys. whole says
// that read has read all the rest in the end.
func WrongTypes(raw json.RawMessage, read func(json.RawMessage) error) (wrong Problems, whole bool) {
	err := read(raw)
	for err != nil {
		e, ok := errors.AsType[*json.UnmarshalTypeError](err)
		if !ok || wrong[e.Field] != "" {
			return unreadable(err), false
		}
		if wrong == nil {
			wrong = Problems{}
		}
		wrong[e.Field] = wrongType(e)
		if raw, ok = drop(raw, e.Field); !ok {
			return wrong, false
		}
		err = read(raw)
	}
	return wrong, true
}

// Above returns p, and of rest what is at no key of p and below none.
func (p Problems) Above(rest Problems) Problems {
	all := maps.Clone(p)
	for field, msg := range rest {
		if !within(p, field) {
			all[field] = msg
		}
	}
	return all
}

// wrongType says what e found and what belongs there.
func wrongType(e *json.UnmarshalTypeError) string {
	return fmt.Sprintf("Give %s here, not %s.", typeWords(e.Type), valueWords(e.Value))
}

func unreadable(err error) Problems {
	if e, ok := errors.AsType[*fault.Error](err); ok {
		if len(e.Fields) > 0 {
			return e.Fields
		}
		return Problems{"": e.Msg}
	}
	return Problems{"": "These settings are not readable: " + err.Error()}
}

// within reports whether field is one of wrong or below one.
func within(wrong Problems, field string) bool {
	for at := range wrong {
		if at == field || strings.HasPrefix(field, at+".") {
			return true
		}
	}
	return false
}

// drop takes the value at a dotted path out of a JSON object. A list without a
// number in the path is gone through whole.
func drop(raw json.RawMessage, path string) (json.RawMessage, bool) {
	var v any
	if path == "" || json.Unmarshal(raw, &v) != nil {
		return nil, false
	}
	if !dropAt(v, strings.Split(path, ".")) {
		return nil, false
	}
	raw, err := json.Marshal(v)
	return raw, err == nil
}

func dropAt(v any, path []string) (dropped bool) {
	switch v := v.(type) {
	case map[string]any:
		// encoding/json takes keys in any case.
		for _, key := range slices.Sorted(maps.Keys(v)) {
			switch {
			case !strings.EqualFold(key, path[0]):
			case len(path) == 1:
				delete(v, key)
				dropped = true
			default:
				dropped = dropAt(v[key], path[1:]) || dropped
			}
		}
	case []any:
		i, err := strconv.Atoi(path[0])
		switch {
		case err != nil:
			for i := range v {
				dropped = dropAt(v[i], path) || dropped
			}
		case i < 0 || i >= len(v):
		case len(path) == 1:
			dropped, v[i] = v[i] != nil, nil
		default:
			return dropAt(v[i], path[1:])
		}
	}
	return dropped
}

// typeWords says what a setting takes.
func typeWords(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return typeWords(t.Elem())
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.String:
		return "a text"
	case reflect.Slice, reflect.Array:
		return "a list"
	}
	return "an object"
}

// valueWords says what was there, in the words of encoding/json.
func valueWords(value string) string {
	kind, number, _ := strings.Cut(value, " ")
	switch kind {
	case "string":
		return "a text"
	case "bool":
		return "true or false"
	case "array":
		return "a list"
	case "object":
		return "an object"
	case "number":
		if number != "" {
			return "the number " + number
		}
		return "a number"
	}
	return value
}
