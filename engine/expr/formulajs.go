package expr

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/dop251/goja"
	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/parser"

	"alur/engine/expr/library"
)

// formulaMachines holds the Formula.js runtimes. Expressions for this engine
// are JavaScript, so the runtimes are frozen (library/harden.js) and an
// expression runs in strict mode as a function that sees its parameters, the
// Formula.js functions it names, and JavaScript's own.
var formulaMachines = newPool(4, func() (*machine, error) {
	m, err := newMachine(library.FormulaJS, prepareFormula)
	if err != nil {
		return nil, err
	}
	harden, _ := goja.AssertFunction(m.entry.Get("harden"))
	_, err = harden(goja.Undefined())
	return m, err
})

// formulaNames are the functions of the library.
var formulaNames = sync.OnceValue(func() map[string]bool {
	names := map[string]bool{}
	_, _ = formulaMachines.with(context.Background(), func(m *machine) (any, error) {
		for _, name := range m.entry.Get("names").Export().([]any) {
			names[name.(string)] = true
		}
		return nil, nil
	})
	return names
})

// prepareFormula binds the library's functions to the program.
func prepareFormula(m *machine, c *code) (goja.Value, error) {
	outer, err := m.rt.RunProgram(c.program)
	if err != nil {
		return nil, err
	}
	bind, _ := goja.AssertFunction(outer)
	get, _ := goja.AssertFunction(m.entry.Get("get"))
	functions := make([]goja.Value, len(c.names))
	for i, name := range c.names {
		if functions[i], err = get(goja.Undefined(), m.rt.ToValue(name)); err != nil {
			return nil, err
		}
	}
	return bind(goja.Undefined(), functions...)
}

func compileFormula(e *Expression, c *code) error {
	c.source = strings.TrimRight(c.source, "; \t\r\n")
	if c.source == "" {
		e.run = null
		return nil
	}
	library := func(ctx context.Context, args []any) (any, error) {
		return formulaMachines.with(ctx, func(m *machine) (any, error) { return m.eval(ctx, c, args) })
	}
	if err := checkSize(c); err != nil {
		return err
	}
	if quick := compileNative(formulaDialect, c); quick != nil {
		program := sync.OnceValue(c.makeProgram)
		e.run = quick.or(func(ctx context.Context, args []any) (any, error) {
			if err := program(); err != nil {
				return nil, err
			}
			return library(ctx, args)
		})
		return nil
	}
	e.run = library
	return c.makeProgram()
}

var identifier = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*`)

// makeProgram compiles the expression to a function that takes the library's
// functions and returns one that takes the parameters.
func (c *code) makeProgram() error {
	if err := checkExpression(c.source); err != nil {
		return err
	}
	for _, name := range identifier.FindAllString(c.source, -1) {
		if formulaNames()[name] && !slices.Contains(c.names, name) {
			c.names = append(c.names, name)
		}
	}
	params := make([]string, c.params)
	for i := range params {
		params[i] = fmt.Sprintf("$$%d", i)
	}
	var err error
	c.program, err = goja.Compile("", fmt.Sprintf("(function(%s){'use strict';return function(%s){return (\n%s\n)}})",
		strings.Join(c.names, ","), strings.Join(params, ","), c.source), true)
	if err != nil {
		return syntaxError(err)
	}
	return nil
}

// checkExpression makes sure that source is one expression, for it is put into
// a function's text. BigInt is refused: native code would be busy with large
// ones for longer than anybody waits.
func checkExpression(source string) error {
	program, err := parser.ParseFile(nil, "", "(\n"+source+"\n)", 0)
	if err != nil {
		return syntaxError(err)
	}
	if len(program.Body) != 1 {
		return errOneExpression
	}
	statement, ok := program.Body[0].(*ast.ExpressionStatement)
	if !ok {
		return errOneExpression
	}
	return checkNumbers(reflect.ValueOf(statement))
}

var errOneExpression = thrown("SyntaxError", "write one expression; statements are not available here")

// checkNumbers looks for BigInt literals in a syntax tree.
func checkNumbers(v reflect.Value) error {
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		if n, ok := v.Interface().(*ast.NumberLiteral); ok {
			if _, big := n.Value.(*big.Int); big {
				return thrown("SyntaxError", "BigInt numbers, such as 10n, are not available")
			}
			return nil
		}
		return checkNumbers(v.Elem())
	case reflect.Slice:
		for i := range v.Len() {
			if err := checkNumbers(v.Index(i)); err != nil {
				return err
			}
		}
	case reflect.Struct:
		if v.Type().PkgPath() != reflect.TypeFor[ast.Program]().PkgPath() {
			return nil // positions and files
		}
		for i := range v.NumField() {
			if !v.Type().Field(i).IsExported() {
				continue
			}
			if err := checkNumbers(v.Field(i)); err != nil {
				return err
			}
		}
	}
	return nil
}

// syntaxError takes the position out of the parser's words: it counts lines of
// a text that the author has not written.
func syntaxError(err error) error {
	text := err.Error()
	if list, ok := errors.AsType[parser.ErrorList](err); ok && len(list) > 0 {
		text = list[0].Message
	} else if wrong, ok := errors.AsType[*goja.CompilerSyntaxError](err); ok {
		text = wrong.Message
	}
	return thrown("SyntaxError", "%s", text)
}
