package handlers

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	"alur/views"
)

// editColumns lets the reader choose and order the columns of a list.
func (h *records) editColumns(c echo.Context) error {
	coll, err := h.find(c)
	if err != nil {
		return err
	}
	st, err := h.state(c, coll, c.QueryParams())
	if err != nil {
		return err
	}
	cols, err := h.columns(c, st)
	if err != nil {
		return err
	}
	chosen := []string{}
	for _, col := range cols.list {
		chosen = append(chosen, col.path)
	}
	return renderColumns(c, http.StatusOK, st, chosen, chosen)
}

// renderColumns shows the form; order lists the paths as they stand in it, those
// not named come after.
func renderColumns(c echo.Context, code int, st listState, order, chosen []string) error {
	all := st.cat.choosable()
	place := func(path string) int {
		if i := slices.Index(order, path); i >= 0 {
			return i
		}
		return len(order)
	}
	slices.SortStableFunc(all, func(a, b column) int { return place(a.path) - place(b.path) })
	vm := views.ColumnsForm{Action: st.base + "/columns", Keep: st.hidden(), Back: st.url()}
	for _, col := range all {
		vm.Rows = append(vm.Rows, views.ColumnRow{Path: col.path, Title: col.title(), Icon: fieldIcon(col.field()), Chosen: slices.Contains(chosen, col.path)})
	}
	part := views.ColumnsDialog(vm)
	if c.Request().Method == http.MethodPost {
		part = views.ColumnsForms(vm)
	}
	return render(c, code, views.ColumnsPage(vm), part)
}

// saveColumns keeps the choice, or moves a column up or down in the form.
func (h *records) saveColumns(c echo.Context) error {
	coll, err := h.find(c)
	if err != nil {
		return err
	}
	form, err := c.FormParams()
	if err != nil {
		return err
	}
	st, err := h.state(c, coll, form)
	if err != nil {
		return err
	}
	order, chosen := form["order"], form["column"]
	do, path, _ := strings.Cut(form.Get("do"), ":")
	if i := slices.Index(order, path); i >= 0 {
		to := i - 1
		if do == "down" {
			to = i + 1
		}
		if to >= 0 && to < len(order) {
			order[i], order[to] = order[to], order[i]
		}
		return renderColumns(c, http.StatusOK, st, order, chosen)
	}
	columns := slices.DeleteFunc(slices.Clone(order), func(p string) bool {
		return !slices.Contains(chosen, p) || st.cat.resolve(p) == nil
	})
	notice := "These columns are yours from now on."
	if do == "usual" {
		columns, notice = nil, "You see the usual columns again."
	}
	view := int64(0)
	if st.saved != nil {
		view = st.saved.ID
	}
	if err := h.store.ChooseColumns(c.Request().Context(), access(c), coll.Name, view, columns); err != nil {
		return err
	}
	return done(c, st.url(), notice)
}

// newView asks for a name for the list as it is shown.
func (h *records) newView(c echo.Context) error {
	coll, err := h.find(c)
	if err != nil {
		return err
	}
	st, err := h.state(c, coll, c.QueryParams())
	if err != nil {
		return err
	}
	return h.viewForm(c, http.StatusOK, st, collection.View{}, nil)
}

func (h *records) editView(c echo.Context) error {
	coll, err := h.find(c)
	if err != nil {
		return err
	}
	v := c.QueryParams()
	v.Set("view", c.Param("view"))
	st, err := h.state(c, coll, v)
	if err != nil {
		return err
	}
	if !st.saved.Owned(actor(c)) {
		return fault.New(fault.Forbidden, "This view belongs to "+st.saved.Owner+". Save one of your own.")
	}
	return h.viewForm(c, http.StatusOK, st, *st.saved, nil)
}

// viewForm shows the form of a view; a new one has no id.
func (h *records) viewForm(c echo.Context, code int, st listState, v collection.View, problems map[string]string) error {
	text, err := h.filterWords(c, st.cat, st.filter)
	if err != nil {
		return err
	}
	vm := views.ViewForm{Title: "Save view", Do: "Save view", Action: st.base + "/views", Keep: st.hidden(), Back: st.url(), Name: v.Title,
		Shared: v.Shared, Default: v.Default, Problems: problems, MayOpenFirst: actor(c).Can(auth.ManageCollections)}
	vm.Facts = []views.Fact{{Name: "Filter", Value: orDash(views.Clip(text, 300))}, {Name: "Order", Value: orDash(st.sortWords())}}
	if v.ID != 0 {
		vm.Title, vm.Do = "Change view", "Save changes"
		vm.Action = st.base + "/views/" + views.ID(v.ID)
		vm.Delete = vm.Action + "/delete"
	}
	return render(c, code, views.ViewPage(vm), views.ViewDialog(vm))
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

// sortWords words the order: "Stock, then Name from Z to A".
func (st listState) sortWords() string {
	var parts []string
	for _, s := range st.sort {
		path, down := strings.CutPrefix(s, "-")
		text := pathTitle(st.cat.resolve(path))
		if down {
			text += ", falling"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "; then ")
}

// saveView makes a view of the list as it was shown, or changes one.
func (h *records) saveView(c echo.Context) error {
	coll, err := h.find(c)
	if err != nil {
		return err
	}
	form, err := c.FormParams()
	if err != nil {
		return err
	}
	if c.Param("view") != "" {
		form.Set("view", c.Param("view"))
	}
	st, err := h.state(c, coll, form)
	if err != nil {
		return err
	}
	cols, err := h.columns(c, st)
	if err != nil {
		return err
	}
	v := collection.View{Collection: coll.Name, Title: form.Get("name"), Shared: form.Get("shared") == "true", Default: form.Get("default") == "true",
		Filter: st.cat.json(st.filter), Sort: st.sort}
	for _, col := range cols.list {
		v.Columns = append(v.Columns, col.path)
	}
	if c.Param("view") != "" {
		v.ID = st.saved.ID
	}
	saved, err := h.store.SaveView(c.Request().Context(), access(c), v)
	if f := classify(err); fault.Is(err, fault.Invalid) {
		return h.viewForm(c, http.StatusUnprocessableEntity, st, v, f.Fields)
	}
	if err != nil {
		return err
	}
	return done(c, address(st.base, url.Values{"view": {views.ID(saved.ID)}}), "Saved the view “"+saved.Title+"”.")
}

func (h *records) removeView(c echo.Context) error {
	coll, err := h.find(c)
	if err != nil {
		return err
	}
	id, err := numberOfPath(c, "view")
	if err != nil {
		return err
	}
	if err := h.store.DeleteView(c.Request().Context(), access(c), coll.Name, id); err != nil {
		return err
	}
	return done(c, recordsPath(coll.Name)+"?view="+allView, "Deleted the view. The records stay.")
}
