package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/node"
	"alur/engine/pg"
	"alur/engine/queue"
)

// RawExecution is an execution as [Engine.RecordExecution] writes it down.
type RawExecution struct {
	WorkflowID int64
	Key        string // of the workflow; "" for the version's own, which it must be
	EventKey   string // at most one execution per key; "" for none
	Context    json.RawMessage
	Status     *node.Status // nil: queued, and so it runs; 0: waits until it is cancelled; else it has ended
	Reason     string
	Output     json.RawMessage
}

func (x RawExecution) check() error {
	problems := map[string]string{}
	if len(x.Context) > 0 && !isObject(x.Context) {
		problems["context"] = "Send an object."
	}
	if x.Status != nil && (*x.Status < node.RetryNeeded || *x.Status > node.Resolved) {
		problems["status"] = "Send null, 0, 1, or a negative status from -6 to -1."
	}
	return fault.Fields(problems)
}

func isObject(raw json.RawMessage) bool {
	var m map[string]json.RawMessage
	return json.Unmarshal(raw, &m) == nil && m != nil
}

// RecordExecution writes an execution without its trigger, such as one that ran
// elsewhere. It needs the right to manage the server. What the queue reads of it
// is set here and nowhere else: a queued one is begun like any other, and one that
// waits has nothing that could be answered.
func (e *Engine) RecordExecution(ctx context.Context, actor auth.Actor, x RawExecution) (id int64, err error) {
	if err := actor.Require(auth.ManageServer); err != nil {
		return 0, err
	}
	if err := x.check(); err != nil {
		return 0, err
	}
	id = e.IDs.Next()
	err = e.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		w, _, err := loadWorkflow(ctx, tx, actor.Reach(auth.Operator), x.WorkflowID)
		if fault.Is(err, fault.NotFound) || err == nil && cmp.Or(x.Key, w.Key) != w.Key {
			return fault.Fields(map[string]string{"workflowId": "Send the id of a version, and the key of its workflow or none."})
		}
		if err != nil {
			return err
		}
		if _, err = tx.ExecContext(ctx, queries.Get("record_execution"), id, w.ID, w.Key, nullString(x.EventKey), orObject(x.Context),
			x.Status, nullString(x.Reason), nullJSON(x.Output), userID(actor), e.now()); err != nil {
			return err
		}
		if x.Status == nil {
			queue.Signal(tx)
		}
		return actor.NoteOn(ctx, tx, w.ID, id, e.now(), fmt.Sprintf("Wrote the execution %d of the workflow “%s” by program.", id, w.Title))
	})
	if pg.IsUnique(err) {
		return 0, fault.Wrap(fault.Invalid, "There is an execution with this event key already.", err)
	}
	if err != nil {
		return 0, fmt.Errorf("record an execution of workflow %d: %w", x.WorkflowID, err)
	}
	return id, nil
}

func nullJSON(raw json.RawMessage) any {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	return []byte(raw)
}

// JobChange names what [Engine.UpdateJobs] and [Engine.Resume] set; nil leaves a
// value as it is.
type JobChange struct {
	Status *node.Status
	Result json.RawMessage
	Meta   json.RawMessage
	Log    *string
}

var errHeld = fault.New(fault.Conflict, "This execution is queued or being worked on. Try again when it waits or has ended.")

// UpdateJobs writes over what steps came to, of all or of none. It needs the right to
// manage the server. The execution does not go on by it: while it waits, a step's
// status changes by [Engine.Resume] alone. It answers Conflict while a worker has the
// execution.
func (e *Engine) UpdateJobs(ctx context.Context, actor auth.Actor, ids []int64, c JobChange) error {
	if err := actor.Require(auth.ManageServer); err != nil {
		return err
	}
	ids = sorted(ids)
	jobs := make([]Job, len(ids))
	for i, id := range ids {
		var err error
		if jobs[i], err = e.Job(ctx, actor, id); err != nil {
			return fault.OfOne(err, len(ids), "Step", id)
		}
	}
	err := e.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		for _, j := range jobs {
			if err := e.updateJob(ctx, tx, actor, j, c); err != nil {
				return fault.OfOne(err, len(ids), "Step", j.ID)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("update %d jobs: %w", len(ids), err)
	}
	return nil
}

func (e *Engine) updateJob(ctx context.Context, tx *pg.Tx, actor auth.Actor, j Job, c JobChange) error {
	var status *node.Status
	if err := tx.GetContext(ctx, &status, queries.Get("lock_execution"), j.ExecutionID); err != nil {
		return err
	}
	if err := c.check(j.Status, status); err != nil {
		return err
	}
	if err := c.write(ctx, tx, j, e.now()); err != nil {
		return err
	}
	var workflow int64
	if err := tx.GetContext(ctx, &workflow, queries.Get("workflow_of"), j.ExecutionID); err != nil {
		return err
	}
	return actor.NoteOn(ctx, tx, workflow, j.ExecutionID, e.now(), fmt.Sprintf("Wrote over the step %d of the execution %d by program.", j.ID, j.ExecutionID))
}

func (c JobChange) write(ctx context.Context, tx *pg.Tx, j Job, now time.Time) error {
	_, err := tx.ExecContext(ctx, queries.Get("update_job"), j.ExecutionID, j.ID, c.Status, nullJSON(c.Result), len(c.Result) > 0,
		nullJSON(c.Meta), len(c.Meta) > 0, c.Log, now)
	return err
}

// check compares c with the job's status and that of its execution.
func (c JobChange) check(job node.Status, execution *node.Status) error {
	switch {
	case execution == nil:
		return errHeld
	case c.Status == nil || *c.Status == job:
		return nil
	case *execution == node.Pending:
		return fault.Fields(map[string]string{"status": "This execution goes on. Answer a step that waits with jobs:resume."})
	case *c.Status == node.Pending || *c.Status < node.RetryNeeded || *c.Status > node.Resolved:
		return fault.Fields(map[string]string{"status": "Send 1, or a negative status from -6 to -1: the execution has ended."})
	}
	return nil
}
