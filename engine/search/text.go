package search

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxText is how much of an execution's data is kept to be searched, in bytes.
	MaxText = 4096
	// MaxTerms is how many words and quoted texts are looked for at once.
	MaxTerms = 10
	// MaxQuery is the length of what people look for, in characters.
	MaxQuery = 200

	// gramRunes and gramDigits are how many characters, and how many digits, the
	// pieces have that the index knows: any three digits are everywhere.
	gramRunes  = 3
	gramDigits = 4
)

// fold makes texts that people take for the same equal: small letters, and one
// space for each run of spaces.
func fold(s string) string {
	return strings.Join(strings.Fields(strings.ToLower(strings.ToValidUTF8(s, ""))), " ")
}

// Terms are what a text that people typed looks for: its words, all of which must
// be there, and what stands in double quotes as a whole.
func Terms(typed string) []string {
	var terms []string
	add := func(term string) {
		if term != "" && !slices.Contains(terms, term) {
			terms = append(terms, term)
		}
	}
	for i, part := range strings.Split(typed, `"`) {
		if i%2 == 1 {
			add(fold(part))
			continue
		}
		for word := range strings.FieldsSeq(fold(part)) {
			add(word)
		}
	}
	return terms
}

// Grams are the short pieces that the index knows of terms; none when no term is
// long enough.
func Grams(terms []string) []int16 {
	set := map[int16]struct{}{}
	for _, term := range terms {
		addGrams(set, term)
	}
	return sorted(set)
}

func sorted(set map[int16]struct{}) []int16 {
	list := make([]int16, 0, len(set))
	for g := range set {
		list = append(list, g)
	}
	slices.Sort(list)
	return list
}

// addGrams adds the pieces of one text: all of gramRunes characters, of digits in a
// row all of gramDigits, and where a word or a number begins, its first two
// characters with the two before it, or three with a sign or space between. Those
// tell words beside each other from words far apart, and what has numbers in it from
// what has others.
//
// Each is hashed to 16 bits: two that share a hash make the index offer a block too
// many, which reading the texts sorts out.
func addGrams(set map[int16]struct{}, text string) {
	var at [5]int   // where the last characters begin, the newest last
	var is [3]class // what the last ones are, the newest last
	n, digits := 0, 0
	for i, r := range text {
		if r == '\n' {
			n, digits = 0, 0
			continue
		}
		copy(at[:], at[1:])
		copy(is[:], is[1:])
		at[4], is[2] = i, classOf(r)
		n++
		if digits++; is[2] != digit {
			digits = 0
		}
		end := i + utf8.RuneLen(r)
		switch {
		case digits >= gramDigits:
			set[hash(text[end-gramDigits:end])] = struct{}{}
		case digits < gramRunes && n >= gramRunes:
			set[hash(text[at[2]:end])] = struct{}{}
		}
		switch begins := is[1] != is[0] && is[1] != sign; {
		case begins && is[0] == sign && n >= 5:
			set[hash(text[at[0]:end])] = struct{}{}
		case begins && is[0] != sign && n >= 4:
			set[hash(text[at[1]:end])] = struct{}{}
		}
	}
}

// class is what a character is to the pieces.
type class byte

const (
	sign class = iota // also a space
	letter
	digit
)

func classOf(r rune) class {
	switch {
	case '0' <= r && r <= '9':
		return digit
	case unicode.IsLetter(r):
		return letter
	}
	return sign
}

// hash is FNV-1a, folded to 16 bits.
func hash(s string) int16 {
	h := uint32(2166136261)
	for i := range len(s) {
		h = (h ^ uint32(s[i])) * 16777619
	}
	return int16(h ^ h>>16)
}

// body collects what is searched of one execution: each value once, one on a line.
type body struct {
	text strings.Builder
	seen map[string]struct{}
}

// add takes a value; more is false when there is no room for another one.
func (b *body) add(s string) (more bool) {
	if s = fold(s); s == "" {
		return true
	}
	if _, twice := b.seen[s]; twice {
		return true
	}
	room := MaxText - b.text.Len() - 1
	if len(s) > room {
		for s = s[:max(room, 0)]; !utf8.ValidString(s); {
			s = s[:len(s)-1]
		}
		b.text.WriteString(s)
		return false
	}
	if b.seen == nil {
		b.seen = map[string]struct{}{}
	}
	b.seen[s] = struct{}{}
	b.text.WriteString(s)
	b.text.WriteByte('\n')
	return true
}

// addJSON takes the texts and numbers of a JSON value, which may be cut off at any
// place; not the names of its fields.
func (b *body) addJSON(raw string, clean func(string) string) {
	for i := 0; i < len(raw); {
		c := raw[i]
		switch {
		case c == '"':
			end, escaped := closing(raw, i+1)
			text := raw[i+1 : min(end, len(raw))]
			i = end + 1
			if isName(raw, i) {
				continue
			}
			if escaped {
				text = unescaped(text)
			}
			if !b.add(clean(text)) {
				return
			}
		case c == '-' || '0' <= c && c <= '9':
			end := i + 1
			for end < len(raw) && (raw[end] == '.' || raw[end] == '-' || raw[end] == '+' || unicode.IsDigit(rune(raw[end])) || raw[end] == 'e' || raw[end] == 'E') {
				end++
			}
			if !b.add(raw[i:end]) {
				return
			}
			i = end
		default:
			i++
		}
	}
}

// closing is where the text ends that begins at i.
func closing(raw string, i int) (end int, escaped bool) {
	for ; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			return i, escaped
		case '\\':
			escaped = true
			i++
		}
	}
	return len(raw), escaped
}

// isName reports whether a colon comes next.
func isName(raw string, i int) bool {
	for ; i < len(raw); i++ {
		if raw[i] != ' ' {
			return raw[i] == ':'
		}
	}
	return false
}

// unescaped is a JSON text without its quotes, as far as it can be read.
func unescaped(text string) string {
	for cut := len(text); cut > 0 && cut > len(text)-6; cut-- { // one that was cut off may end within an escape
		var s string
		if json.Unmarshal([]byte(`"`+text[:cut]+`"`), &s) == nil {
			return s
		}
	}
	return text
}
