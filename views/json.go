package views

import (
	"maps"
	"slices"
	"strconv"

	"alur/engine/value"
)

// JSONNode is a JSON value made ready to be shown as a tree.
type JSONNode struct {
	Key    string // its name in an object, its number in a list
	Keyed  bool
	Class  string // of a scalar: "s" text, "n" number, "l" true, false and null
	Text   string // of a scalar
	Count  string // of a list or an object: "[3]", "{11}"
	Open   bool
	Inside []JSONNode
}

const (
	jsonValues = 500  // values of one tree
	jsonText   = 2000 // characters of one text
	jsonOpen   = 12   // lists and objects with up to so many values are open
)

// JSONTree makes v ready to be shown, as far as that is of use to people. shown
// and total count its values; clipped says that a text was cut.
func JSONTree(v any) (tree JSONNode, shown, total int, clipped bool) {
	b := jsonBuilder{left: jsonValues}
	tree = b.node(v, 0)
	return tree, jsonValues - b.left, count(v), b.clipped
}

type jsonBuilder struct {
	left    int
	clipped bool
}

func (b *jsonBuilder) node(v any, depth int) JSONNode {
	b.left--
	switch v := v.(type) {
	case map[string]any:
		n := JSONNode{Count: "{" + strconv.Itoa(len(v)) + "}", Open: depth == 0 || depth < 5 && len(v) <= jsonOpen}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if b.left <= 0 {
				break
			}
			inner := b.node(v[key], depth+1)
			inner.Key, inner.Keyed = key, true
			n.Inside = append(n.Inside, inner)
		}
		return n
	case []any:
		n := JSONNode{Count: "[" + strconv.Itoa(len(v)) + "]", Open: depth == 0 || depth < 5 && len(v) <= jsonOpen}
		for i, item := range v {
			if b.left <= 0 {
				break
			}
			inner := b.node(item, depth+1)
			inner.Key, inner.Keyed = strconv.Itoa(i), true
			n.Inside = append(n.Inside, inner)
		}
		return n
	case string:
		if r := []rune(v); len(r) > jsonText {
			b.clipped = true
			v = string(r[:jsonText]) + "…"
		}
		return JSONNode{Class: "s", Text: string(value.Encode(v))}
	case float64:
		return JSONNode{Class: "n", Text: string(value.Encode(v))}
	case bool:
		return JSONNode{Class: "l", Text: strconv.FormatBool(v)}
	}
	return JSONNode{Class: "l", Text: "null"}
}

func count(v any) int {
	n := 1
	switch v := v.(type) {
	case map[string]any:
		for _, inner := range v {
			n += count(inner)
		}
	case []any:
		for _, inner := range v {
			n += count(inner)
		}
	}
	return n
}
