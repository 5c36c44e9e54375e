package handlers

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/collection"
)

// branchNames are the branches on a page's canvas, in their order.
func branchNames(a answer) string {
	var names []string
	for _, p := range a.doc().Find("#flow .branch-name").EachIter() {
		names = append(names, strings.TrimSpace(p.Text()))
	}
	return strings.Join(names, ", ")
}

// TestSeveralConditions builds a node with several conditions in the editor
// without JavaScript: adds, names and fills in conditions, and deletes one.
func TestSeveralConditions(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.shop()
	w, err := s.Engine.CreateWorkflow(t.Context(), auth.System, engine.NewWorkflow{Title: "Sort", Type: "collection", Config: json.RawMessage(`{"collection": "sales", "mode": 1}`)})
	if err != nil {
		t.Fatal(err)
	}
	s.post(admin, string(pathOf(w))+"/nodes", url.Values{"after": {"trigger"}, "type": {"multi-conditions/"}}).want(http.StatusSeeOther)
	_, nodes, err := s.Engine.Workflow(t.Context(), auth.System, w.ID)
	if err != nil {
		t.Fatal(err)
	}
	key := nodes[0].Key
	path := pathOf(w).node(key)
	page := s.get(admin, path).want(http.StatusOK)
	if got := branchNames(page); got != "Condition 1, Otherwise" {
		t.Errorf("a new node has the branches %s", got)
	}
	if page.doc().Find(`[value^="prune"]`).Length() != 0 {
		t.Error("the only condition can be deleted")
	}

	// One more goes before “Otherwise”; both are filled in.
	form := formOf(page, "#form-"+key)
	form.Set("do", "add conditions")
	page = s.post(admin, path, form).want(http.StatusOK)
	if got := branchNames(page); got != "Condition 1, Condition 2, Otherwise" {
		t.Errorf("after one was added the branches are %s", got)
	}
	form = formOf(page, "#form-"+key)
	for name, value := range map[string]string{
		"conditions.0.title": "Large", "conditions.0.calculation.0.left": "{{$context.data.quantity}}", "conditions.0.calculation.0.is": "gte", "conditions.0.calculation.0.right": "100",
		"conditions.1.engine": "math.js", "conditions.1.expression": "{{$context.data.quantity}} >",
	} {
		form.Set(name, value)
	}
	form.Set("do", "save")
	refused := s.post(admin, path, form).want(http.StatusUnprocessableEntity)
	if got := refused.find("#f-conditions-1-expression-error"); !strings.Contains(got, "It cannot be read: SyntaxError") {
		t.Errorf("beside the second expression: %q", got)
	}
	if got := refused.doc().Find("#drawer .error").Length(); got != 1 {
		t.Errorf("%d problems, want one", got)
	}
	form.Set("conditions.1.expression", "{{$context.data.quantity}} > 10")
	s.post(admin, path, form).want(http.StatusSeeOther)
	page = s.get(admin, path)
	if got := branchNames(page); got != "Large, Condition 2, Otherwise" {
		t.Errorf("the branches are %s", got)
	}

	// Nodes in both branches; the first condition goes with its own, after a
	// question, and what was typed before is kept.
	for branch, title := range map[string]string{"1": "End", "2": "Output", "0": "Output"} {
		kind := map[string]string{"End": "end/", "Output": "output/"}[title]
		s.post(admin, string(pathOf(w))+"/nodes", url.Values{"after": {key}, "branch": {branch}, "type": {kind}}).want(http.StatusSeeOther)
	}
	form = formOf(s.get(admin, path), "#form-"+key)
	form.Set("conditions.1.title", "Middle")
	form.Set("do", "prune 1")
	asked := s.post(admin, path, form).want(http.StatusSeeOther).Header.Get("Location")
	if asked != path+"/branches/1/delete" {
		t.Fatalf("sent to %s", asked)
	}
	question := s.get(admin, asked).want(http.StatusOK)
	if got := question.find("main"); !strings.Contains(got, "Delete “Large”") || !strings.Contains(got, "1 node in its branch is deleted with it.") {
		t.Errorf("asked %q", got)
	}
	confirm := formOf(question, "main form")
	stale := url.Values{"revision": {"1"}}
	s.post(admin, asked, stale).want(http.StatusConflict)
	s.post(admin, asked, confirm).want(http.StatusSeeOther)
	page = s.get(admin, path)
	if got := branchNames(page); got != "Middle, Otherwise" {
		t.Errorf("after one was deleted the branches are %s", got)
	}
	if got := page.doc().Find("#flow .branch .node").Length(); got != 2 {
		t.Errorf("%d nodes are left in branches, want 2", got)
	}
	for branch, words := range map[string]string{"0": "“Otherwise” stays", "1": "The last condition stays"} {
		for _, a := range []answer{s.get(admin, path+"/branches/"+branch+"/delete"), s.post(admin, path+"/branches/"+branch+"/delete", url.Values{})} {
			if got := a.want(http.StatusUnprocessableEntity).find("main"); !strings.Contains(got, words) {
				t.Errorf("branch %s: %q, want %q", branch, got, words)
			}
		}
	}
	s.get(admin, path+"/branches/7/delete").want(http.StatusNotFound)
}

// TestSeveralConditionsRun looks at executions of each branch and at what they
// give, on the page and through the API.
func TestSeveralConditionsRun(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.shop()
	w := s.sortingOn("sales")
	for _, quantity := range []float64{500, 50, 5} {
		s.record("sales", collection.Record{"quantity": quantity})
	}
	s.work()
	var ids []int64
	if err := s.DB.SelectContext(t.Context(), &ids, `SELECT id FROM alur.executions WHERE workflow_id = $1 ORDER BY id`, w.ID); err != nil || len(ids) != 3 {
		t.Fatalf("executions %v, %v", ids, err)
	}
	for i, tc := range []struct{ branches, card, output string }{
		{"Large · met, Middle · not asked, Otherwise · not taken", "Large · quantity ≥ 100", `{"size": "Large one", "quantity": 500}`},
		{"Large · not met, Middle · met, Otherwise · not taken", "Middle · quantity ≥ 10", `{"size": "Middle one", "quantity": 50}`},
		{"Large · not met, Middle · not met, Otherwise · taken", "No condition was met", `{"size": "Small one", "quantity": 5}`},
	} {
		path := fmt.Sprintf("/executions/%d", ids[i])
		page := s.get(admin, path).want(http.StatusOK)
		if got := branchNames(page); got != tc.branches {
			t.Errorf("execution %d: %s, want %s", i, got, tc.branches)
		}
		if got := page.find("#n-size .node-sum"); !strings.EqualFold(strings.ReplaceAll(got, "Sale / ", ""), tc.card) {
			t.Errorf("execution %d: the card says %q, want %q", i, got, tc.card)
		}
		if got := page.find("#n-output .node-sum"); got != "quantity, size" {
			t.Errorf("execution %d: the output's card says %q", i, got)
		}
		var want any
		if err := json.Unmarshal([]byte(tc.output), &want); err != nil {
			t.Fatal(err)
		}
		panel := s.get(admin, path+"/output").want(http.StatusOK)
		if got := panel.find("#fold-output .json"); !strings.Contains(got, want.(map[string]any)["size"].(string)) {
			t.Errorf("execution %d: the panel shows %q", i, got)
		}
		var file any
		if err := json.Unmarshal([]byte(s.get(admin, path+"/output/data").want(http.StatusOK).Text), &file); err != nil || fmt.Sprint(file) != fmt.Sprint(want) {
			t.Errorf("execution %d: the file has %v, %v", i, file, err)
		}
		x := s.get(admin, fmt.Sprintf("/api/executions:get/%d", ids[i])).want(http.StatusOK).object()
		if fmt.Sprint(x["output"]) != fmt.Sprint(want) {
			t.Errorf("execution %d: the API gives %v, want %v", i, x["output"], want)
		}
	}
	s.get(admin, "/executions/1/output").want(http.StatusNotFound)
}

// TestNodeSettingsAPI saves settings that cannot be: each wrong key has a message
// of its own. What is only missing may be saved and keeps the workflow off, in
// copies too (spec/nodes-core.md §1.1).
func TestNodeSettingsAPI(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.shop()
	node := s.node(w, "take")
	wrong := func(path, body string, want ...string) {
		t.Helper()
		var answer struct{ Errors []apiError }
		text := s.postJSON(admin, path, body).want(http.StatusBadRequest).Text
		if err := json.Unmarshal([]byte(text), &answer); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range answer.Errors {
			got = append(got, e.Field)
			if e.Message == "" {
				t.Errorf("%s: nothing is said at %s", path, e.Field)
			}
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%s %s: problems at %v, want %v", path, body, got, want)
		}
	}
	create := fmt.Sprintf("/api/workflows/%d/nodes:create", w.ID)
	wrong(create, `{"type": "multi-conditions", "config": {"conditions": [{"title": ""}, {"engine": "math.js", "expression": "1 +"}, {"title": 7}], "continueOnNoMatch": "often"}}`,
		"config.conditions.0.title", "config.conditions.1.expression", "config.conditions.2.title", "config.continueOnNoMatch")
	wrong(create, `{"type": "condition", "config": {"engine": "string", "expression": "x"}}`, "config.engine", "config.rejectOnFalse")
	wrong(create, `{"type": "end", "config": {"endStatus": 2}}`, "config.endStatus")
	wrong(create, `{"type": "query", "config": {"collection": "goods", "params": {"filter": {"gone": 1}, "appends": ["maker"]}}}`, "config.params.appends", "config.params.filter")
	wrong(create, `{"type": "update", "config": {"params": {}}}`, "config.collection")
	update := fmt.Sprintf("/api/flow_nodes:update/%d", node.ID)
	wrong(update, `{"config": {"collection": "moons"}}`, "config.collection")
	wrong(fmt.Sprintf("/api/flow_nodes:duplicate/%d", node.ID), `{"config": {"collection": "goods", "params": {"values": {"gone": 1}}}}`, "config.params.values")

	for _, body := range []string{
		`{"type": "multi-conditions", "config": {"conditions": []}}`, `{"type": "multi-conditions", "config": {"conditions": [{"uid": "a"}]}}`,
		`{"type": "calculation", "config": {"engine": "math.js"}}`, `{"type": "output", "config": {}}`, `{"type": "condition"}`,
		`{"type": "destroy", "config": {"collection": "goods", "params": {"filter": {"$and": []}}}}`,
	} {
		s.postJSON(admin, create, body).want(http.StatusOK)
	}
	copied := s.postJSON(admin, fmt.Sprintf("/api/workflows:revision?filterByTk=%d", w.ID), `{}`).want(http.StatusOK).object()
	for _, id := range []int64{w.ID, idOf(copied["id"])} {
		refused := s.postJSON(admin, fmt.Sprintf("/api/workflows:update/%d", id), `{"enabled": true}`).want(http.StatusBadRequest).Text
		for _, field := range []string{".config.conditions", ".config.expression", ".config.params.filter"} {
			if !strings.Contains(refused, field+`"`) {
				t.Errorf("turned on: %s, want a problem at %s", refused, field)
			}
		}
		if strings.Contains(refused, "rejectOnFalse") {
			t.Errorf("a condition without any settings, which is met, keeps the workflow off: %s", refused)
		}
	}
}
