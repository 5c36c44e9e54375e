package main

import (
	"context"
	"fmt"
	"time"

	"alur/engine/expr"
	"alur/engine/node"
)

const (
	timersCount = 1_000
	timersEvery = 10 * time.Millisecond
	timersAhead = 3 * time.Second // before the first is due
)

// timers measures how late executions end that wait until a time, a hundred a
// second.
func (b *bench) timers() error {
	l, err := b.local()
	if err != nil {
		return err
	}
	defer l.close()
	if _, err := l.items(b.ctx, "benchTimed"); err != nil {
		return err
	}
	w, err := l.build(b.ctx, "Timers", `{"collection": "benchTimed", "mode": 1}`, false, []step{{"benchUntil", "until", `{"time": "{{$context.data.c}}"}`}})
	if err != nil {
		return err
	}
	_, err = l.db.ExecContext(b.ctx, `INSERT INTO alur.executions (id, workflow_id, key, context)
		SELECT i, $2, $3, jsonb_build_object('data', jsonb_build_object('c', CAST($4 AS bigint) + i * $5)) FROM generate_series(1, $1) i`,
		timersCount, w.ID, w.Key, time.Now().Add(timersAhead).UnixMilli(), timersEvery.Milliseconds())
	if err != nil {
		return err
	}
	stop := l.work(b.ctx)
	defer stop()
	for left := 1; left > 0; time.Sleep(20 * time.Millisecond) {
		if err := l.db.GetContext(b.ctx, &left, "SELECT count(*) FROM alur.executions WHERE ended_at IS NULL"); err != nil {
			return err
		}
	}
	stop()
	var found struct{ Late, First float64 }
	err = l.db.GetContext(b.ctx, &found, `SELECT percentile_cont(0.99) WITHIN GROUP (ORDER BY late) AS late, min(late) AS first
		FROM (SELECT 1000 * extract(epoch FROM ended_at) - CAST(context -> 'data' ->> 'c' AS numeric) AS late FROM alur.executions) x`)
	if err != nil {
		return err
	}
	if found.First < 0 {
		return fmt.Errorf("one went on %.3f ms too early", -found.First)
	}
	if err := l.check(b.ctx, drain{count: timersCount, jobs: 1, wrong: "SELECT count(*) FROM alur.timers"}); err != nil {
		return err
	}
	b.result("timers", "p99_late", found.Late, "ms", false)
	return l.clear(b.ctx)
}

// until waits until a time in milliseconds since 1970, which is what a test of
// punctuality needs and no node of alur's own takes.
type until struct{}

type untilConfig struct {
	Time expr.Template `json:"time"`
}

func (untilConfig) Validate() node.Problems { return nil }

var _ = node.Register[untilConfig](until{})

func (until) Kind() string { return "benchUntil" }

func (until) Effect() node.Effect { return node.Local }

func (until) Waits() {}

func (until) Run(_ context.Context, s *node.Step, c untilConfig) (node.Outcome, error) {
	due, err := c.Time.Eval(s.Vars)
	if err != nil {
		return node.Outcome{}, err
	}
	ms, ok := due.(float64)
	if !ok {
		return node.Outcome{}, fmt.Errorf("%v is no time", due)
	}
	return node.WaitUntil(time.UnixMilli(int64(ms)), node.Resolved), nil
}
