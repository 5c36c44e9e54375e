package nodes_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/node"
)

// TestCreateSeveralAsSpecified: one node creates any number of records (§7).
func TestCreateSeveralAsSpecified(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.withOrders()
	for _, tc := range []struct{ name, params, has, not string }{
		{"a list of objects", `{"values": [{"note": "a"}, {"note": "b", "amount": 2}]}`, `[{|"note":"a"|"note":"b"|"amount":2`, ""},
		{"of one object stays a list", `{"values": [{"note": "a"}]}`, `[{`, ""},
		{"each is a template", `{"values": [{"note": "{{$context.name}}"}, {"amount": "{{$context.two}}"}]}`, `"note":"pad"|"amount":2`, ""},
		{"with their relations", `{"values": [{"lines": [{"name": "x"}]}, {"tags": [1, 2], "product": {"id": 7}}], "appends": ["lines", "tags", "product"]}`, `"name":"x"|"name":"new"|"name":"old"|"name":"lamp"`, ""},
		{"whitelist holds for each", `{"values": [{"note": "a", "amount": 5}, {"note": "b", "amount": 5}], "whitelist": ["note"]}`, `"note":"a"|"note":"b"`, `"amount":5`},
		{"hidden fields are stripped", `{"values": [{"pin": "1234"}, {}]}`, `[{`, `1234|"pin"`},
		{"an empty list", `{"values": []}`, `[]`, "{"},
	} {
		got := s.must("create", `{"collection": "orders", "params": `+tc.params+`}`)
		for part := range strings.SplitSeq(tc.has, "|") {
			if !strings.Contains(got, part) {
				t.Errorf("%s: %s, want %s in it", tc.name, got, part)
			}
		}
		for part := range strings.SplitSeq(tc.not, "|") {
			if part != "" && strings.Contains(got, part) {
				t.Errorf("%s: %s, want no %s in it", tc.name, got, part)
			}
		}
	}

	// A variable that is a list, with the events of all and the results in order.
	s.heard = nil
	out, step, err := s.runWith("create", `{"collection": "lines", "params": {"values": "{{$context.items}}", "blacklist": ["id"], "appends": []}}`,
		map[string]any{"items": []any{map[string]any{"id": 7.0, "name": "c", "colour": "red"}, map[string]any{"id": 7.0, "name": "a"}, map[string]any{"name": "b"}}})
	if err != nil || names(anyList(out.Result)) != "c a b" || len(s.heard) != 3 || s.heard[1].Kind != collection.Created || len(s.stack) != 2 {
		t.Errorf("%v, %v with %d events and the chain %v", out.Result, err, len(s.heard), s.stack)
	}
	if shown, _ := json.Marshal(step.Input); !strings.HasPrefix(string(shown), `{"values":[{`) || strings.Contains(string(shown), `"id"`) {
		t.Errorf("the log has %s", shown)
	}
	s.heard = nil
	for name, tc := range map[string]struct {
		items any
		count int
	}{"a single record is a list of it": {map[string]any{"name": "z"}, 1}, "none": {[]any{}, 0}, "as many as may be": {manyItems(10_000), 10_000}} {
		out, _, err := s.runWith("create", `{"collection": "lines", "params": {"values": "{{$context.items}}"}}`, map[string]any{"items": tc.items})
		if list := anyList(out.Result); err != nil || list == nil || len(list) != tc.count {
			t.Errorf("%s: %d records, %v", name, len(list), err)
		}
	}
	before := s.must("query", `{"collection": "lines", "multiple": true, "params": {"pageSize": 20000}}`)
	s.heard = nil
	for name, tc := range map[string]struct {
		params, words string
		items         any
	}{
		"a wrong one undoes all":      {`{"values": [{"name": "x"}, {"name": {"a": 1}}]}`, "1.name", nil},
		"of a variable too":           {`{"values": "{{$context.items}}"}`, "2.name", []any{map[string]any{}, map[string]any{}, map[string]any{"name": []any{}}}},
		"no object":                   {`{"values": "{{$context.items}}"}`, "item 2 of the list", []any{map[string]any{"name": "x"}, 3.0}},
		"a list in the list":          {`{"values": [{"name": "x"}, "{{$context.list}}"]}`, "item 2 of the list", nil},
		"a text":                      {`{"values": "{{$context.name}}"}`, "“$context.name”, which holds no list", nil},
		"null":                        {`{"values": "{{$context.none}}"}`, "“$context.none”, which holds no list", nil},
		"missing":                     {`{"values": "{{$context.missing}}"}`, "“$context.missing”, which holds no list", nil},
		"more than may be":            {`{"values": "{{$context.items}}"}`, "these are 10001 records, and one step creates at most 10000", manyItems(10_001)},
		"the second breaks a rule":    {`{"values": [{"id": 801}, {"id": 801}]}`, "Another record has this value", nil},
		"one of them is not readable": {`{"values": [{"id": 0}]}`, "id", nil},
	} {
		_, _, err := s.runWith("create", `{"collection": "lines", "params": `+tc.params+`}`, map[string]any{"items": tc.items})
		if _, ok := errors.AsType[*fault.Error](err); !ok || !strings.Contains(err.Error()+fields(err), tc.words) {
			t.Errorf("%s: %v %s, want a sentence with %q", name, err, fields(err), tc.words)
		}
	}
	if after := s.must("query", `{"collection": "lines", "multiple": true, "params": {"pageSize": 20000}}`); after != before || len(s.heard) > 0 {
		t.Errorf("a step that failed created something, or told of it: %d events", len(s.heard))
	}
}

// TestCreateOutputs: the result is known to be a list when it is one.
func TestCreateOutputs(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	k := node.Lookup("create")
	for values, many := range map[string]bool{`{"name": "x"}`: false, `null`: false, `[{"name": "x"}]`: true, `"{{$context.list}}"`: true, `[]`: true} {
		c, problems := k.Decode(json.RawMessage(`{"collection": "products", "params": {"values": ` + values + `}}`))
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		out := k.Outputs(c, s.records)
		if got := len(out) == 1 && out[0].Many && len(out[0].Children) > 2; got != many || len(out) == 0 {
			t.Errorf("%s: the result is a list: %v, want %v", values, got, many)
		}
	}
}

func manyItems(n int) []any {
	list := make([]any, n)
	for i := range list {
		list[i] = map[string]any{"name": fmt.Sprint(i)}
	}
	return list
}

// runWith is run with more in the context of the trigger.
func (s *shop) runWith(kind, config string, more map[string]any) (node.Outcome, *node.Step, error) {
	s.t.Helper()
	s.more = more
	defer func() { s.more = nil }()
	return s.run(kind, config)
}
