// Package snowflake makes the ids of everything we store: 53-bit integers that
// grow with time and stay exact in JavaScript (spec/engine.md §2).
//
//	(unixSeconds − 1605024000) << 21 | worker << 16 | sequence
//
// Why our own: public generators use 63 bits, which JSON clients round.
package snowflake

import (
	"sync"
	"time"
)

// Epoch is the second that ids count from: 2020-11-10 16:00:00 UTC.
const Epoch = 1605024000

// MaxWorker is the largest worker number; two live processes on one database
// never share a number.
const MaxWorker = 31

// Source makes ids for one worker. It is safe for concurrent use.
type Source struct {
	worker int64
	now    func() time.Time

	mu   sync.Mutex
	last int64 // second of the newest id, since Epoch
	seq  int64 // next sequence number within last
}

// New returns a source for worker, 0 to MaxWorker.
func New(worker int, now func() time.Time) *Source {
	if worker < 0 || worker > MaxWorker {
		panic("snowflake: worker out of range")
	}
	return &Source{worker: int64(worker), now: now}
}

// Worker is the number that tells the ids of s from those of others.
func (s *Source) Worker() int64 { return s.worker }

// Next returns a new id, greater than all that s returned before. A second
// holds 65,536 ids; one more is borrowed from the next second, so that a burst
// never waits and a clock that steps back never repeats.
func (s *Source) Next() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sec := s.now().Unix() - Epoch; sec > s.last {
		s.last, s.seq = sec, 0
	}
	if s.seq == 1<<16 {
		s.last, s.seq = s.last+1, 0
	}
	id := s.last<<21 | s.worker<<16 | s.seq
	s.seq++
	return id
}

// At returns the least id of t's second: ids grow with time, so it bounds them.
func At(t time.Time) int64 { return (t.Unix() - Epoch) << 21 }

// Slack is how far an id and the time in its row may be apart: the clock of the
// process that made the one, that of the server that wrote the other, and what
// passed between.
const Slack = 10 * time.Minute
