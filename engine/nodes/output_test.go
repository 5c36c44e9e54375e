package nodes_test

import (
	"reflect"
	"testing"

	"alur/engine/node"
)

func TestOutput(t *testing.T) {
	t.Parallel()
	for config, want := range map[string]any{
		``:                                      nil,
		`{"value": null}`:                       nil,
		`{"value": "{{$context.data.gone}}"}`:   nil,
		`{"value": "{{$context.data.gone:x}}"}`: "x",
		`{"value": "{{$context.data.stock}}"}`:  3.0,
		`{"value": "{{$context.data.name}}s"}`:  "pens",
		`{"value": {"{{$context.data.name}}": ["{{$context.data.tags}}", "{{$context.data.gone}}"], "no": "{{$context.data.gone}}"}}`: map[string]any{
			"pen": []any{[]any{"new"}, nil}},
	} {
		k, c := decode(t, "output", config)
		s := &node.Step{Vars: orderVars}
		got, err := k.Run(t.Context(), s, c)
		if wanted := (node.Outcome{Status: node.Resolved, Result: want, Output: true}); err != nil || !reflect.DeepEqual(got, wanted) {
			t.Errorf("%s: %+v, %v, want %+v", config, got, err, wanted)
		}
		tried, err := k.Test(t.Context(), s, c)
		if err != nil || !reflect.DeepEqual(tried, node.Done(want)) {
			t.Errorf("%s tested: %+v, %v, want %+v", config, tried, err, node.Done(want))
		}
	}
	k, c := decode(t, "output", `{"value": "{{$context.data.name}} {{$context.data.gone}}"}`)
	s := &node.Step{Vars: orderVars}
	if _, err := k.Run(t.Context(), s, c); err != nil {
		t.Fatal(err)
	}
	if want := map[string]any{"$context.data.name": "pen", "$context.data.gone": nil}; !reflect.DeepEqual(s.Input, want) {
		t.Errorf("input is %v, want %v", s.Input, want)
	}
}
