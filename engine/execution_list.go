package engine

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/lib/pq"

	"alur/engine/auth"
	"alur/engine/snowflake"
)

// ExecutionFilter narrows the list of executions; zero fields do not. All that are
// set must hold.
type ExecutionFilter struct {
	Keys   []string // of these workflows, all versions
	States []string // words of State
	Since  time.Time
	Until  time.Time
	Longer time.Duration // took at least
	Before int64         // ids below this one: the next page, newest first
	After  int64         // ids above this one: the page before, newest first; not with Before
	Limit  int           // 1 to 200; 0 is 50

	// The index of package search knows these, some seconds late.
	Record RecordRef // that started it
	Person int64     // who started it, by hand or by a change, or decided a task in it
	Text   string    // in its data: words, all of them, and what stands in double quotes as it is
}

// RecordRef is a record of a collection.
type RecordRef struct {
	Collection string
	ID         string // its key as text; "" for no record
}

// Executions lists executions of the workflows that actor may see, newest first. more says that there are older
// ones, or with After that there are newer ones.
//
// A page costs a page, however many executions there are and whatever the list
// is narrowed to: see [ExecutionFilter.query].
func (e *Engine) Executions(ctx context.Context, actor auth.Actor, f ExecutionFilter) (rows []ExecutionRow, more bool, err error) {
	if err := actor.Require(auth.UseWorkflows); err != nil {
		return nil, false, err
	}
	if f.Limit <= 0 || f.Limit > 200 {
		f.Limit = 50
	}
	query, args := "", []any(nil)
	if f.searches() {
		ids, err := e.search(ctx, e.DB, actor, f, f.Limit+1, time.Time{})
		if err != nil {
			return nil, false, err
		}
		query, args = "SELECT unnest(CAST($1 AS bigint[])) AS id", []any{pq.Array(ids)}
	} else {
		query, args = f.query(e.now(), actor.Reach(auth.Viewer))
	}
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

// States are the words of [Execution.State].
var States = []string{"queued", "running", "waiting", "completed", "failed", "error", "cancelled", "rejected"}

// lengths are the classes of alur.length: class n is from lengths[n-1] on.
var lengths = []time.Duration{time.Second, 10 * time.Second, time.Minute, time.Hour, 24 * time.Hour}

// part is one of the lists that are merged: a stretch of an index. Its columns
// before the id are compared and ordered together with the id, as the index holds
// them. With "key = $1 ORDER BY id" the planner may walk the primary key instead,
// through everything that is newer and of other workflows.
//
// With each, there is one such stretch for every workflow that is reached, and
// their ends are merged first.
type part struct {
	columns, values []string
	where           []string
	each            bool
}

// query returns the ids of one more than a page of executions.
//
// It asks for the page of each state and each class of length by itself, since
// an index holds each of them in the order of the list, and merges the few ids
// that come back. Times are bounds of the id, too: ids grow with time.
func (f ExecutionFilter) query(now time.Time, reach auth.Reach) (string, []any) {
	var args []any
	arg := func(v any) string {
		args = append(args, v)
		return fmt.Sprintf("$%d", len(args))
	}
	order := " DESC"
	if f.After != 0 {
		order = " ASC" // those next to After; the rows are turned round in the end
	}
	common := f.times(arg)
	from, to := f.bounds()
	above, below := arg(from), arg(to)
	// The limit stands in the text, because one that is not known is planned as a
	// tenth of the table.
	limit := " LIMIT " + strconv.Itoa(f.Limit+1)
	var lists []string
	keys := sync.OnceValue(func() string { return f.keys(reach, arg) })
	for _, p := range f.parts(now, reach, keys, arg) {
		columns := append(slices.Clone(p.columns), "x.id")
		row := "(" + strings.Join(columns, ", ") + ")"
		where := append([]string{
			row + " > (" + strings.Join(append(slices.Clone(p.values), above), ", ") + ")",
			row + " < (" + strings.Join(append(slices.Clone(p.values), below), ", ") + ")",
		}, common...)
		list := "(SELECT x.id FROM alur.executions x WHERE " + strings.Join(append(where, p.where...), " AND ") +
			" ORDER BY " + strings.Join(columns, order+", ") + order + limit + ")"
		if p.each {
			list = "(SELECT x.id FROM (" + keys() + ") m CROSS JOIN LATERAL " + list + " x ORDER BY x.id" + order + limit + ")"
		}
		lists = append(lists, list)
	}
	return "SELECT x.id FROM (" + strings.Join(lists, "\nUNION ALL ") + ") x ORDER BY x.id" + order + limit, args
}

// keys is a subquery for the keys of the workflows that f asks for, among those of
// reach. It must not be asked for all.
func (f ExecutionFilter) keys(reach auth.Reach, arg func(any) string) string {
	switch {
	case len(f.Keys) == 0:
		return reach.Keys(arg)
	case reach.Every():
		return "SELECT DISTINCT unnest(CAST(" + arg(pq.Array(f.Keys)) + " AS text[])) AS workflow_key"
	}
	return "SELECT DISTINCT r.workflow_key FROM (" + reach.Keys(arg) + ") r WHERE r.workflow_key = ANY (" + arg(pq.Array(f.Keys)) + ")"
}

// bounds are the ids that f leaves: above from, and below to.
func (f ExecutionFilter) bounds() (from, to int64) {
	from, to = f.After, math.MaxInt64
	if f.Before != 0 {
		to = f.Before
	}
	if !f.Since.IsZero() {
		from = max(from, snowflake.At(f.Since.Add(-snowflake.Slack)))
	}
	if !f.Until.IsZero() {
		to = min(to, snowflake.At(f.Until.Add(snowflake.Slack)))
	}
	return from, to
}

// times are the exact bounds of the time.
func (f ExecutionFilter) times(arg func(any) string) (where []string) {
	if !f.Since.IsZero() {
		where = append(where, "x.created_at >= "+arg(f.Since.UTC()))
	}
	if !f.Until.IsZero() {
		where = append(where, "x.created_at < "+arg(f.Until.UTC()))
	}
	return where
}

// whose is of which workflows the executions are.
type whose struct {
	key  string          // the key of one workflow; "" for all
	each bool            // key is that of every workflow which is reached, one after the other
	only func() []string // the condition on executions x, for parts that do not go by key
}

// parts are the lists that make up what is asked for, of the workflows with keys
// unless all are reached.
func (f ExecutionFilter) parts(now time.Time, reach auth.Reach, keys func() string, arg func(any) string) []part {
	var parts []part
	switch {
	case len(f.Keys) > 1:
		parts = f.narrow(now, each(keys), arg)
	case len(f.Keys) == 1:
		key := arg(f.Keys[0])
		parts = f.narrow(now, whose{key: key, only: func() []string { return []string{"x.key = " + key} }}, arg)
		for i := range parts {
			if !reach.Every() {
				parts[i].where = append(parts[i].where, key+" = ANY (ARRAY("+keys()+"))")
			}
		}
	case reach.Every():
		parts = f.narrow(now, whose{only: func() []string { return nil }}, arg)
	default:
		parts = f.narrow(now, each(keys), arg)
	}
	return parts
}

// each is of the workflows with some keys, one after the other.
func each(keys func() string) whose {
	only := func() []string { return []string{"x.key = ANY (ARRAY(" + keys() + "))"} }
	return whose{key: "m.workflow_key", each: true, only: only}
}

// narrow is parts by states and by length.
func (f ExecutionFilter) narrow(now time.Time, of whose, arg func(any) string) []part {
	if len(f.States) == 0 && f.Longer <= 0 {
		if of.key == "" {
			return []part{{}}
		}
		return []part{{columns: []string{"x.key"}, values: []string{of.key}, each: of.each}}
	}
	var parts []part
	var ended []string // final statuses
	for _, state := range slices.Sorted(slices.Values(f.States)) {
		ended = append(ended, endedStates[state]...)
		if open := openStates[state]; open != "" {
			parts = append(parts, part{where: f.open(now, arg, of, open)})
		}
	}
	switch {
	case f.Longer <= 0:
		for _, status := range ended {
			parts = append(parts, withStatus(of, status))
		}
	case len(f.States) == 0:
		parts = append(f.long(arg, of), part{where: f.open(now, arg, of, "(x.status IS NULL OR x.status = 0)")})
	case len(ended) > 0:
		for _, p := range f.long(arg, of) {
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
func withStatus(of whose, status string) part {
	switch {
	case of.key != "":
		// With three columns compared together the planner prefers to read all of
		// the workflow and sort.
		return part{where: []string{"x.key = " + of.key, "x.status = " + status, "x.status <> 0"}, each: of.each}
	case status == "1":
		return part{where: []string{"x.status = 1"}} // most are: no index is better than that of the ids
	}
	return part{columns: []string{"x.status"}, values: []string{status}, where: []string{"x.status < 0"}}
}

// long narrows to what took long and is over, one part for each class of length.
func (f ExecutionFilter) long(arg func(any) string, of whose) []part {
	exact := []string{"x.ended_at - x.started_at >= " + arg(f.Longer.Milliseconds()) + " * interval '1 millisecond'"}
	exact = append(exact, of.only()...)
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
func (f ExecutionFilter) open(now time.Time, arg func(any) string, of whose, state string) []string {
	where := []string{state}
	where = append(where, of.only()...)
	if f.Longer > 0 {
		since := now.Add(-f.Longer)
		where = append(where, "x.started_at <= "+arg(since), "x.id < "+arg(snowflake.At(since.Add(snowflake.Slack))))
	}
	return where
}
