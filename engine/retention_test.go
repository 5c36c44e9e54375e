package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lib/pq"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/node"
	"alur/engine/pg"
	"alur/engine/pgtest"
	"alur/engine/snowflake"
)

// house is an engine with a moved clock whose executions are made by hand.
type house struct {
	*engine.Engine
	t   *testing.T
	now time.Time
	wf  engine.Workflow
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := newHouseOn(t, pgtest.New(t))
	h.wf = h.workflow()
	return h
}

func newHouseOn(t *testing.T, db *pg.DB) *house {
	t.Helper()
	h := &house{t: t, now: time.Date(2030, 6, 1, 12, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return h.now }
	ids := snowflake.New(0, clock)
	h.Engine = engine.New(engine.Options{DB: db, IDs: ids, Now: clock, Records: collection.NewStore(db, ids, clock),
		Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	return h
}

func (h *house) workflow() engine.Workflow {
	h.t.Helper()
	w, err := h.CreateWorkflow(h.t.Context(), auth.System, engine.NewWorkflow{Title: "Orders", Type: "test"})
	if err != nil {
		h.t.Fatal(err)
	}
	return w
}

// ran makes an execution of w that was made days ago and ended at once with
// status; nil and 0 have not ended. It has two jobs, the first of which failed.
func (h *house) ran(w engine.Workflow, daysAgo int, status any) int64 {
	h.t.Helper()
	at := h.now.AddDate(0, 0, -daysAgo)
	id := (at.Unix()-snowflake.Epoch)<<21 + h.IDs.Next()&(1<<21-1)
	var ended any
	if status != nil && status != 0 {
		ended = at
	}
	h.exec(`INSERT INTO alur.executions (id, workflow_id, key, context, status, created_at, started_at, ended_at)
		VALUES ($1, $2, $3, '{}', $4, $5, $5, $6)`, id, w.ID, w.Key, status, at, ended)
	h.exec(`INSERT INTO alur.jobs (id, execution_id, node_id, node_key, status, result, started_at, ended_at)
		VALUES ($1, $2, 1, 'a', -2, '{"message": "The record could not be saved."}', $3, $3), ($1 - 1, $2, 2, 'b', 1, '1', $3, $3)`, h.IDs.Next()*2, id, at)
	return id
}

func (h *house) exec(query string, args ...any) {
	h.t.Helper()
	if _, err := h.DB.ExecContext(h.t.Context(), query, args...); err != nil {
		h.t.Fatal(err)
	}
}

// number is the answer of a query that counts.
func (h *house) number(query string, args ...any) (n int) {
	h.t.Helper()
	if err := h.DB.GetContext(h.t.Context(), &n, query, args...); err != nil {
		h.t.Fatal(err)
	}
	return n
}

// keep does everything that is due for housekeeping, and what becomes due by it.
func (h *house) keep() {
	h.t.Helper()
	for range 1000 {
		wait, err := h.HousekeepOnce(h.t.Context())
		if err != nil {
			h.t.Fatal(err)
		}
		h.now = h.now.Add(wait)
		if wait >= time.Second {
			return
		}
	}
	h.t.Fatal("housekeeping goes on and on")
}

// count keeps house until the border of the counters moves: with the first round
// after transactions that run elsewhere on the same PostgreSQL are over.
func (h *house) count() {
	h.t.Helper()
	before := h.number(`SELECT counted_to FROM alur.housekeeping`)
	for h.number(`SELECT counted_to FROM alur.housekeeping`) == before {
		h.keep()
	}
}

// left are those of ids that were not deleted.
func (h *house) left(ids ...int64) []int64 {
	h.t.Helper()
	var there []int64
	for _, id := range ids {
		if h.number(`SELECT count(*) FROM alur.executions WHERE id = $1`, id) == 1 {
			there = append(there, id)
		}
	}
	return there
}

func TestRetention(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		server  engine.History
		options string // of the workflow
		kept    []int  // of the executions below, by place
	}{
		{"for ever", engine.History{}, `{}`, []int{0, 1, 2, 3, 4, 5, 6}},
		{"by age", engine.History{Days: 30}, `{}`, []int{0, 1, 2, 4, 5, 6}},
		{"failures by their own age", engine.History{FailedDays: 10}, `{}`, []int{0, 1, 2, 3, 4}},
		{"by count", engine.History{Most: 2}, `{}`, []int{0, 1, 2, 4}},
		{"own rules win", engine.History{Days: 1, FailedDays: 1}, `{"history": {"days": 0, "failedDays": 0, "most": 0}}`, []int{0, 1, 2, 3, 4, 5, 6}},
		{"own days", engine.History{}, `{"history": {"days": 5}}`, []int{0, 1, 4, 5, 6}},
		{"by status, whatever the path", engine.History{}, `{"deleteExecutionOnStatus": [-3, 1]}`, []int{0, 1, 6}},
		{"never what goes on", engine.History{Days: 1}, `{"deleteExecutionOnStatus": [0, null, -2]}`, []int{0, 1, 5}},
		{"nonsense in options", engine.History{}, `{"history": "x", "deleteExecutionOnStatus": "all"}`, []int{0, 1, 2, 3, 4, 5, 6}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			h.exec(`UPDATE alur.workflows SET options = $1`, tc.options)
			if err := h.SaveHistorySettings(t.Context(), auth.System, engine.HistorySettings{History: tc.server, RecordMonths: 24}); err != nil {
				t.Fatal(err)
			}
			ids := []int64{h.ran(h.wf, 400, nil), h.ran(h.wf, 400, 0), h.ran(h.wf, 20, 1), h.ran(h.wf, 40, 1),
				h.ran(h.wf, 3, 1), h.ran(h.wf, 25, -3), h.ran(h.wf, 26, -2)}
			h.keep()
			var want []int64
			for i, id := range ids {
				if slices.Contains(tc.kept, i) {
					want = append(want, id)
				}
			}
			if got := h.left(ids...); !slices.Equal(got, want) {
				t.Errorf("left %v of %v, want %v", got, ids, want)
			}
			if n := h.number(`SELECT count(*) FROM alur.jobs j WHERE NOT EXISTS (SELECT FROM alur.executions x WHERE x.id = j.execution_id)`); n != 0 {
				t.Errorf("%d jobs without an execution", n)
			}
			if n := h.number(`SELECT count(*) FROM alur.execution_records`); n != len(ids)-len(want) {
				t.Errorf("%d records, want %d", n, len(ids)-len(want))
			}
		})
	}
}

func TestRetentionSparesChildren(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	parent, child := h.ran(h.wf, 9, 0), h.ran(h.wf, 9, 1)
	h.exec(`UPDATE alur.executions SET parent_id = $1 WHERE id = $2`, parent, child)
	h.exec(`UPDATE alur.workflows SET options = '{"deleteExecutionOnStatus": [1], "history": {"days": 1, "most": 1}}'`)
	h.keep()
	if n, err := h.DeleteExecutions(t.Context(), auth.System, []int64{parent, child}); n != 0 || err != nil {
		t.Errorf("deleted %d by hand, %v; the parent still waits", n, err)
	}
	if got := h.left(parent, child); len(got) != 2 {
		t.Fatalf("left %v while the parent waits, want both", got)
	}
	h.exec(`UPDATE alur.executions SET status = -2, ended_at = $1 WHERE id = $2`, h.now, parent)
	h.keep()
	if got := h.left(child); len(got) != 0 {
		t.Error("the child is still there after the end of its parent")
	}
}

// TestRetentionInBatches deletes more than one transaction does, with the steps,
// tasks and links of each, and lets every workflow have its turn.
func TestRetentionInBatches(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	other := h.workflow()
	h.exec(`UPDATE alur.workflows SET options = '{"history": {"most": 7}}'`)
	for i, w := range []engine.Workflow{h.wf, other} {
		h.exec(`INSERT INTO alur.executions (id, workflow_id, key, context, status, created_at, started_at, ended_at)
			SELECT CAST($1 AS bigint) + $4 * 2000 + i, $1, $2, '{}', 1, $3, $3, $3 FROM generate_series(1, 1200) i`, w.ID, w.Key, h.now, i)
	}
	wait, err := h.HousekeepOnce(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if wait >= time.Second {
		t.Errorf("%s until the next batch, though there is more to do", wait)
	}
	if n := h.number(`SELECT count(*) FROM alur.executions`); n != 2300 {
		t.Errorf("%d executions after the first batch, want 2300", n)
	}
	if wait, err := h.HousekeepOnce(t.Context()); err != nil || wait < time.Second {
		t.Errorf("the next batch came at once: %v, %v", wait, err)
	}
	h.now = h.now.Add(wait)
	h.keep()
	for _, w := range []engine.Workflow{h.wf, other} {
		if n := h.number(`SELECT count(*) FROM alur.executions WHERE key = $1`, w.Key); n != 7 {
			t.Errorf("%d executions of a workflow that keeps 7", n)
		}
		if n := h.number(`SELECT alur.executed($1)`, w.Key); n != 1200 {
			t.Errorf("executed %d times, want 1200", n)
		}
	}
}

// TestCounters lets executions come and go on both sides of the border.
func TestCounters(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	check := func(when string, want int) {
		t.Helper()
		if n := h.number(`SELECT alur.executed($1)`, h.wf.Key); n != want {
			t.Errorf("%s: executed %d, want %d", when, n, want)
		}
		if n := h.number(`SELECT alur.version_executed($1, $2)`, h.wf.Key, h.wf.ID); n != want {
			t.Errorf("%s: version executed %d, want %d", when, n, want)
		}
		w, _, err := h.Workflow(t.Context(), auth.System, h.wf.ID)
		if err != nil || w.Frozen() != (want > 0) {
			t.Errorf("%s: frozen %t, %v", when, w.Frozen(), err)
		}
	}
	remove := func(id int64) {
		t.Helper()
		if n, err := h.DeleteExecutions(t.Context(), auth.System, []int64{id}); n != 1 || err != nil {
			t.Fatalf("deleted %d, %v", n, err)
		}
	}
	check("never run", 0)
	old, older := h.ran(h.wf, 3, 1), h.ran(h.wf, 4, 1)
	young := h.ran(h.wf, 0, 1)
	check("before any count", 3)
	remove(old)
	check("one deleted above the border", 3)
	h.count()
	if n := h.number(`SELECT count(*) FROM alur.housekeeping WHERE counted_to > $1 AND counted_to < $2`, older, young); n != 1 {
		t.Fatal("the border is not between the older and the younger executions")
	}
	check("counted", 3)
	remove(older)
	check("one deleted below the border", 3)
	remove(young)
	check("one deleted above it again", 3)
	h.now = h.now.Add(time.Hour)
	h.count()
	check("all deleted and the border far on", 3)
}

// TestCountersWaitForTransactions chooses a border while an execution below it
// is not committed yet: it must not be passed over.
func TestCountersWaitForTransactions(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	conn, err := h.DB.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	tx, err := conn.Begin(t.Context(), pg.ReadCommitted)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(t.Context(), `INSERT INTO alur.executions (id, workflow_id, key, context, status, ended_at) VALUES (5, $1, $2, '{}', 1, now())`, h.wf.ID, h.wf.Key); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		h.keep()
		if n := h.number(`SELECT counted_to FROM alur.housekeeping`); n != 0 {
			t.Fatal("the border moved past an execution that is not committed")
		}
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.count()
	if n := h.number(`SELECT counted FROM alur.workflow_stats WHERE key = $1`, h.wf.Key); n != 1 {
		t.Errorf("counted %d, want 1", n)
	}
	// A restored database counts its transactions anew.
	h.exec(`UPDATE alur.housekeeping SET next_xid = '99999999999', next_to = next_to + 1`)
	h.now = h.now.Add(time.Hour)
	h.count()
}

// TestCountersRace creates and deletes executions while the border moves past
// them.
func TestCountersRace(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	const rounds, each = 8, 40
	insert := `INSERT INTO alur.executions (id, workflow_id, key, context, status, created_at, ended_at) SELECT CAST($1 AS bigint) + i, $2, $3, '{}', 1, $4, $4 FROM generate_series(1, CAST($5 AS integer)) i`
	for round := range rounds {
		old := h.now.Add(-30 * time.Minute)
		first := (old.Unix() - snowflake.Epoch) << 21
		h.exec(insert, first, h.wf.ID, h.wf.Key, old, each)
		if _, err := h.HousekeepOnce(ctx); err != nil { // chooses a border behind them
			t.Fatal(err)
		}
		h.exec(`UPDATE alur.housekeeping SET due_at = 'epoch'`)
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := h.HousekeepOnce(ctx); err != nil { // moves it
				t.Error(err)
			}
		})
		all.Go(func() {
			for i := range int64(each) {
				if n, err := h.DeleteExecutions(ctx, auth.System, []int64{first + i + 1}); n != 1 || err != nil {
					t.Errorf("deleted %d, %v", n, err)
				}
			}
		})
		all.Go(func() {
			h.exec(insert, (h.now.Unix()-snowflake.Epoch)<<21, h.wf.ID, h.wf.Key, h.now, each)
		})
		all.Wait()
		if n, want := h.number(`SELECT alur.executed($1)`, h.wf.Key), 2*each*(round+1); n != want {
			t.Fatalf("round %d: executed %d, want %d", round, n, want)
		}
		h.now = h.now.Add(time.Hour)
	}
	// Transactions of other tests on the same server can hold the border for a while.
	for end := time.Now().Add(time.Minute); h.number(`SELECT counted_to FROM alur.housekeeping`) == 0; {
		if time.Now().After(end) {
			t.Fatal("the border never moved")
		}
		h.exec(`UPDATE alur.housekeeping SET due_at = 'epoch'`)
		if _, err := h.HousekeepOnce(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

func TestExecutionRecord(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	broken, cancelled, fine := h.ran(h.wf, 3, -2), h.ran(h.wf, 2, -3), h.ran(h.wf, 1, 1)
	h.exec(`UPDATE alur.executions SET reason = 'timeout' WHERE id = $1`, cancelled)
	h.exec(`INSERT INTO alur.users (id, nickname, email) VALUES (7, 'Ann', 'ann@alur.test')`)
	h.exec(`INSERT INTO alur.tasks (id, execution_id, job_id, node_id, node_key, workflow_id, workflow_key, user_id, title, form)
		VALUES (1, $1, 1, 1, 'a', 1, 'k', 7, 'Look', '{}')`, broken)
	h.exec(`INSERT INTO alur.links (token_hash, task_id, user_id, created_at, expires_at) VALUES ('x', 1, 7, $1, $1)`, h.now)
	h.exec(`UPDATE alur.workflows SET options = '{"deleteExecutionOnStatus": [-2]}'`)
	h.keep()
	if _, err := h.DeleteExecutions(ctx, auth.Actor{UserID: 7, Role: auth.Admin}, []int64{cancelled, fine}); err != nil {
		t.Fatal(err)
	}
	if n := h.number(`SELECT count(*) FROM alur.links`); n != 0 {
		t.Error("a mailed link is still there")
	}
	for _, tc := range []struct {
		id           int64
		why, problem string
		state, by    string
	}{
		{broken, "status", "The record could not be saved.", "error", ""},
		{cancelled, "person", "timeout", "cancelled", "Ann"},
		{fine, "person", "", "completed", "Ann"},
	} {
		r, err := h.ExecutionRecord(ctx, auth.System, tc.id)
		if err != nil {
			t.Fatal(err)
		}
		problem := ""
		if r.Problem != nil {
			problem = *r.Problem
		}
		if r.Why != tc.why || problem != tc.problem || r.State() != tc.state || r.Deleter != tc.by || r.Steps != 2 || r.Key != h.wf.Key {
			t.Errorf("record %+v with problem %q, want %+v and 2 steps", r, problem, tc)
		}
	}
	rows, more, err := h.ExecutionRecords(ctx, auth.System, h.wf.Key, 0, 2)
	if err != nil || !more || len(rows) != 2 || rows[0].ID != fine {
		t.Errorf("list %+v, %t, %v; want the newest two and more", rows, more, err)
	}
	if rows, more, err = h.ExecutionRecords(ctx, auth.System, "", cancelled, 2); err != nil || more || len(rows) != 1 || rows[0].ID != broken {
		t.Errorf("second page %+v, %t, %v; want the oldest", rows, more, err)
	}
	if _, err := h.ExecutionRecord(ctx, auth.Actor{UserID: 1, Role: auth.Member}, broken); !fault.Is(err, fault.Forbidden) {
		t.Errorf("a member reads a record: %v", err)
	}
	h.now = h.now.AddDate(0, 25, 0)
	h.keep()
	if _, err := h.ExecutionRecord(ctx, auth.System, broken); !fault.Is(err, fault.NotFound) {
		t.Errorf("after two years: %v, want not found", err)
	}
}

// TestStackCountsDeleted keeps the limit of workflows that start themselves
// through a short history.
func TestStackCountsDeleted(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	first := h.ran(h.wf, 1, 1)
	if _, err := h.DeleteExecutions(t.Context(), auth.System, []int64{first}); err != nil {
		t.Fatal(err)
	}
	if n := h.number(engine.Queries.Get("count_stack"), pq.Array([]int64{first}), h.wf.ID); n != 1 {
		t.Errorf("counted %d of one deleted execution", n)
	}
}

func TestHistorySettings(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	s, err := h.HistorySettings(ctx, auth.System)
	if want := (engine.HistorySettings{RecordMonths: 24}); err != nil || s != want {
		t.Errorf("settings %+v, %v; want %+v", s, err, want)
	}
	err = h.SaveHistorySettings(ctx, auth.System, engine.HistorySettings{History: engine.History{Days: -1, FailedDays: 4000, Most: 20_000_000}})
	var f *fault.Error
	if !errors.As(err, &f) || len(f.Fields) != 4 {
		t.Errorf("nonsense is answered with %v", err)
	}
	for _, a := range []auth.Actor{{}, {UserID: 1, Role: auth.Member}} {
		if err := h.SaveHistorySettings(ctx, a, engine.HistorySettings{RecordMonths: 1}); err == nil {
			t.Errorf("%+v may change the settings", a)
		}
	}
	own := engine.WorkflowHistory{History: &engine.History{Days: 5}, DeleteOn: []node.Status{node.Resolved}}
	if err := h.SetHistory(ctx, auth.System, h.wf.ID, own); err != nil {
		t.Fatal(err)
	}
	w, _, err := h.Workflow(ctx, auth.System, h.wf.ID)
	if err != nil {
		t.Fatal(err)
	}
	got := engine.ReadHistory(w.Options)
	if got.History == nil || *got.History != *own.History || !slices.Equal(got.DeleteOn, own.DeleteOn) {
		t.Errorf("options %s", w.Options)
	}
	if !strings.Contains(string(w.Options), `"timeout": 0`) {
		t.Errorf("other options are gone: %s", w.Options)
	}
	if err := h.SetHistory(ctx, auth.System, h.wf.ID, engine.WorkflowHistory{}); err != nil {
		t.Fatal(err)
	}
	w, _, _ = h.Workflow(ctx, auth.System, h.wf.ID)
	var options map[string]any
	if err := json.Unmarshal(w.Options, &options); err != nil || len(options) != 1 {
		t.Errorf("options %s after taking the rules away", w.Options)
	}
}

// TestHousekeep runs the loop itself: it does what is due and ends with its
// context.
func TestHousekeep(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	id := h.ran(h.wf, 1, 1)
	h.exec(`UPDATE alur.workflows SET options = '{"deleteExecutionOnStatus": [1]}'`)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { h.Housekeep(ctx); close(ended) }()
	for len(h.left(id)) > 0 { // go test ends it when it never comes
	}
	stop()
	<-ended
}
