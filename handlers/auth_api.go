package handlers

import (
	"context"

	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/pg"
	"alur/handlers/api"
)

// authAPI signs programs in and lets them look after people.
type authAPI struct {
	store   *auth.Store
	db      pg.Q
	records *collection.Store
}

// Routes registers the resource auth and the changes of the resource users.
func (h *authAPI) Routes(g *Group) {
	(&api.Auth{Store: h.store, Session: session, Client: client}).Routes(g)
	(&api.Users{Store: h.store, Actor: actor, Find: h.find}).Routes(g)
	(&api.Roles{Store: h.store, Session: session, CheckFilter: h.checkFilter, List: lister(h.db, h.records), Find: h.findIn, Rows: rowLister(h.db, h.records)}).Routes(g)
	(&api.Keys{Store: h.store, Session: session, Rows: rowLister(h.db, h.records)}).Routes(g)
}

// checkFilter tries a scope's filter on its collection.
func (h *authAPI) checkFilter(c echo.Context, name string, filter any) error {
	return h.records.CheckFilter(c.Request().Context(), actor(c), name, filter)
}

func (h *authAPI) findIn(ctx context.Context, a auth.Actor, name string, filter any) ([]int64, error) {
	return recordIDs(ctx, h.db, h.records, a, name, filter)
}

func (h *authAPI) find(ctx context.Context, a auth.Actor, filter any) ([]int64, error) {
	return recordIDs(ctx, h.db, h.records, a, "users", filter)
}
