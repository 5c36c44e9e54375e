package handlers

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/sample"
	"alur/views"
)

// Samples are the applications that the set-up offers.
type Samples interface {
	List() []sample.Info
	Install(ctx context.Context, a auth.Actor, name string) error
}

// setup is the page of the first start.
type setup struct {
	server  *Server
	store   *auth.Store
	samples Samples
}

// Routes registers the page behind the setup link.
func (h *setup) Routes(g *Group) {
	g.GET("/setup/:token", Public, h.form)
	g.POST("/setup/:token", Public, h.create)
}

// offers lists the applications; none when the program has none.
func (h *setup) offers() []sample.Info {
	if h.samples == nil {
		return nil
	}
	return h.samples.List()
}

func (h *setup) form(c echo.Context) error {
	token := c.Param("token")
	if _, _, err := h.store.Peek(c.Request().Context(), auth.ForSetup, token); err != nil {
		return err
	}
	var chosen []string
	for _, s := range h.offers() {
		chosen = append(chosen, s.Name)
	}
	return h.show(c, http.StatusOK, auth.NewUser{}, chosen, nil)
}

func (h *setup) show(c echo.Context, status int, in auth.NewUser, chosen []string, problems map[string]string) error {
	vm := views.Setup{
		Action: auth.ForSetup.Path(c.Param("token")), Version: h.server.Version,
		Name: in.Nickname, Email: in.Email, Zone: in.TimeZone, Zones: zoneOptions(h.server.Now(), in.TimeZone, ""),
		MailSent: h.server.MailSent, Problems: problems,
	}
	for _, s := range h.offers() {
		vm.Samples = append(vm.Samples, views.Sample{
			Name: s.Name, Title: s.Title, About: s.About, Contents: s.Counts, Chosen: slices.Contains(chosen, s.Name),
		})
	}
	return render(c, status, views.SetupPage(vm), nil)
}

func (h *setup) create(c echo.Context) error {
	form, err := c.FormParams()
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	in := auth.NewUser{
		Nickname: strings.TrimSpace(form.Get("nickname")), Email: form.Get("email"),
		Password: form.Get("password"), TimeZone: form.Get("timeZone"),
	}
	if in.Nickname == "" { // not taken from the address here: there is a field for it
		in.Nickname = " "
	}
	token, u, err := h.store.Setup(ctx, c.Param("token"), in, client(c))
	if f := classify(err); fault.Is(err, fault.Invalid) {
		return h.show(c, http.StatusUnprocessableEntity, in, form["sample"], f.Fields)
	}
	if err != nil {
		return err
	}
	setSession(c, token, h.server.Now().Add(sessionLife))
	for _, s := range h.offers() {
		name := s.Name
		if !slices.Contains(form["sample"], name) {
			continue
		}
		if err := h.samples.Install(ctx, u.Actor(), name); err != nil {
			// The administrator exists and the link is used: go on, and say it.
			if fault.Is(err, fault.Internal) {
				h.server.Log.ErrorContext(ctx, "sample application not installed", "sample", name, "err", err)
			}
			setFlash(c, views.Notice{State: views.Error, Text: "The server is set up, but not every sample application was installed. " + classify(err).Msg})
			return c.Redirect(http.StatusSeeOther, "/")
		}
	}
	return done(c, "/", "Welcome, "+u.Nickname+". This server is yours.")
}

// zoneOptions are the time zones to choose from with their clocks at now.
// chosen is listed whatever its name is; fallback, if any, is the words for "".
func zoneOptions(now time.Time, chosen, fallback string) []views.Option {
	var options []views.Option
	if fallback != "" {
		options = append(options, views.Option{Text: fallback})
	}
	names := auth.Zones()
	if chosen != "" && !slices.Contains(names, chosen) {
		names = append(names, chosen)
	}
	for _, name := range names {
		loc, err := time.LoadLocation(name)
		if err != nil {
			continue // typed by hand; the form says so
		}
		options = append(options, views.Option{Value: name, Text: name + ", now " + now.In(loc).Format("15:04")})
	}
	return options
}
