package expr

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"alur/engine/npmtest"
)

// A difference is an expression with its parameters, and what the original
// library makes of it in Node.
type difference struct {
	Engine string `json:"engine"`
	Source string `json:"source"`
	Args   []any  `json:"args"`

	value any
	err   string // of the library
}

// TestAgreesWithTheOriginals compares expressions with the original libraries,
// untouched and run in Node: every documented example of math.js, every function
// of Formula.js, and generated expressions for the native path. Results are
// compared as values; of errors, that there is one, and of math.js also its words.
func TestAgreesWithTheOriginals(t *testing.T) {
	t.Parallel()
	dir := npmtest.Install(t, "library")
	cases := documented(t, dir)
	examples := len(cases)
	cases = append(cases, generated(600)...)
	if len(cases) < 3000 {
		t.Fatalf("only %d expressions", len(cases))
	}
	original(t, dir, cases)
	native := 0
	for _, c := range cases {
		got, err := evaluate(t.Context(), &c)
		if why := c.apart(got, err); why != "" && knownApart[c.Source] == "" {
			t.Errorf("%s: %s with %v: %s", c.Engine, c.Source, c.Args, why)
		}
		code := &code{source: c.Source, params: len(c.Args)}
		if quick := compileNative(dialects[c.Engine], code); quick != nil {
			if cell, ok := quick(c.Args); ok {
				if got, ok := cell.result(); ok {
					native++
					if why := c.apart(got, nil); why != "" {
						t.Errorf("%s, natively: %s with %v: %s", c.Engine, c.Source, c.Args, why)
					}
				}
			}
		}
	}
	t.Logf("%d expressions of the documentation, %d generated; %d answered natively", examples, len(cases)-examples, native)
	if native < 500 {
		t.Errorf("only %d expressions were answered natively", native)
	}
}

// knownApart are expressions whose results differ, and why.
var knownApart = map[string]string{
	"WORKDAY(true, 100, '>1', $$2)": "V8 reads nearly any text as a date, here “>1” as the first of January 2001",
}

// evaluate goes to the library even where the native path could answer.
func evaluate(ctx context.Context, c *difference) (any, error) {
	return fromLibrary(ctx, c.Engine, &code{source: c.Source, params: len(c.Args)}, c.Args)
}

// apart says how an answer of ours differs from the original's; "" when it does
// not.
func (c *difference) apart(got any, err error) string {
	switch {
	case err != nil && c.err == "":
		return fmt.Sprintf("ours fails with %v, the original gives %v", err, c.value)
	case err == nil && c.err != "":
		return fmt.Sprintf("ours gives %v, the original fails with %s", got, c.err)
	case err != nil:
		if c.Engine == MathJS && !strings.HasPrefix(c.err, "TypeError: Cannot read properties") && err.Error() != c.err {
			return fmt.Sprintf("ours fails with %q, the original with %q", err, c.err)
		}
	case !alike(got, c.value):
		return fmt.Sprintf("ours gives %#v, the original %#v", got, c.value)
	}
	return ""
}

// alike compares JSON values. Numbers may be apart by the last digits of a float:
// V8 and Go work out sines and powers differently there.
func alike(a, b any) bool {
	switch a := a.(type) {
	case float64:
		b, ok := b.(float64)
		return ok && math.Abs(a-b) <= 1e-9*max(1, math.Abs(a))
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, alike)
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, alike)
	}
	return a == b
}

// original fills in what the libraries in Node answer.
func original(t *testing.T, dir string, cases []difference) {
	t.Helper()
	in, err := json.Marshal(cases)
	if err != nil {
		t.Fatal(err)
	}
	var answers []struct {
		Value any
		Error string
	}
	node(t, in, &answers, dir)
	if len(answers) != len(cases) {
		t.Fatalf("%d answers to %d cases", len(answers), len(cases))
	}
	for i, a := range answers {
		cases[i].value, cases[i].err = a.Value, a.Error
	}
}

func node(t *testing.T, in []byte, out any, args ...string) {
	t.Helper()
	script, err := filepath.Abs("testdata/reference.mjs")
	if err != nil {
		t.Fatal(err)
	}
	program := exec.CommandContext(t.Context(), "node", append([]string{script}, args...)...)
	program.Stdin = bytes.NewReader(in)
	raw, err := program.Output()
	if err != nil {
		t.Fatalf("node: %v\n%s", err, err.(*exec.ExitError).Stderr)
	}
	if err := json.Unmarshal(raw, out); err != nil {
		t.Fatalf("node says %.300s: %v", raw, err)
	}
}

// chance and clock are in expressions that have no one result.
var chance = regexp.MustCompile(`(?i)rand|pickRandom|distribution|\bnow\b|today`)

// disabled are functions that change the library for whoever comes next.
var disabled = regexp.MustCompile(`\b(import|config|createUnit|typed|reviver|create)\(`)

// documented are the examples of math.js, and calls of each function of
// Formula.js with arguments of many kinds.
func documented(t *testing.T, dir string) []difference {
	t.Helper()
	var list struct{ Math, Formula []string }
	node(t, nil, &list, dir, "list")
	var cases []difference
	for _, source := range list.Math {
		if !chance.MatchString(source) && !disabled.MatchString(source) {
			cases = append(cases, difference{Engine: MathJS, Source: source, Args: []any{}})
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	pool := []string{"0", "1", "2", "3", "-4", "0.5", "12.75", "100", "1e3", "true", "false", "null", "'a'", "'Alur 12'", "''", "'12'", "'2024-02-29'", "'2024-03-31'",
		"[1, 2, 3]", "[3, 1, 2, 2]", "['a', 'b', 'a']", "[[1, 2], [3, 4]]", "[true, false]", "[]", "'>1'", "'km'", "'1+2i'", "'d'", "$$0", "$$1", "$$2"}
	for _, name := range list.Formula {
		if chance.MatchString(name) {
			continue
		}
		for range 6 {
			args := make([]string, r.IntN(5))
			for i := range args {
				args[i] = pool[r.IntN(len(pool))]
			}
			cases = append(cases, difference{Engine: FormulaJS, Source: name + "(" + strings.Join(args, ", ") + ")", Args: []any{7.25, "text", []any{4.0, 2.0, 9.0}}})
		}
	}
	return cases
}

// generated are n expressions for each language that mostly stay on the native
// path, and their parameters; always the same.
func generated(n int) []difference {
	var cases []difference
	for engine, dialect := range dialects {
		one := rapid.Custom(func(t *rapid.T) difference {
			g := generator{T: t, dialect: dialect, words: nativeWords[engine]}
			return difference{Engine: engine, Source: g.expression(3), Args: g.args(4)}
		})
		for i := range n {
			cases = append(cases, one.Example(i))
		}
	}
	return cases
}
