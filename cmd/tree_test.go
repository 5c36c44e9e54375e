package cmd_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// goPackage is what the go command knows of a package of ours.
type goPackage struct {
	ImportPath, Dir, Doc string
	GoFiles, Imports     []string
}

func packages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,Doc,GoFiles,Imports", "alur/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("list the packages: %v", err)
	}
	var all []goPackage
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// within reports whether path is one of the packages or below one.
func within(path string, packages ...string) bool {
	return slices.ContainsFunc(packages, func(p string) bool {
		return path == p || strings.HasPrefix(path, p+"/")
	})
}

// TestImports keeps the direction of style.md §1: cmd → handlers → views →
// engine, and leaves that know nobody.
func TestImports(t *testing.T) {
	t.Parallel()
	rules := []struct {
		from   []string // these packages, and those below them …
		except []string
		not    []string // … never import these
		only   []string // … and of ours import only these; nil for any
	}{
		{from: []string{"alur/engine"}, except: []string{"alur/engine/crashtest/program"}, not: []string{
			"alur/cmd", "alur/handlers", "alur/views", "alur/static",
			"net/http/httptest", "github.com/labstack", "github.com/a-h/templ"}},
		{from: []string{"alur/views"}, not: []string{"alur/cmd", "alur/handlers", "github.com/labstack", "github.com/jmoiron", "github.com/lib", "database/sql"}},
		{from: []string{"alur/handlers"}, not: []string{"alur/cmd", "github.com/jmoiron", "github.com/lib", "database/sql"}},
		{from: []string{"alur/static"}, only: []string{}},
		{from: []string{"alur/migrations"}, only: []string{"alur/engine/fault", "alur/engine/crashpoint"}},
		{from: []string{"alur/engine/fault", "alur/engine/lru", "alur/engine/snowflake", "alur/engine/pg", "alur/engine/crashpoint"}, only: []string{}},
		{from: []string{"alur/engine/node"}, only: []string{"alur/engine/fault", "alur/engine/pg", "alur/engine/value"}},
		{from: []string{"alur/engine/expr"}, except: []string{"alur/engine/expr/exprtest"},
			only: []string{"alur/engine/expr", "alur/engine/fault", "alur/engine/lru", "alur/engine/value"}},
		{from: []string{"alur/engine/script"}, only: []string{"alur/engine/script", "alur/engine/expr/library", "alur/engine/expr/function", "alur/engine/lru", "alur/engine/value"}},
		{from: []string{"alur/engine"}, except: []string{"alur/engine/sample", "alur/engine/crashtest"},
			not: []string{"alur/engine/nodes", "alur/engine/triggers"}},
	}
	for _, p := range packages(t) {
		for _, rule := range rules {
			if !within(p.ImportPath, rule.from...) || within(p.ImportPath, rule.except...) {
				continue
			}
			for _, imported := range p.Imports {
				switch {
				case within(imported, rule.not...) && !within(p.ImportPath, imported):
					t.Errorf("%s imports %s, which points the wrong way", p.ImportPath, imported)
				case rule.only != nil && within(imported, "alur") && !within(imported, rule.only...):
					t.Errorf("%s imports %s; of ours it may import only %v", p.ImportPath, imported, rule.only)
				}
			}
		}
	}
}

// TestDocs wants every package to say what it is for, in doc.go when it has
// more than one file.
func TestDocs(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		if len(p.GoFiles) == 0 {
			continue // tests only
		}
		if p.Doc == "" {
			t.Errorf("%s has no package doc", p.ImportPath)
		}
		if len(p.GoFiles) > 1 && !slices.Contains(p.GoFiles, "doc.go") {
			t.Errorf("%s has no doc.go", p.ImportPath)
		}
	}
}

// TestFileSize keeps files readable.
func TestFileSize(t *testing.T) {
	t.Parallel()
	const most = 600
	for _, p := range packages(t) {
		files, err := filepath.Glob(filepath.Join(p.Dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if n := lines(t, file); n > most && !strings.HasSuffix(file, "_templ.go") {
				t.Errorf("%s has %d lines; split it by topic", file, n)
			}
		}
	}
}

func lines(t *testing.T, file string) int {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(text), "\n")
}
