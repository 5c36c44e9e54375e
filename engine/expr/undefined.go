package expr

import "strconv"

type undefined struct{}

func (undefined) MarshalJSON() ([]byte, error) { return []byte("null"), nil }
func (undefined) String() string               { return "undefined" }

// Undefined is the value of a variable that does not exist. It is not null.
// Use [Clean] before a value leaves for a place that knows JSON only.
var Undefined any = undefined{}

// IsUndefined reports whether v is [Undefined] itself.
func IsUndefined(v any) bool {
	_, ok := v.(undefined)
	return ok
}

// Clean returns v without Undefined: keys that have no value are dropped, list
// elements and v itself become nil. Containers that hold one are changed in
// place, others are only read, so values of variables stay as they are.
func Clean(v any) any {
	switch v := v.(type) {
	case undefined:
		return nil
	case []any:
		for i, e := range v {
			if IsUndefined(e) {
				v[i] = nil
			} else {
				Clean(e)
			}
		}
	case map[string]any:
		for k, e := range v {
			if IsUndefined(e) {
				delete(v, k)
			} else {
				Clean(e)
			}
		}
	}
	return v
}

// FindUndefined returns where in v a value is missing, as in "$and.0.id.$eq".
// The path of v itself is "".
func FindUndefined(v any) (path string, found bool) {
	switch v := v.(type) {
	case undefined:
		return "", true
	case []any:
		for i, e := range v {
			if p, ok := FindUndefined(e); ok {
				return join(strconv.Itoa(i), p), true
			}
		}
	case map[string]any:
		for _, k := range sortedKeys(v) {
			if p, ok := FindUndefined(v[k]); ok {
				return join(k, p), true
			}
		}
	}
	return "", false
}

func join(head, tail string) string {
	if tail == "" {
		return head
	}
	return head + "." + tail
}
