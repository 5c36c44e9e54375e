package api

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/engine/collection"
)

// Counters tell people how many tasks they have (spec/http-api.md §7).
type Counters struct {
	Actor func(c echo.Context) auth.Actor
	List  Lister
	Rows  RowLister
}

// Routes registers the lists of one's own counters.
func (h *Counters) Routes(r Router) {
	r.GET(`/api/userWorkflowTasks\:listMine`, auth.UseRecords, h.tasks)
	r.POST(`/api/userWorkflowTasks\:listMine`, auth.UseRecords, h.tasks)
	r.GET(`/api/userWorkflowTaskStats\:listMine`, auth.UseRecords, h.workflows)
	r.POST(`/api/userWorkflowTaskStats\:listMine`, auth.UseRecords, h.workflows)
	for _, name := range []string{"userWorkflowTasks", "userWorkflowTaskStats"} {
		r.POST(`/api/`+name+`\:destroy`, auth.ManageServer, h.destroy)
		r.POST(`/api/`+name+`\:destroy/:id`, auth.ManageServer, h.destroy)
	}
}

// destroy answers 0: counters are worked out when they are read, so there are none
// that could be wrong.
func (h *Counters) destroy(c echo.Context) error {
	if err := h.Actor(c).Require(auth.ManageServer); err != nil {
		return err
	}
	return data(c, 0)
}

// taskTypes are the kinds of tasks that are counted, also those of which there is
// none.
var taskTypes = []string{"manual"}

func (h *Counters) tasks(c echo.Context) error {
	if err := h.Actor(c).Require(auth.UseRecords); err != nil {
		return err
	}
	me := h.Actor(c).UserID
	page, err := h.List(c, true, "userWorkflowTasks", collection.Query{Filter: map[string]any{"userId": me}, All: true})
	if err != nil {
		return err
	}
	rows := collection.Rows{Title: "Tasks by person", Types: map[string]string{
		"id": collection.BigInt, "userId": collection.BigInt, "type": collection.String, "stats": collection.JSON}}
	for _, kind := range taskTypes {
		row := collection.Record{"id": me, "userId": me, "type": kind, "stats": map[string]any{"pending": 0, "all": 0}}
		for _, r := range page.Records {
			if r["type"] == kind {
				row["stats"] = r["stats"]
			}
		}
		rows.List = append(rows.List, row)
	}
	return h.Rows.answer(c, rows)
}

// workflows answers the counters of each workflow that still has a version which
// is current, by its title.
func (h *Counters) workflows(c echo.Context) error {
	if err := h.Actor(c).Require(auth.UseRecords); err != nil {
		return err
	}
	p, err := ParseQuery(c.Request().URL.RawQuery)
	if err != nil {
		return err
	}
	filter := map[string]any{"userId": h.Actor(c).UserID, "all": map[string]any{"$gt": 0}, "title": map[string]any{"$ne": nil}}
	if kind := p.Text("type"); kind != "" {
		filter["type"] = kind
	}
	if search := strings.TrimSpace(p.Text("search")); search != "" {
		filter["title"] = map[string]any{"$includes": search}
	}
	q := collection.Query{Filter: filter, Sort: []string{"title"}, NoCount: true}
	if q.Page, err = p.Int("page"); err != nil {
		return err
	}
	if q.PageSize, err = p.Int("pageSize"); err != nil {
		return err
	}
	if q.Page = max(q.Page, 1); q.PageSize == 0 || q.PageSize > 200 {
		q.PageSize = 200
	}
	page, err := h.List(c, true, "userWorkflowTaskStats", q)
	if err != nil {
		return err
	}
	rows := make([]any, len(page.Records))
	for i, r := range page.Records {
		rows[i] = map[string]any{"workflowKey": r["workflowKey"], "title": r["title"],
			"stats": map[string]any{"pending": r["pending"], "all": r["all"]}}
	}
	return c.JSON(http.StatusOK, map[string]any{"data": rows, "meta": map[string]any{
		"page": page.Page, "pageSize": page.PageSize, "hasNext": page.HasNext}})
}
