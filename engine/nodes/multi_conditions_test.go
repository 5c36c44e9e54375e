package nodes_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"alur/engine/fault"
	"alur/engine/node"
	"alur/engine/value"
)

// TestMultiConditions has the cases of spec/nodes-core.md §3 that one node shows;
// how executions go on is in engine/core_test.go.
func TestMultiConditions(t *testing.T) {
	t.Parallel()
	const (
		yes    = `{"calculation": {"calculator": "gt", "operands": ["{{$context.data.stock}}", 0]}}`
		no     = `{"calculation": {"calculator": "gt", "operands": ["{{$context.data.stock}}", 9]}}`
		broken = `{"calculation": {"calculator": "nope", "operands": [1]}}`
	)
	expression := func(engine, text string) string {
		return `{"engine": "` + engine + `", "expression": "` + text + `"}`
	}
	tests := []struct {
		name   string
		config string
		status node.Status
		branch int // -1: none is entered
		result any
		meta   string
	}{
		{"exactly true", `{"conditions": [` + no + `, ` + yes + `]}`, 1, 2, true, `[false,true]`},
		{"later conditions are not evaluated", `{"conditions": [` + yes + `, ` + broken + `]}`, 1, 1, true, `[true]`},
		{"throws", `{"conditions": [` + no + `, ` + broken + `, ` + yes + `]}`, -2, -1, `no calculator function registered for "nope"`, `[false,"no calculator function registered for \"nope\""]`},
		{"nothing matched, FAILED", `{"conditions": [` + no + `, ` + no + `]}`, -1, 0, false, `[false,false]`},
		{"nothing matched, continueOnNoMatch", `{"conditions": [` + no + `], "continueOnNoMatch": true}`, 1, 0, false, `[false]`},
		{"continueOnNoMatch as text", `{"conditions": [` + no + `], "continueOnNoMatch": "true"}`, 1, 0, false, `[false]`},
		{"default is an empty list", `{}`, -1, 0, nil, `[]`},
		{"no config", ``, -1, 0, nil, `[]`},
		{"calculation none is true", `{"conditions": [{"uid": "a"}]}`, 1, 1, true, `[true]`},
		{"calculation null is true", `{"conditions": [{"calculation": null}]}`, 1, 1, true, `[true]`},
		{"engine any name, unknown is basic", `{"conditions": [{"engine": "python", "calculation": {"calculator": "gt", "operands": [1, 2]}}]}`, -1, 0, false, `[false]`},
		{"engine math.js", `{"conditions": [` + expression("math.js", "{{$context.data.stock}} > 2") + `]}`, 1, 1, true, `[true]`},
		{"engine formula.js", `{"conditions": [` + expression("formula.js", "AND({{$context.data.stock}} > 2, false)") + `]}`, -1, 0, false, `[false]`},
		{"an expression that throws", `{"conditions": [` + expression("math.js", "nope > 2") + `]}`, -2, -1, "Error: Undefined symbol nope", `["Error: Undefined symbol nope"]`},
		{"no expression", `{"conditions": [{"engine": "math.js"}]}`, -2, -1, "the condition has no expression", `["the condition has no expression"]`},
		// Ours: what counts as true matches, and the value stays the result.
		{"a string value is no error", `{"conditions": [` + expression("formula.js", "'large'") + `]}`, 1, 1, "large", `[true]`},
		{"an empty string value", `{"conditions": [` + expression("formula.js", "''") + `], "continueOnNoMatch": true}`, 1, 0, "", `[false]`},
		{"the number 1", `{"conditions": [` + expression("math.js", "{{$context.data.stock}} - 2") + `]}`, 1, 1, 1.0, `[1]`},
		{"the number 0", `{"conditions": [` + expression("math.js", "{{$context.data.stock}} - 3") + `, ` + yes + `]}`, 1, 2, true, `[0,true]`},
		{"null", `{"conditions": [` + expression("math.js", "{{$context.data.gone}}") + `, ` + yes + `]}`, 1, 2, true, `[null,true]`},
		{"a list", `{"conditions": [` + expression("formula.js", "{{$context.data.tags}}") + `]}`, 1, 1, []any{"new"}, `[true]`},
	}
	for _, tc := range tests {
		k, c := decode(t, "multi-conditions", tc.config)
		got, err := k.Run(t.Context(), &node.Step{Vars: orderVars}, c)
		want := node.Outcome{Status: tc.status, Result: tc.result, Enter: tc.branch >= 0}
		if want.Enter {
			want.Branch = tc.branch
		}
		meta := string(value.Encode(got.Meta))
		got.Meta = nil
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v, want %+v", tc.name, got, err, want)
		}
		if want := `{"conditions":` + tc.meta + `}`; meta != want {
			t.Errorf("%s: meta %s, want %s", tc.name, meta, want)
		}
	}
}

func TestMultiConditionsBranches(t *testing.T) {
	t.Parallel()
	for config, want := range map[string]string{
		``:                     "0 Otherwise",
		`{"conditions": [{}]}`: "1 Condition 1, 0 Otherwise",
		`{"conditions": [{"title": "Large"}, {"title": null}, {}]}`: "1 Large, 2 Condition 2, 3 Condition 3, 0 Otherwise",
	} {
		k, c := decode(t, "multi-conditions", config)
		var got []string
		for _, b := range k.Branches(c) {
			got = append(got, string(rune('0'+b.Index))+" "+b.Label)
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%s: branches %v, want %s", config, got, want)
		}
	}
}

func TestMultiConditionsTest(t *testing.T) {
	t.Parallel()
	for config, want := range map[string]node.Outcome{
		`{"conditions": [{"title": "Large", "calculation": {"calculator": "equal", "operands": [1, 1]}}]}`: {Status: 1, Result: true, Log: "The branch “Large” would run."},
		`{"conditions": [{"calculation": {"calculator": "equal", "operands": [1, 2]}}]}`:                   {Status: 1, Result: false, Log: "The branch “Otherwise” would run."},
		`{"conditions": [{"engine": "math.js", "expression": "1 +"}]}`:                                     {Status: -2, Result: "SyntaxError: Unexpected end of expression (char 4)"},
	} {
		k, c := decode(t, "multi-conditions", config)
		got, err := k.Test(t.Context(), &node.Step{Vars: orderVars}, c)
		got.Meta = nil
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v, want %+v", config, got, err, want)
		}
	}
}

func TestMultiConditionsPrune(t *testing.T) {
	t.Parallel()
	k := node.Lookup("multi-conditions")
	const two = `{"conditions": [{"uid": "a"}, {"uid": "b", "own": 9007199254740993}], "own": [1]}`
	for _, tc := range []struct {
		name, config string
		branch       int
		want         string
		kind         fault.Kind
	}{
		{"removes the entry", two, 1, `{"conditions":[{"uid":"b","own":9007199254740993}],"own":[1]}`, 0},
		{"and leaves the others", two, 2, `{"conditions":[{"uid":"a"}],"own":[1]}`, 0},
		{"branch 0 cannot be removed", two, 0, "", fault.Invalid},
		{"a condition that is not there", two, 3, "", fault.NotFound},
		{"the last one cannot be removed", `{"conditions": [{}]}`, 1, "", fault.Invalid},
		{"nothing to remove", `{}`, 1, "", fault.Invalid},
	} {
		got, err := k.Prune(json.RawMessage(tc.config), tc.branch)
		if tc.kind != 0 {
			if !fault.Is(err, tc.kind) {
				t.Errorf("%s: %v, want kind %v", tc.name, err, tc.kind)
			}
			continue
		}
		if err != nil || string(got) != tc.want {
			t.Errorf("%s: %s, %v, want %s", tc.name, got, err, tc.want)
		}
	}
	if _, err := node.Lookup("condition").Prune(json.RawMessage(`{}`), 1); !fault.Is(err, fault.Invalid) {
		t.Errorf("a condition's branches: %v, want Invalid", err)
	}
}
