// Package exprtest gives the expressions in tests their libraries: import it for
// its effect.
package exprtest

import (
	"alur/engine/expr"
	"alur/engine/script/scripttest"
)

func init() { expr.Use(scripttest.Shared()) }
