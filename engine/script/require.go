package script

import (
	"strings"

	"github.com/dop251/goja"

	"alur/engine/script/modules"
)

const cryptoModule = "crypto"

// require gives a script one of the bundled modules. Each run loads its own
// copy, so that nothing a script does to one is seen by the next run.
func (r *run) require(call goja.FunctionCall) goja.Value {
	name := strings.TrimPrefix(call.Argument(0).String(), "node:")
	if v, ok := r.modules[name]; ok {
		return v
	}
	v := r.module(name)
	if v == nil {
		panic(r.rt.NewTypeError(`module "%s" not supported; these are: %s`, name, strings.Join(moduleNames(), ", ")))
	}
	if r.modules == nil {
		r.modules = map[string]goja.Value{}
	}
	r.modules[name] = v
	return v
}

// module loads a module; nil when there is none of that name.
func (r *run) module(name string) goja.Value {
	if name == cryptoModule {
		return r.newCrypto()
	}
	program := modules.Program(name)
	if program == nil {
		return nil
	}
	function, err := r.rt.RunProgram(program)
	if err != nil {
		panic(err)
	}
	load, _ := goja.AssertFunction(function)
	v, err := load(goja.Undefined(), r.newCrypto())
	if err != nil {
		panic(err)
	}
	return v
}

func moduleNames() []string { return append([]string{cryptoModule}, modules.Names()...) }
