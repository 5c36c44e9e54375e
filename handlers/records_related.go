package handlers

import (
	"context"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/pg"
	"alur/views"
)

// relatedShown is how many records of another collection a form shows.
const relatedShown = 5

// relation is a relation to many, with what it leads by.
type relation struct {
	field   *collection.Field
	target  *collection.Collection
	through *collection.Collection // of a belongsToMany; nil else
	back    *collection.Field      // holds our key: of target, or of through
	source  any                    // our key
}

// related understands relation f of a record; false when it leads nowhere that can
// be shown here.
func (cat catalogue) related(f *collection.Field, rec collection.Record) (relation, bool) {
	r := relation{field: f, target: cat.target(f)}
	if r.target == nil || !f.ToMany() || !cat.sees(cat.coll, f) || r.target.System || r.target.Key() == nil {
		return r, false
	}
	holder, source := r.target, cat.coll.Key()
	if f.Type == collection.BelongsToMany {
		if r.through = cat.all[f.Through]; r.through == nil || r.through.Key() == nil {
			return r, false
		}
		holder = r.through
	}
	if f.SourceKey != "" {
		source = cat.coll.Field(f.SourceKey)
	}
	if r.back = holder.Field(f.ForeignKey); r.back == nil || source == nil {
		return r, false
	}
	r.source = rec[source.Name]
	return r, true
}

// filter finds the records that belong to ours.
func (r relation) filter(cat catalogue) any {
	if r.through == nil {
		return map[string]any{r.back.Name: map[string]any{"$eq": r.source}}
	}
	for _, f := range r.target.Fields { // the same relation from the other side
		if f.Type == collection.BelongsToMany && f.Through == r.field.Through && f.ForeignKey == r.field.OtherKey {
			return map[string]any{f.Name: map[string]any{cat.coll.Key().Name: map[string]any{"$eq": r.source}}}
		}
	}
	return nil
}

// relatedLists shows what refers to the record.
func (h *records) relatedLists(c echo.Context, in recordForm, vm *views.RecordForm) error {
	ctx := c.Request().Context()
	cat, err := h.catalogue(ctx, actor(c), in.coll)
	if err != nil {
		return err
	}
	for _, f := range in.coll.Fields {
		r, ok := cat.related(f, in.rec)
		if !ok {
			continue
		}
		recs, n, err := h.relatedRecords(c, in, r)
		if err != nil {
			return err
		}
		theirs := catalogue{coll: r.target, all: cat.all, actor: cat.actor}
		cols := theirs.columns(nil).without(r.back)
		list := views.RelatedList{Title: f.Title, Count: n, Rows: cols.rows(c, listState{}, r.target, recs)}
		if in.coll.Takes(actor(c), auth.Update, f) {
			list.Add = vm.Action + "/related/" + f.Name
		}
		if filter := r.filter(cat); filter != nil {
			list.All = address(recordsPath(r.target.Name), url.Values{"filter": {theirs.text(theFilter(theirs.parse(filter)))}})
		}
		if r.through == nil {
			list.NewText = "New record in " + r.target.Title
			list.New = address(recordsPath(r.target.Name)+"/new", url.Values{r.back.Name: {collection.Format(r.source)}})
		}
		if r.through != nil || !r.back.Required {
			list.Remove = list.Add // "" when it is not theirs to change
		}
		for i, col := range cols.list {
			list.Columns = append(list.Columns, views.Sort{Text: col.title(), Class: cols.class(i)})
		}
		vm.Related = append(vm.Related, list)
	}
	return nil
}

// relatedRecords reads the first records of a relation, and words how many there
// are.
func (h *records) relatedRecords(c echo.Context, in recordForm, r relation) ([]collection.Record, string, error) {
	ctx := c.Request().Context()
	theirs, err := h.catalogue(ctx, actor(c), r.target)
	if err != nil {
		return nil, "", err
	}
	fields := theirs.columns(nil).without(r.back).fields()
	if r.through == nil {
		page, err := h.store.List(ctx, h.db, access(c), r.target.Name, collection.Query{Filter: r.filter(catalogue{}), Fields: fields,
			Sort: []string{"-" + r.target.Key().Name}, PageSize: relatedShown, NoCount: true})
		if err != nil || !page.HasNext {
			return page.Records, views.Int(len(page.Records)), err
		}
		n, known, err := h.store.CountUpTo(ctx, access(c), r.target.Name, r.filter(catalogue{}), countMost, countPatience)
		return page.Records, countNumber(n, known), err
	}
	mine := map[string]any{r.back.Name: map[string]any{"$eq": r.source}}
	links, err := h.store.List(ctx, h.db, access(c), r.through.Name, collection.Query{Filter: mine, Fields: []string{r.field.OtherKey}, Sort: []string{"-" + r.through.Key().Name}, PageSize: relatedShown, NoCount: true})
	if err != nil {
		return nil, "", err
	}
	keys := []any{}
	for _, l := range links.Records {
		keys = append(keys, l[r.field.OtherKey])
	}
	page, err := h.store.List(ctx, h.db, access(c), r.target.Name, collection.Query{Filter: map[string]any{keyOf(r.target, r.field).Name: map[string]any{"$in": keys}}, Fields: fields, All: true})
	if err != nil || !links.HasNext {
		return page.Records, views.Int(len(page.Records)), err
	}
	n, known, err := h.store.CountUpTo(ctx, access(c), r.through.Name, mine, countMost, countPatience)
	return page.Records, countNumber(n, known), err
}

// relationOf returns what the address names: a record, and a relation of it to
// many.
func (h *records) relationOf(c echo.Context) (*collection.Collection, collection.Record, relation, error) {
	coll, rec, err := h.record(c)
	if err != nil {
		return nil, nil, relation{}, err
	}
	cat, err := h.catalogue(c.Request().Context(), actor(c), coll)
	if err != nil {
		return nil, nil, relation{}, err
	}
	f := coll.Field(c.Param("field"))
	if f == nil {
		return nil, nil, relation{}, fault.New(fault.NotFound, "There is no such relation.")
	}
	r, ok := cat.related(f, rec)
	if !ok {
		err = fault.New(fault.NotFound, "There is no such relation.")
	}
	return coll, rec, r, err
}

// askRelate asks for a record to add to a relation.
func (h *records) askRelate(c echo.Context) error {
	coll, rec, r, err := h.relationOf(c)
	if err != nil {
		return err
	}
	f := views.RecordField{Kind: views.KindPicker, Field: views.Field{Name: "record", Label: r.target.Title, Focus: true}}
	if r.through == nil {
		f.Help = "A record belongs to one at a time: what you choose leaves where it is now."
	}
	if err := h.picker(c, &collection.Field{Target: r.target.Name, Type: collection.BelongsTo}, &f, "", c.QueryParam("_search.record")); err != nil {
		return err
	}
	base := recordURL(coll, rec)
	vm := views.RelateForm{Title: "Add to " + r.field.Title, Sub: called(coll, rec), Action: base + "/related/" + r.field.Name, Control: f, Back: base}
	return render(c, http.StatusOK, views.RelatePage(vm), views.RelateDialog(vm))
}

// relate adds a record to a relation, or takes one out of it.
func (h *records) relate(c echo.Context) error {
	coll, rec, r, err := h.relationOf(c)
	if err != nil {
		return err
	}
	id := c.FormValue("record")
	if id == "" || collection.Comparable(r.target.Key(), "$eq", id) != nil {
		return fault.New(fault.Invalid, "Choose a record.")
	}
	remove, ctx := c.FormValue("do") == "remove", c.Request().Context()
	err = h.store.Write(ctx, coll.Name, func(tx *pg.Tx) error { return h.link(ctx, tx, access(c), coll.ID(rec), coll, r, id, remove) })
	if err != nil {
		return err
	}
	notice := "Added to " + r.field.Title + "."
	if remove {
		notice = "Taken out of " + r.field.Title + ". The record itself stays."
	}
	return done(c, recordURL(coll, rec), notice)
}

// link makes a record of the target belong to that of ours whose key is mine, or not
// any more.
func (h *records) link(ctx context.Context, tx *pg.Tx, a collection.Access, mine any, coll *collection.Collection, r relation, id string, remove bool) error {
	gone := fault.New(fault.NotFound, "This record does not exist any more, or not here.")
	there, err := h.store.First(ctx, tx, a, r.target.Name, collection.Query{Filter: r.target.Keyed(id)})
	if err != nil {
		return err
	}
	if there == nil {
		return gone
	}
	key := []any{r.target.ID(there)}
	if r.through != nil {
		key = []any{there[keyOf(r.target, r.field).Name]}
	}
	change := collection.Links{Add: key}
	if remove {
		change = collection.Links{Drop: key}
	}
	moved, err := h.store.Relate(ctx, tx, a, coll.Name, coll.Keyed(mine), r.field.Name, change)
	if err == nil && !moved && (remove || r.through == nil && !collection.Same(there[r.back.Name], r.source)) {
		err = gone // not among ours, or not theirs to change
	}
	return err
}
