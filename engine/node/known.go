package node

import (
	"encoding/json"
	"reflect"
	"strings"
)

// Knows reports whether settings of this kind read what stands at a dotted path.
// Whatever else is in them was put there by others, such as the ui schemas of the
// reference product; it is kept, and no text in it is a variable.
func (k *Kind) Knows(path string) bool { return known(k.settings, path) }

func known(t reflect.Type, path string) bool {
	for path != "" {
		name, rest, _ := strings.Cut(path, ".")
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		switch t.Kind() {
		case reflect.Struct:
			inner, found, closed := member(t, name)
			if closed || !found {
				return closed
			}
			t = inner
		case reflect.Map, reflect.Slice, reflect.Array:
			if t == reflect.TypeFor[json.RawMessage]() {
				return true
			}
			t = t.Elem()
		default:
			return true
		}
		path = rest
	}
	return true
}

// member finds what encoding/json reads under name. A type that shows nothing of
// itself, such as a template, is closed: it reads everything.
func member(t reflect.Type, name string) (inner reflect.Type, found, closed bool) {
	closed = true
	for _, f := range reflect.VisibleFields(t) {
		if !f.IsExported() || f.Anonymous {
			continue
		}
		closed = false
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if key == "" {
			key = f.Name
		}
		if key != "-" && strings.EqualFold(key, name) {
			return f.Type, true, false
		}
	}
	return nil, false, closed
}
