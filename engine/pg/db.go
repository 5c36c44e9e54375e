package pg

import (
	"container/list"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jmoiron/sqlx"
	_ "github.com/lib/pq" // the driver behind Open
)

// stmtsPerConn bounds the prepared statements kept per connection. One costs
// the server 19 to 82 kB, a prepare 0.1 to 0.2 ms.
const stmtsPerConn = 100

// sidePool is how many connections [DB.Side] may use beyond those of the DB.
const sidePool = 4

// Q runs statements. [DB], [Conn] and [Tx] are Qs, so a store method works
// inside and outside of a transaction.
type Q interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	GetContext(ctx context.Context, dest any, query string, args ...any) error
	SelectContext(ctx context.Context, dest any, query string, args ...any) error
	QueryxContext(ctx context.Context, query string, args ...any) (*sqlx.Rows, error)
}

// DB is a pool of connections, each with its own prepared statements.
type DB struct {
	side  *sqlx.DB
	slots chan struct{}
	hub   *hub

	mu    sync.Mutex
	idle  []*Conn // given back last, taken out first: the same few stay warm
	probe *probe  // under way; nil: none

	closed  atomic.Bool
	waiting atomic.Int32 // callers of Conn that wait for a slot

	broke atomic.Pointer[time.Time] // when a connection was last found broken
	doubt atomic.Bool               // a statement was refused by IsExhausted; see TakeDoubt
}

// pingAfter is how long a connection may rest before it is asked whether it
// still lives.
const pingAfter = time.Second

// unneededAfter is how long a connection rests before it is closed.
const unneededAfter = 5 * time.Minute

// sessionSettings hold for every connection of a pool. A process that was
// stopped in the middle of a transaction keeps its row locks: the server ends
// such a transaction before the lease of an execution runs out (30 s), and
// nobody waits for a lock longer than that. No statement of ours runs so long that
// compiling it first would pay. By alur.own triggers on tables of collections know
// our own writes from those of other programs.
const sessionSettings = "SET idle_in_transaction_session_timeout = '20s'; SET lock_timeout = '15s'; SET jit = off; SET alur.own = 'on'"

// Open connects to the database at url with up to conns connections for work
// and a few more for [DB.Side].
func Open(ctx context.Context, url string, conns int) (*DB, error) {
	db, err := sqlx.ConnectContext(ctx, "postgres", url)
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	db.SetMaxOpenConns(conns + sidePool)
	db.SetMaxIdleConns(conns + sidePool)
	db.SetConnMaxIdleTime(5 * time.Minute)
	pool := &DB{side: db, slots: make(chan struct{}, conns)}
	pool.hub = &hub{db: pool, url: url, subs: map[string][]*subscription{}, pending: map[string]map[string]struct{}{}}
	return pool, nil
}

// Side is the plain pool, for libraries that want one (migrations, sessions).
func (db *DB) Side() *sqlx.DB { return db.side }

// Close closes all connections; those in use as soon as they are released.
func (db *DB) Close() error {
	db.closed.Store(true)
	db.hub.close()
	db.mu.Lock()
	idle := db.idle
	db.idle = nil
	db.mu.Unlock()
	for _, c := range idle {
		c.close()
	}
	return db.side.Close()
}

// Conn takes a connection out of the pool, waiting until one is free or ctx
// ends. Give it back with [Conn.Release].
func (db *DB) Conn(ctx context.Context) (*Conn, error) {
	if err := ctx.Err(); err != nil { // it would cost the idle ones their lives
		return nil, err
	}
	if err := db.takeSlot(ctx); err != nil {
		return nil, err
	}
	for c := db.rested(); c != nil; c = db.rested() {
		c.used = false
		if !db.doubtful(c) || c.Simple(ctx, "") == nil {
			return c, nil
		}
		c.close()
	}
	raw, err := db.side.Connx(ctx)
	if err != nil {
		<-db.slots
		return nil, fmt.Errorf("take a connection: %w", err)
	}
	c := &Conn{raw: raw, db: db, stmts: map[string]*list.Element{}, order: list.New()}
	if err := c.Simple(ctx, sessionSettings); err != nil {
		c.Discard()
		return nil, fmt.Errorf("prepare a connection: %w", err)
	}
	return c, nil
}

// Ping reports whether the database answers before ctx ends. One that is silent
// keeps no more than one probe waiting, however often it is asked.
func (db *DB) Ping(ctx context.Context) error {
	db.mu.Lock()
	p := db.probe
	if p == nil {
		p = &probe{done: make(chan struct{})}
		db.probe = p
		go func() {
			p.err = db.side.PingContext(context.WithoutCancel(ctx))
			db.mu.Lock()
			db.probe = nil
			db.mu.Unlock()
			close(p.done)
		}()
	}
	db.mu.Unlock()
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// TakeDoubt reports whether a statement was refused, since it was last asked, because
// the server has no room or memory.
func (db *DB) TakeDoubt() bool { return db.doubt.Swap(false) }

// probe is a question whether the database answers.
type probe struct {
	done chan struct{}
	err  error // once done is closed
}

// rested takes the connection that was given back last; nil when there is none.
func (db *DB) rested() *Conn {
	db.mu.Lock()
	defer db.mu.Unlock()
	n := len(db.idle)
	if n == 0 {
		return nil
	}
	c := db.idle[n-1]
	db.idle[n-1], db.idle = nil, db.idle[:n-1]
	return c
}

// rest keeps c for later, and returns one that nobody has needed for long or
// that the closed pool has no use for.
func (db *DB) rest(c *Conn) (unneeded *Conn) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.closed.Load() {
		return c
	}
	c.rested = time.Now()
	db.idle = append(db.idle, c)
	if old := db.idle[0]; c.rested.Sub(old.rested) > unneededAfter {
		db.idle = slices.Delete(db.idle, 0, 1)
		return old
	}
	return nil
}

// takeSlot waits until one more connection may be used.
func (db *DB) takeSlot(ctx context.Context) error {
	select {
	case db.slots <- struct{}{}:
		return nil
	default:
	}
	db.waiting.Add(1)
	defer db.waiting.Add(-1)
	select {
	case db.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Load is how busy a pool is.
type Load struct {
	Limit   int // connections for work
	Used    int // of them
	Waiting int // callers that wait for one
}

// Load returns how busy the pool is at this moment.
func (db *DB) Load() Load {
	return Load{Limit: cap(db.slots), Used: len(db.slots), Waiting: int(db.waiting.Load())}
}

// doubtful reports whether c may have died in the pool: when the server goes, all
// idle connections go with it.
func (db *DB) doubtful(c *Conn) bool {
	broke := db.broke.Load()
	return time.Since(c.rested) >= pingAfter || broke != nil && !c.rested.After(*broke)
}

func (db *DB) with(ctx context.Context, fn func(*Conn) error) error {
	for attempt := 0; ; attempt++ {
		c, err := db.Conn(ctx)
		if err != nil {
			return err
		}
		err = fn(c)
		c.Release()
		// A connection that sat idle may have been closed by the server; the
		// statement has not run then.
		if err == nil || attempt >= 2 || !errors.Is(err, errStale) {
			return err
		}
	}
}

func (db *DB) ExecContext(ctx context.Context, query string, args ...any) (res sql.Result, err error) {
	err = db.with(ctx, func(c *Conn) error { res, err = c.ExecContext(ctx, query, args...); return err })
	return res, err
}

func (db *DB) GetContext(ctx context.Context, dest any, query string, args ...any) error {
	return db.with(ctx, func(c *Conn) error { return c.GetContext(ctx, dest, query, args...) })
}

func (db *DB) SelectContext(ctx context.Context, dest any, query string, args ...any) error {
	return db.with(ctx, func(c *Conn) error { return c.SelectContext(ctx, dest, query, args...) })
}

// QueryxContext streams rows over the side pool; close them.
func (db *DB) QueryxContext(ctx context.Context, query string, args ...any) (*sqlx.Rows, error) {
	return db.side.QueryxContext(ctx, query, args...)
}

// Level is a transaction's isolation level, in SQL.
type Level string

const (
	ReadCommitted  Level = "READ COMMITTED"
	RepeatableRead Level = "REPEATABLE READ"
	Serializable   Level = "SERIALIZABLE"
)

// txAttempts bounds how often [DB.Tx] runs one transaction.
const txAttempts = 12

// Tx runs fn in a transaction and commits when it returns nil. A serialization
// failure or deadlock (40001, 40P01) runs fn again, up to 12 times with growing
// jittered waits, so fn must have no effects outside of the transaction; those
// go into [Tx.OnCommit].
func (db *DB) Tx(ctx context.Context, level Level, fn func(*Tx) error) error {
	for attempt := 1; ; attempt++ {
		undone, err := db.txOnce(ctx, level, fn)
		if err == nil {
			return nil
		}
		if attempt == txAttempts || !(IsRetryable(err) || errors.Is(err, errStale)) {
			for _, fn := range undone {
				fn()
			}
			return err
		}
		wait := time.Duration(rand.Int64N(int64(2*time.Millisecond) << min(attempt, 6)))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return err
		}
	}
}

func (db *DB) txOnce(ctx context.Context, level Level, fn func(*Tx) error) (undone []func(), err error) {
	c, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Release()
	tx, err := c.Begin(ctx, level)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback() // no effect after Commit; keeps a panic from leaking the transaction
	if err := fn(tx); err != nil {
		return tx.undone, err
	}
	return tx.undone, tx.Commit(ctx)
}
