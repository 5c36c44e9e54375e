package expr

import (
	"strconv"
	"strings"
)

type tokenKind uint8

const (
	tNone tokenKind = iota
	tNumber
	tText
	tName
	tParam
	tOperator
)

type token struct {
	kind  tokenKind
	text  string
	num   float64
	param int
}

// scan splits an expression; not ok where the native path has nothing to say:
// escapes in texts, unusual numbers, comments, unknown operators.
func scan(d *dialect, s string) (tokens []token, ok bool) {
	for s != "" {
		c := s[0]
		var t token
		n := 0
		switch {
		case strings.IndexByte(d.space, c) >= 0:
			s = s[1:]
			continue
		case c == '"' || c == '\'':
			t, n = scanText(s)
		case isDigit(c) || c == '.' && len(s) > 1 && isDigit(s[1]):
			t, n = scanNumber(s)
		case isNamePart(c):
			t, n = scanName(d, s)
		default:
			t, n = scanOperator(d, s)
		}
		if n == 0 {
			return nil, false
		}
		tokens = append(tokens, t)
		s = s[n:]
	}
	return tokens, true
}

func scanText(s string) (token, int) {
	end := strings.IndexByte(s[1:], s[0])
	if end < 0 || strings.ContainsAny(s[1:1+end], "\\\r\n\u2028\u2029") {
		return token{}, 0
	}
	return token{kind: tText, text: s[1 : 1+end]}, end + 2
}

func scanNumber(s string) (token, int) {
	n := digits(s)
	if n > 1 && s[0] == '0' {
		return token{}, 0
	}
	if n < len(s) && s[n] == '.' {
		fraction := digits(s[n+1:])
		if fraction == 0 {
			return token{}, 0
		}
		n += 1 + fraction
	}
	if n < len(s) && (s[n] == 'e' || s[n] == 'E') {
		n++
		if n < len(s) && (s[n] == '+' || s[n] == '-') {
			n++
		}
		exponent := digits(s[n:])
		if exponent == 0 {
			return token{}, 0
		}
		n += exponent
	}
	if n < len(s) && (isNamePart(s[n]) || s[n] == '.' || s[n] >= 0x80) {
		return token{}, 0
	}
	f, err := strconv.ParseFloat(s[:n], 64)
	if err != nil {
		return token{}, 0
	}
	return token{kind: tNumber, num: f}, n
}

func digits(s string) int {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

// scanName reads a name, a parameter such as $$0, or an operator that is a word.
func scanName(d *dialect, s string) (token, int) {
	n := 1
	for n < len(s) && (isNamePart(s[n]) || isDigit(s[n])) {
		n++
	}
	if n < len(s) && s[n] >= 0x80 {
		return token{}, 0
	}
	name := s[:n]
	if number, ok := strings.CutPrefix(name, "$$"); ok {
		param, err := strconv.Atoi(number)
		if err != nil || strconv.Itoa(param) != number {
			return token{}, 0
		}
		return token{kind: tParam, param: param}, n
	}
	_, isBinary := d.binary[name]
	_, isPrefix := d.prefix[name]
	if isBinary || isPrefix {
		return token{kind: tOperator, text: name}, n
	}
	return token{kind: tName, text: name}, n
}

func scanOperator(d *dialect, s string) (token, int) {
	for _, op := range d.operators {
		if strings.HasPrefix(s, op) {
			return token{kind: tOperator, text: op}, len(op)
		}
	}
	return token{}, 0
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isNamePart(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '$'
}
