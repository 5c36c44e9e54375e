package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/lib/pq"
	"go.opentelemetry.io/otel/attribute"

	"alur/engine/crashpoint"
	"alur/engine/node"
	"alur/engine/pg"
)

const (
	// batchWork is how long executions of one batch are taken into one
	// transaction before it is flushed.
	batchWork = 50 * time.Millisecond
	// hotFor is how long a workflow counts as hot after a conflict.
	hotFor = time.Second
	// carefulBatches is how many batches of a workflow run with savepoints after
	// one of its nodes failed.
	carefulBatches = 100
	// wholeBatchTries is how often a batch is run again whole before its
	// executions are run one by one.
	wholeBatchTries = 3
	// tries is how often one execution meets conflicts before it is left to its
	// next claim.
	tries = 25
	// turn is how long a worker stays with one batch before others have theirs.
	turn = 250 * time.Millisecond
	// lockedFor is how long an execution rests that waited in vain for a lock.
	lockedFor = 10 * time.Second
	// hotClass is the first key of the advisory lock around hot workflows.
	hotClass = 4713
)

var errLeaseLost = errors.New("the lease was lost")

// temper is what the last batches of a workflow taught us about the next.
type temper struct {
	turn sync.Mutex // held while a batch of a hot workflow runs

	mu      sync.Mutex
	hot     time.Time // conflicts are likely until then
	careful int       // batches left to run with savepoints
}

func (t *temper) isHot(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return now.Before(t.hot)
}

func (t *temper) heat(until time.Time) {
	t.mu.Lock()
	t.hot = until
	t.mu.Unlock()
}

func (t *temper) takeCareful() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.careful > 0 {
		t.careful--
		return true
	}
	return false
}

func (t *temper) beCareful() {
	t.mu.Lock()
	t.careful = carefulBatches
	t.mu.Unlock()
}

// runBatch works off claims of one workflow: up to all of them in one
// transaction with one flush. What fails in company is tried alone, so that an
// execution only ever fails by its own fault. What it has no time for is given
// back. It returns what is left to do on another connection.
func (s *shift) runBatch(ctx context.Context, conn *pg.Conn, claims []item) (rest []item, err error) {
	e := s.e
	p, err := e.program(ctx, claims[0].WorkflowID)
	if err != nil {
		return claims, err
	}
	t := e.temper(p.workflowID)
	limit, conflicts := len(claims), 0
	began, moved := e.Now(), false
	careful := t.takeCareful()
	drop := func() { // the first one is settled
		s.q.Forget(claims[0].ID, claims[0].Fence)
		claims, moved = claims[1:], true
	}
	for len(claims) > 0 {
		if moved && e.Now().Sub(began) > turn {
			s.giveBack(ctx, claims)
			return nil, nil
		}
		batch := claims[:min(limit, len(claims))]
		done, err := s.attempt(ctx, conn, p, t, batch, careful)
		var ended *stoppedError
		switch {
		case err == nil:
			// A yielded execution goes on after the others of its batch.
			claims = append(claims[len(done):len(claims):len(claims)], s.settle(ctx, done)...)
			conflicts, moved = 0, true
		case errors.As(err, &ended):
			// The connection may have broken with the statement that was cut off.
			s.e.Log.InfoContext(ctx, "execution stopped while it ran", "execution_id", ended.claim.ID, "workflow_id", p.workflowID, "err", ended.cause)
			s.q.Forget(ended.claim.ID, ended.claim.Fence)
			if errors.Is(ended.cause, errLate) {
				s.e.stopLate(ctx, []int64{ended.claim.ID})
			}
			claims = slices.DeleteFunc(slices.Clone(claims), func(c item) bool { return c.ID == ended.claim.ID })
			return claims, nil
		case errors.Is(err, errCareful):
			t.beCareful()
			careful = true
		case pg.IsRetryable(err):
			p.figures.Conflict()
			t.heat(e.Now().Add(hotFor))
			if conflicts++; conflicts >= wholeBatchTries {
				limit = 1
			}
			if conflicts > tries {
				return claims, err
			}
		case pg.IsUnavailable(err), ctx.Err() != nil:
			return claims, err
		case pg.IsExhausted(err) && e.Probe(ctx) != nil: // everybody's trouble: it waits, which costs no attempt
			s.giveBack(ctx, claims)
			return nil, nil
		case pg.IsExhausted(err) && conflicts < tries:
			conflicts++
			limit = 1
		case len(batch) > 1: // find out who it is
			limit = 1
		case pg.IsLockTimeout(err):
			// Somebody holds what it needs. It waits without a worker.
			e.Log.WarnContext(ctx, "execution waits for a lock", "execution_id", batch[0].ID, "workflow_id", p.workflowID, "err", err)
			s.release(ctx, batch, lockedFor)
			drop()
		case isLost(err):
			e.dropped(ctx, p, batch[0])
			drop()
		default:
			if err := e.fail(ctx, conn, p, batch[0], err); isLost(err) {
				e.dropped(ctx, p, batch[0])
			} else if err != nil {
				return claims, err
			}
			drop()
		}
	}
	return nil, nil
}

// settle does what is left to do for runs whose segment is committed, and
// returns those that go on at once.
func (s *shift) settle(ctx context.Context, done []*run) (again []item) {
	var late []int64
	for _, r := range done {
		c := r.claim
		switch {
		case r.late:
			late = append(late, c.ID)
			s.q.Forget(c.ID, c.Fence)
		case r.parked != nil:
			s.park(r)
		case r.giveBack:
			s.release(ctx, []item{c}, 0)
		case r.yielded:
			again = append(again, c.after(r))
		default:
			s.q.Forget(c.ID, c.Fence)
		}
	}
	if len(late) > 0 {
		s.e.stopLate(ctx, late)
	}
	return again
}

// after is how a claim stands once the segment r of it was written.
func (c item) after(r *run) item {
	c.Segments, c.Attempts, c.Wake, c.done = c.Segments+1, 1, c.Wake[r.woken:], nil
	return c
}

// stoppedError says that the execution of claim was stopped while it ran.
type stoppedError struct {
	claim item
	cause error
}

func (e *stoppedError) Error() string { return e.cause.Error() }

// isLost reports that a flush met another fence than its own.
func isLost(err error) bool { return pg.IsNotNull(err) || errors.Is(err, errLeaseLost) }

func (e *Engine) dropped(ctx context.Context, p *program, c item) {
	p.figures.Lost()
	e.Log.WarnContext(ctx, "lease lost, the result of this attempt is dropped", "execution_id", c.ID, "workflow_id", c.WorkflowID)
}

// fail ends an execution whose outcome the database refused, with the reason:
// trying again would end the same way.
func (e *Engine) fail(ctx context.Context, conn *pg.Conn, p *program, c item, cause error) error {
	e.Log.ErrorContext(ctx, "outcome refused by the database", "execution_id", c.ID, "workflow_id", p.workflowID, "err", cause)
	r := e.newRun(p, c)
	journals, err := journals(ctx, conn, []item{c})
	if err == nil {
		err = r.load(journals[c.ID])
	}
	if err != nil {
		e.Log.WarnContext(ctx, "journal not readable", "execution_id", c.ID, "workflow_id", p.workflowID, "err", err)
	}
	r.breakOff(node.Error, "What the steps came to could not be recorded: "+cause.Error())
	var f flush
	f.add(r)
	if err := f.write(context.WithoutCancel(ctx), conn); err != nil {
		return fmt.Errorf("end execution %d after %w: %w", c.ID, cause, err)
	}
	return nil
}

// journals reads the jobs of earlier segments, for all of claims at once.
func journals(ctx context.Context, q pg.Q, claims []item) (map[int64][]storedJob, error) {
	var ids []int64
	for _, c := range claims {
		if c.Segments > 0 {
			ids = append(ids, c.ID)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	var rows []storedJob
	if err := q.SelectContext(ctx, &rows, queries.Get("load_jobs"), pq.Array(ids)); err != nil {
		return nil, fmt.Errorf("load the jobs of %d executions: %w", len(ids), err)
	}
	all := make(map[int64][]storedJob, len(ids))
	for len(rows) > 0 {
		id := rows[0].ExecutionID
		n := slices.IndexFunc(rows, func(j storedJob) bool { return j.ExecutionID != id })
		if n < 0 {
			n = len(rows)
		}
		all[id], rows = rows[:n:n], rows[n:]
	}
	return all, nil
}

// attempt runs claims in one transaction and commits, or changes nothing. It
// takes as many as fit into batchWork and returns their runs.
func (s *shift) attempt(ctx context.Context, conn *pg.Conn, p *program, t *temper, claims []item, careful bool) (done []*run, err error) {
	e := s.e
	ctx, end := e.span(ctx, "segment", attribute.Int64("alur.workflow_id", p.workflowID), attribute.String("alur.workflow", p.key), attribute.Int("alur.executions", len(claims)))
	defer func() { end(err) }()
	if t.isHot(e.Now()) {
		unlock, err := e.lockHot(ctx, conn, p, t)
		if err != nil {
			return nil, err
		}
		defer unlock()
	}
	earlier, err := journals(ctx, conn, claims)
	if err != nil {
		return nil, err
	}
	var tx *pg.Tx
	defer func() {
		if tx != nil {
			tx.Rollback()
		}
	}()
	begin := func(ctx context.Context) (*pg.Tx, error) {
		if tx == nil {
			var err error
			if tx, err = conn.Begin(ctx, pg.RepeatableRead); err != nil {
				return nil, err
			}
		}
		return tx, nil
	}
	started := e.Now()
	var f flush
	var refused []*refusal
	for len(done) < len(claims) && (len(done) == 0 || e.Now().Sub(started) < batchWork) {
		r := e.newRun(p, claims[len(done)])
		r.tx, r.careful, r.stopping = begin, careful, s.ctx.Done()
		if err := s.runOne(ctx, r, earlier[r.claim.ID]); err != nil {
			return nil, err
		}
		f.add(r)
		refused = append(refused, r.refused...)
		done = append(done, r)
	}
	// From here on the outcome is decided; the end of ctx must not leave it half
	// known.
	ctx = context.WithoutCancel(ctx)
	switch {
	case len(f.Executions) == 0: // remote steps that are begun again: nothing to write
		return done, nil
	case tx == nil:
		err = f.write(ctx, conn)
	default:
		if err = f.write(ctx, tx); err == nil {
			err = recordAll(ctx, tx, refused)
		}
		if err == nil {
			crashpoint.Hit(crashpoint.BeforeCommit)
			err = tx.Commit(ctx)
		}
	}
	if err != nil {
		return nil, err
	}
	crashpoint.Hit(crashpoint.AfterCommit)
	now := e.Now()
	p.figures.Segment(now.Sub(started))
	for _, r := range done {
		r.count(now)
		e.DB.Notify(executionsChannel, strconv.FormatInt(r.claim.ID, 10), executionsWait)
	}
	e.Soon(f.due)
	return done, nil
}

// count adds a committed run to the figures.
func (r *run) count(now time.Time) {
	for _, j := range r.jobs {
		if !j.running {
			j.node.figures.Ran(int(j.status))
		}
	}
	if r.ended {
		r.p.figures.Rested(int(executionStatus(r.status)), now.Sub(r.claim.since))
	}
}

// runOne walks r where a stop reaches it.
func (s *shift) runOne(ctx context.Context, r *run, journal []storedJob) error {
	running, leave := s.e.live.enter(ctx, r.claim.Claim, s.e.Now())
	defer leave()
	crashpoint.Hit(crashpoint.BeforeRun)
	err := r.safely(func() error { return r.begin(running, journal) })
	if err != nil && stopped(running) {
		return &stoppedError{r.claim, context.Cause(running)}
	}
	return err
}

// lockHot makes the batches of a workflow run one after another, in this
// process and across processes, instead of running into each other.
func (e *Engine) lockHot(ctx context.Context, conn *pg.Conn, p *program, t *temper) (unlock func(), err error) {
	t.turn.Lock()
	key := int32(p.workflowID ^ p.workflowID>>32)
	_, err = conn.ExecContext(ctx, "SELECT pg_advisory_lock($1, $2)", hotClass, key)
	if pg.IsLockTimeout(err) {
		// Whoever holds it is frozen or cut off. The lock only saves us batches
		// that conflict, so it is no reason to wait for ever.
		return t.turn.Unlock, nil
	}
	if err != nil {
		t.turn.Unlock()
		return nil, fmt.Errorf("wait for the turn of workflow %d: %w", p.workflowID, err)
	}
	return func() {
		// On a broken connection the lock has ended with the session.
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1, $2)", hotClass, key)
		t.turn.Unlock()
	}, nil
}

// executionStatus maps a job's status to its execution's (spec/engine.md §3).
func executionStatus(s node.Status) node.Status {
	switch {
	case s > node.Resolved:
		return node.Resolved
	case s < node.RetryNeeded:
		return node.Failed
	}
	return s
}
