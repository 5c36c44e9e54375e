package alert

import (
	"context"
	"time"

	"alur/engine"
	"alur/engine/mail"
	"alur/engine/pg"
)

const (
	// OutageAfter is how long the watchdog cannot look before it says so.
	OutageAfter = time.Minute
	outageEvery = time.Hour       // between two mails about that of one process
	remembered  = 5 * time.Minute // how old the knowledge may be of who hears of the server
)

// outage is what a process knows of a database that takes no changes, when nothing
// can be written down.
type outage struct {
	people []person // who is to be told, as it was when the database still answered
	asked  time.Time
	since  time.Time // zero: there is none
	told   time.Time // zero: not yet
	toldTo []person  // … and who was
}

// remember keeps who hears of the server for when the database cannot be asked.
func (d *Watchdog) remember(ctx context.Context, s engine.AlertSettings) error {
	if d.Direct == nil || d.now().Sub(d.outage.asked) < remembered {
		return nil
	}
	zone, err := d.Zone(ctx)
	if err != nil {
		return err
	}
	people, err := d.serverPeople(ctx, d.DB, zone, s)
	if err != nil {
		return err
	}
	d.outage.people, d.outage.asked = people, d.now()
	return nil
}

// notice mails, past the outbox, that the watchdog could not look for a while
// because of err, and that it can again.
func (d *Watchdog) notice(ctx context.Context, err error) {
	o, now := &d.outage, d.now()
	if err == nil {
		if !o.told.IsZero() {
			d.direct(ctx, o.toldTo, letter{subject: "The database of Alur works again", Letter: mail.Letter{Intro: "This is over", Title: "The database works again",
				Summary: "What was started meanwhile and could not be written down is not there; the rest goes on."}})
		}
		o.since, o.told, o.toldTo = time.Time{}, time.Time{}, nil
		return
	}
	if o.since.IsZero() {
		o.since = now
	}
	if now.Sub(o.since) < OutageAfter || !o.told.IsZero() && now.Sub(o.told) < outageEvery {
		return
	}
	title, cause := outageWords(err)
	d.Log.ErrorContext(ctx, "needs attention", "trouble", "outage", "what", title, "err", err)
	o.told, o.toldTo = now, o.people
	l := letter{subject: title, Letter: mail.Letter{Intro: "This needs attention now", Title: title, Summary: cause,
		Note: "This mail went past the outbox. Each process of Alur that sees the trouble sends one an hour."}}
	d.direct(ctx, o.people, l)
}

// direct mails l past the outbox.
func (d *Watchdog) direct(ctx context.Context, people []person, l letter) {
	if d.Direct == nil {
		return
	}
	for i, p := range people {
		m, err := message(p, l, d.BaseURL, func(s string) string { return s })
		if err == nil {
			err = d.Direct(ctx, d.now().UnixNano()+int64(i), m)
		}
		if err != nil {
			d.Log.ErrorContext(ctx, "alert could not be mailed", "user_id", p.ID, "err", err)
		}
	}
}

// outageWords says what keeps the watchdog from its work, and what to do.
func outageWords(err error) (title, cause string) {
	switch code := pg.Code(err); {
	case code == "53100":
		return "The disk of the database is full", "PostgreSQL takes no changes any more, so no workflow goes on and nothing can be saved. Make room on its disk."
	case code == "25006":
		return "The database takes no changes", "It is read-only: a standby, or set so. No workflow goes on and nothing can be saved. See which server DATABASE_URL leads to."
	case pg.IsUnavailable(err):
		return "The database cannot be reached", "No workflow goes on and no page opens. See whether PostgreSQL runs, and what its log says."
	}
	return "The database refuses what Alur asks", "No alert can be written down, and probably nothing else. See the log of Alur for what the database said."
}
