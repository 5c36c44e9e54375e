package handlers

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"alur/engine/collection"
)

func (s *shop) path(execution int64, more string) string {
	return fmt.Sprintf("/executions/%d%s", execution, more)
}

func TestExecutionCanvas(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for _, tc := range []struct {
		name      string
		execution int64
		head      string
		cards     map[string]string // by key: state and summary
	}{
		{"fits", s.fits, "Completed", map[string]string{
			"trigger": "completed", "product": "completed: Found Laptop 14″", "enough": "completed: True · Stock ≥ Order / Quantity",
			"total": "completed: 2,580", "deduct": "completed: 1 record changed", "refuse": "idle",
		}},
		{"refused", s.refused, "Completed", map[string]string{
			"enough": "completed: Not true · Stock ≥ Order / Quantity", "total": "idle", "deduct": "idle", "refuse": "completed: 1 record changed",
		}},
		{"broken", s.broken, "Error", map[string]string{
			"deduct": "completed: 1 record changed", "confirm": "error: Status: Choose one of the offered values.", "refuse": "idle",
		}},
		{"waiting", s.waiting, "Waiting", map[string]string{
			"employee": "completed", "decision": "waiting", "approved": "idle",
		}},
	} {
		a := s.get(admin, s.path(tc.execution, "")).want(http.StatusOK)
		if got := a.find("#run-head .badge"); got != tc.head {
			t.Errorf("%s: state %q, want %q", tc.name, got, tc.head)
		}
		for key, want := range tc.cards {
			card := a.doc().Find("#n-" + key)
			got := card.AttrOr("data-state", "missing")
			if _, summary, ok := strings.Cut(want, ": "); ok && summary != "" {
				got += ": " + card.Find(".node-sum").Text()
			}
			if got != want {
				t.Errorf("%s: card %s is %q, want %q", tc.name, key, got, want)
			}
		}
	}
	a := s.get(admin, s.path(s.fits, ""))
	if got := a.find(".branch[data-taken=no] .branch-name"); got != "No · not taken" {
		t.Errorf("branch %q", got)
	}
	if got := a.find("#n-refuse .badge"); got != "Not taken" {
		t.Errorf("card of the other branch says %q", got)
	}
	if got := s.get(admin, s.path(s.waiting, "")).find("#n-approved .badge"); got != "Not yet" {
		t.Errorf("card after the waiting one says %q", got)
	}
	if got := a.find("#run-head"); !strings.Contains(got, "version 1") || !strings.Contains(got, "Rita Root") {
		t.Errorf("head %q has no version or no author", got)
	}
	if _, live := a.doc().Find("#live").Attr("hx-sse:connect"); live {
		t.Error("an execution that has ended has a stream")
	}
	if got := s.get(admin, s.path(s.waiting, "")).doc().Find("#live").AttrOr("hx-sse:connect", ""); !strings.HasPrefix(got, s.path(s.waiting, "/events?since=")) {
		t.Errorf("the stream of a waiting execution is %q", got)
	}
}

func TestStepPanel(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	broken := s.path(s.broken, fmt.Sprintf("/steps/%d", s.job(s.broken, "confirm")))
	for _, path := range []string{s.path(s.broken, ""), broken, s.path(s.broken, "/nodes/confirm")} {
		for kind, a := range map[string]answer{"page": s.get(admin, path), "fragment": s.part(admin, path)} {
			a.want(http.StatusOK)
			if (a.doc().Find("nav.nav").Length() == 0) != (kind == "fragment") {
				t.Errorf("%s %s has the wrong frame", kind, path)
			}
			if got := a.find("#drawer h2"); got != "Confirm order" {
				t.Errorf("%s %s opens %q", kind, path, got)
			}
			if got, want := a.find("#drawer .alert strong"), "Status: Choose one of the offered values."; got != want {
				t.Errorf("%s %s says %q, want %q", kind, path, got, want)
			}
			if got := a.find("#fold-input"); !strings.Contains(got, `"confirmd"`) {
				t.Errorf("%s %s: input %q", kind, path, got)
			}
			if got := a.find("#drawer .facts"); !strings.Contains(got, "Started") || !strings.Contains(got, "Took") || !strings.Contains(got, "Attempt1") {
				t.Errorf("%s %s: facts %q", kind, path, got)
			}
			if got := a.find(".node-open[aria-current] .node-title"); got != "Confirm order" {
				t.Errorf("%s %s marks %q", kind, path, got)
			}
			if got := a.find(".outline a[aria-current]"); got != "Confirm order" {
				t.Errorf("%s %s marks %q in the outline", kind, path, got)
			}
		}
	}
	if s.get(admin, s.path(s.broken, "?step=none")).doc().Find("#drawer[hidden]").Length() != 1 {
		t.Error("step=none leaves a panel open")
	}
	for path, want := range map[string]string{
		s.path(s.broken, "/trigger"):                                              "Order is createdCompleted",
		s.path(s.broken, "/nodes/refuse"):                                         "Refuse orderNot taken",
		s.path(s.waiting, "/nodes/deduct"):                                        "Deduct the daysNot yet",
		s.path(s.waiting, fmt.Sprintf("/steps/%d", s.job(s.waiting, "decision"))): "Manager decidesWaiting",
	} {
		a := s.get(admin, path).want(http.StatusOK)
		if got := a.find("#drawer .drawer-title"); got != want {
			t.Errorf("%s opens %q, want %q", path, got, want)
		}
		if _, follows := a.doc().Find("#drawer").Attr("hx-get"); follows != strings.Contains(path, fmt.Sprint(s.waiting)) {
			t.Errorf("%s: panel refreshes itself: %t", path, follows)
		}
	}
	if got := s.get(admin, s.path(s.broken, "/trigger")).find("#fold-data"); !strings.Contains(got, "quantity: 1") {
		t.Errorf("trigger data %q", got)
	}
	for _, path := range []string{s.path(s.fits, fmt.Sprintf("/steps/%d", s.job(s.broken, "confirm"))), s.path(s.fits, "/steps/x"), s.path(s.fits, "/nodes/nope"), "/executions/4711", "/executions/x"} {
		s.get(admin, path).want(http.StatusNotFound)
	}
}

// TestStepData: what steps were given and came to is sent as a plain file.
func TestStepData(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	step := fmt.Sprintf("/steps/%d", s.job(s.fits, "product"))
	for path, want := range map[string]string{
		s.path(s.fits, step+"/input"):     `"filter"`,
		s.path(s.fits, step+"/result"):    `"name": "Laptop 14″"`,
		s.path(s.fits, "/trigger/data"):   `"quantity": 2`,
		s.path(s.broken, "/trigger/data"): `"quantity": 1`,
	} {
		a := s.get(admin, path).want(http.StatusOK)
		if !strings.Contains(a.Text, want) {
			t.Errorf("%s has no %s:\n%s", path, want, a.Text)
		}
		if got := a.Header.Get("Content-Type"); got != "text/plain; charset=utf-8" {
			t.Errorf("%s is %s", path, got)
		}
		if got := a.Header.Get("Content-Disposition"); !strings.HasPrefix(got, "attachment; filename=") {
			t.Errorf("%s: disposition %q", path, got)
		}
	}
	s.get(admin, s.path(s.broken, step+"/result")).want(http.StatusNotFound)
	s.get(admin, s.path(s.fits, "/steps/4711/result")).want(http.StatusNotFound)
}

// TestStepLarge: a large result is shown in part and says so.
func TestStepLarge(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	id := s.job(s.fits, "product")
	s.exec(`UPDATE alur.jobs SET result = (SELECT jsonb_agg(jsonb_build_object('n', n, 'text', repeat('x', 40))) FROM generate_series(1, 5000) n), log = E'one\ntwo' WHERE id = $1`, id)
	a := s.get(admin, s.path(s.fits, fmt.Sprintf("/steps/%d", id))).want(http.StatusOK)
	if got, want := a.find("#fold-result .json-note"), "The first 500 of 15,001 values are shown. Download all of it"; got != want {
		t.Errorf("note %q, want %q", got, want)
	}
	if len(a.Text) > 200_000 {
		t.Errorf("the page has %d bytes", len(a.Text))
	}
	if got := a.find(".log"); got != "onetwo" {
		t.Errorf("log %q", got)
	}
	if got := a.find("#n-product .node-sum"); !strings.Contains(got, "Products") {
		t.Errorf("card without its large result says %q, want what the node is set to do", got)
	}
}

// TestDeletedWorkflow: history outlives its workflow.
func TestDeletedWorkflow(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	x, _, err := s.Engine.Execution(t.Context(), s.users[root].Actor(), s.broken)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Engine.DeleteWorkflow(t.Context(), s.users[root].Actor(), x.WorkflowID); err != nil {
		t.Fatal(err)
	}
	a := s.get(admin, s.path(s.broken, "?step=none")).want(http.StatusOK)
	if got := a.doc().Find(".node").Length(); got != 7 { // the trigger and six steps
		t.Errorf("%d cards, want 7", got)
	}
	if got := a.find("#notes"); !strings.Contains(got, "deleted") {
		t.Errorf("nothing says that the workflow is gone: %q", got)
	}
	if got := s.get(admin, s.path(s.broken, "")).find(".node-open[aria-current] .node-title"); got != "Step confirm" {
		t.Errorf("the open step is %q", got)
	}
	if got := s.get(admin, s.path(s.broken, "")).find("#drawer .alert strong"); got != "status: Choose one of the offered values." {
		t.Errorf("the step says %q", got)
	}
	if got := s.get(admin, "/executions").find(fmt.Sprintf("#x-%d .c-main", s.broken)); got != "Deleted workflow" {
		t.Errorf("the list calls it %q", got)
	}
	s.get(admin, s.path(s.broken, "/trigger")).want(http.StatusOK)
}

// TestExecutionEscapes: what people typed is text, wherever the log shows it.
func TestExecutionEscapes(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	const nasty = `<img src=x onerror=alert(1)><hx-partial hx-target="body">`
	s.exec(`UPDATE alur.jobs SET result = jsonb_build_object('message', $2::text, $2::text, $2::text), log = $2::text WHERE id = $1`, s.job(s.broken, "confirm"), nasty)
	for _, path := range []string{"/executions", s.path(s.broken, ""), s.path(s.runs("orders", collection.Record{"product": s.first("products"), "quantity": 1.0, "note": nasty}), "/trigger")} {
		if a := s.get(admin, path); strings.Contains(a.Text, "<img src=x") || strings.Contains(a.Text, `<hx-partial hx-target="body">`) {
			t.Errorf("%s holds markup that somebody typed", path)
		}
	}
	if got := s.get(admin, s.path(s.broken, "")).find("#drawer .alert strong"); got != nasty {
		t.Errorf("the problem reads %q", got)
	}
}
