package main

import (
	"context"
	"fmt"
	"log"
	"time"

	"alur/engine/collection"
)

const (
	floodExecutions = 50_000
	floodSteps      = 50 // calculations each, so that the flood lasts
	floodTime       = 10 * time.Second
	floodEvery      = 50 * time.Millisecond
)

// flood measures how long an execution takes while another workflow has queued
// fifty thousand.
func (b *bench) flood() error {
	l, err := b.local()
	if err != nil {
		return err
	}
	defer l.close()
	flooded, err := l.items(b.ctx, "benchFlood")
	if err != nil {
		return err
	}
	other, err := l.items(b.ctx, "benchOther")
	if err != nil {
		return err
	}
	w, err := l.build(b.ctx, "Flood", `{"collection": "benchFlood", "mode": 1}`, false, sums(floodSteps))
	if err != nil {
		return err
	}
	one, err := l.build(b.ctx, "Other", `{"collection": "benchOther", "mode": 1}`, false, sums(1))
	if err != nil {
		return err
	}
	if err := l.queueUp(b.ctx, flooded, w, floodExecutions); err != nil {
		return err
	}
	stop := l.work(b.ctx)
	defer stop()
	made, err := l.trickle(b.ctx, other)
	if err != nil {
		return err
	}
	var open int
	for open = 1; open > 0; time.Sleep(10 * time.Millisecond) {
		if err := l.db.GetContext(b.ctx, &open, "SELECT count(*) FROM alur.executions WHERE workflow_id = $1 AND status IS NULL", one.ID); err != nil {
			return err
		}
	}
	stop()
	var found struct {
		Done, Left int
		P95        float64
	}
	err = l.db.GetContext(b.ctx, &found, `SELECT count(*) FILTER (WHERE workflow_id = $1 AND status = 1) AS done,
		count(*) FILTER (WHERE workflow_id = $2 AND status IS NULL) AS left,
		1000 * extract(epoch FROM percentile_cont(0.95) WITHIN GROUP (ORDER BY ended_at - created_at) FILTER (WHERE workflow_id = $1)) AS p95
		FROM alur.executions`, one.ID, w.ID)
	if err != nil {
		return err
	}
	if found.Done != made || found.Left == 0 {
		return fmt.Errorf("%d of %d executions succeeded, and %d of the flood were left", found.Done, made, found.Left)
	}
	b.result("flood", "p95_other", found.P95, "ms", false)
	log.Printf("%d executions beside a flood of which %d were left", made, found.Left)
	return l.clear(b.ctx)
}

// trickle saves a record of items every floodEvery, and returns how many.
func (l *local) trickle(ctx context.Context, items *collection.Collection) (made int, err error) {
	tick := time.NewTicker(floodEvery)
	defer tick.Stop()
	for began := time.Now(); time.Since(began) < floodTime; made++ {
		<-tick.C
		if err := l.save(ctx, items, map[string]any{"a": 1, "b": 2}); err != nil {
			return made, err
		}
	}
	return made, nil
}
