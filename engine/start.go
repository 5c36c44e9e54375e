package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/lib/pq"

	"alur/engine/pg"
	"alur/engine/queue"
	"alur/engine/value"
)

const (
	// startRows and startBytes bound what one statement starts, in executions and in
	// bytes of their contexts.
	startRows  = 500
	startBytes = 4 << 20
)

// Start creates the executions of events in tx, so that they exist exactly when
// the change that caused them does. Asynchronous ones are picked up by a worker
// after the commit; synchronous ones run here and now, inside tx, and may fail
// it. Events that would exceed their workflow's stack limit start nothing and
// leave one record of that.
//
// Asynchronous events of one chain and without a key share statements.
func (e *Engine) Start(ctx context.Context, tx *pg.Tx, events []Event) error {
	var waiting []Event
	size := 0
	flush := func() error {
		err := e.enqueueAll(ctx, tx, waiting)
		waiting, size = nil, 0
		return err
	}
	stops := stops{e: e, tx: tx}
	for _, ev := range events {
		stopped, err := stops.ask(ctx, ev)
		switch {
		case err != nil:
			return err
		case stopped:
			continue
		case ev.Workflow.Sync:
			if _, err := e.runSync(ctx, tx, ev); err != nil {
				return err
			}
			continue
		case ev.EventKey != "" || ev.Manually:
			if _, err := e.enqueue(ctx, tx, ev); err != nil {
				return err
			}
			continue
		case len(waiting) > 0 && !slices.Equal(waiting[0].Stack, ev.Stack):
			if err := flush(); err != nil {
				return err
			}
		}
		ev.encoded = value.Encode(ev.Context)
		waiting, size = append(waiting, ev), size+len(ev.encoded)
		if len(waiting) == startRows || size >= startBytes {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	return stops.record(ctx)
}

func (e *Engine) enqueue(ctx context.Context, tx *pg.Tx, ev Event) (id int64, err error) {
	id = e.IDs.Next()
	if ev.encoded == nil {
		ev.encoded = value.Encode(ev.Context)
	}
	_, err = tx.ExecContext(ctx, insertion("enqueue", ev), id, ev.Workflow.ID, ev.Workflow.Key,
		nullString(ev.EventKey), []byte(ev.encoded), nullArray(ev.Stack), nullID(ev.CreatedBy), nullTrue(ev.Manually))
	if err != nil {
		return 0, fmt.Errorf("start workflow %d: %w", ev.Workflow.ID, err)
	}
	queue.Signal(tx)
	return id, nil
}

// enqueueAll is enqueue for events of one stack, in one statement. They have no key
// and were not started by hand.
func (e *Engine) enqueueAll(ctx context.Context, tx *pg.Tx, events []Event) error {
	switch len(events) {
	case 0:
		return nil
	case 1: // whose statement stays prepared
		_, err := e.enqueue(ctx, tx, events[0])
		return err
	}
	ids, workflows, people := make([]int64, len(events)), make([]int64, len(events)), make([]int64, len(events))
	keys, contexts := make([]string, len(events)), make([]string, len(events))
	for i, ev := range events {
		ids[i], workflows[i], people[i] = e.IDs.Next(), ev.Workflow.ID, ev.CreatedBy
		keys[i], contexts[i] = ev.Workflow.Key, string(ev.encoded)
	}
	_, err := tx.ExecContext(ctx, queries.Get("enqueue_all"), pq.Array(ids), pq.Array(workflows), pq.Array(keys), pq.Array(contexts),
		nullArray(events[0].Stack), pq.Array(people))
	if err != nil {
		return fmt.Errorf("start %d executions: %w", len(events), err)
	}
	queue.Signal(tx)
	return nil
}

// stops finds out which events the chain of executions behind them forbids
// (spec/engine.md §9), asking once for each workflow and chain.
type stops struct {
	e    *Engine
	tx   *pg.Tx
	list []*stop
}

// stop is what is known of one workflow and chain.
type stop struct {
	workflow *Armed
	stack    []int64
	runs     int // of the workflow that the chain holds already
	events   int // that were stopped
}

// ask reports whether ev is stopped.
func (s *stops) ask(ctx context.Context, ev Event) (bool, error) {
	if len(ev.Stack) == 0 {
		return false, nil
	}
	i := slices.IndexFunc(s.list, func(o *stop) bool { return o.workflow.ID == ev.Workflow.ID && slices.Equal(o.stack, ev.Stack) })
	if i < 0 {
		o := &stop{workflow: ev.Workflow, stack: ev.Stack}
		if err := s.tx.GetContext(ctx, &o.runs, queries.Get("count_stack"), pq.Array(ev.Stack), ev.Workflow.ID); err != nil {
			return false, fmt.Errorf("count the stack of workflow %d: %w", ev.Workflow.ID, err)
		}
		i, s.list = len(s.list), append(s.list, o)
	}
	o := s.list[i]
	if o.runs < o.workflow.StackLimit {
		return false, nil
	}
	o.events++
	return true, nil
}

// record leaves a record of what was stopped, one for each workflow and chain.
func (s *stops) record(ctx context.Context) error {
	for _, o := range s.list {
		if o.events == 0 {
			continue
		}
		what := "The change"
		if o.events > 1 {
			what = plural(o.events, "change", "changes")
		}
		detail := fmt.Sprintf("%s came from an execution of this workflow itself (%s in the same chain), and its recursion limit is %d.",
			what, plural(o.runs, "execution", "executions"), o.workflow.StackLimit)
		if err := s.e.Skip(ctx, s.tx, o.workflow, StackLimit, detail, o.stack); err != nil {
			return err
		}
	}
	return nil
}

// Reasons for an event that starts nothing.
const (
	StackLimit    = "stack_limit" // the chain of executions came back to the workflow
	BrokenTrigger = "trigger"     // the trigger's settings do not fit any more
	MissedTime    = "missed"      // no server was there when it should have started
)

// Skip leaves a record in tx of an event that starts nothing, with detail in
// words for people.
func (e *Engine) Skip(ctx context.Context, tx *pg.Tx, w *Armed, reason, detail string, stack []int64) error {
	_, err := tx.ExecContext(ctx, queries.Get("skip"), e.IDs.Next(), w.ID, w.Key, reason, detail, nullArray(stack))
	if err != nil {
		return fmt.Errorf("record the stopped trigger of workflow %d: %w", w.ID, err)
	}
	return nil
}
