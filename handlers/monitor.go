package handlers

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/pprof"
	cpu "runtime/pprof"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/fault"
)

// monitor is for those who watch the server: load balancers, Prometheus, and
// whoever looks for what is slow.
type monitor struct{ server *Server }

// Routes registers them. What the profiles show may hold people's data, so they
// are for administrators only.
func (h *monitor) Routes(g *Group) {
	g.GET("/healthz", Public, h.alive)
	g.GET("/readyz", Public, h.readiness)
	g.GET("/metrics", auth.ManageServer, own(echo.WrapHandler(h.server.Metrics.Handler())))
	g.GET("/debug/pprof/", auth.ManageServer, own(echo.WrapHandler(http.HandlerFunc(pprof.Index))))
	for _, name := range []string{"allocs", "block", "goroutine", "heap", "mutex", "threadcreate"} {
		g.GET("/debug/pprof/"+name, auth.ManageServer, own(echo.WrapHandler(pprof.Handler(name))))
	}
	g.GET("/debug/pprof/profile", auth.ManageServer, own(h.profile))
}

// own asks for the right itself: there is no engine behind these that would.
func own(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if err := actor(c).Require(auth.ManageServer); err != nil {
			return err
		}
		return next(c)
	}
}

// profile measures for ?seconds=, 1 to 20, what takes processor time.
func (h *monitor) profile(c echo.Context) error {
	seconds, _ := strconv.Atoi(c.QueryParam("seconds"))
	var out bytes.Buffer
	if err := cpu.StartCPUProfile(&out); err != nil {
		return fault.Wrap(fault.Conflict, "Somebody takes a profile already. Try again in a moment.", err)
	}
	select {
	case <-time.After(time.Duration(min(max(seconds, 1), 20)) * time.Second):
	case <-c.Request().Context().Done():
	}
	cpu.StopCPUProfile()
	c.Response().Header().Set(echo.HeaderContentDisposition, `attachment; filename="profile"`)
	return c.Blob(http.StatusOK, echo.MIMEOctetStream, out.Bytes())
}

// alive answers 200 while the process can answer anything: restart it otherwise.
func (h *monitor) alive(c echo.Context) error { return c.String(http.StatusOK, "ok\n") }

// readiness answers 200 while requests are welcome: the database answers and
// the server does not stop.
func (h *monitor) readiness(c echo.Context) error {
	if why := h.server.unready(c.Request().Context()); why != "" {
		return c.String(http.StatusServiceUnavailable, why+"\n")
	}
	return c.String(http.StatusOK, "ok\n")
}

// unready says why requests should go elsewhere; "" when they need not.
func (s *Server) unready(ctx context.Context) string {
	if s.stopping != nil && s.stopping.Err() != nil {
		return "the server stops"
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if err := s.DB.Ping(ctx); err != nil {
		return "the database does not answer"
	}
	return NoRoom(s.Engine.Exhausted())
}

// NoRoom says for /readyz why the database takes no changes; "" for nil.
func NoRoom(err error) string {
	if err == nil {
		return ""
	}
	title, _ := engine.OutageWords(err)
	return "nothing can be saved: " + lower(title)
}

// Monitor answers on an address of its own, for scrapers and for processes
// without pages: /metrics, /healthz and /readyz without signing in, and the
// profiles too when only this machine can reach the address.
func Monitor(address string, metrics http.Handler, ready func(context.Context) string) http.Handler {
	mux := http.NewServeMux()
	text := func(w http.ResponseWriter, status int, line string) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(line + "\n"))
	}
	mux.Handle("GET /metrics", metrics)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if why := ready(r.Context()); why != "" {
			text(w, http.StatusServiceUnavailable, why)
			return
		}
		text(w, http.StatusOK, "ok")
	})
	if host, _, err := net.SplitHostPort(address); err == nil {
		if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
			mux.HandleFunc("GET /debug/pprof/", pprof.Index)
			mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
			mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
		}
	}
	return mux
}
