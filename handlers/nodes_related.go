package handlers

import (
	"net/url"
	"slices"

	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/views"
	"alur/views/nodeforms"
)

// related finds the records that relation fields of a node's form lead to, as pages
// of records do: whom the person may not see is neither searched nor named.
func (h *workflows) related(c echo.Context) func(*collection.Field, []string) nodeforms.Related {
	return func(f *collection.Field, keys []string) (found nodeforms.Related) {
		ctx, a := c.Request().Context(), access(c)
		target, err := h.records.Collection(ctx, f.Target)
		if err != nil || !a.Actor.Can(auth.UseRecords) {
			return found
		}
		if target.Name == "users" {
			a.Actor = auth.System // who may choose people learns their names only
		} else if target.System || !target.Allows(a.Actor, auth.View) {
			return found
		}
		key := target.Key()
		if f.Type != collection.HasMany {
			key = keyOf(target, f)
		}
		if key == nil || key.Hidden || key.Column == "" {
			return found
		}
		found.From = recordsPath(target.Name) + "/pick"
		if key != target.Key() {
			found.From += "?key=" + url.QueryEscape(key.Name)
		}
		asked := []any{}
		for _, k := range keys {
			if collection.Comparable(key, "$eq", k) == nil {
				asked = append(asked, k)
			}
		}
		if len(asked) == 0 {
			return found
		}
		q := collection.Query{Filter: map[string]any{key.Name: map[string]any{"$in": asked}}, Fields: []string{key.Name}, All: true}
		if title := target.Field(target.TitleField); title != nil && !slices.Contains(q.Fields, title.Name) {
			q.Fields = append(q.Fields, title.Name)
		}
		page, err := h.records.List(ctx, h.engine.DB, a, target.Name, q)
		if err != nil {
			return found // the keys themselves say enough
		}
		found.Titles = map[string]string{}
		for _, rec := range page.Records {
			found.Titles[collection.Format(rec[key.Name])] = views.Clip(target.TitleOf(rec), 80)
		}
		return found
	}
}
