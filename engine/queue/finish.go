package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/lib/pq"

	"alur/engine/fault"
	"alur/engine/pg"
)

// Signal says that there is something to claim, once tx has been committed.
func Signal(tx *pg.Tx) { tx.Notify(Channel, "", notifyWait) }

// Answer gives a waiting job its outcome and wakes its execution, both in tx:
// whoever decides and the execution that waits move together or not at all. It
// returns Conflict when the job does not wait (any more), and Gone when its
// execution has ended.
func Answer(ctx context.Context, tx *pg.Tx, executionID, jobID int64, status int, result json.RawMessage, now time.Time) error {
	if _, err := tx.ExecContext(ctx, queries.Get("disarm"), jobID); err != nil {
		return fmt.Errorf("stop the timer of job %d: %w", jobID, err)
	}
	res, err := tx.ExecContext(ctx, queries.Get("wake"), executionID, jobID)
	if err != nil {
		return fmt.Errorf("wake execution %d: %w", executionID, err)
	}
	if n, _ := res.RowsAffected(); n == 0 {
		return fault.New(fault.Gone, "This execution has ended, so there is nothing left to decide.")
	}
	res, err = tx.ExecContext(ctx, queries.Get("answer"), executionID, jobID, status, result, now.UTC())
	if err != nil {
		return fmt.Errorf("answer job %d: %w", jobID, err)
	}
	if n, _ := res.RowsAffected(); n == 0 {
		return fault.New(fault.Conflict, "This step does not wait for an answer any more.")
	}
	Signal(tx)
	return nil
}

// Fire lets up to limit steps go on whose time has come by now, the oldest
// first, and returns how many there were, and how many of them were more than a
// minute late.
func Fire(ctx context.Context, db *pg.DB, now time.Time, limit int) (fired, late int, err error) {
	var n struct{ Fired, Late int }
	err = db.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		if err := tx.GetContext(ctx, &n, queries.Get("fire"), limit, now.UTC()); err != nil {
			return fmt.Errorf("fire timers: %w", err)
		}
		if n.Fired > 0 {
			Signal(tx)
		}
		return nil
	})
	return n.Fired, n.Late, err
}

// NextDue is when the next timer is due; ok is false when there is none.
func NextDue(ctx context.Context, q pg.Q) (due time.Time, ok bool, err error) {
	var at *time.Time
	if err := q.GetContext(ctx, &at, queries.Get("next_due")); err != nil {
		return time.Time{}, false, fmt.Errorf("look for the next timer: %w", err)
	}
	if at == nil {
		return time.Time{}, false, nil
	}
	return *at, true, nil
}

// Overdue lists up to limit executions whose deadline has passed by now.
func Overdue(ctx context.Context, q pg.Q, now time.Time, limit int) (ids []int64, err error) {
	if err := q.SelectContext(ctx, &ids, queries.Get("overdue"), limit, now.UTC()); err != nil {
		return nil, fmt.Errorf("look for executions past their deadline: %w", err)
	}
	return ids, nil
}

// Stop ends executions with ABORTED and a reason, together with their children,
// and returns which: those that had ended are passed over. Of a stop, a finish
// and an answer that meet, exactly one wins.
func Stop(ctx context.Context, db *pg.DB, ids []int64, reason string, by int64, now time.Time) (stopped []int64, err error) {
	err = db.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		stopped, err = StopIn(ctx, tx, ids, reason, by, now)
		return err
	})
	if err == nil && len(stopped) > 0 {
		err = DropTimers(ctx, db, stopped)
	}
	return stopped, err
}

// StopIn is Stop as a part of tx. Call [DropTimers] for what it stopped once tx
// has been committed.
func StopIn(ctx context.Context, tx *pg.Tx, ids []int64, reason string, by int64, now time.Time) (stopped []int64, err error) {
	if err := tx.SelectContext(ctx, &stopped, queries.Get("stop"), pq.Array(ids), reason, now.UTC(), by); err != nil {
		return nil, fmt.Errorf("stop %d executions: %w", len(ids), err)
	}
	return stopped, nil
}

// DropTimers deletes the timers of executions that were stopped. It is no part of
// the transaction that stops them, because a timer that fires holds its row while
// it waits for the execution. One that stays behind finds nothing to wake.
func DropTimers(ctx context.Context, q pg.Q, stopped []int64) error {
	if _, err := q.ExecContext(ctx, queries.Get("drop_timers"), pq.Array(stopped)); err != nil {
		return fmt.Errorf("drop the timers of %d stopped executions: %w", len(stopped), err)
	}
	return nil
}
