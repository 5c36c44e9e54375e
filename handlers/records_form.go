package handlers

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/pg"
	"alur/views"
)

// recordForm is what a form for a record is made from.
type recordForm struct {
	coll     *collection.Collection
	rec      collection.Record // as stored; nil for a new one
	typed    url.Values        // as sent; nil when the form is fresh
	only     *collection.Field // the one field of a cell; nil for all
	problems map[string]string
	refusal  string
	lost     *collection.Lost
}

func (h *records) blank(c echo.Context) error {
	coll, err := h.find(c)
	if err == nil {
		err = actor(c).Require(auth.UseRecords)
	}
	if err == nil && !coll.Allows(actor(c), auth.Create) {
		err = fault.New(fault.Forbidden, fmt.Sprintf("You do not have the right to create records of “%s”. Ask an administrator.", coll.Title))
	}
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
	form, wrong, err := h.sent(c, coll)
	if err != nil {
		return err
	}
	in := recordForm{coll: coll, typed: form}
	if form.Has("_find") {
		return h.form(c, http.StatusOK, in)
	}
	values, problems := in.values(words(c))
	maps.Copy(problems, wrong)
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
	if into := form.Get("_into"); into != "" && isPartial(c.Request()) {
		part := views.Picked(views.PickedRecord{Into: into, Value: collection.Format(coll.ID(rec)), Text: views.Clip(coll.TitleOf(rec), 80)})
		return render(c, http.StatusOK, part, part)
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
	form, wrong, err := h.sent(c, coll)
	if err != nil {
		return err
	}
	in := recordForm{coll: coll, rec: rec, typed: form}
	if form.Has("_find") {
		return h.form(c, http.StatusOK, in)
	}
	values, problems := in.values(words(c))
	maps.Copy(problems, wrong)
	if len(problems) == 0 {
		ctx := c.Request().Context()
		err = h.store.Write(ctx, coll.Name, func(tx *pg.Tx) error {
			_, err := h.store.Edit(ctx, tx, access(c), coll.Name, coll.ID(rec), form.Get("_seen"), values)
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
				if err := h.loadFiles(c, in.coll, l.Theirs); err != nil {
					return err
				}
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

// editable reports whether a form has a control for the field. Other relations to
// many have lists of their own.
func editable(f *collection.Field) bool {
	if f.IsRelation() && f.Type != collection.BelongsTo && !f.HoldsFiles() {
		return false
	}
	return (!f.Hidden || f.Type == collection.Password) && !f.ReadOnly && f.Relation == ""
}

// values are the fields that somebody changed: what was typed differs from what
// the form showed. So nothing is lost that a form cannot show exactly, and nobody
// undoes what others did to fields that they left alone.
func (in recordForm) values(w views.Words) (collection.Record, map[string]string) {
	values, problems := collection.Record{}, map[string]string{}
	base := readBase(in.typed.Get("_base"))
	for _, f := range in.coll.Fields {
		if !editable(f) || in.only != nil && f != in.only {
			continue
		}
		if _, sent := in.typed[f.Name]; !sent && !silent(f) || in.typed.Get("_keep."+f.Name) == "theirs" {
			continue
		}
		typed := typedText(in.typed, f)
		if was, known := base[f.Name]; known {
			if was == fingerprint(typed) {
				continue
			}
		} else if in.rec != nil && strings.TrimSpace(typed) == strings.TrimSpace(formText(w, f, storedValue(f, in.rec))) {
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
		vm.Action = recordURL(in.coll, in.rec)
		if in.coll.Allows(actor(c), auth.Destroy) {
			vm.Delete = vm.Action + "/delete"
		}
		if actor(c).Can(auth.UseWorkflows) {
			vm.Executions = aboutRecord(in.coll, in.rec)
		}
		vm.Seen = in.coll.State(in.rec)
		if in.typed != nil && in.typed.Has("_seen") && in.lost == nil {
			vm.Seen = in.typed.Get("_seen")
		}
		vm.Facts = recordFacts(w, in.rec)
		if err := h.relatedLists(c, in, &vm); err != nil {
			return err
		}
		if err := h.lastChanges(c, in.coll, &vm); err != nil {
			return err
		}
		vm.Base = in.base(w)
	}
	if in.lost != nil {
		vm.Seen, vm.Theirs = in.coll.State(in.lost.Theirs), vm.Action
		var err error
		if in, err = h.differences(c, in, &vm); err != nil {
			return err
		}
	}
	act := auth.Create
	if c.Param("id") != "" {
		act = auth.Update
	}
	for _, s := range layoutOf(in.coll) {
		section := views.RecordSection{Title: s.Title, Help: s.Help}
		for _, f := range s.fields {
			shown := in.coll.Shows(actor(c), f) && act == auth.Update
			if !takes(in.coll, actor(c), act, f) && !shown {
				continue
			}
			r, err := h.control(c, in, f)
			r.Disabled = !takes(in.coll, actor(c), act, f)
			if err != nil {
				return err
			}
			section.Fields = append(section.Fields, r)
			vm.Multipart = vm.Multipart || r.Kind == views.KindFiles
		}
		if len(section.Fields) > 0 {
			vm.Sections = append(vm.Sections, section)
		}
	}
	if vm.Into = c.FormValue("_into"); vm.Into != "" {
		return render(c, code, views.RecordFormPage(vm), views.RecordDialog(vm))
	}
	return render(c, code, views.RecordFormPage(vm), nil)
}

func recordFacts(w views.Words, rec collection.Record) []views.Fact {
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
	var facts []views.Fact
	for _, f := range []struct{ name, at, by string }{{"Created", "createdAt", "createdBy"}, {"Changed", "updatedAt", "updatedBy"}} {
		if rec[f.at] != nil { // an adopted table may not say
			facts = append(facts, views.Fact{Name: f.name, Value: line(f.at, f.by)})
		}
	}
	return facts
}

// control is the control for one field.
func (h *records) control(c echo.Context, in recordForm, f *collection.Field) (views.RecordField, error) {
	w := words(c)
	r := views.RecordField{Kind: views.KindText, Field: views.Field{Name: f.Name, Label: f.Title, Error: in.problems[f.Name], Value: formText(w, f, storedValue(f, in.rec))}}
	if in.typed != nil && in.typed.Get("_keep."+f.Name) != "theirs" {
		r.Value = typedText(in.typed, f)
	}
	if !f.Required && f.Type != collection.Boolean {
		r.Note = "optional"
	}
	if help, ok := f.Options["description"].(string); ok {
		r.Help = help
	}
	if f.HoldsFiles() {
		return r, h.filesControl(c, in, f, &r)
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
