package nodes

import (
	"context"

	"alur/engine/expr"
	"alur/engine/node"
)

var _ = node.Register[UpdateConfig](update{})

// UpdateConfig is the settings of an update node (spec/nodes-core.md §8).
type UpdateConfig struct {
	Collection string `json:"collection"`
	Params     struct {
		Filter          expr.Template `json:"filter"`
		Values          expr.Template `json:"values"`
		IndividualHooks *flag         `json:"individualHooks"`         // nil and true: one by one, with events
		Whitelist       []string      `json:"whitelist"`               // the values to take; empty: all
		Blacklist       []string      `json:"blacklist"`               // the values to leave out
		Nested          []string      `json:"updateAssociationValues"` // paths of relations whose records may be changed
	} `json:"params"`
}

func (c UpdateConfig) writes() writes {
	return writes{c.Params.Whitelist, c.Params.Blacklist, c.Params.Nested}
}

func (c UpdateConfig) Validate() node.Problems {
	p := validateFilter(validateCollection(c.Collection), c.Params.Filter)
	if !byField(c.Params.Values) {
		return with(p, "params.values", "Give the values by field.")
	}
	return p
}

// update changes records: one by one with their events, or all in one go, of which
// only those triggers hear that count changes in bulk. Values are the same for all of
// them, or for number fields what the record has and something more: {"stock":
// {"$inc": -2}}. What depends on the record in another way takes a query and a
// calculation before: the segment they run in is serializable, so nobody changes the
// record in between (design.md §4).
type update struct{}

func (update) Kind() string { return "update" }

func (update) Effect() node.Effect { return node.Local }

func (update) Run(ctx context.Context, s *node.Step, c UpdateConfig) (node.Outcome, error) {
	filter, err := filled(c.Params.Filter, s)
	if err != nil {
		return node.Outcome{}, err
	}
	values, err := recordValues(c.Params.Values, s, c.Collection, c.writes())
	if err != nil {
		return node.Outcome{}, err
	}
	s.Input = map[string]any{"filter": filter, "values": values}
	values = increases(values, store(s), local(c.Collection))
	if bulk := c.Params.IndividualHooks; bulk != nil && !*bulk {
		n, err := store(s).UpdateBulk(ctx, segment(s), c.writes().access(s), local(c.Collection), filter, values)
		return node.Done(n), err
	}
	n, err := store(s).UpdateMany(ctx, segment(s), c.writes().access(s), local(c.Collection), filter, values)
	return node.Done(n), err
}

func (update) Outputs(UpdateConfig, node.Catalogue) []node.Variable { return countOutput }

func (update) Check(c UpdateConfig, cat node.Catalogue) node.Problems {
	return check(c.Collection, cat, func(f fields, collection string, p node.Problems) {
		p["params.filter"] = filterProblem(f, collection, c.Params.Filter, "change")
		p["params.values"] = f.values(collection, c.Params.Values.Value())
		c.writes().check(f, collection, p)
		if v, ok := c.Params.Values.Value().(map[string]any); !ok || len(v) == 0 {
			p["params.values"] = "Say what to change: add at least one field."
		}
		f.increases(collection, c.Params.Values, p)
	})
}
