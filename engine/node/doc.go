// Package node is the contract between the engine and a node type: what a node
// is given, what it may answer, and what it promises by its [Effect]. The package
// knows only fault. The processor knows this package and never a single node type.
//
// # A node of your own in ten minutes
//
// A company's program is a module of its own that calls Alur's main with further
// types compiled in, as database/sql programs do with drivers. It needs Go and a
// copy of Alur's source, here in ../alur:
//
//	mkdir -p acme/nodes acme/forms
//	cd acme
//	go mod init acme.example/alur
//	go mod edit -require=alur@v0.0.0 -replace=alur=../alur
//
// A type is two files. What it does stands in nodes/greet.go:
//
//	package nodes
//
//	import (
//		"context"
//
//		"alur/engine/expr"
//		"alur/engine/node"
//	)
//
//	var _ = node.Register[GreetConfig](greet{})
//
//	// GreetConfig is the settings; a Template may hold variables.
//	type GreetConfig struct {
//		Name expr.Template `json:"name"`
//	}
//
//	func (c GreetConfig) Validate() node.Problems {
//		if c.Name.IsZero() {
//			return node.Problems{"name": "Enter whom to greet."}
//		}
//		return nil
//	}
//
//	type greet struct{}
//
//	func (greet) Kind() string        { return "acme-greet" }
//	func (greet) Effect() node.Effect { return node.Pure }
//
//	func (greet) Run(_ context.Context, s *node.Step, c GreetConfig) (node.Outcome, error) {
//		name, err := c.Name.Eval(s.Vars)
//		if err != nil {
//			return node.Outcome{}, err
//		}
//		s.Input = map[string]any{"name": name}
//		return node.Done("Hello " + expr.Text(name)), nil
//	}
//
// How people see it stands in forms/greet.go:
//
//	package forms
//
//	import (
//		"encoding/json"
//
//		"alur/views/nodeforms"
//	)
//
//	var _ = nodeforms.Register(nodeforms.Kind{
//		Name: "acme-greet", Title: "Greet", Group: "Acme", Icon: "person",
//		Help: "Says hello. Later nodes use the greeting as “Result”.",
//		Keys: []string{"name"},
//		New:  nodeforms.Settings(nodeforms.Setting{Name: "name", Label: "Whom", Variables: true}),
//		Summary: func(config json.RawMessage, env *nodeforms.Env) string {
//			name, _ := nodeforms.Decode(config)["name"].(string)
//			return env.Names.Short(name)
//		},
//	})
//
// Both are compiled in by main.go:
//
//	package main
//
//	import (
//		_ "acme.example/alur/forms"
//		_ "acme.example/alur/nodes"
//		"alur/cmd"
//	)
//
//	func main() { cmd.Main() }
//
// Then
//
//	go mod tidy
//	go run . serve
//
// prints a link to set the server up. In the browser make a workflow and press + on
// its canvas: the dialog has a group Acme with the node Greet. A test holds the type
// to what people need of it, types_test.go:
//
//	package main
//
//	import (
//		"testing"
//
//		"alur/views/typetest"
//	)
//
//	func TestTypes(t *testing.T) { typetest.Check(t) }
//
// The program cmd/example-nodes has a node type of each kind, a trigger type, a
// function of expressions, tables of its own and an address that answers waiting
// nodes. For these see package cmd (Own), [alur/engine.TriggerKind] and
// [alur/engine/expr/function]; a form beyond one control for each setting implements
// nodeforms.Form.
//
// # What holds for every type
//
// Names: Kind is stored in workflows, so it is never renamed; put your own in front
// ("acme-greet"). The JSON names of the settings are the names of the controls.
//
// Settings are decoded once for each version of a workflow, so compile what can be
// compiled in UnmarshalJSON. Settings that a type does not know stay. Validate says
// what keeps the node from running, by key, in words that say what to do; it is
// asked when people save, through pages or API, and before a workflow is turned on.
// What only the collections can tell is for [Checker].
//
// The effect decides how often Run happens:
//
//   - [Pure]: memory only. It may run again, and nobody can tell.
//   - [Local]: through [Step.Tx], which commits together with the record of the step,
//     so what it does happens exactly once. The transaction may be rolled back and run
//     again; do nothing that cannot be taken back.
//   - [Remote]: everything else, outside of any transaction. It is recorded as begun
//     before and with what it came to after. When the server dies in between it runs
//     again.
//
// Step.Key is the same for every attempt of a step and differs between all others:
// send it along as Idempotency-Key. Attempt counts from 1.
//
// ctx ends when the execution is cancelled, runs out of time, or the server stops.
// Return ctx.Err() then, and leave no goroutine behind. After a stop the step runs
// again with the same key; after the others it does not. A Remote node is not tried
// again on an error: whoever knows which failures pass tries again in Run, with
// pauses, as cmd/example-nodes does.
//
// What can be expected to happen is an [Outcome] with a reason: [Stop] with Failed and
// {"message": "…"}. An error is for what broke; people see its text on the step.
//
// # What a type may add
//
// Each of these is an interface that the engine looks for:
//
//   - [Describer]: the variables of its result. Without it, one value “Result”.
//   - [Sampler]: a better example of the result than one made of the variables.
//     People see it before the first run, and tests of later nodes begin with it.
//   - [Tester]: the tab “Test”, and flow_nodes:test. It runs for real, with values
//     that were typed; the transaction of a local node can only read.
//   - [Brancher]: ways out, with an index that is stored and a label that people see
//     on the canvas and where a node is added. Run chooses with [Enter]; an empty
//     branch is passed. What stands in a branch sees the results before it and those in
//     its own branch; what follows the branches sees all of them, empty for what did
//     not run. [Pruner] lets people take a branch out.
//   - [Waiter] marks a type that may pause: answer [Wait] or [WaitUntil]. The pause is a
//     row; the execution goes on when the job is answered, by queue.Answer in a
//     transaction of yours, or through the API by jobs:resume. [Resumer] decides what
//     the answer comes to. Step.JobID and ExecutionID are what an answer needs: store
//     them through Step.Tx under a key that you hand out.
//   - [Checker], [Prover], [Quoter], [Reader]: see there.
//
// Copies of nodes and workflows, versions, import and export need nothing of a type:
// they copy its settings.
package node
