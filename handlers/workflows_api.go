package handlers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/pg"
	"alur/engine/task"
	"alur/handlers/api"
)

// workflowsAPI lets programs change workflows, nodes and executions.
type workflowsAPI struct {
	engine  *engine.Engine
	tasks   *task.Store
	db      pg.Q
	records *collection.Store
}

// Routes registers the resources workflows, flow_nodes and executions, as far
// as they are more than records.
func (h *workflowsAPI) Routes(g *Group) {
	(&api.Workflows{Engine: h.engine, Tasks: h.tasks, Actor: actor, Find: h.find, Part: h.part, Record: h.record, Records: h.recordsOf, Rows: rowLister(h.db, h.records)}).Routes(g)
}

// record is a record as it is listed.
func (h *workflowsAPI) record(ctx context.Context, a auth.Actor, name string, id int64, appends ...string) (any, error) {
	rec, err := h.records.First(ctx, h.db, collection.Access{Actor: a}, name, collection.Query{Filter: id, Appends: appends})
	if err != nil || rec == nil {
		return nil, err
	}
	return rec, nil
}

// recordsOf are records as they are listed, in the order of ids.
func (h *workflowsAPI) recordsOf(ctx context.Context, a auth.Actor, name string, ids []int64, appends ...string) ([]collection.Record, error) {
	page, err := h.records.List(ctx, h.db, collection.Access{Actor: a}, name, collection.Query{Filter: ids, Appends: appends, All: true})
	if err != nil {
		return nil, err
	}
	at := map[string]int{}
	for i, id := range ids {
		at[strconv.FormatInt(id, 10)] = i
	}
	slices.SortFunc(page.Records, func(a, b collection.Record) int {
		return cmp.Compare(at[collection.Format(a["id"])], at[collection.Format(b["id"])])
	})
	return page.Records, nil
}

func (h *workflowsAPI) find(ctx context.Context, a auth.Actor, name string, filter any) ([]int64, error) {
	return recordIDs(ctx, h.db, h.records, a, name, filter)
}

// part returns the ids of up to limit records that a filter matches, above one id
// and in their order, as far as the actor may see them.
func (h *workflowsAPI) part(ctx context.Context, a auth.Actor, name string, filter any, after int64, limit int) ([]int64, error) {
	access := collection.Access{Actor: a}
	filter, err := h.records.Resolve(ctx, h.db, access, filter)
	if err != nil {
		return nil, err
	}
	found, err := h.records.Part(ctx, h.db, access, name, filter, strconv.FormatInt(after, 10), nil, limit)
	if err != nil {
		return nil, err
	}
	return idsOf(name, found)
}

// recordIDs returns the ids of the records of a collection that a filter
// matches, as far as the actor may see them.
func recordIDs(ctx context.Context, q pg.Q, records *collection.Store, a auth.Actor, name string, filter any) ([]int64, error) {
	access := collection.Access{Actor: a}
	filter, err := records.Resolve(ctx, q, access, filter)
	if err != nil {
		return nil, err
	}
	page, err := records.List(ctx, q, access, name, collection.Query{Filter: filter, Fields: []string{"id"}, All: true})
	if err != nil {
		return nil, err
	}
	return idsOf(name, page.Records)
}

func idsOf(name string, records []collection.Record) ([]int64, error) {
	ids := make([]int64, len(records))
	for i, r := range records {
		var err error
		if ids[i], err = strconv.ParseInt(collection.Format(r["id"]), 10, 64); err != nil {
			return nil, fmt.Errorf("read the ids of %s: %w", name, err)
		}
	}
	return ids, nil
}
