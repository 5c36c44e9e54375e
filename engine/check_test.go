package engine_test

import (
	"encoding/json"
	"strings"
	"testing"

	"alur/engine"
	"alur/engine/auth"
	_ "alur/engine/expr/exprtest" // the libraries of calculations
)

// orderFlow is a workflow on orders: q finds the product, c asks, u writes back.
func orderFlow(t *testing.T, w *world) engine.Workflow {
	t.Helper()
	w.shop()
	made, err := w.e.CreateWorkflow(t.Context(), auth.System, engine.NewWorkflow{Title: "Stock", Type: "collection",
		Config: json.RawMessage(`{"collection": "orders", "mode": 1}`)})
	if err != nil {
		t.Fatal(err)
	}
	w.add(made.ID, []flow{
		{kind: "query", key: "q", config: `{"collection": "products", "params": {"filter": {"$and": [{"id": {"$eq": "{{$context.data.productId}}"}}]}}}`},
		{kind: "condition", key: "c", config: `{"rejectOnFalse": false, "engine": "basic", "calculation": {"group": {"type": "and", "calculations": [
			{"calculator": "gte", "operands": ["{{$jobsMapByNodeKey.q.stock}}", "{{$context.data.quantity}}"]}]}}}`, branches: map[int][]flow{
			1: {{kind: "calculation", key: "k", config: `{"engine": "math.js", "expression": "{{$jobsMapByNodeKey.q.stock}} - 1"}`}},
			0: {{kind: "end", key: "e", config: `{"endStatus": -1}`}},
		}},
		{kind: "calculation", key: "z", config: `{"engine": "math.js", "expression": "1"}`},
	}, nil, nil)
	return w.reload(made.ID)
}

func TestCheckReferences(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	wf := orderFlow(t, w)
	_, nodes, err := w.e.Workflow(t.Context(), auth.System, wf.ID)
	if err != nil {
		t.Fatal(err)
	}
	if problems := w.e.Check(t.Context(), wf, nodes); len(problems) > 0 {
		t.Fatalf("a good workflow has problems: %v", problems)
	}
	for _, tc := range []struct{ node, path, want string }{
		{"z", "$context.data.quantity", ""},
		{"z", "$context.data.product.name", "not loaded"},
		{"z", "$context.data.quantiy", "no “quantiy”"},
		{"z", "$jobsMapByNodeKey.q.stock", ""},
		{"z", "$jobsMapByNodeKey.q.stok", "no “stok”"},
		{"z", "$jobsMapByNodeKey.k", ""},
		{"z", "$jobsMapByNodeKey.c", ""},
		{"z", "$jobsMapByNodeKey.z", "its own result"},
		{"k", "$jobsMapByNodeKey.z", "“z” has not run yet when this node starts"},
		{"k", "$jobsMapByNodeKey.e", "“e” stands in another branch"},
		{"k", "ctx.$jobsMapByNodeKey.z", "has not run yet"},
		{"k", "$jobsMapByNodeKey.straße", "deleted"},
		{"k", "$jobsMapByNodeKey.k:a default", "not read as a variable"},
		{"k", "$jobsMapByNodeKey.c", ""},
		{"z", "$jobsMapByNodeKey.gone.stock", "deleted"},
		{"z", "$jobsMapByNodeKey.e", "“e” has no result"},
		{"z", "$system.now", ""},
		{"z", "$system.dateRange.today", ""},
		{"z", "$system.noon", "no “noon”"},
		{"z", "ctx.$context.data.id", ""},
		{"z", "$scopes.k.item", "“k” has no variables for the nodes in its branches"},
		{"k", "$scopes.c.item", "“c” has no variables for the nodes in its branches"},
		{"k", "$scopes.gone.item", "deleted"},
		{"z", "$scopes", ""},
		{"z", "$env.NOTHING", "no variable or secret called “NOTHING”"},
		{"z", "$user.id", "no variable called “$user.id”"},
		{"z", "$context.data['quantity']", "not read as a variable"},
		{"z", "ctx.$jobsMapByNodeKey.q[0]", "not read as a variable"},
		{"z", "$context.data.product", "“Product” is not loaded"},
		{"z", "this.thing", ""},
		{"z", "order.id", "no variable called"},
	} {
		changed := make([]engine.Node, len(nodes))
		copy(changed, nodes)
		for i := range changed {
			if changed[i].Key == tc.node {
				changed[i].Config = json.RawMessage(`{"engine": "string", "expression": "x {{` + tc.path + `}} y"}`)
			}
		}
		var got []string
		for _, p := range w.e.Check(t.Context(), wf, changed) {
			if p.NodeKey != tc.node || p.Field != "expression" {
				t.Errorf("%s in %s: problem at %s %s", tc.path, tc.node, p.NodeKey, p.Field)
			}
			got = append(got, p.Msg)
		}
		switch text := strings.Join(got, "; "); {
		case tc.want == "" && text != "":
			t.Errorf("%s in %s: %s, want no problem", tc.path, tc.node, text)
		case tc.want != "" && !strings.Contains(text, tc.want):
			t.Errorf("%s in %s: %q, want %q", tc.path, tc.node, text, tc.want)
		}
	}
}

func TestCheckFindsAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	wf := orderFlow(t, w)
	_, nodes, err := w.e.Workflow(t.Context(), auth.System, wf.ID)
	if err != nil {
		t.Fatal(err)
	}
	wf.Config = json.RawMessage(`{}`)
	for i := range nodes {
		switch nodes[i].Key {
		case "q":
			nodes[i].Config = json.RawMessage(`{"collection": "moons"}`)
		case "k":
			nodes[i].Type = "moon"
		case "z":
			nodes[i].Config = json.RawMessage(`{"expression": 7}`)
		}
	}
	var places []string
	for _, p := range w.e.Check(t.Context(), wf, nodes) {
		places = append(places, p.NodeKey+":"+p.Field)
	}
	got := strings.Join(places, " ")
	for _, want := range []string{":collection", ":mode", "q:collection", "k:", "z:expression"} {
		if !strings.Contains(" "+got+" ", " "+want+" ") {
			t.Errorf("problems at %s, want one at %s", got, want)
		}
	}
}

func TestScope(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	wf := orderFlow(t, w)
	_, nodes, err := w.e.Workflow(t.Context(), auth.System, wf.ID)
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"q": "$context $system",
		"c": "$context q $system",
		"k": "$context q c $system",
		"e": "$context q c $system",
		"z": "$context q c k $system",
		"":  "$context q c k z $system",
	} {
		var got []string
		for _, g := range w.e.Scope(wf, nodes, key) {
			got = append(got, strings.TrimPrefix(g.Path, "$jobsMapByNodeKey."))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("scope of %q: %v, want %s", key, got, want)
		}
	}
}

func TestBuildTree(t *testing.T) {
	t.Parallel()
	id := func(n int64) *int64 { return &n }
	one := 1
	for _, tc := range []struct {
		name  string
		nodes []engine.Node
		want  string
		fail  string
	}{
		{"nothing", nil, "", ""},
		{"no head", []engine.Node{{ID: 1, Key: "a", UpstreamID: id(2)}, {ID: 2, Key: "b", UpstreamID: id(1)}}, "", "no node comes first"},
		{"two heads", []engine.Node{{ID: 1, Key: "a"}, {ID: 2, Key: "b"}}, "a", "two nodes come first"},
		{"circle", []engine.Node{{ID: 1, Key: "a", DownstreamID: id(2)}, {ID: 2, Key: "b", UpstreamID: id(1), DownstreamID: id(1)}}, "a b", "reached twice"},
		{"lost end", []engine.Node{{ID: 1, Key: "a", DownstreamID: id(9)}}, "a", "missing"},
		{"island", []engine.Node{{ID: 1, Key: "a"}, {ID: 2, Key: "b", UpstreamID: id(9)}}, "a", "not connected"},
		{"branch of an unknown type", []engine.Node{{ID: 1, Key: "a", Type: "moon"}, {ID: 2, Key: "b", UpstreamID: id(1), BranchIndex: &one}}, "a(1: b)", ""},
	} {
		tree, err := engine.BuildTree(tc.nodes)
		if got := draw(tree); got != tc.want {
			t.Errorf("%s: tree %s, want %s", tc.name, got, tc.want)
		}
		if (err == nil) != (tc.fail == "") || err != nil && !strings.Contains(err.Error(), tc.fail) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.fail)
		}
	}
}
