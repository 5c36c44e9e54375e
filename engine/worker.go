package engine

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"alur/engine/pg"
	"alur/engine/queue"
)

const (
	batchSize   = 32
	pollEvery   = time.Second          // the net below NOTIFY
	gather      = 2 * time.Millisecond // a busy queue is left to grow this long, so that batches form
	renewEvery  = 10 * time.Second     // a third of the lease
	rescueEvery = 5 * time.Second
	stopWithin  = 25 * time.Second       // running batches may take this long after a stop
	retryAfter  = 500 * time.Millisecond // after the database went away
)

// Work claims and runs executions with so many workers until ctx ends. It then
// claims nothing more, gives back what was claimed and not begun, lets running
// batches finish for up to 25 s, and returns.
func (e *Engine) Work(ctx context.Context, workers int) {
	for ctx.Err() == nil {
		if err := e.work(ctx, workers); err != nil && ctx.Err() == nil {
			e.Log.WarnContext(ctx, "queue connection lost, opening a new one", "err", err)
			select {
			case <-time.After(retryAfter):
			case <-ctx.Done():
			}
		}
	}
}

// work does it over one place at the queue, until ctx ends or the place breaks.
func (e *Engine) work(ctx context.Context, workers int) error {
	q, err := queue.Open(ctx, e.DB)
	if err != nil {
		return err
	}
	defer q.Close()
	wake := make(chan struct{}, 1)
	poke := func(string) {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
	defer e.DB.Subscribe(queue.Channel, poke)()

	// Batches outlive ctx by stopWithin.
	running, kill := context.WithCancel(context.WithoutCancel(ctx))
	defer kill()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(stopWithin, kill) })
	defer stop()

	batches := make(chan []queue.Claim, workers)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for batch := range batches {
				if ctx.Err() != nil {
					e.release(running, q, batch, 0)
					continue
				}
				e.serve(running, q, batch)
				poke("")
			}
		})
	}
	keep, done := context.WithCancel(running)
	var keeping sync.WaitGroup
	keeping.Go(func() { e.keep(keep, q) })
	defer keeping.Wait()
	defer done()
	defer group.Wait() // what still runs is kept
	defer close(batches)
	return e.dispatch(ctx, running, q, batches, wake)
}

// serve runs one batch on a connection of its own. What lost too many races is
// given back; what could not be finished for another reason keeps its lease and
// is claimed again when that has run out.
func (e *Engine) serve(ctx context.Context, q *queue.Queue, batch []queue.Claim) {
	conn, err := e.DB.Conn(ctx)
	if err == nil {
		err = e.runBatch(ctx, q, conn, batch)
		conn.Release()
	}
	if err == nil {
		return
	}
	e.Log.ErrorContext(ctx, "batch failed", "workflow_id", batch[0].WorkflowID, "executions", len(batch), "err", err)
	if pg.IsRetryable(err) {
		e.release(ctx, q, batch, 0)
		return
	}
	for _, c := range batch {
		q.Forget(c.ID, c.Fence)
	}
}

func (e *Engine) release(ctx context.Context, q *queue.Queue, batch []queue.Claim, after time.Duration) {
	if err := q.Release(ctx, batch, after); err != nil {
		e.Log.WarnContext(ctx, "claims not given back, their lease will run out", "executions", len(batch), "err", err)
	}
}

// dispatch claims batches, in turns for all workflows that have something to
// do, as fast as the workers take them, until ctx ends. Its statements run
// under running: one that is cut off would break the connection that claims are
// given back over.
func (e *Engine) dispatch(ctx, running context.Context, q *queue.Queue, batches chan<- []queue.Claim, wake <-chan struct{}) error {
	after := map[int64]int64{} // id cursor per workflow: skips the dead index entries of what was done already
	cleared := e.Now()
	var lone queue.Claim // the suspect that may run; see apart
	back := false        // suspects were given back while lone ran
	for {
		if now := e.Now(); now.Sub(cleared) > pollEvery || back && !q.Holds(lone) {
			clear(after)
			cleared, back = now, false
		}
		workflows, err := q.Pending(running)
		if err != nil {
			return stopped(ctx, err)
		}
		claimed := 0
		for _, w := range workflows {
			if ctx.Err() != nil {
				return nil
			}
			claims, err := q.Claim(running, w, after[w], batchSize)
			if err != nil {
				return stopped(ctx, err)
			}
			if len(claims) < batchSize {
				delete(after, w)
			} else {
				after[w] = claims[len(claims)-1].ID
			}
			fresh, suspects := apart(claims)
			if len(suspects) > 0 && !q.Holds(lone) {
				lone = suspects[0]
				suspects = suspects[1:]
				claimed++
				if !e.hand(ctx, running, q, batches, []queue.Claim{lone}) {
					e.release(running, q, slices.Concat(fresh, suspects), 0)
					return nil
				}
			}
			if len(suspects) > 0 {
				back = true
				e.release(running, q, suspects, 0)
			}
			claimed += len(fresh)
			if len(fresh) > 0 && !e.hand(ctx, running, q, batches, fresh) {
				return nil
			}
		}
		switch {
		case claimed >= batchSize:
			continue
		case claimed > 0:
			select {
			case <-time.After(gather):
			case <-ctx.Done():
				return nil
			}
		default:
			select {
			case <-wake:
			case <-time.After(pollEvery):
			case <-ctx.Done():
				return nil
			}
		}
	}
}

// hand gives a batch to the next free worker; false when ctx ended first and the
// batch was given back.
func (e *Engine) hand(ctx, running context.Context, q *queue.Queue, batches chan<- []queue.Claim, batch []queue.Claim) bool {
	select {
	case batches <- batch:
		return true
	case <-ctx.Done():
		e.release(running, q, batch, 0)
		return false
	}
}

// apart takes out of a batch what was begun often without moving on. Such an
// execution may be what kills the process, or only have run beside it each
// time. Of these suspects a process runs one at a time, in a batch of its own,
// so that the innocent ones get through before they count as broken.
func apart(claims []queue.Claim) (fresh, suspects []queue.Claim) {
	for _, c := range claims {
		if c.Attempts > suspectAfter {
			suspects = append(suspects, c)
		} else {
			fresh = append(fresh, c)
		}
	}
	return fresh, suspects
}

// stopped turns errors that the end of ctx caused into none.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// keep renews the leases of what is held and rescues what dead processes left.
func (e *Engine) keep(ctx context.Context, q *queue.Queue) {
	renew, rescue := time.NewTicker(renewEvery), time.NewTicker(rescueEvery)
	defer renew.Stop()
	defer rescue.Stop()
	e.rescue(ctx, q)
	for {
		select {
		case <-ctx.Done():
			return
		case <-renew.C:
			lost, err := q.Renew(ctx)
			if err != nil && ctx.Err() == nil {
				e.Log.WarnContext(ctx, "leases not renewed", "err", err)
			}
			for _, id := range lost {
				e.Log.WarnContext(ctx, "lease lost", "execution_id", id)
			}
		case <-rescue.C:
			e.rescue(ctx, q)
		}
	}
}

func (e *Engine) rescue(ctx context.Context, q *queue.Queue) {
	n, err := q.Rescue(ctx)
	switch {
	case err != nil && ctx.Err() == nil && !errors.Is(err, context.Canceled):
		e.Log.WarnContext(ctx, "executions of dead workers not rescued", "err", err)
	case n > 0:
		e.Log.WarnContext(ctx, "executions of dead workers are claimable again", "executions", n)
		e.DB.Notify(queue.Channel, "", 0)
	}
}

// temper returns what is known of a workflow's conflicts.
func (e *Engine) temper(workflowID int64) *temper {
	e.mu.Lock()
	defer e.mu.Unlock()
	t := e.tempers[workflowID]
	if t == nil {
		t = &temper{}
		e.tempers[workflowID] = t
	}
	return t
}
