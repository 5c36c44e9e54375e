package nodes_test

import (
	"encoding/json"
	"strings"
	"testing"

	"alur/engine/node"
)

// TestWrongTypes reads settings with values of wrong types: every one has a
// problem at its own key, and what Validate has against the rest comes along
// (spec/nodes-core.md §1.1).
func TestWrongTypes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, kind, config string
		want               map[string]string // part of the problem by key
	}{
		{"all errors, keyed by path", "query", `{"collection": 7, "multiple": "often", "params": {"appends": "user", "sort": {}}}`, map[string]string{
			"collection": "Give a text here, not a number.", "multiple": "Give true or false here, not a text.",
			"params.appends": "Give a list here, not a text.", "params.sort": "Give a list here, not an object."}},
		{"wrong types and what else is wrong", "condition", `{"engine": 7, "expression": "x"}`, map[string]string{
			"engine": "Give a text here, not a number.", "rejectOnFalse": "Choose what happens"}},
		{"null is not allowed", "condition", `{"rejectOnFalse": null}`, map[string]string{"rejectOnFalse": "Choose what happens"}},
		{"not an object", "end", `[1]`, map[string]string{"": "Give an object here, not a list."}},
		{"a fraction", "end", `{"endStatus": 1.5}`, map[string]string{"endStatus": "Give a whole number here, not the number 1.5."}},
		{"in a list", "multi-conditions", `{"conditions": [{}, {"title": 1, "expression": []}, "x"], "continueOnNoMatch": 2}`, map[string]string{
			"conditions.1.title": "Give a text here, not a number.", "conditions.1.expression": "Give a text here, not a list.",
			"conditions.2": "Give an object here, not a text.", "continueOnNoMatch": "Give true or false here, not the number 2."}},
		{"not a list", "multi-conditions", `{"conditions": {"0": {}}}`, map[string]string{"conditions": "Give a list here, not an object."}},
		{"sort keys", "query", `{"collection": "x", "params": {"sort": [{"field": "a"}, {"field": 1}]}}`, map[string]string{"params.sort.field": "Give a text here, not a number."}},
		{"of an argument", "script", `{"arguments": [{"name": "class"}, {"name": 2}, 3], "timeout": "5 s", "continue": "yes"}`, map[string]string{
			"arguments.0.name": "Choose another name", "arguments.1.name": "Give a text here, not a number.", "arguments.2": "Give an object here, not a number.",
			"timeout": "Give a whole number here, not a text.", "continue": "Give true or false here, not a text."}},
		{"the key in other letters", "update", `{"Collection": 7}`, map[string]string{"collection": "Give a text here"}},
	}
	for _, tc := range tests {
		c, problems := node.Lookup(tc.kind).Decode(json.RawMessage(tc.config))
		if c != nil {
			problems = c.Validate()
		}
		if len(problems) != len(tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, problems, tc.want)
			continue
		}
		for key, want := range tc.want {
			if !strings.Contains(problems[key], want) {
				t.Errorf("%s: at %q %q, want %q", tc.name, key, problems[key], want)
			}
		}
	}
}

// Type conversion is tolerant (spec/nodes-core.md §1.1).
func TestTolerantTypes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ kind, config, same string }{
		{"end", `{"endStatus": "-1"}`, `{"endStatus": -1}`},
		{"end", `{"endStatus": -1.0}`, `{"endStatus": -1}`},
		{"delay", `{"duration": "5", "unit": "60000", "endStatus": "-1"}`, `{"duration": 5, "unit": 60000, "endStatus": -1}`},
		{"delay", `{"duration": 5, "unit": null, "endStatus": null}`, `{"duration": 5, "unit": 1000, "endStatus": 1}`},
		{"condition", `{"rejectOnFalse": "true", "engine": "math.js", "expression": "1 > 2"}`, `{"rejectOnFalse": true, "engine": "math.js", "expression": "1 > 2"}`},
		{"condition", `{"rejectOnFalse": "false", "engine": "math.js", "expression": "1 > 2"}`, `{"rejectOnFalse": false, "engine": "math.js", "expression": "1 > 2"}`},
	} {
		k, c := decode(t, tc.kind, tc.config)
		_, same := decode(t, tc.kind, tc.same)
		if p := c.Validate(); p != nil {
			t.Errorf("%s %s: %v", tc.kind, tc.config, p)
		}
		got, _ := k.Run(t.Context(), &node.Step{Vars: orderVars}, c)
		want, _ := k.Run(t.Context(), &node.Step{Vars: orderVars}, same)
		if got.Status != want.Status || got.Branch != want.Branch || got.Then != want.Then || got.Result != want.Result {
			t.Errorf("%s %s: %+v, want %+v", tc.kind, tc.config, got, want)
		}
	}
	for _, config := range []string{`{"endStatus": ""}`, `{"endStatus": "one"}`, `{"endStatus": true}`, `{"endStatus": 1e300}`} {
		if _, problems := node.Lookup("end").Decode(json.RawMessage(config)); problems["endStatus"] == "" {
			t.Errorf("%s has no problem", config)
		}
	}
}
