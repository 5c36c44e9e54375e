package expr

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// formulaDialect is the part of JavaScript and Formula.js that is worked out
// natively.
var formulaDialect = &dialect{
	space: " \t\r\n",
	operators: []string{
		"===", "!==", ">>>", "...", "=>", "**", "++", "--", "//", "/*", "==", "!=", "<=", ">=", "&&", "||", "??", "?.", "<<", ">>", // those not in binary end the native path
		"+", "-", "*", "/", "%", "<", ">", "!", "(", ")", ",", "?", ":",
	},
	binary: map[string]binary{
		"||": {level: 2, apply: second, lazy: func(a cell) (cell, bool, bool) { return a, a.truthy(), true }},
		"&&": {level: 3, apply: second, lazy: func(a cell) (cell, bool, bool) { return a, !a.truthy(), true }},
		"==": {level: 7, apply: jsCompare(jsEqual)},
		"!=": {level: 7, apply: jsCompare(func(a, b cell) bool { return !jsEqual(a, b) })},
		"===": {level: 7, apply: jsCompare(func(a, b cell) bool {
			return a.kind == b.kind && jsEqual(a, b)
		})},
		"!==": {level: 7, apply: jsCompare(func(a, b cell) bool {
			return a.kind != b.kind || !jsEqual(a, b)
		})},
		"<":  {level: 8, apply: jsOrder(func(order int) bool { return order < 0 })},
		">":  {level: 8, apply: jsOrder(func(order int) bool { return order > 0 })},
		"<=": {level: 8, apply: jsOrder(func(order int) bool { return order <= 0 })},
		">=": {level: 8, apply: jsOrder(func(order int) bool { return order >= 0 })},
		"+":  {level: 10, apply: jsAdd},
		"-":  {level: 10, apply: jsNumeric(func(a, b float64) float64 { return a - b })},
		"*":  {level: 11, apply: jsNumeric(func(a, b float64) float64 { return a * b })},
		"/":  {level: 11, apply: jsNumeric(func(a, b float64) float64 { return a / b })},
		"%":  {level: 11, apply: jsNumeric(math.Mod)},
	},
	prefix: map[string]prefix{
		"-": {level: 13, apply: func(a cell) (cell, bool) { return number(-a.jsNumber()), a.kind != kList }},
		"+": {level: 13, apply: func(a cell) (cell, bool) { return number(a.jsNumber()), a.kind != kList }},
		"!": {level: 13, apply: func(a cell) (cell, bool) { return boolean(!a.truthy()), true }},
	},
	constants: map[string]cell{
		"true": boolean(true), "false": boolean(false), "null": {},
		"NaN": number(math.NaN()), "Infinity": number(math.Inf(1)),
	},
	functions: map[string]function{
		"ABS":         {1, 1, formulaNumber(math.Abs)},
		"INT":         {1, 1, formulaNumber(math.Floor)},
		"SQRT":        {1, 1, formulaSqrt},
		"MOD":         {2, 2, formulaMod},
		"POWER":       {2, 2, formulaPower},
		"ROUND":       {1, 2, formulaRound(func(x float64) float64 { return math.Floor(x + 0.5) })},
		"ROUNDUP":     {1, 2, formulaRound(math.Ceil)},
		"ROUNDDOWN":   {1, 2, formulaRound(math.Floor)},
		"SUM":         {0, 20, formulaSum},
		"AVERAGE":     {1, 20, formulaAverage},
		"MIN":         {1, 20, formulaExtreme(math.Min)},
		"MAX":         {1, 20, formulaExtreme(math.Max)},
		"IF":          {2, 3, formulaIf},
		"AND":         {1, 20, formulaLogic(true)},
		"OR":          {1, 20, formulaLogic(false)},
		"NOT":         {1, 1, func(args []cell) (cell, bool) { return boolean(!args[0].truthy()), args[0].kind != kText }},
		"CONCATENATE": {1, 20, formulaConcatenate},
		"CONCAT":      {1, 20, formulaConcatenate},
		"LEN":         {1, 1, formulaLen},
		"UPPER":       {1, 1, formulaText(strings.ToUpper)},
		"LOWER":       {1, 1, formulaText(strings.ToLower)},
		"TRIM":        {1, 1, formulaText(func(s string) string { return strings.Join(strings.Fields(s), " ") })},
		"DAYS":        {2, 2, formulaDays},
	},
}

func (c cell) jsNumber() float64 {
	if c.kind == kText {
		return textNumber(c.text)
	}
	return c.num
}

// jsText is JavaScript's String(c), for what is no list.
func (c cell) jsText() string {
	switch c.kind {
	case kNull:
		return "null"
	case kBool:
		return strconv.FormatBool(c.num != 0)
	case kNumber:
		return formatNumber(c.num)
	}
	return c.text
}

func second(_, b cell) (cell, bool) { return b, true }

func jsEqual(a, b cell) bool {
	switch {
	case a.kind == kNull || b.kind == kNull:
		return a.kind == b.kind
	case a.kind == kText && b.kind == kText:
		return a.text == b.text
	}
	return a.jsNumber() == b.jsNumber()
}

func jsCompare(f func(a, b cell) bool) func(a, b cell) (cell, bool) {
	return func(a, b cell) (cell, bool) {
		if a.kind == kList || b.kind == kList {
			return cell{}, false
		}
		return boolean(f(a, b)), true
	}
}

func jsOrder(holds func(int) bool) func(a, b cell) (cell, bool) {
	return jsCompare(func(a, b cell) bool {
		if a.kind == kText && b.kind == kText {
			return holds(compareText(a.text, b.text))
		}
		x, y := a.jsNumber(), b.jsNumber()
		return !math.IsNaN(x) && !math.IsNaN(y) && holds(order(x, y))
	})
}

func jsNumeric(f func(a, b float64) float64) func(a, b cell) (cell, bool) {
	return func(a, b cell) (cell, bool) {
		return number(f(a.jsNumber(), b.jsNumber())), a.kind != kList && b.kind != kList
	}
}

func jsAdd(a, b cell) (cell, bool) {
	switch {
	case a.kind == kList || b.kind == kList:
		return cell{}, false
	case a.kind == kText || b.kind == kText:
		return text(a.jsText() + b.jsText()), true
	}
	return number(a.num + b.num), true
}

var plainNumber = regexp.MustCompile(`^-?\d{1,15}(\.\d{1,15})?$`)

// formulaArg reads a number as Formula.js does: null is 0. Texts other than
// plain numbers are left to the library.
func formulaArg(c cell) (float64, bool) {
	switch c.kind {
	case kNull, kBool:
		return c.num, true
	case kNumber:
		return c.num, !math.IsNaN(c.num) && !math.IsInf(c.num, 0)
	case kText:
		return textNumber(c.text), plainNumber.MatchString(c.text)
	}
	return 0, false
}

func formulaNumber(f func(float64) float64) func([]cell) (cell, bool) {
	return func(args []cell) (cell, bool) {
		x, ok := formulaArg(args[0])
		return number(f(x)), ok
	}
}

func formulaSqrt(args []cell) (cell, bool) {
	x, ok := formulaArg(args[0])
	return number(math.Sqrt(x)), ok && x >= 0
}

func formulaPower(args []cell) (cell, bool) {
	x, ok1 := formulaArg(args[0])
	y, ok2 := formulaArg(args[1])
	result := power(x, y)
	return number(result), ok1 && ok2 && !(x == 0 && y == 0) && !math.IsNaN(result)
}

func formulaMod(args []cell) (cell, bool) {
	x, ok1 := formulaArg(args[0])
	y, ok2 := formulaArg(args[1])
	if !ok1 || !ok2 || y == 0 {
		return cell{}, false
	}
	modulus := math.Abs(math.Mod(x, y))
	if x < 0 {
		modulus = y - modulus
	}
	if y <= 0 {
		modulus = -modulus
	}
	return number(modulus), true
}

// formulaRound shifts the decimal point in the number's text, as the library
// does: 1.005 * 100 would be 100.49999.
func formulaRound(whole func(float64) float64) func([]cell) (cell, bool) {
	return func(args []cell) (cell, bool) {
		x, ok := formulaArg(args[0])
		places := 0.0
		if ok && len(args) == 2 {
			places, ok = formulaArg(args[1])
		}
		if !ok || places != math.Trunc(places) || math.Abs(places) > 15 {
			return cell{}, false
		}
		shifted, ok := shift(math.Abs(x), int(places))
		if !ok {
			return cell{}, false
		}
		rounded, ok := shift(whole(shifted), -int(places))
		if x < 0 {
			rounded = -rounded
		}
		return number(rounded), ok
	}
}

// shift moves the decimal point of x; not ok where x is written with an exponent.
func shift(x float64, places int) (float64, bool) {
	if x >= 1e21 || x < 1e-6 && x != 0 {
		return 0, false
	}
	var buf [48]byte
	b := append(appendNumber(buf[:0], x), 'e')
	f, err := strconv.ParseFloat(string(strconv.AppendInt(b, int64(places), 10)), 64)
	return f, err == nil
}

func formulaSum(args []cell) (cell, bool) {
	sum := 0.0
	for _, a := range args {
		switch a.kind {
		case kNumber:
			sum += a.num
		case kText:
			return cell{}, false
		case kList:
			inner, ok := sumList(a.list)
			if !ok {
				return cell{}, false
			}
			sum += inner
		}
	}
	return number(sum), true
}

func sumList(list []any) (sum float64, ok bool) {
	for _, e := range list {
		switch e := e.(type) {
		case float64:
			sum += e
		case nil, bool:
		case []any:
			inner, ok := sumList(e)
			if !ok {
				return 0, false
			}
			sum += inner
		default:
			return 0, false
		}
	}
	return sum, true
}

func formulaAverage(args []cell) (cell, bool) {
	sum, n := 0.0, 0
	ok := numbersOf(args, func(f float64) { sum += f; n++ })
	return number(sum / float64(n)), ok && n > 0
}

func formulaExtreme(f func(a, b float64) float64) func([]cell) (cell, bool) {
	return func(args []cell) (cell, bool) {
		best, n := 0.0, 0
		ok := numbersOf(args, func(x float64) {
			if n == 0 {
				best = x
			} else {
				best = f(best, x)
			}
			n++
		})
		return number(best), ok
	}
}

func formulaIf(args []cell) (cell, bool) {
	if len(args) == 2 {
		args = append(args, boolean(false))
	}
	chosen := args[2]
	if args[0].truthy() {
		chosen = args[1]
	}
	if chosen.kind == kNull {
		chosen = number(0)
	}
	return chosen, true
}

// formulaLogic is AND or OR: null and texts do not count, and nothing that
// counts is an error.
func formulaLogic(all bool) func([]cell) (cell, bool) {
	return func(args []cell) (cell, bool) {
		result, counted := all, false
		for _, a := range args {
			switch a.kind {
			case kList:
				return cell{}, false
			case kNumber, kBool:
				counted = true
				if a.truthy() != all {
					result = !all
				}
			}
		}
		return boolean(result), counted
	}
}

func formulaConcatenate(args []cell) (cell, bool) {
	var b []byte
	for _, a := range args {
		switch a.kind {
		case kList:
			return cell{}, false
		case kBool:
			b = append(b, strings.ToUpper(a.jsText())...)
		case kNumber, kText:
			b = append(b, a.jsText()...)
		}
	}
	return text(string(b)), true
}

func formulaLen(args []cell) (cell, bool) {
	if args[0].kind == kNull {
		return number(0), true
	}
	return number(float64(utf16Len(args[0].jsText()))), args[0].kind != kList
}

// formulaText applies f to texts in ASCII, where Go and JavaScript agree.
func formulaText(f func(string) string) func([]cell) (cell, bool) {
	return func(args []cell) (cell, bool) {
		s := args[0].text
		for _, c := range []byte(s) {
			if c >= 0x80 || c < ' ' {
				return cell{}, false
			}
		}
		return text(f(s)), args[0].kind == kText
	}
}

// formulaDays counts the days from the second date to the first one as the
// library does, from the start of the day in the server's time zone.
func formulaDays(args []cell) (cell, bool) {
	end, ok1 := daySerial(args[0])
	start, ok2 := daySerial(args[1])
	return number(end - start), ok1 && ok2
}

func daySerial(c cell) (float64, bool) {
	day, err := time.ParseInLocation(time.DateOnly, c.text, time.Local)
	if err != nil {
		ms, ok := instant(c.text)
		if !ok || c.text[len(c.text)-1] != 'Z' {
			return 0, false
		}
		y, m, d := time.UnixMilli(int64(ms)).Date()
		day = time.Date(y, m, d, 0, 0, 0, 0, time.Local)
	}
	first := time.Date(1900, 1, 1, 0, 0, 0, 0, time.Local)
	return math.Ceil(float64(day.UnixMilli()-first.UnixMilli())/86400000) + 2, c.kind == kText && day.Year() > 1900
}
