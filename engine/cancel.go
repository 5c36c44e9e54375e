package engine

import (
	"context"
	"fmt"

	"alur/engine/auth"
	"alur/engine/queue"
)

// reasonCancel is executions.reason of what a person stopped (spec/engine.md §11).
const reasonCancel = "manual_cancel"

// Cancel stops executions that have not ended, with their children, and returns
// how many of ids it stopped; those that had ended are passed over. What they did
// stays done. One that runs in another process is told there within moments, and
// cannot write any more at once.
func (e *Engine) Cancel(ctx context.Context, actor auth.Actor, ids []int64) (int, error) {
	ids, err := e.executionsFor(ctx, actor, ids, auth.Operator)
	if err != nil {
		return 0, err
	}
	stopped, err := queue.Stop(ctx, e.DB, ids, reasonCancel, actor.UserID, e.Now())
	e.tellStopped(ctx, stopped, reasonCancel)
	if err != nil {
		return 0, fmt.Errorf("cancel: %w", err)
	}
	given := make(map[int64]bool, len(ids))
	for _, id := range ids {
		given[id] = true
	}
	n := 0
	for _, id := range stopped { // their children are in it too
		if given[id] {
			n++
		}
	}
	return n, nil
}
