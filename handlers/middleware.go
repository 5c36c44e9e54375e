package handlers

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"alur/engine/auth"
	"alur/engine/fault"
	"alur/static"
)

// policy is the content security policy of every answer (promises.md S6).
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

const (
	// requestTime is how long a request may take; streams are free of it.
	requestTime = 30 * time.Second
	// uploadTime is how long one with a file may take.
	uploadTime = 10 * time.Minute
	// bodyBytes is how long a request may be if it is no form with files for a route
	// that takes them.
	bodyBytes = 1 << 20
)

// Keys of the echo context.
const (
	keyServer  = "alur.server"
	keySession = "alur.session"
	keyRefused = "alur.refused" // why the token opened nothing
	keyID      = "alur.id"
)

// use installs the middleware, outermost first.
func (s *Server) use(e *echo.Echo) {
	cross, crossAPI := http.NewCrossOriginProtection(), http.NewCrossOriginProtection()
	for _, origin := range s.Origins {
		if err := crossAPI.AddTrustedOrigin(origin); err != nil {
			s.Log.Error("allowed origin is none", "origin", origin, "err", err) // settings are checked before
		}
	}
	e.Use(
		s.identify,
		s.log,
		s.rescue,
		headers,
		s.share,
		middleware.GzipWithConfig(middleware.GzipConfig{MinLength: 1024, Skipper: s.plain}),
		s.bodyLimit,
		s.deadline,
		s.gate,
		s.crossOrigin(cross, crossAPI),
		s.signIn,
		s.origin,
	)
}

// saneID is a request id of somebody else's that we take over.
var saneID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// identify numbers the request, or takes over the number that a proxy gave it;
// it is in the log and on the page that says that something broke.
func (s *Server) identify(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		id := c.Request().Header.Get(echo.HeaderXRequestID)
		if !saneID.MatchString(id) {
			var b [6]byte
			rand.Read(b[:])
			id = hex.EncodeToString(b[:])
		}
		c.Set(keyServer, s)
		c.Set(keyID, id)
		c.Response().Header().Set(echo.HeaderXRequestID, id)
		return next(c)
	}
}

// log writes one line for each request: never a query, never a token.
func (s *Server) log(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		start := s.Now()
		end := s.span(c)
		err := next(c)
		if err != nil {
			c.Error(err) // so that the status is known here
		}
		r := c.Request()
		took := s.Now().Sub(start)
		end(c.Response().Status)
		s.Metrics.Request(r.Method, c.Path(), c.Response().Status, took)
		level := slog.LevelInfo
		if strings.HasPrefix(r.URL.Path, static.Prefix) || r.URL.Path == "/healthz" || r.URL.Path == "/readyz" || r.URL.Path == "/metrics" {
			level = slog.LevelDebug
		}
		s.Log.LogAttrs(r.Context(), level, "request",
			slog.String("request_id", requestID(c)),
			slog.String("method", r.Method),
			slog.String("path", mask(r.URL.Path)),
			slog.Int("status", c.Response().Status),
			slog.Int64("user_id", actor(c).UserID),
			slog.Duration("took", took),
		)
		return nil
	}
}

// span begins a span for a request; without a tracer it costs nothing.
func (s *Server) span(c echo.Context) (end func(status int)) {
	if s.Tracer == nil {
		return func(int) {}
	}
	r := c.Request()
	ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	ctx, span := s.Tracer.Start(ctx, r.Method+" "+c.Path(), trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(attribute.String("http.request.method", r.Method), attribute.String("http.route", c.Path()), attribute.String("alur.request_id", requestID(c))))
	c.SetRequest(r.WithContext(ctx))
	return func(status int) {
		span.SetAttributes(attribute.Int("http.response.status_code", status))
		if status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, http.StatusText(status))
		}
		span.End()
	}
}

// secretText is what a token looks like, in a path of ours or in a mistyped
// one.
var secretText = regexp.MustCompile(`alur_[a-z]+_[A-Za-z0-9_-]*|[A-Za-z0-9_-]{24,}`)

// mask hides what may be a token in a path.
func mask(path string) string { return secretText.ReplaceAllString(path, "***") }

// rescue turns a panic into an error with its stack.
func (s *Server) rescue(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			switch p := recover(); p {
			case nil:
			case http.ErrAbortHandler:
				panic(p)
			default:
				err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
			}
		}()
		return next(c)
	}
}

func headers(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		if !strings.HasPrefix(c.Request().URL.Path, static.Prefix) {
			h.Set("Cache-Control", "no-store") // what a person may see is theirs
		}
		return next(c)
	}
}

// share lets pages of the allowed origins use the API: with a token, never with our
// cookie. They may read the headers that clients look at (spec/platform.md §1).
func (s *Server) share(next echo.HandlerFunc) echo.HandlerFunc {
	if len(s.Origins) == 0 {
		return next
	}
	return middleware.CORSWithConfig(middleware.CORSConfig{
		Skipper:       func(c echo.Context) bool { return !isAPI(c.Request().URL.Path) },
		AllowOrigins:  s.Origins,
		AllowMethods:  []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete},
		ExposeHeaders: []string{"X-New-Token", echo.HeaderContentDisposition, echo.HeaderXRequestID},
		AllowHeaders: []string{echo.HeaderAuthorization, echo.HeaderContentType, "X-Role", "X-Authenticator", "X-Locale", "X-Timezone",
			"X-Hostname", "X-App", "X-Data-Source", "X-With-ACL-Meta"},
		MaxAge: 600, // seconds
	})(next)
}

// hideSecret keeps a page whose address is a secret out of caches, search
// engines and the referrer (promises.md S1).
func hideSecret(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Robots-Tag", "noindex, nofollow")
}

// plain reports whether an answer is not to be compressed: streams, and files
// that already are.
func (s *Server) plain(c echo.Context) bool {
	r, _ := s.route(c)
	return r.Stream || strings.HasPrefix(c.Request().URL.Path, static.Prefix)
}

// uploads is how many bytes of a file, in a form or as JSON, the request may have; 0
// when it is none, or its route takes none.
func (s *Server) uploads(c echo.Context) int64 {
	kind, _, _ := mime.ParseMediaType(c.Request().Header.Get(echo.HeaderContentType))
	route, _ := s.route(c)
	if kind == echo.MIMEMultipartForm || kind == echo.MIMEApplicationJSON && route.API() {
		return route.Upload
	}
	return 0
}

// bodyLimit refuses bodies that are longer than their route takes.
func (s *Server) bodyLimit(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r, most := c.Request(), int64(bodyBytes)
		if n := s.uploads(c); n > 0 {
			most = n // whose handler says beside the field what is too much
		} else if r.ContentLength > most {
			return &http.MaxBytesError{Limit: most}
		}
		r.Body = http.MaxBytesReader(c.Response(), r.Body, most)
		return next(c)
	}
}

// deadline ends the context of a request that takes too long; a stream gets
// the right to write for as long as it likes.
func (s *Server) deadline(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if r, _ := s.route(c); r.Stream {
			err := http.NewResponseController(c.Response()).SetWriteDeadline(time.Time{})
			if err != nil {
				s.Log.DebugContext(c.Request().Context(), "write deadline stays", "err", err)
			}
			req := c.Request()
			ctx, cancel := context.WithCancel(req.Context())
			defer cancel()
			if s.stopping != nil {
				defer context.AfterFunc(s.stopping, cancel)()
			}
			c.SetRequest(req.WithContext(ctx))
			defer c.SetRequest(req)
			return next(c)
		}
		r, most := c.Request(), requestTime
		if s.uploads(c) > 0 {
			most = uploadTime
			control := http.NewResponseController(c.Response())
			until := time.Now().Add(uploadTime)
			if err := errors.Join(control.SetReadDeadline(until), control.SetWriteDeadline(until)); err != nil {
				s.Log.DebugContext(r.Context(), "deadlines stay", "err", err)
			}
		}
		ctx, cancel := context.WithTimeout(r.Context(), most)
		defer cancel()
		c.SetRequest(r.WithContext(ctx))
		defer c.SetRequest(r) // the error page gets time of its own
		return next(c)
	}
}

// gate answers 503 until the first administrator exists.
func (s *Server) gate(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		path := c.Request().URL.Path
		if s.ready.Load() || path == "/healthz" || path == "/readyz" || strings.HasPrefix(path, "/setup/") || strings.HasPrefix(path, static.Prefix) {
			return next(c)
		}
		done, err := s.Auth.SetupDone(c.Request().Context())
		if err != nil {
			return fmt.Errorf("see whether the set-up is done: %w", err)
		}
		if !done {
			return errNotSetUp
		}
		s.ready.Store(true)
		return next(c)
	}
}

// crossOrigin refuses requests that another site made the browser send. A
// bearer token is never sent by a browser on its own, so such requests pass.
//
// Pages with a secret address send no referrer, and browsers then send
// "Origin: null" with their forms. Over plain http they leave out
// Sec-Fetch-Site too; what remains is the secret in the path, which another
// site cannot know.
func (s *Server) crossOrigin(cross, crossAPI *http.CrossOriginProtection) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			r := c.Request()
			route, _ := s.route(c)
			secret := route.Secret() && r.Header.Get("Origin") == "null" && r.Header.Get("Sec-Fetch-Site") == ""
			check := cross
			if isAPI(r.URL.Path) {
				check = crossAPI
			}
			if bearer(r) == "" && !secret {
				if err := check.Check(r); err != nil {
					return fault.Wrap(fault.Forbidden, "This was sent by another site, so nothing was done. Open the page here and try again.", err)
				}
			}
			return next(c)
		}
	}
}

// signIn finds out who asks. A token that opens nothing makes nobody of the
// caller; why it does not is what they hear when the route needs somebody.
func (s *Server) signIn(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if strings.HasPrefix(r.URL.Path, static.Prefix) {
			return next(c)
		}
		kind, token := auth.API, bearer(r)
		if token == "" {
			kind, token = auth.Web, sessionToken(c)
		}
		if token == "" {
			return next(c)
		}
		session, err := s.Auth.Resolve(r.Context(), kind, token, client(c))
		if err == nil && kind == auth.API {
			err = s.renew(c, session)
		}
		if err == nil {
			session, err = s.Auth.As(r.Context(), session, auth.Role(r.Header.Get("X-Role")))
		}
		switch {
		case fault.Is(err, fault.Unsigned):
			c.Set(keyRefused, err)
		case err != nil:
			return fmt.Errorf("look up the session: %w", err)
		default:
			c.Set(keySession, session)
		}
		return next(c)
	}
}

// bearer returns the token of the Authorization header, "" when there is none.
func bearer(r *http.Request) string {
	kind, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(kind, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// renew tells a program the token that it is to use from now on, once a day.
func (s *Server) renew(c echo.Context, session auth.Session) error {
	token, err := s.Auth.Renew(c.Request().Context(), session)
	if err == nil && token != "" {
		c.Response().Header().Set("X-New-Token", token)
	}
	return err
}

func requestID(c echo.Context) string {
	id, _ := c.Get(keyID).(string)
	return id
}
