package handlers

import (
	"github.com/labstack/echo/v4"

	"alur/engine/attachment"
	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/pg"
	"alur/handlers/api"
)

// recordsAPI serves collections and their records as JSON.
type recordsAPI struct {
	db    *pg.DB
	store *collection.Store
	files *attachment.Store // nil when only described

	searcher api.Searcher
}

// Routes registers the general routes of the API. Routes with a name go first,
// wherever they are registered.
func (h *recordsAPI) Routes(g *Group) {
	h.handler().Routes(g)
}

func (h *recordsAPI) handler() *api.Records {
	return &api.Records{DB: h.db, Store: h.store, Zone: zone, Actor: func(c echo.Context) auth.Actor { return actor(c) }, Files: h.files, Uploaded: uploaded, Searcher: h.searcher}
}
