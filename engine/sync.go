package engine

import (
	"context"
	"fmt"

	"alur/engine/fault"
	"alur/engine/node"
	"alur/engine/pg"
	"alur/engine/queue"
	"alur/engine/value"
)

// runSync runs an execution inside tx, the transaction of the change that
// caused it, on the same connection. Its history is written in tx too; when the
// workflow refuses the change, the history is written after the rollback, so
// that it can be read why.
func (e *Engine) runSync(ctx context.Context, tx *pg.Tx, ev Event) error {
	p, err := e.program(ctx, ev.Workflow.ID)
	if err != nil {
		return err
	}
	claim := queue.Claim{
		ID: e.IDs.Next(), WorkflowID: ev.Workflow.ID, Key: ev.Workflow.Key, Attempts: 1,
		Context: value.Encode(ev.Context), Stack: ev.Stack, StartedAt: e.Now(),
	}
	r := e.newRun(p, claim)
	r.tx = func(context.Context) (*pg.Tx, error) { return tx, nil }
	r.careful, r.inline = true, true // a failing node must not fail the caller's transaction
	if err := r.begin(ctx, tx); err != nil {
		return err
	}
	write := func(ctx context.Context, q pg.Q) error {
		_, err := q.ExecContext(ctx, queries.Get("insert_sync"), claim.ID, claim.WorkflowID, claim.Key, nullString(ev.EventKey),
			[]byte(claim.Context), nullArray(ev.Stack), nullID(ev.CreatedBy), claim.StartedAt.UTC())
		if err != nil {
			return fmt.Errorf("record execution %d: %w", claim.ID, err)
		}
		var f flush
		f.add(r)
		if err := f.write(ctx, q); err != nil {
			return fmt.Errorf("record the jobs of execution %d: %w", claim.ID, err)
		}
		return nil
	}
	if r.status >= node.Pending || !ev.MustSucceed {
		return write(ctx, tx)
	}
	tx.OnRollback(func() {
		ctx := context.WithoutCancel(ctx)
		err := e.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error { return write(ctx, tx) })
		if err != nil {
			e.Log.ErrorContext(ctx, "refused execution could not be recorded", "execution_id", claim.ID, "err", err)
		}
	})
	return &fault.Error{
		Kind: fault.Invalid, Code: "WORKFLOW_ROLLBACK_ON_FAILURE",
		Msg: fmt.Sprintf("Not saved. The workflow “%s” refused this change. Its execution %d says why.", ev.Workflow.Title, claim.ID),
	}
}
