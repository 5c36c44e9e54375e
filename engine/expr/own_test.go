package expr_test

import (
	"reflect"
	"testing"

	"alur/engine/expr"
	_ "alur/engine/expr/function/functiontest"
)

// TestOwnFunctions: functions of the program's own are part of both libraries.
func TestOwnFunctions(t *testing.T) {
	t.Parallel()
	scope := expr.Vars{"$context": map[string]any{"list": []any{1.0, "two", nil, true}, "o": map[string]any{"a": []any{1.0}}}}
	got := func(args ...any) map[string]any { return map[string]any{"got": args} }
	for _, tc := range []struct {
		text string
		want any
	}{
		{`OWN_COUNT()`, 0.0},
		{`OWN_COUNT(1, 2) + OWN_COUNT(3)`, 3.0},
		{`OWN_ECHO({{$context.list}}, {{$context.o}}, {{$context.nothing}}, "ä", 1 == 2)`,
			got([]any{1.0, "two", nil, true}, map[string]any{"a": []any{1.0}}, nil, "ä", false)},
		{`OWN_ECHO(1.5)`, got(1.5)},
	} {
		for _, engine := range []string{expr.MathJS, expr.FormulaJS} {
			if v, err := eval(engine, tc.text, scope); err != nil || !reflect.DeepEqual(v, tc.want) {
				t.Errorf("%s: %s is %#v (%v), want %#v", engine, tc.text, v, err, tc.want)
			}
		}
	}
	if v, err := eval(expr.MathJS, `OWN_ECHO([[1, 2], [3, 4]])`, scope); err != nil || !reflect.DeepEqual(v, got([]any{[]any{1.0, 2.0}, []any{3.0, 4.0}})) {
		t.Errorf("a matrix arrives as %#v (%v)", v, err)
	}
	for _, engine := range []string{expr.MathJS, expr.FormulaJS} {
		if _, err := eval(engine, `OWN_FAIL(1)`, scope); err == nil || err.Error() != "Error: this never works" {
			t.Errorf("%s: the error reads %v", engine, err)
		}
		if _, err := eval(engine, `OWN_NOTHING(1)`, scope); err == nil {
			t.Errorf("%s takes a function that nobody registered", engine)
		}
	}
}

// TestOwnFunctionsAreFrozen: an expression cannot change what the next one calls.
func TestOwnFunctionsAreFrozen(t *testing.T) {
	t.Parallel()
	if _, err := eval(expr.FormulaJS, `(OWN_COUNT.call = 1, 1)`, nil); err == nil {
		t.Error("a function of the program's own could be changed")
	}
}
