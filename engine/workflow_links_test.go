package engine_test

import (
	"errors"
	"strings"
	"testing"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/fault"
)

// TestLinks moves, links and removes nodes of "a b(1: c d, 2: e) f", in one
// database.
func TestLinks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, two := 1, 2
	const start = "a b(1: c d, 2: e) f"
	move := func(key, after string, branch *int) func(engine.Workflow) error {
		return func(wf engine.Workflow) error {
			to := engine.Place{BranchIndex: branch}
			if after != "" {
				id := w.node(wf.ID, after).ID
				to.UpstreamID = &id
			}
			_, err := w.e.MoveNode(t.Context(), auth.System, w.node(wf.ID, key).ID, to)
			return err
		}
	}
	branch := func(index int, shift bool) func(engine.Workflow) error {
		return func(wf engine.Workflow) error {
			_, err := w.e.RemoveBranch(t.Context(), auth.System, w.node(wf.ID, "b").ID, index, shift)
			return err
		}
	}
	link := func(key, next string) func(engine.Workflow) error {
		return func(wf engine.Workflow) error {
			id := w.node(wf.ID, next).ID
			_, err := w.e.UpdateNode(t.Context(), auth.System, w.node(wf.ID, key).ID, engine.NodeChange{Links: true, Next: &id})
			return err
		}
	}
	other := w.off(pure("x"))
	for _, tc := range []struct {
		name string
		do   func(engine.Workflow) error
		want string
		fail fault.Kind
	}{
		{"to the end", move("a", "f", nil), "b(1: c d, 2: e) f a", 0},
		{"to the front", move("f", "", nil), "f a b(1: c d, 2: e)", 0},
		{"into a branch", move("f", "b", &two), "a b(1: c d, 2: f e)", 0},
		{"behind in a branch", move("a", "d", nil), "b(1: c d a, 2: e) f", 0},
		{"out of a branch", move("c", "b", nil), "a b(1: d, 2: e) c f", 0},
		{"to the other branch", move("c", "b", &two), "a b(1: d, 2: c e) f", 0},
		{"with its branches", move("b", "f", nil), "a f b(1: c d, 2: e)", 0},
		{"where it is", move("f", "b", nil), start, fault.Invalid},
		{"where it is in a branch", move("c", "b", &one), start, fault.Invalid},
		{"behind itself", move("b", "b", nil), start, fault.Invalid},
		{"into its own branch", move("b", "b", &two), start, fault.Invalid},
		{"deep into its own branch", move("b", "d", nil), start, fault.Invalid},
		{"a branch", branch(1, false), "a b(2: e) f", 0},
		{"a branch, the others move up", branch(1, true), "a b(1: e) f", 0},
		{"the last branch", branch(2, true), "a b(1: c d) f", 0},
		{"an empty branch, the others move up", branch(0, true), "a b(1: e, 0: c d) f", 0},
		{"a link that is there", link("a", "b"), start, 0},
		{"a link that makes a circle", link("f", "a"), start, fault.Invalid},
		{"a link over others", link("a", "f"), start, fault.Invalid},
	} {
		wf := w.off(sample()...)
		if err := tc.do(wf); fault.Of(err) != tc.fail || (err == nil) != (tc.fail == 0) {
			t.Errorf("%s: %v", tc.name, err)
		}
		if got := w.shape(wf.ID); got != tc.want {
			t.Errorf("%s: tree %s, want %s", tc.name, got, tc.want)
		}
	}
	wf, x := w.off(sample()...), w.node(other.ID, "x").ID
	if _, err := w.e.MoveNode(t.Context(), auth.System, w.node(wf.ID, "a").ID, engine.Place{UpstreamID: &x}); !fault.Is(err, fault.Invalid) {
		t.Errorf("moved to another workflow: %v", err)
	}
	if _, err := w.e.MoveNode(t.Context(), member, w.node(wf.ID, "a").ID, engine.Place{}); !fault.Is(err, fault.Forbidden) {
		t.Errorf("moved by a member: %v", err)
	}
	after := w.node(wf.ID, "a").ID
	n, err := w.e.DuplicateNode(t.Context(), auth.System, w.node(wf.ID, "b").ID, engine.Place{UpstreamID: &after}, nil)
	if err != nil || n.Key == "b" || n.Type != w.node(wf.ID, "b").Type {
		t.Errorf("copy %+v, %v", n, err)
	}
	if err := w.e.Rearm(t.Context(), member); !fault.Is(err, fault.Forbidden) {
		t.Errorf("a member armed the triggers again: %v", err)
	}
}

// TestNodesLimit: a server that bounds the nodes of a version says so, also to who
// copies one.
func TestNodesLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	wf := w.off(pure("a"), pure("b"))
	_, nodes, err := w.e.Workflow(t.Context(), auth.System, wf.ID)
	if err != nil {
		t.Fatal(err)
	}
	add := func() error {
		_, err := w.e.AddNode(t.Context(), auth.System, wf.ID, engine.NewNode{Type: "test_pure"})
		return err
	}
	engine.SetMaxNodes(w.e, 3)
	if err := add(); err != nil {
		t.Errorf("the third of 3 nodes: %v", err)
	}
	_, copying := w.e.DuplicateNode(t.Context(), auth.System, nodes[0].ID, engine.Place{}, nil)
	for name, err := range map[string]error{"adding": add(), "copying": copying} {
		if f, _ := errors.AsType[*fault.Error](err); f == nil || f.Kind != fault.Invalid || !strings.HasPrefix(f.Msg, "A workflow has at most 3 nodes on this server.") {
			t.Errorf("%s a fourth node: %v", name, err)
		}
	}
	engine.SetMaxNodes(w.e, 0)
	if err := add(); err != nil {
		t.Errorf("without a limit: %v", err)
	}
}
