package main

import (
	"context"
	"fmt"
	"log"
	"time"
)

const (
	w1Executions = 30_000
	w1Workers    = 4
	w1Clients    = 16
	w1Time       = 8 * time.Second

	w1Collection = `{"name": "benchItems", "title": "Items", "fields": [
		{"name": "a", "type": "integer", "title": "A"}, {"name": "b", "type": "integer", "title": "B"},
		{"name": "c", "type": "double", "title": "C"}]}`
	w1Trigger = `{"collection": "benchItems", "mode": 1}`
)

var w1Steps = []step{
	{"condition", "enough", `{"rejectOnFalse": false, "engine": "basic", "calculation": {"group": {"type": "and", "calculations": [
		{"calculator": "gt", "operands": ["{{$context.data.a}}", 0]}]}}}`},
	{"calculation", "sum", `{"engine": "math.js", "expression": "{{$context.data.a}} + {{$context.data.b}} * 2"}`},
	{"update", "write", `{"collection": "benchItems", "params": {"individualHooks": false,
		"filter": {"$and": [{"id": {"$eq": "{{$context.data.id}}"}}]}, "values": {"c": "{{$jobsMapByNodeKey.sum}}"}}}`},
}

// w1 is: a record was saved → condition → calculation → update of that record.
func (b *bench) w1() error {
	l, err := b.local()
	if err != nil {
		return err
	}
	defer l.db.Close()
	items, err := l.define(b.ctx, w1Collection)
	if err != nil {
		return err
	}
	w, err := l.build(b.ctx, "W1", w1Trigger, false, w1Steps)
	if err != nil {
		return err
	}
	if err := b.w1Drain(l, table(items), w.ID, w.Key); err != nil {
		return err
	}
	return b.w1HTTP(l, table(items), w.ID)
}

// w1Drain queues executions without running them, then measures how fast
// workers get through.
func (b *bench) w1Drain(l *local, items string, workflow int64, key string) error {
	fill := fmt.Sprintf(`WITH r AS (
		INSERT INTO %s (id, a, b, created_at, updated_at) SELECT i, i %% 100 + 1, i %% 7, now(), now() FROM generate_series(1, $1) i RETURNING id, a, b)
		INSERT INTO alur.executions (id, workflow_id, key, context)
		SELECT id, $2, $3, jsonb_build_object('data', jsonb_build_object('id', id, 'a', a, 'b', b, 'c', NULL,
			'createdAt', '2030-01-02T03:04:05.678Z', 'updatedAt', '2030-01-02T03:04:05.678Z')) FROM r`, items)
	if _, err := l.db.ExecContext(b.ctx, fill, w1Executions, workflow, key); err != nil {
		return err
	}
	if _, err := l.db.ExecContext(b.ctx, "VACUUM ANALYZE alur.executions"); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(b.ctx)
	defer stop()
	ended := make(chan struct{})
	began := time.Now()
	go func() { l.engine.Work(ctx, w1Workers); close(ended) }()
	left := 1
	for left > 0 {
		time.Sleep(20 * time.Millisecond)
		if err := l.db.GetContext(b.ctx, &left, "SELECT count(*) FROM alur.executions WHERE status IS NULL"); err != nil {
			return err
		}
	}
	took := time.Since(began)
	stop()
	<-ended
	var wrong int
	check := fmt.Sprintf(`SELECT (SELECT count(*) FROM %s WHERE c IS DISTINCT FROM a + b * 2) + abs($1 - (SELECT count(*) FROM alur.executions WHERE status = 1))
		+ abs(3 * $1 - (SELECT count(*) FROM alur.jobs WHERE status = 1))`, items)
	if err := l.db.GetContext(b.ctx, &wrong, check, w1Executions); err != nil {
		return err
	}
	if wrong != 0 {
		return fmt.Errorf("%d rows are not as they should be", wrong)
	}
	b.result("W1", "drain", rate(w1Executions, took), "exec/s", true)
	_, err := l.db.ExecContext(b.ctx, "TRUNCATE alur.executions, alur.jobs CASCADE")
	return err
}

// w1HTTP creates records through the real server and waits for their executions.
func (b *bench) w1HTTP(l *local, items string, workflow int64) error {
	s, err := b.serve()
	if err != nil {
		return err
	}
	defer s.stop()
	began := time.Now()
	created, delays, err := s.clients(w1Clients, w1Time, func(c *client, n int) error {
		return c.create("benchItems", map[string]any{"a": n%100 + 1, "b": n % 7})
	})
	if err != nil {
		return err
	}
	took := time.Since(began)
	b.result("W1", "creates", rate(created, took), "creates/s", true)
	b.result("W1", "creates_p99", delays.percentile(99), "ms", false)
	left := 1
	for left > 0 {
		time.Sleep(5 * time.Millisecond)
		if err := l.db.GetContext(b.ctx, &left, "SELECT count(*) FROM alur.executions WHERE status IS NULL"); err != nil {
			return err
		}
	}
	b.result("W1", "http", rate(created, time.Since(began)), "exec/s", true)
	var done int
	if err := l.db.GetContext(b.ctx, &done, fmt.Sprintf("SELECT count(*) FROM %s WHERE c = a + b * 2", items)); err != nil {
		return err
	}
	if done != created+w1Executions {
		return fmt.Errorf("%d of %d records were worked off", done, created+w1Executions)
	}
	b.result("W1", "rss_loaded", s.rss(), "MB", false)
	log.Printf("%d records created and worked off", created)
	return nil
}
