package handlers

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"alur/engine"
)

func TestSettings(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if got := s.get(admin, "/settings").want(http.StatusOK).doc().Find("[name=recordMonths]").AttrOr("value", ""); got != "24" {
		t.Errorf("lines are kept for %q months, want 24", got)
	}
	a := s.post(admin, "/settings", url.Values{"days": {"0"}, "failedDays": {"many"}, "most": {"-5"}, "recordMonths": {"121"}}).want(http.StatusUnprocessableEntity)
	for _, name := range []string{"days", "failedDays", "most", "recordMonths"} {
		if a.doc().Find("[name="+name+"][aria-invalid]").Length() != 1 {
			t.Errorf("%s is not marked", name)
		}
	}
	if got := a.doc().Find("[name=failedDays]").AttrOr("value", ""); got != "many" {
		t.Errorf("what was typed is gone: %q", got)
	}
	typed := url.Values{"days": {" 30 "}, "failedDays": {"90"}, "most": {""}, "recordMonths": {"12"}}
	s.post(member, "/settings", typed).want(http.StatusForbidden)
	s.post(admin, "/settings", typed).want(http.StatusSeeOther)
	got, err := s.Engine.HistorySettings(t.Context(), s.users[admin].Actor())
	if want := (engine.HistorySettings{History: engine.History{Days: 30, FailedDays: 90}, RecordMonths: 12}); err != nil || got != want {
		t.Errorf("saved %+v, %v; want %+v", got, err, want)
	}
}

// TestWorkflowHistory sets rules for one workflow in the browser, and a short
// history for another one.
func TestWorkflowHistory(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.shop()
	page := fmt.Sprintf("/workflows/%d/history", w.ID)
	if err := s.Engine.SaveHistorySettings(t.Context(), s.users[admin].Actor(), engine.HistorySettings{History: engine.History{Days: 30, Most: 5000}, RecordMonths: 1}); err != nil {
		t.Fatal(err)
	}
	first := s.get(admin, page).want(http.StatusOK)
	if got, want := first.find("label:has([name=rules][checked]) .help"), "Completed ones for 30 days, all others for ever, at most 5,000."; got != want {
		t.Errorf("the server's rules read %q, want %q", got, want)
	}
	s.post(admin, page, url.Values{"rules": {"own"}, "days": {"4000"}}).want(http.StatusUnprocessableEntity)
	s.post(admin, page, url.Values{"rules": {"own"}, "days": {"7"}, "delete": {"cancelled", "nonsense"}}).want(http.StatusSeeOther)
	var options string
	if err := s.DB.GetContext(t.Context(), &options, `SELECT CAST(options - 'timeout' AS text) FROM alur.workflows WHERE id = $1`, w.ID); err != nil {
		t.Fatal(err)
	}
	if want := `{"history": {"days": 7, "most": 0, "failedDays": 0}, "deleteExecutionOnStatus": [-3, -4]}`; options != want {
		t.Errorf("options %s, want %s", options, want)
	}
	doc := s.get(admin, page).doc()
	if doc.Find("[name=rules][value=own][checked]").Length() != 1 || doc.Find("[name=days]").AttrOr("value", "") != "7" ||
		doc.Find("[name=delete][checked]").AttrOr("value", "") != "cancelled" {
		t.Error("the page does not show what was saved")
	}
	s.get(admin, "/workflows/77/history").want(http.StatusNotFound)
}

// TestDeletedExecution looks for executions that are gone.
func TestDeletedExecution(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.exec(`UPDATE alur.workflows SET options = '{"deleteExecutionOnStatus": [-2]}'`)
	if _, err := s.Engine.HousekeepOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Engine.DeleteExecutions(t.Context(), s.users[admin].Actor(), []int64{s.fits}); err != nil {
		t.Fatal(err)
	}
	a := s.get(admin, fmt.Sprintf("/executions/%d", s.broken)).want(http.StatusGone)
	for _, want := range []string{"This execution was deleted on ", "Executions of this workflow that end so are deleted at once.", "Steps"} {
		if !strings.Contains(a.find("main"), want) {
			t.Errorf("the page does not say %q: %s", want, a.find("main"))
		}
	}
	if got := a.find("main .badge"); got != "Error" {
		t.Errorf("its state reads %q, want Error", got)
	}
	if got := s.get(admin, fmt.Sprintf("/executions/%d", s.fits)).find(".alert"); !strings.Contains(got, "Ann Admin deleted it.") {
		t.Errorf("it does not say who deleted it: %q", got)
	}
	s.get(member, fmt.Sprintf("/executions/%d", s.broken)).want(http.StatusForbidden)
	s.get(admin, "/executions/4711").want(http.StatusNotFound)

	list := s.get(admin, "/executions/deleted").want(http.StatusOK)
	if n := list.doc().Find("tbody tr").Length(); n != 2 {
		t.Errorf("%d deleted executions are listed, want 2", n)
	}
	if got := list.find(fmt.Sprintf("#d-%d .c-why", s.broken)); !strings.Contains(got, "Choose one of the offered values") {
		t.Errorf("the reason in the list is %q", got)
	}
	if n := s.get(admin, "/executions/deleted?workflow=none").want(http.StatusOK).doc().Find(".empty").Length(); n != 1 {
		t.Error("a workflow without deleted executions does not say so")
	}
}
