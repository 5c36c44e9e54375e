package pg

import (
	"container/list"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
)

// errStale marks a connection that was dead before the statement was sent.
var errStale = errors.New("stale connection")

// Conn is one connection with its prepared statements. It is not safe for
// concurrent use.
//
// Every statement is prepared once and kept (least recently used out first):
// lib/pq would prepare an unnamed one for each call, a second round trip.
type Conn struct {
	raw    *sqlx.Conn
	db     *DB
	stmts  map[string]*list.Element
	order  *list.List // of *stmt, newest first
	used   bool       // a statement succeeded on this connection
	bad    bool       // do not give it back to the pool
	inTx   bool
	failed bool      // the transaction met an error and can only be rolled back
	rested time.Time // when it was given back
}

type stmt struct {
	query string
	*sqlx.Stmt
}

// Release gives c back to its pool, or closes it when it broke.
func (c *Conn) Release() {
	if c.bad || c.inTx {
		c.Discard()
		return
	}
	if old := c.db.rest(c); old != nil {
		old.close()
	}
	<-c.db.slots
}

// Discard closes c instead of giving it back. Advisory locks of its session
// end with it.
func (c *Conn) Discard() {
	c.close()
	<-c.db.slots
}

func (c *Conn) close() {
	// Raw with ErrBadConn makes database/sql close the connection for real
	// instead of keeping it idle.
	_ = c.raw.Raw(func(any) error { return driver.ErrBadConn })
	c.raw.Close()
}

// drop forgets every prepared statement, for after a change of table shapes.
func (c *Conn) drop() {
	for _, e := range c.stmts {
		e.Value.(*stmt).Close()
	}
	clear(c.stmts)
	c.order.Init()
}

func (c *Conn) prepare(ctx context.Context, query string) (*sqlx.Stmt, error) {
	// lib/pq watches ctx beside the statement; on a busy machine each of many short
	// ones is over before it has looked.
	if err := ctx.Err(); err != nil {
		c.failed = c.failed || c.inTx
		return nil, err
	}
	if e, ok := c.stmts[query]; ok {
		c.order.MoveToFront(e)
		return e.Value.(*stmt).Stmt, nil
	}
	s, err := c.raw.PreparexContext(ctx, query)
	if err != nil {
		if !c.used && isConnError(err) {
			c.bad = true
			return nil, fmt.Errorf("%w: %w", errStale, err)
		}
		return nil, c.check(err)
	}
	c.stmts[query] = c.order.PushFront(&stmt{query, s})
	if c.order.Len() > stmtsPerConn {
		old := c.order.Remove(c.order.Back()).(*stmt)
		delete(c.stmts, old.query)
		old.Close()
	}
	return s, nil
}

// check notes what err says about the connection and passes it on.
func (c *Conn) check(err error) error {
	if c.inTx && Code(err) != "" {
		c.failed = true
	}
	switch {
	case err == nil || errors.Is(err, sql.ErrNoRows):
		c.used = true
	case IsExhausted(err):
		c.db.doubt.Store(true)
	case isConnError(err):
		c.bad = true
		now := time.Now()
		c.db.broke.Store(&now)
	case isStalePlan(err):
		if !c.inTx {
			c.drop()
		} else {
			c.bad = true // statements cannot be closed in a failed transaction
		}
	}
	return err
}

func (c *Conn) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	s, err := c.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	res, err := s.ExecContext(ctx, args...)
	return res, c.check(err)
}

func (c *Conn) GetContext(ctx context.Context, dest any, query string, args ...any) error {
	s, err := c.prepare(ctx, query)
	if err != nil {
		return err
	}
	return c.check(s.GetContext(ctx, dest, args...))
}

func (c *Conn) SelectContext(ctx context.Context, dest any, query string, args ...any) error {
	s, err := c.prepare(ctx, query)
	if err != nil {
		return err
	}
	return c.check(s.SelectContext(ctx, dest, args...))
}

// QueryxContext streams rows; close them before the next statement.
func (c *Conn) QueryxContext(ctx context.Context, query string, args ...any) (*sqlx.Rows, error) {
	s, err := c.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	rows, err := s.QueryxContext(ctx, args...)
	return rows, c.check(err)
}

// Simple runs one or more statements without arguments in a single round trip
// and without preparing them.
func (c *Conn) Simple(ctx context.Context, query string) error {
	_, err := c.raw.ExecContext(ctx, query)
	if err != nil && !c.used && isConnError(err) {
		c.bad = true
		return fmt.Errorf("%w: %w", errStale, err)
	}
	return c.check(err)
}

// Begin starts a transaction on c.
func (c *Conn) Begin(ctx context.Context, level Level) (*Tx, error) {
	c.used = false // between transactions the server may have closed it
	if err := c.Simple(ctx, "BEGIN ISOLATION LEVEL "+string(level)); err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	c.inTx, c.failed = true, false
	return &Tx{Conn: c}, nil
}

// Tx is an open transaction.
type Tx struct {
	*Conn
	after  []func()
	undone []func()
	done   bool
	depth  int
}

// OnCommit runs fn once the transaction has been committed; never when it is
// rolled back. fn must be quick and must not fail.
func (t *Tx) OnCommit(fn func()) { t.after = append(t.after, fn) }

// OnRollback runs fn when the transaction has failed for good: after the
// rollback, and not when [DB.Tx] runs it again. It is the place to keep a record
// of what was undone.
func (t *Tx) OnRollback(fn func()) { t.undone = append(t.undone, fn) }

// ErrFailed is a commit of what PostgreSQL can only roll back.
var ErrFailed = errors.New("commit: a statement of the transaction failed, and its error was passed over")

// Commit commits and runs what OnCommit collected. The commit itself is not
// cut short by the end of ctx: half-known outcomes help nobody.
//
// PostgreSQL answers a COMMIT after a failed statement with a rollback and no
// error; Commit returns one.
func (t *Tx) Commit(ctx context.Context) error {
	if t.done {
		return sql.ErrTxDone
	}
	if t.failed {
		t.Rollback()
		return ErrFailed
	}
	t.done = true
	err := t.Simple(context.WithoutCancel(ctx), "COMMIT")
	t.inTx = false
	if err != nil {
		t.bad = true
		return fmt.Errorf("commit: %w", err)
	}
	for _, fn := range t.after {
		fn()
	}
	return nil
}

// Rollback undoes everything; without effect after Commit or Rollback.
func (t *Tx) Rollback() {
	if t.done {
		return
	}
	t.done = true
	if t.Simple(context.Background(), "ROLLBACK") != nil {
		t.bad = true
	}
	t.inTx = false
}

// Savepoint runs fn so that its error undoes only what fn did.
func (t *Tx) Savepoint(ctx context.Context, fn func() error) error {
	name := fmt.Sprintf("s%d", t.depth)
	t.depth++
	defer func() { t.depth-- }()
	kept := len(t.after)
	if err := t.Simple(ctx, "SAVEPOINT "+name); err != nil {
		return fmt.Errorf("savepoint: %w", err)
	}
	if err := fn(); err != nil {
		t.after = t.after[:kept]
		if back := t.Simple(context.WithoutCancel(ctx), "ROLLBACK TO SAVEPOINT "+name); back != nil {
			return errors.Join(err, back)
		}
		t.failed = false
		return err
	}
	return t.Simple(ctx, "RELEASE SAVEPOINT "+name)
}
