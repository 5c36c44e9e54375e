package engine_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"alur/engine"
	"alur/engine/node"
	"alur/engine/pg"
	"alur/engine/pgtest"
	"alur/engine/queue"
)

// remote is a node that acts outside of the database. What it does is in the
// test's *outside.
type remote struct{ kind }

func (remote) Run(ctx context.Context, s *node.Step, c config) (node.Outcome, error) {
	if s.Tx != nil {
		return node.Outcome{}, fmt.Errorf("a remote node got a transaction")
	}
	s.Input = c.Fail
	return node.Use[*outside](s.Services).call(ctx, s)
}

var _ = node.Register[config](remote{kind{"test_remote", node.Remote}})

// outside is the world that remote nodes act on.
type outside struct {
	hold bool          // calls wait until leave or their end
	came chan string   // a call began: its key
	may  chan struct{} // a held call may end

	mu       sync.Mutex
	keys     map[string]int // calls by key
	attempts map[string]int // the last attempt by key
	now, top int            // calls under way: at the moment, at most
}

func newOutside(hold bool) *outside {
	return &outside{hold: hold, came: make(chan string, 1000), may: make(chan struct{}, 1000), keys: map[string]int{}, attempts: map[string]int{}}
}

func (o *outside) call(ctx context.Context, s *node.Step) (node.Outcome, error) {
	o.mu.Lock()
	o.keys[s.Key]++
	o.attempts[s.Key] = s.Attempt
	o.now++
	o.top = max(o.top, o.now)
	o.mu.Unlock()
	defer func() {
		o.mu.Lock()
		o.now--
		o.mu.Unlock()
	}()
	o.came <- s.Key
	if o.hold {
		select {
		case <-o.may:
		case <-ctx.Done():
			return node.Outcome{}, ctx.Err()
		}
	}
	return node.Done(s.Key), nil
}

func (o *outside) let(n int) {
	for range n {
		o.may <- struct{}{}
	}
}

// TestRemote: a remote step is recorded as running before it begins, acts
// outside of the transaction, and its outcome goes on to the next step.
func TestRemote(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := newOutside(true)
	node.Provide(w.e.Services, o)
	a := w.workflow(false, "",
		flow{kind: "test_local", key: "before", config: count(effect)},
		flow{kind: "test_remote", key: "call", config: `{"fail": "what it was given"}`},
		flow{kind: "test_remote", key: "again"},
		flow{kind: "test_local", key: "after", config: count(effect)})
	const executions = 32 // one batch: of more, some would wait for the slots that calls hold
	w.mustStart(a, executions)
	w.during(2, func() {
		<-o.came
		w.eventually("SELECT count(*) = $1 FROM alur.jobs WHERE node_key = 'call' AND status = 0 AND running", executions)
		if got := w.one("SELECT sum(n) FROM public.effects"); got != "32" {
			t.Errorf("effects before the call: %s, want 32", got)
		}
		o.let(2 * executions)
		w.eventually("SELECT count(*) = $1 FROM alur.executions WHERE status = 1", executions)
	})
	if got := w.one("SELECT count(*) || ' ' || count(*) FILTER (WHERE status = 1 AND running IS NULL AND ended_at IS NOT NULL AND attempt = 1) FROM alur.jobs"); got != "128 128" {
		t.Errorf("jobs, and those that are as they should be: %s, want 128 128", got)
	}
	if got := w.one("SELECT count(*) FROM alur.jobs WHERE node_key = 'call' AND result #>> '{}' = id::text AND input #>> '{}' = 'what it was given'"); got != "32" {
		t.Errorf("%s calls have their own key and input, want 32", got)
	}
	if got := w.one("SELECT count(*) || ' ' || sum(n) FROM public.effects"); got != "32 64" {
		t.Errorf("effects: %s, want 32 64", got)
	}
	if len(o.keys) != 2*executions || o.top > 10 {
		t.Errorf("%d different keys, %d calls at once; want 64 and at most 10", len(o.keys), o.top)
	}
}

// TestRemoteFails: what goes wrong in a remote step is its own outcome.
func TestRemoteFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustStart(w.workflow(false, "", flow{kind: "test_late", key: "a"}, flow{kind: "test_pure", key: "x"}), 2)
	w.work()
	if got, want := w.story(), "-2:a=-2 | -2:a=-2"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestRemoteAgain: a remote step whose process died begins again with the same
// key, as a further attempt, and ends in words when that goes on.
func TestRemoteAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := newOutside(false)
	node.Provide(w.e.Services, o)
	a := w.workflow(false, "", flow{kind: "test_pure", key: "a"}, flow{kind: "test_remote", key: "call"}, flow{kind: "test_pure", key: "b"})
	// As a process leaves it that dies in the middle of the call.
	w.mustStart(a, 2)
	interrupted := func(execution, attempts string) {
		job := fmt.Sprintf(`INSERT INTO alur.jobs (id, execution_id, node_id, node_key, status, started_at, ended_at, running)
			SELECT %s * 10 + $1, %[1]s, id, key, CASE key WHEN 'a' THEN 1 ELSE 0 END, now(), CASE key WHEN 'a' THEN now() END, CASE key WHEN 'call' THEN true END
			FROM alur.flow_nodes WHERE key = $2`, execution)
		for n, key := range []string{"a", "call"} {
			if _, err := w.db.ExecContext(t.Context(), job, n+1, key); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := w.db.ExecContext(t.Context(), "UPDATE alur.executions SET segments = 1, started_at = now(), attempts = $2 WHERE id = $1", execution, attempts); err != nil {
			t.Fatal(err)
		}
	}
	once, often := w.one("SELECT min(id) FROM alur.executions"), w.one("SELECT max(id) FROM alur.executions")
	interrupted(once, "0")
	interrupted(often, "5")
	w.work()
	if got, want := w.story(), "1:a=1 call=1 b=1 | -2:a=1 call=-2"; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	key := fmt.Sprint(atoi(t, once)*10 + 2)
	if len(o.keys) != 1 || o.keys[key] != 1 || o.attempts[key] != 2 {
		t.Errorf("calls %v at attempts %v, want one of %s at its second attempt", o.keys, o.attempts, key)
	}
	if got := w.one("SELECT attempt FROM alur.jobs WHERE id = $1", key); got != "2" {
		t.Errorf("the job is at attempt %s, want 2", got)
	}
}

// TestConcurrency: a workflow's limit holds for all processes together, for
// remote steps and for what runs in the database.
func TestConcurrency(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"test_remote", "test_gauge"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			o := newOutside(false)
			a := w.workflow(false, `{"concurrency": 2}`, flow{kind: kind, key: "call"})
			b := w.workflow(false, `{"concurrency": 1}`, flow{kind: "test_pure", key: "b"})
			engines := []*engine.Engine{w.another(pgtest.Open(t, pgtest.URL(t, w.db)), 2), w.another(pgtest.Open(t, pgtest.URL(t, w.db)), 3)}
			for _, e := range append(engines, w.e) {
				node.Provide(e.Services, o)
			}
			w.mustStart(a, 150)
			w.mustStart(b, 150)
			w.work(engines...)
			if got := w.one("SELECT count(*) FROM alur.executions WHERE status = 1"); got != "300" {
				t.Errorf("%s executions completed, want 300", got)
			}
			if o.top > 2 || len(o.keys) != 150 {
				t.Errorf("%d calls at once, %d in all; want at most 2, and 150", o.top, len(o.keys))
			}
		})
	}
}

// gauge measures how many of its kind run at once.
type gauge struct{ kind }

func (gauge) Run(ctx context.Context, s *node.Step, _ config) (node.Outcome, error) {
	if _, err := s.Tx.ExecContext(ctx, "SELECT pg_sleep(0.001)"); err != nil {
		return node.Outcome{}, err
	}
	return node.Use[*outside](s.Services).call(ctx, s)
}

var _ = node.Register[config](gauge{kind{"test_gauge", node.Local}})

// TestStopReachesRemote: a stop ends a call that is under way in another
// process, and its outcome counts no more.
func TestStopReachesRemote(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := newOutside(true)
	other := w.another(pgtest.Open(t, pgtest.URL(t, w.db)), 2)
	node.Provide(other.Services, o)
	w.mustStart(w.workflow(false, "", flow{kind: "test_remote", key: "call"}, flow{kind: "test_local", key: "x", config: count(effect)}), 2)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { other.Work(ctx, 2); close(done) }()
	<-o.came
	<-o.came
	first := atoi(t, w.one("SELECT min(id) FROM alur.executions"))
	if stopped, err := queue.Stop(t.Context(), w.db, []int64{first}, "manual_cancel", 0, w.clock.now()); err != nil || len(stopped) != 1 {
		t.Fatalf("stopped %v: %v", stopped, err)
	}
	// Nobody says so: the process finds out on its own.
	for o.under() == 2 {
		w.eventually("SELECT true")
	}
	o.let(1)
	w.eventually("SELECT count(*) = 1 FROM alur.executions WHERE status = 1")
	stop()
	<-done
	if got, want := w.story(), "-3:call=-3 | 1:call=1 x=1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := w.one("SELECT reason FROM alur.executions WHERE id = $1", first); got != "manual_cancel" {
		t.Errorf("the reason is %q", got)
	}
}

func (o *outside) under() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.now
}

// TestShutdownWithRemote: a process that stops lets calls end and records them,
// and leaves the rest of the way, and what waits for its turn, to others.
func TestShutdownWithRemote(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := newOutside(true)
	node.Provide(w.e.Services, o)
	w.mustStart(w.workflow(false, `{"concurrency": 2}`, flow{kind: "test_remote", key: "one"}, flow{kind: "test_remote", key: "two"}, flow{kind: "test_local", key: "b", config: count(effect)}), 6)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { w.e.Work(ctx, 2); close(done) }()
	<-o.came
	<-o.came
	stop()
	o.let(2)
	<-done
	if got := w.one("SELECT count(*) FILTER (WHERE status = 1) || ' ' || count(*) FILTER (WHERE running) || ' ' || count(*) FROM alur.jobs"); got != "2 4 6" {
		t.Errorf("ended, begun and all jobs: %s, want 2 4 6", got)
	}
	if got := w.one("SELECT count(*) FROM alur.executions WHERE lease_until IS NOT NULL OR attempts > 0"); got != "0" {
		t.Errorf("%s executions were not given back", got)
	}
	if got := w.one("SELECT count(*) FROM alur.slots WHERE lease_until > now() AND EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = CAST(worker AS oid))"); got != "0" {
		t.Errorf("%s slots are held by the living", got)
	}
	o.let(100)
	w.work()
	if got := w.one("SELECT count(*) || ' ' || sum(n) FROM public.effects"); got != "6 6" {
		t.Errorf("effects: %s, want 6 6", got)
	}
	if len(o.keys) != 12 {
		t.Errorf("%d different keys, want 12", len(o.keys))
	}
}

// TestRemoteInline: in a synchronous workflow a remote step runs inside of the
// request.
func TestRemoteInline(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := newOutside(false)
	node.Provide(w.e.Services, o)
	a := w.workflow(true, "", flow{kind: "test_remote", key: "call"}, flow{kind: "test_local", key: "b", config: count(effect)})
	err := w.db.Tx(t.Context(), pg.RepeatableRead, func(tx *pg.Tx) error {
		return w.e.Start(t.Context(), tx, []engine.Event{{Workflow: a, Context: map[string]any{}}})
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := w.story(), "1:call=1 b=1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
