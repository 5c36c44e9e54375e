package engine

import (
	"context"
	"database/sql"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/lib/pq"

	"alur/engine/auth"
	"alur/engine/node"
	"alur/engine/pg"
	"alur/engine/search"
	"alur/engine/snowflake"
)

//go:embed queries_retention.sql
var retentionText string

var retentionSQL = pg.LoadQueries(retentionText)

const (
	// houseBatch is how many executions or records one transaction deletes.
	houseBatch = 100
	// houseShare is how much longer the pause after a batch is than the batch
	// took: deleting has a fifteenth of one connection's time, and less than that
	// of a database that is busy, since batches take longer then (R18). It is
	// never shorter than housePause, never longer than half of houseRest.
	houseShare = 14
	housePause = 100 * time.Millisecond
	// houseCount is how many executions one transaction takes into the counters.
	houseCount = 20_000
	// houseRest is how long there is peace when everything is done.
	houseRest = 10 * time.Second
)

// finals are the statuses of executions that have ended.
var finals = []node.Status{node.Resolved, node.Failed, node.Error, node.Aborted, node.Canceled, node.Rejected, node.RetryNeeded}

// Housekeep deletes what nobody has to keep any more, and keeps the counters of
// executions, until ctx ends. Every process calls it; one at a time is at work,
// in short transactions with pauses between them.
func (e *Engine) Housekeep(ctx context.Context) {
	for {
		wait, err := e.HousekeepOnce(ctx)
		if err != nil && ctx.Err() == nil {
			e.Log.ErrorContext(ctx, "housekeeping failed", "err", err)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// HousekeepOnce does one batch of what is due, unless another process is at it,
// and returns how long there is nothing to do.
func (e *Engine) HousekeepOnce(ctx context.Context) (wait time.Duration, err error) {
	ours := false
	err = e.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		wait = houseRest
		now := e.now()
		var at border
		err := tx.GetContext(ctx, &at, retentionSQL.Get("take"), now)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("take up housekeeping: %w", err)
		}
		ours = true
		settings, err := readHistory(ctx, tx)
		if err != nil {
			return err
		}
		counting, err := e.rollUp(ctx, tx, at)
		if err != nil {
			return err
		}
		doomed, lastKey, err := e.expired(ctx, tx, settings.History, at.LastKey)
		if err != nil {
			return err
		}
		if _, err := e.deleteBatch(ctx, tx, doomed, nil); err != nil {
			return err
		}
		forgotten, err := tx.ExecContext(ctx, retentionSQL.Get("forget_records"), now.AddDate(0, -settings.RecordMonths, 0), houseBatch)
		if err != nil {
			return fmt.Errorf("forget records of deleted executions: %w", err)
		}
		n, err := forgotten.RowsAffected()
		if err != nil {
			return fmt.Errorf("count forgotten records: %w", err)
		}
		changes, err := e.Records.ForgetChanges(ctx, tx, now.AddDate(0, -settings.RecordMonths, 0), houseBatch)
		if err != nil {
			return err
		}
		if counting || len(doomed) == houseBatch || n == houseBatch || changes == houseBatch {
			wait = min(max(housePause, houseShare*e.now().Sub(now)), houseRest/2)
		}
		if _, err := tx.ExecContext(ctx, retentionSQL.Get("give_back"), now.Add(wait), lastKey); err != nil {
			return fmt.Errorf("give back housekeeping: %w", err)
		}
		return nil
	})
	if err != nil {
		return houseRest, fmt.Errorf("keep house: %w", err)
	}
	if !ours || e.Files == nil {
		return wait, nil
	}
	more, err := e.Files.SweepOnce(ctx)
	if err != nil {
		return houseRest, fmt.Errorf("keep house: %w", err)
	}
	if more {
		wait = min(wait, houseRest/2)
	}
	return wait, nil
}

// border is where the counters stand.
type border struct {
	LastKey   string `db:"last_key"`
	CountedTo int64  `db:"counted_to"`
	NextTo    int64  `db:"next_to"`
}

// rollUp moves the border of the counters; more says that there is more to count
// at once.
//
// The border must never pass an execution that is still to be committed. Its id
// was made at most snowflake.Slack before it was written, so ids of before that time
// can only turn up in transactions that run already: a border is chosen in one
// round, and used in a later one, when all of those are over.
func (e *Engine) rollUp(ctx context.Context, tx *pg.Tx, at border) (more bool, err error) {
	if at.NextTo > at.CountedTo {
		var state string
		if err := tx.GetContext(ctx, &state, retentionSQL.Get("settle")); err != nil {
			return false, fmt.Errorf("look at running transactions: %w", err)
		}
		switch state {
		case "waiting":
			return false, nil
		case "settled":
			if err := tx.GetContext(ctx, &at.CountedTo, retentionSQL.Get("roll_up"), houseCount); err != nil {
				return false, fmt.Errorf("count executions: %w", err)
			}
			if at.CountedTo < at.NextTo {
				return true, nil
			}
		}
	}
	if _, err := tx.ExecContext(ctx, retentionSQL.Get("choose_border"), snowflake.At(e.now().Add(-snowflake.Slack))); err != nil {
		return false, fmt.Errorf("choose up to where to count executions: %w", err)
	}
	return false, nil
}

// doomed is an execution that is to be deleted.
type doomed struct {
	ID  int64  `db:"id"`
	Why string `db:"why"`
}

// expired finds up to a batch of executions that need not be kept, beginning
// with the workflow after lastKey, so that no workflow waits for another one for
// long.
func (e *Engine) expired(ctx context.Context, tx *pg.Tx, normal History, lastKey string) (found []doomed, last string, err error) {
	var flows []struct {
		Key     string `db:"key"`
		Options []byte `db:"options"`
	}
	if err := tx.SelectContext(ctx, &flows, retentionSQL.Get("keys")); err != nil {
		return nil, "", fmt.Errorf("list the workflows that have run: %w", err)
	}
	first := 0
	for first < len(flows) && flows[first].Key <= lastKey {
		first++
	}
	for i := range flows {
		flow := flows[(first+i)%len(flows)]
		last = flow.Key
		own := ReadHistory(flow.Options)
		kept := normal
		if own.History != nil {
			kept = *own.History
		}
		more, err := e.expiredOf(ctx, tx, flow.Key, kept, own.DeleteOn, houseBatch-len(found))
		if err != nil {
			return nil, "", fmt.Errorf("look through the history of workflow %s: %w", flow.Key, err)
		}
		if found = append(found, more...); len(found) == houseBatch {
			break
		}
	}
	return found, last, nil
}

func (e *Engine) expiredOf(ctx context.Context, tx *pg.Tx, key string, kept History, deleteOn []node.Status, limit int) ([]doomed, error) {
	now := e.now()
	var statuses, below []int64
	var until []time.Time
	var why []string
	for _, s := range finals {
		days := kept.FailedDays
		if s == node.Resolved {
			days = kept.Days
		}
		switch {
		case slices.Contains(deleteOn, s):
			statuses, until, below, why = append(statuses, int64(s)), append(until, now), append(below, math.MaxInt64), append(why, "status")
		case days > 0:
			at := now.AddDate(0, 0, -days)
			statuses, until, below, why = append(statuses, int64(s)), append(until, at), append(below, snowflake.At(at.Add(snowflake.Slack))), append(why, "age")
		}
	}
	var found []doomed
	if len(statuses) > 0 {
		if err := tx.SelectContext(ctx, &found, retentionSQL.Get("expired"), key, pq.Array(statuses), pq.Array(until),
			pq.Array(below), pq.Array(why), limit); err != nil {
			return nil, err
		}
	}
	if kept.Most == 0 || len(found) == limit {
		return found, nil
	}
	var surplus []doomed
	if err := tx.SelectContext(ctx, &surplus, retentionSQL.Get("surplus"), key, kept.Most, limit); err != nil {
		return nil, err
	}
	for _, d := range surplus {
		if len(found) < limit && !slices.ContainsFunc(found, func(f doomed) bool { return f.ID == d.ID }) {
			found = append(found, d)
		}
	}
	return found, nil
}

// deleteBatch deletes executions that have ended, with their steps, tasks and
// mailed links, and leaves a line about each; by is nil for housekeeping.
func (e *Engine) deleteBatch(ctx context.Context, tx *pg.Tx, list []doomed, by *int64) (n int, err error) {
	if len(list) == 0 {
		return 0, nil
	}
	var countedTo int64
	if err := tx.GetContext(ctx, &countedTo, retentionSQL.Get("hold_border")); err != nil {
		return 0, fmt.Errorf("hold the counters: %w", err)
	}
	if err := search.Hold(ctx, tx); err != nil {
		return 0, err
	}
	ids, why := make([]int64, len(list)), make([]string, len(list))
	for i, d := range list {
		ids[i], why[i] = d.ID, d.Why
	}
	if err := tx.GetContext(ctx, &n, retentionSQL.Get("delete"), pq.Array(ids), e.now(), by, pq.Array(why), countedTo); err != nil {
		return 0, fmt.Errorf("delete %d executions: %w", len(list), err)
	}
	return n, search.Forget(ctx, tx, ids)
}

// MayDelete is Forbidden when actor sees one of these executions and may not delete
// it.
func (e *Engine) MayDelete(ctx context.Context, actor auth.Actor, ids []int64) error {
	_, err := e.executionsFor(ctx, actor, ids, auth.Editor)
	return err
}

// DeleteExecutions removes ended executions with their jobs and returns how
// many; those that run or wait are spared, and so are those whose parent does.
func (e *Engine) DeleteExecutions(ctx context.Context, actor auth.Actor, ids []int64) (int, error) {
	ids, err := e.executionsFor(ctx, actor, ids, auth.Editor)
	if err != nil {
		return 0, err
	}
	gone := 0
	for part := range slices.Chunk(slices.Sorted(slices.Values(ids)), houseBatch) {
		list := make([]doomed, len(part))
		for i, id := range part {
			list[i] = doomed{ID: id, Why: "person"}
		}
		n := 0
		err := e.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) (err error) {
			n, err = e.deleteBatch(ctx, tx, list, userID(actor))
			return err
		})
		if gone += n; err != nil {
			return gone, err
		}
	}
	return gone, nil
}

// ReadHistory reads how long the executions of a workflow are kept out of its
// options; foreign shapes count as not given.
func ReadHistory(options []byte) WorkflowHistory {
	var o struct {
		History  json.RawMessage `json:"history"`
		DeleteOn json.RawMessage `json:"deleteExecutionOnStatus"`
	}
	_ = json.Unmarshal(options, &o)
	var h WorkflowHistory
	var own *History
	if json.Unmarshal(o.History, &own) == nil && own != nil && own.check() == nil {
		h.History = own
	}
	var statuses []node.Status
	if json.Unmarshal(o.DeleteOn, &statuses) == nil {
		for _, s := range statuses {
			if slices.Contains(finals, s) && !slices.Contains(h.DeleteOn, s) {
				h.DeleteOn = append(h.DeleteOn, s)
			}
		}
	}
	return h
}
