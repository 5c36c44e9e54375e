package transfer

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/pg"
)

const (
	batchRows  = 200              // rows in one transaction
	leaseFor   = time.Minute      // a worker that is silent for so long has lost its import
	pollEvery  = 5 * time.Second  // in case a notification was lost
	retryWait  = 10 * time.Second // before a batch is tried again that failed by no fault of its rows
	mostTries  = 5                // of one batch
	sweepEvery = time.Hour        // how often old imports are deleted
)

// Work works imports off until ctx ends, and deletes those that are a week old.
func (s *Store) Work(ctx context.Context) {
	var swept time.Time
	s.DB.WorkOff(ctx, Channel, pollEvery, func() bool {
		if now := s.Now(); now.Sub(swept) > sweepEvery {
			if _, err := s.DB.ExecContext(ctx, queries.Get("sweep"), now.Add(-keepFor)); err != nil && ctx.Err() == nil {
				s.Log.ErrorContext(ctx, "old imports could not be deleted", "err", err)
			}
			swept = now
		}
		worked, err := s.WorkOnce(ctx)
		if err != nil && ctx.Err() == nil {
			s.Log.ErrorContext(ctx, "import failed for now", "err", err)
		}
		return worked
	})
}

// WorkOnce works the oldest import off that is due; false when there is none.
func (s *Store) WorkOnce(ctx context.Context) (bool, error) {
	r := &run{s: s, worker: rand.Int64()}
	err := s.DB.GetContext(ctx, &r.id, queries.Get("claim"), r.worker, s.Now(), s.Now().Add(leaseFor))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("claim an import: %w", err)
	}
	err = r.all(ctx)
	switch {
	case err == nil, errors.Is(err, errLost):
		return true, nil
	case ctx.Err() != nil: // stopped: the next worker goes on at once
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), retryWait)
		defer cancel()
		_, err := s.DB.ExecContext(ctx, queries.Get("give_up"), r.id, r.worker, s.Now())
		return true, err
	}
	if e, ok := errors.AsType[*fault.Error](err); ok && e.Kind != fault.Overloaded && e.Kind != fault.Internal {
		return true, r.end(ctx, Failed, e.Msg)
	}
	if r.tries >= mostTries {
		return true, errors.Join(err, r.end(ctx, Failed, "This failed several times in a row. The server's log has the cause; start the import again later."))
	}
	if _, gone := s.DB.ExecContext(ctx, queries.Get("give_up"), r.id, r.worker, s.Now().Add(retryWait)); gone != nil {
		err = errors.Join(err, gone)
	}
	return true, fmt.Errorf("import %d: %w", r.id, err)
}

// errLost says that the import is somebody else's now, or canceled.
var errLost = errors.New("another worker has this import")

// run is one claim of an import.
type run struct {
	s      *Store
	id     int64
	worker int64
	tries  int
}

func (r *run) all(ctx context.Context) error {
	var im Import
	if err := r.s.DB.GetContext(ctx, &im, queries.Get("get"), r.id); err != nil {
		return fmt.Errorf("read import %d: %w", r.id, err)
	}
	r.tries = im.Attempts
	actor, err := r.s.Actor(ctx, im.CreatedByID, im.Role)
	if err != nil {
		return err
	}
	zone, err := r.s.Zone(ctx)
	if err != nil {
		return err
	}
	p, err := r.s.plan(ctx, im, collection.Access{Actor: actor, Zone: actor.Location(zone)})
	if err != nil {
		return err
	}
	if im.Rehearsing {
		if im.Position == 0 {
			if err := r.twice(ctx, p); err != nil {
				return err
			}
		}
		if err := r.batches(ctx, p, true); err != nil {
			return err
		}
		if im.Dry {
			return r.end(ctx, Checked, "")
		}
		problems, err := r.s.Problems(ctx, im, 1)
		if err != nil {
			return err
		}
		if len(problems) > 0 {
			return r.end(ctx, Failed, "Nothing was imported, because some rows have a problem.")
		}
		if err := r.step(ctx, "keep"); err != nil {
			return err
		}
	}
	if err := r.batches(ctx, p, false); err != nil {
		return err
	}
	return r.end(ctx, Done, "")
}

// step changes the import while it is ours.
func (r *run) step(ctx context.Context, query string, args ...any) error {
	res, err := r.s.DB.ExecContext(ctx, queries.Get(query), append([]any{r.id, r.worker}, args...)...)
	if err != nil {
		return fmt.Errorf("%s import %d: %w", query, r.id, err)
	}
	n, err := res.RowsAffected()
	if err == nil && n == 0 {
		return errLost
	}
	return err
}

func (r *run) end(ctx context.Context, status Status, reason string) error {
	return r.step(ctx, "end", status, reason, r.s.Now())
}

// twice notes the rows whose value for a unique field is in the file already: a
// rehearsal takes every batch back, so the database cannot tell. Rows that are
// matched by such a field change what an earlier one made.
func (r *run) twice(ctx context.Context, p *plan) error {
	for i, t := range p.targets {
		if t == nil || t.By != nil || !t.Field.Unique || i == p.match {
			continue
		}
		if _, err := r.s.DB.ExecContext(ctx, queries.Get("twice"), r.id, i+1, t.Field.Title); err != nil {
			return fmt.Errorf("look for values that are there twice: %w", err)
		}
	}
	return nil
}

// outcome is what became of the rows of one batch.
type outcome struct {
	last                      int // position
	created, updated, skipped int
	problems                  []problem
}

// problem is why a row was not written.
type problem struct {
	Position int    `json:"position"`
	Problem  string `json:"problem"`
}

// batches works the rows off that are left.
func (r *run) batches(ctx context.Context, p *plan, rehearse bool) error {
	for {
		out, err := r.batch(ctx, p, rehearse)
		if err != nil {
			return err
		}
		if out.last == 0 {
			return nil
		}
		r.tries = 0
	}
}

// errTakeBack ends the transaction of a rehearsed batch.
var errTakeBack = errors.New("a rehearsal keeps nothing")

// errGuard asks for a savepoint before each row: one has broken the transaction.
var errGuard = errors.New("a row broke its batch")

// batch works off the next rows: in one transaction, and again with a savepoint
// for each row when one of them broke it.
func (r *run) batch(ctx context.Context, p *plan, rehearse bool) (out outcome, err error) {
	for _, guarded := range []bool{false, true} {
		err = r.s.Records.Write(ctx, p.c.Name, func(tx *pg.Tx) error {
			out = outcome{}
			if err := r.rows(ctx, tx, p, &out, guarded, rehearse); err != nil {
				return err
			}
			if rehearse && out.last > 0 {
				return errTakeBack
			}
			return r.note(ctx, tx, out)
		})
		if !errors.Is(err, errGuard) {
			break
		}
	}
	if errors.Is(err, errTakeBack) {
		err = r.s.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
			if _, err := r.hold(ctx, tx); err != nil {
				return err
			}
			return r.note(ctx, tx, out)
		})
	}
	return out, err
}

// hold makes sure that the import is ours until tx ends, and says where it stands.
func (r *run) hold(ctx context.Context, tx *pg.Tx) (position int, err error) {
	err = tx.GetContext(ctx, &position, queries.Get("hold"), r.id, r.worker)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, errLost
	}
	return position, err
}

// rows writes the next rows.
func (r *run) rows(ctx context.Context, tx *pg.Tx, p *plan, out *outcome, guarded, rehearse bool) error {
	position, err := r.hold(ctx, tx)
	if err != nil {
		return err
	}
	var rows []Row
	if err := tx.SelectContext(ctx, &rows, queries.Get("rows"), r.id, position, batchRows); err != nil {
		return fmt.Errorf("read rows of import %d: %w", r.id, err)
	}
	if len(rows) == 0 {
		return nil
	}
	others, err := p.lookup(ctx, tx, rows)
	if err != nil {
		return err
	}
	there, err := p.existing(ctx, tx, rows)
	if err != nil {
		return err
	}
	for _, row := range rows {
		out.last = row.Position
		if rehearse && row.Problem != nil {
			continue // found before, see twice
		}
		w := write{s: r.s, p: p, out: out, rehearse: rehearse}
		err := w.guarded(ctx, tx, row, others, there, guarded)
		if err == nil {
			continue
		}
		words, ok := wording(p.c, err)
		if !ok {
			return err
		}
		out.problems = append(out.problems, problem{Position: row.Position, Problem: words})
	}
	return nil
}

// note writes down what became of a batch.
func (r *run) note(ctx context.Context, tx *pg.Tx, out outcome) error {
	if out.last == 0 {
		return nil
	}
	_, err := tx.ExecContext(ctx, queries.Get("progress"), r.id, out.last, out.created, out.updated, out.skipped, len(out.problems), r.s.Now().Add(leaseFor))
	if err != nil {
		return fmt.Errorf("note the progress of import %d: %w", r.id, err)
	}
	if len(out.problems) == 0 {
		return nil
	}
	raw, err := json.Marshal(out.problems)
	if err != nil {
		return fmt.Errorf("note problems of import %d: %w", r.id, err)
	}
	if _, err := tx.ExecContext(ctx, queries.Get("note_problems"), r.id, string(raw)); err != nil {
		return fmt.Errorf("note problems of import %d: %w", r.id, err)
	}
	return nil
}

// wording says what is wrong with a row; false for what is no fault of the row.
func wording(c *collection.Collection, err error) (string, bool) {
	if u, ok := errors.AsType[unfit](err); ok {
		return string(u), true
	}
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || e.Kind == fault.Internal || e.Kind == fault.Overloaded || pg.IsRetryable(err) {
		return "", false
	}
	if len(e.Fields) == 0 {
		return e.Msg, true
	}
	var parts []string
	for name, words := range e.Fields {
		if f := c.Field(name); f != nil {
			words = f.Title + ": " + words
		}
		parts = append(parts, words)
	}
	slices.Sort(parts)
	return strings.Join(parts, " "), true
}
