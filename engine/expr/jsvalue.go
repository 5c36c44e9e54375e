package expr

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"alur/engine/value"
)

// This file converts JSON values as JavaScript does; conditions and
// calculations are defined by its rules.

// typeName words the type of v for people.
func typeName(v any) string {
	switch v.(type) {
	case nil, undefined:
		return "nothing"
	case bool:
		return "yes or no"
	case float64:
		return "a number"
	case string:
		return "a text"
	case []any:
		return "a list"
	}
	return "an object"
}

// Text is v as it stands inside a text: nothing for nil and [Undefined], list
// elements joined by commas, objects as JSON.
func Text(v any) string { return string(appendText(nil, v)) }

// appendText adds [Text] of v.
func appendText(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil, undefined:
		return b
	case string:
		return append(b, v...)
	case bool:
		return strconv.AppendBool(b, v)
	case float64:
		return appendNumber(b, v)
	case []any:
		for i, e := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendText(b, e)
		}
		return b
	}
	return value.Append(b, v)
}

// jsString is JavaScript's String(v).
func jsString(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case undefined:
		return "undefined"
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return formatNumber(v)
	case []any:
		var b strings.Builder
		for i, e := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			if e != nil && !IsUndefined(e) {
				b.WriteString(jsString(e))
			}
		}
		return b.String()
	}
	return "[object Object]"
}

// formatNumber writes f as JavaScript does: 1, 0.1, 1e+21, NaN.
func formatNumber(f float64) string { return string(appendNumber(nil, f)) }

func appendNumber(b []byte, f float64) []byte {
	if f == math.Trunc(f) && math.Abs(f) < 1e15 {
		return strconv.AppendInt(b, int64(f), 10) // also turns -0 into 0
	}
	switch {
	case math.IsNaN(f):
		return append(b, "NaN"...)
	case math.IsInf(f, 1):
		return append(b, "Infinity"...)
	case math.IsInf(f, -1):
		return append(b, "-Infinity"...)
	}
	if abs := math.Abs(f); abs >= 1e21 || abs < 1e-6 {
		// Go pads the exponent to two digits: 1e-07.
		b = strconv.AppendFloat(b, f, 'e', -1, 64)
		if n := len(b); b[n-2] == '0' && (b[n-3] == '-' || b[n-3] == '+') {
			b = append(b[:n-2], b[n-1])
		}
		return b
	}
	return strconv.AppendFloat(b, f, 'f', -1, 64)
}

// jsNumber is JavaScript's Number(v).
func jsNumber(v any) float64 {
	switch v := v.(type) {
	case float64:
		return v
	case nil:
		return 0
	case undefined:
		return math.NaN()
	case bool:
		if v {
			return 1
		}
		return 0
	case string:
		return textNumber(v)
	}
	return textNumber(jsString(v))
}

const jsSpace = " \t\n\v\f\r\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"

// textNumber is JavaScript's Number(s).
func textNumber(s string) float64 {
	s = strings.Trim(s, jsSpace)
	switch s {
	case "":
		return 0
	case "Infinity", "+Infinity":
		return math.Inf(1)
	case "-Infinity":
		return math.Inf(-1)
	}
	if len(s) > 2 && s[0] == '0' {
		base := map[byte]int{'x': 16, 'o': 8, 'b': 2}[s[1]|0x20]
		if base != 0 {
			return digitsNumber(s[2:], base)
		}
	}
	for _, c := range []byte(s) {
		// Go also reads 0x1p4, 1_000, inf and nan.
		if (c < '0' || c > '9') && c != '.' && c != 'e' && c != 'E' && c != '+' && c != '-' {
			return math.NaN()
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil && !math.IsInf(f, 0) {
		return math.NaN()
	}
	return f
}

func digitsNumber(s string, base int) float64 {
	f := 0.0
	for _, c := range []byte(s) {
		d, err := strconv.ParseUint(string(c), base, 8)
		if err != nil {
			return math.NaN()
		}
		f = f*float64(base) + float64(d)
	}
	return f
}

// Truthy reports whether v counts as true where a yes or no is needed, as in
// JavaScript: everything but null, a missing value, false, 0, NaN and the empty
// text.
func Truthy(v any) bool {
	switch v := v.(type) {
	case nil, undefined:
		return false
	case bool:
		return v
	case float64:
		return v != 0 && !math.IsNaN(v)
	case string:
		return v != ""
	}
	return true
}

func utf16Len(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r > 0xffff {
			n++
		}
	}
	return n
}

// compareText orders texts by their UTF-16 code units, as JavaScript does. It
// differs from Go's order only where one text has a character beyond U+FFFF
// and the other one between U+E000 and U+FFFF.
func compareText(a, b string) int {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	if i == len(a) || i == len(b) {
		return len(a) - len(b)
	}
	for i > 0 && !utf8.RuneStart(a[i]) {
		i--
	}
	x, _ := utf8.DecodeRuneInString(a[i:])
	y, _ := utf8.DecodeRuneInString(b[i:])
	if (x > 0xffff) != (y > 0xffff) {
		return int(surrogate(x) - surrogate(y))
	}
	return int(x - y)
}

// surrogate returns r, or a value in the place of its first UTF-16 code unit.
func surrogate(r rune) rune {
	if r > 0xffff {
		return 0xd800
	}
	return r
}
