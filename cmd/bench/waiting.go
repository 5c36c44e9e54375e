package main

import (
	"fmt"
	"log"
	"time"
)

const (
	waitingExecutions = 100_000
	waitingIdle       = 20 * time.Second
	waitingSettle     = 3 * time.Second // after the start
	waitingAnswers    = 50

	waitingManual = `{"assignees": [%d], "title": "Decide", "schema": {"type": "void"}, "forms": {"f": {"type": "custom", "title": "Decision",
		"collection": {"name": "f", "fields": []}, "actions": [{"key": "ok", "status": 1}]}}}`
	// waitingCopies makes $1 copies of the execution that waits, with its job and task.
	waitingCopies = `WITH i AS (SELECT generate_series(1, $1) i),
		x AS (INSERT INTO alur.executions (id, workflow_id, key, context, status, fence, segments, worker, created_at, started_at)
			SELECT i, workflow_id, key, context, status, fence, segments, worker, created_at, started_at FROM alur.executions, i),
		j AS (INSERT INTO alur.jobs (id, execution_id, node_id, node_key, status, input, attempt, started_at)
			SELECT i, i, node_id, node_key, status, input, attempt, started_at FROM alur.jobs, i)
		INSERT INTO alur.tasks (id, execution_id, job_id, node_id, node_key, workflow_id, workflow_key, user_id, title, status, form)
			SELECT i, i, i, node_id, node_key, workflow_id, workflow_key, user_id, title, status, form FROM alur.tasks, i`
)

// waiting is a server with a hundred thousand executions that wait for a person:
// what they cost, and how fast one goes on that is answered.
func (b *bench) waiting() error {
	l, err := b.local()
	if err != nil {
		return err
	}
	defer l.close()
	if err := b.waitOnce(l); err != nil {
		return err
	}
	if _, err := l.db.ExecContext(b.ctx, waitingCopies, waitingExecutions); err != nil {
		return err
	}
	for _, table := range []string{"executions", "jobs", "tasks"} {
		if _, err := l.db.ExecContext(b.ctx, "VACUUM ANALYZE alur."+table); err != nil {
			return err
		}
	}
	s, err := b.serve()
	if err != nil {
		return err
	}
	defer s.stop()
	time.Sleep(waitingSettle)
	pid := s.cmd.Process.Pid
	began, mine, database := time.Now(), cpu(pid), b.postgresCPU()
	time.Sleep(waitingIdle)
	percent := func(spent time.Duration) float64 { return 100 * spent.Seconds() / time.Since(began).Seconds() }
	b.result("waiting", "idle_cpu", percent(cpu(pid)-mine), "%", false)
	log.Printf("PostgreSQL used %.2f %%", percent(b.postgresCPU()-database))
	b.result("waiting", "rss", s.rss(), "MB", false)
	if err := b.waitingResume(l, s); err != nil {
		return err
	}
	return l.clear(b.ctx)
}

// waitOnce has a server bring one execution to where it waits for a person.
func (b *bench) waitOnce(l *local) error {
	s, err := b.serve() // it also makes the person
	if err != nil {
		return err
	}
	defer s.stop()
	items, err := l.items(b.ctx, "benchAsked")
	if err != nil {
		return err
	}
	var person int64
	if err := l.db.GetContext(b.ctx, &person, "SELECT id FROM alur.users WHERE email = $1", benchEmail); err != nil {
		return err
	}
	_, err = l.build(b.ctx, "Waiting", `{"collection": "benchAsked", "mode": 1}`, false, []step{
		{"manual", "decide", fmt.Sprintf(waitingManual, person)},
		{"calculation", "sum", `{"engine": "math.js", "expression": "{{$context.data.a}} + 1"}`}})
	if err != nil {
		return err
	}
	if err := l.save(b.ctx, items, map[string]any{"a": 1}); err != nil {
		return err
	}
	return l.await(b.ctx, 0)
}

// waitingResume answers tasks from all over the table, one at a time, and
// measures the time from the answer to the end of the execution.
func (b *bench) waitingResume(l *local, s *server) error {
	c, err := s.signIn()
	if err != nil {
		return err
	}
	var all delays
	for n := range waitingAnswers {
		id := 1 + n*(waitingExecutions/waitingAnswers)
		answer := map[string]any{"result": map[string]any{"f": map[string]any{}, "_": "ok"}}
		began := time.Now()
		if err := c.call("POST", fmt.Sprintf("/api/workflowManualTasks:submit/%d", id), answer, nil); err != nil {
			return err
		}
		for done := false; !done; time.Sleep(500 * time.Microsecond) {
			if time.Since(began) > time.Minute {
				return fmt.Errorf("execution %d did not go on", id)
			}
			if err := l.db.GetContext(b.ctx, &done, "SELECT status IS NOT DISTINCT FROM 1 FROM alur.executions WHERE id = $1", id); err != nil {
				return err
			}
		}
		all = append(all, float64(time.Since(began).Microseconds())/1000)
	}
	b.result("waiting", "resume_p95", all.percentile(95), "ms", false)
	var jobs int
	err = l.db.GetContext(b.ctx, &jobs, "SELECT count(*) FROM alur.jobs j JOIN alur.executions e ON e.id = j.execution_id WHERE e.status = 1 AND j.status = 1")
	if err == nil && jobs != 2*waitingAnswers {
		err = fmt.Errorf("%d answered executions have %d jobs, they should have %d", waitingAnswers, jobs, 2*waitingAnswers)
	}
	return err
}
