package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"alur/engine/audit"
	"alur/engine/crashpoint"
	"alur/engine/fault"
	"alur/engine/node"
	"alur/engine/pg"
	"alur/engine/queue"
	"alur/engine/secret"
	"alur/engine/value"
)

const (
	// maxSteps bounds the steps of one execution within one segment chain.
	maxSteps = 100_000
	// flushAfter is how long a segment runs before its jobs are written, so that
	// people see progress.
	flushAfter = time.Second
	// flushLocalAfter is the same once a local node ran: what it read must not be
	// old when a later one writes, so the transaction is kept together. It is
	// shorter than the server lets a transaction stand idle (20 s).
	flushLocalAfter = 15 * time.Second
	// maxResult is the largest step result in bytes of JSON.
	maxResult = 1 << 20
	// defaultAttempts is how often an execution is begun without moving on before
	// it counts as broken, when [Options] do not say.
	defaultAttempts = 5
)

// errCareful asks for the segment to be run again with a savepoint around each
// local node, because one of them failed.
var errCareful = errors.New("a local node failed")

// item is an execution that a worker runs next.
type item struct {
	queue.Claim
	since time.Time      // when it was claimed
	done  *remoteOutcome // what the remote step came to that it stopped at; nil: none
}

// run walks one execution from a claim until it ends, waits, comes to a remote
// step, or has to flush. It holds everything in memory; segment writes it.
type run struct {
	e     *Engine
	p     *program
	claim item
	log   *slog.Logger

	tx       func(context.Context) (*pg.Tx, error) // the segment's transaction, begun when first asked for
	careful  bool
	inline   bool            // a synchronous run: it ends or waits, and never yields
	stopping <-chan struct{} // closed when nothing new may begin in this process; nil: never

	context any // $context, decoded when first asked for
	decoded bool
	env     *secret.Values // nil: no node refers to $env
	results map[string]any // $jobsMapByNodeKey
	known   map[int64]*job // latest job of each node, by node id
	jobs    []*job         // to be written
	began   time.Time
	local   bool // a local node ran
	steps   int
	output  json.RawMessage // what it gives to whoever started it, when that changed; nil: it did not
	refused []*refusal      // changes of steps that synchronous workflows undid
	tally   audit.Tally     // the records that its steps changed in this segment
	woken   int             // entries of claim.Wake that were worked off

	// How it stands. At most one of ended and yielded; a yielded run goes on at
	// once, unless one of the others says otherwise.
	ended    bool
	status   node.Status // when ended; Pending when it waits
	reason   string
	yielded  bool // stopped in the middle so that its jobs get written
	parked   *job // the remote step that it stopped at
	late     bool // it is past its deadline
	giveBack bool // another process shall go on with it
}

// job is one run of one node.
type job struct {
	id       int64
	node     *instruction
	upstream int64
	status   node.Status
	branch   *int
	meta     json.RawMessage
	input    any
	hasInput bool
	result   any
	encoded  json.RawMessage // result as text
	log      string
	attempt  int
	started  time.Time
	ended    bool
	endedAt  time.Time
	running  bool      // a remote step without an outcome yet
	due      time.Time // when it goes on by itself; zero: never
	then     node.Status
	stored   bool // in the table already
	dirty    bool
}

// storedJob is a row of alur.jobs as far as going on needs it.
type storedJob struct {
	ExecutionID int64       `db:"execution_id"`
	ID          int64       `db:"id"`
	NodeID      int64       `db:"node_id"`
	UpstreamID  *int64      `db:"upstream_id"`
	Status      node.Status `db:"status"`
	Branch      *int        `db:"branch"`
	Meta        []byte      `db:"meta"` // nil for null, which json.RawMessage cannot scan
	Result      []byte      `db:"result"`
	Attempt     int         `db:"attempt"`
	StartedAt   time.Time   `db:"started_at"`
	Running     bool        `db:"running"`
}

func (e *Engine) newRun(p *program, c item) *run {
	return &run{e: e, p: p, claim: c, log: e.Log}
}

// begin walks from where the claim stands: the start, an answered job, the
// outcome of a remote step, or the last job that was written before a crash.
// journal is the jobs of earlier segments.
func (r *run) begin(ctx context.Context, journal []storedJob) error {
	r.began = r.e.Now()
	if r.p.broken != "" {
		r.breakOff(node.Error, r.p.broken)
		return nil
	}
	if most := r.e.attempts; r.claim.Attempts > most {
		if r.claim.Attempts == most+1 { // reading the journal may be what kills
			if err := r.load(journal); err != nil {
				return err
			}
		}
		r.breakOff(node.Error, fmt.Sprintf("This execution was begun %d times and got no further, as if the server stopped each time. "+
			"Look for a step that needs too much memory or time.", r.claim.Attempts-1))
		return nil
	}
	if err := r.load(journal); err != nil {
		return err
	}
	if err := r.loadEnv(ctx); err != nil || r.ended {
		return err
	}
	if r.claim.Segments == 0 {
		if r.p.head == nil {
			r.end(node.Resolved)
			return nil
		}
		return r.walk(ctx, r.p.head, nil)
	}
	if r.claim.done != nil {
		if err := r.finishRemote(ctx, r.claim.done); err != nil || r.settled() {
			return err
		}
	}
	if len(r.claim.Wake) > 0 {
		return r.resume(ctx)
	}
	if r.claim.done != nil {
		return nil
	}
	return r.goOn(ctx)
}

// settled reports whether the run stands somewhere for now: it ended or yielded.
// A run that waits may still have answers to work off.
func (r *run) settled() bool { return r.ended && r.status != node.Pending || r.yielded }

// goOn follows the journal to its end and walks on from there: at the next node,
// or at a remote step that was begun and whose outcome nobody knows. The ids of
// jobs do not tell the order, because those of two processes grow each by its own
// clock.
func (r *run) goOn(ctx context.Context) error {
	next, previous, open := r.position()
	switch {
	case open != nil && open.running:
		open.attempt += max(r.claim.Attempts, 1) // those since it was recorded
		r.parked, r.yielded = open, true
		return nil
	case open != nil:
		r.end(node.Pending)
		return nil
	}
	return r.walk(ctx, next, previous)
}

// breakOff ends the execution with a job that says why, at the node that would
// have been next.
func (r *run) breakOff(status node.Status, why string) {
	at, _, open := r.position()
	if at == nil {
		at = r.p.head
	}
	if r.woken < len(r.claim.Wake) {
		if answered := r.find(r.claim.Wake[r.woken]); answered != nil {
			open = answered
		}
	}
	r.stopAt(at, open, status, why)
}

// stopAt ends the execution at j, or at in when j is nil.
func (r *run) stopAt(in *instruction, j *job, status node.Status, why string) {
	r.reason, r.yielded, r.parked = why, false, nil
	if j == nil && in != nil {
		j = &job{id: r.e.IDs.Next(), node: in, attempt: max(r.claim.Attempts, 1), started: r.e.Now()}
	}
	if j != nil {
		r.record(j, node.Stop(status, map[string]any{"message": why}))
		r.save(j)
	}
	r.end(status)
}

func (r *run) end(status node.Status) { r.ended, r.status = true, status }

// safely turns a crash outside of the nodes' own code into an error.
func (r *run) safely(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			r.log.Error("execution panicked", "execution_id", r.claim.ID, "workflow_id", r.p.workflowID, "err", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("this execution crashed: %v", p)
		}
	}()
	return fn()
}

// load takes in the jobs of earlier segments.
func (r *run) load(journal []storedJob) error {
	r.steps = len(journal)
	for _, row := range journal {
		in := r.p.nodes[row.NodeID]
		if in == nil {
			continue // the node is gone; nothing can refer to it any more
		}
		result, err := value.Decode(row.Result)
		if err != nil {
			return fmt.Errorf("read the result of job %d: %w", row.ID, err)
		}
		j := &job{id: row.ID, node: in, status: row.Status, branch: row.Branch, meta: row.Meta, result: result,
			attempt: row.Attempt, started: row.StartedAt, ended: row.Status != node.Pending, running: row.Running, stored: true}
		if row.UpstreamID != nil {
			j.upstream = *row.UpstreamID
		}
		r.remember(j)
	}
	return nil
}

func (r *run) remember(j *job) {
	if r.known == nil {
		r.known, r.results = map[int64]*job{}, map[string]any{}
	}
	r.known[j.node.ID] = j
	r.results[j.node.Key] = j.result
}

// save has j written with the next flush.
func (r *run) save(j *job) {
	if !j.dirty {
		j.dirty = true
		r.jobs = append(r.jobs, j)
	}
}

// resume works off the answered jobs, oldest first.
func (r *run) resume(ctx context.Context) error {
	crashpoint.Hit(crashpoint.BeforeResume)
	for _, id := range r.claim.Wake {
		r.woken++
		j := r.find(id)
		if j == nil {
			r.breakOff(node.Error, "The step that was answered is not part of this workflow any more.")
			return nil
		}
		out, err := r.call(ctx, j.node, func(ctx context.Context, s *node.Step) (node.Outcome, error) {
			return j.node.kind.Resume(ctx, s, j.node.config, node.Job{ID: j.id, Status: j.status, Result: j.result, Meta: j.meta})
		}, j)
		if err != nil {
			return err
		}
		crashpoint.Hit(crashpoint.AfterResume)
		out = r.record(j, out)
		r.save(j)
		next, previous := r.decide(j, out)
		if err := r.walk(ctx, next, previous); err != nil || r.settled() {
			return err
		}
	}
	return nil
}

func (r *run) find(id int64) *job {
	for _, j := range r.known {
		if j.id == id {
			return j
		}
	}
	return nil
}

// walk runs nodes from in on until the execution ends or waits, or stops before
// the next one. in nil means that decide has settled everything already.
func (r *run) walk(ctx context.Context, in *instruction, previous *job) error {
	for in != nil {
		if r.steps++; r.steps > maxSteps {
			r.breakOff(node.Error, fmt.Sprintf("This execution took more than %d steps and was stopped.", maxSteps))
			return nil
		}
		if r.mustStop() {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		j := &job{id: r.e.IDs.Next(), node: in, attempt: max(r.claim.Attempts, 1), started: r.e.Now()}
		if previous != nil && in.kind != nil && (in.kind.Branching() || in.kind.Waits) {
			j.upstream = previous.id
		}
		if in.remote() && !r.inline {
			r.park(j)
			return nil
		}
		out, err := r.call(ctx, in, func(ctx context.Context, s *node.Step) (node.Outcome, error) {
			return in.kind.Run(ctx, s, in.config)
		}, j)
		if err != nil {
			return err
		}
		if out.End && previous != nil {
			j.upstream = previous.id
		}
		out = r.record(j, out)
		r.save(j)
		in, previous = r.decide(j, out)
	}
	return nil
}

// mustStop reports whether no further node may begin now, and says in r why.
func (r *run) mustStop() bool {
	now := r.e.Now()
	switch {
	case r.claim.ExpiresAt != nil && !now.Before(*r.claim.ExpiresAt):
		if r.late = true; r.inline {
			r.reason = reasonTimeout
			r.end(node.Aborted)
		} else {
			r.yielded = true
		}
	case !r.inline && len(r.jobs) > 0:
		most := flushAfter
		if r.local {
			most = flushLocalAfter
		}
		r.yielded = now.Sub(r.began) > most
	}
	return r.late || r.yielded
}

// park stops before a remote step: it is recorded as running before it begins.
func (r *run) park(j *job) {
	r.yielded = true
	select {
	case <-r.stopping:
		r.giveBack = true
	default:
		j.status, j.running = node.Pending, true
		r.remember(j)
		r.save(j)
		r.parked = j
	}
}

// step is what a node is told when it runs as j.
func (r *run) step(j *job) *node.Step {
	in := j.node
	s := &node.Step{
		Key:         strconv.FormatInt(j.id, 10),
		ExecutionID: r.claim.ID, WorkflowID: r.p.workflowID, WorkflowKey: r.p.key,
		NodeID: in.ID, NodeKey: in.Key, Title: in.Title, JobID: j.id, Attempt: j.attempt,
		Now: j.started, Vars: r.vars(in), Services: r.e.Services,
	}
	if r.env != nil {
		s.Mask = r.env.JSON
	}
	return s
}

// guarded calls a node's code and never lets a panic out.
func (r *run) guarded(ctx context.Context, in *instruction, s *node.Step, fn func(context.Context, *node.Step) (node.Outcome, error)) (out node.Outcome, err error) {
	ctx, end := r.stepSpan(ctx, in, s)
	defer func() {
		defer func() { end(out, err) }()
		if p := recover(); p != nil {
			r.log.ErrorContext(ctx, "node panicked", "execution_id", r.claim.ID, "workflow_id", r.p.workflowID, "node", in.Type, "err", p, "stack", string(debug.Stack()))
			out, err = failed(fmt.Errorf("this step crashed: %v", p)), nil
		}
	}()
	return fn(ctx, s)
}

// call runs a node's code: with its transaction when it is local, with a
// savepoint when care is needed.
func (r *run) call(ctx context.Context, in *instruction, fn func(context.Context, *node.Step) (node.Outcome, error), j *job) (out node.Outcome, err error) {
	if in.problem != "" {
		return failed(fault.New(fault.Invalid, in.problem)), nil
	}
	s := r.step(j)
	switch {
	case in.kind.Effect != node.Local && r.inline:
		out, err = r.inTime(ctx, func(ctx context.Context) (node.Outcome, error) { return r.guarded(ctx, in, s, fn) })
	case in.kind.Effect != node.Local:
		out, err = r.guarded(ctx, in, s, fn)
	default:
		out, err = r.callLocal(ctx, in, s, fn)
	}
	j.input, j.hasInput = r.masked(s.Input), s.Input != nil
	switch {
	case err == nil:
		return out, nil
	case ctx.Err() != nil, errors.Is(err, errCareful), s.Tx != nil && (pg.IsRetryable(err) || pg.IsLockTimeout(err) || pg.IsUnavailable(err) || pg.IsExhausted(err)):
		return out, err // the segment's business, not the node's
	}
	return failed(err), nil
}

// callLocal runs a local node in the segment's transaction.
func (r *run) callLocal(ctx context.Context, in *instruction, s *node.Step, fn func(context.Context, *node.Step) (node.Outcome, error)) (out node.Outcome, err error) {
	tx, err := r.tx(ctx)
	if err != nil {
		return out, err
	}
	r.local = true
	s.Tx, s.Stack = tx, append(r.claim.Stack[:len(r.claim.Stack):len(r.claim.Stack)], r.claim.ID)
	changed := audit.Tally{}
	ctx = audit.Tallying(ctx, changed)
	if !r.careful {
		out, err = r.guarded(ctx, in, s, fn)
		if err != nil && !pg.IsRetryable(err) && !pg.IsLockTimeout(err) && ctx.Err() == nil {
			err = errCareful
		}
	} else {
		err = tx.Savepoint(ctx, func() (err error) {
			out, err = r.inTimeTx(ctx, tx, func() (node.Outcome, error) { return r.guarded(ctx, in, s, fn) })
			return err
		})
		if f, ok := errors.AsType[*refusal](err); ok {
			r.refused = append(r.refused, f)
		}
		if pg.IsCanceled(err) && r.outOfTime() {
			return r.abortLate(), nil
		}
	}
	if err == nil {
		if r.tally == nil {
			r.tally = changed
		} else {
			r.tally.Add(changed)
		}
		crashpoint.Hit(crashpoint.AfterLocalEffect)
	}
	return out, err
}

// failed is the outcome of a node that broke. People see the sentence of a
// classified error, or what is wrong with each field, and the plain text of
// others.
func failed(err error) node.Outcome {
	result := map[string]any{"message": err.Error()}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		result["message"] = f.Msg
		if len(f.Fields) > 0 {
			fields, all := make(map[string]any, len(f.Fields)), make([]string, 0, len(f.Fields))
			for _, name := range slices.Sorted(maps.Keys(f.Fields)) {
				fields[name] = f.Fields[name]
				all = append(all, name+": "+f.Fields[name])
			}
			result["fields"], result["message"] = fields, strings.Join(all, " ")
		}
	}
	return node.Outcome{Status: node.Error, Result: result}
}

// record puts an outcome into its job.
func (r *run) record(j *job, out node.Outcome) node.Outcome {
	j.result = r.masked(value.Normalize(out.Result))
	j.encoded = value.Encode(j.result)
	if len(j.encoded) > maxResult {
		out = failed(fault.New(fault.Invalid, fmt.Sprintf("The result of this step is %d kB, and the most is %d kB. "+
			"Ask for fewer records or fields.", len(j.encoded)>>10, maxResult>>10)))
		j.result = out.Result
		j.encoded = value.Encode(j.result)
	}
	j.status, j.log, j.running = out.Status, r.env.Text(out.Log), false
	j.due, j.then = out.Due, out.Then
	if out.Output {
		r.output = j.encoded
	}
	if out.Meta != nil {
		j.meta = value.Encode(out.Meta)
		if r.env != nil {
			j.meta = []byte(r.env.Text(string(j.meta)))
		}
	}
	if out.Enter && j.node.branches[out.Branch] != nil {
		j.branch = &out.Branch
	}
	if j.ended = out.Status != node.Pending; j.ended {
		j.endedAt = r.e.Now()
	}
	r.remember(j)
	return out
}

// decide says where to go on after a job: the next node and the job that leads
// there, or nil when the execution has ended or waits.
func (r *run) decide(j *job, out node.Outcome) (*instruction, *job) {
	if out.End {
		r.end(out.Status)
		return nil, nil
	}
	return r.after(j)
}

// after is where an execution goes on once j is what it is. It needs nothing
// that is not in the job's row, so it also answers after a crash.
func (r *run) after(j *job) (*instruction, *job) {
	if j.status != node.Pending && j.branch != nil {
		return j.node.branches[*j.branch], j
	}
	status := j.status
	for in := j.node; ; {
		if status == node.Resolved && in.next != nil {
			return in.next, r.known[in.ID]
		}
		// The level ends here: the node that opened it goes on, waits, or ends
		// with the status of its branch, or else with its own.
		if in = in.opener; in == nil {
			r.end(status)
			return nil, nil
		}
		if status == node.Resolved {
			status = r.known[in.ID].status
		}
	}
}
