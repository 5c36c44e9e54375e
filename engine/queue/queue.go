package queue

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/lib/pq"

	"alur/engine/pg"
)

//go:embed queries.sql
var sqlText string

var queries = pg.LoadQueries(sqlText)

const (
	// Lease is how long a claim holds without being renewed.
	Lease = 30 * time.Second
	// Channel carries "there is something to claim" between processes.
	Channel = "alur_queue"
	// notifyWait collects the signals of many commits into one.
	notifyWait = 5 * time.Millisecond
	// SuspectAfter is how often an execution is begun in the company of others
	// without moving on; then it may be what kills the process, and is only handed
	// out by ClaimSuspect.
	SuspectAfter = 2
	// workerClass is the first key of the advisory lock that a live worker holds.
	workerClass = 4711
)

// Claim is one leased execution.
type Claim struct {
	ID         int64           `db:"id"`
	WorkflowID int64           `db:"workflow_id"`
	Key        string          `db:"key"`
	Fence      int64           `db:"fence"`
	Attempts   int             `db:"attempts"` // 1 for the first since it last moved on
	Segments   int             `db:"segments"` // 0: it never ran, so it has no jobs
	Context    json.RawMessage `db:"context"`
	Wake       pq.Int64Array   `db:"wake"` // answered jobs, oldest first
	Stack      pq.Int64Array   `db:"stack"`
	CreatedAt  time.Time       `db:"created_at"`
	StartedAt  time.Time       `db:"started_at"`
	ExpiresAt  *time.Time      `db:"expires_at"` // nil: no deadline
}

// Queue is one process's place at the queue. It is safe for concurrent use.
type Queue struct {
	worker int64

	use  sync.Mutex // one statement at a time on conn
	conn *pg.Conn

	mu     sync.Mutex
	held   map[int64]int64  // execution to fence
	shares map[int64]*share // slots, by workflow
}

// Open takes a place: a connection of its own that holds the advisory lock by
// which others see that this process lives.
func Open(ctx context.Context, db *pg.DB) (*Queue, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	q := &Queue{conn: conn, worker: int64(rand.Int32()), held: map[int64]int64{}, shares: map[int64]*share{}}
	lock := fmt.Sprintf("SET synchronous_commit = off; SELECT pg_advisory_lock(%d, %d)", workerClass, q.worker)
	if err := conn.Simple(ctx, lock); err != nil {
		conn.Discard()
		return nil, fmt.Errorf("register the worker: %w", err)
	}
	return q, nil
}

// Workers is how many processes have a place at the queue.
func Workers(ctx context.Context, q pg.Q) (n int, err error) {
	if err := q.GetContext(ctx, &n, queries.Get("workers")); err != nil {
		return 0, fmt.Errorf("count the workers: %w", err)
	}
	return n, nil
}

// leaveWithin bounds what a process does for others when it leaves.
const leaveWithin = 2 * time.Second

// Close leaves the queue and frees the slots of this process; executions that are
// still held can be rescued at once.
func (q *Queue) Close() {
	q.use.Lock()
	defer q.use.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), leaveWithin)
	defer cancel()
	// On a broken connection others see that the process is gone and free them.
	_, _ = q.conn.ExecContext(ctx, queries.Get("leave_slots"), q.worker)
	q.conn.Discard()
}

func (q *Queue) query(ctx context.Context, dest any, name string, args ...any) error {
	q.use.Lock()
	defer q.use.Unlock()
	return q.conn.SelectContext(ctx, dest, queries.Get(name), args...)
}

func (q *Queue) exec(ctx context.Context, name string, args ...any) (int64, error) {
	q.use.Lock()
	defer q.use.Unlock()
	res, err := q.conn.ExecContext(ctx, queries.Get(name), args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// Pending lists the workflows that have executions to claim or running.
func (q *Queue) Pending(ctx context.Context) ([]int64, error) {
	var ids []int64
	if err := q.query(ctx, &ids, "pending"); err != nil {
		return nil, fmt.Errorf("list pending workflows: %w", err)
	}
	return ids, nil
}

// Claim leases up to limit executions of a workflow with ids above after, in
// the order of their ids. One that begins gets a deadline after timeout; 0 is
// none.
func (q *Queue) Claim(ctx context.Context, workflowID, after int64, limit int, timeout time.Duration) ([]Claim, error) {
	return q.claim(ctx, workflowID, "claim", limit, q.worker, workflowID, after, timeout.Milliseconds(), SuspectAfter)
}

// ClaimSuspect leases one execution of a workflow that was begun SuspectAfter
// times or more and got no further each time; none when there is none.
func (q *Queue) ClaimSuspect(ctx context.Context, workflowID int64) ([]Claim, error) {
	return q.claim(ctx, workflowID, "claim_suspect", workflowID, q.worker, SuspectAfter)
}

func (q *Queue) claim(ctx context.Context, workflowID int64, query string, args ...any) ([]Claim, error) {
	var claims []Claim
	if err := q.query(ctx, &claims, query, args...); err != nil {
		return nil, fmt.Errorf("claim executions of workflow %d: %w", workflowID, err)
	}
	slices.SortFunc(claims, func(a, b Claim) int { return int(a.ID - b.ID) })
	q.mu.Lock()
	for _, c := range claims {
		q.held[c.ID] = c.Fence
	}
	q.mu.Unlock()
	return claims, nil
}

// Forget stops renewing an execution: it was finished, or is lost.
func (q *Queue) Forget(id, fence int64) { q.drop(id, fence) }

// Holds reports whether c is still held: neither finished nor lost.
func (q *Queue) Holds(c Claim) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	fence, held := q.held[c.ID]
	return held && fence == c.Fence
}

// Held reports how many executions this process holds.
func (q *Queue) Held() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.held)
}

// Renew prolongs the leases of everything held and returns what was lost.
func (q *Queue) Renew(ctx context.Context) (lost []int64, err error) {
	ids, fences := q.snapshot()
	if len(ids) > 0 {
		var kept []int64
		if err := q.query(ctx, &kept, "renew", pq.Array(ids), pq.Array(fences), q.worker); err != nil {
			return nil, fmt.Errorf("renew leases: %w", err)
		}
		slices.Sort(kept)
		for i, id := range ids {
			if _, ok := slices.BinarySearch(kept, id); !ok && q.drop(id, fences[i]) {
				lost = append(lost, id)
			}
		}
	}
	return lost, q.renewSlots(ctx)
}

// Lost returns which of the given claims ended or went to somebody else, and
// holds them no more.
func (q *Queue) Lost(ctx context.Context, claims []Claim) (lost []int64, err error) {
	ids, fences := split(claims)
	var gone []int64
	if err := q.query(ctx, &gone, "not_held", pq.Array(ids), pq.Array(fences)); err != nil {
		return nil, fmt.Errorf("look after %d executions: %w", len(ids), err)
	}
	for i, id := range ids {
		if slices.Contains(gone, id) && q.drop(id, fences[i]) {
			lost = append(lost, id)
		}
	}
	return lost, nil
}

// drop is Forget, and reports whether the execution was held.
func (q *Queue) drop(id, fence int64) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if f, held := q.held[id]; !held || f != fence {
		return false
	}
	delete(q.held, id)
	return true
}

func split(claims []Claim) (ids, fences []int64) {
	ids, fences = make([]int64, len(claims)), make([]int64, len(claims))
	for i, c := range claims {
		ids[i], fences[i] = c.ID, c.Fence
	}
	return ids, fences
}

// Release gives claims back that were not begun, or changed nothing. They can be
// claimed again after a while.
func (q *Queue) Release(ctx context.Context, claims []Claim, after time.Duration) error {
	ids, fences := split(claims)
	for i, id := range ids {
		q.Forget(id, fences[i])
	}
	if _, err := q.exec(ctx, "release", pq.Array(ids), pq.Array(fences), after.Seconds()); err != nil {
		return fmt.Errorf("release %d executions: %w", len(ids), err)
	}
	return nil
}

// Rescue ends the leases of processes that are gone and returns how many. That a
// process was lost is noted, for people.
func (q *Queue) Rescue(ctx context.Context) (int64, error) {
	n, err := q.exec(ctx, "rescue")
	if err == nil && n > 0 {
		_, err = q.exec(ctx, "note_lost", n)
	}
	if err == nil {
		_, err = q.exec(ctx, "rescue_slots")
	}
	if err != nil {
		return 0, fmt.Errorf("rescue executions of dead workers: %w", err)
	}
	return n, nil
}

func (q *Queue) snapshot() (ids, fences []int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for id, fence := range q.held {
		ids, fences = append(ids, id), append(fences, fence)
	}
	return ids, fences
}
