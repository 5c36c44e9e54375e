package nodes_test

import (
	"context"
	"errors"
	"reflect"
	"testing"

	_ "alur/engine/expr/exprtest" // the libraries
	"alur/engine/node"
)

func TestCalculation(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, config string
		want         node.Outcome
	}{
		{"nothing set", ``, node.Done(nil)},
		{"empty", `{"engine": "formula.js", "expression": ""}`, node.Done(nil)},
		{"empty text", `{"engine": "string", "expression": ""}`, node.Done(nil)},
		{"math.js by default", `{"expression": "0.1 + 0.2"}`, node.Done(0.3)},
		{"math.js", `{"engine": "math.js", "expression": "{{$context.data.stock}} ^ 2"}`, node.Done(9.0)},
		{"formula.js", `{"engine": "formula.js", "expression": "CONCATENATE({{$context.data.name}}, ': ', {{$context.data.stock}})"}`, node.Done("pen: 3")},
		{"string", `{"engine": "string", "expression": "{{$context.data.stock}} × {{$context.data.name}}{{$context.data.none}}"}`, node.Done("3 × pen")},
		{"a list", `{"engine": "formula.js", "expression": "{{$context.data.tags}}"}`, node.Done([]any{"new"})},
		{"no number", `{"engine": "math.js", "expression": "1 / 0"}`, node.Done(nil)},
		{"a run-time error", `{"engine": "math.js", "expression": "nope + 1"}`, node.Stop(node.Error, "Error: Undefined symbol nope")},
		{"a wrong expression", `{"engine": "math.js", "expression": "1 +"}`, node.Stop(node.Error, "SyntaxError: Unexpected end of expression (char 4)")},
		{"an unknown engine", `{"engine": "python", "expression": "1"}`, node.Done(nil)},
	}
	for _, tc := range tests {
		k, c := decode(t, "calculation", tc.config)
		got, err := k.Run(t.Context(), &node.Step{Vars: orderVars}, c)
		if err != nil || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: %+v, %v, want %+v", tc.name, got, err, tc.want)
		}
	}
}

func TestCalculationTest(t *testing.T) {
	t.Parallel()
	k, c := decode(t, "calculation", `{"engine": "formula.js", "expression": "{{$context.data.stock}} + 1"}`)
	if got, err := k.Test(t.Context(), c); err != nil || !reflect.DeepEqual(got, node.Done(1.0)) {
		t.Errorf("without variables: %+v, %v, want 1", got, err)
	}
}

// When the execution is stopped, the step has not failed.
func TestCalculationStopsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	k, c := decode(t, "calculation", `{"engine": "formula.js", "expression": "(() => { for (;;); })() + 2"}`)
	if got, err := k.Run(ctx, &node.Step{Vars: orderVars}, c); !errors.Is(err, context.Canceled) {
		t.Errorf("%+v, %v, want context.Canceled", got, err)
	}
}

func TestEnd(t *testing.T) {
	t.Parallel()
	for config, want := range map[string]node.Outcome{
		`{}`:                  node.End(node.Resolved),
		`{"endStatus": 1}`:    node.End(node.Resolved),
		`{"endStatus": -1}`:   node.End(node.Failed),
		`{"endStatus": null}`: node.End(node.Resolved),
	} {
		k, c := decode(t, "end", config)
		if got, err := k.Run(t.Context(), &node.Step{}, c); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v, want %+v", config, got, err, want)
		}
	}
}
