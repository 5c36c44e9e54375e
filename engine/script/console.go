package script

import (
	"maps"
	"slices"
	"strings"

	"github.com/dop251/goja"
)

// log collects what a script writes, up to a limit.
type log struct {
	strings.Builder
	full bool
}

const logCut = "[warn] The log ends here: it has reached 256 kB.\n"

func (l *log) add(level, text string) {
	if l.full {
		return
	}
	line := "[" + level + "] " + text + "\n"
	if room := MaxLog - len(logCut) - l.Len(); len(line) > room {
		l.full = true
		if room > 0 {
			l.WriteString(strings.ToValidUTF8(line[:room-1], "") + "\n")
		}
		line = logCut
	}
	l.WriteString(line)
}

// The console's methods, by the level of the lines they write; "" writes none.
var consoleMethods = map[string]string{
	"log": "info", "info": "info", "debug": "info", "trace": "info", "dir": "info", "dirxml": "info", "table": "info",
	"warn": "warn", "error": "error",
	"time": "", "timeEnd": "", "timeLog": "", "timeStamp": "", "group": "", "groupCollapsed": "", "groupEnd": "",
	"count": "", "countReset": "", "clear": "", "profile": "", "profileEnd": "",
}

// setGlobals gives the script the two things that are not JavaScript's own. They
// are made when they are first used: most scripts need none.
func (r *run) setGlobals() {
	r.lazily("console", r.newConsole)
	r.lazily("require", func() goja.Value { return r.rt.ToValue(r.require) })
}

// lazily defines a global that make supplies.
func (r *run) lazily(name string, build func() goja.Value) {
	global := r.rt.GlobalObject()
	set := func(v goja.Value) {
		_ = global.DefineDataProperty(name, v, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE)
	}
	_ = global.DefineAccessorProperty(name,
		r.rt.ToValue(func(goja.FunctionCall) goja.Value {
			v := build()
			set(v)
			return v
		}),
		r.rt.ToValue(func(call goja.FunctionCall) goja.Value {
			set(call.Argument(0))
			return goja.Undefined()
		}), goja.FLAG_TRUE, goja.FLAG_FALSE)
}

func (r *run) newConsole() goja.Value {
	methods := map[string]func(goja.FunctionCall) goja.Value{}
	for name, level := range consoleMethods {
		methods[name] = func(call goja.FunctionCall) goja.Value {
			if level != "" {
				r.log.add(level, r.line(call.Arguments))
			}
			return goja.Undefined()
		}
	}
	methods["assert"] = func(call goja.FunctionCall) goja.Value {
		if !call.Argument(0).ToBoolean() {
			rest := call.Arguments[min(1, len(call.Arguments)):]
			r.log.add("error", strings.TrimSpace("Assertion failed: "+r.line(rest)))
		}
		return goja.Undefined()
	}
	return r.object(methods)
}

// object is a plain object with methods, in the order of their names.
func (r *run) object(methods map[string]func(goja.FunctionCall) goja.Value) *goja.Object {
	o := r.rt.NewObject()
	for _, name := range slices.Sorted(maps.Keys(methods)) {
		_ = o.Set(name, methods[name])
	}
	return o
}

func (r *run) line(args []goja.Value) string {
	parts := make([]string, len(args))
	for i, arg := range args {
		parts[i] = r.describe(arg)
	}
	return strings.Join(parts, " ")
}
