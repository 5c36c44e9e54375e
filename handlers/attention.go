package handlers

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/fault"
	"alur/views"
)

// attention shows what needs a person, and does what helps.
type attention struct {
	server *Server
	engine *engine.Engine
}

// Routes registers the page and what its buttons do.
func (h *attention) Routes(g *Group) {
	g.GET("/attention", auth.UseWorkflows, h.list)
	g.POST("/attention/dismiss", auth.UseWorkflows, h.dismiss)
	g.POST("/attention/remind", auth.UseWorkflows, h.remind)
	g.POST("/attention/mails", auth.ManageUsers, h.resend)
	g.GET("/attention/sessions", auth.ManageWorkflows, h.askSessions)
	g.POST("/attention/sessions", auth.ManageWorkflows, h.endSessions)
}

func (h *attention) list(c echo.Context) error {
	a, err := h.engine.Attention(c.Request().Context(), actor(c), h.server.watch())
	if err != nil {
		return err
	}
	words, err := h.server.attentionWords(c.Request().Context(), actor(c), a, words(c))
	if err != nil {
		return err
	}
	vm := views.AttentionPage{Parts: words.parts(a), Watched: words.watched()}
	parts := views.AttentionParts(vm)
	if vm.Tag, err = tag(c.Request().Context(), parts); err != nil {
		return err
	}
	c.Response().Header().Set("ETag", vm.Tag)
	if isPartial(c.Request()) && c.Request().Header.Get("If-None-Match") == vm.Tag {
		return c.NoContent(http.StatusNotModified)
	}
	fragment := templ.ComponentFunc(func(ctx context.Context, out io.Writer) error {
		return views.AttentionRefresh(vm).Render(templ.WithChildren(ctx, parts), out)
	})
	return render(c, http.StatusOK, views.NeedsAttention(vm), fragment)
}

// watch is what the engine has to know of this process.
func (s *Server) watch() engine.Watch {
	return engine.Watch{MailServer: s.MailSent, Waiting: s.Patience, Disk: s.Disk}
}

// attentionWords words a for a reader.
func (s *Server) attentionWords(ctx context.Context, reader auth.Actor, a engine.Attention, w views.Words) (attentionWords, error) {
	looksOn, err := s.Engine.Below(ctx, reader, a.Versions(), auth.Operator)
	return attentionWords{w: w, watch: s.watch(), looksOn: looksOn}, err
}

// troubles counts what needs attention, for the navigation. A page is worth
// more than this number, so that it is none when it cannot be had.
func (s *Server) troubles(ctx context.Context, a auth.Actor) int {
	seen, err := s.Engine.LastAttention(ctx, a, s.watch())
	if err != nil {
		s.Log.WarnContext(ctx, "what needs attention is not known", "err", err)
		return 0
	}
	return seen.Count()
}

// queueNotice says that executions wait for long; empty when they do not.
func (s *Server) queueNotice(ctx context.Context, a auth.Actor, w views.Words) (views.Notice, error) {
	seen, err := s.Engine.LastAttention(ctx, a, s.watch())
	if err != nil || !seen.Deep() {
		return views.Notice{}, err
	}
	return views.Notice{Text: attentionWords{w: w}.queue(seen)}, nil
}

func (h *attention) dismiss(c echo.Context) error {
	ctx, a, kind, subject := c.Request().Context(), actor(c), c.FormValue("kind"), c.FormValue("subject")
	if kind == "failure" {
		return h.dismissFailure(c, subject)
	}
	mark, err := strconv.ParseInt(c.FormValue("mark"), 10, 64)
	if err != nil || subject == "" {
		return errDismissWhat
	}
	notice := "Dismissed. It comes back when it happens again."
	switch kind {
	case "waiting":
		id, bad := strconv.ParseInt(subject, 10, 64)
		if bad != nil {
			return errDismissWhat
		}
		err = h.engine.DismissWaiting(ctx, a, id, mark)
		notice = "Dismissed. It comes back when it still waits after as long again."
	case "quiet":
		err = h.engine.DismissQuiet(ctx, a, subject, mark)
	case "skipped":
		err = h.engine.DismissSkipped(ctx, a, subject, mark)
	case "lost":
		err = h.engine.DismissLost(ctx, a, mark)
	case "mail":
		err = h.engine.DismissMails(ctx, a, subject, mark)
		notice = "Dismissed. The mails stay in the outbox."
	default:
		return errDismissWhat
	}
	if err != nil {
		return err
	}
	return done(c, "/attention", notice)
}

func (h *attention) dismissFailure(c echo.Context, workflow string) error {
	until, err := time.Parse(time.RFC3339Nano, c.FormValue("until"))
	if err != nil || workflow == "" {
		return errDismissWhat
	}
	n, err := h.engine.DismissFailures(c.Request().Context(), actor(c), workflow, c.FormValue("node"), c.FormValue("cause"), until)
	if err != nil {
		return err
	}
	return done(c, "/attention", views.Count(n, "failure", "failures")+" dismissed. The same failure shows here when it happens again.")
}

var errDismissWhat = fault.New(fault.Invalid, "Nothing was dismissed: the page did not say what. Open “Needs attention” again and press the button there.")

// remind mails a fresh link to everybody whom an execution waits for.
func (h *attention) remind(c echo.Context) error {
	id, err := strconv.ParseInt(c.FormValue("execution"), 10, 64)
	if err != nil {
		return fault.New(fault.Invalid, "Nobody was reminded: the page did not say of what. Open “Needs attention” again and press the button there.")
	}
	n, err := h.server.Tasks.Remind(c.Request().Context(), actor(c), id)
	if err != nil {
		return err
	}
	if n == 0 {
		return done(c, "/attention", "No mail was sent: they got one within the last ten minutes.")
	}
	return done(c, "/attention", views.Count(n, "reminder", "reminders")+" with a fresh link "+plain(n, "is", "are")+" on the way.")
}

// resend queues the mails that failed once more.
func (h *attention) resend(c echo.Context) error {
	last, err := strconv.ParseInt(c.FormValue("mark"), 10, 64)
	if err != nil {
		return fault.New(fault.Invalid, "No mail was sent: the page did not say which. Open “Needs attention” again and press the button there.")
	}
	n, err := h.server.Outbox.ResendFailed(c.Request().Context(), actor(c), last)
	if err != nil {
		return err
	}
	return done(c, "/attention", views.Count(n, "mail", "mails")+" will be sent again.")
}

func (h *attention) askSessions(c echo.Context) error {
	a, err := h.engine.Attention(c.Request().Context(), actor(c), h.server.watch())
	if err != nil {
		return err
	}
	i := slices.IndexFunc(a.Database, func(d engine.DatabaseTrouble) bool { return d.Kind == engine.Idle })
	if i < 0 {
		return fault.New(fault.Gone, "No session holds a transaction open any more, so there is nothing to end.")
	}
	n := a.Database[i].Count
	vm := views.Confirm{
		Title: "End " + views.Count(n, "idle session", "idle sessions"), Do: "End " + plain(n, "session", "sessions"), Action: "/attention/sessions", Back: "/attention",
		Text: "What " + plain(n, "it has", "they have") + " not committed is undone, and what " + plain(n, "it keeps", "they keep") + " locked is free for others. " +
			"The program behind sees its connection break.",
	}
	return render(c, http.StatusOK, views.ConfirmPage(vm), views.ConfirmDialog(vm))
}

func (h *attention) endSessions(c echo.Context) error {
	n, err := h.engine.EndIdleSessions(c.Request().Context(), actor(c))
	if err != nil {
		return err
	}
	return done(c, "/attention", views.Count(n, "session was", "sessions were")+" ended.")
}

// plain is the word that goes with n things.
func plain(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// listURL is the list of executions with a filter.
func listURL(workflow string, states ...string) string {
	q := ofWorkflow(workflow)
	q.states = states
	return q.url()
}

// skippedURL is the list of what a workflow did not start.
func skippedURL(workflow string) string {
	return "/executions/skipped?" + url.Values{"workflow": {workflow}}.Encode()
}
