package nodeforms_test

import (
	"bytes"
	"encoding/json"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"alur/engine/auth"
	"alur/engine/collection"
	_ "alur/engine/nodes"
	"alur/engine/pgtest"
	"alur/engine/snowflake"
	"alur/views"
	"alur/views/nodeforms"
)

// env is a world with two collections, orders and products.
func env(t *testing.T) *nodeforms.Env {
	t.Helper()
	ids := snowflake.New(1, time.Now)
	store := collection.NewStore(pgtest.New(t), ids, time.Now)
	for _, text := range []string{
		`{"name": "products", "title": "Products", "fields": [{"name": "name", "type": "string", "title": "Name", "unique": true}]}`,
		`{"name": "orders", "title": "Orders", "fields": [{"name": "quantity", "type": "integer", "title": "Quantity"},
			{"name": "note", "type": "string", "title": "Note"}, {"name": "paid", "type": "boolean", "title": "Paid"},
			{"name": "status", "type": "string", "title": "Status", "uiSchema": {"enum": [{"value": "new", "label": "New"}, {"value": "done", "label": "Done"}]}},
			{"name": "product", "type": "belongsTo", "target": "products", "foreignKey": "productId", "title": "Product"},
			{"name": "gifts", "type": "belongsToMany", "target": "products", "title": "Gifts"}, {"name": "parts", "type": "hasMany", "target": "products", "title": "Parts"},
			{"name": "labels", "type": "belongsToMany", "target": "products", "targetKey": "name", "title": "Labels"},
			{"name": "more", "type": "json", "title": "More"}]}`,
	} {
		var d collection.Definition
		if err := json.Unmarshal([]byte(text), &d); err != nil {
			t.Fatal(err)
		}
		if _, err := store.CreateCollection(t.Context(), auth.System, d); err != nil {
			t.Fatal(err)
		}
	}
	all, err := store.Collections(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return &nodeforms.Env{Action: "/here", Scope: "/scope?node=x", Collections: all, Users: []views.Option{{Value: "7", Text: "Ann"}},
		Names: nodeforms.Names{Catalogue: store, Record: nodeforms.Singular}}
}

func render(t *testing.T, f nodeforms.Form, e *nodeforms.Env) *goquery.Document {
	t.Helper()
	var b bytes.Buffer
	if err := f.View(e).Render(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	doc, err := goquery.NewDocumentFromReader(&b)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// submitted is what a browser would send.
func submitted(doc *goquery.Document) url.Values {
	form := url.Values{}
	for _, n := range doc.Find("input, select, textarea").EachIter() {
		name, kind := n.AttrOr("name", ""), n.AttrOr("type", "")
		_, checked := n.Attr("checked")
		switch {
		case name == "":
		case n.Is("select"):
			option := n.Find("option[selected]")
			if option.Length() == 0 {
				option = n.Find("option").First()
			}
			form.Add(name, option.AttrOr("value", ""))
		case n.Is("textarea"):
			form.Add(name, n.Text())
		case (kind == "checkbox" || kind == "radio") && !checked:
		default:
			form.Add(name, n.AttrOr("value", ""))
		}
	}
	return form
}

// TestRoundTrip opens stored settings, saves the form untouched, and expects
// the same settings.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	world := env(t)
	for _, tc := range []struct{ name, kind, config string }{
		{"comparisons", "condition", `{"rejectOnFalse": false, "engine": "basic", "calculation": {"group": {"type": "and", "calculations": [
			{"calculator": "equal", "operands": ["{{$context.data.status}}", "paid"]},
			{"group": {"type": "or", "calculations": [
				{"calculator": "gt", "operands": ["{{$context.data.total}}", 100]},
				{"calculator": "equal", "operands": ["{{$context.data.number}}", "100"]},
				{"calculator": "equal", "operands": ["{{$context.data.done}}", true]},
				{"calculator": "equal", "operands": ["{{$context.data.empty}}", null]},
				{"group": {"type": "and", "calculations": [{"calculator": "includes", "operands": ["{{$context.data.tags.name}}", "vip"]}]}} ] } } ] } } }`},
		{"expression", "condition", `{"rejectOnFalse": true, "engine": "math.js", "expression": "{{$context.data.a}} > 3",
			"calculation": {"group": {"type": "and", "calculations": []}}}`},
		{"calculation", "calculation", `{"engine": "formula.js", "expression": "SUM({{$context.data.a}}, 1)\n+ 2"}`},
		{"query", "query", `{"collection": "orders", "multiple": true, "failOnEmpty": true, "params": {
			"filter": {"$and": [{"createdAt": {"$dateOn": "{{$system.dateRange.today}}"}}, {"quantity": {"$gt": 5}}, {"paid": {"$isTruly": true}},
				{"status": {"$eq": "new"}}, {"product.name": {"$includes": "x"}}, {"status": {"$in": ["new", "done"]}}, {"productId": {"$eq": 12}}]},
			"sort": [{"field": "createdAt", "direction": "desc"}], "page": 1, "pageSize": "{{$context.data.n}}", "appends": ["product"], "later": 1}}`},
		{"any of", "destroy", `{"collection": "orders", "params": {"filter": {"$or": [{"quantity": {"$eq": 1}}, {"$and": [{"note": {"$ne": "x"}}, {"note": {"$notEmpty": true}}]}]}}}`},
		{"filter beyond rows", "destroy", `{"collection": "orders", "params": {"filter": {"$not": {"quantity": {"$eq": 1}}}}}`},
		{"create", "create", `{"collection": "orders", "params": {"values": {"quantity": 3, "note": "for {{$context.data.name}}", "paid": false, "status": "done",
			"productId": "{{$context.data.id}}", "more": {"a": [1]}}, "appends": ["product"]}, "own": {"kept": true}}`},
		{"create with to-many relations", "create", `{"collection": "orders", "params": {"values": {"gifts": [3, "{{$context.data.gifts.id}}", "{{$context.data.x:1, 2}}"],
			"parts": []}, "appends": []}}`},
		{"create with relations by a text", "create", `{"collection": "orders", "params": {"values": {"labels": ["pen", "12", "{{$context.data.name}}"]}, "appends": []}}`},
		{"create with related records to be made", "create", `{"collection": "orders", "params": {"values": {"gifts": [{"name": "pen"}, 3]}, "appends": []}}`},
		{"query of one, with a page", "query", `{"collection": "orders", "multiple": false, "failOnEmpty": false, "params": {"filter": {"$and": [{"quantity": {"$gt": 5}}]},
			"sort": [], "page": 2, "pageSize": 5, "appends": []}}`},
		{"update", "update", `{"collection": "orders", "params": {"filter": {"$and": [{"id": {"$eq": "{{$context.data.id}}"}}]},
			"values": {"status": "{{$context.data.status}}", "quantity": null}, "individualHooks": false}}`},
		{"end", "end", `{"endStatus": -1}`},
		{"several conditions", "multi-conditions", `{"continueOnNoMatch": true, "conditions": [
			{"uid": "u1", "title": "Big", "engine": "basic", "own": 1, "calculation": {"group": {"type": "or", "calculations": [
				{"calculator": "gt", "operands": ["{{$context.data.total}}", 100]}, {"calculator": "equal", "operands": ["{{$context.data.vip}}", true]}]}}},
			{"uid": "u2", "engine": "math.js", "expression": "{{$context.data.total}} > 10", "calculation": {"group": {"type": "and", "calculations": []}}},
			{"uid": "u3", "engine": "custom", "calculation": {"group": {"type": "and", "calculations": []}}}]}`},
		{"output of a variable", "output", `{"value": "{{$context.data.total}}"}`},
		{"output of JSON", "output", `{"value": {"total": "{{$context.data.total}}", "list": [1, "2", null]}}`},
		{"output of a text that looks like a number", "output", `{"value": "12"}`},
		{"script", "script", `{"content": "\n// Twice\nreturn {a: stock * 2, b: '{{no.variable}}'}\n", "timeout": 2500, "continue": true, "arguments": [
			{"name": "stock", "value": "{{$context.data.stock}}"}, {"name": "n", "value": 5}, {"name": "text", "value": "5"}, {"name": "none", "value": null},
			{"name": "empty", "value": ""}, {"name": "list", "value": [1, {"a": "{{$context.data.a}}"}]}]}`},
		{"script without a time", "script", `{"content": "return 1", "timeout": 0, "continue": false, "arguments": []}`},
		{"delay", "delay", `{"duration": 3, "unit": 60000, "endStatus": -1}`},
		{"delay of a variable", "delay", `{"duration": "{{$context.data.days}}", "unit": 86400000, "endStatus": 1}`},
		{"manual", "manual", `{"assignees": [7, "{{$context.data.managerId}}"], "mode": 0, "title": "Check {{$context.data.title}}",
			"schema": {"summary": "Please", "facts": [{"label": "From", "value": "{{$context.data.from}}"}]},
			"forms": {"f1": {"type": "custom", "title": "Decision", "collection": {"name": "x", "fields": [
				{"name": "amount", "title": "Amount", "type": "double", "interface": "number", "required": true},
				{"name": "why", "title": "Why", "type": "text", "interface": "textarea", "requiredFor": ["no"], "own": 1},
				{"name": "kind", "title": "Kind", "type": "string", "interface": "select", "enum": [{"value": "a", "label": "Alpha"}, {"value": "b", "label": "b"}]},
				{"name": "day", "title": "Day", "type": "dateOnly", "interface": "date"}]},
				"actions": [{"key": "yes", "title": "Approve", "status": 1, "values": {"x": 1}}, {"key": "no", "title": "Refuse", "status": -5}]}}}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			e := world
			stored := nodeforms.Decode(json.RawMessage(tc.config))
			shown := nodeforms.Lookup(tc.kind).New()
			shown.Load(nodeforms.Decode(json.RawMessage(tc.config)))
			form := nodeforms.Lookup(tc.kind).New()
			form.Read(submitted(render(t, shown, e)), e)
			saved := nodeforms.Decode(json.RawMessage(tc.config))
			form.Save(saved)
			if problems := form.Problems(); len(problems) > 0 {
				t.Errorf("problems %v", problems)
			}
			raw, err := json.Marshal(saved)
			if err != nil {
				t.Fatal(err)
			}
			if got := nodeforms.Decode(raw); !reflect.DeepEqual(got, stored) {
				want, _ := json.Marshal(stored)
				t.Errorf("saved\n%s\nwant\n%s", raw, want)
			}
			if words := nodeforms.SummaryOf(tc.kind, json.RawMessage(tc.config), e); words == "" || words == "Not set up yet" {
				t.Errorf("summary %q", words)
			}
		})
	}
}

func TestTypedConstants(t *testing.T) {
	t.Parallel()
	e := env(t)
	form := nodeforms.Lookup("create").New()
	form.Read(url.Values{
		"collection":     {"orders"},
		"values.0.field": {"quantity"}, "values.0.value": {"many"},
		"values.1.field": {"paid"}, "values.1.value": {"maybe"},
		"values.2.field": {"note"}, "values.2.value": {"12"},
		"values.3.field": {"note"}, "values.3.value": {"twice"},
		"values.4.field": {""}, "values.4.value": {"no field yet"},
	}, e)
	config := nodeforms.Object{}
	form.Save(config)
	for name, want := range map[string]string{
		"values.0": "“Quantity” is a number. Write one, or choose a variable.",
		"values.1": "Choose Yes or No, or a variable.", "values.3": "This field is set twice. Remove one of the two.",
	} {
		if got := form.Problems()[name]; got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	values := config["params"].(nodeforms.Object)["values"].(nodeforms.Object)
	if values["note"] != "12" || len(values) != 3 {
		t.Errorf("values %v", values)
	}
	doc := render(t, form, e)
	if got := doc.Find("[name='values.4.value']").AttrOr("value", ""); got != "no field yet" {
		t.Errorf("the row without a field became %q", got)
	}
}

func TestJSONProblem(t *testing.T) {
	t.Parallel()
	for text, problem := range map[string]bool{
		"": false, "pen": false, "3": false, `{"a": 1}`: false, `{"a": 1`: true, "[1,]": true, ` "a`: true, `"a"`: false, "a {": false,
		"{{$context.data}}": false, `{"a": "{{$context.data}}"`: true,
	} {
		if got := nodeforms.JSONProblem(text) != ""; got != problem {
			t.Errorf("JSONProblem(%q) is %v", text, got)
		}
	}
}

// TestLeftOut: a form and the words on the canvas show what a run does with a setting
// that is left out, or is a text.
func TestLeftOut(t *testing.T) {
	t.Parallel()
	e := env(t)
	for _, tc := range []struct{ kind, config, summary, control, value string }{
		{"delay", `{"duration": 3}`, "3 seconds", "unit", "1000"},
		{"delay", `{"duration": 1, "unit": null}`, "1 second", "unit", "1000"},
		{"delay", `{"duration": 3}`, "3 seconds", "endStatus", "1"},
		{"delay", `{"duration": "3", "unit": "3600000"}`, "3 hours", "unit", "3600000"},
		{"script", `{"content": "return 1", "continue": "true"}`, "return 1", "continue", "true"},
		{"script", `{"content": "return 1"}`, "return 1", "continue", ""},
		{"script", `{"content": "return 1", "timeout": "2500"}`, "return 1", "seconds", "2.5"},
		{"script", `{"content": "return 1"}`, "return 1", "seconds", ""},
	} {
		f := nodeforms.Lookup(tc.kind).New()
		f.Load(nodeforms.Decode(json.RawMessage(tc.config)))
		if got := submitted(render(t, f, e)).Get(tc.control); got != tc.value {
			t.Errorf("%s %s: %s shows %q, want %q", tc.kind, tc.config, tc.control, got, tc.value)
		}
		if got := nodeforms.SummaryOf(tc.kind, json.RawMessage(tc.config), e); got != tc.summary {
			t.Errorf("%s %s: the canvas says %q, want %q", tc.kind, tc.config, got, tc.summary)
		}
	}
}

// TestChangeOptions: fields and relations to one can be waited for; relations to many
// are named as what cannot, unless they are chosen already.
func TestChangeOptions(t *testing.T) {
	t.Parallel()
	e := env(t)
	for _, tc := range []struct {
		chosen             []string
		offered, unwatched string
	}{
		{nil, "Quantity, Note, Paid, Status, Product, More", "Gifts, Parts, Labels"},
		{[]string{"gifts", "note", "lost"}, "Quantity, Note*, Paid, Status, Product, More, Gifts*, lost (gone)*", "Parts, Labels"},
	} {
		var offered []string
		for _, o := range nodeforms.ChangeOptions(e, "orders", tc.chosen) {
			if o.Selected {
				o.Text += "*"
			}
			offered = append(offered, o.Text)
		}
		if got := strings.Join(offered, ", "); got != tc.offered {
			t.Errorf("with %v chosen it offers %s, want %s", tc.chosen, got, tc.offered)
		}
		if got := strings.Join(nodeforms.Unwatched(e, "orders", tc.chosen), ", "); got != tc.unwatched {
			t.Errorf("with %v chosen it names %s, want %s", tc.chosen, got, tc.unwatched)
		}
	}
	if got := nodeforms.Unwatched(e, "lost", nil); got != nil {
		t.Errorf("of no collection it names %v", got)
	}
}
