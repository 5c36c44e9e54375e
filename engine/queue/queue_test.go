package queue_test

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"alur/engine/fault"
	"alur/engine/pg"
	"alur/engine/pgtest"
	"alur/engine/queue"
)

// line is a database with executions to claim: number n has the id n.
type line struct {
	t  *testing.T
	db *pg.DB
}

func newLine(t *testing.T) *line { return &line{t, pgtest.New(t)} }

// add queues executions from to to of a workflow.
func (l *line) add(workflow, from, to int64) {
	l.t.Helper()
	l.exec("INSERT INTO alur.executions (id, workflow_id, key, context) SELECT i, $1, 'k', '{}' FROM generate_series(CAST($2 AS bigint), $3) i", workflow, from, to)
}

func (l *line) exec(query string, args ...any) {
	l.t.Helper()
	if _, err := l.db.ExecContext(l.t.Context(), query, args...); err != nil {
		l.t.Fatalf("%s: %v", query, err)
	}
}

func (l *line) one(query string, args ...any) string {
	l.t.Helper()
	var v sql.NullString
	if err := sqlx.GetContext(l.t.Context(), l.db.Side(), &v, query, args...); err != nil && !errors.Is(err, sql.ErrNoRows) {
		l.t.Fatalf("%s: %v", query, err)
	}
	return v.String
}

func (l *line) open() *queue.Queue {
	l.t.Helper()
	q, err := queue.Open(l.t.Context(), l.db)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(q.Close)
	return q
}

func (l *line) claim(q *queue.Queue, workflow, after int64, limit int) []queue.Claim {
	l.t.Helper()
	claims, err := q.Claim(l.t.Context(), workflow, after, limit, 0)
	if err != nil {
		l.t.Fatal(err)
	}
	return claims
}

// ids are the claims' ids as text.
func ids(claims []queue.Claim) string {
	all := make([]string, len(claims))
	for i, c := range claims {
		all[i] = fmt.Sprint(c.ID)
	}
	return strings.Join(all, " ")
}

// finish writes the outcome of one execution with one job.
func (l *line) finish(c queue.Claim, status, woken int) error {
	x := fmt.Sprintf(`[{"i": %d, "f": %d, "s": %d, "w": %d}]`, c.ID, c.Fence, status, woken)
	f := queue.Flush{Executions: []byte(x)}
	f.Jobs.Add(job(c.ID*1000+c.Fence, c.ID, status))
	_, err := queue.Finish(l.t.Context(), l.db, &f)
	return err
}

func job(id, execution int64, status int) queue.Job {
	j := queue.Job{ID: id, ExecutionID: execution, NodeID: 1, NodeKey: "n", Status: status, Attempt: 1, Started: noon}
	if status != 0 {
		j.Ended = noon
	}
	return j
}

func (l *line) answer(execution, job int64) error {
	return l.db.Tx(l.t.Context(), pg.ReadCommitted, func(tx *pg.Tx) error {
		return queue.Answer(l.t.Context(), tx, execution, job, 1, json.RawMessage(`"yes"`), time.Unix(1, 0))
	})
}

// TestClaimOrder: oldest first, one workflow at a time, above the cursor, and
// nothing twice.
func TestClaimOrder(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	l.add(7, 1, 6)
	l.add(8, 11, 12)
	l.exec("UPDATE alur.executions SET status = 1, ended_at = now() WHERE id = 2")
	q, other := l.open(), l.open()
	if got, err := q.Pending(t.Context()); err != nil || fmt.Sprint(got) != "[7 8]" {
		t.Errorf("pending %v: %v, want [7 8]", got, err)
	}
	for _, tc := range []struct {
		q               *queue.Queue
		workflow, after int64
		limit           int
		want            string
	}{
		{q, 7, 0, 2, "1 3"},
		{other, 7, 4, 1, "5"},
		{q, 7, 0, 9, "4 6"},
		{q, 7, 0, 9, ""},
		{other, 8, 0, 9, "11 12"},
		{other, 9, 0, 9, ""},
	} {
		if got := ids(l.claim(tc.q, tc.workflow, tc.after, tc.limit)); got != tc.want {
			t.Errorf("claimed %q of workflow %d after %d, want %q", got, tc.workflow, tc.after, tc.want)
		}
	}
	if got := fmt.Sprint(q.Held(), other.Held()); got != "4 3" {
		t.Errorf("held by each: %s, want 4 3", got)
	}
	if got := l.one("SELECT count(*) FROM alur.executions WHERE status IS NULL AND started_at IS NOT NULL AND lease_until > now() + interval '25 s' AND fence = 1 AND attempts = 1"); got != "7" {
		t.Errorf("%s leases, want 7", got)
	}
}

// TestRenew prolongs what is held and finds what was lost.
func TestRenew(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	l.add(7, 1, 4)
	q := l.open()
	claims := l.claim(q, 7, 0, 9)
	l.exec("UPDATE alur.executions SET lease_until = now() + interval '1 s'")
	l.exec("UPDATE alur.executions SET fence = fence + 1 WHERE id = 1")                                 // somebody else claimed it
	l.exec("UPDATE alur.executions SET status = -3, ended_at = now(), lease_until = NULL WHERE id = 2") // somebody ended it
	l.exec("UPDATE alur.executions SET worker = worker + 1 WHERE id = 3")                               // cannot be, and is not ours then
	lost, err := q.Renew(t.Context())
	if err != nil || len(lost) != 3 {
		t.Fatalf("lost %v: %v, want 3", lost, err)
	}
	if got := l.one("SELECT string_agg(id::text, ' ') FROM alur.executions WHERE lease_until > now() + interval '25 s'"); got != "4" {
		t.Errorf("prolonged: %s, want 4", got)
	}
	if lost, err := q.Renew(t.Context()); err != nil || len(lost) != 0 || q.Held() != 1 || !q.Holds(claims[3]) {
		t.Errorf("then lost %v: %v, and holds %d, want 1", lost, err, q.Held())
	}
	// A lease that ran out is claimable, as a further attempt.
	l.exec("UPDATE alur.executions SET lease_until = now() - interval '1 s' WHERE id = 4")
	again := l.claim(l.open(), 7, 0, 9)
	if ids(again) != "4" || again[0].Attempts != 2 || again[0].Fence != 2 {
		t.Errorf("claimed %+v, want 4 at its second attempt", again)
	}
	if lost, err := q.Renew(t.Context()); err != nil || fmt.Sprint(lost) != "[4]" {
		t.Errorf("lost %v: %v, want 4", lost, err)
	}
}

// TestRelease gives back at once or after a while, and only what is its own.
func TestRelease(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	l.add(7, 1, 3)
	q := l.open()
	claims := l.claim(q, 7, 0, 9)
	l.exec("UPDATE alur.executions SET fence = fence + 1 WHERE id = 3")
	if err := q.Release(t.Context(), claims[:1], 0); err != nil {
		t.Fatal(err)
	}
	if err := q.Release(t.Context(), claims[1:], time.Minute); err != nil {
		t.Fatal(err)
	}
	if got := l.one("SELECT string_agg(concat_ws(' ', id, attempts, lease_until > now() + interval '50 s'), ', ' ORDER BY id) FROM alur.executions"); got != "1 0, 2 0 t, 3 1 f" {
		t.Errorf("id, attempts, put off: %s, want 1 0, 2 0 t, 3 1 f", got)
	}
	if got := ids(l.claim(q, 7, 0, 9)); got != "1" {
		t.Errorf("claimed %q, want 1", got)
	}
}

// TestFinish: the fence decides, for a whole flush at once.
func TestFinish(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	l.add(7, 1, 3)
	q := l.open()
	claims := l.claim(q, 7, 0, 9)
	if err := l.finish(claims[0], 1, 0); err != nil {
		t.Fatal(err)
	}
	if err := l.finish(claims[0], 1, 0); !pg.IsNotNull(err) {
		t.Errorf("finished twice: %v, want a NOT NULL violation", err)
	}
	l.exec("UPDATE alur.executions SET fence = fence + 1 WHERE id = 3")
	both := fmt.Appendf(nil, `[{"i": 2, "f": %d, "s": 1, "w": 0}, {"i": 3, "f": %d, "s": 1, "w": 0}]`, claims[1].Fence, claims[2].Fence)
	for _, stored := range []bool{false, true} {
		f := queue.Flush{Executions: both}
		for _, j := range []queue.Job{job(21, 2, 1), job(31, 3, 1)} {
			j.Stored = stored
			f.Jobs.Add(j)
		}
		if _, err := queue.Finish(t.Context(), l.db, &f); !pg.IsNotNull(err) {
			t.Errorf("finished with one lost, stored %v: %v, want a NOT NULL violation", stored, err)
		}
	}
	if got := l.one("SELECT string_agg(coalesce(status::text, '-'), ' ' ORDER BY id) || ' ' || (SELECT count(*) FROM alur.jobs) FROM alur.executions"); got != "1 - - 1" {
		t.Errorf("statuses and jobs: %s, want 1 - - 1", got)
	}
}

// TestAnswer: an answer wakes an execution that waits, and is not lost while it
// runs or when it is about to wait again.
func TestAnswer(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	l.add(7, 1, 1)
	q := l.open()
	c := l.claim(q, 7, 0, 9)[0]
	if err := l.finish(c, 0, 0); err != nil {
		t.Fatal(err)
	}
	if got := ids(l.claim(q, 7, 0, 9)); got != "" {
		t.Fatalf("claimed %s while it waits", got)
	}
	if err := l.answer(1, 1001); err != nil {
		t.Fatal(err)
	}
	if err := l.answer(1, 1001); !fault.Is(err, fault.Conflict) {
		t.Errorf("answered twice: %v, want Conflict", err)
	}
	c = l.claim(q, 7, 0, 9)[0]
	if fmt.Sprint(c.Wake) != "[1001]" || c.Segments != 1 || c.Attempts != 1 {
		t.Fatalf("claimed %+v, want it woken by 1001", c)
	}
	// A second step waits and is answered while the first is worked off.
	l.exec("INSERT INTO alur.jobs (id, execution_id, node_id, node_key, status, started_at) VALUES (5, 1, 2, 'm', 0, now())")
	if err := l.answer(1, 5); err != nil {
		t.Fatal(err)
	}
	if err := l.finish(c, 0, 1); err != nil {
		t.Fatal(err)
	}
	c = l.claim(q, 7, 0, 9)[0]
	if fmt.Sprint(c.Wake) != "[5]" {
		t.Fatalf("then woken by %v, want 5", c.Wake)
	}
	if err := l.finish(c, 1, 1); err != nil {
		t.Fatal(err)
	}
	if got := l.one("SELECT status || ' ' || cardinality(wake) FROM alur.executions"); got != "1 0" {
		t.Errorf("status and wakes left: %s, want 1 0", got)
	}
	if err := l.answer(1, 5); !fault.Is(err, fault.Gone) {
		t.Errorf("answered after the end: %v, want Gone", err)
	}
}

// TestPlans: a long queue of other workflows, and a long past, cost a claim and a
// rescue nothing.
func TestPlans(t *testing.T) {
	t.Parallel()
	l := newLine(t)
	l.exec(`INSERT INTO alur.executions (id, workflow_id, key, context, status, ended_at)
		SELECT i, 7 + i / 12000, 'k', jsonb_build_object('x', repeat('x', 200)), CASE WHEN i % 100 = 0 THEN 1 END, CASE WHEN i % 100 = 0 THEN now() END FROM generate_series(1, 30000) i`)
	l.exec("ANALYZE alur.executions")
	q := l.open()
	if got := len(l.claim(q, 9, 0, 32)); got != 32 {
		t.Fatalf("claimed %d, want 32", got)
	}
	for name, args := range map[string][]any{"claim": {32, 1, 9, 0, 0, 2}, "claim_suspect": {9, 1, 2}, "claimable": {9}, "rescue": nil, "pending": nil} {
		var plan []string
		if err := l.db.SelectContext(t.Context(), &plan, "EXPLAIN (ANALYZE, TIMING off, SUMMARY off) "+queue.Query(name), args...); err != nil {
			t.Fatal(err)
		}
		text := strings.Join(plan, "\n")
		if strings.Contains(text, "Seq Scan on executions") {
			t.Errorf("%s reads what it does not need:\n%s", name, text)
		}
		for line := range strings.Lines(text) {
			var removed int
			if _, err := fmt.Sscanf(strings.TrimSpace(line), "Rows Removed by Filter: %d", &removed); err == nil && removed > 2000 {
				t.Errorf("%s passes over %d rows:\n%s", name, removed, text)
			}
		}
	}
}
