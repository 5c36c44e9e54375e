package engine

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"alur/engine/audit"
	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/node"
	"alur/engine/pg"
)

// Limits of what people may ask for.
const (
	MaxHistoryDays  = 3650
	MaxHistoryMost  = 10_000_000
	MaxRecordMonths = 120

	defaultRecordMonths = 24
)

// History says how long executions are kept after their end. A zero field keeps
// them for ever.
type History struct {
	Days       int `json:"days"`       // those that completed
	FailedDays int `json:"failedDays"` // those that ended in any other way
	Most       int `json:"most"`       // at most so many of one workflow, the newest
}

// check returns what is wrong, by field.
func (h History) check() error {
	problems := map[string]string{}
	days := fmt.Sprintf("Enter a number of days from 1 to %d, or nothing to keep them for ever.", MaxHistoryDays)
	if h.Days < 0 || h.Days > MaxHistoryDays {
		problems["days"] = days
	}
	if h.FailedDays < 0 || h.FailedDays > MaxHistoryDays {
		problems["failedDays"] = days
	}
	if h.Most < 0 || h.Most > MaxHistoryMost {
		problems["most"] = fmt.Sprintf("Enter a number from 1 to %d, or nothing for no limit.", MaxHistoryMost)
	}
	return fault.Fields(problems)
}

// WorkflowHistory is what a workflow says about its own executions; all its
// versions go by the current one.
type WorkflowHistory struct {
	History  *History      // nil: as set for the server
	DeleteOn []node.Status // executions that end so are deleted at once
}

// HistorySettings are for the whole server.
type HistorySettings struct {
	History          // of workflows that do not say otherwise
	RecordMonths int `json:"recordMonths"` // how long the line about a deleted execution and the history of records are kept; 1 to MaxRecordMonths
}

// HistorySettings returns how long executions are kept on this server.
func (e *Engine) HistorySettings(ctx context.Context, actor auth.Actor) (HistorySettings, error) {
	if err := actor.Require(auth.UseWorkflows); err != nil {
		return HistorySettings{}, err
	}
	return readHistory(ctx, e.DB)
}

func readHistory(ctx context.Context, q pg.Q) (HistorySettings, error) {
	return readSettings(ctx, q, "history", HistorySettings{RecordMonths: defaultRecordMonths})
}

// SaveHistorySettings changes how long executions are kept on this server.
func (e *Engine) SaveHistorySettings(ctx context.Context, actor auth.Actor, s HistorySettings) error {
	if err := actor.Require(auth.ManageServer); err != nil {
		return err
	}
	problems := map[string]string{}
	if f, ok := errors.AsType[*fault.Error](s.check()); ok {
		problems = f.Fields
	}
	if s.RecordMonths < 1 || s.RecordMonths > MaxRecordMonths {
		problems["recordMonths"] = fmt.Sprintf("Enter a number of months from 1 to %d.", MaxRecordMonths)
	}
	if err := fault.Fields(problems); err != nil {
		return err
	}
	return e.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		if err := saveSettings(ctx, tx, "history", s, e.now()); err != nil {
			return err
		}
		return actor.Note(ctx, tx, audit.Settings, e.now(), fmt.Sprintf("Changed how long executions are kept: %s; what stays of them for %d months.", s.History.words(), s.RecordMonths))
	})
}

// words says how long executions are kept, for the audit log.
func (h History) words() string {
	days := func(n int) string {
		if n == 0 {
			return "for ever"
		}
		return fmt.Sprintf("for %d days", n)
	}
	text := "completed ones " + days(h.Days) + ", others " + days(h.FailedDays)
	if h.Most > 0 {
		text += fmt.Sprintf(", at most %d", h.Most)
	}
	return text
}

// words says how long executions are kept, for the audit log.
func (h WorkflowHistory) words() string {
	text := "as set for the server"
	if h.History != nil {
		text = h.History.words()
	}
	var states []string
	for _, s := range h.DeleteOn {
		if state := StateOf(s); !slices.Contains(states, state) {
			states = append(states, state)
		}
	}
	if len(states) > 0 {
		text += "; deleted at once: " + strings.Join(states, ", ")
	}
	return text
}

// SetHistory changes how long the executions of a workflow are kept. All its
// versions say the same afterwards, so that a new one goes on with it.
func (e *Engine) SetHistory(ctx context.Context, actor auth.Actor, id int64, h WorkflowHistory) error {
	if h.History != nil {
		if err := h.History.check(); err != nil {
			return err
		}
	}
	options := map[string]any{}
	if h.History != nil {
		options["history"] = h.History
	}
	if len(h.DeleteOn) > 0 {
		options["deleteExecutionOnStatus"] = h.DeleteOn
	}
	raw, err := json.Marshal(options)
	if err != nil {
		return fmt.Errorf("encode the history of workflow %d: %w", id, err)
	}
	_, err = e.change(ctx, actor, id, func(ctx context.Context, tx *pg.Tx, w *Workflow, _ []Node) error {
		if _, err := tx.ExecContext(ctx, retentionSQL.Get("set_history"), w.Key, raw); err != nil {
			return err
		}
		return actor.NoteOn(ctx, tx, w.ID, 0, e.now(), fmt.Sprintf("Set the history of the workflow “%s”: %s.", w.Title, h.words()))
	})
	if err != nil {
		return fmt.Errorf("set the history of workflow %d: %w", id, err)
	}
	return nil
}

// ExecutionRecord is the line that stays of a deleted execution.
type ExecutionRecord struct {
	ID            int64       `db:"id"`
	WorkflowID    int64       `db:"workflow_id"`
	Key           string      `db:"key"`
	WorkflowTitle string      `db:"workflow_title"` // "" when the workflow is gone
	Status        node.Status `db:"status"`
	Problem       *string     `db:"problem"` // why it ended so, in words; nil when nothing went wrong
	Steps         int         `db:"steps"`
	Author        string      `db:"author"` // who started it; "" for nobody
	CreatedAt     time.Time   `db:"created_at"`
	StartedAt     *time.Time  `db:"started_at"`
	EndedAt       *time.Time  `db:"ended_at"`
	DeletedAt     time.Time   `db:"deleted_at"`
	DeletedBy     *int64      `db:"deleted_by"` // nil: housekeeping
	Deleter       string      `db:"deleter"`    // nickname of DeletedBy
	Why           string      `db:"why"`        // status, age, count or person
}

// State is the state that the execution ended in; see [Execution.State].
func (r ExecutionRecord) State() string { return StateOf(r.Status) }

// ExecutionRecord returns what stayed of a deleted execution.
func (e *Engine) ExecutionRecord(ctx context.Context, actor auth.Actor, id int64) (ExecutionRecord, error) {
	if err := actor.Require(auth.UseWorkflows); err != nil {
		return ExecutionRecord{}, err
	}
	var r ExecutionRecord
	query, args := actor.Reach(auth.Viewer).Query(retentionSQL.Get("record")+retentionSQL.Get("record_id"), id)
	switch err := e.DB.GetContext(ctx, &r, query, args...); {
	case errors.Is(err, sql.ErrNoRows):
		return ExecutionRecord{}, errNoExecution
	case err != nil:
		return ExecutionRecord{}, fmt.Errorf("read what stayed of execution %d: %w", id, err)
	}
	return r, nil
}

// ExecutionRecords lists deleted executions, newest first: those of a workflow,
// or of all that actor may see when key is "", below an id unless before is 0.
func (e *Engine) ExecutionRecords(ctx context.Context, actor auth.Actor, key string, before int64, limit int) (rows []ExecutionRecord, more bool, err error) {
	if err := actor.Require(auth.UseWorkflows); err != nil {
		return nil, false, err
	}
	if before == 0 {
		before = math.MaxInt64
	}
	reach := actor.Reach(auth.Viewer)
	name, args := "records", []any{limit + 1, before}
	switch {
	case key != "":
		name, args = "records_workflow", append(args, key)
	case !reach.Every():
		name = "records_reached"
	}
	query, args := reach.Query(strings.Replace(retentionSQL.Get(name), "{record}", retentionSQL.Get("record"), 1), args...)
	if err := e.DB.SelectContext(ctx, &rows, query, args...); err != nil {
		return nil, false, fmt.Errorf("list deleted executions: %w", err)
	}
	if more = len(rows) > limit; more {
		rows = rows[:limit]
	}
	return rows, more, nil
}
