package handlers

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"alur/engine/fault"
	"alur/views"
)

// maxStreams is how many pages of one person are kept up to date at once. Over
// plain HTTP/1.1 a browser allows no more connections anyway.
const maxStreams = 6

// streams counts the open streams of each person in this process.
type streams struct {
	mu   sync.Mutex
	open map[int64]int
}

// enter takes one of a person's places; leave gives it back.
func (s *streams) enter(person int64) (leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[person] >= maxStreams {
		return nil, fault.New(fault.Overloaded, "This page does not follow by itself: six other pages of yours do. Close one of them, or reload this page to see what is new.")
	}
	if s.open == nil {
		s.open = map[int64]int{}
	}
	s.open[person]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.open[person]--; s.open[person] == 0 {
			delete(s.open, person)
		}
	}, nil
}

const (
	streamGap    = 250 * time.Millisecond // between two messages at least
	streamReread = 5 * time.Second        // without a signal: signals may get lost
	streamBeat   = 20 * time.Second       // a comment, so that proxies keep the connection
	streamLife   = 15 * time.Minute       // then the browser connects anew, with its rights asked again
)

// follow calls push at once, whenever moved has a signal and now and then
// without one, but never twice within streamGap. It returns when push says that
// it is over, when something fails, and when the stream has lived long enough.
func follow(ctx context.Context, moved <-chan struct{}, push func() (over bool, err error), beat func() error) error {
	ctx, cancel := context.WithTimeout(ctx, streamLife)
	defer cancel()
	reread, pulse := time.NewTicker(streamReread), time.NewTicker(streamBeat)
	defer reread.Stop()
	defer pulse.Stop()
	for {
		if over, err := push(); over || err != nil {
			return err
		}
		select {
		case <-time.After(streamGap):
		case <-ctx.Done():
			return nil
		}
		for waiting := true; waiting; {
			select {
			case <-moved:
				waiting = false
			case <-reread.C:
				waiting = false
			case <-pulse.C:
				if err := beat(); err != nil {
					return err
				}
			case <-ctx.Done():
				return nil
			}
		}
	}
}

// events is the stream of one execution: unnamed messages that morph what has
// changed on its page, each followed by the event "moved", and "end" when
// nothing more can come.
func (h *executions) events(c echo.Context) error {
	leave, err := h.streams.enter(actor(c).UserID)
	if err != nil {
		return err
	}
	defer leave()
	l, err := h.open(c)
	if err != nil {
		return err
	}
	moved, stop := h.engine.Watch(l.x.ID)
	defer stop()
	res := c.Response()
	res.Header().Set("Content-Type", "text/event-stream")
	res.Header().Set("X-Accel-Buffering", "no")
	res.WriteHeader(http.StatusOK)
	res.Flush()
	seen := c.Request().Header.Get("Last-Event-ID")
	if seen == "" {
		seen = c.QueryParam("since")
	}
	s := stream{l: l, out: res, seen: seen}
	ctx := c.Request().Context()
	err = follow(ctx, moved, func() (bool, error) { return s.push(ctx) }, s.beat)
	if err != nil && ctx.Err() == nil {
		// The answer has begun: all that is left is to close it. The browser
		// connects again and hears then what is wrong.
		h.server.Log.WarnContext(ctx, "stream of an execution ended", "execution_id", l.x.ID, "err", err)
	}
	return nil
}

// stream writes to one open page.
type stream struct {
	l     *runLog
	out   *echo.Response
	seen  string            // the change that the page showed when it was rendered
	shown map[string]string // what it shows now, by element id; nil: not known
}

// part is an element of the page that may change.
type part struct {
	id   string
	view templ.Component
}

// push sends what has changed and reports whether nothing more can come.
func (s *stream) push(ctx context.Context) (over bool, err error) {
	if err := s.l.read(ctx); err != nil {
		return false, err
	}
	canvas := s.l.canvas()
	now := map[string]string{"paths": branchPaths(canvas.Cards)}
	parts := s.parts(canvas)
	for _, p := range parts {
		var html bytes.Buffer
		if err := p.view.Render(ctx, &html); err != nil {
			return false, err
		}
		now[p.id] = html.String()
	}
	if s.shown == nil && s.seen == s.l.change() {
		s.shown = now
	}
	var message bytes.Buffer
	send := func(id string, view templ.Component) error {
		return views.Changed(id).Render(templ.WithChildren(ctx, view), &message)
	}
	// Which way a branch went shows between the cards too, so then the canvas
	// is sent as a whole.
	whole := s.shown["paths"] != now["paths"]
	for _, p := range parts {
		if s.shown[p.id] == now[p.id] || whole && strings.HasPrefix(p.id, cardPrefix) {
			continue
		}
		if err := send(p.id, templ.Raw(now[p.id])); err != nil {
			return false, err
		}
	}
	if whole {
		if err := send("flow", views.Flow(canvas)); err != nil {
			return false, err
		}
	}
	s.shown = now
	if message.Len() > 0 {
		s.write("id: "+s.l.change(), message.Bytes())
		s.write("event: moved", []byte(s.l.change()))
	}
	if over = s.l.ended(); over {
		s.write("event: end", []byte(s.l.x.State()))
	}
	s.out.Flush()
	return over, ctx.Err()
}

// cardPrefix begins the element ids of cards.
const cardPrefix = "n-"

// parts are what may change: what stands above the canvas, and the cards.
func (s *stream) parts(canvas views.Canvas) []part {
	head := s.l.head()
	if s.l.ended() {
		head.Said = "The execution has ended: " + views.StateWord(head.State) + "."
	}
	parts := []part{{"run-head", views.ExecutionHeadLine(head)}, {"notes", views.ExecutionNotices(s.l.notices(nil))}}
	var add func(cards []views.FlowCard)
	add = func(cards []views.FlowCard) {
		for _, card := range cards {
			parts = append(parts, part{cardPrefix + card.Key, views.NodeCard(card)})
			for _, b := range card.Branches {
				add(b.Cards)
			}
		}
	}
	add(canvas.Cards)
	return parts
}

// branchPaths names the cards and which branches were not taken: what a canvas
// looks like apart from its cards.
func branchPaths(cards []views.FlowCard) string {
	var b strings.Builder
	for _, card := range cards {
		b.WriteString(card.Key + " ")
		for _, branch := range card.Branches {
			fmt.Fprintf(&b, "(%t %s %s)", branch.NotTaken, branch.Word, branchPaths(branch.Cards))
		}
	}
	return b.String()
}

// write sends one event: a line that says what it is, and its data.
func (s *stream) write(first string, data []byte) {
	fmt.Fprintf(s.out, "%s\n", first)
	for line := range bytes.Lines(data) {
		fmt.Fprintf(s.out, "data: %s\n", bytes.TrimRight(line, "\r\n"))
	}
	fmt.Fprint(s.out, "\n")
}

// beat sends a comment.
func (s *stream) beat() error {
	if _, err := fmt.Fprint(s.out, ": still here\n\n"); err != nil {
		return fmt.Errorf("write to the stream: %w", err)
	}
	s.out.Flush()
	return nil
}
