package handlers

import (
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/link"
	"alur/engine/task"
	"alur/views"
)

// links are the pages behind the links in mails. Nobody signs in there: the
// token in the path names the person and the task.
//
// A GET only ever shows, because mail scanners fetch every link, often before
// the mail is read; a POST decides, once.
type links struct {
	server *Server
	store  *task.Store
}

// Routes registers the pages of mailed links.
func (h *links) Routes(g *Group) {
	g.GET("/links/:token", Public, h.show)
	g.POST("/links/:token", Public, h.decide)
	g.POST("/links/:token/fresh", Public, h.fresh)
}

func (h *links) show(c echo.Context) error {
	return h.page(c, http.StatusOK, nil, nil)
}

func (h *links) decide(c echo.Context) error {
	ctx, token := c.Request().Context(), link.Token(c.Param("token"))
	t, _, err := h.store.ByLink(ctx, token)
	if err != nil {
		return err
	}
	d, err := decision(c, t.Ask)
	if err != nil {
		return err
	}
	err = h.store.DecideByLink(ctx, token, d)
	f := classify(err)
	switch {
	case err == nil:
		return c.Redirect(http.StatusSeeOther, h.path(token))
	case f.Kind == fault.Invalid, f.Kind == fault.Conflict, f.Kind == fault.Gone:
		return h.page(c, status(f.Kind, false), &d, f)
	}
	return err
}

// fresh mails a new link to the person; the page tells the same whether it did
// or not, so that it gives nothing away.
func (h *links) fresh(c echo.Context) error {
	token := link.Token(c.Param("token"))
	if err := h.store.FreshLink(c.Request().Context(), token); err != nil {
		f := classify(err)
		if f.Kind != fault.Conflict && f.Kind != fault.Gone {
			return err
		}
		return c.Redirect(http.StatusSeeOther, h.path(token)) // which tells how it came out
	}
	return done(c, h.path(token), "A fresh link is on its way, or was sent a few minutes ago.")
}

func (h *links) path(t link.Token) string { return "/links/" + url.PathEscape(string(t)) }

// page shows the task behind the link: to be decided, decided, or by a link
// that does not work any more.
func (h *links) page(c echo.Context, status int, typed *task.Decision, problem *fault.Error) error {
	token := link.Token(c.Param("token"))
	t, l, err := h.store.ByLink(c.Request().Context(), token)
	if err != nil {
		return err
	}
	w := words(c)
	w.Zone = auth.Actor{Zone: t.UserZone}.Location(w.Zone) // the reader's, as in the mail
	z := w.Zone
	vm := views.MailedLink{
		Title: task.Dated(t.Title, z), Host: serverName(h.server.BaseURL), As: t.UserName,
		AsNote: "Link from the mail of " + w.When(l.CreatedAt), TaskURL: "/tasks/" + views.ID(t.ID),
		Summary: task.Dated(t.Ask.Summary, z), Facts: taskFacts(t.Ask.Facts, z),
		Outcome: decided(w, t), Until: w.Date(l.ExpiresAt) + ", " + w.Clock(l.ExpiresAt),
	}
	vm.Tab = vm.Title
	gone := l.Usable(h.server.Now())
	switch {
	case vm.Outcome != nil:
		vm.Tab = vm.Outcome.Title + ": " + vm.Title
		vm.Mistaken = t.Outcome != nil && t.Outcome.ByID == t.UserID
	case gone != nil:
		vm.Expired, vm.Fresh = classify(gone).Msg, h.path(token)+"/fresh"
	default:
		vm.AsNote = "Not you? Close this page, nothing happens."
		if t.DueAt != nil {
			vm.Due, vm.Urgency = w.Due(*t.DueAt)
		}
		if problem != nil {
			vm.Problem = problem.Msg
		}
		vm.Forms = decisionForms(t, h.path(token), typed, problem)
		vm.Chosen = choose(vm.Forms, c.QueryParam("f"), c.QueryParam("a"))
		if vm.Chosen != "" {
			vm.Tab = vm.Chosen + ": " + vm.Title
		}
	}
	return render(c, status, views.MailedLinkPage(vm), nil)
}

// choose lays the buttons out for thumbs, a no at the left and a yes at the
// right, and makes the one stand out that was pressed in the mail. It returns
// that one's words.
func choose(forms []views.DecisionForm, form, action string) (chosen string) {
	for _, f := range forms {
		if len(f.Buttons) > 1 && f.Buttons[1].No && !f.Buttons[0].No {
			f.Buttons[0], f.Buttons[1] = f.Buttons[1], f.Buttons[0]
		}
		for i := range f.Buttons {
			b := &f.Buttons[i]
			if b.Key == action && (form == "" || form == f.Key) {
				chosen = b.Text
				for j := range f.Buttons {
					f.Buttons[j].Primary = j == i
				}
			}
		}
	}
	return chosen
}

// serverName is the name of this server, for people.
func serverName(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return ""
	}
	return u.Host
}
