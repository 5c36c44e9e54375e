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

// CodeRefused is the code of the error by which a synchronous workflow undoes the
// change that started it (spec/triggers-core.md §2.6).
const CodeRefused = "WORKFLOW_ROLLBACK_ON_FAILURE"

// refusal is the cause of the error by which a synchronous execution undoes the
// change that started it. When that change was a step of another execution, the
// other one records the refused one with its own journal.
type refusal struct {
	inner []*refusal // what was refused on the way
	write func(ctx context.Context, q pg.Q) error
}

func (*refusal) Error() string { return "refused by a synchronous workflow" }

func (f *refusal) record(ctx context.Context, q pg.Q) error {
	if err := recordAll(ctx, q, f.inner); err != nil {
		return err
	}
	return f.write(ctx, q)
}

func recordAll(ctx context.Context, q pg.Q, refused []*refusal) error {
	for _, f := range refused {
		if err := f.record(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

// runSync runs an execution inside tx, the transaction of the change that
// caused it, on the same connection. Its history is written in tx too; when the
// workflow refuses the change, the history is written after the rollback, so
// that it can be read why.
func (e *Engine) runSync(ctx context.Context, tx *pg.Tx, ev Event) (id int64, err error) {
	p, err := e.program(ctx, ev.Workflow.ID)
	if err != nil {
		return 0, err
	}
	claim := queue.Claim{
		ID: e.IDs.Next(), WorkflowID: ev.Workflow.ID, Key: ev.Workflow.Key, Attempts: 1,
		Context: value.Encode(ev.Context), Stack: ev.Stack, CreatedAt: e.Now(), StartedAt: e.Now(),
	}
	if p.options.Timeout > 0 {
		expires := claim.StartedAt.Add(p.options.Timeout)
		claim.ExpiresAt = &expires
	}
	r := e.newRun(p, item{Claim: claim, since: claim.StartedAt})
	r.tx = func(context.Context) (*pg.Tx, error) { return tx, nil }
	r.careful, r.inline = true, true // a failing node must not fail the caller's transaction
	insert := func(ctx context.Context, q pg.Q) (made bool, err error) {
		res, err := q.ExecContext(ctx, insertion("insert_sync", ev), claim.ID, claim.WorkflowID, claim.Key, nullString(ev.EventKey),
			[]byte(claim.Context), nullArray(ev.Stack), nullID(ev.CreatedBy), nullTrue(ev.Manually), claim.StartedAt.UTC(), claim.ExpiresAt)
		if err != nil {
			return false, fmt.Errorf("record execution %d: %w", claim.ID, err)
		}
		n, err := res.RowsAffected()
		return n > 0, err
	}
	finish := func(ctx context.Context, q pg.Q) error {
		var f flush
		f.add(r)
		if err := f.write(ctx, q); err != nil {
			return fmt.Errorf("record the jobs of execution %d: %w", claim.ID, err)
		}
		return nil
	}
	// Before it runs, so that it counts in the chain of what its steps start.
	if made, err := insert(ctx, tx); err != nil || !made {
		return 0, err
	}
	if err := r.begin(ctx, nil); err != nil {
		return 0, err
	}
	if r.status >= node.Pending || !ev.MustSucceed {
		if err := finish(ctx, tx); err != nil {
			return 0, err
		}
		tx.OnCommit(func() { r.count(e.Now()) })
		return claim.ID, recordAll(ctx, tx, r.refused)
	}
	r.tally = nil // undone
	write := func(ctx context.Context, q pg.Q) error {
		if made, err := insert(ctx, q); err != nil || !made {
			return err
		}
		return finish(ctx, q)
	}
	tx.OnRollback(func() {
		ctx := context.WithoutCancel(ctx)
		err := e.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error { return write(ctx, tx) })
		if err != nil {
			e.Log.ErrorContext(ctx, "refused execution could not be recorded", "execution_id", claim.ID, "workflow_id", claim.WorkflowID, "err", err)
		}
	})
	msg := fmt.Sprintf("Not saved. The workflow “%s” refused this change. Its execution %d says why.", ev.Workflow.Title, claim.ID)
	if ev.Record != "" {
		msg = fmt.Sprintf("Nothing was changed. The workflow “%s” refused this change of record %s. Its execution %d says why.", ev.Workflow.Title, ev.Record, claim.ID)
	}
	return 0, &fault.Error{Kind: fault.Invalid, Code: CodeRefused, Msg: msg, Record: ev.Record, Err: &refusal{inner: r.refused, write: write}}
}
