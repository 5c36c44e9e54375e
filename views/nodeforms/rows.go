package nodeforms

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"alur/engine/value"
)

// group is a list of conditions that all ("and") or of which one ("or") must
// hold. Filters and calculations have the same shape: left is a field or an
// operand, is the operator, right the value.
type group struct {
	Type  string // "and" or "or"
	Items []item
	Raw   string // JSON that does not fit the rows, edited as text
}

type item struct {
	Group           *group // instead of the rest
	Left, Is, Right string
	Free            bool // right is typed as text although the field has choices
}

// readGroup reads the rows named prefix.0.left and so on.
func readGroup(v url.Values, prefix string) group {
	g := group{Type: "and", Raw: v.Get(prefix + ".json")}
	if v.Get(prefix+".type") == "or" {
		g.Type = "or"
	}
	for _, i := range indexes(v, prefix) {
		at := prefix + "." + strconv.Itoa(i)
		if v.Has(at + ".type") {
			inner := readGroup(v, at)
			g.Items = append(g.Items, item{Group: &inner})
			continue
		}
		it := item{Left: v.Get(at + ".left"), Is: v.Get(at + ".is"), Right: v.Get(at + ".right"), Free: v.Has(at + ".free")}
		if it.Right == freeText {
			it.Right, it.Free = "", true
		}
		g.Items = append(g.Items, it)
	}
	return g
}

// freeText is the option that turns a list of choices into a text field.
const freeText = "\u2060expression"

// indexes lists the numbers that follow prefix in the names of v, in order.
func indexes(v url.Values, prefix string) []int {
	seen := map[int]bool{}
	for name := range v {
		rest, ok := strings.CutPrefix(name, prefix+".")
		if !ok {
			continue
		}
		digits, _, _ := strings.Cut(rest, ".")
		if n, err := strconv.Atoi(digits); err == nil && n >= 0 {
			seen[n] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// do adds to or removes from the rows called prefix. The place of a removal
// names a row, that of an addition a list of rows.
func (g *group) do(verb, prefix, place string) {
	if place == prefix {
		switch verb {
		case "add":
			g.Items = append(g.Items, item{})
		case "group":
			g.Items = append(g.Items, item{Group: &group{Type: "or", Items: []item{{}}}})
		}
		return
	}
	rest, ok := strings.CutPrefix(place, prefix+".")
	if !ok {
		return
	}
	digits, deeper, _ := strings.Cut(rest, ".")
	i, err := strconv.Atoi(digits)
	switch {
	case err != nil || i < 0 || i >= len(g.Items):
	case deeper == "" && verb == "remove":
		g.Items = slices.Delete(g.Items, i, i+1)
	case g.Items[i].Group != nil:
		g.Items[i].Group.do(verb, prefix+"."+digits, place)
	}
}

// literal reads a typed constant: numbers, true, false, null, quoted text and
// other JSON as they are, everything else as text.
func literal(s string) any {
	if v, err := value.Decode([]byte(s)); err == nil && strings.TrimSpace(s) != "" {
		return v
	}
	return s
}

// literalText is what literal reads back.
func literalText(v any) string {
	s, ok := v.(string)
	if !ok {
		return jsonText(v)
	}
	if _, text := literal(s).(string); text && literal(s) == s {
		return s
	}
	return jsonText(s)
}
