package script_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"alur/engine/script"
	"alur/engine/script/scripttest"
	"alur/engine/value"
)

// Nothing that a script tries reaches out of its runtime: not the machine, not
// another run, not another key's process. Each script answers with what it found;
// want is that as JSON, or "error: " and the beginning of its message.
var escapes = []struct{ name, source, want string }{
	// Globals of hosts that others have left reachable.
	{"process", "return typeof process", `"undefined"`},
	{"node globals", "return [typeof global, typeof module, typeof exports, typeof Buffer, typeof __dirname, typeof setImmediate, typeof Deno, typeof Bun]", `["undefined","undefined","undefined","undefined","undefined","undefined","undefined","undefined"]`},
	{"web globals", "return [typeof window, typeof self, typeof document, typeof fetch, typeof XMLHttpRequest, typeof WebSocket, typeof Worker, typeof importScripts, typeof WebAssembly, typeof localStorage]", `["undefined","undefined","undefined","undefined","undefined","undefined","undefined","undefined","undefined","undefined"]`},
	{"timers", "return [typeof setTimeout, typeof setInterval, typeof queueMicrotask]", `["undefined","undefined","undefined"]`},
	{"engine globals", "return [typeof std, typeof os, typeof print, typeof load, typeof quit, typeof java, typeof gc, typeof Go, typeof library]", `["undefined","undefined","undefined","undefined","undefined","undefined","undefined","undefined","undefined"]`},
	{"enumerable globals", "return Object.keys(globalThis)", `["order"]`},
	{"this", "return [this === globalThis, Object.keys(this)]", `[true,["order"]]`},
	{"indirect this", "return (function () { return this === globalThis })()", `true`},
	{"exit", "process.exit(1)", "error: ReferenceError: process is not defined"},

	// Constructor chains, from everything the host hands over.
	{"constructor of a function", "return (() => {}).constructor('return typeof process')()", `"undefined"`},
	{"constructor of an object", "return ({}).constructor.constructor('return typeof process + typeof require')()", `"undefinedfunction"`},
	{"constructor of an argument", "return order.constructor.constructor('return this')() === globalThis", `true`},
	{"constructor of a nested argument", "return order.rows[0].constructor === Object && order.rows.constructor === Array", `true`},
	{"constructor of console", "return console.log.constructor === Function && console.constructor === Object && console.log.constructor('return typeof process')()", `"undefined"`},
	{"constructor of require", "return require.constructor('return typeof process')()", `"undefined"`},
	{"console internals", "return [typeof console._stdout, typeof console._stderr, typeof console.Console, typeof console.context]", `["undefined","undefined","undefined","undefined"]`},
	{"constructor of a promise", "return (async () => {})().constructor.constructor('return typeof process')()", `"undefined"`},
	{"async constructor", "const F = (async () => {}).constructor; return await F('return typeof process')()", `"undefined"`},
	{"generator constructor", "const G = (function* () {}).constructor; return G('yield typeof process')().next().value", `"undefined"`},
	{"constructor of a module", "const _ = require('lodash'); return _.constructor('return typeof process')()", `"undefined"`},
	{"constructor of a hash", "const h = require('crypto').createHash('md5'); return h.constructor === Object && h.update.constructor('return typeof process')()", `"undefined"`},
	{"constructor of an error of ours", "try { require('fs') } catch (e) { return [e.constructor === TypeError, e.constructor.constructor('return typeof process')(), Object.keys(e)] }", `[true,"undefined",[]]`},
	{"constructor of a stack overflow", "try { (function f() { f() })() } catch (e) { return e.constructor.constructor('return typeof process')() }", "error: RangeError: Maximum call stack"},
	{"caller", "return (function f() { return f.caller })() ?? null", `null`},
	{"arguments of a caller", "function f() { return f.arguments === undefined || f.arguments === null || typeof f.arguments } return f(1)", `true`},
	{"callee", "return (function () { return typeof arguments.callee })()", `"function"`},
	{"own arguments", "return typeof arguments", `"undefined"`},

	// Modules.
	{"require a file", "require('./secret')", `error: TypeError: module "./secret" not supported; these are: crypto, dayjs, `},
	{"require fs", "require('node:fs')", `error: TypeError: module "fs" not supported`},
	{"require child_process", "require('child_process').execSync('id')", `error: TypeError: module "child_process" not supported`},
	{"require a way up", "require('../../../etc/passwd')", `error: TypeError: module "../../../etc/passwd" not supported`},
	{"require a prototype key", "require('__proto__')", `error: TypeError: module "__proto__" not supported`},
	{"require a constructor", "require('constructor')", `error: TypeError: module "constructor" not supported`},
	{"require an object", "require({toString() { return 'fs' }})", `error: TypeError: module "fs" not supported`},
	{"properties of require", "return [typeof require.resolve, typeof require.cache, typeof require.main, typeof require.extensions]", `["undefined","undefined","undefined","undefined"]`},
	{"import", "return import('fs')", "error: SyntaxError: "},
	{"import statement", "import fs from 'fs'", "error: SyntaxError: "},
	{"import.meta", "return import.meta", "error: SyntaxError: "},

	// Code from text.
	{"eval", "return eval('typeof process')", `"undefined"`},
	{"indirect eval", "return (0, eval)('typeof process + typeof order')", `"undefinedobject"`},
	{"Function", "return new Function('a', 'return a + typeof process')(1)", `"1undefined"`},
	{"template in lodash", "return require('lodash').template('<%= typeof process %>')()", `"undefined"`},
	{"closing our function", "}); globalThis.out = 1; (async () => {", "error: SyntaxError: The braces"},
	{"closing and opening", "}, async (end) => {", "error: SyntaxError: The braces"},
	{"html comment", "return 1 <!-- 2", "error: SyntaxError: "},

	// Getters, proxies and symbols in what crosses.
	{"getter in the result", "return {get a() { return typeof process }}", `{"a":"undefined"}`},
	{"getter that throws", "return {get a() { throw new Error('mine') }}", "error: Error: mine"},
	{"proxy as a result", "return new Proxy({a: 1}, {get: (t, k) => k === 'toJSON' ? undefined : k, ownKeys: () => ['a'], getOwnPropertyDescriptor: () => ({configurable: true, enumerable: true})})", `{"a":"a"}`},
	{"revoked proxy", "const {proxy, revoke} = Proxy.revocable({}, {}); revoke(); return proxy", "error: TypeError: "},
	{"proxy of an argument", "return Reflect.ownKeys(new Proxy(order, {}))", `["id","rows"]`},
	{"setter on an argument", "Object.defineProperty(order, 'id', {set() {}, get() { return 'mine' }}); return order.id", `"mine"`},
	{"frozen prototype", "Object.freeze(Object.prototype); Object.freeze(Array.prototype); return {a: [1]}", `{"a":[1]}`},
	{"symbol keys", "return {[Symbol.toPrimitive]: 1, [Symbol.toStringTag]: 'x', [Symbol('a')]: 1, b: 1}", `{"b":1}`},
	{"symbol result", "return Symbol('a')", `null`},
	{"toPrimitive", "return `${{[Symbol.toPrimitive]: () => typeof process}}`", `"undefined"`},
	{"hasInstance", "class A { static [Symbol.hasInstance]() { return true } } return order instanceof A", `true`},
	{"species", "class A extends Array { static get [Symbol.species]() { return Function } } try { return typeof new A(1, 2).map(x => x) } catch (e) { return 'refused' }", `"function"`},
	{"unscopables", "return typeof Array.prototype[Symbol.unscopables]", `"object"`},
	{"function result", "return () => 1", `null`},
	{"bigint result", "return 1n", "error: TypeError: "},
	{"map result", "return new Map([[1, 2]])", `{}`},
	{"toJSON of everything", "Object.prototype.toJSON = () => 'taken'; return {a: 1}", `"taken"`},
	{"thenable", "return {then(ok) { ok('resolved') }}", `"resolved"`},
	{"thenable that never ends", "return {then() {}}", "error: Error: The script waits for a promise"},
	{"thenable that throws", "return {then() { throw new Error('no') }}", "error: Error: no"},
	{"replaced promise", "globalThis.Promise = function () { throw new Error('mine') }; return 1", `1`},
	{"replaced then", "Promise.prototype.then = () => { throw new Error('mine') }; return 2", `2`},

	// JSON.
	{"__proto__ in an argument", "return [Object.getPrototypeOf(evil) === Object.prototype, Object.keys(evil), evil.polluted ?? null]", `[true,["__proto__","constructor"],null]`},
	{"__proto__ in a result", `return JSON.parse('{"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}}}')`, `{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}`},
	{"reviver", `let seen = []; JSON.parse('{"a": {"b": 1}}', function (k, v) { seen.push([k, this === globalThis]); return v }); return seen`, `[["b",false],["a",false],["",false]]`},
	{"replacer", "return JSON.stringify({a: 1}, function (k, v) { return this === globalThis ? 'global' : v })", `"{\"a\":1}"`},
	{"replaced JSON", "JSON.stringify = () => '\"forged\"'; JSON.parse = null; return {a: 1}", `{"a":1}`},
	{"removed JSON", "delete globalThis.JSON; return {a: 1}", `{"a":1}`},
	{"text of a frame", `return '\u0000\u0000\u0000\u0001{"do":"load"}'`, `"\u0000\u0000\u0000\u0001{\"do\":\"load\"}"`},
	{"lone surrogate", `return '\ud800'`, `"` + "\ufffd" + `"`},
	{"line separators", `return '\u2028\u2029</script>'`, `"` + "\u2028\u2029" + `</script>"`},

	// Errors.
	{"prepareStackTrace", "Error.prepareStackTrace = (e, frames) => frames; const s = new Error('x').stack; return [typeof s, Array.isArray(s)]", `["string",false]`},
	{"paths in a stack", "return /[\\/](engine|usr|root|home|go|work)[\\/]/.test(new Error('x').stack)", `false`},
	{"paths in an inner stack", "try { null.x } catch (e) { return /goja|\\.go:|alur/.test(e.stack) }", `false`},
	{"stack of a native call", "try { [1].map(() => { throw new Error('x') }) } catch (e) { return /\\.go:|0x[0-9a-f]{6}/.test(e.stack) }", `false`},
	{"error with a huge message", "throw new Error('x'.repeat(1e6))", "error: Error: xxxx"},
	{"error with a getter", "throw {get name() { return typeof process }, get message() { return 'm' }}", `error: {"name":"undefined","message":"m"}`},
	{"error of nothing", "throw undefined", "error: undefined"},
	{"error of null", "throw null", "error: null"},
	{"error of a symbol", "throw Symbol('s')", "error: s"},
	{"error with a broken toString", "throw {toString: null, toJSON() { throw 1 }}", "error: Error: The script threw something that cannot be shown"},
	{"error of a proxy", "throw new Proxy({}, {get() { throw new Error('trap') }, ownKeys() { throw 1 }})", "error: Error: The script threw"},
	{"interrupting itself", "try { throw 1 } finally { return 'out' }", `"out"`},

	// The console and the globals themselves.
	{"replaced console", "console = {log: 1}; return console.log", `1`},
	{"redefined console", "Object.defineProperty(globalThis, 'console', {value: 5}); return console", `5`},
	{"descriptor of console", "return typeof Object.getOwnPropertyDescriptor(globalThis, 'console').get.call({}).log", `"function"`},
	{"console with a thrower", "console.log({toJSON() { throw 1 }, toString() { throw 2 }})", "error: 2"},
	{"console with a proxy", "console.log(new Proxy(() => {}, {})); return 1", `1`},
	{"deleted globals", "const g = globalThis; for (const k of Object.getOwnPropertyNames(g)) delete g[k]; return {a: [1]}", `{"a":[1]}`},
	{"Reflect", "return Reflect.construct(Function, ['return typeof process'])()", `"undefined"`},
	{"Reflect.apply", "return Reflect.apply(Function.prototype.call, Function, [null, 'return typeof process'])()", `"undefined"`},
	{"shared memory", "return [typeof SharedArrayBuffer, typeof Atomics]", `["undefined","undefined"]`},
	{"time is not exact enough to matter", "return typeof performance", `"undefined"`},
	{"foreign buffer", "const b = require('crypto').randomBytes(8); return b.buffer.byteLength", `8`},
	{"buffer out of bounds", "const u = new Uint8Array(4); Object.defineProperty(u, 'byteLength', {value: 1e6}); Object.defineProperty(u, 'byteOffset', {value: -8}); try { return require('crypto').createHash('md5').update(u).digest('hex') } catch (e) { return e.name }", `"TypeError"`},

	// Pollution that the next run of the same key must not see.
	{"pollute Object", "Object.prototype.polluted = 1; return {}.polluted", `1`},
	{"pollute Array", "Array.prototype.map = () => 'mine'; return [1].map(x => x)", `"mine"`},
	{"pollute by lodash", `require('lodash').merge({}, JSON.parse('{"__proto__": {"polluted": 1}}')); require('lodash').set({}, 'constructor.prototype.polluted', 1); return {}.polluted ?? null`, `null`},
	{"pollute a module", "require('lodash').polluted = 1; require('dayjs').prototype.polluted = 1; return 1", `1`},
	{"pollute a global", "globalThis.polluted = 1; polluted2 = 1; var polluted3 = 1; return polluted", `1`},
	{"pollute builtins", "Math.max = () => 'mine'; String.prototype.trim = null; Function.prototype.call = null; Promise.resolve = null; return Math.max()", `"mine"`},
}

const clean = `const probe = {};
	return [typeof polluted, typeof polluted2, typeof probe.polluted, typeof probe.toJSON, [3].map(x => x)[0], Math.max(1, 2), ' a '.trim(),
		Object.isFrozen(Object.prototype), typeof require('lodash').polluted, typeof require('dayjs').prototype.polluted, typeof console.log, Object.keys(globalThis)]`

const cleanAnswer = `["undefined","undefined","undefined","undefined",3,2,"a",false,"undefined","undefined","function",[]]`

func TestEscapes(t *testing.T) {
	t.Parallel()
	if len(escapes) < 60 {
		t.Fatalf("the corpus has %d scripts", len(escapes))
	}
	p := scripttest.New(t, script.Options{})
	pid := os.Getpid()
	var evil any
	if err := json.Unmarshal([]byte(`{"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}}}`), &evil); err != nil {
		t.Fatal(err)
	}
	for i, tc := range escapes {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			args := []script.Arg{{Name: "order", Value: map[string]any{"id": 7.0, "rows": []any{map[string]any{"p": 2.0}}}}}
			if strings.Contains(tc.source, "evil") {
				args = append(args, script.Arg{Name: "evil", Value: evil})
			}
			key := fmt.Sprint("escape ", i%4) // so that many meet in one process
			if got := answer(t, p, script.Request{Key: key, Source: tc.source, Args: args, Timeout: script.MaxTimeout}); got != tc.want && !(strings.HasPrefix(tc.want, "error: ") && strings.HasPrefix(got, tc.want)) {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
			for _, next := range []string{key, "next"} {
				if got := answer(t, p, script.Request{Key: next, Source: clean, Timeout: script.MaxTimeout}); got != cleanAnswer {
					t.Errorf("the next run of key %q finds %s, want %s", next, got, cleanAnswer)
				}
			}
			if os.Getpid() != pid {
				t.Error("this is another process")
			}
		})
	}
}

// answer is the result as JSON, or "error: " and the message.
func answer(t *testing.T, p *script.Pool, r script.Request) string {
	t.Helper()
	res, err := p.Run(t.Context(), r)
	if e, ok := errors.AsType[*script.Error](err); ok {
		return "error: " + e.Message
	}
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	to := json.NewEncoder(&b)
	to.SetEscapeHTML(false)
	if err := to.Encode(res.Value); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(strings.NewReplacer(`\u2028`, "\u2028", `\u2029`, "\u2029").Replace(b.String()))
}

// A value that goes into a script and out again is the same.
func FuzzValues(f *testing.F) {
	for _, seed := range []string{"null", "1.5e300", `"a\u0000\ud83d\ude00\u2028"`, `{"__proto__": {"a": 1}, "constructor": 1, "toString": null, "1": 2, "": []}`, `[[[]], {}, -0, 0.1, 12345678901234567890]`, `{"a": {"__proto__": null}}`, `{"then": 1, "toJSON": {"valueOf": 1}}`} {
		f.Add(seed)
	}
	p := scripttest.New(f, script.Options{})
	f.Fuzz(func(t *testing.T, text string) {
		v, err := value.Decode([]byte(text))
		if err != nil {
			return
		}
		res, err := p.Run(t.Context(), script.Request{Key: "fuzz", Source: "return [a]", Args: []script.Arg{{Name: "a", Value: v}}, Timeout: script.MaxTimeout})
		if e, ok := errors.AsType[*script.Error](err); ok && e.Limit == script.LimitDepth {
			return
		}
		want, wrong := value.Decode(value.Encode([]any{v})) // NUL characters do not survive
		if err != nil || wrong != nil || !reflect.DeepEqual(res.Value, want) {
			t.Errorf("%s came back as %#v, error %v; want %#v", text, res.Value, err, want)
		}
	})
}
