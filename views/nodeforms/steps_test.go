package nodeforms_test

import (
	"encoding/json"
	"net/url"
	"reflect"
	"testing"

	"alur/views/nodeforms"
)

// TestSteps: the form of an update changes numbers by so much, keeps what it cannot
// show, and offers it for numbers only.
func TestSteps(t *testing.T) {
	t.Parallel()
	world := env(t)
	const filter = `"filter": {"$and": [{"id": {"$eq": 1}}]}, "individualHooks": true`
	with := func(values string) string {
		return `{"collection": "orders", "params": {"values": ` + values + `, ` + filter + `}}`
	}
	for _, values := range []string{
		`{"quantity": {"$inc": 2}}`, `{"quantity": {"$inc": -2.5}}`, `{"quantity": {"$inc": "{{$context.data.total}}"}}`,
		`{"quantity": {"$dec": "{{$context.data.total}}"}}`, `{"quantity": {"$inc": 1, "own": 2}}`, `{"more": {"$inc": 1}, "quantity": 3}`,
	} {
		saved, problems := through(t, world, "update", with(values), nil)
		if raw, _ := json.Marshal(params(saved, "values")); len(problems) > 0 || !reflect.DeepEqual(nodeforms.Decode(raw), nodeforms.Decode(json.RawMessage(values))) {
			t.Errorf("%s is saved as %s, problems %v", values, raw, problems)
		}
	}
	for values, want := range map[string]string{
		`{"quantity": {"$inc": 2}, "note": "x"}`: "Orders · sets Note, Quantity (+2)",
		`{"quantity": {"$inc": -2}}`:             "Orders · sets Quantity (−2)",
		`{"quantity": {"$dec": 2}}`:              "Orders · sets Quantity (−2)",
	} {
		if got := nodeforms.SummaryOf("update", json.RawMessage(with(values)), world); got != want {
			t.Errorf("%s is said as %q, want %q", values, got, want)
		}
	}
	for _, tc := range []struct{ step, typed, want, problem string }{
		{"", "4", `{"quantity":4}`, ""}, {"increase", "4", `{"quantity":{"$inc":4}}`, ""}, {"decrease", "4", `{"quantity":{"$inc":-4}}`, ""},
		{"decrease", "{{$context.data.n}}", `{"quantity":{"$dec":"{{$context.data.n}}"}}`, ""},
		{"increase", "", "", "Write a number, or choose a variable."},
	} {
		saved, problems := through(t, world, "update", with(`{"quantity": 1}`), func(v url.Values) {
			v.Set("values.0.step", tc.step)
			v.Set("values.0.value", tc.typed)
		})
		if raw, _ := json.Marshal(params(saved, "values")); problems["values.0"] != tc.problem || tc.problem == "" && string(raw) != tc.want {
			t.Errorf("%s %q is saved as %s, problems %v", tc.step, tc.typed, raw, problems)
		}
	}
	for _, tc := range []struct {
		kind, values string
		selects      int
	}{{"update", `{"quantity": 1, "note": "x", "productId": 3}`, 1}, {"create", `{"quantity": 1}`, 0}, {"update", `{"quantity": {"$inc": 3}}`, 1}} {
		f := nodeforms.Lookup(tc.kind).New()
		f.Load(nodeforms.Decode(json.RawMessage(with(tc.values))))
		if n := render(t, f, world).Find("select[name$='.step']").Length(); n != tc.selects {
			t.Errorf("%s of %s offers %d choices of how a number changes, want %d", tc.kind, tc.values, n, tc.selects)
		}
	}
}
