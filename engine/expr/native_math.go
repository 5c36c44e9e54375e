package expr

import "math"

// mathDialect is the part of math.js that is worked out natively. Operators take
// numbers, comparisons and logic also booleans; the library converts texts and
// complains about null.
var mathDialect = &dialect{
	space: " \t",
	operators: []string{
		"==", "!=", "<=", ">=", "??", "?.", "<<", ">>", ".*", "./", ".^", "^|", // those not in binary end the native path
		"+", "-", "*", "/", "%", "^", "<", ">", "(", ")", ",", "?", ":",
	},
	noNestedChoice: true,
	binary: map[string]binary{
		"or":  {level: 2, apply: mathLogic(func(a, b bool) bool { return a || b }), lazy: mathSettled(true)},
		"and": {level: 4, apply: mathLogic(func(a, b bool) bool { return a && b }), lazy: mathSettled(false)},
		"==":  {level: 8, once: true, apply: mathEqual},
		"!=":  {level: 8, once: true, apply: mathUnequal},
		"<":   {level: 8, once: true, apply: mathOrder(func(a, b float64) bool { return a < b && !nearlyEqual(a, b) })},
		">":   {level: 8, once: true, apply: mathOrder(func(a, b float64) bool { return a > b && !nearlyEqual(a, b) })},
		"<=":  {level: 8, once: true, apply: mathOrder(func(a, b float64) bool { return a <= b || nearlyEqual(a, b) })},
		">=":  {level: 8, once: true, apply: mathOrder(func(a, b float64) bool { return a >= b || nearlyEqual(a, b) })},
		"+":   {level: 11, apply: numeric2(func(a, b float64) float64 { return a + b })},
		"-":   {level: 11, apply: numeric2(func(a, b float64) float64 { return a - b })},
		"*":   {level: 12, apply: numeric2(func(a, b float64) float64 { return a * b })},
		"/":   {level: 12, apply: numeric2(func(a, b float64) float64 { return a / b })},
		"%":   {level: 12, apply: numeric2(mathMod)},
		"mod": {level: 12, apply: numeric2(mathMod)},
		"^":   {level: 15, right: true, apply: mathPower},
	},
	prefix: map[string]prefix{
		"-": {level: 14, apply: numeric1(func(a float64) float64 { return -a })},
		"+": {level: 14, apply: numeric1(func(a float64) float64 { return a })},
		"not": {level: 14, apply: func(a cell) (cell, bool) {
			return boolean(!a.truthy()), a.kind == kNumber || a.kind == kBool
		}},
	},
	constants: map[string]cell{
		"true": boolean(true), "false": boolean(false), "null": {},
		"pi": number(math.Pi), "e": number(math.E), "tau": number(2 * math.Pi),
	},
	functions: map[string]function{
		"abs":   {1, 1, oneNumber(math.Abs)},
		"floor": {1, 1, oneNumber(mathFloor)},
		"ceil":  {1, 1, oneNumber(mathCeil)},
		"fix": {1, 1, oneNumber(func(x float64) float64 {
			if x > 0 {
				return mathFloor(x)
			}
			return mathCeil(x)
		})},
		"square": {1, 1, oneNumber(func(x float64) float64 { return x * x })},
		"sqrt": {1, 1, func(args []cell) (cell, bool) {
			return number(math.Sqrt(args[0].num)), args[0].kind == kNumber && args[0].num >= 0
		}},
		"mod":   {2, 2, twoNumbers(numeric2(mathMod))},
		"pow":   {2, 2, twoNumbers(mathPower)},
		"round": {1, 2, mathRoundCall},
		"min":   {1, 20, mathExtreme(func(a, b float64) bool { return a < b && !nearlyEqual(a, b) })},
		"max":   {1, 20, mathExtreme(func(a, b float64) bool { return a > b && !nearlyEqual(a, b) })},
		"sum": {1, 20, func(args []cell) (cell, bool) {
			sum, _, ok := mathSum(args)
			return number(sum), ok
		}},
		"mean": {1, 20, func(args []cell) (cell, bool) {
			sum, n, ok := mathSum(args)
			return number(sum / float64(n)), ok && n > 0
		}},
	},
}

func numeric1(f func(a float64) float64) func(a cell) (cell, bool) {
	return func(a cell) (cell, bool) { return number(f(a.num)), a.kind == kNumber }
}

func numeric2(f func(a, b float64) float64) func(a, b cell) (cell, bool) {
	return func(a, b cell) (cell, bool) {
		return number(f(a.num, b.num)), a.kind == kNumber && b.kind == kNumber
	}
}

func oneNumber(f func(float64) float64) func([]cell) (cell, bool) {
	return func(args []cell) (cell, bool) { return numeric1(f)(args[0]) }
}

func twoNumbers(f func(a, b cell) (cell, bool)) func([]cell) (cell, bool) {
	return func(args []cell) (cell, bool) { return f(args[0], args[1]) }
}

func isLogic(c cell) bool { return c.kind == kNumber && !math.IsNaN(c.num) || c.kind == kBool }

func mathLogic(f func(a, b bool) bool) func(a, b cell) (cell, bool) {
	return func(a, b cell) (cell, bool) {
		return boolean(f(a.truthy(), b.truthy())), isLogic(a) && isLogic(b)
	}
}

// mathSettled stops at the first operand when it is settling.
func mathSettled(settling bool) func(cell) (cell, bool, bool) {
	return func(a cell) (cell, bool, bool) {
		return boolean(settling), a.truthy() == settling, isLogic(a)
	}
}

func mathEqual(a, b cell) (cell, bool) {
	switch {
	case a.kind == kList || b.kind == kList:
		return cell{}, false
	case a.kind == kNull || b.kind == kNull:
		return boolean(a.kind == b.kind), true
	case a.kind == kNumber && b.kind == kNumber:
		return boolean(nearlyEqual(a.num, b.num)), true
	case a.kind == kBool && b.kind == kBool:
		return boolean(a.num == b.num), true
	}
	return cell{}, false
}

func mathUnequal(a, b cell) (cell, bool) {
	c, ok := mathEqual(a, b)
	return boolean(c.num == 0), ok
}

func mathOrder(f func(a, b float64) bool) func(a, b cell) (cell, bool) {
	return func(a, b cell) (cell, bool) {
		return boolean(f(a.num, b.num)), a.kind == kNumber && b.kind == kNumber
	}
}

func mathMod(x, y float64) float64 {
	if y == 0 {
		return x
	}
	return x - y*mathFloor(x/y)
}

// mathPower leaves complex results to the library.
func mathPower(a, b cell) (cell, bool) {
	x, y := a.num, b.num
	if a.kind != kNumber || b.kind != kNumber || x < 0 && y != math.Trunc(y) {
		return cell{}, false
	}
	if math.IsInf(x, 0) || math.IsInf(y, 0) || math.IsNaN(x) || math.IsNaN(y) {
		return cell{}, false
	}
	return number(power(x, y)), true
}

// power is Math.pow for finite numbers. Whole numbers are multiplied, which is
// exact where the result is.
func power(x, y float64) float64 {
	if x == math.Trunc(x) && y == math.Trunc(y) && y >= 0 && y < 64 && math.Abs(x) < 1<<53 {
		product := 1.0
		for range int(y) {
			product *= x
		}
		if math.Abs(product) < 1<<53 {
			return product
		}
	}
	return math.Pow(x, y)
}

// mathFloor takes a number that misses the next integer only by a calculation's
// error as that integer.
func mathFloor(x float64) float64 { return settle(x, math.Floor(x)) }

func mathCeil(x float64) float64 { return settle(x, math.Ceil(x)) }

func settle(x, whole float64) float64 {
	r := mathRound(x, 0)
	if r != whole && nearlyEqual(x, r) && !nearlyEqual(x, whole) {
		return r
	}
	return whole
}

func mathRoundCall(args []cell) (cell, bool) {
	n := 0.0
	if len(args) == 2 {
		n = args[1].num
		if args[1].kind != kNumber || n != math.Trunc(n) || n < 0 || n > 15 {
			return cell{}, false
		}
	}
	return number(mathRound(args[0].num, int(n))), args[0].kind == kNumber
}

// numbersOf calls fn for each number in args, or in the list that args consist
// of. It is not ok when there is anything else.
func numbersOf(args []cell, fn func(float64)) bool {
	if len(args) == 1 && args[0].kind == kList {
		for _, e := range args[0].list {
			f, ok := e.(float64)
			if !ok {
				return false
			}
			fn(f)
		}
		return true
	}
	for _, a := range args {
		if a.kind != kNumber || math.IsNaN(a.num) {
			return false
		}
		fn(a.num)
	}
	return true
}

func mathExtreme(better func(a, b float64) bool) func([]cell) (cell, bool) {
	return func(args []cell) (cell, bool) {
		best, n := 0.0, 0
		ok := numbersOf(args, func(f float64) {
			if n == 0 || better(f, best) {
				best = f
			}
			n++
		})
		return number(best), ok && n > 0
	}
}

func mathSum(args []cell) (sum float64, n int, ok bool) {
	ok = numbersOf(args, func(f float64) {
		if n == 0 {
			sum = f
		} else {
			sum += f
		}
		n++
	})
	return sum, n, ok
}
