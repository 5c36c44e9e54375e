package node

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"github.com/jmoiron/sqlx"
)

// Status is the state of a job, and of the execution it ends (spec/engine.md §3).
type Status int16

const (
	Pending     Status = 0 // the node waits
	Resolved    Status = 1
	Failed      Status = -1 // a configured condition was not met
	Error       Status = -2 // something broke
	Aborted     Status = -3
	Canceled    Status = -4
	Rejected    Status = -5 // a person said no
	RetryNeeded Status = -6
)

// Effect is what running a node does to the world; it decides how often that
// can happen.
type Effect uint8

const (
	Pure   Effect = iota + 1 // memory only
	Local                    // through Step.Tx: exactly once, with the journal
	Remote                   // outside of any transaction: at least once, always with the same Step.Key
)

// Tx is the segment's transaction. Statements are prepared and kept by their
// text: keep texts few and put values into parameters.
type Tx interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	GetContext(ctx context.Context, dest any, query string, args ...any) error
	SelectContext(ctx context.Context, dest any, query string, args ...any) error
	QueryxContext(ctx context.Context, query string, args ...any) (*sqlx.Rows, error)
	OnCommit(fn func())
}

// Vars are the variables a node sees, by root: $context, $jobsMapByNodeKey,
// $scopes, $system, $env. Values are JSON values: nil, bool, float64, string,
// []any, map[string]any. Do not change them.
type Vars interface {
	Root(name string) (value any, ok bool)
}

// Step is one run of one node.
type Step struct {
	Key         string // the same for every attempt: use it as idempotency key
	ExecutionID int64
	WorkflowID  int64
	WorkflowKey string
	NodeID      int64
	NodeKey     string
	Title       string  // the node's
	JobID       int64   // the job that will hold the outcome
	Attempt     int     // 1 for the first
	Stack       []int64 // executions that led to this one, it included; pass it on with writes
	Now         time.Time
	Tx          Tx // nil unless the node is Local
	Vars        Vars
	Services    *Services
	Input       any // shown in the log; set it to what the node works on after filling in variables

	Mask func(any) any // takes secrets out of a JSON value; nil: there are none
}

// Masked is a JSON value without secrets. Results, logs and Input pass through it by
// themselves; call it for what the node itself writes down to be read.
func (s *Step) Masked(v any) any {
	if s.Mask == nil {
		return v
	}
	return s.Mask(v)
}

// Job is what an earlier run of a node left.
type Job struct {
	ID     int64
	Status Status
	Result any
	Meta   json.RawMessage
}

// Outcome is what a run came to. Result is a JSON value: nil, bool, float64,
// int64, string, []any or map[string]any, or anything json.Marshal takes.
type Outcome struct {
	Status Status
	Result any
	Meta   any
	Log    string
	Branch int  // the branch to run; see Enter
	Enter  bool // run Branch before going on
	End    bool // end the whole execution with Status
	Output bool // Result is what the execution gives to whoever started it, until another step says otherwise

	Due  time.Time // with Pending: when the job goes on by itself; zero for never
	Then Status    // what it comes to then; not Pending
}

// Done goes on to the next node.
func Done(result any) Outcome { return Outcome{Status: Resolved, Result: result} }

// Stop ends the branch, or the execution, with a status other than Resolved.
func Stop(s Status, result any) Outcome { return Outcome{Status: s, Result: result} }

// Wait pauses the execution until the job is answered (queue.Answer).
func Wait() Outcome { return Outcome{Status: Pending} }

// WaitUntil pauses the execution until due, when the job becomes then, or until
// the job is answered before that.
func WaitUntil(due time.Time, then Status) Outcome {
	return Outcome{Status: Pending, Due: due, Then: then}
}

// Enter runs branch first and then goes on. A branch without nodes is passed.
//
// With another Status than Resolved the branch runs all the same, and what is
// passed on after it is that Status, if the branch did not fail before.
func Enter(branch int, result any) Outcome {
	return Outcome{Status: Resolved, Result: result, Branch: branch, Enter: true}
}

// End ends the whole execution, whatever branches it is in.
func End(s Status) Outcome { return Outcome{Status: s, End: true} }

// Problems maps a config key, dotted for depth ("params.filter"), to what to do
// about it, in words.
type Problems map[string]string

// Config is the settings of one node; its JSON is stored in flow_nodes.config.
type Config interface {
	// Validate returns what keeps the node from running; nil when nothing does.
	Validate() Problems
}

// Type is a node type. C is its settings, decoded once per workflow version.
//
// Run may be called again with the same Step.Key after a crash. Local nodes
// change data only through Step.Tx. Remote nodes have no Tx and may take long: the
// job is recorded as running before, and what it came to after; in a synchronous
// workflow they hold up the request. No goroutines stay behind; ctx ends when
// the execution is cancelled, runs out of time, or the server must stop, and Run
// then returns ctx.Err(). An expected failure is an Outcome; an error means that
// something broke and ends in a job with status Error.
type Type[C Config] interface {
	Kind() string // stored in workflows: never rename
	Effect() Effect
	Run(ctx context.Context, s *Step, c C) (Outcome, error)
}

// Brancher is a Type with branches.
type Brancher[C Config] interface {
	// Branches lists the branches in their order, with the label people see.
	Branches(c C) []Branch
}

// Pruner is a Brancher whose settings list its branches, so that one can be taken
// out of them.
type Pruner interface {
	// Prune returns config without branch; the branches after it count one less. It
	// is Invalid, or NotFound, to take out what has to stay or is not there.
	Prune(config json.RawMessage, branch int) (json.RawMessage, error)
}

// Branch is one way out of a branching node.
type Branch struct {
	Index int // flow_nodes.branch_index of its first node
	Label string
}

// Resumer is a Type that decides itself how its job goes on after an answer.
// Without it Resolved goes on and every other status ends the branch.
type Resumer[C Config] interface {
	Resume(ctx context.Context, s *Step, c C, answered Job) (Outcome, error)
}

// Tester is a Type that can be tried without an execution (flow_nodes:test).
// The Step has a Key, Vars, Now and Services, and nothing of an execution. The Tx
// of a local node reads and cannot write.
type Tester[C Config] interface {
	Test(ctx context.Context, s *Step, c C) (Outcome, error)
}

// Quoter is a Type with settings that are taken as they stand: no {{…}} in them
// is a variable.
type Quoter interface {
	Quoted() []string // config keys
}

// Asker is a Type with settings that hold people by their ids, alone or in lists, so
// that workflows can go to a server where other people have these ids.
type Asker interface {
	People() []string // config keys, dotted for depth
}

// Waiter marks a Type that may wait; it cannot stand in a synchronous workflow.
type Waiter interface{ Waits() }

// Reader marks a Type that changes nothing, though it needs Step.Tx: people need
// no warning when it runs again.
type Reader interface{ Reads() }

// Describer is a Type whose result has parts that variables can reach.
type Describer[C Config] interface {
	// Outputs lists what stands below $jobsMapByNodeKey.<key>. Without it the
	// result is one value without known parts; nil means there is no result.
	Outputs(c C, cat Catalogue) []Variable
}

// Sampler is a Type that knows a better example of its result than one that
// [Kind.Sample] makes of its Outputs.
type Sampler[C Config] interface {
	// Sample returns what a run with these settings could come to, a JSON value.
	// People see it before there was a run: beside variables, and filled in where a
	// later node is tested.
	Sample(c C, cat Catalogue) any
}

// Checker is a Type whose settings can be wrong in the light of the catalogue:
// a collection or a field that does not exist (any more).
type Checker[C Config] interface {
	Check(c C, cat Catalogue) Problems
}

// Prover is a Type with settings that only an interpreter can judge, such as the
// text of a program.
type Prover[C Config] interface {
	// Prove returns what is wrong; nil also when the interpreter is not to be had.
	Prove(ctx context.Context, s *Services, c C) Problems
}

// Catalogue answers what collections and fields there are.
type Catalogue interface {
	// Fields describes a record of collection, relations included as variables
	// with Target set and no Children; ok is false when there is no such collection.
	Fields(collection string) (fields []Variable, ok bool)
}

// Variable is one value that can be inserted into settings.
type Variable struct {
	Path     string // below its parent: "stock"; "" for the value itself
	Title    string
	Type     string // a field type of spec/platform.md §6, "" unknown
	Target   string // the collection it leads to, for relations
	Many     bool   // a list
	Children []Variable
}
