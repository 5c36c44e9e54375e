package library_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/dop251/goja"

	"alur/engine/expr/library"
)

// The committed bundles were made from the committed sources and lock file.
func TestBundlesAreCurrent(t *testing.T) {
	t.Parallel()
	sums, err := os.ReadFile("bundle.sum")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for lines := bufio.NewScanner(bytes.NewReader(sums)); lines.Scan(); {
		want, name, _ := strings.Cut(lines.Text(), "  ")
		names = append(names, name)
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%x", sha256.Sum256(content)); got != want {
			t.Errorf("%s has changed since the bundles were made: run go generate ./engine/expr/library", name)
		}
	}
	for _, name := range []string{"package-lock.json", "mathjs.js", "formulajs.js", "mathjs.bundle.js.gz", "formulajs.bundle.js.gz"} {
		if !slices.Contains(names, name) {
			t.Errorf("bundle.sum does not mention %s", name)
		}
	}
}

func TestVersionsArePinned(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	var lock struct {
		Packages map[string]struct{ Version, Integrity string }
	}
	if err := json.Unmarshal(raw, &lock); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"mathjs": "15.2.0", "@formulajs/formulajs": "4.6.1"} {
		if got := lock.Packages["node_modules/"+name]; got.Version != want || got.Integrity == "" {
			t.Errorf("%s is pinned to %q with integrity %q, want %s", name, got.Version, got.Integrity, want)
		}
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	for name, lib := range map[string]*library.Library{"math.js": library.MathJS, "formula.js": library.FormulaJS} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rt := goja.New()
			entry, err := lib.Load(rt)
			if err != nil {
				t.Fatal(err)
			}
			if entry.Get("run") == nil {
				t.Error("the library has no run")
			}
			if rt.Get("library") != nil {
				t.Error("code in the runtime can reach the library's entry points")
			}
		})
	}
}
