//go:build !race

// One command after the other: there is nothing to race, and the leases, which
// the model does not move, are over before a run under the race detector is.

package engine_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/node"
	"alur/engine/pg"
	"alur/engine/queue"
)

// hour is a node that waits for an hour, or for an answer before that.
type hour struct{ kind }

func (hour) Waits() {}

func (hour) Run(_ context.Context, s *node.Step, _ config) (node.Outcome, error) {
	return node.WaitUntil(s.Now.Add(time.Hour), node.Resolved), nil
}

var _ = node.Register[config](hour{kind{"test_hour", node.Pure}})

// maxAttempts is what an engine gives an execution that does not move on.
const maxAttempts = 5

// TestModel runs random commands against the engine and against a small model of
// it, which must agree after each (R20). The workflow has an effect, waits, and
// has another effect. Run more with -rapid.checks.
func TestModel(t *testing.T) {
	t.Parallel()
	for name, n := range map[string]string{"rapid.checks": "10", "rapid.steps": "80"} {
		if f := flag.Lookup(name); f.Value.String() == f.DefValue {
			if err := f.Value.Set(n); err != nil {
				t.Fatal(err)
			}
		}
	}
	w := newWorld(t)
	a := w.workflow(false, "", flow{kind: "test_local", key: "a", config: count(effect)}, flow{kind: "test_hour", key: "wait"},
		flow{kind: "test_local", key: "b", config: count(effect)})
	rapid.Check(t, func(rt *rapid.T) {
		for _, table := range []string{"alur.executions", "alur.jobs", "alur.timers", "public.effects"} {
			w.exec("DELETE FROM " + table)
		}
		m := &model{world: w, workflow: a, workers: make([]*queue.Queue, 2)}
		for k := range m.workers {
			m.workers[k] = w.queue()
		}
		defer func() {
			for _, q := range m.workers {
				q.Close()
			}
		}()
		rt.Repeat(map[string]func(*rapid.T){
			"start": m.start, "claim": m.claim, "claim more": m.claim, "run": m.run, "run more": m.run, "run on": m.run,
			"claim suspect": m.claimSuspect, "release": m.release, "renew": m.renew, "lose lease": m.loseLease, "die": m.die, "answer": m.answer, "answer more": m.answer, "timer": m.timer,
			"cancel": m.cancel, "deadline": m.deadline, "tick": m.tick, "delete": m.remove, "": m.check,
		})
	})
}

// model is what should be in the database.
type model struct {
	*world
	workflow *engine.Armed
	workers  []*queue.Queue
	runs     []*modelRun
	held     []*heldClaim
	before   map[int64]string // statuses at the last check
}

// place is where an execution stands.
type place string

const (
	queued  place = "queued" // or with a worker
	waits   place = "waits"
	ended   place = "ended"
	deleted place = "deleted"
)

type modelRun struct {
	id       int64
	place    place
	status   int // when ended
	leased   bool
	fence    int64
	worker   int
	attempts int
	effects  int
	job      int64 // that waits or waited; 0: not there yet
	answer   int   // of the job; 0: none yet
	open     bool  // the answer is not worked off
	late     bool  // past its deadline
}

// heldClaim is what a worker thinks that it holds.
type heldClaim struct {
	queue.Claim
	worker int
	known  bool // its queue renews it
	late   bool // the deadline was over when it was claimed
}

func (w *world) queue() *queue.Queue {
	w.t.Helper()
	q, err := queue.Open(w.t.Context(), w.db)
	if err != nil {
		w.t.Fatal(err)
	}
	return q
}

// pick draws one of the runs that fit, and skips the command when none does.
func (m *model) pick(rt *rapid.T, fits func(*modelRun) bool) *modelRun {
	var all []*modelRun
	for _, r := range m.runs {
		if fits(r) {
			all = append(all, r)
		}
	}
	if len(all) == 0 {
		rt.Skip("no such execution")
	}
	return rapid.SampledFrom(all).Draw(rt, "execution")
}

func (m *model) worker(rt *rapid.T) int {
	return rapid.IntRange(0, len(m.workers)-1).Draw(rt, "worker")
}

func (m *model) find(id int64) *modelRun {
	return m.runs[slices.IndexFunc(m.runs, func(r *modelRun) bool { return r.id == id })]
}

func (m *model) start(*rapid.T) {
	m.mustStart(m.workflow, 1)
	m.runs = append(m.runs, &modelRun{id: atoi(m.t, m.one("SELECT max(id) FROM alur.executions")), place: queued})
}

func (m *model) claim(rt *rapid.T) {
	k, limit := m.worker(rt), rapid.IntRange(1, 3).Draw(rt, "limit")
	claims, err := m.workers[k].Claim(m.t.Context(), m.workflow.ID, 0, limit, 0)
	m.claimed(rt, k, limit, claims, err, func(r *modelRun) bool { return r.attempts < queue.SuspectAfter })
}

func (m *model) claimSuspect(rt *rapid.T) {
	k := m.worker(rt)
	claims, err := m.workers[k].ClaimSuspect(m.t.Context(), m.workflow.ID)
	m.claimed(rt, k, 1, claims, err, func(r *modelRun) bool { return r.attempts >= queue.SuspectAfter })
}

// claimed expects the oldest claimable executions.
func (m *model) claimed(rt *rapid.T, k, limit int, claims []queue.Claim, err error, fits func(*modelRun) bool) {
	if err != nil {
		rt.Fatal(err)
	}
	var want []int64
	for _, r := range m.runs {
		if r.place != queued || r.leased || !fits(r) || len(want) == limit {
			continue
		}
		want = append(want, r.id)
		r.leased, r.worker = true, k
		r.fence++
		r.attempts++
	}
	var got []int64
	for _, c := range claims {
		got = append(got, c.ID)
		for _, before := range m.held { // of two claims of one execution the queue knows the later one
			before.known = before.known && (before.worker != k || before.ID != c.ID)
		}
		m.held = append(m.held, &heldClaim{Claim: c, worker: k, known: true, late: m.find(c.ID).late})
	}
	if !slices.Equal(got, want) {
		rt.Fatalf("claimed %v, want %v", got, want)
	}
}

// take draws a claim; its worker has it no more.
func (m *model) take(rt *rapid.T) *heldClaim {
	if len(m.held) == 0 {
		rt.Skip("nothing is claimed")
	}
	i := rapid.IntRange(0, len(m.held)-1).Draw(rt, "claim")
	c := m.held[i]
	m.held = slices.Delete(m.held, i, i+1)
	return c
}

// valid reports whether c may still write.
func (m *model) valid(c *heldClaim) bool {
	r := m.find(c.ID)
	return r.place == queued && r.fence == c.Fence
}

// run lets a worker run what it claimed, which may be lost by now.
func (m *model) run(rt *rapid.T) {
	c := m.take(rt)
	conn, err := m.db.Conn(m.t.Context())
	if err != nil {
		rt.Fatal(err)
	}
	defer conn.Release()
	if err := engine.RunBatch(m.e, m.t.Context(), m.workers[c.worker], conn, []queue.Claim{c.Claim}); err != nil {
		rt.Fatal(err)
	}
	r := m.find(c.ID)
	valid := m.valid(c)
	switch {
	case valid && c.Attempts > maxAttempts:
		r.end(-2)
	case valid && r.open && r.answer == -5:
		r.end(-5)
	case c.late && (valid || len(c.Wake) == 0) && (r.place == queued || r.place == waits):
		// Also by one that lost its lease, unless an answer is to be written first.
		r.end(-3)
	case !valid:
	case r.open:
		r.effects++
		r.end(1)
	default:
		r.effects++
		r.place, r.leased, r.attempts = waits, false, 0
		r.job = atoi(m.t, m.one("SELECT id FROM alur.jobs WHERE execution_id = $1 AND node_key = 'wait'", r.id))
	}
}

func (r *modelRun) end(status int) {
	r.place, r.status, r.leased, r.open = ended, status, false, false
	if r.job != 0 && r.answer == 0 {
		r.answer = status // it ended while it waited
	}
}

func (m *model) release(rt *rapid.T) {
	c := m.take(rt)
	if err := m.workers[c.worker].Release(m.t.Context(), []queue.Claim{c.Claim}, 0); err != nil {
		rt.Fatal(err)
	}
	if r := m.find(c.ID); m.valid(c) {
		r.leased = false
		r.attempts--
	}
}

func (m *model) renew(rt *rapid.T) {
	k := m.worker(rt)
	lost, err := m.workers[k].Renew(m.t.Context())
	if err != nil {
		rt.Fatal(err)
	}
	var want []int64
	for _, c := range m.held {
		switch {
		case c.worker != k || !c.known:
		case m.valid(c):
			m.find(c.ID).leased = true
		default:
			c.known = false
			want = append(want, c.ID)
		}
	}
	slices.Sort(lost)
	slices.Sort(want)
	if !slices.Equal(lost, want) {
		rt.Fatalf("lost %v, want %v", lost, want)
	}
}

func (m *model) loseLease(rt *rapid.T) {
	r := m.pick(rt, func(r *modelRun) bool { return r.leased })
	m.exec("UPDATE alur.executions SET lease_until = now() - interval '1 s' WHERE id = $1", r.id)
	r.leased = false
}

// die ends a worker; the other one rescues what it held.
func (m *model) die(rt *rapid.T) {
	k := m.worker(rt)
	m.workers[k].Close()
	m.eventually("SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND classid = 4711 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())")
	n, err := m.workers[1-k].Rescue(m.t.Context())
	if err != nil {
		rt.Fatal(err)
	}
	m.workers[k] = m.queue()
	m.held = slices.DeleteFunc(m.held, func(c *heldClaim) bool { return c.worker == k })
	var want int64
	for _, r := range m.runs {
		if r.leased && r.worker == k {
			r.leased = false
			want++
		}
	}
	if n != want {
		rt.Fatalf("rescued %d, want %d", n, want)
	}
}

func (m *model) answer(rt *rapid.T) {
	r := m.pick(rt, func(r *modelRun) bool { return r.job != 0 })
	status := rapid.SampledFrom([]int{1, -5}).Draw(rt, "answer")
	err := m.db.Tx(m.t.Context(), pg.ReadCommitted, func(tx *pg.Tx) error {
		return queue.Answer(m.t.Context(), tx, r.id, r.job, status, json.RawMessage(`"x"`), m.clock.now())
	})
	switch {
	case r.place == ended || r.place == deleted:
		if !fault.Is(err, fault.Gone) {
			rt.Fatalf("answered what has ended: %v", err)
		}
	case r.answer != 0:
		if !fault.Is(err, fault.Conflict) {
			rt.Fatalf("answered twice: %v", err)
		}
	case err != nil:
		rt.Fatal(err)
	default:
		r.wake(status)
	}
}

func (r *modelRun) wake(status int) { r.place, r.answer, r.open = queued, status, true }

func (m *model) timer(rt *rapid.T) {
	m.clock.advance(61 * time.Minute)
	fired, _, err := queue.Fire(m.t.Context(), m.db, m.clock.now(), 1000)
	want := 0
	for _, r := range m.runs {
		if r.place == waits {
			r.wake(1)
			want++
		}
	}
	if err != nil || fired != want {
		rt.Fatalf("%d timers fired: %v, want %d", fired, err, want)
	}
}

func (m *model) cancel(rt *rapid.T) {
	r := m.pick(rt, func(r *modelRun) bool { return r.place != deleted })
	stopped, err := queue.Stop(m.t.Context(), m.db, []int64{r.id}, "manual_cancel", 0, m.clock.now())
	live := r.place == queued || r.place == waits
	if err != nil || live != (len(stopped) == 1) {
		rt.Fatalf("stopped %v: %v", stopped, err)
	}
	if live {
		r.end(-3)
	}
}

// deadline makes an execution late. Nobody has noticed yet.
func (m *model) deadline(rt *rapid.T) {
	r := m.pick(rt, func(r *modelRun) bool { return (r.place == queued || r.place == waits) && !r.late })
	m.exec("UPDATE alur.executions SET expires_at = $2 WHERE id = $1", r.id, m.clock.now().Add(-time.Second).UTC())
	r.late = true
}

func (m *model) tick(rt *rapid.T) {
	ids, err := queue.Overdue(m.t.Context(), m.db, m.clock.now(), 1000)
	if err == nil {
		_, err = queue.Stop(m.t.Context(), m.db, ids, "timeout", 0, m.clock.now())
	}
	if err != nil {
		rt.Fatal(err)
	}
	for _, r := range m.runs {
		if r.late && (r.place == queued || r.place == waits) {
			r.end(-3)
		}
	}
}

func (m *model) remove(rt *rapid.T) {
	r := m.pick(rt, func(r *modelRun) bool { return r.place != deleted })
	n, err := m.e.DeleteExecutions(m.t.Context(), auth.System, []int64{r.id})
	if err != nil || (n == 1) != (r.place == ended) {
		rt.Fatalf("deleted %d of an execution that is %s: %v", n, r.place, err)
	}
	if n == 1 {
		r.place = deleted
	}
}

// check compares every execution with its model, and what became of its status
// with the arrows that there are.
func (m *model) check(rt *rapid.T) {
	var rows []struct {
		ID       int64  `db:"id"`
		Status   string `db:"status"`
		Leased   bool   `db:"leased"`
		Fence    int64  `db:"fence"`
		Attempts int    `db:"attempts"`
		Effects  int    `db:"effects"`
		Job      string `db:"job"`
		Open     bool   `db:"open"`
		Timer    bool   `db:"timer"`
	}
	err := m.db.SelectContext(m.t.Context(), &rows, `
		SELECT x.id, coalesce(x.status::text, '') AS status, coalesce(x.lease_until > now(), false) AS leased, x.fence, x.attempts,
			coalesce((SELECT n FROM public.effects e WHERE e.id = x.id), 0) AS effects,
			coalesce((SELECT j.status::text FROM alur.jobs j WHERE j.execution_id = x.id AND j.node_key = 'wait'), '') AS job,
			coalesce(cardinality(x.wake), 0) > 0 AS open,
			EXISTS (SELECT FROM alur.timers t WHERE t.execution_id = x.id) AS timer
		FROM alur.executions x ORDER BY x.id`)
	if err != nil {
		rt.Fatal(err)
	}
	got, now := []string{}, map[int64]string{}
	for _, r := range rows {
		fence, attempts := r.Fence, r.Attempts
		if m.find(r.ID).place == ended {
			fence, attempts = 0, 0 // they mean nothing any more
		}
		got = append(got, fmt.Sprint(r.ID, " status ", r.Status, " leased ", r.Leased, " fence ", fence, " attempts ", attempts,
			" effects ", r.Effects, " job ", r.Job, " open ", r.Open, " timer ", r.Timer))
		now[r.ID] = r.Status
	}
	var want []string
	for _, r := range m.runs {
		if r.place == deleted {
			continue
		}
		status, fence, attempts, job := "", r.fence, r.attempts, ""
		switch r.place {
		case waits:
			status = "0"
		case ended:
			status, fence, attempts = fmt.Sprint(r.status), 0, 0
		}
		if r.job != 0 {
			job = fmt.Sprint(r.answer)
		}
		want = append(want, fmt.Sprint(r.id, " status ", status, " leased ", r.leased, " fence ", fence, " attempts ", attempts,
			" effects ", r.effects, " job ", job, " open ", r.open, " timer ", r.place == waits))
	}
	if !slices.Equal(got, want) {
		rt.Fatalf("the database has\n%s\nand the model\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for id, old := range m.before {
		next, there := now[id]
		final := old != "" && old != "0"
		if final && there && next != old || !final && !there {
			rt.Fatalf("execution %d went from %q to %q", id, old, next)
		}
	}
	m.before = now
}
