package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/engine/fault"
	"alur/views"
)

// ownAccount lets everybody look after their own account.
type ownAccount struct {
	server *Server
	store  *auth.Store
}

// Routes registers the account page.
func (h *ownAccount) Routes(g *Group) {
	g.GET("/account", Signed, h.show)
	g.POST("/account", Signed, h.update)
	g.POST("/account/password", Signed, h.password)
	g.POST("/account/sessions/end", Signed, h.endOthers)
	g.POST("/account/sessions/:id/end", Signed, h.end)
}

func (h *ownAccount) show(c echo.Context) error {
	u, err := h.store.Get(c.Request().Context(), actor(c), actor(c).UserID)
	if err != nil {
		return err
	}
	return h.page(c, http.StatusOK, u, nil)
}

// page shows u as typed, with what is wrong.
func (h *ownAccount) page(c echo.Context, status int, u auth.User, problems map[string]string) error {
	ctx := c.Request().Context()
	sessions, err := h.store.Sessions(ctx, actor(c), u.ID)
	if err != nil {
		return err
	}
	base, err := h.store.Zone(ctx)
	if err != nil {
		return err
	}
	acting, err := h.server.actingAs(c)
	if err != nil {
		return err
	}
	now := h.server.Now()
	vm := views.Account{
		Nickname: u.Nickname, SignedIn: account(u), Role: acting, Problems: problems, Zone: u.TimeZone,
		Zones: zoneOptions(now, u.TimeZone, "As the server: "+base.String()+", now "+now.In(base).Format("15:04")),
	}
	w := words(c)
	for _, s := range sessions {
		vm.Sessions = append(vm.Sessions, views.SessionRow{
			ID: s.ID, Client: views.ClientName(s.Agent), Program: s.Kind == auth.API, From: s.IP,
			Used: w.Moment(s.UsedAt, w.Ago(s.UsedAt)), Current: s.ID == session(c).ID,
		})
	}
	return render(c, status, views.AccountPage(vm), nil)
}

func (h *ownAccount) update(c echo.Context) error {
	ctx, a := c.Request().Context(), actor(c)
	name, zone := c.FormValue("nickname"), c.FormValue("timeZone")
	_, err := h.store.Update(ctx, a, a.UserID, auth.Change{Nickname: &name, TimeZone: &zone})
	if f := classify(err); fault.Is(err, fault.Invalid) {
		u, err := h.store.Get(ctx, a, a.UserID)
		if err != nil {
			return err
		}
		u.Nickname, u.TimeZone = name, zone
		return h.page(c, http.StatusUnprocessableEntity, u, f.Fields)
	}
	if err != nil {
		return err
	}
	return done(c, "/account", "Your profile was saved.")
}

func (h *ownAccount) password(c echo.Context) error {
	ctx, a := c.Request().Context(), actor(c)
	err := h.store.ChangePassword(ctx, a, session(c), c.FormValue("oldPassword"), c.FormValue("newPassword"), client(c))
	if err == nil {
		return done(c, "/account", "Your password was changed. You are signed out everywhere else.")
	}
	f := classify(err)
	limited := f.Code == "TOO_MANY_TRIES"
	if f.Kind != fault.Invalid && !limited {
		return err
	}
	if limited {
		f.Fields = map[string]string{"oldPassword": f.Msg}
	}
	u, lookErr := h.store.Get(ctx, a, a.UserID)
	if lookErr != nil {
		return lookErr
	}
	return h.page(c, refusal(err), u, f.Fields)
}

func (h *ownAccount) end(c echo.Context) error {
	if err := h.store.EndSession(c.Request().Context(), actor(c), c.Param("id")); err != nil {
		return err
	}
	return done(c, "/account", "That session was ended.")
}

func (h *ownAccount) endOthers(c echo.Context) error {
	if err := h.store.EndOtherSessions(c.Request().Context(), actor(c), session(c)); err != nil {
		return err
	}
	return done(c, "/account", "You are signed out everywhere else.")
}
