package handlers

import (
	"context"

	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/pg"
	"alur/engine/task"
	"alur/handlers/api"
)

// tasksAPI lets programs list, count and decide the tasks of whoever they act for.
type tasksAPI struct {
	store   *task.Store
	db      pg.Q
	records *collection.Store
}

// Routes registers the resource workflowManualTasks and the counters of tasks.
func (h *tasksAPI) Routes(g *Group) {
	who := func(c echo.Context) auth.Actor { return actor(c) }
	(&api.Tasks{Store: h.store, Client: client, Actor: who}).Routes(g)
	(&api.Counters{Actor: who, List: h.list}).Routes(g)
}

// list reads what is counted of everybody; the caller narrows it to one person.
func (h *tasksAPI) list(ctx context.Context, name string, q collection.Query) (collection.Page, error) {
	return h.records.List(ctx, h.db, collection.Access{Actor: auth.System}, name, q)
}
