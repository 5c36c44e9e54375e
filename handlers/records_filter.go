package handlers

import (
	"context"
	"encoding/json"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"alur/engine/auth"
	"alur/engine/collection"
)

const (
	filterDepth = 4   // groups inside of groups
	filterMost  = 50  // conditions and groups in one group
	longestTest = 500 // characters of a value to compare with
)

// me stands in a filter for the id of who reads the list.
const me = "{{$user.id}}"

// catalogue is what filters and columns may name: the fields of a collection and
// those behind its relations, as somebody may see them.
type catalogue struct {
	coll  *collection.Collection
	all   map[string]*collection.Collection
	actor auth.Actor
}

func (h *records) catalogue(ctx context.Context, a auth.Actor, coll *collection.Collection) (catalogue, error) {
	list, err := h.store.Collections(ctx)
	if err != nil {
		return catalogue{}, err
	}
	cat := catalogue{coll: coll, all: map[string]*collection.Collection{}, actor: a}
	for _, c := range list {
		if c.Allows(a, auth.View) {
			cat.all[c.Name] = c
		}
	}
	return cat, nil
}

// sees reports whether the reader may see a field of coll.
func (cat catalogue) sees(coll *collection.Collection, f *collection.Field) bool {
	return f != nil && coll.Shows(cat.actor, f)
}

// target is the collection that a relation leads to; nil when the reader may not
// see it, or when f is no relation.
func (cat catalogue) target(f *collection.Field) *collection.Collection {
	if f.Target == "" {
		return nil
	}
	return cat.all[f.Target]
}

// resolve follows a path such as "author.name"; nil when it leads nowhere.
func (cat catalogue) resolve(path string) []*collection.Field {
	var fields []*collection.Field
	at := cat.coll
	for name := range strings.SplitSeq(path, ".") {
		if at == nil || len(fields) >= filterDepth {
			return nil
		}
		f := at.Field(name)
		if !cat.sees(at, f) || f.IsRelation() && cat.target(f) == nil {
			return nil
		}
		fields = append(fields, f)
		at = cat.target(f)
	}
	return fields
}

// pathTitle words a path: "Author › Name".
func pathTitle(fields []*collection.Field) string {
	titles := make([]string, len(fields))
	for i, f := range fields {
		titles[i] = f.Title
	}
	return strings.Join(titles, " › ")
}

// filterNode is a group of conditions, or one condition.
type filterNode struct {
	any   bool // one of parts is enough
	parts []filterNode
	cond  *condition // nil for a group
}

// condition is one comparison, as it was chosen: it may be unfinished.
type condition struct {
	path   string
	op     string // name of a filterOp
	values []string
}

// empty reports whether nothing is asked.
func (n filterNode) empty() bool {
	return n.cond == nil && !slices.ContainsFunc(n.parts, func(p filterNode) bool { return !p.empty() })
}

// understood is a condition with what its names mean.
type understood struct {
	fields []*collection.Field
	op     filterOp
	values []string
}

func (u understood) field() *collection.Field { return u.fields[len(u.fields)-1] }

// understand looks the names of a condition up; false when they do not fit the
// collection (any more) or when the value cannot be compared with.
func (cat catalogue) understand(c condition) (understood, bool) {
	u := understood{fields: cat.resolve(c.path)}
	if u.fields == nil {
		return u, false
	}
	ops := filterOps(u.field())
	i := slices.IndexFunc(ops, func(o filterOp) bool { return o.name == c.op })
	if i < 0 {
		return u, false
	}
	u.op = ops[i]
	for _, v := range c.values {
		if v = strings.TrimSpace(v); v != "" {
			u.values = append(u.values, v)
		}
	}
	return u, u.fits()
}

func (u understood) fits() bool {
	n := len(u.values)
	switch u.op.takes {
	case noValue:
		return true
	case oneValue, numberOf:
		if n != 1 {
			return false
		}
	case twoValues:
		if n != 2 {
			return false
		}
	case someValues:
		if n == 0 || n > filterMost {
			return false
		}
	}
	if slices.ContainsFunc(u.values, func(v string) bool { return len(v) > longestTest }) {
		return false
	}
	return collection.Comparable(u.field(), u.op.op, u.operand()) == nil
}

// operand is what the engine's operator compares with.
func (u understood) operand() any {
	switch u.op.takes {
	case oneValue:
		return u.values[0]
	case someValues, twoValues:
		list := make([]any, len(u.values))
		for i, v := range u.values {
			list[i] = v
		}
		return list
	case numberOf:
		n, _ := strconv.ParseFloat(u.values[0], 64)
		return map[string]any{"type": u.op.name, "unit": "day", "number": n}
	}
	return u.op.fixed
}

// json is the filter in the language of the API, without what does not fit; nil
// when nothing is asked.
func (cat catalogue) json(n filterNode) any {
	if n.cond != nil {
		u, ok := cat.understand(*n.cond)
		if !ok {
			return nil
		}
		return map[string]any{n.cond.path: map[string]any{u.op.op: u.operand()}}
	}
	list := []any{}
	for _, p := range n.parts {
		if f := cat.json(p); f != nil {
			list = append(list, f)
		}
	}
	if len(list) == 0 {
		return nil
	}
	key := "$and"
	if n.any {
		key = "$or"
	}
	return map[string]any{key: list}
}

// query is the filter for the engine: "is me" has become an id.
func (cat catalogue) query(n filterNode) any { return cat.personal(cat.json(n)) }

func (cat catalogue) personal(v any) any {
	switch x := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(x))
		for k, e := range x {
			out[k] = cat.personal(e)
		}
		return out
	case []any:
		out := make([]any, len(x))
		for i, e := range x {
			out[i] = cat.personal(e)
		}
		return out
	case string:
		if x == me {
			return cat.actor.UserID
		}
	}
	return v
}

// parse understands a filter of the API as far as people can edit it; lost counts
// the conditions that were left out.
func (cat catalogue) parse(v any) (root filterNode, lost int) {
	n, lost := cat.node(v, 0)
	if n.cond != nil {
		n = filterNode{parts: []filterNode{n}}
	}
	return n, lost
}

func (cat catalogue) node(v any, depth int) (n filterNode, lost int) {
	m, ok := v.(map[string]any)
	if !ok || depth > filterDepth {
		if v == nil {
			return n, 0
		}
		return n, 1
	}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		parts, gone := cat.entry(key, m[key], depth)
		n.parts = append(n.parts, parts...)
		lost += gone
	}
	if over := len(n.parts) - filterMost; over > 0 {
		n.parts, lost = n.parts[:filterMost], lost+over
	}
	if len(n.parts) == 1 { // {"$or": […]}: the group itself
		return n.parts[0], lost
	}
	return n, lost
}

// entry understands one key of a filter.
func (cat catalogue) entry(key string, v any, depth int) (parts []filterNode, lost int) {
	if key == "$and" || key == "$or" {
		list, ok := v.([]any)
		if !ok {
			return nil, 1
		}
		group := filterNode{any: key == "$or"}
		for _, item := range list {
			p, gone := cat.node(item, depth+1)
			lost += gone
			if p.cond != nil || len(p.parts) > 0 {
				group.parts = append(group.parts, p)
			}
		}
		return []filterNode{group}, lost
	}
	path, op := key, ""
	if at := strings.LastIndex(key, ".$"); at >= 0 {
		path, op = key[:at], key[at+1:]
	}
	m, nested := v.(map[string]any)
	switch {
	case op != "":
		m = map[string]any{op: v}
	case !nested:
		m = map[string]any{"$eq": v}
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if !strings.HasPrefix(name, "$") {
			if len(m) > 1 { // several conditions on the same related record
				return nil, 1
			}
			return cat.entry(path+"."+name, m[name], depth+1)
		}
		c, ok := cat.condition(path, name, m[name])
		if !ok {
			lost++
			continue
		}
		parts = append(parts, filterNode{cond: &c})
	}
	return parts, lost
}

// condition finds the words for an operator of the engine.
func (cat catalogue) condition(path, op string, v any) (condition, bool) {
	fields := cat.resolve(path)
	if fields == nil {
		return condition{}, false
	}
	_, several := v.([]any)
	if short := map[string]string{"$eq": "$in", "$ne": "$notIn"}[op]; short != "" && v != nil && (several || kindOfValue(fields[len(fields)-1]) == "one of") {
		op = short
	}
	for _, o := range filterOps(fields[len(fields)-1]) {
		if o.op != op {
			continue
		}
		c := condition{path: path, op: o.name}
		m, period := v.(map[string]any)
		list, several := v.([]any)
		switch o.takes {
		case noValue:
			if !reflect.DeepEqual(o.fixed, v) && (o.fixed != true || v != nil) {
				continue
			}
		case oneValue:
			if period || several || v == nil || v == me {
				continue
			}
			c.values = []string{collection.Format(v)}
		case someValues, twoValues:
			if !several {
				list = []any{v}
			}
			for _, e := range list {
				c.values = append(c.values, collection.Format(e))
			}
		case numberOf:
			if m["type"] != o.name || m["unit"] != "day" {
				continue
			}
			c.values = []string{collection.Format(m["number"])}
		}
		_, ok := cat.understand(c)
		return c, ok
	}
	return condition{}, false
}

// parseText reads the filter of an address.
func (cat catalogue) parseText(text string) (filterNode, int) {
	if text == "" {
		return filterNode{}, 0
	}
	var v any
	if json.Unmarshal([]byte(text), &v) != nil {
		return filterNode{}, 1
	}
	return cat.parse(v)
}

// text is the filter for an address; "" when nothing is asked.
func (cat catalogue) text(n filterNode) string {
	v := cat.json(n)
	if v == nil {
		return ""
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(raw)
}

// without is the group without its i-th part.
func (n filterNode) without(i int) filterNode {
	n.parts = slices.Delete(slices.Clone(n.parts), i, i+1)
	return n
}

// readFilterForm reads the form that changes a filter. m is the way the parts of a
// group are joined, f, o and v are field, operator and values of a condition;
// their places follow, as in f.1.0.
func readFilterForm(v url.Values, at string) filterNode {
	n := filterNode{any: v.Get("m"+at) == "any"}
	for i := range filterMost {
		place := at + "." + strconv.Itoa(i)
		switch {
		case v.Has("m"+place) && strings.Count(place, ".") < filterDepth:
			n.parts = append(n.parts, readFilterForm(v, place))
		case v.Has("f" + place):
			n.parts = append(n.parts, filterNode{cond: &condition{path: v.Get("f" + place), op: v.Get("o" + place), values: v["v"+place]}})
		default:
			return n
		}
	}
	return n
}

// change does what a button of the form says: "add", "group" or "remove", then the
// place it means.
func (n filterNode) change(do string, fresh condition) filterNode {
	what, at, _ := strings.Cut(do, ":")
	steps := strings.Split(strings.TrimPrefix(at, "."), ".")
	if at == "" {
		steps = nil
	}
	return n.changeAt(what, steps, fresh)
}

func (n filterNode) changeAt(what string, steps []string, fresh condition) filterNode {
	n.parts = slices.Clone(n.parts)
	if len(steps) == 0 {
		if len(n.parts) >= filterMost {
			return n
		}
		switch what {
		case "add":
			n.parts = append(n.parts, filterNode{cond: &fresh})
		case "group":
			n.parts = append(n.parts, filterNode{any: !n.any, parts: []filterNode{{cond: &fresh}}})
		}
		return n
	}
	i, err := strconv.Atoi(steps[0])
	switch {
	case err != nil || i < 0 || i >= len(n.parts):
	case what == "remove" && len(steps) == 1:
		return n.without(i)
	case n.parts[i].cond == nil:
		n.parts[i] = n.parts[i].changeAt(what, steps[1:], fresh)
	}
	return n
}
