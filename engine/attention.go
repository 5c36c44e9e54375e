package engine

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"alur/engine/auth"
	"alur/engine/node"
	"alur/engine/pg"
	"alur/engine/snowflake"
)

//go:embed queries_attention.sql
var attentionText string

var attentionSQL = loadAttention()

// Conditions that more packages put into statements about alur.executions x: what
// the index of failures holds, and after that where and why x failed.
var (
	FailedSQL = strings.TrimSpace(attentionSQL.Get("failed"))
	CauseSQL  = strings.TrimSpace(attentionSQL.Get("cause"))
)

// When something counts as wrong.
const (
	UnclaimedAfter = 10 * time.Second      // work waits and no process runs workflows
	LostAfter      = time.Minute           // a lease ran out and nobody took over
	StuckAfter     = 15 * time.Minute      // no sign of a step that runs
	WaitingAfter   = 7 * 24 * time.Hour    // a person or an answer is waited for; see Watch
	DeepAt         = 1000                  // executions of one workflow in the queue …
	LateAfter      = time.Minute           // … or how long its oldest is there
	QuietStarts    = 5                     // starts of a workflow whose silence tells something …
	QuietSpan      = 7 * 24 * time.Hour    // … spread over at least this …
	QuietPeriod    = 30 * 24 * time.Hour   // … within so long before the last one
	QuietAfter     = time.Hour             // a silence that may mean something
	SkippedFor     = 7 * 24 * time.Hour    // how long an event that started nothing is shown
	OverdueAfter   = time.Minute           // a schedule is due and did not start its workflow
	LostFor        = 24 * time.Hour        // how long a lost process is shown
	MailAfter      = 3 * time.Minute       // a mail is queued although there is a mail server
	FewBytes       = 1 << 30               // free for the database
	HeldMails      = 10                    // held mails that are many
	SlowAt         = 50 * time.Millisecond // round trip to the database
	IdleAfter      = time.Minute           // a transaction that does nothing
	LockedAfter    = 10 * time.Second      // a session waits for a lock
)

const (
	attentionEach   = 20                  // things of one kind that are listed …
	attentionMost   = attentionEach + 101 // … and read, so that the rest is counted up to a hundred
	attentionLooked = 1000                // failures that are looked at; see the query
	attentionMails  = 1000                // mails that are counted
	attentionWithin = 4 * time.Second     // for reading all of it
	attentionFresh  = 10 * time.Second
	roundTrips      = 5 // that are measured
)

// Watch is what the engine cannot know of the process around it.
type Watch struct {
	MailServer bool          // a mail server is configured
	Waiting    time.Duration // how long a person may be waited for; 0: WaitingAfter

	// Disk is how many bytes are free for the database, and where; ok is false
	// when that is on another machine. nil: nobody knows.
	Disk func() (free uint64, dir string, ok bool)
}

// Attention is what needs a person, as it stood at one moment. Nothing of it is
// stored: what is not there any more needs nobody.
type Attention struct {
	At        time.Time
	Database  []DatabaseTrouble
	Workers   int       // live processes that run workflows
	Unclaimed time.Time // since when work waits although there are none; zero: no trouble
	Queues    Few[Backlog]
	Queued    int       // executions that wait for a worker …
	Counted   bool      // … and that is all of them, else there are more
	Oldest    time.Time // since when the oldest waits; zero: none does
	Failures  Few[Failure]
	Stuck     Few[Stuck]
	Retrying  Few[Stuck]
	Attempts  int // after so many an execution ends with an error
	Waiting   Few[LongWait]
	Overdue   Few[Overdue]
	Quiet     Few[Quiet]
	Lost      *Lost // nil: no process was
	Skipped   Few[Skipped]
	Broken    Few[BrokenWorkflow]
	Mails     []MailTrouble
}

// Few are the first of some things.
type Few[T any] struct {
	Items []T
	Rest  int // how many there are beyond Items; 101 for more than a hundred
}

func few[T any](items []T) Few[T] {
	n := min(len(items), attentionEach)
	return Few[T]{items[:n], len(items) - n}
}

// Count is how many things there are.
func (f Few[T]) Count() int { return len(f.Items) + f.Rest }

// Flow names the workflow that something is about.
type Flow struct {
	WorkflowID int64  `db:"workflow_id"`
	Title      string `db:"workflow_title"`
	Deleted    bool   `db:"deleted"`
}

// Versions are the workflows that a is about, by the ids of versions.
func (a Attention) Versions() []int64 {
	var ids []int64
	for _, f := range a.Failures.Items {
		ids = append(ids, f.WorkflowID)
	}
	for _, s := range slices.Concat(a.Stuck.Items, a.Retrying.Items) {
		ids = append(ids, s.WorkflowID)
	}
	for _, l := range a.Waiting.Items {
		ids = append(ids, l.WorkflowID)
	}
	for _, o := range a.Overdue.Items {
		ids = append(ids, o.WorkflowID)
	}
	for _, q := range a.Quiet.Items {
		ids = append(ids, q.WorkflowID)
	}
	for _, s := range a.Skipped.Items {
		ids = append(ids, s.WorkflowID)
	}
	return ids
}

// Failure is executions of one workflow that failed at one step with one cause
// and that nobody has dismissed.
type Failure struct {
	Flow
	Key         string      `db:"key"`
	NodeKey     string      `db:"node_key"` // "" when no step failed
	Cause       string      `db:"cause"`    // a short name of the cause
	Count       int         `db:"count"`
	Cut         bool        `db:"cut"` // there may be more than Count, earlier than First
	First       time.Time   `db:"first_at"`
	Last        time.Time   `db:"last_at"`
	ExecutionID int64       `db:"execution_id"` // the newest
	JobID       *int64      `db:"job_id"`
	Status      node.Status `db:"status"`
	Problem     string      `db:"problem"` // "" when a rule said no without words
	Node        string      `db:"node_title"`
}

// Stuck is an execution that was begun and does not get on.
type Stuck struct {
	Flow
	ID       int64      `db:"id"`
	Attempts int        `db:"attempts"`    // since it last moved on; see Attention.Attempts
	Lease    *time.Time `db:"lease_until"` // nil: nobody holds it
	Started  time.Time  `db:"started_at"`
	Moved    time.Time  `db:"moved_at"` // the last sign of a step
	Node     string     `db:"node_title"`
}

// LongWait is an execution that waits for somebody for too long.
type LongWait struct {
	Flow
	ID     int64          `db:"id"`
	JobID  int64          `db:"job_id"`
	Node   string         `db:"node_title"`
	Since  time.Time      `db:"since"`
	Names  pq.StringArray `db:"names"` // people with an open task
	Task   string         `db:"task_title"`
	TaskID int64          `db:"task_id"` // 0: no person is asked
	Mailed bool           `db:"mailed"`  // somebody of them can be reminded by mail
}

// Overdue is an enabled workflow that did not start by its schedule.
type Overdue struct {
	Flow
	Key string    `db:"key"`
	Due time.Time `db:"due_at"` // the first start that is missing
}

// Lost is processes that ended without a word while they held executions, which
// others took over.
type Lost struct {
	Count      int       `db:"count"`
	Mark       int64     `db:"mark"` // the newest
	Executions int       `db:"executions"`
	Last       time.Time `db:"last_at"`
}

// Quiet is an enabled workflow that is silent for longer than ever.
type Quiet struct {
	Flow
	Key    string    `db:"key"`
	LastID int64     `db:"last_id"`
	Last   time.Time `db:"last_at"`
	Every  float64   `db:"every"` // seconds between two of its last starts on average
}

// Skipped is events of one workflow that started nothing for one reason.
type Skipped struct {
	Flow
	Key    string    `db:"key"`
	Reason string    `db:"reason"` // StackLimit, BrokenTrigger
	Count  int       `db:"count"`
	Mark   int64     `db:"mark"` // the newest of them
	Last   time.Time `db:"last_at"`
	Detail string    `db:"detail"` // of the newest, a sentence
}

// BrokenWorkflow is enabled and cannot start.
type BrokenWorkflow struct {
	Flow
	Problem string // sentences
}

// Backlog is the queue of one workflow.
type Backlog struct {
	Flow
	Key    string     `db:"key"`
	Queued int        `db:"queued"`
	Cut    bool       `db:"cut"`       // there are more
	Oldest *time.Time `db:"oldest_at"` // of those that were never begun
	Begun  int        `db:"begun"`     // within the last ten seconds …
	Since  *time.Time `db:"since"`     // … the first of them

	Running int    `db:"running"` // parts of it that run at this moment …
	Limit   int    `db:"-"`       // … and may
	Options []byte `db:"options"` // of the workflow, JSON
}

// Rate is how many executions a second are begun; 0 when none is.
func (b Backlog) Rate(now time.Time) float64 {
	if b.Since == nil {
		return 0
	}
	return float64(b.Begun) / max(now.Sub(*b.Since).Seconds(), 1)
}

// Count is how many things need attention.
func (a Attention) Count() int {
	n := len(a.Database) + len(a.Mails)
	if !a.Unclaimed.IsZero() {
		n++
	}
	if a.Lost != nil {
		n++
	}
	for _, part := range []int{a.Queues.Count(), a.Failures.Count(), a.Stuck.Count(), a.Retrying.Count(),
		a.Waiting.Count(), a.Overdue.Count(), a.Quiet.Count(), a.Skipped.Count(), a.Broken.Count()} {
		n += part
	}
	return n
}

// Deep reports whether executions wait for long or in great number.
func (a Attention) Deep() bool { return len(a.Queues.Items) > 0 || !a.Unclaimed.IsZero() }

// seenAttention is what a process saw last, by whose reach it was seen with.
type seenAttention struct {
	mu   sync.Mutex
	last map[string]*lastAttention
}

// attentionSeers is for how many reaches a process remembers what it saw; when
// there are more it starts anew.
const attentionSeers = 200

type lastAttention struct {
	reading sync.Mutex // one reader at a time
	mu      sync.Mutex
	seen    Attention // of all rights
}

// of is what was seen last by somebody's reach.
func (s *seenAttention) of(reach auth.Reach) *lastAttention {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.last[reach.Who()]
	if l == nil {
		if s.last == nil || len(s.last) >= attentionSeers {
			s.last = map[string]*lastAttention{}
		}
		l = &lastAttention{}
		s.last[reach.Who()] = l
	}
	return l
}

// Attention reads what needs a person now, in the workflows that actor may see.
// What is about mails is there for those who may see the outbox, what is about
// the database for those who manage all workflows.
func (e *Engine) Attention(ctx context.Context, actor auth.Actor, w Watch) (Attention, error) {
	if err := actor.Require(auth.UseWorkflows); err != nil {
		return Attention{}, err
	}
	reach := actor.Reach(auth.Viewer)
	a, err := e.readAttention(ctx, w, reach)
	if err != nil {
		return Attention{}, fmt.Errorf("see what needs attention: %w", err)
	}
	l := e.attention.of(reach)
	l.mu.Lock()
	l.seen = a
	l.mu.Unlock()
	return a.of(actor), nil
}

// LastAttention is [Engine.Attention] for every page: what this process saw in
// the last ten seconds, or while somebody else is looking. So pages cost no
// statement of their own.
func (e *Engine) LastAttention(ctx context.Context, actor auth.Actor, w Watch) (Attention, error) {
	if err := actor.Require(auth.UseWorkflows); err != nil {
		return Attention{}, err
	}
	l := e.attention.of(actor.Reach(auth.Viewer))
	l.mu.Lock()
	last := l.seen
	l.mu.Unlock()
	age := e.Now().Sub(last.At)
	if age >= 0 && age < attentionFresh || !l.reading.TryLock() {
		return last.of(actor), nil
	}
	defer l.reading.Unlock()
	return e.Attention(ctx, actor, w)
}

// of is what actor may see of a.
func (a Attention) of(actor auth.Actor) Attention {
	if !actor.Can(auth.ManageUsers) {
		a.Mails = nil
	}
	if !actor.Can(auth.ManageWorkflows) {
		a.Database, a.Lost = nil, nil
	}
	return a
}

// forgetAttention makes the next look a new one: somebody has done something.
func (e *Engine) forgetAttention() {
	e.attention.mu.Lock()
	e.attention.last = nil
	e.attention.mu.Unlock()
}

// readAttention reads over one connection of the side pool: that the others are
// all taken may be what is wrong. A database that does not answer in time is
// trouble of its own and no error.
func (e *Engine) readAttention(ctx context.Context, w Watch, reach auth.Reach) (Attention, error) {
	began := e.Now()
	a := Attention{At: began, Counted: true, Attempts: e.attempts}
	limited, cancel := context.WithTimeout(ctx, attentionWithin)
	defer cancel()
	err := e.lookAround(limited, w, reach, &a)
	if err == nil || ctx.Err() != nil || limited.Err() == nil && !pg.IsUnavailable(err) {
		return a, err
	}
	e.Log.WarnContext(ctx, "database does not answer in time", "err", err)
	a.Database = append([]DatabaseTrouble{{Kind: Silent, Took: attentionWithin}}, a.Database...)
	return a, nil
}

// looker reads what one may see over a connection.
type looker struct {
	*sqlx.Conn
	reach auth.Reach
}

// Select reads rows of one of our statements.
func (l looker) Select(ctx context.Context, rows any, name string, args ...any) error {
	query, args := l.reach.Query(attentionSQL.Get(name), args...)
	return l.SelectContext(ctx, rows, query, args...)
}

func (e *Engine) lookAround(ctx context.Context, w Watch, reach auth.Reach, a *Attention) error {
	c, err := e.DB.Side().Connx(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	conn := looker{c, reach}
	for _, look := range []func(context.Context, looker, *Attention) error{
		func(ctx context.Context, conn looker, a *Attention) error { return e.lookAtDatabase(ctx, conn, w, a) },
		e.lookAtQueues, e.lookAtHeads, e.lookAtFailures, e.lookAtTriggers,
		func(ctx context.Context, conn looker, a *Attention) error {
			return e.lookAtWaiting(ctx, conn, w, a)
		},
		func(ctx context.Context, conn looker, a *Attention) error { return e.lookAtMails(ctx, conn, w, a) },
	} {
		if err := look(ctx, conn, a); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) lookAtQueues(ctx context.Context, conn looker, a *Attention) error {
	var all, deep []Backlog
	if err := conn.Select(ctx, &all, "queues", a.At); err != nil {
		return fmt.Errorf("see the queues: %w", err)
	}
	if err := conn.GetContext(ctx, &a.Workers, attentionSQL.Get("workers")); err != nil {
		return fmt.Errorf("count the workers: %w", err)
	}
	for _, b := range all {
		b.Limit = readOptions(b.Options).Concurrency
		a.Queued += b.Queued
		a.Counted = a.Counted && !b.Cut
		if b.Oldest != nil && (a.Oldest.IsZero() || b.Oldest.Before(a.Oldest)) {
			a.Oldest = *b.Oldest
		}
		if b.Queued >= DeepAt || b.Oldest != nil && a.At.Sub(*b.Oldest) > LateAfter {
			deep = append(deep, b)
		}
	}
	a.Queues = few(deep)
	since := a.Oldest
	var due *time.Time
	if err := conn.GetContext(ctx, &due, "SELECT min(due_at) FROM alur.timers"); err != nil {
		return fmt.Errorf("see the timers: %w", err)
	}
	if due != nil && (since.IsZero() || due.Before(since)) {
		since = *due
	}
	if a.Workers == 0 && !since.IsZero() && a.At.Sub(since) > UnclaimedAfter {
		a.Unclaimed = since
	}
	return nil
}

// lookAtHeads tells apart what is stuck and what is being tried again.
func (e *Engine) lookAtHeads(ctx context.Context, conn looker, a *Attention) error {
	var heads, stuck, retrying []Stuck
	err := conn.Select(ctx, &heads, "heads", attentionMost, a.At.Add(-StuckAfter), a.At.Add(-LostAfter))
	if err != nil {
		return fmt.Errorf("see what does not get on: %w", err)
	}
	for _, h := range heads {
		switch {
		case h.Lease != nil && h.Lease.Before(a.At.Add(-LostAfter)):
			stuck = append(stuck, h)
			if a.Workers == 0 && (a.Unclaimed.IsZero() || h.Lease.Before(a.Unclaimed)) {
				a.Unclaimed = *h.Lease
			}
		case h.Attempts >= 2:
			retrying = append(retrying, h)
		case h.Lease != nil: // held, and no sign of it
			stuck = append(stuck, h)
		}
	}
	a.Stuck, a.Retrying = few(stuck), few(retrying)
	var lost Lost
	if err := conn.GetContext(ctx, &lost, attentionSQL.Get("lost"), a.At.Add(-LostFor)); err != nil {
		return fmt.Errorf("see which processes were lost: %w", err)
	}
	if lost.Count > 0 {
		a.Lost = &lost
	}
	return nil
}

func (e *Engine) lookAtFailures(ctx context.Context, conn looker, a *Attention) error {
	var groups []Failure
	err := conn.Select(ctx, &groups, "failures", attentionLooked, attentionMost)
	if err != nil {
		return fmt.Errorf("see what failed: %w", err)
	}
	a.Failures = few(groups)
	return nil
}

func (e *Engine) lookAtWaiting(ctx context.Context, conn looker, w Watch, a *Attention) error {
	after := w.Waiting
	if after == 0 {
		after = WaitingAfter
	}
	before := a.At.Add(-after)
	var long []LongWait
	if err := conn.Select(ctx, &long, "waiting", attentionMost, before, snowflake.At(before), a.At); err != nil {
		return fmt.Errorf("see what waits: %w", err)
	}
	a.Waiting = few(long)
	return nil
}

func (e *Engine) lookAtTriggers(ctx context.Context, conn looker, a *Attention) error {
	span := func(d time.Duration) int64 { return int64(d/time.Second) << 21 }
	var quiet []Quiet
	err := conn.Select(ctx, &quiet, "quiet", attentionMost, snowflake.At(a.At),
		span(QuietAfter), span(QuietSpan), span(QuietPeriod), QuietStarts)
	if err != nil {
		return fmt.Errorf("see which workflows went quiet: %w", err)
	}
	var overdue []Overdue
	if err := conn.Select(ctx, &overdue, "overdue_starts", attentionMost, a.At.Add(-OverdueAfter)); err != nil {
		return fmt.Errorf("see which schedules are overdue: %w", err)
	}
	var skipped []Skipped
	err = conn.Select(ctx, &skipped, "skipped_lately", attentionMost, snowflake.At(a.At.Add(-SkippedFor)))
	if err != nil {
		return fmt.Errorf("see what was not started: %w", err)
	}
	var enabled []struct {
		ID          int64
		Title, Type string
		Config      []byte
	}
	if err := conn.Select(ctx, &enabled, "enabled"); err != nil {
		return fmt.Errorf("list enabled workflows: %w", err)
	}
	if _, err := e.Records.Collections(ctx); err != nil { // else every trigger would look broken
		return err
	}
	var broken []BrokenWorkflow
	for _, w := range enabled {
		var said []string
		for _, problem := range e.checkTrigger(w.Type, w.Config, false) {
			said = append(said, problem)
		}
		if slices.Sort(said); len(said) > 0 {
			broken = append(broken, BrokenWorkflow{Flow{WorkflowID: w.ID, Title: w.Title}, strings.Join(said, " ")})
		}
	}
	a.Overdue, a.Quiet, a.Skipped, a.Broken = few(overdue), few(quiet), few(skipped), few(broken)
	return nil
}

// loadAttention reads the statements and puts their shared parts in.
func loadAttention() pg.Queries {
	qs := pg.LoadQueries(attentionText)
	parts := strings.NewReplacer("{failed}", strings.TrimSpace(qs.Get("failed")), "{cause}", strings.TrimSpace(qs.Get("cause")),
		"{pending}", strings.TrimSpace(qs.Get("pending")))
	for name, text := range qs {
		qs[name] = parts.Replace(text)
	}
	return qs
}
