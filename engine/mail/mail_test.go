package mail_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/mail"
	"alur/engine/mail/mailtest"
	"alur/engine/pg"
	"alur/engine/pgtest"
	"alur/engine/snowflake"
)

var update = flag.Bool("update", false, "rewrite golden files")

// clock is a time that tests move.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time      { return c.now }
func (c *clock) Add(d time.Duration) { c.now = c.now.Add(d) }
func newClock() *clock               { return &clock{time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)} }
func outbox(db *pg.DB, c *clock) *mail.Outbox {
	return &mail.Outbox{DB: db, IDs: snowflake.New(1, c.Now), Now: c.Now}
}

func worker(t *testing.T, db *pg.DB, c *clock, server string) *mail.Worker {
	t.Helper()
	smtp, err := mail.ParseSMTP("smtp://"+server, "Alur <alur@alur.test>")
	if err != nil {
		t.Fatal(err)
	}
	return &mail.Worker{DB: db, SMTP: smtp, Now: c.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
}

func enqueue(t *testing.T, o *mail.Outbox, m mail.Message) int64 {
	t.Helper()
	id, err := o.Enqueue(t.Context(), o.DB, m)
	if err != nil {
		t.Fatalf("Enqueue: %v", err)
	}
	return id
}

func deliver(t *testing.T, w *mail.Worker) int {
	t.Helper()
	n, err := w.Deliver(t.Context())
	if err != nil {
		t.Fatalf("Deliver: %v", err)
	}
	return n
}

func read(t *testing.T, o *mail.Outbox, id int64) mail.Mail {
	t.Helper()
	m, err := o.Mail(t.Context(), auth.System, id)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func simple(to string) mail.Message {
	return mail.Message{ToName: "Ann Bauer", ToAddress: to, Subject: "Approve: Laptop 1,290 € for Bob",
		Text: "Approve: http://alur.test/links/alur_lnk_0abcXYZ?a=ok or http://alur.test/invite/alur_inv_0abcXYZ-_9", HTML: `<a href="http://alur.test/links/alur_lnk_0abcXYZ?a=ok">Approve</a>`}
}

func TestDeliver(t *testing.T) {
	t.Parallel()
	db, c, server := pgtest.New(t), newClock(), mailtest.Start(t)
	o, w := outbox(db, c), worker(t, db, c, server.Addr)
	id := enqueue(t, o, simple("ann@alur.test"))
	if n := deliver(t, w); n != 1 {
		t.Fatalf("claimed %d mails, want 1", n)
	}
	if n := deliver(t, w); n != 0 {
		t.Fatalf("claimed %d mails the second time, want 0", n)
	}
	got := server.Mails()
	if len(got) != 1 {
		t.Fatalf("%d mails arrived, want 1", len(got))
	}
	m := got[0]
	if m.Subject != "Approve: Laptop 1,290 € for Bob" || m.From.Address != "alur@alur.test" || m.To[0].Name != "Ann Bauer" ||
		m.MessageID != fmt.Sprintf("alur.%d@alur.test", id) {
		t.Errorf("arrived as %+v", m)
	}
	if !strings.Contains(m.Text, "alur_lnk_0abcXYZ?a=ok") || !strings.Contains(m.HTML, "alur_lnk_0abcXYZ?a=ok") {
		t.Errorf("the link is missing in %q or %q", m.Text, m.HTML)
	}
	row := read(t, o, id)
	if row.Status != mail.Sent || row.SentAt == nil || row.Error != nil {
		t.Errorf("row is %s, sent at %v, error %v", row.Status, row.SentAt, row.Error)
	}
	if strings.Contains(row.Text+row.HTML, "0abcXYZ") || strings.Contains(row.Text, "-_9") {
		t.Error("a delivered mail keeps its link token in the outbox")
	}
}

// A rolled-back transaction sends nothing, a committed one wakes the worker.
func TestRun(t *testing.T) {
	t.Parallel()
	db, c, server := pgtest.New(t), newClock(), mailtest.Start(t)
	o, w := outbox(db, c), worker(t, db, c, server.Addr)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); w.Run(ctx) }()
	lost := errors.New("changed my mind")
	err := db.Tx(t.Context(), pg.RepeatableRead, func(tx *pg.Tx) error {
		if _, err := o.Enqueue(t.Context(), tx, simple("lost@alur.test")); err != nil {
			return err
		}
		return lost
	})
	if !errors.Is(err, lost) {
		t.Fatal(err)
	}
	err = db.Tx(t.Context(), pg.RepeatableRead, func(tx *pg.Tx) error {
		_, err := o.Enqueue(t.Context(), tx, simple("ann@alur.test"))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	server.Wait(1)
	cancel()
	<-ended
	if got := server.Mails(); len(got) != 1 || got[0].To[0].Address != "ann@alur.test" {
		t.Errorf("arrived: %+v", got)
	}
}

func TestRetry(t *testing.T) {
	t.Parallel()
	db, c, server := pgtest.New(t), newClock(), mailtest.Start(t)
	o, w := outbox(db, c), worker(t, db, c, server.Addr)
	id := enqueue(t, o, simple("ann@alur.test"))
	server.Refuse(451) // try again later
	attempts := 0
	for range 200 { // quarters of an hour
		attempts += deliver(t, w)
		c.Add(15 * time.Minute)
	}
	row := read(t, o, id)
	if row.Status != mail.Failed || attempts != 8 || row.Error == nil || !strings.Contains(*row.Error, "451") {
		t.Fatalf("after %d attempts the mail is %s: %v; want failed after 8", attempts, row.Status, row.Error)
	}
	server.Refuse(0)
	if err := o.Resend(t.Context(), auth.System, id); err != nil {
		t.Fatal(err)
	}
	deliver(t, w)
	if row := read(t, o, id); row.Status != mail.Sent {
		t.Errorf("sent again, the mail is %s: %v", row.Status, row.Error)
	}
	if err := o.Resend(t.Context(), auth.System, id); !fault.Is(err, fault.Conflict) {
		t.Errorf("resending a sent mail: %v, want a conflict", err)
	}
	if got := server.Mails(); len(got) != 1 || got[0].MessageID != fmt.Sprintf("alur.%d@alur.test", id) {
		t.Errorf("arrived: %+v", got)
	}
}

func TestResendFailed(t *testing.T) {
	t.Parallel()
	db, c, server := pgtest.New(t), newClock(), mailtest.Start(t)
	o, w := outbox(db, c), worker(t, db, c, server.Addr)
	first, second := enqueue(t, o, simple("ann@alur.test")), enqueue(t, o, simple("bob@alur.test"))
	server.Refuse(550)
	deliver(t, w)
	server.Refuse(0)
	if n, err := o.ResendFailed(t.Context(), auth.System, first); n != 1 || err != nil {
		t.Fatalf("queued %d again, %v, want the one up to %d", n, err, first)
	}
	deliver(t, w)
	if a, b := read(t, o, first), read(t, o, second); a.Status != mail.Sent || b.Status != mail.Failed {
		t.Errorf("the mails are %s and %s, want sent and failed", a.Status, b.Status)
	}
	if _, err := o.ResendFailed(t.Context(), auth.Actor{UserID: 1, Role: auth.Member}, second); !fault.Is(err, fault.Forbidden) {
		t.Errorf("a member resends: %v, want forbidden", err)
	}
}

func TestFinalRefusal(t *testing.T) {
	t.Parallel()
	db, c, server := pgtest.New(t), newClock(), mailtest.Start(t)
	o, w := outbox(db, c), worker(t, db, c, server.Addr)
	id := enqueue(t, o, simple("nobody@alur.test"))
	server.Refuse(550)
	deliver(t, w)
	if row := read(t, o, id); row.Status != mail.Failed || row.Attempts != 1 || !strings.Contains(*row.Error, "550") {
		t.Errorf("mail is %s after %d attempts: %v", row.Status, row.Attempts, row.Error)
	}
}

func TestServerAway(t *testing.T) {
	t.Parallel()
	db, c := pgtest.New(t), newClock()
	o, w := outbox(db, c), worker(t, db, c, "127.0.0.1:1")
	id := enqueue(t, o, simple("ann@alur.test"))
	deliver(t, w)
	row := read(t, o, id)
	if row.Status != mail.Queued || row.Error == nil || !strings.Contains(*row.Error, "127.0.0.1:1 could not be used") {
		t.Fatalf("mail is %s: %v", row.Status, row.Error)
	}
	if deliver(t, w) != 0 {
		t.Error("the next attempt came at once")
	}
}

// A mail that nobody could send for a day is held: after a restore, or when a
// mail server is set up late.
func TestHold(t *testing.T) {
	t.Parallel()
	db, c := pgtest.New(t), newClock()
	o, w := outbox(db, c), worker(t, db, c, "127.0.0.1:1")
	id := enqueue(t, o, simple("ann@alur.test"))
	c.Add(25 * time.Hour)
	if n := deliver(t, w); n != 0 {
		t.Errorf("claimed %d mails, want 0", n)
	}
	if row := read(t, o, id); row.Status != mail.Held || row.Error == nil {
		t.Errorf("mail is %s: %v", row.Status, row.Error)
	}
}

// Of several workers on one database each mail has one.
func TestWorkersShare(t *testing.T) {
	t.Parallel()
	db, c, server := pgtest.New(t), newClock(), mailtest.Start(t)
	o := outbox(db, c)
	const mails = 60
	for i := range mails {
		enqueue(t, o, simple(fmt.Sprintf("p%d@alur.test", i)))
	}
	done := make(chan error)
	for range 4 {
		w := worker(t, db, c, server.Addr)
		go func() {
			for {
				n, err := w.Deliver(t.Context())
				if n == 0 || err != nil {
					done <- err
					return
				}
			}
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{}
	for _, m := range server.Mails() {
		if seen[m.MessageID] {
			t.Errorf("%s came twice", m.MessageID)
		}
		seen[m.MessageID] = true
	}
	if len(seen) != mails {
		t.Errorf("%d mails arrived, want %d", len(seen), mails)
	}
}

// A worker that lost its lease writes no outcome.
func TestFence(t *testing.T) {
	t.Parallel()
	db, c, server := pgtest.New(t), newClock(), mailtest.Start(t)
	o, w := outbox(db, c), worker(t, db, c, server.Addr)
	id := enqueue(t, o, simple("ann@alur.test"))
	slow := worker(t, db, c, server.Addr)
	slow.Now = func() time.Time { // when the slow one is about to write, its lease is long over
		if read(t, o, id).Attempts > 0 {
			c.Add(2 * time.Minute)
			slow.Now = c.Now
			deliver(t, w)
		}
		return c.now
	}
	deliver(t, slow)
	if row := read(t, o, id); row.Status != mail.Sent || row.Attempts != 2 {
		t.Errorf("mail is %s after %d attempts", row.Status, row.Attempts)
	}
	if got := server.Mails(); len(got) != 1 {
		t.Errorf("%d mails arrived, want 1", len(got))
	}
}

func TestLimit(t *testing.T) {
	t.Parallel()
	db, c := pgtest.New(t), newClock()
	o := outbox(db, c)
	m := simple("ann@alur.test")
	m.ExecutionID = 7
	var last int64
	for range 21 {
		last = enqueue(t, o, m)
	}
	if row := read(t, o, last); row.Status != mail.Held || row.Error == nil {
		t.Errorf("the 21st mail is %s: %v", row.Status, row.Error)
	}
	m.ToAddress = "bob@alur.test"
	if row := read(t, o, enqueue(t, o, m)); row.Status != mail.Queued {
		t.Errorf("another person's mail is %s", row.Status)
	}
	m.ToAddress = "ann@alur.test"
	c.Add(time.Hour)
	if row := read(t, o, enqueue(t, o, m)); row.Status != mail.Queued {
		t.Errorf("an hour later the mail is %s", row.Status)
	}
}

func TestOutboxNeedsRight(t *testing.T) {
	t.Parallel()
	db, c := pgtest.New(t), newClock()
	o := outbox(db, c)
	id := enqueue(t, o, simple("ann@alur.test"))
	for _, a := range []auth.Actor{{}, {UserID: 1, Role: auth.Member}} {
		_, _, listErr := o.List(t.Context(), a, mail.Filter{Page: 1, Size: 10})
		_, getErr := o.Mail(t.Context(), a, id)
		if listErr == nil || getErr == nil || o.Resend(t.Context(), a, id) == nil {
			t.Errorf("role %q reads the outbox", a.Role)
		}
	}
	mails, more, err := o.List(t.Context(), auth.Actor{UserID: 1, Role: auth.Admin}, mail.Filter{Search: "laptop", Page: 1, Size: 10})
	if err != nil || more || len(mails) != 1 || mails[0].ID != id || mails[0].Text != "" {
		t.Errorf("List: %+v, %v, %v", mails, more, err)
	}
}

func TestLetter(t *testing.T) {
	t.Parallel()
	l := mail.Letter{
		Preview: "Bob Meyer asks.", Intro: "Bob Meyer asks for your decision", Title: "Laptop for Bob Meyer", Due: "Until Mon, 23 Nov 2026, 17:00",
		Summary: "The old one is from 2019\nand its battery lasts 20 minutes.",
		Facts:   []mail.Fact{{Label: "What", Value: "Laptop 14″"}, {Label: "Reason", Value: "<script>alert(1)</script>\r\nApprove: http://evil.example"}},
		Buttons: []mail.Button{{Label: "Approve", URL: "https://alur.test/links/alur_lnk_x?a=ok"}, {Label: "Reject", URL: "https://alur.test/links/alur_lnk_x?a=no"},
			{Label: "Ask", URL: "javascript:alert(1)"}},
		Note: "The buttons open a page first.", More: &mail.Button{Label: "Open in Alur", URL: "https://alur.test/tasks/7"},
		Footer: []string{"For Ann Bauer only.", "Sent by the workflow “Purchase”."},
	}
	plain, rich, err := l.Render()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "letter.txt", plain)
	golden(t, "letter.html", rich)
	if strings.Contains(rich, "<script>") || strings.Contains(rich, `href="javascript`) {
		t.Error("a value broke out of the HTML part")
	}
	if strings.Contains(plain, "\nApprove: http://evil") {
		t.Error("a value passes for a line of ours in the text part")
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (run with -update to rewrite it):\n%s", name, got)
	}
}
