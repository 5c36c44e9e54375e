package metric_test

import (
	"io"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"alur/engine/metric"
	"alur/engine/pgtest"
)

// line is a way to the database that can be interrupted without being closed, as
// a cable can.
type line struct {
	flow sync.RWMutex // locked while nothing passes
}

// newLine returns a line to the database at address, and the address of its end.
func newLine(t *testing.T, address string) (*line, string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	const socket = ".s.PGSQL.5432"
	query, dir := u.Query(), t.TempDir()
	far := filepath.Join(query.Get("host"), socket)
	listener, err := net.Listen("unix", filepath.Join(dir, socket))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	l := &line{}
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			database, err := net.Dial("unix", far)
			if err != nil {
				near.Close()
				return
			}
			go l.pass(database, near)
			go l.pass(near, database)
		}
	}()
	query.Set("host", dir)
	u.RawQuery = query.Encode()
	return l, u.String()
}

func (l *line) pass(to, from net.Conn) {
	defer to.Close()
	_, _ = io.Copy(writer(func(p []byte) (int, error) {
		l.flow.RLock()
		defer l.flow.RUnlock()
		return to.Write(p)
	}), from)
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// TestSilentDatabase: a database that takes questions and never answers holds up
// neither scrapes nor more than one connection, and is seen again afterwards.
func TestSilentDatabase(t *testing.T) {
	t.Parallel()
	l, address := newLine(t, pgtest.NewURL(t))
	db := pgtest.Open(t, address)
	var mu sync.Mutex
	now := time.Now()
	m := metric.New()
	m.Watch(db, func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return now
	})
	pass := func() {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(time.Minute)
	}
	if !strings.Contains(scrape(t, m), "alur_database_up 1\n") {
		t.Fatal("the database is not up")
	}
	l.flow.Lock()
	for range 2 {
		pass()
		text := scrape(t, m)
		if !strings.Contains(text, "alur_database_up 0\n") || !strings.Contains(text, "go_goroutines") || strings.Contains(text, "alur_queue_depth") {
			t.Errorf("without an answer:\n%.800s", text)
		}
		if used := db.Side().Stats().InUse; used != 1 {
			t.Errorf("%d connections wait for an answer, want 1", used)
		}
	}
	l.flow.Unlock()
	for pass(); !strings.Contains(scrape(t, m), "alur_database_up 1\n"); pass() {
		if t.Context().Err() != nil {
			t.Fatal("the database is not seen again")
		}
	}
}
