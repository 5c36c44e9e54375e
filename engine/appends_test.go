package engine_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/collection"
)

// appends are the relations that the trigger and the nodes of a workflow load.
func (w *world) appends(id int64) string {
	w.t.Helper()
	wf, nodes, err := w.e.Workflow(w.t.Context(), auth.System, id)
	if err != nil {
		w.t.Fatal(err)
	}
	var all []string
	add := func(key string, config json.RawMessage) {
		if loaded := engine.LoadedRelations(config); len(loaded) > 0 {
			all = append(all, key+": "+strings.Join(loaded, " "))
		}
	}
	add("trigger", wf.Config)
	for _, n := range nodes {
		add(n.Key, n.Config)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// A variable that goes through a relation has it loaded where it comes from, when
// the settings are saved (spec/variables.md §5).
func TestVariablesLoadRelations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.related()
	made, err := w.e.CreateWorkflow(t.Context(), auth.System, engine.NewWorkflow{Title: "Orders", Type: "collection",
		Config: json.RawMessage(`{"collection": "orders", "mode": 1, "own": [1.5]}`)})
	if err != nil {
		t.Fatal(err)
	}
	w.add(made.ID, []flow{
		{kind: "query", key: "q", config: `{"collection": "products", "params": {"filter": {"id": "{{$context.data.productId}}"}}}`},
		{kind: "output", key: "o", config: `{"value": "{{$context.data.product.name}}"}`},
	}, nil, nil)
	if got, want := w.appends(made.ID), "trigger: product"; got != want {
		t.Fatalf("after adding a node: %q, want %q", got, want)
	}
	_, nodes, err := w.e.Workflow(t.Context(), auth.System, made.ID)
	if err != nil {
		t.Fatal(err)
	}
	o := nodes[slices.IndexFunc(nodes, func(n engine.Node) bool { return n.Key == "o" })]
	for _, step := range []struct{ value, want string }{
		{`"{{$context.data.product.name}}"`, "trigger: product"},
		{`"{{$context.data.product.supplier.name}}"`, "trigger: product product.supplier"},
		{`["{{$context.data.tags.name}}", "{{ctx.$jobsMapByNodeKey.q.supplier.products.0.name}}"]`, "q: supplier.products, trigger: product product.supplier tags"},
		{`"{{$jobsMapByNodeKey.q.supplier.name}}"`, "q: supplier.products, trigger: product product.supplier tags"},
		{`"{{$jobsMapByNodeKey.gone.supplier.name}} {{$context.data.nothing.name}}"`, "q: supplier.products, trigger: product product.supplier tags"},
	} {
		if _, err := w.e.UpdateNode(t.Context(), auth.System, o.ID, engine.NodeChange{Config: json.RawMessage(`{"value": ` + step.value + `}`)}); err != nil {
			t.Fatal(err)
		}
		if got := w.appends(made.ID); got != step.want {
			t.Errorf("with %s: %q, want %q", step.value, got, step.want)
		}
	}
	wf := w.reload(made.ID)
	var config struct {
		Own  []float64 `json:"own"`
		Mode int       `json:"mode"`
	}
	if err := json.Unmarshal(wf.Config, &config); err != nil || len(config.Own) != 1 || config.Own[0] != 1.5 || config.Mode != 1 {
		t.Errorf("the other settings of the trigger are %s", wf.Config)
	}
}

// A deleted record has no relations to load: saving says nothing, checking does.
func TestVariablesLoadNoRelationsOfDeletedRecords(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.related()
	made, err := w.e.CreateWorkflow(t.Context(), auth.System, engine.NewWorkflow{Title: "Gone", Type: "collection",
		Config: json.RawMessage(`{"collection": "orders", "mode": 4}`)})
	if err != nil {
		t.Fatal(err)
	}
	w.add(made.ID, []flow{{kind: "output", key: "o", config: `{"value": "{{$context.data.product.name}}"}`}}, nil, nil)
	if got := w.appends(made.ID); got != "" {
		t.Errorf("the trigger loads %q", got)
	}
	wf, nodes, err := w.e.Workflow(t.Context(), auth.System, made.ID)
	if err != nil {
		t.Fatal(err)
	}
	problems := w.e.Check(t.Context(), wf, nodes)
	if len(problems) != 1 || problems[0].Field != "value" || !strings.Contains(problems[0].Msg, "the trigger cannot load it") {
		t.Errorf("problems %v, want one at value", problems)
	}
}

// related makes orders of products with suppliers and tags.
func (w *world) related() {
	w.t.Helper()
	w.collections(
		`{"name": "suppliers", "title": "Suppliers", "fields": [{"name": "name", "type": "string", "title": "Name"}]}`,
		`{"name": "products", "title": "Products", "fields": [{"name": "name", "type": "string", "title": "Name"}, {"name": "stock", "type": "integer", "title": "Stock"},
			{"name": "supplier", "type": "belongsTo", "target": "suppliers", "title": "Supplier"}]}`,
		`{"name": "tags", "title": "Tags", "fields": [{"name": "name", "type": "string", "title": "Name"}]}`,
		`{"name": "orders", "title": "Orders", "fields": [{"name": "quantity", "type": "integer", "title": "Quantity"}, {"name": "due", "type": "datetimeTz", "title": "Due"},
			{"name": "number", "type": "bigInt", "title": "Number"}, {"name": "extra", "type": "json", "title": "Extra"},
			{"name": "product", "type": "belongsTo", "target": "products", "title": "Product"},
			{"name": "tags", "type": "belongsToMany", "target": "tags", "title": "Tags"}]}`)
	var products collection.Field
	if err := json.Unmarshal([]byte(`{"name": "products", "type": "hasMany", "target": "products", "foreignKey": "supplierId", "title": "Products"}`), &products); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.e.Records.AddField(w.t.Context(), auth.System, "suppliers", products); err != nil {
		w.t.Fatal(err)
	}
}

// A file that does not load what its variables need loads it when it comes in, and the
// preview says so; one that does stays as it is.
func TestImportLoadsRelations(t *testing.T) {
	t.Parallel()
	s, boss := abroad(t)
	s.related()
	raw := inFile(`
		{"key": "q", "type": "query", "title": "Look up", "config": {"collection": "products", "params": {"filter": {"id": {"$eq": 9007199254740993}}}}},
		{"key": "o", "type": "output", "title": "", "upstream": "q", "config": {"value": ["{{$context.data.product.supplier.name}}", "{{$context.data.tags.name}}",
			"{{$jobsMapByNodeKey.q.supplier.products.0.name}}", "{{$context.data.nothing.name}}"]}}`)
	p, err := s.e.PreviewImport(t.Context(), boss, read(t, raw), engine.Choices{})
	if err != nil {
		t.Fatal(err)
	}
	want := []engine.Load{{Node: "The trigger", Relation: "product.supplier"}, {Node: "The trigger", Relation: "tags"}, {NodeKey: "q", Node: "Look up", Relation: "supplier.products"}}
	if got := p.Arrivals[0].Loads; !slices.Equal(got, want) {
		t.Errorf("the preview loads %v, want %v", got, want)
	}
	if got := p.Arrivals[0].Problems; len(got) != 1 || !strings.Contains(got[0].Msg, "There is no “nothing”") {
		t.Errorf("problems are %v, want the one that is no relation", got)
	}
	made, err := s.e.ImportWorkflows(t.Context(), boss, read(t, raw), engine.Choices{})
	if err != nil {
		t.Fatal(err)
	}
	const loaded = "q: supplier.products, trigger: product.supplier tags"
	if got := s.appends(made[0].ID); got != loaded {
		t.Errorf("what came in loads %q, want %q", got, loaded)
	}
	if got := string(s.node(made[0].ID, "q").Config); !strings.Contains(got, "9007199254740993") {
		t.Errorf("the other settings of the node are %s", got)
	}

	out := s.exported(boss, made[0].ID)
	p, err = s.e.PreviewImport(t.Context(), boss, read(t, out), engine.Choices{})
	if err != nil || len(p.Arrivals[0].Loads) > 0 {
		t.Errorf("exported again it loads %v besides, %v", p.Arrivals[0].Loads, err)
	}
	again, err := s.e.ImportWorkflows(t.Context(), boss, read(t, out), engine.Choices{Versions: map[int]bool{0: true}})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.exported(boss, again[0].ID); got != out {
		t.Errorf("exported again it is\n%s\nwant\n%s", got, out)
	}

	// A trigger for deleted records cannot load any.
	p, err = s.e.PreviewImport(t.Context(), boss, read(t, strings.Replace(raw, `"mode": 1`, `"mode": 4`, 1)), engine.Choices{})
	if err != nil || len(p.Arrivals[0].Loads) != 1 || p.Arrivals[0].Loads[0].NodeKey != "q" {
		t.Errorf("for deleted records it loads %v, %v", p.Arrivals[0].Loads, err)
	}
}

// A node that moves to where it sees a node has the relations loaded that its variables
// need, and so has a copy of a workflow that was made without them.
func TestMovesAndCopiesLoadRelations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.related()
	made, err := w.e.CreateWorkflow(t.Context(), auth.System, engine.NewWorkflow{Title: "Orders", Type: "collection",
		Config: json.RawMessage(`{"collection": "orders", "mode": 1}`)})
	if err != nil {
		t.Fatal(err)
	}
	w.add(made.ID, []flow{
		{kind: "output", key: "o", config: `{"value": "{{$jobsMapByNodeKey.q.supplier.name}}"}`},
		{kind: "query", key: "q", config: `{"collection": "products"}`},
	}, nil, nil)
	if got := w.appends(made.ID); got != "" {
		t.Fatalf("before, %q is loaded", got)
	}
	_, nodes, err := w.e.Workflow(t.Context(), auth.System, made.ID)
	if err != nil {
		t.Fatal(err)
	}
	at := func(key string) engine.Node {
		return nodes[slices.IndexFunc(nodes, func(n engine.Node) bool { return n.Key == key })]
	}
	moved, err := w.e.MoveNode(t.Context(), auth.System, at("q").ID, engine.Place{})
	if got := engine.LoadedRelations(moved.Config); err != nil || w.appends(made.ID) != "q: supplier" || !slices.Equal(got, []string{"supplier"}) {
		t.Errorf("after the move %q is loaded, the node that moved loads %v, %v", w.appends(made.ID), got, err)
	}

	// As a program of before wrote it.
	if _, err := w.db.ExecContext(t.Context(), `UPDATE alur.flow_nodes SET config = '{"collection": "products"}' WHERE id = $1`, at("q").ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.e.UpdateNode(t.Context(), auth.System, at("o").ID, engine.NodeChange{Config: json.RawMessage(`{}`)}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.db.ExecContext(t.Context(), `UPDATE alur.flow_nodes SET config = '{"value": "{{$jobsMapByNodeKey.q.supplier.name}} {{$context.data.product.name}}"}' WHERE id = $1`, at("o").ID); err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]string{"a version": made.Key, "a copy": ""} {
		c, err := w.e.Revise(t.Context(), auth.System, made.ID, key, "")
		if err != nil {
			t.Fatal(err)
		}
		if got := w.appends(c.ID); got != "q: supplier, trigger: product" {
			t.Errorf("%s loads %q", name, got)
		}
	}
	if got := w.appends(made.ID); got != "" {
		t.Errorf("what was copied loads %q now", got)
	}
}
