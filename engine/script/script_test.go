package script_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"alur/engine/script"
	"alur/engine/script/scripttest"
)

func TestRun(t *testing.T) {
	t.Parallel()
	p := scripttest.New(t, script.Options{})
	order := map[string]any{"id": 7.0, "rows": []any{map[string]any{"p": 2.0, "q": 3.0}}}
	tests := []struct {
		name, source string
		want         any
		returned     bool
		log          string
		err          string
		line         int
	}{
		{name: "return", source: "return 1 + 1", want: 2.0, returned: true},
		{name: "no return", source: "1 + 1"},
		{name: "empty", source: ""},
		{name: "comment at the end", source: "return 1 // one", want: 1.0, returned: true},
		{name: "return nothing", source: "return", returned: true},
		{name: "return undefined", source: "return undefined", returned: true},
		{name: "undefined inside", source: "return [undefined, {a: undefined}]", want: []any{nil, map[string]any{}}, returned: true},
		{name: "argument", source: "return order.rows[0].p * order.rows[0].q", want: 6.0, returned: true},
		{name: "date in an argument", source: "return typeof at + new Date(at).getUTCFullYear()", want: "string2024", returned: true},
		{name: "date in a result", source: "return new Date(0)", want: "1970-01-01T00:00:00.000Z", returned: true},
		{name: "await", source: "const n = await Promise.resolve(4); return n", want: 4.0, returned: true},
		{name: "async function", source: "async function f() { await null; return 5 } return await f()", want: 5.0, returned: true},
		{name: "promise returned", source: "return Promise.all([1, Promise.resolve(2)])", want: []any{1.0, 2.0}, returned: true},
		{name: "never settled", source: "await new Promise(() => {})", err: "Error: The script waits for a promise"},
		{name: "rejected", source: "\nawait Promise.reject(new RangeError('far'))", err: "RangeError: far", line: 2},
		{name: "thrown error", source: "const a = 1\nthrow new TypeError('bad')", err: "TypeError: bad", line: 2},
		{name: "thrown text", source: "throw 'no'", err: "no"},
		{name: "thrown object", source: "throw {code: 4}", err: `{"code":4}`},
		{name: "unknown name", source: "\n\nnope()", err: "ReferenceError: nope is not defined", line: 3},
		{name: "syntax", source: "return 1\nreturn (", err: "SyntaxError: Unexpected token", line: 3},
		{name: "closing brace", source: "}); (async () => {", err: "SyntaxError: The braces"},
		{name: "not a number", source: "return NaN", returned: true},
		{name: "console", source: "console.log('a', 1, {b: [true]}, null, undefined); console.warn('w'); console.error(new Error('e')); console.assert(1 > 2, 'one'); console.group('g'); console.table([1])",
			log: "[info] a 1 {\"b\":[true]} null undefined\n[warn] w\n[error] Error: e\n[error] Assertion failed: one\n[info] [1]\n"},
		{name: "log of a failure", source: "console.log('before'); throw new Error('x')", err: "Error: x", log: "[info] before\n", line: 1},
		{name: "random", source: "const r = Math.random(); return r >= 0 && r < 1 && Date.now() > 1.7e12", want: true, returned: true},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			res, err := p.Run(t.Context(), script.Request{Key: "test", Source: tc.source, Args: []script.Arg{
				{Name: "order", Value: order}, {Name: "at", Value: "2024-01-02T03:04:05Z"},
			}})
			if tc.err != "" {
				e, ok := errors.AsType[*script.Error](err)
				if !ok || !strings.HasPrefix(e.Message, tc.err) || e.Limit != "" || e.Log != tc.log || e.Line != tc.line {
					t.Fatalf("error %#v, want %q with log %q in line %d", err, tc.err, tc.log, tc.line)
				}
				return
			}
			want := script.Result{Value: tc.want, Returned: tc.returned, Log: tc.log}
			if err != nil || !reflect.DeepEqual(res, want) {
				t.Errorf("got %#v, error %v; want %#v", res, err, want)
			}
		})
	}
}
