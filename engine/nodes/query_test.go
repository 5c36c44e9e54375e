package nodes_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestQuerySaysThereAreMore: a list that was cut says so in the log (§10).
func TestQuerySaysThereAreMore(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for params, want := range map[string]string{
		`{"pageSize": 3}`:            "There are more records than these 3: raise “Records per page”, or read the next page.",
		`{"pageSize": 3, "page": 2}`: "", `{"pageSize": 5}`: "", `{}`: "", `{"pageSize": 2, "page": 2}`: "There are more records than these 2: raise “Records per page”, or read the next page.",
	} {
		out, _, err := s.run("query", `{"collection": "products", "multiple": true, "params": `+params+`}`)
		if err != nil || out.Log != want {
			t.Errorf("%s: the log says %q, %v, want %q", params, out.Log, err, want)
		}
	}
	if out, _, err := s.run("query", `{"collection": "products"}`); err != nil || out.Log != "" {
		t.Errorf("one record: the log says %q, %v", out.Log, err)
	}
	for i := range 16 {
		s.must("create", fmt.Sprintf(`{"collection": "products", "params": {"values": {"name": "p%d"}}}`, i))
	}
	out, _, err := s.run("query", `{"collection": "products", "multiple": true}`)
	if err != nil || len(anyList(out.Result)) != 20 || !strings.HasPrefix(out.Log, "There are more records than these 20:") {
		t.Errorf("%d records, the log says %q, %v", len(anyList(out.Result)), out.Log, err)
	}
}

func anyList(v any) []any { list, _ := v.([]any); return list }
