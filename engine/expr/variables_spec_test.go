package expr_test

import (
	_ "embed"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"alur/engine/expr"
)

//go:embed testdata/variables.tsv
var variableTable string

//go:embed testdata/variables.json
var variableScene string

// TestVariablesSpec goes through spec/variables.md: each row of the table is one of
// its statements.
func TestVariablesSpec(t *testing.T) {
	t.Parallel()
	s := vars(t, variableScene)
	s["$system"] = map[string]any{
		"now": func() any { return "2024-06-28T10:00:00.000Z" }, "epoch": 1605024000.0,
		"dateRange": func() any { return map[string]any{"today": "2024-06-28+00:00"} },
	}
	before := encoded(t, s["$context"])
	seen, sections := map[string]bool{}, map[string]int{}
	for line := range strings.Lines(variableTable) {
		if line == "\n" || strings.HasPrefix(line, "#") {
			continue
		}
		row := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(row) != 6 {
			t.Fatalf("a row has %d columns, want 6: %s", len(row), line)
		}
		name := "§" + row[0] + " " + row[1]
		if seen[name] {
			t.Errorf("two rows are called %q", name)
		}
		seen[name] = true
		sections[row[0]]++
		t.Run(name, func(t *testing.T) {
			got, err := evalRow(t, row[2], row[3], s)
			want := row[4]
			if beginning, fails := strings.CutPrefix(want, "! "); fails {
				if err == nil || !strings.HasPrefix(err.Error(), beginning) {
					t.Errorf("%s is %v, error %v; want error %q", row[3], got, err, beginning)
				}
				return
			}
			if want == "⊥" {
				want = `"⊥"`
			}
			if err != nil || !reflect.DeepEqual(got, withUndefined(value(t, want))) {
				t.Errorf("%s is %#v, error %v; want %s", row[3], got, err, want)
			}
		})
	}
	for _, section := range []string{"2", "3", "4", "4.1", "5", "7", "8", "9", "10"} {
		if sections[section] == 0 {
			t.Errorf("no row is about section %s", section)
		}
	}
	if after := encoded(t, s["$context"]); after != before {
		t.Errorf("evaluating changed the variables:\n%s\nwere\n%s", after, before)
	}
}

func encoded(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func evalRow(t *testing.T, kind, input string, s expr.Scope) (any, error) {
	t.Helper()
	switch kind {
	case "template":
		tmpl, err := expr.NewTemplate(value(t, input))
		if err != nil {
			return nil, err
		}
		return tmpl.Eval(s)
	case "condition":
		c, err := expr.NewCondition(value(t, input))
		if err != nil {
			return nil, err
		}
		return c.Eval(s)
	case expr.MathJS, expr.FormulaJS, expr.Plain:
		return eval(kind, input, s)
	}
	t.Fatalf("there is no kind %q", kind)
	return nil, nil
}
