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
	// keepSlot is how long a slot that is not used is kept for the next use.
	keepSlot = 2 * time.Second
	// dryFor is how long a process does not ask for another slot after there was none.
	dryFor = 100 * time.Millisecond
)

// share is what this process holds of one workflow's slots.
type share struct {
	slots []int16
	used  int
	idle  time.Time // when one was last given back
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

// GiveSlot gives back what TakeSlot took. now is the time by the engine's clock.
func (q *Queue) GiveSlot(workflowID int64, now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if s := q.shares[workflowID]; s != nil && s.used > 0 {
		s.used--
		s.idle = now
	}
}

// FreeSlots leaves the slots that have not been used for a while to other
// processes, and reports whether there were any.
func (q *Queue) FreeSlots(ctx context.Context, now time.Time) (bool, error) {
	q.use.Lock()
	defer q.use.Unlock()
	var workflows, slots []int64
	q.mu.Lock()
	for id, s := range q.shares {
		if now.Sub(s.idle) < keepSlot {
			continue
		}
		for _, slot := range s.slots[s.used:] {
			workflows, slots = append(workflows, id), append(slots, int64(slot))
		}
		if s.slots = s.slots[:s.used]; s.used == 0 {
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
