package engine

import (
	"context"
	"fmt"
	"math"
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

// part is one of the lists that are merged: a stretch of an index. Its columns
// before the id are compared and ordered together with the id, as the index holds
// them. With "key = $1 ORDER BY id" the planner may walk the primary key instead,
// through everything that is newer and of other workflows.
type part struct {
	columns, values []string
	where           []string
}

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
	order := " DESC"
	if f.After != 0 {
		order = " ASC" // those next to After; the rows are turned round in the end
	}
	var common []string
	from, to := f.After, int64(math.MaxInt64)
	if f.Before != 0 {
		to = f.Before
	}
	if !f.Since.IsZero() {
		common = append(common, "x.created_at >= "+arg(f.Since.UTC()))
		from = max(from, snowflake.At(f.Since.Add(-snowflake.Slack)))
	}
	if !f.Until.IsZero() {
		common = append(common, "x.created_at < "+arg(f.Until.UTC()))
		to = min(to, snowflake.At(f.Until.Add(snowflake.Slack)))
	}
	above, below := arg(from), arg(to)
	// The limit stands in the text, because one that is not known is planned as a
	// tenth of the table.
	limit := " LIMIT " + strconv.Itoa(f.Limit+1)
	var lists []string
	for _, p := range f.parts(now, arg) {
		columns := append(slices.Clone(p.columns), "x.id")
		row := "(" + strings.Join(columns, ", ") + ")"
		where := append([]string{
			row + " > (" + strings.Join(append(slices.Clone(p.values), above), ", ") + ")",
			row + " < (" + strings.Join(append(slices.Clone(p.values), below), ", ") + ")",
		}, common...)
		lists = append(lists, "(SELECT x.id FROM alur.executions x WHERE "+strings.Join(append(where, p.where...), " AND ")+
			" ORDER BY "+strings.Join(columns, order+", ")+order+limit+")")
	}
	return "SELECT x.id FROM (" + strings.Join(lists, "\nUNION ALL ") + ") x ORDER BY x.id" + order + limit, args
}

// parts are the lists that make up what is asked for.
func (f ExecutionFilter) parts(now time.Time, arg func(any) string) []part {
	var key string // its parameter
	if f.Key != "" {
		key = arg(f.Key)
	}
	if len(f.States) == 0 && f.Longer <= 0 {
		if key == "" {
			return []part{{}}
		}
		return []part{{columns: []string{"x.key"}, values: []string{key}}}
	}
	var parts []part
	var ended []string // final statuses
	for _, state := range slices.Sorted(slices.Values(f.States)) {
		ended = append(ended, endedStates[state]...)
		if open := openStates[state]; open != "" {
			parts = append(parts, part{where: f.open(now, arg, key, open)})
		}
	}
	switch {
	case f.Longer <= 0:
		for _, status := range ended {
			parts = append(parts, withStatus(key, status))
		}
	case len(f.States) == 0:
		parts = append(f.long(arg, key), part{where: f.open(now, arg, key, "(x.status IS NULL OR x.status = 0)")})
	case len(ended) > 0:
		for _, p := range f.long(arg, key) {
			p.where = append(p.where, "x.status IN ("+strings.Join(ended, ", ")+")")
			parts = append(parts, p)
		}
	}
	if len(parts) == 0 {
		return []part{{where: []string{"false"}}} // words that are no states
	}
	return parts
}

// withStatus narrows to one final status.
func withStatus(key, status string) part {
	switch {
	case key != "":
		// With three columns compared together the planner prefers to read all of
		// the workflow and sort.
		return part{where: []string{"x.key = " + key, "x.status = " + status, "x.status <> 0"}}
	case status == "1":
		return part{where: []string{"x.status = 1"}} // most are: no index is better than that of the ids
	}
	return part{columns: []string{"x.status"}, values: []string{status}, where: []string{"x.status < 0"}}
}

// long narrows to what took long and is over, one part for each class of length.
func (f ExecutionFilter) long(arg func(any) string, key string) []part {
	exact := []string{"x.ended_at - x.started_at >= " + arg(f.Longer.Milliseconds()) + " * interval '1 millisecond'"}
	if key != "" {
		exact = append(exact, "x.key = "+key)
	}
	const length = "x.length"
	var parts []part
	for i := range lengths {
		if i+1 < len(lengths) && lengths[i+1] <= f.Longer {
			continue // all of this class is shorter
		}
		parts = append(parts, part{columns: []string{length}, values: []string{strconv.Itoa(i + 1)}, where: append(slices.Clone(exact), length+" > 0")})
	}
	if f.Longer < lengths[0] {
		parts = append(parts, part{where: append(exact, length+" = 0")})
	}
	return parts
}

// open narrows to what is not over, and was begun long enough ago.
func (f ExecutionFilter) open(now time.Time, arg func(any) string, key, state string) []string {
	where := []string{state}
	if key != "" {
		where = append(where, "x.key = "+key)
	}
	if f.Longer > 0 {
		since := now.Add(-f.Longer)
		where = append(where, "x.started_at <= "+arg(since), "x.id < "+arg(snowflake.At(since.Add(snowflake.Slack))))
	}
	return where
}
