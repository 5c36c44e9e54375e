package nodes

import (
	"context"

	"alur/cmd"
	"alur/engine"
	"alur/engine/pg"
)

// Own is what the nodes need beside themselves.
var Own = cmd.Own{Start: makeTables, Beside: answerPickups}

// makeTables makes Acme's tables. The lock is for processes that start at the same
// moment.
func makeTables(ctx context.Context, e *engine.Engine) error {
	return e.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		for _, text := range []string{
			`SELECT pg_advisory_xact_lock(hashtext('acme tables'))`,
			`CREATE SCHEMA IF NOT EXISTS acme`,
			`CREATE TABLE IF NOT EXISTS acme.numbers (series text PRIMARY KEY, last bigint NOT NULL)`,
			`CREATE TABLE IF NOT EXISTS acme.pickups (key bytea PRIMARY KEY, execution_id bigint NOT NULL, job_id bigint NOT NULL)`,
		} {
			if _, err := tx.ExecContext(ctx, text); err != nil {
				return err
			}
		}
		return nil
	})
}
