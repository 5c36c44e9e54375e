package alert

import (
	"context"
	"time"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/mail"
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
	fine   time.Time // since when all is well again; zero: it is not
	told   time.Time // zero: not yet
	title  string    // what was told
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
// because of err, and that it can again for long enough.
func (d *Watchdog) notice(ctx context.Context, err error) {
	o, now := &d.outage, d.now()
	if err == nil {
		d.relieve(ctx, now)
		return
	}
	o.fine = time.Time{}
	if o.since.IsZero() {
		o.since = now
	}
	if now.Sub(o.since) < OutageAfter || !o.told.IsZero() && now.Sub(o.told) < outageEvery {
		return
	}
	if len(o.people) == 0 {
		d.ask(ctx)
	}
	title, cause := engine.OutageWords(err)
	d.Log.ErrorContext(ctx, "needs attention", "trouble", "outage", "what", title, "err", err)
	o.told, o.toldTo, o.title = now, o.people, title
	l := letter{subject: title, Letter: mail.Letter{Intro: "This needs attention now", Title: title, Summary: cause,
		Note: "This mail went past the outbox. Each process of Alur that sees the trouble sends one an hour."}}
	d.direct(ctx, o.people, l)
}

// relieve ends an outage; one that people were told of is over after the quiet time
// only, in which it is the same when it comes back.
func (d *Watchdog) relieve(ctx context.Context, now time.Time) {
	o := &d.outage
	if o.fine.IsZero() {
		o.fine = now
	}
	if !o.told.IsZero() {
		if now.Sub(o.fine) < calm {
			return
		}
		const title = "The database of Alur works again"
		d.Log.InfoContext(ctx, "needs attention no more", "trouble", "outage", "since", o.since, "until", o.fine)
		for _, p := range o.toldTo {
			d.direct(ctx, []person{p}, letter{subject: title, Letter: mail.Letter{Intro: "This is over", Title: title,
				Summary: "“" + o.title + "” lasted " + span(o.since, o.fine, p.zone) + ". What waited goes on by itself; what people could not save, they have to enter again.",
				Buttons: []mail.Button{{Label: "Open “Needs attention”", URL: d.BaseURL + "/attention"}}}})
		}
	}
	o.since, o.fine, o.told, o.toldTo = time.Time{}, time.Time{}, time.Time{}, nil
}

// ask tries to find out who hears of the server when that is not known: a database
// that takes no changes may still answer.
func (d *Watchdog) ask(ctx context.Context) {
	s, err := d.Engine.AlertSettings(ctx, auth.System)
	if err == nil {
		err = d.remember(ctx, s)
	}
	if err != nil {
		d.Log.WarnContext(ctx, "who hears of the server is not known", "err", err)
	}
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
