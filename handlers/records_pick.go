package handlers

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	"alur/views"
)

// How many records are offered to choose from: in a select without JavaScript,
// and in the list under a field.
const (
	selectShown = 50
	pickShown   = 12
)

// candidates reads the records of a collection that a relation can lead to,
// those that fit the search.
func (h *records) candidates(c echo.Context, target *collection.Collection, key *collection.Field, search string, n int) ([]collection.Record, bool, error) {
	q := collection.Query{Fields: []string{key.Name}, PageSize: n, NoCount: true}
	title := target.Field(target.TitleField)
	if title != nil {
		q.Fields = append(q.Fields, title.Name)
		q.Sort = []string{title.Name}
	}
	if search = strings.TrimSpace(search); search != "" {
		some := []any{}
		if isText(title) {
			some = append(some, map[string]any{title.Name: map[string]any{"$includes": search}})
		}
		if collection.Comparable(key, "$eq", search) == nil {
			some = append(some, map[string]any{key.Name: search})
		}
		if len(some) == 0 {
			return nil, false, nil
		}
		q.Filter = map[string]any{"$or": some}
	}
	a := access(c)
	if target.Name == "users" { // whoever may choose people is offered those that are here, and learns their names only
		a.Actor = auth.System
		q.Filter = map[string]any{"$and": []any{map[string]any{"active": true}, orEmpty(q.Filter)}}
	}
	page, err := h.store.List(c.Request().Context(), h.db, a, target.Name, q)
	return page.Records, page.HasNext, err
}

func orEmpty(filter any) any {
	if filter == nil {
		return map[string]any{}
	}
	return filter
}

// pick answers the records that a search finds, for the list under a field.
// Without JavaScript nothing leads here; the list of records serves then.
func (h *records) pick(c echo.Context) error {
	target, err := h.store.Collection(c.Request().Context(), c.Param("collection"))
	if err != nil {
		return err
	}
	search, key := c.QueryParam("q"), target.Key()
	if name := c.QueryParam("key"); name != "" {
		key = target.Field(name)
	}
	if key == nil || key.Hidden || key.Column == "" {
		return fault.New(fault.NotFound, "The records of this collection cannot be chosen.")
	}
	if !isPartial(c.Request()) && !target.System {
		return c.Redirect(http.StatusSeeOther, address(recordsPath(target.Name), url.Values{"q": {search}}))
	}
	recs, more, err := h.candidates(c, target, key, search, pickShown)
	if err != nil {
		return err
	}
	vm := views.Pick{More: more}
	for _, rec := range recs {
		vm.Rows = append(vm.Rows, views.PickRow{Value: collection.Format(rec[key.Name]), Text: views.Clip(target.TitleOf(rec), 80)})
	}
	if len(recs) == 0 {
		vm.None = "Nothing found."
	}
	return render(c, http.StatusOK, views.PickOptions(vm), views.PickOptions(vm))
}

// picker makes r a control that chooses a record of the collection f leads to.
func (h *records) picker(c echo.Context, f *collection.Field, r *views.RecordField, value, search string) error {
	target, err := h.store.Collection(c.Request().Context(), f.Target)
	if err != nil {
		return err
	}
	key := keyOf(target, f)
	if key == nil {
		return fault.New(fault.Conflict, fmt.Sprintf("“%s” has lost its way to “%s”.", f.Title, target.Title))
	}
	recs, more, err := h.candidates(c, target, key, search, selectShown)
	if err != nil {
		return err
	}
	if !target.System {
		r.Make = recordsPath(target.Name) + "/new"
	}
	r.Kind, r.Value, r.Search, r.More, r.From = views.KindPicker, value, search, more, recordsPath(target.Name)+"/pick"
	if f.TargetKey != "" {
		r.From, r.Make = r.From+"?key="+url.QueryEscape(key.Name), "" // a new record is handed over by its primary key
	}
	r.Options = []views.Option{{Text: "–"}}
	there := value == ""
	for _, rec := range recs {
		id := collection.Format(rec[key.Name])
		there = there || id == value
		r.Options = append(r.Options, views.Option{Value: id, Text: views.Clip(target.TitleOf(rec), 80)})
	}
	if r.Chosen, err = h.chosen(c, f, value); err != nil {
		return err
	}
	if !there {
		r.Options = append(r.Options, views.Option{Value: value, Text: r.Chosen})
	}
	return nil
}

// keyOf is the field of target whose values relation f holds; nil when there is
// none.
func keyOf(target *collection.Collection, f *collection.Field) *collection.Field {
	if f.TargetKey != "" {
		return target.Field(f.TargetKey)
	}
	return target.Key()
}

// chosen words the record that relation f leads to by a key; a record that is not
// there is worded by the key.
func (h *records) chosen(c echo.Context, f *collection.Field, value string) (string, error) {
	target, err := h.store.Collection(c.Request().Context(), f.Target)
	if err != nil {
		return "", err
	}
	key := keyOf(target, f)
	if key == nil || value == "" || collection.Comparable(key, "$eq", value) != nil {
		return value, nil
	}
	rec, err := h.store.First(c.Request().Context(), h.db, access(c), target.Name, collection.Query{Filter: map[string]any{key.Name: value}})
	if err != nil || rec == nil {
		return value, err
	}
	return views.Clip(target.TitleOf(rec), 80), nil
}

// refer returns the record that a key leads to, for a form that starts with it.
func (h *records) refer(c echo.Context, coll *collection.Collection, relation string, key any) (any, error) {
	f := coll.Field(relation)
	if key == nil || f == nil {
		return nil, nil
	}
	target, err := h.store.Collection(c.Request().Context(), f.Target)
	if err != nil || keyOf(target, f) == nil {
		return nil, err
	}
	rec, err := h.store.First(c.Request().Context(), h.db, access(c), f.Target, collection.Query{Filter: map[string]any{keyOf(target, f).Name: collection.Format(key)}})
	if rec == nil || fault.Is(err, fault.Invalid) {
		return nil, err
	}
	return rec, err
}
