package cmd

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"alur/engine/fault"
	"alur/engine/pg"
)

// program is one call of alur.
type program struct {
	args []string
	env  func(string) string
	in   io.Reader
	out  io.Writer // what was asked for
	err  io.Writer // what went wrong, and the log
	own  []Own
}

// command is a subcommand.
type command struct {
	name, args, about string // about "": not for people, see doc.go
	run               func(*program, context.Context) error
}

func commands() []command {
	return []command{
		{"serve", "", "answer requests and run workflows", (*program).serve},
		{"worker", "", "run workflows only, beside servers on the same database", (*program).worker},
		{"migrate", "", "bring the database up to date and end", (*program).migrate},
		{"user", "create", "make an account: --email, --name, --role root|admin|member", (*program).user},
		{"user", "reset", "print a link to set a new password: --email", (*program).user},
		{"doctor", "", "check settings and machine, and say in words what is wrong", (*program).doctor},
		{"script-worker", "", "", (*program).scriptWorker},
	}
}

// Main runs the program and ends the process. A company's program hands over what
// it adds beside its types, if it adds anything.
func Main(own ...Own) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	p := &program{args: os.Args[1:], env: environment, in: os.Stdin, out: os.Stdout, err: os.Stderr, own: own}
	os.Exit(p.main(ctx))
}

func (p *program) main(ctx context.Context) int {
	if len(p.args) == 0 {
		p.usage(p.err)
		return 2
	}
	name := p.args[0]
	p.args = p.args[1:]
	if name == "help" || name == "-h" || name == "--help" {
		p.usage(p.out)
		return 0
	}
	for _, c := range commands() {
		if c.name == name {
			return p.report(c.run(p, ctx))
		}
	}
	fmt.Fprintf(p.err, "alur: There is no command %q. “alur help” lists them.\n", name)
	return 2
}

// report turns err into words and an exit code.
func (p *program) report(err error) int {
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if _, ok := errors.AsType[usageError](err); ok {
		return 2 // package flag has explained it
	}
	fmt.Fprintln(p.err, "alur: "+words(err))
	return 1
}

// words is the sentence for the person at the console.
func words(err error) string {
	if e, ok := errors.AsType[*pg.Problem](err); ok {
		return e.Msg
	}
	if e, ok := errors.AsType[*fault.Error](err); ok && e.Kind != fault.Internal {
		if len(e.Fields) == 0 {
			return e.Msg
		}
		var all []string
		for name, problem := range e.Fields {
			all = append(all, name+": "+problem)
		}
		return strings.Join(all, " ")
	}
	return strings.TrimRight(err.Error(), ".\n") + "."
}

func (p *program) usage(w io.Writer) {
	fmt.Fprint(w, "alur runs business workflows.\n\n")
	for _, c := range commands() {
		if c.about == "" {
			continue
		}
		fmt.Fprintf(w, "  alur %-14s %s\n", strings.TrimSpace(c.name+" "+c.args), c.about)
	}
	fmt.Fprint(w, "\nSettings come from the environment or from flags; “alur serve -h” lists them.\n")
}

// logger writes to standard error in the configured format.
func (p *program) logger(c Config) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.LogLevel}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(p.err, options))
	}
	return slog.New(slog.NewTextHandler(p.err, options))
}
