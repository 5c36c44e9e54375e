package engine

import (
	"context"
	"errors"
	"maps"
	"slices"

	"alur/engine/fault"
	"alur/engine/node"
	"alur/engine/value"
)

// loadEnv reads what $env holds, when a node of the workflow refers to it. A secret
// that cannot be opened ends the execution with the reason; what may pass, such as a
// database that is away, is left to the segment.
func (r *run) loadEnv(ctx context.Context) (err error) {
	if !r.p.env || r.e.Values == nil {
		return nil
	}
	r.env, err = r.e.Values.Values(ctx)
	if f, ok := errors.AsType[*fault.Error](err); ok {
		r.breakOff(node.Error, f.Msg)
		return nil
	}
	return err
}

// envNames are the variables under $env; none when they cannot be read now, which
// running a workflow says better.
func (e *Engine) envNames(ctx context.Context) []node.Variable {
	if e.Values == nil {
		return nil
	}
	values, err := e.Values.Values(ctx)
	if err != nil {
		e.Log.WarnContext(ctx, "variables not readable", "err", err)
		return nil
	}
	var vars []node.Variable
	for _, name := range slices.Sorted(maps.Keys(values.Root())) {
		vars = append(vars, node.Variable{Path: name, Title: name, Type: "string"})
	}
	return vars
}

// masked is a JSON value of a step as it may be kept: without secrets.
func (r *run) masked(v any) any {
	if r.env == nil {
		return v
	}
	return r.env.JSON(value.Normalize(v))
}
