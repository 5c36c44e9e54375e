package search

import (
	"slices"
	"strings"
	"testing"
)

func TestTerms(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string][]string{
		"": nil, "  Anna   KELLER ": {"anna", "keller"}, `red "Blue  chair" RED`: {"red", "blue chair"},
		`"open end`: {"open end"}, `"" a`: {"a"}, "ÄÖ-1.5\t7": {"äö-1.5", "7"},
	} {
		if got := Terms(typed); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", typed, got, want)
		}
	}
}

// TestGrams holds the rule that the index stands on: the pieces of a part of a text
// are among those of the text.
func TestGrams(t *testing.T) {
	t.Parallel()
	text := "anna keller\nord-2026-0012345\n日本語のテキスト\n+49 341 0442\nx1234567y89"
	set := map[int16]struct{}{}
	addGrams(set, text)
	for line := range strings.SplitSeq(text, "\n") {
		runes := []rune(line)
		for from := range runes {
			for to := from + 1; to <= len(runes); to++ {
				for _, g := range Grams([]string{string(runes[from:to])}) {
					if _, there := set[g]; !there {
						t.Fatalf("a piece of %q is not one of %q", string(runes[from:to]), line)
					}
				}
			}
		}
	}
	for term, want := range map[string]int{"ab": 0, "123": 0, "abc": 1, "1234": 1, "12345": 2, "a12": 1, "123a": 1, "1a2": 1, "日本語": 1, "a\nb\nc": 0} {
		if got := len(Grams([]string{term})); got != want {
			t.Errorf("%q has %d pieces, want %d", term, got, want)
		}
	}
}

func TestBody(t *testing.T) {
	t.Parallel()
	keep := func(s string) string { return s }
	for raw, want := range map[string]string{
		`{"name": "Anna  KELLER", "n": 12.50, "yes": true, "none": null, "list": ["a b", -3, {"deep": "x\"y"}]}`: "anna keller\n12.50\na b\n-3\nx\"y\n",
		`{"a": "same", "b": "SAME", "c": "x : y"}`:                                                               "same\nx : y\n",
		`{"a": "cut off he`:               "cut off he\n",
		`{"a": "caf\u00e9 and ca\u00`:     "café and ca\n",
		`{"a": "back\`:                    "back\n",
		`{"name of a fie`:                 "name of a fie\n", // nothing says that it is a name
		`"only"`:                          "only\n",
		`7`:                               "7\n",
		`null`:                            "",
		`[1e5, "https://alur.test/?a=1"]`: "1e5\nhttps://alur.test/?a=1\n",
	} {
		var b body
		if b.addJSON(raw, keep); b.text.String() != want {
			t.Errorf("%s: %q, want %q", raw, b.text.String(), want)
		}
	}
	var b body
	b.addJSON(`["`+strings.Repeat("ä", MaxText)+`", "more"]`, keep)
	if got := b.text.String(); len(got) > MaxText || len(got) < MaxText-4 || strings.Contains(got, "more") || strings.ToValidUTF8(got, "") != got {
		t.Errorf("a long value leaves %d bytes", len(got))
	}
}
