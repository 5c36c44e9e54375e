package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"alur/engine/pg"
)

// probeEvery is how often a database that has no room is asked whether it has.
const probeEvery = 5 * time.Second

// errUndo ends the transaction of a probe.
var errUndo = errors.New("undo the probe")

// Probe asks whether the database has room for changes, by one that takes a
// megabyte and is undone. What it said is what [Engine.Exhausted] returns. So a
// statement that asked for more than there is, is told apart from a full disk.
func (e *Engine) Probe(ctx context.Context) error {
	err := e.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		for _, name := range []string{"probe_empty", "probe_fill"} { // emptied, so that the room is new
			if _, err := tx.ExecContext(ctx, queries.Get(name)); err != nil {
				return err
			}
		}
		return errUndo
	})
	switch {
	case errors.Is(err, errUndo):
		if e.exhausted.Swap(nil) != nil {
			e.Log.InfoContext(ctx, "the database has room again")
		}
		return nil
	case pg.IsExhausted(err):
		if e.exhausted.Swap(&err) == nil {
			e.Log.ErrorContext(ctx, "the database has no room, waiting until it has", "err", err)
		}
	}
	return fmt.Errorf("see whether the database has room: %w", err)
}

// Exhausted is why the database takes no changes, as far as this process knows: its
// disk is full or fails, or it has no memory; nil when it has what it needs.
func (e *Engine) Exhausted() error {
	if err := e.exhausted.Load(); err != nil {
		return *err
	}
	return nil
}

// CheckRoom probes when there is reason to: a statement met a database without
// room, or the last probe did.
func (e *Engine) CheckRoom(ctx context.Context) error {
	if !e.DB.TakeDoubt() && e.Exhausted() == nil {
		return nil
	}
	return e.Probe(ctx)
}

func (e *Engine) checkRoom(ctx context.Context) {
	if err := e.CheckRoom(ctx); err != nil && !pg.IsExhausted(err) && ctx.Err() == nil {
		e.Log.WarnContext(ctx, "room in the database not known", "err", err)
	}
}

// awaitRoom waits a moment when the database has no room, and reports whether it
// did.
func (e *Engine) awaitRoom(ctx context.Context) bool {
	if e.Exhausted() == nil {
		return false
	}
	select {
	case <-ctx.Done():
	case <-time.After(pollEvery):
	}
	return true
}

// OutageWords says what keeps the database from its work, and what to do.
func OutageWords(err error) (title, cause string) {
	const goesOn = " What was taken in before waits and goes on by itself after that."
	switch code := pg.Code(err); {
	case code == "53100":
		return "The disk of the database is full", "PostgreSQL takes no changes any more, so no workflow goes on and nothing can be saved. Make room on its disk." + goesOn
	case code == "53200":
		return "The database has no memory left", "PostgreSQL refuses changes, so no workflow goes on and nothing can be saved. See what takes the memory of its machine." + goesOn
	case code == "58030":
		return "The disk of the database fails", "PostgreSQL cannot read or write its files, so no workflow goes on and nothing can be saved. See the log of PostgreSQL and of its machine, and whether there is a backup." + goesOn
	case code == "25006":
		return "The database takes no changes", "It is read-only: a standby, or set so. No workflow goes on and nothing can be saved. See which server DATABASE_URL leads to."
	case pg.IsUnavailable(err):
		return "The database cannot be reached", "No workflow goes on and no page opens. See whether PostgreSQL runs, and what its log says."
	}
	return "The database refuses what Alur asks", "No alert can be written down, and probably nothing else. See the log of Alur for what the database said."
}
