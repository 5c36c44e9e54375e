package engine

import (
	"context"
	"fmt"
	"time"

	"alur/engine/node"
	"alur/engine/pg"
)

// reasonTimeout is executions.reason of what ran out of time (spec/engine.md §10).
const reasonTimeout = "timeout"

// timeLeft is how long until the deadline; ok is false without one.
func (r *run) timeLeft() (left time.Duration, ok bool) {
	if r.claim.ExpiresAt == nil {
		return 0, false
	}
	return r.claim.ExpiresAt.Sub(r.e.Now()), true
}

func (r *run) outOfTime() bool {
	left, ok := r.timeLeft()
	return ok && left <= 0
}

// abortLate is the outcome of a step of a synchronous execution during which the
// time ran out.
func (r *run) abortLate() node.Outcome {
	r.reason = reasonTimeout
	return node.Stop(node.Aborted, map[string]any{"message": "The time limit of this workflow ran out during this step."})
}

// inTime calls fn of a synchronous execution so that it ends at the deadline.
func (r *run) inTime(ctx context.Context, fn func(context.Context) (node.Outcome, error)) (node.Outcome, error) {
	left, ok := r.timeLeft()
	if !ok {
		return fn(ctx)
	}
	limited, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	out, err := fn(limited)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return r.abortLate(), nil
	}
	return out, err
}

// inTimeTx is inTime for what works on tx. Only the statement that runs at the
// deadline is ended, by the server: the end of a context would end the caller's
// transaction too.
func (r *run) inTimeTx(ctx context.Context, tx *pg.Tx, fn func() (node.Outcome, error)) (node.Outcome, error) {
	left, ok := r.timeLeft()
	if !ok || !r.inline {
		return fn()
	}
	// Rounded up: what is cancelled before the time is over did not run out of time.
	limit := fmt.Sprintf("SET LOCAL statement_timeout = %d", max(left.Milliseconds(), 0)+1)
	if err := tx.Simple(ctx, limit); err != nil {
		return node.Outcome{}, fmt.Errorf("limit the time of a step: %w", err)
	}
	out, err := fn()
	if err != nil {
		return out, err // the rollback to the savepoint takes the limit along
	}
	return out, tx.Simple(ctx, "SET LOCAL statement_timeout TO DEFAULT")
}
