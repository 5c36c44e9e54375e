package handlers

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/engine/fault"
)

// What a route needs, besides the rights of package auth.
const (
	Public auth.Right = 0   // nothing; anybody may call it
	Signed auth.Right = 255 // somebody who is signed in
)

// A Resource registers its routes.
type Resource interface{ Routes(g *Group) }

// Route is one line of the table of routes.
type Route struct {
	Method string
	Path   string     // with parameters: /tasks/:id
	Need   auth.Right // Public, Signed or a right
	Stream bool       // answers for minutes: no deadline, no compression
	Upload int64      // bytes that it takes, with minutes to send them; 0 for the limit of all
}

// Secret reports whether the path holds a secret.
func (r Route) Secret() bool { return strings.Contains(r.Path, ":token") }

// API reports whether the route speaks JSON.
func (r Route) API() bool { return isAPI(r.Path) }

func isAPI(path string) bool { return strings.HasPrefix(path, "/api/") || path == "/api" }

// Group registers routes. There is no way to register one without a right.
type Group struct{ server *Server }

// GET registers a page or a fragment, for HEAD too. It must not change
// anything.
func (g *Group) GET(path string, need auth.Right, h echo.HandlerFunc) {
	g.add(Route{Method: http.MethodGet, Path: path, Need: need}, h)
}

// POST registers a change.
func (g *Group) POST(path string, need auth.Right, h echo.HandlerFunc) {
	g.add(Route{Method: http.MethodPost, Path: path, Need: need}, h)
}

// Add registers any other method, for the JSON API.
func (g *Group) Add(method, path string, need auth.Right, h echo.HandlerFunc) {
	g.add(Route{Method: method, Path: path, Need: need}, h)
}

// Stream registers a GET that answers for minutes (server-sent events).
func (g *Group) Stream(path string, need auth.Right, h echo.HandlerFunc) {
	g.add(Route{Method: http.MethodGet, Path: path, Need: need, Stream: true}, h)
}

// Upload registers a POST that takes a file of up to most bytes.
func (g *Group) Upload(path string, need auth.Right, most int64, h echo.HandlerFunc) {
	g.add(Route{Method: http.MethodPost, Path: path, Need: need, Upload: most}, h)
}

// Download registers a POST that answers with a file for minutes.
func (g *Group) Download(path string, need auth.Right, h echo.HandlerFunc) {
	g.add(Route{Method: http.MethodPost, Path: path, Need: need, Stream: true}, h)
}

func (g *Group) add(r Route, h echo.HandlerFunc) {
	s := g.server
	s.routes = append(s.routes, r)
	guarded := func(c echo.Context) error {
		if err := s.guard(actor(c), r.Need); err != nil {
			if why, ok := c.Get(keyRefused).(error); ok && fault.Is(err, fault.Unsigned) {
				return why
			}
			return err
		}
		if r.Secret() {
			hideSecret(c.Response().Header())
		}
		return h(c)
	}
	s.byPath[r.Method+" "+r.Path] = r
	s.echo.Add(r.Method, r.Path, guarded)
	if r.Method == http.MethodGet {
		s.byPath[http.MethodHead+" "+r.Path] = r
		s.echo.Add(http.MethodHead, r.Path, guarded)
	}
}

// allow refuses an actor without the right that a route needs.
func allow(a auth.Actor, need auth.Right) error {
	switch {
	case need == Public:
		return nil
	case need == Signed && a.Signed():
		return nil
	case need == Signed:
		return errUnsigned
	}
	return a.Require(need)
}

// route returns the table's line for a request; false when no route matched.
func (s *Server) route(c echo.Context) (Route, bool) {
	r, ok := s.byPath[c.Request().Method+" "+c.Path()]
	return r, ok
}
