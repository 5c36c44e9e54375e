package nodeforms

import (
	"slices"
	"strings"

	"alur/views"
)

// calculator is one comparison of a basic condition: those of spec/variables.md §10
// and ours (package expr).
type calculator struct {
	name, label string
	after       string // follows the second value in words
	alone       bool   // there is no second value
	day         bool   // asks which day it is somewhere
}

const anyCase = " in any case"

var calculators = []calculator{
	{name: "equal", label: "="}, {name: "notEqual", label: "≠"},
	{name: "gt", label: ">"}, {name: "gte", label: "≥"}, {name: "lt", label: "<"}, {name: "lte", label: "≤"},
	{name: "empty", label: "is empty", alone: true}, {name: "notEmpty", label: "is not empty", alone: true},
	{name: "includes", label: "contains"}, {name: "notIncludes", label: "does not contain"},
	{name: "startsWith", label: "starts with"}, {name: "notStartsWith", label: "does not start with"},
	{name: "endsWith", label: "ends with"}, {name: "notEndsWith", label: "does not end with"},
	{name: "equalNoCase", label: "=", after: anyCase}, {name: "notEqualNoCase", label: "≠", after: anyCase},
	{name: "includesNoCase", label: "contains", after: anyCase}, {name: "notIncludesNoCase", label: "does not contain", after: anyCase},
	{name: "sameDay", label: "is on the day of", day: true}, {name: "notSameDay", label: "is not on the day of", day: true},
	{name: "beforeDay", label: "is before the day of", day: true}, {name: "afterDay", label: "is after the day of", day: true},
}

var calculatorAliases = map[string]string{"==": "equal", "!=": "notEqual", ">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}

// calculatorNamed is called like name itself when nobody knows it.
func calculatorNamed(name string) calculator {
	for _, c := range calculators {
		if c.name == name || c.name == calculatorAliases[name] {
			return c
		}
	}
	return calculator{name: name, label: name}
}

// rows reports whether c takes a line of its own in the form, its words being long or
// there being no second value beside.
func (c calculator) rows() bool { return c.alone || len(c.label+c.after) > len("is on the day of") }

// calculatorOptions are all of them, and current if it is none.
func calculatorOptions(current string) []views.Option {
	var options []views.Option
	for _, c := range calculators {
		options = append(options, views.Option{Value: c.name, Text: c.label + c.after})
	}
	if c := calculatorNamed(current); current != "" && c.label == current {
		options = append(options, views.Option{Value: current, Text: current})
	}
	return options
}

// help says how values are read.
func (g group) help() string {
	help := `Numbers, true, false and null are taken as such; put text that looks like one in "quotes".`
	if g.asksDay() {
		help += " A day begins and ends in the time zone of this server."
	}
	return help
}

func (g group) asksDay() bool {
	return slices.ContainsFunc(g.Items, func(it item) bool {
		return calculatorNamed(it.Is).day || it.Group != nil && it.Group.asksDay()
	})
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
			operands := []any{literal(it.Left), literal(it.Right)}
			if calculatorNamed(is).alone {
				operands = operands[:1]
			}
			list = append(list, Object{"calculator": is, "operands": operands})
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
			is := calculatorNamed(it.Is)
			part := env.Names.Short(it.Left) + " " + is.label
			if !is.alone {
				part += " " + env.Names.Short(it.Right) + is.after
			}
			parts = append(parts, part)
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
