package handlers

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/otel/trace"

	"alur/engine"
	"alur/engine/attachment"
	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/mail"
	"alur/engine/metric"
	"alur/engine/pg"
	"alur/engine/secret"
	"alur/engine/task"
	"alur/engine/transfer"
	"alur/static"
)

// Server answers HTTP. All fields are needed that do not say otherwise.
type Server struct {
	DB      *pg.DB
	Log     *slog.Logger
	Now     func() time.Time
	BaseURL string   // what mailed links begin with; https makes cookies secure
	Version string   // of the program; may be empty
	Origins []string // whose pages may use the API, as in "https://shop.example.com"; may be empty
	Auth    *auth.Store
	Records *collection.Store
	Engine  *engine.Engine
	Tasks   *task.Store
	Outbox  *mail.Outbox
	Imports *transfer.Store
	Files   *attachment.Store
	Values  *secret.Store
	Metrics *metric.Metrics
	Tracer  trace.Tracer // nil: no spans
	Samples Samples      // what the set-up offers; nil for nothing

	// MailSent says that a mail server is configured; otherwise mails stay in
	// the outbox and pages say so.
	MailSent bool

	// Patience is how long a person may be waited for before that needs
	// attention; 0 for the engine's own.
	Patience time.Duration

	// Disk is how much room the database has; see [engine.Watch]. nil: unknown.
	Disk func() (free uint64, dir string, ok bool)

	echo   *echo.Echo
	routes []Route
	byPath map[string]Route // by method and path
	ready  atomic.Bool      // the first administrator exists; never undone

	// guard refuses at the door who lacks a route's right: allow, except in the
	// test that sees the engine refuse them too.
	guard func(a auth.Actor, need auth.Right) error

	stopping context.Context // ends when the server is to stop; nil without HTTP
}

// resources are all that have routes, in the order of the navigation.
func (s *Server) resources() []Resource {
	return []Resource{
		&home{server: s},
		&monitor{server: s},
		&search{server: s},
		&setup{server: s, store: s.Auth, samples: s.Samples},
		&entrance{store: s.Auth},
		&ownAccount{server: s, store: s.Auth},
		&workflows{engine: s.Engine, records: s.Records, users: s.Auth},
		&executions{server: s, engine: s.Engine},
		&attention{server: s, engine: s.Engine},
		&retention{engine: s.Engine, alerts: &alerts{engine: s.Engine, users: s.Auth}},
		&alerts{engine: s.Engine, users: s.Auth},
		&tasks{store: s.Tasks},
		&links{server: s, store: s.Tasks},
		&users{server: s, store: s.Auth, outbox: s.Outbox},
		&roles{store: s.Auth, records: s.Records},
		&keys{store: s.Auth},
		&variables{store: s.Values},
		&auditLog{store: s.Auth},
		&outbox{server: s, store: s.Outbox},
		&workflowsAPI{engine: s.Engine, tasks: s.Tasks, db: s.DB, records: s.Records},
		&tasksAPI{store: s.Tasks, db: s.DB, records: s.Records},
		&authAPI{store: s.Auth, db: s.DB, records: s.Records},
		&apiDocs{server: s, records: &recordsAPI{db: s.DB, store: s.Records}},
		&recordsAPI{db: s.DB, store: s.Records, files: s.Files, searcher: s.Engine},
		&files{store: s.Files},
		&records{server: s, store: s.Records, files: s.Files, db: s.DB},
		&transfers{records: &records{server: s, store: s.Records, files: s.Files, db: s.DB}, store: s.Imports},
		&collections{store: s.Records, db: s.DB},
	}
}

// Routes builds the router. Call it once.
func (s *Server) Routes() *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.HTTPErrorHandler = s.fail
	// A proxy on this machine may say where a request comes from, nobody else:
	// the limit of sign-ins counts by address.
	e.IPExtractor = echo.ExtractIPFromXFFHeader(echo.TrustLoopback(true), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false))
	s.echo, s.byPath = e, map[string]Route{}
	if s.guard == nil {
		s.guard = allow
	}
	s.use(e)
	e.GET(static.Prefix+"*", echo.WrapHandler(static.Handler()))
	e.HEAD(static.Prefix+"*", echo.WrapHandler(static.Handler()))
	g := &Group{server: s}
	g.GET("/help", Signed, s.help)
	for _, r := range s.resources() {
		r.Routes(g)
	}
	return e
}

// Table returns what [Server.Routes] registered.
func (s *Server) Table() []Route { return s.routes }

// HTTP returns a server for addr with deadlines that no honest client meets.
// Its Shutdown ends the streams, which would otherwise go on for minutes.
func (s *Server) HTTP(addr string) *http.Server {
	ctx, stop := context.WithCancel(context.Background())
	s.stopping = ctx
	server := &http.Server{
		Addr:              addr,
		Handler:           s.Routes(),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second, // streams lift it
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.Log.Handler(), slog.LevelWarn),
	}
	server.RegisterOnShutdown(stop)
	return server
}

// secure reports whether people reach us by https.
func (s *Server) secure() bool { return strings.HasPrefix(s.BaseURL, "https://") }
