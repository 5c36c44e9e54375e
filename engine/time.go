package engine

import (
	"context"
	"strconv"
	"time"

	"alur/engine/queue"
)

const (
	// fireAtOnce is how many timers one transaction lets fire.
	fireAtOnce = 500
	// stopAtOnce is how many executions past their deadline are ended at once.
	stopAtOnce = 1000
	// stopsChannel carries the executions that were stopped between processes.
	stopsChannel = "alur_stops"
)

// keepTime lets timers fire, starts what is due and ends executions past their
// deadline, until ctx ends. Every process does, and the database sees to it that each happens once.
func (e *Engine) keepTime(ctx context.Context) {
	for {
		wait := pollEvery
		due, ok, err := e.tick(ctx)
		if err != nil && ctx.Err() == nil {
			e.Log.WarnContext(ctx, "timers not looked after", "err", err)
		}
		if ok {
			wait = min(max(due.Sub(e.Now()), time.Millisecond), pollEvery)
		}
		select {
		case <-ctx.Done():
			return
		case <-e.timer:
		case <-time.After(wait):
		}
	}
}

// tick does what is due and returns when there is more to do; ok is false when
// nothing is known of.
func (e *Engine) tick(ctx context.Context) (next time.Time, ok bool, err error) {
	for {
		next, ok, err = queue.NextDue(ctx, e.DB)
		if err != nil {
			return next, ok, err
		}
		if !ok || next.After(e.Now()) {
			break
		}
		_, late, err := queue.Fire(ctx, e.DB, e.Now(), fireAtOnce)
		if err != nil {
			return next, ok, err
		}
		if late > 0 {
			e.Log.WarnContext(ctx, "steps went on late", "steps", late)
		}
	}
	for _, k := range TriggerKinds() {
		s, is := k.(Scheduler)
		if !is {
			continue
		}
		at, err := s.Tick(ctx, e)
		if err != nil && ctx.Err() == nil { // timers and deadlines go on
			e.Log.WarnContext(ctx, "what is due was not started, trying again", "trigger", k.Name(), "err", err)
		}
		if !at.IsZero() && (!ok || at.Before(next)) {
			next, ok = at, true
		}
	}
	ids, err := queue.Overdue(ctx, e.DB, e.Now(), stopAtOnce)
	if err == nil && len(ids) > 0 {
		e.stopLate(ctx, ids)
	}
	return next, ok, err
}

// Soon makes this process look in time at what is due before it would look next
// anyway.
func (e *Engine) Soon(due time.Time) {
	if due.IsZero() || due.Sub(e.Now()) > pollEvery {
		return
	}
	select {
	case e.timer <- struct{}{}:
	default:
	}
}

// stopLate ends executions that are past their deadline, with their children.
func (e *Engine) stopLate(ctx context.Context, ids []int64) {
	stopped, err := queue.Stop(ctx, e.DB, ids, reasonTimeout, 0, e.Now())
	if err != nil && ctx.Err() == nil {
		e.Log.WarnContext(ctx, "executions past their deadline not ended, trying again", "executions", len(ids), "err", err)
	}
	e.tellStopped(ctx, stopped, reasonTimeout)
}

// tellStopped reaches the processes that run executions which were stopped, and
// those who watch them.
func (e *Engine) tellStopped(ctx context.Context, ids []int64, reason string) {
	for _, id := range ids {
		e.Log.InfoContext(ctx, "execution stopped", "execution_id", id, "reason", reason)
		text := strconv.FormatInt(id, 10)
		e.DB.Notify(stopsChannel, text, 0)
		e.DB.Notify(executionsChannel, text, executionsWait)
	}
}
