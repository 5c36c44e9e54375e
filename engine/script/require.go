package script

import (
	"strings"

	"github.com/dop251/goja"
)

// modules are those that a run has loaded.
type modules map[string]goja.Value

// moduleNames are what require knows.
var moduleNames = []string{}

// require loads one of the bundled modules.
func (r *run) require(call goja.FunctionCall) goja.Value {
	name := strings.TrimPrefix(call.Argument(0).String(), "node:")
	panic(r.rt.NewGoError(unsupported(name)))
}

type unsupported string

func (name unsupported) Error() string {
	return `module "` + string(name) + `" not supported; these are: ` + strings.Join(moduleNames, ", ")
}
