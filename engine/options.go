package engine

import (
	"encoding/json"
	"time"
)

const (
	// defaultConcurrency is how many executions of one workflow run at the same
	// moment when its options do not say.
	defaultConcurrency = 10
	// maxConcurrency bounds what options may say.
	maxConcurrency = 1000
	// maxTimeout is 10 years: what is longer means never.
	maxTimeout = 10 * 365 * 24 * time.Hour
)

// runOptions is the part of workflows.options that running obeys. They can
// change at any time, also those of a version that has run.
type runOptions struct {
	StackLimit  int           // executions of one version in one chain; at least 1
	Timeout     time.Duration // how long an execution may take from its first step on; 0: for ever
	Concurrency int           // executions that run at the same moment, in all processes together; at least 1
}

// readOptions takes what is given in a usable form; what is not counts as not
// given (spec/engine.md §2.1). timeout is in milliseconds.
func readOptions(raw json.RawMessage) runOptions {
	var given struct{ StackLimit, Timeout, Concurrency number }
	_ = json.Unmarshal(raw, &given) // null, or no object: nothing is given
	o := runOptions{StackLimit: max(int(given.StackLimit), 1), Concurrency: defaultConcurrency}
	if ms := given.Timeout; ms > 0 && float64(ms) < float64(maxTimeout/time.Millisecond) {
		o.Timeout = max(time.Duration(float64(ms)*float64(time.Millisecond)), time.Millisecond)
	}
	if n := given.Concurrency; n >= 1 {
		o.Concurrency = int(min(n, maxConcurrency))
	}
	return o
}

// number is a JSON number; anything else reads as 0.
type number float64

func (n *number) UnmarshalJSON(raw []byte) error {
	var f float64
	if json.Unmarshal(raw, &f) == nil {
		*n = number(f)
	}
	return nil
}
