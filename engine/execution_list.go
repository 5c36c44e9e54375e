package engine

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"alur/engine/auth"
	"alur/engine/snowflake"
)

// ExecutionFilter narrows the list of executions; zero fields do not.
type ExecutionFilter struct {
	Key    string   // workflow, all versions
	States []string // words of State
	Since  time.Time
	Until  time.Time
	Longer time.Duration // took at least
	Before int64         // ids below this one: the next page, newest first
	After  int64         // ids above this one: the page before, newest first; not with Before
	Limit  int           // 1 to 200; 0 is 50
}

// Executions lists executions, newest first. more says that there are older
// ones, or with After that there are newer ones.
//
// A page costs a page, however many executions there are and whatever the list
// is narrowed to: see [ExecutionFilter.query].
func (e *Engine) Executions(ctx context.Context, actor auth.Actor, f ExecutionFilter) (rows []ExecutionRow, more bool, err error) {
	if err := actor.Require(auth.ManageWorkflows); err != nil {
		return nil, false, err
	}
	if f.Limit <= 0 || f.Limit > 200 {
		f.Limit = 50
	}
	query, args := f.query(e.now())
	query = strings.Replace(queries.Get("execution_rows"), "{page}", query, 1)
	if err := e.DB.SelectContext(ctx, &rows, query, args...); err != nil {
		return nil, false, fmt.Errorf("list executions: %w", err)
	}
	if more = len(rows) > f.Limit; more && f.After != 0 {
		rows = rows[1:] // the newest
	} else if more {
		rows = rows[:f.Limit]
	}
	return rows, more, nil
}

// What narrows the list to a state, in SQL over executions x. Each is a constant
// that one of the partial indexes holds in the order of the list.
var (
	openStates = map[string]string{
		"queued":  "x.status IS NULL AND x.started_at IS NULL",
		"running": "x.status IS NULL AND x.started_at IS NOT NULL",
		"waiting": "x.status = 0",
	}
	endedStates = map[string][]string{
		"completed": {"1"}, "failed": {"-1", "-6"}, "error": {"-2"}, "cancelled": {"-3", "-4"}, "rejected": {"-5"},
	}
)

// lengths are the classes of alur.length: class n is from lengths[n-1] on.
var lengths = []time.Duration{time.Second, 10 * time.Second, time.Minute, time.Hour, 24 * time.Hour}

// query returns the ids of one more than a page of executions.
//
// It asks for the page of each state and each class of length by itself, since
// an index holds each of them in the order of the list, and merges the few ids
// that come back. Times are bounds of the id, too: ids grow with time.
func (f ExecutionFilter) query(now time.Time) (string, []any) {
	var args []any
	arg := func(v any) string {
		args = append(args, v)
		return fmt.Sprintf("$%d", len(args))
	}
	order := "DESC"
	if f.After != 0 {
		order = "ASC" // those next to After; the rows are turned round in the end
	}
	var common []string
	and := func(text string) { common = append(common, text) }
	if f.Key != "" {
		and("x.key = " + arg(f.Key))
	}
	from, to := f.After, f.Before
	if !f.Since.IsZero() {
		and("x.created_at >= " + arg(f.Since.UTC()))
		from = max(from, snowflake.At(f.Since.Add(-snowflake.Slack)))
	}
	if !f.Until.IsZero() {
		and("x.created_at < " + arg(f.Until.UTC()))
		if bound := snowflake.At(f.Until.Add(snowflake.Slack)); to == 0 || bound < to {
			to = bound
		}
	}
	if from != 0 {
		and("x.id > " + arg(from))
	}
	if to != 0 {
		and("x.id < " + arg(to))
	}
	// The limit stands in the text, because one that is not known is planned as a
	// tenth of the table.
	limit := " ORDER BY x.id " + order + " LIMIT " + strconv.Itoa(f.Limit+1)
	var parts []string
	for _, own := range f.parts(now, arg) {
		where := strings.Join(append(slices.Clone(common), own...), " AND ")
		if where != "" {
			where = " WHERE " + where
		}
		parts = append(parts, "(SELECT x.id FROM alur.executions x"+where+limit+")")
	}
	return "SELECT x.id FROM (" + strings.Join(parts, "\nUNION ALL ") + ") x" + limit, args
}

// parts are the conditions of the lists that are merged.
func (f ExecutionFilter) parts(now time.Time, arg func(any) string) [][]string {
	if len(f.States) == 0 && f.Longer <= 0 {
		return [][]string{nil}
	}
	var parts [][]string
	var ended []string // final statuses
	for _, state := range slices.Sorted(slices.Values(f.States)) {
		ended = append(ended, endedStates[state]...)
		if open := openStates[state]; open != "" {
			parts = append(parts, f.longSince(now, arg, open))
		}
	}
	switch {
	case f.Longer <= 0:
		for _, status := range ended {
			parts = append(parts, []string{"x.status = " + status, "x.status <> 0"})
		}
	case len(f.States) == 0:
		parts = append(f.long(arg), f.longSince(now, arg, "(x.status IS NULL OR x.status = 0)"))
	case len(ended) > 0:
		for _, part := range f.long(arg) {
			parts = append(parts, append(part, "x.status IN ("+strings.Join(ended, ", ")+")"))
		}
	}
	if len(parts) == 0 {
		return [][]string{{"false"}} // words that are no states
	}
	return parts
}

// long narrows to what took long and is over, one part for each class of length.
func (f ExecutionFilter) long(arg func(any) string) [][]string {
	exact := "x.ended_at - x.started_at >= " + arg(f.Longer.Milliseconds()) + " * interval '1 millisecond'"
	var parts [][]string
	for i := range lengths {
		if i+1 < len(lengths) && lengths[i+1] <= f.Longer {
			continue // all of this class is shorter
		}
		class := fmt.Sprintf("alur.length(x.started_at, x.ended_at) = %d", i+1)
		parts = append(parts, []string{class, "alur.length(x.started_at, x.ended_at) > 0", exact})
	}
	if f.Longer < lengths[0] {
		parts = append(parts, []string{"alur.length(x.started_at, x.ended_at) = 0", exact})
	}
	return parts
}

// longSince narrows what is not over to what was begun long enough ago.
func (f ExecutionFilter) longSince(now time.Time, arg func(any) string, open string) []string {
	if f.Longer <= 0 {
		return []string{open}
	}
	since := now.Add(-f.Longer)
	return []string{open, "x.started_at <= " + arg(since), "x.id < " + arg(snowflake.At(since.Add(snowflake.Slack)))}
}
