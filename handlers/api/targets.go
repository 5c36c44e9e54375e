package api

import (
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"alur/engine/collection"
	"alur/engine/fault"
)

// keyOf is the key that a request names: behind the action, or with filterByTk; ""
// for none.
func keyOf(c echo.Context, parameter string) string {
	if key := c.Param(parameter); key != "" {
		return key
	}
	return c.QueryParam("filterByTk")
}

// one is the id of the only record that a request names.
func one(c echo.Context) (int64, error) {
	text := keyOf(c, "id")
	id, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return 0, fault.New(fault.Invalid, "Say which one is meant with filterByTk.")
	}
	return id, nil
}

// targets are the records that a request names: by key in the path, by
// filterByTk (one or several), by filter, or by both. At a workflow's address they
// are its own.
func (h *Workflows) targets(c echo.Context, resource string) ([]int64, error) {
	find := func(filter any) ([]int64, error) {
		return h.Find(c.Request().Context(), h.Actor(c), resource, filter)
	}
	ids, err := targets(c, find)
	if of := c.Param("workflow"); err == nil && of != "" {
		return find(map[string]any{"id": map[string]any{"$in": idList(ids)}, "workflowId": map[string]any{"$eq": of}})
	}
	return ids, err
}

func idList(ids []int64) []any {
	list := make([]any, len(ids))
	for i, id := range ids {
		list[i] = id
	}
	return list
}

func targets(c echo.Context, find func(filter any) ([]int64, error)) ([]int64, error) {
	ids, filter, err := meant(c)
	if err != nil || filter == nil {
		return ids, err
	}
	return find(filter)
}

// meant says which records a request means: by their ids or, when filter is not nil,
// by a filter.
func meant(c echo.Context) (ids []int64, filter any, err error) {
	p, err := ParseQuery(c.Request().URL.RawQuery)
	if err != nil {
		return nil, nil, err
	}
	if filter, err = p.JSON("filter"); err != nil {
		return nil, nil, err
	}
	ids, err = named(c, p)
	switch {
	case err != nil:
		return nil, nil, err
	case len(ids) > 0 && unconditional(filter):
		return ids, nil, nil
	case len(ids) > 0:
		return nil, map[string]any{"$and": []any{map[string]any{"id": map[string]any{"$in": idList(ids)}}, filter}}, nil
	case unconditional(filter):
		return nil, nil, problem("filterByTk", "Say which ones are meant with filterByTk or filter.")
	}
	return nil, filter, nil
}

// named are the ids in the path or in filterByTk; nil for none.
func named(c echo.Context, p Params) ([]int64, error) {
	var given any = c.Param("id")
	if given == "" {
		given = p["filterByTk"]
	}
	if text, ok := given.(string); ok {
		given = parseKeys(text)
	}
	list, ok := given.([]any)
	if !ok && given != nil && given != "" {
		list = []any{given}
	}
	var ids []int64
	for _, v := range list {
		if !isID(v) {
			return nil, problem("filterByTk", "Send an id or a list of ids.")
		}
		id, _ := strconv.ParseInt(strings.TrimSpace(collection.Format(v)), 10, 64)
		ids = append(ids, id)
	}
	return ids, nil
}
