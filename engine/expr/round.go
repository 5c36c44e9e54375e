package expr

import (
	"math"
	"strconv"
)

// The tolerances of math.js (relTol and absTol of its default configuration).
const (
	relTol   = 1e-12
	absTol   = 1e-15
	relTolE  = 12 // relTol as a number of decimals
	decimals = 9  // of a numeric result
)

// normal is what a numeric result becomes: rounded to 9 decimals as math.js
// rounds, nil when it is no finite number.
func normal(f float64) any {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil
	}
	return mathRound(f, decimals)
}

// mathRound is round(x, n) of math.js, n from 0 to 15: a value that differs
// from a shorter one only by a calculation's error counts as the shorter one.
func mathRound(x float64, n int) float64 {
	if x == math.Trunc(x) && math.Abs(x) < 1e15 {
		return x + 0 // -0 becomes 0, as in the library
	}
	if n >= relTolE {
		return roundDecimals(x, n)
	}
	if short := roundDecimals(x, relTolE); nearlyEqual(x, short) {
		x = short
	}
	return roundDecimals(x, n)
}

// roundDecimals rounds the shortest decimal form of x, halves away from zero.
func roundDecimals(x float64, n int) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return x
	}
	var buf [32]byte
	b := strconv.AppendFloat(buf[:0], math.Abs(x), 'e', -1, 64) // d.ddde±xx
	e := len(b) - 1
	for b[e] != 'e' {
		e--
	}
	exponent, err := strconv.Atoi(string(b[e+1:]))
	if err != nil {
		return x
	}
	digits := append(b[:1], b[min(2, e):e]...)
	keep := exponent + 1 + n // digits before the cut
	if keep >= len(digits) {
		return x + 0
	}
	up := keep >= 0 && digits[keep] >= '5'
	var out [40]byte
	r := append(out[:0], '0') // room for a carry
	if keep > 0 {
		r = append(r, digits[:keep]...)
	}
	if up {
		i := len(r) - 1
		for r[i] == '9' {
			r[i] = '0'
			i--
		}
		r[i]++
	}
	r = append(r, 'e', '-')
	r = strconv.AppendInt(r, int64(n), 10)
	f, err := strconv.ParseFloat(string(r), 64)
	if err != nil {
		return x
	}
	if x < 0 {
		f = -f
	}
	return f + 0
}

// nearlyEqual is how math.js compares numbers.
func nearlyEqual(a, b float64) bool {
	switch {
	case math.IsNaN(a) || math.IsNaN(b):
		return false
	case a == b:
		return true
	case math.IsInf(a, 0) || math.IsInf(b, 0):
		return false
	}
	return math.Abs(a-b) <= max(relTol*max(math.Abs(a), math.Abs(b)), absTol)
}
