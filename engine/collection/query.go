package collection

import (
	"context"
	"encoding/json"
	"errors"
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

// Query says which records, how much of each, and in which order.
type Query struct {
	Filter   any      // spec/platform.md §5: a JSON object; also an id or a list of ids
	Fields   []string // only these; "user.nickname" or "user" loads the relation too
	Except   []string
	Appends  []string // relations to load: "user", "items.product"
	Sort     []string // "-createdAt", "user.nickname"; the id breaks ties
	Page     int      // from 1
	PageSize int      // 20 when 0
	Offset   int      // skipped on top of the pages before Page
	NoCount  bool     // leave out Count and TotalPage, which cost a second statement
	All      bool     // every record: no pages

	// Most is how many records are read at most with All, and of each relation that
	// is loaded with them; more are Invalid. 0 is no limit.
	Most int
}

// Page is one page of records.
type Page struct {
	Records   []Record
	Count     int // all that match; 0 when Query.NoCount. About so many when above 10,000 and costly to count
	Page      int
	PageSize  int
	TotalPage int
	HasNext   bool
}

const defaultPageSize = 20

// exactCount is up to where records are counted one by one. Above, PostgreSQL's
// estimate does in collections that grow without end, and where counting costs
// more than exactCost: nobody leafs through 500 pages to see how many there are.
// The cost is that of about 200,000 records, 15 ms.
const (
	exactCount = 10_000
	exactCost  = 5_000
)

// List reads the records that the actor may see, with the fields that they may
// see; see [Collection.Allows].
func (s *Store) List(ctx context.Context, q pg.Q, a Access, collection string, p Query) (Page, error) {
	c, cat, err := s.openTo(ctx, a, collection, auth.View)
	if err != nil {
		return Page{}, err
	}
	return s.list(ctx, q, cat, a, c, p)
}

func (s *Store) list(ctx context.Context, q pg.Q, cat *catalogue, a Access, c *Collection, p Query) (Page, error) {
	out := Page{Page: max(p.Page, 1), PageSize: p.PageSize}
	if out.PageSize <= 0 {
		out.PageSize = defaultPageSize
	}
	sel, err := s.selection(cat, a, c, p)
	if err != nil {
		return Page{}, err
	}
	switch {
	case !p.All && p.NoCount:
		sel.limit(out.PageSize+1, p.Offset+(out.Page-1)*out.PageSize) // one more says whether there is a next page
	case !p.All:
		sel.limit(out.PageSize, p.Offset+(out.Page-1)*out.PageSize)
	case p.Most > 0:
		sel.limit(p.Most+1, 0)
	}
	if out.Records, err = s.run(ctx, q, sel); err != nil {
		return Page{}, fmt.Errorf("list %s: %w", c.Name, err)
	}
	switch {
	case p.All && p.Most > 0 && len(out.Records) > p.Most:
		return Page{}, tooMany("paginate", "There are more than %s records. Narrow the filter, or read them page by page.", p.Most)
	case p.All:
		out.Count, out.PageSize, out.TotalPage = len(out.Records), len(out.Records), 1
	case p.NoCount:
		if out.HasNext = len(out.Records) > out.PageSize; out.HasNext {
			out.Records = out.Records[:out.PageSize]
		}
	default:
		if out.Count, err = s.count(ctx, q, cat, a, c, p.Filter); err != nil {
			return Page{}, err
		}
		out.TotalPage = (out.Count + out.PageSize - 1) / out.PageSize
		out.HasNext = out.Page < out.TotalPage
	}
	return out, nil
}

// tooMany refuses to read more than most records at once.
func tooMany(param, format string, most int) error {
	number := strconv.Itoa(most)
	if n := len(number); n > 3 {
		number = number[:n-3] + "," + number[n-3:]
	}
	msg := fmt.Sprintf(format, number)
	return &fault.Error{Kind: fault.Invalid, Msg: msg, Fields: map[string]string{param: msg}}
}

// First reads the first record that matches; nil when there is none.
func (s *Store) First(ctx context.Context, q pg.Q, a Access, collection string, p Query) (Record, error) {
	c, cat, err := s.openTo(ctx, a, collection, auth.View)
	if err != nil {
		return nil, err
	}
	sel, err := s.selection(cat, a, c, p)
	if err != nil {
		return nil, err
	}
	sel.limit(1, p.Offset)
	records, err := s.run(ctx, q, sel)
	if err != nil {
		return nil, fmt.Errorf("read one of %s: %w", c.Name, err)
	}
	if len(records) == 0 {
		return nil, nil
	}
	return records[0], nil
}

// Count counts the records that match.
func (s *Store) Count(ctx context.Context, q pg.Q, a Access, collection string, filter any) (int, error) {
	c, cat, err := s.openTo(ctx, a, collection, auth.View)
	if err != nil {
		return 0, err
	}
	return s.count(ctx, q, cat, a, c, filter)
}

func (s *Store) count(ctx context.Context, q pg.Q, cat *catalogue, a Access, c *Collection, filter any) (int, error) {
	b := s.builder(cat, a)
	sc := b.scope(c)
	where, err := sc.filter(filter, auth.View)
	if err != nil {
		return 0, err
	}
	query := "SELECT count(*) FROM (SELECT FROM " + sc.from() + where + " LIMIT " + strconv.Itoa(exactCount+1) + ") x"
	var n int
	if err := q.GetContext(ctx, &n, query, b.args...); err != nil {
		return 0, fmt.Errorf("count %s: %w", c.Name, s.stale(err))
	}
	if n <= exactCount {
		return n, nil
	}
	about, cost, err := estimate(ctx, q, "SELECT FROM "+sc.from()+where, b.args)
	if err != nil {
		return 0, fmt.Errorf("estimate how many %s there are: %w", c.Name, s.stale(err))
	}
	if c.Big || cost > exactCost {
		return max(n, about), nil
	}
	if err := q.GetContext(ctx, &n, "SELECT count(*) FROM "+sc.from()+where, b.args...); err != nil {
		return 0, fmt.Errorf("count %s: %w", c.Name, s.stale(err))
	}
	return n, nil
}

// estimate is how many rows PostgreSQL expects of a query, and what it expects to
// do for them, in reads of a page.
func estimate(ctx context.Context, q pg.Q, query string, args []any) (rows int, cost float64, err error) {
	var raw []byte
	if err := q.GetContext(ctx, &raw, "EXPLAIN (FORMAT JSON) "+query, args...); err != nil {
		return 0, 0, err
	}
	var plans []struct {
		Plan struct {
			Rows float64 `json:"Plan Rows"`
			Cost float64 `json:"Total Cost"`
		}
	}
	if err := json.Unmarshal(raw, &plans); err != nil {
		return 0, 0, fmt.Errorf("read the plan: %w", err)
	}
	if len(plans) == 0 {
		return 0, 0, errors.New("read the plan: there is none")
	}
	return int(plans[0].Plan.Rows), plans[0].Plan.Cost, nil
}

// Matches reports whether the record with primary key id meets filter, as the
// transaction behind q sees it. An empty filter is met by every record that is there.
func (s *Store) Matches(ctx context.Context, q pg.Q, collection string, id, filter any) (bool, error) {
	met, err := s.Matching(ctx, q, collection, []any{id}, filter)
	return len(met) > 0, err
}

// Matching is Matches for several ids in one statement: it returns those that meet
// filter, as [Format] words them.
func (s *Store) Matching(ctx context.Context, q pg.Q, collection string, ids []any, filter any) (map[string]bool, error) {
	a := Access{Actor: auth.System}
	c, cat, err := s.open(ctx, a, collection)
	if err != nil || c.key == nil {
		return nil, err
	}
	ids = slices.DeleteFunc(slices.Clone(ids), func(id any) bool { // no record is called like that
		_, problem := c.key.arg(id, time.UTC)
		return problem != "" || id == nil
	})
	sc := s.builder(cat, a).scope(c)
	where, err := sc.where(Record{"$and": []any{Record{c.key.Name: map[string]any{"$in": ids}}, filter}}, 0)
	if err != nil {
		return nil, err
	}
	met := map[string]bool{}
	recs, err := s.read(ctx, q, []*Field{c.key}, "SELECT "+list([]*Field{c.key}, sc.alias)+" FROM "+sc.from()+" WHERE "+where, sc.b.args)
	for _, r := range recs {
		met[Format(c.ID(r))] = true
	}
	if err != nil {
		return nil, fmt.Errorf("match %d of %s: %w", len(ids), c.Name, err)
	}
	return met, nil
}

// open gives the collection with the catalogue it is from.
func (s *Store) open(ctx context.Context, a Access, collection string) (*Collection, *catalogue, error) {
	cat, err := s.catalogue(ctx)
	if err != nil {
		return nil, nil, err
	}
	if err := a.Actor.Require(auth.UseRecords); err != nil {
		return nil, nil, err
	}
	c := cat.byName[collection]
	if c == nil || !a.Actor.Can(c.Right) {
		return nil, nil, missing(collection)
	}
	return c, cat, nil
}

// IDs turns an id, or a list of ids, into the filter for it; other filters come
// back as they are.
func IDs(filter any) any {
	switch f := filter.(type) {
	case int64, int, float64, string:
		return map[string]any{"id": map[string]any{"$eq": f}}
	case []any:
		for _, item := range f {
			switch item.(type) {
			case int64, int, float64, string:
			default:
				return filter
			}
		}
		return map[string]any{"id": map[string]any{"$in": f}}
	case []int64:
		list := make([]any, len(f))
		for i, id := range f {
			list[i] = id
		}
		return map[string]any{"id": map[string]any{"$in": list}}
	}
	return filter
}

// filter is the WHERE clause for f among the records that the actor may do act
// with; "" for none.
func (sc *scope) filter(f any, act auth.Action) (string, error) {
	where, err := sc.where(IDs(f), 0)
	if err != nil {
		return "", err
	}
	limit, err := sc.limit(act)
	if where = glue([]string{where, limit}, " AND "); err != nil || where == "" {
		return "", err
	}
	return " WHERE " + where, nil
}

// selection is a SELECT being built, with the relations to load after it.
type selection struct {
	scope *scope
	inc   *include
	where string
	order string
	tail  string
}

func (s *Store) selection(cat *catalogue, a Access, c *Collection, p Query) (*selection, error) {
	inc, err := newInclude(cat, a, c, p)
	if err != nil {
		return nil, err
	}
	sel := &selection{scope: s.builder(cat, a).scope(c), inc: inc}
	sel.scope.b.most = p.Most
	if sel.where, err = sel.scope.filter(p.Filter, auth.View); err != nil {
		return nil, err
	}
	sel.order, err = sel.scope.order(p.Sort)
	return sel, err
}

func (sel *selection) limit(n, offset int) {
	sel.tail = " LIMIT " + sel.scope.b.param(n)
	if offset > 0 {
		sel.tail += " OFFSET " + sel.scope.b.param(offset)
	}
}

func (s *Store) run(ctx context.Context, q pg.Q, sel *selection) ([]Record, error) {
	cols := sel.inc.columns()
	records, err := s.read(ctx, q, cols, sel.sql(cols), sel.scope.b.args)
	if err != nil {
		return nil, err
	}
	return records, s.loadRelations(ctx, q, sel.scope.b, sel.inc, records)
}

// sql is the statement that reads cols.
func (sel *selection) sql(cols []*Field) string {
	return "SELECT " + list(cols, sel.scope.alias) + " FROM " + sel.scope.from() + sel.where + sel.order + sel.tail
}

// order is the ORDER BY clause.
func (sc *scope) order(sorts []string) (string, error) {
	var parts []string
	id := ""
	if sc.c.key != nil {
		id = sc.c.key.col(sc.alias)
	}
	for _, entry := range sorts {
		for name := range strings.SplitSeq(entry, ",") {
			name = strings.TrimSpace(name)
			if name == "" {
				continue
			}
			path, descending := strings.CutPrefix(name, "-")
			col, filled, err := sc.sortColumn(strings.Split(strings.TrimPrefix(path, "+"), "."))
			if err != nil {
				return "", err
			}
			switch {
			case descending && filled:
				col += " DESC" // as an index read backwards gives it
			case descending:
				col += " DESC NULLS LAST"
			}
			parts = append(parts, col)
		}
	}
	if len(parts) > 20 {
		return "", badSort("Sort by at most 20 fields.")
	}
	if id != "" && !slices.ContainsFunc(parts, func(p string) bool { return strings.TrimSuffix(p, " DESC") == id }) {
		parts = append(parts, id)
	}
	if len(parts) == 0 {
		return "", nil
	}
	return " ORDER BY " + strings.Join(parts, ", "), nil
}

// sortColumn is the column at the end of a path; filled says that it is never
// null.
func (sc *scope) sortColumn(steps []string) (col string, filled bool, err error) {
	f := sc.c.visible(sc.b.a.Actor, steps[0])
	switch {
	case f == nil || len(steps) > maxDepth:
		return "", false, badSort(fmt.Sprintf("“%s” cannot be sorted by “%s”: there is no such field.", sc.c.Title, short(steps[0])))
	case f.ToOne() && len(steps) > 1:
		sub, err := sc.join(f)
		if err != nil {
			return "", false, err
		}
		col, _, err = sub.sortColumn(steps[1:])
		return col, false, err
	case f.Type == BelongsTo:
		f = sc.c.byName[f.ForeignKey]
	case len(steps) > 1 || f.IsRelation() || f.Base() == JSON || f.virtual():
		return "", false, badSort(fmt.Sprintf("“%s” cannot be sorted by “%s”.", sc.c.Title, f.Title))
	case f.Order != "":
		f = sc.c.byName[f.Order]
	}
	return f.col(sc.alias), sc.c.filled(f), nil
}

func badSort(msg string) error {
	return &fault.Error{Kind: fault.Invalid, Msg: msg, Fields: map[string]string{"sort": msg}}
}

// list names columns for a SELECT or RETURNING.
func list(cols []*Field, alias string) string {
	parts := make([]string, len(cols))
	for i, f := range cols {
		parts[i] = f.col(alias)
	}
	return strings.Join(parts, ", ")
}

// read runs a statement that gives cols and returns the rows as records.
func (s *Store) read(ctx context.Context, q pg.Q, cols []*Field, query string, args []any) ([]Record, error) {
	records := []Record{}
	err := s.rows(ctx, q, query, args, func(rows *sqlx.Rows) error {
		records = records[:0]
		row := newRow(len(cols))
		for rows.Next() {
			if err := rows.Scan(row.into...); err != nil {
				return err
			}
			records = append(records, row.record(cols, 0))
		}
		return rows.Err()
	})
	return records, err
}

// rows runs a statement with prepared plans whatever q is, and closes the rows.
// Outside of a transaction it asks again when a plan was made stale by a change
// of the table; scan starts anew then.
func (s *Store) rows(ctx context.Context, q pg.Q, query string, args []any, scan func(*sqlx.Rows) error) error {
	db, ok := q.(*pg.DB)
	if !ok {
		return s.stale(rowsOnce(ctx, q, query, args, scan))
	}
	c, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Release()
	if err = rowsOnce(ctx, c, query, args, scan); pg.IsRetryable(err) {
		err = rowsOnce(ctx, c, query, args, scan) // c has dropped its plans
	}
	return s.stale(err)
}

func rowsOnce(ctx context.Context, q pg.Q, query string, args []any, scan func(*sqlx.Rows) error) error {
	rows, err := q.QueryxContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	return scan(rows)
}

// row is where one row is scanned into, again and again.
type row struct {
	values []any
	into   []any
}

func newRow(n int) row {
	r := row{values: make([]any, n), into: make([]any, n)}
	for i := range r.values {
		r.into[i] = &r.values[i]
	}
	return r
}

// record makes a record of the columns from place at on.
func (r row) record(cols []*Field, at int) Record {
	rec := make(Record, len(cols))
	for i, f := range cols {
		rec[f.Name] = f.value(r.values[at+i])
	}
	return rec
}
