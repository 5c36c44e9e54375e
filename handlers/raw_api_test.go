package handlers

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestRawAPI: the first user writes the engine's rows, and can lead no execution
// astray by it.
func TestRawAPI(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.shop()
	const create = "/api/executions:create"
	s.postJSON(member, create, "{}").want(http.StatusForbidden)
	for _, tc := range []struct{ body, field string }{
		{`{}`, "workflowId"},
		{`{"workflowId": 4711}`, "workflowId"},
		{`{"workflowId": %d, "key": "other"}`, "workflowId"},
		{`{"workflowId": %d, "status": 7}`, "status"},
		{`{"workflowId": %d, "context": [1]}`, "context"},
	} {
		body := strings.Replace(tc.body, "%d", fmt.Sprint(w.ID), 1)
		if got := s.postJSON(root, create, body).want(http.StatusBadRequest).Text; !strings.Contains(got, fmt.Sprintf(`"field":%q`, tc.field)) {
			t.Errorf("%s: %s, want a problem at %s", body, got, tc.field)
		}
	}
	record := func(status string) map[string]any {
		t.Helper()
		return s.postJSON(root, create, fmt.Sprintf(`{"workflowId": "%d", "key": %q, "context": {"data": {"id": 1, "quantity": 1}}, "status": %s}`, w.ID, w.Key, status)).want(http.StatusOK).object()
	}
	ended, waits, queued := record("-1"), record("0"), record("null")
	if ended["endedAt"] == nil || waits["endedAt"] != nil || queued["startedAt"] != nil || queued["status"] != nil {
		t.Errorf("written down are %v, %v and %v", ended, waits, queued)
	}
	s.postJSON(root, create, fmt.Sprintf(`{"workflowId": %d, "status": 1, "eventKey": "e"}`, w.ID)).want(http.StatusOK)
	s.postJSON(root, create, fmt.Sprintf(`{"workflowId": %d, "status": 1, "eventKey": "e"}`, w.ID)).want(http.StatusBadRequest)
	if got := s.shown(root, fmt.Sprintf(`/api/workflowVersionStats:list?filter={"id":%d}`, w.ID), "executed"); got != "4" {
		t.Errorf("%s executions are counted, want 4", got)
	}
	s.work() // the queued one alone is begun
	if got := s.shown(root, fmt.Sprintf(`/api/executions:list?sort=id&filter={"id":{"$in":[%d,%d,%d]}}`, idOf(ended["id"]), idOf(waits["id"]), idOf(queued["id"])), "status"); !strings.HasPrefix(got, "-1,0,") || strings.HasSuffix(got, ",<nil>") || strings.HasSuffix(got, ",0") {
		t.Errorf("the executions have come to %s", got)
	}
	s.postJSON(root, fmt.Sprintf("/api/executions:cancel/%d", idOf(waits["id"])), "").want(http.StatusOK)

	task := s.ask(member)[0]
	var job, execution int64
	if err := s.DB.Side().QueryRowContext(t.Context(), `SELECT job_id, execution_id FROM alur.tasks WHERE id = $1`, task).Scan(&job, &execution); err != nil {
		t.Fatal(err)
	}
	update := fmt.Sprintf("/api/jobs:update/%d", job)
	destroy := fmt.Sprintf("/api/workflowManualTasks:destroy?filterByTk=%d", task)
	s.postJSON(member, update, `{"result": 1}`).want(http.StatusForbidden)
	s.postJSON(member, destroy, "").want(http.StatusForbidden)
	if got := s.postJSON(root, update, `{"result": {"seen": true}, "status": 0}`).want(http.StatusOK).object(); got["status"] != 0.0 || fmt.Sprint(got["result"]) != "map[seen:true]" {
		t.Errorf("the waiting job is %v", got)
	}
	s.postJSON(root, update, `{"status": 1}`).want(http.StatusBadRequest)
	if got := s.postJSON(root, destroy, "").want(http.StatusOK).Text; strings.TrimSpace(got) != `{"data":0}` {
		t.Errorf("a task that is waited for: %s", got)
	}
	if _, err := s.DB.ExecContext(t.Context(), `UPDATE alur.executions SET status = NULL WHERE id = $1`, execution); err != nil {
		t.Fatal(err)
	}
	s.postJSON(root, update, `{"result": 1}`).want(http.StatusConflict)
	s.postJSON(root, fmt.Sprintf("/api/executions:cancel/%d", execution), "").want(http.StatusOK)
	s.postJSON(root, update, `{"status": 0}`).want(http.StatusBadRequest)
	if got := s.postJSON(root, update, `{"status": 1, "meta": {"a": 1}, "log": "by program", "result": null}`).want(http.StatusOK).object(); got["status"] != 1.0 || got["result"] != nil || got["log"] != "by program" {
		t.Errorf("the job of the ended execution is %v", got)
	}
	for _, want := range []string{`{"data":1}`, `{"data":0}`} {
		if got := s.postJSON(root, destroy, "").want(http.StatusOK).Text; strings.TrimSpace(got) != want {
			t.Errorf("destroy answers %s, want %s", got, want)
		}
	}
	s.postJSON(root, "/api/userWorkflowTasks:destroy?filter={}", "").want(http.StatusOK)
	s.postJSON(member, "/api/userWorkflowTaskStats:destroy", "").want(http.StatusForbidden)
}
