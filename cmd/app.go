package cmd

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime/debug"
	"time"

	"go.opentelemetry.io/otel/trace"

	"alur/engine"
	"alur/engine/alert"
	"alur/engine/attachment"
	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/expr"
	"alur/engine/fault"
	"alur/engine/mail"
	"alur/engine/metric"
	"alur/engine/node"
	_ "alur/engine/nodes" // the node types that come with alur
	"alur/engine/script"
	"alur/engine/secret"
	"alur/engine/snowflake"
	"alur/engine/task"
	"alur/engine/transfer"
	_ "alur/engine/triggers" // and the trigger types
	"alur/handlers"
)

// app is the running process: everything that web server and worker share.
type app struct {
	config  Config
	own     []Own
	log     *slog.Logger
	db      *database
	number  *workerNumber
	ids     *snowflake.Source
	users   *auth.Store
	records *collection.Store
	outbox  *mail.Outbox
	tasks   *task.Store
	scripts *script.Pool
	values  *secret.Store
	imports *transfer.Store
	files   *attachment.Store
	engine  *engine.Engine
	metrics *metric.Metrics
	tracer  trace.Tracer // nil: no spans
	traced  func()       // sends the last spans
}

// openApp brings up what every long-running command needs.
func (p *program) openApp(ctx context.Context, c Config) (*app, error) {
	a := &app{config: c, own: p.own, log: p.logger(c)}
	key, err := secretKey(c)
	if err != nil {
		return nil, err
	}
	a.values = &secret.Store{Now: time.Now}
	if a.values.Box, err = secret.NewBox(key, []byte(c.SecretKeyBefore)); err != nil {
		return nil, err
	}
	a.log = slog.New(a.values.Handler(a.log.Handler()))
	if a.db, err = openDatabase(ctx, c, connectWithin, a.log); err != nil {
		return nil, err
	}
	if a.number, err = takeNumber(ctx, a.db.url); err != nil {
		a.close()
		return nil, err
	}
	if a.tracer, a.traced, err = p.tracing(ctx); err != nil {
		a.close()
		return nil, err
	}
	a.metrics = metric.New()
	a.metrics.Watch(a.db.DB, time.Now)
	a.ids = snowflake.New(a.number.n, time.Now)
	a.users = &auth.Store{DB: a.db.DB, IDs: a.ids, Now: time.Now}
	a.records = collection.NewStore(a.db.DB, a.ids, time.Now)
	a.values.DB = a.db.DB
	a.db.Subscribe(secret.Channel, a.values.Forget)
	a.db.Subscribe(auth.Channel, a.users.Forget)
	a.db.Subscribe(collection.Channel, func(string) { a.records.Invalidate() })
	a.outbox = &mail.Outbox{DB: a.db.DB, IDs: a.ids, Now: time.Now}
	a.tasks = &task.Store{DB: a.db.DB, IDs: a.ids, Now: time.Now, Outbox: a.outbox, BaseURL: c.BaseURL, Zone: a.users.Zone}
	a.imports = &transfer.Store{DB: a.db.DB, IDs: a.ids, Now: time.Now, Records: a.records, Log: a.log, Actor: a.users.Actor, Zone: a.users.Zone}
	a.files = &attachment.Store{
		DB: a.db.DB, IDs: a.ids, Now: time.Now, Log: a.log, Records: a.records, Into: c.Files, Most: int64(c.FileMB) << 20,
		Places: map[string]attachment.Place{
			attachment.OnDisk:     attachment.Disk{Dir: filepath.Join(c.DataDir, "files")},
			attachment.InDatabase: attachment.Database{DB: a.db.DB, Now: time.Now},
		},
	}
	a.scripts = newScripts(c, a.log)
	expr.Use(a.scripts)
	services := &node.Services{}
	node.Provide(services, a.records)
	node.Provide(services, a.tasks)
	node.Provide(services, a.scripts)
	a.engine = engine.New(engine.Options{
		DB: a.db.DB, IDs: a.ids, Now: time.Now, Records: a.records, Log: a.log, Services: services, Values: a.values, Metrics: a.metrics, Tracer: a.tracer,
		Files: a.files, Zone: a.users.Zone, Attempts: c.Attempts, MaxNodes: c.MaxNodes,
		Person: a.person, Acting: a.users.Actor,
	})
	a.records.AskUsers(a.engine)
	if err := a.start(ctx, p.own); err != nil {
		a.close()
		return nil, err
	}
	if n, err := a.values.Reseal(ctx); err != nil {
		a.close()
		return nil, err
	} else if n > 0 {
		a.log.InfoContext(ctx, "secrets sealed with the present key", "secrets", n)
	}
	return a, nil
}

// background runs what goes on beside requests until ctx ends, and returns when
// all of it is over. The first failure stops the rest.
func (a *app) background(ctx context.Context) error {
	g := newGroup(ctx)
	g.run(func(ctx context.Context) error { return a.number.keep(ctx, a.log) })
	a.beside(g, a.own)
	watchdog, err := a.watchdog()
	if err != nil {
		return err
	}
	g.run(func(ctx context.Context) error { watchdog.Run(ctx); return nil })
	if !a.config.Worker {
		return g.wait()
	}
	g.run(func(ctx context.Context) error { a.engine.Work(ctx, a.config.Workers); return nil })
	g.run(func(ctx context.Context) error { a.engine.Housekeep(ctx); return nil })
	g.run(func(ctx context.Context) error { a.engine.Search(ctx); return nil })
	g.run(func(ctx context.Context) error { a.records.Upkeep(ctx, a.log); return nil })
	g.run(func(ctx context.Context) error { a.imports.Work(ctx); return nil })
	g.run(func(ctx context.Context) error { a.engine.RerunInBulk(ctx); return nil })
	if a.config.SMTPURL != "" {
		smtp, err := mail.ParseSMTP(a.config.SMTPURL, a.config.MailFrom)
		if err != nil {
			return err
		}
		for range a.config.MailWorkers {
			w := &mail.Worker{DB: a.db.DB, SMTP: smtp, Now: time.Now, Log: a.log, Sent: a.metrics.Mail}
			g.run(func(ctx context.Context) error { w.Run(ctx); return nil })
		}
	}
	return g.wait()
}

// watch is what the engine has to know of this process.
func (a *app) watch() engine.Watch {
	return engine.Watch{MailServer: a.config.SMTPURL != "", Waiting: time.Duration(a.config.WaitingDays) * 24 * time.Hour, Disk: a.config.disk}
}

// watchdog is what mails people when something goes wrong. It runs in every
// process: that nobody runs workflows is one of the things that go wrong.
func (a *app) watchdog() (*alert.Watchdog, error) {
	d := &alert.Watchdog{DB: a.db.DB, Now: time.Now, Log: a.log, Engine: a.engine, Outbox: a.outbox, Person: a.person, Zone: a.users.Zone,
		Values: a.values, Watch: a.watch, Words: handlers.AlertWords{}, BaseURL: a.config.BaseURL}
	if a.config.SMTPURL == "" {
		return d, nil
	}
	smtp, err := mail.ParseSMTP(a.config.SMTPURL, a.config.MailFrom)
	if err != nil {
		return nil, err
	}
	d.Direct = func(ctx context.Context, id int64, m mail.Message) error { return smtp.Send(ctx, id, time.Now(), m) }
	return d, nil
}

// person is somebody in all their roles.
func (a *app) person(ctx context.Context, id int64) (auth.Actor, error) {
	return a.users.Actor(ctx, id, auth.Union)
}

// firstAdministrator makes the one that the settings name, when there is none.
func (a *app) firstAdministrator(ctx context.Context) error {
	if a.config.AdminEmail == "" {
		return nil
	}
	made, err := a.users.EnsureRoot(ctx, auth.NewUser{Email: a.config.AdminEmail, Password: a.config.AdminPassword})
	if err != nil {
		return fmt.Errorf("the first administrator cannot be made from ADMIN_EMAIL and ADMIN_PASSWORD: %s", words(err))
	}
	if made {
		a.log.InfoContext(ctx, "first administrator made")
	}
	return nil
}

// setupLink makes a link to the setup page; "" once there is an administrator.
func (a *app) setupLink(ctx context.Context) (string, error) {
	done, err := a.users.SetupDone(ctx)
	if done || err != nil {
		return "", err
	}
	link, err := a.users.NewSetupLink(ctx)
	if fault.Is(err, fault.Gone) {
		return "", nil
	}
	return a.config.BaseURL + link.Path(), err
}

func (a *app) close() {
	if a.traced != nil {
		a.traced()
	}
	if a.scripts != nil {
		a.scripts.Close()
	}
	if a.number != nil {
		a.number.close()
	}
	if a.db != nil {
		a.db.close()
	}
}

// version is what the build knows about itself.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "dev"
	}
	return info.Main.Version
}
