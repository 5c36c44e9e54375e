package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lib/pq"

	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/node"
	"alur/engine/pg"
	"alur/engine/search"
	"alur/engine/snowflake"
)

const (
	// lookFirst is how many of the newest executions are looked at before anything
	// else: what is common is among them.
	lookFirst = 1000
	// walkFirst is how many executions a lead offers in its first turn, and
	// blocksFirst how many blocks of the index the texts do: reading so many takes as
	// long as asking the index. Each further turn takes walkMore times as many, unless
	// fewer are enough, as it went in the last one; but no fewer than walkLeast.
	walkFirst   = 2000
	blocksFirst = 512
	walkMore    = 4
	walkLeast   = 100
	// maxGrams is how many pieces of a text are asked of the index: a seldom one must
	// be among them, and more hardly leave out another block.
	maxGrams = 64
)

// searches reports whether f asks for what only the index of package search knows.
func (f ExecutionFilter) searches() bool { return f.Text != "" || f.Person != 0 || f.Record.ID != "" }

// Check returns Invalid, by the field "text", for a text that cannot be looked for.
func (f ExecutionFilter) Check() error {
	if f.Text == "" {
		return nil
	}
	terms := search.Terms(f.Text)
	problem := ""
	switch {
	case len([]rune(f.Text)) > search.MaxQuery:
		problem = fmt.Sprintf("Search for at most %d characters.", search.MaxQuery)
	case len(terms) > search.MaxTerms:
		problem = fmt.Sprintf("Search for at most %d words. Put what belongs together in double quotes: it counts as one.", search.MaxTerms)
	case len(search.Grams(terms)) == 0:
		problem = "Search for at least three characters in a row, or a number of four digits: less is in nearly every execution."
	}
	if problem == "" {
		return nil
	}
	return fault.Fields(map[string]string{"text": problem})
}

// lead is a list of executions in the order of their ids that holds all that are
// searched for. found builds the statement that offers up to most of them, from ids
// above and below on.
type lead struct {
	first int     // candidates in its next turn
	once  bool    // it takes the first turn only
	rate  float64 // hits among the candidates of its last turn
	speed float64 // ids that its last turn left behind, by nanosecond; before that infinite
	found func(s *seek, above, below int64, most int) string
}

// seek looks for executions along several leads.
//
// None of them alone is quick for everything: a rare word is found at once in the
// index of texts, a common one among the failed executions of a small workflow only
// by looking at these. So they take turns. In its turn a lead offers so many
// candidates, of which those are left that meet all other conditions; the next one
// goes on from the id where it stopped. Each takes one; then it is always that of the
// lead which left the most ids behind in the time of its last turn, and it has more
// candidates each time. Once a lead has no more to offer, all is found. So a search
// takes a few times as long as by the best of the leads, which nobody has to guess.
type seek struct {
	f     ExecutionFilter
	now   time.Time
	reach auth.Reach
	terms []string
	want  int // hits

	args []any
}

func newSeek(f ExecutionFilter, now time.Time, reach auth.Reach, want int) *seek {
	return &seek{f: f, now: now, reach: reach, terms: search.Terms(f.Text), want: want}
}

func (s *seek) arg(v any) string {
	s.args = append(s.args, v)
	return "$" + strconv.Itoa(len(s.args))
}

func (s *seek) order() string {
	if s.f.After != 0 {
		return "ASC"
	}
	return "DESC"
}

// errSlow is that a search was given up.
var errSlow = errors.New("the search took too long")

// search returns the ids of the first want executions of f, the newest first, or
// those next above f.After. With an error come those that it has found before: it
// is errSlow when it was not over by until, which may be zero.
func (e *Engine) search(ctx context.Context, q pg.Q, actor auth.Actor, f ExecutionFilter, want int, until time.Time) (hits []int64, err error) {
	if err := f.Check(); err != nil {
		return nil, err
	}
	s := newSeek(f, e.now(), actor.Reach(auth.Viewer), want)
	above, below := f.bounds()
	leads := s.leads()
	newest := snowflake.At(e.now().Add(time.Second))
	for {
		at := 0
		for i, l := range leads {
			if l.speed > leads[at].speed {
				at = i
			}
		}
		from := leads[at]
		most := from.first
		if enough := 1.5 * float64(want-len(hits)) / from.rate; from.rate > 0 && enough < float64(most) {
			most = max(int(enough), walkLeast)
		}
		var got struct {
			Hits    pq.Int64Array `db:"hits"`
			Offered int           `db:"offered"`
			Reached int64         `db:"reached"`
		}
		s.args, s.want = nil, want-len(hits)
		query := from.found(s, above, below, most)
		began := e.Now()
		if err := q.GetContext(ctx, &got, query, s.args...); err != nil {
			return hits, fmt.Errorf("search executions: %w", err)
		}
		if leads = slices.Delete(leads, at, at+1); !from.once {
			from.first = min(from.first*walkMore, math.MaxInt32)
			from.rate = float64(len(got.Hits)) / float64(most)
			passed := min(below, newest) - got.Reached
			if f.After != 0 {
				passed = got.Reached - above
			}
			from.speed = float64(passed) / float64(max(e.Now().Sub(began), 1))
			leads = append(leads, from)
		}
		hits = append(hits, got.Hits...)
		if len(hits) >= want || got.Offered < most {
			return hits, nil
		}
		if !until.IsZero() && e.Now().After(until) {
			return hits, errSlow
		}
		if f.After != 0 {
			above = got.Reached
		} else {
			below = got.Reached
		}
	}
}

// leads are the lists that the search can follow, those first that are short more
// often.
func (s *seek) leads() (list []lead) {
	if s.f.Record.ID != "" {
		list = append(list, bySubject(search.Record(s.f.Record.Collection, s.f.Record.ID)))
	}
	narrowed := len(s.f.Keys) > 0 || len(s.f.States) > 0 || s.f.Longer > 0 || !s.reach.Every()
	if len(s.terms) > 0 && len(list) == 0 && !narrowed {
		list = append(list, lead{first: lookFirst, once: true, found: (*seek).byList})
	}
	if s.f.Person != 0 {
		list = append(list, bySubject(search.Person(s.f.Person)))
	}
	if narrowed {
		list = append(list, lead{first: walkFirst, found: (*seek).byList})
	}
	if len(s.terms) > 0 {
		list = append(list, lead{first: blocksFirst, found: (*seek).byText})
	}
	for i := range list {
		list[i].speed = math.Inf(1)
	}
	return list
}

// from is the statement that takes the hits out of the candidates of walk, which
// has ids.
func (s *seek) from(walk string, checks []string) string {
	least := "min"
	if s.f.After != 0 {
		least = "max"
	}
	where := ""
	if len(checks) > 0 {
		where = " WHERE " + strings.Join(checks, " AND ")
	}
	// The conditions are asked one candidate after the other, until enough are found.
	return "WITH walk AS MATERIALIZED (" + walk + ")\nSELECT ARRAY(SELECT w.id FROM (SELECT id FROM walk ORDER BY id " + s.order() + " OFFSET 0) w" +
		where + " LIMIT " + strconv.Itoa(s.want) + ") AS hits, (SELECT count(*) FROM walk) AS offered, (SELECT coalesce(" + least + "(id), 0) FROM walk) AS reached"
}

// byList offers executions with the states, workflows and length of the filter.
func (s *seek) byList(above, below int64, most int) string {
	f := s.f
	f.Before, f.Limit = below, most-1 // query asks for one more
	if f.After != 0 {
		f.After = above
	}
	walk, args := f.query(s.now, s.reach)
	s.args = args
	return s.from(walk, slices.Concat(s.subjectChecks("w.id", 0), s.textChecks("w.id")))
}

// bySubject offers the executions of a subject.
func bySubject(subject int64) lead {
	return lead{first: walkFirst, found: func(s *seek, above, below int64, most int) string {
		is := s.arg(subject)
		walk := "SELECT l.execution_id AS id FROM alur.execution_subjects l WHERE (l.subject, l.execution_id) > (" + is + ", " + s.arg(above) +
			") AND (l.subject, l.execution_id) < (" + is + ", " + s.arg(below) + ") ORDER BY l.subject " + s.order() + ", l.execution_id " + s.order() + " LIMIT " + strconv.Itoa(most)
		return s.from(walk, slices.Concat(s.subjectChecks("w.id", subject), s.listChecks("w.id"), s.textChecks("w.id")))
	}}
}

// byText offers blocks of the index that may hold the text, and first what is in no
// block yet. The texts in them are read one block after the other.
func (s *seek) byText(above, below int64, most int) string {
	grams := search.Grams(s.terms)
	for len(grams) > maxGrams { // any will do: their order means nothing
		grams = grams[:maxGrams]
	}
	list := make([]int64, len(grams))
	for i, g := range grams {
		list[i] = int64(g)
	}
	from, to := s.arg(above), s.arg(below)
	checks := []string{"t.id >= b.lo", "t.id < b.hi", "t.id > " + from, "t.id < " + to}
	switch {
	case len(s.f.Keys) > 0 || !s.reach.Every():
		keys := s.f.keys(s.reach, s.arg)
		checks = append(checks, "t.key = ANY (ARRAY("+keys+"))")
	}
	for _, term := range s.terms {
		checks = append(checks, "strpos(t.body, "+s.arg(term)+") > 0")
	}
	checks = slices.Concat(checks, s.subjectChecks("t.id", 0), s.listChecks("t.id"))
	reached := "min(lo)"
	if s.f.After != 0 {
		reached = "max(hi) - 1"
	}
	return "WITH walk AS MATERIALIZED (SELECT b.lo, b.hi FROM (SELECT a.packed_to AS lo, " + s.arg(int64(math.MaxInt64)) + " AS hi FROM alur.execution_search a" +
		" UNION ALL SELECT b.lo, b.hi FROM alur.execution_blocks b WHERE b.grams @> CAST(" + s.arg(pq.Array(list)) + " AS smallint[])) b" +
		" WHERE b.lo < " + to + " AND b.hi - 1 > " + from + " ORDER BY b.lo " + s.order() + " LIMIT " + strconv.Itoa(most) + ")\n" +
		"SELECT ARRAY(SELECT t.id FROM (SELECT lo, hi FROM walk ORDER BY lo " + s.order() + " OFFSET 0) b CROSS JOIN LATERAL (" +
		"SELECT t.id FROM alur.execution_texts t WHERE " + strings.Join(checks, " AND ") + " ORDER BY t.id " + s.order() + " OFFSET 0) t LIMIT " + strconv.Itoa(s.want) + ") AS hits," +
		" (SELECT count(*) FROM walk) AS offered, (SELECT coalesce(" + reached + ", 0) FROM walk) AS reached"
}

// subjectChecks are the conditions on the execution id for subjects other than the
// one that leads.
func (s *seek) subjectChecks(id string, leads int64) (checks []string) {
	var subjects []int64
	if s.f.Record.ID != "" {
		subjects = append(subjects, search.Record(s.f.Record.Collection, s.f.Record.ID))
	}
	if s.f.Person != 0 {
		subjects = append(subjects, search.Person(s.f.Person))
	}
	for _, subject := range subjects {
		if subject != leads {
			checks = append(checks, "(SELECT true FROM alur.execution_subjects l WHERE l.subject = "+s.arg(subject)+" AND l.execution_id = "+id+")")
		}
	}
	return checks
}

// textChecks are those for the text.
func (s *seek) textChecks(id string) []string {
	var all []string
	for _, term := range s.terms {
		all = append(all, "strpos(t.body, "+s.arg(term)+") > 0")
	}
	if len(all) == 0 {
		return nil
	}
	return []string{"(SELECT " + strings.Join(all, " AND ") + " FROM alur.execution_texts t WHERE t.id = " + id + ")"}
}

// listChecks are those for everything that byList finds by itself.
func (s *seek) listChecks(id string) []string {
	f := s.f
	all := f.times(s.arg)
	if len(f.Keys) > 0 || !s.reach.Every() {
		all = append(all, "x.key = ANY (ARRAY("+f.keys(s.reach, s.arg)+"))")
	}
	if len(f.States) > 0 {
		states := []string{"false"}
		var ended []string
		for _, state := range f.States {
			ended = append(ended, endedStates[state]...)
			if open := openStates[state]; open != "" {
				states = append(states, open)
			}
		}
		if len(ended) > 0 {
			states = append(states, "x.status IN ("+strings.Join(ended, ", ")+")")
		}
		all = append(all, "("+strings.Join(states, " OR ")+")")
	}
	if f.Longer > 0 {
		all = append(all, "coalesce(x.ended_at, "+s.arg(s.now)+") - x.started_at >= "+s.arg(f.Longer.Milliseconds())+" * interval '1 millisecond'")
	}
	if len(all) == 0 {
		return nil
	}
	return []string{"(SELECT " + strings.Join(all, " AND ") + " FROM alur.executions x WHERE x.id = " + id + ")"}
}

// CountExecutions counts the executions of f that actor may see, whatever page it
// asks for, up to most and for as long as patience, which is no less than a
// millisecond; more says that there may be more.
func (e *Engine) CountExecutions(ctx context.Context, actor auth.Actor, f ExecutionFilter, most int, patience time.Duration) (n int, more bool, err error) {
	if err := actor.Require(auth.UseWorkflows); err != nil {
		return 0, false, err
	}
	f.Before, f.After = 0, 0
	until := e.Now().Add(patience)
	err = e.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		if err := tx.Simple(ctx, fmt.Sprintf("SET LOCAL statement_timeout = %d", patience.Milliseconds())); err != nil {
			return err
		}
		ids, err := e.executionIDs(ctx, tx, actor, f, most+1, until)
		n = len(ids)
		return err
	})
	if errors.Is(err, errSlow) || pg.Code(err) == "57014" { // it was cancelled
		return n, true, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("count executions: %w", err)
	}
	return min(n, most), n > most, nil
}

// ExecutionIDs are the first most executions of f that actor may see, the newest
// first; f.Limit and f.After do not matter.
func (e *Engine) ExecutionIDs(ctx context.Context, actor auth.Actor, f ExecutionFilter, most int) ([]int64, error) {
	if err := actor.Require(auth.UseWorkflows); err != nil {
		return nil, err
	}
	f.After = 0
	ids, err := e.executionIDs(ctx, e.DB, actor, f, most, time.Time{})
	if err != nil {
		return nil, fmt.Errorf("list the ids of executions: %w", err)
	}
	return ids, nil
}

// executionIDs is ExecutionIDs for who may ask, until a time.
func (e *Engine) executionIDs(ctx context.Context, q pg.Q, actor auth.Actor, f ExecutionFilter, most int, until time.Time) (ids []int64, err error) {
	if f.searches() {
		return e.search(ctx, q, actor, f, most, until)
	}
	f.Limit = most - 1 // query asks for one more
	query, args := f.query(e.now(), actor.Reach(auth.Viewer))
	return ids, q.SelectContext(ctx, &ids, query, args...)
}

// SearchBehind says what the index of package search does not hold yet, so that
// searches do not find it.
func (e *Engine) SearchBehind(ctx context.Context) (search.Behind, error) {
	return e.index().Behind(ctx)
}

// Search keeps the index of executions until ctx ends. Every process calls it; one
// at a time is at work.
func (e *Engine) Search(ctx context.Context) {
	ix := e.index()
	for {
		wait, err := ix.Once(ctx)
		if err != nil && ctx.Err() == nil {
			e.Log.ErrorContext(ctx, "index of executions failed", "err", err)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// SearchOnce does one part of what is due, and returns how long there is nothing to
// do.
func (e *Engine) SearchOnce(ctx context.Context) (wait time.Duration, err error) {
	return e.index().Once(ctx)
}

func (e *Engine) index() *search.Index {
	return &search.Index{DB: e.DB, Now: e.Now, About: e.recordOf, Clean: func(ctx context.Context) (func(string) string, error) {
		if e.Values == nil {
			return func(s string) string { return s }, nil
		}
		values, err := e.Values.Values(ctx)
		return values.Text, err
	}}
}

// about is where the trigger data of a version holds the record that started it.
type about struct {
	collection, path, key string
}

// recordOf says which record an execution is about: the first one that its trigger
// hands on.
func (e *Engine) recordOf(ctx context.Context, workflowID int64, trigger string) (collection, record string, err error) {
	e.mu.Lock()
	at, known := e.abouts[workflowID]
	e.mu.Unlock()
	if !known {
		if at, err = e.about(ctx, workflowID); err != nil {
			return "", "", err
		}
		e.mu.Lock()
		e.abouts[workflowID] = at // for good: the trigger of a version that has run never changes
		e.mu.Unlock()
	}
	if at.path == "" {
		return "", "", nil
	}
	return at.collection, jsonAt(json.NewDecoder(strings.NewReader(trigger)), at.path, at.key), nil
}

func (e *Engine) about(ctx context.Context, workflowID int64) (at about, err error) {
	var rows []struct {
		Type   string          `db:"type"`
		Config json.RawMessage `db:"config"`
	}
	if err := e.DB.Side().SelectContext(ctx, &rows, queries.Get("trigger"), workflowID); err != nil {
		return at, fmt.Errorf("read the trigger of version %d: %w", workflowID, err)
	}
	if len(rows) == 0 || LookupTrigger(rows[0].Type) == nil {
		return at, nil
	}
	variables := LookupTrigger(rows[0].Type).Outputs(rows[0].Config, e.Records)
	i := slices.IndexFunc(variables, func(v node.Variable) bool { return v.Target != "" })
	if i < 0 {
		return at, nil
	}
	v := variables[i]
	c, err := e.Records.Collection(ctx, v.Target)
	if fault.Is(err, fault.NotFound) || err == nil && c.Key() == nil {
		return at, nil
	}
	if err != nil {
		return at, err
	}
	return about{c.Name, v.Path, c.Key().Name}, nil
}

// jsonAt is the text or number at a path of an object, which may be cut off behind
// it; "" for none.
func jsonAt(d *json.Decoder, path ...string) string {
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return ""
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return ""
		}
		if name == path[0] && len(path) > 1 {
			return jsonAt(d, path[1:]...)
		}
		var v any
		if err := d.Decode(&v); err != nil {
			return ""
		}
		if name == path[0] {
			switch v := v.(type) {
			case string:
				return v
			case json.Number:
				return v.String()
			}
			return ""
		}
	}
	return ""
}
