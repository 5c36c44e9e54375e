package nodes

import (
	"context"
	"fmt"

	"alur/engine/collection"
	"alur/engine/expr"
	"alur/engine/fault"
	"alur/engine/node"
)

var _ = node.Register[CreateConfig](create{})

// CreateConfig is the settings of a create node (spec/nodes-core.md §7).
type CreateConfig struct {
	Collection string `json:"collection"`
	Params     struct {
		Values    expr.Template `json:"values"` // by field, a list of such, or a variable that is one of the two; empty: a record of defaults
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
	switch v := c.Params.Values.Value().(type) {
	case nil, map[string]any:
		return p
	case []any:
		for i, one := range v {
			if _, ok := one.(map[string]any); !ok && !oneVariable(one) {
				return with(p, "params.values", fmt.Sprintf("Give the values of each record by field. The %d. of the list is none of a record.", i+1))
			}
		}
		if len(v) > mostCreated {
			return with(p, "params.values", fmt.Sprintf("These are %d records, and one step creates at most %d.", len(v), mostCreated))
		}
		return p
	default:
		if oneVariable(v) {
			return p
		}
	}
	return with(p, "params.values", "Give the values by field, a list of such, or one variable that holds them.")
}

// mostCreated is how many records one step may create.
const mostCreated = 10_000

// create adds a record, or several at once: all of them or, when one cannot be, none.
// Its result is the record, or the list of them in their order. A list gives a
// list, also of one record or none, and so does a variable: one that holds a single
// record is a list of it.
type create struct{}

func (create) Kind() string { return "create" }

func (create) Effect() node.Effect { return node.Local }

func (create) Run(ctx context.Context, s *node.Step, c CreateConfig) (node.Outcome, error) {
	v, err := c.Params.Values.Eval(s.Vars)
	if err != nil {
		return node.Outcome{}, err
	}
	if c.many() {
		return c.createAll(ctx, s, v)
	}
	values, err := valuesOf(v, s, c.Collection, c.writes())
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

// createAll creates one record for each of a list, which a variable may hold.
func (c CreateConfig) createAll(ctx context.Context, s *node.Step, v any) (node.Outcome, error) {
	list, ok := v.([]any)
	if one, single := v.(map[string]any); single {
		list, ok = []any{one}, true
	}
	switch {
	case !ok:
		return node.Outcome{}, fault.New(fault.Invalid, fmt.Sprintf("The values come from “%s”, which holds no list here. "+
			"Choose another variable, or load what it leads to in an earlier step.", c.Params.Values.Paths()[0]))
	case len(list) > mostCreated:
		return node.Outcome{}, fault.New(fault.Invalid, fmt.Sprintf("Nothing was created: these are %d records, and one step creates at most %d.", len(list), mostCreated))
	}
	all := make([]collection.Record, len(list))
	for i, one := range list {
		values, ok := one.(map[string]any)
		if !ok {
			return node.Outcome{}, fault.New(fault.Invalid, fmt.Sprintf("Nothing was created: item %d of the list is no object, so it has no values by field.", i+1))
		}
		var err error
		if all[i], err = valuesOf(values, s, c.Collection, c.writes()); err != nil {
			return node.Outcome{}, err
		}
	}
	s.Input = map[string]any{"values": asResult(all)}
	records, err := store(s).CreateAll(ctx, segment(s), c.writes().access(s), local(c.Collection), all, c.Params.Appends)
	if err != nil {
		return node.Outcome{}, err
	}
	return node.Done(asResult(records)), nil
}

// many reports whether the result is a list.
func (c CreateConfig) many() bool {
	v := c.Params.Values.Value()
	_, list := v.([]any)
	return list || oneVariable(v)
}

func (create) Outputs(c CreateConfig, cat node.Catalogue) []node.Variable {
	fields, _ := cat.Fields(local(c.Collection))
	if c.many() && len(fields) > 0 {
		return []node.Variable{{Title: "Records", Target: local(c.Collection), Many: true, Children: fields}}
	}
	return fields
}

func (create) Check(c CreateConfig, cat node.Catalogue) node.Problems {
	return check(c.Collection, cat, func(f fields, collection string, p node.Problems) {
		p["params.values"] = f.values(collection, c.Params.Values.Value())
		p["params.appends"] = f.Paths(collection, c.Params.Appends)
		c.writes().check(f, collection, p)
	})
}
