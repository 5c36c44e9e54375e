package cmd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"alur/engine/sample"
	"alur/handlers"
)

// stopWithin is how long requests under way may take after a stop.
const stopWithin = 25 * time.Second

// serve answers requests and runs workflows until ctx ends.
func (p *program) serve(ctx context.Context) error {
	c, _, err := parseConfig("serve", p.args, p.env, p.err, nil)
	if err != nil {
		return err
	}
	// First of all, so that a taken address is known before a database starts.
	// Early visitors wait in the queue of the kernel.
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("cannot answer on %s (%w). Stop the program that uses the address, or choose another with LISTEN", c.Listen, errors.Unwrap(err))
	}
	defer listener.Close()
	if c.BaseURL == "http://"+localAddress(c.Listen) { // the port may have been 0
		c.BaseURL = "http://" + localAddress(listener.Addr().String())
	}
	a, err := p.openApp(ctx, c)
	if err != nil {
		return err
	}
	defer a.close()
	stop, err := a.monitor(ctx)
	if err != nil {
		return err
	}
	defer stop()
	if err := a.firstAdministrator(ctx); err != nil {
		return err
	}
	link, err := a.setupLink(ctx)
	if err != nil {
		return err
	}
	if link != "" {
		fmt.Fprintf(p.out, "\nWelcome to Alur. Open this link within an hour to set up the server; it works once:\n\n    %s\n\n", link)
	} else {
		fmt.Fprintf(p.out, "Alur is ready at %s\n", c.BaseURL)
	}
	g := newGroup(ctx)
	g.run(a.background)
	g.run(func(ctx context.Context) error { return a.answer(ctx, listener) })
	return g.wait()
}

// answer serves HTTP until ctx ends, and then for a while what is under way.
func (a *app) answer(ctx context.Context, listener net.Listener) error {
	pages := &handlers.Server{
		DB: a.db.DB, Log: a.log, Now: time.Now, BaseURL: a.config.BaseURL, Version: version(), Origins: a.config.Origins,
		Auth: a.users, Records: a.records, Engine: a.engine, Tasks: a.tasks, Outbox: a.outbox, Imports: a.imports, Files: a.files, Values: a.values, MailSent: a.config.SMTPURL != "",
		Metrics: a.metrics, Tracer: a.tracer,
		Patience: a.watch().Waiting, Disk: a.config.disk,
		Samples: sample.Installer{Engine: a.engine, Records: a.records},
	}
	server := pages.HTTP(a.config.Listen)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	a.log.InfoContext(ctx, "answering", "address", listener.Addr().String(), "worker_number", a.number.n)
	select {
	case err := <-ended:
		return fmt.Errorf("answer requests: %w", err)
	case <-ctx.Done():
	}
	a.log.InfoContext(ctx, "stopping")
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	if err := server.Shutdown(last); err != nil && !errors.Is(err, http.ErrServerClosed) {
		a.log.WarnContext(ctx, "requests cut short by the stop", "err", err)
		server.Close()
	}
	return nil
}

// worker runs workflows without answering requests.
func (p *program) worker(ctx context.Context) error {
	c, _, err := parseConfig("worker", p.args, p.env, p.err, nil)
	if err != nil {
		return err
	}
	if !c.Worker {
		return errors.New("a worker has nothing to do with WORKER=off. Leave the setting away here; it is for “alur serve”")
	}
	a, err := p.openApp(ctx, c)
	if err != nil {
		return err
	}
	defer a.close()
	stop, err := a.monitor(ctx)
	if err != nil {
		return err
	}
	defer stop()
	a.log.InfoContext(ctx, "working", "worker_number", a.number.n)
	return a.background(ctx)
}

// migrate brings the database up to date.
func (p *program) migrate(ctx context.Context) error {
	c, _, err := parseConfig("migrate", p.args, p.env, p.err, nil)
	if err != nil {
		return err
	}
	db, err := openDatabase(ctx, c, connectWithin, p.logger(c))
	if err != nil {
		return err
	}
	db.close()
	fmt.Fprintln(p.out, "The database is up to date.")
	return nil
}
