package cmd

import (
	"context"
	"log/slog"
	"os"

	"alur/engine/script"
)

// scriptWorker is the child of a server that runs what people have written. It
// ends with its standard input.
func (p *program) scriptWorker(context.Context) error { return script.Work(p.args, p.in, p.out) }

// newScripts returns a pool whose children are this program. They have no
// environment, so they are told the time zone.
func newScripts(c Config, log *slog.Logger) *script.Pool {
	return script.NewPool(script.Options{Workers: c.ScriptWorkers, Zone: os.Getenv("TZ"), Log: log})
}
