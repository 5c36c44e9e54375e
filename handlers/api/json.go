package api

import (
	"bytes"
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
	v, err := jsonvalue.Decode(raw)
	if err != nil || len(bytes.TrimSpace(raw)) == 0 {
		return nil, errNotJSON
	}
	return v, bounded(raw)
}

// bounded refuses valid JSON with a number that JavaScript could not read either.
func bounded(raw []byte) error {
	if n := jsonvalue.Overflow(raw); n != "" {
		return fault.New(fault.Invalid, fmt.Sprintf("The number %.40s is too large. Send it as text, in quotes.", n))
	}
	return nil
}

// shallow refuses JSON that is nested too deeply, before anything is built of it.
func shallow(raw []byte) error {
	if jsonvalue.Deeper(raw, maxDepth) {
		return errDeep
	}
	return nil
}
