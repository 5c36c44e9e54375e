package handlers

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"alur/engine"
	"alur/engine/collection"
	"alur/engine/node"
	"alur/views"
)

// shop is a site where an order fitted, one did not, one broke, and a leave
// request waits.
type shop struct {
	*site
	fits, refused, broken, waiting int64 // executions
}

func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{site: newSite(t)}
	for _, name := range []string{"orders", "leave"} {
		if err := s.Samples.Install(t.Context(), s.users[root].Actor(), name); err != nil {
			t.Fatal(err)
		}
	}
	product := s.first("products")
	s.fits = s.runs("orders", collection.Record{"product": product, "quantity": 2.0})
	s.refused = s.runs("orders", collection.Record{"product": product, "quantity": 100000.0})
	// What nobody can set up in the browser, but an older version may hold.
	s.exec(`UPDATE alur.flow_nodes SET config = jsonb_set(config, '{params,values,status}', '"confirmd"') WHERE key = 'confirm'`)
	s.DB.Notify("alur_workflows", "", 0) // so that it is read again
	s.broken = s.runs("orders", collection.Record{"product": product, "quantity": 1.0})
	s.waiting = s.runs("leaveRequests", collection.Record{"employee": s.first("employees"), "firstDay": "2030-07-01", "lastDay": "2030-07-05"})
	return s
}

// runs makes a record and returns the execution that it started, worked off.
func (s *shop) runs(name string, values collection.Record) int64 {
	s.t.Helper()
	s.record(name, values)
	s.work()
	var id int64
	if err := s.DB.GetContext(s.t.Context(), &id, `SELECT max(id) FROM alur.executions`); err != nil {
		s.t.Fatal(err)
	}
	return id
}

func (s *shop) exec(query string, args ...any) {
	s.t.Helper()
	if _, err := s.DB.ExecContext(s.t.Context(), query, args...); err != nil {
		s.t.Fatal(err)
	}
}

// job is the id of the newest run of a node.
func (s *shop) job(execution int64, key string) int64 {
	s.t.Helper()
	var id int64
	err := s.DB.GetContext(s.t.Context(), &id, `SELECT max(id) FROM alur.jobs WHERE execution_id = $1 AND node_key = $2`, execution, key)
	if err != nil {
		s.t.Fatalf("job of %s: %v", key, err)
	}
	return id
}

func TestExecutionsList(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	row := func(a answer, id int64, column string) string { return a.find(fmt.Sprintf("#x-%d %s", id, column)) }

	a := s.get(admin, "/executions").want(http.StatusOK)
	if got := row(a, s.broken, ".badge"); got != "Error" {
		t.Errorf("state of the broken execution: %q, want Error", got)
	}
	if got, want := row(a, s.broken, ".c-why"), "Confirm order: status: Choose one of the offered values."; got != want {
		t.Errorf("reason %q, want %q", got, want)
	}
	if got, want := row(a, s.waiting, ".c-why"), "Waits at “Manager decides”"; got != want {
		t.Errorf("reason %q, want %q", got, want)
	}
	if got, want := row(a, s.fits, ".c-main"), "Orders and stock v1"; got != want {
		t.Errorf("workflow %q, want %q", got, want)
	}
	if got, want := row(a, s.fits, "td:nth-child(6)"), "Order is created, by Rita Root"; got != want {
		t.Errorf("cause %q, want %q", got, want)
	}

	for _, tc := range []struct {
		query string
		want  []int64
	}{
		{"state=error", []int64{s.broken}},
		{"state=failed&state=error", []int64{s.broken}},
		{"state=waiting", []int64{s.waiting}},
		{"workflow=orders", []int64{s.broken, s.refused, s.fits}},
		{"workflow=orders&state=completed", []int64{s.refused, s.fits}},
		{"since=1h", []int64{s.waiting, s.broken, s.refused, s.fits}},
		{"since=days&from=2020-01-01&to=2020-01-02", nil},
		{"longer=24h", nil},
		{"state=nonsense", nil},
		{"before=1", nil},
		{fmt.Sprintf("before=%d", s.refused), []int64{s.fits}},
	} {
		for kind, a := range map[string]answer{"page": s.get(admin, "/executions?"+tc.query), "fragment": s.part(admin, "/executions?"+tc.query)} {
			var got []int64
			for _, row := range a.want(http.StatusOK).doc().Find("tbody tr").EachIter() {
				var id int64
				fmt.Sscanf(row.AttrOr("id", ""), "x-%d", &id)
				got = append(got, id)
			}
			if fmt.Sprint(got) != fmt.Sprint(tc.want) {
				t.Errorf("%s of %s lists %v, want %v", kind, tc.query, got, tc.want)
			}
			if len(tc.want) == 0 {
				a.find(".empty h2")
			}
			if (a.doc().Find("nav.nav").Length() == 0) != (kind == "fragment") {
				t.Errorf("%s of %s has the wrong frame", kind, tc.query)
			}
		}
	}
	a = s.get(admin, "/executions?workflow=orders&state=failed&state=error")
	if got := a.find(".tabs [aria-current]"); got != "Failed" {
		t.Errorf("current tab %q, want Failed", got)
	}
	if got, want := a.find("h1"), "Executions of Orders and stock"; got != want {
		t.Errorf("title %q, want %q", got, want)
	}
	if n := a.doc().Find(".filterbar input[name=state][checked]").Length(); n != 2 {
		t.Errorf("the filter keeps %d states, want 2", n)
	}
}

func TestExecutionsEmpty(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for path, want := range map[string]string{
		"/executions":                    "Nothing has run yet",
		"/executions?workflow=gone":      "This workflow has not run yet",
		"/executions?state=error":        "No executions match",
		"/executions/skipped":            "Everything was started",
		"/executions?before=5&since=24h": "Nothing further",
	} {
		if got := s.get(admin, path).want(http.StatusOK).find(".empty h2"); got != want {
			t.Errorf("%s says %q, want %q", path, got, want)
		}
	}
}

// TestExecutionsRefresh: a list that has not changed is not sent again.
func TestExecutionsRefresh(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	again := func(tag string) answer {
		r := httptest.NewRequest(http.MethodGet, "/executions?workflow=orders", nil)
		asPart(r)
		r.Header.Set("If-None-Match", tag)
		return s.do(admin, r)
	}
	a := s.get(admin, "/executions?workflow=orders")
	tag := a.Header.Get("ETag")
	if got, _ := a.doc().Find("#executions").Attr("hx-headers"); !strings.Contains(got, strings.ReplaceAll(tag, `"`, `\"`)) {
		t.Errorf("the list asks with %s, want its tag %s", got, tag)
	}
	if a := again(tag).want(http.StatusNotModified); a.Text != "" {
		t.Errorf("304 with a body: %s", a.Text)
	}
	s.runs("orders", collection.Record{"product": s.first("products"), "quantity": 1.0})
	if got := again(tag).want(http.StatusOK).doc().Find("#executions tbody tr").Length(); got != 4 {
		t.Errorf("%d rows after another order, want 4", got)
	}
}

func TestExecutionsPaging(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if _, err := s.DB.ExecContext(t.Context(), `
		INSERT INTO alur.executions (id, workflow_id, key, context, status, started_at, ended_at)
		SELECT n, 1, 'gone', '{}', 1, now(), now() FROM generate_series(1, 120) n`); err != nil {
		t.Fatal(err)
	}
	ends := func(a answer) string {
		rows := a.want(http.StatusOK).doc().Find("tbody tr")
		return rows.First().AttrOr("id", "") + " to " + rows.Last().AttrOr("id", "")
	}
	link := func(a answer, label string) string {
		return a.doc().Find(fmt.Sprintf(`.table-foot a[aria-label="%s page"]`, label)).AttrOr("href", "")
	}
	path, want := "/executions", []string{"x-120 to x-71", "x-70 to x-21", "x-20 to x-1"}
	for i, span := range want {
		a := s.get(admin, path)
		if got := ends(a); got != span {
			t.Fatalf("page %d shows %s, want %s", i+1, got, span)
		}
		path = link(a, "Next")
		if (path == "") != (i == 2) || (link(a, "Previous") == "") != (i == 0) {
			t.Errorf("page %d leads to %q and back to %q", i+1, path, link(a, "Previous"))
		}
		if i == 2 {
			path = link(a, "Previous")
		}
	}
	for _, span := range []string{want[1], want[0]} {
		a := s.get(admin, path)
		if got := ends(a); got != span {
			t.Fatalf("%s shows %s, want %s", path, got, span)
		}
		path = link(a, "Previous")
	}
	if path != "" {
		t.Errorf("before the first page there is %s", path)
	}
}

func TestSkipped(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.exec(`INSERT INTO alur.skipped_triggers (id, workflow_id, key, reason, detail) SELECT 7, id, key, 'stack_limit', 'It came from itself.' FROM alur.workflows WHERE key = 'orders'`)
	a := s.get(admin, "/executions/skipped?workflow=orders").want(http.StatusOK)
	if got := a.find("#s-7 .c-why"); got != "It came from itself." {
		t.Errorf("reason %q", got)
	}
	if got := a.find(".tabs [aria-current]"); got != "Not started" {
		t.Errorf("current tab %q", got)
	}
	if s.get(admin, "/executions/skipped?workflow=leave").doc().Find("#s-7").Length() != 0 {
		t.Error("the list of another workflow shows it too")
	}
}

func TestDeleteExecutions(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	ask := fmt.Sprintf("/executions/delete?id=%d&id=%d&back=%s", s.fits, s.waiting, url.QueryEscape("/executions?workflow=orders"))
	for kind, a := range map[string]answer{"page": s.get(admin, ask), "fragment": s.part(admin, ask)} {
		if got := a.want(http.StatusOK).find("button.btn-danger-fill"); got != "Delete executions" {
			t.Errorf("%s: the button says %q", kind, got)
		}
	}
	form := url.Values{}
	for _, in := range s.get(admin, ask).doc().Find("form[action='/executions/delete'] input").EachIter() {
		form.Set(in.AttrOr("name", ""), in.AttrOr("value", ""))
	}
	a := s.post(admin, "/executions/delete", form).want(http.StatusSeeOther)
	if got := a.Header.Get("Location"); got != "/executions?workflow=orders" {
		t.Errorf("leads to %s", got)
	}
	if got, want := s.toast(admin, a), "1 execution was deleted; 1 still run, wait, or were gone already."; got != want {
		t.Errorf("says %q, want %q", got, want)
	}
	s.get(admin, fmt.Sprintf("/executions/%d", s.fits)).want(http.StatusGone)
	s.get(admin, fmt.Sprintf("/executions/%d", s.waiting)).want(http.StatusOK)
	s.get(admin, "/executions/delete").want(http.StatusUnprocessableEntity)
	s.post(admin, "/executions/delete", url.Values{"id": {"1 OR 1=1"}}).want(http.StatusUnprocessableEntity)
	away := url.Values{"id": {fmt.Sprint(s.refused)}, "back": {"//evil.test/executions"}}
	if got := s.post(admin, "/executions/delete", away).Header.Get("Location"); got != "/executions" {
		t.Errorf("leads away to %s", got)
	}
}

func TestStates(t *testing.T) {
	t.Parallel()
	status := func(s node.Status) *node.Status { return &s }
	for _, tc := range []struct {
		x        engine.Execution
		want     string
		why, not string // the reason in words with and without the step's title
	}{
		{engine.Execution{}, views.Queued, "", ""},
		{engine.Execution{Status: status(node.Pending)}, views.Running, "", ""},
		{engine.Execution{Status: status(node.Pending), Waiting: true}, views.Waiting, "Waits at “A”", ""},
		{engine.Execution{Status: status(node.Resolved)}, views.Completed, "", ""},
		{engine.Execution{Status: status(node.Failed)}, views.Failed, "“A” was not met", ""},
		{engine.Execution{Status: status(node.RetryNeeded)}, views.Failed, "“A” was not met", ""},
		{engine.Execution{Status: status(node.Error)}, views.Error, "", ""},
		{engine.Execution{Status: status(node.Aborted)}, views.Cancelled, "Stopped at “A”", ""},
		{engine.Execution{Status: status(node.Canceled)}, views.Cancelled, "Stopped at “A”", ""},
		{engine.Execution{Status: status(node.Rejected)}, views.Rejected, "Rejected at “A”", ""},
	} {
		if got := tc.x.State(); got != tc.want {
			t.Errorf("status %v is %s, want %s", tc.x.Status, got, tc.want)
		}
		row := engine.ExecutionRow{Execution: tc.x, ProblemNode: new("A")}
		if got := executionWhy(row); got != tc.why {
			t.Errorf("%s at A: %q, want %q", tc.want, got, tc.why)
		}
		row.ProblemNode = nil
		if got := executionWhy(row); got != tc.not {
			t.Errorf("%s: %q, want %q", tc.want, got, tc.not)
		}
		row.Problem = new("timeout")
		if got := executionWhy(row); tc.x.Status != nil && *tc.x.Status < 0 && got != "Took longer than it may" {
			t.Errorf("%s after a timeout: %q", tc.want, got)
		}
	}
}

// TestMembersSeeNoExecutions: executions hold what anybody typed anywhere.
func TestMembersSeeNoExecutions(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for _, path := range []string{"/executions", "/executions/skipped", fmt.Sprintf("/executions/%d", s.fits), fmt.Sprintf("/executions/%d/trigger/data", s.fits), fmt.Sprintf("/executions/%d/events", s.fits)} {
		s.get(member, path).want(http.StatusForbidden)
	}
	if _, _, err := s.Engine.Executions(t.Context(), s.users[member].Actor(), engine.ExecutionFilter{}); err == nil {
		t.Error("the engine lists executions for a member")
	}
	if _, err := s.Engine.DeleteExecutions(t.Context(), s.users[member].Actor(), []int64{s.fits}); err == nil {
		t.Error("the engine deletes executions for a member")
	}
}
