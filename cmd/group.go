package cmd

import (
	"context"
	"sync"
)

// group runs functions that belong together: when one fails the others are told
// to stop.
type group struct {
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	once   sync.Once
	err    error
}

func newGroup(ctx context.Context) *group {
	g := &group{}
	g.ctx, g.cancel = context.WithCancel(ctx)
	return g
}

func (g *group) run(fn func(context.Context) error) {
	g.wg.Go(func() {
		if err := fn(g.ctx); err != nil {
			g.once.Do(func() { g.err = err })
			g.cancel()
		}
	})
}

// wait returns the first failure once all have ended.
func (g *group) wait() error {
	g.wg.Wait()
	g.cancel()
	return g.err
}
