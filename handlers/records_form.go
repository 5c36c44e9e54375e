package handlers

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/pg"
	"alur/views"
)

// relatedShown is how many records of another collection a form shows.
const relatedShown = 5

// recordForm is what a form for a record is made from.
type recordForm struct {
	coll     *collection.Collection
	rec      collection.Record // as stored; nil for a new one
	typed    url.Values        // as sent; nil when the form is fresh
	problems map[string]string
	refusal  string
	lost     *collection.Lost
}

func (h *records) blank(c echo.Context) error {
	coll, err := h.find(c)
	if err != nil {
		return err
	}
	rec := collection.Record{}
	for _, f := range coll.Fields {
		if f.Default != nil {
			rec[f.Name] = f.Default
		}
		if v := c.QueryParam(f.Name); v != "" { // from the list of another record
			rec[f.Name] = v
		}
		if f.Relation != "" {
			if rec[f.Relation], err = h.refer(c, coll, f.Relation, rec[f.Name]); err != nil {
				return err
			}
		}
	}
	return h.form(c, http.StatusOK, recordForm{coll: coll, rec: rec})
}

func (h *records) create(c echo.Context) error {
	coll, err := h.find(c)
	if err != nil {
		return err
	}
	form, err := c.FormParams()
	if err != nil {
		return err
	}
	in := recordForm{coll: coll, typed: form}
	if form.Has("_find") {
		return h.form(c, http.StatusOK, in)
	}
	values, problems := in.values(words(c))
	var rec collection.Record
	if len(problems) == 0 {
		ctx := c.Request().Context()
		err = h.store.Write(ctx, coll.Name, func(tx *pg.Tx) error {
			rec, err = h.store.Create(ctx, tx, access(c), coll.Name, values, nil)
			return err
		})
	}
	if len(problems) > 0 || err != nil {
		return h.again(c, in, problems, err)
	}
	return done(c, recordsPath(coll.Name), "Saved "+called(coll, rec)+".")
}

func (h *records) show(c echo.Context) error {
	coll, rec, err := h.record(c)
	if err != nil {
		return err
	}
	return h.form(c, http.StatusOK, recordForm{coll: coll, rec: rec})
}

func (h *records) update(c echo.Context) error {
	coll, rec, err := h.record(c)
	if err != nil {
		return err
	}
	id, err := recordID(c)
	if err != nil {
		return err
	}
	form, err := c.FormParams()
	if err != nil {
		return err
	}
	in := recordForm{coll: coll, rec: rec, typed: form}
	if form.Has("_find") {
		return h.form(c, http.StatusOK, in)
	}
	values, problems := in.values(words(c))
	if len(problems) == 0 {
		ctx := c.Request().Context()
		err = h.store.Write(ctx, coll.Name, func(tx *pg.Tx) error {
			_, err := h.store.Edit(ctx, tx, access(c), coll.Name, id, form.Get("_seen"), values)
			return err
		})
	}
	if len(problems) > 0 || err != nil {
		return h.again(c, in, problems, err)
	}
	return done(c, recordsPath(coll.Name), "Saved "+called(coll, rec)+".")
}

// again shows the form with what was typed and what is wrong with it.
func (h *records) again(c echo.Context, in recordForm, problems map[string]string, err error) error {
	in.problems = problems
	code := http.StatusUnprocessableEntity
	if err != nil {
		f := classify(err)
		switch f.Kind {
		case fault.Invalid:
			in.problems = f.Fields
			if !in.shows(f.Fields) {
				in.refusal = sentence(f)
			}
		case fault.Conflict:
			code = http.StatusConflict
			in.refusal = f.Msg
			if l, ok := errors.AsType[*collection.Lost](err); ok {
				in.lost = l
			}
		default:
			return err
		}
	}
	return h.form(c, code, in)
}

// shows reports whether one of the problems has a field on the form.
func (in recordForm) shows(problems map[string]string) bool {
	for name := range problems {
		if f := in.coll.Field(name); f != nil && editable(f) {
			return true
		}
	}
	return false
}

// editable reports whether a form has a control for the field.
func editable(f *collection.Field) bool {
	return (!f.Hidden || f.Type == collection.Password) && !f.ReadOnly && !f.Filled() && f.Relation == "" && (!f.IsRelation() || f.Type == collection.BelongsTo)
}

// values are the fields that somebody changed: what was typed differs from what
// the form showed. So nothing is lost that a form cannot show exactly.
func (in recordForm) values(w views.Words) (collection.Record, map[string]string) {
	values, problems := collection.Record{}, map[string]string{}
	for _, f := range in.coll.Fields {
		if !editable(f) {
			continue
		}
		typed := typedText(in.typed, f)
		if _, sent := in.typed[f.Name]; !sent && !silent(f) {
			continue
		}
		if in.rec != nil && strings.TrimSpace(typed) == strings.TrimSpace(formText(w, f, in.rec[f.Name])) {
			continue
		}
		v, problem := parseTyped(w, f, typed)
		if problem != "" {
			problems[f.Name] = problem
		}
		values[f.Name] = v
	}
	return values, problems
}

// form shows the form.
func (h *records) form(c echo.Context, code int, in recordForm) error {
	w, base := words(c), recordsPath(in.coll.Name)
	vm := views.RecordForm{
		Title: "New record", Do: "Save", Crumbs: []views.Link{{Text: in.coll.Title, URL: base}},
		Action: base, Cancel: base, Refusal: in.refusal, Problems: len(in.problems),
	}
	if c.Param("id") != "" {
		vm.Title = views.Clip(in.coll.TitleOf(in.rec), 80)
		if in.coll.TitleField == "" {
			vm.Title = "Record " + vm.Title
		}
		vm.Action = base + "/" + c.Param("id")
		vm.Delete = vm.Action + "/delete"
		vm.Seen = collection.Format(in.rec["updatedAt"])
		if in.typed != nil && in.typed.Has("_seen") && in.lost == nil {
			vm.Seen = in.typed.Get("_seen")
		}
		vm.Facts = history(w, in.rec)
		if err := h.relatedLists(c, in, &vm); err != nil {
			return err
		}
	}
	if in.lost != nil {
		vm.Seen, vm.Theirs = collection.Format(in.lost.Theirs["updatedAt"]), vm.Action
		if err := h.differences(c, in, &vm); err != nil {
			return err
		}
	}
	for _, f := range in.coll.Fields {
		if !editable(f) {
			continue
		}
		r, err := h.control(c, in, f)
		if err != nil {
			return err
		}
		vm.Fields = append(vm.Fields, r)
	}
	return render(c, code, views.RecordFormPage(vm), nil)
}

func history(w views.Words, rec collection.Record) []views.Fact {
	line := func(at, by string) string {
		text := ""
		if t, err := time.Parse(collection.Instant, collection.Format(rec[at])); err == nil {
			text = w.When(t)
		}
		if p, ok := rec[by].(collection.Record); ok {
			return text + " by " + collection.Format(p["nickname"])
		}
		return text + " by a workflow or program"
	}
	return []views.Fact{
		{Name: "Created", Value: line("createdAt", "createdBy")}, {Name: "Changed", Value: line("updatedAt", "updatedBy")},
		{Name: "ID", Value: collection.Format(rec["id"]), Num: true},
	}
}

// control is the control for one field.
func (h *records) control(c echo.Context, in recordForm, f *collection.Field) (views.RecordField, error) {
	w := words(c)
	r := views.RecordField{Kind: views.KindText, Field: views.Field{Name: f.Name, Label: f.Title, Error: in.problems[f.Name], Value: formText(w, f, in.rec[f.Name])}}
	if in.typed != nil {
		r.Value = typedText(in.typed, f)
	}
	if !f.Required && f.Type != collection.Boolean {
		r.Note = "optional"
	}
	if help, ok := f.Options["description"].(string); ok {
		r.Help = help
	}
	if f.Type == collection.BelongsTo {
		search := ""
		if in.typed != nil {
			search = in.typed.Get("_search." + f.Name)
		}
		return r, h.picker(c, f, &r, r.Value, search)
	}
	widget(f, &r)
	return r, nil
}

// differences lists the fields in which the stored version and the typed one
// differ.
func (h *records) differences(c echo.Context, in recordForm, vm *views.RecordForm) error {
	w := words(c)
	for _, f := range in.coll.Fields {
		mine, changed := in.lost.Mine[f.Name]
		if !changed || !editable(f) {
			continue
		}
		d := views.Difference{Name: f.Title}
		theirs := in.lost.Theirs[f.Name]
		if f.Type == collection.BelongsTo {
			theirs = in.lost.Theirs[f.ForeignKey]
			var err error
			if d.Theirs, err = h.chosen(c, f, collection.Format(theirs)); err != nil {
				return err
			}
			if d.Mine, err = h.chosen(c, f, collection.Format(mine)); err != nil {
				return err
			}
		} else {
			d.Theirs, d.Mine = exactWords(w, f, theirs), exactWords(w, f, mine)
		}
		if formText(w, f, theirs) != formText(w, f, mine) {
			vm.Conflict = append(vm.Conflict, d)
		}
	}
	return nil
}

// relatedLists shows what refers to the record.
func (h *records) relatedLists(c echo.Context, in recordForm, vm *views.RecordForm) error {
	ctx := c.Request().Context()
	for _, f := range in.coll.Fields {
		if f.Type != collection.HasMany {
			continue
		}
		target, err := h.store.Collection(ctx, f.Target)
		if err != nil {
			return err
		}
		back := target.Field(f.ForeignKey)
		if back == nil || target.System {
			continue
		}
		cols, err := h.columns(c, target)
		if err != nil {
			return err
		}
		cols = cols.without(back)
		id := collection.Format(in.rec["id"])
		page, err := h.store.List(ctx, h.db, access(c), target.Name, collection.Query{
			Filter: map[string]any{back.Name: in.rec["id"]}, Fields: cols.fields(), Sort: []string{"-id"}, PageSize: relatedShown})
		if err != nil {
			return err
		}
		name := back.Name
		if back.Relation != "" {
			name = back.Relation
		}
		list := views.RelatedList{
			Title: f.Title, Count: views.Int(page.Count), Rows: cols.rows(c, target, page.Records), NewText: "New record in " + target.Title,
			All: address(recordsPath(target.Name), url.Values{"w": {name + ".is." + id}}),
			New: address(recordsPath(target.Name)+"/new", url.Values{back.Name: {id}}),
		}
		for i, col := range cols.list {
			list.Columns = append(list.Columns, views.Sort{Text: col.Title, Class: cols.class(i)})
		}
		vm.Related = append(vm.Related, list)
	}
	return nil
}
