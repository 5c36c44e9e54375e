package main

import "strconv"

const (
	w4Executions   = 2_000
	w4Calculations = 100
)

// w4 is a hundred calculations in a row, each on the result of the one before.
func (b *bench) w4() error {
	l, err := b.local()
	if err != nil {
		return err
	}
	defer l.close()
	items, err := l.items(b.ctx, "benchHundred")
	if err != nil {
		return err
	}
	w, err := l.build(b.ctx, "W4", `{"collection": "benchHundred", "mode": 1}`, false, sums(w4Calculations))
	if err != nil {
		return err
	}
	if err := l.queueUp(b.ctx, items, w, w4Executions); err != nil {
		return err
	}
	// The record's b, a hundred times over.
	_, err = b.drain(l, drain{work: "W4", metric: "drain", count: w4Executions, jobs: w4Calculations, wrong: `SELECT $1 - count(*)
		FROM alur.jobs j JOIN alur.executions e ON e.id = j.execution_id
		WHERE j.node_key = 'sum100' AND CAST(j.result AS numeric) = 100 * CAST(e.context -> 'data' ->> 'b' AS numeric)`})
	return err
}

// sums are n calculations in a row.
func sums(n int) []step {
	steps, sum := make([]step, n), "0"
	for i := range steps {
		key := "sum" + strconv.Itoa(i+1)
		steps[i] = step{"calculation", key, `{"engine": "math.js", "expression": "` + sum + ` + {{$context.data.b}}"}`}
		sum = "{{$jobsMapByNodeKey." + key + "}}"
	}
	return steps
}
