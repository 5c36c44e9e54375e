package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"alur/engine/node"
	"alur/engine/pg"
	"alur/engine/queue"
	"alur/engine/value"
)

const (
	// batchWork is how long executions of one batch are taken into one
	// transaction before it is flushed.
	batchWork = 10 * time.Millisecond
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
	// maxInput bounds what is kept of a step's input, in bytes of JSON.
	maxInput = 64 << 10
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
// back.
func (e *Engine) runBatch(ctx context.Context, q *queue.Queue, conn *pg.Conn, claims []queue.Claim) error {
	p, err := e.program(ctx, claims[0].WorkflowID)
	if err != nil {
		return err
	}
	t := e.temper(p.workflowID)
	limit, conflicts := len(claims), 0
	began, moved := e.Now(), false
	careful := t.takeCareful()
	drop := func() { // the first one is settled
		q.Forget(claims[0].ID, claims[0].Fence)
		claims, moved = claims[1:], true
	}
	for len(claims) > 0 {
		if moved && e.Now().Sub(began) > turn {
			e.release(ctx, q, claims, 0)
			return nil
		}
		batch := claims[:min(limit, len(claims))]
		done, again, err := e.attempt(ctx, conn, p, t, batch, careful)
		switch {
		case err == nil:
			for _, c := range batch[:done] {
				if !slices.ContainsFunc(again, func(a queue.Claim) bool { return a.ID == c.ID }) {
					q.Forget(c.ID, c.Fence)
				}
			}
			// A yielded execution goes on after the others of its batch.
			claims = append(claims[done:len(claims):len(claims)], again...)
			conflicts, moved = 0, true
		case errors.Is(err, errCareful):
			t.beCareful()
			careful = true
		case pg.IsRetryable(err):
			t.heat(e.Now().Add(hotFor))
			if conflicts++; conflicts >= wholeBatchTries {
				limit = 1
			}
			if conflicts > tries {
				return err
			}
		case pg.IsUnavailable(err), ctx.Err() != nil:
			return err
		case len(batch) > 1: // find out who it is
			limit = 1
		case pg.IsLockTimeout(err):
			// Somebody holds what it needs. It waits without a worker.
			e.Log.WarnContext(ctx, "execution waits for a lock", "execution_id", batch[0].ID, "err", err)
			e.release(ctx, q, batch, lockedFor)
			drop()
		case isLost(err):
			e.dropped(ctx, batch[0])
			drop()
		default:
			if err := e.fail(ctx, conn, p, batch[0], err); isLost(err) {
				e.dropped(ctx, batch[0])
			} else if err != nil {
				return err
			}
			drop()
		}
	}
	return nil
}

// isLost reports that a flush met another fence than its own.
func isLost(err error) bool { return pg.IsNotNull(err) || errors.Is(err, errLeaseLost) }

func (e *Engine) dropped(ctx context.Context, c queue.Claim) {
	e.Log.WarnContext(ctx, "lease lost, the result of this attempt is dropped", "execution_id", c.ID)
}

// fail ends an execution whose outcome the database refused, with the reason:
// trying again would end the same way.
func (e *Engine) fail(ctx context.Context, conn *pg.Conn, p *program, c queue.Claim, cause error) error {
	e.Log.ErrorContext(ctx, "outcome refused by the database", "execution_id", c.ID, "err", cause)
	r := e.newRun(p, c)
	if c.Segments > 0 {
		if err := r.load(ctx, conn); err != nil {
			e.Log.WarnContext(ctx, "journal not readable", "execution_id", c.ID, "err", err)
		}
	}
	r.breakOff(node.Error, "What the steps came to could not be recorded: "+cause.Error())
	var f flush
	f.add(r)
	if err := f.write(context.WithoutCancel(ctx), conn); err != nil {
		return fmt.Errorf("end execution %d after %w: %w", c.ID, cause, err)
	}
	return nil
}

// attempt runs claims in one transaction and commits, or changes nothing. It
// takes as many as fit into batchWork and returns how many those were, and which
// of them yielded and want to go on.
func (e *Engine) attempt(ctx context.Context, conn *pg.Conn, p *program, t *temper, claims []queue.Claim, careful bool) (done int, again []queue.Claim, err error) {
	if t.isHot(e.Now()) {
		unlock, err := e.lockHot(ctx, conn, p, t)
		if err != nil {
			return 0, nil, err
		}
		defer unlock()
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
	for done < len(claims) && (done == 0 || e.Now().Sub(started) < batchWork) {
		r := e.newRun(p, claims[done])
		r.tx, r.careful = begin, careful
		if err := r.safely(func() error { return r.begin(ctx, conn) }); err != nil {
			return 0, nil, err
		}
		f.add(r)
		refused = append(refused, r.refused...)
		done++
		if r.yielded {
			c := r.claim
			c.Segments, c.Attempts, c.Wake = c.Segments+1, 1, c.Wake[r.woken:]
			again = append(again, c)
		}
	}
	// From here on the outcome is decided; the end of ctx must not leave it half
	// known.
	ctx = context.WithoutCancel(ctx)
	if tx == nil {
		err = f.write(ctx, conn)
	} else if err = f.write(ctx, tx); err == nil {
		if err = recordAll(ctx, tx, refused); err == nil {
			err = tx.Commit(ctx)
		}
	}
	if err != nil {
		return 0, nil, err
	}
	for _, c := range claims[:done] {
		e.DB.Notify(executionsChannel, strconv.FormatInt(c.ID, 10), executionsWait)
	}
	return done, again, nil
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

// flush collects what runs came to, in the shape of queue.Finish.
type flush struct {
	executions, jobs []byte
	count            int // jobs
	stored           bool
}

func (f *flush) add(r *run) {
	b := open(f.executions, `{"i":`)
	b = strconv.AppendInt(b, r.claim.ID, 10)
	b = append(b, `,"f":`...)
	b = strconv.AppendInt(b, r.claim.Fence, 10)
	if !r.yielded {
		b = append(b, `,"s":`...)
		b = strconv.AppendInt(b, int64(executionStatus(r.status)), 10)
	}
	b = append(b, `,"w":`...)
	b = strconv.AppendInt(b, int64(r.woken), 10)
	if r.reason != "" {
		b = append(b, `,"r":`...)
		b = value.Append(b, r.reason)
	}
	f.executions = append(b, '}')
	for _, j := range r.jobs {
		f.addJob(r, j)
	}
}

func (f *flush) addJob(r *run, j *job) {
	f.count++
	f.stored = f.stored || j.stored
	b := open(f.jobs, `{"i":`)
	b = strconv.AppendInt(b, j.id, 10)
	number := func(key string, n int64) {
		b = append(b, `,"`...)
		b = append(b, key...)
		b = append(b, `":`...)
		b = strconv.AppendInt(b, n, 10)
	}
	number("x", r.claim.ID)
	number("n", j.node.ID)
	b = append(b, `,"k":`...)
	b = value.Append(b, j.node.Key)
	if j.upstream != 0 {
		number("u", j.upstream)
	}
	number("s", int64(j.status))
	if j.branch != nil {
		number("b", int64(*j.branch))
	}
	number("a", int64(j.attempt))
	number("t", j.started.UnixMicro())
	if j.ended {
		number("e", j.endedAt.UnixMicro())
	}
	if len(j.meta) > 0 {
		b = append(append(b, `,"m":`...), j.meta...)
	}
	if j.hasInput {
		b = append(b, `,"p":`...)
		at := len(b)
		if b = value.Append(b, j.input); len(b)-at > maxInput {
			b = value.Append(b[:at], fmt.Sprintf("(%d kB, not kept)", (len(b)-at)>>10))
		}
	}
	if len(j.encoded) > 0 && string(j.encoded) != "null" {
		b = append(append(b, `,"r":`...), j.encoded...)
	}
	if j.log != "" {
		b = append(b, `,"l":`...)
		b = value.Append(b, j.log)
	}
	f.jobs = append(b, '}')
}

func open(b []byte, text string) []byte {
	if len(b) == 0 {
		b = append(make([]byte, 0, 4096), '[')
	} else {
		b = append(b, ',')
	}
	return append(b, text...)
}

func closed(b []byte) []byte {
	if len(b) == 0 {
		return []byte("[]")
	}
	return append(b, ']')
}

func (f *flush) write(ctx context.Context, q pg.Q) error {
	n, err := queue.Finish(ctx, q, closed(f.executions), closed(f.jobs), !f.stored)
	if err != nil {
		return err
	}
	if n != int64(f.count) {
		return errLeaseLost
	}
	return nil
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
