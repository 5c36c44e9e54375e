package expr_test

import (
	"strings"
	"testing"
	"time"

	"alur/engine/expr"
)

// ownOpposites are our operators that are true where the others are not.
var ownOpposites = map[string]string{
	"empty": "notEmpty", "equalNoCase": "notEqualNoCase", "includesNoCase": "notIncludesNoCase", "sameDay": "notSameDay",
}

// TestOwnOperators has the operators that the reference does not know.
func TestOwnOperators(t *testing.T) {
	t.Parallel()
	tests := []struct{ op, a, b, want string }{ // T, F, or E for an error
		{"empty", `null`, ``, "T"}, {"empty", `⊥`, ``, "T"}, {"empty", `""`, ``, "T"}, {"empty", `[]`, ``, "T"}, {"empty", `{}`, ``, "T"},
		{"empty", `0`, ``, "F"}, {"empty", `false`, ``, "F"}, {"empty", `" "`, ``, "F"}, {"empty", `[null]`, ``, "F"}, {"empty", `[""]`, ``, "F"},
		{"empty", `{"a": null}`, ``, "F"}, {"empty", `"2024-06-28"`, ``, "F"}, {"empty", `1`, ``, "F"}, {"empty", `true`, ``, "F"},

		{"equalNoCase", `"Paid"`, `"pAID"`, "T"}, {"equalNoCase", `"ÄÖÜ"`, `"äöü"`, "T"}, {"equalNoCase", `"Σίσυφος"`, `"ΣΊΣΥΦΟΣ"`, "T"},
		{"equalNoCase", `"straße"`, `"STRASSE"`, "F"}, {"equalNoCase", `"paid"`, `"paid "`, "F"}, {"equalNoCase", `"ПРИВЕТ"`, `"привет"`, "T"},
		{"equalNoCase", `null`, `null`, "F"}, {"equalNoCase", `⊥`, `null`, "F"}, {"equalNoCase", `null`, `""`, "F"}, {"equalNoCase", `"null"`, `null`, "F"},
		{"equalNoCase", `1`, `"1"`, "T"}, {"equalNoCase", `12`, `13`, "F"}, {"equalNoCase", `true`, `1`, "T"}, {"equalNoCase", `true`, `"TRUE"`, "F"},
		{"equalNoCase", `["A","b"]`, `"a,B"`, "T"}, {"equalNoCase", `"a,B"`, `["A","b"]`, "T"}, {"equalNoCase", `["a"]`, `["a"]`, "F"}, {"equalNoCase", `{}`, `"[OBJECT object]"`, "T"},
		{"equalNoCase", `"2024-06-28T10:00:00.000Z"`, `"2024-06-28T12:00:00.000+02:00"`, "T"}, {"equalNoCase", `""`, `""`, "T"},

		{"includesNoCase", `"Unpaid"`, `"PAID"`, "T"}, {"includesNoCase", `"Größe"`, `"GRÖ"`, "T"}, {"includesNoCase", `"Kelvin K"`, `"\u212a"`, "T"},
		{"includesNoCase", `"paid"`, `"sold"`, "F"}, {"includesNoCase", `"a1B"`, `1`, "T"}, {"includesNoCase", `"x"`, `""`, "T"}, {"includesNoCase", `"null"`, `null`, "F"},
		{"includesNoCase", `["VIP", "new"]`, `"vip"`, "T"}, {"includesNoCase", `["VIP"]`, `"vi"`, "F"}, {"includesNoCase", `[1, 2]`, `2`, "T"}, {"includesNoCase", `[1, 2]`, `"2"`, "F"},
		{"includesNoCase", `[null]`, `null`, "F"}, {"includesNoCase", `[]`, `"a"`, "F"}, {"includesNoCase", `null`, `"a"`, "F"}, {"includesNoCase", `⊥`, `"a"`, "F"},
		{"includesNoCase", `1`, `1`, "E"}, {"includesNoCase", `{"a": 1}`, `"a"`, "E"}, {"includesNoCase", `"ſee"`, `"SEE"`, "T"},

		// The scope is in New York: the 28th ends at 04:00 UTC of the 29th.
		{"sameDay", `"2024-06-28T23:00:00.000Z"`, `"2024-06-29T03:59:59.999Z"`, "T"}, {"sameDay", `"2024-06-28T23:00:00.000Z"`, `"2024-06-29T04:00:00.000Z"`, "F"},
		{"sameDay", `"2024-06-29T03:00:00Z"`, `"2024-06-28"`, "T"}, {"sameDay", `"2024-06-29T03:00Z"`, `"2024-06-28"`, "T"}, {"sameDay", `"2024-06-28"`, `"2024-06-28"`, "T"},
		{"sameDay", `1719631800000`, `"2024-06-28"`, "T"}, {"sameDay", `1719634200000`, `"2024-06-28"`, "F"}, {"sameDay", `"2024-06-28"`, `"2024-06-28+08:00"`, "T"},
		{"sameDay", `"2024-06-28T23:30:00"`, `"2024-06-28"`, "T"}, {"sameDay", `"2024-06-28 23:30"`, `"2024-06-28"`, "T"}, {"sameDay", `"2024-06-29T09:00:00+08:00"`, `"2024-06-28"`, "T"},
		{"sameDay", `null`, `null`, "F"}, {"sameDay", `⊥`, `"2024-06-28"`, "F"}, {"sameDay", `""`, `""`, "F"}, {"sameDay", `"soon"`, `"soon"`, "F"}, {"sameDay", `true`, `true`, "F"},
		{"sameDay", `"2024-06"`, `"2024-06-01"`, "F"}, {"sameDay", `"2024-02-30"`, `"2024-02-30"`, "F"}, {"sameDay", `["2024-06-28"]`, `"2024-06-28"`, "F"}, {"sameDay", `{}`, `{}`, "F"},
		{"sameDay", `NaN`, `NaN`, "F"}, {"sameDay", `1e300`, `1e300`, "F"},
		{"beforeDay", `"2024-06-28"`, `"2024-06-29"`, "T"}, {"beforeDay", `"2024-06-28T10:00:00Z"`, `"2024-06-28T11:00:00Z"`, "F"}, {"beforeDay", `"2023-12-31"`, `"2024-01-01"`, "T"},
		{"beforeDay", `"2024-06-29"`, `"2024-06-28"`, "F"}, {"beforeDay", `null`, `"2024-06-28"`, "F"}, {"beforeDay", `"2024-06-28"`, `⊥`, "F"}, {"beforeDay", `0`, `"1970-01-01"`, "T"},
		{"afterDay", `"2024-06-29"`, `"2024-06-28"`, "T"}, {"afterDay", `"2024-06-29T03:00:00Z"`, `"2024-06-28"`, "F"}, {"afterDay", `"2024-06-29T05:00:00Z"`, `"2024-06-28"`, "T"},
		{"afterDay", `"2024-06-28"`, `"2024-06-28"`, "F"}, {"afterDay", `"later"`, `"2024-06-28"`, "F"},
	}
	for _, tc := range tests {
		if got := outcome(t, tc.op, tc.a, tc.b); got != tc.want {
			t.Errorf("%s %s %s is %s, want %s", tc.a, tc.op, tc.b, got, tc.want)
		}
		if opposite := ownOpposites[tc.op]; opposite != "" {
			if got, want := outcome(t, opposite, tc.a, tc.b), map[string]string{"T": "F", "F": "T", "E": "E"}[tc.want]; got != want {
				t.Errorf("%s %s %s is %s, want %s", tc.a, opposite, tc.b, got, want)
			}
		}
	}
}

// inNewYork is a scope with a zone of its own.
type inNewYork struct{ expr.Vars }

func (inNewYork) Zone() *time.Location {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		panic(err)
	}
	return zone
}

// TestDaysWithoutAZone are those of UTC, and a structure that is made of variables
// keeps the zone of its scope.
func TestDaysWithoutAZone(t *testing.T) {
	t.Parallel()
	vars := expr.Vars{"op": "sameDay", "at": "2024-06-29T03:00:00Z"}
	for name, fixed := range map[string]string{"fixed": "sameDay", "of a variable": "{{op}}"} {
		c, err := expr.NewCondition(map[string]any{"calculator": fixed, "operands": []any{"{{at}}", "2024-06-28"}})
		if err != nil {
			t.Fatal(err)
		}
		if ok, err := c.Eval(vars); ok || err != nil {
			t.Errorf("%s: the 28th in UTC: %v, %v", name, ok, err)
		}
		heard := expr.Hear(inNewYork{vars})
		for _, scope := range []expr.Scope{inNewYork{vars}, heard, heard.Again()} {
			if ok, err := c.Eval(scope); !ok || err != nil {
				t.Errorf("%s: not the 28th in New York with a %T: %v, %v", name, scope, ok, err)
			}
		}
	}
}

func TestCheckOfOwnOperators(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ json, words string }{
		{`{"calculator": "empty", "operands": ["{{a}}"]}`, ""},
		{`{"calculator": "empty", "operands": ["{{a}}", 1]}`, `"empty" looks at one value, but was given 2`},
		{`{"calculator": "notEmpty", "operands": [1, 2, 3]}`, `"notEmpty" looks at one value, but was given 3`},
		{`{"calculator": "sameDay", "operands": ["{{a}}", "2026-05-07"]}`, ""},
		{`{"calculator": "sameDay", "operands": ["{{a}}", ""]}`, ""},
		{`{"calculator": "sameDay", "operands": ["{{a}}"]}`, ""},
		{`{"calculator": "sameDay", "operands": ["{{a}}", "on {{b}}"]}`, ""},
		{`{"calculator": "sameDay", "operands": ["{{a}}", "07.05.2026"]}`, "“07.05.2026” is no date"},
		{`{"calculator": "afterDay", "operands": [true, "{{a}}"]}`, "“true” is no date"},
		{`{"calculator": "beforeDay", "operands": [["2026-05-07"], "{{a}}"]}`, "has no day"},
		{`{"group": {"type": "or", "calculations": [{"calculator": "notSameDay", "operands": ["{{a}}", "soon"]}]}}`, "“soon” is no date"},
		{`{"calculator": "samedayNoCase", "operands": ["{{a}}", "x"]}`, "no calculator function"},
	} {
		c, err := expr.NewCondition(value(t, tc.json))
		if err != nil {
			t.Fatal(err)
		}
		if got := errText(c.Check()); got != tc.words && (tc.words == "" || !strings.Contains(got, tc.words)) {
			t.Errorf("%s: %q, want %q", tc.json, got, tc.words)
		}
	}
}
