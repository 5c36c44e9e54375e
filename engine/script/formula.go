package script

import (
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/dop251/goja"
	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/parser"
)

// An expression for Formula.js is JavaScript: it runs in a frozen runtime
// (library/harden.js), in strict mode, as a function that sees its parameters,
// the Formula.js functions it names, and JavaScript's own.

var identifier = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*`)

// prepareFormula compiles the expression to a function that takes the library's
// functions and returns one that takes the parameters.
func prepareFormula(m *machine, source string, params int) (goja.Value, error) {
	if err := checkExpression(source); err != nil {
		return nil, err
	}
	var names []string
	for _, name := range identifier.FindAllString(source, -1) {
		if m.names[name] && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	parameters := make([]string, params)
	for i := range parameters {
		parameters[i] = fmt.Sprintf("$$%d", i)
	}
	text := fmt.Sprintf("(function(%s){'use strict';return function(%s){return (\n%s\n)}})",
		strings.Join(names, ","), strings.Join(parameters, ","), source)
	tree, err := parser.ParseFile(nil, "", text, 0, parser.WithDisableSourceMaps)
	if err != nil {
		return nil, syntaxError(err)
	}
	leftToRight(tree, text)
	program, err := goja.CompileAST(tree, true)
	if err != nil {
		return nil, syntaxError(err)
	}
	outer, err := m.rt.RunProgram(program)
	if err != nil {
		return nil, err
	}
	bind, _ := goja.AssertFunction(outer)
	get, _ := goja.AssertFunction(m.entry.Get("get"))
	functions := make([]goja.Value, len(names))
	for i, name := range names {
		if functions[i], err = get(goja.Undefined(), m.rt.ToValue(name)); err != nil {
			return nil, err
		}
	}
	return bind(goja.Undefined(), functions...)
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
	eachNode(reflect.ValueOf(statement), func(n any) {
		if n, ok := n.(*ast.NumberLiteral); ok {
			if _, big := n.Value.(*big.Int); big {
				err = calculationError("SyntaxError: BigInt numbers, such as 10n, are not available")
			}
		}
	})
	return err
}

var errOneExpression = calculationError("SyntaxError: write one expression; statements are not available here")

// syntaxError takes the position out of the parser's words: it counts lines of
// a text that the author has not written.
func syntaxError(err error) error {
	text := err.Error()
	if list, ok := errors.AsType[parser.ErrorList](err); ok && len(list) > 0 {
		text = list[0].Message
	} else if wrong, ok := errors.AsType[*goja.CompilerSyntaxError](err); ok {
		text = wrong.Message
	}
	return calculationError("SyntaxError: " + text)
}
