package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/node"
)

// tried can be tested: its settings say how that goes.
type tried struct{ kind }

var _ = node.Register[config](tried{kind{"test_tried", node.Pure}})

func (tried) Quoted() []string { return []string{"fail"} }

func (tried) Test(ctx context.Context, s *node.Step, c config) (node.Outcome, error) {
	switch {
	case c.Panic:
		panic("boom")
	case c.Pause != "":
		<-ctx.Done()
		return node.Outcome{}, ctx.Err()
	case c.Fail != "":
		return node.Outcome{}, errors.New(c.Fail)
	case c.SQL != "":
		return node.Done(strings.Repeat("x", 2<<20)), nil
	}
	v, _ := s.Vars.Root("$context.data.stock")
	out := node.Done(map[string]any{"key": s.Key, "stock": v})
	out.Log = "seen"
	return out, nil
}

func TestTestNode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	try := func(config string) node.Outcome {
		t.Helper()
		out, err := w.e.TestNode(t.Context(), auth.System, engine.Trial{Type: "test_tried", Config: json.RawMessage(config),
			Values: map[string]any{"$context.data.stock": 3.0}})
		if err != nil {
			t.Fatalf("test with %s: %v", config, err)
		}
		return out
	}
	first, second := try(`{}`), try(``)
	result := first.Result.(map[string]any)
	if first.Status != node.Resolved || result["stock"] != 3.0 || first.Log != "seen" {
		t.Errorf("outcome %+v", first)
	}
	if key := result["key"]; key == "" || key == second.Result.(map[string]any)["key"] {
		t.Errorf("two tests share the key %q", key)
	}
	for config, want := range map[string]string{
		`{"fail": "no luck"}`: `{"message":"no luck"}`,
		`{"panic": true}`:     `{"message":"this step crashed: boom"}`,
		`{"sql": "large"}`:    `"The result is 2048 kB, and the most is 1024 kB. Return less."`,
	} {
		out := try(config)
		if got, _ := json.Marshal(out.Result); out.Status != node.Error || string(got) != want {
			t.Errorf("%s: status %d, result %s, want %s", config, out.Status, got, want)
		}
	}
}

// A node that never ends is stopped before its request is, and says so.
func TestTestNodeIsStopped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	endless := engine.Trial{Type: "test_tried", Config: json.RawMessage(`{"pause": "1h"}`)}
	synctest.Test(t, func(t *testing.T) {
		out, err := w.e.TestNode(t.Context(), auth.System, endless)
		if got, _ := json.Marshal(out.Result); err != nil || out.Status != node.Error || !strings.Contains(string(got), "Stopped after 20 seconds") {
			t.Errorf("status %d, result %s, %v", out.Status, got, err)
		}
	})
	ctx, leave := context.WithCancel(t.Context())
	leave()
	if out, err := w.e.TestNode(ctx, auth.System, endless); !errors.Is(err, context.Canceled) {
		t.Errorf("after leaving: %+v, %v, want context.Canceled", out, err)
	}
}

func TestTestNodeRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, tc := range map[string]struct {
		actor auth.Actor
		trial engine.Trial
		want  fault.Kind
		field string
	}{
		"a member":      {member, engine.Trial{Type: "calculation"}, fault.Forbidden, ""},
		"no type":       {auth.System, engine.Trial{}, fault.Invalid, "type"},
		"unknown type":  {auth.System, engine.Trial{Type: "moon"}, fault.Invalid, "type"},
		"no test":       {auth.System, engine.Trial{Type: "end"}, fault.Invalid, "type"},
		"wrong type":    {auth.System, engine.Trial{Type: "calculation", Config: json.RawMessage(`{"engine": 7}`)}, fault.Invalid, "config.engine"},
		"wrong setting": {auth.System, engine.Trial{Type: "calculation", Config: json.RawMessage(`{"engine": "abacus"}`)}, fault.Invalid, "config.engine"},
		"nothing sent": {auth.System, engine.Trial{Type: "condition", Config: json.RawMessage(`{"engine": "basic"}`)}, fault.Invalid,
			"config.rejectOnFalse"},
	} {
		_, err := w.e.TestNode(t.Context(), tc.actor, tc.trial)
		f, _ := errors.AsType[*fault.Error](err)
		if fault.Of(err) != tc.want || tc.field != "" && f.Fields[tc.field] == "" {
			t.Errorf("%s: %v, want %v at %q", name, err, tc.want, tc.field)
		}
	}
}

// What a type takes as it stands holds no variables.
func TestReferencesLeavesQuotedTextAlone(t *testing.T) {
	t.Parallel()
	n := engine.Node{Type: "test_tried", Config: json.RawMessage(`{"fail": "{{name}}", "sql": "{{$context.data.id}}"}`)}
	got := engine.References(n)
	if len(got) != 1 || got[0] != (engine.Reference{Field: "sql", Path: "$context.data.id"}) {
		t.Errorf("references %v", got)
	}
}
