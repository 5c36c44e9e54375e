package handlers

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"alur/engine/auth"
	"alur/engine/collection"
)

// TestNumbersAtTheDoors: a number that float64 does not hold is refused in words where
// it would come in; a whole number of many digits keeps all of them.
func TestNumbersAtTheDoors(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.shop()
	if _, err := s.Records.CreateCollection(t.Context(), auth.System, collection.Definition{Name: "things", Title: "Things", Fields: []collection.Field{
		{Name: "extra", Type: "json", Title: "Extra"}, {Name: "number", Type: "bigInt", Title: "Number"}, {Name: "price", Type: "decimal", Title: "Price"}}}); err != nil {
		t.Fatal(err)
	}
	for path, body := range map[string]string{
		"/api/things:create": `{"extra": {"a": [1e400]}}`,
		fmt.Sprintf("/api/workflows:execute?filterByTk=%d", w.ID):         `{"data": {"quantity": 1e400}}`,
		"/api/executions:create":                                          `{"key": "x", "context": {"data": 1e400}}`,
		fmt.Sprintf("/api/flow_nodes:update/%d", s.node(w, "find").ID):    `{"config": {"collection": "goods", "params": {"filter": {"stock": {"$gt": 1e400}}}}}`,
		fmt.Sprintf("/api/workflows:update?filterByTk=%d", w.ID):          `{"options": {"timeout": 1e400}}`,
		fmt.Sprintf("/api/workflows/%d/nodes:create", w.ID):               `{"type": "output", "config": {"value": 1e400}}`,
		fmt.Sprintf("/api/flow_nodes:duplicate/%d", s.node(w, "find").ID): `{"config": {"collection": "goods", "x": 1e400}}`,
		"/api/flow_nodes:test":                                            `{"type": "calculation", "config": {"expression": "1", "x": 1e400}}`,
	} {
		if got := s.postJSON(admin, path, body).want(http.StatusBadRequest).Text; !strings.Contains(got, "The number 1e400 is too large. Send it as text, in quotes.") {
			t.Errorf("%s: %s", path, got)
		}
	}
	form := formOf(s.get(admin, "/data/things/new"), "main form")
	form.Set("extra", `{"a": 1e400}`)
	if got := s.post(admin, "/data/things", form).want(http.StatusUnprocessableEntity).words(); !strings.Contains(got, "The number 1e400 is too large. Write it in quotes.") {
		t.Errorf("the form says %s", got)
	}

	made := s.postJSON(admin, "/api/things:create", `{"extra": {"id": 9007199254740993, "n": 1.5}, "number": 9007199254740993, "price": 12345678901234567890}`).want(http.StatusOK).object()
	got, _ := json.Marshal([]any{made["extra"], made["number"], made["price"]})
	if want := `[{"id":"9007199254740993","n":1.5},"9007199254740993","12345678901234567890"]`; string(got) != want {
		t.Errorf("what was made is %s, want %s", got, want)
	}
	found := s.get(admin, "/api/things:list?filter="+url.QueryEscape(`{"number": {"$eq": 9007199254740993}}`)).want(http.StatusOK).list()
	if len(found) != 1 || len(s.get(admin, "/api/things:list?filter="+url.QueryEscape(`{"number": 9007199254740992}`)).list()) != 0 {
		t.Errorf("by its number %d records are found", len(found))
	}

	// What another program put into the database can be read all the same.
	if _, err := s.DB.ExecContext(t.Context(), `UPDATE public.things SET extra = '{"a": 1e400, "b": 7}'`); err != nil {
		t.Fatal(err)
	}
	extra := s.get(admin, "/api/things:list").want(http.StatusOK).list()[0]["extra"].(map[string]any)
	if len(extra["a"].(string)) != 401 || extra["b"] != 7.0 {
		t.Errorf("the field reads %v", extra)
	}
}
