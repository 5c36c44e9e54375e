package expr

import (
	"context"

	"github.com/dop251/goja"

	"alur/engine/expr/library"
)

// mathMachines holds the math.js runtimes: at most two, for each takes 0.4 s to
// load and 18 MB to keep. None is loaded before an expression needs it, because
// the native path answers most and an idle server should stay small; compiling
// such an expression loads the first one, so that running it need not wait.
var mathMachines = newPool(2, func() (*machine, error) { return newMachine(library.MathJS, prepareMath) })

func prepareMath(m *machine, c *code) (goja.Value, error) {
	compile, _ := goja.AssertFunction(m.entry.Get("compile"))
	return compile(goja.Undefined(), m.rt.ToValue(c.source))
}

func compileMath(e *Expression, c *code) error {
	if c.source == "" {
		e.run = null
		return nil
	}
	library := func(ctx context.Context, args []any) (any, error) {
		return mathMachines.with(ctx, func(m *machine) (any, error) { return m.eval(ctx, c, args) })
	}
	if quick := compileNative(mathDialect, c); quick != nil {
		e.run = quick.or(library)
		return nil
	}
	if err := checkSize(c); err != nil {
		return err
	}
	e.run = library
	_, err := mathMachines.with(context.Background(), func(m *machine) (any, error) {
		_, err := m.compile(context.Background(), c)
		return nil, err
	})
	return err
}

func checkSize(c *code) error {
	if len(c.source) > sourceLimit {
		return thrown("SyntaxError", "an expression has at most 16,000 characters")
	}
	return nil
}

// null is the result of an empty expression.
func null(context.Context, []any) (any, error) { return nil, nil }
