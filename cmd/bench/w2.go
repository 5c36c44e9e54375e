package main

const w2Executions = 6_000

// w2 is: a record was saved → JavaScript → calculation.
func (b *bench) w2() error {
	l, err := b.local()
	if err != nil {
		return err
	}
	defer l.close()
	items, err := l.items(b.ctx, "benchScripts")
	if err != nil {
		return err
	}
	w, err := l.build(b.ctx, "W2", `{"collection": "benchScripts", "mode": 1}`, false, []step{
		{"script", "twice", `{"content": "return 2 * b;", "arguments": [{"name": "b", "value": "{{$context.data.b}}"}]}`},
		{"calculation", "sum", `{"engine": "math.js", "expression": "{{$context.data.a}} + {{$jobsMapByNodeKey.twice}}"}`},
	})
	if err != nil {
		return err
	}
	if err := l.queueUp(b.ctx, items, w, w2Executions); err != nil {
		return err
	}
	_, err = b.drain(l, drain{work: "W2", metric: "drain", count: w2Executions, jobs: 2, wrong: `SELECT $1 - count(*)
		FROM alur.jobs j JOIN alur.executions e ON e.id = j.execution_id
		WHERE j.node_key = 'sum' AND CAST(j.result AS numeric) = CAST(e.context -> 'data' ->> 'a' AS numeric) + 2 * CAST(e.context -> 'data' ->> 'b' AS numeric)`})
	return err
}
