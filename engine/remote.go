package engine

import (
	"context"
	"errors"

	"alur/engine/crashpoint"
	"alur/engine/node"
)

// maxCalls bounds the remote steps under way in one process.
const maxCalls = 256

// remoteOutcome is what a remote step came to, not recorded yet.
type remoteOutcome struct {
	job     int64
	attempt int
	input   any
	out     node.Outcome
}

// park has a remote step begun as soon as its workflow has a slot. It is
// recorded as running already.
func (s *shift) park(r *run) {
	w := r.claim.WorkflowID
	r.claim = r.claim.after(r)
	s.mu.Lock()
	s.parked[w] = append(s.parked[w], r)
	s.mu.Unlock()
	s.poke()
}

// beginCalls begins remote steps of a workflow while there are slots for them.
func (s *shift) beginCalls(workflowID int64) error {
	for s.mayCall(workflowID) {
		_, ok, err := s.slot(workflowID)
		if err != nil || !ok {
			return err
		}
		r := s.nextCall(workflowID)
		if r == nil {
			s.q.ReturnSlot(workflowID)
			return nil
		}
		s.begun.Go(func() {
			for ; r != nil; r = s.nextCall(workflowID) { // in the same slot
				s.call(r)
			}
			s.q.GiveSlot(workflowID)
			s.poke()
		})
	}
	return nil
}

func (s *shift) mayCall(workflowID int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.parked[workflowID]) > 0 && s.calls < maxCalls && s.ctx.Err() == nil
}

// nextCall takes a parked run and counts it as a call; nil when there is none, or
// none may begin any more.
func (s *shift) nextCall(workflowID int64) *run {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.parked[workflowID]
	if len(all) == 0 || s.ctx.Err() != nil {
		return nil
	}
	if len(all) == 1 {
		delete(s.parked, workflowID)
	} else {
		s.parked[workflowID] = all[1:]
	}
	s.calls++
	return all[0]
}

// call runs the remote step that r stopped at, and leaves the outcome to the
// dispatcher.
func (s *shift) call(r *run) {
	running, leave := s.e.live.enter(s.running, r.claim.Claim, s.e.Now())
	defer leave()
	crashpoint.Hit(crashpoint.BeforeRemote)
	j := r.parked
	step := r.step(j)
	out, err := r.guarded(running, j.node, step, func(ctx context.Context, st *node.Step) (node.Outcome, error) {
		return j.node.kind.Run(ctx, st, j.node.config)
	})
	crashpoint.Hit(crashpoint.AfterRemote)
	c := r.claim
	ended := err != nil && running.Err() != nil
	if err != nil {
		out = failed(err)
	}
	s.mu.Lock()
	s.calls--
	if !ended {
		c.done = &remoteOutcome{job: j.id, attempt: j.attempt, input: step.Input, out: out}
		s.ready[c.WorkflowID] = append(s.ready[c.WorkflowID], c)
	}
	s.mu.Unlock()
	s.poke()
	switch {
	case !ended:
	case stopped(running):
		s.q.Forget(c.ID, c.Fence)
		if errors.Is(context.Cause(running), errLate) {
			s.e.stopLate(context.WithoutCancel(s.running), []int64{c.ID})
		}
	default: // the process must stop; whoever goes on begins the step again, with the same key
		s.release(s.running, []item{c}, 0)
	}
}

// finishRemote records what the remote step came to that the run stopped at, and
// walks on.
func (r *run) finishRemote(ctx context.Context, d *remoteOutcome) error {
	j := r.find(d.job)
	if j == nil || !j.running {
		r.breakOff(node.Error, "The step that was under way is not part of this workflow any more.")
		return nil
	}
	j.attempt, j.input, j.hasInput = d.attempt, r.masked(d.input), d.input != nil
	out := r.record(j, d.out)
	r.save(j)
	next, previous := r.decide(j, out)
	return r.walk(ctx, next, previous)
}
