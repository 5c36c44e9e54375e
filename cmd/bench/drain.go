package main

import (
	"context"
	"fmt"
	"log"
	"time"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/pg"
)

const (
	workers = 4

	// itemFields are the fields of the collections that works change.
	itemFields = `[{"name": "a", "type": "integer", "title": "A"}, {"name": "b", "type": "integer", "title": "B"},
		{"name": "c", "type": "double", "title": "C"}]`
)

// drain is a work whose executions are all queued before the first one runs.
type drain struct {
	work, metric string
	count        int    // executions
	jobs         int    // each execution leaves so many
	wrong        string // SQL that counts what is not as it should be
}

// items makes a collection of itemFields.
func (l *local) items(ctx context.Context, name string) (*collection.Collection, error) {
	return l.define(ctx, fmt.Sprintf(`{"name": %q, "title": %q, "fields": %s}`, name, name, itemFields))
}

// queueUp writes n records as one program would have saved them, with the
// execution of each.
func (l *local) queueUp(ctx context.Context, items *collection.Collection, w engine.Workflow, n int) error {
	_, err := l.db.ExecContext(ctx, fmt.Sprintf(`WITH r AS (
		INSERT INTO %s (id, a, b, created_at, updated_at) SELECT i, i %% 100 + 1, i %% 7, now(), now() FROM generate_series(1, $1) i RETURNING id, a, b)
		INSERT INTO alur.executions (id, workflow_id, key, context)
		SELECT id, $2, $3, jsonb_build_object('data', jsonb_build_object('id', id, 'a', a, 'b', b, 'c', NULL,
			'createdAt', '2030-01-02T03:04:05.678Z', 'updatedAt', '2030-01-02T03:04:05.678Z')) FROM r`, table(items)), n, w.ID, w.Key)
	if err == nil {
		_, err = l.db.ExecContext(ctx, "VACUUM ANALYZE alur.executions")
	}
	return err
}

// save creates a record, with what that starts.
func (l *local) save(ctx context.Context, items *collection.Collection, values map[string]any) error {
	return l.records.Write(ctx, items.Name, func(tx *pg.Tx) error {
		_, err := l.records.Create(ctx, tx, collection.Access{Actor: auth.System}, items.Name, values, nil)
		return err
	})
}

// drain measures how fast the workers of this process get through what is queued.
func (b *bench) drain(l *local, d drain) (perSecond float64, err error) {
	mine, database := b.cost()
	began := time.Now()
	stop := l.work(b.ctx)
	defer stop()
	if err := l.await(b.ctx, 0); err != nil {
		return 0, err
	}
	took := time.Since(began)
	stop()
	spentMine, spentDatabase := b.cost()
	if err := l.check(b.ctx, d); err != nil {
		return 0, err
	}
	perSecond = rate(d.count, took)
	b.result(d.work, d.metric, perSecond, "exec/s", true)
	each := func(spent time.Duration) time.Duration {
		return (spent / time.Duration(d.count)).Round(time.Microsecond)
	}
	log.Printf("an execution took %v of CPU here and %v in PostgreSQL", each(spentMine-mine), each(spentDatabase-database))
	return perSecond, l.clear(b.ctx)
}

// work runs the engine's workers until stop is called, which returns when they
// have ended.
func (l *local) work(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { l.engine.Work(ctx, workers); close(ended) }()
	return func() { cancel(); <-ended }
}

// await returns when at most left executions are queued or running.
func (l *local) await(ctx context.Context, left int) error {
	for n := left + 1; n > left; {
		time.Sleep(50 * time.Millisecond) // a look at a long queue is not free
		if err := l.db.GetContext(ctx, &n, "SELECT count(*) FROM alur.executions WHERE status IS NULL"); err != nil {
			return err
		}
	}
	return nil
}

// check fails unless every execution of d has succeeded with all of its jobs,
// and what it did is right.
func (l *local) check(ctx context.Context, d drain) error {
	var wrong int
	err := l.db.GetContext(ctx, &wrong, `SELECT abs($1 - (SELECT count(*) FROM alur.executions WHERE status = 1))
		+ abs($2 - (SELECT count(*) FROM alur.jobs WHERE status = 1)) + (`+d.wrong+`)`, d.count, d.count*d.jobs)
	if err != nil || wrong == 0 {
		return err
	}
	var said []string
	if err := l.db.SelectContext(ctx, &said, `SELECT DISTINCT node_key || ' came to ' || coalesce(left(result::text, 200), 'nothing')
		FROM alur.jobs WHERE status <> 1 LIMIT 3`); err != nil {
		return err
	}
	return fmt.Errorf("%d rows are not as they should be: %q", wrong, said)
}

// clear leaves an empty queue to the next work.
func (l *local) clear(ctx context.Context) error {
	_, err := l.db.ExecContext(ctx, "TRUNCATE alur.executions, alur.jobs, alur.tasks, alur.timers CASCADE")
	return err
}
