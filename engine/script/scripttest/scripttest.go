// Package scripttest gives tests script processes: the test program started
// again, which never reaches its tests.
//
// Import it for its effect in the tests of a package that compiles expressions;
// a test that runs scripts asks for a pool with [New].
package scripttest

import (
	"fmt"
	"os"
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
