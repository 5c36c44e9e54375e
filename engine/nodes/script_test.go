package nodes_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"alur/engine/node"
	"alur/engine/nodes"
	"alur/engine/script/scripttest"
)

// scripts are services with processes for scripts.
func scripts() *node.Services {
	s := &node.Services{}
	node.Provide(s, scripttest.Shared())
	return s
}

func TestScript(t *testing.T) {
	t.Parallel()
	services := scripts()
	log := func(out node.Outcome, log string) node.Outcome { out.Log = log; return out }
	at := func(out node.Outcome, line int) node.Outcome { out.Meta = nodes.ScriptMeta{Line: line}; return out }
	tests := []struct {
		name, config string
		want         node.Outcome
	}{
		{"nothing set", ``, node.Done(nil)},
		{"no return", `{"content": "1 + 1"}`, node.Done(nil)},
		{"undefined", `{"content": "return undefined"}`, node.Done(nil)},
		{"arguments keep their types", `{"content": "return [stock + 1, name, list, text, none, gone, deep]", "arguments": [
			{"name": "stock", "value": "{{$context.data.stock}}"}, {"name": "name", "value": "{{$context.data.name}}"},
			{"name": "list", "value": "{{$context.data.tags}}"}, {"name": "text", "value": "{{$context.data.stock}} of {{$context.data.name}}"},
			{"name": "none", "value": null}, {"name": "gone", "value": "{{$context.data.gone}}"},
			{"name": "deep", "value": {"a": ["{{$context.data.stock}}", "{{$context.data.gone}}"]}}]}`,
			node.Done([]any{4.0, "pen", []any{"new"}, "3 of pen", nil, nil, map[string]any{"a": []any{3.0, nil}}})},
		{"the program is no template", `{"content": "return '{{$context.data.name}}'"}`, node.Done("{{$context.data.name}}")},
		{"console", `{"content": "console.log('seen', 1); console.warn('w'); return await Promise.resolve(2)"}`,
			log(node.Done(2.0), "[info] seen 1\n[warn] w\n")},
		{"thrown", `{"content": "console.log('before')\n\nthrow new TypeError('bad')"}`,
			at(log(node.Stop(node.Error, "TypeError: bad"), "[info] before\n"), 3)},
		{"rejected", `{"content": "await Promise.reject(new RangeError('far'))"}`, at(node.Stop(node.Error, "RangeError: far"), 1)},
		{"go on", `{"content": "throw new TypeError('bad')", "continue": true}`, at(node.Done("TypeError: bad"), 1)},
		{"not readable, found behind its end", `{"content": "return 1\nreturn (\n"}`, at(node.Stop(node.Error, "SyntaxError: Unexpected token ;"), 2)},
		{"too late", `{"content": "for (;;) {}", "timeout": 100}`,
			node.Stop(node.Error, "The script ran longer than 0.1 seconds and was stopped.")},
		{"settings as text", `{"content": "for (;;) {}", "timeout": "100", "continue": "true"}`,
			node.Done("The script ran longer than 0.1 seconds and was stopped.")},
		{"too late, go on", `{"content": "for (;;) {}", "timeout": 100, "continue": true}`,
			node.Done("The script ran longer than 0.1 seconds and was stopped.")},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			k, c := decode(t, "script", tc.config)
			for what, run := range map[string]func(context.Context, *node.Step, node.Config) (node.Outcome, error){"run": k.Run, "test": k.Test} {
				got, err := run(t.Context(), &node.Step{Key: "1", WorkflowID: 2, NodeID: 3, Vars: orderVars, Services: services}, c)
				if strings.HasPrefix(tc.name, "too late") || tc.name == "settings as text" {
					got.Meta = nil // where it was is known only when the process could still tell
				}
				if err != nil || !reflect.DeepEqual(got, tc.want) {
					t.Errorf("%s: %+v, %v, want %+v", what, got, err, tc.want)
				}
			}
		})
	}
}

// The log shows what the program was given.
func TestScriptInput(t *testing.T) {
	t.Parallel()
	k, c := decode(t, "script", `{"content": "return stock", "arguments": [{"name": "stock", "value": "{{$context.data.stock}}"}]}`)
	s := &node.Step{Key: "1", Vars: orderVars, Services: scripts()}
	if _, err := k.Run(t.Context(), s, c); err != nil {
		t.Fatal(err)
	}
	if want := map[string]any{"stock": 3.0}; !reflect.DeepEqual(s.Input, want) {
		t.Errorf("input %v, want %v", s.Input, want)
	}
}

// When the execution is stopped, the step has not failed.
func TestScriptStopsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	k, c := decode(t, "script", `{"content": "for (;;) {}", "continue": true}`)
	if got, err := k.Run(ctx, &node.Step{Key: "1", Vars: orderVars, Services: scripts()}, c); !errors.Is(err, context.Canceled) {
		t.Errorf("%+v, %v, want context.Canceled", got, err)
	}
}

func TestScriptValidate(t *testing.T) {
	t.Parallel()
	named := func(names ...string) string {
		var c nodes.ScriptConfig
		for _, name := range names {
			c.Arguments = append(c.Arguments, nodes.ScriptArgument{Name: name})
		}
		raw, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	sized := func(n int) string {
		raw, _ := json.Marshal(map[string]any{"content": strings.Repeat("x", n)})
		return string(raw)
	}
	for _, tc := range []struct{ name, config, field, want string }{
		{"good names", named("stock", "$a", "_b2", "größe", "async", "of"), "", ""},
		{"no name", named("a", ""), "arguments.1.name", "Give this parameter a name."},
		{"a space", named("in stock"), "arguments.0.name", "Use letters, digits and _"},
		{"a digit first", named("2nd"), "arguments.0.name", "Use letters, digits and _"},
		{"a keyword", named("class"), "arguments.0.name", "“class” means something else in JavaScript."},
		{"the console", named("console"), "arguments.0.name", "“console” means something else in JavaScript."},
		{"twice", named("a", "b", "a"), "arguments.2.name", "there is a parameter “a” already."},
		{"as long as can be", sized(64 << 10), "", ""},
		{"too long", sized(64<<10 + 1), "content", "it has 65 kB, and the most is 64 kB."},
		{"the longest time", `{"timeout": 60000}`, "", ""},
		{"a longer time", `{"timeout": 60001}`, "timeout", "Write a time of at most 60 seconds, or nothing for 5 seconds."},
		{"a time before now", `{"timeout": -1}`, "timeout", "Write a time of at most 60 seconds"},
	} {
		_, c := decode(t, "script", tc.config)
		p := c.Validate()
		if tc.field == "" && p != nil || tc.field != "" && (len(p) != 1 || !strings.Contains(p[tc.field], tc.want)) {
			t.Errorf("%s: problems %v, want %q at %q", tc.name, p, tc.want, tc.field)
		}
	}
	k, c := decode(t, "script", `{"content": " \n"}`)
	if p := k.Check(c, nil); p["content"] != "Write a program." {
		t.Errorf("an empty program: %v", p)
	}
}

// A program that cannot be read is told with its line, and is not run for that.
func TestScriptProve(t *testing.T) {
	t.Parallel()
	services := scripts()
	for _, tc := range []struct{ name, content, want string }{
		{"good", "const f = async () => 1\nreturn await f()", ""},
		{"not run", "throw new Error('run')", ""},
		{"endless when run", "for (;;) {}", ""},
		{"a wrong line", "const a = 1\nconst b = )\nreturn a", "Correct the program. It cannot be read: SyntaxError: Unexpected token ) (line 2)."},
		{"an open bracket", "return (\n", "Correct the program. Its end is missing: close every bracket, every brace and every quote."},
		{"an open brace", "if (true) {\n  return 1\n", "Correct the program. Its end is missing: close every bracket, every brace and every quote."},
		{"a brace too many", "}); (async () => {", "Correct the program. It cannot be read: SyntaxError: The braces { and } of the script do not match."},
	} {
		raw, _ := json.Marshal(map[string]any{"content": tc.content})
		k, c := decode(t, "script", string(raw))
		for range 2 { // the second time from memory
			if got := k.Prove(t.Context(), services, c)["content"]; got != tc.want {
				t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	k, c := decode(t, "script", `{"content": "nobody has asked ( about `+rand.Text()+`"}`)
	if p := k.Prove(ctx, services, c); p != nil {
		t.Errorf("without an answer: %v", p)
	}
	if p := k.Prove(t.Context(), services, c); p == nil {
		t.Error("what nobody answered is remembered as right")
	}
}
