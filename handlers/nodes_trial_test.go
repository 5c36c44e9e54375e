package handlers

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"alur/engine/collection"
)

// TestTrial tests a condition in its drawer: as a page and as a part.
func TestTrial(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.shop()
	path := pathOf(w).node("enough")
	tab := s.get(admin, path+"?tab=test").want(http.StatusOK)
	if got := tab.find(".tabs [aria-current]"); got != "Test" {
		t.Errorf("the tab %q is current", got)
	}
	form := formOf(tab, "#test-enough")
	stock, quantity := "value.$jobsMapByNodeKey.find.stock", "value.$context.data.quantity"
	if len(form) != 2 || form.Get(stock) != "1" || form.Get(quantity) != "1" {
		t.Fatalf("before any run the form holds %v, want examples", form)
	}
	if got := tab.find("#test-enough .help"); !strings.HasPrefix(got, "What no execution has yet is an example.") {
		t.Errorf("where the values come from: %q", got)
	}
	if got := tab.find("#test-enough label"); got != "Find the good / Stock" {
		t.Errorf("the first variable is called %q", got)
	}
	for _, tc := range []struct{ stock, quantity, want string }{{"3", "2", "true"}, {"3", "4", "false"}, {"3", "", "false"}} {
		form.Set(stock, tc.stock)
		form.Set(quantity, tc.quantity)
		for name, a := range map[string]answer{"page": s.post(admin, path+"/test", form), "part": s.postPart(admin, path+"/test", form)} {
			a.want(http.StatusOK)
			if got := a.find("#trial .json"); got != tc.want {
				t.Errorf("%s: %s ≥ %s gives %q, want %s", name, tc.stock, tc.quantity, got, tc.want)
			}
			if got := a.find("#trial .badge"); got != "Completed" {
				t.Errorf("%s: state %q", name, got)
			}
			if got := formOf(a, "#test-enough"); got.Encode() != form.Encode() {
				t.Errorf("%s: typed %v became %v", name, form, got)
			}
			if whole := strings.Contains(a.Text, "<html"); whole != (name == "page") {
				t.Errorf("%s: a whole page is %v", name, whole)
			}
		}
	}

	form.Set(stock, `{"a": `)
	a := s.postPart(admin, path+"/test", form).want(http.StatusUnprocessableEntity)
	if got := a.find(".error"); !strings.HasPrefix(got, "This begins like JSON but cannot be read") {
		t.Errorf("JSON that is none: %q", got)
	}
	if n := a.doc().Find("#trial .badge").Length(); n != 0 {
		t.Error("it was tested all the same")
	}
}

// TestTrialOfBrokenNode tells what went wrong, and what keeps a node from being
// tested.
func TestTrialOfBrokenNode(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.shop()
	path := pathOf(w).node("enough")
	set := func(config string) {
		t.Helper()
		if _, err := s.DB.ExecContext(t.Context(), `UPDATE alur.flow_nodes SET config = $1 WHERE key = 'enough'`, config); err != nil {
			t.Fatal(err)
		}
	}
	set(`{"rejectOnFalse": true, "engine": "math.js", "expression": "nope > 1"}`)
	tab := s.get(admin, path+"?tab=test").want(http.StatusOK)
	if !strings.Contains(tab.find("#test-enough"), "nothing to fill in") {
		t.Errorf("without variables the tab says %q", tab.find("#test-enough"))
	}
	a := s.post(admin, path+"/test", url.Values{}).want(http.StatusOK)
	if got := a.find("#trial .badge") + ": " + a.find("#trial .alert"); got != "Error: Error: Undefined symbol nope" {
		t.Errorf("a broken expression: %q", got)
	}
	set(`{"rejectOnFalse": true, "engine": "math.js"}`)
	a = s.post(admin, path+"/test", url.Values{}).want(http.StatusUnprocessableEntity)
	if got := a.find("#test-enough .alert"); !strings.Contains(got, "Not tested") || !strings.Contains(got, "Write an expression") {
		t.Errorf("without an expression: %q", got)
	}

	if n := s.get(admin, pathOf(w).node("take")+"?tab=test").want(http.StatusOK).doc().Find("#test-take, .tabs a[href$=test]").Length(); n != 0 {
		t.Error("a node that changes records can be tested")
	}
	s.post(admin, pathOf(w).node("take")+"/test", url.Values{}).want(http.StatusUnprocessableEntity)
	s.post(admin, pathOf(w).node("moon")+"/test", url.Values{}).want(http.StatusNotFound)
	s.post(member, path+"/test", url.Values{}).want(http.StatusForbidden)
}

// TestTrialRemembersTheNewestRun fills in what the variables held.
func TestTrialRemembersTheNewestRun(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.shop()
	s.post(admin, string(pathOf(w))+"/enable", url.Values{"on": {"true"}}).want(http.StatusSeeOther)
	s.record("goods", collection.Record{"name": "pen", "stock": 3.0})
	s.record("sales", collection.Record{"good": s.first("goods"), "quantity": 2.0})
	s.work()
	tab := s.get(admin, pathOf(w).node("enough")+"?tab=test").want(http.StatusOK)
	form := formOf(tab, "#test-enough")
	if form.Get("value.$context.data.quantity") != "2" || form.Get("value.$jobsMapByNodeKey.find.stock") != "3" {
		t.Errorf("after a run the form holds %v", form)
	}
	if got := tab.find("#test-enough .help"); !strings.HasPrefix(got, "Values from run ") {
		t.Errorf("it says %q", got)
	}
}

func TestTrialText(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		value any
		want  string
	}{
		{nil, "null"}, {true, "true"}, {3.5, "3.5"}, {"pen", "pen"}, {"3", `"3"`}, {"null", `"null"`}, {"", `""`},
		{[]any{1.0, "a"}, "[\n  1,\n  \"a\"\n]"}, {map[string]any{}, "{}"},
	} {
		if got := trialText(tc.value); got != tc.want {
			t.Errorf("trialText(%#v) = %q, want %q", tc.value, got, tc.want)
		}
	}
}
