package expr_test

import (
	"context"
	"reflect"
	"strings"
	"sync"
	"testing"

	"alur/engine/expr"
)

const sums = `{"a": 5, "text": "12", "null": null, "list": [1, 2, 3], "names": ["x", "y"], "rows": [{"price": 2.5, "qty": 2}, {"price": 1, "qty": 3}],
	"o": {"k": 2}, "d1": "2024-02-01", "d2": "2024-03-01", "yes": true, "iso": "2024-01-02T03:04:05.678Z", "money": "$& $1"}`

func TestExpression(t *testing.T) {
	t.Parallel()
	s := vars(t, sums)
	const (
		m = expr.MathJS
		f = expr.FormulaJS
		p = expr.Plain
	)
	tests := []struct {
		engine, text string
		want         string // JSON
		err          string // beginning of the error
	}{
		{m, "", `null`, ""}, {f, " \n", `null`, ""}, {p, "", `""`, ""},
		{m, "0.1 + 0.2", `0.3`, ""}, {m, "100*2.3", `230`, ""}, {f, "100*2.3", `230`, ""}, {m, "1/3", `0.333333333`, ""},
		{m, "1/0", `null`, ""}, {f, "1/0", `null`, ""}, {f, "0/0", `null`, ""}, {m, "-1/0", `null`, ""},
		{m, "{{a}} * 2", `10`, ""}, {m, "{{ a }} * {{a}}", `25`, ""}, {m, "{{text}} + 1", `13`, ""}, {f, "{{text}} + 1", `"121"`, ""},
		{f, "{{null}} + 1", `1`, ""}, {f, "{{missing}} + 1", `1`, ""}, {f, "{{yes}} + 1", `2`, ""},
		{m, "{{null}} + 1", ``, "TypeError: Unexpected type of argument in function addScalar"},
		{m, "{{missing}} * 1", ``, "TypeError: "}, {m, "{{null}} == null", `true`, ""},
		{m, "1 +", ``, "SyntaxError: Unexpected end of expression (char 4)"}, {m, "nope", ``, "Error: Undefined symbol nope"},
		{m, "{{list}}[1]", `1`, ""}, {m, "{{list}}[0]", ``, "IndexError: "}, {f, "{{list}}[0]", `1`, ""},
		{m, "range(1,3,1)", `[1,2,3]`, ""}, {m, "numeric('123')", `123`, ""}, {m, "[1,2;3,4] * 2", `[[2,4],[6,8]]`, ""},
		{m, "2 ^ 3 ^ 2", `512`, ""}, {m, "-2 ^ 2", `-4`, ""}, {m, "2(3+4)", `14`, ""}, {m, "2 {{a}}", `10`, ""}, {m, "10 + 5%", `10.5`, ""},
		{m, "-7 mod 3", `2`, ""}, {f, "-7 % 3", `-1`, ""}, {m, "1 < 2 < 3", `true`, ""}, {m, "{{a}} > 3 ? \"many\" : \"few\"", `"many"`, ""},
		{m, "round(2.345, 2)", `2.35`, ""}, {m, "sum({{rows.qty}})", `5`, ""}, {m, "dot({{rows.price}}, {{rows.qty}})", `8`, ""},
		{m, "bigint(3)", `3`, ""}, {m, "sqrt(-4)", `{"mathjs":"Complex","re":0,"im":2}`, ""}, {m, "f(x) = x", `null`, ""},
		{m, "import({a: 1})", ``, "Error: Function import is disabled"}, {m, "createUnit(\"foo\")", ``, "Error: Function createUnit is disabled"},
		{m, "config({number: \"BigNumber\"})", ``, "Error: Function config is disabled"}, {m, "bigint(2) ^ bigint(100000000)", ``, "RangeError: "},
		{f, "CONCATENATE('a', '{{a}}')", `"a$$0"`, ""}, {f, "CONCATENATE({{names}}, {{a}})", `"xy5"`, ""}, {f, "CONCAT({{money}}, '!')", `"$& $1!"`, ""},
		{f, "SUMPRODUCT({{rows.price}}, {{rows.qty}})", `8`, ""}, {f, "IF({{a}} > 3, 'many', 'few')", `"many"`, ""},
		{f, "ROUND(1.005, 2)", `1.01`, ""}, {f, "DAYS({{d2}}, {{d1}}) + 1", `30`, ""}, {f, "{{list}}.map(x => x * 2)", `[2,4,6]`, ""},
		{f, "`${{{a}}} pieces`", `"5 pieces"`, ""}, {f, "{n: {{a}}}", `{"n":5}`, ""}, {f, "1;", `1`, ""}, {f, "{{o.k}} // twice", `2`, ""},
		{f, "SQRT(-1)", ``, "Error: #NUM!"}, {f, "nope()", ``, "ReferenceError: nope is not defined"}, {f, "1 +", ``, "SyntaxError: "},
		{f, "1; 2", ``, "SyntaxError: "}, {f, "1); (2", ``, "SyntaxError: "}, {f, "2n ** 9n", ``, "SyntaxError: BigInt"}, {f, "new Date(0)", `"1970-01-01T00:00:00.000Z"`, ""},
		{f, "undefined", `null`, ""}, {f, "[NaN, 1]", `[null,1]`, ""}, {f, "{{this.a}}", ``, "SyntaxError: "},
		{p, "{{a}} of {{list}}, {{o}}: {{yes}}{{null}}{{missing}} {{money}}", `"5 of 1,2,3, {\"k\":2}: true $& $1"`, ""},
		{p, "{{this.a}} {{a|b}} {{iso}}", `"{{this.a}} {{a|b}} 2024-01-02T03:04:05.678Z"`, ""},
		{"nope", "1", ``, `there is no calculation engine "nope"`},
	}
	for _, tc := range tests {
		got, err := eval(tc.engine, tc.text, s)
		if tc.err != "" {
			if err == nil || !strings.HasPrefix(err.Error(), tc.err) {
				t.Errorf("%s %q: %v, error %v; want error %q", tc.engine, tc.text, got, err, tc.err)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, value(t, tc.want)) {
			t.Errorf("%s %q is %#v, error %v; want %s", tc.engine, tc.text, got, err, tc.want)
		}
	}
}

func eval(engine, text string, s expr.Scope) (any, error) {
	e, err := expr.Compile(engine, text)
	if err != nil {
		return nil, err
	}
	return e.Eval(context.Background(), s)
}

func TestExpressionPaths(t *testing.T) {
	t.Parallel()
	e, err := expr.Compile(expr.MathJS, "{{a.b}} + {{c}} * {{ a.b }}")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := e.Paths(), []string{"a.b", "c"}; !reflect.DeepEqual(got, want) {
		t.Errorf("paths are %v, want %v", got, want)
	}
}

// An expression neither changes the variables nor what the next one sees.
func TestExpressionsAreApart(t *testing.T) {
	t.Parallel()
	s := vars(t, `{"list": [3, 1, 2], "o": {"k": 1}}`)
	tests := []struct{ engine, first, second, want string }{
		{expr.FormulaJS, "{{list}}.sort()", "{{list}}[0]", `3`},
		{expr.FormulaJS, "Object.assign({{o}}, {k: 2})", "{{o}}.k", `1`},
		{expr.FormulaJS, "Array.prototype.evil = 1", "typeof [].evil", `"undefined"`},
		{expr.FormulaJS, "Object.prototype.evil = 1", "typeof ({}).evil", `"undefined"`},
		{expr.FormulaJS, "leak = 1", "typeof leak", `"undefined"`},
		{expr.FormulaJS, "Math.max = () => 7", "Math.max(1, [2].length)", `1`},
		{expr.FormulaJS, "SUM.evil = 1", "typeof SUM.evil", `"undefined"`},
		{expr.FormulaJS, "(() => { SUM.call = 1 })()", "typeof SUM.call", `"function"`},
		{expr.MathJS, "{{o}}.k = 5", "{{o}}.k", `1`},
		{expr.MathJS, "pi = 3", "round(pi, 2) + zeros(1)[1]", `3.14`},
		{expr.MathJS, "sqrt(x) = 5", "sqrt(9) + zeros(1)[1]", `3`},
	}
	for _, tc := range tests {
		_, _ = eval(tc.engine, tc.first, s) // may be refused
		got, err := eval(tc.engine, tc.second, s)
		if err != nil || !reflect.DeepEqual(got, value(t, tc.want)) {
			t.Errorf("after %q, %q is %v (%v), want %s", tc.first, tc.second, got, err, tc.want)
		}
	}
}

// What an expression tries must neither leave the engine nor stop the process.
func TestExpressionLimits(t *testing.T) {
	t.Parallel()
	tests := []struct{ engine, text, err string }{ // err "" wants any answer
		{expr.FormulaJS, "({}).constructor.constructor('return 1')()", "EvalError: "},
		{expr.FormulaJS, "(() => {}).constructor('return 1')()", "EvalError: "},
		{expr.FormulaJS, "(async () => {}).constructor('return 1')()", "EvalError: "},
		{expr.FormulaJS, "(function* () {}).constructor('return 1')()", "EvalError: "},
		{expr.FormulaJS, "eval('1')", "ReferenceError: "},
		{expr.FormulaJS, "process.exit()", "TypeError: "},
		{expr.FormulaJS, "require('fs')", "TypeError: "},
		{expr.FormulaJS, "globalThis.x", "TypeError: "},
		{expr.FormulaJS, "library.get('SUM')", "ReferenceError: "},
		{expr.FormulaJS, "(() => { for (;;); })()", "Error: the calculation "},
		{expr.FormulaJS, "(() => { throw {toString() { for (;;); }} })()", "Error: the calculation "},
		{expr.FormulaJS, "({toJSON() { for (;;); }})", "Error: the calculation "},
		{expr.FormulaJS, "(() => { try { for (;;); } finally { for (;;); } })()", "Error: the calculation "},
		{expr.FormulaJS, "(() => { let s = 'x'; for (;;) s += s })()", "Error: the calculation "},
		{expr.FormulaJS, "(function f() { f() })()", "RangeError: Maximum call stack"},
		{expr.FormulaJS, "'x'.repeat(2 ** 40)", "RangeError: "},
		{expr.FormulaJS, "'x'.padEnd(2 ** 40)", "RangeError: "},
		{expr.FormulaJS, "REPT('x', 2 ** 40)", ""},
		{expr.FormulaJS, "new Array(2 ** 32 - 1).join('x')", "RangeError: "},
		{expr.FormulaJS, "Array.prototype.fill.call({length: 2 ** 40}, 0)", "RangeError: "},
		{expr.FormulaJS, "Array.from({length: 1e9})", "RangeError: "},
		{expr.FormulaJS, "new Uint8Array(8e9)", "RangeError: "},
		{expr.FormulaJS, "'x'.repeat(1e6).replace(/x/g, 'y'.repeat(1e6))", "RangeError: "},
		{expr.FormulaJS, "/^(?=x?)(a+)+$/.test('a'.repeat(40) + 'b')", ""},
		{expr.FormulaJS, "/x|^(a+)+\\1$/g.test('a'.repeat(40) + 'b')", ""},
		{expr.FormulaJS, strings.Repeat("(", 20_000), "SyntaxError: an expression has at most"},
		{expr.FormulaJS, strings.Repeat("!", 15_000) + "1", ""},
		{expr.MathJS, strings.Repeat("(", 15_000) + "1", ""},
		{expr.MathJS, "zeros(100000, 100000)", "Error: the calculation "},
		{expr.MathJS, `evaluate("import({a: 1})")`, "Error: Function import is disabled"},
		{expr.MathJS, `parse("1").constructor`, "Error: "},
		{expr.MathJS, `"a".constructor`, "Error: "},
		{expr.MathJS, strings.Repeat("1+", 10_000) + "x", "SyntaxError: an expression has at most"},
	}
	for _, tc := range tests {
		t.Run(tc.text[:min(len(tc.text), 40)], func(t *testing.T) {
			t.Parallel()
			v, err := eval(tc.engine, tc.text, expr.Vars{})
			if tc.err != "" && (err == nil || !strings.HasPrefix(err.Error(), tc.err)) {
				t.Errorf("%v, error %v; want error %q", v, err, tc.err)
			}
		})
	}
}

func TestEvalStopsWithItsContext(t *testing.T) {
	t.Parallel()
	e, err := expr.Compile(expr.FormulaJS, "(() => { for (;;); })() + 1")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if v, err := e.Eval(ctx, expr.Vars{}); err == nil {
		t.Errorf("a canceled calculation gave %v", v)
	}
}

func TestEvalInParallel(t *testing.T) {
	t.Parallel()
	e, err := expr.Compile(expr.MathJS, "{{n}} + norm([3, 4])")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := range 50 {
				n := float64(worker*1000 + i)
				if got, err := e.Eval(t.Context(), expr.Vars{"n": n}); err != nil || got != n+5 {
					t.Errorf("%v + 5 is %v, %v", n, got, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkExpression(b *testing.B) {
	s := vars(b, sums)
	for _, bc := range []struct{ name, engine, text string }{
		{"math native", expr.MathJS, "{{a}} * 2.5 + {{o.k}}"},
		{"math library", expr.MathJS, "{{a}} * 2.5 + norm({{o.k}})"},
		{"formula native", expr.FormulaJS, "ROUND({{a}} * 2.345, 2)"},
		{"formula library", expr.FormulaJS, "FIXED({{a}} * 2.345, 2)"},
		{"string", expr.Plain, "{{a}} of {{text}}"},
	} {
		b.Run(bc.name, func(b *testing.B) {
			e, err := expr.Compile(bc.engine, bc.text)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := e.Eval(b.Context(), s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
