package handlers

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// The members of records as spec/engine.md §2 lists them, and what ours have
// besides.
var shapes = map[string]string{
	"workflow":      "id key title enabled description type triggerTitle config invalid current sync options createdById updatedById createdAt updatedAt",
	"node":          "id key title type config workflowId upstreamId downstreamId branchIndex createdAt updatedAt",
	"execution":     "id workflowId key eventKey context status reason dispatched parentExecutionId stack output startedAt expiresAt createdAt manually + endedAt rerunOf createdById",
	"job":           "id executionId nodeId nodeKey upstreamId status meta result log startedAt + input endedAt",
	"category":      "id title color sort createdAt updatedAt",
	"stats":         "key executed + id",
	"version stats": "id executed",
	"meta":          "count page pageSize totalPage",
	"error":         "message",
}

// story is a client of the reference at work, with a token.
type story struct {
	*site
	token string
}

// call sends a request and returns the whole answer.
func (s *story) call(status int, method, path, body string) map[string]any {
	s.t.Helper()
	r := httptest.NewRequest(method, "/api/"+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Authenticator", "basic")
	if s.token != "" {
		r.Header.Set("Authorization", "Bearer "+s.token)
	}
	a := s.do(nobody, r).want(status)
	out := map[string]any{}
	if status == http.StatusNoContent {
		return out
	}
	if err := json.Unmarshal([]byte(a.Text), &out); err != nil {
		s.t.Fatalf("%s %s: %v in %s", method, path, err, a.Text)
	}
	return out
}

// shaped compares the members of v with a shape and names of relations, and returns
// v.
func (s *story) shaped(v any, shape string, relations ...string) map[string]any {
	s.t.Helper()
	m, ok := v.(map[string]any)
	if !ok {
		s.t.Fatalf("no %s in %v", shape, v)
	}
	want := append(strings.Fields(strings.ReplaceAll(shapes[shape], "+", "")), relations...)
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(m)); !slices.Equal(got, want) {
		s.t.Errorf("a %s has the members\n%v, want\n%v", shape, got, want)
	}
	return m
}

func (s *story) only(v any) any {
	s.t.Helper()
	list, _ := v.([]any)
	if len(list) != 1 {
		s.t.Fatalf("%v, want a list of one", v)
	}
	return list[0]
}

// TestClientStory makes a workflow, runs, revises, cancels, repeats and deletes as
// clients of the reference do, and compares every answer with the spec's shape.
func TestClientStory(t *testing.T) {
	t.Parallel()
	s := &story{site: newSite(t)}
	s.shop()
	in := s.call(200, "POST", "auth:signIn", fmt.Sprintf(`{"account": "root@alur.test", "password": %q}`, password))["data"].(map[string]any)
	s.token = in["token"].(string)
	id := func(v any) string { return fmt.Sprint(idOf(v.(map[string]any)["id"])) }

	category := id(s.shaped(s.call(200, "POST", "workflowCategories:create", `{"title": "Sales", "color": "red"}`)["data"], "category"))
	w := s.shaped(s.call(200, "POST", "workflows:create",
		`{"title": "Story", "type": "collection", "sync": false, "current": true, "options": {"timeout": 0}, "config": {"collection": "sales", "mode": 1, "appends": []}}`)["data"], "workflow", "categories")
	wid, key := id(w), w["key"].(string)
	s.shaped(s.only(s.call(200, "POST", "workflows:update?filterByTk="+wid, `{"categories": [`+category+`], "description": "By program"}`)["data"]), "workflow", "categories")

	first := s.shaped(s.call(200, "POST", "workflows/"+wid+"/nodes:create", `{"type": "calculation", "title": "Sum", "config": {"engine": "math.js", "expression": "1 + 2"}, "upstreamId": null, "branchIndex": null}`)["data"],
		"node", "upstream", "downstream")
	wait := s.shaped(s.call(200, "POST", "workflows/"+wid+"/nodes:create", fmt.Sprintf(`{"type": "manual", "title": "Ask", "upstreamId": %s, "config": {"assignees": [%d], "forms": {"f": {"type": "custom", "title": "Yes?",
		"collection": {"name": "f", "fields": []}, "actions": [{"key": "ok", "status": 1}, {"key": "no", "status": -5}]}}}}`, id(first), s.users[member].ID))["data"], "node", "upstream", "downstream")
	s.shaped(wait["upstream"], "node")
	spare := s.shaped(s.call(200, "POST", "flow_nodes:duplicate?filterByTk="+id(first), `{"upstreamId": `+id(wait)+`}`)["data"], "node", "upstream", "downstream")
	s.shaped(s.call(200, "POST", "flow_nodes:move?filterByTk="+id(spare), `{"upstreamId": `+id(first)+`}`)["data"], "node", "upstream", "downstream")
	s.shaped(s.only(s.call(200, "POST", "flow_nodes:update?filterByTk="+id(spare), `{"title": "Spare"}`)["data"]), "node")
	gone := s.shaped(s.call(200, "POST", "flow_nodes:destroy?filterByTk="+id(spare), "")["data"], "node", "upstream", "downstream", "workflow")
	s.shaped(gone["workflow"], "workflow")

	on := s.shaped(s.only(s.call(200, "POST", "workflows:update?filterByTk="+wid, `{"enabled": true}`)["data"]), "workflow", "categories")
	if on["enabled"] != true || on["current"] != true {
		t.Errorf("turned on: %v", on)
	}
	seen := s.shaped(s.call(200, "GET", "workflows:get?filterByTk="+wid+"&appends[]=nodes&appends[]=stats&appends[]=versionStats&appends[]=createdBy&appends[]=updatedBy", "")["data"],
		"workflow", "nodes", "stats", "versionStats", "createdBy", "updatedBy")
	s.shaped(seen["stats"], "stats")
	s.shaped(seen["versionStats"], "version stats")
	for _, n := range seen["nodes"].([]any) {
		s.shaped(n, "node")
	}

	s.call(200, "POST", "sales:create", `{"quantity": 3}`)
	s.work()
	list := s.call(200, "GET", `executions:list?filter={"key":"`+key+`"}&sort=-id`, "")
	s.shaped(list["meta"], "meta")
	x := s.shaped(s.only(list["data"]), "execution")
	detail := s.shaped(s.call(200, "GET", "executions:get?filterByTk="+id(x)+"&appends[]=jobs&appends[]=workflow&appends[]=workflow.nodes&appends[]=workflow.versionStats&appends[]=workflow.stats&except[]=jobs.result&except[]=workflow.options", "")["data"],
		"execution", "jobs", "workflow")
	jobs := detail["jobs"].([]any)
	if len(jobs) != 2 || detail["status"] != 0.0 {
		t.Fatalf("the execution is %v", detail)
	}
	s.shaped(s.call(200, "GET", "jobs:get?filterByTk="+id(jobs[0]), "")["data"], "job")

	version := s.shaped(s.call(200, "POST", `workflows:revision?filterByTk=`+wid+`&filter={"key":"`+key+`"}`, "{}")["data"], "workflow", "categories")
	if version["current"] != nil || version["enabled"] != false || version["key"] != key || len(version["categories"].([]any)) != 1 {
		t.Errorf("the new version is %v", version)
	}
	s.shaped(s.call(200, "POST", "workflows:revision?filterByTk="+wid, `{"title": "Twin"}`)["data"], "workflow", "categories")
	refused := s.call(400, "POST", "workflows:update?filterByTk="+wid, `{"config": {"collection": "sales", "mode": 2}}`)
	s.shaped(s.only(refused["errors"]), "error")

	stopped := s.shaped(s.call(200, "POST", "executions:cancel?filterByTk="+id(x), "")["data"], "execution", "jobs")
	if stopped["status"] != -3.0 || stopped["reason"] != "manual_cancel" {
		t.Errorf("the cancelled one is %v", stopped)
	}
	for _, j := range stopped["jobs"].([]any) {
		if s.shaped(j, "job")["status"] == 0.0 {
			t.Errorf("a job of the cancelled one waits: %v", j)
		}
	}
	again := s.shaped(s.call(202, "POST", "executions:rerun?filterByTk="+id(x), `{"overwrite": false}`)["data"], "execution")
	s.work()
	page := s.call(200, "GET", `jobs:list?filter={"executionId":`+id(again)+`,"status":0}`, "")
	s.shaped(s.call(202, "POST", "jobs:resume?filterByTk="+id(s.only(page["data"])), `{"status": 1, "result": {"_": "ok"}}`)["data"], "job")
	s.work()
	if end := s.call(200, "GET", "executions:get?filterByTk="+id(again), "")["data"].(map[string]any); end["status"] != 1.0 {
		t.Errorf("after it was answered: %v", end)
	}
	ctx, rest := context.WithCancel(t.Context())
	var workers sync.WaitGroup
	workers.Go(func() { s.Engine.Work(ctx, 1) })
	ran := s.call(200, "POST", "workflows:execute?filterByTk="+wid+"&autoRevision=1", `{"data": {"quantity": 1}}`)["data"].(map[string]any)
	rest()
	workers.Wait()
	if got := slices.Sorted(maps.Keys(ran)); !slices.Equal(got, []string{"execution", "newVersionId"}) {
		t.Errorf("started: %v", ran)
	}
	if got := s.call(200, "POST", `executions:destroy?filter={"key":"`+key+`"}`, "")["data"]; got != 2.0 {
		t.Errorf("%v executions are gone, want the 2 that had ended", got)
	}
	if got := s.call(200, "POST", `workflows:destroy?filter={"key":"`+key+`"}`, "")["data"]; got != 3.0 {
		t.Errorf("%v versions are gone, want 3", got)
	}
	if got := s.call(200, "GET", "workflows:get?filterByTk="+wid, ""); got["data"] != nil {
		t.Errorf("what is left: %v", got)
	}
}
