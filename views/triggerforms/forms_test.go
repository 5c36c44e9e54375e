package triggerforms_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/pgtest"
	"alur/engine/snowflake"
	_ "alur/engine/triggers"
	"alur/views/nodeforms"
	"alur/views/triggerforms"
)

func TestWords(t *testing.T) {
	t.Parallel()
	store := collection.NewStore(pgtest.New(t), snowflake.New(1, time.Now), time.Now)
	orders, err := store.CreateCollection(t.Context(), auth.System, collection.Definition{Name: "orders", Title: "Orders",
		Fields: []collection.Field{{Name: "status", Title: "Status", Type: collection.String}}})
	if err != nil {
		t.Fatal(err)
	}
	env := &nodeforms.Env{Collections: []*collection.Collection{orders}}
	for config, want := range map[string][3]string{
		`{}`:                                  {"When a record changes", "When a record changes · not set up yet", "Not set up yet"},
		`{"collection": "orders", "mode": 1}`: {"Order is created", "When an order is created", "Orders · after saving"},
		`{"collection": "orders", "mode": 3, "changed": ["status"]}`:                     {"Order is created or changed", "When an order is created or changed", "Orders · when Status changed"},
		`{"collection": "orders", "mode": 2, "condition": {"status": "paid"}}`:           {"Order is changed", "When an order is changed", "Orders · if Status is paid"},
		`{"collection": "moons", "mode": 4, "condition": {"$not": {"a": {"$eq": "x"}}}}`: {"moon is deleted", "When a moon is deleted", "moons · if filter in JSON"},
	} {
		raw := json.RawMessage(config)
		got := [3]string{triggerforms.WordsOf("collection", raw, env), triggerforms.When("collection", raw, env), triggerforms.SummaryOf("collection", raw, env)}
		if got != want {
			t.Errorf("%s: %q, want %q", config, got, want)
		}
	}
}

// TestRoundTrip opens stored settings, reads them back from a form with the
// same values, and expects the same settings.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	env := &nodeforms.Env{Sync: true}
	form := triggerforms.Lookup("collection").New()
	form.Read(url.Values{
		"collection": {"orders"}, "mode": {"3"}, "changed": {"status"}, "appends": {"product"}, "rollbackOnFailure": {"true"}, "nested": {"true"},
		"condition.0.left": {"status"}, "condition.0.is": {"$eq"}, "condition.0.right": {"paid"},
	}, env)
	config := nodeforms.Object{"own": "kept"}
	form.Save(config)
	got, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"appends":["product"],"bulk":false,"changed":["status"],"collection":"orders","condition":{"$and":[{"status":{"$eq":"paid"}}]},"mode":3,"nested":true,"own":"kept","rollbackOnFailure":true}`
	if string(got) != want {
		t.Errorf("saved\n%s\nwant\n%s", got, want)
	}
	again := triggerforms.Lookup("collection").New()
	again.Load(nodeforms.Decode(got))
	again.Read(url.Values{"collection": {"orders"}, "mode": {"4"}, "changed": {"status"}, "appends": {"product"}}, env)
	again.Save(config)
	if changed := config["changed"].([]string); len(changed) != 0 {
		t.Errorf("a trigger for deletion keeps changed fields: %v", changed)
	}
}

// TestWhatCounts: a trigger that is new counts every change, one that says nothing
// counts as workflows made elsewhere expect, and the form keeps what is chosen.
func TestWhatCounts(t *testing.T) {
	t.Parallel()
	for config, want := range map[string]string{
		`{}`:                       `{"nested":true,"bulk":true}`,
		`{"collection": "orders"}`: `{"nested":true,"bulk":false}`,
		`{"collection": "orders", "nested": null, "bulk": null}`: `{"nested":true,"bulk":false}`,
		`{"collection": "orders", "nested": false}`:              `{"nested":false,"bulk":false}`,
		`{"collection": "orders", "bulk": true}`:                 `{"nested":true,"bulk":true}`,
		`{"bulk": false}`:                                        `{"nested":true,"bulk":false}`,
	} {
		for _, shown := range []bool{true, false} { // the boxes, or only what they will say
			env := &nodeforms.Env{Names: nodeforms.Names{Record: func(string) string { return "" }}}
			if shown {
				env.Collections = []*collection.Collection{{Name: "orders", Title: "Orders"}}
			}
			form := triggerforms.Lookup("collection").New()
			form.Load(nodeforms.Decode(json.RawMessage(config)))
			var page strings.Builder
			if err := form.View(env).Render(t.Context(), &page); err != nil {
				t.Fatal(err)
			}
			on := func(name string) bool {
				_, rest, there := strings.Cut(page.String(), `name="`+name+`"`)
				tag, _, _ := strings.Cut(rest, ">")
				tag = page.String()[strings.LastIndex(page.String()[:len(page.String())-len(rest)], "<"):len(page.String())-len(rest)] + tag
				return there && (strings.Contains(tag, "checked") || strings.Contains(tag, `type="hidden"`))
			}
			if got := fmt.Sprintf(`{"nested":%v,"bulk":%v}`, on("nested"), on("bulk")); got != want {
				t.Errorf("%s, boxes shown %v: the form says %s, want %s", config, shown, got, want)
			}
		}
	}
}
