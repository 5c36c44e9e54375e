package script

import (
	"reflect"
	"regexp"

	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/token"
)

// leftToRight mends a syntax tree of source in which comparisons in a row are
// nested from the right: the parser reads a < b < c as a < (b < c), where
// JavaScript means (a < b) < c.
func leftToRight(tree any, source string) {
	eachNode(reflect.ValueOf(tree), func(n any) {
		if top, ok := n.(*ast.BinaryExpression); ok && isRelation(top.Operator) {
			unchain(top, source)
		}
	})
}

func unchain(top *ast.BinaryExpression, source string) {
	for {
		right, ok := top.Right.(*ast.BinaryExpression)
		if !ok || !isRelation(right.Operator) || inParentheses(source, int(top.Left.Idx1())-1, right) {
			return
		}
		left := *top
		left.Right = right.Left
		top.Left, top.Operator, top.Comparison, top.Right = &left, right.Operator, right.Comparison, right.Right
	}
}

func isRelation(t token.Token) bool {
	switch t {
	case token.LESS, token.LESS_OR_EQUAL, token.GREATER, token.GREATER_OR_EQUAL, token.INSTANCEOF, token.IN:
		return true
	}
	return false
}

// quoted is what may hold parentheses that are none.
var quoted = regexp.MustCompile(`'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|` + "`(?:\\\\.|[^`\\\\])*`" + `|//[^\n]*|/\*(?s:.*?)\*/`)

// inParentheses reports whether the source has the whole comparison n in
// parentheses: whether one of those that are open from a position on is still open
// at n's operator.
func inParentheses(source string, from int, n *ast.BinaryExpression) bool {
	end := int(n.Left.Idx1()) - 1
	depth, lowest := 0, 0
	between := source[from : int(n.Right.Idx0())-1]
	for _, hidden := range quoted.FindAllStringIndex(between, -1) {
		blank := make([]byte, hidden[1]-hidden[0])
		between = between[:hidden[0]] + string(blank) + between[hidden[1]:]
	}
	for i := range len(between) {
		switch between[i] {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth--
			lowest = min(lowest, depth) // closes what began before
		case '<', '>', 'i':
			if from+i >= end {
				return depth > lowest
			}
		}
	}
	return true // not sure: leave it
}

// eachNode calls fn for all nodes of a syntax tree, from the outside in.
func eachNode(v reflect.Value, fn func(node any)) {
	switch v.Kind() {
	case reflect.Interface:
		eachNode(v.Elem(), fn)
	case reflect.Pointer:
		if !v.IsNil() {
			fn(v.Interface())
			eachNode(v.Elem(), fn)
		}
	case reflect.Slice:
		for i := range v.Len() {
			eachNode(v.Index(i), fn)
		}
	case reflect.Struct:
		if v.Type().PkgPath() != reflect.TypeFor[ast.Program]().PkgPath() {
			return // positions and files
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				eachNode(v.Field(i), fn)
			}
		}
	}
}
