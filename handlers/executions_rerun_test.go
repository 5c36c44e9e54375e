package handlers

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestRerunPages: the question says what is done a second time, a second press
// does nothing, and the two executions lead to each other.
func TestRerunPages(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	page := fmt.Sprintf("/executions/%d", s.waiting)
	ask := s.get(admin, page).doc().Find("#execution-menu [href^='/executions/rerun']").AttrOr("href", "")
	for kind, a := range map[string]answer{"page": s.get(admin, ask), "fragment": s.part(admin, ask)} {
		text := a.want(http.StatusOK).find("form[action='/executions/rerun']")
		for _, want := range []string{"From the start", "which failed or waits", "is stopped first", "Does once more"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %q in %s", kind, want, text)
			}
		}
	}
	s.post(member, "/executions/rerun", url.Values{"id": {fmt.Sprint(s.waiting)}}).want(http.StatusForbidden)
	form := url.Values{"id": {fmt.Sprint(s.waiting)}, "from": {"failed"}, "back": {page}, "asked": {s.get(admin, ask).doc().Find("[name=asked]").AttrOr("value", "")}}
	a := s.post(admin, "/executions/rerun", form).want(http.StatusSeeOther)
	made := a.Header.Get("Location")
	s.work()
	s.post(admin, "/executions/rerun", form).want(http.StatusConflict)
	if s.get(admin, page).doc().Find("#notes a[href='"+made+"']").Length() != 1 || s.get(admin, made).doc().Find("#notes a[href='"+page+"']").Length() != 1 {
		t.Error("the two do not lead to each other")
	}
	if !strings.Contains(s.get(admin, made).Text, "taken over") {
		t.Error("kept steps look as if they had run")
	}
	many := url.Values{"id": {fmt.Sprintf("%d,%d", s.fits, s.broken)}, "from": {"failed"}}
	if got := s.toast(admin, s.post(admin, "/executions/rerun", many).want(http.StatusSeeOther)); !strings.HasPrefix(got, "1 execution runs again; 1 could not:") {
		t.Errorf("says %q", got)
	}
}
