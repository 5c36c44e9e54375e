package main

import (
	"fmt"
	"log"
	"time"

	"alur/engine"
	"alur/engine/collection"
	"alur/engine/queue"
)

const (
	w1Executions = 30_000
	w1Clients    = 16
	w1Time       = 8 * time.Second
	w1HalfTime   = 4 * time.Second

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
	defer l.close()
	items, err := l.items(b.ctx, "benchItems")
	if err != nil {
		return err
	}
	w, err := l.build(b.ctx, "W1", w1Trigger, false, w1Steps)
	if err != nil {
		return err
	}
	if err := l.queueUp(b.ctx, items, w, w1Executions); err != nil {
		return err
	}
	full, err := b.drain(l, drain{work: "W1", metric: "drain", count: w1Executions, jobs: 3,
		wrong: "SELECT count(*) FROM " + table(items) + " WHERE c IS DISTINCT FROM a + b * 2"})
	if err != nil {
		return err
	}
	if err := b.w1Half(l, items, w, full/2); err != nil {
		return err
	}
	return b.w1HTTP(l, items)
}

// w1Half measures the time from the claim to the end while executions arrive at
// half the rate that could be worked off.
func (b *bench) w1Half(l *local, items *collection.Collection, w engine.Workflow, perSecond float64) error {
	insert := fmt.Sprintf(`INSERT INTO alur.executions (id, workflow_id, key, context)
		SELECT id, $3, $4, jsonb_build_object('data', jsonb_build_object('id', id, 'a', a, 'b', b)) FROM %s WHERE id BETWEEN $1 AND $2`, table(items))
	stop := l.work(b.ctx)
	defer stop()
	began := time.Now()
	made := 0
	for time.Since(began) < w1HalfTime {
		time.Sleep(10 * time.Millisecond)
		due := min(int(perSecond*time.Since(began).Seconds()), w1Executions)
		if due == made {
			continue
		}
		if _, err := l.db.ExecContext(b.ctx, insert, made+1, due, w.ID, w.Key); err != nil {
			return err
		}
		l.db.Notify(queue.Channel, "", 0)
		made = due
	}
	if err := l.await(b.ctx, 0); err != nil {
		return err
	}
	var found struct{ Claimed, Made float64 }
	err := l.db.GetContext(b.ctx, &found, `SELECT
		1000 * extract(epoch FROM percentile_cont(0.95) WITHIN GROUP (ORDER BY ended_at - started_at)) AS claimed,
		1000 * extract(epoch FROM percentile_cont(0.95) WITHIN GROUP (ORDER BY ended_at - created_at)) AS made FROM alur.executions`)
	if err != nil {
		return err
	}
	if err := l.check(b.ctx, drain{count: made, jobs: 3, wrong: "SELECT 0"}); err != nil {
		return err
	}
	b.result("W1", "p95_half_load", found.Claimed, "ms", false)
	log.Printf("%d executions at %.0f/s, %.0f ms (p95) from created to done", made, perSecond, found.Made)
	return l.clear(b.ctx)
}

// w1HTTP creates records through the real server and waits for their executions.
func (b *bench) w1HTTP(l *local, items *collection.Collection) error {
	if _, err := l.db.ExecContext(b.ctx, "TRUNCATE "+table(items)); err != nil {
		return err
	}
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
	if err := l.await(b.ctx, 0); err != nil {
		return err
	}
	b.result("W1", "http", rate(created, time.Since(began)), "exec/s", true)
	b.result("rss", "loaded", s.rss(), "MB", false)
	log.Printf("%d records created and worked off", created)
	err = l.check(b.ctx, drain{count: created, jobs: 3,
		wrong: fmt.Sprintf("SELECT abs(%d - count(*)) FROM %s WHERE c = a + b * 2", created, table(items))})
	if err != nil {
		return err
	}
	return l.clear(b.ctx)
}
