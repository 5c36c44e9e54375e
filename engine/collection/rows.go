package collection

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"alur/engine/pg"
	"alur/engine/value"
)

// Rows are values that stand in no table of their own, such as the fields of a
// collection, to be listed with the language of lists.
type Rows struct {
	Title string            // what they are called in messages
	Types map[string]string // of members that there are as a rule; the others have the type of their values
	List  []Record          // in the order that they have by themselves
}

// place is the member by which a row is found again.
const place = "\x00place"

// ListRows is [Store.List] for rows: a page of those that p asks for, found, ordered
// and counted by PostgreSQL. They have no relations. The rows of the page are those
// of the list, with all members or those that p names.
func (s *Store) ListRows(ctx context.Context, q pg.Q, a Access, rows Rows, p Query) (Page, error) {
	c := rows.collection()
	for param, paths := range map[string][]string{"appends": p.Appends, "fields": p.Fields} {
		for _, path := range paths {
			if param == "appends" || c.byName[path] == nil {
				return Page{}, badField(param, c, path)
			}
		}
	}
	cat, err := s.catalogue(ctx)
	if err != nil {
		return Page{}, err
	}
	fields, except := p.Fields, p.Except
	p.Fields, p.Except = []string{place}, nil
	page, err := s.list(ctx, q, cat, a.trusted(), c, p)
	if err != nil {
		return Page{}, err
	}
	for i, r := range page.Records {
		n, _ := integer(r[place])
		row := maps.Clone(rows.List[n])
		maps.DeleteFunc(row, func(name string, _ any) bool {
			return len(fields) > 0 && !slices.Contains(fields, name) || slices.Contains(except, name)
		})
		page.Records[i] = row
	}
	return page, nil
}

// collection describes the rows as a table.
func (rows Rows) collection() *Collection {
	types := map[string]string{place: BigInt}
	maps.Copy(types, rows.Types)
	for _, r := range rows.List {
		for name, v := range r {
			switch t := types[name]; {
			case v == nil:
			case t == "":
				types[name] = typeOf(v)
			case !holds(t, v):
				types[name] = JSON
			}
		}
	}
	c := &Collection{Name: rows.Title, Title: rows.Title, System: true, rows: make([]any, len(rows.List))}
	for i, name := range slices.Sorted(maps.Keys(types)) {
		f := &Field{Name: name, Type: types[name], Title: name, Column: fmt.Sprintf("c%d", i)}
		f.alias()
		c.Fields = append(c.Fields, f)
	}
	c.compile()
	c.key = c.byName[place]
	for i, r := range rows.List {
		row := make(map[string]any, len(r)+1)
		for name, v := range r {
			row[c.byName[name].Column] = v
		}
		row[c.key.Column] = i
		c.rows[i] = row
	}
	return c
}

// typeOf is the type of field that takes v.
func typeOf(v any) string {
	switch v.(type) {
	case bool:
		return Boolean
	case string:
		return Text
	case int, int64:
		return BigInt
	case float64:
		return Double
	}
	return JSON
}

// holds reports whether a field of a type takes v.
func holds(t string, v any) bool {
	switch typeOf(v) {
	case Boolean:
		return t == Boolean || t == JSON
	case Text:
		return t == Text || t == String || t == Datetime || t == JSON
	case BigInt:
		return t == BigInt || t == Integer || t == Double || t == JSON
	case Double:
		return t == Double || t == JSON
	}
	return t == JSON
}

// rowsSource stands for the table of c, whose rows are values.
func (b *builder) rowsSource(c *Collection) string {
	columns := make([]string, len(c.own))
	for i, f := range c.own {
		columns[i] = quote(f.Column) + " " + columnTypes[f.Base()]
	}
	return "(SELECT * FROM jsonb_to_recordset(" + b.param(string(value.Encode(c.rows))) + "::jsonb) r(" + strings.Join(columns, ", ") + "))"
}
