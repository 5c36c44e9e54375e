package engine

import (
	"context"
	"strings"
	"time"

	"alur/engine/auth"
	"alur/engine/pg"
	"alur/engine/queue"
	"alur/engine/snowflake"
)

// RunBatch lets tests play a worker that is late.
func RunBatch(e *Engine, ctx context.Context, q *queue.Queue, conn *pg.Conn, claims []queue.Claim) error {
	s := e.newShift(ctx, q, 1)
	_, err := s.runBatch(ctx, conn, s.items(&program{}, claims))
	return err
}

// AttentionSQL lets tests see how the statements are planned.
var AttentionSQL = attentionSQL

// AttentionArgs are the parameters of each statement, as it is called.
func AttentionArgs(e *Engine) map[string][]any {
	now := e.Now()
	hour := int64(time.Hour/time.Second) << 21
	return map[string][]any{
		"failures":       {attentionLooked, attentionMost},
		"queues":         {now},
		"heads":          {attentionMost, now.Add(-StuckAfter), now.Add(-LostAfter)},
		"waiting":        {attentionMost, now.Add(-WaitingAfter), snowflake.At(now.Add(-WaitingAfter)), now},
		"quiet":          {attentionMost, snowflake.At(now), hour, 7 * 24 * hour, 30 * 24 * hour, QuietStarts},
		"overdue_starts": {attentionMost, now.Add(-OverdueAfter)},
		"lost":           {now.Add(-LostFor)},
		"skipped_lately": {attentionMost, snowflake.At(now.Add(-SkippedFor))},
		"mails":          {attentionMails, now.Add(-MailAfter)},
		"sessions":       {now, now}, "workers": {},
	}
}

// Queries are the embedded statements of the package, by file.
var Queries = queries

// ListQuery is the statement behind Executions.
func ListQuery(f ExecutionFilter, now time.Time, reach auth.Reach) (string, []any) {
	f.Limit = 50
	query, args := f.query(now, reach)
	return strings.Replace(queries.Get("execution_rows"), "{page}", query, 1), args
}

// SeekQueries are the statements behind a search, one for each lead, each in its
// first turn.
func SeekQueries(f ExecutionFilter, now time.Time, reach auth.Reach) (texts []string, args [][]any) {
	s := newSeek(f, now, reach, 51)
	above, below := f.bounds()
	for _, l := range s.leads() {
		s.args = nil
		texts = append(texts, l.found(s, above, below, l.first))
		args = append(args, s.args)
	}
	return texts, args
}

// SetMaxNodes bounds the nodes of a version.
func SetMaxNodes(e *Engine, n int) { e.maxNodes = n }
