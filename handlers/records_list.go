package handlers

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	"alur/views"
)

const (
	recordsPerPage = 25
	recordsReached = 10_000 // how far one can leaf; whoever looks further filters
	countMost      = 10_000 // up to where records are counted
	countPatience  = 60 * time.Millisecond
	sortMost       = 5 // columns to sort by
)

// allView is the address of a list without a saved view, though one opens first.
const allView = "all"

// listState is what the address of a list holds, with what its view adds.
type listState struct {
	base   string // path of the list
	view   string // id of a saved view, allView, or ""
	query  string
	filter filterNode
	sort   []string
	page   int

	ownFilter, ownSort bool // in the address, instead of the view's
	lost               int  // conditions that do not fit
	cat                catalogue
	saved              *collection.View // of view; nil for none
	views              []collection.View
}

// state reads the address of a list and looks up its view.
func (h *records) state(c echo.Context, coll *collection.Collection, v url.Values) (listState, error) {
	ctx := c.Request().Context()
	cat, err := h.catalogue(ctx, actor(c), coll)
	if err != nil {
		return listState{}, err
	}
	st := listState{base: recordsPath(coll.Name), cat: cat, view: v.Get("view"), query: views.Clip(strings.TrimSpace(v.Get("q")), 200)}
	st.page, _ = strconv.Atoi(v.Get("page"))
	st.page = min(max(st.page, 1), recordsReached/recordsPerPage)
	if st.views, err = h.store.Views(ctx, access(c), coll.Name); err != nil {
		return listState{}, err
	}
	if st.view != "" && st.view != allView {
		i := slices.IndexFunc(st.views, func(s collection.View) bool { return views.ID(s.ID) == st.view })
		if i < 0 {
			return listState{}, fault.New(fault.NotFound, "There is no such view, or it is not shared any more.")
		}
		st.saved = &st.views[i]
		st.filter, st.lost = cat.parse(st.saved.Filter)
		st.sort = cat.sorts(st.saved.Sort)
	}
	if st.ownFilter = v.Has("filter"); st.ownFilter {
		st.filter, st.lost = cat.parseText(v.Get("filter"))
	}
	if st.ownSort = v.Has("sort"); st.ownSort {
		st.sort = cat.sorts(strings.Split(v.Get("sort"), ","))
	}
	return st, nil
}

// sorts leaves out what the list cannot be sorted by.
func (cat catalogue) sorts(list []string) []string {
	var out []string
	for _, s := range list {
		fields := cat.resolve(strings.TrimPrefix(s, "-"))
		if fields == nil || len(out) == sortMost {
			continue
		}
		one := !slices.ContainsFunc(fields[:len(fields)-1], func(f *collection.Field) bool { return f.Type != collection.BelongsTo })
		switch kindOfValue(fields[len(fields)-1]) {
		case "record", "records", "files", "json", "some of":
		default:
			if one {
				out = append(out, s)
			}
		}
	}
	return out
}

// values are the parameters of the state without its page.
func (st listState) values() url.Values {
	v := url.Values{}
	if st.view != "" {
		v.Set("view", st.view)
	}
	if st.query != "" {
		v.Set("q", st.query)
	}
	if st.ownFilter {
		if text := st.cat.text(st.filter); text != "" || st.saved != nil {
			v.Set("filter", text)
		}
	}
	if st.ownSort && (len(st.sort) > 0 || st.saved != nil) {
		v.Set("sort", strings.Join(st.sort, ","))
	}
	return v
}

func (st listState) url() string { return address(st.base, st.values()) }

// at is the address of a page of the list, or of a form that belongs to it.
func (st listState) at(path string, more ...string) string {
	v := st.values()
	for i := 0; i+1 < len(more); i += 2 {
		v.Set(more[i], more[i+1])
	}
	return address(st.base+path, v)
}

func address(path string, v url.Values) string {
	if len(v) == 0 {
		return path
	}
	return path + "?" + v.Encode()
}

// filtered is the state with another filter.
func (st listState) filtered(n filterNode) listState {
	st.filter, st.ownFilter = n, true
	return st
}

// hidden are the values that a form sends along; but names those it sends itself.
func (st listState) hidden(but ...string) []views.Hidden {
	var list []views.Hidden
	v := st.values()
	for _, name := range []string{"view", "q", "filter", "sort"} {
		if v.Has(name) && !slices.Contains(but, name) {
			list = append(list, views.Hidden{Name: name, Value: v.Get(name)})
		}
	}
	return list
}

// narrowed reports whether a search or filter is on.
func (st listState) narrowed() bool { return st.query != "" || !st.filter.empty() }

// changed reports whether the list differs from its saved view.
func (st listState) changed() bool {
	return st.saved != nil && (st.ownFilter && st.cat.text(st.filter) != st.cat.text(theFilter(st.cat.parse(st.saved.Filter))) ||
		st.ownSort && !slices.Equal(st.sort, st.cat.sorts(st.saved.Sort)))
}

func theFilter(n filterNode, _ int) filterNode { return n }

// sortWords is the order for the engine; the newest first when nothing is said.
func (st listState) order() []string {
	if key := st.cat.coll.Key(); len(st.sort) == 0 && key != nil {
		return []string{"-" + key.Name}
	}
	return st.sort
}

func (h *records) list(c echo.Context) error {
	coll, err := h.find(c)
	if err != nil {
		return err
	}
	ctx, v := c.Request().Context(), c.QueryParams()
	st, err := h.state(c, coll, v)
	if err != nil {
		return err
	}
	if len(v) == 0 { // an address without anything: the view that opens first
		if def := openingView(st.views); def != nil {
			return c.Redirect(http.StatusSeeOther, st.base+"?view="+views.ID(def.ID))
		}
	}
	cols, err := h.columns(c, st)
	if err != nil {
		return err
	}
	filter, err := h.filter(c, coll, st)
	if err != nil {
		return err
	}
	page, err := h.store.List(ctx, h.db, access(c), coll.Name, collection.Query{
		Filter: filter, Fields: cols.fields(), Page: st.page, PageSize: recordsPerPage, Sort: st.order(), NoCount: true})
	if err != nil {
		return err
	}
	vm := views.RecordList{
		Title: coll.Title, URL: st.base, Query: st.query, Keep: st.hidden("q"), Columns: cols.heads(st),
		Rows: cols.rows(c, st, coll, page.Records), Narrowed: st.narrowed(), Lost: unfitWords(st.lost), All: st.base + "?view=" + allView,
		FilterURL: st.at("/filter"), ColumnsURL: st.at("/columns"), Shown: fmt.Sprintf("%d of %d", len(cols.list), len(st.cat.choosable())),
		Tabs: viewTabs(st), Bulk: st.base + "/bulk", BulkKeep: st.hidden(),
	}
	if vm.Pager, vm.BulkAll, err = h.pager(c, st, filter, page); err != nil {
		return err
	}
	if vm.Chips, err = h.filterChips(c, st.cat, st); err != nil {
		return err
	}
	if coll.Allows(actor(c), auth.Export) {
		vm.Export = st.at("/export")
	}
	if coll.Allows(actor(c), auth.Create) && coll.Key() != nil {
		vm.New = st.base + "/new"
	}
	if coll.Allows(actor(c), auth.Import) && coll.Key() != nil {
		vm.Import = st.base + "/import"
	}
	if st.changed() || st.saved == nil && (!st.filter.empty() || len(st.sort) > 0) {
		vm.SaveView = st.at("/views/new")
	}
	if st.saved != nil && st.saved.Owned(actor(c)) {
		vm.EditView = st.at("/views/" + views.ID(st.saved.ID))
	}
	if actor(c).Can(auth.ManageCollections) {
		vm.Define, vm.Layout = definitionPath(coll.Name), st.base+"/form"
		if coll.KeepsHistory() {
			vm.Deleted = st.base + "/deleted"
		}
	}
	return render(c, http.StatusOK, views.RecordsPage(vm), nil)
}

// openingView is the view that opens first: the reader's own choice, else the one
// for everybody.
func openingView(list []collection.View) *collection.View {
	var found *collection.View
	for i, v := range list {
		if v.Default && (!v.Shared || found == nil) {
			found = &list[i]
		}
	}
	return found
}

func viewTabs(st listState) []views.Tab {
	if len(st.views) == 0 {
		return nil
	}
	tabs := []views.Tab{{Text: "All", URL: st.base + "?view=" + allView, Current: st.saved == nil}}
	for _, v := range st.views {
		tab := views.Tab{Text: v.Title, URL: st.base + "?view=" + views.ID(v.ID), Current: st.saved != nil && st.saved.ID == v.ID}
		if v.Shared {
			tab.Attrs = map[string]any{"title": "Shared by " + v.Owner}
		}
		tabs = append(tabs, tab)
	}
	return tabs
}

// pager words which part of the list is shown, and how many can be chosen at once.
// Records are counted only when a page does not show them all, and not for long.
func (h *records) pager(c echo.Context, st listState, filter any, p collection.Page) (out views.Pager, all string, err error) {
	start := (p.Page - 1) * p.PageSize
	n, known := start+len(p.Records), true
	if p.HasNext || len(p.Records) == 0 && p.Page > 1 {
		if n, known, err = h.store.CountUpTo(c.Request().Context(), access(c), st.cat.coll.Name, filter, countMost, countPatience); err != nil {
			return out, "", err
		}
	}
	if known && n > len(p.Records) && n <= bulkMost {
		all = "All " + countWords(n, known) + " that match"
	}
	out.Text = fmt.Sprintf("%s–%s of %s", views.Int(start+1), views.Int(start+len(p.Records)), countNumber(n, known))
	if p.Page > 1 {
		out.Prev = st.at("", "page", strconv.Itoa(p.Page-1))
	}
	switch last := (p.Page+1)*p.PageSize > recordsReached; {
	case p.HasNext && last:
		out.Text = fmt.Sprintf("The first %s are shown. Filter to see others.", views.Int(recordsReached))
	case p.HasNext:
		out.Next = st.at("", "page", strconv.Itoa(p.Page+1))
	}
	return out, all, nil
}

// countWords is a number of records that [collection.Store.CountUpTo] counted.
func countWords(n int, known bool) string {
	if n == 1 && known {
		return "1 record"
	}
	return countNumber(n, known) + " records"
}

func countNumber(n int, known bool) string {
	switch {
	case !known:
		return "many"
	case n > countMost:
		return "more than " + views.Int(countMost)
	}
	return views.Int(n)
}

// filter joins the search and the conditions.
func (h *records) filter(c echo.Context, coll *collection.Collection, st listState) (any, error) {
	all := []any{}
	if f := st.cat.query(st.filter); f != nil {
		all = append(all, f)
	}
	if st.query != "" {
		f, err := h.searchFilter(c, coll, st.cat, st.query)
		if err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	return map[string]any{"$and": all}, nil
}

// relatedMost is how many related records a search names by their keys.
const relatedMost = 200

// searchFilter looks for text in everything that is text, in what related records are
// called, and in the id.
func (h *records) searchFilter(c echo.Context, coll *collection.Collection, cat catalogue, query string) (any, error) {
	has := map[string]any{"$includes": query}
	some := []any{}
	for _, f := range coll.Fields {
		if !cat.sees(coll, f) || f.ReadOnly {
			continue
		}
		switch kindOfValue(f) {
		case "text":
			some = append(some, map[string]any{f.Name: has})
		case "one of":
			for _, choice := range f.Enum {
				if strings.Contains(strings.ToLower(choice.Label), strings.ToLower(query)) {
					some = append(some, map[string]any{f.Name: choice.Value})
				}
			}
		case "record":
			if target := cat.target(f); target != nil && isText(target.Field(target.TitleField)) {
				related, err := h.relatedFilter(c, f, target, has)
				if err != nil {
					return nil, err
				}
				some = append(some, related)
			}
		}
	}
	if key := coll.Key(); key != nil && collection.Comparable(key, "$eq", query) == nil {
		some = append(some, coll.Keyed(query))
	}
	if len(some) == 0 { // nothing that could have these letters
		some = append(some, map[string]any{coll.Columns()[0].Name: map[string]any{"$in": []any{}}})
	}
	return map[string]any{"$or": some}, nil
}

// relatedFilter is the condition that f leads to a record whose title has what is
// looked for. When those are few it names them, so that an index finds what leads
// to them; of many, most lists have some near their beginning.
func (h *records) relatedFilter(c echo.Context, f *collection.Field, target *collection.Collection, has map[string]any) (any, error) {
	title := map[string]any{target.TitleField: has}
	key := target.Field(f.TargetKey)
	if key == nil {
		key = target.Key()
	}
	if key == nil {
		return map[string]any{f.Name: title}, nil
	}
	page, err := h.store.List(c.Request().Context(), h.db, access(c), target.Name,
		collection.Query{Filter: title, Fields: []string{key.Name}, PageSize: relatedMost, NoCount: true})
	if err != nil || page.HasNext {
		return map[string]any{f.Name: title}, err
	}
	keys := []any{}
	for _, rec := range page.Records {
		keys = append(keys, rec[key.Name])
	}
	return map[string]any{f.Name: map[string]any{"$in": keys}}, nil
}

func isText(f *collection.Field) bool {
	return f != nil && (f.Type == collection.String || f.Type == collection.Text)
}
