package expr

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/dop251/goja"
	"pgregory.net/rapid"

	"alur/engine/expr/library"
)

// nativeWords are what is generated beside numbers and parameters.
var nativeWords = map[string][]string{
	MathJS:    {"true", "false", "null", "pi", `"a"`, `""`},
	FormulaJS: {"true", "false", "null", `"a"`, `'B c'`, `"12"`, `" 7 "`, `""`, `"2024-02-29"`},
}

// TestNativeAgrees compares the native path with the original library on
// generated expressions.
func TestNativeAgrees(t *testing.T) {
	t.Parallel()
	for engine, dialect := range dialects {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			answered := 0
			rapid.Check(t, func(rt *rapid.T) {
				g := generator{T: rt, dialect: dialect, words: nativeWords[engine]}
				for range 5 {
					c := &code{source: g.expression(3), params: 4}
					if compare(rt, engine, dialect, c, g.args(4)) {
						answered++
					}
				}
			})
			t.Logf("%d expressions compared", answered)
			if answered == 0 {
				t.Error("no generated expression took the native path")
			}
		})
	}
}

// compare reports whether the native path answered.
func compare(t *rapid.T, engine string, d *dialect, c *code, args []any) bool {
	quick := compileNative(d, c)
	if quick == nil {
		return false
	}
	value, ok := quick(args)
	if !ok {
		return false
	}
	got, ok := value.result()
	if !ok {
		return false
	}
	want, err := fromLibrary(context.Background(), engine, c, args)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%s with %#v is %#v natively, and %#v (error %v) by the library", c.source, args, got, want, err)
	}
	return true
}

// generator makes expressions that are mostly, though not always, legal.
type generator struct {
	*rapid.T
	*dialect
	words []string
}

func (g generator) pick(label string, of []string) string {
	return rapid.SampledFrom(of).Draw(g.T, label)
}

func (g generator) expression(depth int) string {
	if depth == 0 {
		return g.leaf()
	}
	switch rapid.IntRange(0, 9).Draw(g.T, "shape") {
	case 0:
		return g.leaf()
	case 1:
		return "(" + g.expression(depth-1) + ")"
	case 2:
		return g.pick("prefix", sortedKeys(g.prefix)) + " " + g.expression(depth-1)
	case 3:
		return g.expression(depth-1) + " ? " + g.expression(depth-1) + " : " + g.expression(depth-1)
	case 4, 5:
		name := g.pick("function", sortedKeys(g.functions))
		fn := g.functions[name]
		parts := make([]string, rapid.IntRange(fn.least, min(fn.most, fn.least+2)).Draw(g.T, "arguments"))
		for i := range parts {
			parts[i] = g.expression(depth - 1)
		}
		return name + "(" + strings.Join(parts, ", ") + ")"
	}
	space := g.pick("space", []string{" ", " ", ""})
	op := g.pick("operator", sortedKeys(g.binary))
	if op[0] >= 'a' {
		space = " "
	}
	return g.expression(depth-1) + space + op + space + g.expression(depth-1)
}

func (g generator) leaf() string {
	switch rapid.IntRange(0, 5).Draw(g.T, "leaf") {
	case 0:
		return g.pick("word", g.words)
	case 1, 2:
		return fmt.Sprintf("$$%d", rapid.IntRange(0, 3).Draw(g.T, "parameter"))
	}
	return g.pick("number", []string{"0", "1", "2", "3", "7", "10", "100", "0.1", "0.2", "2.5", "1.005", ".5", "1e3", "1e-7", "9007199254740993", "3.14159265358979", "1.0000000000001"})
}

func (g generator) args(n int) []any {
	args := make([]any, n)
	for i := range args {
		args[i] = g.arg(true)
	}
	return args
}

func (g generator) arg(lists bool) any {
	most := 9
	if !lists {
		most = 7
	}
	switch rapid.IntRange(0, most).Draw(g.T, "argument") {
	case 0:
		return nil
	case 1:
		return rapid.Bool().Draw(g.T, "boolean")
	case 2:
		return g.pick("text", []string{"", "a", "Ä", "12", "-1.5", " 3 ", "1e3", "0x10", "2024-03-31", "2024-10-27", "2024-06-28T22:30:00.000Z", "\U0001F600"})
	case 3, 4:
		return float64(rapid.IntRange(-1000, 1000).Draw(g.T, "integer"))
	case 5:
		return float64(rapid.IntRange(-100_000, 100_000).Draw(g.T, "cents")) / 100
	case 6, 7:
		return rapid.Float64Range(-1e6, 1e6).Draw(g.T, "float")
	}
	list := make([]any, rapid.IntRange(0, 4).Draw(g.T, "length"))
	for i := range list {
		list[i] = g.arg(false)
	}
	return list
}

// TestRoundAgrees compares the rounding of results with math.js.
func TestRoundAgrees(t *testing.T) {
	t.Parallel()
	numbers := []float64{0, 0.1 + 0.2, 1.0000000005, 1.00000000049999, 1e-9, 5e-10, 4.9e-10, 1e-10, 123456789.1234567891, 1e21, 1.5e300, 5e-324,
		0.9999999995, 0.99999999949, 9.9999999999, 1e15 + 0.5, 2.5e-9, 1.9999999999999998, 0.0000000015, 100.0000000005}
	for i := range 300 {
		numbers = append(numbers, math.Sin(float64(i))*math.Pow(10, float64(i%25-12)))
	}
	rt := goja.New()
	entry, err := library.MathJS.Load(rt)
	if err != nil {
		t.Fatal(err)
	}
	round, _ := goja.AssertFunction(entry.Get("round"))
	for _, x := range numbers {
		for _, x := range []float64{x, -x} {
			v, err := round(goja.Undefined(), rt.ToValue(x))
			if err != nil {
				t.Fatal(err)
			}
			if got := normal(x); got != v.ToFloat() {
				t.Errorf("%v is rounded to %v, by math.js to %v", x, got, v.ToFloat())
			}
		}
	}
}

// TestFrozenFunctionsWork compares Formula.js in a frozen runtime with itself in
// a fresh one: freezing must not break what the library does inside.
func TestFrozenFunctionsWork(t *testing.T) {
	t.Parallel()
	fresh := goja.New()
	entry, err := library.FormulaJS.Load(fresh)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range entry.Get("names").Export().([]any) {
		get, _ := goja.AssertFunction(entry.Get("get"))
		fn, _ := get(goja.Undefined(), fresh.ToValue(name))
		if err := fresh.Set(name.(string), fn); err != nil {
			t.Fatal(err)
		}
	}
	for _, source := range []string{
		"TEXT(1234.567, '#,##0.00')", "FIXED(1234.567, 1)", "SUBSTITUTE('a-b-c', '-', '+')", "PROPER('ann lee')", "SPLIT('a,b', ',')",
		"TEXTJOIN('-', true, ['a', '', 'b'])", "SUMIF([1, 2, 3], '>1')", "COUNTIF(['ab', 'ac', 'b'], 'a*')", "SUMIFS([1,2,3], [1,2,3], '>1')",
		"AVERAGEIF([1, 2, 3], '>1')", "VLOOKUP(2, [[1, 'a'], [2, 'b']], 2, false)", "HLOOKUP('b', [['a', 'b'], [1, 2]], 2, false)", "MATCH(2, [1, 2, 3], 0)",
		"INDEX([[1, 2], [3, 4]], 2, 1)", "SORT([3, 1, 2])", "UNIQUE([1, 1, 2])", "TRANSPOSE([[1, 2], [3, 4]])", "MMULT([[1, 2]], [[3], [4]])",
		"STDEV([1, 2, 3, 4])", "MEDIAN(1, 5, 3)", "PERCENTILE([1, 2, 3, 4], 0.3)", "CORREL([1, 2, 3], [2, 4, 7])", "LINEST([1, 2, 3], [1, 2, 3])", "RANK(2, [1, 2, 3])",
		"NORMDIST(1, 0, 1, true)", "BETADIST(0.4, 8, 10)", "GAMMALN(4)", "TDIST(1, 10, 2)", "CHIDIST(3, 4)", "PMT(0.05, 12, 1000)", "IRR([-100, 60, 60])", "NPV(0.1, 100, 100)",
		"DATE(2024, 2, 29)", "EDATE('2024-01-31', 1)", "EOMONTH('2024-01-31', 1)", "WEEKDAY('2024-02-29')", "WEEKNUM('2024-02-29')", "ISOWEEKNUM('2024-02-29')",
		"NETWORKDAYS('2024-02-01', '2024-02-29')", "WORKDAY('2024-02-01', 10)", "DATEDIF('2024-01-01', '2024-03-01', 'd')", "YEARFRAC('2024-01-01', '2024-07-01')", "DATEVALUE('2024-02-29')", "TIMEVALUE('12:00')",
		"HOUR('2024-02-29T12:30:00')", "DAYS('2024-03-01', '2024-02-01')", "YEAR('2024-02-29')", "MONTH('2024-02-29')", "BASE(255, 16)", "DEC2HEX(255)", "BITAND(6, 3)", "ROMAN(2024)", "ARABIC('MMXXIV')",
		"COMPLEX(1, 2)", "IMSUM('1+2i', '3')", "CONVERT(1, 'km', 'm')", "SWITCH(2, 1, 'a', 2, 'b')", "IFS(false, 1, true, 2)", "IFERROR(SQRT(-1), 'none')", "CHOOSE(2, 'a', 'b')", "REPT('ab', 3)",
		"REGEXEXTRACT('ab12', '[0-9]+')", "SEARCH('b', 'abc')", "FIND('b', 'abc')", "REPLACE('abc', 1, 1, 'x')", "EXACT('a', 'a')", "CHAR(65)", "CODE('A')", "TRIM(' a  b ')", "VALUE('12.5')", "DOLLAR(12.5)", "NUMBERVALUE('1.234,5', ',', '.')",
		"MOD(-7, 3)", "ROUND(-2.5)", "CEILING(2.1, 1)", "FLOOR(2.9, 1)", "MROUND(10, 3)", "GCD(12, 18)", "FACT(5)", "COMBIN(5, 2)", "PRODUCT(2, 3)", "SUMSQ(3, 4)", "SUMX2MY2([1, 2], [3, 4])", "SERIESSUM(1, 0, 1, [1, 1])",
		"AGGREGATE(9, 4, [1, 2])", "SUBTOTAL(9, [1, 2])", "FREQUENCY([1, 2, 3], [2])", "MODEMULT([1, 1, 2])", "GROWTH([1, 2, 4])", "TREND([1, 2, 3])", "FORECAST(4, [1, 2, 3], [1, 2, 3])", "DSUM([['a', 1]], 'a', [['a', '>0']])",
		"[3, 1, 2].sort().reverse().join('/')", "'a,b'.split(',').map(s => s.toUpperCase())", "JSON.parse('[1]')", "'abc'.replace(/b/, 'x')", "Object.keys({a: 1})", "new Date('2024-02-29').getUTCDay()", "[1, [2, [3]]].flat(9)",
	} {
		run, _ := goja.AssertFunction(entry.Get("run"))
		wrapped, err := fresh.RunString("(() => (" + source + "))")
		if err != nil {
			t.Fatal(err)
		}
		var want any
		v, wantErr := run(goja.Undefined(), wrapped)
		if wantErr == nil {
			want = exported(t, v)
		}
		got, err := fromLibrary(t.Context(), FormulaJS, &code{source: source}, nil)
		if (err != nil) != (wantErr != nil) || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %v (%v) when frozen, %v (%v) otherwise", source, got, err, want, wantErr)
		}
	}
}

// exported reads what jsonValue (library/result.js) returned.
func exported(t *testing.T, v goja.Value) any {
	t.Helper()
	switch v := v.Export().(type) {
	case int64:
		return float64(v)
	case float64:
		return normal(v)
	case map[string]any:
		var out any
		if err := json.Unmarshal([]byte(v["json"].(string)), &out); err != nil {
			t.Fatal(err)
		}
		return out
	default:
		return v
	}
}
