package task

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"alur/engine/link"
	"alur/engine/mail"
	"alur/engine/pg"
)

// setting is what a mail says about the execution that asks.
type setting struct {
	ExpiresAt     *time.Time `db:"expires_at"`
	Requester     string     `db:"requester"`
	WorkflowTitle string     `db:"workflow_title"`
}

func (s *Store) setting(ctx context.Context, q pg.Q, executionID int64) (setting, error) {
	var set setting
	if err := q.GetContext(ctx, &set, queries.Get("setting"), executionID); err != nil {
		return setting{}, fmt.Errorf("read execution %d: %w", executionID, err)
	}
	return set, nil
}

// mail makes a link to t for p and puts the mail that carries it into the
// outbox. Earlier links of p to t are void from then on.
func (s *Store) mail(ctx context.Context, tx Tx, t Task, p person, set setting) error {
	l := link.Link{TaskID: t.ID, UserID: p.ID, CreatedAt: s.Now().UTC()}
	l.ExpiresAt = l.CreatedAt.Add(link.MaxAge)
	if set.ExpiresAt != nil && set.ExpiresAt.Before(l.ExpiresAt) {
		l.ExpiresAt = *set.ExpiresAt
	}
	token, err := link.Create(ctx, tx, l)
	if err != nil {
		return err
	}
	zone, err := s.zone(ctx, p.TimeZone)
	if err != nil {
		return err
	}
	letter := s.letter(t, p, set, token, l.ExpiresAt, zone)
	plain, rich, err := letter.Render()
	if err != nil {
		return err
	}
	_, err = s.Outbox.Enqueue(ctx, tx, mail.Message{
		ToName: p.Nickname, ToAddress: p.Email, Subject: subject(t, letter.Title),
		Text: plain, HTML: rich, ExecutionID: t.ExecutionID, TaskID: t.ID,
	})
	if err != nil {
		return fmt.Errorf("mail task %d: %w", t.ID, err)
	}
	return nil
}

// subject says at once what the reader is asked for: "Approve: Laptop 1,290 €
// for Bob".
func subject(t Task, title string) string {
	for _, f := range t.Ask.Forms {
		if first := f.Buttons(); len(first) > 0 && first[0].Status == Passed {
			return first[0].Title + ": " + title
		}
	}
	return title
}

func (s *Store) letter(t Task, p person, set setting, token link.Token, expires time.Time, zone *time.Location) mail.Letter {
	l := mail.Letter{
		Intro:   "The workflow “" + set.WorkflowTitle + "” asks for your decision",
		Title:   Dated(t.Title, zone),
		Summary: Dated(t.Ask.Summary, zone),
		Note:    "The buttons open a page first; nothing is decided by opening it.",
		More:    &mail.Button{Label: "Open in Alur", URL: fmt.Sprintf("%s/tasks/%d", s.BaseURL, t.ID)},
		Footer: []string{fmt.Sprintf("For %s only: whoever has this mail can decide as you until %s, so please do not forward it.",
			p.Nickname, expires.In(zone).Format("2 Jan 2006, 15:04"))},
	}
	if set.Requester != "" {
		l.Intro = set.Requester + " asks for your decision"
	}
	if set.ExpiresAt != nil {
		l.Due = "Until " + set.ExpiresAt.In(zone).Format("Mon, 2 Jan 2006, 15:04")
	}
	for _, f := range t.Ask.Facts {
		l.Facts = append(l.Facts, Fact{Label: f.Label, Value: Dated(f.Value, zone)})
	}
	page := s.BaseURL + "/links/" + string(token)
	for _, f := range t.Ask.Forms {
		for _, a := range f.Buttons() {
			if a.Status != Open {
				query := url.Values{"a": {a.Key}}
				if len(t.Ask.Forms) > 1 {
					query.Set("f", f.Key)
				}
				l.Buttons = append(l.Buttons, mail.Button{Label: a.Title, URL: page + "?" + query.Encode()})
			}
		}
	}
	if set.WorkflowTitle != "" {
		l.Footer = append(l.Footer, fmt.Sprintf("Sent by the workflow “%s” on %s.", set.WorkflowTitle, host(s.BaseURL)))
	}
	l.Preview = preview(l)
	return l
}

// preview is the line that lists of mails show beside the subject.
func preview(l mail.Letter) string {
	parts := []string{l.Intro + "."}
	if l.Due != "" {
		parts = append(parts, l.Due+".")
	}
	for _, f := range l.Facts[:min(3, len(l.Facts))] {
		parts = append(parts, f.Label+": "+f.Value+".")
	}
	return shorten(strings.Join(parts, " "), 200)
}

func host(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return base
	}
	return u.Host
}
