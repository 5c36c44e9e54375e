package engine

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/node"
)

var errNoExecution = fault.New(fault.NotFound, "There is no such execution. It may have been deleted.")

// Execution is one run of a workflow version.
type Execution struct {
	ID         int64           `db:"id"`
	WorkflowID int64           `db:"workflow_id"`
	Key        string          `db:"key"`
	Context    json.RawMessage `db:"context"`
	Status     *node.Status    `db:"status"`  // nil: queued; 0: started, see Waiting
	Waiting    bool            `db:"waiting"` // a step waits for a person or an answer
	Reason     *string         `db:"reason"`
	Output     []byte          `db:"output"` // JSON; nil: none
	Attempts   int             `db:"attempts"`
	ParentID   *int64          `db:"parent_id"`
	RerunOf    *int64          `db:"rerun_of"` // the execution that this one runs again; nil for none
	CreatedBy  *int64          `db:"created_by"`
	Author     string          `db:"author"`  // nickname of CreatedBy; "" for nobody
	Stopper    string          `db:"stopper"` // nickname of who cancelled it; "" for nobody
	CreatedAt  time.Time       `db:"created_at"`
	StartedAt  *time.Time      `db:"started_at"`
	EndedAt    *time.Time      `db:"ended_at"`
}

// State is an execution's or step's state in one word, as in the mock pages:
// queued, running, waiting, completed, failed, error, cancelled, rejected.
func (x Execution) State() string {
	switch {
	case x.Status == nil:
		return "queued"
	case *x.Status == node.Pending && x.Waiting:
		return "waiting"
	case *x.Status == node.Pending:
		return "running"
	}
	return StateOf(*x.Status)
}

// StateOf words a final status.
func StateOf(s node.Status) string {
	switch s {
	case node.Resolved:
		return "completed"
	case node.Failed, node.RetryNeeded:
		return "failed"
	case node.Error:
		return "error"
	case node.Aborted, node.Canceled:
		return "cancelled"
	case node.Rejected:
		return "rejected"
	}
	if s > node.Resolved {
		return "completed"
	}
	if s == node.Pending {
		return "waiting"
	}
	return "failed"
}

// Took is how long the execution ran or has been running at now; 0 while queued.
func (x Execution) Took(now time.Time) time.Duration {
	switch {
	case x.StartedAt == nil:
		return 0
	case x.EndedAt != nil:
		return x.EndedAt.Sub(*x.StartedAt)
	}
	return now.Sub(*x.StartedAt)
}

// ExecutionRow is an execution in a list.
type ExecutionRow struct {
	Execution
	WorkflowTitle string  `db:"workflow_title"` // "" when the workflow is gone
	Version       int     `db:"version"`        // 1 for the oldest version of the workflow; 0 when it is gone
	TriggerTitle  string  `db:"trigger_title"`
	TriggerType   string  `db:"trigger_type"`
	TriggerConfig []byte  `db:"trigger_config"` // JSON; nil when the workflow is gone
	Problem       *string `db:"problem"`        // what went wrong in words; nil when nothing did
	ProblemNode   *string `db:"problem_node"`   // title of the step where it did, or of the one that waits
}

// Job is one run of one node.
type Job struct {
	ID          int64       `db:"id"`
	ExecutionID int64       `db:"execution_id"`
	NodeID      int64       `db:"node_id"`
	NodeKey     string      `db:"node_key"`
	UpstreamID  *int64      `db:"upstream_id"`
	Status      node.Status `db:"status"`
	Branch      *int        `db:"branch"` // the branch it entered
	Meta        []byte      `db:"meta"`   // JSON, like Input and Result; nil: none
	Input       []byte      `db:"input"`
	Result      []byte      `db:"result"`
	Large       bool        `db:"large"` // Result was left behind in a list; see Engine.Execution
	Log         *string     `db:"log"`
	Attempt     int         `db:"attempt"` // 0: see Kept
	StartedAt   time.Time   `db:"started_at"`
	EndedAt     *time.Time  `db:"ended_at"`
	DueAt       *time.Time  `db:"due_at"` // when it goes on by itself; nil: it does not
}

// Problem returns what went wrong in words, "" when nothing did. A node that
// knows the line of its program leaves it in Meta.
func (j Job) Problem() string {
	if j.Status >= node.Pending {
		return ""
	}
	var text string
	if json.Unmarshal(j.Result, &text) != nil {
		var shaped struct{ Message string }
		_ = json.Unmarshal(j.Result, &shaped)
		text = shaped.Message
	}
	var at struct{ Line int }
	if _ = json.Unmarshal(j.Meta, &at); text != "" && at.Line > 0 {
		text += fmt.Sprintf(" (line %d)", at.Line)
	}
	return text
}

// SkippedTrigger is an event that started nothing.
type SkippedTrigger struct {
	ID            int64     `db:"id"`
	WorkflowID    int64     `db:"workflow_id"`
	WorkflowTitle string    `db:"workflow_title"`
	Reason        string    `db:"reason"`
	Detail        string    `db:"detail"`
	CreatedAt     time.Time `db:"created_at"`
}

// Execution returns one execution with its jobs in the order they ran. The jobs
// come without input and log, and without results above 2 kB; see [Engine.Job].
func (e *Engine) Execution(ctx context.Context, actor auth.Actor, id int64) (Execution, []Job, error) {
	if err := actor.Require(auth.UseWorkflows); err != nil {
		return Execution{}, nil, err
	}
	var x Execution
	query, args := actor.Reach(auth.Viewer).Query(queries.Get("execution"), id)
	err := e.DB.GetContext(ctx, &x, query, args...)
	if errors.Is(err, sql.ErrNoRows) {
		return Execution{}, nil, errNoExecution
	}
	if err != nil {
		return Execution{}, nil, fmt.Errorf("read execution %d: %w", id, err)
	}
	var jobs []Job
	if err := e.DB.SelectContext(ctx, &jobs, queries.Get("execution_jobs"), id); err != nil {
		return Execution{}, nil, fmt.Errorf("list the jobs of execution %d: %w", id, err)
	}
	return x, jobs, nil
}

// Job returns one job with input, result and log.
func (e *Engine) Job(ctx context.Context, actor auth.Actor, id int64) (Job, error) {
	if err := actor.Require(auth.UseWorkflows); err != nil {
		return Job{}, err
	}
	var j Job
	query, args := actor.Reach(auth.Viewer).Query(queries.Get("job"), id)
	err := e.DB.GetContext(ctx, &j, query, args...)
	if errors.Is(err, sql.ErrNoRows) {
		return Job{}, fault.New(fault.NotFound, "There is no such step. Its execution may have been deleted.")
	}
	if err != nil {
		return Job{}, fmt.Errorf("read job %d: %w", id, err)
	}
	return j, nil
}

// SkippedTriggers lists events that started nothing, newest first; key "" is
// all workflows that actor may see.
func (e *Engine) SkippedTriggers(ctx context.Context, actor auth.Actor, key string, limit int) ([]SkippedTrigger, error) {
	if err := actor.Require(auth.UseWorkflows); err != nil {
		return nil, err
	}
	reach := actor.Reach(auth.Viewer)
	var rows []SkippedTrigger
	name, args := "skipped", []any{limit}
	switch {
	case key != "":
		name, args = "skipped_workflow", append(args, key)
	case !reach.Every():
		name = "skipped_reached"
	}
	query, args := reach.Query(queries.Get(name), args...)
	if err := e.DB.SelectContext(ctx, &rows, query, args...); err != nil {
		return nil, fmt.Errorf("list skipped triggers: %w", err)
	}
	return rows, nil
}
