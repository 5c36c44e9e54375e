package engine

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"alur/engine/crashpoint"
	"alur/engine/pg"
	"alur/engine/queue"
	"alur/engine/value"
)

// maxInput bounds what is kept of a step's input, in bytes of JSON.
const maxInput = 64 << 10

// flush collects what runs came to.
type flush struct {
	queue.Flush
	input []byte    // of one step, for the moment
	due   time.Time // the first of its timers; zero: there are none
}

func (f *flush) add(r *run) {
	if r.parked != nil && len(r.jobs) == 0 && r.woken == 0 {
		// A remote step that was begun before a crash begins again. To count it as
		// moving on would let it crash us for ever.
		return
	}
	b := open(f.Executions, `{"i":`)
	b = strconv.AppendInt(b, r.claim.ID, 10)
	b = append(b, `,"f":`...)
	b = strconv.AppendInt(b, r.claim.Fence, 10)
	if !r.yielded {
		b = append(b, `,"s":`...)
		b = strconv.AppendInt(b, int64(executionStatus(r.status)), 10)
	}
	b = append(b, `,"w":`...)
	b = strconv.AppendInt(b, int64(r.woken), 10)
	if r.reason != "" {
		b = append(b, `,"r":`...)
		b = value.Append(b, r.reason)
	}
	if r.output != nil {
		b = append(b, `,"o":{"v":`...)
		b = append(b, r.output...)
		b = append(b, '}')
	}
	if line := r.tally.Text(r.p.title); line != "" {
		b = append(b, `,"a":`...)
		b = value.Append(b, line)
		f.Lines = true
	}
	f.Executions = append(b, '}')
	for _, j := range r.jobs {
		f.addJob(r, j)
	}
}

func (f *flush) addJob(r *run, j *job) {
	f.input = f.input[:0]
	if j.hasInput {
		if f.input = value.Append(f.input, j.input); len(f.input) > maxInput {
			f.input = value.Append(nil, fmt.Sprintf("(%d kB, not kept)", len(f.input)>>10))
		}
	}
	row := queue.Job{
		ID: j.id, ExecutionID: r.claim.ID, NodeID: j.node.ID, NodeKey: j.node.Key, Upstream: j.upstream,
		Status: int(j.status), Branch: j.branch, Meta: j.meta, Input: f.input, Result: j.encoded, Log: j.log,
		Attempt: j.attempt, Started: j.started, Running: j.running, Due: j.due, Then: int(j.then), Stored: j.stored,
	}
	if j.ended {
		row.Ended = j.endedAt
	}
	if !j.due.IsZero() && (f.due.IsZero() || j.due.Before(f.due)) {
		f.due = j.due
	}
	f.Jobs.Add(row)
}

func open(b []byte, text string) []byte {
	if len(b) == 0 {
		b = append(make([]byte, 0, 4096), '[')
	} else {
		b = append(b, ',')
	}
	return append(b, text...)
}

func (f *flush) write(ctx context.Context, q pg.Q) error {
	crashpoint.HitDuring(crashpoint.DuringFlush)
	f.Executions = append(f.Executions, ']')
	n, err := queue.Finish(ctx, q, &f.Flush)
	if err != nil {
		return err
	}
	if n != int64(f.Jobs.Len()) {
		return errLeaseLost
	}
	return nil
}
