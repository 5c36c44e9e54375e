package cmd

import (
	"context"

	"alur/engine/script"
)

// scriptWorker is the child of a server that runs what people have written. It
// ends with its standard input.
func (p *program) scriptWorker(context.Context) error { return script.Work(p.args, p.in, p.out) }
