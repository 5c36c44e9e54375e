package nodes

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"strconv"
)

// Clients send switches and numbers as text now and then, and what they sent is
// kept as it is (spec/nodes-core.md §1.1).

// flag is a switch in settings: true or false, also as text.
type flag bool

// UnmarshalJSON takes true, false, "true" and "false"; null leaves f as it is.
func (f *flag) UnmarshalJSON(raw []byte) error {
	switch string(bytes.Trim(raw, `"`)) {
	case "true":
		*f = true
	case "false":
		*f = false
	case "null":
	default:
		return wrongType[bool](raw)
	}
	return nil
}

// whole is a whole number in settings, also as text.
type whole int

// UnmarshalJSON takes 1, 1.0 and "1"; null leaves w as it is.
func (w *whole) UnmarshalJSON(raw []byte) error {
	text := string(bytes.Trim(raw, `"`))
	if text == "null" {
		return nil
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || n != math.Trunc(n) || math.Abs(n) > math.MaxInt32 {
		return wrongType[int](raw)
	}
	*w = whole(n)
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
