package expr_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"alur/engine/expr"
)

const scene = `{"null": null, "zero": 0, "one": 1, "text": "paid", "empty": "", "yes": true, "no": false,
	"list": [1, "2", null], "list2": [1, "2", null], "none": [], "none2": [], "obj": {"a": 1}, "tags": [{"name": "vip"}, {"name": "new"}, null],
	"iso": "2024-06-28T10:00:00.000Z", "same": "2024-06-28T12:00:00.000+02:00", "later": "2024-06-28T10:00:00.001Z", "day": "2024-06-28",
	"isoList": ["2024-06-28T10:00:00.000Z"], "ms": 1719568800000, "brace": "{{one}}"}`

func TestOperators(t *testing.T) {
	t.Parallel()
	s := vars(t, scene)
	s["nan"] = math.NaN()
	tests := []struct {
		op   string
		a, b string // JSON; a bare word is the variable of that name, ⊥ is a missing one
		want bool
	}{
		// Loose equality.
		{"equal", "null", "⊥", true}, {"equal", "null", "zero", false}, {"equal", "null", `""`, false},
		{"equal", "null", "no", false}, {"equal", "⊥", "⊥", true}, {"equal", "text", `"paid"`, true},
		{"equal", "text", `"Paid"`, false}, {"equal", "nan", "nan", false}, {"equal", "one", `"1"`, true},
		{"equal", "one", `" 1 "`, true}, {"equal", "zero", `""`, true}, {"equal", "16", `"0x10"`, true},
		{"equal", "1000", `"1e3"`, true}, {"equal", "1000", `"1_000"`, false}, {"equal", "one", `"one"`, false},
		{"equal", "no", "zero", true}, {"equal", "yes", `"1"`, true}, {"equal", "yes", `"true"`, false},
		{"equal", "[1]", "1", true}, {"equal", "[]", `""`, true}, {"equal", "[]", "zero", true},
		{"equal", "list", `"1,2,"`, true}, {"equal", "obj", `"[object Object]"`, true},
		{"equal", "list", "list2", false}, {"equal", "list", "list", true}, {"equal", "none", "none2", false},
		{"equal", "none", "none", true}, {"equal", "obj", "obj", true}, {"equal", "tags.name", "tags.name", true},
		{"==", "one", "1", true}, {"!=", "one", "1", false}, {"notEqual", "null", "zero", true},
		{"notEqual", "nan", "nan", true},
		// Order.
		{"gt", "2", "1", true}, {">", `"10"`, "9", true}, {"gt", `"10"`, `"9"`, false}, {"gte", "null", "0", true},
		{"gte", "⊥", "0", false}, {"lt", "⊥", "0", false}, {"lte", "⊥", "⊥", false}, {"<=", "1", "1", true},
		{"<", "1", "yes", false}, {"lte", "yes", "1", true}, {"gt", `"b"`, `"a"`, true}, {"lt", `"B"`, `"a"`, true},
		{"lt", `"abc"`, `"abcd"`, true}, {"gt", `"x"`, "1", false}, {"lt", `"x"`, "1", false}, {"gt", "[3]", "2", true},
		{"gte", "nan", "nan", false}, {"lt", "\"\U0001F600\"", "\"\uff5e\"", true}, {"gt", `"é"`, `"z"`, true},
		// Containment.
		{"includes", "list", "1", true}, {"includes", "list", `"1"`, false}, {"includes", "list", `"2"`, true},
		{"includes", "list", "null", true}, {"includes", "tags.name", `"vip"`, true}, {"includes", "text", `"ai"`, true},
		{"includes", `"123"`, "2", true}, {"includes", "text", "null", false}, {"includes", "null", `"x"`, false},
		{"includes", "⊥", `"x"`, false}, {"notIncludes", "null", `"x"`, true}, {"notIncludes", "list", "3", true},
		{"notIncludes", "text", `"ai"`, false}, {"includes", "text", `""`, true}, {"includes", "tags", "tags.0", true},
		{"startsWith", "text", `"pa"`, true}, {"startsWith", "123", "1", true}, {"startsWith", "null", `"n"`, false},
		{"startsWith", "text", "⊥", false}, {"notStartsWith", "null", `"n"`, true}, {"notStartsWith", "text", `"pa"`, false},
		{"endsWith", "text", `"id"`, true}, {"endsWith", "yes", `"ue"`, true}, {"notEndsWith", "text", `"id"`, false},
		{"notEndsWith", "text", "null", true},
		// Dates.
		{"equal", "iso", "same", true}, {"notEqual", "iso", "same", false}, {"lt", "iso", "later", true},
		{"gte", "same", "iso", true}, {"gt", "iso", "day", true}, {"equal", `"2024-06-28T00:00:00.000Z"`, "day", true},
		{"equal", "iso", "ms", true}, {"lt", "iso", "null", false}, {"gt", "iso", "null", false}, {"equal", "iso", "null", false},
		{"gt", "iso", "yes", false}, {"notEqual", "iso", "yes", true}, {"equal", "iso", `""`, false}, {"lt", "day", `"2024-06-29"`, true},
		{"equal", "iso", `"2024-06-28T10:00:00"`, true}, {"gt", "iso", `"2024"`, true}, {"gt", "iso", `"later"`, false},
		{"equal", "iso", "⊥", false}, {"includes", "isoList", "iso", true},
		// A variable's text is never a template.
		{"equal", "brace", "1", false},
	}
	for _, tc := range tests {
		c, err := expr.NewCondition(map[string]any{"calculator": tc.op, "operands": []any{operand(t, s, tc.a), operand(t, s, tc.b)}})
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.Eval(s)
		if err != nil || got != tc.want {
			t.Errorf("%s %s %s is %v (%v), want %v", tc.a, tc.op, tc.b, got, err, tc.want)
		}
	}
}

func operand(t *testing.T, s expr.Vars, text string) any {
	if _, ok := expr.Resolve(s, text); ok || text == "⊥" {
		return "{{" + strings.Replace(text, "⊥", "missing", 1) + "}}"
	}
	return value(t, text)
}

func TestConditionStructure(t *testing.T) {
	t.Parallel()
	const yes, no = `{"calculator":"equal","operands":[1,1]}`, `{"calculator":"equal","operands":[1,2]}`
	const wrong = `{"calculator":"nope","operands":[1]}`
	tests := []struct {
		name, json string
		want       bool
		err        string
	}{
		{"null", `null`, true, ""},
		{"empty", `{}`, true, ""},
		{"empty and", `{"group":{"type":"and","calculations":[]}}`, true, ""},
		{"empty or", `{"group":{"type":"or","calculations":[]}}`, false, ""},
		{"and without list", `{"group":{"type":"and"}}`, true, ""},
		{"and", `{"group":{"type":"and","calculations":[` + yes + `,` + no + `]}}`, false, ""},
		{"or", `{"group":{"type":"or","calculations":[` + no + `,` + yes + `]}}`, true, ""},
		{"nested", `{"group":{"type":"and","calculations":[` + yes + `,{"group":{"type":"or","calculations":[` + no + `,` + yes + `]}}]}}`, true, ""},
		{"and stops early", `{"group":{"type":"and","calculations":[` + no + `,` + wrong + `]}}`, false, ""},
		{"or stops early", `{"group":{"type":"or","calculations":[` + yes + `,` + wrong + `]}}`, true, ""},
		{"null item", `{"group":{"type":"and","calculations":[null]}}`, true, ""},
		{"no operands", `{"calculator":"equal"}`, true, ""},
		{"empty operands", `{"calculator":"equal","operands":[]}`, true, ""},
		{"one operand", `{"calculator":"equal","operands":[null]}`, true, ""},
		{"no calculator", `{"operands":[1,2]}`, true, ""},
		{"group wins", `{"group":{"type":"or","calculations":[]},"calculator":"equal","operands":[1,1]}`, false, ""},
		{"unknown calculator", wrong, false, `no calculator function registered for "nope"`},
		{"unknown group", `{"group":{"type":"xor","calculations":[]}}`, false, `a group of conditions is joined by "xor", which must be "and" or "or"`},
		{"null group", `{"group":null}`, false, `a group of conditions is joined by "null", which must be "and" or "or"`},
		{"number contains", `{"calculator":"includes","operands":[1,1]}`, false, `"contains" looks into a text or a list, but was given a number`},
		{"structure from variables", `{"group":"{{group}}"}`, true, ""},
		{"operator from a variable", `{"calculator":"{{op}}","operands":["{{op}}","eq"]}`, false, ""},
		{"operands from a variable", `{"calculator":"equal","operands":"{{two}}"}`, true, ""},
	}
	s := vars(t, `{"group": {"type":"and","calculations":[`+yes+`]}, "op": "startsWith", "two": [2, "2"]}`)
	s["op"] = "startsWith"
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			var c expr.Condition
			if err := json.Unmarshal([]byte(tc.json), &c); err != nil {
				t.Fatal(err)
			}
			got, err := c.Eval(s)
			if got != tc.want || errText(err) != tc.err {
				t.Errorf("got %v, error %q; want %v, %q", got, errText(err), tc.want, tc.err)
			}
			back, err := json.Marshal(c)
			if err != nil || string(back) != tc.json {
				t.Errorf("written as %s, %v", back, err)
			}
		})
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestConditionCheck(t *testing.T) {
	t.Parallel()
	var c expr.Condition
	const deep = `{"group":{"type":"or","calculations":[{"calculator":"equal","operands":[1,1]},{"calculator":"nope","operands":["{{$context.data.id}}"]}]}}`
	if err := json.Unmarshal([]byte(deep), &c); err != nil {
		t.Fatal(err)
	}
	if got := errText(c.Check()); !strings.Contains(got, `"nope"`) {
		t.Errorf("check says %q", got)
	}
	if got := c.Paths(); len(got) != 1 || got[0] != "$context.data.id" {
		t.Errorf("paths are %v", got)
	}
	if err := (expr.Condition{}).Check(); err != nil {
		t.Errorf("zero condition: %v", err)
	}
}

func BenchmarkCondition(b *testing.B) {
	s := vars(b, scene)
	var c expr.Condition
	if err := json.Unmarshal([]byte(`{"group":{"type":"and","calculations":[{"calculator":"gt","operands":["{{ms}}",0]},{"calculator":"equal","operands":["{{text}}","paid"]}]}}`), &c); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if ok, err := c.Eval(s); err != nil || !ok {
			b.Fatal(ok, err)
		}
	}
}
