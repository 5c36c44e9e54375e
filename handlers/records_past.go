package handlers

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"alur/engine/collection"
	"alur/engine/pg"
	"alur/views"
)

const (
	changesBeside = 5  // under a form
	changesShown  = 50 // on a page
)

// lastChanges puts the newest part of a record's history under its form.
func (h *records) lastChanges(c echo.Context, coll *collection.Collection, vm *views.RecordForm) error {
	if !coll.KeepsHistory() {
		return nil
	}
	list, more, err := h.store.History(c.Request().Context(), h.db, access(c), coll.Name, pathKey(c), 0, changesBeside)
	if err != nil {
		return err
	}
	if vm.Changes, err = h.changeRows(c, coll, list); more {
		vm.AllChanges = vm.Action + "/history"
	}
	return err
}

// history shows all that happened to a record.
func (h *records) history(c echo.Context) error {
	coll, rec, err := h.record(c)
	if err != nil {
		return err
	}
	before, _ := strconv.ParseInt(c.QueryParam("before"), 10, 64)
	list, more, err := h.store.History(c.Request().Context(), h.db, access(c), coll.Name, coll.ID(rec), before, changesShown)
	if err != nil {
		return err
	}
	base := recordsPath(coll.Name)
	vm := views.RecordHistory{Title: "History", Crumbs: []views.Link{{Text: coll.Title, URL: base}, {Text: views.Clip(coll.TitleOf(rec), 80), URL: recordURL(coll, rec)}},
		Kept: coll.KeepsHistory()}
	if vm.Rows, err = h.changeRows(c, coll, list); err != nil {
		return err
	}
	vm.Pager = changePager(recordURL(coll, rec)+"/history", before, list, more)
	return render(c, http.StatusOK, views.RecordHistoryPage(vm), nil)
}

func changePager(path string, before int64, list []collection.Past, more bool) views.Pager {
	p := views.Pager{Text: views.Count(len(list), "entry", "entries") + ", newest first"}
	if before != 0 {
		p.Prev = path
	}
	if more {
		p.Next = path + "?before=" + views.ID(list[len(list)-1].ID)
	}
	return p
}

var changeVerbs = map[collection.ChangeKind][2]string{ // word, state of its icon
	collection.Created: {"created this record", "plus"}, collection.Updated: {"changed", "edit"}, collection.Deleted: {"deleted this record", "trash"},
}

// changeRows words a part of a history.
func (h *records) changeRows(c echo.Context, coll *collection.Collection, list []collection.Past) ([]views.RecordChange, error) {
	w := words(c)
	var rows []views.RecordChange
	for _, p := range list {
		verb := changeVerbs[p.Kind]
		row := views.RecordChange{ID: views.ID(p.ID), Icon: verb[1], Who: pastWho(p), What: verb[0], At: w.Moment(p.At, w.When(p.At)), Via: pastVia(p)}
		if p.ExecutionID != 0 {
			row.Workflow.Text = "execution " + views.ID(p.ExecutionID)
			if p.Workflow != "" {
				row.Workflow.Text = "“" + p.Workflow + "”"
			}
			if h.server.opens(actor(c), "/executions/:id") {
				row.Workflow.URL = executionURL(p.ExecutionID)
			}
		}
		if p.Kind == collection.Updated {
			row.What = fmt.Sprintf("changed %s", views.Count(len(p.Fields), "field", "fields"))
			values, err := h.pastValues(c, coll, p)
			if err != nil {
				return nil, err
			}
			row.Fields = values
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// pastValues words the values of one change.
func (h *records) pastValues(c echo.Context, coll *collection.Collection, p collection.Past) ([]views.Difference, error) {
	var out []views.Difference
	for _, pf := range p.Fields {
		f := pf.Field
		if rel := coll.Field(f.Relation); rel != nil {
			f = rel
		}
		d := views.Difference{Field: f.Name, Name: f.Title}
		for i, v := range []any{pf.Before, pf.After} {
			text, err := h.storedWords(c, f, collection.Record{f.Name: v, f.ForeignKey: v})
			if err != nil {
				return nil, err
			}
			if i == 0 {
				d.Theirs = views.Clip(text, 300)
			} else {
				d.Mine = views.Clip(text, 300)
			}
		}
		out = append(out, d)
	}
	return out, nil
}

func pastWho(p collection.Past) string {
	switch {
	case p.ExecutionID != 0:
		return "The workflow"
	case p.Person != "":
		return p.Person
	case p.UserID != 0:
		return "Somebody who is not here any more"
	case p.Via == collection.ViaOutside:
		return "Another program"
	}
	return "The system"
}

func pastVia(p collection.Past) string {
	switch {
	case p.ExecutionID != 0:
		return ""
	case p.Via == collection.ViaAPI:
		return "by the API"
	case p.Via == collection.ViaPage:
		return "in the browser"
	}
	return ""
}

// deleted lists the records that were deleted from a collection.
func (h *records) deleted(c echo.Context) error {
	coll, err := h.find(c)
	if err != nil {
		return err
	}
	before, _ := strconv.ParseInt(c.QueryParam("before"), 10, 64)
	list, more, err := h.store.DeletedRecords(c.Request().Context(), h.db, access(c), coll.Name, before, changesShown)
	if err != nil {
		return err
	}
	w, base := words(c), recordsPath(coll.Name)
	vm := views.DeletedRecords{Title: "Deleted records", Crumbs: []views.Link{{Text: coll.Title, URL: base}}, Kept: coll.KeepsHistory(), Back: base}
	for _, p := range list {
		vm.Rows = append(vm.Rows, views.DeletedRecordRow{Title: views.Clip(p.Title, 80), URL: base + "/deleted/" + views.ID(p.ID), Who: deletedBy(p), At: w.Moment(p.At, w.When(p.At))})
	}
	vm.Pager = changePager(base+"/deleted", before, list, more)
	return render(c, http.StatusOK, views.DeletedRecordsPage(vm), nil)
}

func deletedBy(p collection.Past) string {
	if p.ExecutionID != 0 && p.Workflow != "" {
		return "The workflow “" + p.Workflow + "”"
	}
	return pastWho(p)
}

// deletion is what the address of a deleted record names.
func (h *records) deletion(c echo.Context) (*collection.Collection, collection.Past, error) {
	coll, err := h.find(c)
	if err != nil {
		return nil, collection.Past{}, err
	}
	id, err := numberOfPath(c, "change")
	if err != nil {
		return nil, collection.Past{}, err
	}
	p, err := h.store.DeletedRecord(c.Request().Context(), h.db, access(c), coll.Name, id)
	return coll, p, err
}

// showDeleted shows the last values of a deleted record.
func (h *records) showDeleted(c echo.Context) error {
	coll, p, err := h.deletion(c)
	if err != nil {
		return err
	}
	w, base := words(c), recordsPath(coll.Name)
	vm := views.DeletedRecord{Title: views.Clip(p.Title, 80), Crumbs: []views.Link{{Text: coll.Title, URL: base}, {Text: "Deleted", URL: base + "/deleted"}},
		Sub: "Deleted " + w.When(p.At) + " by " + deletedBy(p) + ".", LeftOut: p.LeftOut}
	there, err := h.store.First(c.Request().Context(), h.db, access(c), coll.Name, collection.Query{Filter: coll.Keyed(p.RecordID)})
	if err != nil {
		return err
	}
	if there != nil {
		vm.There = recordURL(coll, there)
	} else {
		vm.Restore = base + "/deleted/" + views.ID(p.ID)
	}
	values, err := h.pastValues(c, coll, p)
	if err != nil {
		return err
	}
	for _, d := range values {
		vm.Facts = append(vm.Facts, views.Fact{Name: d.Name, Value: d.Theirs})
	}
	vm.Facts = append(vm.Facts, views.Fact{Name: coll.Key().Title, Value: p.RecordID, Num: true})
	return render(c, http.StatusOK, views.DeletedRecordPage(vm), nil)
}

// restore makes a deleted record again.
func (h *records) restore(c echo.Context) error {
	coll, p, err := h.deletion(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	err = h.store.Write(ctx, coll.Name, func(tx *pg.Tx) error {
		_, err := h.store.Restore(ctx, tx, access(c), coll.Name, p.ID)
		return err
	})
	if err != nil {
		return err
	}
	return done(c, recordsPath(coll.Name)+"/"+keyPath(p.RecordID), "Restored “"+views.Clip(p.Title, 80)+"”. It counts as created now.")
}
