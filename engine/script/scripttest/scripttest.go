// Package scripttest gives tests script processes: the test program started
// again, which never reaches its tests.
//
// A test of scripts asks for a pool with [New]; package exprtest takes one for
// expressions.
package scripttest

import (
	"fmt"
	"os"
	"sync"
	"testing"

	"alur/engine/script"
)

func init() {
	if len(os.Args) > 1 && os.Args[1] == "script-worker" {
		if err := script.Work(os.Args[2:], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
}

// New returns a pool that is closed at the end of the test.
func New(t testing.TB, o script.Options) *script.Pool {
	p := script.NewPool(o)
	t.Cleanup(p.Close)
	return p
}

// Shared returns a pool that lives as long as the test program.
var Shared = sync.OnceValue(func() *script.Pool { return script.NewPool(script.Options{}) })
