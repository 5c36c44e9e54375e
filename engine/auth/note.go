package auth

import (
	"context"
	"time"

	"alur/engine/audit"
	"alur/engine/pg"
)

// Note writes into the audit log that a did something at now, in the transaction
// of it.
func (a Actor) Note(ctx context.Context, tx *pg.Tx, kind audit.Kind, now time.Time, text string) error {
	return audit.Write(ctx, tx, audit.Entry{At: now, Kind: kind, UserID: a.UserID, Person: a.Name, Text: text})
}

// NoteOn is Note about a version of a workflow, and one of its executions unless that
// is 0.
func (a Actor) NoteOn(ctx context.Context, tx *pg.Tx, workflowID, executionID int64, now time.Time, text string) error {
	return audit.Write(ctx, tx, audit.Entry{At: now, Kind: audit.Workflows, UserID: a.UserID, Person: a.Name, Text: text,
		WorkflowID: workflowID, ExecutionID: executionID})
}

// Log lists the audit log for those who may read it.
func (s *Store) Log(ctx context.Context, a Actor, f audit.Filter) (list []audit.Entry, more bool, err error) {
	if err := a.Require(ReadAudit); err != nil {
		return nil, false, err
	}
	return audit.List(ctx, s.DB, f)
}
