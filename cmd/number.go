package cmd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"alur/engine/pg"
	"alur/engine/snowflake"

	"github.com/jmoiron/sqlx"
)

const (
	// numberClass is the first key of the advisory locks that hold worker
	// numbers; the engine's own begin with 4711.
	numberClass = 4712

	numberCheck = time.Second // how often the lock's connection is looked at
)

// nextNumber counts the starts on a database, so that a process that starts
// within the second of another's end makes ids of its own.
const nextNumber = `
INSERT INTO alur.settings AS s (key, value)
VALUES ('workerNumber', '0')
ON CONFLICT (key) DO UPDATE
SET value = to_jsonb((s.value::bigint + 1) % $1), updated_at = now()
RETURNING value::bigint`

// workerNumber is this process's share of the ids: no two live processes on one
// database have the same (see package snowflake). It is a lock of the session
// of a connection of its own.
type workerNumber struct {
	n    int
	db   *sqlx.DB
	conn *sqlx.Conn
}

// takeNumber takes a free number.
func takeNumber(ctx context.Context, url string) (*workerNumber, error) {
	// A pool of its own: the lock needs a session that nobody else uses.
	db, err := sqlx.ConnectContext(ctx, "postgres", url)
	if err != nil {
		return nil, fmt.Errorf("connect for a worker number: %w", err)
	}
	db.SetMaxOpenConns(1)
	w := &workerNumber{db: db}
	if err := w.take(ctx); err != nil {
		db.Close()
		return nil, err
	}
	return w, nil
}

func (w *workerNumber) take(ctx context.Context) error {
	const all = snowflake.MaxWorker + 1
	var first int
	if err := w.db.GetContext(ctx, &first, nextNumber, all); err != nil {
		return fmt.Errorf("count this start: %w", err)
	}
	for i := range all {
		w.n = (first + i) % all
		if ok, err := w.lock(ctx); ok || err != nil {
			return err
		}
	}
	return fmt.Errorf("%d processes of alur use this database already, and there is no room for more: stop one, or check for processes that hang", all)
}

// lock tries for number w.n on a new connection.
func (w *workerNumber) lock(ctx context.Context) (bool, error) {
	conn, err := w.db.Connx(ctx)
	if err != nil {
		return false, fmt.Errorf("take a worker number: %w", err)
	}
	var ok bool
	if err := conn.GetContext(ctx, &ok, "SELECT pg_try_advisory_lock($1, $2)", numberClass, w.n); err != nil || !ok {
		conn.Close()
		if err != nil {
			return false, fmt.Errorf("take a worker number: %w", err)
		}
		return false, nil
	}
	w.conn = conn
	return true, nil
}

// errNumberLost stops the process: going on could make ids that another makes
// too.
var errNumberLost = errors.New("another process took this one's worker number while the database was away: start alur again")

// keep looks after the lock until ctx ends. When the connection breaks it takes
// the same number again; it fails when somebody else has it by then.
func (w *workerNumber) keep(ctx context.Context, log *slog.Logger) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(numberCheck):
		}
		if _, err := w.conn.ExecContext(ctx, ""); err == nil || ctx.Err() != nil {
			continue
		}
		w.conn.Close()
		for {
			ok, err := w.lock(ctx)
			if ok {
				log.InfoContext(ctx, "worker number held again", "number", w.n)
				break
			}
			if err == nil {
				return errNumberLost
			}
			if !pg.IsUnavailable(err) && ctx.Err() == nil {
				log.WarnContext(ctx, "worker number not held, trying again", "number", w.n, "err", err)
			}
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(numberCheck / 10):
			}
		}
	}
}

func (w *workerNumber) close() {
	if w.conn != nil {
		w.conn.Close()
	}
	w.db.Close()
}
