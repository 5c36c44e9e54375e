package queue

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/lib/pq"
)

const (
	// dryFor is how long a process does not ask for another slot after there was none.
	dryFor = 100 * time.Millisecond
)

// share is what this process holds of one workflow's slots.
type share struct {
	slots []int16
	used  int
	peak  int       // most that were used at once since idle ones were last freed
	dry   time.Time // all were taken elsewhere; do not ask before
}

// TakeSlot makes room for one more run of a workflow at this moment, of at most
// limit in all processes together; false when all are taken. Give it back with
// [Queue.GiveSlot]. A slot that this process holds and does not use costs
// nothing, another one a statement. now is the time by the engine's clock.
func (q *Queue) TakeSlot(ctx context.Context, workflowID int64, limit int, now time.Time) (bool, error) {
	took, ask := q.reuseSlot(workflowID, limit, now)
	if took || !ask {
		return took, nil
	}
	q.use.Lock() // to the end: what is remembered and what stands in the table change together
	defer q.use.Unlock()
	var slot int16
	err := q.conn.GetContext(ctx, &slot, queries.Get("take_slot"), workflowID, limit, q.worker)
	none := errors.Is(err, sql.ErrNoRows)
	if err != nil && !none {
		return false, fmt.Errorf("take a slot of workflow %d: %w", workflowID, err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.shares[workflowID]
	if s == nil {
		s = &share{}
		q.shares[workflowID] = s
	}
	if none {
		s.dry = now.Add(dryFor)
		return false, nil
	}
	s.slots = append(s.slots, slot)
	s.used++
	return true, nil
}

// SlotAtHand reports whether TakeSlot costs nothing now.
func (q *Queue) SlotAtHand(workflowID int64) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.shares[workflowID]
	return s != nil && s.used < len(s.slots)
}

// Claimable reports whether a workflow has an execution that nobody holds. Ask
// before taking a slot for a claim: others may need it.
func (q *Queue) Claimable(ctx context.Context, workflowID int64) (yes bool, err error) {
	q.use.Lock()
	defer q.use.Unlock()
	if err := q.conn.GetContext(ctx, &yes, queries.Get("claimable"), workflowID); err != nil {
		return false, fmt.Errorf("look for executions of workflow %d: %w", workflowID, err)
	}
	return yes, nil
}

// reuseSlot takes a slot that this process holds already, or says whether it is
// worth asking for another. A limit that became smaller counts at once.
func (q *Queue) reuseSlot(workflowID int64, limit int, now time.Time) (took, ask bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.shares[workflowID]
	switch {
	case s == nil:
		return false, true
	case s.used < min(len(s.slots), limit):
		s.used++
		return true, false
	}
	return false, len(s.slots) < limit && !now.Before(s.dry)
}

// GiveSlot gives back what TakeSlot took.
func (q *Queue) GiveSlot(workflowID int64) { q.giveSlot(workflowID, true) }

// ReturnSlot gives back what TakeSlot took when there was no use for it after
// all. Such a slot is not kept: a process that only looks for something to do
// would otherwise hold the slots that another one waits for.
func (q *Queue) ReturnSlot(workflowID int64) { q.giveSlot(workflowID, false) }

func (q *Queue) giveSlot(workflowID int64, used bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.shares[workflowID]
	if s == nil || s.used == 0 {
		return
	}
	if used {
		s.peak = max(s.peak, s.used)
	}
	s.used--
}

// FreeSlots leaves the slots that have not been used since its last call to
// other processes, and reports whether there were any.
func (q *Queue) FreeSlots(ctx context.Context) (bool, error) {
	q.use.Lock()
	defer q.use.Unlock()
	var workflows, slots []int64
	q.mu.Lock()
	for id, s := range q.shares {
		keep := min(max(s.used, s.peak), len(s.slots))
		for _, slot := range s.slots[keep:] {
			workflows, slots = append(workflows, id), append(slots, int64(slot))
		}
		if s.slots, s.peak = s.slots[:keep], s.used; keep == 0 {
			delete(q.shares, id)
		}
	}
	q.mu.Unlock()
	if len(slots) == 0 {
		return false, nil
	}
	if _, err := q.conn.ExecContext(ctx, queries.Get("free_slots"), pq.Array(workflows), pq.Array(slots), q.worker); err != nil {
		return false, fmt.Errorf("free %d slots: %w", len(slots), err)
	}
	return true, nil
}

// renewSlots prolongs the leases of the slots. One that was lost while this
// process stood still is not given back to anybody.
func (q *Queue) renewSlots(ctx context.Context) error {
	q.use.Lock()
	defer q.use.Unlock()
	if !q.hasSlots() {
		return nil
	}
	var kept []struct {
		Workflow int64 `db:"workflow_id"`
		Slot     int16 `db:"slot"`
	}
	if err := q.conn.SelectContext(ctx, &kept, queries.Get("renew_slots"), q.worker); err != nil {
		return fmt.Errorf("renew slots: %w", err)
	}
	held := map[int64][]int16{}
	for _, k := range kept {
		held[k.Workflow] = append(held[k.Workflow], k.Slot)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for id, s := range q.shares {
		s.slots = held[id]
		s.used = min(s.used, len(s.slots))
	}
	return nil
}

func (q *Queue) hasSlots() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.shares) > 0
}
