// Package functiontest registers functions for tests of expressions. They stand in a
// package of their own because the child that works expressions out is the test
// program started again: it never gets to what a test file registers, and packages
// are initialized in the order of their paths, this one before script/scripttest.
package functiontest

import (
	"errors"

	"alur/engine/expr/function"
)

var (
	_ = function.Register(function.Function{Name: "OWN_COUNT", Help: "OWN_COUNT(…): how many arguments there are",
		Call: func(args []any) (any, error) { return len(args), nil }})
	_ = function.Register(function.Function{Name: "OWN_ECHO", Help: "OWN_ECHO(…): an object with the arguments",
		Call: func(args []any) (any, error) { return map[string]any{"got": args}, nil }})
	_ = function.Register(function.Function{Name: "OWN_FAIL", Help: "OWN_FAIL(): nothing but an error",
		Call: func([]any) (any, error) { return nil, errors.New("this never works") }})
)
