package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/pg"
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
	Priority    Priority
}

// Priority says whose executions are begun first when workers are scarce.
type Priority string

// The priorities; what is not given is Normal.
const (
	High   Priority = "high"   // first, and four batches while others have one
	Normal Priority = "normal" // a batch in each round
	Low    Priority = "low"    // a batch in every fourth round, and when there is nothing else to do
)

// known reports whether p is one of them.
func (p Priority) known() bool { return p == High || p == Normal || p == Low }

// readOptions takes what is given in a usable form; what is not counts as not
// given (spec/engine.md §2.1). timeout is in milliseconds.
func readOptions(raw json.RawMessage) runOptions {
	var given struct {
		StackLimit, Timeout, Concurrency number
		Priority                         json.RawMessage
	}
	_ = json.Unmarshal(raw, &given) // null, or no object: nothing is given
	o := runOptions{StackLimit: max(int(given.StackLimit), 1), Concurrency: defaultConcurrency, Priority: Normal}
	var p Priority
	if json.Unmarshal(given.Priority, &p) == nil && p.known() {
		o.Priority = p
	}
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

// Limits is what bounds the executions of a workflow.
type Limits struct {
	Timeout     time.Duration // how long one may take from its first step on; 0: for ever
	Concurrency int           // how many run at the same moment
	StackLimit  int           // how often the workflow may start itself in one chain
	Priority    Priority
}

// ReadLimits takes the limits out of workflows.options; what is not given is as
// it is without.
func ReadLimits(options json.RawMessage) Limits {
	o := readOptions(options)
	return Limits{o.Timeout, o.Concurrency, o.StackLimit, o.Priority}
}

const (
	// longestTimeout is the longest time limit that people can set (spec/engine.md §2.1).
	longestTimeout = 180 * 24 * time.Hour
	// deepestStack is the largest recursion limit that people can set.
	deepestStack = 100
)

// check returns Invalid with what is wrong by field.
func (l Limits) check() error {
	problems := map[string]string{}
	if l.Timeout < 0 || l.Timeout > longestTimeout || l.Timeout%time.Second != 0 {
		problems["timeout"] = "Enter a time between 1 second and 180 days, or nothing."
	}
	if l.Concurrency < 1 || l.Concurrency > maxConcurrency {
		problems["concurrency"] = "Enter a number from 1 to 1,000."
	}
	if l.StackLimit < 1 || l.StackLimit > deepestStack {
		problems["stackLimit"] = "Enter a number from 1 to 100."
	}
	if !l.Priority.known() {
		problems["priority"] = "Choose high, normal or low."
	}
	return fault.Fields(problems)
}

// words says what l bounds, for the audit log.
func (l Limits) words() string {
	limit := "no time limit"
	if l.Timeout > 0 {
		limit = "a time limit of " + span(l.Timeout)
	}
	return fmt.Sprintf("%s, %d at the same moment, %d in one chain, %s priority", limit, l.Concurrency, l.StackLimit, l.Priority)
}

// span words a time of whole seconds in the largest unit that it is a number of.
func span(d time.Duration) string {
	for _, u := range []struct {
		unit time.Duration
		word string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		switch n := d / u.unit; {
		case d%u.unit != 0 || n == 0:
		case n == 1:
			return "1 " + u.word
		default:
			return fmt.Sprintf("%d %ss", n, u.word)
		}
	}
	return d.String()
}

// SetLimits changes the limits of a workflow, for all its versions, also those
// that have run. They hold for executions that begin afterwards.
func (e *Engine) SetLimits(ctx context.Context, actor auth.Actor, id int64, l Limits) error {
	if err := l.check(); err != nil {
		return err
	}
	_, err := e.change(ctx, actor, id, func(ctx context.Context, tx *pg.Tx, w *Workflow, _ []Node) error {
		_, err := tx.ExecContext(ctx, workflowQueries.Get("set_limits"), w.Key, l.Timeout.Milliseconds(), l.Concurrency, l.StackLimit, string(l.Priority))
		if err != nil {
			return err
		}
		return actor.NoteOn(ctx, tx, w.ID, 0, e.now(), fmt.Sprintf("Set the limits of the workflow “%s”: %s.", w.Title, l.words()))
	})
	if err != nil {
		return fmt.Errorf("set the limits of workflow %d: %w", id, err)
	}
	return nil
}
