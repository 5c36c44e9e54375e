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
