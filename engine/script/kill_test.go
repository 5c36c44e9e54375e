package script_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"alur/engine/script"
	"alur/engine/script/scripttest"
)

// What ends or hangs goja in one's own process ends its own run only, with the
// name of the limit, and the next run of another key is right.
func TestKillers(t *testing.T) {
	t.Parallel()
	p := scripttest.New(t, script.Options{})
	pid := os.Getpid()
	const (
		time_  = script.LimitTime
		memory = script.LimitMemory
		stack  = script.LimitStack
	)
	tests := []struct {
		name, source string
		limits       []string // any of them; "" is an ordinary error; nil: the script may also work
	}{
		{"endless loop", "for (;;) {}", []string{time_}},
		{"endless loop that catches", "for (;;) { try { for (;;) {} } catch (e) {} finally { for (;;) {} } }", []string{time_}},
		{"endless promises", "async function f() { await null; return f() } return f()", []string{time_, memory}},
		{"endless await", "for (;;) await null", []string{time_}},
		{"recursion", "function f() { return f() } f()", []string{stack}},
		{"recursion that catches", "function f() { try { f() } catch (e) { f() } finally { f() } } f()", []string{stack, time_}},
		{"proxy", "const p = new Proxy({}, {get: (t, k, r) => r[k]}); p.x", []string{stack}},
		{"getter", "const o = {get x() { return this.x }}; o.x", []string{stack}},
		{"endless getter", "return {get x() { for (;;) {} }}", []string{time_}},
		{"endless toJSON", "return {toJSON() { for (;;) {} }}", []string{time_}},
		{"endless message", "throw {toString() { for (;;) {} }, get name() { for (;;) {} }, toJSON() { for (;;) {} }}", []string{time_}},
		{"endless error", "const e = new Error(); Object.defineProperty(e, 'message', {get() { for (;;) {} }}); throw e", []string{time_}},
		{"comparator", "function f() { return [2, 1].sort(f) } f()", []string{stack}},
		{"huge repeat", "return 'x'.repeat(2 ** 40).length", []string{memory, ""}},
		{"huge typed array", "return new Uint8Array(8e9).length", []string{memory, ""}},
		{"huge join", "return new Array(2 ** 32 - 1).join('x').length", []string{memory, time_}},
		{"long replace", "const s = 'x'.repeat(1e6); return s.replace(/x/g, s).length", []string{memory}},
		{"deep JSON", "JSON.parse('['.repeat(5e6))", []string{stack, memory, ""}},
		{"deep eval", "eval('('.repeat(2e6))", []string{stack, memory, ""}},
		{"deep function", "new Function('['.repeat(2e6))", []string{stack, memory, ""}},
		{"deep source of !", "return " + strings.Repeat("!", 60_000) + "1", nil},
		{"deep source of [", "return " + strings.Repeat("[", 60_000), []string{stack, memory, ""}},
		{"deep source of (", "return " + strings.Repeat("(", 60_000), []string{stack, memory, ""}},
		{"backtracking", "return /^(?=x?)(a+)+$/.test('a'.repeat(40) + 'b')", []string{time_}},
		{"backreference", "return /^(a+)+\\1$/.test('a'.repeat(40) + 'b')", []string{time_}},
		{"huge fill", "return new Array(1e9).fill(0).length", []string{memory, time_}},
		{"huge power", "return (2n ** 100000000n).toString().length", []string{memory, time_}},
		{"huge shift", "return String(1n << 4000000000n).length", []string{memory, time_, ""}},
		{"doubling", "let s = 'x'; for (;;) s += s", []string{memory, ""}},
		{"growing list", "const a = []; for (;;) a.push({n: a.length})", []string{memory}},
		{"growing map", "const m = new Map(); for (let i = 0; ; i++) m.set(i, [i])", []string{memory}},
		{"growing global", "for (let i = 0; ; i++) globalThis['k' + i] = {i}", []string{memory, time_}},
		{"deep result", "let a = []; for (let i = 0; i < 1e6; i++) a = [a]; return a", []string{stack, memory, script.LimitDepth}},
		{"circular result", "const a = []; a.push(a); return a", []string{""}},
		{"huge result", "return 'x'.repeat(2e6)", []string{script.LimitOutput}},
		{"huge results", "return Array(2e5).fill('xxxxxxxx')", []string{script.LimitOutput}},
		{"lodash in a loop", "const _ = require('lodash'); for (;;) _.range(1000)", []string{time_}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			timeout := script.MaxTimeout // a busy machine is no reason to name another limit
			if slices.Contains(tc.limits, time_) {
				timeout = time.Second
			}
			res, err := p.Run(t.Context(), script.Request{Key: "bad " + tc.name, Source: tc.source, Timeout: timeout})
			e, ok := errors.AsType[*script.Error](err)
			switch {
			case tc.limits == nil && (ok || err == nil):
			case !ok || !slices.Contains(tc.limits, e.Limit):
				t.Errorf("got %v, error %#v; want limit %q", res.Value, err, tc.limits)
			case e.Limit != "" && e.Limit != stack && !strings.HasSuffix(e.Message, "."):
				t.Errorf("the message is no sentence: %q", e.Message)
			}
			good(t, p, "good")
			if os.Getpid() != pid {
				t.Error("this is another process")
			}
		})
	}
}

// good runs a script that must work.
func good(t *testing.T, p *script.Pool, key string) {
	t.Helper()
	res, err := p.Run(t.Context(), script.Request{Key: key, Source: "return [n + 1, typeof polluted, typeof {}.polluted]", Args: []script.Arg{{Name: "n", Value: 1.0}}})
	if want := "[2 undefined undefined]"; err != nil || fmt.Sprint(res.Value) != want {
		t.Errorf("the next script gives %v, error %v; want %s", res.Value, err, want)
	}
}

// Each limit has its sentence.
func TestLimits(t *testing.T) {
	t.Parallel()
	p := scripttest.New(t, script.Options{})
	deep := any("x")
	for range script.MaxDepth + 1 {
		deep = []any{deep}
	}
	tests := []struct {
		name    string
		request script.Request
		limit   string
		message string
	}{
		{"time", script.Request{Source: "console.log('seen'); for (;;) {}", Timeout: time.Second}, script.LimitTime, "The script ran longer than a second and was stopped."},
		{"native time", script.Request{Source: "/^(?=x?)(a+)+$/.test('a'.repeat(40) + 'b')", Timeout: 1500 * time.Millisecond}, script.LimitTime, "The script ran longer than 1.5 seconds and was stopped."},
		{"memory", script.Request{Source: "return new Uint8Array(2e9).length", Timeout: script.MaxTimeout}, script.LimitMemory, "The script needed more than 128 MB of memory and was stopped."},
		{"stack", script.Request{Source: "return " + strings.Repeat("(", 65_000), Timeout: script.MaxTimeout}, script.LimitStack, "The script nested calls or data too deeply and was stopped."},
		{"source", script.Request{Source: strings.Repeat(" ", script.MaxSource+1)}, script.LimitSource, "The script has 65 kB; at most 64 kB are possible. Move parts of it to another step."},
		{"arguments", script.Request{Args: []script.Arg{{Name: "a", Value: strings.Repeat("x", script.MaxArguments)}}}, script.LimitArguments, "The arguments have 1.0 MB; a script can be given at most 1 MB. Pass only what it needs."},
		{"depth of arguments", script.Request{Args: []script.Arg{{Name: "a", Value: deep}}}, script.LimitDepth, "An argument is nested more than 64 levels deep. Pass only the part that the script needs."},
		{"output", script.Request{Source: "return 'x'.repeat(3 << 20)"}, script.LimitOutput, "The script returned 3.0 MB; a result can have at most 1 MB. Return only what later steps need."},
		{"depth of output", script.Request{Source: "let a = 1; for (let i = 0; i < 65; i++) a = [a]; return a"}, script.LimitDepth, "The script returned data nested more than 64 levels deep. Return something flatter."},
		{"name", script.Request{Args: []script.Arg{{Name: "a b"}}}, "", "SyntaxError: “a b” cannot be the name of an argument. Use letters, digits and _, with a letter first."},
		{"reserved name", script.Request{Args: []script.Arg{{Name: "undefined"}}}, "", "SyntaxError: “undefined” cannot be the name of an argument"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tc.request.Key = tc.name
			_, err := p.Run(t.Context(), tc.request)
			e, ok := errors.AsType[*script.Error](err)
			if !ok || e.Limit != tc.limit || e.Message != tc.message {
				t.Errorf("error %#v; want limit %q: %s", err, tc.limit, tc.message)
			}
			if tc.name == "time" && e != nil && e.Log != "[info] seen\n" {
				t.Errorf("the log is %q", e.Log)
			}
			good(t, p, tc.name)
		})
	}
}

// What is just inside of a limit works.
func TestInsideOfLimits(t *testing.T) {
	t.Parallel()
	p := scripttest.New(t, script.Options{})
	deep := any("x")
	for range script.MaxDepth {
		deep = []any{deep}
	}
	for name, r := range map[string]script.Request{
		"source":    {Source: "return true //" + strings.Repeat("x", script.MaxSource-14)},
		"arguments": {Source: "return a.length === 1048572", Args: []script.Arg{{Name: "a", Value: strings.Repeat("x", script.MaxArguments-4)}}},
		"depth":     {Source: "let n = 0; for (let b = a; Array.isArray(b); b = b[0]) n++; return n === 64", Args: []script.Arg{{Name: "a", Value: deep}}},
		"memory":    {Source: "const a = []; for (let i = 0; i < 40; i++) a.push(new Uint8Array(1 << 20)); return a.length === 40"},
		"calls":     {Source: "function f(n) { return n ? f(n - 1) : true } return f(3000)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r.Key = name
			for range 3 { // also after others
				if res, err := p.Run(t.Context(), r); err != nil || res.Value != true {
					t.Fatalf("%v, error %v", res.Value, err)
				}
			}
		})
	}
}

func TestLogIsCut(t *testing.T) {
	t.Parallel()
	p := scripttest.New(t, script.Options{})
	res, err := p.Run(t.Context(), script.Request{Key: "log", Source: "for (let i = 0; i < 20; i++) console.log('é'.repeat(10000)); console.log('last'); return 1"})
	if err != nil || res.Value != 1.0 {
		t.Fatalf("%v, error %v", res.Value, err)
	}
	if len(res.Log) > script.MaxLog || len(res.Log) < script.MaxLog-10 || !strings.HasSuffix(res.Log, "\n[warn] The log ends here: it has reached 256 kB.\n") {
		t.Errorf("the log has %d bytes and ends with %q", len(res.Log), res.Log[max(0, len(res.Log)-80):])
	}
}
