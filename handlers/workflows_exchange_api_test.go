package handlers

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"alur/engine"
)

// TestExchangeAPI: what workflows:export answers is what workflows:import takes, and
// so is a workflow with its nodes as it is read.
func TestExchangeAPI(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.shop()
	w := s.sortingOn("sales")
	out := s.postJSON(admin, fmt.Sprintf("/api/workflows:export?filterByTk=%d", w.ID), "").want(http.StatusOK)
	s.postJSON(member, fmt.Sprintf("/api/workflows:export?filterByTk=%d", w.ID), "").want(http.StatusForbidden)
	s.postJSON(admin, "/api/workflows:export", "").want(http.StatusBadRequest)
	s.postJSON(member, "/api/workflows:import", out.Text).want(http.StatusForbidden)

	count := func() (n int) {
		t.Helper()
		if err := s.DB.GetContext(t.Context(), &n, `SELECT count(*) FROM alur.workflows`); err != nil {
			t.Fatal(err)
		}
		return n
	}
	was := count()
	dry := s.postJSON(admin, "/api/workflows:import?dryRun=true", out.Text).want(http.StatusOK).object()
	first := dry["workflows"].([]any)[0].(map[string]any)
	if first["nodes"] != 4.0 || idOf(first["existing"]) != w.ID || first["id"] != nil || count() != was {
		t.Errorf("a dry run answers %v and leaves %d workflows", first, count())
	}
	made := s.postJSON(admin, "/api/workflows:import", out.Text).want(http.StatusOK).object()["workflows"].([]any)[0].(map[string]any)
	if idOf(made["id"]) == 0 || made["key"] == w.Key || count() != was+1 {
		t.Errorf("the import made %v", made)
	}
	version := s.postJSON(admin, "/api/workflows:import?as=version", out.Text).want(http.StatusOK).object()["workflows"].([]any)[0].(map[string]any)
	if version["key"] != w.Key {
		t.Errorf("the new version is %v", version)
	}
	read := s.get(admin, fmt.Sprintf("/api/workflows:get?filterByTk=%d&appends[]=nodes", w.ID)).want(http.StatusOK).Text
	s.postJSON(admin, "/api/workflows:import", read).want(http.StatusOK)
	again := func(id int64) string {
		return s.postJSON(admin, fmt.Sprintf("/api/workflows:export/%d", id), "").want(http.StatusOK).Text
	}
	if got, want := again(idOf(made["id"])), strings.ReplaceAll(out.Text, w.Key, made["key"].(string)); got != want {
		t.Errorf("exported again it is\n%s\nwant\n%s", got, want)
	}

	was = count()
	for _, tc := range []struct{ query, body, want string }{
		{"", "{", "Line 1"},
		{"", "", "The file is empty"},
		{"", strings.Repeat(" ", engine.MaxPortableBytes+1), "larger than 2 MB"},
		{"", strings.Repeat(" ", engine.MaxPortableBytes*2), "larger than 2 MB"},
		{"as=both", out.Text, "Say workflow or version"},
		{"people=[1]", out.Text, "Send an object of ids"},
		{`people={"a":"b"}`, out.Text, "Send an object of ids"},
		{`people={"a":4711}`, out.Text, "There is no such person"},
		{"", strings.Replace(out.Text, `"continueOnNoMatch":true`, `"continueOnNoMatch":"maybe"`, 1), `workflows.0.nodes.size.config.continueOnNoMatch`},
	} {
		got := s.postJSON(admin, "/api/workflows:import?"+tc.query, tc.body).want(http.StatusBadRequest).Text
		if !strings.Contains(got, tc.want) {
			t.Errorf("%s %.60s: %s, want %s", tc.query, tc.body, got, tc.want)
		}
	}
	if count() != was {
		t.Errorf("%d workflows, were %d", count(), was)
	}
}
