package api

import (
	"strconv"

	"github.com/labstack/echo/v4"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/collection"
)

// categoryRoutes registers the links of a version to categories, beside the value
// categories of workflows:update.
func (h *Workflows) categoryRoutes(r Router) {
	for name, change := range ways {
		do := func(c echo.Context) error { return h.linkCategories(c, change) }
		for _, key := range []string{"", "/:key"} {
			r.POST(`/api/workflows/:id/categories\:`+name+key, auth.UseWorkflows, do)
		}
	}
}

func (h *Workflows) linkCategories(c echo.Context, change func(now, keys []string) []string) error {
	id, err := workflowID(c)
	if err != nil {
		return err
	}
	in := &call{path: c.Param("key")}
	if in.params, err = ParseQuery(c.Request().URL.RawQuery); err != nil {
		return err
	}
	if in.body, err = body(c.Request()); err != nil {
		return err
	}
	given, err := in.linkKeys()
	if err != nil {
		return err
	}
	ctx, a := c.Request().Context(), h.Actor(c)
	linked, err := h.Find(ctx, a, "workflowCategories", map[string]any{"workflows.id": id})
	if err != nil {
		return err
	}
	now := make([]string, len(linked))
	for i, id := range linked {
		now[i] = collection.Format(id)
	}
	categories := []int64{}
	for _, key := range change(now, given) {
		n, err := strconv.ParseInt(key, 10, 64)
		if err != nil {
			return problem("filterByTk", "Send the id of a category, or a list of ids.")
		}
		categories = append(categories, n)
	}
	if _, err := h.Engine.UpdateWorkflow(ctx, a, id, engine.WorkflowChange{Categories: &categories}); err != nil {
		return err
	}
	return data(c, nil)
}
