package triggers

import (
	"context"
	"database/sql"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/lib/pq"

	"alur/engine"
	"alur/engine/collection"
	"alur/engine/pg"
)

//go:embed queries.sql
var sqlText string

var queries = pg.LoadQueries(sqlText)

const (
	// justNow is how long ago a date may be that a change sets, or a record is
	// created with, to count as now: the time that a transaction may take.
	justNow = 10 * time.Second

	fireAtOnce  = 200 // rows that are looked at in one transaction
	startAtOnce = 500 // executions that it starts, about
	sweepAtOnce = 500 // records that are planned in one transaction
	tidyAtOnce  = 2000

	// sweepEvery is how often changes that nobody told of are looked for, unless that
	// would take more than a twentieth of the time.
	sweepEvery = 5 * time.Minute
	sweepShare = 20
)

// scheduleTrigger starts workflows at set times, or at a date of each record.
type scheduleTrigger struct{}

func (*scheduleTrigger) Bind(e *engine.Engine) { e.Records.Listen(scheduleListener{e}) }

// plan is when a record is due, as rows of firings have it.
type plan struct {
	records    []string
	starts     []time.Time
	ends, dues []sql.NullTime
	gone       []string // to be dropped
}

// nullTime is nil for a zero time.
func nullTime(t time.Time) sql.NullTime { return sql.NullTime{Time: t, Valid: !t.IsZero()} }

func (p *plan) add(record string, start, end, due time.Time) {
	p.records, p.starts = append(p.records, record), append(p.starts, start)
	p.ends, p.dues = append(p.ends, nullTime(end)), append(p.dues, nullTime(due))
}

// write stores what differs from what is planned for a version.
func (p *plan) write(ctx context.Context, q pg.Q, workflowID int64) error {
	if len(p.records) > 0 {
		if _, err := q.ExecContext(ctx, queries.Get("plan"), workflowID, pq.Array(p.records), pq.Array(p.starts), pq.Array(p.ends), pq.Array(p.dues)); err != nil {
			return fmt.Errorf("plan the schedule of workflow %d: %w", workflowID, err)
		}
	}
	if len(p.gone) > 0 {
		if _, err := q.ExecContext(ctx, queries.Get("drop"), workflowID, pq.Array(p.gone)); err != nil {
			return fmt.Errorf("plan the schedule of workflow %d: %w", workflowID, err)
		}
	}
	return nil
}

// soonest is the first time that p plans; zero for none.
func (p *plan) soonest() (first time.Time) {
	for _, due := range p.dues {
		if due.Valid && (first.IsZero() || due.Time.Before(first)) {
			first = due.Time
		}
	}
	return first
}

// record plans one record for what is set up at now.
func (p *plan) record(c ScheduleConfig, key string, r collection.Record, zone *time.Location, now time.Time) {
	rule := c.of(r, zone)
	if rule.Start.IsZero() {
		p.gone = append(p.gone, key)
		return
	}
	due, _ := rule.Next(now)
	p.add(key, rule.Start, rule.End, due)
}

// Plan implements engine.Scheduler.
func (*scheduleTrigger) Plan(ctx context.Context, e *engine.Engine, tx *pg.Tx, key string, on *engine.Armed) error {
	if on == nil {
		if _, err := tx.ExecContext(ctx, queries.Get("disarm"), key); err != nil {
			return fmt.Errorf("stop the schedule of workflow %s: %w", key, err)
		}
		return nil
	}
	zone, err := e.ServerZone(ctx)
	if err != nil {
		return err
	}
	c, now := on.Config.(ScheduleConfig), e.Now().UTC()
	sweepAt := nullTime(now)
	if c.Mode == AtTimes {
		sweepAt = sql.NullTime{}
	}
	if _, err := tx.ExecContext(ctx, queries.Get("arm"), key, on.ID, now, sweepAt); err != nil {
		return fmt.Errorf("plan the schedule of workflow %d: %w", on.ID, err)
	}
	tx.OnCommit(func() { e.Soon(now) })
	if c.Mode != AtTimes {
		return nil
	}
	var p plan
	rule := c.fixed(zone)
	due, _ := rule.Next(now)
	p.add("", rule.Start, rule.End, due)
	return p.write(ctx, tx, on.ID)
}

// scheduleListener plans records anew when their dates change.
type scheduleListener struct{ e *engine.Engine }

// Long implements collection.Listener.
func (scheduleListener) Long(context.Context, string) (bool, error) { return false, nil }

// Starts implements collection.Listener: nothing starts at once, and the sweep finds
// what was changed in bulk.
func (scheduleListener) Starts(context.Context) (each, bulk map[string]bool, err error) {
	return nil, nil, nil
}

// Changed implements collection.Listener.
func (l scheduleListener) Changed(ctx context.Context, tx *pg.Tx, _ collection.Access, changes []collection.Change) error {
	armed, err := l.e.Armed(ctx, "schedule")
	if err != nil || len(armed) == 0 {
		return err
	}
	zone, err := l.e.ServerZone(ctx)
	if err != nil {
		return err
	}
	now := l.e.Now()
	for _, w := range armed {
		c := w.Config.(ScheduleConfig)
		if c.Mode != AtRecords {
			continue
		}
		var p plan
		for _, change := range changes {
			if change.Collection.Name == c.name() && c.concerns(change) {
				p.change(c, change, zone, now.Add(-justNow))
			}
		}
		if err := p.write(ctx, tx, w.ID); err != nil {
			return err
		}
		if first := p.soonest(); !first.IsZero() {
			tx.OnCommit(func() { l.e.Soon(first) })
		}
	}
	return nil
}

// concerns reports whether change can move the schedule of its record.
func (c ScheduleConfig) concerns(change collection.Change) bool {
	return change.Kind != collection.Updated || slices.ContainsFunc(c.fields(), func(name string) bool {
		return !reflect.DeepEqual(change.Before[name], change.After[name])
	})
}

func (p *plan) change(c ScheduleConfig, change collection.Change, zone *time.Location, now time.Time) {
	if change.Kind == collection.Deleted {
		p.gone = append(p.gone, collection.Format(change.Collection.ID(change.Before)))
		return
	}
	p.record(c, collection.Format(change.Collection.ID(change.After)), change.After, zone, now)
}

// held is a schedule that this process works on.
type held struct {
	Key        string       `db:"key"`
	Generation int64        `db:"generation"`
	Kept       *int64       `db:"kept"`
	ArmedAt    time.Time    `db:"armed_at"`
	CountsFrom time.Time    `db:"counts_from"`
	SweepAt    sql.NullTime `db:"sweep_at"`
	SweptTo    string       `db:"swept_to"`
	SweepBegan sql.NullTime `db:"sweep_began"`

	ID     int64           `db:"id"`
	Title  string          `db:"title"`
	Config json.RawMessage `db:"config"`

	config ScheduleConfig
	zone   *time.Location
}

func (h *held) armed() *engine.Armed {
	return &engine.Armed{ID: h.ID, Key: h.Key, Title: h.Title, Type: "schedule", Config: h.config}
}

// hold takes the schedule of a workflow until tx ends; nil when another process
// has it, or nothing of it is on. A schedule whose settings do not fit the
// collections any more is put away, which is on record.
func (t *scheduleTrigger) hold(ctx context.Context, e *engine.Engine, tx *pg.Tx, key string) (*held, error) {
	var h held
	switch err := tx.GetContext(ctx, &h, queries.Get("hold"), key); {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("hold the schedule %s: %w", key, err)
	}
	var err error
	if h.zone, err = e.ServerZone(ctx); err != nil {
		return nil, err
	}
	problems := t.Check(h.Config, e.Records)
	decoded, unreadable := t.Decode(h.Config)
	if len(unreadable) == 0 {
		h.config = decoded.(ScheduleConfig)
	}
	if len(problems) == 0 {
		return &h, nil
	}
	var words string
	for _, problem := range problems {
		words = problem
	}
	if err := e.Skip(ctx, tx, h.armed(), engine.BrokenTrigger, "The schedule does not fit its collection any more and has stopped: "+words, nil); err != nil {
		return nil, err
	}
	if _, err := tx.ExecContext(ctx, queries.Get("broken"), key); err != nil {
		return nil, fmt.Errorf("put the schedule %s away: %w", key, err)
	}
	return nil, nil
}
