package handlers

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestCancelExecutions: from the page of one and from the list; what waits is
// stopped, its task is closed, and what has ended stays.
func TestCancelExecutions(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	page := fmt.Sprintf("/executions/%d", s.waiting)
	ask := s.get(admin, page).doc().Find("#execution-menu a.danger").AttrOr("href", "")
	if !strings.HasPrefix(ask, "/executions/cancel?") {
		t.Fatalf("the menu leads to %q", ask)
	}
	if s.get(admin, fmt.Sprintf("/executions/%d", s.fits)).doc().Find("#execution-menu [href^='/executions/cancel']").Length() != 0 {
		t.Error("what has ended can be cancelled")
	}
	for kind, a := range map[string]answer{"page": s.get(admin, ask), "fragment": s.part(admin, ask)} {
		if got := a.want(http.StatusOK).find("button.btn-danger-fill"); got != "Cancel execution" {
			t.Errorf("%s: the button says %q", kind, got)
		}
	}
	if got := s.get(admin, page).find(".badge, .state"); got == "" {
		t.Error("no state")
	}
	s.post(member, "/executions/cancel", url.Values{"id": {fmt.Sprint(s.waiting)}}).want(http.StatusForbidden)
	form := url.Values{"id": {fmt.Sprintf("%d,%d", s.waiting, s.fits)}, "back": {page}}
	a := s.post(admin, "/executions/cancel", form).want(http.StatusSeeOther)
	if got := a.Header.Get("Location"); got != page {
		t.Errorf("leads to %s", got)
	}
	if got, want := s.toast(admin, a), "1 execution was cancelled; 1 had ended already."; got != want {
		t.Errorf("says %q, want %q", got, want)
	}
	if got := s.get(admin, page).want(http.StatusOK).find("#run-head"); !strings.Contains(got, "Cancelled") {
		t.Errorf("the page says %q", got)
	}
	if got := s.get(admin, "/executions?state=cancelled").find(fmt.Sprintf("#x-%d .c-why", s.waiting)); !strings.Contains(got, "Cancelled by Ann Admin") {
		t.Errorf("the list says %q", got)
	}
	if got := s.get(admin, "/tasks").want(http.StatusOK).doc().Find(".task-list a, #task-list a").Length(); got != 0 {
		t.Errorf("%d tasks are open", got)
	}
}

// TestRunsAPI: workflows:execute and executions:cancel (spec/http-api.md §2.8, §4.3).
func TestRunsAPI(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	cancel := func(id int64) string { return fmt.Sprintf("/api/executions:cancel?filterByTk=%d", id) }
	s.postJSON(member, cancel(s.waiting), "").want(http.StatusForbidden)
	s.postJSON(admin, cancel(42), "").want(http.StatusNotFound)
	s.postJSON(admin, cancel(s.fits), "").want(http.StatusBadRequest)
	x := s.postJSON(admin, cancel(s.waiting), "").want(http.StatusOK).object()
	if x["status"] != -3.0 || x["reason"] != "manual_cancel" || len(x["jobs"].([]any)) == 0 {
		t.Errorf("cancelled: %v", x)
	}
	s.postJSON(admin, cancel(s.waiting), "").want(http.StatusBadRequest)

	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { s.Engine.Work(ctx, 1); close(done) }()
	defer func() { stop(); <-done }()
	one := func(query string, args ...any) (text string) {
		t.Helper()
		if err := s.DB.GetContext(t.Context(), &text, query, args...); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		return text
	}
	leave := one("SELECT CAST(workflow_id AS text) FROM alur.executions WHERE id = $1", s.waiting)
	run := "/api/workflows:execute?filterByTk=" + leave
	s.postJSON(admin, "/api/workflows:execute?filterByTk=42", "{}").want(http.StatusNotFound)
	s.postJSON(admin, "/api/workflows:execute", "{}").want(http.StatusBadRequest)
	s.postJSON(admin, run, "").want(http.StatusBadRequest)
	s.postJSON(admin, run, "{}").want(http.StatusBadRequest)
	s.postJSON(admin, run, `{"data": 99}`).want(http.StatusBadRequest)
	s.postJSON(member, run, `{"data": 99}`).want(http.StatusForbidden)
	request := one("SELECT context #>> '{data,id}' FROM alur.executions WHERE id = $1", s.waiting)
	made := s.postJSON(admin, run+"&autoRevision=1", `{"data": `+request+`}`).want(http.StatusOK).object()
	run1, _ := made["execution"].(map[string]any)
	if run1["status"] != 0.0 || idOf(made["newVersionId"]) == 0 {
		t.Errorf("run by hand: %v, want one that waits, and a new version", made)
	}
	if got := one("SELECT status || ' ' || manually FROM alur.executions WHERE id = $1", idOf(run1["id"])); got != "0 true" {
		t.Errorf("the execution is %s", got)
	}
}
