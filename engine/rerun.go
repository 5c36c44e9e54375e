package engine

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lib/pq"

	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/node"
	"alur/engine/pg"
)

//go:embed queries_rerun.sql
var rerunText string

var rerunSQL = pg.LoadQueries(rerunText)

// MaxReruns is how many executions are run again at once.
const MaxReruns = 500

// reasonRerun is executions.reason of what waited and was stopped to be run again.
const reasonRerun = "rerun"

// Rerun says how executions are run again. The zero value is from the start, on
// the version that they ran.
type Rerun struct {
	Newest bool // on the current version of the workflow
	Failed bool // from the step that failed, or where it waits or was stopped

	// NodeID is the node to run again from, of the version that ran; 0 for none.
	NodeID int64

	// Asked is when people were shown what would happen: what was run again since
	// is not run once more. Zero does not matter.
	Asked time.Time
}

// origin is an execution to be run again.
type origin struct {
	ID         int64        `db:"id"`
	WorkflowID int64        `db:"workflow_id"`
	Key        string       `db:"key"`
	There      bool         `db:"there"` // the version that ran
	Status     *node.Status `db:"status"`
	Held       bool         `db:"held"` // a worker has it

	steps []ranStep // in the order they ran
}

// ranStep is a job as far as running again needs it.
type ranStep struct {
	ExecutionID int64       `db:"execution_id"`
	ID          int64       `db:"id"`
	NodeID      int64       `db:"node_id"`
	NodeKey     string      `db:"node_key"`
	UpstreamID  *int64      `db:"upstream_id"`
	Status      node.Status `db:"status"`
	Branch      *int        `db:"branch"`
}

// again is how an execution would be run again.
type again struct {
	origin
	p    *program
	kept []*job       // that are taken over, in the order they ran
	from *instruction // where it begins; nil: at the start
}

var (
	errRerunQueued = fault.New(fault.Invalid, "This execution has not been begun yet, or is about to go on. There is nothing to run again.")
	errRerunHeld   = fault.New(fault.Conflict, "This execution is being worked on at this moment. Cancel it first, or wait until it has ended.")
	errRerunGone   = fault.New(fault.Invalid, "The workflow of this execution has been deleted, so it cannot run again.")
	errRerunOld    = fault.New(fault.Invalid, "The version that this execution ran has been deleted. Run it again on the current version.")
	errRerunOpen   = fault.New(fault.Conflict, "This execution is being run again already.")
	errRerunAsked  = fault.New(fault.Conflict, "This execution was run again meanwhile. Look at what came of it first.")
	errRerunNode   = fault.New(fault.Invalid, "This node is not part of the version that ran.")
	errRerunNotRun = fault.New(fault.Invalid, "This node did not run in this execution, so it cannot run again.")
	errRerunNever  = fault.New(fault.Invalid, "No step of this execution failed. Run it again from the start.")
	errRerunLost   = fault.New(fault.Invalid, "This version does not come to that step the way the execution went. Run it again from the start.")
)

// Rerun runs an execution again, as a new one, and returns that. It needs the
// level of an operator. See the package's comment for what is kept and what is
// stopped.
//
// It is Invalid for what cannot be run again (one that is queued, of a deleted
// workflow, from a node that has not run), and Conflict while a worker has the
// execution, while it is being run again already, and when it was since r.Asked.
func (e *Engine) Rerun(ctx context.Context, actor auth.Actor, id int64, r Rerun) (Execution, error) {
	if err := actor.Require(auth.UseWorkflows); err != nil {
		return Execution{}, err
	}
	var done rerunDone
	err := e.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) (err error) {
		done, err = e.rerunIn(ctx, tx, actor, id, r)
		return err
	})
	if err != nil {
		return Execution{}, fmt.Errorf("run execution %d again: %w", id, err)
	}
	done.after(ctx, e)
	return done.made, nil
}

// words is a for the audit log.
func (a again) words(made int64) string {
	from := "from the start"
	if a.from != nil {
		from = "from “" + cmp.Or(a.from.Title, a.from.Key) + "” on"
	}
	text := fmt.Sprintf("Ran the execution %d of the workflow “%s” again, %s, as %d", a.ID, a.p.title, from, made)
	if a.p.workflowID != a.WorkflowID {
		text += ", on the current version"
	}
	return text + "."
}

// Passed is an execution that was not run again.
type Passed struct {
	ID  int64
	Why string // in words
}

// passedOver is id with what err says to people; ok is false when err is none of
// its own.
func passedOver(id int64, err error) (p Passed, ok bool) {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind != fault.Invalid && f.Kind != fault.Conflict && f.Kind != fault.NotFound {
		return p, false
	}
	return Passed{id, f.Msg}, true
}

// RerunAll runs executions again, each by itself. Those that cannot be are passed
// over. It is Forbidden when actor sees one and may not start its workflow.
func (e *Engine) RerunAll(ctx context.Context, actor auth.Actor, ids []int64, r Rerun) (made []Execution, passed []Passed, err error) {
	if ids, err = e.rerunnable(ctx, actor, ids); err != nil {
		return nil, nil, err
	}
	for _, id := range ids {
		x, err := e.Rerun(ctx, actor, id, r)
		if p, ok := passedOver(id, err); ok {
			passed = append(passed, p)
			continue
		}
		if err != nil {
			return made, passed, err
		}
		made = append(made, x)
	}
	return made, passed, nil
}

// rerunnable sorts ids and leaves each once. It is Forbidden when actor sees one
// and may not start its workflow.
func (e *Engine) rerunnable(ctx context.Context, actor auth.Actor, ids []int64) ([]int64, error) {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	if len(ids) > MaxReruns {
		return nil, fault.New(fault.Invalid, fmt.Sprintf("At most %d executions are run again at once, and these are %d. Choose fewer.", MaxReruns, len(ids)))
	}
	_, err := e.executionsFor(ctx, actor, ids, auth.Operator)
	return ids, err
}

// Repeat is what a node has done and does again.
type Repeat struct {
	Workflow   string      `json:"workflow"` // title
	Title      string      `json:"title"`    // of the node; "" for none
	Type       string      `json:"type"`
	Effect     node.Effect `json:"-"`
	Executions int         `json:"executions"` // in how many of them
}

// RerunPlan says what [Engine.RerunAll] would do.
type RerunPlan struct {
	Again   []int64  // executions that would be run again
	Passed  []Passed // those that would not
	Waiting int      // how many of Again wait and would be stopped
	From    []string // titles of the nodes they would begin at, where that is not the start
	Repeats []Repeat // what changes something, in the order of the first execution
	Newer   bool     // some ran another version than the current one, which is there
}

// RerunPlan changes nothing. It is as [Engine.RerunAll] is; what was found may be
// different a moment later.
func (e *Engine) RerunPlan(ctx context.Context, actor auth.Actor, ids []int64, r Rerun) (RerunPlan, error) {
	var plan RerunPlan
	ids, err := e.rerunnable(ctx, actor, ids)
	if err != nil {
		return plan, err
	}
	found, err := e.origins(ctx, e.DB, actor, ids)
	if err != nil {
		return plan, fmt.Errorf("plan to run %d executions again: %w", len(ids), err)
	}
	type place struct{ workflow, node string }
	at := map[place]int{}
	for _, id := range ids {
		i, there := slices.BinarySearchFunc(found, id, func(x origin, id int64) int { return cmp.Compare(x.ID, id) })
		if !there {
			plan.Passed = append(plan.Passed, Passed{id, errNoExecution.Msg})
			continue
		}
		x := found[i]
		err := x.unlessAgain(ctx, e.DB, r.Asked)
		var a again
		if err == nil {
			a, err = e.again(ctx, e.DB, x, r)
		}
		if p, ok := passedOver(id, err); ok {
			plan.Passed = append(plan.Passed, p)
			continue
		}
		if err != nil {
			return plan, fmt.Errorf("plan to run execution %d again: %w", id, err)
		}
		plan.Again = append(plan.Again, id)
		if x.Status != nil && *x.Status == node.Pending {
			plan.Waiting++
		}
		if a.from != nil && !slices.Contains(plan.From, cmp.Or(a.from.Title, a.from.Key)) {
			plan.From = append(plan.From, cmp.Or(a.from.Title, a.from.Key))
		}
		newest, err := e.versionFor(ctx, e.DB, x, true)
		plan.Newer = plan.Newer || err == nil && newest != x.WorkflowID
		for _, in := range a.repeats() {
			p := place{x.Key, in.Key}
			n, known := at[p]
			if !known {
				n = len(plan.Repeats)
				at[p] = n
				plan.Repeats = append(plan.Repeats, Repeat{Workflow: a.p.title, Title: in.Title, Type: in.Type, Effect: in.kind.Effect})
			}
			plan.Repeats[n].Executions++
		}
	}
	return plan, nil
}

// repeats are the nodes that ran, change something, and run again.
func (a again) repeats() (list []*instruction) {
	kept := map[string]bool{}
	for _, j := range a.kept {
		kept[j.node.Key] = true
	}
	for _, s := range a.steps {
		in := a.p.byKey(s.NodeKey)
		if in == nil || kept[in.Key] || in.kind == nil || in.kind.Effect == node.Pure || in.kind.Reads || slices.Contains(list, in) {
			continue
		}
		list = append(list, in)
	}
	return list
}

// byKey is the node of a key; nil for none.
func (p *program) byKey(key string) *instruction {
	for _, in := range p.nodes {
		if in.Key == key {
			return in
		}
	}
	return nil
}

// origins reads executions that actor sees, with their steps, by id.
func (e *Engine) origins(ctx context.Context, q pg.Q, actor auth.Actor, ids []int64) ([]origin, error) {
	var found []origin
	query, args := actor.Reach(auth.Viewer).Query(rerunSQL.Get("origins"), pq.Array(ids))
	if err := q.SelectContext(ctx, &found, query, args...); err != nil {
		return nil, fmt.Errorf("read the executions: %w", err)
	}
	var steps []ranStep
	if err := q.SelectContext(ctx, &steps, rerunSQL.Get("steps"), pq.Array(ids)); err != nil {
		return nil, fmt.Errorf("read the steps: %w", err)
	}
	for _, s := range steps {
		if i, there := slices.BinarySearchFunc(found, s.ExecutionID, func(x origin, id int64) int { return cmp.Compare(x.ID, id) }); there {
			found[i].steps = append(found[i].steps, s)
		}
	}
	return found, nil
}

// unlessAgain refuses an execution that is being run again, or was since asked.
func (x origin) unlessAgain(ctx context.Context, q pg.Q, asked time.Time) error {
	var last []struct {
		ID        int64     `db:"id"`
		Open      bool      `db:"open"`
		CreatedAt time.Time `db:"created_at"`
	}
	if err := q.SelectContext(ctx, &last, rerunSQL.Get("newest_rerun"), x.ID); err != nil {
		return err
	}
	switch {
	case len(last) == 0:
		return nil
	case last[0].Open:
		return errRerunOpen
	case !asked.IsZero() && last[0].CreatedAt.After(asked):
		return errRerunAsked
	}
	return nil
}

// versionFor is the version on which x would run again.
func (e *Engine) versionFor(ctx context.Context, q pg.Q, x origin, newest bool) (int64, error) {
	if x.There && !newest {
		return x.WorkflowID, nil
	}
	var current []int64
	if err := q.SelectContext(ctx, &current, rerunSQL.Get("current"), x.Key); err != nil {
		return 0, err
	}
	switch {
	case len(current) == 0:
		return 0, errRerunGone
	case !newest:
		return 0, errRerunOld
	}
	return current[0], nil
}

// again finds out how x would be run again, and holds the version as it is until
// the end of the transaction, if q is one.
func (e *Engine) again(ctx context.Context, q pg.Q, x origin, r Rerun) (a again, err error) {
	switch {
	case x.Held:
		return a, errRerunHeld
	case x.Status == nil:
		return a, errRerunQueued
	}
	version, err := e.versionFor(ctx, q, x, r.Newest)
	if err != nil {
		return a, err
	}
	load := e.program
	if _, ok := q.(*pg.Tx); ok {
		if _, err := q.ExecContext(ctx, rerunSQL.Get("hold_version"), version); err != nil {
			return a, err
		}
		load = e.loadProgram // the one that is at hand may be a moment old
	}
	p, err := load(ctx, version)
	if err != nil {
		return a, err
	}
	a = again{origin: x, p: p}
	if !r.Failed && r.NodeID == 0 {
		return a, nil
	}
	if r.Failed && *x.Status > node.Pending {
		return a, errRerunNever
	}
	target := ""
	if r.NodeID != 0 {
		ran, err := e.program(ctx, x.WorkflowID)
		if err != nil {
			return a, err
		}
		in := ran.nodes[r.NodeID]
		if in == nil {
			return a, errRerunNode
		}
		target = in.Key
		if !slices.ContainsFunc(x.steps, func(s ranStep) bool { return s.NodeKey == target }) {
			return a, errRerunNotRun
		}
	}
	return a, a.keep(e, target)
}

// keep takes over the steps from the start to the first one that is not done, or
// to the node called target when there is one.
func (a *again) keep(e *Engine, target string) error {
	known := e.newRun(a.p, item{})
	for _, s := range a.steps {
		in := a.p.byKey(s.NodeKey)
		if in == nil {
			continue
		}
		j := &job{id: s.ID, node: in, status: s.Status, branch: s.Branch}
		known.remember(j)
	}
	for id, j := range known.known {
		if j.status != node.Resolved || j.node.Key == target {
			delete(known.known, id)
		}
	}
	next, _, _ := known.follow(func(j *job) { a.kept = append(a.kept, j) })
	if next == nil {
		return errRerunLost
	}
	if len(a.kept) > 0 {
		a.from = next
	}
	return nil
}

// write makes the execution called made.
func (e *Engine) write(ctx context.Context, tx *pg.Tx, actor auth.Actor, a again, made int64) error {
	_, err := tx.ExecContext(ctx, rerunSQL.Get("again"), a.ID, made, a.p.workflowID, userID(actor), len(a.kept) > 0)
	if err != nil || len(a.kept) == 0 {
		return err
	}
	var old, ids, nodes []int64
	for _, j := range a.kept {
		old, ids, nodes = append(old, j.id), append(ids, e.IDs.Next()), append(nodes, j.node.ID)
	}
	_, err = tx.ExecContext(ctx, rerunSQL.Get("keep"), a.ID, made, pq.Array(old), pq.Array(ids), pq.Array(nodes))
	return err
}

// Kept reports whether j was taken over from the execution that its own runs
// again: it did not run in this one.
func (j Job) Kept() bool { return j.Attempt == 0 }

// Reruns lists the newest executions that run another one again, at most limit.
func (e *Engine) Reruns(ctx context.Context, actor auth.Actor, id int64, limit int) (list []Execution, err error) {
	x, _, err := e.Execution(ctx, actor, id)
	if err != nil {
		return nil, err
	}
	if err := e.DB.SelectContext(ctx, &list, rerunSQL.Get("reruns"), x.ID, limit); err != nil {
		return nil, fmt.Errorf("list the reruns of execution %d: %w", id, err)
	}
	return list, nil
}
