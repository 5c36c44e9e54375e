package engine_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/node"
)

// ask is the settings of a basic condition that compares $context.data.n, which is
// 1, with a number.
func ask(operator string, n int) string {
	return fmt.Sprintf(`{"calculator": %q, "operands": ["{{$context.data.n}}", %d]}`, operator, n)
}

// several is the settings of a multi-conditions node.
func several(goOn bool, questions ...string) string {
	var list []string
	for _, q := range questions {
		list = append(list, `{"calculation": `+q+`}`)
	}
	return fmt.Sprintf(`{"continueOnNoMatch": %t, "conditions": [%s]}`, goOn, strings.Join(list, ", "))
}

// TestCoreFlow walks workflows of core nodes; the cases are those of
// spec/nodes-core.md §2, §3 and §5.
func TestCoreFlow(t *testing.T) {
	t.Parallel()
	yes, no := ask("equal", 1), ask("equal", 2)
	broken := `{"calculator": "includes", "operands": ["{{$context.data.n}}", 1]}` // a number holds nothing
	pure := func(key string, status int) flow {
		return flow{kind: "test_pure", key: key, config: fmt.Sprintf(`{"status": %d}`, status)}
	}
	condition := func(reject bool, question string, branches map[int][]flow) flow {
		return flow{"condition", "c", fmt.Sprintf(`{"rejectOnFalse": %t, "calculation": %s}`, reject, question), branches}
	}
	expression := func(engine, text string, branches map[int][]flow) flow {
		return flow{"condition", "c", fmt.Sprintf(`{"rejectOnFalse": false, "engine": %q, "expression": %q}`, engine, text), branches}
	}
	multi := func(config string, branches map[int][]flow) flow {
		return flow{"multi-conditions", "m", config, branches}
	}
	z := flow{kind: "test_pure", key: "z"}
	both := map[int][]flow{1: {pure("yes", 0)}, 0: {pure("no", 0)}}
	all := map[int][]flow{1: {pure("one", 0)}, 2: {pure("two", 0)}, 0: {pure("else", 0)}}
	tests := []struct {
		name  string
		nodes []flow
		want  string
	}{
		{"condition: branch for the value has a head, yes", []flow{condition(false, yes, both), z}, "1:c=1 yes=1 z=1"},
		{"condition: branch for the value has a head, no", []flow{condition(false, no, both), z}, "1:c=1 no=1 z=1"},
		{"condition: otherwise, no such branch", []flow{condition(false, yes, nil), z}, "1:c=1 z=1"},
		{"condition: falsy in branching mode without a no branch just continues", []flow{condition(false, no, map[int][]flow{1: {pure("yes", 0)}}), z}, "1:c=1 z=1"},
		{"condition: falsy and rejectOnFalse", []flow{condition(true, no, nil), z}, "-1:c=-1"},
		{"condition: both modes may coexist with branches", []flow{condition(true, yes, both), z}, "1:c=1 yes=1 z=1"},
		{"condition: evaluation throws", []flow{condition(false, broken, both), z}, "-2:c=-2"},
		{"condition: no calculation is always true, branch 1", []flow{{"condition", "c", `{"rejectOnFalse": false}`, both}, z}, "1:c=1 yes=1 z=1"},
		{"condition: no config, always true, branch 1", []flow{{"condition", "c", "", both}, z}, "1:c=1 yes=1 z=1"},
		{"condition: {} is no config", []flow{{"condition", "c", `{}`, both}, z}, "1:c=1 yes=1 z=1"},
		{"condition: the number 1 takes yes", []flow{expression("math.js", "{{$context.data.n}}", both), z}, "1:c=1 yes=1 z=1"},
		{"condition: a text takes yes", []flow{expression("formula.js", "'yes'", both), z}, "1:c=1 yes=1 z=1"},
		{"condition: null takes no", []flow{expression("math.js", "{{$context.data.missing}}", both), z}, "1:c=1 no=1 z=1"},
		{"condition: branch job fails, the status ends the execution, the condition stays resolved",
			[]flow{condition(false, yes, map[int][]flow{1: {pure("yes", -1)}}), z}, "-1:c=1 yes=-1"},
		{"condition: nested conditions, the inner without matching branch returns to the outer",
			[]flow{condition(false, yes, map[int][]flow{1: {{"condition", "inner", `{"rejectOnFalse": false, "calculation": ` + no + `}`, map[int][]flow{1: {pure("x", 0)}}}}}), z}, "1:c=1 inner=1 z=1"},

		{"multi-conditions: exactly true runs branch i+1", []flow{multi(several(false, no, yes), all), z}, "1:m=1 two=1 z=1"},
		{"multi-conditions: later conditions are not evaluated", []flow{multi(several(false, yes, broken), all), z}, "1:m=1 one=1 z=1"},
		{"multi-conditions: branch i+1 has no nodes, continue downstream", []flow{multi(several(false, no, yes), map[int][]flow{1: {pure("one", 0)}}), z}, "1:m=1 z=1"},
		{"multi-conditions: throws", []flow{multi(several(true, no, broken), all), z}, "-2:m=-2"},
		{"multi-conditions: anything else, next condition", []flow{multi(several(false, no, no), all), z}, "-1:m=-1 else=1"},
		{"multi-conditions: nothing matched, continueOnNoMatch, branch 0 runs", []flow{multi(several(true, no), all), z}, "1:m=1 else=1 z=1"},
		{"multi-conditions: nothing matched, continueOnNoMatch, no branch 0", []flow{multi(several(true, no), nil), z}, "1:m=1 z=1"},
		{"multi-conditions: nothing matched, failed, branch 0 runs in both cases", []flow{multi(several(false, no), all), z}, "-1:m=-1 else=1"},
		{"multi-conditions: nothing matched, failed, no branch 0", []flow{multi(several(false, no), nil), z}, "-1:m=-1"},
		{"multi-conditions: no conditions cannot be turned on", []flow{multi(`{"continueOnNoMatch": true}`, all), z}, ""},
		{"multi-conditions: branch job of a condition fails", []flow{multi(several(true, yes), map[int][]flow{1: {pure("one", -1)}}), z}, "-1:m=1 one=-1"},
		{"multi-conditions: branch job of otherwise fails, node job unchanged", []flow{multi(several(false, no), map[int][]flow{0: {pure("else", -5)}}), z}, "-5:m=-1 else=-5"},
		{"multi-conditions: no fallback to the next condition", []flow{multi(several(true, yes, yes), map[int][]flow{1: {pure("one", -1)}, 2: {pure("two", 0)}}), z}, "-1:m=1 one=-1"},
		{"multi-conditions: a failing branch bubbles to the next opener",
			[]flow{condition(false, yes, map[int][]flow{1: {multi(several(true, yes), map[int][]flow{1: {pure("one", -1)}}), pure("x", 0)}}), z}, "-1:c=1 m=1 one=-1"},
		{"multi-conditions: the no-match status bubbles too",
			[]flow{condition(false, yes, map[int][]flow{1: {multi(several(false, no), all), pure("x", 0)}}), z}, "-1:c=1 m=-1 else=1"},
		{"multi-conditions: inside of another", []flow{multi(several(true, yes), map[int][]flow{1: {{"multi-conditions", "inner", several(true, no, yes), map[int][]flow{2: {pure("two", 0)}}}}}), z},
			"1:m=1 inner=1 two=1 z=1"},

		{"end: ends the whole execution, succeeded", []flow{condition(false, yes, map[int][]flow{1: {{kind: "end", key: "e", config: `{"endStatus": 1}`}, pure("x", 0)}}), z}, "1:c=1 e=1"},
		{"end: ends the whole execution, failed", []flow{multi(several(true, yes), map[int][]flow{1: {{kind: "end", key: "e", config: `{"endStatus": "-1"}`}, pure("x", 0)}}), z}, "-1:m=1 e=-1"},
		{"end: default 1", []flow{{kind: "end", key: "e"}, z}, "1:e=1"},
		{"end: in the otherwise branch of what failed", []flow{multi(several(false, no), map[int][]flow{0: {{kind: "end", key: "e"}}}), z}, "1:m=-1 e=1"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if tc.want == "" { // cannot be turned on
				_, err := w.try(tc.nodes...)
				if f, ok := errors.AsType[*fault.Error](err); !ok || f.Fields["nodes.m.config.conditions"] == "" {
					t.Errorf("turned on: %v, want a problem at conditions", err)
				}
				return
			}
			w.mustStart(w.workflow(false, "", tc.nodes...), 1)
			w.work()
			if got := w.story(); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

// try makes a workflow and turns it on if that is possible.
func (w *world) try(nodes ...flow) (id int64, err error) {
	w.t.Helper()
	made, err := w.e.CreateWorkflow(w.t.Context(), auth.System, engine.NewWorkflow{Title: "Test", Type: "test"})
	if err != nil {
		w.t.Fatal(err)
	}
	w.add(made.ID, nodes, nil, nil)
	_, err = w.e.EnableWorkflow(w.t.Context(), auth.System, made.ID, true)
	return made.ID, err
}

// A branch that waits keeps the execution waiting; what comes of the answer then
// decides (spec/nodes-core.md §2, §3).
func TestCoreFlowWaits(t *testing.T) {
	t.Parallel()
	yes, no := ask("equal", 1), ask("equal", 2)
	wait := []flow{{kind: "test_wait", key: "ask"}}
	for name, tc := range map[string]struct {
		node   flow
		status int
		want   string
	}{
		"condition: PENDING keeps waiting, then resolved": {flow{"condition", "c", `{"rejectOnFalse": false, "calculation": ` + yes + `}`, map[int][]flow{1: wait}}, 1, "1:c=1 ask=1 z=1"},
		"condition: PENDING keeps waiting, then rejected": {flow{"condition", "c", `{"rejectOnFalse": false, "calculation": ` + yes + `}`, map[int][]flow{1: wait}}, -5, "-5:c=1 ask=-5"},
		"multi-conditions: PENDING waits, then resolved":  {flow{"multi-conditions", "c", several(false, no, yes), map[int][]flow{2: wait}}, 1, "1:c=1 ask=1 z=1"},
		"multi-conditions: otherwise, then RESOLVED":      {flow{"multi-conditions", "c", several(true, no), map[int][]flow{0: wait}}, 1, "1:c=1 ask=1 z=1"},
		"multi-conditions: otherwise, then FAILED":        {flow{"multi-conditions", "c", several(false, no), map[int][]flow{0: wait}}, 1, "-1:c=-1 ask=1"},
		"multi-conditions: otherwise, then the other":     {flow{"multi-conditions", "c", several(false, no), map[int][]flow{0: wait}}, -5, "-5:c=-1 ask=-5"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.mustStart(w.workflow(false, "", tc.node, flow{kind: "test_pure", key: "z"}), 1)
			w.work()
			if got := w.one("SELECT status FROM alur.executions"); got != "0" {
				t.Fatalf("the execution has status %q, want 0: it waits", got)
			}
			id := atoi(t, w.one("SELECT id FROM alur.jobs WHERE node_key = 'ask'"))
			if err := w.resume(id, node.Status(tc.status)); err != nil {
				t.Fatal(err)
			}
			w.work()
			if got := w.story(); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

// TestCoreJobs reads what jobs keep (spec/nodes-core.md §2 to §6).
func TestCoreJobs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustStart(w.workflow(false, "",
		flow{"condition", "c", `{"rejectOnFalse": false, "engine": "math.js", "expression": "{{$context.data.n}} + 1"}`, map[int][]flow{1: {
			{"multi-conditions", "m", several(true, ask("equal", 5), ask("equal", 1), ask("equal", 1)), map[int][]flow{2: {
				{kind: "output", key: "o", config: `{"value": {"n": "{{$context.data.n}}"}}`}, {kind: "end", key: "e", config: `{"endStatus": -1}`}}}},
		}}}), 1)
	w.work()
	for key, want := range map[string]string{
		"c": `result 2, meta null, after -, status 1`, // the raw value
		"m": `result true, meta {"conditions": [false, true]}, after c, status 1`,
		"o": `result {"n": 1}, meta null, after -, status 1`,
		"e": `result null, meta null, after o, status -1`,
	} {
		got := w.one(`SELECT format('result %s, meta %s, after %s, status %s', coalesce(j.result, 'null'), coalesce(j.meta, 'null'), coalesce(u.node_key, '-'), j.status)
			FROM alur.jobs j LEFT JOIN alur.jobs u ON u.id = j.upstream_id WHERE j.node_key = $1`, key)
		if got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
	if got := w.one("SELECT output FROM alur.executions"); got != `{"n": 1}` {
		t.Errorf("the output is %s; the execution failed, but had set it before", got)
	}
}

func TestOutput(t *testing.T) {
	t.Parallel()
	set := func(key, value string) flow {
		return flow{kind: "output", key: key, config: `{"value": ` + value + `}`}
	}
	for _, tc := range []struct {
		name  string
		nodes []flow
		want  string // "" is none at all
	}{
		{"the output value", []flow{set("a", `"{{$context.data.n}}"`)}, "1"},
		{"any, a template", []flow{set("a", `{"list": ["{{$context.data.n}}", "n = {{$context.data.n}}"], "no": null, "missing": "{{$context.gone}}"}`)}, `{"no": null, "list": [1, "n = 1"]}`},
		{"last executed wins", []flow{set("a", "1"), {kind: "test_pure", key: "b"}, set("c", `"two"`)}, `"two"`},
		{"null value, output null", []flow{set("a", "null")}, "null"},
		{"undefined value, output null", []flow{set("a", `"{{$context.gone}}"`)}, "null"},
		{"no value set, output null", []flow{{kind: "output", key: "a"}}, "null"},
		{"null after a value wins too", []flow{set("a", "1"), set("b", "null")}, "null"},
		{"no output node", []flow{{kind: "test_pure", key: "a"}}, ""},
		{"in a branch that is not taken", []flow{{"multi-conditions", "m", several(true, ask("equal", 2)), map[int][]flow{1: {set("a", "1")}}}}, ""},
		{"in a later segment", []flow{set("a", "1"), {kind: "test_local", key: "b", config: `{"pause": "16s", "sql": "` + effect + `"}`}, set("c", "2")}, "2"},
		{"kept over later segments", []flow{set("a", "1"), {kind: "test_local", key: "b", config: `{"pause": "16s", "sql": "` + effect + `"}`}, {kind: "test_pure", key: "c"}}, "1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			a := w.workflow(false, "", tc.nodes...)
			w.mustStart(a, 1)
			w.work()
			if got := w.one("SELECT output FROM alur.executions WHERE status = 1"); got != tc.want {
				t.Errorf("output %s, want %s", got, tc.want)
			}
			if got := w.one("SELECT count(*) FROM alur.executions WHERE status = 1"); got != "1" {
				t.Errorf("%s executions have completed, want 1", got)
			}
		})
	}
}

// A result that is too large is an error of the step and no output.
func TestOutputTooLarge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustStart(w.workflow(false, "", flow{kind: "output", key: "a", config: `{"value": "` + strings.Repeat("x", 1<<20) + `"}`}), 1)
	w.work()
	if got := w.one("SELECT status || ' ' || coalesce(output::text, 'none') FROM alur.executions"); got != "-2 none" {
		t.Errorf("status and output: %s, want -2 none", got)
	}
}

// TestPruneNode takes conditions out with their branches.
func TestPruneNode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	made, err := w.e.CreateWorkflow(t.Context(), auth.System, engine.NewWorkflow{Title: "Test", Type: "test"})
	if err != nil {
		t.Fatal(err)
	}
	w.add(made.ID, []flow{{"multi-conditions", "m", `{"conditions": [{"uid": "a", "own": 1}, {"uid": "b"}, {"uid": "c"}], "later": {"kept": true}}`, map[int][]flow{
		1: {{kind: "test_pure", key: "one"}},
		2: {{"test_pure", "two", "", map[int][]flow{1: {{kind: "test_pure", key: "inner"}}}}, {kind: "test_pure", key: "two-b"}},
		3: {{kind: "test_pure", key: "three"}},
		0: {{kind: "test_pure", key: "else"}},
	}}, {kind: "test_pure", key: "z"}}, nil, nil)
	m := w.node(made.ID, "m")
	state := func() string {
		_, nodes, err := w.e.Workflow(t.Context(), auth.System, made.ID)
		if err != nil {
			t.Fatal(err)
		}
		tree, err := engine.BuildTree(nodes)
		if err != nil {
			t.Fatal(err)
		}
		return draw(tree) + " " + string(compact(t, w.node(made.ID, "m").Config))
	}
	before := state()
	for name, tc := range map[string]struct {
		branch int
		seen   int64
		kind   fault.Kind
	}{
		"otherwise stays":        {0, 0, fault.Invalid},
		"no such condition":      {4, 0, fault.NotFound},
		"a negative one":         {-1, 0, fault.NotFound},
		"somebody else was here": {1, m.Revision - 1, fault.Conflict},
	} {
		if err := w.e.PruneNode(t.Context(), auth.System, m.ID, tc.seen, tc.branch); !fault.Is(err, tc.kind) {
			t.Errorf("%s: %v, want kind %v", name, err, tc.kind)
		}
		if got := state(); got != before {
			t.Errorf("%s: now %s, want %s", name, got, before)
		}
	}
	if err := w.e.PruneNode(t.Context(), auth.Actor{}, m.ID, 0, 2); !fault.Is(err, fault.Unsigned) && !fault.Is(err, fault.Forbidden) {
		t.Errorf("nobody in particular: %v, want a refusal", err)
	}
	if err := w.e.PruneNode(t.Context(), auth.System, m.ID, m.Revision, 2); err != nil {
		t.Fatal(err)
	}
	if got, want := state(), `m(1: one, 2: three, 0: else) z {"conditions":[{"own":1,"uid":"a"},{"uid":"c"}],"later":{"kept":true}}`; got != want {
		t.Errorf("after the second went: %s, want %s", got, want)
	}
	if err := w.e.PruneNode(t.Context(), auth.System, m.ID, 0, 1); err != nil {
		t.Fatal(err)
	}
	if got, want := state(), `m(1: three, 0: else) z {"conditions":[{"uid":"c"}],"later":{"kept":true}}`; got != want {
		t.Errorf("after the first went: %s, want %s", got, want)
	}
	if err := w.e.PruneNode(t.Context(), auth.System, m.ID, 0, 1); !fault.Is(err, fault.Invalid) {
		t.Errorf("the last one: %v, want Invalid", err)
	}
}

func compact(t *testing.T, raw json.RawMessage) []byte {
	t.Helper()
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// resume answers a job.
func (w *world) resume(job int64, status node.Status) error {
	w.t.Helper()
	return w.e.Resume(w.t.Context(), auth.System, job, engine.JobChange{Status: &status})
}
