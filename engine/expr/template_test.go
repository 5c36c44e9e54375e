package expr_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"alur/engine/expr"
)

// vars reads a scope from JSON.
func vars(t testing.TB, text string) expr.Vars {
	t.Helper()
	return value(t, text).(map[string]any)
}

func value(t testing.TB, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

const orders = `{"orders": [{"lines": [{"sku": "A"}, {"sku": "B"}]}, {"lines": [{"sku": "C"}]}],
	"holes": [{"a": 1}, null, {}, {"a": null}, 7, {"a": [2, 3]}],
	"methods": [{"sort": 1, "filter": "x", "length": 9}],
	"ctx2": {"a.b": 1}, "a.b": "dotted", "$context": {"data": {"title": "T", "n": null}}, "größe": {"länge": 3}}`

func TestResolve(t *testing.T) {
	t.Parallel()
	s := vars(t, orders)
	tests := []struct{ path, want string }{ // "" wants nothing
		{"orders.lines", `[{"sku":"A"},{"sku":"B"},{"sku":"C"}]`},
		{"orders.lines.sku", `["A","B","C"]`},
		{"orders.0.lines.sku", `["A","B"]`},
		{"orders.1.lines.0.sku", `"C"`},
		{"orders.length", `2`},
		{"orders.lines.length", `3`},
		{"orders.9", ""},
		{"orders.nothing", `[null,null]`},
		{"holes.a", `[1,null,null,null,null,2,3]`},
		{"methods.sort", `[1]`},
		{"methods.filter", `["x"]`},
		{"methods.length", `[9]`},
		{"a.b", `"dotted"`},
		{"$context.data.title", `"T"`},
		{"$context.data.title.length", `1`},
		{"ctx.$context.data.title", `"T"`},
		{"$context.data.n", `null`},
		{"$context.data.n.deeper", ""},
		{"$context.data.title.deeper", ""},
		{"größe.länge", `3`},
		{"nothing", ""},
		{"", ""},
	}
	for _, tc := range tests {
		got, ok := expr.Resolve(s, tc.path)
		if ok != (tc.want != "") {
			t.Errorf("%q: found %v (%v), want %v", tc.path, ok, got, !ok)
			continue
		}
		if ok && !reflect.DeepEqual(got, value(t, tc.want)) {
			t.Errorf("%q is %v, want %s", tc.path, got, tc.want)
		}
	}
}

func TestResolveCallsFunctions(t *testing.T) {
	t.Parallel()
	calls := 0.0
	next := func() any { calls++; return calls }
	s := expr.Vars{"$system": map[string]any{"next": next, "range": func() any { return map[string]any{"today": "d"} }}}
	tmpl, err := expr.NewTemplate([]any{"{{$system.next}}", "{{$system.next}}", "{{$system.range.today}}", "{{$system.range.never}}"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := tmpl.Eval(s)
	if want := []any{1.0, 2.0, "d", expr.Undefined}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

func TestTemplateEval(t *testing.T) {
	t.Parallel()
	s := vars(t, `{"a": 1, "b": true, "n": null, "s": "x", "l": [1, [2, null], "z"], "o": {"k": [1]},
		"money": "$& $1 $$ $'", "$context": {"data": {"d": "2024-01-02T03:04:05.678Z", "f": 0.1, "big": 1e21}}, "key": "name", "a ": 5}`)
	const missing = `"⊥"`
	tests := []struct{ template, want string }{
		{`"plain"`, `"plain"`},
		{`"{{a}}"`, `1`},
		{`"{{ a }}"`, `1`},
		{`"{{b}}"`, `true`},
		{`"{{n}}"`, `null`},
		{`"{{l}}"`, `[1,[2,null],"z"]`},
		{`"{{o}}"`, `{"k":[1]}`},
		{`"{{nope}}"`, missing},
		{`"{{ }}"`, missing},
		{`" {{a}}"`, `" 1"`},
		{`"{{a}} "`, `"1 "`},
		{`"{{a}}{{b}}"`, `"1true"`},
		{`"n={{n}} u={{nope}}."`, `"n= u=."`},
		{`"l={{l}}"`, `"l=1,2,,z"`},
		{`"o={{o}}"`, `"o={\"k\":[1]}"`},
		{`"at {{$context.data.d}}"`, `"at 2024-01-02T03:04:05.678Z"`},
		{`"{{$context.data.f}}/{{$context.data.big}}"`, `"0.1/1e+21"`},
		{`"pay {{money}}"`, `"pay $& $1 $$ $'"`},
		{`"{{nope:default}}"`, `"default"`},
		{`"{{nope:}}"`, `""`},
		{`"{{nope: a:b }}"`, `" a:b"`},
		{`"{{n:default}}"`, `null`},
		{`"{{a : 7}}"`, `5`},
		{`"<{{nope:x}}>"`, `"<x>"`},
		{`"{{a}} and b}}"`, `1`},
		{`"{{{a}}"`, `1`},
		{`"{{'a'}}"`, `"{{'a'}}"`},
		{`"{{a[0]}}"`, `"{{a[0]}}"`},
		{`"{{}}"`, `"{{}}"`},
		{`"x {{a|b}} {{a}}"`, `"x {{a|b}} 1"`},
		{`{"{{key}}": "{{a}}", "x{{a}}": [1, "{{s}}", {"y": "{{nope}}"}]}`, `{"name": 1, "x1": [1, "x", {"y": "⊥"}]}`},
		{`[null, 1.5, false]`, `[null, 1.5, false]`},
		{`{}`, `{}`},
	}
	for _, tc := range tests {
		var tmpl expr.Template
		if err := json.Unmarshal([]byte(tc.template), &tmpl); err != nil {
			t.Fatalf("%s: %v", tc.template, err)
		}
		got, err := tmpl.Eval(s)
		if err != nil {
			t.Errorf("%s: %v", tc.template, err)
		}
		if !reflect.DeepEqual(got, withUndefined(value(t, tc.want))) {
			t.Errorf("%s is %#v, want %s", tc.template, got, tc.want)
		}
		back, err := json.Marshal(tmpl)
		if err != nil || !reflect.DeepEqual(value(t, string(back)), value(t, tc.template)) {
			t.Errorf("%s became %s, %v", tc.template, back, err)
		}
	}
}

// withUndefined puts Undefined where v has ⊥.
func withUndefined(v any) any {
	switch v := v.(type) {
	case string:
		if v == "⊥" {
			return expr.Undefined
		}
	case []any:
		for i := range v {
			v[i] = withUndefined(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = withUndefined(v[k])
		}
	}
	return v
}

func TestTemplateDoesNotShare(t *testing.T) {
	t.Parallel()
	tmpl, err := expr.NewTemplate(map[string]any{"list": []any{"a"}})
	if err != nil {
		t.Fatal(err)
	}
	first, _ := tmpl.Eval(expr.Vars{})
	first.(map[string]any)["list"].([]any)[0] = "changed"
	second, _ := tmpl.Eval(expr.Vars{})
	if got := second.(map[string]any)["list"].([]any)[0]; got != "a" {
		t.Errorf("a change of one result shows in the next one: %v", got)
	}
}

func TestTemplatePaths(t *testing.T) {
	t.Parallel()
	tmpl, err := expr.NewTemplate(map[string]any{"{{k}}": "{{a.b}} {{c:x}}", "z": []any{"{{a.b}}", "{{d}}"}})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := tmpl.Paths(), []string{"d", "k", "a.b", "c"}; !sameSet(got, want) {
		t.Errorf("paths are %v, want %v", got, want)
	}
	if got, want := tmpl.Missing(expr.Vars{"k": "key", "d": nil}), []string{"a.b"}; !reflect.DeepEqual(got, want) {
		t.Errorf("missing are %v, want %v", got, want)
	}
}

func sameSet(a, b []string) bool {
	count := map[string]int{}
	for _, s := range a {
		count[s]++
	}
	for _, s := range b {
		count[s]--
	}
	for _, n := range count {
		if n != 0 {
			return false
		}
	}
	return true
}

func TestZeroTemplate(t *testing.T) {
	t.Parallel()
	var holder struct{ T expr.Template }
	if !holder.T.IsZero() {
		t.Error("the zero template is not zero")
	}
	if v, _ := holder.T.Eval(expr.Vars{}); !expr.IsUndefined(v) {
		t.Errorf("the zero template gives %v, want Undefined", v)
	}
	if raw, err := json.Marshal(holder); err != nil || string(raw) != `{"T":null}` {
		t.Errorf("the zero template is written as %s, %v", raw, err)
	}
	if err := json.Unmarshal([]byte(`{"T": null}`), &holder); err != nil || !holder.T.IsZero() {
		t.Errorf("null is not zero: %v", err)
	}
}

func TestUndefined(t *testing.T) {
	t.Parallel()
	v := map[string]any{"$and": []any{map[string]any{"id": map[string]any{"$eq": expr.Undefined}}, expr.Undefined}, "x": expr.Undefined}
	if path, ok := expr.FindUndefined(v); !ok || path != "$and.0.id.$eq" {
		t.Errorf("undefined is at %q, %v", path, ok)
	}
	want := map[string]any{"$and": []any{map[string]any{"id": map[string]any{}}, nil}}
	if got := expr.Clean(v); !reflect.DeepEqual(got, want) {
		t.Errorf("clean is %v, want %v", got, want)
	}
	if path, ok := expr.FindUndefined(want); ok {
		t.Errorf("undefined still at %q", path)
	}
	if got := expr.Clean(expr.Undefined); got != nil {
		t.Errorf("clean Undefined is %v", got)
	}
}

func FuzzTemplate(f *testing.F) {
	for _, s := range []string{"{{a}}", "x {{ a : b }} y", "{{{{a}}}}", "{{", "}}", "{{a}}{{", "{{é.b}}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tmpl, err := expr.NewTemplate(text)
		if err != nil {
			return
		}
		if _, err := tmpl.Eval(expr.Vars{"a": 1.0}); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	})
}

func BenchmarkTemplate(b *testing.B) {
	s := vars(b, orders)
	tmpl, err := expr.NewTemplate(map[string]any{"status": "ok {{$context.data.title}}", "n": "{{$context.data.title}}", "one": 1})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tmpl.Eval(s); err != nil {
			b.Fatal(err)
		}
	}
}
