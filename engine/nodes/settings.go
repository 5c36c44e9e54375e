package nodes

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strconv"
	"strings"
)

// Clients send switches and numbers as text now and then, and what they sent is
// kept as it is (spec/nodes-core.md §1.1).

// flag is a switch in settings: true or false, also as text.
type flag bool

// UnmarshalJSON takes true, false, "true" and "false"; null leaves f as it is.
func (f *flag) UnmarshalJSON(raw []byte) error {
	switch string(raw) {
	case `true`, `"true"`:
		*f = true
	case `false`, `"false"`:
		*f = false
	case `null`:
	default:
		return wrongType[bool](raw)
	}
	return nil
}

// whole is a whole number in settings, also as text.
type whole int64

// mostWhole is the largest that every client keeps exactly.
const mostWhole = 1<<53 - 1

// UnmarshalJSON takes 1, 1.0 and "1"; null leaves w as it is.
func (w *whole) UnmarshalJSON(raw []byte) error {
	if string(raw) == "null" {
		return nil
	}
	n, err := strconv.ParseFloat(string(bytes.Trim(raw, `"`)), 64)
	if err != nil || n != math.Trunc(n) || math.Abs(n) > mostWhole {
		return wrongType[int](raw)
	}
	*w = whole(n)
	return nil
}

// listed is a list in settings. A problem with one of its elements says which:
// "arguments.1.name".
type listed[T any] []T

// UnmarshalJSON reads one element after the other.
func (l *listed[T]) UnmarshalJSON(raw []byte) error {
	var parts []json.RawMessage
	if err := json.Unmarshal(raw, &parts); err != nil {
		return err
	}
	*l = make([]T, len(parts))
	for i, part := range parts {
		err := json.Unmarshal(part, &(*l)[i])
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			wrong.Field = strings.TrimSuffix(strconv.Itoa(i)+"."+wrong.Field, ".")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// wrongType says in the way of encoding/json that raw is no T; the decoder adds
// where it stands.
func wrongType[T any](raw []byte) error {
	err := &json.UnmarshalTypeError{Value: "number " + string(raw), Type: reflect.TypeFor[T]()}
	switch raw[0] {
	case '"':
		err.Value = "string"
	case '[':
		err.Value = "array"
	case '{':
		err.Value = "object"
	case 't', 'f':
		err.Value = "bool"
	}
	return err
}
