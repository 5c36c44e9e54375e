package script

import (
	"errors"
	"runtime/metrics"
	"sync"
	"time"

	"github.com/dop251/goja"
)

const (
	softMemory = 80 << 20  // bytes of heap that the collector tries to stay below
	heapMost   = 100 << 20 // bytes of heap at which a runtime is interrupted
	watchAfter = 20 * time.Millisecond
	watchEvery = 10 * time.Millisecond
)

var (
	errTime   = errors.New("the calculation took longer than a second and was stopped")
	errMemory = errors.New("the calculation needed too much memory and was stopped")
)

// watcher interrupts a runtime that takes too much, so that it can still tell
// what it was doing. What cannot be interrupted, the kernel and the parent end.
type watcher struct {
	rt   *goja.Runtime
	late func() bool

	mu    sync.Mutex
	done  bool
	timer *time.Timer
}

// watch begins to look after rt; late is asked at each look whether the time is
// over.
func watch(rt *goja.Runtime, late func() bool) *watcher {
	w := &watcher{rt: rt, late: late}
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
	case heap() > heapMost:
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

// heap is the size of all objects, dead ones included.
func heap() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
