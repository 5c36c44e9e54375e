package alert

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"alur/engine"
	"alur/engine/mail"
)

// cause is where and why some executions failed.
type cause struct {
	Count       int       `db:"count"`
	ExecutionID int64     `db:"execution_id"` // the newest
	JobID       *int64    `db:"job_id"`       // its step; nil: none failed, or it is gone
	Problem     string    `db:"problem"`
	EndedAt     time.Time `db:"ended_at"`
	Node        string    `db:"node_title"`
}

// where is the step of c: " at “Confirm order”".
func (c cause) where() string {
	if c.Node == "" {
		return ""
	}
	return " at “" + c.Node + "”"
}

// letter is a mail without its reader.
type letter struct {
	subject string
	mail.Letter
}

// tellFailures mails what failed of f after from and up to until; works says that
// it has completed since.
func (r *round) tellFailures(ctx context.Context, f flow, rules engine.Alerts, from, until time.Time, works bool) error {
	n, err := r.count(ctx, f.Key, from, until, 0)
	if err != nil {
		return err
	}
	var causes []cause
	if err := r.tx.SelectContext(ctx, &causes, queries.Get("causes"), f.Key, from, until, mostLooked, mostCauses); err != nil {
		return fmt.Errorf("tell the causes apart: %w", err)
	}
	if len(causes) == 0 {
		return nil // somebody has looked at them and dismissed them meanwhile
	}
	people, err := r.people(ctx, r.tx, r.zone, f, rules, r.settings)
	if err != nil {
		return err
	}
	r.Log.WarnContext(ctx, "workflow failed", "workflow_id", f.ID, "failures", n.Count, "told", len(people))
	for _, p := range people {
		if err := r.send(ctx, p, r.failureLetter(f, rules, n, causes, works, p)); err != nil {
			return err
		}
	}
	return nil
}

func (r *round) failureLetter(f flow, rules engine.Alerts, n failed, causes []cause, works bool, p person) letter {
	newest := causes[0]
	for _, c := range causes {
		if c.EndedAt.After(newest.EndedAt) {
			newest = c
		}
	}
	what := "“" + f.Title + "” failed"
	if n.Count == 1 || len(causes) == 1 {
		what += newest.where()
	}
	l := letter{subject: what + howOften(n.Count)}
	l.Title = l.subject
	l.Intro = "A workflow failed"
	if works {
		l.Intro = "A workflow failed, and has completed since"
	}
	l.Summary = r.reason(newest)
	if n.Count > 1 && n.First != nil && n.Last != nil && when(*n.First, p.zone) != when(*n.Last, p.zone) {
		l.Facts = append(l.Facts, mail.Fact{Label: "Since", Value: when(*n.First, p.zone) + ", last " + after(*n.First, *n.Last, p.zone)})
	} else {
		l.Facts = append(l.Facts, mail.Fact{Label: "When", Value: when(newest.EndedAt, p.zone)})
	}
	l.Facts = append(l.Facts, mail.Fact{Label: "Workflow", Value: f.Title}, mail.Fact{Label: "Execution", Value: strconv.FormatInt(newest.ExecutionID, 10)})
	if newest.Node != "" {
		l.Facts = append(l.Facts, mail.Fact{Label: "Step", Value: newest.Node})
	}
	if len(causes) > 1 {
		for _, c := range causes {
			l.Facts = append(l.Facts, mail.Fact{Label: strconv.Itoa(c.Count) + " times", Value: clip(strings.TrimSpace(strings.TrimPrefix(c.where(), " at ")+" "+r.reason(c)), 300)})
		}
	}
	l.Buttons = []mail.Button{{Label: "Open execution", URL: r.executionURL(newest)}}
	if n.Count > 1 {
		l.Buttons = append(l.Buttons, mail.Button{Label: "Show all failures", URL: r.BaseURL + "/executions?" +
			url.Values{"workflow": {f.Key}, "state": {"failed", "error", "cancelled"}}.Encode()})
	}
	l.Note = "What fails within " + period(rules.Every) + " from now comes together in one mail after that."
	l.More = r.settingsOf(f)
	return l
}

// tellSuccess mails that f works again.
func (r *round) tellSuccess(ctx context.Context, f flow, rules engine.Alerts, since, until time.Time, good success) error {
	n, err := r.count(ctx, f.Key, since, until, 0)
	if err != nil {
		return err
	}
	people, err := r.people(ctx, r.tx, r.zone, f, rules, r.settings)
	if err != nil {
		return err
	}
	for _, p := range people {
		l := letter{subject: "“" + f.Title + "” works again"}
		l.Title, l.Intro = l.subject, "A workflow that failed has completed"
		l.Summary = "It completed what began " + when(good.At, p.zone) + "."
		if n.Count > 0 && n.First != nil {
			l.Summary += fmt.Sprintf(" Since %s it had failed%s.", when(*n.First, p.zone), or(howOften(n.Count), " once"))
		}
		l.Buttons = []mail.Button{{Label: "Open execution", URL: r.executionURL(cause{ExecutionID: good.ID})}}
		l.More = r.settingsOf(f)
		if err := r.send(ctx, p, l); err != nil {
			return err
		}
	}
	return nil
}

// troubleLetter is about new troubles of f, of the server when that is zero.
func (r *round) troubleLetter(f flow, rules engine.Alerts, list []Trouble) letter {
	l := letter{subject: list[0].Title}
	l.Intro = "This needs attention"
	if len(list) > 1 {
		l.subject = fmt.Sprintf("%d things need attention: %s, …", len(list), list[0].Title)
		l.Title = fmt.Sprintf("%d things need attention", len(list))
		for _, t := range list {
			l.Facts = append(l.Facts, mail.Fact{Label: t.Title, Value: t.Cause})
		}
		l.Intro = "Alur"
	} else {
		l.Title, l.Summary = list[0].Title, list[0].Cause
		if list[0].URL != "" {
			l.Buttons = []mail.Button{{Label: "Look at it", URL: r.BaseURL + list[0].URL}}
		}
	}
	if f.Title != "" {
		l.Intro = "The workflow “" + f.Title + "” needs attention"
	}
	l.Buttons = append(l.Buttons, mail.Button{Label: "Open “Needs attention”", URL: r.BaseURL + "/attention"})
	l.Note = "What else turns up within " + period(rules.Every) + " from now comes together in one mail after that."
	if f.ID != 0 {
		l.More = r.settingsOf(f)
	}
	return l
}

// overLetter is about troubles of f that are over, of the server when that is zero.
func (r *round) overLetter(f flow, list []known, zone *time.Location) letter {
	l := letter{subject: list[0].Over}
	l.Title, l.Intro = list[0].Over, "This is over"
	if len(list) == 1 {
		l.Summary = "“" + list[0].Title + "” lasted " + list[0].span(zone) + "."
	} else {
		l.subject = fmt.Sprintf("%d things are over: %s, …", len(list), list[0].Over)
		l.Title, l.Intro = fmt.Sprintf("%d things are over", len(list)), "Alur"
		for _, k := range list {
			l.Facts = append(l.Facts, mail.Fact{Label: k.Over, Value: "“" + k.Title + "” lasted " + k.span(zone) + "."})
		}
	}
	if f.ID != 0 {
		l.Intro = "This is over in the workflow “" + f.Title + "”"
		l.Buttons = []mail.Button{{Label: "Open workflow", URL: r.BaseURL + "/workflows/" + strconv.FormatInt(f.ID, 10)}}
		l.More = r.settingsOf(f)
		return l
	}
	l.Buttons = []mail.Button{{Label: "Open “Needs attention”", URL: r.BaseURL + "/attention"}}
	return l
}

// span is how long k lasted: "12 minutes, from Mon, 2 Jan, 15:04 to Mon, 2 Jan, 15:16".
func (k known) span(zone *time.Location) string { return span(k.SeenAt, *k.GoneAt, zone) }

func span(from, to time.Time, zone *time.Location) string {
	if when(from, zone) == when(to, zone) {
		return "less than a minute, on " + when(from, zone)
	}
	return lasting(to.Sub(from)) + ", from " + when(from, zone) + " to " + after(from, to, zone)
}

// after is when to is, of the same day as from without the day.
func after(from, to time.Time, zone *time.Location) string {
	const day = "2006-01-02"
	if from.In(zone).Format(day) == to.In(zone).Format(day) {
		return to.In(zone).Format("15:04")
	}
	return when(to, zone)
}

// lasting words a time: "less than a minute", "12 minutes", "3 hours 5 minutes",
// "2 days 4 hours".
func lasting(d time.Duration) string {
	minutes := int(d.Round(time.Minute) / time.Minute)
	switch days, hours := minutes/(24*60), minutes/60%24; {
	case minutes == 0:
		return "less than a minute"
	case days > 0 && hours > 0:
		return plural(days, "day") + " " + plural(hours, "hour")
	case days > 0:
		return plural(days, "day")
	case hours > 0 && minutes%60 > 0:
		return plural(hours, "hour") + " " + plural(minutes%60, "minute")
	case hours > 0:
		return plural(hours, "hour")
	}
	return plural(minutes, "minute")
}

// settingsOf is where to change who hears of f.
func (r *round) settingsOf(f flow) *mail.Button {
	return &mail.Button{Label: "Alerts of this workflow", URL: r.BaseURL + "/workflows/" + strconv.FormatInt(f.ID, 10) + "/alerts"}
}

// send puts l for p into the outbox, without secrets.
func (r *round) send(ctx context.Context, p person, l letter) error {
	m, err := message(p, l, r.BaseURL, r.values.Text)
	if err != nil {
		return err
	}
	if _, err := r.Outbox.Enqueue(ctx, r.tx, m); err != nil {
		return fmt.Errorf("mail an alert to user %d: %w", p.ID, err)
	}
	r.mails++
	return nil
}

// message is l as p gets it; mask takes secrets out of a text.
func message(p person, l letter, base string, mask func(string) string) (mail.Message, error) {
	l.Intro, l.Title, l.Summary = mask(l.Intro), mask(l.Title), mask(l.Summary)
	for i := range l.Facts {
		l.Facts[i].Label, l.Facts[i].Value = mask(l.Facts[i].Label), mask(l.Facts[i].Value)
	}
	l.Preview = clip(l.Intro+". "+l.Summary, 200)
	l.Footer = []string{p.why, "Sent by " + strings.TrimPrefix(strings.TrimPrefix(base, "https://"), "http://") + "."}
	plain, rich, err := l.Render()
	if err != nil {
		return mail.Message{}, err
	}
	return mail.Message{ToName: p.Nickname, ToAddress: p.Email, Subject: clip(mask(l.subject), 200), Text: plain, HTML: rich}, nil
}

func (r *round) executionURL(c cause) string {
	at := r.BaseURL + "/executions/" + strconv.FormatInt(c.ExecutionID, 10)
	if c.JobID != nil {
		at += "/steps/" + strconv.FormatInt(*c.JobID, 10)
	}
	return at
}

// reason is why something failed, in a sentence.
func (r *round) reason(c cause) string {
	text := clip(strings.TrimSpace(r.Words.Reason(c.Problem)), 500)
	if text == "" {
		text = "A rule said no"
	}
	if !strings.HasSuffix(text, ".") && !strings.HasSuffix(text, "!") && !strings.HasSuffix(text, "?") && !strings.HasSuffix(text, "…") {
		text += "."
	}
	return text
}

// howOften is "", " 12 times", " more than 10,000 times".
func howOften(n int) string {
	switch {
	case n > mostCounted:
		return " more than 10,000 times"
	case n > 1:
		return " " + strconv.Itoa(n) + " times"
	}
	return ""
}

func or(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

// period words minutes: "1 hour", "90 minutes", "2 days".
func period(minutes int) string {
	for _, u := range []struct {
		n    int
		word string
	}{{24 * 60, "day"}, {60, "hour"}} {
		if n := minutes / u.n; minutes%u.n == 0 && n > 0 {
			return plural(n, u.word)
		}
	}
	return plural(minutes, "minute")
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return strconv.Itoa(n) + " " + word + "s"
}

func when(t time.Time, zone *time.Location) string { return t.In(zone).Format("Mon, 2 Jan, 15:04") }

// clip shortens s to n characters.
func clip(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return strings.TrimSpace(string(r[:n-1])) + "…"
	}
	return s
}
