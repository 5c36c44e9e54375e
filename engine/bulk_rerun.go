package engine

import (
	"cmp"
	"context"
	"database/sql"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"alur/engine/audit"
	"alur/engine/auth"
	"alur/engine/crashpoint"
	"alur/engine/fault"
	"alur/engine/node"
	"alur/engine/pg"
	"alur/engine/queue"
)

//go:embed queries_bulk_rerun.sql
var bulkRerunText string

var bulkRerunSQL = pg.LoadQueries(bulkRerunText)

const (
	// MaxBulkReruns is how many executions of a filter run again at once.
	MaxBulkReruns = 5000

	rerunsChannel = "alur_reruns" // notified when there is a bulk rerun to do

	bulkPart      = 50               // executions that are looked for at once
	bulkLease     = 30 * time.Second // a worker that is silent for so long has lost its bulk rerun
	bulkPoll      = 5 * time.Second  // in case a notification was lost
	bulkRetryWait = 5 * time.Second  // before one is tried again that failed by no fault of an execution
	bulkTries     = 5                // without progress
	bulkKeep      = 7 * 24 * time.Hour
	bulkSweep     = time.Hour
)

// BulkStatus is where a bulk rerun stands.
type BulkStatus string

const (
	BulkQueued  BulkStatus = "queued"  // waits for a worker
	BulkRunning BulkStatus = "running" // a worker is at it
	BulkDone    BulkStatus = "done"
	BulkFailed  BulkStatus = "failed"  // given up before the end; Reason says why
	BulkStopped BulkStatus = "stopped" // by a person; what ran again stays so
)

// BulkRerun is a request to run all executions of a filter again, from the newest
// on. Any process does it, also after the one that began it was killed: each
// execution and the note that it is done are one transaction, so none runs twice and
// none is left out. What may run again, the rights of its author decide at that
// moment. It is kept for a week after its end.
type BulkRerun struct {
	ID          int64      `db:"id"`
	Filter      bulkFilter `db:"filter"`
	List        string     `db:"list"` // address of the list that its author saw
	Newest      bool       `db:"newest"`
	Failed      bool       `db:"failed"`
	AskedAt     time.Time  `db:"asked_at"`
	Below       int64      `db:"below"` // executions from this id on are done
	Total       int        `db:"total"` // how many there were in the beginning
	Made        int        `db:"made"`
	Passed      int        `db:"passed"` // over, since they could not run
	Why         string     `db:"why"`    // the first of them could not
	Status      BulkStatus `db:"status"`
	Reason      string     `db:"reason"`
	Attempts    int        `db:"attempts"`
	Role        auth.Role  `db:"role"` // in which its author asked
	CreatedByID int64      `db:"created_by_id"`
	Person      string     `db:"person"` // name of the author
	CreatedAt   time.Time  `db:"created_at"`
	StartedAt   *time.Time `db:"started_at"`
	EndedAt     *time.Time `db:"ended_at"`
}

// Open reports whether a worker has, or will have, work with b.
func (b BulkRerun) Open() bool { return b.Status == BulkQueued || b.Status == BulkRunning }

// rerun is how each execution of b runs again.
func (b BulkRerun) rerun() Rerun { return Rerun{Newest: b.Newest, Failed: b.Failed, Asked: b.AskedAt} }

// bulkFilter is an ExecutionFilter as it is stored.
type bulkFilter struct{ ExecutionFilter }

// Scan reads a stored filter.
func (f *bulkFilter) Scan(src any) error {
	raw, ok := src.([]byte)
	if !ok {
		return fmt.Errorf("the filter of a bulk rerun is %T", src)
	}
	return json.Unmarshal(raw, &f.ExecutionFilter)
}

var (
	errNoBulk   = fault.New(fault.NotFound, "There is no such request to run executions again, or not any more. It is kept for a week.")
	errBulkOver = fault.New(fault.Conflict, "This is over already: there is nothing to stop.")
)

// BeginBulkRerun has all executions of f run again in the background, as r says,
// which has Asked and no node; f.Before is above the newest of them, and list the
// address of the list that was seen. What is sent twice is begun once. It is Invalid
// for none and for more than MaxBulkReruns, and Forbidden when actor sees one and may
// not start its workflow.
func (e *Engine) BeginBulkRerun(ctx context.Context, actor auth.Actor, f ExecutionFilter, list string, r Rerun) (BulkRerun, error) {
	ids, err := e.ExecutionIDs(ctx, actor, f, MaxBulkReruns+1)
	switch {
	case err != nil:
		return BulkRerun{}, err
	case len(ids) == 0:
		return BulkRerun{}, fault.New(fault.Invalid, "No execution matches any more. Go back to the list and change the filter.")
	case len(ids) > MaxBulkReruns:
		return BulkRerun{}, fault.New(fault.Invalid, fmt.Sprintf("At most %d executions of a filter run again at once. Narrow the filter, and run one part after the other.", MaxBulkReruns))
	}
	if _, err := e.executionsFor(ctx, actor, ids, auth.Operator); err != nil {
		return BulkRerun{}, err
	}
	raw, err := json.Marshal(f)
	if err != nil {
		return BulkRerun{}, fmt.Errorf("store a filter: %w", err)
	}
	id, asked := e.IDs.Next(), r.Asked.UTC().Truncate(time.Microsecond)
	err = e.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		res, err := tx.ExecContext(ctx, bulkRerunSQL.Get("add"), id, raw, list, r.Newest, r.Failed, asked, ids[0]+1, len(ids), actor.Role, actor.UserID, e.now())
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return cmp.Or(err, tx.GetContext(ctx, &id, bulkRerunSQL.Get("same"), actor.UserID, asked))
		}
		tx.Notify(rerunsChannel, "", 0)
		return actor.Note(ctx, tx, audit.Workflows, e.now(), fmt.Sprintf("Began to run %d executions again, %s.", len(ids), r.words()))
	})
	if err != nil {
		return BulkRerun{}, fmt.Errorf("begin to run %d executions again: %w", len(ids), err)
	}
	return e.BulkRerun(ctx, actor, id)
}

// words says of many executions how they run again.
func (r Rerun) words() string {
	from := "from the start"
	if r.Failed {
		from = "from the step that failed or waits"
	}
	if r.Newest {
		from += ", on the current version"
	}
	return from
}

// BulkRerun returns a bulk rerun: to its author, and to those who manage all
// workflows.
func (e *Engine) BulkRerun(ctx context.Context, actor auth.Actor, id int64) (b BulkRerun, err error) {
	if err := actor.Require(auth.UseWorkflows); err != nil {
		return b, err
	}
	b, err = e.bulk(ctx, e.DB, id)
	if err == nil && b.CreatedByID != actor.UserID && !actor.Can(auth.ManageWorkflows) {
		return BulkRerun{}, errNoBulk
	}
	return b, err
}

func (e *Engine) bulk(ctx context.Context, q pg.Q, id int64) (b BulkRerun, err error) {
	switch err := q.GetContext(ctx, &b, bulkRerunSQL.Get("select")+bulkRerunSQL.Get("one"), id); {
	case errors.Is(err, sql.ErrNoRows):
		return b, errNoBulk
	case err != nil:
		return b, fmt.Errorf("read bulk rerun %d: %w", id, err)
	}
	return b, nil
}

// BulkReruns are the own bulk reruns of actor that are under way, or ended since.
func (e *Engine) BulkReruns(ctx context.Context, actor auth.Actor, since time.Time) (list []BulkRerun, err error) {
	if err := actor.Require(auth.UseWorkflows); err != nil {
		return nil, err
	}
	if err := e.DB.SelectContext(ctx, &list, bulkRerunSQL.Get("select")+bulkRerunSQL.Get("recent"), actor.UserID, since.UTC()); err != nil {
		return nil, fmt.Errorf("list bulk reruns: %w", err)
	}
	return list, nil
}

// StopBulkRerun ends a bulk rerun. What has run again already stays so.
func (e *Engine) StopBulkRerun(ctx context.Context, actor auth.Actor, id int64) error {
	b, err := e.BulkRerun(ctx, actor, id)
	if err != nil {
		return err
	}
	return e.endBulk(ctx, b.ID, nil, BulkStopped, "", &actor)
}

// endBulk notes the end of a bulk rerun in the name of by, else of its author.
// Without a worker whoever has it loses it.
func (e *Engine) endBulk(ctx context.Context, id int64, worker *int64, status BulkStatus, reason string, by *auth.Actor) error {
	return e.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		res, err := tx.ExecContext(ctx, bulkRerunSQL.Get("end"), id, worker, status, reason, e.now())
		if err != nil {
			return fmt.Errorf("end bulk rerun %d: %w", id, err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return cmp.Or[error](err, errBulkOver)
		}
		b, err := e.bulk(ctx, tx, id)
		if err != nil {
			return err
		}
		entry := audit.Entry{At: e.now(), Kind: audit.Workflows, UserID: b.CreatedByID, Person: b.Person, Text: b.outcome()}
		if by != nil {
			entry.UserID, entry.Person = by.UserID, by.Name
		}
		return audit.Write(ctx, tx, entry)
	})
}

// outcome is what came of b, for the audit log.
func (b BulkRerun) outcome() string {
	text := map[BulkStatus]string{BulkDone: "Ran", BulkStopped: "Stopped after running", BulkFailed: "Gave up after running"}[b.Status]
	text += fmt.Sprintf(" %d of %d executions again, %s", b.Made, b.Total, b.rerun().words())
	if b.Passed > 0 {
		text += fmt.Sprintf("; %d could not: %s", b.Passed, b.Why)
	}
	return strings.TrimSpace(strings.TrimSuffix(text, ".") + ". " + b.Reason)
}

// RerunInBulk works bulk reruns off until ctx ends. Every process that runs workflows
// calls it.
func (e *Engine) RerunInBulk(ctx context.Context) {
	var swept time.Time
	e.DB.WorkOff(ctx, rerunsChannel, bulkPoll, func() bool {
		if now := e.now(); now.Sub(swept) > bulkSweep {
			if _, err := e.DB.ExecContext(ctx, bulkRerunSQL.Get("sweep"), now.Add(-bulkKeep)); err != nil && ctx.Err() == nil {
				e.Log.ErrorContext(ctx, "old bulk reruns could not be deleted", "err", err)
			}
			swept = now
		}
		worked, err := e.RerunInBulkOnce(ctx)
		if err != nil && ctx.Err() == nil {
			e.Log.ErrorContext(ctx, "bulk rerun failed for now", "err", err)
		}
		return worked
	})
}

// errBulkLost says that a bulk rerun is somebody else's now, or stopped.
var errBulkLost = errors.New("this bulk rerun is not ours any more")

// RerunInBulkOnce works the oldest bulk rerun off that is due; false when there is
// none.
func (e *Engine) RerunInBulkOnce(ctx context.Context) (bool, error) {
	worker, now := rand.Int64(), e.now()
	var id int64
	err := e.DB.GetContext(ctx, &id, bulkRerunSQL.Get("claim"), worker, now, now.Add(bulkLease))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("claim a bulk rerun: %w", err)
	}
	b, err := e.bulk(ctx, e.DB, id)
	if err == nil {
		err = e.workBulk(ctx, b, worker)
	}
	end := func(status BulkStatus, reason string) error {
		err := e.endBulk(ctx, id, &worker, status, reason, nil)
		if errors.Is(err, errBulkOver) {
			return nil
		}
		return err
	}
	switch {
	case err == nil:
		return true, end(BulkDone, "")
	case errors.Is(err, errBulkLost), fault.Is(err, fault.NotFound) && errors.Is(err, errNoBulk):
		return true, nil
	case ctx.Err() != nil: // stopped: the next worker goes on at once
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), bulkRetryWait)
		defer cancel()
		_, err := e.DB.ExecContext(ctx, bulkRerunSQL.Get("give_up"), id, worker, e.now())
		return true, err
	}
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Kind != fault.Overloaded && f.Kind != fault.Internal {
		return true, end(BulkFailed, f.Msg)
	}
	if b.Attempts >= bulkTries {
		return true, errors.Join(err, end(BulkFailed, "This failed several times in a row. The server's log has the cause; run the rest again later."))
	}
	_, gone := e.DB.ExecContext(ctx, bulkRerunSQL.Get("give_up"), id, worker, e.now().Add(bulkRetryWait))
	return true, fmt.Errorf("bulk rerun %d: %w", id, errors.Join(err, gone))
}

// workBulk runs again what is left of b.
func (e *Engine) workBulk(ctx context.Context, b BulkRerun, worker int64) error {
	for left := b.Total - b.Made - b.Passed; left > 0; {
		actor, err := e.acting(ctx, b.CreatedByID, b.Role)
		if fault.Is(err, fault.NotFound) {
			err = fault.New(fault.Forbidden, "The account of the person who asked for this is not active any more.")
		}
		if err != nil {
			return err
		}
		f := b.Filter.ExecutionFilter
		f.Before = b.Below
		ids, err := e.ExecutionIDs(ctx, actor, f, min(bulkPart, left))
		if err != nil || len(ids) == 0 {
			return err
		}
		for _, id := range ids {
			if err := e.rerunOne(ctx, actor, b, worker, id); err != nil {
				return err
			}
		}
		b.Below, left = ids[len(ids)-1], left-len(ids)
	}
	return nil
}

// rerunOne runs one execution of b again and notes it, both or nothing; one that
// cannot run is noted as passed over.
func (e *Engine) rerunOne(ctx context.Context, actor auth.Actor, b BulkRerun, worker, id int64) error {
	note := func(tx *pg.Tx, made, passed int, why string) error {
		res, err := tx.ExecContext(ctx, bulkRerunSQL.Get("progress"), b.ID, worker, id, made, passed, why, e.now().Add(bulkLease))
		if err != nil {
			return fmt.Errorf("note the progress of bulk rerun %d: %w", b.ID, err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return cmp.Or(err, errBulkLost)
		}
		return nil
	}
	var did rerunDone
	err := e.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) (err error) {
		if err := note(tx, 1, 0, ""); err != nil { // first: it holds the row, so that nobody else is at it
			return err
		}
		did, err = e.rerunIn(ctx, tx, actor, id, b.rerun())
		crashpoint.Hit(crashpoint.DuringRerun)
		return err
	})
	if err == nil {
		did.after(ctx, e)
		return nil
	}
	why, ok := passedOver(id, err)
	if f, isFault := errors.AsType[*fault.Error](err); !ok && isFault && f.Kind == fault.Forbidden && actor.Can(auth.UseWorkflows) {
		why, ok = Passed{id, f.Msg}, true // the right was taken away meanwhile
	}
	if !ok {
		return err
	}
	return e.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error { return note(tx, 0, 1, why.Why) })
}

// rerunDone is what is to be done once an execution runs again for good.
type rerunDone struct {
	id      int64
	made    Execution
	stopped []int64
}

func (d rerunDone) after(ctx context.Context, e *Engine) {
	if len(d.stopped) == 0 {
		return
	}
	if err := queue.DropTimers(ctx, e.DB, d.stopped); err != nil {
		e.Log.WarnContext(ctx, "timers of a stopped execution stay", "execution_id", d.id, "err", err)
	}
	e.tellStopped(ctx, d.stopped, reasonRerun)
}

// rerunIn is Rerun as a part of tx.
func (e *Engine) rerunIn(ctx context.Context, tx *pg.Tx, actor auth.Actor, id int64, r Rerun) (done rerunDone, err error) {
	done.id = id
	if _, err := tx.ExecContext(ctx, rerunSQL.Get("lock_origin"), id); err != nil {
		return done, err
	}
	found, err := e.origins(ctx, tx, actor, []int64{id})
	if err != nil {
		return done, err
	}
	if len(found) == 0 {
		return done, errNoExecution
	}
	x := found[0]
	if err := may(ctx, tx, actor, x.Key, auth.Operator); err != nil {
		return done, err
	}
	if err := x.unlessAgain(ctx, tx, r.Asked); err != nil {
		return done, err
	}
	a, err := e.again(ctx, tx, x, r)
	if err != nil {
		return done, err
	}
	if x.Status != nil && *x.Status == node.Pending {
		if done.stopped, err = queue.StopIn(ctx, tx, []int64{id}, reasonRerun, actor.UserID, e.Now()); err != nil {
			return done, err
		}
	}
	made := e.IDs.Next()
	if err := e.write(ctx, tx, actor, a, made); err != nil {
		return done, err
	}
	queue.Signal(tx)
	query, args := actor.Reach(auth.Viewer).Query(queries.Get("execution"), made)
	if err := tx.GetContext(ctx, &done.made, query, args...); err != nil {
		return done, err
	}
	return done, actor.NoteOn(ctx, tx, done.made.WorkflowID, made, e.now(), a.words(made))
}
