package mail

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	netmail "net/mail"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/pg"
	"alur/engine/snowflake"
)

//go:embed queries.sql
var queriesText string

var queries = pg.LoadQueries(queriesText)

// channel is what workers listen on for new mails.
const channel = "alur_mail"

// perHour is how many mails one execution may send to one address in an hour;
// more are held, so that a workflow running in circles fills no mailbox.
const perHour = 20

// Status is where a mail stands.
type Status string

const (
	Queued Status = "queued" // waits for a worker with a mail server
	Sent   Status = "sent"
	Failed Status = "failed" // given up; Mail.Error says why
	Held   Status = "held"   // kept back; Mail.Error says why
)

// Message is a mail to be written. Text is required, HTML is its richer twin.
type Message struct {
	ToName      string // may be empty
	ToAddress   string // bare: ann@example.com
	Subject     string // one line; control characters become spaces
	Text        string
	HTML        string
	ExecutionID int64 // 0: no execution asked for it
	TaskID      int64 // 0: it is about no task
}

// Mail is a row of the outbox.
type Mail struct {
	ID          int64      `db:"id"`
	ToName      string     `db:"to_name"`
	ToAddress   string     `db:"to_address"`
	Subject     string     `db:"subject"`
	Text        string     `db:"text_body"`
	HTML        string     `db:"html_body"`
	ExecutionID *int64     `db:"execution_id"`
	TaskID      *int64     `db:"task_id"`
	Status      Status     `db:"status"`
	Attempts    int        `db:"attempts"`
	Error       *string    `db:"error"` // in words; nil when nothing went wrong
	DueAt       time.Time  `db:"due_at"`
	CreatedAt   time.Time  `db:"created_at"`
	SentAt      *time.Time `db:"sent_at"`

	Fence int64 `db:"fence"` // of the claim; see [Worker]
}

// Outbox writes and reads mails.
type Outbox struct {
	DB  *pg.DB
	IDs *snowflake.Source
	Now func() time.Time
}

// Enqueue writes m into the outbox through q, usually the caller's transaction,
// and wakes the workers once that is committed. It returns the mail's id. An
// address that is none is Invalid.
func (o *Outbox) Enqueue(ctx context.Context, q pg.Q, m Message) (int64, error) {
	address, err := ParseAddress(m.ToAddress)
	if err != nil {
		return 0, err
	}
	id, now := o.IDs.Next(), o.Now().UTC()
	_, err = q.ExecContext(ctx, queries.Get("enqueue"), id, address, oneLine(m.ToName), oneLine(m.Subject),
		m.Text, m.HTML, null(m.ExecutionID), null(m.TaskID), now, perHour)
	if err != nil {
		return 0, fmt.Errorf("write mail to the outbox: %w", err)
	}
	wake := func() { o.DB.Notify(channel, "", 5*time.Millisecond) }
	if tx, ok := q.(interface{ OnCommit(func()) }); ok {
		tx.OnCommit(wake)
	} else {
		wake()
	}
	return id, nil
}

// ParseAddress returns the bare address in s, and Invalid when s is not exactly
// one address that can stand in a header as it is.
func ParseAddress(s string) (string, error) {
	a, err := netmail.ParseAddress(s)
	if err != nil || a.Name != "" || a.Address != strings.TrimSpace(s) || strings.ContainsFunc(a.Address, unprintable) {
		return "", fault.Wrap(fault.Invalid, fmt.Sprintf("“%s” is not a mail address.", oneLine(s)), err)
	}
	return a.Address, nil
}

// Filter narrows [Outbox.List].
type Filter struct {
	Status Status // "" for all
	Search string // in address, name and subject
	Page   int    // from 1
	Size   int
}

// List returns a page of mails, newest first and without their bodies, and
// whether there are more. It takes the right to manage users.
func (o *Outbox) List(ctx context.Context, a auth.Actor, f Filter) (mails []Mail, more bool, err error) {
	if err := a.Require(auth.ManageUsers); err != nil {
		return nil, false, err
	}
	err = o.DB.SelectContext(ctx, &mails, queries.Get("list"), string(f.Status), pg.Like(f.Search), f.Size+1, (f.Page-1)*f.Size)
	if err != nil {
		return nil, false, fmt.Errorf("list mails: %w", err)
	}
	if len(mails) > f.Size {
		return mails[:f.Size], true, nil
	}
	return mails, false, nil
}

// Mail returns one mail. It takes the right to manage users.
func (o *Outbox) Mail(ctx context.Context, a auth.Actor, id int64) (Mail, error) {
	if err := a.Require(auth.ManageUsers); err != nil {
		return Mail{}, err
	}
	var m Mail
	err := o.DB.GetContext(ctx, &m, queries.Get("get"), id)
	return m, found(err, id)
}

// Resend queues a mail that was held or failed once more.
func (o *Outbox) Resend(ctx context.Context, a auth.Actor, id int64) error {
	if err := a.Require(auth.ManageUsers); err != nil {
		return err
	}
	res, err := o.DB.ExecContext(ctx, queries.Get("resend"), id, o.Now().UTC())
	if err != nil {
		return fmt.Errorf("resend mail %d: %w", id, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 1 {
		o.DB.Notify(channel, "", 0)
		return err
	}
	if _, err := o.Mail(ctx, a, id); err != nil {
		return err
	}
	return fault.New(fault.Conflict, "This mail is on its way already. Only mails that were held or that failed can be sent again.")
}

// resendMost is how many mails one call queues again.
const resendMost = 1000

// ResendFailed queues mails that failed once more, up to the one called last and
// a thousand at most, the newest first. It returns how many.
func (o *Outbox) ResendFailed(ctx context.Context, a auth.Actor, last int64) (int, error) {
	if err := a.Require(auth.ManageUsers); err != nil {
		return 0, err
	}
	res, err := o.DB.ExecContext(ctx, queries.Get("resend_failed"), last, o.Now().UTC(), resendMost)
	if err != nil {
		return 0, fmt.Errorf("resend failed mails: %w", err)
	}
	n, err := res.RowsAffected()
	if n > 0 {
		o.DB.Notify(channel, "", 0)
	}
	return int(n), err
}

func found(err error, id int64) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return fault.New(fault.NotFound, "There is no such mail.")
	}
	return fmt.Errorf("mail %d: %w", id, err)
}

// null makes 0 an SQL NULL.
func null(id int64) any {
	if id == 0 {
		return nil
	}
	return id
}

// unprintable reports what must not stand in a header: control characters, and
// the separators that some programs take for a line break.
func unprintable(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == utf8.RuneError
}

// oneLine makes s fit for a header: no line breaks, whatever their disguise.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if unprintable(r) {
			return ' '
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}
