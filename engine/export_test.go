package engine

import (
	"context"

	"alur/engine/pg"
	"alur/engine/queue"
)

// RunBatch lets tests play a worker that is late.
func RunBatch(e *Engine, ctx context.Context, q *queue.Queue, conn *pg.Conn, claims []queue.Claim) error {
	s := e.newShift(ctx, q, 1)
	_, err := s.runBatch(ctx, conn, s.items(&program{}, claims))
	return err
}
