package handlers

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestRerunAPI: executions:rerun of one and of a filter (spec/http-api.md §4.4).
func TestRerunAPI(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	rerun := func(id int64) string { return fmt.Sprintf("/api/executions:rerun?filterByTk=%d", id) }
	node := func(execution int64, key string) (id int64) {
		t.Helper()
		if err := s.DB.GetContext(t.Context(), &id, "SELECT n.id FROM alur.flow_nodes n JOIN alur.executions x ON x.workflow_id = n.workflow_id WHERE x.id = $1 AND n.key = $2", execution, key); err != nil {
			t.Fatal(err)
		}
		return id
	}
	elsewhere := node(s.waiting, "decision")
	for _, tc := range []struct {
		who    role
		id     int64
		body   string
		status int
		words  string
	}{
		{member, s.broken, "", http.StatusForbidden, ""},
		{admin, 42, "", http.StatusNotFound, "no such execution"},
		{admin, s.fits, `{"from": "failed"}`, http.StatusBadRequest, "No step of this execution failed"},
		{admin, s.fits, `{"from": "there"}`, http.StatusBadRequest, "start or failed"},
		{admin, s.fits, `{"version": "next"}`, http.StatusBadRequest, "this or newest"},
		{admin, s.fits, fmt.Sprintf(`{"from": "failed", "nodeId": %d}`, elsewhere), http.StatusBadRequest, "not both"},
		{admin, s.fits, fmt.Sprintf(`{"nodeId": %d}`, elsewhere), http.StatusBadRequest, "not part of the version"},
		{admin, s.refused, fmt.Sprintf(`{"nodeId": %d}`, node(s.refused, "confirm")), http.StatusBadRequest, "did not run"},
	} {
		a := s.postJSON(tc.who, rerun(tc.id), tc.body).want(tc.status)
		if !strings.Contains(a.Text, tc.words) {
			t.Errorf("%d %s says %s, want %q", tc.id, tc.body, a.Text, tc.words)
		}
	}
	s.postJSON(admin, "/api/executions:rerun", "{}").want(http.StatusBadRequest)

	x := s.postJSON(admin, rerun(s.broken), `{"nodeId": null, "overwrite": true}`).want(http.StatusAccepted).object()
	if idOf(x["rerunOf"]) != s.broken || x["status"] != nil || x["manually"] != true {
		t.Errorf("made %v", x)
	}
	s.postJSON(admin, rerun(s.broken), "").want(http.StatusConflict)
	s.postJSON(admin, fmt.Sprintf("/api/executions:rerun/%d", idOf(x["id"])), "").want(http.StatusBadRequest) // queued
	s.work()
	s.postJSON(admin, rerun(s.waiting), `{"from": "failed"}`).want(http.StatusAccepted)
	if old := s.get(admin, fmt.Sprintf("/api/executions:get?filterByTk=%d", s.waiting)).object(); old["status"] != -3.0 || old["reason"] != "rerun" {
		t.Errorf("the one that waited is %v", old)
	}
	s.work()
	var open string
	if err := s.DB.GetContext(t.Context(), &open, `SELECT string_agg(concat_ws(' ', x.rerun_of, x.status), ', ') FROM alur.tasks t JOIN alur.executions x ON x.id = t.execution_id
		WHERE t.status = 0 AND x.ended_at IS NULL`); err != nil || open != fmt.Sprintf("%d 0", s.waiting) {
		t.Errorf("open tasks: %s, %v; want that of the new execution", open, err)
	}

	a := s.postJSON(admin, fmt.Sprintf(`/api/executions:rerun?filter={"id":{"$in":[%d,%d,%d]}}`, s.broken, s.fits, s.refused), `{"from": "failed"}`).want(http.StatusAccepted)
	if made := a.list(); len(made) != 1 {
		t.Errorf("in bulk: %s", a.Text)
	}
	if !strings.Contains(a.Text, fmt.Sprintf(`"passed":[{"id":%d,"message":"No step`, s.fits)) {
		t.Errorf("in bulk it says %s", a.Text)
	}
}

// TestResumeAPI: what jobs:resume answers (spec/http-api.md §5).
func TestResumeAPI(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	resume := func(job int64) string { return fmt.Sprintf("/api/jobs:resume?filterByTk=%d", job) }
	asked := s.job(s.waiting, "decision")
	const yes = `{"status": 1, "result": {"by": "program"}}`
	s.postJSON(admin, resume(42), yes).want(http.StatusNotFound)
	s.postJSON(admin, resume(s.job(s.fits, "confirm")), yes).want(http.StatusBadRequest) // ended
	s.postJSON(admin, resume(asked), `{"status": 7}`).want(http.StatusBadRequest)
	if got := s.postJSON(admin, resume(asked), "").want(http.StatusAccepted).object(); got["status"] != 0.0 {
		t.Errorf("without a status: %v", got)
	}
	if got := s.postJSON(admin, resume(asked), yes).want(http.StatusAccepted).object(); got["status"] != 1.0 {
		t.Errorf("answered: %v", got)
	}
	s.postJSON(admin, resume(asked), yes).want(http.StatusConflict) // it does not wait any more
	s.work()

	x := s.postJSON(admin, fmt.Sprintf("/api/executions:rerun?filterByTk=%d", s.waiting), "").want(http.StatusAccepted).object()
	s.work()
	s.exec("UPDATE alur.executions SET expires_at = $2 WHERE id = $1", idOf(x["id"]), s.Now().Add(-time.Minute))
	if a := s.postJSON(admin, resume(s.job(idOf(x["id"]), "decision")), yes).want(http.StatusBadRequest); !strings.Contains(a.Text, "longer than it may") {
		t.Errorf("past the deadline it says %s", a.Text)
	}
	if got := s.get(admin, fmt.Sprintf("/api/executions:get?filterByTk=%d", idOf(x["id"]))).object(); got["status"] != -3.0 || got["reason"] != "timeout" {
		t.Errorf("past the deadline it is %v", got)
	}
}
