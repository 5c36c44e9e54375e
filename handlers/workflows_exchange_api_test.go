package handlers

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
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

// TestImportLoads: what variables need and a file does not load is loaded when it comes
// in; the preview and the result say so, and so do the pages. The same goes for nodes
// that are made, changed and copied one by one.
func TestImportLoads(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.shop()
	const file = `{"format": "alur.workflows", "version": 1, "workflows": [{"key": "w", "title": "W", "trigger": {"type": "collection", "config": {"collection": "sales", "mode": 1}},
		"nodes": [{"key": "q", "type": "query", "title": "Look up", "config": {"collection": "sales", "params": {"filter": {"id": {"$gt": 0}}}}},
			{"key": "o", "type": "output", "title": "", "upstream": "q", "config": {"value": "{{$context.data.good.name}} {{$jobsMapByNodeKey.q.good.name}}"}}]}]}`
	appends := func(id int64) string {
		t.Helper()
		var got string
		if err := s.DB.GetContext(t.Context(), &got, `SELECT concat_ws('; ', w.config -> 'appends',
			(SELECT string_agg(n.key || ' ' || (n.config #>> '{params,appends}'), '; ') FROM alur.flow_nodes n WHERE n.workflow_id = w.id)) FROM alur.workflows w WHERE id = $1`, id); err != nil {
			t.Fatal(err)
		}
		return got
	}
	for _, query := range []string{"?dryRun=true", ""} {
		out := s.postJSON(admin, "/api/workflows:import"+query, file).want(http.StatusOK).object()["workflows"].([]any)[0].(map[string]any)
		got, _ := json.Marshal(out["loads"])
		if want := `[{"place":"The trigger","relation":"good"},{"node":"q","place":"Look up","relation":"good"}]`; string(got) != want {
			t.Errorf("import%s says it loads %s, want %s", query, got, want)
		}
		if id := idOf(out["id"]); query == "" {
			if got := appends(id); got != `["good"]; q ["good"]` {
				t.Errorf("what came in loads %s", got)
			}
			back := s.postJSON(admin, fmt.Sprintf("/api/workflows:export/%d", id), "").want(http.StatusOK).Text
			again := s.postJSON(admin, "/api/workflows:import?dryRun=true", back).want(http.StatusOK).Text
			if !strings.Contains(again, `"loads":[]`) {
				t.Errorf("of what loads all already the preview says %s", again)
			}
		}
	}
	page := s.sendForm(admin, "/workflows/import", url.Values{"text": {file}}).want(http.StatusOK).doc()
	if got := page.Find("#workflow-0").Text(); !strings.Contains(got, "Loaded with the record") || !strings.Contains(got, "Look up:") {
		t.Errorf("the page of the preview says %q", got)
	}
	sent := s.sendForm(admin, "/workflows/import", url.Values{"text": {file}, "do": {"import"}, "take.0": {"true"}}).want(http.StatusSeeOther)
	var said []byte
	for _, c := range sent.Cookies() {
		if c.Name == flashCookie {
			said, _ = base64.RawURLEncoding.DecodeString(c.Value) // else it is compared as it is
		}
	}
	if !strings.Contains(string(said), "It now loads 2 relations more, which variables need.") {
		t.Errorf("afterwards it says %q", said)
	}

	made := s.postJSON(admin, "/api/workflows:create", `{"title": "By hand", "type": "collection", "config": {"collection": "sales", "mode": 1}}`).want(http.StatusOK).object()
	id := idOf(made["id"])
	node := s.postJSON(admin, fmt.Sprintf("/api/workflows/%d/nodes:create", id), `{"type": "output", "key": "o", "config": {"value": "{{$context.data.quantity}}"}}`).want(http.StatusOK).object()
	if got := appends(id); got != "" {
		t.Fatalf("at first it loads %s", got)
	}
	s.postJSON(admin, fmt.Sprintf("/api/flow_nodes:update?filterByTk=%d", idOf(node["id"])), `{"config": {"value": "{{$context.data.good.name}}"}}`).want(http.StatusOK)
	if got := appends(id); got != `["good"]` {
		t.Errorf("after flow_nodes:update it loads %s", got)
	}
	s.postJSON(admin, fmt.Sprintf("/api/workflows:update?filterByTk=%d", id), `{"config": {"collection": "sales", "mode": 1}}`).want(http.StatusOK)
	s.postJSON(admin, fmt.Sprintf("/api/flow_nodes:duplicate?filterByTk=%d", idOf(node["id"])), `{}`).want(http.StatusOK)
	if got := appends(id); got != `["good"]` {
		t.Errorf("after flow_nodes:duplicate it loads %s", got)
	}
}
