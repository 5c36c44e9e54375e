package engine

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"alur/engine/crashpoint"
	"alur/engine/pg"
	"alur/engine/queue"
)

const (
	batchSize  = 32
	pollEvery  = time.Second            // the net below NOTIFY
	gather     = 20 * time.Millisecond  // a queue that is worked off is looked at this often, or when a batch is done
	patience   = 50 * time.Millisecond  // a batch keeps what comes after it waiting for at most this long
	stopWithin = 25 * time.Second       // running batches may take this long after a stop
	retryAfter = 500 * time.Millisecond // after the database went away
)

// Work claims and runs executions with so many workers until ctx ends, lets
// timers fire and ends what is past its deadline. After ctx it claims nothing
// more, gives back what was claimed and not begun, lets running batches and
// remote steps finish for up to 25 s, and returns.
func (e *Engine) Work(ctx context.Context, workers int) {
	var group sync.WaitGroup
	group.Go(func() { e.keepTime(ctx) })
	defer group.Wait()
	for ctx.Err() == nil {
		if e.awaitRoom(ctx) {
			e.checkRoom(ctx)
			continue
		}
		if err := e.work(ctx, workers); err != nil && ctx.Err() == nil {
			e.Log.WarnContext(ctx, "queue connection lost, opening a new one", "err", err)
			e.checkRoom(ctx)
			select {
			case <-time.After(retryAfter):
			case <-ctx.Done():
			}
		}
	}
}

// shift is the time that this process has a place at the queue: until it must
// stop, or the place's connection breaks.
type shift struct {
	e       *Engine
	q       *queue.Queue
	ctx     context.Context // ends when nothing new may begin
	running context.Context // ends when what runs must end too
	wake    chan struct{}   // there may be something to do
	landed  chan struct{}   // a batch is done
	batches chan []item     // to the workers, each with a slot of its workflow

	mu      sync.Mutex
	parked  map[int64][]*run // remote steps that wait for a slot, by workflow
	ready   map[int64][]item // executions whose remote step has an outcome, by workflow
	calls   int              // remote steps under way
	busy    int              // batches with the workers
	flights map[int64]int    // the same by workflow
	begun   sync.WaitGroup   // the goroutines of calls
}

// newShift begins a shift that claims one batch ahead for each of its workers.
func (e *Engine) newShift(ctx context.Context, q *queue.Queue, workers int) *shift {
	return &shift{e: e, q: q, ctx: ctx, running: ctx, wake: make(chan struct{}, 1), landed: make(chan struct{}, 1), batches: make(chan []item, workers),
		parked: map[int64][]*run{}, ready: map[int64][]item{}, flights: map[int64]int{}}
}

// work does one shift.
func (e *Engine) work(ctx context.Context, workers int) error {
	q, err := queue.Open(ctx, e.DB)
	if err != nil {
		return err
	}
	defer func() {
		q.Close()
		e.DB.Notify(queue.Channel, "", 0) // others may have waited for the slots
	}()
	s := e.newShift(ctx, q, workers)
	defer e.DB.Subscribe(queue.Channel, func(string) { s.poke() })()

	// What was begun outlives ctx by stopWithin.
	running, kill := context.WithCancel(context.WithoutCancel(ctx))
	defer kill()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(stopWithin, kill) })
	defer stop()
	s.running = running

	var group sync.WaitGroup
	for range workers {
		group.Go(s.serveAll)
	}
	keep, done := context.WithCancel(running)
	var keeping sync.WaitGroup
	keeping.Go(func() { s.keep(keep) })
	defer keeping.Wait()
	defer done()
	// The other way round: batches end, then what they began; all of it is kept.
	defer s.begun.Wait()
	defer kill()
	defer group.Wait()
	defer close(s.batches)
	if err := s.dispatch(); err != nil && ctx.Err() == nil {
		return err
	}
	return s.drain()
}

// poke makes the dispatcher look.
func (s *shift) poke() { signal(s.wake) }

// signal leaves one message in c.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// serveAll runs batches until there are no more.
func (s *shift) serveAll() {
	for batch := range s.batches {
		workflow := batch[0].WorkflowID
		s.serve(s.running, batch)
		s.q.GiveSlot(workflow)
		s.count(workflow, -1)
		signal(s.landed)
		s.poke()
	}
}

// serve runs one batch on a connection of its own. What lost too many races is
// given back; what could not be finished for another reason keeps its lease and
// is claimed again when that has run out.
func (s *shift) serve(ctx context.Context, batch []item) {
	for len(batch) > 0 {
		if s.ctx.Err() != nil && !slices.ContainsFunc(batch, func(c item) bool { return c.done != nil }) {
			crashpoint.Hit(crashpoint.DuringShutdown)
			s.giveBack(ctx, batch)
			return
		}
		conn, err := s.e.DB.Conn(ctx)
		if err == nil {
			batch, err = s.runBatch(ctx, conn, batch)
			conn.Release()
		}
		if err == nil {
			continue
		}
		s.e.Log.ErrorContext(ctx, "batch failed", "workflow_id", batch[0].WorkflowID, "execution_id", batch[0].ID, "executions", len(batch), "err", err)
		if pg.IsRetryable(err) {
			s.giveBack(ctx, batch)
			return
		}
		for _, c := range batch {
			s.q.Forget(c.ID, c.Fence)
		}
		return
	}
}

// giveBack leaves executions to whoever claims them next. What a remote step
// came to is only known here, so such an execution stays.
func (s *shift) giveBack(ctx context.Context, batch []item) {
	var back []item
	s.mu.Lock()
	for _, c := range batch {
		if c.done != nil && s.running.Err() == nil {
			s.ready[c.WorkflowID] = append(s.ready[c.WorkflowID], c)
		} else {
			back = append(back, c)
		}
	}
	s.mu.Unlock()
	s.release(ctx, back, 0)
}

func (s *shift) release(ctx context.Context, batch []item, after time.Duration) {
	if len(batch) == 0 {
		return
	}
	claims := make([]queue.Claim, len(batch))
	for i, c := range batch {
		claims[i] = c.Claim
	}
	if err := s.q.Release(context.WithoutCancel(ctx), claims, after); err != nil {
		s.e.Log.WarnContext(ctx, "claims not given back, their lease will run out", "workflow_id", batch[0].WorkflowID, "execution_ids", ids(batch), "err", err)
	}
}

// ids lists the executions of a batch, for the log.
func ids(batch []item) []int64 {
	list := make([]int64, len(batch))
	for i, c := range batch {
		list[i] = c.ID
	}
	return list
}

// keep renews leases, rescues what dead processes left, and notices what was
// stopped elsewhere.
func (s *shift) keep(ctx context.Context) {
	const (
		renewEvery  = 10 * time.Second // a third of the lease
		rescueEvery = 5 * time.Second
		lookEvery   = time.Second
	)
	renew, rescue, look, probe := time.NewTicker(renewEvery), time.NewTicker(rescueEvery), time.NewTicker(lookEvery), time.NewTicker(probeEvery)
	defer renew.Stop()
	defer rescue.Stop()
	defer look.Stop()
	defer probe.Stop()
	s.rescue(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case <-renew.C:
			lost, err := s.q.Renew(ctx)
			s.lose(ctx, lost, err)
		case <-rescue.C:
			s.rescue(ctx)
		case <-look.C:
			s.look(ctx)
		case <-probe.C:
			s.e.checkRoom(ctx)
		}
	}
}

// lose ends the runs of executions that went to somebody else, or were stopped.
func (s *shift) lose(ctx context.Context, lost []int64, err error) {
	if err != nil && ctx.Err() == nil {
		s.e.Log.WarnContext(ctx, "leases not renewed", "err", err)
	}
	for _, id := range lost {
		s.e.Log.WarnContext(ctx, "lease lost", "execution_id", id)
		s.e.live.stop(id)
	}
}

// look is the net below the signals: it notices that an execution was stopped,
// and leaves slots to others.
func (s *shift) look(ctx context.Context) {
	if long := s.e.live.long(s.e.Now(), time.Second); len(long) > 0 {
		lost, err := s.q.Lost(ctx, long)
		s.lose(ctx, lost, err)
	}
	freed, err := s.q.FreeSlots(ctx)
	if err != nil && ctx.Err() == nil {
		s.e.Log.WarnContext(ctx, "slots not freed, their lease will run out", "err", err)
	}
	if freed {
		s.e.DB.Notify(queue.Channel, "", 0)
	}
}

func (s *shift) rescue(ctx context.Context) {
	n, err := s.q.Rescue(ctx)
	switch {
	case err != nil && ctx.Err() == nil && !errors.Is(err, context.Canceled):
		s.e.Log.WarnContext(ctx, "executions of dead workers not rescued", "err", err)
	case n > 0:
		s.e.Metrics.Rescued(n)
		s.e.Log.WarnContext(ctx, "executions of dead workers are claimable again", "executions", n)
		s.e.DB.Notify(queue.Channel, "", 0)
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
