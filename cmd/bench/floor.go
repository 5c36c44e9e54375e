package main

import (
	"context"
	"database/sql"
	"sync"
	"sync/atomic"
	"time"

	"alur/engine/pg"
)

const (
	floorConns = 16
	floorTime  = 2 * time.Second
)

// measureFloor writes the rows of one execution (itself, three jobs, one
// business row) as fast as lib/pq can: in one statement, and in a transaction of
// five prepared ones.
func (b *bench) measureFloor() error {
	db, err := pg.Open(b.ctx, b.url, floorConns)
	if err != nil {
		return err
	}
	defer db.Close()
	for _, ddl := range []string{
		`CREATE SCHEMA floor`,
		`CREATE TABLE floor.executions (id bigint PRIMARY KEY, workflow_id bigint NOT NULL, context jsonb NOT NULL, status smallint, created_at timestamptz NOT NULL DEFAULT now())`,
		`CREATE TABLE floor.jobs (id bigint NOT NULL, execution_id bigint NOT NULL, node_id bigint NOT NULL, status smallint NOT NULL, result jsonb, started_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (execution_id, id))`,
		`CREATE TABLE floor.records (id bigint PRIMARY KEY, a bigint, b bigint, c numeric)`,
	} {
		if _, err := db.ExecContext(b.ctx, ddl); err != nil {
			return err
		}
	}
	one := func(ctx context.Context, c *pg.Conn, id int64) error {
		_, err := c.ExecContext(ctx, `WITH r AS (INSERT INTO floor.records VALUES ($1, 2, 3, 7)),
			e AS (INSERT INTO floor.executions (id, workflow_id, context, status) VALUES ($1, 1, $2, 1))
			INSERT INTO floor.jobs (id, execution_id, node_id, status, result)
			VALUES ($1, $1, 1, 1, 'true'), ($1 + 1, $1, 2, 1, '7'), ($1 + 2, $1, 3, 1, '1')`, id, floorContext)
		return err
	}
	five := func(ctx context.Context, c *pg.Conn, id int64) error {
		tx, err := c.Begin(ctx, pg.ReadCommitted)
		if err != nil {
			return err
		}
		defer tx.Rollback()
		if _, err := tx.ExecContext(ctx, `INSERT INTO floor.records VALUES ($1, 2, 3, 7)`, id); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO floor.executions (id, workflow_id, context, status) VALUES ($1, 1, $2, 1)`, id, floorContext); err != nil {
			return err
		}
		for n := range int64(3) {
			if _, err := tx.ExecContext(ctx, `INSERT INTO floor.jobs (id, execution_id, node_id, status, result) VALUES ($1, $2, $3, 1, 'true')`, id+n, id, n); err != nil {
				return err
			}
		}
		return tx.Commit(ctx)
	}
	if b.floor, err = b.hammer(db, one); err != nil {
		return err
	}
	b.result("floor", "one_statement", b.floor, "exec/s", false)
	slow, err := b.hammer(db, five)
	if err != nil {
		return err
	}
	b.result("floor", "five_statements", slow, "exec/s", false)
	_, err = db.ExecContext(b.ctx, `DROP SCHEMA floor CASCADE`)
	return err
}

const floorContext = `{"data": {"id": 5123456789012345, "a": 2, "b": 3, "c": null, "createdAt": "2030-01-02T03:04:05.678Z"}}`

var floorID atomic.Int64

// hammer runs fn on every connection for a while and returns calls a second.
func (b *bench) hammer(db *pg.DB, fn func(context.Context, *pg.Conn, int64) error) (float64, error) {
	var group sync.WaitGroup
	var count atomic.Int64
	var failure atomic.Pointer[error]
	began := time.Now()
	for range floorConns {
		group.Go(func() {
			c, err := db.Conn(b.ctx)
			if err != nil {
				failure.Store(&err)
				return
			}
			defer c.Release()
			for time.Since(began) < floorTime {
				if err := fn(b.ctx, c, floorID.Add(8)); err != nil {
					failure.Store(&err)
					return
				}
				count.Add(1)
			}
		})
	}
	group.Wait()
	if err := failure.Load(); err != nil && *err != sql.ErrTxDone {
		return 0, *err
	}
	return rate(int(count.Load()), time.Since(began)), nil
}
