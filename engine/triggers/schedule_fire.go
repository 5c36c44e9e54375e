package triggers

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/lib/pq"

	"alur/engine"
	"alur/engine/collection"
	"alur/engine/pg"
	"alur/engine/schedule"
)

// Tick implements engine.Scheduler: one transaction of each kind for each
// schedule that has something due, so that none keeps the others waiting.
func (t *scheduleTrigger) Tick(ctx context.Context, e *engine.Engine) (next time.Time, err error) {
	var looks []struct {
		Key     string       `db:"key"`
		DueAt   sql.NullTime `db:"due_at"`
		SweepAt sql.NullTime `db:"sweep_at"`
		Gone    bool         `db:"gone"`
	}
	if err := e.DB.SelectContext(ctx, &looks, queries.Get("look")); err != nil {
		return next, fmt.Errorf("look for schedules that are due: %w", err)
	}
	now := e.Now()
	// at makes the next look no later than when.
	at := func(when time.Time) {
		if next.IsZero() || when.Before(next) {
			next = when
		}
	}
	do := func(when sql.NullTime, what func() (bool, error)) error {
		switch {
		case !when.Valid:
		case when.Time.After(now):
			at(when.Time)
		default:
			more, err := what()
			if more {
				at(now)
			}
			return err
		}
		return nil
	}
	var failed []error // one does not keep the others from starting
	for _, l := range looks {
		if l.Gone {
			_, err := e.DB.ExecContext(ctx, queries.Get("forget"), l.Key, tidyAtOnce)
			failed = append(failed, err)
			continue
		}
		failed = append(failed,
			do(l.DueAt, func() (bool, error) { return t.fire(ctx, e, l.Key) }),
			do(l.SweepAt, func() (bool, error) { return t.sweep(ctx, e, l.Key) }))
	}
	return next, errors.Join(failed...)
}

// firing is a row that is due.
type firing struct {
	Record string       `db:"record"`
	Start  time.Time    `db:"start_at"`
	End    sql.NullTime `db:"end_at"`
	Due    time.Time    `db:"due_at"`
	Fired  int64        `db:"fired"`
}

// round is what one transaction does about a schedule.
type round struct {
	h      *held
	now    time.Time
	left   int64 // executions up to the limit of the workflow; negative: no limit
	events []engine.Event
	plan   plan
	fired  []int64 // per row of plan

	skipped          int // rows with times that were missed
	skippedA, latest time.Time
}

// fire starts some of what is due of a schedule, in one transaction with what is
// planned next, so that each time fires once whatever happens; did is false when
// another process is at it.
func (t *scheduleTrigger) fire(ctx context.Context, e *engine.Engine, key string) (did bool, err error) {
	err = e.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		did = false
		h, err := t.hold(ctx, e, tx, key)
		if err != nil || h == nil {
			return err
		}
		r := &round{h: h, now: e.Now(), left: -1}
		var rows []firing
		if err := tx.SelectContext(ctx, &rows, queries.Get("due"), key, h.Generation, r.now.UTC(), fireAtOnce); err != nil {
			return fmt.Errorf("read what is due of workflow %d: %w", h.ID, err)
		}
		if did = len(rows) > 0; !did {
			return nil
		}
		if limit := int64(h.config.Limit); limit > 0 && !h.config.LimitPerRecord {
			var n int64
			if err := tx.GetContext(ctx, &n, queries.Get("count"), key); err != nil {
				return fmt.Errorf("count the executions of workflow %d: %w", h.ID, err)
			}
			r.left = max(limit-n, 0)
		}
		if h.config.Mode == AtTimes {
			r.row(rows[0], h.config.fixed(h.zone), nil)
		} else if err := r.records(ctx, e, tx, rows); err != nil {
			return err
		}
		return r.write(ctx, e, tx)
	})
	return did, err
}

// records reads the records of rows again and fires for those that are due still.
func (r *round) records(ctx context.Context, e *engine.Engine, tx *pg.Tx, rows []firing) error {
	coll, err := e.Records.Collection(ctx, r.h.config.name())
	if err != nil {
		return err
	}
	keys := make([]any, len(rows))
	for i, row := range rows {
		keys[i] = row.Record
	}
	page, err := e.Records.List(ctx, tx, systemAccess, coll.Name, collection.Query{
		Filter: map[string]any{coll.Key().Name: map[string]any{"$in": keys}}, Appends: r.h.config.Appends, All: true,
	})
	if err != nil {
		return err
	}
	byKey := make(map[string]collection.Record, len(page.Records))
	for _, record := range page.Records {
		byKey[collection.Format(coll.ID(record))] = record
	}
	for _, row := range rows {
		if len(r.events) >= startAtOnce {
			break
		}
		record := byKey[row.Record]
		rule := r.h.config.of(record, r.h.zone)
		switch {
		case record == nil || rule.Start.IsZero():
			r.plan.gone = append(r.plan.gone, row.Record)
		case !rule.Start.Equal(row.Start) || !rule.End.Equal(row.End.Time):
			// Changed past us, by SQL or in bulk.
			due, _ := rule.Next(r.now.Add(-justNow))
			r.keep(row.Record, rule, due, 0)
		default:
			r.row(row, rule, record)
		}
	}
	return nil
}

// row fires what is due of one row and plans what comes next.
func (r *round) row(row firing, rule schedule.Rule, record collection.Record) {
	left := r.left
	if limit := int64(r.h.config.Limit); limit > 0 && r.h.config.LimitPerRecord {
		left = max(limit-row.Fired, 0)
	}
	d := rule.Due(row.Due, r.now, r.h.config.Missed, startAtOnce)
	if left >= 0 && int64(len(d.Fire)) >= left {
		d.Fire, d.Next = d.Fire[:left], time.Time{}
	}
	if !d.SkippedFrom.IsZero() && left != 0 {
		if r.skipped == 0 || d.SkippedFrom.Before(r.skippedA) {
			r.skippedA = d.SkippedFrom
		}
		if d.SkippedTo.After(r.latest) {
			r.latest = d.SkippedTo
		}
		r.skipped++
	}
	for _, planned := range d.Fire {
		ev := engine.Event{Workflow: r.h.armed(), EventKey: fmt.Sprintf("%d@%d", r.h.ID, planned.UnixMilli()),
			Context: map[string]any{"date": planned.UTC().Format(collection.Instant)}}
		if record != nil {
			ev.Context["data"] = record
			ev.EventKey = fmt.Sprintf("%d:%s@%d", r.h.ID, row.Record, planned.UnixMilli())
		}
		r.events = append(r.events, ev)
	}
	if r.left > 0 {
		r.left -= int64(len(d.Fire))
	}
	r.keep(row.Record, rule, d.Next, int64(len(d.Fire)))
}

func (r *round) keep(record string, rule schedule.Rule, next time.Time, fired int64) {
	r.plan.add(record, rule.Start, rule.End, next)
	r.fired = append(r.fired, fired)
}

func (r *round) write(ctx context.Context, e *engine.Engine, tx *pg.Tx) error {
	if err := e.Start(ctx, tx, r.events); err != nil {
		return err
	}
	p := &r.plan
	_, err := tx.ExecContext(ctx, queries.Get("fired"), r.h.Key, pq.Array(p.records), pq.Array(p.starts), pq.Array(p.ends), pq.Array(p.dues), pq.Array(r.fired))
	if err != nil {
		return fmt.Errorf("plan the schedule of workflow %d: %w", r.h.ID, err)
	}
	p.records = nil // written
	if err := p.write(ctx, tx, r.h.ID); err != nil || r.skipped == 0 {
		return err
	}
	zone := r.h.config.in(r.h.zone)
	when := "at " + r.skippedA.In(zone).Format("2 Jan 2006, 15:04:05")
	if !r.latest.Equal(r.skippedA) {
		when = fmt.Sprintf("from %s to %s", r.skippedA.In(zone).Format("2 Jan 2006, 15:04:05"), r.latest.In(zone).Format("2 Jan 2006, 15:04:05"))
	}
	if r.h.config.Mode == AtRecords {
		when += fmt.Sprintf(", for %d of its records", r.skipped)
	}
	why := "Its trigger says to skip what was missed."
	if r.h.config.Missed == schedule.All {
		why = fmt.Sprintf("The newest %d of the times that were missed are made up for.", schedule.Backlog)
	}
	return e.Skip(ctx, tx, r.h.armed(), engine.MissedTime,
		fmt.Sprintf("It should have started %s (%s), and no server was there to see to it. %s", when, zone, why), nil)
}

// sweep plans some records of a schedule: all of them once it is planned anew, and
// from time to time those that were changed past us. did is false when another
// process is at it.
func (t *scheduleTrigger) sweep(ctx context.Context, e *engine.Engine, key string) (did bool, err error) {
	err = e.DB.Tx(ctx, pg.RepeatableRead, func(tx *pg.Tx) error {
		did = false
		h, err := t.hold(ctx, e, tx, key)
		if err != nil || h == nil || !h.SweepAt.Valid || h.SweepAt.Time.After(e.Now()) {
			return err
		}
		coll, err := e.Records.Collection(ctx, h.config.name())
		if err != nil {
			return err
		}
		now := e.Now().UTC()
		if h.SweptTo == "" || !h.SweepBegan.Valid {
			h.SweepBegan = nullTime(now)
		}
		records, err := e.Records.Part(ctx, tx, systemAccess, coll.Name, nil, h.SweptTo, h.config.fields(), sweepAtOnce)
		if err != nil {
			return err
		}
		var p plan
		for _, record := range records {
			p.record(h.config, collection.Format(coll.ID(record)), record, h.zone, h.CountsFrom)
		}
		if err := p.write(ctx, tx, h.ID); err != nil {
			return err
		}
		did = true
		if n := len(records); n > 0 {
			h.SweptTo = collection.Format(coll.ID(records[n-1]))
		}
		over := len(records) < sweepAtOnce
		if over && h.CountsFrom.Equal(h.ArmedAt) { // the first time through
			if over, err = t.tidy(ctx, tx, h); err != nil {
				return err
			}
		}
		args := []any{key, h.SweptTo, now, h.SweepBegan, h.CountsFrom}
		if over {
			args = []any{key, "", now.Add(max(sweepEvery, sweepShare*now.Sub(h.SweepBegan.Time))), nil, h.SweepBegan.Time}
		}
		if _, err := tx.ExecContext(ctx, queries.Get("swept"), args...); err != nil {
			return fmt.Errorf("sweep on for workflow %d: %w", h.ID, err)
		}
		return nil
	})
	return did, err
}

// tidy drops some rows that a whole sweep has not met: their records are gone.
// over says that there are no more.
func (*scheduleTrigger) tidy(ctx context.Context, tx *pg.Tx, h *held) (over bool, err error) {
	res, err := tx.ExecContext(ctx, queries.Get("tidy"), h.Key, h.Generation, tidyAtOnce)
	if err != nil {
		return false, fmt.Errorf("tidy the schedule of workflow %d: %w", h.ID, err)
	}
	n, err := res.RowsAffected()
	return n < tidyAtOnce, err
}
