package nodes_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"alur/engine/expr"
	"alur/engine/node"
)

// decode reads settings, which must have the right types.
func decode(t *testing.T, kind, config string) (*node.Kind, node.Config) {
	t.Helper()
	k := node.Lookup(kind)
	if k == nil {
		t.Fatalf("nobody registered %q", kind)
	}
	c, problems := k.Decode(json.RawMessage(config))
	if len(problems) > 0 {
		t.Fatalf("%s %s: %v", kind, config, problems)
	}
	return k, c
}

var orderVars = expr.Vars{"$context": map[string]any{"data": map[string]any{"stock": 3.0, "name": "pen", "none": nil, "tags": []any{"new"}}}}

const inStock = `{"calculator": "gt", "operands": ["{{$context.data.stock}}", 0]}`

func TestCondition(t *testing.T) {
	t.Parallel()
	const soldOut = `{"calculator": "lt", "operands": ["{{$context.data.stock}}", 0]}`
	tests := []struct {
		name, config string
		want         node.Outcome
	}{
		{"nothing set", ``, node.Enter(1, true)},
		{"met", `{"rejectOnFalse": false, "engine": "basic", "calculation": ` + inStock + `}`, node.Enter(1, true)},
		{"not met", `{"rejectOnFalse": false, "calculation": ` + soldOut + `}`, node.Enter(0, false)},
		{"met, else stop", `{"rejectOnFalse": true, "calculation": ` + inStock + `}`, node.Enter(1, true)},
		{"not met, so stop", `{"rejectOnFalse": true, "calculation": ` + soldOut + `}`, node.Stop(node.Failed, false)},
		{"rejectOnFalse missing", `{"calculation": ` + soldOut + `}`, node.Enter(0, false)},
		{"null comparison is false", `{"calculation": {"calculator": "includes", "operands": ["{{$context.data.none}}", "x"]}}`, node.Enter(0, false)},
		{"unknown operator", `{"calculation": {"calculator": "nope", "operands": [1]}}`, node.Stop(node.Error, `no calculator function registered for "nope"`)},
		{"unknown engine is basic", `{"engine": "python", "calculation": ` + soldOut + `}`, node.Enter(0, false)},
		{"math.js", `{"engine": "math.js", "expression": "{{$context.data.stock}} >= 3"}`, node.Enter(1, true)},
		{"formula.js", `{"engine": "formula.js", "expression": "AND({{$context.data.stock}} > 3, true)"}`, node.Enter(0, false)},
		{"a number counts as true", `{"engine": "math.js", "expression": "{{$context.data.stock}} - 2"}`, node.Enter(1, 1.0)},
		{"zero counts as false", `{"engine": "math.js", "expression": "{{$context.data.stock}} - 3"}`, node.Enter(0, 0.0)},
		{"null counts as false", `{"engine": "math.js", "rejectOnFalse": true, "expression": "{{$context.data.gone}}"}`, node.Stop(node.Failed, nil)},
		{"an error has its type", `{"engine": "formula.js", "expression": "SQRT(-{{$context.data.stock}})"}`, node.Stop(node.Error, "Error: #NUM!")},
		{"a wrong expression", `{"engine": "math.js", "expression": "1 +"}`, node.Stop(node.Error, "SyntaxError: Unexpected end of expression (char 4)")},
		{"no expression", `{"engine": "math.js"}`, node.Stop(node.Error, "the condition has no expression")},
	}
	for _, tc := range tests {
		k, c := decode(t, "condition", tc.config)
		got, err := k.Run(t.Context(), &node.Step{Vars: orderVars}, c)
		if err != nil || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: %+v, %v, want %+v", tc.name, got, err, tc.want)
		}
	}
}

func TestConditionShowsItsInput(t *testing.T) {
	t.Parallel()
	for _, config := range []string{`{"calculation": ` + inStock + `}`, `{"engine": "math.js", "expression": "{{$context.data.stock}} > 0"}`} {
		k, c := decode(t, "condition", config)
		s := &node.Step{Vars: orderVars}
		if _, err := k.Run(t.Context(), s, c); err != nil {
			t.Fatal(err)
		}
		if want := map[string]any{"$context.data.stock": 3.0}; !reflect.DeepEqual(s.Input, want) {
			t.Errorf("%s: input is %v, want %v", config, s.Input, want)
		}
	}
}

func TestConditionBranches(t *testing.T) {
	t.Parallel()
	both := []node.Branch{{Index: 1, Label: "Yes"}, {Index: 0, Label: "No"}}
	for config, want := range map[string][]node.Branch{
		``: both, `{"rejectOnFalse": false}`: both, `{"rejectOnFalse": true}`: nil,
	} {
		k, c := decode(t, "condition", config)
		if got := k.Branches(c); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: branches %v, want %v", config, got, want)
		}
	}
}

func TestConditionTest(t *testing.T) {
	t.Parallel()
	for config, want := range map[string]node.Outcome{
		`{"rejectOnFalse": true, "calculation": {"calculator": "equal", "operands": [1, 2]}}`: node.Done(false),
		`{"rejectOnFalse": true, "engine": "math.js", "expression": "{{x}}"}`:                 node.Done(nil),
		`{"rejectOnFalse": true, "engine": "math.js", "expression": "1 +"}`:                   node.Stop(node.Error, "SyntaxError: Unexpected end of expression (char 4)"),
	} {
		k, c := decode(t, "condition", config)
		if got, err := k.Test(t.Context(), &node.Step{Vars: expr.Vars{}}, c); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v, want %+v", config, got, err, want)
		}
	}
}

// TestSettings checks which keys of settings have a problem, and that its words
// say what to do.
func TestSettings(t *testing.T) {
	t.Parallel()
	tests := []struct{ kind, config, key, words string }{ // key "" wants no problem
		{"condition", ``, "", ""},
		{"condition", `{"rejectOnFalse": true}`, "", ""},
		{"condition", `{"engine": "basic"}`, "rejectOnFalse", "Choose what happens"},
		{"condition", `{"rejectOnFalse": true, "engine": "string", "expression": "x"}`, "engine", "Choose basic"},
		{"condition", `{"rejectOnFalse": true, "engine": "math.js"}`, "expression", "Write an expression"},
		{"condition", `{"rejectOnFalse": true, "engine": "math.js", "expression": "1 +"}`, "expression", "Unexpected end of expression"},
		{"condition", `{"rejectOnFalse": true, "engine": "formula.js", "expression": "1 > 0"}`, "", ""},
		{"condition", `{"rejectOnFalse": true, "calculation": {"calculator": "nope", "operands": [1, 2]}}`, "calculation", `"nope"`},
		{"condition", `{"rejectOnFalse": true, "calculation": {"group": {"type": "xor", "calculations": []}}}`, "calculation", `"xor"`},
		{"multi-conditions", ``, "", ""},
		{"multi-conditions", `{"conditions": [{"uid": "a"}, {"title": null}]}`, "", ""},
		{"multi-conditions", `{"conditions": [{"engine": "python"}, {"engine": "formula.js", "expression": "1 > 0"}]}`, "", ""},
		{"multi-conditions", `{"conditions": [{"title": "A"}, {"title": ""}]}`, "conditions.1.title", "Give the condition a name"},
		{"multi-conditions", `{"conditions": [{}, {"engine": "math.js"}]}`, "conditions.1.expression", "Write an expression"},
		{"multi-conditions", `{"conditions": [{"engine": "math.js", "expression": "1 +"}]}`, "conditions.0.expression", "Unexpected end of expression"},
		{"multi-conditions", `{"conditions": [{"calculation": {"calculator": "nope", "operands": [1, 2]}}]}`, "conditions.0.calculation", `"nope"`},
		{"output", ``, "", ""},
		{"output", `{"value": [1, {"a": "{{b}}"}]}`, "", ""},
		{"calculation", `{"expression": ""}`, "", ""},
		{"calculation", `{"engine": "string", "expression": "Dear {{$context.data.name}}"}`, "", ""},
		{"calculation", `{"engine": "python", "expression": "1"}`, "engine", "Choose math.js"},
		{"calculation", `{"engine": "formula.js", "expression": "SUM(1"}`, "expression", "SyntaxError"},
		{"end", `{}`, "", ""},
		{"end", `{"endStatus": -1}`, "", ""},
		{"end", `{"endStatus": 0}`, "endStatus", "Choose how the workflow ends"},
		{"end", `{"endStatus": -2}`, "endStatus", "Choose how the workflow ends"},
	}
	for _, tc := range tests {
		_, c := decode(t, tc.kind, tc.config)
		problems := c.Validate()
		if tc.key == "" && problems != nil || tc.key != "" && (len(problems) != 1 || !strings.Contains(problems[tc.key], tc.words)) {
			t.Errorf("%s %s: %v, want %q at %q", tc.kind, tc.config, problems, tc.words, tc.key)
		}
	}
}

func TestOutputs(t *testing.T) {
	t.Parallel()
	tests := []struct {
		kind, config string
		want         []node.Variable
	}{
		{"condition", `{}`, []node.Variable{{Title: "Condition met", Type: "boolean"}}},
		{"condition", `{"engine": "math.js", "expression": "1"}`, []node.Variable{{Title: "Condition met"}}},
		{"multi-conditions", `{"conditions": [{}]}`, []node.Variable{{Title: "Last condition met", Type: "boolean"}}},
		{"multi-conditions", `{"conditions": [{}, {"engine": "math.js", "expression": "1"}]}`, []node.Variable{{Title: "Last condition met"}}},
		{"output", `{}`, []node.Variable{{Title: "Output"}}},
		{"calculation", `{}`, []node.Variable{{Title: "Result"}}},
		{"calculation", `{"engine": "string"}`, []node.Variable{{Title: "Result", Type: "string"}}},
		{"end", `{}`, nil},
	}
	for _, tc := range tests {
		k, c := decode(t, tc.kind, tc.config)
		if got := k.Outputs(c, nil); !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s %s: %v, want %v", tc.kind, tc.config, got, tc.want)
		}
	}
}
