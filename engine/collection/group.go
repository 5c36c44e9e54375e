package collection

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/pg"
)

// Limits of one grouping.
const (
	maxGroupParts = 20 // measures and dimensions
	maxGroups     = 10_000
	defaultGroups = 2_000
)

// Groups says how records are put into groups and what is reckoned up of each
// (spec/platform.md §3, query).
type Groups struct {
	Dimensions []GroupPart // none: all records are one group
	Measures   []GroupPart
	Orders     []GroupPart // Function is "asc" or "desc"; Alias names a dimension or measure
	Filter     any
	Limit      int // 1 to 10,000; 0 is 2,000
	Offset     int
}

// GroupPart is one value of a group.
type GroupPart struct {
	Path     []string // to-one relations, then a field
	Alias    string   // the member of the answer; the path when it was not given
	Function string   // of measures: count, sum, avg, min or max; "" takes each value
	Distinct bool     // of measures: each value once
	Format   string   // of dates as dimensions: YYYY-MM and the like; "" takes the value
}

// ParseGroups reads the parameters of the action query.
func ParseGroups(in map[string]any) (g Groups, err error) {
	for name, into := range map[string]*[]GroupPart{"dimensions": &g.Dimensions, "measures": &g.Measures, "orders": &g.Orders} {
		list, ok := in[name].([]any)
		if !ok && in[name] != nil || len(list) > maxGroupParts {
			return g, badGroup(name, fmt.Sprintf("Send a list of at most %d objects with the member “field”.", maxGroupParts))
		}
		for _, item := range list {
			part, ok := parseGroupPart(item)
			if !ok {
				return g, badGroup(name, "Send objects with the member “field”: a name, or a list of names.")
			}
			*into = append(*into, part)
		}
	}
	if len(g.Dimensions)+len(g.Measures) == 0 {
		return g, badGroup("measures", "Say what to reckon up, as in [{\"field\": \"id\", \"aggregation\": \"count\"}].")
	}
	for name, into := range map[string]*int{"limit": &g.Limit, "offset": &g.Offset} {
		n, ok := integer(in[name])
		if in[name] == nil || in[name] == "" {
			continue
		}
		if !ok || n < 0 || n > 1_000_000_000 {
			return g, badGroup(name, "Write a whole number.")
		}
		*into = int(n)
	}
	return g, nil
}

func parseGroupPart(item any) (p GroupPart, ok bool) {
	m, isObject := item.(map[string]any)
	if !isObject {
		return p, false
	}
	switch f := m["field"].(type) {
	case string:
		p.Path = strings.Split(f, ".")
	case []any:
		for _, step := range f {
			name, ok := step.(string)
			if !ok {
				return p, false
			}
			p.Path = append(p.Path, name)
		}
	}
	p.Alias, _ = m["alias"].(string)
	if len(p.Path) == 0 && p.Alias == "" || len(p.Path) > maxDepth {
		return p, false
	}
	if p.Alias == "" {
		p.Alias = strings.Join(p.Path, ".")
	}
	p.Function, _ = m["aggregation"].(string)
	if order, ok := m["order"].(string); ok {
		p.Function = order
	}
	p.Function = strings.ToLower(p.Function)
	p.Format, _ = m["format"].(string)
	p.Distinct = m["distinct"] == true
	return p, true
}

func badGroup(name, msg string) error {
	return &fault.Error{Kind: fault.Invalid, Msg: msg, Fields: map[string]string{name: msg}}
}

// Group reads one record for each group, with a member for each dimension and
// measure.
func (s *Store) Group(ctx context.Context, q pg.Q, a Access, collection string, g Groups) ([]Record, error) {
	c, cat, err := s.openTo(ctx, a, collection, auth.View)
	if err != nil {
		return nil, err
	}
	sc := s.builder(cat, a).scope(c)
	var cols, by []string
	var fields []*Field
	for _, p := range g.Dimensions {
		col, f, err := sc.dimension(p)
		if err != nil {
			return nil, err
		}
		cols, fields = append(cols, col), append(fields, f)
		by = append(by, strconv.Itoa(len(cols)))
	}
	for _, p := range g.Measures {
		col, f, err := sc.measure(p)
		if err != nil {
			return nil, err
		}
		cols, fields = append(cols, col), append(fields, f)
		if p.Function == "" {
			by = append(by, strconv.Itoa(len(cols)))
		}
	}
	where, err := sc.filter(g.Filter, auth.View)
	if err != nil {
		return nil, err
	}
	order, err := g.order()
	if err != nil {
		return nil, err
	}
	query := "SELECT " + strings.Join(cols, ", ") + " FROM " + sc.from() + where
	if len(by) > 0 {
		query += " GROUP BY " + strings.Join(by, ", ")
	}
	limit := min(g.Limit, maxGroups)
	if limit <= 0 {
		limit = defaultGroups
	}
	query += order + " LIMIT " + sc.b.param(limit) + " OFFSET " + sc.b.param(g.Offset)
	names := g.names()
	out := []Record{}
	err = s.rows(ctx, q, query, sc.b.args, func(rows *sqlx.Rows) error {
		out = out[:0]
		row := newRow(len(fields))
		for rows.Next() {
			if err := rows.Scan(row.into...); err != nil {
				return err
			}
			rec := Record{}
			for i, f := range fields {
				rec[names[i]] = f.value(row.values[i])
			}
			out = append(out, rec)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("group %s: %w", c.Name, err)
	}
	return out, nil
}

// names are the members of the answer, in the order of the columns.
func (g Groups) names() []string {
	var names []string
	for _, p := range slices.Concat(g.Dimensions, g.Measures) {
		names = append(names, p.Alias)
	}
	return names
}

func (g Groups) order() (string, error) {
	names := g.names()
	var parts []string
	for _, o := range g.Orders {
		i := slices.Index(names, o.Alias)
		if i < 0 {
			return "", badGroup("orders", fmt.Sprintf("“%s” is none of the dimensions and measures.", short(o.Alias)))
		}
		part := strconv.Itoa(i + 1)
		switch o.Function {
		case "", "asc":
		case "desc":
			part += " DESC NULLS LAST"
		default:
			return "", badGroup("orders", "Write asc or desc.")
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		return "", nil
	}
	return " ORDER BY " + strings.Join(parts, ", "), nil
}

// column finds the field at the end of a path, in the scope it belongs to.
func (sc *scope) column(param string, path []string) (*scope, *Field, error) {
	for i, step := range path {
		f := sc.c.visible(sc.b.a.Actor, step)
		switch {
		case f == nil:
			return nil, nil, badField(param, sc.c, step)
		case f.Type == BelongsTo && i < len(path)-1:
			sub, err := sc.join(f)
			if err != nil {
				return nil, nil, err
			}
			sc = sub
			continue
		case f.Type == BelongsTo:
			return sc, sc.c.byName[f.ForeignKey], nil
		case f.Column == "" || i < len(path)-1:
			return nil, nil, badGroup(param, fmt.Sprintf("Records cannot be grouped by “%s”.", f.Title))
		}
		return sc, f, nil
	}
	return nil, nil, badField(param, sc.c, "")
}

func (sc *scope) dimension(p GroupPart) (string, *Field, error) {
	at, f, err := sc.column("dimensions", p.Path)
	if err != nil {
		return "", nil, err
	}
	if p.Format == "" {
		return f.col(at.alias), f, nil
	}
	if f.class() != asDate {
		return "", nil, badGroup("dimensions", fmt.Sprintf("“%s” is no date, so it has no format.", f.Title))
	}
	form, ok := groupFormat(p.Format)
	if !ok {
		return "", nil, badGroup("dimensions", "Write a format of YYYY, Q, MM, WW, DD, HH, mm and ss.")
	}
	col := f.col(at.alias)
	if f.Type == Datetime {
		col += " AT TIME ZONE " + sc.b.zoneParam()
	}
	return "to_char(" + col + ", " + sc.b.param(form) + "::text)", &Field{Name: p.Alias, Type: Text}, nil
}

// zoneParam is the reader's time zone in SQL. One without a name is an offset.
func (b *builder) zoneParam() string {
	zone := b.a.zone()
	if name := zone.String(); name != "" && name != time.Local.String() {
		return b.param(name) + "::text"
	}
	_, offset := b.now.In(zone).Zone()
	return "make_interval(secs => " + b.param(offset) + "::double precision)"
}

// groupFormat turns a format such as YYYY-MM-DD into PostgreSQL's.
func groupFormat(s string) (string, bool) {
	forms := [][2]string{{"YYYY", "YYYY"}, {"MM", "MM"}, {"DD", "DD"}, {"HH", "HH24"}, {"hh", "HH12"}, {"mm", "MI"}, {"ss", "SS"}, {"WW", "IW"}, {"Q", "Q"}}
	var b strings.Builder
	for len(s) > 0 {
		i := slices.IndexFunc(forms, func(f [2]string) bool { return strings.HasPrefix(s, f[0]) })
		switch {
		case i >= 0:
			b.WriteString(forms[i][1])
			s = s[len(forms[i][0]):]
		case strings.ContainsRune(" -/.:", rune(s[0])):
			b.WriteByte(s[0])
			s = s[1:]
		case s[0] == 'W' || s[0] == 'w' || s[0] == 'T':
			b.WriteString(`"` + s[:1] + `"`)
			s = s[1:]
		default:
			return "", false
		}
	}
	return b.String(), b.Len() <= 100
}

func (sc *scope) measure(p GroupPart) (string, *Field, error) {
	at, f, err := sc.column("measures", p.Path)
	if err != nil {
		return "", nil, err
	}
	col := f.col(at.alias)
	if p.Distinct {
		col = "DISTINCT " + col
	}
	number := &Field{Name: p.Alias, Type: Decimal}
	switch p.Function {
	case "":
		return col, f, nil
	case "count":
		return "count(" + col + ")", number, nil
	case "sum", "avg":
		if f.class() != asNumber {
			return "", nil, badGroup("measures", fmt.Sprintf("“%s” is no number.", f.Title))
		}
		return p.Function + "(" + col + ")", number, nil
	case "min", "max":
		if c := f.class(); c == asBoolean || c == asJSON {
			return "", nil, badGroup("measures", fmt.Sprintf("“%s” has no smallest and largest value.", f.Title))
		}
		return p.Function + "(" + col + ")", f, nil
	}
	return "", nil, badGroup("measures", "Choose count, sum, avg, min or max.")
}
