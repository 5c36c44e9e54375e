package handlers

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestScheduleForm makes a schedule as a person does: the form shows when it will
// start next as it is typed, says beside the field what is wrong, and the workflow
// runs by hand without a record.
func TestScheduleForm(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	to := s.post(admin, "/workflows", url.Values{"title": {"Report"}, "type": {"schedule"}}).want(http.StatusSeeOther).Header.Get("Location")
	next := func(a answer) []string {
		t.Helper()
		var list []string
		for _, li := range a.doc().Find("#upcoming li").EachIter() {
			list = append(list, li.Text())
		}
		return list
	}
	if got := next(s.get(admin, to).want(http.StatusOK)); len(got) != 1 {
		t.Errorf("a new schedule starts at %q, want once", got)
	}
	revision := func() string { return s.get(admin, to).doc().Find("[name=revision]").AttrOr("value", "") }
	form := url.Values{"revision": {revision()}, "mode": {"0"}, "startsOn": {"2031-01-01T08:00"}, "timeZone": {"Europe/Berlin"}, "missed": {"once"},
		"repeat": {"cron"}, "repeat.cron": {"0 30 9 * * 1-5"}}
	want := "Wed 1 Jan 2031, 08:00:00|Wed 1 Jan 2031, 09:30:00|Thu 2 Jan 2031, 09:30:00|Fri 3 Jan 2031, 09:30:00|Mon 6 Jan 2031, 09:30:00"
	if got := strings.Join(next(s.postPart(admin, to, form).want(http.StatusOK)), "|"); got != want {
		t.Errorf("while editing: %s\nwant %s", got, want)
	}
	if got := strings.Join(next(s.get(admin, to)), "|"); got != want {
		t.Errorf("on the page: %s", got)
	}
	form.Set("revision", revision())
	form.Set("repeat.cron", "0 99 9 * * *")
	bad := s.postPart(admin, to, form).want(http.StatusUnprocessableEntity)
	if got := bad.find("#f-repeat-cron-error"); !strings.Contains(got, "The minute, “99”") || len(next(bad)) != 0 {
		t.Errorf("a bad cron text says %q", got)
	}
	form.Set("mode", "1")
	form.Set("collection", "orders")
	form.Set("startsOn.field", "createdAt")
	form.Set("startsOn.unit", "86400000")
	form.Set("startsOn.side", "after")
	form.Set("startsOn.offset", "1")
	form.Set("repeat", "")
	dated := s.postPart(admin, to, form).want(http.StatusOK)
	if got := next(dated); len(got) == 0 || len(got) > 5 || !strings.Contains(got[0], " · ") {
		t.Errorf("at a date of each order: %q", got)
	}
	if dated.doc().Find("[name='repeat.cron'][type=hidden]").AttrOr("value", "") != "0 99 9 * * *" {
		t.Error("the cron text that was typed is lost")
	}

	form.Set("mode", "0")
	form.Set("revision", revision())
	s.postPart(admin, to, form).want(http.StatusOK)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { s.Engine.Work(ctx, 1); close(done) }()
	defer func() { stop(); <-done }()
	page := strings.TrimSuffix(to, "/trigger") + "/run"
	if s.get(admin, page).want(http.StatusOK).doc().Find("[name=record]").Length() != 0 {
		t.Error("a schedule at set times asks for a record")
	}
	if ran := s.post(admin, page, url.Values{}).want(http.StatusSeeOther).Header.Get("Location"); !strings.HasPrefix(ran, "/executions/") {
		t.Errorf("leads to %s", ran)
	}
}
