package engine

import (
	"context"
	"encoding/json"
	"fmt"

	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/node"
	"alur/engine/pg"
	"alur/engine/queue"
)

// Resume answers a job in place of what it waits for (spec/http-api.md §5), and
// closes the tasks of the people who were asked. Without a status, or with 0, it
// goes on waiting, with the result, details and log of c. It needs the right to
// manage the server: whoever answers for others can pass any decision.
//
// It is Invalid when the execution does not run (any more), or is past its deadline
// and stopped for that by this call, and Conflict when the job does not wait, or a
// worker has the execution.
func (e *Engine) Resume(ctx context.Context, actor auth.Actor, id int64, c JobChange) error {
	if err := actor.Require(auth.ManageServer); err != nil {
		return err
	}
	j, err := e.Job(ctx, actor, id)
	if err != nil {
		return err
	}
	answers := c.Status != nil && *c.Status != node.Pending
	if answers && (*c.Status < node.RetryNeeded || *c.Status > node.Resolved) {
		return fault.Fields(map[string]string{"status": "Send 1, or a negative status from -6 to -1; 0 to let it wait on."})
	}
	var late bool
	if err := e.DB.GetContext(ctx, &late, queries.Get("late"), j.ExecutionID, e.now()); err != nil {
		return fmt.Errorf("resume job %d: %w", id, err)
	}
	if late {
		e.stopLate(ctx, []int64{j.ExecutionID})
		return fault.New(fault.Invalid, "This execution took longer than it may, so it cannot go on.")
	}
	err = e.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		if err := waits(ctx, tx, j, !answers); err != nil {
			return err
		}
		if answers {
			result := c.Result
			if len(result) == 0 {
				result = json.RawMessage("null")
			}
			if _, err := tx.ExecContext(ctx, queries.Get("close_tasks"), id, e.now()); err != nil {
				return err
			}
			if err := queue.Answer(ctx, tx, j.ExecutionID, id, int(*c.Status), result, e.now()); err != nil {
				return err
			}
		}
		if answers && len(c.Meta) == 0 && c.Log == nil {
			return nil
		}
		c.Status = nil
		return c.write(ctx, tx, j, e.now())
	})
	if err != nil {
		return fmt.Errorf("resume job %d: %w", id, err)
	}
	return nil
}

// waits returns nil when j waits, in an execution that nobody works on if idle is
// asked for. The execution stays locked.
func waits(ctx context.Context, tx *pg.Tx, j Job, idle bool) error {
	var execution *node.Status
	if err := tx.GetContext(ctx, &execution, queries.Get("lock_execution"), j.ExecutionID); err != nil {
		return err
	}
	var job node.Status
	if err := tx.GetContext(ctx, &job, queries.Get("job_status"), j.ExecutionID, j.ID); err != nil {
		return err
	}
	switch {
	case execution != nil && *execution != node.Pending:
		return fault.New(fault.Invalid, "This execution has ended, so it cannot go on.")
	case execution == nil && idle:
		return errHeld
	case job != node.Pending:
		return fault.New(fault.Conflict, "This step does not wait for an answer any more.")
	}
	return nil
}
