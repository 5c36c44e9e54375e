package api

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/collection"
	jsonvalue "alur/engine/value"
)

// Searcher finds executions; [engine.Engine] is one.
type Searcher interface {
	ExecutionIDs(ctx context.Context, actor auth.Actor, f engine.ExecutionFilter, most int) ([]int64, error)
}

const (
	// searchMost is how many executions of a search may be looked at for a page.
	searchMost = 10_000
	// searchChunk is how many are looked at in one go.
	searchChunk = 500
	// searchKey is the part of a filter of executions that is a search.
	searchKey = "$search"
)

// searched takes the search out of the filter of a list of executions; nil when
// there is none.
func (c *call) searched() (*engine.ExecutionFilter, error) {
	if c.resource != "executions" {
		return nil, nil
	}
	raw, err := c.params.JSON("filter")
	if err != nil {
		return nil, err
	}
	filter, _ := raw.(map[string]any)
	if _, there := filter[searchKey]; !there {
		return nil, nil
	}
	var in struct {
		Text     string      `json:"text"`
		PersonID optionalInt `json:"personId"`
		Record   struct {
			Collection string `json:"collection"`
			ID         any    `json:"id"`
		} `json:"record"`
		Keys   []string   `json:"keys"`
		States []string   `json:"states"`
		Since  *time.Time `json:"since"`
		Until  *time.Time `json:"until"`
	}
	d := json.NewDecoder(strings.NewReader(string(jsonvalue.Encode(filter[searchKey]))))
	if d.DisallowUnknownFields(); d.Decode(&in) != nil {
		return nil, problem("filter", "In $search, send text, personId, record with collection and id, keys, states, since and until, as the description of the API says.")
	}
	f := &engine.ExecutionFilter{Text: in.Text, Keys: in.Keys, States: in.States, Record: engine.RecordRef{Collection: in.Record.Collection, ID: collection.Format(in.Record.ID)}}
	if in.PersonID.value != nil {
		f.Person = *in.PersonID.value
	}
	if in.Since != nil {
		f.Since = *in.Since
	}
	if in.Until != nil {
		f.Until = *in.Until
	}
	for _, s := range in.States {
		if !slices.Contains(engine.States, s) {
			return nil, problem("filter", "The states are "+strings.Join(engine.States, ", ")+".")
		}
	}
	rest := map[string]any{}
	for key, part := range filter {
		if key != searchKey {
			rest[key] = part
		}
	}
	c.params["filter"] = nil
	if len(rest) > 0 {
		c.params["filter"] = rest
	}
	return f, nil
}

// search lists the executions that f finds and that meet q as well, the newest
// first.
func (h *Records) search(c *call, f engine.ExecutionFilter, q collection.Query) (any, error) {
	for _, s := range q.Sort {
		if s != "-id" && s != "-createdAt" {
			return nil, problem("sort", "A search lists the newest executions first. Leave sort out.")
		}
	}
	if q.All {
		return nil, problem("paginate", "A search answers page by page. Leave paginate out.")
	}
	size := q.PageSize
	if size <= 0 {
		size = 20
	}
	page := max(q.Page, 1)
	skip, own := (page-1)*size, q.Filter
	var found []collection.Record
	looked := 0
	for done := false; !done && len(found) <= skip+size; {
		if looked >= searchMost || skip+size > searchMost {
			return nil, problem("filter", "This search would have to look at more than 10,000 executions for this page. Narrow it by keys, states, since and until within $search.")
		}
		ids, err := h.Searcher.ExecutionIDs(c.ctx, c.actor, f, searchChunk)
		if err != nil {
			return nil, err
		}
		if done = len(ids) < searchChunk; len(ids) == 0 {
			break
		}
		looked, f.Before = looked+len(ids), ids[len(ids)-1]
		q.Filter = map[string]any{"$and": []any{collection.IDs(ids), own}}
		if own == nil {
			q.Filter = collection.IDs(ids)
		}
		q.Page, q.PageSize, q.NoCount, q.Sort = 1, searchChunk, true, []string{"-id"}
		part, err := h.Store.List(c.ctx, h.DB, c.access(), "executions", q)
		if err != nil {
			return nil, err
		}
		found = append(found, part.Records...)
	}
	more := len(found) > skip+size
	found = found[min(skip, len(found)):min(skip+size, len(found))]
	return answer{data: found, meta: map[string]any{"hasNext": more, "page": page, "pageSize": size}}, nil
}
