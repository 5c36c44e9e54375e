package value

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// Overflow returns the first number in JSON text that is beyond what float64 holds, as
// it is written there; "" when there is none.
func Overflow(raw []byte) string {
	for lit := range numbers(raw) {
		if suspect(lit) && overflows(string(lit)) {
			return string(lit)
		}
	}
	return ""
}

// numbers yields the numbers of valid JSON text as they are written.
func numbers(raw []byte) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for i := 0; i < len(raw); i++ {
			switch b := raw[i]; {
			case b == '"':
				for i++; i < len(raw) && raw[i] != '"'; i++ {
					if raw[i] == '\\' {
						i++
					}
				}
			case b == '-' || b >= '0' && b <= '9':
				end := i + 1
				for end < len(raw) && strings.IndexByte("0123456789.eE+-", raw[end]) >= 0 {
					end++
				}
				if !yield(raw[i:end]) {
					return
				}
				i = end - 1
			}
		}
	}
}

// suspect reports whether a number is written so that float64 might not hold it.
func suspect(lit []byte) bool { return len(lit) > 15 || bytes.ContainsAny(lit, "eE") }

func overflows(lit string) bool {
	f, err := strconv.ParseFloat(lit, 64)
	return err != nil || math.IsInf(f, 0)
}

// loses reports whether lit is a whole number that reads differently as float64:
// 9007199254740993, not 1000000000000000000000.
func loses(lit string) bool {
	digits := strings.TrimPrefix(lit, "-")
	if len(digits) < 16 || strings.ContainsAny(digits, ".eE") {
		return false
	}
	f, err := strconv.ParseFloat(digits, 64)
	if err != nil {
		return true
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e+")
	size, err := strconv.Atoi(exponent)
	return err != nil || size != len(digits)-1 || strings.TrimRight(digits, "0") != strings.TrimRight(strings.Replace(mantissa, ".", "", 1), "0")
}

// ofNumber is a number as a JSON value: text when float64 does not hold it.
func ofNumber(lit string) any {
	f, err := strconv.ParseFloat(lit, 64)
	if err != nil || loses(lit) {
		return lit
	}
	return f
}

// ofNumbers is v with values for its numbers; v is changed.
func ofNumbers(v any) any {
	switch x := v.(type) {
	case json.Number:
		return ofNumber(string(x))
	case []any:
		for i, e := range x {
			x[i] = ofNumbers(e)
		}
	case map[string]any:
		for k, e := range x {
			x[k] = ofNumbers(e)
		}
	}
	return v
}

// ofInt is a whole number as a JSON value.
func ofInt(i int64) any {
	if -1<<53 <= i && i <= 1<<53 {
		return float64(i)
	}
	return ofNumber(strconv.FormatInt(i, 10))
}

// unfit reports whether valid JSON text has a number that jsonb refuses, or stores as
// thousands of digits.
func unfit(raw []byte) bool {
	for lit := range numbers(raw) {
		if !suspect(lit) {
			continue
		}
		_, exponent, _ := strings.Cut(strings.ToLower(string(lit)), "e")
		size, err := strconv.Atoi(exponent)
		if len(lit) > 400 || exponent != "" && (err != nil || size < -400) || overflows(string(lit)) {
			return true
		}
	}
	return false
}
