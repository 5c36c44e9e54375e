package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/node"
	"alur/engine/pg"
	"alur/engine/secret"
	"alur/engine/value"
)

// trialTime is how long a node may take that is tried: somebody waits for the
// answer of a request, which ends after half a minute.
const trialTime = 20 * time.Second

// Trial is a node to be tried on its own, without an execution.
type Trial struct {
	WorkflowID, NodeID int64 // 0 for settings that are no node's

	Type   string
	Config json.RawMessage
	// Values of variables, by their path: "$context.data.stock". $system and $env are
	// the server's where nothing is given for them; others have no value.
	Values map[string]any
}

// trialVars are the variables of a node that is tried.
type trialVars struct {
	e     *Engine
	given map[string]any // by path
	env   *secret.Values // nil: the node does not refer to $env
}

// Root also answers whole paths, as [expr.Scope] is asked for them first.
func (v trialVars) Root(name string) (any, bool) {
	if given, ok := v.given[name]; ok {
		return given, true
	}
	switch name {
	case "$system":
		return v.e.SystemVars(), true
	case "$env":
		return v.env.Root(), true
	}
	return nil, false
}

// Zone is where days begin and end for conditions.
func (v trialVars) Zone() *time.Location { return v.e.localNow().Location() }

// masked takes secrets out of what a node that is tried came to.
func (v trialVars) masked(out node.Outcome) node.Outcome {
	if v.env == nil {
		return out
	}
	out.Result, out.Log = v.env.JSON(out.Result), v.env.Text(out.Log)
	if out.Meta != nil {
		out.Meta = json.RawMessage(v.env.Text(string(value.Encode(out.Meta))))
	}
	return out
}

// TestNode runs a node of a type that can be tried and returns what it came to.
// Nothing is stored. What a node can do in a workflow it can do here, so it needs
// the right to publish: one of the workflow it belongs to, else to make workflows.
//
// Settings that cannot run are Invalid, with fields as [Engine.UpdateNode] names
// them. Something that breaks while the node runs is an outcome with status
// Error, as in an execution.
func (e *Engine) TestNode(ctx context.Context, actor auth.Actor, t Trial) (node.Outcome, error) {
	k := node.Lookup(t.Type)
	switch {
	case t.Type == "":
		return node.Outcome{}, fault.Fields(map[string]string{"type": "Say which type of node is to be tested."})
	case k == nil:
		return node.Outcome{}, fault.Fields(map[string]string{"type": fmt.Sprintf("There is no node type %q.", t.Type)})
	case !k.Testable():
		return node.Outcome{}, fault.Fields(map[string]string{"type": "Nodes of this type cannot be tested on their own."})
	}
	if err := e.mayTest(ctx, actor, t); err != nil {
		return node.Outcome{}, err
	}
	settings, problems := k.Decode(t.Config)
	if settings != nil {
		problems = settings.Validate()
	}
	if err := fault.Fields(configProblems(t.Config, problems, false)); err != nil {
		return node.Outcome{}, err
	}
	vars := trialVars{e: e, given: t.Values}
	if e.Values != nil && bytes.Contains(t.Config, []byte("$env")) {
		var err error
		if vars.env, err = e.Values.Values(ctx); err != nil {
			return node.Outcome{}, fmt.Errorf("test a node of type %q: %w", t.Type, err)
		}
	}
	s := &node.Step{
		Key: "test-" + strconv.FormatInt(e.IDs.Next(), 10), WorkflowID: t.WorkflowID, NodeID: t.NodeID, Attempt: 1, Now: e.Now(),
		Vars: vars, Services: e.Services,
	}
	if vars.env != nil {
		s.Mask = vars.env.JSON
	}
	out, err := e.try(ctx, k, s, settings)
	if err != nil {
		return node.Outcome{}, fmt.Errorf("test a node of type %q: %w", t.Type, err)
	}
	out.Result = value.Normalize(out.Result)
	out = vars.masked(out)
	if size := len(value.Encode(out.Result)); size > maxResult {
		out.Status = node.Error
		out.Result = fmt.Sprintf("The result is %d kB, and the most is %d kB. Return less.", size>>10, maxResult>>10)
	}
	return out, nil
}

// mayTest is who may publish what t is part of.
func (e *Engine) mayTest(ctx context.Context, actor auth.Actor, t Trial) error {
	if t.WorkflowID == 0 {
		return actor.Require(auth.CreateWorkflows)
	}
	_, nodes, err := e.open(ctx, e.DB, actor, t.WorkflowID, auth.Editor)
	if err == nil && t.NodeID != 0 && !slices.ContainsFunc(nodes, func(n Node) bool { return n.ID == t.NodeID }) {
		return errNoNode
	}
	return err
}

// try is run.call without a run.
func (e *Engine) try(ctx context.Context, k *node.Kind, s *node.Step, settings node.Config) (out node.Outcome, err error) {
	defer func() {
		if p := recover(); p != nil {
			e.Log.ErrorContext(ctx, "node panicked", "node", k.Name, "err", p, "stack", string(debug.Stack()))
			out, err = failed(fmt.Errorf("this step crashed: %v", p)), nil
		}
	}()
	limited, cancel := context.WithTimeoutCause(ctx, trialTime, errTrialTime)
	defer cancel()
	if k.Effect == node.Local {
		err = e.DB.Tx(limited, pg.RepeatableRead, func(tx *pg.Tx) (err error) {
			if _, err = tx.ExecContext(limited, "SET TRANSACTION READ ONLY"); err == nil {
				s.Tx = tx
				out, err = k.Test(limited, s, settings)
			}
			return err
		})
	} else {
		out, err = k.Test(limited, s, settings)
	}
	switch {
	case err == nil:
		return out, nil
	case ctx.Err() != nil:
		return out, ctx.Err() // nobody waits any more
	case errors.Is(context.Cause(limited), errTrialTime):
		err = errTrialTime
	}
	return failed(err), nil
}

var errTrialTime = fault.New(fault.Invalid, fmt.Sprintf("Stopped after %d seconds: a test may not take longer. "+
	"In a workflow the node may take the time that its settings allow.", int(trialTime.Seconds())))
