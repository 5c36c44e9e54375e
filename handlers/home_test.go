package handlers

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
)

func TestHomeWelcome(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if n := s.get(member, "/").want(200).doc().Find("#h-welcome, #h-runs").Length(); n != 0 {
		t.Error("a member is offered what they may not do")
	}
	a := s.get(admin, "/").want(200)
	if n := a.doc().Find("form[action='/samples'] input[name=sample][checked]").Length(); n != 2 {
		t.Errorf("%d sample applications are offered, want 2", n)
	}
	s.post(admin, "/samples", nil).want(http.StatusUnprocessableEntity)
	done := s.post(admin, "/samples", url.Values{"sample": {"orders", "leave"}}).want(http.StatusSeeOther)
	if got := s.toast(admin, done); got != "2 sample applications installed." {
		t.Errorf("the next page says %q", got)
	}
	a = s.get(admin, "/").want(200)
	if a.doc().Find("#h-welcome").Length() != 0 {
		t.Error("the start page still offers what is installed")
	}
	var names []string
	for _, l := range a.doc().Find("#nav a[href^='/data/']").EachIter() {
		names = append(names, l.AttrOr("title", ""))
	}
	if got := strings.Join(names, ", "); got != "Products, Orders, Employees, Leave requests" {
		t.Errorf("the navigation lists %s", got)
	}
	s.post(admin, "/samples", url.Values{"sample": {"orders"}}).want(http.StatusConflict)
}

func TestHome(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.furnish()
	a := s.get(root, "/").want(200)
	if n := a.doc().Find("section[aria-labelledby=h-recent] tbody tr").Length(); n != 3 {
		t.Errorf("%d recent executions, want 3", n)
	}
	if got := a.find("section[aria-labelledby=h-tasks] .task"); !strings.Contains(got, "Leave requests") {
		t.Errorf("my first task is %q", got)
	}
	if got := a.find("#nav a[href='/tasks']"); got != "Tasks 1" {
		t.Errorf("the navigation says %q", got)
	}
	if got := a.find(".figures"); !strings.HasPrefix(got, "Completed2Failed0Open now1Half") {
		t.Errorf("the figures are %q", got)
	}
}

func TestSearch(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.furnish()
	var id string
	if err := s.DB.GetContext(t.Context(), &id, `SELECT max(id)::text FROM alur.executions`); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		who        role
		q, heading string // "" for nothing
	}{
		{root, "order", "Workflows"},
		{root, "order", "Collections"},
		{root, id, "Executions"},
		{root, "leave", "Tasks"},
		{member, "leave", "Collections"},
		{member, id, ""},
		{member, "no such thing", ""},
		{root, `"'%_\`, ""},
	} {
		a := s.get(tc.who, "/search?q="+url.QueryEscape(tc.q)).want(200)
		heads := a.doc().Find("main h2:not(.empty h2)").Map(func(_ int, h *goquery.Selection) string { return h.Text() })
		switch {
		case tc.heading == "" && len(heads) > 0:
			t.Errorf("%s finds %v for %q", tc.who, heads, tc.q)
		case tc.heading != "" && !strings.Contains(strings.Join(heads, "|"), tc.heading):
			t.Errorf("%s finds %v for %q, want %s", tc.who, heads, tc.q, tc.heading)
		}
	}
}
