package engine

import (
	"context"
	"maps"
	"slices"
	"time"

	"alur/engine/crashpoint"
	"alur/engine/queue"
)

// backlog is how many executions of one workflow may stand at remote steps in
// this process before it claims no more of them.
const backlog = 2 * batchSize

// dispatcher gives the workers something to do, in turns for all workflows.
type dispatcher struct {
	*shift
	after   map[int64]int64 // id cursor per workflow: skips the dead index entries of what was done already
	cleared time.Time
	thin    map[int64]time.Time // workflows whose last claim was no full batch, and when it was made
	held    bool                // a workflow had no turn in this round; see holds
	lone    queue.Claim         // the suspect that may run; see suspect
	rounds  int
	looked  time.Time // when suspects were last looked for
	more    bool      // there was one
}

// dispatch claims batches for all workflows that have something to do, as fast
// as the workers take them, until s.ctx ends. Its statements run under running:
// one that is cut off would break the connection that claims are given back over.
func (s *shift) dispatch() error {
	d := &dispatcher{shift: s, after: map[int64]int64{}, thin: map[int64]time.Time{}, cleared: s.e.Now()}
	for s.ctx.Err() == nil {
		if s.e.awaitRoom(s.ctx) {
			continue
		}
		if now := s.e.Now(); now.Sub(d.cleared) > pollEvery {
			clear(d.after)
			maps.DeleteFunc(d.thin, func(_ int64, at time.Time) bool { return now.Sub(at) > patience })
			d.cleared = now
		}
		d.held = false
		handed, err := d.round()
		if err != nil {
			return err
		}
		switch {
		case handed >= batchSize:
		case handed > 0, d.held:
			s.linger()
		default:
			select {
			case <-s.wake:
			case <-time.After(pollEvery):
			case <-s.ctx.Done():
			}
		}
	}
	return nil
}

// linger leaves the queue time to grow, so that batches form: until a batch is
// done, at most for gather.
func (s *shift) linger() {
	select {
	case <-s.landed:
	case <-time.After(gather):
	case <-s.ctx.Done():
	}
}

const (
	turnsOfHigh = 4 // that a workflow of high priority has in a round
	roundsOfLow = 4 // in one of which a workflow of low priority has a turn
)

// round gives every workflow a turn and returns how many executions were handed
// to workers. Those of high priority come first and have several turns; those of
// low priority have none in most rounds, unless nothing else is there to do. So
// none of them starves the others.
func (d *dispatcher) round() (handed int, err error) {
	if handed, err = d.goOn(d.ctx); err != nil {
		return handed, err
	}
	workflows, err := d.q.Pending(d.running)
	if err != nil {
		return handed, err
	}
	first, low, err := d.byPriority(workflows)
	if err != nil {
		return handed, err
	}
	n, err := d.claimAll(first)
	if handed += n; err != nil || d.ctx.Err() != nil {
		return handed, err
	}
	if d.rounds++; handed == 0 || d.rounds%roundsOfLow == 0 {
		n, err = d.claimAll(low)
		if handed += n; err != nil || d.ctx.Err() != nil {
			return handed, err
		}
	}
	n, err = d.suspect(workflows)
	return handed + n, err
}

// byPriority puts the turns of a round in order, those of low priority apart.
func (d *dispatcher) byPriority(workflows []int64) (first, low []int64, err error) {
	var normal []int64
	for _, w := range workflows {
		p, err := d.e.program(d.running, w)
		if err != nil {
			return nil, nil, err
		}
		switch p.options.Priority {
		case High:
			first = append(first, slices.Repeat([]int64{w}, turnsOfHigh)...)
		case Low:
			low = append(low, w)
		default:
			normal = append(normal, w)
		}
	}
	return append(first, normal...), low, nil
}

// claimAll gives each of some workflows a turn.
func (d *dispatcher) claimAll(workflows []int64) (handed int, err error) {
	for _, w := range workflows {
		n, err := d.claim(w)
		if err != nil || d.ctx.Err() != nil {
			return handed, err
		}
		handed += n
	}
	return handed, nil
}

// claim claims a batch of a workflow's executions for the next free worker.
func (d *dispatcher) claim(workflowID int64) (handed int, err error) {
	if d.holds(workflowID) {
		d.held = true
		return 0, nil
	}
	p, ok, err := d.slotToClaim(workflowID)
	if err != nil || !ok {
		return 0, err
	}
	var claims []queue.Claim
	if d.waiting(workflowID) < backlog {
		claims, err = d.q.Claim(d.running, workflowID, d.after[workflowID], batchSize, p.options.Timeout)
	}
	if len(claims) < batchSize {
		delete(d.after, workflowID)
		d.thin[workflowID] = d.e.Now()
	} else {
		d.after[workflowID] = claims[len(claims)-1].ID
		delete(d.thin, workflowID)
	}
	if err != nil || len(claims) == 0 {
		d.q.ReturnSlot(workflowID)
		return 0, err
	}
	crashpoint.Hit(crashpoint.AfterClaim)
	return d.hand(d.ctx, d.items(p, claims)), nil
}

// holds reports whether what a workflow has queued shall wait for the batch of it
// that is under way: what comes in a thin stream is better worked off in batches
// than by many workers, which would cost the database three times as much.
func (d *dispatcher) holds(workflowID int64) bool {
	at, ok := d.thin[workflowID]
	if !ok || d.e.Now().Sub(at) > patience {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.flights[workflowID] > 0
}

// suspect claims what was begun often without moving on, one at a time in this
// process and in a batch of its own. Such an execution may be what kills the
// process, or only have run beside it each time: so the innocent ones get through
// before they count as broken.
func (d *dispatcher) suspect(workflows []int64) (handed int, err error) {
	now := d.e.Now()
	if d.q.Holds(d.lone) || !d.more && now.Sub(d.looked) < pollEvery {
		return 0, nil
	}
	d.looked, d.more = now, false
	for _, w := range workflows {
		p, ok, err := d.slotToClaim(w)
		if err != nil {
			return 0, err
		}
		if !ok {
			continue
		}
		claims, err := d.q.ClaimSuspect(d.running, w)
		if err != nil || len(claims) == 0 {
			d.q.ReturnSlot(w)
			if err != nil {
				return 0, err
			}
			continue
		}
		d.lone, d.more = claims[0], true
		return d.hand(d.ctx, d.items(p, claims)), nil
	}
	return 0, nil
}

// slotToClaim is slot, except when it would have to be fetched and there is
// nothing to claim.
func (d *dispatcher) slotToClaim(workflowID int64) (p *program, ok bool, err error) {
	if !d.q.SlotAtHand(workflowID) {
		if ok, err = d.q.Claimable(d.running, workflowID); err != nil || !ok {
			return nil, false, err
		}
	}
	return d.slot(workflowID)
}

// slot takes one of a workflow's slots.
func (s *shift) slot(workflowID int64) (p *program, ok bool, err error) {
	if p, err = s.e.program(s.running, workflowID); err != nil {
		return nil, false, err
	}
	ok, err = s.q.TakeSlot(s.running, workflowID, p.options.Concurrency, s.e.Now())
	return p, ok, err
}

// hand gives a batch and the slot that it runs in to the next free worker; when
// until ends first, both are given back.
func (s *shift) hand(until context.Context, batch []item) (handed int) {
	workflow := batch[0].WorkflowID
	s.count(workflow, 1)
	select {
	case s.batches <- batch:
		return len(batch)
	case <-until.Done():
		s.count(workflow, -1)
		crashpoint.Hit(crashpoint.DuringShutdown)
		s.giveBack(s.running, batch)
		s.q.ReturnSlot(workflow)
		return 0
	}
}

// count keeps s.busy and s.flights.
func (s *shift) count(workflowID int64, batches int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy += batches
	if s.flights[workflowID] += batches; s.flights[workflowID] == 0 {
		delete(s.flights, workflowID)
	}
}

// goOn continues what came to remote steps: it begins those that wait, and hands
// on the executions whose step has an outcome.
func (s *shift) goOn(until context.Context) (handed int, err error) {
	for _, w := range s.away() {
		if err := s.beginCalls(w); err != nil {
			return handed, err
		}
		for {
			batch := s.takeReady(w)
			if len(batch) == 0 {
				break
			}
			_, ok, err := s.slot(w)
			if err != nil || !ok {
				s.giveBack(s.running, batch)
				if err != nil {
					return handed, err
				}
				break
			}
			handed += s.hand(until, batch)
		}
	}
	return handed, nil
}

// drain lets remote steps that are under way end, and records what they come to.
// What waits for its turn is given back.
func (s *shift) drain() error {
	for s.running.Err() == nil {
		s.mu.Lock()
		var waiting []item
		for w, runs := range s.parked {
			for _, r := range runs {
				waiting = append(waiting, r.claim)
			}
			delete(s.parked, w)
		}
		open := s.calls + s.busy + len(s.ready)
		s.mu.Unlock()
		crashpoint.Hit(crashpoint.DuringShutdown)
		s.release(s.running, waiting, 0)
		if open == 0 {
			return nil
		}
		if _, err := s.goOn(s.running); err != nil {
			return err
		}
		select {
		case <-s.wake:
		case <-time.After(pollEvery):
		case <-s.running.Done():
		}
	}
	return nil
}

// items counts new claims of p.
func (s *shift) items(p *program, claims []queue.Claim) []item {
	now := s.e.Now()
	batch := make([]item, len(claims))
	for i, c := range claims {
		batch[i].Claim, batch[i].since = c, now
		p.figures.Claimed(c.Attempts, c.Segments == 0 && c.Attempts == 1, now.Sub(c.CreatedAt))
	}
	return batch
}

// away lists the workflows that have executions at remote steps here.
func (s *shift) away() (workflows []int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for w := range s.parked {
		workflows = append(workflows, w)
	}
	for w := range s.ready {
		if s.parked[w] == nil {
			workflows = append(workflows, w)
		}
	}
	slices.Sort(workflows)
	return workflows
}

// waiting is how many executions of a workflow stand at remote steps here and
// are not on their way.
func (s *shift) waiting(workflowID int64) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.parked[workflowID]) + len(s.ready[workflowID])
}

// takeReady takes up to a batch of executions whose remote step has an outcome.
func (s *shift) takeReady(workflowID int64) []item {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.ready[workflowID]
	n := min(len(all), batchSize)
	if n == len(all) {
		delete(s.ready, workflowID)
	} else {
		s.ready[workflowID] = all[n:]
	}
	return all[:n:n]
}
