package handlers

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/PuerkitoBio/goquery"

	"alur/engine/fault"
	"alur/engine/task"
)

// event is one event of a stream.
type event struct{ name, id, data string }

// listen opens the stream of an execution over HTTP and returns its events; the
// channel is closed when the stream ends.
func (s *shop) listen(path, last string) (*http.Response, <-chan event) {
	s.t.Helper()
	server := httptest.NewServer(s.handler)
	s.t.Cleanup(server.Close)
	ctx, cancel := context.WithCancel(s.t.Context())
	s.t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r.AddCookie(s.cookie(sessionCookie, s.tokens[admin]))
	r.Header.Set("Accept-Encoding", "gzip")
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	res, err := server.Client().Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	events := make(chan event, 100)
	go func() {
		defer close(events)
		defer res.Body.Close()
		var e event
		lines := bufio.NewScanner(res.Body)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			field, value, _ := strings.Cut(lines.Text(), ": ")
			switch field {
			case "id":
				e.id = value
			case "event":
				e.name = value
			case "data":
				e.data += value
			case "":
				events <- e
				e = event{}
			}
		}
	}()
	return res, events
}

// next waits for one event.
func (s *shop) next(events <-chan event) event {
	s.t.Helper()
	select {
	case e, ok := <-events:
		if !ok {
			s.t.Fatal("the stream ended")
		}
		return e
	case <-time.After(20 * time.Second):
		s.t.Fatal("no event within 20 s")
	}
	return event{}
}

// approve decides the waiting leave request.
func (s *shop) approve() {
	s.t.Helper()
	manager := s.users[root].Actor()
	open, _, err := s.Tasks.Mine(s.t.Context(), manager, task.Filter{Show: task.ShowOpen, Page: 1, Size: 5})
	if err != nil || len(open) != 1 {
		s.t.Fatalf("%d open tasks, %v; want 1", len(open), err)
	}
	d := task.Decision{Action: "approve", Channel: task.App}
	if err := s.Tasks.Decide(s.t.Context(), manager, open[0].ID, d); err != nil {
		s.t.Fatal(err)
	}
}

// part parses what a message brings and returns the element that replaces id.
func (e event) part(id string) *goquery.Selection {
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(e.data))
	if err != nil {
		return nil
	}
	return doc.Find("hx-partial #" + id)
}

func TestExecutionEvents(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	live := s.get(admin, s.path(s.waiting, "")).doc().Find("#live").AttrOr("hx-sse:connect", "")
	res, events := s.listen(live, "")
	for name, want := range map[string]string{"Content-Type": "text/event-stream", "X-Accel-Buffering": "no", "Content-Encoding": "", "Cache-Control": "no-store"} {
		if got := res.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	working, stop := context.WithCancel(t.Context())
	worked := make(chan struct{})
	go func() { defer close(worked); s.Engine.Work(working, 1) }()
	defer func() { stop(); <-worked }()
	s.approve()

	seen := map[string]string{} // card: state
	var last, ended event
	for ended.name != "end" {
		switch e := s.next(events); e.name {
		case "":
			if e.id == "" {
				t.Errorf("a message without id: %s", e.data)
			}
			for _, card := range e.part("n-decision").AddSelection(e.part("n-approved")).AddSelection(e.part("n-deduct")).AddSelection(e.part("n-refuse")).EachIter() {
				seen[card.AttrOr("id", "")] = card.AttrOr("data-state", "")
			}
			last = e
		case "moved", "end":
			ended = e
		default:
			t.Errorf("unknown event %q", e.name)
		}
	}
	for card, want := range map[string]string{"n-decision": "completed", "n-approved": "completed", "n-deduct": "completed", "n-refuse": "idle"} {
		if seen[card] != want {
			t.Errorf("card %s was last sent as %q, want %q", card, seen[card], want)
		}
	}
	if got := strings.TrimSpace(last.part("run-head").Find(".badge").Text()); got != "Completed" {
		t.Errorf("the head was last sent as %q, want Completed", got)
	}
	if e, more := <-events; more {
		t.Errorf("after the end came %+v", e)
	}

	// Who comes back with the last id has missed nothing, who comes with an
	// older one gets all of it.
	_, events = s.listen(s.path(s.waiting, "/events"), last.id)
	if e := s.next(events); e.name != "end" {
		t.Errorf("nothing was missed, yet %+v came", e)
	}
	_, events = s.listen(s.path(s.waiting, "/events"), "1.1.waiting")
	if e := s.next(events); e.part("flow").Find("#n-deduct").AttrOr("data-state", "") != "completed" || e.id != last.id {
		t.Errorf("after a break came %+v, want the whole canvas at %s", e, last.id)
	}
}

func TestStreamLimit(t *testing.T) {
	t.Parallel()
	var s streams
	var leave []func()
	for range maxStreams {
		l, err := s.enter(1)
		if err != nil {
			t.Fatal(err)
		}
		leave = append(leave, l)
	}
	if _, err := s.enter(1); !fault.Is(err, fault.Overloaded) {
		t.Errorf("one stream too many: %v", err)
	}
	if l, err := s.enter(2); err != nil {
		t.Errorf("somebody else: %v", err)
	} else {
		l()
	}
	leave[0]()
	if _, err := s.enter(1); err != nil {
		t.Errorf("after one was closed: %v", err)
	}
}

// TestFollow: at most four messages a second however much happens, some when
// nothing does, a comment every 20 seconds, and an end after 15 minutes.
func TestFollow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		moved := make(chan struct{}, 1)
		busy, calm := context.WithTimeout(t.Context(), 10*time.Second)
		defer calm()
		go func() {
			for tick := time.Tick(time.Millisecond); busy.Err() == nil; <-tick {
				select {
				case moved <- struct{}{}:
				default:
				}
			}
		}()
		start := time.Now()
		var pushed []time.Duration
		beats := 0
		err := follow(t.Context(), moved,
			func() (bool, error) { pushed = append(pushed, time.Since(start)); return false, nil },
			func() error { beats++; return nil })
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != streamLife {
			t.Errorf("the stream lived %s, want %s", took, streamLife)
		}
		if beats < 44 || beats > 45 {
			t.Errorf("%d comments in 15 minutes, want one every 20 s", beats)
		}
		early, late := 0, 0
		for i, at := range pushed {
			if i > 0 && at-pushed[i-1] < streamGap {
				t.Fatalf("messages at %s and %s", pushed[i-1], at)
			}
			if at <= 10*time.Second {
				early++
			} else {
				late++
			}
		}
		if early < 38 || early > 41 {
			t.Errorf("%d messages in 10 busy seconds, want 40", early)
		}
		if want := int((streamLife - 10*time.Second) / streamReread); late < want-2 || late > want+2 {
			t.Errorf("%d looks while nothing happened, want %d", late, want)
		}
	})
}

func TestFollowEnds(t *testing.T) {
	t.Parallel()
	broken := errors.New("gone")
	if err := follow(t.Context(), nil, func() (bool, error) { return false, broken }, nil); err != broken {
		t.Errorf("an error ends it with %v", err)
	}
	if err := follow(t.Context(), nil, func() (bool, error) { return true, nil }, nil); err != nil {
		t.Errorf("its end: %v", err)
	}
	left, leave := context.WithCancel(t.Context())
	if err := follow(left, nil, func() (bool, error) { leave(); return false, nil }, nil); err != nil {
		t.Errorf("somebody left: %v", err)
	}
}
