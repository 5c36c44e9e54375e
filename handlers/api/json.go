package api

import (
	"encoding/json"
	"errors"
	"fmt"

	"alur/engine/fault"
	jsonvalue "alur/engine/value"
)

// maxDepth bounds the nesting of JSON and of parameters that are sent to us
// (promises.md S18).
const maxDepth = 64

var (
	errNotJSON = fault.New(fault.Invalid, "The body could not be read. Send JSON.")
	errDeep    = fault.New(fault.Invalid, fmt.Sprintf("The JSON is nested too deeply: lists and objects may stand in each other up to %d times.", maxDepth))
)

// decode reads JSON that somebody else wrote.
func decode(raw []byte) (any, error) {
	if err := shallow(raw); err != nil {
		return nil, err
	}
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		if _, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return nil, fault.Wrap(fault.Invalid, "A number in the body is too large.", err)
		}
		return nil, errNotJSON
	}
	return v, nil
}

// shallow refuses JSON that is nested too deeply, before anything is built of it.
func shallow(raw []byte) error {
	if jsonvalue.Deeper(raw, maxDepth) {
		return errDeep
	}
	return nil
}
