package handlers

import (
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
	list := lister(h.db, h.records)
	(&api.Tasks{Store: h.store, Client: client, Actor: who, List: list}).Routes(g)
	(&api.Counters{Actor: who, List: list, Rows: rowLister(h.db, h.records)}).Routes(g)
}

// lister reads records for who asks, or in their place.
func lister(db pg.Q, records *collection.Store) api.Lister {
	return func(c echo.Context, trusted bool, name string, q collection.Query) (collection.Page, error) {
		ctx, a := c.Request().Context(), access(c)
		var err error
		if q.Filter, err = records.Resolve(ctx, db, a, q.Filter); err != nil {
			return collection.Page{}, err
		}
		if trusted {
			a.Actor = auth.System
		}
		return records.List(ctx, db, a, name, q)
	}
}

// rowLister lists values for who asks.
func rowLister(db pg.Q, records *collection.Store) api.RowLister {
	return func(c echo.Context, rows collection.Rows, q collection.Query) (collection.Page, error) {
		ctx, a := c.Request().Context(), access(c)
		var err error
		if q.Filter, err = records.Resolve(ctx, db, a, q.Filter); err != nil {
			return collection.Page{}, err
		}
		return records.ListRows(ctx, db, a, rows, q)
	}
}
