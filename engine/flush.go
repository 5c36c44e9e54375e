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

// flush collects what runs came to, in the shape of queue.Flush.
type flush struct {
	executions, jobs []byte
	count            int       // jobs
	stored           bool      // some jobs are in the table already
	due              time.Time // the first of its timers; zero: there are none
}

func (f *flush) add(r *run) {
	if r.parked != nil && len(r.jobs) == 0 && r.woken == 0 {
		// A remote step that was begun before a crash begins again. To count it as
		// moving on would let it crash us for ever.
		return
	}
	b := open(f.executions, `{"i":`)
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
	f.executions = append(b, '}')
	for _, j := range r.jobs {
		f.addJob(r, j)
	}
}

func (f *flush) addJob(r *run, j *job) {
	f.count++
	f.stored = f.stored || j.stored
	b := open(f.jobs, `{"i":`)
	b = strconv.AppendInt(b, j.id, 10)
	number := func(key string, n int64) {
		b = append(b, `,"`...)
		b = append(b, key...)
		b = append(b, `":`...)
		b = strconv.AppendInt(b, n, 10)
	}
	number("x", r.claim.ID)
	number("n", j.node.ID)
	b = append(b, `,"k":`...)
	b = value.Append(b, j.node.Key)
	if j.upstream != 0 {
		number("u", j.upstream)
	}
	number("s", int64(j.status))
	if j.branch != nil {
		number("b", int64(*j.branch))
	}
	number("a", int64(j.attempt))
	number("t", j.started.UnixMicro())
	if j.ended {
		number("e", j.endedAt.UnixMicro())
	}
	if j.running {
		b = append(b, `,"g":true`...)
	}
	if !j.due.IsZero() {
		number("d", j.due.UnixMicro())
		number("ds", int64(j.then))
		if f.due.IsZero() || j.due.Before(f.due) {
			f.due = j.due
		}
	}
	if len(j.meta) > 0 {
		b = append(append(b, `,"m":`...), j.meta...)
	}
	if j.hasInput {
		b = append(b, `,"p":`...)
		at := len(b)
		if b = value.Append(b, j.input); len(b)-at > maxInput {
			b = value.Append(b[:at], fmt.Sprintf("(%d kB, not kept)", (len(b)-at)>>10))
		}
	}
	if len(j.encoded) > 0 && string(j.encoded) != "null" {
		b = append(append(b, `,"r":`...), j.encoded...)
	}
	if j.log != "" {
		b = append(b, `,"l":`...)
		b = value.Append(b, j.log)
	}
	f.jobs = append(b, '}')
}

func open(b []byte, text string) []byte {
	if len(b) == 0 {
		b = append(make([]byte, 0, 4096), '[')
	} else {
		b = append(b, ',')
	}
	return append(b, text...)
}

func closed(b []byte) []byte {
	if len(b) == 0 {
		return []byte("[]")
	}
	return append(b, ']')
}

func (f *flush) write(ctx context.Context, q pg.Q) error {
	crashpoint.HitDuring(crashpoint.DuringFlush)
	n, err := queue.Finish(ctx, q, queue.Flush{Executions: closed(f.executions), Jobs: closed(f.jobs), Fresh: !f.stored, Timers: !f.due.IsZero()})
	if err != nil {
		return err
	}
	if n != int64(f.count) {
		return errLeaseLost
	}
	return nil
}
