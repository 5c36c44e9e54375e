package alert

import (
	"context"
	_ "embed"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/crashpoint"
	"alur/engine/mail"
	"alur/engine/pg"
	"alur/engine/secret"
)

//go:embed queries.sql
var queriesText string

// queries are the statements with what they share with the engine put in.
var queries = load()

func load() pg.Queries {
	qs := pg.LoadQueries(queriesText)
	parts := strings.NewReplacer("{failed}", engine.FailedSQL, "{cause}", engine.CauseSQL, "{gone}", strings.TrimSpace(qs.Get("gone")))
	for name, text := range qs {
		qs[name] = parts.Replace(text)
	}
	return qs
}

const (
	// Every is how often the watchdog looks.
	Every = 10 * time.Second
	// slack is how far apart the clocks of machines may be: what ended within it is
	// looked at the next time.
	slack = 5 * time.Second
	// patience is how long a transaction may keep the watchdog from looking at what
	// ended beside it.
	patience = time.Minute

	mostCounted = 10_000 // failures that one mail counts
	mostLooked  = 200    // … and those whose causes it tells apart …
	mostCauses  = 5      // … and shows
	mostPeople  = 200    // who get one mail
)

// Trouble is something that needs attention, in words.
type Trouble struct {
	ID         string // kind and subject
	WorkflowID int64  // a version; 0: it is about the server
	Title      string
	Cause      string // sentences
	URL        string // a path of ours: where to look
	Need       auth.Right
	Patience   time.Duration // how long it stands before anybody is told
	Over       string        // a title for when it is over; "": it has happened, and has no end
	Dismissal  string        // kind and subject of the dismissal that takes it away; "" for none
}

// Words words what the engine found.
type Words interface {
	// Troubles are all of a but failures, with times in a zone.
	Troubles(a engine.Attention, w engine.Watch, zone *time.Location) []Trouble
	// Cut is how the IDs of those troubles begin of which a does not list all.
	Cut(a engine.Attention) []string
	// Reason words why an execution failed; "" when nobody said.
	Reason(problem string) string
}

// Watchdog looks for what goes wrong and mails it. All fields are needed that do
// not say otherwise.
type Watchdog struct {
	DB      *pg.DB
	Now     func() time.Time
	Log     *slog.Logger
	Engine  *engine.Engine
	Outbox  *mail.Outbox
	Person  func(ctx context.Context, id int64) (auth.Actor, error)   // in all roles
	Zone    func(ctx context.Context) (*time.Location, error)         // of the server
	Direct  func(ctx context.Context, id int64, m mail.Message) error // past the outbox; nil: there is no mail server
	Values  *secret.Store                                             // nil: there are no secrets
	Watch   func() engine.Watch
	Words   Words
	BaseURL string

	outage outage
}

// Run looks every ten seconds until ctx ends.
func (d *Watchdog) Run(ctx context.Context) {
	tick := time.NewTicker(Every)
	defer tick.Stop()
	for {
		d.Look(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Look is one turn, and what there is to do when it cannot be had.
func (d *Watchdog) Look(ctx context.Context) {
	err := d.Once(ctx)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		d.Log.ErrorContext(ctx, "the watchdog could not look", "err", err)
	}
	// A database without room may still take what a turn of ours writes.
	if full := d.Engine.CheckRoom(ctx); full != nil && ctx.Err() == nil {
		err = full
	}
	d.notice(ctx, err)
}

// Once takes a turn if one is due and no other process has it.
func (d *Watchdog) Once(ctx context.Context) error {
	now := d.now()
	res, err := d.DB.ExecContext(ctx, queries.Get("take"), now, now.Add(Every-time.Second))
	if err != nil {
		return fmt.Errorf("take a turn of the watchdog: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err
	}
	r := round{Watchdog: d, now: now, watch: d.Watch()}
	if r.attention, err = d.Engine.Attention(ctx, auth.System, r.watch); err != nil {
		return err
	}
	if r.settings, err = d.Engine.AlertSettings(ctx, auth.System); err != nil {
		return err
	}
	if r.zone, err = d.Zone(ctx); err != nil {
		return err
	}
	if d.Values != nil {
		if r.values, err = d.Values.Values(ctx); err != nil {
			return err
		}
	}
	if err := d.remember(ctx, r.settings); err != nil {
		return err
	}
	if err := d.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		r.tx, r.mails = tx, 0
		return r.look(ctx)
	}); err != nil {
		return fmt.Errorf("look for what to alert of: %w", err)
	}
	if r.mails > 0 {
		crashpoint.Hit(crashpoint.AfterAlert)
	}
	return nil
}

func (d *Watchdog) now() time.Time { return d.Now().UTC() }

// round is one turn.
type round struct {
	*Watchdog
	tx        *pg.Tx
	now       time.Time
	watch     engine.Watch
	attention engine.Attention
	settings  engine.AlertSettings
	zone      *time.Location // of the server
	values    *secret.Values // nil: none

	states map[string]*state // by key
	flows  map[string]flow   // current versions, by key
	mails  int
}

// state is what was told of a workflow, or of the server.
type state struct {
	Key          string     `db:"key"`
	FailingSince *time.Time `db:"failing_since"`
	LastID       int64      `db:"last_id"`
	UntoldFrom   *time.Time `db:"untold_from"`
	MailedAt     *time.Time `db:"mailed_at"`
	WarnedAt     *time.Time `db:"warned_at"`
}

// flow is the current version of a workflow.
type flow struct {
	Key     string `db:"key"`
	ID      int64  `db:"id"`
	Title   string `db:"title"`
	Options []byte `db:"options"`
}

// rules are who hears of f, and when; ok is false when nobody does.
func (r *round) rules(f flow) (a engine.Alerts, ok bool) {
	switch own := engine.ReadAlerts(f.Options); own.Mode {
	case engine.NoAlerts:
		return engine.Alerts{}, false
	case engine.OwnAlerts:
		return own.Alerts, true
	}
	return r.settings.Alerts, true
}

// due reports whether the next mail may go out after one at last.
func (r *round) due(last *time.Time, every int) bool {
	return last == nil || r.now.Sub(*last) >= time.Duration(every)*time.Minute
}

func (r *round) look(ctx context.Context) error {
	var border struct {
		SweptTo time.Time `db:"swept_to"`
		NextTo  time.Time `db:"next_to"`
		NextAt  time.Time `db:"next_at"`
		Waiting bool      `db:"waiting"`
	}
	if err := r.tx.GetContext(ctx, &border, queries.Get("hold")); err != nil {
		return fmt.Errorf("hold the watchdog: %w", err)
	}
	var states []*state
	if err := r.tx.SelectContext(ctx, &states, queries.Get("states")); err != nil {
		return fmt.Errorf("read what was told: %w", err)
	}
	r.states, r.flows = map[string]*state{}, map[string]flow{}
	for _, s := range states {
		r.states[s.Key] = s
	}
	from, until := border.SweptTo, border.SweptTo
	if !border.Waiting || r.now.Sub(border.NextAt) > patience {
		until = border.NextTo
	}
	if err := r.failures(ctx, from, until); err != nil {
		return err
	}
	if err := r.troubles(ctx); err != nil {
		return err
	}
	if _, err := r.tx.ExecContext(ctx, queries.Get("sweep"), until); err != nil {
		return fmt.Errorf("move the border of the watchdog: %w", err)
	}
	if next := r.now.Add(-slack); until.Equal(border.NextTo) && next.After(until) {
		if _, err := r.tx.ExecContext(ctx, queries.Get("choose"), next, r.now); err != nil {
			return fmt.Errorf("choose the next border of the watchdog: %w", err)
		}
	}
	if r.mails > 0 {
		crashpoint.Hit(crashpoint.DuringAlert)
	}
	return nil
}

// state is what was told of key, to be changed.
func (r *round) state(key string) *state {
	if r.states[key] == nil {
		r.states[key] = &state{Key: key}
	}
	return r.states[key]
}

func (r *round) save(ctx context.Context, s *state) error {
	_, err := r.tx.ExecContext(ctx, queries.Get("save_state"), s.Key, s.FailingSince, s.LastID, s.UntoldFrom, s.MailedAt, s.WarnedAt)
	if err != nil {
		return fmt.Errorf("note what was told of workflow %q: %w", s.Key, err)
	}
	return nil
}

// find reads the current versions of workflows.
func (r *round) find(ctx context.Context, keys []string, versions []int64) error {
	var flows []flow
	if err := r.tx.SelectContext(ctx, &flows, queries.Get("flows"), texts(keys), numbers(versions)); err != nil {
		return fmt.Errorf("read the workflows that alerts are about: %w", err)
	}
	for _, f := range flows {
		if f.Title == "" {
			f.Title = "Untitled workflow"
		}
		r.flows[f.Key] = f
	}
	return nil
}
