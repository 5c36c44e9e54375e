package api

import (
	"encoding/json"
	"slices"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
)

// definitions are the actions on collections and their fields. Everybody may read
// those of collections that they may read.
func (h *Records) definitions() map[string]map[string]action {
	change := func(do func(*call) (any, error)) action { return action{need: auth.ManageCollections, do: do} }
	read := func(do func(*call) (any, error)) action { return action{read: true, do: do} }
	return map[string]map[string]action{
		"collections": {
			"list":     read(func(c *call) (any, error) { return h.listCollections(c, false) }),
			"listMeta": read(func(c *call) (any, error) { return h.listCollections(c, true) }),
			"get":      read(h.getCollection),
			"create":   change(h.createCollection),
			"update":   change(h.updateCollection),
			"destroy":  change(h.destroyCollection),

			"setFields":  change(h.setFields),
			"listTables": {need: auth.ManageCollections, read: true, do: h.listTables},
			"adopt":      change(h.adoptTable),
		},
		"collections.fields": {
			"list":    read(h.listFields),
			"get":     read(h.getField),
			"create":  change(h.createField),
			"update":  change(h.updateField),
			"destroy": change(h.destroyField),
		},
		collection.Attachments: {"destroy": {do: h.destroyFiles}},
	}
}

// collectionTypes are the members that definitions of collections have as a rule.
var collectionTypes = map[string]string{"name": collection.String, "title": collection.String, "titleField": collection.String,
	"hidden": collection.Boolean, "sort": collection.Integer}

func (h *Records) listCollections(c *call, fields bool) (any, error) {
	rows, err := h.collections(c, fields)
	if err != nil {
		return nil, err
	}
	q, err := c.listed(collection.Query{All: fields})
	if err != nil {
		return nil, err
	}
	return h.listRows(c, rows, q)
}

// collections are the definitions that the actor may read, as rows.
func (h *Records) collections(c *call, fields bool) (collection.Rows, error) {
	rows := collection.Rows{Title: "Collections", Types: collectionTypes}
	all, err := h.Store.Collections(c.ctx)
	if err != nil {
		return rows, err
	}
	appends, err := c.params.List("appends")
	if err != nil {
		return rows, err
	}
	i := slices.Index(appends, "fields")
	for _, coll := range all {
		if c.actor.Can(coll.Right) {
			rows.List = append(rows.List, coll.Object(fields || i >= 0))
		}
	}
	if i >= 0 {
		c.params["appends"] = toAny(slices.Delete(appends, i, i+1))
	}
	return rows, nil
}

// listed reads the parameters of a list of definitions, which are addressed by
// name; usual says what holds where they say nothing.
func (c *call) listed(usual collection.Query) (collection.Query, error) {
	q, err := c.params.listed()
	if err != nil {
		return q, err
	}
	q.All = q.All || usual.All && q.Page == 0 && q.PageSize == 0
	if c.path == "" && !c.params.Has("filterByTk") {
		return q, nil
	}
	names, err := c.names()
	if err != nil {
		return q, err
	}
	named := map[string]any{"name": map[string]any{"$in": toAny(names)}}
	if q.Filter = any(named); c.params.Has("filter") {
		filter, err := c.params.JSON("filter")
		if err != nil {
			return q, err
		}
		q.Filter = map[string]any{"$and": []any{named, filter}}
	}
	return q, nil
}

// listRows answers rows as lists are answered.
func (h *Records) listRows(c *call, rows collection.Rows, q collection.Query) (any, error) {
	var err error
	if q.Filter, err = h.resolve(c, q.Filter); err != nil {
		return nil, err
	}
	page, err := h.Store.ListRows(c.ctx, h.DB, c.access(), rows, q)
	switch {
	case err != nil:
		return nil, err
	case q.All:
		return page.Records, nil
	}
	return page, nil
}

// definition finds a collection whose definition the actor may read.
func (h *Records) definition(c *call, name string) (*collection.Collection, error) {
	coll, err := h.Store.Collection(c.ctx, name)
	if err != nil {
		return nil, err
	}
	if !c.actor.Can(coll.Right) {
		return nil, notFound
	}
	return coll, nil
}

func (h *Records) getCollection(c *call) (any, error) {
	coll, err := h.definition(c, c.key())
	if err != nil {
		return nil, err
	}
	return coll.Object(true), nil
}

func (h *Records) createCollection(c *call) (any, error) {
	raw, err := json.Marshal(c.body)
	if err != nil {
		return nil, err
	}
	var d collection.Definition
	if json.Unmarshal(raw, &d) != nil {
		return nil, fault.New(fault.Invalid, "Send an object with name, title and a list of fields.")
	}
	coll, err := h.Store.CreateCollection(c.ctx, c.actor, d)
	if err != nil {
		return nil, err
	}
	return coll.Object(true), nil
}

func (h *Records) updateCollection(c *call) (any, error) {
	values, err := c.values()
	if err != nil {
		return nil, err
	}
	coll, err := h.Store.UpdateCollection(c.ctx, c.actor, c.key(), values)
	if err != nil {
		return nil, err
	}
	return []any{coll.Object(true)}, nil
}

// destroyCollection answers how many are gone; one that is refused undoes all. Those
// that are not there (any more) are passed over when they were not named one by one.
func (h *Records) destroyCollection(c *call) (any, error) {
	names, err := h.meant(c)
	if err != nil {
		return nil, err
	}
	drop := c.params.Text("dropTable") == "true"
	if c.key() == "" || len(names) != 1 {
		return h.Store.DropCollections(c.ctx, c.actor, names, drop, collection.All)
	}
	if err := h.Store.DropCollection(c.ctx, c.actor, names[0], drop, collection.All); err != nil {
		return nil, err
	}
	return 1, nil
}

// meant are the names of the collections that a request means: by filterByTk, by a
// filter, or by both.
func (h *Records) meant(c *call) ([]string, error) {
	filter, err := c.params.JSON("filter")
	if err != nil {
		return nil, err
	}
	named := c.path != "" || c.params.Has("filterByTk")
	switch {
	case !named && unconditional(filter):
		return nil, problem("filterByTk", "Say which ones are meant by name, with filterByTk or filter.")
	case unconditional(filter):
		return c.names()
	}
	rows, err := h.collections(c, false)
	if err != nil {
		return nil, err
	}
	q := collection.Query{All: true, Filter: filter}
	if named {
		keys, err := c.names()
		if err != nil {
			return nil, err
		}
		q.Filter = map[string]any{"$and": []any{map[string]any{"name": map[string]any{"$in": toAny(keys)}}, filter}}
	}
	if q.Filter, err = h.resolve(c, q.Filter); err != nil {
		return nil, err
	}
	page, err := h.Store.ListRows(c.ctx, h.DB, c.access(), rows, q)
	names := make([]string, len(page.Records))
	for i, r := range page.Records {
		names[i] = collection.Format(r["name"])
	}
	return names, err
}

// names are the collections or fields that a request names by filterByTk, one or
// several.
func (c *call) names() ([]string, error) {
	var given any = c.path
	if c.path == "" {
		given = c.params["filterByTk"]
	}
	if s, ok := given.(string); ok {
		given = parseKeys(s)
	}
	list, ok := given.([]any)
	if !ok && given != nil {
		list = []any{given}
	}
	var names []string
	for _, e := range list {
		if name, ok := e.(string); ok && name != "" {
			names = append(names, name)
		}
	}
	if len(names) == 0 || len(names) < len(list) {
		return nil, problem("filterByTk", "Say which ones are meant by name, with filterByTk.")
	}
	return names, nil
}

// setFields makes the fields of a collection those in the body.
func (h *Records) setFields(c *call) (any, error) {
	raw, err := json.Marshal(c.body)
	if err != nil {
		return nil, err
	}
	var in struct {
		Fields []collection.Field `json:"fields"`
	}
	if json.Unmarshal(raw, &in) != nil || in.Fields == nil {
		return nil, problem("fields", "Send the list of all fields.")
	}
	coll, err := h.Store.SetFields(c.ctx, c.actor, c.key(), in.Fields)
	if err != nil {
		return nil, err
	}
	return coll.Object(true), nil
}

// listTables lists the tables of the database that are no collections yet.
func (h *Records) listTables(c *call) (any, error) {
	tables, err := h.Store.Tables(c.ctx, c.actor)
	if err != nil {
		return nil, err
	}
	out := []any{}
	for _, t := range tables {
		fields := []any{}
		for _, col := range t.Columns {
			fields = append(fields, map[string]any{"column": col.Name, "rawType": col.SQL, "field": col.Field, "primaryKey": col.Key})
		}
		out = append(out, map[string]any{"name": t.Name, "view": t.View, "readOnly": t.ReadOnly, "columns": fields, "warnings": append([]string{}, t.Warnings...)})
	}
	return out, nil
}

// adoptTable makes a collection of the table called filterByTk.
func (h *Records) adoptTable(c *call) (any, error) {
	coll, err := h.Store.Adopt(c.ctx, c.actor, c.key())
	if err != nil {
		return nil, err
	}
	return coll.Object(true), nil
}

// fieldTypes are the members that fields have as a rule.
var fieldTypes = map[string]string{"name": collection.String, "type": collection.String, "interface": collection.String,
	"target": collection.String, "foreignKey": collection.String, "through": collection.String, "otherKey": collection.String, "sourceKey": collection.String,
	"targetKey": collection.String, "unique": collection.Boolean, "allowNull": collection.Boolean, "primaryKey": collection.Boolean,
	"isForeignKey": collection.Boolean, "readOnly": collection.Boolean, "hidden": collection.Boolean, "index": collection.Boolean, "uiSchema": collection.JSON,
	"defaultValue": collection.JSON}

// listFields answers all fields, or a page when one is asked for.
func (h *Records) listFields(c *call) (any, error) {
	coll, err := h.definition(c, c.parent)
	if err != nil {
		return nil, err
	}
	q, err := c.listed(collection.Query{All: true})
	if err != nil {
		return nil, err
	}
	rows := collection.Rows{Title: "Fields", Types: fieldTypes}
	for _, f := range coll.FieldObjects() {
		object, _ := f.(map[string]any)
		rows.List = append(rows.List, object)
	}
	return h.listRows(c, rows, q)
}

func (h *Records) getField(c *call) (any, error) {
	coll, err := h.definition(c, c.parent)
	if err != nil {
		return nil, err
	}
	f := coll.Field(c.key())
	if f == nil || f.Hidden {
		return nil, nil
	}
	return f, nil
}

func (h *Records) createField(c *call) (any, error) {
	raw, err := json.Marshal(c.body)
	if err != nil {
		return nil, err
	}
	var f collection.Field
	if json.Unmarshal(raw, &f) != nil {
		return nil, fault.New(fault.Invalid, "Send an object with name and type.")
	}
	made, err := h.Store.AddField(c.ctx, c.actor, c.parent, f)
	if err != nil {
		return nil, err
	}
	return made, nil
}

func (h *Records) updateField(c *call) (any, error) {
	values, err := c.values()
	if err != nil {
		return nil, err
	}
	agreed, err := c.params.Int("lose") // how many values a change of type may lose
	if err != nil {
		return nil, err
	}
	f, err := h.Store.UpdateField(c.ctx, c.actor, c.parent, c.key(), values, collection.Agreed(max(agreed, 0)))
	if err != nil {
		return nil, err
	}
	return []any{f}, nil
}

func (h *Records) destroyField(c *call) (any, error) {
	if err := h.Store.DropField(c.ctx, c.actor, c.parent, c.key(), collection.All); err != nil {
		return nil, err
	}
	return 1, nil
}
