package nodes

import (
	"context"

	"alur/engine/expr"
	"alur/engine/node"
)

var _ = node.Register[CreateConfig](create{})

// CreateConfig is the settings of a create node (spec/nodes-core.md §7).
type CreateConfig struct {
	Collection string `json:"collection"`
	Params     struct {
		Values    expr.Template `json:"values"` // by field; empty: a record of defaults
		Appends   []string      `json:"appends"`
		Whitelist []string      `json:"whitelist"`               // the values to take; empty: all
		Blacklist []string      `json:"blacklist"`               // the values to leave out
		Nested    []string      `json:"updateAssociationValues"` // paths of relations whose records may be changed
	} `json:"params"`
}

func (c CreateConfig) writes() writes {
	return writes{c.Params.Whitelist, c.Params.Blacklist, c.Params.Nested}
}

func (c CreateConfig) Validate() node.Problems {
	p := validateCollection(c.Collection)
	if !byField(c.Params.Values) {
		return with(p, "params.values", "Give the values by field. One node creates one record.")
	}
	return p
}

// create adds one record.
type create struct{}

func (create) Kind() string { return "create" }

func (create) Effect() node.Effect { return node.Local }

func (create) Run(ctx context.Context, s *node.Step, c CreateConfig) (node.Outcome, error) {
	values, err := recordValues(c.Params.Values, s, c.Collection, c.writes())
	if err != nil {
		return node.Outcome{}, err
	}
	s.Input = map[string]any{"values": values}
	record, err := store(s).Create(ctx, segment(s), c.writes().access(s), local(c.Collection), values, c.Params.Appends)
	if err != nil {
		return node.Outcome{}, err
	}
	return node.Done(record), nil
}

func (create) Outputs(c CreateConfig, cat node.Catalogue) []node.Variable {
	fields, _ := cat.Fields(local(c.Collection))
	return fields
}

func (create) Check(c CreateConfig, cat node.Catalogue) node.Problems {
	return check(c.Collection, cat, func(f fields, collection string, p node.Problems) {
		p["params.values"] = f.values(collection, c.Params.Values)
		p["params.appends"] = f.Paths(collection, c.Params.Appends)
		c.writes().check(f, collection, p)
	})
}
