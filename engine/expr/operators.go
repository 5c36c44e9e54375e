package expr

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// operator compares two values. alike says that both came from the same
// variable: JavaScript then sees one and the same list or object.
type operator func(a, b any, alike bool) (bool, error)

// operators of basic conditions, by the names they have in settings.
var operators = map[string]operator{
	"equal":    equal,
	"==":       equal,
	"notEqual": not(equal),
	"!=":       not(equal),

	"gt":  relation(func(c int) bool { return c > 0 }),
	">":   relation(func(c int) bool { return c > 0 }),
	"gte": relation(func(c int) bool { return c >= 0 }),
	">=":  relation(func(c int) bool { return c >= 0 }),
	"lt":  relation(func(c int) bool { return c < 0 }),
	"<":   relation(func(c int) bool { return c < 0 }),
	"lte": relation(func(c int) bool { return c <= 0 }),
	"<=":  relation(func(c int) bool { return c <= 0 }),

	"includes":      includes,
	"notIncludes":   not(includes),
	"startsWith":    affix(strings.HasPrefix),
	"notStartsWith": not(affix(strings.HasPrefix)),
	"endsWith":      affix(strings.HasSuffix),
	"notEndsWith":   not(affix(strings.HasSuffix)),

	"equalNoCase":       equalNoCase,
	"notEqualNoCase":    not(equalNoCase),
	"includesNoCase":    includesNoCase,
	"notIncludesNoCase": not(includesNoCase),

	"empty":    empty,
	"notEmpty": not(empty),
}

// lone are the operators that look at one value.
var lone = map[string]bool{"empty": true, "notEmpty": true}

func not(op operator) operator {
	return func(a, b any, alike bool) (bool, error) {
		ok, err := op(a, b, alike)
		return !ok && err == nil, err
	}
}

// equal is JavaScript's ==, and compares dates as instants.
func equal(a, b any, alike bool) (bool, error) {
	if x, y, ok := dates(a, b); ok {
		return x == y, nil
	}
	return looseEqual(a, b, alike), nil
}

func looseEqual(a, b any, alike bool) bool {
	if isNil(a) || isNil(b) {
		return isNil(a) && isNil(b)
	}
	x, xText := a.(string)
	y, yText := b.(string)
	if xText && yText {
		return x == y
	}
	switch xc, yc := isContainer(a), isContainer(b); {
	case xc && yc:
		return alike || same(a, b)
	case xc:
		return looseEqual(jsString(a), b, false)
	case yc:
		return looseEqual(a, jsString(b), false)
	}
	return jsNumber(a) == jsNumber(b) // NaN equals nothing
}

// relation is JavaScript's <, <=, > or >=, and compares dates as instants.
func relation(holds func(order int) bool) operator {
	return func(a, b any, _ bool) (bool, error) {
		if x, y, ok := dates(a, b); ok {
			return related(x, y, holds), nil
		}
		if isContainer(a) {
			a = jsString(a)
		}
		if isContainer(b) {
			b = jsString(b)
		}
		x, xText := a.(string)
		y, yText := b.(string)
		if xText && yText {
			return holds(compareText(x, y)), nil
		}
		return related(jsNumber(a), jsNumber(b), holds), nil
	}
}

// related is false when one of the numbers is NaN.
func related(x, y float64, holds func(order int) bool) bool {
	return !math.IsNaN(x) && !math.IsNaN(y) && holds(order(x, y))
}

func order(x, y float64) int {
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// includes looks for an element in a list, by type and value, or for a part
// of a text.
func includes(a, b any, _ bool) (bool, error) { return contains(a, b, strictEqual, strings.Contains) }

// includesNoCase is includes for capital and small letters alike. Null is in no list.
func includesNoCase(a, b any, _ bool) (bool, error) {
	alike := func(e, b any) bool {
		x, xText := e.(string)
		y, yText := b.(string)
		return !isNil(b) && (strictEqual(e, b) || xText && yText && strings.EqualFold(x, y))
	}
	return contains(a, b, alike, func(s, part string) bool { return strings.Contains(folded(s), folded(part)) })
}

func contains(a, b any, alike func(e, b any) bool, within func(s, part string) bool) (bool, error) {
	switch a := a.(type) {
	case nil, undefined:
		return false, nil
	case string:
		return !isNil(b) && within(a, jsString(b)), nil
	case []any:
		return slices.ContainsFunc(a, func(e any) bool { return alike(e, b) }), nil
	}
	return false, fmt.Errorf("\"contains\" looks into a text or a list, but was given %s", typeName(a))
}

// equalNoCase is equal for capital and small letters alike. Null is equal to nothing,
// not even to null.
func equalNoCase(a, b any, alike bool) (bool, error) {
	if isNil(a) || isNil(b) {
		return false, nil
	}
	if ok, err := equal(a, b, alike); ok || err != nil {
		return ok, err
	}
	x, xText := a.(string)
	y, yText := b.(string)
	switch { // a list and a text are compared as texts, as ever
	case xText && isContainer(b):
		y = jsString(b)
	case yText && isContainer(a):
		x = jsString(a)
	case !xText || !yText:
		return false, nil
	}
	return strings.EqualFold(x, y), nil
}

// folded is s with the same letter for all that differ by case alone: of those that
// Unicode folds by one letter each the smallest.
func folded(s string) string {
	return strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf {
			return unicode.ToUpper(r)
		}
		least := r
		for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
			least = min(least, next)
		}
		return least
	}, s)
}

// empty is what holds nothing: null, a missing value, and a text, a list or an object
// without any content. 0 and false are something.
func empty(a, _ any, _ bool) (bool, error) {
	switch a := a.(type) {
	case nil, undefined:
		return true, nil
	case string:
		return a == "", nil
	case []any:
		return len(a) == 0, nil
	case map[string]any:
		return len(a) == 0, nil
	}
	return false, nil
}

func affix(has func(s, affix string) bool) operator {
	return func(a, b any, _ bool) (bool, error) {
		return !isNil(a) && !isNil(b) && has(jsString(a), jsString(b)), nil
	}
}

// strictEqual is JavaScript's SameValueZero: no conversions, NaN equals NaN.
func strictEqual(a, b any) bool {
	switch x := a.(type) {
	case nil:
		return b == nil
	case float64:
		y, ok := b.(float64)
		return ok && (x == y || math.IsNaN(x) && math.IsNaN(y))
	case bool, string, undefined:
		return !isContainer(b) && a == b
	}
	return isContainer(b) && same(a, b)
}

// same reports whether two containers are one and the same. Empty lists have
// no identity in Go.
func same(a, b any) bool {
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	return x.Kind() == y.Kind() && x.Len() > 0 && x.Len() == y.Len() && x.Pointer() == y.Pointer()
}

func isNil(v any) bool { return v == nil || IsUndefined(v) }

func isContainer(v any) bool {
	switch v.(type) {
	case []any, map[string]any:
		return true
	}
	return false
}
