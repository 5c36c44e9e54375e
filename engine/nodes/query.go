package nodes

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"

	"alur/engine/collection"
	"alur/engine/expr"
	"alur/engine/fault"
	"alur/engine/node"
)

var _ = node.Register[QueryConfig](query{})

// QueryConfig is the settings of a query node (spec/nodes-core.md §10).
type QueryConfig struct {
	Collection  string      `json:"collection"`
	Multiple    flag        `json:"multiple"` // a list instead of one record
	FailOnEmpty flag        `json:"failOnEmpty"`
	Params      QueryParams `json:"params"`
}

// QueryParams says which records, and how they are cut.
type QueryParams struct {
	Filter   expr.Template `json:"filter"` // empty: all
	Appends  []string      `json:"appends"`
	Sort     []QuerySort   `json:"sort"`
	Page     expr.Template `json:"page"`     // from 1; empty: 1
	PageSize expr.Template `json:"pageSize"` // empty: 20
}

// QuerySort is one sort key.
type QuerySort struct {
	Field     string `json:"field"`     // an entry without a field is passed over
	Direction string `json:"direction"` // desc in any case; everything else is asc
}

func (c QueryConfig) Validate() node.Problems {
	p := validateFilter(validateCollection(c.Collection), c.Params.Filter)
	for key, t := range map[string]expr.Template{"page": c.Params.Page, "pageSize": c.Params.PageSize} {
		if v := t.Value(); v != nil && len(t.Paths()) == 0 {
			if _, ok := fromOne(v); !ok {
				p = with(p, "params."+key, "Write a whole number from 1, or choose a variable.")
			}
		}
	}
	return p
}

// query reads records.
type query struct{}

func (query) Kind() string { return "query" }

func (query) Effect() node.Effect { return node.Local }

func (query) Reads() {}

func (query) Run(ctx context.Context, s *node.Step, c QueryConfig) (node.Outcome, error) {
	q, err := c.Params.query(s)
	if err != nil {
		return node.Outcome{}, err
	}
	s.Input = map[string]any{"filter": q.Filter, "page": q.Page, "pageSize": q.PageSize}
	if c.Multiple {
		page, err := store(s).List(ctx, segment(s), access(s), local(c.Collection), q)
		if err != nil {
			return node.Outcome{}, err
		}
		if len(page.Records) == 0 && c.FailOnEmpty {
			return node.Stop(node.Failed, []any{}), nil
		}
		out := node.Done(asResult(page.Records))
		if page.HasNext {
			out.Log = fmt.Sprintf("There are more records than these %d: raise “Records per page”, or read the next page.", len(page.Records))
		}
		return out, nil
	}
	// A page of a single record counts in records too: page 2 of 2 is the third.
	q.Offset, q.Page, q.PageSize = (q.Page-1)*q.PageSize, 1, 1
	record, err := store(s).First(ctx, segment(s), access(s), local(c.Collection), q)
	switch {
	case err != nil:
		return node.Outcome{}, err
	case record != nil:
		return node.Done(record), nil
	case bool(c.FailOnEmpty):
		return node.Stop(node.Failed, nil), nil
	}
	return node.Done(nil), nil
}

// Test reads what the node would read.
func (q query) Test(ctx context.Context, s *node.Step, c QueryConfig) (node.Outcome, error) {
	return q.Run(ctx, s, c)
}

func (p QueryParams) query(s *node.Step) (q collection.Query, err error) {
	q = collection.Query{Appends: p.Appends, NoCount: true}
	if q.Filter, err = filled(p.Filter, s); err != nil {
		return q, err
	}
	if q.Page, err = number(p.Page, s, 1, "page"); err != nil {
		return q, err
	}
	if q.PageSize, err = number(p.PageSize, s, 20, "page size"); err != nil {
		return q, err
	}
	for _, key := range p.Sort {
		switch {
		case key.Field == "":
		case strings.EqualFold(key.Direction, "desc"):
			q.Sort = append(q.Sort, "-"+key.Field)
		default:
			q.Sort = append(q.Sort, key.Field)
		}
	}
	return q, nil
}

// number evaluates a whole number from 1, given as number or as text.
func number(t expr.Template, s *node.Step, unset int, what string) (int, error) {
	if t.IsZero() {
		return unset, nil
	}
	v, err := t.Eval(s.Vars)
	if err != nil {
		return 0, err
	}
	n, ok := fromOne(v)
	if !ok {
		return 0, fault.New(fault.Invalid, "The "+what+" must be a whole number from 1.")
	}
	return n, nil
}

// fromOne reads a whole number from 1.
func fromOne(v any) (int, bool) {
	n, ok := v.(float64)
	if text, isText := v.(string); isText {
		var err error
		n, err = strconv.ParseFloat(strings.TrimSpace(text), 64)
		ok = err == nil
	}
	if !ok || n != math.Trunc(n) || n < 1 || n > math.MaxInt32 {
		return 0, false
	}
	return int(n), true
}

func (query) Outputs(c QueryConfig, cat node.Catalogue) []node.Variable {
	fields, _ := cat.Fields(local(c.Collection))
	if c.Multiple && len(fields) > 0 {
		return []node.Variable{{Title: "Records", Target: local(c.Collection), Many: true, Children: fields}}
	}
	return fields
}

func (query) Check(c QueryConfig, cat node.Catalogue) node.Problems {
	return check(c.Collection, cat, func(f fields, collection string, p node.Problems) {
		p["params.filter"] = f.Filter(collection, c.Params.Filter.Value())
		p["params.appends"] = f.Paths(collection, c.Params.Appends)
		for _, key := range c.Params.Sort {
			if p["params.sort"] == "" {
				p["params.sort"] = f.Path(collection, key.Field)
			}
		}
	})
}
