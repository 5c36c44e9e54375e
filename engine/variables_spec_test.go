package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/expr"
	"alur/engine/node"
	"alur/engine/pg"
	"alur/engine/secret"
	"alur/engine/snowflake"
)

// Statements of spec/variables.md that need an engine; the others are in
// engine/expr/testdata/variables.tsv.

// round is a node with variables for its branch, as a loop has them.
type round struct{ kind }

var _ = node.Register[config](round{kind{"test_round", node.Pure}})

func (round) Scope(c config, opener node.Job) any {
	return map[string]any{"item": map[string]any{"name": c.Fail}, "index": 3, "opener": opener.Result}
}

func (round) ScopeOutputs(config, node.Catalogue) []node.Variable {
	return []node.Variable{{Path: "item", Title: "Item", Children: []node.Variable{{Path: "name", Title: "Name", Type: "string"}}},
		{Path: "index", Title: "Index", Type: "integer"}, {Path: "opener", Title: "Opener"}}
}

func (round) Run(context.Context, *node.Step, config) (node.Outcome, error) {
	return node.Enter(1, "entered"), nil
}

// specWorld is a world whose nodes reach records, with a variable, a secret, and
// the server in a zone of its own.
func specWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	box, err := secret.NewBox([]byte("a key"))
	if err != nil {
		t.Fatal(err)
	}
	values := &secret.Store{DB: w.db, Now: w.clock.now, Box: box}
	for name, kind := range map[string]secret.Kind{"SHOP": secret.Plain, "TOKEN": secret.Hidden} {
		if err := values.Create(t.Context(), auth.System, name, kind, "value of "+name); err != nil {
			t.Fatal(err)
		}
	}
	records := collection.NewStore(w.db, w.e.IDs, w.clock.now)
	services := &node.Services{}
	node.Provide(services, records)
	w.e = engine.New(engine.Options{DB: w.db, IDs: w.e.IDs, Now: w.clock.now, Records: records, Services: services, Values: values,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	return w
}

// TestVariablesSpecInExecutions has each value in an output node, in an execution
// that a saved record starts: before it waits, where results have never been stored,
// and after.
func TestVariablesSpecInExecutions(t *testing.T) {
	t.Parallel()
	w := specWorld(t)
	w.related()
	w.collections(`{"name": "notes", "title": "Notes", "fields": [{"name": "product", "type": "belongsTo", "target": "products", "title": "Product"}]}`)
	made, err := w.e.CreateWorkflow(t.Context(), auth.System, engine.NewWorkflow{Title: "Orders", Type: "collection",
		Config: json.RawMessage(`{"collection": "orders", "mode": 1, "appends": ["product.supplier", "tags"]}`)})
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct{ name, value, want string }{ // want ⊥: no value; ~: any text that starts so
		{"§2 a whole variable keeps its type", `["{{$context.data.quantity}}", "{{$context.data.due}}", "{{$context.data.extra}}"]`,
			`[3, "2030-05-06T07:08:09.000Z", {"a.b": [1], "date": "2030-05-06T07:08:09.000Z", "map": "m", "tpl": "{{$context.data.quantity}} $& $1"}]`},
		{"§2 a text of several parts", `"{{$context.data.quantity}} on {{$context.data.due}}"`, `"3 on 2030-05-06T07:08:09.000Z"`},
		{"§2 a value is never resolved again", `"<{{$context.data.extra.tpl}}>"`, `"<{{$context.data.quantity}} $& $1>"`},
		{"§2 an object in a text is JSON", `"x {{$context.data.extra}}"`, `"x {\"a.b\":[1],\"date\":\"2030-05-06T07:08:09.000Z\",\"map\":\"m\",\"tpl\":\"{{$context.data.quantity}} $& $1\"}"`},
		{"§3 $context and a query give one representation", `["{{$context.data.due}}", "{{$jobsMapByNodeKey.q.due}}", "{{$context.data.number}}", "{{$jobsMapByNodeKey.q.number}}"]`,
			`["2030-05-06T07:08:09.000Z", "2030-05-06T07:08:09.000Z", "9007199254740993", "9007199254740993"]`},
		{"§3 a result is the latest of the node", `"{{$jobsMapByNodeKey.sum}}"`, `5`},
		{"§3 ctx. is the same again", `["{{ctx.$context.data.quantity}}", "{{ctx.$jobsMapByNodeKey.q.quantity}}"]`, `[3, 3]`},
		{"§3 $env", `"{{$env.SHOP}}, {{ctx.$env.SHOP}}"`, `"value of SHOP, value of SHOP"`},
		{"§3 $env: secrets are masked in what is kept", `"Bearer {{$env.TOKEN}}"`, `"Bearer ` + secret.Mask + `"`},
		{"§3 a branch that has not run has no results", `{"x": "{{$jobsMapByNodeKey.never}}"}`, `{}`},
		{"§4 a key with dots", `"{{$context.data.extra.a.b.0}}"`, `1`},
		{"§4.1 a field called like an array method", `"{{$context.data.extra.map}}"`, `"m"`},
		{"§4.1 a field of to-many", `"{{$context.data.tags.name}}"`, `["red", "big"]`},
		{"§4.1 to-many and an index", `"{{$context.data.tags.1.name}} of {{$context.data.tags.length}}"`, `"big of 2"`},
		{"§5 for every entry the first segment is loaded too", `"{{$context.data.product.name}}"`, `"Lamp"`},
		{"§5 a dotted path", `"{{$context.data.product.supplier.name}}"`, `"Ann"`},
		{"§5 appends of a query", `"{{$jobsMapByNodeKey.q.product.supplier.name}}"`, `"Ann"`},
		{"§5 appends of a create node", `"{{$jobsMapByNodeKey.c.product.name}}"`, `"Lamp"`},
		{"§5 a loaded empty to-one is null", `["{{$jobsMapByNodeKey.p.supplier}}"]`, `[null]`},
		{"§5 a loaded empty to-many is []", `"{{$jobsMapByNodeKey.s.products}}"`, `[]`},
		{"§6 $system.now is text in ISO 8601", `"{{$system.now}}"`, `~20`},
		{"§6 $system.epoch", `"{{$system.epoch}}"`, fmt.Sprint(snowflake.Epoch)},
		{"§6 $system.dateRange", `"{{$system.dateRange.today}}"`, `~20`},
		{"§6 a root as a whole", `["{{$system}}"]`, `~[{"now":"20`},
	}
	nodes := []flow{
		{kind: "query", key: "q", config: `{"collection": "orders", "params": {"filter": {"id": "{{$context.data.id}}"}, "appends": ["product.supplier"]}}`},
		{kind: "create", key: "p", config: `{"collection": "products", "params": {"values": {"name": "Chair"}, "appends": ["supplier"]}}`},
		{kind: "create", key: "s", config: `{"collection": "suppliers", "params": {"values": {"name": "Bob"}, "appends": ["products"]}}`},
		{kind: "create", key: "c", config: `{"collection": "notes", "params": {"values": {"product": "{{$context.data.product.id}}"}, "appends": ["product"]}}`},
		{kind: "calculation", key: "sum", config: `{"engine": "math.js", "expression": "{{$context.data.quantity}} + 2"}`},
		{kind: "condition", key: "no", config: `{"rejectOnFalse": false, "engine": "math.js", "expression": "1 > 2"}`, branches: map[int][]flow{
			1: {{kind: "calculation", key: "never", config: `{"engine": "math.js", "expression": "1"}`}}}},
	}
	outputs := func(prefix string) {
		for i, c := range cases {
			nodes = append(nodes, flow{kind: "output", key: fmt.Sprintf("%s%d", prefix, i), config: `{"value": ` + c.value + `}`})
		}
	}
	outputs("before")
	nodes = append(nodes, flow{kind: "test_wait", key: "wait"})
	outputs("after")
	w.add(made.ID, nodes, nil, nil)
	if _, err := w.e.EnableWorkflow(t.Context(), auth.System, made.ID, true); err != nil {
		t.Fatal(err)
	}
	ann := w.save("suppliers", map[string]any{"name": "Ann"})
	lamp := w.save("products", map[string]any{"name": "Lamp", "supplier": ann})
	red, big := w.save("tags", map[string]any{"name": "red"}), w.save("tags", map[string]any{"name": "big"})
	w.save("orders", map[string]any{"quantity": 3, "due": "2030-05-06T09:08:09+02:00", "number": "9007199254740993", "product": lamp, "tags": []any{red, big},
		"extra": map[string]any{"a.b": []any{1.0}, "date": "2030-05-06T07:08:09.000Z", "map": "m", "tpl": "{{$context.data.quantity}} $& $1"}})
	w.work()
	w.answer()
	w.during(4, func() { w.eventually("SELECT status <> 0 FROM alur.executions") })
	if got := w.one("SELECT status::text FROM alur.executions"); got != "1" {
		t.Fatalf("the execution has status %s: %s", got, w.one("SELECT string_agg(node_key || ' ' || result, ', ') FROM alur.jobs WHERE status < 0"))
	}
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for _, when := range []string{"before", "after"} {
				got := w.one("SELECT result::text FROM alur.jobs WHERE node_key = $1", fmt.Sprintf("%s%d", when, i))
				if beginning, ok := strings.CutPrefix(c.want, "~"); ok {
					if !strings.HasPrefix(strings.Trim(strings.ReplaceAll(got, " ", ""), `"`), beginning) {
						t.Errorf("%s the wait: %s, want it to start with %s", when, got, beginning)
					}
					continue
				}
				if !sameJSON(t, got, c.want) {
					t.Errorf("%s the wait: %s, want %s", when, got, c.want)
				}
			}
		})
	}
}

// save creates a record and returns its id.
func (w *world) save(name string, values map[string]any) (id any) {
	w.t.Helper()
	err := w.db.Tx(w.t.Context(), pg.RepeatableRead, func(tx *pg.Tx) error {
		made, err := w.e.Records.Create(w.t.Context(), tx, collection.Access{Actor: auth.System}, name, values, nil)
		id = made["id"]
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var x, y any
	if err := json.Unmarshal([]byte(a), &x); err != nil {
		t.Errorf("%s: %v", a, err)
	}
	if err := json.Unmarshal([]byte(b), &y); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	return reflect.DeepEqual(x, y)
}

// TestVariablesSpecScopes is §3 for what nodes have for those in their branches.
func TestVariablesSpecScopes(t *testing.T) {
	t.Parallel()
	w := specWorld(t)
	id := func(key string) string { return w.one("SELECT id::text FROM alur.flow_nodes WHERE key = $1", key) }
	output := func(key, value string) flow {
		return flow{kind: "output", key: key, config: `{"value": ` + value + `}`}
	}
	wf := w.off(
		flow{"test_round", "outer", `{"fail": "of outer"}`, map[int][]flow{1: {
			output("a", `"{{$scopes.outer.item.name}}"`),
			{"condition", "c", `{"rejectOnFalse": false}`, map[int][]flow{1: {
				{"test_round", "inner", `{"fail": "of inner"}`, map[int][]flow{1: {
					{kind: "test_wait", key: "wait"},
					output("b", `["{{$scopes.inner.item.name}}", "{{$scopes.outer.item.name}}", "{{ctx.$scopes.inner.index}}", "{{$scopes.inner.opener}}"]`),
					output("d", `"{{$scopes}}"`),
				}}},
			}}},
		}}},
		output("z", `"none"`),
	)
	change := func(key, value string) error {
		_, err := w.e.UpdateNode(t.Context(), auth.System, w.node(wf.ID, key).ID, engine.NodeChange{Config: json.RawMessage(`{"value": ` + value + `}`)})
		return err
	}
	if err := change("a", `["{{$scopes.outer.item.name}}", "{{$scopes.`+id("outer")+`.item.name}}"]`); err != nil {
		t.Fatal(err)
	}
	t.Run("§3 the picker's groups", func(t *testing.T) {
		_, nodes, err := w.e.Workflow(t.Context(), auth.System, wf.ID)
		if err != nil {
			t.Fatal(err)
		}
		for key, want := range map[string]string{"a": "$scopes.outer", "b": "$scopes.inner $scopes.outer", "inner": "$scopes.outer", "outer": "", "z": ""} {
			var got []string
			for _, g := range w.e.Scope(wf, nodes, key) {
				if strings.HasPrefix(g.Path, "$scopes.") {
					got = append(got, g.Path)
				}
			}
			if strings.Join(got, " ") != want {
				t.Errorf("%s sees %q, want %s", key, got, want)
			}
		}
	})
	for _, c := range []struct{ name, node, value, want string }{
		{"§3 outside of the branches", "z", `"{{$scopes.outer.item.name}}"`, "Only the nodes in the branches of “outer” see this variable"},
		{"§3 of a node further in", "a", `"{{$scopes.inner.item.name}}"`, "Only the nodes in the branches of “inner” see this variable"},
		{"§3 of an opener without variables", "b", `"{{$scopes.c.item}}"`, "“c” has no variables for the nodes in its branches"},
		{"§3 of a node that does not exist", "b", `"{{$scopes.gone.item}}"`, "deleted"},
		{"§3 a part that it does not have", "b", `"{{$scopes.inner.item.size}}"`, "There is no “size” in “inner”"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, nodes, err := w.e.Workflow(t.Context(), auth.System, wf.ID)
			if err != nil {
				t.Fatal(err)
			}
			for i := range nodes {
				if nodes[i].Key == c.node {
					nodes[i].Config = json.RawMessage(`{"value": {"deep": [0, ` + c.value + `]}}`)
				}
			}
			problems := w.e.Check(t.Context(), wf, nodes)
			if len(problems) != 1 || problems[0].NodeKey != c.node || problems[0].Field != "value.deep.1" || !strings.Contains(problems[0].Msg, c.want) {
				t.Errorf("problems %v, want %q at value.deep.1 of %s", problems, c.want, c.node)
			}
		})
	}
	if _, err := w.e.EnableWorkflow(t.Context(), auth.System, wf.ID, true); err != nil {
		t.Fatal(err)
	}
	w.mustStart(w.armed(wf.ID), 1)
	w.work()
	w.answer()
	w.during(4, func() { w.eventually("SELECT status <> 0 FROM alur.executions") })
	scope := func(name string) string {
		return `{"index": 3, "item": {"name": "` + name + `"}, "opener": "entered"}`
	}
	for key, want := range map[string]string{
		"a": `["of outer", "of outer"]`,
		"b": `["of inner", "of outer", 3, "entered"]`,
		"d": fmt.Sprintf(`{"inner": %[1]s, %[2]q: %[1]s, "outer": %[3]s, %[4]q: %[3]s}`, scope("of inner"), id("inner"), scope("of outer"), id("outer")),
	} {
		if got := w.one("SELECT result::text FROM alur.jobs WHERE node_key = $1", key); !sameJSON(t, got, want) {
			t.Errorf("%s is %s, want %s", key, got, want)
		}
	}
}

// TestVariablesSpecSystem is §6. The process runs in UTC, the server is set to
// another zone, where it is the next day.
func TestVariablesSpecSystem(t *testing.T) {
	t.Parallel()
	shanghai, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	at := func(now string) *engine.Engine {
		moment, err := time.Parse(time.RFC3339, now)
		if err != nil {
			t.Fatal(err)
		}
		return engine.New(engine.Options{DB: w.db, IDs: snowflake.New(7, time.Now), Now: func() time.Time { return moment }, Records: w.e.Records,
			Zone: func(context.Context) (*time.Location, error) { return shanghai, nil }, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	}
	june := "2024-06-27T18:00:00Z"
	for _, c := range []struct{ now, path, want string }{
		{june, "now", `"2024-06-27T18:00:00.000Z"`}, {june, "epoch", `1605024000`}, {june, "instanceId", `7`},
		{june, "dateRange.yesterday", `"2024-06-27+08:00"`}, {june, "dateRange.today", `"2024-06-28+08:00"`}, {june, "dateRange.tomorrow", `"2024-06-29+08:00"`},
		{june, "dateRange.lastWeek", `"2024w25+08:00"`}, {june, "dateRange.thisWeek", `"2024w26+08:00"`}, {june, "dateRange.nextWeek", `"2024w27+08:00"`},
		{june, "dateRange.lastMonth", `"2024-05+08:00"`}, {june, "dateRange.thisMonth", `"2024-06+08:00"`}, {june, "dateRange.nextMonth", `"2024-07+08:00"`},
		{june, "dateRange.lastQuarter", `"2024Q1+08:00"`}, {june, "dateRange.thisQuarter", `"2024Q2+08:00"`}, {june, "dateRange.nextQuarter", `"2024Q3+08:00"`},
		{june, "dateRange.lastYear", `"2023+08:00"`}, {june, "dateRange.thisYear", `"2024+08:00"`}, {june, "dateRange.nextYear", `"2025+08:00"`},
		{june, "dateRange.last7Days", `["2024-06-22", "2024-06-29", "[)", "+08:00"]`},
		{june, "dateRange.last30Days", `["2024-05-30", "2024-06-29", "[)", "+08:00"]`},
		{june, "dateRange.last90Days", `["2024-03-31", "2024-06-29", "[)", "+08:00"]`},
		{june, "dateRange.next7Days", `["2024-06-29", "2024-07-06", "[)", "+08:00"]`},
		{june, "dateRange.next30Days", `["2024-06-29", "2024-07-29", "[)", "+08:00"]`},
		{june, "dateRange.next90Days", `["2024-06-29", "2024-09-27", "[)", "+08:00"]`},
		{"2024-01-31T00:00:00Z", "dateRange.nextMonth", `"2024-02+08:00"`}, {"2024-03-31T00:00:00Z", "dateRange.lastMonth", `"2024-02+08:00"`},
		{"2024-12-31T18:00:00Z", "dateRange.thisYear", `"2025+08:00"`}, {"2024-12-31T00:00:00Z", "dateRange.thisWeek", `"2025w01+08:00"`},
		{"2024-11-30T00:00:00Z", "dateRange.lastQuarter", `"2024Q3+08:00"`}, {"2024-02-29T00:00:00Z", "dateRange.nextYear", `"2025+08:00"`},
	} {
		t.Run("§6 "+c.path+" at "+c.now, func(t *testing.T) {
			got, ok := expr.Resolve(expr.Vars{"$system": at(c.now).SystemVars()}, "$system."+c.path)
			if raw, err := json.Marshal(got); !ok || err != nil || !sameJSON(t, string(raw), c.want) {
				t.Errorf("%s, %v, %v, want %s", raw, ok, err, c.want)
			}
		})
	}
	t.Run("§6 genSnowflakeId is another one for each use", func(t *testing.T) {
		tmpl, err := expr.NewTemplate([]any{"{{$system.genSnowflakeId}}", "{{$system.genSnowflakeId}}"})
		if err != nil {
			t.Fatal(err)
		}
		v, err := tmpl.Eval(expr.Vars{"$system": at(june).SystemVars()})
		ids := v.([]any)
		if a, isNumber := ids[0].(float64); err != nil || !isNumber || a == ids[1] || a > 1<<53 {
			t.Errorf("ids %v, %v", ids, err)
		}
	})
	t.Run("§6 there is no other name", func(t *testing.T) {
		if v, ok := expr.Resolve(expr.Vars{"$system": at(june).SystemVars()}, "$system.dateRange.someday"); ok {
			t.Errorf("someday is %v", v)
		}
	})
}

// TestVariablesSpecInTests is §6 and $env where a node is tested on its own: there
// is no execution, and the server is the same.
func TestVariablesSpecInTests(t *testing.T) {
	t.Parallel()
	w := specWorld(t)
	for _, c := range []struct {
		name, value, want string
		given             map[string]any
	}{
		{"§3 $env", `"{{$env.SHOP}} {{ctx.$env.SHOP}}"`, `"value of SHOP value of SHOP"`, nil},
		{"§3 $env: secrets are masked", `{"a": "Bearer {{$env.TOKEN}}"}`, `{"a": "Bearer ` + secret.Mask + `"}`, nil},
		{"§3 $env: a value that is given", `"{{$env.TOKEN}}"`, `"mine"`, map[string]any{"$env.TOKEN": "mine"}},
		{"§3 $context: what is given, by its path", `["{{$context.data.stock}}", "{{ctx.$context.data.stock}}"]`, `[3, 3]`, map[string]any{"$context.data.stock": 3.0}},
		{"§3 $context: nothing given", `["{{$context.data.stock}}"]`, `[null]`, nil},
		{"§6 $system.epoch", `"{{$system.epoch}}"`, fmt.Sprint(snowflake.Epoch), nil},
		{"§6 $system: a value that is given", `"{{$system.now}}"`, `"2030-01-02"`, map[string]any{"$system.now": "2030-01-02"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := w.e.TestNode(t.Context(), auth.System, engine.Trial{Type: "output", Config: json.RawMessage(`{"value": ` + c.value + `}`), Values: c.given})
			if err != nil {
				t.Fatal(err)
			}
			if raw, err := json.Marshal(out.Result); err != nil || !sameJSON(t, string(raw), c.want) {
				t.Errorf("%s, %v, want %s", raw, err, c.want)
			}
		})
	}
}

// TestVariablesSpecInFilters is §11: what $system.dateRange gives is understood by
// the filters of records, in the zone of the server, and hidden fields (§3) reach no
// variable.
func TestVariablesSpecInFilters(t *testing.T) {
	t.Parallel()
	shanghai, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	w.related()
	// In Shanghai it is half past one on Friday, June 28.
	now := time.Date(2024, 6, 27, 17, 30, 0, 0, time.UTC)
	e := engine.New(engine.Options{DB: w.db, IDs: w.e.IDs, Now: func() time.Time { return now }, Records: collection.NewStore(w.db, w.e.IDs, time.Now),
		Zone: func(context.Context) (*time.Location, error) { return shanghai, nil }, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	find := func(filter any) (due []string, err error) {
		page, err := e.Records.List(t.Context(), w.db, collection.Access{Actor: auth.System}, "orders", collection.Query{Filter: filter, Sort: []string{"due"}, NoCount: true})
		for _, r := range page.Records {
			due = append(due, r["due"].(string)[:len("2024-06-27T17")])
		}
		return due, err
	}
	for _, due := range []string{"2024-06-27T15:59:00Z", "2024-06-27T16:00:00Z", "2024-06-28T15:59:00Z", "2024-06-28T16:00:00Z"} {
		w.save("orders", map[string]any{"due": due})
	}
	const before, first, last, after = "2024-06-27T15", "2024-06-27T16", "2024-06-28T15", "2024-06-28T16"
	all := strings.Join([]string{before, first, last, after}, " ")
	for name, want := range map[string]string{
		"yesterday": before, "today": first + " " + last, "tomorrow": after,
		"lastWeek": "", "thisWeek": all, "nextWeek": "", "lastMonth": "", "thisMonth": all, "nextMonth": "",
		"lastQuarter": "", "thisQuarter": all, "nextQuarter": "", "lastYear": "", "thisYear": all, "nextYear": "",
		"last7Days": strings.Join([]string{before, first, last}, " "), "last30Days": strings.Join([]string{before, first, last}, " "), "last90Days": strings.Join([]string{before, first, last}, " "),
		"next7Days": after, "next30Days": after, "next90Days": after,
	} {
		t.Run("§11 $dateOn "+name, func(t *testing.T) {
			tmpl, err := expr.NewTemplate(map[string]any{"$and": []any{map[string]any{"due": map[string]any{"$dateOn": "{{$system.dateRange." + name + "}}"}}}})
			if err != nil {
				t.Fatal(err)
			}
			filter, err := tmpl.Eval(expr.Vars{"$system": e.SystemVars()})
			if err != nil {
				t.Fatal(err)
			}
			if got, err := find(filter); err != nil || strings.Join(got, " ") != want {
				t.Errorf("%v finds %v, %v, want %s", filter, got, err, want)
			}
		})
	}
	t.Run("§3 hidden fields are no variables", func(t *testing.T) {
		wf := w.off(flow{kind: "query", key: "u", config: `{"collection": "users"}`}, flow{kind: "output", key: "o", config: `{"value": ["{{$jobsMapByNodeKey.u.password}}", "{{$jobsMapByNodeKey.u.email}}"]}`})
		_, nodes, err := w.e.Workflow(t.Context(), auth.System, wf.ID)
		if err != nil {
			t.Fatal(err)
		}
		problems := w.e.Check(t.Context(), wf, nodes)
		if len(problems) != 1 || problems[0].Field != "value.0" || !strings.Contains(problems[0].Msg, "There is no “password”") {
			t.Errorf("problems %v, want one at value.0", problems)
		}
	})
	t.Run("§1 ui schemas that a node type does not read hold no variables", func(t *testing.T) {
		wf := w.off(flow{kind: "query", key: "q", config: `{"collection": "orders", "schema": {"x-use": "{{ useProps }}", "title": "{{$gone.x}}"}}`})
		_, nodes, err := w.e.Workflow(t.Context(), auth.System, wf.ID)
		if err != nil {
			t.Fatal(err)
		}
		if problems := w.e.Check(t.Context(), wf, nodes); len(problems) != 0 {
			t.Errorf("problems %v", problems)
		}
	})
}
