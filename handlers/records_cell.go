package handlers

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/pg"
	"alur/views"
)

// valueName is the one value in a form whose other names are those of a list's
// address: no field is called like this.
const valueName = "_value"

// oneValueOf is what such a form says of field f.
func oneValueOf(form url.Values, f *collection.Field) url.Values {
	v := url.Values{"_seen": form["_seen"]}
	if list, ok := form[valueName]; ok {
		v[f.Name] = list
	}
	return v
}

// cellField is the field that the address of a cell names.
func cellField(c echo.Context, coll *collection.Collection) (*collection.Field, error) {
	f := coll.Field(c.Param("field"))
	if f == nil || f.HoldsFiles() || !takes(coll, actor(c), auth.Update, f) {
		return nil, fault.New(fault.NotFound, "This field cannot be changed in the table.")
	}
	return f, nil
}

// editCell answers the control for one value, in place of the value. Without
// JavaScript nothing leads here; the form of the record serves then.
func (h *records) editCell(c echo.Context) error {
	coll, rec, err := h.record(c)
	if err != nil {
		return err
	}
	f, err := cellField(c, coll)
	if err != nil {
		return err
	}
	if !isPartial(c.Request()) {
		return c.Redirect(http.StatusSeeOther, recordURL(coll, rec))
	}
	return h.cell(c, http.StatusOK, recordForm{coll: coll, rec: rec}, f, "")
}

// cell shows the control; seen is the state that the editor knows, "" for that
// of in.rec.
func (h *records) cell(c echo.Context, code int, in recordForm, f *collection.Field, seen string) error {
	r, err := h.control(c, in, f)
	if err != nil {
		return err
	}
	r.ID, r.Name = "cell-"+c.Param("id")+"-"+f.Name, valueName
	r.Note, r.Help, r.Width, r.Focus = "", "", "", true
	if r.Kind == views.KindArea {
		r.Rows = 3
	}
	if seen == "" {
		seen = in.coll.State(in.rec)
	}
	vm := views.CellForm{Action: recordURL(in.coll, in.rec) + "/cells/" + f.Name, Seen: seen, View: c.FormValue("view"), Control: r}
	part := views.CellEdit(vm)
	return render(c, code, part, part)
}

// saveCell saves one value and answers the row as it is now.
func (h *records) saveCell(c echo.Context) error {
	coll, rec, err := h.record(c)
	if err != nil {
		return err
	}
	f, err := cellField(c, coll)
	if err != nil {
		return err
	}
	form, err := c.FormParams()
	if err != nil {
		return err
	}
	id := coll.ID(rec)
	in := recordForm{coll: coll, rec: rec, typed: oneValueOf(form, f), only: f}
	values, problems := in.values(words(c))
	if len(problems) == 0 && len(values) > 0 {
		ctx := c.Request().Context()
		err = h.store.Write(ctx, coll.Name, func(tx *pg.Tx) error {
			_, err := h.store.Edit(ctx, tx, access(c), coll.Name, id, form.Get("_seen"), values)
			return err
		})
	}
	if len(problems) > 0 || err != nil {
		return h.cellAgain(c, in, f, problems, err)
	}
	if !isPartial(c.Request()) {
		return done(c, recordsPath(coll.Name), "Saved "+called(coll, rec)+".")
	}
	st, err := h.state(c, coll, url.Values{"view": form["view"]})
	if fault.Is(err, fault.NotFound) { // the view has gone meanwhile; the value is saved
		st, err = h.state(c, coll, nil)
	}
	if err != nil {
		return err
	}
	cols, err := h.columns(c, st)
	if err != nil {
		return err
	}
	now, err := h.store.First(c.Request().Context(), h.db, access(c), coll.Name, collection.Query{Filter: coll.Keyed(id), Fields: cols.fields()})
	if err != nil {
		return err
	}
	if now == nil { // a workflow deleted it at once
		return done(c, st.url(), "Saved.")
	}
	part := views.RecordRowPart(cols.row(c, st, coll, now))
	return render(c, http.StatusOK, part, part)
}

// cellAgain shows the control with what is wrong with the value.
func (h *records) cellAgain(c echo.Context, in recordForm, f *collection.Field, problems map[string]string, err error) error {
	if in.problems = problems; err == nil {
		return h.cell(c, http.StatusUnprocessableEntity, in, f, in.typed.Get("_seen"))
	}
	seen, e := in.typed.Get("_seen"), classify(err)
	in.problems = map[string]string{f.Name: sentence(e)}
	switch e.Kind {
	case fault.Invalid:
	case fault.Conflict:
		if l, ok := errors.AsType[*collection.Lost](err); ok {
			seen = in.coll.State(l.Theirs)
			text, err := h.storedWords(c, f, l.Theirs)
			if err != nil {
				return err
			}
			in.problems[f.Name] = "Somebody else changed this record. Here it says “" + text + "” now. Save again to replace that, or press Escape."
		}
	default:
		return err
	}
	return h.cell(c, status(e.Kind, false), in, f, seen)
}

// storedWords words the value of a field in a record without its relations.
func (h *records) storedWords(c echo.Context, f *collection.Field, rec collection.Record) (string, error) {
	if f.HoldsFiles() {
		text, err := h.fileWords(c, rec[f.Name])
		return orDash(text), err
	}
	if f.Type != collection.BelongsTo {
		return orDash(strings.TrimSpace(exactWords(words(c), f, rec[f.Name]))), nil
	}
	text, err := h.chosen(c, f, collection.Format(rec[f.ForeignKey]))
	return orDash(text), err
}
