package handlers

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestLimits: what is typed becomes the options of all versions, and other
// options stay.
func TestLimits(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.shop()
	page := fmt.Sprintf("/workflows/%d/limits", w.ID)
	if got := s.get(admin, page).want(http.StatusOK).doc().Find("[name=concurrency]").AttrOr("value", ""); got != "10" {
		t.Errorf("executions at the same moment: %q, want 10", got)
	}
	if _, err := s.DB.ExecContext(t.Context(), `UPDATE alur.workflows SET options = '{"mine": 1}'`); err != nil {
		t.Fatal(err)
	}
	for field, form := range map[string]url.Values{
		"timeout":     {"timeout": {"181"}, "unit": {"86400"}, "concurrency": {"1"}, "stackLimit": {"1"}},
		"concurrency": {"concurrency": {"0"}, "unit": {"1"}, "stackLimit": {"1"}},
		"stackLimit":  {"concurrency": {"1000"}, "unit": {"1"}, "stackLimit": {"101"}},
	} {
		if got := s.post(admin, page, form).want(http.StatusUnprocessableEntity).doc().Find("[aria-invalid]").AttrOr("name", ""); got != field {
			t.Errorf("%v: a problem at %q, want %s", form, got, field)
		}
	}
	if got := s.post(admin, page, url.Values{"concurrency": {"1"}, "unit": {"1"}, "stackLimit": {"1"}, "priority": {"urgent"}}).want(http.StatusUnprocessableEntity).find("#f-priority-error"); got == "" {
		t.Error("a priority that there is none of has no problem beside it")
	}
	s.post(admin, page, url.Values{"timeout": {"2"}, "unit": {"3600"}, "concurrency": {"3"}, "stackLimit": {"5"}, "priority": {"low"}}).want(http.StatusSeeOther)
	var options string
	if err := s.DB.GetContext(t.Context(), &options, "SELECT CAST(options AS text) FROM alur.workflows WHERE id = $1", w.ID); err != nil {
		t.Fatal(err)
	}
	if want := `{"mine": 1, "timeout": 7200000, "priority": "low", "stackLimit": 5, "concurrency": 3}`; options != want {
		t.Errorf("options %s, want %s", options, want)
	}
	doc := s.get(admin, page).doc()
	if got := doc.Find("[name=priority][checked]").AttrOr("value", ""); got != "low" {
		t.Errorf("priority %q, want low", got)
	}
	if got := doc.Find("[name=timeout]").AttrOr("value", "") + " " + doc.Find("[name=unit] [selected]").Text(); got != "2 hours" {
		t.Errorf("time limit %q, want 2 hours", got)
	}
}

// TestRunByHand starts a workflow for a record, and says why it cannot.
func TestRunByHand(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { s.Engine.Work(ctx, 1); close(done) }()
	defer func() { stop(); <-done }()
	var workflow, record string
	err := s.DB.Side().QueryRowContext(t.Context(), "SELECT workflow_id, context #>> '{data,id}' FROM alur.executions WHERE id = $1", s.fits).Scan(&workflow, &record)
	if err != nil {
		t.Fatal(err)
	}
	page := "/workflows/" + workflow + "/run"
	if s.get(admin, "/workflows/"+workflow).doc().Find("[href='"+page+"']").Length() != 1 {
		t.Error("the editor does not lead there")
	}
	if s.get(admin, page).want(http.StatusOK).doc().Find("[name=record] option[value='"+record+"']").Length() != 1 {
		t.Error("the record is not offered")
	}
	s.post(admin, page, url.Values{}).want(http.StatusUnprocessableEntity)
	if got := s.post(admin, page, url.Values{"record": {"99"}}).want(http.StatusUnprocessableEntity).find(".alert"); !strings.Contains(got, "There is no record 99") {
		t.Errorf("says %q", got)
	}
	to := s.post(admin, page, url.Values{"record": {record}}).want(http.StatusSeeOther).Header.Get("Location")
	s.get(admin, to).want(http.StatusOK)
	if !strings.HasPrefix(to, "/executions/") {
		t.Errorf("leads to %s", to)
	}
}
