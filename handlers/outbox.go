package handlers

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/mail"
	"alur/views"
)

// outboxPage is how many mails a page of the list holds.
const outboxPage = 50

// outbox shows the mails of this server to those who manage people: whoever can
// read a mail can follow its links.
type outbox struct {
	server *Server
	store  *mail.Outbox
}

// Routes registers the outbox.
func (h *outbox) Routes(g *Group) {
	g.GET("/outbox", auth.ManageUsers, h.list)
	g.GET("/outbox/:id", auth.ManageUsers, h.show)
	g.POST("/outbox/:id/send", auth.ManageUsers, h.send)
}

func (h *outbox) list(c echo.Context) error {
	f := mail.Filter{Status: mail.Status(c.QueryParam("status")), Search: c.QueryParam("q"), Size: outboxPage}
	f.Page, _ = strconv.Atoi(c.QueryParam("page"))
	f.Page = min(max(f.Page, 1), 1_000_000)
	mails, more, err := h.store.List(c.Request().Context(), actor(c), f)
	if err != nil {
		return err
	}
	vm := views.Outbox{Query: f.Search, Filtered: f.Search != "" || f.Status != "", NoServer: !h.server.MailSent,
		Statuses: []views.Option{{Text: "Any status", Selected: f.Status == ""}}, Pager: outboxPager(f, more)}
	for _, s := range []mail.Status{mail.Queued, mail.Sent, mail.Failed, mail.Held} {
		_, word := h.state(mail.Mail{Status: s})
		vm.Statuses = append(vm.Statuses, views.Option{Value: string(s), Text: word, Selected: f.Status == s})
	}
	for _, m := range mails {
		vm.Rows = append(vm.Rows, h.row(c, m))
	}
	return render(c, http.StatusOK, views.OutboxPage(vm), nil)
}

func outboxPager(f mail.Filter, more bool) views.Pager {
	address := func(page int) string {
		q := url.Values{"page": {strconv.Itoa(page)}}
		if f.Search != "" {
			q.Set("q", f.Search)
		}
		if f.Status != "" {
			q.Set("status", string(f.Status))
		}
		return "/outbox?" + q.Encode()
	}
	if f.Page == 1 && !more {
		return views.Pager{}
	}
	p := views.Pager{Text: fmt.Sprintf("Page %d", f.Page)}
	if f.Page > 1 {
		p.Prev = address(f.Page - 1)
	}
	if more {
		p.Next = address(f.Page + 1)
	}
	return p
}

func (h *outbox) row(c echo.Context, m mail.Mail) views.MailRow {
	w := words(c)
	r := views.MailRow{ID: views.ID(m.ID), Subject: cmp.Or(m.Subject, "(no subject)"), To: m.ToAddress, Made: w.Moment(m.CreatedAt, w.Ago(m.CreatedAt))}
	if m.ToName != "" {
		r.To = m.ToName + ", " + m.ToAddress
	}
	r.State, r.Status = h.state(m)
	if m.Error != nil {
		r.Why = *m.Error
		if m.Status == mail.Queued {
			r.Why += " The next attempt follows " + w.When(m.DueAt) + "."
		}
	}
	return r
}

// state words where a mail stands, with the icon for that.
func (h *outbox) state(m mail.Mail) (state, word string) {
	switch {
	case m.Status == mail.Sent:
		return views.Completed, "Sent"
	case m.Status == mail.Failed:
		return views.Error, "Not sent"
	case m.Status == mail.Held:
		return views.Waiting, "Held"
	case !h.server.MailSent:
		return views.Idle, "Kept here"
	}
	return views.Queued, "On its way"
}

func (h *outbox) show(c echo.Context) error {
	id, err := mailID(c)
	if err != nil {
		return err
	}
	m, err := h.store.Mail(c.Request().Context(), actor(c), id)
	if err != nil {
		return err
	}
	w := words(c)
	vm := views.MailView{Row: h.row(c, m), Text: views.TextParts(m.Text, h.server.BaseURL), Private: m.Status == mail.Sent}
	vm.Facts = []views.Fact{{Name: "To", Value: vm.Row.To}, {Name: "Written", Value: w.Exact(m.CreatedAt)}}
	if m.SentAt != nil {
		vm.Facts = append(vm.Facts, views.Fact{Name: "Sent", Value: w.Exact(*m.SentAt)})
	}
	if m.Attempts > 0 {
		vm.Facts = append(vm.Facts, views.Fact{Name: "Attempts", Value: views.Int(m.Attempts)})
	}
	if m.Status == mail.Held || m.Status == mail.Failed {
		vm.Resend = c.Request().URL.Path + "/send"
	}
	return render(c, http.StatusOK, views.MailPage(vm), nil)
}

func (h *outbox) send(c echo.Context) error {
	id, err := mailID(c)
	if err != nil {
		return err
	}
	if err := h.store.Resend(c.Request().Context(), actor(c), id); err != nil {
		return err
	}
	return done(c, "/outbox/"+views.ID(id), "The mail will be sent again.")
}

func mailID(c echo.Context) (int64, error) {
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil {
		return 0, fault.New(fault.NotFound, "There is no such mail.")
	}
	return id, nil
}
