package expr_test

import (
	_ "embed"
	"math"
	"strings"
	"testing"

	"alur/engine/expr"
)

//go:embed testdata/conditions.tsv
var operatorTable string

// opposites are the operators that are true where the others are not.
var opposites = map[string][]string{
	"equal": {"notEqual", "!="}, "includes": {"notIncludes"}, "startsWith": {"notStartsWith"}, "endsWith": {"notEndsWith"},
}

// mirrored are the operators with their operands the other way round.
var mirrored = map[string][]string{"gt": {"lt", "<"}, "gte": {"lte", "<="}, "equal": {"equal", "=="}}

// TestOperatorTable goes through all pairs of values in a table: as constants, as
// variables, the other way round, and negated.
func TestOperatorTable(t *testing.T) {
	t.Parallel()
	cells, op := 0, ""
	var columns []string
	for line := range strings.Lines(operatorTable) {
		row := strings.Split(strings.TrimRight(line, "\n"), "\t")
		switch {
		case len(row) == 1 || strings.HasPrefix(line, "#"):
			continue
		case strings.Trim(row[0], "abcdefghijklmnopqrstuvwxyzW") == "" && row[1] == "null":
			op, columns = row[0], row[1:]
			continue
		}
		for i, want := range row[1:] {
			cells++
			check := func(name, first, second, want string) {
				t.Helper()
				if got := outcome(t, name, first, second); got != want {
					t.Errorf("%s %s %s is %s, want %s", first, name, second, got, want)
				}
			}
			check(op, row[0], columns[i], want)
			for _, name := range mirrored[op] {
				check(name, columns[i], row[0], want)
			}
			for _, name := range opposites[op] {
				check(name, row[0], columns[i], map[string]string{"T": "F", "F": "T", "E": "E"}[want])
			}
		}
	}
	if cells < 4000 {
		t.Errorf("the table has %d cells", cells)
	}
}

// outcome works a comparison out with constants and with variables, which must
// agree.
func outcome(t *testing.T, op, first, second string) string {
	t.Helper()
	s := expr.Vars{}
	put := func(name, text string) (constant, variable any) {
		switch text {
		case "":
			return nil, nil // operators of one operand
		case "⊥":
			return "{{missing}}", "{{missing}}"
		case "NaN":
			s[name] = math.NaN()
			return "{{" + name + "}}", "{{" + name + "}}"
		}
		s[name] = value(t, text)
		return s[name], "{{" + name + "}}"
	}
	a, aVar := put("a", first)
	b, bVar := put("b", second)
	result := evalPair(t, s, op, a, b)
	if got := evalPair(t, s, op, aVar, bVar); got != result {
		t.Errorf("%s %s %s is %s with variables, %s with constants", first, op, second, got, result)
	}
	return result
}

func evalPair(t *testing.T, s expr.Vars, op string, a, b any) string {
	t.Helper()
	operands := []any{a, b}
	if strings.HasSuffix(strings.ToLower(op), "empty") {
		operands = operands[:1]
	}
	c, err := expr.NewCondition(map[string]any{"calculator": op, "operands": operands})
	if err != nil {
		t.Fatal(err)
	}
	switch ok, err := c.Eval(inNewYork{s}); {
	case err != nil:
		return "E"
	case ok:
		return "T"
	}
	return "F"
}
