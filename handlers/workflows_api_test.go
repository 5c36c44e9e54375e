package handlers

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"alur/engine"
)

// object reads {"data": …}.
func (a answer) object() map[string]any {
	a.t.Helper()
	var body struct{ Data any }
	if err := json.Unmarshal([]byte(a.Text), &body); err != nil {
		a.t.Fatalf("%v in %s", err, a.Text)
	}
	switch data := body.Data.(type) {
	case map[string]any:
		return data
	case []any:
		if len(data) == 1 {
			return data[0].(map[string]any)
		}
	}
	a.t.Fatalf("no object in %s", a.Text)
	return nil
}

func idOf(v any) int64 {
	n, _ := v.(float64)
	return int64(n)
}

func TestWorkflowsAPI(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.shop()
	refused := s.postJSON(admin, "/api/workflows:create", `{"title": "x", "type": "collection", "config": {"mode": 9}}`).want(http.StatusBadRequest)
	for _, field := range []string{"config.collection", "config.mode"} {
		if !strings.Contains(refused.Text, fmt.Sprintf("%q", field)) {
			t.Errorf("no problem at %s: %s", field, refused.Text)
		}
	}
	s.postJSON(member, "/api/workflows:create", `{"type": "collection"}`).want(http.StatusForbidden)
	made := s.postJSON(admin, "/api/workflows:create",
		`{"title": "By program", "type": "collection", "config": {"collection": "sales", "mode": 1}, "current": true, "unknown": 1}`).want(http.StatusOK).object()
	w := idOf(made["id"])
	if made["enabled"] != false || made["current"] != true || made["key"] == "" {
		t.Errorf("made %v", made)
	}
	nodes := fmt.Sprintf("/api/workflows/%d/nodes:create", w)
	s.postJSON(admin, nodes, `{"type": "moon"}`).want(http.StatusBadRequest)
	s.postJSON(admin, nodes, `{"type": "query", "config": {"collection": "moon"}}`).want(http.StatusBadRequest)
	split := s.postJSON(admin, nodes, `{"type": "condition", "title": "Split", "config": {"rejectOnFalse": false, "engine": "basic"}}`).want(http.StatusOK).object()
	inner := s.postJSON(admin, nodes, fmt.Sprintf(`{"type": "end", "upstreamId": %d, "branchIndex": 1}`, idOf(split["id"]))).want(http.StatusOK).object()
	if inner["branchIndex"] != 1.0 || inner["upstream"].(map[string]any)["key"] != split["key"] {
		t.Errorf("inner node %v", inner)
	}
	last := s.postJSON(admin, nodes, fmt.Sprintf(`{"type": "calculation", "upstreamId": %d}`, idOf(split["id"]))).want(http.StatusOK).object()

	s.postJSON(admin, fmt.Sprintf("/api/flow_nodes:update?filterByTk=%d", idOf(last["id"])), `{"config": {"engine": 7}}`).want(http.StatusBadRequest)
	changed := s.postJSON(admin, fmt.Sprintf("/api/flow_nodes:update/%d", idOf(last["id"])),
		`{"title": "Sum", "config": {"engine": "math.js", "expression": "1 + 2"}}`).want(http.StatusOK).object()
	if changed["title"] != "Sum" {
		t.Errorf("changed %v", changed)
	}
	s.postJSON(admin, "/api/flow_nodes:update?filterByTk=1", `{"title": "x"}`).want(http.StatusNotFound)
	s.postJSON(admin, fmt.Sprintf("/api/flow_nodes:destroy?filterByTk=%d&keepBranch=9", idOf(split["id"])), `{}`).want(http.StatusBadRequest)
	s.postJSON(admin, fmt.Sprintf("/api/flow_nodes:destroy?filterByTk=%d&keepBranch=x", idOf(split["id"])), `{}`).want(http.StatusBadRequest)
	gone := s.postJSON(admin, fmt.Sprintf("/api/flow_nodes:destroy?filterByTk=%d&keepBranch=1", idOf(split["id"])), `{}`).want(http.StatusOK).object()
	if gone["key"] != split["key"] || gone["workflow"].(map[string]any)["title"] != "By program" {
		t.Errorf("gone %v", gone)
	}
	got := s.get(admin, fmt.Sprintf("/api/workflows:get?filterByTk=%d&appends[]=nodes", w)).want(http.StatusOK).object()
	if list := got["nodes"].([]any); len(list) != 2 {
		t.Errorf("nodes left %v", list)
	}

	on := s.postJSON(admin, fmt.Sprintf("/api/workflows:update?filterByTk=%d", w), `{"enabled": true, "type": "moon"}`).want(http.StatusOK).object()
	if on["enabled"] != true || on["type"] != "collection" {
		t.Errorf("enabled %v", on)
	}
	filter := fmt.Sprintf(`{"key":%q}`, on["key"])
	version := s.postJSON(admin, fmt.Sprintf("/api/workflows:revision?filterByTk=%d&filter=%s", w, filter), `{}`).want(http.StatusOK).object()
	if version["key"] != on["key"] || version["current"] != nil || version["enabled"] != false {
		t.Errorf("new version %v", version)
	}
	copied := s.postJSON(admin, fmt.Sprintf("/api/workflows:revision?filterByTk=%d", w), `{"description": "mine"}`).want(http.StatusOK).object()
	if copied["title"] != "By program copy" || copied["current"] != true || copied["description"] != "mine" {
		t.Errorf("copy %v", copied)
	}
	s.postJSON(admin, fmt.Sprintf(`/api/workflows:revision?filterByTk=%d&filter={"key":"other"}`, w), `{}`).want(http.StatusNotFound)
	if text := s.postJSON(admin, "/api/workflows:update?filterByTk=1", `{"title": "x"}`).want(http.StatusOK).Text; !strings.Contains(text, `"data":[]`) {
		t.Errorf("unknown workflow: %s", text)
	}
	s.postJSON(admin, "/api/workflows:destroy?filter={}", `{}`).want(http.StatusBadRequest)
	if text := s.postJSON(admin, "/api/workflows:destroy?filter="+filter, `{}`).want(http.StatusOK).Text; !strings.Contains(text, `"data":2`) {
		t.Errorf("destroy: %s, want 2 versions gone", text)
	}
	s.postJSON(admin, "/api/executions:destroy?filterByTk=1", `{}`).want(http.StatusOK)
}

func TestWorkflowsAPINotReady(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.shop()
	if _, err := s.DB.ExecContext(t.Context(), `UPDATE alur.flow_nodes SET config = '{}' WHERE key = 'take'`); err != nil {
		t.Fatal(err)
	}
	a := s.postJSON(admin, fmt.Sprintf("/api/workflows:update/%d", w.ID), `{"enabled": true}`).want(http.StatusBadRequest)
	if !strings.Contains(a.Text, "nodes.take.config.collection") || !strings.Contains(a.Text, "Take from stock: ") {
		t.Errorf("refusal %s", a.Text)
	}
}

func TestNodeTestAPI(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.shop()
	const path = "/api/flow_nodes:test"
	for body, want := range map[string]string{
		`{"type": "calculation", "config": {"engine": "math.js", "expression": "1 + 1"}}`:                                                        `{"data":{"status":1,"result":2}}`,
		`{"type": "calculation", "config": {"engine": "formula.js", "expression": "{{$context.data.a}} + 1"}}`:                                   `{"data":{"status":1,"result":1}}`,
		`{"type": "calculation", "config": {"engine": "math.js", "expression": "nope + 1"}}`:                                                     `{"data":{"status":-2,"result":"Error: Undefined symbol nope"}}`,
		`{"type": "calculation", "config": null}`:                                                                                                `{"data":{"status":1,"result":null}}`,
		`{"type": "condition", "config": {"rejectOnFalse": true, "engine": "math.js", "expression": "1 > 2"}}`:                                   `{"data":{"status":1,"result":false}}`,
		`{"type": "condition", "config": {"rejectOnFalse": false, "engine": "math.js", "expression": "1 + 1"}}`:                                  `{"data":{"status":1,"result":2}}`,
		`{"type": "multi-conditions", "config": {"conditions": [{"calculation": {"calculator": "equal", "operands": [1, 2]}}, {"title": "B"}]}}`: `{"data":{"status":1,"result":true,"log":"The branch “B” would run."}}`,
		`{"type": "output", "config": {"value": {"a": "{{$context.data.a}}", "b": 1}}}`:                                                          `{"data":{"status":1,"result":{"b":1}}}`,
		`{"type": "query", "config": {"collection": "goods", "params": {"filter": {"stock": 3}}}}`:                                               `{"data":{"status":1,"result":null}}`,
		`{"type": "query", "config": {"collection": "moons", "multiple": true}}`:                                                                 `{"data":{"status":-2,"result":{"message":"There is no collection called “moons”."}}}`,
	} {
		if got := strings.TrimSpace(s.postJSON(admin, path, body).want(http.StatusOK).Text); got != want {
			t.Errorf("%s:\n%s, want\n%s", body, got, want)
		}
	}
	for body, want := range map[string]string{
		`{}`:                 `"field":"type"`,
		`{"type": "moon"}`:   `"field":"type"`,
		`{"type": "create"}`: `"field":"type"`,
		`{"type": "query"}`:  `"field":"config.collection"`,
		`{"type": "multi-conditions", "config": {"conditions": [{"title": ""}, {"engine": "math.js"}]}}`: `"field":"config.conditions.1.expression"`,
		`{"type": "condition", "config": {"engine": "basic"}}`:                                           `"field":"config.rejectOnFalse"`,
	} {
		if got := s.postJSON(admin, path, body).want(http.StatusBadRequest).Text; !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
	s.postJSON(member, path, `{"type": "calculation"}`).want(http.StatusForbidden)
}

// TestRefusedAPI: a synchronous workflow that ends badly and may undo the change
// answers with the status and code that clients know.
func TestRefusedAPI(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.shop()
	w := s.postJSON(admin, "/api/workflows:create",
		`{"title": "Guard", "type": "collection", "sync": true, "config": {"collection": "sales", "mode": 1, "rollbackOnFailure": true}}`).want(http.StatusOK).object()
	s.postJSON(admin, fmt.Sprintf("/api/workflows/%d/nodes:create", idOf(w["id"])), `{"type": "end", "config": {"endStatus": -1}}`).want(http.StatusOK)
	s.postJSON(admin, fmt.Sprintf("/api/workflows:update?filterByTk=%d", idOf(w["id"])), `{"enabled": true}`).want(http.StatusOK)
	refused := s.postJSON(member, "/api/sales:create", `{}`).want(http.StatusUnprocessableEntity)
	if !strings.Contains(refused.Text, `"code":"`+engine.CodeRefused+`"`) {
		t.Errorf("%s", refused.Text)
	}
}
