package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"alur/engine/collection"
)

var _ collection.Users = (*Engine)(nil)

// Uses lists the current workflows that work with a collection, or with one of
// its fields when field is not "" ([collection.Users]). A field counts as used
// when the settings of a trigger or node for that collection name it, or when a
// variable of such a workflow ends in it: rather one too many than one too few.
func (e *Engine) Uses(ctx context.Context, coll, field string) ([]collection.Use, error) {
	var rows []struct {
		ID      int64           `db:"id"`
		Title   string          `db:"title"`
		Configs json.RawMessage `db:"configs"`
	}
	if err := e.DB.SelectContext(ctx, &rows, workflowQueries.Get("settings")); err != nil {
		return nil, fmt.Errorf("look for what uses %s: %w", coll, err)
	}
	var uses []collection.Use
	for _, row := range rows {
		var configs []any
		if err := json.Unmarshal(row.Configs, &configs); err != nil {
			return nil, fmt.Errorf("read the settings of workflow %d: %w", row.ID, err)
		}
		if usesField(configs, coll, field) {
			uses = append(uses, collection.Use{What: "workflow", Title: row.Title, URL: fmt.Sprintf("/workflows/%d", row.ID)})
		}
	}
	return uses, nil
}

// usesField reports whether the settings of a workflow use a field of coll, or
// coll itself when field is "".
func usesField(configs []any, coll, field string) bool {
	touches := slices.ContainsFunc(configs, func(v any) bool {
		c, _ := v.(map[string]any)
		name, _ := c["collection"].(string)
		return strings.TrimPrefix(name, "main:") == coll
	})
	if !touches || field == "" {
		return touches
	}
	return mentions(configs, field)
}

// mentions reports whether field is a key, a name or the end of a variable's path
// somewhere in v.
func mentions(v any, field string) bool {
	switch x := v.(type) {
	case string:
		name := strings.TrimPrefix(x, "-")
		return name == field || strings.HasPrefix(name, field+".") ||
			strings.Contains(x, "."+field+"}") || strings.Contains(x, "."+field+" }") || strings.Contains(x, "."+field+".")
	case []any:
		return slices.ContainsFunc(x, func(e any) bool { return mentions(e, field) })
	case map[string]any:
		for k, e := range x {
			if k == field || strings.HasPrefix(k, field+".") || mentions(e, field) {
				return true
			}
		}
	}
	return false
}
