package handlers

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"alur/engine/secret"
)

// TestSecretsStaySecret plants twenty secrets, lets a workflow do with them what
// people do, and worse, and looks for them in the database, the log, the pages, the
// API and the exports (promises.md S10).
func TestSecretsStaySecret(t *testing.T) {
	t.Parallel()
	var log logBuffer
	s := newSite(t, func(s *Server) {
		s.Log = slog.New(s.Values.Handler(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
		s.Engine.Log = s.Log
	})
	var canaries []string
	all := make([]string, 0, 20)
	for i := range 20 {
		canary := fmt.Sprintf("canary-%s-%d", rand.Text(), i)
		if i%4 == 3 {
			canary = fmt.Sprintf("ca\"na<ry>&\n%s", rand.Text())
		}
		name := fmt.Sprintf("S%d", i)
		s.postJSON(admin, "/api/environmentVariables:create", toJSON(t, map[string]any{"name": name, "type": "secret", "value": canary})).want(http.StatusOK)
		canaries, all = append(canaries, canary), append(all, "{{$env."+name+"}}")
	}
	s.postJSON(admin, "/api/collections:create", `{"name":"boxes","title":"Boxes","fields":[{"name":"name","type":"string"}]}`).want(http.StatusOK)
	w := idIn(s.postJSON(admin, "/api/workflows:create", `{"title":"Leaks","type":"collection","config":{"collection":"boxes","mode":1}}`).want(http.StatusOK).object())
	upstream := ""
	add := func(kind string, config any) {
		t.Helper()
		body := map[string]any{"type": kind, "title": kind, "config": config}
		if upstream != "" {
			body["upstreamId"] = json.Number(upstream)
		}
		upstream = idIn(s.postJSON(admin, "/api/workflows/"+w+"/nodes:create", toJSON(t, body)).want(http.StatusOK).object())
	}
	add("calculation", map[string]any{"engine": "string", "expression": "Bearer " + strings.Join(all, ", ")})
	add("calculation", map[string]any{"engine": "formula.js", "expression": "CONCAT(" + strings.Join(all, ", ") + ")"})
	add("calculation", map[string]any{"engine": "math.js", "expression": "[" + strings.Join(all, ", ") + "]"})
	add("condition", map[string]any{"rejectOnFalse": false, "engine": "basic", "calculation": map[string]any{"calculator": "equal", "operands": []any{all[0], all[1]}}})
	add("script", map[string]any{"content": `console.log(every, JSON.stringify(every)); return {list: every, [every[0]]: 1, url: "https://x/?t=" + encodeURIComponent(every[1]), json: JSON.stringify(every)}`,
		"arguments": []any{map[string]any{"name": "every", "value": all}}})
	add("query", map[string]any{"collection": "boxes", "multiple": true, "params": map[string]any{"filter": map[string]any{"name": map[string]any{"$in": all}}}})
	add("script", map[string]any{"content": `throw new Error("refused: " + every.join(" "))`, "arguments": []any{map[string]any{"name": "every", "value": all}}, "continue": true})
	add("output", map[string]any{"value": map[string]any{"all": all}})
	add("manual", map[string]any{"assignees": []any{s.users[admin].ID}, "title": "Look at {{$env.S4}}", "schema": map[string]any{"summary": "With " + all[5], "facts": []any{map[string]any{"label": "Token", "value": all[6]}}},
		"forms": map[string]any{"f": map[string]any{"type": "custom", "title": "Decide", "actions": []any{map[string]any{"status": 1, "key": "ok", "title": "OK", "values": map[string]any{"token": all[7]}}}, "fields": []any{}}}})
	s.postJSON(admin, "/api/workflows:update?filterByTk="+w, `{"enabled":true}`).want(http.StatusOK)

	s.postJSON(admin, "/api/boxes:create", `{"name":"x"}`).want(http.StatusOK)
	s.work()
	var run string
	if err := s.DB.GetContext(t.Context(), &run, "SELECT id::text FROM alur.executions"); err != nil {
		t.Fatal(err)
	}
	var jobs []struct {
		ID     string `db:"id"`
		Result string `db:"result"`
	}
	if err := s.DB.SelectContext(t.Context(), &jobs, "SELECT id::text, coalesce(result::text, '') AS result FROM alur.jobs ORDER BY started_at, id"); err != nil {
		t.Fatal(err)
	}
	if len(jobs) != 9 || !strings.HasPrefix(jobs[0].Result, `"Bearer `+secret.Mask+", "+secret.Mask) {
		t.Fatalf("%d steps ran, the first with %.200s", len(jobs), jobs)
	}

	find := func(where, text string) {
		t.Helper()
		for i, canary := range canaries {
			for _, form := range []string{canary, strings.Trim(toJSON(t, canary), `"`), url.QueryEscape(canary), fmt.Sprintf("%q", canary)} {
				if at := strings.Index(text, form); at >= 0 {
					t.Errorf("%s shows secret %d: …%.160s…", where, i, text[max(0, at-40):])
				}
			}
		}
	}
	var tables []string
	if err := s.DB.SelectContext(t.Context(), &tables, `SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname IN ('alur', 'public')`); err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		var rows []string
		if err := s.DB.SelectContext(t.Context(), &rows, "SELECT to_jsonb(r)::text FROM "+table+" r"); err != nil {
			t.Fatal(err)
		}
		find(table, strings.Join(rows, "\n"))
	}
	find("the log", log.String())
	paths := []string{"/", "/executions", "/executions.csv", "/executions/" + run, "/attention", "/tasks", "/outbox", "/variables", "/variables/S1/edit", "/variables/S1/delete", "/audit", "/audit.csv", "/workflows/" + w, "/metrics",
		"/data/boxes", "/search?q=canary", "/api/environmentVariables:list?paginate=false", "/api/environmentVariables:get?filterByTk=S1",
		"/api/executions:get?filterByTk=" + run + "&appends[]=jobs", "/api/jobs:list?paginate=false", "/api/flow_nodes:list?paginate=false"}
	for _, j := range jobs {
		paths = append(paths, "/executions/"+run+"/steps/"+j.ID)
	}
	for _, path := range paths {
		a := s.get(admin, path)
		if a.StatusCode >= 400 && a.StatusCode != http.StatusNotFound {
			t.Errorf("%s answers %d", path, a.StatusCode)
		}
		find(path, a.Text)
	}
	for body, want := range map[string]int{`{"type":"default"}`: http.StatusBadRequest, `{"value":"x"}`: http.StatusBadRequest} {
		a := s.postJSON(admin, "/api/environmentVariables:update?filterByTk=S2", body).want(want)
		find("a refused change", a.Text)
	}
}

// TestVariablePages makes, changes, imports and deletes variables as somebody does
// without JavaScript.
func TestVariablePages(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.get(member, "/variables").want(http.StatusForbidden)
	if got := s.get(admin, "/variables").want(http.StatusOK).find("section.card"); !strings.Contains(got, "No variables yet") {
		t.Errorf("the empty list says %q", got)
	}
	a := s.post(admin, "/variables", url.Values{"name": {"my token"}, "type": {"secret"}, "value": {"open sesame"}}).want(http.StatusUnprocessableEntity)
	if got := a.find("textarea"); got != "open sesame" {
		t.Errorf("after a refusal the value is %q", got)
	}
	for _, path := range []string{"new", "import", "TOKEN"} { // names that are paths, too
		s.post(admin, "/variables", url.Values{"name": {path}, "type": {"secret"}, "value": {"open sesame"}}).want(http.StatusSeeOther)
		a := s.get(admin, "/variables/"+path+"/edit").want(http.StatusOK)
		if got := a.find("h1"); got != path || strings.Contains(a.Text, "sesame") {
			t.Errorf("%s: the page of %q: %s", path, got, a.words())
		}
	}
	s.post(admin, "/variables/TOKEN/edit", url.Values{"type": {"secret"}, "value": {""}}).want(http.StatusSeeOther)
	values, err := s.Values.Values(t.Context())
	if err != nil || values.Root()["TOKEN"] != "open sesame" {
		t.Errorf("a secret that was left empty is %v, %v", values.Root(), err)
	}
	s.post(admin, "/variables/TOKEN/edit", url.Values{"type": {"default"}, "value": {""}}).want(http.StatusUnprocessableEntity)
	s.post(admin, "/variables/TOKEN/edit", url.Values{"type": {"default"}, "value": {"in the open"}}).want(http.StatusSeeOther)
	if got := s.get(admin, "/variables").find("tbody"); !strings.Contains(got, "in the open") || strings.Contains(got, "sesame") {
		t.Errorf("the list says %q", got)
	}
	a = s.post(admin, "/variables/import", url.Values{"type": {"default"}, "text": {"A=1\nB"}}).want(http.StatusUnprocessableEntity)
	if got := a.find(".error"); !strings.Contains(got, "Line 2") {
		t.Errorf("a wrong import is told %q", got)
	}
	s.post(admin, "/variables/import", url.Values{"type": {"default"}, "text": {"A=1\nB=2"}}).want(http.StatusSeeOther)

	// Whoever deletes one reads which workflows use it.
	w := idIn(s.postJSON(admin, "/api/workflows:create", `{"title":"Uses B","type":"collection"}`).want(http.StatusOK).object())
	s.postJSON(admin, "/api/workflows/"+w+"/nodes:create", `{"type":"calculation","config":{"engine":"string","expression":"{{$env.B}}"}}`).want(http.StatusOK)
	for name, want := range map[string]string{"A": "No workflow uses it.", "B": "Uses B"} {
		if got := s.get(admin, "/variables/"+name+"/delete").want(http.StatusOK).words(); !strings.Contains(got, want) {
			t.Errorf("the question about %s says %q", name, got)
		}
	}
	s.post(admin, "/variables/A/delete", nil).want(http.StatusSeeOther)
	s.get(admin, "/variables/A/edit").want(http.StatusNotFound)
}

// logBuffer is a log that several goroutines write.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func toJSON(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
