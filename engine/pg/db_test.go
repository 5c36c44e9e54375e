package pg_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"alur/engine/pg"
	"alur/engine/pgtest"
)

// counter returns a database with a table of one row, n = 0.
func counter(t *testing.T) *pg.DB {
	t.Helper()
	db := pgtest.New(t)
	exec(t, db, "CREATE TABLE counter (id int PRIMARY KEY, n int NOT NULL)")
	exec(t, db, "INSERT INTO counter VALUES (1, 0)")
	return db
}

func exec(t *testing.T, q pg.Q, query string, args ...any) {
	t.Helper()
	if _, err := q.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func count(t *testing.T, q pg.Q) (n int) {
	t.Helper()
	if err := q.GetContext(t.Context(), &n, "SELECT n FROM counter WHERE id = 1"); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestTxRunsAgain reads, thinks and writes at once from many sides: with a
// snapshot that is wrong without another run.
func TestTxRunsAgain(t *testing.T) {
	t.Parallel()
	db := counter(t)
	const sides = 8
	var wg sync.WaitGroup
	committed := make(chan struct{}, sides)
	for range sides {
		wg.Go(func() {
			err := db.Tx(t.Context(), pg.RepeatableRead, func(tx *pg.Tx) error {
				tx.OnCommit(func() { committed <- struct{}{} })
				n := 0
				if err := tx.GetContext(t.Context(), &n, "SELECT n FROM counter WHERE id = 1"); err != nil {
					return err
				}
				_, err := tx.ExecContext(t.Context(), "UPDATE counter SET n = $1 WHERE id = 1", n+1)
				return err
			})
			if err != nil {
				t.Errorf("Tx: %v", err)
			}
		})
	}
	wg.Wait()
	if n := count(t, db); n != sides {
		t.Errorf("the counter is %d, want %d", n, sides)
	}
	if n := len(committed); n != sides {
		t.Errorf("OnCommit ran %d times, want once for each of %d commits", n, sides)
	}
}

func TestTxRollsBack(t *testing.T) {
	t.Parallel()
	db := counter(t)
	broken := errors.New("broken")
	undone, committed, runs := 0, false, 0
	err := db.Tx(t.Context(), pg.ReadCommitted, func(tx *pg.Tx) error {
		runs++
		tx.OnCommit(func() { committed = true })
		tx.OnRollback(func() { undone++ })
		exec(t, tx, "UPDATE counter SET n = 5")
		return broken
	})
	if !errors.Is(err, broken) || runs != 1 || undone != 1 || committed || count(t, db) != 0 {
		t.Errorf("err %v, %d runs, undone %d times, committed %v, counter %d; want broken, 1, 1, false, 0",
			err, runs, undone, committed, count(t, db))
	}

	// A panic leaves neither the transaction nor the connection behind.
	func() {
		defer func() { _ = recover() }()
		_ = db.Tx(t.Context(), pg.ReadCommitted, func(tx *pg.Tx) error {
			exec(t, tx, "UPDATE counter SET n = 6")
			panic("boom")
		})
	}()
	if n := count(t, db); n != 0 {
		t.Errorf("after a panic the counter is %d, want 0", n)
	}
}

// TestCommitAfterError passes over a statement's error, as a caller might by
// mistake. PostgreSQL would answer the COMMIT with a rollback and no error.
func TestCommitAfterError(t *testing.T) {
	t.Parallel()
	db := counter(t)
	err := db.Tx(t.Context(), pg.ReadCommitted, func(tx *pg.Tx) error {
		exec(t, tx, "UPDATE counter SET n = 5")
		_, _ = tx.ExecContext(t.Context(), "INSERT INTO counter VALUES (1, 0)")
		return nil
	})
	if err == nil {
		t.Error("a commit that did not happen reports no error")
	}
	if n := count(t, db); n != 0 {
		t.Errorf("the counter is %d, want 0", n)
	}
}

// TestNothingAfterTheEnd: what comes after the end of ctx does not begin, so that a
// transaction of many short statements ends there, and its connection stays.
func TestNothingAfterTheEnd(t *testing.T) {
	t.Parallel()
	db := counter(t)
	ctx, stop := context.WithCancel(t.Context())
	var backend [2]int
	err := db.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		exec(t, tx, "UPDATE counter SET n = 5")
		if err := tx.GetContext(t.Context(), &backend[0], "SELECT pg_backend_pid()"); err != nil {
			t.Fatal(err)
		}
		stop()
		if _, err := tx.ExecContext(ctx, "UPDATE counter SET n = 6"); !errors.Is(err, context.Canceled) {
			t.Errorf("a statement after the end: %v", err)
		}
		if err := tx.GetContext(t.Context(), &backend[1], "SELECT pg_backend_pid()"); err != nil || backend[0] != backend[1] {
			t.Errorf("the connection went from %d to %d: %v", backend[0], backend[1], err)
		}
		return nil
	})
	if !errors.Is(err, pg.ErrFailed) {
		t.Errorf("a commit of what did not all happen: %v", err)
	}
	if n := count(t, db); n != 0 {
		t.Errorf("the counter is %d, want 0", n)
	}
}

func TestSavepoint(t *testing.T) {
	t.Parallel()
	db := counter(t)
	var ran []string
	err := db.Tx(t.Context(), pg.ReadCommitted, func(tx *pg.Tx) error {
		exec(t, tx, "UPDATE counter SET n = n + 1")
		err := tx.Savepoint(t.Context(), func() error {
			tx.OnCommit(func() { ran = append(ran, "undone") })
			exec(t, tx, "UPDATE counter SET n = n + 10")
			return tx.Savepoint(t.Context(), func() error {
				_, err := tx.ExecContext(t.Context(), "INSERT INTO counter VALUES (1, 0)")
				return err
			})
		})
		if !pg.IsUnique(err) {
			t.Errorf("Savepoint: %v, want the unique violation", err)
		}
		return tx.Savepoint(t.Context(), func() error {
			tx.OnCommit(func() { ran = append(ran, "kept") })
			exec(t, tx, "UPDATE counter SET n = n + 100")
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := count(t, db); n != 101 {
		t.Errorf("the counter is %d, want 101", n)
	}
	if strings.Join(ran, " ") != "kept" {
		t.Errorf("OnCommit ran %v, want only what was not undone", ran)
	}
}

// TestShapeChange alters a table under prepared statements.
func TestShapeChange(t *testing.T) {
	t.Parallel()
	db := counter(t)
	read := func(q pg.Q) error {
		var rows []struct {
			ID    int  `db:"id"`
			N     int  `db:"n"`
			Added *int `db:"added"`
		}
		return q.SelectContext(t.Context(), &rows, "SELECT * FROM counter")
	}
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	if err := read(conn); err != nil {
		t.Fatal(err)
	}
	exec(t, db, "ALTER TABLE counter ADD added int")
	first := read(conn)
	if first != nil && !pg.IsRetryable(first) {
		t.Errorf("after the change: %v, want nil or a retryable error", first)
	}
	if err := read(conn); err != nil {
		t.Errorf("the second read after the change: %v", err)
	}
}

// TestManyStatements uses more statements than a connection keeps.
func TestManyStatements(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	for i := range 250 {
		var n int
		if err := conn.GetContext(t.Context(), &n, fmt.Sprintf("SELECT %d + $1::int", i), 1); err != nil || n != i+1 {
			t.Fatalf("statement %d gives %d (%v)", i, n, err)
		}
	}
	var kept int
	if err := conn.GetContext(t.Context(), &kept, "SELECT count(*) FROM pg_prepared_statements"); err != nil || kept > 100 {
		t.Errorf("%d statements are kept (%v), want at most 100", kept, err)
	}
}

// TestBrokenConnections kills every session of the pool, as a restart of the
// server does; the next statements find new ones.
func TestBrokenConnections(t *testing.T) {
	t.Parallel()
	db := counter(t)
	killer := pgtest.Open(t, pgtest.URL(t, db))
	for round := range 3 {
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() { count(t, db) })
		}
		wg.Wait()
		exec(t, killer, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
		err := db.Tx(t.Context(), pg.ReadCommitted, func(tx *pg.Tx) error {
			_, err := tx.ExecContext(t.Context(), "UPDATE counter SET n = n + 1")
			return err
		})
		if err != nil {
			t.Errorf("round %d: Tx after all sessions ended: %v", round, err)
		}
	}
	if n := count(t, db); n != 3 {
		t.Errorf("the counter is %d, want 3", n)
	}
}

// TestOneBrokenIsAWarning: when one connection is found dead, those that rested
// beside it are asked before they are used.
func TestOneBrokenIsAWarning(t *testing.T) {
	t.Parallel()
	db := counter(t)
	killer := pgtest.Open(t, pgtest.URL(t, db))
	take := func() []*pg.Conn {
		t.Helper()
		conns := make([]*pg.Conn, 8)
		for i := range conns {
			var err error
			if conns[i], err = db.Conn(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		return conns
	}
	conns := take()
	for _, c := range conns {
		count(t, c)
		if c != conns[0] {
			c.Release()
		}
	}
	exec(t, killer, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
	if _, err := conns[0].ExecContext(t.Context(), "UPDATE counter SET n = n + 1"); !pg.IsUnavailable(err) {
		t.Fatalf("on a dead connection: %v", err)
	}
	conns[0].Release()
	for _, c := range take() {
		count(t, c)
		c.Release()
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := db.Conn(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("a connection for nobody: %v", err)
	}
}

func TestPoolIsBounded(t *testing.T) {
	t.Parallel()
	db, err := pg.Open(t.Context(), pgtest.NewURL(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := db.Conn(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a second connection of one: %v, want the end of the context", err)
	}
	conn.Release()
	again, err := db.Conn(t.Context())
	if err != nil {
		t.Fatalf("after the release: %v", err)
	}
	if again != conn {
		t.Error("the released connection is not used again")
	}
	again.Discard()
	if conn, err = db.Conn(t.Context()); err != nil {
		t.Fatalf("after a discard: %v", err)
	}
	conn.Release()
}

func TestErrors(t *testing.T) {
	t.Parallel()
	db := counter(t)
	exec(t, db, "CREATE TABLE child (id int REFERENCES counter, CONSTRAINT positive CHECK (id > 0))")
	for _, tc := range []struct {
		query string
		is    func(error) bool
	}{
		{"INSERT INTO counter VALUES (1, 1)", pg.IsUnique},
		{"INSERT INTO counter VALUES (2, NULL)", pg.IsNotNull},
		{"INSERT INTO child VALUES (9)", pg.IsForeignKey},
		{"INSERT INTO child VALUES (-1)", func(err error) bool { return pg.Constraint(err) == "positive" }},
		{"SELECT pg_terminate_backend(pg_backend_pid())", pg.IsUnavailable},
	} {
		_, err := db.ExecContext(t.Context(), tc.query)
		if err == nil || !tc.is(err) || !tc.is(fmt.Errorf("wrapped: %w", err)) {
			t.Errorf("%s: %v is sorted wrongly", tc.query, err)
		}
	}
	if pg.Code(errors.New("x")) != "" || pg.IsUnavailable(nil) || pg.IsRetryable(nil) {
		t.Error("what is not from PostgreSQL is taken for it")
	}
	if _, err := pg.Open(t.Context(), strings.Replace(pgtest.URL(t, db), "host=", "host=%2Fnowhere", 1), 1); !pg.IsUnavailable(err) {
		t.Errorf("a missing server: %v, want unavailable", err)
	}
}

func TestNotify(t *testing.T) {
	t.Parallel()
	here := pgtest.New(t)
	there := pgtest.Open(t, pgtest.URL(t, here))
	got := make(chan string, 100)
	stop := there.Subscribe("news", func(p string) { got <- p })
	defer stop()
	// The subscription is made in the background: say it until it is heard.
	for heard := false; !heard; {
		here.Notify("news", "hello", time.Millisecond)
		select {
		case p := <-got:
			heard = p == "hello"
		case <-time.After(20 * time.Millisecond):
		}
	}
	for len(got) > 0 {
		<-got
	}
	err := here.Tx(t.Context(), pg.ReadCommitted, func(tx *pg.Tx) error {
		tx.Notify("news", "undone", time.Millisecond)
		return errors.New("roll back")
	})
	if err == nil {
		t.Fatal("the transaction did not fail")
	}
	err = here.Tx(t.Context(), pg.ReadCommitted, func(tx *pg.Tx) error {
		for _, p := range []string{"a", "b", "a"} {
			tx.Notify("news", p, 5*time.Millisecond)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	heard := map[string]int{}
	for heard["a"] == 0 || heard["b"] == 0 {
		heard[<-got]++
	}
	if heard["undone"] != 0 || heard["a"] > 1 {
		t.Errorf("heard %v, want a and b once", heard)
	}
}

func TestQueries(t *testing.T) {
	t.Parallel()
	qs := pg.LoadQueries("-- name: one\nSELECT 1 -- a comment: with a colon\n\n-- note\nFROM t\n-- name: two\nSELECT :a + CAST(:b AS int)\n")
	if got := qs.Get("one"); got != "SELECT 1\nFROM t\n" {
		t.Errorf("one is %q", got)
	}
	query, args, err := qs.Named("two", map[string]any{"a": 1, "b": 2})
	if err != nil || query != "SELECT $1 + CAST($2 AS int)\n" || len(args) != 2 {
		t.Errorf("two is %q with %v (%v)", query, args, err)
	}
	for _, broken := range []string{"SELECT 1", "-- name: a\nSELECT 1\n-- name: a\nSELECT 2", "-- name:\nSELECT 1"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q does not panic", broken)
				}
			}()
			pg.LoadQueries(broken)
		}()
	}
}

func TestLike(t *testing.T) {
	t.Parallel()
	if got, want := pg.Like(` 50%_\ `), `%50\%\_\\%`; got != want {
		t.Errorf("Like: %q, want %q", got, want)
	}
}

// TestPing: a database that does not answer in time is reported, and answers again
// once it can.
func TestPing(t *testing.T) {
	db, err := pg.Open(t.Context(), pgtest.NewURL(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var held []*sqlx.Conn
	for range 5 { // all that there are
		c, err := db.Side().Connx(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, c)
	}
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if err := db.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the answer of a silent database is %v", err)
		}
		cancel()
	}
	for _, c := range held {
		c.Close()
	}
	if err := db.Ping(t.Context()); err != nil {
		t.Errorf("the database answers again, and Ping says %v", err)
	}
}
