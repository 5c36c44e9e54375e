package node_test

import (
	"context"
	"encoding/json"
	"fmt"

	"alur/engine/expr"
	"alur/engine/node"
)

// GreetConfig is the settings of the type in the guide of this package.
type GreetConfig struct {
	Name expr.Template `json:"name"`
}

func (c GreetConfig) Validate() node.Problems {
	if c.Name.IsZero() {
		return node.Problems{"name": "Enter whom to greet."}
	}
	return nil
}

type greet struct{}

func (greet) Kind() string        { return "example-greet" }
func (greet) Effect() node.Effect { return node.Pure }

func (greet) Run(_ context.Context, s *node.Step, c GreetConfig) (node.Outcome, error) {
	name, err := c.Name.Eval(s.Vars)
	if err != nil {
		return node.Outcome{}, err
	}
	return node.Done("Hello " + expr.Text(name)), nil
}

// A type needs no engine to be tried: decode settings and run them.
func Example() {
	kind := node.Register[GreetConfig](greet{})

	empty, _ := kind.Decode(json.RawMessage(`{}`))
	fmt.Println(empty.Validate())

	settings, _ := kind.Decode(json.RawMessage(`{"name": "{{$context.data.name}}"}`))
	step := &node.Step{Vars: expr.Vars{"$context": map[string]any{"data": map[string]any{"name": "Ann"}}}}
	out, err := kind.Run(context.Background(), step, settings)
	fmt.Println(out.Status, out.Result, err)
	// Output:
	// map[name:Enter whom to greet.]
	// 1 Hello Ann <nil>
}
