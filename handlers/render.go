package handlers

import (
	"net/http"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/views"
)

// session is the open session of who asks; the zero Session when nobody is
// signed in.
func session(c echo.Context) auth.Session {
	s, _ := c.Get(keySession).(auth.Session)
	return s
}

// actor is who asks; the zero Actor when nobody is signed in.
func actor(c echo.Context) auth.Actor { return session(c).Actor }

// client says where the request comes from.
func client(c echo.Context) auth.Client {
	return auth.Client{IP: c.RealIP(), Agent: c.Request().UserAgent()}
}

// server is the server that a request runs in.
func server(c echo.Context) *Server { return c.Get(keyServer).(*Server) }

// zone is the time zone of who asks: their own, else the server's.
func zone(c echo.Context) *time.Location {
	base, err := server(c).Auth.Zone(c.Request().Context())
	if err != nil {
		base = time.UTC // the page matters more than its zone
	}
	return actor(c).Location(base)
}

// words puts times into words for who asks.
func words(c echo.Context) views.Words {
	return views.Words{Zone: zone(c), Now: server(c).Now()}
}

// isPartial reports whether htmx asked for a part of a page.
func isPartial(r *http.Request) bool { return r.Header.Get("HX-Request-Type") == "partial" }

// render answers with fragment when htmx asked for a part of the page, and with
// page otherwise: direct visits, reloads, and browsers without JavaScript. A
// nil fragment means that there is only the page.
func render(c echo.Context, status int, page, fragment templ.Component) error {
	c.Response().Header().Add("Vary", "HX-Request-Type")
	ctx := c.Request().Context()
	view := page
	if isPartial(c.Request()) && fragment != nil {
		view = fragment
	} else {
		shell, err := server(c).shell(c)
		if err != nil {
			return err
		}
		ctx = views.WithShell(ctx, shell)
	}
	buf := templ.GetBuffer()
	defer templ.ReleaseBuffer(buf)
	if err := view.Render(ctx, buf); err != nil {
		return err // nothing was sent yet, so the error page still can be
	}
	return c.HTMLBlob(status, buf.Bytes())
}

// done ends a change: the browser goes to url and shows notice there; "" for
// none. Without JavaScript that is a redirect, with htmx its own.
func done(c echo.Context, url, notice string) error {
	if notice != "" {
		setFlash(c, views.Notice{State: views.Completed, Text: notice})
	}
	if isPartial(c.Request()) {
		c.Response().Header().Set("HX-Redirect", url)
		return c.NoContent(http.StatusOK)
	}
	return c.Redirect(http.StatusSeeOther, url)
}

// local returns next when it is a path of this server, else "/": an address
// that came with a request must not lead to another site.
func local(next string) string {
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") {
		return "/"
	}
	return next
}
