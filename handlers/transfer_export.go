package handlers

import (
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/sheet"
	"alur/views"
)

// selection is the records to export: those chosen in a list, else what it shows.
func (h *transfers) selection(c echo.Context, coll *collection.Collection) (st listState, q collection.Query, err error) {
	if st, err = h.records.state(c, coll, c.QueryParams()); err != nil {
		return st, q, err
	}
	if st.lost > 0 {
		return st, q, fault.New(fault.Invalid, "Nothing was exported: a condition of this list does not fit the collection any more. Open the list again and repair its filter.")
	}
	q.Sort = st.order()
	if q.Filter, err = h.records.filter(c, coll, st); err != nil {
		return st, q, err
	}
	if v := c.QueryParams(); v.Get("id") != "" && coll.Key() != nil {
		ids, err := chosenKeys(coll, v)
		if err != nil {
			return st, q, err
		}
		q.Filter = map[string]any{coll.Key().Name: map[string]any{"$in": ids}}
	}
	return st, q, nil
}

// askExport asks for columns and format.
func (h *transfers) askExport(c echo.Context) error {
	coll, err := h.records.find(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	st, q, err := h.selection(c, coll)
	if err != nil {
		return err
	}
	n, err := h.records.store.Count(ctx, h.records.db, access(c), coll.Name, q.Filter)
	if err != nil {
		return err
	}
	sub := fmt.Sprintf("%s: those of the list that you came from, in its order.", views.Count(n, "record", "records"))
	keep := st.hidden()
	if ids := c.QueryParam("id"); ids != "" {
		sub = fmt.Sprintf("%s: those that you chose in the list.", views.Count(n, "record", "records"))
		keep = append(keep, views.Hidden{Name: "id", Value: ids})
	}
	vm := views.Export{
		Title: "Export " + coll.Title, Crumbs: crumbs(coll), Action: st.base + "/export", Keep: keep, Cancel: st.url(), Sub: sub,
		Format: views.Field{Name: "format", Label: "Format", Value: string(sheet.XLSX), Options: []views.Option{
			{Value: string(sheet.XLSX), Text: "Excel workbook", Help: "Dates and numbers are real ones."},
			{Value: string(sheet.CSV), Text: "CSV", Help: "Text, for every program."},
		}},
		Columns: views.Field{Name: "columns", Label: "Columns", Multiple: true},
	}
	columns, err := h.store.Columns(ctx, actor(c), coll)
	if err != nil {
		return err
	}
	for _, col := range columns {
		vm.Columns.Options = append(vm.Columns.Options, views.Option{Value: col.Path, Text: col.Title, Selected: true})
	}
	return render(c, http.StatusOK, views.ExportPage(vm), nil)
}

// export answers with the file.
func (h *transfers) export(c echo.Context) error {
	coll, err := h.records.find(c)
	if err != nil {
		return err
	}
	form, err := c.FormParams()
	if err != nil {
		return fault.Wrap(fault.Invalid, "The server could not read what was sent. Open the page again and try once more.", err)
	}
	c.Request().URL.RawQuery = form.Encode() // the list's state came with the form
	_, q, err := h.selection(c, coll)
	if err != nil {
		return err
	}
	format := sheet.Format(form.Get("format"))
	if !format.Valid() {
		return fault.Fields(map[string]string{"format": "Choose one of the formats."})
	}
	sheetFile(c, format, coll.Title)
	_, err = h.store.Export(c.Request().Context(), access(c), coll, q, form["columns"], format, c.Response())
	return brokenOff(c, err)
}

// brokenOff is err of an answer that is a file. Once a part of it was sent, the
// connection is cut, so that nobody takes the part for the whole.
func brokenOff(c echo.Context, err error) error {
	if err == nil {
		return nil
	}
	if !c.Response().Committed {
		c.Response().Header().Del(echo.HeaderContentDisposition)
		return err
	}
	server(c).Log.WarnContext(c.Request().Context(), "file broke off", "request_id", requestID(c), "err", err)
	panic(http.ErrAbortHandler)
}
