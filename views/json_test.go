package views

import (
	"strings"
	"testing"
)

func TestJSONTree(t *testing.T) {
	t.Parallel()
	v := map[string]any{"b": []any{1.5, true, nil}, "a": `say "no" <b>`, "c": map[string]any{}}
	tree, shown, total, clipped := JSONTree(v)
	if shown != 7 || total != 7 || clipped {
		t.Errorf("%d of %d values, clipped %t; want all 7", shown, total, clipped)
	}
	var lines []string
	var walk func(n JSONNode)
	walk = func(n JSONNode) {
		lines = append(lines, n.Key+"|"+n.Text+n.Count)
		for _, inner := range n.Inside {
			walk(inner)
		}
	}
	walk(tree)
	if got, want := strings.Join(lines, " "), `|{3} a|"say \"no\" <b>" b|[3] 0|1.5 1|true 2|null c|{0}`; got != want {
		t.Errorf("tree\n%s, want\n%s", got, want)
	}
}

func TestJSONTreeLarge(t *testing.T) {
	t.Parallel()
	deep := any("end")
	for range 2000 {
		deep = []any{deep}
	}
	many := make([]any, 10_000)
	for name, v := range map[string]any{"deep": deep, "many": many} {
		if _, shown, total, _ := JSONTree(v); shown != jsonValues || total < 2000 {
			t.Errorf("%s: %d of %d values shown, want %d", name, shown, total, jsonValues)
		}
	}
	tree, _, _, clipped := JSONTree(strings.Repeat("ä", jsonText+1))
	if !clipped || len([]rune(tree.Text)) != jsonText+3 { // quotes and ellipsis
		t.Errorf("long text: clipped %t, %d characters", clipped, len([]rune(tree.Text)))
	}
}

func TestBytes(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0 bytes", 1: "1 byte", 999: "999 bytes", 1400: "1.4 kB", 12_345: "12 kB", 1_400_000: "1.4 MB"} {
		if got := Bytes(n); got != want {
			t.Errorf("Bytes(%d) = %q, want %q", n, got, want)
		}
	}
}
