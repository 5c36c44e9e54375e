package engine_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	_ "alur/engine/nodes"
	_ "alur/engine/triggers"
)

var member = auth.Actor{UserID: 7, Role: auth.Member}

// off makes a workflow that nobody has enabled.
func (w *world) off(nodes ...flow) engine.Workflow {
	w.t.Helper()
	made, err := w.e.CreateWorkflow(w.t.Context(), auth.System, engine.NewWorkflow{Title: "Test", Type: "test"})
	if err != nil {
		w.t.Fatal(err)
	}
	w.add(made.ID, nodes, nil, nil)
	return w.reload(made.ID)
}

func (w *world) reload(id int64) engine.Workflow {
	w.t.Helper()
	wf, _, err := w.e.Workflow(w.t.Context(), auth.System, id)
	if err != nil {
		w.t.Fatal(err)
	}
	return wf
}

func (w *world) node(workflow int64, key string) engine.Node {
	w.t.Helper()
	_, nodes, err := w.e.Workflow(w.t.Context(), auth.System, workflow)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, n := range nodes {
		if n.Key == key {
			return n
		}
	}
	w.t.Fatalf("no node %q", key)
	return engine.Node{}
}

// shape draws the tree of a workflow: "a b(1: c d, 2: e) f".
func (w *world) shape(workflow int64) string {
	w.t.Helper()
	_, nodes, err := w.e.Workflow(w.t.Context(), auth.System, workflow)
	if err != nil {
		w.t.Fatal(err)
	}
	tree, err := engine.BuildTree(nodes)
	if err != nil {
		w.t.Fatalf("not a tree: %v", err)
	}
	return draw(tree)
}

func draw(l engine.Level) string {
	var parts []string
	for _, n := range l {
		text := n.Key
		var branches []string
		for _, b := range n.Branches {
			if len(b.Nodes) > 0 {
				branches = append(branches, fmt.Sprintf("%d: %s", b.Index, draw(b.Nodes)))
			}
		}
		if len(branches) > 0 {
			text += "(" + strings.Join(branches, ", ") + ")"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, " ")
}

func pure(key string, branches ...map[int][]flow) flow {
	f := flow{kind: "test_pure", key: key}
	if len(branches) > 0 {
		f.branches = branches[0]
	}
	return f
}

// sample is "a b(1: c d, 2: e) f".
func sample() []flow {
	return []flow{pure("a"), pure("b", map[int][]flow{1: {pure("c"), pure("d")}, 2: {pure("e")}}), pure("f")}
}

func TestCreateWorkflow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	for name, tc := range map[string]struct {
		actor auth.Actor
		in    engine.NewWorkflow
		want  fault.Kind
		field string
	}{
		"nobody":          {auth.Actor{}, engine.NewWorkflow{Title: "x", Type: "test"}, fault.Unsigned, ""},
		"member":          {member, engine.NewWorkflow{Title: "x", Type: "test"}, fault.Forbidden, ""},
		"no trigger":      {auth.System, engine.NewWorkflow{Title: "x"}, fault.Invalid, "type"},
		"unknown trigger": {auth.System, engine.NewWorkflow{Title: "x", Type: "moon"}, fault.Invalid, "type"},
		"wrong settings":  {auth.System, engine.NewWorkflow{Title: "x", Type: "collection", Config: json.RawMessage(`{"mode": 9}`)}, fault.Invalid, "config.collection"},
	} {
		_, err := w.e.CreateWorkflow(ctx, tc.actor, tc.in)
		f, _ := errors.AsType[*fault.Error](err)
		if fault.Of(err) != tc.want || tc.field != "" && f.Fields[tc.field] == "" {
			t.Errorf("%s: %v, want %v at %q", name, err, tc.want, tc.field)
		}
	}
	made, err := w.e.CreateWorkflow(ctx, auth.System, engine.NewWorkflow{Title: " Stock ", Type: "test", Options: json.RawMessage(`{"stackLimit": 3}`)})
	if err != nil {
		t.Fatal(err)
	}
	if made.Title != "Stock" || made.Enabled || !made.Current || made.Key == "" || !made.Editable() || made.Number != 1 {
		t.Errorf("made %+v", made)
	}
	if got := string(made.Options); got != `{"timeout": 0, "stackLimit": 3}` {
		t.Errorf("options %s", got)
	}
}

func TestNodeLinks(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		under string // key of the upstream node, "" for the head
		in    int    // branch, 0 for none
		take  int    // branch of the new node that takes what follows
		want  string
	}{
		{"first of all", "", 0, 0, "x a b(1: c d, 2: e) f"},
		{"after a node", "a", 0, 0, "a x b(1: c d, 2: e) f"},
		{"after the branches", "b", 0, 0, "a b(1: c d, 2: e) x f"},
		{"at the end", "f", 0, 0, "a b(1: c d, 2: e) f x"},
		{"first in a branch", "b", 1, 0, "a b(1: x c d, 2: e) f"},
		{"inside a branch", "c", 0, 0, "a b(1: c x d, 2: e) f"},
		{"at the end of a branch", "e", 0, 0, "a b(1: c d, 2: e x) f"},
		{"taking what follows", "a", 0, 2, "a x(2: b(1: c d, 2: e) f)"},
		{"taking nothing at the end", "f", 0, 2, "a b(1: c d, 2: e) f x"},
		{"taking the rest of a branch", "b", 1, 1, "a b(1: x(1: c d), 2: e) f"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			wf := w.off(sample()...)
			n := engine.NewNode{Key: "x", Type: "test_pure"}
			if tc.under != "" {
				up := w.node(wf.ID, tc.under)
				n.UpstreamID = &up.ID
			}
			if tc.in != 0 {
				n.BranchIndex = &tc.in
			}
			if tc.take != 0 {
				n.Take = &tc.take
			}
			if _, err := w.e.AddNode(t.Context(), auth.System, wf.ID, n); err != nil {
				t.Fatal(err)
			}
			if got := w.shape(wf.ID); got != tc.want {
				t.Errorf("tree %s, want %s", got, tc.want)
			}
		})
	}
}

func TestRemoveNode(t *testing.T) {
	t.Parallel()
	one, two, three := 1, 2, 3
	for _, tc := range []struct {
		name string
		key  string
		keep *int
		want string
		fail fault.Kind
	}{
		{"the head", "a", nil, "b(1: c d, 2: e) f", 0},
		{"the last", "f", nil, "a b(1: c d, 2: e)", 0},
		{"with its branches", "b", nil, "a f", 0},
		{"keeping a branch", "b", &one, "a c d f", 0},
		{"keeping the other", "b", &two, "a e f", 0},
		{"keeping none", "b", &three, "a b(1: c d, 2: e) f", fault.Invalid},
		{"first of a branch", "c", nil, "a b(1: d, 2: e) f", 0},
		{"last of a branch", "d", nil, "a b(1: c, 2: e) f", 0},
		{"the only one of a branch", "e", nil, "a b(1: c d) f", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			wf := w.off(sample()...)
			err := w.e.RemoveNode(t.Context(), auth.System, w.node(wf.ID, tc.key).ID, 0, tc.keep)
			if fault.Of(err) != tc.fail || (err == nil) != (tc.fail == 0) {
				t.Fatalf("RemoveNode: %v", err)
			}
			if got := w.shape(wf.ID); got != tc.want {
				t.Errorf("tree %s, want %s", got, tc.want)
			}
		})
	}
}

func TestAddNodeRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	wf := w.off(pure("a"))
	gone := int64(12345)
	for name, tc := range map[string]struct {
		in    engine.NewNode
		want  fault.Kind
		field string
	}{
		"no type":        {engine.NewNode{}, fault.Invalid, "type"},
		"unknown type":   {engine.NewNode{Type: "moon"}, fault.Invalid, "type"},
		"wrong settings": {engine.NewNode{Type: "update", Config: json.RawMessage(`{"collection": "moon"}`)}, fault.Invalid, "config.collection"},
		"missing settings": {engine.NewNode{Type: "query", Config: json.RawMessage(`{"multiple": true}`)},
			fault.Invalid, "config.collection"},
		"place is gone": {engine.NewNode{Type: "test_pure", UpstreamID: &gone}, fault.Conflict, ""},
	} {
		_, err := w.e.AddNode(t.Context(), auth.System, wf.ID, tc.in)
		f, _ := errors.AsType[*fault.Error](err)
		if fault.Of(err) != tc.want || tc.field != "" && f.Fields[tc.field] == "" {
			t.Errorf("%s: %v, want %v at %q", name, err, tc.want, tc.field)
		}
	}
	// What is not filled in yet may be saved on the way.
	if _, err := w.e.AddNode(t.Context(), auth.System, wf.ID, engine.NewNode{Type: "query", Config: json.RawMessage(`{"multiple": true}`), Incomplete: true}); err != nil {
		t.Errorf("incomplete settings: %v", err)
	}
	made, err := w.e.CreateWorkflow(t.Context(), auth.System, engine.NewWorkflow{Title: "Sync", Type: "test", Sync: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.e.AddNode(t.Context(), auth.System, made.ID, engine.NewNode{Type: "test_wait"}); !fault.Is(err, fault.Invalid) {
		t.Errorf("waiting node in a synchronous workflow: %v", err)
	}
}

func TestFrozen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	armed := w.workflow(false, "", sample()...)
	w.mustStart(armed, 1)
	wf := w.reload(armed.ID)
	if !wf.Frozen() {
		t.Fatal("a version that has run is not frozen")
	}
	ctx, a := t.Context(), w.node(wf.ID, "a")
	title := "New"
	_, add := w.e.AddNode(ctx, auth.System, wf.ID, engine.NewNode{Type: "test_pure"})
	_, update := w.e.UpdateNode(ctx, auth.System, a.ID, engine.NodeChange{Title: &title})
	remove := w.e.RemoveNode(ctx, auth.System, a.ID, 0, nil)
	_, trigger := w.e.UpdateWorkflow(ctx, auth.System, wf.ID, engine.WorkflowChange{Config: json.RawMessage(`{}`)})
	for name, err := range map[string]error{"add": add, "update": update, "remove": remove, "trigger": trigger} {
		if !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v, want it refused", name, err)
		}
	}
	if renamed, err := w.e.UpdateWorkflow(ctx, auth.System, wf.ID, engine.WorkflowChange{Title: &title}); err != nil || renamed.Title != "New" {
		t.Errorf("rename: %v", err)
	}
}

// TestDraft changes a running version: 32 people at once get one draft, the
// version runs on, and publishing the draft puts it in its place.
func TestDraft(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	armed := w.workflow(false, "", sample()...)
	w.mustStart(armed, 1)
	ids := make([]int64, 32)
	var wait sync.WaitGroup
	for i := range ids {
		wait.Go(func() {
			draft, err := w.e.Draft(t.Context(), auth.System, armed.ID)
			if err != nil {
				t.Error(err)
			}
			ids[i] = draft.ID
		})
	}
	wait.Wait()
	for _, id := range ids {
		if id != ids[0] || id == armed.ID {
			t.Fatalf("drafts %v, want one", ids)
		}
	}
	draft := w.reload(ids[0])
	if draft.Enabled || draft.Current || draft.Key != armed.Key || draft.Number != 2 || !draft.Editable() {
		t.Errorf("draft %+v", draft)
	}
	if got := w.shape(draft.ID); got != "a b(1: c d, 2: e) f" {
		t.Errorf("copied tree %s", got)
	}
	if w.node(draft.ID, "a").ID == w.node(armed.ID, "a").ID {
		t.Error("the copy shares a node with the original")
	}
	if err := w.e.RemoveNode(t.Context(), auth.System, w.node(draft.ID, "f").ID, 0, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := w.e.EnableWorkflow(t.Context(), auth.System, draft.ID, true); err != nil {
		t.Fatal(err)
	}
	now, before := w.reload(draft.ID), w.reload(armed.ID)
	if !now.Enabled || !now.Current || before.Enabled || before.Current {
		t.Errorf("published: draft on=%v current=%v, version before on=%v current=%v", now.Enabled, now.Current, before.Enabled, before.Current)
	}
	if got := w.armed(draft.ID); got == nil {
		t.Error("the published version is not armed")
	}
	if _, ok, err := w.e.Pending(t.Context(), auth.System, armed.Key); ok || err != nil {
		t.Errorf("a draft is left over: %v, %v", ok, err)
	}
}

func TestOnlyOneEditWins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	wf := w.off(pure("a"), pure("b"))
	a := w.node(wf.ID, "a")
	results := make(chan error, 32)
	for i := range 32 {
		go func() {
			title := fmt.Sprint("Title ", i)
			_, err := w.e.UpdateNode(t.Context(), auth.System, a.ID, engine.NodeChange{Seen: a.Revision, Title: &title})
			results <- err
		}()
	}
	won := 0
	for range 32 {
		switch err := <-results; {
		case err == nil:
			won++
		case !fault.Is(err, fault.Conflict):
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d edits won, want 1", won)
	}
	// A change of another node is no conflict, one of the same node is.
	b, title := w.node(wf.ID, "b"), "B"
	if _, err := w.e.UpdateNode(t.Context(), auth.System, b.ID, engine.NodeChange{Seen: b.Revision, Title: &title}); err != nil {
		t.Errorf("change of another node: %v", err)
	}
	if err := w.e.RemoveNode(t.Context(), auth.System, b.ID, b.Revision, nil); !fault.Is(err, fault.Conflict) {
		t.Errorf("removing a node that changed: %v, want conflict", err)
	}
	now := w.reload(wf.ID)
	if _, err := w.e.UpdateWorkflow(t.Context(), auth.System, wf.ID, engine.WorkflowChange{Seen: now.SettingsRevision, Title: &title}); err != nil {
		t.Errorf("rename after node changes: %v", err)
	}
	if _, err := w.e.UpdateWorkflow(t.Context(), auth.System, wf.ID, engine.WorkflowChange{Seen: now.SettingsRevision, Title: &title}); !fault.Is(err, fault.Conflict) {
		t.Errorf("second rename on the same revision: %v, want conflict", err)
	}
}

func TestEnable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	wf := w.off(pure("a"), flow{kind: "update", key: "u", config: ""}, flow{kind: "test_wait", key: "w"})
	_, err := w.e.EnableWorkflow(t.Context(), auth.System, wf.ID, true)
	var refused *engine.NotReady
	if !errors.As(err, &refused) || !fault.Is(err, fault.Invalid) {
		t.Fatalf("EnableWorkflow: %v, want NotReady", err)
	}
	for _, p := range refused.Problems {
		if p.NodeKey != "u" || p.Msg == "" {
			t.Errorf("problem %+v, want all at u", p)
		}
	}
	if err := w.e.RemoveNode(t.Context(), auth.System, w.node(wf.ID, "u").ID, 0, nil); err != nil {
		t.Fatal(err)
	}
	on, err := w.e.EnableWorkflow(t.Context(), auth.System, wf.ID, true)
	if err != nil || !on.Enabled || !on.Current {
		t.Fatalf("enable: %+v, %v", on, err)
	}
	if on.Editable() {
		t.Error("a version that is on can be edited in place")
	}
	off, err := w.e.EnableWorkflow(t.Context(), auth.System, wf.ID, false)
	if err != nil || off.Enabled || !off.Current {
		t.Errorf("disable: %+v, %v", off, err)
	}
	if _, err := w.e.EnableWorkflow(t.Context(), member, wf.ID, true); !fault.Is(err, fault.Forbidden) {
		t.Errorf("member enables: %v", err)
	}
	if _, err := w.e.EnableWorkflow(t.Context(), auth.System, 1, true); !fault.Is(err, fault.NotFound) {
		t.Errorf("unknown workflow: %v", err)
	}
}

func TestDeleteAndCopy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	armed := w.workflow(false, "", sample()...)
	w.mustStart(armed, 1)
	draft, err := w.e.Draft(ctx, auth.System, armed.ID)
	if err != nil {
		t.Fatal(err)
	}
	made, err := w.e.Revise(ctx, auth.System, armed.ID, "", "")
	if err != nil || made.Title != "Test copy" || made.Key == armed.Key || !made.Current || made.Enabled {
		t.Errorf("copy %+v, %v", made, err)
	}
	if _, err := w.e.Revise(ctx, auth.System, armed.ID, "otherkey", ""); !fault.Is(err, fault.NotFound) {
		t.Errorf("version under a foreign key: %v", err)
	}
	if n, err := w.e.DeleteWorkflow(ctx, auth.System, draft.ID); n != 1 || err != nil {
		t.Errorf("discard: %d, %v", n, err)
	}
	if _, err := w.e.Draft(ctx, auth.System, armed.ID); err != nil {
		t.Fatal(err)
	}
	if n, err := w.e.DeleteWorkflow(ctx, auth.System, armed.ID); n != 2 || err != nil {
		t.Errorf("delete: %d versions, %v; want 2", n, err)
	}
	if got := w.one("SELECT count(*) FROM alur.executions WHERE key = $1", armed.Key); got != "1" {
		t.Errorf("%s executions left, want 1", got)
	}
	if got := w.shape(made.ID); got != "a b(1: c d, 2: e) f" {
		t.Errorf("the copy lost its nodes: %s", got)
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := w.workflow(false, "", pure("a"))
	bad := w.workflow(false, "", flow{kind: "test_pure", key: "x", config: `{"fail": "no"}`})
	w.mustStart(good, 3)
	w.mustStart(bad, 2)
	w.work()
	if _, err := w.e.Draft(t.Context(), auth.System, bad.ID); err != nil {
		t.Fatal(err)
	}
	w.off()
	names := []string{"", "good", "bad"}
	for i, id := range []int64{good.ID, bad.ID} {
		if _, err := w.e.UpdateWorkflow(t.Context(), auth.System, id, engine.WorkflowChange{Title: &names[i+1]}); err != nil {
			t.Fatal(err)
		}
	}
	yes := true
	for _, tc := range []struct {
		name string
		f    engine.WorkflowFilter
		want string
	}{
		{"all", engine.WorkflowFilter{}, "bad good Test"},
		{"descending", engine.WorkflowFilter{Sort: "-title"}, "Test good bad"},
		{"failures first", engine.WorkflowFilter{Sort: "failed"}, "bad good Test"},
		{"on", engine.WorkflowFilter{Enabled: &yes}, "bad good"},
		{"failing", engine.WorkflowFilter{Failing: true}, "bad"},
		{"by name", engine.WorkflowFilter{Text: "OO"}, "good"},
		{"by node", engine.WorkflowFilter{Text: "x"}, "bad"},
		{"percent is text", engine.WorkflowFilter{Text: "%"}, ""},
		{"by trigger", engine.WorkflowFilter{Type: "collection"}, ""},
		{"second page", engine.WorkflowFilter{Page: 2, PageSize: 2}, "Test"},
	} {
		list, _, err := w.e.Workflows(t.Context(), auth.System, tc.f)
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		var got []string
		for _, s := range list {
			got = append(got, s.Title)
		}
		if strings.Join(got, " ") != tc.want {
			t.Errorf("%s: %v, want %s", tc.name, got, tc.want)
		}
	}
	list, more, err := w.e.Workflows(t.Context(), auth.System, engine.WorkflowFilter{PageSize: 1})
	if err != nil || !more || len(list) != 1 {
		t.Fatalf("first page: %d, %v, %v", len(list), more, err)
	}
	s := list[0]
	last, ok := s.Last()
	if len(s.Runs) != 2 || s.FailedWeek != 2 || s.TotalWeek != 2 || s.DraftID == 0 || !ok || last.State() != "error" || time.Since(last.At) > time.Hour {
		t.Errorf("summary %+v", s)
	}
	if _, _, err := w.e.Workflows(t.Context(), member, engine.WorkflowFilter{}); !fault.Is(err, fault.Forbidden) {
		t.Errorf("member lists: %v", err)
	}
}

// shop makes two collections with a relation.
func (w *world) shop() {
	w.t.Helper()
	w.collections(
		`{"name": "products", "title": "Products", "fields": [{"name": "name", "type": "string", "title": "Name"}, {"name": "stock", "type": "integer", "title": "Stock"}]}`,
		`{"name": "orders", "title": "Orders", "fields": [{"name": "quantity", "type": "integer", "title": "Quantity"},
			{"name": "status", "type": "string", "title": "Status"}, {"name": "product", "type": "belongsTo", "target": "products", "title": "Product"}]}`)
}

// collections makes collections out of JSON.
func (w *world) collections(texts ...string) {
	w.t.Helper()
	for _, text := range texts {
		var d collection.Definition
		if err := json.Unmarshal([]byte(text), &d); err != nil {
			w.t.Fatal(err)
		}
		if _, err := w.e.Records.CreateCollection(w.t.Context(), auth.System, d); err != nil {
			w.t.Fatal(err)
		}
	}
}
