package handlers

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/collection"
	"alur/views"
)

// dataGroup is the part of the navigation that lists the collections.
const dataGroup = "Data"

// recordsPath is where the records of a collection are.
func recordsPath(collection string) string { return "/data/" + collection }

// Where the account menu leads.
const (
	accountPath = "/account"
	signOutPath = "/sign-out"
)

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
		{Name: "Needs attention", URL: "/attention", Icon: "attention", Bad: true},
	}},
	{Title: dataGroup}, // the collections
	{Title: "Administration", Links: []views.NavLink{
		{Name: "Collections", URL: "/collections", Icon: "data"},
		{Name: "Outbox", URL: "/outbox", Icon: "mail"},
		{Name: "Users and roles", URL: "/users", Icon: "users"},
		{Name: "Audit log", URL: "/audit", Icon: "list"},
		{Name: "Variables", URL: "/variables", Icon: "key"},
		{Name: "Settings", URL: "/settings", Icon: "sliders"},
	}},
}

// shell is the frame of a whole page. It takes the waiting notice out of its
// cookie.
func (s *Server) shell(c echo.Context) (views.Shell, error) {
	a := actor(c)
	shell := views.Shell{Flash: takeFlash(c), Version: s.Version, SignOut: signOutPath, Account: accountPath}
	if !a.Signed() {
		return shell, nil
	}
	shell.Outage = s.outage(a)
	acting, err := s.actingAs(c)
	if err != nil {
		return views.Shell{}, err
	}
	shell.Person = views.Person{Name: a.Name, Email: a.Email, Role: acting}
	path := c.Request().URL.Path
	for _, g := range navigation {
		g.Links = slices.Clone(g.Links)
		g.Links = slices.DeleteFunc(g.Links, func(l views.NavLink) bool { return !s.opens(a, l.URL) })
		for i := range g.Links {
			l := &g.Links[i]
			l.Current = below(path, l.URL)
			switch l.URL {
			case "/tasks":
				n, err := s.Tasks.Pending(c.Request().Context(), a)
				if err != nil {
					return views.Shell{}, err
				}
				l.Count = n
			case "/attention":
				l.Count = s.troubles(c.Request().Context(), a)
			}
		}
		if g.Title == dataGroup {
			links, err := s.dataLinks(c.Request().Context(), a, path)
			if err != nil {
				return views.Shell{}, err
			}
			g.Links = append(g.Links, links...)
		}
		if len(g.Links) > 0 {
			shell.Groups = append(shell.Groups, g)
		}
	}
	return shell, nil
}

// outage says that nothing can be saved, and to those who may do something about it,
// what; nil when all is well, as far as this process knows.
func (s *Server) outage(a auth.Actor) *views.Outage {
	err := s.Engine.Exhausted()
	if err == nil {
		return nil
	}
	title, cause := engine.OutageWords(err)
	if !a.Can(auth.ManageWorkflows) && !a.Can(auth.ManageServer) {
		title, cause = "Nothing can be saved at the moment", title+". Tell those who look after this server."
	}
	return &views.Outage{Title: title, Text: cause}
}

// dataLinks are the collections that people made.
func (s *Server) dataLinks(ctx context.Context, a auth.Actor, path string) ([]views.NavLink, error) {
	if !s.opens(a, recordsPath(":collection")) {
		return nil, nil
	}
	all, err := s.Records.Collections(ctx)
	if err != nil {
		return nil, err
	}
	var links []views.NavLink
	for _, c := range all {
		if !c.System && c.Options["hidden"] != true && c.Allows(a, auth.View) {
			url := recordsPath(c.Name)
			links = append(links, views.NavLink{Name: titleOf(c), URL: url, Icon: "table", Current: below(path, url)})
		}
	}
	return links, nil
}

// titleOf is what a collection is called.
func titleOf(c *collection.Collection) string { return cmp.Or(c.Title, c.Name) }

// below reports whether path is url or below it.
func below(path, url string) bool {
	return path == url || (url != "/" && strings.HasPrefix(path, url+"/"))
}

// opens reports whether a may open the page at path.
func (s *Server) opens(a auth.Actor, path string) bool {
	r, ok := s.byPath[http.MethodGet+" "+path]
	return ok && allow(a, r.Need) == nil
}

// actingAs words the roles that the caller acts in.
func (s *Server) actingAs(c echo.Context) (string, error) {
	roles, err := s.Auth.Acting(c.Request().Context(), session(c))
	if err != nil {
		return "", err
	}
	titles := make([]string, len(roles))
	for i, d := range roles {
		titles[i] = d.Title
	}
	return strings.Join(titles, ", "), nil
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
