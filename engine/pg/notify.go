package pg

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/lib/pq"
)

// notifyMax keeps a payload below PostgreSQL's 8000 bytes; more collapses to "".
const notifyMax = 7000

// A hub passes signals between the processes on one database: NOTIFY, collected
// for a few milliseconds after the commits that caused it. A signal inside every
// commit would cost two thirds of the throughput, because PostgreSQL serializes
// commits that notify.
//
// Signals only ever say "look again". They may be lost or doubled; whoever
// listens also looks on its own from time to time.
type hub struct {
	db  *DB
	url string

	mu       sync.Mutex
	subs     map[string][]*subscription
	pending  map[string]map[string]struct{} // channel to payloads; "" means: anything
	listener *pq.Listener
}

type subscription struct{ fn func(payload string) }

// Notify tells every subscriber of channel, here at once and in the other
// processes within about wait. Payloads are collected and sent comma-separated;
// when they are too many the others receive "", which means "anything changed".
// A payload must not hold a comma.
func (db *DB) Notify(channel, payload string, wait time.Duration) {
	h := db.hub
	h.deliver(channel, payload)
	h.mu.Lock()
	defer h.mu.Unlock()
	set := h.pending[channel]
	if set == nil {
		set = map[string]struct{}{}
		h.pending[channel] = set
		time.AfterFunc(wait, func() { h.send(channel) })
	}
	set[payload] = struct{}{}
}

// Notify is [DB.Notify] once the transaction has been committed.
func (t *Tx) Notify(channel, payload string, wait time.Duration) {
	t.OnCommit(func() { t.db.Notify(channel, payload, wait) })
}

// WorkOff calls once until ctx ends: again at once while that did something, else when
// channel is notified, and after poll, since a notification may be lost.
func (db *DB) WorkOff(ctx context.Context, channel string, poll time.Duration, once func() (worked bool)) {
	wake := make(chan struct{}, 1)
	defer db.Subscribe(channel, func(string) {
		select {
		case wake <- struct{}{}:
		default:
		}
	})()
	for ctx.Err() == nil {
		if once() {
			continue
		}
		select {
		case <-wake:
		case <-time.After(poll):
		case <-ctx.Done():
		}
	}
}

func (h *hub) send(channel string) {
	h.mu.Lock()
	set := h.pending[channel]
	delete(h.pending, channel)
	h.mu.Unlock()
	var b strings.Builder
	for p := range set {
		if p == "" || b.Len()+len(p) > notifyMax {
			b.Reset()
			break
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(p)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	// Lost signals are made up for by polling, so an error has no one to tell.
	_, _ = h.db.side.ExecContext(ctx, "SELECT pg_notify($1, $2)", channel, b.String())
}

// Subscribe calls fn for every signal on channel, also for those of this
// process, and with "" after the connection was lost for a while. fn must be
// quick and may be called from several goroutines. stop ends it.
func (db *DB) Subscribe(channel string, fn func(payload string)) (stop func()) {
	h := db.hub
	s := &subscription{fn}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.subs[channel] = append(h.subs[channel], s)
	if h.listener == nil {
		h.listener = pq.NewListener(h.url, 200*time.Millisecond, 5*time.Second, nil)
		go h.listen(h.listener)
	}
	if len(h.subs[channel]) == 1 {
		// Listen waits for the server's answer; the listener repeats it itself
		// after a reconnect.
		go func(l *pq.Listener) { _ = l.Listen(channel) }(h.listener)
	}
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		for i, o := range h.subs[channel] {
			if o == s {
				h.subs[channel] = append(h.subs[channel][:i:i], h.subs[channel][i+1:]...)
				return
			}
		}
	}
}

func (h *hub) listen(l *pq.Listener) {
	for n := range l.Notify {
		if n == nil { // reconnected: anything may have been missed
			h.mu.Lock()
			channels := make([]string, 0, len(h.subs))
			for c := range h.subs {
				channels = append(channels, c)
			}
			h.mu.Unlock()
			for _, c := range channels {
				h.deliver(c, "")
			}
			continue
		}
		for p := range strings.SplitSeq(n.Extra, ",") {
			h.deliver(n.Channel, p)
		}
	}
}

func (h *hub) deliver(channel, payload string) {
	h.mu.Lock()
	subs := h.subs[channel]
	h.mu.Unlock()
	for _, s := range subs {
		s.fn(payload)
	}
}

func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.listener != nil {
		h.listener.Close()
		h.listener = nil
	}
}
