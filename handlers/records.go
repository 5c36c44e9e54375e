package handlers

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/pg"
	"alur/views"
)

const (
	recordsPerPage = 25
	columnsShown   = 7 // of a table, before the time and person at its end
	columnsNarrow  = 4 // of those, besides the first, on narrow screens
)

// records shows the records of collections that people made, and lets everybody
// who may use records change them.
type records struct {
	store *collection.Store
	db    *pg.DB
}

// Routes registers the pages about records.
func (h *records) Routes(g *Group) {
	g.GET("/data/:collection", auth.UseRecords, h.list)
	g.POST("/data/:collection", auth.UseRecords, h.create)
	g.GET("/data/:collection/new", auth.UseRecords, h.blank)
	g.GET("/data/:collection/filter", auth.UseRecords, h.askFilter)
	g.GET("/data/:collection/pick", auth.UseRecords, h.pick)
	g.GET("/data/:collection/:id", auth.UseRecords, h.show)
	g.POST("/data/:collection/:id", auth.UseRecords, h.update)
	g.GET("/data/:collection/:id/delete", auth.UseRecords, h.askRemove)
	g.POST("/data/:collection/:id/delete", auth.UseRecords, h.remove)
}

func access(c echo.Context) collection.Access {
	return collection.Access{Actor: actor(c), Zone: zone(c)}
}

// find returns the collection that the address names. Ours have pages of their
// own.
func (h *records) find(c echo.Context) (*collection.Collection, error) {
	coll, err := h.store.Collection(c.Request().Context(), c.Param("collection"))
	if err != nil {
		return nil, err
	}
	if coll.System {
		return nil, fault.New(fault.NotFound, "There is no such page.")
	}
	return coll, nil
}

// recordID is the id in the address.
func recordID(c echo.Context) (int64, error) {
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil {
		return 0, fault.New(fault.NotFound, "There is no such record.")
	}
	return id, nil
}

// listState is what the address of a list holds.
type listState struct {
	base  string // path of the list
	query string
	where []string // field.op.value
	sort  string
	page  int
}

func stateOf(c echo.Context, base string) listState {
	st := listState{base: base, query: strings.TrimSpace(c.QueryParam("q")), where: c.QueryParams()["w"], sort: c.QueryParam("sort")}
	st.page, _ = strconv.Atoi(c.QueryParam("page"))
	st.page = min(max(st.page, 1), 1_000_000)
	st.where = slices.Clone(st.where[:min(len(st.where), 20)])
	return st
}

// values are the parameters of the state without its page.
func (st listState) values() url.Values {
	v := url.Values{}
	if st.query != "" {
		v.Set("q", st.query)
	}
	if len(st.where) > 0 {
		v["w"] = st.where
	}
	if st.sort != "" {
		v.Set("sort", st.sort)
	}
	return v
}

func (st listState) url() string { return address(st.base, st.values()) }

func (st listState) pageURL(n int) string {
	v := st.values()
	v.Set("page", strconv.Itoa(n))
	return address(st.base, v)
}

func address(path string, v url.Values) string {
	if len(v) == 0 {
		return path
	}
	return path + "?" + v.Encode()
}

// without is the state without one condition.
func (st listState) without(i int) listState {
	st.where = slices.Delete(slices.Clone(st.where), i, i+1)
	return st
}

// hidden are the values that a form on the page sends along; but names those it
// sends itself.
func (st listState) hidden(but string) []views.Hidden {
	var list []views.Hidden
	v := st.values()
	for _, name := range []string{"q", "w", "sort"} {
		for _, value := range v[name] {
			if name != but {
				list = append(list, views.Hidden{Name: name, Value: value})
			}
		}
	}
	return list
}

func (h *records) list(c echo.Context) error {
	coll, err := h.find(c)
	if err != nil {
		return err
	}
	st := stateOf(c, recordsPath(coll.Name))
	if field := c.QueryParam("field"); field != "" { // from the form of a condition: make it part of the address
		if w := newCondition(coll, field, c.QueryParam("op"), c.QueryParams()["value"]); w != "" {
			st.where = append(st.where, w)
		}
		return c.Redirect(http.StatusSeeOther, st.url())
	}
	ctx := c.Request().Context()
	cols, err := h.columns(c, coll)
	if err != nil {
		return err
	}
	conds := conditions(coll, st.where)
	q := collection.Query{Filter: h.filter(coll, cols, st.query, conds), Fields: cols.fields(), Page: st.page, PageSize: recordsPerPage, Sort: []string{"-id"}}
	if cols.sorts(st.sort) {
		q.Sort = []string{st.sort}
	}
	page, err := h.store.List(ctx, h.db, access(c), coll.Name, q)
	if err != nil {
		return err
	}
	vm := views.RecordList{
		Title: coll.Title, URL: st.base, Query: st.query, Keep: st.hidden("q"), Columns: cols.heads(st),
		Rows: cols.rows(c, coll, page.Records), Pager: pagerOf(st, page), Narrowed: st.query != "" || len(conds) > 0,
	}
	vm.Fields = filterLinks(coll, st)
	vm.Export = address(st.base+"/export", st.values())
	for _, cond := range conds {
		value, err := h.conditionWords(c, cond)
		if err != nil {
			return err
		}
		vm.Chips = append(vm.Chips, views.Chip{Name: cond.field.Title, Value: value, Remove: st.without(cond.at).url()})
	}
	if actor(c).Can(auth.ManageCollections) {
		vm.Define = "/collections/" + coll.Name
	}
	return render(c, http.StatusOK, views.RecordsPage(vm), nil)
}

func pagerOf(st listState, p collection.Page) views.Pager {
	first := (p.Page-1)*p.PageSize + 1
	out := views.Pager{Text: fmt.Sprintf("%s–%s of %s", views.Int(first), views.Int(first+len(p.Records)-1), views.Int(p.Count))}
	if p.Page > 1 {
		out.Prev = st.pageURL(p.Page - 1)
	}
	if p.HasNext {
		out.Next = st.pageURL(p.Page + 1)
	}
	return out
}

// filter joins the search and the conditions.
func (h *records) filter(coll *collection.Collection, cols columns, query string, conds []condition) any {
	all := []any{}
	for _, cond := range conds {
		all = append(all, cond.filter())
	}
	if query == "" {
		return map[string]any{"$and": all}
	}
	has := map[string]any{"$includes": query}
	some := []any{}
	for _, f := range coll.Fields {
		switch {
		case f.Hidden || f.ReadOnly:
		case f.Type == collection.String, f.Type == collection.Text:
			some = append(some, map[string]any{f.Name: has})
		case f.Type == collection.BelongsTo:
			if target := cols.targets[f.Name]; target != nil && isText(target.Field(target.TitleField)) {
				some = append(some, map[string]any{f.Name: map[string]any{target.TitleField: has}})
			}
		}
	}
	if id, err := strconv.ParseInt(query, 10, 64); err == nil {
		some = append(some, map[string]any{"id": id})
	}
	if len(some) == 0 {
		some = append(some, map[string]any{"id": nil}) // nothing that could have these letters
	}
	return map[string]any{"$and": append(all, map[string]any{"$or": some})}
}

func isText(f *collection.Field) bool {
	return f != nil && (f.Type == collection.String || f.Type == collection.Text)
}

func (h *records) askRemove(c echo.Context) error {
	coll, rec, err := h.record(c)
	if err != nil {
		return err
	}
	base := recordsPath(coll.Name) + "/" + c.Param("id")
	vm := views.Confirm{
		Title: "Delete record", Text: fmt.Sprintf("The record %s will be gone from “%s”.", called(coll, rec), coll.Title),
		Action: base + "/delete", Do: "Delete record", Back: base,
	}
	return render(c, http.StatusOK, views.ConfirmPage(vm), views.ConfirmDialog(vm))
}

func (h *records) remove(c echo.Context) error {
	coll, rec, err := h.record(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	err = h.store.Write(ctx, coll.Name, func(tx *pg.Tx) error {
		_, err := h.store.Destroy(ctx, tx, access(c), coll.Name, rec["id"])
		return err
	})
	if err != nil {
		return err
	}
	return done(c, recordsPath(coll.Name), "Deleted "+called(coll, rec)+".")
}

// called names a record in a sentence.
func called(coll *collection.Collection, rec collection.Record) string {
	if coll.TitleField == "" {
		return "number " + collection.Format(rec["id"])
	}
	return "“" + views.Clip(coll.TitleOf(rec), 80) + "”"
}

// record returns the record that the address names.
func (h *records) record(c echo.Context) (*collection.Collection, collection.Record, error) {
	coll, err := h.find(c)
	if err != nil {
		return nil, nil, err
	}
	id, err := recordID(c)
	if err != nil {
		return nil, nil, err
	}
	rec, err := h.store.First(c.Request().Context(), h.db, access(c), coll.Name, collection.Query{Filter: id, Appends: singles(coll)})
	if err == nil && rec == nil {
		err = fault.New(fault.NotFound, "This record does not exist, or not any more.")
	}
	return coll, rec, err
}

// singles names the relations to one record.
func singles(coll *collection.Collection) []string {
	var names []string
	for _, f := range coll.Fields {
		if f.Type == collection.BelongsTo {
			names = append(names, f.Name)
		}
	}
	return names
}
