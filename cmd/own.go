package cmd

import (
	"context"
	"fmt"

	"alur/engine"
)

// Own is what a company's program adds beside its types; see package node.
type Own struct {
	// Start is called once in each server and worker, after the database is up to date
	// and before anything runs: it makes tables of the company's own, or provides
	// services for its nodes (node.Provide into e.Services). Several processes may call
	// it at once. An error keeps the program from starting, with its text.
	Start func(ctx context.Context, e *engine.Engine) error

	// Beside runs beside requests and executions, in each server and in each worker,
	// until ctx ends, and returns then: an address that answers waiting nodes, a
	// connection that a trigger listens on. An error stops the program.
	Beside func(ctx context.Context, e *engine.Engine) error
}

// start calls what a company's program does before anything runs.
func (a *app) start(ctx context.Context, own []Own) error {
	for _, o := range own {
		if o.Start == nil {
			continue
		}
		if err := o.Start(ctx, a.engine); err != nil {
			return fmt.Errorf("start what this program adds: %w", err)
		}
	}
	return nil
}

// beside has what a company's program does meanwhile run in g.
func (a *app) beside(g *group, own []Own) {
	for _, o := range own {
		if o.Beside != nil {
			g.run(func(ctx context.Context) error { return o.Beside(ctx, a.engine) })
		}
	}
}
