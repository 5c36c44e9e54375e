package script

import (
	"errors"
	"runtime/metrics"
	"sync"
	"time"

	"github.com/dop251/goja"
)

const (
	watchAfter = 20 * time.Millisecond
	watchEvery = 10 * time.Millisecond
)

// What a runtime is interrupted with.
var (
	errTime   = errors.New("time")
	errMemory = errors.New("memory")
)

// tooLate is the last word of a child that has to stop itself.
const tooLate = "the time is over"

// watcher interrupts a runtime that takes too much, so that it can still tell
// what it was doing. What cannot be interrupted, the kernel and the parent end.
type watcher struct {
	rt   *goja.Runtime
	most uint64 // bytes of heap
	late func() bool

	mu    sync.Mutex
	done  bool
	timer *time.Timer
}

// watch begins to look after rt: the heap has at most so many bytes, and late is
// asked at each look whether the time is over.
func watch(rt *goja.Runtime, most uint64, late func() bool) *watcher {
	w := &watcher{rt: rt, most: most, late: late}
	w.mu.Lock()
	w.timer = time.AfterFunc(watchAfter, w.look)
	w.mu.Unlock()
	return w
}

func (w *watcher) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done {
		return
	}
	switch {
	case w.late():
		w.rt.Interrupt(errTime)
	case heap() > w.most:
		w.rt.Interrupt(errMemory)
	}
	w.timer.Reset(watchEvery) // also after an interrupt: what runs then may hang too
}

// stop ends the watch; afterwards the runtime is not interrupted any more, not
// even by an interrupt that came too late.
func (w *watcher) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done = true
	w.timer.Stop()
	w.rt.ClearInterrupt()
}

// heap is the size of all objects, dead ones included, and of the stacks.
func heap() uint64 {
	samples := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64() + samples[1].Value.Uint64()
}
