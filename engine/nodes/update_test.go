package nodes_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
)

// TestUpdateByAsSpecified: a number is worked out from the row itself, in both modes
// (§8).
func TestUpdateByAsSpecified(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	var d collection.Definition
	if err := json.Unmarshal([]byte(`{"name": "stock", "title": "Stock", "fields": [{"name": "name", "type": "string", "title": "Name"},
		{"name": "n", "type": "integer", "title": "Number", "uiSchema": {"x-component-props": {}}}, {"name": "big", "type": "bigInt", "title": "Big"},
		{"name": "few", "type": "integer", "title": "Few", "validation": {"min": 0, "max": 100}}, {"name": "even", "type": "integer", "title": "Even", "validation": {"multiple": 2}},
		{"name": "price", "type": "decimal", "title": "Price", "precision": 6, "scale": 2}, {"name": "x", "type": "double", "title": "X"},
		{"name": "more", "type": "json", "title": "More"}]}`), &d); err != nil {
		t.Fatal(err)
	}
	if _, err := s.records.CreateCollection(t.Context(), auth.System, d); err != nil {
		t.Fatal(err)
	}
	row := func(name string) string {
		return s.must("query", `{"collection": "stock", "params": {"filter": {"name": "`+name+`"}}}`)
	}
	for _, mode := range []struct {
		name, hooks string
		events      int
	}{{"one by one", "true", 1}, {"bulk", "false", 0}} {
		s.must("create", `{"collection": "stock", "params": {"values": {"name": "`+mode.name+`", "n": 5, "few": 10, "even": 4, "price": 1.5, "x": 0.25, "big": 1}}}`)
		s.must("create", `{"collection": "stock", "params": {"values": {"name": "empty `+mode.name+`"}}}`)
		for _, tc := range []struct{ what, values, has string }{
			{"more", `{"n": {"$inc": 3}}`, `"n":8`},
			{"less", `{"n": {"$inc": -2}}`, `"n":6`},
			{"less by its own key", `{"n": {"$dec": 4}}`, `"n":2`},
			{"less by a variable", `{"n": {"$dec": "{{$context.two}}"}}`, `"n":0`},
			{"more again", `{"n": {"$dec": "-6"}}`, `"n":6`},
			{"by a variable", `{"n": {"$inc": "{{$context.two}}"}, "name": "` + mode.name + `"}`, `"n":8`},
			{"by a number as text", `{"n": {"$inc": "{{$context.text}}"}}`, `"n":10`},
			{"by nothing", `{"n": {"$inc": 0}}`, `"n":10`},
			{"decimals are exact", `{"price": {"$inc": 0.1}}`, `"price":1.6`},
			{"decimals are rounded as ever", `{"price": {"$inc": 0.004}}`, `"price":1.6`},
			{"doubles", `{"x": {"$inc": 1.5}}`, `"x":1.75`},
			{"several fields", `{"n": {"$inc": 1}, "few": {"$inc": 90}, "even": {"$inc": -2}}`, `"n":11|"few":100|"even":2`},
			{"a field of JSON holds what it holds", `{"more": {"$inc": 1}}`, `"more":{"$inc":1}|"n":11`},
		} {
			s.heard = nil
			if got := s.must("update", `{"collection": "stock", "params": {"filter": {"name": "`+mode.name+`"}, "values": `+tc.values+`, "individualHooks": `+mode.hooks+`}}`); got != "1" {
				t.Errorf("%s, %s: result %s", mode.name, tc.what, got)
			}
			got := row(mode.name)
			for part := range strings.SplitSeq(tc.has, "|") {
				if !strings.Contains(got, part) {
					t.Errorf("%s, %s: %s, want %s in it", mode.name, tc.what, got, part)
				}
			}
			if len(s.heard) != mode.events {
				t.Errorf("%s, %s: %d events", mode.name, tc.what, len(s.heard))
			}
			if mode.events > 0 && tc.what == "more" && (s.heard[0].Before["n"] != 5.0 || s.heard[0].After["n"] != 8.0) {
				t.Errorf("the event goes from %v to %v", s.heard[0].Before["n"], s.heard[0].After["n"])
			}
		}
		if s.must("update", `{"collection": "stock", "params": {"filter": {"name": "empty `+mode.name+`"}, "values": {"n": {"$inc": -1}, "price": {"$inc": 2}}, "individualHooks": `+mode.hooks+`}}`); !strings.Contains(row("empty "+mode.name), `"n":-1`) {
			t.Errorf("%s: null does not count as 0: %s", mode.name, row("empty "+mode.name))
		}
		before := row(mode.name)
		for _, tc := range []struct{ what, values, words string }{
			{"below the least", `{"few": {"$inc": -101}}`, "few: It would become -1."},
			{"above the most", `{"few": {"$inc": 1}}`, "few: It would become 101."},
			{"against a rule", `{"even": {"$inc": 1}}`, "even: It would become 3."},
			{"more digits than fit", `{"price": {"$inc": 9999}}`, "price: "},
			{"larger than an integer", `{"n": {"$inc": 2147483647}}`, "n: The new value of “Number” is larger than fits there."},
			{"larger than a big integer", `{"big": {"$inc": "9223372036854775807"}}`, "big: The new value of “Big” is larger than fits there."},
			{"a part of a whole number", `{"n": {"$inc": 0.5}}`, "n: Write a whole number to change this by."},
			{"by a text", `{"n": {"$inc": "{{$context.name}}"}}`, "n: Write a number to change this by."},
			{"less by a text", `{"n": {"$dec": "{{$context.name}}"}}`, "n: Write a number to change this by."},
			{"more and less", `{"n": {"$inc": 1, "$dec": 1}}`, "n: "},
			{"by null", `{"n": {"$inc": "{{$context.none}}"}}`, "n: Write a number to change this by."},
			{"by what is missing", `{"n": {"$inc": "{{$context.missing}}"}}`, "n: "},
			{"with another key", `{"n": {"$inc": 1, "$max": 3}}`, "n: "},
			{"no number", `{"name": {"$inc": 1}}`, "name: "},
			{"the key", `{"id": {"$inc": 1}}`, ""},
		} {
			s.heard = nil
			out, _, err := s.run("update", `{"collection": "stock", "params": {"filter": {"name": "`+mode.name+`"}, "values": `+tc.values+`, "individualHooks": `+mode.hooks+`}}`)
			f, ok := errors.AsType[*fault.Error](err)
			if tc.words != "" && (!ok || !strings.Contains(named(f), tc.words)) {
				t.Errorf("%s, %s: %v, %v, want a sentence with %q", mode.name, tc.what, out.Result, err, tc.words)
			}
			if after := row(mode.name); after != before && tc.words != "" || len(s.heard) > 0 && tc.words != "" {
				t.Errorf("%s, %s: changed %s", mode.name, tc.what, after)
			}
		}
	}
}

// named is what is wrong, field by field.
func named(f *fault.Error) string {
	var all strings.Builder
	for name, msg := range f.Fields {
		fmt.Fprintf(&all, "%s: %s\n", name, msg)
	}
	return all.String() + f.Msg
}
