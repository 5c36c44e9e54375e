package handlers

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"alur/engine/auth"
	"alur/engine/queue"
)

// TestTaskOfStopped: what was asked of people by an execution that was cancelled
// or took too long reads as over, and can no longer be decided, in the app and by
// mailed link.
func TestTaskOfStopped(t *testing.T) {
	t.Parallel()
	for _, reason := range []string{"manual_cancel", "timeout"} {
		s := newSite(t)
		task := s.ask(member)[0]
		_, token := s.linksTo(member)
		var execution int64
		if err := s.DB.GetContext(t.Context(), &execution, "SELECT execution_id FROM alur.tasks WHERE id = $1", task); err != nil {
			t.Fatal(err)
		}
		var n int
		var err error
		if reason == "timeout" {
			var stopped []int64
			stopped, err = queue.Stop(t.Context(), s.DB, []int64{execution}, reason, 0, time.Now())
			n = len(stopped)
		} else {
			n, err = s.Engine.Cancel(t.Context(), auth.System, []int64{execution})
		}
		if err != nil || n != 1 {
			t.Fatalf("%s: stopped %d: %v", reason, n, err)
		}
		page, link := fmt.Sprintf("/tasks/%d", task), "/links/"+token
		for path, who := range map[string]role{page: member, link: nobody} {
			a := s.get(who, path).want(http.StatusOK)
			if got := a.find("main"); !strings.Contains(got, "No longer needed") {
				t.Errorf("%s: %s says %q", reason, path, got)
			}
			if a.doc().Find("button[name=action]").Length() != 0 {
				t.Errorf("%s: %s still has buttons", reason, path)
			}
		}
		if got := s.get(member, "/tasks").want(http.StatusOK).doc().Find("main a[href='" + page + "']").Length(); got != 0 {
			t.Errorf("%s: the task is still to do", reason)
		}
		before := s.snapshot()
		form := url.Values{"form": {"f1"}, "action": {"ok"}}
		s.post(member, page, form).want(http.StatusGone)
		s.post(nobody, link, form).want(http.StatusGone)
		s.same(before, "deciding what was stopped")
	}
}
