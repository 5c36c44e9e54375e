package crashtest_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"alur/engine/crashtest"
)

// TestSignals runs processes whose NOTIFYs are lost, doubled or late on their way
// from the database. That changes nothing but how long things take.
func TestSignals(t *testing.T) {
	t.Parallel()
	for name, fate := range map[string]func([]byte, func([]byte)){
		"lost":    func([]byte, func([]byte)) {},
		"doubled": func(m []byte, pass func([]byte)) { pass(m); pass(m) },
		"late":    func(m []byte, pass func([]byte)) { time.AfterFunc(3*time.Second, func() { pass(m) }) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newRemoteGallery(t)
			w := g.workshop()
			line := newLine(t, g.url, fate)
			server := g.serve("DATABASE_URL=" + line.url)
			g.worker("DATABASE_URL=" + line.url)
			g.clients = []client{signIn(t, server.URL)}
			g.shoot(200)
			g.await(100)
			w.publish(2) // which processes hear of by a signal
			g.check()

			// A stop reaches the process that runs the execution, in the middle of a call.
			g.receiver.gate.Lock()
			g.write(w, 1)
			calls := g.receiver.came()
			server.Await("another call", func() bool { return g.receiver.came() > calls })
			var id int64
			w.get(&id, "SELECT id FROM alur.executions WHERE status IS NULL")
			if err := g.clients[0].cancel(t, id); err != nil {
				t.Error(err)
			}
			server.Await("the end of the call", func() bool { return g.receiver.left() > 0 })
			g.receiver.gate.Unlock()
			if n := line.signals(); n == 0 {
				t.Error("no signal came by, so none was lost, doubled or late")
			}
		})
	}
}

// line is a way to PostgreSQL on which something happens to NOTIFYs.
type line struct {
	t    *testing.T
	url  string // of the database, over the line
	to   string // the server's socket
	fate func(signal []byte, pass func([]byte))

	mu   sync.Mutex
	seen int
}

func newLine(t *testing.T, database string, fate func([]byte, func([]byte))) *line {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	l := &line{t: t, fate: fate, to: filepath.Join(u.Query().Get("host"), ".s.PGSQL.5432")}
	u.Host, u.RawQuery = listener.Addr().String(), "sslmode=disable"
	l.url = u.String()
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go l.carry(c)
		}
	}()
	return l
}

// carry connects one client.
func (l *line) carry(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("unix", l.to)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		_, _ = io.Copy(server, client)
		server.Close()
	}()
	var writing sync.Mutex // late signals come between other messages
	pass := func(message []byte) {
		writing.Lock()
		defer writing.Unlock()
		_, _ = client.Write(message)
	}
	for {
		head := make([]byte, 5) // kind and length, which counts itself
		if _, err := io.ReadFull(server, head); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(head[1:])-4)
		if _, err := io.ReadFull(server, body); err != nil {
			return
		}
		message := append(bytes.Clone(head), body...)
		if head[0] != 'A' { // NotificationResponse
			pass(message)
			continue
		}
		l.mu.Lock()
		l.seen++
		l.mu.Unlock()
		l.fate(message, pass)
	}
}

func (l *line) signals() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.seen
}

// TestWebOnly runs a server with WORKER=off: it takes work in and runs what is
// synchronous, and nothing else. A worker does the rest.
func TestWebOnly(t *testing.T) {
	t.Parallel()
	g := newRemoteGallery(t)
	w := g.workshop()
	w.collection(`{"name": "checks", "title": "Checks", "fields": [{"name": "n", "type": "integer", "title": "N"}]}`)
	w.collection(`{"name": "marks", "title": "Marks", "fields": [{"name": "check", "type": "bigInt", "title": "Check"}]}`)
	w.workflow(`{"collection": "checks", "mode": 1}`, true,
		step{"create", "mark", `{"collection": "marks", "params": {"values": {"check": "{{$context.data.id}}"}}}`})
	// Due already: an execution at its pause, and a mail.
	g.write(w, 1)
	first := g.worker()
	first.Await("the call", func() bool { return g.receiver.came() == 1 })
	w.awaitQuiet()
	first.Stop()
	w.exec("UPDATE alur.executions SET status = 0, ended_at = NULL")
	w.exec("UPDATE alur.jobs SET status = 0, ended_at = NULL WHERE node_key = 'pause'")
	w.exec("DELETE FROM alur.jobs WHERE node_key = 'seen'")
	w.exec("INSERT INTO alur.timers (job_id, execution_id, due_at, status) SELECT id, execution_id, now(), 1 FROM alur.jobs WHERE node_key = 'pause'")
	w.exec("INSERT INTO alur.mails (id, to_address, subject, text_body, due_at, created_at) VALUES (1, 'ann@example.com', 's', 't', now(), now())")
	smtp := newPost(t)
	mail := []string{"SMTP_URL=smtp://" + smtp.Addr().String() + "?tls=off", "MAIL_FROM=alur@example.com"}

	server := g.serve(append(mail, "WORKER=off")...)
	c := signIn(t, server.URL)
	g.clients = []client{c}
	g.shoot(50)
	for n := range 50 {
		if err := c.post(t.Context(), "checks:create", map[string]any{"n": n}, new(any)); err != nil {
			t.Fatal(err)
		}
	}
	g.shooters.Wait()
	var state string
	const ask = `SELECT concat_ws(' ',
		(SELECT count(*) FROM public.marks),
		(SELECT count(*) FROM alur.executions WHERE status IS NULL AND started_at IS NULL),
		(SELECT count(*) FROM alur.timers),
		(SELECT count(*) FROM alur.mails WHERE attempts = 0),
		(SELECT count(*) FROM pg_locks WHERE classid = 4711 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())))`
	want := fmt.Sprint("50 ", g.count.Load(), " 1 1 0")
	if w.get(&state, ask); state != want {
		t.Errorf("marks, queued executions, timers, mails, places at the queue: %s, want %s", state, want)
	}
	g.worker(mail...)
	smtp.await("a mail")
	g.check()
	var workers int
	w.get(&workers, "SELECT count(DISTINCT worker) FROM alur.executions WHERE worker IS NOT NULL AND created_by IS NOT NULL")
	if workers != 1 {
		t.Errorf("%d processes ran executions, want 1", workers)
	}
}

// post listens as a mail server would, and notices who comes.
type post struct {
	net.Listener
	t    *testing.T
	came chan struct{}
}

func newPost(t *testing.T) *post {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &post{l, t, make(chan struct{}, 1)}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
			select {
			case p.came <- struct{}{}:
			default:
			}
		}
	}()
	return p
}

func (p *post) await(what string) {
	p.t.Helper()
	select {
	case <-p.came:
	case <-time.After(crashtest.Within):
		p.t.Fatalf("no %s within %v", what, crashtest.Within)
	}
}
