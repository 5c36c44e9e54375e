package collection

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"alur/engine/auth"
	"alur/engine/fault"
)

const (
	maxDepth = 32  // of nested conditions and relation paths
	maxTerms = 500 // conditions in one filter
)

// builder collects the parameters and aliases of one statement.
type builder struct {
	cat   *catalogue
	a     Access
	now   time.Time
	args  []any
	names int // aliases given so far
	terms int
	most  int // see Query.Most
}

func (s *Store) builder(cat *catalogue, a Access) *builder {
	return &builder{cat: cat, a: a, now: s.now()}
}

// param adds a value and returns its place, as in $3.
func (b *builder) param(v any) string {
	b.args = append(b.args, v)
	return "$" + strconv.Itoa(len(b.args))
}

// alias makes a name for a table in the statement.
func (b *builder) alias() string {
	b.names++
	return "t" + strconv.Itoa(b.names-1)
}

func (b *builder) scope(c *Collection) *scope {
	return &scope{b: b, c: c, source: b.source(c), alias: b.alias(), joins: new(strings.Builder), to: map[string]*scope{}}
}

// scope is one table in a statement, with the to-one relations joined to it.
type scope struct {
	b      *builder
	c      *Collection
	source string // what stands for the table: as much of it as the actor may see
	alias  string
	joins  *strings.Builder  // LEFT JOINs, shared with the scopes in to
	to     map[string]*scope // by the name of the relation
}

// from is what stands after FROM. Ask for it when all conditions are built.
func (sc *scope) from() string { return sc.source + " " + sc.alias + sc.joins.String() }

// field finds a field that the actor may see.
func (sc *scope) field(name string) (*Field, error) {
	if f := sc.c.visible(sc.b.a.Actor, name); f != nil {
		return f, nil
	}
	return nil, badFilter("“%s” has no field called “%s”.", sc.c.Title, short(name))
}

// target finds the collection that relation f leads to.
func (sc *scope) target(f *Field) (*Collection, error) {
	c := sc.b.cat.byName[f.Target]
	if c == nil || !sc.b.a.Actor.Can(c.Right) {
		return nil, badFilter("“%s” has no field called “%s”.", sc.c.Title, f.Name)
	}
	return c, nil
}

// join gives the scope of the record that f, a relation to one, leads to.
func (sc *scope) join(f *Field) (*scope, error) {
	if sub := sc.to[f.Name]; sub != nil {
		return sub, nil
	}
	c, err := sc.target(f)
	if err != nil {
		return nil, err
	}
	ours, theirs, err := sc.ends(f, c)
	if err != nil {
		return nil, err
	}
	sub := sc.b.scope(c)
	sub.joins = sc.joins
	if f.Type == HasOne { // of several, which nothing forbids, the first counts
		x := *sub
		x.alias = "x"
		limit, err := x.limit(auth.View)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(sc.joins, " LEFT JOIN LATERAL (SELECT * FROM %s x WHERE %s ORDER BY %s LIMIT 1) %s ON true",
			x.source, glue([]string{theirs.col("x") + " = " + ours.col(sc.alias), limit}, " AND "), c.key.col("x"), sub.alias)
	} else {
		limit, err := sub.limit(auth.View)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(sc.joins, " LEFT JOIN %s %s ON %s", sub.source, sub.alias,
			glue([]string{theirs.col(sub.alias) + " = " + ours.col(sc.alias), limit}, " AND "))
	}
	sc.to[f.Name] = sub
	return sub, nil
}

// ends are the fields that relation f joins by: ours, and that of its target, or
// of its through collection.
func (sc *scope) ends(f *Field, far *Collection) (ours, theirs *Field, err error) {
	if f.Type == BelongsTo {
		ours, theirs = sc.c.byName[f.ForeignKey], far.named(f.TargetKey)
	} else {
		ours, theirs = sc.c.named(f.SourceKey), far.byName[f.ForeignKey]
	}
	if ours == nil || theirs == nil || f.Type == HasOne && far.key == nil {
		return nil, nil, badFilter("“%s” has lost its way to “%s”.", f.Title, far.Title)
	}
	return ours, theirs, nil
}

// exists asks for a record of f, a relation to many, that meets the condition of
// build.
func (sc *scope) exists(f *Field, build func(*scope) (string, error)) (string, error) {
	c, err := sc.target(f)
	if err != nil {
		return "", err
	}
	sub := sc.b.scope(c)
	cond, err := build(sub)
	if err != nil {
		return "", err
	}
	limit, err := sub.limit(auth.View)
	if err != nil {
		return "", err
	}
	if cond = glue([]string{cond, limit}, " AND "); cond != "" {
		cond = " AND " + cond
	}
	if f.Type == BelongsToMany {
		return sc.existsThrough(f, sub, cond)
	}
	ours, theirs, err := sc.ends(f, c)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("EXISTS (SELECT FROM %s WHERE %s = %s%s)", sub.from(), theirs.col(sub.alias), ours.col(sc.alias), cond), nil
}

func (sc *scope) existsThrough(f *Field, sub *scope, cond string) (string, error) {
	through := sc.b.cat.byName[f.Through]
	if through == nil {
		return "", badFilter("“%s” has lost its way to “%s”.", f.Title, sub.c.Title)
	}
	ours, near, err := sc.ends(f, through)
	if err != nil {
		return "", err
	}
	other, theirs := through.byName[f.OtherKey], sub.c.named(f.TargetKey)
	if other == nil || theirs == nil {
		return "", badFilter("“%s” has lost its way to “%s”.", f.Title, sub.c.Title)
	}
	link := sc.b.alias()
	return fmt.Sprintf("EXISTS (SELECT FROM %s JOIN %s %s ON %s = %s WHERE %s = %s%s)", sub.from(), through.from(), link,
		other.col(link), theirs.col(sub.alias), near.col(link), ours.col(sc.alias), cond), nil
}

// where turns a filter (spec/platform.md §5) into a condition; "" for none.
func (sc *scope) where(filter any, depth int) (string, error) {
	if depth > maxDepth {
		return "", badFilter("This filter is nested too deeply.")
	}
	switch f := filter.(type) {
	case nil:
		return "", nil
	case []any:
		return sc.group(f, " AND ", depth)
	case map[string]any:
		var parts []string
		for _, key := range slices.Sorted(maps.Keys(f)) { // sorted: the text of equal filters stays equal
			part, err := sc.condition(key, f[key], depth)
			if err != nil {
				return "", err
			}
			parts = append(parts, part)
		}
		return glue(parts, " AND "), nil
	}
	return "", badFilter("Write the filter as an object.")
}

// group joins the conditions of a list; empty ones count for nothing.
func (sc *scope) group(list []any, with string, depth int) (string, error) {
	var parts []string
	for _, item := range list {
		part, err := sc.where(item, depth+1)
		if err != nil {
			return "", err
		}
		parts = append(parts, part)
	}
	return glue(parts, with), nil
}

func glue(parts []string, with string) string {
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	if len(parts) < 2 {
		return strings.Join(parts, "")
	}
	return "(" + strings.Join(parts, with) + ")"
}

func (sc *scope) condition(key string, v any, depth int) (string, error) {
	switch key {
	case "$and", "$or":
		list, ok := v.([]any)
		if m, one := v.(map[string]any); one {
			list, ok = []any{m}, true
		}
		if !ok && v != nil {
			return "", badFilter("“%s” needs a list of conditions.", key)
		}
		return sc.group(list, map[string]string{"$and": " AND ", "$or": " OR "}[key], depth)
	case "$not":
		part, err := sc.where(v, depth+1)
		if err != nil || part == "" {
			return "", err
		}
		return "(" + part + ") IS NOT TRUE", nil
	case "$of":
		if of, ok := v.(Of); ok {
			return sc.associated(of)
		}
	}
	return sc.path(strings.Split(key, "."), v, depth+1)
}

// path handles "user.nickname.$includes" and its shorter forms.
func (sc *scope) path(steps []string, v any, depth int) (string, error) {
	if depth > maxDepth {
		return "", badFilter("This filter is nested too deeply.")
	}
	f, err := sc.field(steps[0])
	if err != nil {
		return "", err
	}
	rest := steps[1:]
	switch {
	case len(rest) == 1 && strings.HasPrefix(rest[0], "$"):
		return sc.operator(f, rest[0], v)
	case len(rest) > 0 && !f.IsRelation():
		return "", badFilter("“%s” is a single value; it has no “%s”.", f.Title, short(strings.Join(rest, ".")))
	case len(rest) > 0:
		return sc.related(f, func(sub *scope) (string, error) { return sub.path(rest, v, depth+1) })
	}
	m, ok := v.(map[string]any)
	if !ok {
		return sc.operator(f, "$eq", v)
	}
	nested := map[string]any{}
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if !strings.HasPrefix(key, "$") || f.IsRelation() && (key == "$and" || key == "$or" || key == "$not") {
			nested[key] = m[key]
			continue
		}
		part, err := sc.operator(f, key, m[key])
		if err != nil {
			return "", err
		}
		parts = append(parts, part)
	}
	if len(nested) > 0 {
		part, err := sc.nested(f, nested, depth)
		if err != nil {
			return "", err
		}
		parts = append(parts, part)
	}
	return glue(parts, " AND "), nil
}

func (sc *scope) nested(f *Field, m map[string]any, depth int) (string, error) {
	switch {
	case f.IsRelation():
		return sc.related(f, func(sub *scope) (string, error) { return sub.where(m, depth+1) })
	case f.Base() == JSON:
		return sc.operator(f, "$eq", m)
	}
	return "", badFilter("“%s” needs an operator such as $eq.", f.Title)
}

func (sc *scope) related(f *Field, build func(*scope) (string, error)) (string, error) {
	if f.ToMany() {
		return sc.exists(f, build)
	}
	sub, err := sc.join(f)
	if err != nil {
		return "", err
	}
	return build(sub)
}

// operator applies one operator to a field.
func (sc *scope) operator(f *Field, name string, v any) (string, error) {
	if sc.b.terms++; sc.b.terms > maxTerms {
		return "", badFilter("This filter has more than %d conditions.", maxTerms)
	}
	op := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name, "$"), "_", ""))
	switch f.Type {
	case HasMany, BelongsToMany, HasOne:
		cond, err := sc.exists(f, func(*scope) (string, error) { return "", nil })
		if err != nil {
			return "", err
		}
		switch op {
		case "exists", "notempty":
			return cond, nil
		case "notexists", "empty":
			return "NOT " + cond, nil
		}
		return "", unfit(f, name)
	case BelongsTo: // the association is there when its key is
		f = sc.c.byName[f.ForeignKey]
	}
	o := operand{b: sc.b, f: f, col: f.compared(sc.alias), name: name}
	if f.Order == "id" && f.Type == Datetime {
		o.id = sc.c.key.col(sc.alias)
	}
	return o.apply(op, v)
}

func badFilter(format string, args ...any) error {
	msg := fmt.Sprintf(format, args...)
	return &fault.Error{Kind: fault.Invalid, Msg: msg, Fields: map[string]string{"filter": msg}}
}

func unfit(f *Field, name string) error {
	return badFilter("The operator “%s” does not fit “%s”.", short(name), f.Title)
}
