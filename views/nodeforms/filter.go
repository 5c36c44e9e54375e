package nodeforms

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"alur/engine/collection"
	"alur/views"
)

// operator is one way to compare in a filter.
type operator struct {
	name, label string
	alone       bool // has no value
	list        bool // takes several values
}

var (
	opIs       = operator{name: "$eq", label: "is"}
	opNot      = operator{name: "$ne", label: "is not"}
	opEmpty    = operator{name: "$empty", label: "is empty", alone: true}
	opNotEmpty = operator{name: "$notEmpty", label: "is not empty", alone: true}
	opIn       = operator{name: "$in", label: "is one of", list: true}
	opNotIn    = operator{name: "$notIn", label: "is none of", list: true}

	textOperators = []operator{opIs, opNot,
		{name: "$includes", label: "contains"}, {name: "$notIncludes", label: "does not contain"},
		{name: "$startsWith", label: "starts with"}, {name: "$endWith", label: "ends with"}, opIn, opEmpty, opNotEmpty}
	numberOperators = []operator{opIs, opNot, {name: "$gt", label: ">"}, {name: "$gte", label: "≥"},
		{name: "$lt", label: "<"}, {name: "$lte", label: "≤"}, opIn, opNotIn, opEmpty, opNotEmpty}
	dateOperators = []operator{{name: "$dateOn", label: "is on"}, {name: "$dateNotOn", label: "is not on"},
		{name: "$dateBefore", label: "before"}, {name: "$dateNotBefore", label: "from"},
		{name: "$dateAfter", label: "after"}, {name: "$dateNotAfter", label: "until"},
		{name: "$dateBetween", label: "between", list: true}, opEmpty, opNotEmpty}
	booleanOperators = []operator{{name: "$isTruly", label: "is yes", alone: true}, {name: "$isFalsy", label: "is no", alone: true}, opIs, opEmpty, opNotEmpty}
	choiceOperators  = []operator{opIs, opNot, opIn, opNotIn, opEmpty, opNotEmpty}
	allOperators     = slices.Concat(textOperators, numberOperators, dateOperators, booleanOperators)
)

// operatorsFor returns the operators for a field; those of text for one that is
// not known.
func operatorsFor(f *collection.Field) []operator {
	switch {
	case f == nil:
		return textOperators
	case len(f.Enum) > 0:
		return choiceOperators
	case isNumber(f) && f.Relation == "":
		return numberOperators
	case f.Relation != "", f.IsRelation():
		return choiceOperators
	}
	switch f.Type {
	case collection.Datetime, collection.DateOnly:
		return dateOperators
	case collection.Boolean:
		return booleanOperators
	}
	return textOperators
}

func isNumber(f *collection.Field) bool {
	switch f.Type {
	case collection.Integer, collection.BigInt, collection.Float, collection.Double, collection.Decimal:
		return true
	}
	return false
}

func operatorNamed(name string) operator {
	i := slices.IndexFunc(allOperators, func(o operator) bool { return o.name == name })
	if i < 0 {
		return operator{name: name, label: name}
	}
	return allOperators[i]
}

// operatorOptions are the operators for a field; current stays in the list.
func operatorOptions(f *collection.Field, current string) []views.Option {
	var options []views.Option
	found := current == ""
	for _, o := range operatorsFor(f) {
		found = found || o.name == current
		options = append(options, views.Option{Value: o.name, Text: o.label})
	}
	if !found {
		options = append(options, views.Option{Value: current, Text: operatorNamed(current).label})
	}
	return options
}

// fieldOptions are the fields of a collection: its own, and for filters those
// one relation away. A belongsTo stands for its foreign key.
func fieldOptions(env *Env, collectionName, current string, deep bool) []views.Option {
	options := []views.Option{{Value: "", Text: "Choose…"}}
	found := current == ""
	add := func(value, title string) {
		found = found || value == current
		options = append(options, views.Option{Value: value, Text: title})
	}
	c := env.Collection(collectionName)
	if c == nil {
		if current != "" {
			add(current, current)
		}
		return options
	}
	for _, f := range c.Fields {
		if f.Hidden || f.IsRelation() && (deep || !f.ToMany()) || (!deep && f.ReadOnly) {
			continue
		}
		add(f.Name, titleOfField(c, f))
	}
	for _, f := range c.Fields {
		target := env.Collection(f.Target)
		if !deep || f.Type != collection.BelongsTo || target == nil {
			continue
		}
		for _, inner := range target.Fields {
			if !inner.Hidden && !inner.IsRelation() && inner.Name != "id" {
				add(f.Name+"."+inner.Name, orName(f.Title, f.Name)+" / "+titleOfField(target, inner))
			}
		}
	}
	if !found {
		options = append(options, views.Option{Value: current, Text: titleAt(env, collectionName, current) + " (gone)"})
	}
	return options
}

// titleOfField names f; a foreign key by its relation.
func titleOfField(c *collection.Collection, f *collection.Field) string {
	if f.Relation != "" {
		if r := c.Field(f.Relation); r != nil {
			return orName(r.Title, r.Name)
		}
	}
	return orName(f.Title, f.Name)
}

// titleAt names the field at path as rows and summaries do.
func titleAt(env *Env, collectionName, path string) string {
	c := env.Collection(collectionName)
	head, rest, deeper := strings.Cut(path, ".")
	if c == nil || c.Field(head) == nil {
		return path
	}
	title := titleOfField(c, c.Field(head))
	if !deeper {
		return title
	}
	return title + " / " + titleAt(env, c.Field(head).Target, rest)
}

// loadFilter turns a stored filter into rows. A filter that does not fit them
// is edited as JSON.
func loadFilter(v any) group {
	o, _ := v.(Object)
	if len(o) == 0 {
		return group{Type: "and"}
	}
	if g, ok := filterRows(o); ok {
		return g
	}
	return group{Type: "and", Raw: jsonText(o)}
}

func filterRows(o Object) (group, bool) {
	for _, kind := range []string{"and", "or"} {
		if list, ok := o["$"+kind].([]any); ok && len(o) == 1 {
			g := group{Type: kind}
			for _, entry := range list {
				inner, ok := entry.(Object)
				if !ok {
					return group{}, false
				}
				rows, ok := filterRows(inner)
				switch {
				case !ok:
					return group{}, false
				case isGroup(inner):
					g.Items = append(g.Items, item{Group: &rows})
				case len(rows.Items) > 1 && kind == "or":
					g.Items = append(g.Items, item{Group: &rows})
				default:
					g.Items = append(g.Items, rows.Items...)
				}
			}
			return g, true
		}
	}
	g := group{Type: "and"}
	for _, field := range slices.Sorted(maps.Keys(o)) {
		if strings.HasPrefix(field, "$") {
			return group{}, false
		}
		rows, ok := leafRows(field, o[field])
		if !ok {
			return group{}, false
		}
		g.Items = append(g.Items, rows...)
	}
	return g, true
}

func isGroup(o Object) bool {
	_, and := o["$and"]
	_, or := o["$or"]
	return and || or
}

// leafRows reads {"$gt": 5}, {"name": {"$eq": "x"}} of a relation, or a plain value.
func leafRows(field string, v any) ([]item, bool) {
	o, ok := v.(Object)
	if !ok {
		if _, list := v.([]any); list {
			return []item{{Left: field, Is: "$in", Right: valueText(v)}}, true
		}
		return []item{{Left: field, Is: "$eq", Right: valueText(v)}}, true
	}
	var rows []item
	for _, key := range slices.Sorted(maps.Keys(o)) {
		if strings.HasPrefix(key, "$") {
			if _, inner := o[key].(Object); inner {
				return nil, false
			}
			rows = append(rows, item{Left: field, Is: key, Right: valueText(o[key])})
			continue
		}
		inner, ok := leafRows(field+"."+key, o[key])
		if !ok {
			return nil, false
		}
		rows = append(rows, inner...)
	}
	return rows, len(rows) > 0
}

// valueText shows a stored value in a text field; lists with commas.
func valueText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []any:
		parts := make([]string, len(v))
		for i, item := range v {
			parts[i] = valueText(item)
		}
		return strings.Join(parts, ", ")
	}
	return jsonText(v)
}

// filter turns rows into a stored filter, and tells problem what is wrong by
// the name of the control.
func (g group) filter(env *Env, collectionName, prefix string, problem func(name, msg string)) Object {
	if g.Raw != "" {
		o, ok := literal(g.Raw).(Object)
		if !ok {
			problem(prefix, "This is not a JSON object. Check its brackets and quotes.")
		}
		return o
	}
	list := []any{}
	for i, it := range g.Items {
		at := prefix + "." + strconv.Itoa(i)
		switch {
		case it.Group != nil:
			if inner := it.Group.filter(env, collectionName, at, problem); len(inner) > 0 {
				list = append(list, inner)
			}
		case it.Left != "":
			f := fieldAt(env, collectionName, it.Left)
			op := operatorNamed(it.Is)
			if it.Is == "" || !slices.ContainsFunc(operatorsFor(f), func(o operator) bool { return o.name == it.Is }) && f != nil {
				op = operatorsFor(f)[0]
			}
			value, msg := filterValue(f, op, it.Right)
			if msg != "" {
				problem(at, msg)
			}
			list = append(list, Object{it.Left: Object{op.name: value}})
		}
	}
	if len(list) == 0 {
		return Object{}
	}
	return Object{"$" + g.Type: list}
}

func filterValue(f *collection.Field, op operator, typed string) (value any, problem string) {
	switch {
	case op.alone:
		return true, ""
	case op.list && !isOneVariable(typed):
		list := []any{}
		for part := range strings.SplitSeq(typed, ",") {
			v, msg := fieldValue(f, strings.TrimSpace(part))
			if msg != "" {
				return nil, msg
			}
			list = append(list, v)
		}
		return list, ""
	}
	return fieldValue(f, typed)
}

func isOneVariable(s string) bool {
	s = strings.TrimSpace(s)
	return strings.HasPrefix(s, "{{") && strings.HasSuffix(s, "}}") && strings.Count(s, "{{") == 1
}

// fieldValue turns a typed constant into the JSON value of a field. Text with a
// variable stays text, nothing typed is null.
func fieldValue(f *collection.Field, typed string) (value any, problem string) {
	switch trimmed := strings.TrimSpace(typed); {
	case trimmed == "":
		if f != nil && (f.Type == collection.String || f.Type == collection.Text) {
			return "", ""
		}
		return nil, ""
	case strings.Contains(typed, "{{"):
		return typed, ""
	case f == nil:
		return typed, ""
	case isNumber(f), f.Type == collection.BelongsTo:
		n, ok := literal(trimmed).(float64)
		if !ok {
			return typed, fmt.Sprintf("“%s” is a number. Write one, or choose a variable.", orName(f.Title, f.Name))
		}
		return n, ""
	case f.Type == collection.Boolean:
		b, ok := literal(trimmed).(bool)
		if !ok {
			return typed, "Choose Yes or No, or a variable."
		}
		return b, ""
	case f.Type == collection.JSON:
		return literal(trimmed), ""
	}
	return typed, ""
}
