package handlers

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
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

// manyBroken leaves 70 executions that ended with an error, and returns the address of
// the list of them.
func (s *shop) manyBroken() string {
	s.execute(`INSERT INTO alur.executions (id, workflow_id, key, context, status, created_at, started_at, ended_at)
		SELECT id - n, workflow_id, key, context, -2, created_at, started_at, ended_at FROM alur.executions, generate_series(1000, 1068) n WHERE id = $1`, s.broken)
	return "/executions?state=error&state=failed&workflow=orders"
}

// askAll opens the question of a list whether to run all again.
func (s *shop) askAll(list string) (answer, url.Values) {
	s.t.Helper()
	ask := s.get(admin, list).doc().Find("#found a").AttrOr("href", "")
	if ask == "" {
		s.t.Fatal("the list does not offer to run all again")
	}
	a := s.get(admin, ask).want(http.StatusOK)
	form := inputs(a, "form[action='/executions/rerun']")
	form.Set("from", "start")
	return a, form
}

// rerunFacts counts the executions that run again, those that do so twice, and the
// requests.
func (s *shop) rerunFacts() string {
	s.t.Helper()
	var out string
	if err := s.DB.GetContext(s.t.Context(), &out, `SELECT concat_ws(' ', count(*), count(*) - count(DISTINCT rerun_of), (SELECT count(*) FROM alur.bulk_reruns))
		FROM alur.executions WHERE rerun_of IS NOT NULL`); err != nil {
		s.t.Fatal(err)
	}
	return out
}

// workReruns does one bulk rerun as far as it gets.
func (s *shop) workReruns(want bool) {
	s.t.Helper()
	if worked, err := s.Engine.RerunInBulkOnce(s.t.Context()); worked != want || err != nil {
		s.t.Fatalf("a worker finds work: %v, %v", worked, err)
	}
}

// atRerun does something in the database when the n-th execution runs again.
func (s *shop) atRerun(n int, do string) {
	s.t.Helper()
	s.execute(fmt.Sprintf(`CREATE FUNCTION alur.at_rerun() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		IF (SELECT count(*) FROM alur.executions WHERE rerun_of IS NOT NULL) = %d THEN %s; END IF; RETURN NULL; END $$`, n, do))
	s.execute(`CREATE TRIGGER at_rerun AFTER INSERT ON alur.executions FOR EACH ROW EXECUTE FUNCTION alur.at_rerun()`)
}

// audited are the lines of the audit log about many executions, in their order.
func (s *shop) audited() string {
	s.t.Helper()
	var out string
	if err := s.DB.GetContext(s.t.Context(), &out, `SELECT coalesce(string_agg(person || ': ' || text, ' | ' ORDER BY created_at, id), '')
		FROM alur.audit_log WHERE text LIKE '%executions again%'`); err != nil {
		s.t.Fatal(err)
	}
	return out
}

// TestRerunAll runs all executions of a filter again, in the background and once.
func TestRerunAll(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	list := s.manyBroken()
	a, form := s.askAll(list)
	if got := a.find("h1"); got != "Run all 70 executions again" {
		t.Errorf("asks %q", got)
	}
	s.post(member, "/executions/rerun", form)
	if got := s.rerunFacts(); got != "0 0 0" {
		t.Fatalf("who sees no executions began: %s", got)
	}
	page := s.post(admin, "/executions/rerun", form).want(http.StatusSeeOther).Header.Get("Location")
	if again := s.post(admin, "/executions/rerun", form).want(http.StatusSeeOther).Header.Get("Location"); again != page {
		t.Errorf("the same form twice leads to %s and %s", page, again)
	}
	progress := func() string { return s.get(admin, page).want(http.StatusOK).find("#rerun-progress") }
	if got := progress(); !strings.Contains(got, "Waits for its turn 0 of 70 executions run again.") || !strings.Contains(got, "You can close this page") {
		t.Errorf("before a worker comes the page says %q", got)
	}
	if got := s.get(admin, "/executions").find(".alert"); !strings.Contains(got, "Run again: Waits for its turn.") {
		t.Errorf("the list says %q", got)
	}
	s.get(member, page).want(http.StatusForbidden)
	s.post(member, page+"/stop", nil).want(http.StatusForbidden)
	s.workReruns(true)
	s.workReruns(false)
	if got := s.rerunFacts(); got != "70 0 1" {
		t.Errorf("run again, twice, requests: %s", got)
	}
	if got := progress(); !strings.Contains(got, "Done 70 of 70 executions run again.") || strings.Contains(got, "You can close") || strings.Contains(got, "could not") {
		t.Errorf("in the end the page says %q", got)
	}
	if part := s.part(admin, page).want(http.StatusOK); part.doc().Find("#rerun-progress[hx-get], form").Length() != 0 {
		t.Error("the page asks on when all is done")
	}
	if got := s.get(admin, "/executions").find(".alert"); !strings.Contains(got, "Run again: Done.") {
		t.Errorf("the list says %q", got)
	}
	s.post(admin, page+"/stop", nil).want(http.StatusConflict)
	name := s.users[admin].Nickname
	if got, want := s.audited(), name+": Began to run 70 executions again, from the start. | "+name+": Ran 70 of 70 executions again, from the start."; got != want {
		t.Errorf("the log says %s\nwant %s", got, want)
	}

	asked, err := strconv.ParseInt(form.Get("asked"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	form.Set("asked", fmt.Sprint(asked-1))
	page = s.post(admin, "/executions/rerun", form).want(http.StatusSeeOther).Header.Get("Location")
	s.workReruns(true)
	if got := progress(); !strings.Contains(got, "0 of 70 executions run again.") || !strings.Contains(got, "70 could not run again, the first: ") {
		t.Errorf("what runs again already: %q", got)
	}
	s.get(admin, "/executions/reruns/12").want(http.StatusNotFound)
	s.get(admin, "/executions/reruns/x").want(http.StatusNotFound)
	s.get(admin, "/executions/rerun?all=1&q=nowhere-at-all").want(http.StatusUnprocessableEntity)
	s.post(admin, "/executions/rerun", url.Values{"all": {"state=error"}}).want(http.StatusUnprocessableEntity)

	s.execute(`INSERT INTO alur.executions (id, workflow_id, key, context, status, created_at, started_at, ended_at)
		SELECT id - n, workflow_id, key, context, -5, created_at, started_at, ended_at FROM alur.executions, generate_series(2000, 7000) n WHERE id = $1`, s.broken)
	a = s.get(admin, "/executions/rerun?all=1&state=rejected").want(http.StatusUnprocessableEntity)
	if !strings.Contains(a.Text, "at most 5,000 run again at once") {
		t.Errorf("too many are answered with %s", a.words())
	}
}

// TestRerunAllEndsEarly: who stops it, or loses the rights it needs, keeps what ran.
func TestRerunAllEndsEarly(t *testing.T) {
	t.Parallel()
	const all = "UPDATE alur.bulk_reruns SET "
	tests := []struct {
		name        string
		at          int
		do          string
		facts, page string
		log         string
	}{
		{"stopped between two", 30, all + "status = 'stopped', ended_at = now(), worker = NULL", "30 0 1", "Stopped 30 of 70 executions run again.", ""},
		{"no account any more", 10, "UPDATE alur.users SET active = false WHERE id = (SELECT created_by_id FROM alur.bulk_reruns)", "50 0 1",
			"Given up 50 of 70 executions run again. The account of the person who asked for this is not active any more.",
			"Gave up after running 50 of 70 executions again, from the start. The account of the person"},
		{"no such role any more", 10, "UPDATE alur.users SET role = 'member' WHERE id = (SELECT created_by_id FROM alur.bulk_reruns)", "50 0 1",
			"Given up 50 of 70 executions run again.", "Gave up after running 50 of 70"},
		{"the filter fits them no more", 10, "UPDATE alur.executions SET status = -5 WHERE status = -2", "50 0 1", "Done 50 of 70 executions run again. 20 did not match the filter any more.", "Ran 50 of 70 executions again"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			_, form := s.askAll(s.manyBroken())
			page := s.post(admin, "/executions/rerun", form).want(http.StatusSeeOther).Header.Get("Location")
			s.atRerun(tc.at, tc.do)
			s.workReruns(true)
			s.workReruns(false)
			if got := s.rerunFacts(); got != tc.facts {
				t.Errorf("run again, twice, requests: %s, want %s", got, tc.facts)
			}
			if got := s.get(root, page).want(http.StatusOK).find("#rerun-progress"); !strings.Contains(got, tc.page) {
				t.Errorf("the page says %q, want %q", got, tc.page)
			}
			if got := s.audited(); !strings.Contains(got, tc.log) {
				t.Errorf("the log says %s, want %s", got, tc.log)
			}
		})
	}
	t.Run("stopped before", func(t *testing.T) {
		t.Parallel()
		s := newShop(t)
		_, form := s.askAll(s.manyBroken())
		page := s.post(admin, "/executions/rerun", form).want(http.StatusSeeOther).Header.Get("Location")
		s.post(admin, page+"/stop", nil).want(http.StatusSeeOther)
		s.workReruns(false)
		if got := s.get(admin, page).find("#rerun-progress"); !strings.Contains(got, "Stopped 0 of 70 executions run again.") {
			t.Errorf("the page says %q", got)
		}
		if got := s.audited(); !strings.Contains(got, "Stopped after running 0 of 70 executions again") {
			t.Errorf("the log says %s", got)
		}
	})
	t.Run("another worker has it", func(t *testing.T) {
		t.Parallel()
		s := newShop(t)
		_, form := s.askAll(s.manyBroken())
		s.post(admin, "/executions/rerun", form).want(http.StatusSeeOther)
		s.execute(all + "status = 'running', worker = 1, lease_until = now() + interval '1 hour'")
		s.workReruns(false)
		s.execute(all + "lease_until = now() - interval '1 second'")
		s.workReruns(true)
		if got := s.rerunFacts(); got != "70 0 1" {
			t.Errorf("run again, twice, requests: %s", got)
		}
	})
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
