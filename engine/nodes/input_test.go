package nodes_test

import (
	"encoding/json"
	"testing"

	"alur/engine/expr"
	"alur/engine/node"
)

// TestInputIsWhatWasUsed: the log shows the values that a step worked with, also of
// variables that differ with each use, and asks nobody for them again.
func TestInputIsWhatWasUsed(t *testing.T) {
	t.Parallel()
	const id = "$system.genSnowflakeId"
	for _, tc := range []struct {
		kind, config string
		want         float64 // the input: the last id that was used
		result       string
	}{
		{"calculation", `{"engine": "math.js", "expression": "{{` + id + `}} + {{` + id + `}}"}`, 1, `2`},
		{"calculation", `{"engine": "string", "expression": "no {{ctx.` + id + `}}"}`, 1, `"no 1"`},
		{"calculation", `{"engine": "formula.js", "expression": "{{` + id + `}}.oops.oops"}`, 1, ``},
		{"condition", `{"rejectOnFalse": false, "calculation": {"group": {"type": "and", "calculations": [{"calculator": "equal", "operands": ["{{` + id + `}}", 1]}]}}}`, 1, `true`},
		{"condition", `{"rejectOnFalse": false, "engine": "math.js", "expression": "{{` + id + `}} == 1"}`, 1, `true`},
		{"multi-conditions", `{"conditions": [{"calculation": {"calculator": "equal", "operands": ["{{` + id + `}}", 9]}}, {"calculation": {"calculator": "equal", "operands": ["{{` + id + `}}", 2]}}]}`, 2, `true`},
		{"output", `{"value": ["{{` + id + `}}", "{{` + id + `}}"]}`, 2, `[1,2]`},
	} {
		asked := 0.0
		s := &node.Step{Vars: expr.Vars{"$system": map[string]any{"genSnowflakeId": func() any { asked++; return asked }}}}
		k := node.Lookup(tc.kind)
		config, problems := k.Decode([]byte(tc.config))
		if len(problems) > 0 {
			t.Fatal(tc.config, problems)
		}
		out, err := k.Run(t.Context(), s, config)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := json.Marshal(out.Result); tc.result != "" && string(got) != tc.result {
			t.Errorf("%s: the result is %s, want %s", tc.config, got, tc.result)
		}
		input, _ := s.Input.(map[string]any)
		if len(input) != 1 || input[id] != tc.want && input["ctx."+id] != tc.want {
			t.Errorf("%s: the log shows %v, want %v", tc.config, s.Input, tc.want)
		}
		if asked != tc.want {
			t.Errorf("%s: asked %v times, want %v", tc.config, asked, tc.want)
		}
	}
}
