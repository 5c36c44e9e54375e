package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"alur/engine/queue"
)

// Why the context of a run ended; see context.Cause.
var (
	errStopped = errors.New("the execution was stopped")
	errLate    = errors.New("the execution ran out of time")
)

// live knows what runs in this process at the moment, so that a stop reaches it.
type live struct {
	mu   sync.Mutex
	runs map[int64]*liveRun // by execution
}

type liveRun struct {
	claim  queue.Claim
	since  time.Time
	cancel context.CancelCauseFunc
}

// enter gives a run a context that ends when its execution is stopped or passes
// its deadline. Call leave when the run is over.
func (l *live) enter(ctx context.Context, c queue.Claim, now time.Time) (running context.Context, leave func()) {
	running, cancel := context.WithCancelCause(ctx)
	done := func() {}
	if c.ExpiresAt != nil {
		running, done = context.WithTimeoutCause(running, c.ExpiresAt.Sub(now), errLate)
	}
	r := &liveRun{c, now, cancel}
	l.mu.Lock()
	if l.runs == nil {
		l.runs = map[int64]*liveRun{}
	}
	l.runs[c.ID] = r
	l.mu.Unlock()
	return running, func() {
		l.mu.Lock()
		if l.runs[c.ID] == r {
			delete(l.runs, c.ID)
		}
		l.mu.Unlock()
		done()
		cancel(nil)
	}
}

// stop ends the run of an execution, if there is one here.
func (l *live) stop(executionID int64) {
	l.mu.Lock()
	r := l.runs[executionID]
	l.mu.Unlock()
	if r != nil {
		r.cancel(errStopped)
	}
}

// long lists what has run for at least so long.
func (l *live) long(now time.Time, least time.Duration) (claims []queue.Claim) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.runs {
		if now.Sub(r.since) >= least {
			claims = append(claims, r.claim)
		}
	}
	return claims
}

// stopped reports whether ctx ended because its execution was stopped or ran out
// of time, and not because the process must stop.
func stopped(ctx context.Context) bool {
	cause := context.Cause(ctx)
	return errors.Is(cause, errStopped) || errors.Is(cause, errLate)
}
