package engine_test

import (
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/mail"
)

// TestFullOutbox: what counts as trouble with mails, and for whom.
func TestFullOutbox(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mails := func(first, n int, status string, attempts int, err any) {
		w.exec(`INSERT INTO alur.mails (id, to_address, subject, text_body, status, attempts, due_at, error, created_at)
			SELECT n, 'ann@alur.test', 'Approve', '', $3, $4, now() + interval '1 h', $5, now() FROM generate_series($1::bigint, $2) n`, first, first+n-1, status, attempts, err)
	}
	with := engine.Watch{MailServer: true}
	mails(1, 3, "queued", 1, "connection refused")
	mails(100, 9, "held", 0, "Held, because …")
	if a := w.watched(with); a.Count() != 0 {
		t.Fatalf("too early: %+v", a.Mails)
	}
	w.clock.advance(engine.MailAfter + time.Minute)
	if a := w.watched(with).Mails; len(a) != 1 || a[0].Status != "queued" || a[0].Count != 3 || *a[0].Error != "connection refused" {
		t.Errorf("a dead mail server shows as %+v", a)
	}
	w.quietly() // without a mail server mails are read in the outbox
	mails(109, 1, "held", 0, "Held, because …")
	mails(200, 2, "failed", 8, "550 no such person")
	a := w.attention()
	if len(a.Mails) != 2 || a.Mails[0].Count+a.Mails[1].Count != 12 || a.Count() != 2 {
		t.Fatalf("failed and held mails show as %+v", a.Mails)
	}
	for _, m := range a.Mails {
		if err := w.e.DismissMails(t.Context(), auth.System, m.Status, m.Mark); err != nil {
			t.Fatal(err)
		}
	}
	w.quietly()
	mails(300, 1, "failed", 8, "550 no such person")
	if a := w.attention().Mails; len(a) != 1 || a[0].Count != 1 {
		t.Errorf("one more that failed shows as %+v", a)
	}
}

// TestDeadMailServer: nobody listens where the mail server should be.
func TestDeadMailServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	smtp, err := mail.ParseSMTP("smtp://"+address, "alur@alur.test")
	if err != nil {
		t.Fatal(err)
	}
	outbox := &mail.Outbox{DB: w.db, IDs: w.e.IDs, Now: w.clock.now}
	if _, err := outbox.Enqueue(t.Context(), w.db, mail.Message{ToAddress: "ann@alur.test", Subject: "Approve", Text: "Approve"}); err != nil {
		t.Fatal(err)
	}
	worker := &mail.Worker{DB: w.db, SMTP: smtp, Now: w.clock.now, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	deliver := func() {
		t.Helper()
		if n, err := worker.Deliver(t.Context()); n != 1 || err != nil {
			t.Fatalf("claimed %d mails, %v", n, err)
		}
	}
	with := engine.Watch{MailServer: true}
	deliver()
	if a := w.watched(with); a.Count() != 0 {
		t.Errorf("after one attempt: %+v", a.Mails)
	}
	w.clock.advance(engine.MailAfter + time.Minute)
	deliver()
	if a := w.watched(with).Mails; len(a) != 1 || a[0].Status != "queued" || !strings.Contains(*a[0].Error, "connection refused") {
		t.Fatalf("after a quarter of an hour: %+v", a)
	}
	for range 6 {
		w.clock.advance(5 * time.Hour)
		deliver()
	}
	if a := w.watched(with).Mails; len(a) != 1 || a[0].Status != "failed" || !strings.Contains(*a[0].Error, "connection refused") {
		t.Errorf("after the last attempt: %+v", a)
	}
}
