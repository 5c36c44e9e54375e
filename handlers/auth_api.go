package handlers

import (
	"context"

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
}

func (h *authAPI) find(ctx context.Context, a auth.Actor, filter any) ([]int64, error) {
	return recordIDs(ctx, h.db, h.records, a, "users", filter)
}
