package cmd_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"alur/engine"
	"alur/engine/node"
	_ "alur/engine/nodes"
	_ "alur/engine/triggers"
	"alur/views/typetest"
)

// typeNames are the names of all node and trigger types.
func typeNames() map[string]bool {
	names := map[string]bool{}
	for _, k := range node.Kinds() {
		names[k.Name] = true
	}
	for _, k := range engine.TriggerKinds() {
		names[k.Name()] = true
	}
	return names
}

// TestTypesAreComplete: each type has what people need of it, and stands in two
// files and a test, with the section of the specification that it follows.
func TestTypesAreComplete(t *testing.T) {
	t.Parallel()
	typetest.Check(t)
	for _, k := range node.Kinds() {
		checkFiles(t, k.Name, "nodes", "nodeforms", "Kind")
	}
	for _, k := range engine.TriggerKinds() {
		checkFiles(t, k.Name(), "triggers", "triggerforms", "Name")
	}
}

var specSection = regexp.MustCompile(`\(spec/[a-z-]+\.md §[0-9.]+\)`)

// checkFiles looks at the sources of one type: engine/nodes/x.go with its method
// that names it, its test, and views/nodeforms/x.templ.
func checkFiles(t *testing.T, name, engineDir, formsDir, method string) {
	t.Helper()
	file := strings.ReplaceAll(name, "-", "_")
	source := filepath.Join("../engine", engineDir, file+".go")
	text, err := os.ReadFile(source)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	if !regexp.MustCompile(method + `\(\) string +\{ return "` + name + `" \}`).Match(text) {
		t.Errorf("%s does not define the type %s", source, name)
	}
	if !specSection.Match(text) {
		t.Errorf("%s names no section of the specification, as (spec/nodes-core.md §2)", source)
	}
	tests, _ := filepath.Glob(filepath.Join("../engine", engineDir, "*_test.go"))
	tested := slices.ContainsFunc(tests, func(path string) bool {
		text, err := os.ReadFile(path)
		return err == nil && (strings.Contains(string(text), strconv.Quote(name)) || filepath.Base(path) == file+"_test.go")
	})
	if !tested {
		t.Errorf("no test in engine/%s mentions %q", engineDir, name)
	}
	forms, _ := filepath.Glob(filepath.Join("../views", formsDir, file+".*"))
	said := slices.ContainsFunc(forms, func(path string) bool {
		text, err := os.ReadFile(path)
		return err == nil && strings.Contains(string(text), "Name: "+strconv.Quote(name))
	})
	if !said {
		t.Errorf("no file views/%s/%s.* registers the form of %q", formsDir, file, name)
	}
}

// TestNoListOfTypes: nobody but its own two files asks for a type by its name, so
// that a type can be added, also by a company, without a change elsewhere.
func TestNoListOfTypes(t *testing.T) {
	t.Parallel()
	names := typeNames()
	own := []string{"engine/nodes", "engine/triggers", "views/nodeforms", "views/triggerforms", // what a type says of itself
		"engine/sample", "cmd/bench", "cmd/example-nodes"} // ready-made workflows
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := filepath.ToSlash(strings.TrimPrefix(path, "../"))
		if d.IsDir() && (within(name, own...) || d.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			for _, lit := range askedTypes(n) {
				if kind, _ := strconv.Unquote(lit.Value); names[kind] {
					t.Errorf("%s asks for the type %q by its name: let the type say it, through an optional interface of package node or engine, or a field of nodeforms.Kind", files.Position(lit.Pos()), kind)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// askedTypes are the texts that n compares the type of a node or trigger with.
func askedTypes(n ast.Node) (list []*ast.BasicLit) {
	add := func(e ast.Expr) {
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			list = append(list, lit)
		}
	}
	switch n := n.(type) {
	case *ast.BinaryExpr:
		if n.Op != token.EQL && n.Op != token.NEQ {
			break
		}
		if isType(n.X) {
			add(n.Y)
		}
		if isType(n.Y) {
			add(n.X)
		}
	case *ast.SwitchStmt:
		if n.Tag == nil || !isType(n.Tag) {
			break
		}
		for _, c := range n.Body.List {
			for _, e := range c.(*ast.CaseClause).List {
				add(e)
			}
		}
	}
	return list
}

// isType reports whether e reads what the type of something is called.
func isType(e ast.Expr) bool {
	name := ""
	switch e := e.(type) {
	case *ast.SelectorExpr:
		name = e.Sel.Name
	case *ast.Ident:
		name = e.Name
	}
	switch strings.ToLower(name) {
	case "type", "kind", "nodetype", "triggertype":
		return true
	}
	return false
}
