package script

import (
	"context"
	"slices"
	"sync"
)

// turns lets a number of requests go on at once; the others wait. Keys take
// turns, so that a flood under one key does not hold up the rest, and one key
// gets all places but one.
type turns struct {
	places, most int // in all, for one key

	mu      sync.Mutex
	taken   int
	held    map[string]int
	waiting map[string][]chan struct{} // oldest first
	order   []string                   // keys with somebody waiting, the next one first
}

func newTurns(places, most int) *turns {
	return &turns{places: places, most: most, held: map[string]int{}, waiting: map[string][]chan struct{}{}}
}

// take waits for a place. Whoever gets one gives it back.
func (t *turns) take(ctx context.Context, key string) error {
	t.mu.Lock()
	if t.taken < t.places && t.held[key] < t.most && len(t.waiting[key]) == 0 {
		t.taken++
		t.held[key]++
		t.mu.Unlock()
		return nil
	}
	mine := make(chan struct{})
	if len(t.waiting[key]) == 0 {
		t.order = append(t.order, key)
	}
	t.waiting[key] = append(t.waiting[key], mine)
	t.mu.Unlock()
	select {
	case <-mine:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	at := slices.Index(t.waiting[key], mine)
	if at < 0 { // the place came at the same moment
		t.release(key)
		return ctx.Err()
	}
	t.leave(key, at)
	return ctx.Err()
}

// give returns a place.
func (t *turns) give(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.release(key)
}

func (t *turns) release(key string) {
	t.taken--
	if t.held[key]--; t.held[key] == 0 {
		delete(t.held, key)
	}
	for t.taken < t.places {
		i := slices.IndexFunc(t.order, func(key string) bool { return t.held[key] < t.most })
		if i < 0 {
			return
		}
		next := t.order[i]
		mine := t.waiting[next][0]
		t.order = append(slices.Delete(t.order, i, i+1), next) // to the end of the line
		t.leave(next, 0)
		t.taken++
		t.held[next]++
		close(mine)
	}
}

// leave takes one who waits out of the line.
func (t *turns) leave(key string, at int) {
	t.waiting[key] = slices.Delete(t.waiting[key], at, at+1)
	if len(t.waiting[key]) == 0 {
		delete(t.waiting, key)
		t.order = slices.DeleteFunc(t.order, func(k string) bool { return k == key })
	}
}
