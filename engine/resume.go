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
// closes the tasks of the people who were asked. It needs the right to manage
// the server: whoever answers for others can pass any decision.
//
// It is Invalid when the execution does not run (any more), or is past its deadline
// and stopped for that by this call, and Conflict when the job does not wait.
func (e *Engine) Resume(ctx context.Context, actor auth.Actor, id int64, status node.Status, result json.RawMessage) error {
	if err := actor.Require(auth.ManageServer); err != nil {
		return err
	}
	j, err := e.Job(ctx, actor, id)
	if err != nil {
		return err
	}
	if status < node.RetryNeeded || status > node.Resolved || status == node.Pending {
		return fault.Fields(map[string]string{"status": "Send 1, or a negative status from -6 to -1."})
	}
	if len(result) == 0 {
		result = json.RawMessage("null")
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
		if _, err := tx.ExecContext(ctx, queries.Get("close_tasks"), id, e.now()); err != nil {
			return err
		}
		return queue.Answer(ctx, tx, j.ExecutionID, id, int(status), result, e.now())
	})
	if fault.Is(err, fault.Gone) {
		return fault.Wrap(fault.Invalid, "This execution has ended, so it cannot go on.", err)
	}
	if err != nil {
		return fmt.Errorf("resume job %d: %w", id, err)
	}
	return nil
}
