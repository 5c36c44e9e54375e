package script

import (
	"testing"

	"github.com/dop251/goja"
	"github.com/dop251/goja/parser"
)

// TestLeftToRight runs comparisons in a row; the results are those of V8.
func TestLeftToRight(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]bool{
		"3 > 2 > 1":                      false,
		"3 > (2 > 1)":                    true,
		"(3 > 2) > 1":                    false,
		"1 < 5 < 3":                      true,
		"1 < (5) < 3":                    true,
		"1 < (5 < 3)":                    false,
		"1 < ((5)) < ((3))":              true,
		"1 < ((5) < (3))":                false,
		"1 < (2 + (3)) < 3":              true,
		"1 < (2 + (3) < 3)":              false,
		"1 < ')'.length + (4) < 3":       true,
		"1 < (')'.length + (4) < 3)":     false,
		"1 < /* ( */ 5 < 3":              true,
		"3 > 2 > 1 > 0":                  false,
		"3 > 2 > (1 > 0)":                false,
		"3 > (2 > 1 >= 0)":               true,
		"(() => 3 > 2 > 1)()":            false,
		"[3 > 2 > 1][0]":                 false,
		"0 in [1] in {true: 1}":          true,
		"0 in ([1] in {true: 1}, [1])":   true,
		"[1].map(x => x < 5 < 3)[0]":     true,
		"1 < [5, (2)][0] < 3":            true,
		"1 < ([5, (2)][0] < 3)":          false,
		"1 <= 1 === true":                true,
		"3 > 2 > 1 ? false : 5 > 4 >= 1": true,
	} {
		tree, err := parser.ParseFile(nil, "", source, 0)
		if err != nil {
			t.Fatal(err)
		}
		leftToRight(tree, source)
		program, err := goja.CompileAST(tree, true)
		if err != nil {
			t.Fatal(err)
		}
		got, err := goja.New().RunProgram(program)
		if err != nil || got.ToBoolean() != want {
			t.Errorf("%s is %v (%v), want %v", source, got, err, want)
		}
	}
}
