package engine

import (
	"context"
	"fmt"
	"time"

	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/pg"
)

const (
	// executeWait is how long [Engine.Execute] waits for an asynchronous workflow.
	executeWait = 30 * time.Second
	// executeSpare is what it leaves of the time that its caller has, to answer.
	executeSpare = 5 * time.Second
)

// Starter is a TriggerKind whose workflows people can start by hand.
type Starter interface {
	// Manual turns what a person sent into $context. ok is false when the
	// trigger's condition does not hold for it, so that nothing starts.
	Manual(ctx context.Context, e *Engine, q pg.Q, config any, values map[string]any) (context map[string]any, ok bool, err error)
	// Asks says whether a start needs a record, sent as "data": its key; and of which
	// collection. "" is one that nobody has chosen yet.
	Asks(config any) (collection string, record bool)
}

// Execute starts a version by hand, whether it is on or not, and returns its
// execution once that has ended or waits; started is false when the trigger's
// condition is not met. A synchronous workflow runs here and now, in a
// transaction of its own. An asynchronous one goes through the queue, and when it
// takes longer than half a minute, or up to five seconds before ctx ends, it comes
// back as it is by then.
//
// It returns Invalid for triggers that cannot be started by hand, for values that
// do not fit, and for a synchronous workflow with nodes that wait.
func (e *Engine) Execute(ctx context.Context, actor auth.Actor, id int64, values map[string]any) (x Execution, started bool, err error) {
	w, _, err := e.open(ctx, e.DB, actor, id, auth.Operator)
	if err != nil {
		return x, false, err
	}
	kind, _ := LookupTrigger(w.Type).(Starter)
	if kind == nil {
		return x, false, fault.New(fault.Invalid, "A workflow with this trigger cannot be started by hand.")
	}
	config, problems := LookupTrigger(w.Type).Decode(w.Config)
	if len(problems) > 0 {
		return x, false, fault.Fields(problems)
	}
	if err := e.refuseWaits(ctx, w); err != nil {
		return x, false, err
	}
	var made int64
	err = e.DB.Tx(ctx, pg.RepeatableRead, func(tx *pg.Tx) error {
		data, ok, err := kind.Manual(ctx, e, tx, config, values)
		if made = 0; err != nil || !ok {
			return err
		}
		ev := Event{
			Workflow: &Armed{ID: w.ID, Key: w.Key, Title: w.Title, Type: w.Type, Sync: w.Sync, StackLimit: readOptions(w.Options).StackLimit, Config: config},
			Context:  data, CreatedBy: actor.UserID, Manually: true,
		}
		if w.Sync {
			made, err = e.runSync(ctx, tx, ev)
		} else {
			made, err = e.enqueue(ctx, tx, ev)
		}
		return err
	})
	if err != nil || made == 0 {
		return x, false, err
	}
	x, err = e.awaitRest(ctx, actor, made)
	return x, true, err
}

// refuseWaits returns Invalid for a synchronous workflow that would have to wait.
func (e *Engine) refuseWaits(ctx context.Context, w Workflow) error {
	if !w.Sync {
		return nil
	}
	p, err := e.program(ctx, w.ID)
	if err != nil {
		return err
	}
	for _, in := range p.nodes {
		if in.kind != nil && in.kind.Waits {
			return fault.New(fault.Invalid, fmt.Sprintf("“%s” waits, and a synchronous workflow cannot. Delete the node, or make the workflow asynchronous.", in.Title))
		}
	}
	return nil
}

// awaitRest waits until an execution has ended or waits, and holds no connection
// meanwhile.
func (e *Engine) awaitRest(ctx context.Context, actor auth.Actor, id int64) (Execution, error) {
	moved, stop := e.Watch(id)
	defer stop()
	wait := executeWait
	if end, ok := ctx.Deadline(); ok {
		wait = min(wait, end.Sub(e.Now())-executeSpare)
	}
	late := time.After(wait)
	for {
		x, _, err := e.Execution(ctx, actor, id)
		if err != nil || x.EndedAt != nil || x.Waiting {
			return x, err
		}
		select {
		case <-moved:
		case <-time.After(pollEvery):
		case <-late:
			return x, nil
		case <-ctx.Done():
			return x, ctx.Err()
		}
	}
}

// Replace makes a new version of w, which takes the place of w: it is current and
// on where w is, and w becomes history (spec/engine.md §13, autoRevision).
func (e *Engine) Replace(ctx context.Context, actor auth.Actor, id int64) (Workflow, error) {
	w, _, err := e.open(ctx, e.DB, actor, id, auth.Editor)
	if err != nil {
		return Workflow{}, err
	}
	made, err := e.Revise(ctx, actor, id, w.Key, "")
	if err != nil || !w.Current {
		return made, err
	}
	err = e.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		if _, err := tx.ExecContext(ctx, workflowQueries.Get("retire"), w.Key, made.ID); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, workflowQueries.Get("take_over"), made.ID, w.Enabled); err != nil {
			return err
		}
		made.Enabled = w.Enabled
		return e.plan(ctx, tx, made)
	})
	if err != nil {
		return made, fmt.Errorf("let version %d take the place of %d: %w", made.ID, w.ID, err)
	}
	e.workflowsChanged(ctx)
	made, _, err = e.Workflow(ctx, actor, made.ID)
	return made, err
}
