package handlers

import (
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/views"
)

// signOutPath is where the account menu posts to.
const signOutPath = "/sign-out"

// navigation is everything the navigation may show. A link is shown to those
// who may open it, and only when it has a route.
var navigation = []views.NavGroup{
	{Links: []views.NavLink{
		{Name: "Home", URL: "/", Icon: "home"},
		{Name: "Tasks", URL: "/tasks", Icon: "tasks"},
	}},
	{Title: "Automation", Links: []views.NavLink{
		{Name: "Workflows", URL: "/workflows", Icon: "flow"},
		{Name: "Executions", URL: "/executions", Icon: "runs"},
	}},
	{Title: "Data"}, // the collections
	{Title: "Administration", Links: []views.NavLink{
		{Name: "Collections", URL: "/collections", Icon: "data"},
		{Name: "Outbox", URL: "/outbox", Icon: "mail"},
		{Name: "Users and roles", URL: "/users", Icon: "users"},
	}},
}

// shell is the frame of a whole page. It takes the waiting notice out of its
// cookie.
func (s *Server) shell(c echo.Context) (views.Shell, error) {
	a := actor(c)
	shell := views.Shell{Flash: takeFlash(c), Version: s.Version, SignOut: signOutPath}
	if !a.Signed() {
		return shell, nil
	}
	shell.Person = views.Person{Name: a.Name, Email: a.Email, Role: roleWord(a.Role)}
	path := c.Request().URL.Path
	for _, g := range navigation {
		g.Links = slices.Clone(g.Links)
		g.Links = slices.DeleteFunc(g.Links, func(l views.NavLink) bool { return !s.opens(a, l.URL) })
		for i := range g.Links {
			l := &g.Links[i]
			l.Current = l.URL == path || (l.URL != "/" && strings.HasPrefix(path, l.URL+"/"))
		}
		if len(g.Links) > 0 {
			shell.Groups = append(shell.Groups, g)
		}
	}
	return shell, nil
}

// opens reports whether a may open the page at path.
func (s *Server) opens(a auth.Actor, path string) bool {
	r, ok := s.byPath[http.MethodGet+" "+path]
	return ok && allow(a, r.Need) == nil
}

func roleWord(r auth.Role) string {
	switch r {
	case auth.Root:
		return "Owner of this server"
	case auth.Admin:
		return "Administrator"
	}
	return "Member"
}

// withoutActor makes c the request of nobody, for a page that needs no data.
func withoutActor(c echo.Context) echo.Context {
	c.Set(keySession, auth.Session{})
	return c
}

// help shows the keys: a dialog with htmx, else a page.
func (s *Server) help(c echo.Context) error {
	return render(c, http.StatusOK, views.HelpPage(), views.HelpDialog())
}
