package nodeforms

import (
	"strings"

	"alur/views"
)

// calculators are the comparisons of a basic condition (spec/variables.md §10).
var calculators = []views.Option{
	{Value: "equal", Text: "="}, {Value: "notEqual", Text: "≠"},
	{Value: "gt", Text: ">"}, {Value: "gte", Text: "≥"}, {Value: "lt", Text: "<"}, {Value: "lte", Text: "≤"},
	{Value: "includes", Text: "contains"}, {Value: "notIncludes", Text: "does not contain"},
	{Value: "startsWith", Text: "starts with"}, {Value: "notStartsWith", Text: "does not start with"},
	{Value: "endsWith", Text: "ends with"}, {Value: "notEndsWith", Text: "does not end with"},
}

var calculatorAliases = map[string]string{"==": "equal", "!=": "notEqual", ">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}

func calculatorLabel(name string) string {
	for _, c := range calculators {
		if c.Value == name || c.Value == calculatorAliases[name] {
			return c.Text
		}
	}
	return name
}

// loadCalculation turns a stored basic condition into rows.
func loadCalculation(v any) group {
	o, _ := v.(Object)
	inner, ok := o["group"].(Object)
	if !ok {
		if _, single := o["calculator"]; single {
			return group{Type: "and", Items: []item{calculationRow(o)}}
		}
		return group{Type: "and"}
	}
	g := group{Type: "and"}
	if inner["type"] == "or" {
		g.Type = "or"
	}
	list, _ := inner["calculations"].([]any)
	for _, entry := range list {
		o, ok := entry.(Object)
		if !ok {
			continue
		}
		if _, nested := o["group"].(Object); nested {
			below := loadCalculation(o)
			g.Items = append(g.Items, item{Group: &below})
			continue
		}
		g.Items = append(g.Items, calculationRow(o))
	}
	return g
}

func calculationRow(o Object) item {
	it := item{Is: text(o["calculator"])}
	if alias := calculatorAliases[it.Is]; alias != "" {
		it.Is = alias
	}
	operands, _ := o["operands"].([]any)
	if len(operands) > 0 {
		it.Left = literalText(operands[0])
	}
	if len(operands) > 1 {
		it.Right = literalText(operands[1])
	}
	return it
}

// calculation turns rows into a stored basic condition. Blank rows and groups
// fall away: an empty "or" would never hold.
func (g group) calculation() Object {
	list := []any{}
	for _, it := range g.Items {
		switch {
		case it.Group != nil:
			if inner := it.Group.calculation(); len(inner["group"].(Object)["calculations"].([]any)) > 0 {
				list = append(list, inner)
			}
		case strings.TrimSpace(it.Left) != "" || strings.TrimSpace(it.Right) != "":
			is := it.Is
			if is == "" {
				is = "equal"
			}
			list = append(list, Object{"calculator": is, "operands": []any{literal(it.Left), literal(it.Right)}})
		}
	}
	kind := g.Type
	if len(list) == 0 {
		kind = "and"
	}
	return Object{"group": Object{"type": kind, "calculations": list}}
}

// words says a condition in one line: "Stock ≥ Order / Quantity and 2 more".
func (g group) words(env *Env) string {
	joiner := " and "
	if g.Type == "or" {
		joiner = " or "
	}
	var parts []string
	for _, it := range g.Items {
		switch {
		case it.Group != nil:
			if inner := it.Group.words(env); inner != "" {
				parts = append(parts, "("+inner+")")
			}
		case it.Left != "" || it.Right != "":
			parts = append(parts, env.Names.Short(it.Left)+" "+calculatorLabel(it.Is)+" "+env.Names.Short(it.Right))
		}
	}
	return strings.Join(parts, joiner)
}

// filterWords says a filter in one line: "ID is Order / Product".
func (g group) filterWords(env *Env, collectionName string) string {
	if g.Raw != "" {
		return "filter in JSON"
	}
	joiner := " and "
	if g.Type == "or" {
		joiner = " or "
	}
	var parts []string
	for _, it := range g.Items {
		switch {
		case it.Group != nil:
			if inner := it.Group.filterWords(env, collectionName); inner != "" {
				parts = append(parts, "("+inner+")")
			}
		case it.Left != "":
			op := operatorNamed(it.Is)
			part := titleAt(env, collectionName, it.Left) + " " + op.label
			if !op.alone {
				part += " " + env.Names.Short(valueLabel(env, collectionName, it))
			}
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, joiner)
}

// valueLabel words the constant of a single choice by its label.
func valueLabel(env *Env, collectionName string, it item) string {
	if f := fieldAt(env, collectionName, it.Left); f != nil {
		if c, ok := f.Choice(it.Right); ok {
			return orName(c.Label, c.Value)
		}
	}
	return it.Right
}
