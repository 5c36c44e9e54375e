package handlers

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"alur/engine/attachment"
	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/pg"
	"alur/views"
)

// records shows the records of collections that people made, and lets everybody
// who may use records change them.
type records struct {
	server *Server
	store  *collection.Store
	files  *attachment.Store
	db     *pg.DB
}

// Routes registers the pages about records.
func (h *records) Routes(g *Group) {
	g.GET("/data/:collection", auth.UseRecords, h.list)
	g.Upload("/data/:collection", auth.UseRecords, h.formMost(), h.create)
	g.Upload("/data/:collection/files/:field", auth.UseRecords, h.files.Most+aroundFile, h.addFile)
	g.GET("/data/:collection/new", auth.UseRecords, h.blank)
	g.GET("/data/:collection/filter", auth.UseRecords, h.editFilter)
	g.GET("/data/:collection/columns", auth.UseRecords, h.editColumns)
	g.POST("/data/:collection/columns", auth.UseRecords, h.saveColumns)
	g.GET("/data/:collection/views/new", auth.UseRecords, h.newView)
	g.POST("/data/:collection/views", auth.UseRecords, h.saveView)
	g.GET("/data/:collection/views/:view", auth.UseRecords, h.editView)
	g.POST("/data/:collection/views/:view", auth.UseRecords, h.saveView)
	g.POST("/data/:collection/views/:view/delete", auth.UseRecords, h.removeView)
	g.GET("/data/:collection/bulk", auth.UseRecords, h.askBulk)
	g.POST("/data/:collection/bulk", auth.UseRecords, h.bulk)
	g.GET("/data/:collection/pick", auth.UseRecords, h.pick)
	g.GET("/data/:collection/form", auth.ManageCollections, h.editLayout)
	g.POST("/data/:collection/form", auth.ManageCollections, h.saveLayout)
	g.GET("/data/:collection/deleted", auth.ManageCollections, h.deleted)
	g.GET("/data/:collection/deleted/:change", auth.ManageCollections, h.showDeleted)
	g.POST("/data/:collection/deleted/:change", auth.ManageCollections, h.restore)
	g.GET("/data/:collection/:id", auth.UseRecords, h.show)
	g.Upload("/data/:collection/:id", auth.UseRecords, h.formMost(), h.update)
	g.GET("/data/:collection/:id/history", auth.UseRecords, h.history)
	g.GET("/data/:collection/:id/cells/:field", auth.UseRecords, h.editCell)
	g.POST("/data/:collection/:id/cells/:field", auth.UseRecords, h.saveCell)
	g.GET("/data/:collection/:id/related/:field", auth.UseRecords, h.askRelate)
	g.POST("/data/:collection/:id/related/:field", auth.UseRecords, h.relate)
	g.GET("/data/:collection/:id/delete", auth.UseRecords, h.askRemove)
	g.POST("/data/:collection/:id/delete", auth.UseRecords, h.remove)
}

func access(c echo.Context) collection.Access {
	return collection.Access{Actor: actor(c), Zone: zone(c), Via: collection.ViaPage}
}

// find returns the collection that the address names. Ours have pages of their
// own.
func (h *records) find(c echo.Context) (*collection.Collection, error) {
	coll, err := h.store.Collection(c.Request().Context(), c.Param("collection"))
	if err != nil {
		return nil, err
	}
	if coll.System {
		return nil, fault.New(fault.NotFound, "There is no such page.")
	}
	return coll, nil
}

// numberOfPath is the id that the address names.
func numberOfPath(c echo.Context, name string) (int64, error) {
	id, err := strconv.ParseInt(c.Param(name), 10, 64)
	if err != nil {
		return 0, fault.New(fault.NotFound, "There is no such record.")
	}
	return id, nil
}

// recordURL is the page of a record; "" when its collection has no key to find it by.
func recordURL(coll *collection.Collection, rec collection.Record) string {
	if coll.Key() == nil {
		return ""
	}
	return recordsPath(coll.Name) + "/" + keyPath(collection.Format(coll.ID(rec)))
}

// keyPath is the key of a record as a part of an address. A "~" goes before what
// could be something else there: a page of the collection, as "new" and "filter"
// are, the directory itself or the one above, or nothing.
func keyPath(key string) string {
	if strings.Trim(key, "abcdefghijklmnopqrstuvwxyz") == "" || key[0] == '.' || key[0] == '~' {
		key = "~" + key
	}
	return url.PathEscape(key)
}

// pathKey is the key that an address names. Echo leaves parameters escaped when
// the address has an escaped slash.
func pathKey(c echo.Context) string {
	key := c.Param("id")
	if c.Request().URL.RawPath != "" {
		if plain, err := url.PathUnescape(key); err == nil {
			key = plain
		}
	}
	return strings.TrimPrefix(key, "~")
}

// called names a record in a sentence.
func called(coll *collection.Collection, rec collection.Record) string {
	if coll.TitleField == "" {
		return "number " + collection.Format(coll.ID(rec))
	}
	return "“" + views.Clip(coll.TitleOf(rec), 80) + "”"
}

// takes reports whether a may write field f in a form.
func takes(coll *collection.Collection, a auth.Actor, act auth.Action, f *collection.Field) bool {
	return editable(f) && (coll.Shows(a, f) || f.Type == collection.Password) && coll.Allows(a, act) && coll.Takes(a, act, f)
}

// record returns the record that the address names.
func (h *records) record(c echo.Context) (*collection.Collection, collection.Record, error) {
	coll, err := h.find(c)
	if err != nil {
		return nil, nil, err
	}
	id := pathKey(c)
	if coll.Key() == nil || collection.Comparable(coll.Key(), "$eq", id) != nil {
		return nil, nil, fault.New(fault.NotFound, "There is no such record.")
	}
	rec, err := h.store.First(c.Request().Context(), h.db, access(c), coll.Name, collection.Query{Filter: coll.Keyed(id), Appends: singles(actor(c), coll)})
	if err == nil && rec == nil {
		err = fault.New(fault.NotFound, "This record does not exist, or not any more.")
	}
	return coll, rec, err
}

// singles names the relations to one record, and those to files.
func singles(a auth.Actor, coll *collection.Collection) []string {
	var names []string
	for _, f := range coll.Fields {
		if (f.Type == collection.BelongsTo || f.HoldsFiles()) && coll.Shows(a, f) {
			names = append(names, f.Name)
		}
	}
	return names
}

func (h *records) askRemove(c echo.Context) error {
	coll, rec, err := h.record(c)
	if err != nil {
		return err
	}
	base := recordURL(coll, rec)
	text := fmt.Sprintf("The record %s will be gone from “%s”.", called(coll, rec), coll.Title)
	if coll.KeepsHistory() {
		text += " Its values stay in the history of the collection."
	}
	lines, err := h.consequences(c, coll, coll.Keyed(coll.ID(rec)))
	if err != nil {
		return err
	}
	vm := views.Confirm{Title: "Delete record", Text: text, Lines: lines, Action: base + "/delete", Do: "Delete record", Back: base}
	return render(c, http.StatusOK, views.ConfirmPage(vm), views.ConfirmDialog(vm))
}

// consequences says in numbers what the deletion of records does elsewhere.
func (h *records) consequences(c echo.Context, coll *collection.Collection, filter any) ([]string, error) {
	all, err := h.store.Collections(c.Request().Context())
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, other := range all {
		for _, f := range other.Fields {
			if other.System || !other.Allows(actor(c), auth.View) || !other.Shows(actor(c), f) || f.Type != collection.BelongsTo || f.Target != coll.Name {
				continue
			}
			n, known, err := h.store.CountUpTo(c.Request().Context(), access(c), other.Name, map[string]any{f.Name: filter}, countMost, countPatience)
			if err != nil {
				return nil, err
			}
			if n == 0 && known {
				continue
			}
			what := countWords(n, known) + " of “" + other.Title + "” "
			switch {
			case f.OnDelete == "CASCADE":
				lines = append(lines, "Deleted with it: "+what+"by “"+f.Title+"”.")
			case f.OnDelete == "RESTRICT" || f.OnDelete == "" && f.Required:
				lines = append(lines, "It will be refused while it is used in “"+f.Title+"” of "+countWords(n, known)+" of “"+other.Title+"”.")
			default:
				lines = append(lines, "“"+f.Title+"” becomes empty in "+countWords(n, known)+" of “"+other.Title+"”.")
			}
		}
	}
	return lines, nil
}

func (h *records) remove(c echo.Context) error {
	coll, rec, err := h.record(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	err = h.store.Write(ctx, coll.Name, func(tx *pg.Tx) error {
		_, err := h.store.Destroy(ctx, tx, access(c), coll.Name, coll.Keyed(coll.ID(rec)))
		return err
	})
	if err != nil {
		return err
	}
	return done(c, recordsPath(coll.Name), "Deleted "+called(coll, rec)+".")
}
