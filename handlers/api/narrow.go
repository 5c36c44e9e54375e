package api

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"alur/engine/collection"
)

// Lister reads records of a collection as who asks or, trusted, with the rights of
// the server. Variables in the filter are those of who asks.
type Lister func(c echo.Context, trusted bool, collection string, q collection.Query) (collection.Page, error)

// RowLister lists values that stand in no table, as [Lister] lists records.
type RowLister func(c echo.Context, rows collection.Rows, q collection.Query) (collection.Page, error)

// answer answers the rows that a request asks for, all of them when it asks for no
// page.
func (list RowLister) answer(c echo.Context, rows collection.Rows) error {
	p, err := ParseQuery(c.Request().URL.RawQuery)
	if err != nil {
		return err
	}
	q, err := p.listed()
	if err != nil {
		return err
	}
	if q.PageSize == 0 && q.Page == 0 {
		q.PageSize = max(len(rows.List), 20)
	}
	page, err := list(c, rows, q)
	switch {
	case err != nil:
		return err
	case q.All:
		return data(c, page.Records)
	}
	return c.JSONBlob(http.StatusOK, envelope(page))
}

// narrow bounds what people name of records that are theirs, in a collection that
// they have no right to as a whole: all its own fields, and of each relation these
// fields. Whatever a filter or an order may name can be found out by it.
type narrow map[string][]string

// listed reads the parameters of a list.
func (p Params) listed() (q collection.Query, err error) {
	if q.Filter, err = p.JSON("filter"); err != nil {
		return q, err
	}
	for name, into := range map[string]*[]string{"fields": &q.Fields, "except": &q.Except, "appends": &q.Appends, "sort": &q.Sort} {
		if *into, err = p.List(name); err != nil {
			return q, err
		}
	}
	if q.Page, err = p.Int("page"); err != nil {
		return q, err
	}
	if q.PageSize, err = p.Int("pageSize"); err != nil {
		return q, err
	}
	q.PageSize, q.Most = min(q.PageSize, maxPageSize), maxAll
	q.All = p.Text("paginate") == "false"
	return q, nil
}

// check refuses paths that lead to what n does not hold.
func (n narrow) check(q collection.Query) error {
	for param, paths := range map[string][]string{"fields": q.Fields, "appends": q.Appends, "sort": q.Sort} {
		for _, entry := range paths {
			for path := range strings.SplitSeq(entry, ",") {
				if path = strings.TrimLeft(strings.TrimSpace(path), "+-"); !n.holds(path) {
					return problem(param, fmt.Sprintf("“%.60s” cannot be read here.", path))
				}
			}
		}
	}
	return n.checkFilter(q.Filter, "")
}

func (n narrow) checkFilter(v any, at string) error {
	switch x := v.(type) {
	case []any:
		for _, part := range x {
			if err := n.checkFilter(part, at); err != nil {
				return err
			}
		}
	case map[string]any:
		for key, part := range x {
			path := strings.TrimPrefix(at+"."+key, ".")
			switch {
			case key == "$and" || key == "$or" || key == "$not":
				path = at
			case strings.HasPrefix(key, "$"):
				continue // an operator, with its value
			case !n.holds(path):
				return problem("filter", fmt.Sprintf("“%.60s” cannot be read here.", path))
			}
			if err := n.checkFilter(part, path); err != nil {
				return err
			}
		}
	}
	return nil
}

// holds reports whether a path may be named, an operator behind it or not.
func (n narrow) holds(path string) bool {
	first, rest, deeper := strings.Cut(path, ".")
	fields, relation := n[first]
	switch {
	case !relation:
		return true
	case len(fields) == 0:
		return false
	case !deeper || strings.HasPrefix(rest, "$"):
		return true
	}
	rest, _, _ = strings.Cut(rest, ".$")
	return slices.Contains(fields, rest)
}

// strip leaves out of records what n does not hold.
func (n narrow) strip(records []collection.Record) {
	for _, r := range records {
		for relation, fields := range n {
			if inner, ok := r[relation].(map[string]any); ok {
				maps.DeleteFunc(inner, func(name string, _ any) bool { return !slices.Contains(fields, name) })
			}
		}
	}
}
