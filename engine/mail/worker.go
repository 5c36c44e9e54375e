package mail

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	gomail "github.com/wneessen/go-mail"

	"alur/engine/crashpoint"
	"alur/engine/pg"
)

const (
	batch  = 10               // mails claimed at once
	lease  = time.Minute      // how long a claim lasts; renewed before each mail
	poll   = time.Second      // for signals that got lost, and for retries
	tooOld = 24 * time.Hour   // due for longer without an attempt: held
	tries  = len(waits) + 1   // attempts before a mail is given up
	grace  = 25 * time.Second // for the mail under way when the worker stops
)

// waits is how long after an attempt the next one follows.
var waits = [...]time.Duration{
	time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour,
}

// Worker delivers queued mails. Any number may run on one database: a mail is
// claimed with a lease and a fence, and its outcome is written only by the
// worker that still holds it.
type Worker struct {
	DB   *pg.DB
	SMTP *SMTP
	Now  func() time.Time
	Log  *slog.Logger
	Sent func(ok bool) // told of every attempt; nil: nobody
}

// Run delivers mails until ctx ends; the one under way is finished.
func (w *Worker) Run(ctx context.Context) {
	wake := make(chan struct{}, 1)
	stop := w.DB.Subscribe(channel, func(string) {
		select {
		case wake <- struct{}{}:
		default:
		}
	})
	defer stop()
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for ctx.Err() == nil {
		n, err := w.Deliver(ctx)
		if err != nil && ctx.Err() == nil {
			w.Log.WarnContext(ctx, "outbox not reachable, trying again", "err", err)
		}
		if n == batch {
			continue
		}
		select {
		case <-ctx.Done():
		case <-wake:
		case <-tick.C:
		}
	}
}

// Deliver claims one batch of due mails, sends them, and returns how many it
// claimed. [Worker.Run] calls it over and over.
func (w *Worker) Deliver(ctx context.Context) (int, error) {
	now := w.Now().UTC()
	if _, err := w.DB.ExecContext(ctx, queries.Get("hold"), now.Add(-tooOld)); err != nil {
		return 0, fmt.Errorf("hold old mails: %w", err)
	}
	var mails []Mail
	if err := w.DB.SelectContext(ctx, &mails, queries.Get("claim"), now, now.Add(lease), batch); err != nil {
		return 0, fmt.Errorf("claim mails: %w", err)
	}
	if len(mails) == 0 {
		return 0, nil
	}
	// From here on the end of ctx stops us between mails, not within one.
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })()
	var client *gomail.Client
	for i, m := range mails {
		if ctx.Err() != nil {
			return len(mails), w.release(work, mails[i:])
		}
		held, err := w.changed(work, "renew", m.ID, m.Fence, w.Now().UTC().Add(lease))
		if err != nil {
			return len(mails), err
		}
		if !held {
			continue // the lease ran out and somebody else has it
		}
		crashpoint.Hit(crashpoint.BeforeMail)
		if client == nil {
			client, err = w.SMTP.dial(work)
		}
		if err == nil {
			err = w.send(client, m)
			crashpoint.Hit(crashpoint.AfterMail)
		}
		if err != nil && client != nil {
			_ = client.Close() // after an error the connection is in an unknown state
			client = nil
		}
		if err := w.note(work, m, err); err != nil {
			return len(mails), err
		}
	}
	if client != nil {
		_ = client.Close()
	}
	return len(mails), nil
}

func (w *Worker) send(client *gomail.Client, m Mail) error {
	msg, err := w.SMTP.message(m)
	if err != nil {
		return err
	}
	return client.Send(msg)
}

// note writes what came of sending m, unless somebody else holds m by now.
func (w *Worker) note(ctx context.Context, m Mail, sendErr error) error {
	now := w.Now().UTC()
	if w.Sent != nil {
		w.Sent(sendErr == nil)
	}
	if sendErr == nil {
		_, err := w.changed(ctx, "sent", m.ID, m.Fence, now)
		return err
	}
	status, due, words := Queued, now, oneLine(sendErr.Error())
	if m.Attempts >= tries || final(sendErr) {
		status = Failed
		w.Log.ErrorContext(ctx, "mail given up", "mail_id", m.ID, "attempt", m.Attempts, "err", sendErr)
	} else {
		due = now.Add(waits[m.Attempts-1])
		w.Log.WarnContext(ctx, "mail not sent, trying again later", "mail_id", m.ID, "attempt", m.Attempts, "err", sendErr)
	}
	_, err := w.changed(ctx, "failed", m.ID, m.Fence, string(status), words, due)
	return err
}

// release gives mails back that were claimed and not tried.
func (w *Worker) release(ctx context.Context, mails []Mail) error {
	for _, m := range mails {
		if _, err := w.changed(ctx, "release", m.ID, m.Fence); err != nil {
			return err
		}
	}
	return nil
}

// changed runs a statement on one claimed mail and reports whether it was still
// ours.
func (w *Worker) changed(ctx context.Context, query string, args ...any) (bool, error) {
	res, err := w.DB.ExecContext(ctx, queries.Get(query), args...)
	if err != nil {
		return false, fmt.Errorf("%s mail: %w", query, err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}
