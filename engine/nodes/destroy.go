package nodes

import (
	"context"

	"alur/engine/expr"
	"alur/engine/fault"
	"alur/engine/node"
)

var _ = node.Register[DestroyConfig](destroy{})

// DestroyConfig is the settings of a destroy node (spec/nodes-core.md §9).
type DestroyConfig struct {
	Collection string `json:"collection"`
	Params     struct {
		Filter expr.Template `json:"filter"`
	} `json:"params"`
}

func (c DestroyConfig) Validate() node.Problems {
	return validateFilter(validateCollection(c.Collection), c.Params.Filter)
}

// destroy deletes records, each with its event.
type destroy struct{}

func (destroy) Kind() string { return "destroy" }

func (destroy) Effect() node.Effect { return node.Local }

func (destroy) Run(ctx context.Context, s *node.Step, c DestroyConfig) (node.Outcome, error) {
	filter, err := filled(c.Params.Filter, s)
	if err != nil {
		return node.Outcome{}, err
	}
	s.Input = map[string]any{"filter": filter}
	if emptyFilter(filter) {
		return node.Outcome{}, fault.New(fault.Invalid, "No record was deleted: the node has no condition that says which.")
	}
	n, err := store(s).Destroy(ctx, segment(s), access(s), local(c.Collection), filter)
	return node.Done(n), err
}

func (destroy) Outputs(DestroyConfig, node.Catalogue) []node.Variable { return countOutput }

func (destroy) Check(c DestroyConfig, cat node.Catalogue) node.Problems {
	return check(c.Collection, cat, func(f fields, collection string, p node.Problems) {
		p["params.filter"] = filterProblem(f, collection, c.Params.Filter, "delete")
	})
}
