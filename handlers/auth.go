package handlers

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/engine/fault"
	"alur/views"
)

// sessionLife is how long the browser keeps the cookie; the session may end
// before.
const sessionLife = 30 * 24 * time.Hour

// entrance lets people in and out.
type entrance struct{ store *auth.Store }

// Routes registers sign-in, sign-out and the pages behind one-time links.
func (h *entrance) Routes(g *Group) {
	g.GET("/sign-in", Public, h.form)
	g.POST("/sign-in", Public, h.signIn)
	g.POST(signOutPath, Public, h.signOut)
	g.GET("/invite/:token", Public, h.link(auth.ForInvite))
	g.POST("/invite/:token", Public, h.accept(auth.ForInvite))
	g.GET("/reset/:token", Public, h.link(auth.ForReset))
	g.POST("/reset/:token", Public, h.accept(auth.ForReset))
}

func (h *entrance) form(c echo.Context) error {
	next := local(c.QueryParam("next"))
	if actor(c).Signed() {
		return c.Redirect(http.StatusSeeOther, next)
	}
	return render(c, http.StatusOK, views.SignInPage(views.SignIn{Next: next}), nil)
}

func (h *entrance) signIn(c echo.Context) error {
	vm := views.SignIn{Account: c.FormValue("account"), Next: local(c.FormValue("next"))}
	token, _, err := h.store.SignIn(c.Request().Context(), auth.Web, vm.Account, c.FormValue("password"), client(c))
	switch {
	case fault.Is(err, fault.Unsigned), fault.Is(err, fault.Overloaded):
		vm.Account = views.Clip(vm.Account, 254)
		vm.Problem = sentence(classify(err))
		return render(c, refusal(err), views.SignInPage(vm), nil)
	case err != nil:
		return err
	}
	if err := h.enter(c, token); err != nil {
		return err
	}
	return done(c, vm.Next, "")
}

// refusal is the status of a form that refused a password.
func refusal(err error) int {
	if fault.Is(err, fault.Overloaded) {
		return http.StatusTooManyRequests
	}
	return http.StatusUnprocessableEntity
}

// enter gives the browser a new session and ends the one it had.
func (h *entrance) enter(c echo.Context, token string) error {
	if old := session(c); old.Actor.Signed() {
		if err := h.store.SignOut(c.Request().Context(), old); err != nil {
			return err
		}
	}
	setSession(c, token, server(c).Now().Add(sessionLife))
	return nil
}

func (h *entrance) signOut(c echo.Context) error {
	if s := session(c); s.Actor.Signed() {
		if err := h.store.SignOut(c.Request().Context(), s); err != nil {
			return err
		}
	}
	clearSession(c)
	return done(c, "/sign-in", "You are signed out.")
}

// link shows the page behind an invitation or reset link; it uses nothing.
func (h *entrance) link(p auth.Purpose) echo.HandlerFunc {
	return func(c echo.Context) error { return h.showLink(c, http.StatusOK, p, "") }
}

func (h *entrance) showLink(c echo.Context, status int, p auth.Purpose, problem string) error {
	token := c.Param("token")
	u, until, err := h.store.Peek(c.Request().Context(), p, token)
	if err != nil {
		return err
	}
	return render(c, status, views.SetPasswordPage(views.SetPassword{
		Action: p.Path(token), Invited: p == auth.ForInvite, Name: u.Nickname, Account: account(u),
		Until:   "This link works once, until " + words(c).When(until) + ".",
		Problem: problem,
	}), nil)
}

func (h *entrance) accept(p auth.Purpose) echo.HandlerFunc {
	return func(c echo.Context) error {
		token, u, err := h.store.Accept(c.Request().Context(), p, c.Param("token"), c.FormValue("password"), client(c))
		if fault.Is(err, fault.Invalid) {
			return h.showLink(c, http.StatusUnprocessableEntity, p, sentence(classify(err)))
		}
		if err != nil {
			return err
		}
		if err := h.enter(c, token); err != nil {
			return err
		}
		return done(c, "/", "Welcome, "+u.Nickname+".")
	}
}

// account is what a person signs in with.
func account(u auth.User) string {
	if u.Email != "" {
		return u.Email
	}
	return u.Username
}
