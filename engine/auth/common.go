package auth

import (
	"bufio"
	"bytes"
	"compress/gzip"
	_ "embed"
	"strings"
	"unicode"
)

// commonList holds 49,000 much used passwords and words, one a line, in lower
// case: from the npm package @zxcvbn-ts/language-common 4.1.3 (MIT license,
// copyright Dan Wheeler, Dropbox and the zxcvbn-ts authors). It is unpacked for
// each check, which is rare, and not kept in memory.
//
//go:embed common.txt.gz
var commonList []byte

// rows are what fingers run along; each is also tried backwards and around.
var rows = []string{
	"01234567890123456789", "abcdefghijklmnopqrstuvwxyzabcdefghijklm",
	"qwertyuiopasdfghjklzxcvbnmqwertyuiop", "qwertzuiopasdfghjklyxcvbnmqwertzuiop", "azertyuiopqsdfghjklmwxcvbn",
	"1q2w3e4r5t6y7u8i9o0p", "1qaz2wsx3edc4rfv5tgb6yhn7ujm", "qazwsxedcrfvtgbyhnujm",
}

// isCommon reports whether password is a much used one, or one dressed up:
// other case, digits and signs around it ("Password123!"), letters replaced
// ("p4$$w0rd"), repeated ("dragondragon"), or a run over the keyboard.
func isCommon(password string) bool {
	lower := strings.ToLower(password)
	if distinct(lower) < 5 {
		return true
	}
	// A part counts when it is at least half of the password.
	forms := map[string]bool{}
	for _, f := range []string{lower, plain(lower), plain(unleet.Replace(lower)), unleet.Replace(plain(lower)), digits(lower)} {
		if 2*len(f) >= len(lower) {
			forms[f], forms[unit(f)] = true, true
		}
	}
	for f := range forms {
		for _, row := range rows {
			if strings.Contains(row, f) || strings.Contains(reverse(row), f) {
				return true
			}
		}
	}
	zr, err := gzip.NewReader(bytes.NewReader(commonList))
	if err != nil {
		panic("auth: the list of common passwords is broken: " + err.Error())
	}
	for lines := bufio.NewScanner(zr); lines.Scan(); {
		if forms[string(lines.Bytes())] {
			return true
		}
	}
	return false
}

var unleet = strings.NewReplacer("0", "o", "1", "i", "3", "e", "4", "a", "5", "s", "7", "t", "@", "a", "$", "s", "!", "i")

// plain is s in lower case without what stands around its letters.
func plain(s string) string {
	return strings.TrimFunc(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) })
}

// digits is s without what stands around its digits.
func digits(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

// unit is the shortest text that gives s when repeated.
func unit(s string) string {
	for n := 1; n <= len(s)/2; n++ {
		if len(s)%n == 0 && strings.Repeat(s[:n], len(s)/n) == s {
			return s[:n]
		}
	}
	return s
}

func distinct(s string) int {
	seen := map[rune]bool{}
	for _, r := range s {
		seen[r] = true
	}
	return len(seen)
}

func reverse(s string) string {
	b := []byte(s)
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return string(b)
}
