package handlers

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/collection"
)

// programmed makes a workflow on sales whose one node is a program that sees the
// quantity of the sale.
func (s *site) programmed(program string, sync bool) (engine.Workflow, engine.Node) {
	s.t.Helper()
	w, err := s.Engine.CreateWorkflow(s.t.Context(), auth.System, engine.NewWorkflow{Title: "Programmed", Type: "collection", Sync: sync,
		Config: json.RawMessage(`{"collection": "sales", "mode": 1}`)})
	if err != nil {
		s.t.Fatal(err)
	}
	config, err := json.Marshal(map[string]any{
		"content": program, "arguments": []any{map[string]any{"name": "quantity", "value": "{{$context.data.quantity}}"}},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	n, err := s.Engine.AddNode(s.t.Context(), auth.System, w.ID, engine.NewNode{Key: "program", Title: "Count", Type: "script", Config: config})
	if err != nil {
		s.t.Fatal(err)
	}
	return w, n
}

// TestScriptRuns runs a program in the background and inside of the change that
// starts it.
func TestScriptRuns(t *testing.T) {
	t.Parallel()
	for _, sync := range []bool{false, true} {
		t.Run(fmt.Sprintf("sync %v", sync), func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.shop()
			w, _ := s.programmed(`console.log("seen", quantity); if (quantity > 9) throw new RangeError("too many"); return { twice: quantity * 2 }`, sync)
			s.post(admin, string(pathOf(w))+"/enable", url.Values{"on": {"true"}}).want(http.StatusSeeOther)
			s.record("sales", collection.Record{"quantity": 4.0})
			s.record("sales", collection.Record{"quantity": 10.0})
			s.work()
			var got []string
			err := s.DB.SelectContext(t.Context(), &got,
				`SELECT concat_ws(' ', status, result, meta, input, trim(log, E'\n')) FROM alur.jobs ORDER BY execution_id`)
			want := []string{
				`1 {"twice": 8} {"quantity": 4} [info] seen 4`,
				`-2 "RangeError: too many" {"line": 1} {"quantity": 10} [info] seen 10`,
			}
			if err != nil || strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("jobs, %v:\n%s\nwant\n%s", err, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

// TestScriptTrial tells the line of an error, in the drawer and by API the log.
func TestScriptTrial(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.shop()
	w, _ := s.programmed("console.log('a')\nthrow new TypeError('bad ' + quantity)", false)
	path := pathOf(w).node("program") + "/test"
	a := s.post(admin, path, url.Values{"value.$context.data.quantity": {"4"}}).want(http.StatusOK)
	if got := a.find("#trial .badge") + " " + a.find("#trial .alert") + " " + a.find("#trial .log"); got != "Error TypeError: bad 4 (line 2) [info] a" {
		t.Errorf("the drawer says %q", got)
	}
	const body = `{"type": "script", "config": {"content": "console.log(1); return a * 2", "arguments": [{"name": "a", "value": 21}]}}`
	got := strings.TrimSpace(s.postJSON(admin, "/api/flow_nodes:test", body).want(http.StatusOK).Text)
	if want := `{"data":{"status":1,"result":42,"log":"[info] 1\n"}}`; got != want {
		t.Errorf("the API answers %s, want %s", got, want)
	}
}

// TestScriptThatCannotBeRead is saved, marked, and not turned on.
func TestScriptThatCannotBeRead(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.shop()
	w, n := s.programmed("return 1", false)
	path := pathOf(w).node("program")
	form := formOf(s.get(admin, path), "#form-program")
	form.Set("content", "const a = 1\r\nconst b = )\r\n")
	const problem = "Correct the program. It cannot be read: SyntaxError: Unexpected token ) (line 2)."
	saved := s.postPart(admin, path, form).want(http.StatusOK)
	if got := saved.find("#f-content-error"); got != problem {
		t.Errorf("beside the field: %q", got)
	}
	if got := saved.find("#n-program .node-state"); got != problem {
		t.Errorf("on the card: %q", got)
	}
	var config struct{ Content string }
	if err := json.Unmarshal(s.node(w, n.Key).Config, &config); err != nil || config.Content != "const a = 1\nconst b = )\n" {
		t.Errorf("stored %q, %v", config.Content, err)
	}
	refused := s.postJSON(admin, fmt.Sprintf("/api/workflows:update/%d", w.ID), `{"enabled": true}`).want(http.StatusBadRequest)
	if !strings.Contains(refused.Text, `"field":"nodes.program.config.content"`) {
		t.Errorf("turned on: %s", refused.Text)
	}

	// What is wrong with a parameter stands in its row, blank rows aside.
	form = formOf(saved, "#form-program")
	form.Set("do", "add arguments")
	form = formOf(s.postPart(admin, path, form).want(http.StatusOK), "#form-program")
	form.Set("arguments.2.name", "class")
	wrong := s.postPart(admin, path, form).want(http.StatusUnprocessableEntity)
	if got := wrong.find("#f-arguments-2-name-error"); !strings.Contains(got, "“class” means something else") {
		t.Errorf("beside the parameter: %q", got)
	}
	form.Set("arguments.2.name", "x")
	form.Set("seconds", "soon")
	if got := s.postPart(admin, path, form).want(http.StatusUnprocessableEntity).find("#f-seconds-error"); got != "Write a number of seconds, at most 60." {
		t.Errorf("beside the time: %q", got)
	}
	form.Set("seconds", "90")
	if got := s.postPart(admin, path, form).want(http.StatusUnprocessableEntity).find("#f-seconds-error"); !strings.HasPrefix(got, "Write a time of at most 60 seconds") {
		t.Errorf("beside the time: %q", got)
	}
}
