package handlers

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
)

// inputs are the hidden values of a form.
func inputs(a answer, form string) url.Values {
	v := url.Values{}
	a.doc().Find(form + " input[type=hidden]").Each(func(_ int, in *goquery.Selection) {
		v.Set(in.AttrOr("name", ""), in.AttrOr("value", ""))
	})
	return v
}

// TestRerunAll runs all executions of a filter again, part after part; what is sent
// twice runs once.
func TestRerunAll(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.execute(`INSERT INTO alur.executions (id, workflow_id, key, context, status, created_at, started_at, ended_at)
		SELECT id - n, workflow_id, key, context, -2, created_at, started_at, ended_at FROM alur.executions, generate_series(1000, 1068) n WHERE id = $1`, s.broken)
	list := "/executions?state=error&state=failed&workflow=orders"
	ask := s.get(admin, list).doc().Find("#found a").AttrOr("href", "")
	if ask == "" {
		t.Fatal("the list does not offer to run all again")
	}
	a := s.get(admin, ask).want(http.StatusOK)
	if got := a.find("h1"); got != "Run all 70 executions again" {
		t.Errorf("asks %q", got)
	}
	form := inputs(a, "form[action='/executions/rerun']")
	form.Set("from", "start")
	number := func() (n int) {
		if err := s.DB.GetContext(t.Context(), &n, `SELECT count(*) FROM alur.executions WHERE rerun_of IS NOT NULL`); err != nil {
			t.Fatal(err)
		}
		return n
	}
	s.post(member, "/executions/rerun", form)
	if n := number(); n != 0 {
		t.Fatalf("who sees no executions ran %d again", n)
	}
	a = s.post(admin, "/executions/rerun", form).want(http.StatusOK)
	if n := number(); n != 50 || !strings.Contains(a.find("#rerun-progress"), "50 executions of 70") {
		t.Fatalf("%d run again, and it says %s", n, a.find("#rerun-progress"))
	}
	next := inputs(a, "#rerun-progress form")
	again := s.post(admin, "/executions/rerun", form).want(http.StatusOK)
	if n := number(); n != 50 || !strings.Contains(again.find("#rerun-progress"), "50 could not: ") {
		t.Errorf("the same part twice: %d run again, and it says %s", n, again.find("#rerun-progress"))
	}
	a = s.postPart(admin, "/executions/rerun", next).want(http.StatusOK)
	if n := number(); n != 70 || !strings.Contains(a.find("#rerun-progress"), "70 executions of 70") || a.doc().Find("#rerun-progress form").Length() != 0 {
		t.Errorf("%d run again, and it says %s", n, a.find("#rerun-progress"))
	}
	s.get(admin, "/executions/rerun?all=1&q=nowhere-at-all").want(http.StatusUnprocessableEntity)
	s.post(admin, "/executions/rerun", url.Values{"all": {"state=error"}}).want(http.StatusUnprocessableEntity)

	s.execute(`INSERT INTO alur.executions (id, workflow_id, key, context, status, created_at, started_at, ended_at)
		SELECT id - n, workflow_id, key, context, -5, created_at, started_at, ended_at FROM alur.executions, generate_series(2000, 7000) n WHERE id = $1`, s.broken)
	a = s.get(admin, "/executions/rerun?all=1&state=rejected").want(http.StatusUnprocessableEntity)
	if !strings.Contains(a.Text, "at most 5,000 run again at once") {
		t.Errorf("too many are answered with %s", a.words())
	}
}

// TestRerunFrom runs an execution again from a step whose panel offers it.
func TestRerunFrom(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	page := fmt.Sprintf("/executions/%d", s.broken)
	ask := s.get(admin, page).doc().Find("#drawer a[href*='node=']").AttrOr("href", "")
	for kind, a := range map[string]answer{"page": s.get(admin, ask), "fragment": s.part(admin, ask)} {
		text := a.want(http.StatusOK).find("form[action='/executions/rerun']")
		for _, want := range []string{"It runs again from “", "Earlier steps are taken over", "Does once more: “"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %q in %s", kind, want, text)
			}
		}
	}
	form := inputs(s.get(admin, ask), "form[action='/executions/rerun']")
	made := s.post(admin, "/executions/rerun", form).want(http.StatusSeeOther).Header.Get("Location")
	s.work()
	if !strings.Contains(s.get(admin, made).Text, "taken over") {
		t.Error("kept steps look as if they had run")
	}
	s.post(admin, "/executions/rerun", form).want(http.StatusConflict)
	form.Set("node", "x")
	s.post(admin, "/executions/rerun", form).want(http.StatusUnprocessableEntity)
	s.get(admin, fmt.Sprintf("/executions/rerun?id=%d&node=12", s.broken)).want(http.StatusUnprocessableEntity)
}
