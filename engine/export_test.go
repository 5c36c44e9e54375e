package engine

import (
	"context"

	"alur/engine/pg"
	"alur/engine/queue"
)

// RunBatch lets tests play a worker that is late.
func RunBatch(e *Engine, ctx context.Context, q *queue.Queue, conn *pg.Conn, claims []queue.Claim) error {
	_, err := e.newShift(ctx, q, 1).runBatch(ctx, conn, items(claims))
	return err
}
