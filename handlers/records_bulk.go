package handlers

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/pg"
	"alur/views"
)

// bulkMost is how many records can be changed or deleted at once.
const bulkMost = 5000

// bulkChoice is the records that something shall be done with.
type bulkChoice struct {
	coll   *collection.Collection
	st     listState
	filter any
	n      int // how many there are now
	all    bool
	ids    string // with commas; "" when all that match are meant
}

var errTooMany = fault.New(fault.Invalid, "These are more than "+views.Int(bulkMost)+" records. Narrow the list by a filter and do it in parts.")

// errMore undoes what would touch records that nobody was asked about.
var errMore = fault.New(fault.Conflict, "Nothing was changed: meanwhile more records fit the filter than you were asked about. Open the list again.")

// chosenRecords reads which records are meant: those checked in the list, or all
// that its filter finds.
func (h *records) chosenRecords(c echo.Context, v url.Values) (bulkChoice, error) {
	coll, err := h.find(c)
	if err != nil {
		return bulkChoice{}, err
	}
	if coll.Key() == nil {
		return bulkChoice{}, fault.New(fault.Forbidden, fmt.Sprintf("“%s” has no primary key, so its records can be read but not changed.", coll.Title))
	}
	b := bulkChoice{coll: coll, all: v.Get("all") == "true"}
	if b.st, err = h.state(c, coll, v); err != nil {
		return bulkChoice{}, err
	}
	if b.all {
		if b.st.lost > 0 {
			return bulkChoice{}, fault.New(fault.Invalid, "Nothing was changed: a condition of this list does not fit the collection any more, so it shows more records than it should. Open the list again and repair its filter.")
		}
		if b.filter, err = h.filter(c, coll, b.st); err != nil {
			return bulkChoice{}, err
		}
		if !b.st.narrowed() {
			b.filter = map[string]any{coll.Key().Name: map[string]any{"$notEmpty": true}}
		}
	} else {
		ids, err := chosenKeys(coll, v)
		if err != nil {
			return bulkChoice{}, err
		}
		b.filter, b.ids = map[string]any{coll.Key().Name: map[string]any{"$in": ids}}, strings.Join(v["id"], ",")
	}
	n, known, err := h.store.CountUpTo(c.Request().Context(), access(c), coll.Name, b.filter, bulkMost, 10*countPatience)
	switch {
	case err != nil:
		return bulkChoice{}, err
	case n > bulkMost || !known:
		return bulkChoice{}, errTooMany
	case n == 0:
		return bulkChoice{}, fault.New(fault.Conflict, "None of these records is there any more. Open the list again.")
	}
	b.n = n
	return b, nil
}

func chosenKeys(coll *collection.Collection, v url.Values) ([]any, error) {
	var ids []any
	for _, text := range v["id"] {
		for one := range strings.SplitSeq(text, ",") {
			if collection.Comparable(coll.Key(), "$eq", one) != nil {
				return nil, fault.New(fault.Invalid, "Nothing was changed: one of the chosen records cannot be found by its key. Choose them again in the list.")
			}
			ids = append(ids, one)
		}
	}
	switch {
	case len(ids) == 0:
		return nil, fault.New(fault.Invalid, "Choose the records in the list first.")
	case len(ids) > bulkMost:
		return nil, errTooMany
	}
	return ids, nil
}

// hidden are the values that a form about these records sends along. The number
// that was asked about goes with them: more must not be touched than that.
func (b bulkChoice) hidden() []views.Hidden {
	list := append(b.st.hidden(), views.Hidden{Name: "n", Value: strconv.Itoa(b.n)})
	if b.all {
		return append(list, views.Hidden{Name: "all", Value: "true"})
	}
	return append(list, views.Hidden{Name: "id", Value: b.ids})
}

func (b bulkChoice) words() string { return views.Count(b.n, "record", "records") }

// askBulkExport leads to the export of the chosen records, or of all that match:
// there can be more of them than are changed at once.
func (h *records) askBulkExport(c echo.Context, v url.Values) error {
	coll, err := h.find(c)
	if err != nil {
		return err
	}
	st, err := h.state(c, coll, v)
	if err != nil {
		return err
	}
	if v.Get("all") == "true" {
		return c.Redirect(http.StatusSeeOther, st.at("/export"))
	}
	if coll.Key() != nil {
		if _, err := chosenKeys(coll, v); err != nil {
			return err
		}
	}
	return c.Redirect(http.StatusSeeOther, st.at("/export", "id", strings.Join(v["id"], ",")))
}

// askBulk asks what to do with the chosen records: change a field, delete, or
// export.
func (h *records) askBulk(c echo.Context) error {
	v := c.QueryParams()
	if v.Get("do") == "export" {
		return h.askBulkExport(c, v)
	}
	b, err := h.chosenRecords(c, v)
	if err != nil {
		return err
	}
	if v.Get("do") == "delete" {
		return h.askBulkDelete(c, http.StatusOK, b)
	}
	return h.askBulkEdit(c, http.StatusOK, b, v, "", v.Has("field"))
}

func (h *records) askBulkDelete(c echo.Context, code int, b bulkChoice) error {
	text := fmt.Sprintf("%s will be gone from “%s”.", b.words(), b.coll.Title)
	if b.all && !b.st.narrowed() {
		text = fmt.Sprintf("All %s will be gone from “%s”.", b.words(), b.coll.Title)
	}
	if b.coll.KeepsHistory() {
		text += " Their values stay in the history of the collection."
	}
	lines, err := h.consequences(c, b.coll, b.filter)
	if err != nil {
		return err
	}
	vm := views.Confirm{Title: "Delete " + b.words(), Text: text, Lines: lines, Action: b.st.base + "/bulk", Do: "Delete " + b.words(), Back: b.st.url(),
		Hidden: map[string]string{"do": "delete"}}
	for _, hidden := range b.hidden() {
		vm.Hidden[hidden.Name] = hidden.Value
	}
	return render(c, code, views.ConfirmPage(vm), views.ConfirmDialog(vm))
}

// askBulkEdit asks for the field and its new value; again is for a form that is
// shown already.
func (h *records) askBulkEdit(c echo.Context, code int, b bulkChoice, v url.Values, problem string, again bool) error {
	vm := views.BulkForm{Title: "Change " + b.words(), Action: b.st.base + "/bulk", Keep: b.hidden(), Back: b.st.url(), Do: "Change " + b.words()}
	var chosen *collection.Field
	for _, f := range b.coll.Fields {
		if f.HoldsFiles() || !takes(b.coll, actor(c), auth.Update, f) {
			continue
		}
		if chosen == nil || f.Name == v.Get("field") {
			chosen = f
		}
		vm.Fields = append(vm.Fields, views.Option{Value: f.Name, Text: f.Title, Selected: f.Name == v.Get("field")})
	}
	if chosen == nil {
		return fault.New(fault.Conflict, "No field of these records can be changed.")
	}
	in := recordForm{coll: b.coll, rec: collection.Record{}, problems: map[string]string{chosen.Name: problem}}
	if problem != "" {
		in.typed = oneValueOf(v, chosen)
	}
	r, err := h.control(c, in, chosen)
	if err != nil {
		return err
	}
	r.Name, r.Label, r.Note = valueName, "New value", "empty takes the value away"
	if chosen.Required || r.Kind == views.KindCheck {
		r.Note = ""
	}
	if r.Kind == views.KindCheck {
		r.Label = chosen.Title
	}
	vm.Value = r
	part := views.BulkDialog(vm)
	if again {
		part = views.BulkForms(vm)
	}
	return render(c, code, views.BulkPage(vm), part)
}

// bulk does it.
func (h *records) bulk(c echo.Context) error {
	form, err := c.FormParams()
	if err != nil {
		return err
	}
	b, err := h.chosenRecords(c, form)
	if err != nil {
		return err
	}
	asked, err := strconv.Atoi(form.Get("n"))
	more := err != nil || b.n > asked // ask again, with the number as it is now
	if form.Get("do") == "delete" {
		if more {
			return h.askBulkDelete(c, http.StatusConflict, b)
		}
		return h.bulkDelete(c, b)
	}
	if more {
		return h.askBulkEdit(c, http.StatusConflict, b, form, "", true)
	}
	f := b.coll.Field(form.Get("field"))
	if f == nil || !takes(b.coll, actor(c), auth.Update, f) {
		return fault.New(fault.Invalid, "Choose the field to change.")
	}
	value, problem := parseTyped(words(c), f, typedText(oneValueOf(form, f), f))
	if problem != "" {
		return h.askBulkEdit(c, http.StatusUnprocessableEntity, b, form, problem, true)
	}
	n, ctx := 0, c.Request().Context()
	err = h.store.Write(ctx, b.coll.Name, func(tx *pg.Tx) error {
		recs, err := h.store.Update(ctx, tx, access(c), b.coll.Name, b.filter, collection.Record{f.Name: value})
		if n = len(recs); err == nil && n > asked {
			err = errMore
		}
		return err
	})
	if e := classify(err); fault.Is(err, fault.Invalid) {
		return h.askBulkEdit(c, http.StatusUnprocessableEntity, b, form, sentence(e), true)
	}
	if err != nil {
		return err
	}
	return done(c, b.st.url(), "Changed “"+f.Title+"” of "+views.Count(n, "record", "records")+".")
}

func (h *records) bulkDelete(c echo.Context, b bulkChoice) error {
	n, ctx := 0, c.Request().Context()
	err := h.store.Write(ctx, b.coll.Name, func(tx *pg.Tx) (err error) {
		if n, err = h.store.Destroy(ctx, tx, access(c), b.coll.Name, b.filter); err == nil && n > b.n {
			err = errMore
		}
		return err
	})
	if err != nil {
		return err
	}
	return done(c, b.st.url(), "Deleted "+views.Count(n, "record", "records")+".")
}
