package handlers

import (
	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/engine/task"
	"alur/handlers/api"
)

// tasksAPI lets programs list and decide the tasks of whoever they act for.
type tasksAPI struct{ store *task.Store }

// Routes registers the resource workflowManualTasks.
func (h *tasksAPI) Routes(g *Group) {
	(&api.Tasks{Store: h.store, Client: client, Actor: func(c echo.Context) auth.Actor { return actor(c) }}).Routes(g)
}
