package engine

import (
	"encoding/json"
	"testing"
)

func TestUsesField(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, configs, field string
		want                 bool
	}{
		{"another collection", `[{"collection": "products"}]`, "", false},
		{"the trigger", `[{"collection": "orders"}]`, "", true},
		{"with the data source", `[{"collection": "main:orders"}]`, "", true},
		{"a field nobody names", `[{"collection": "orders", "changed": ["note"]}]`, "status", false},
		{"a changed field", `[{"collection": "orders", "changed": ["status"]}]`, "status", true},
		{"a key of a filter", `[{"collection": "orders", "condition": {"$and": [{"status.$eq": 1}]}}]`, "status", true},
		{"a value that is written", `[{}, {"collection": "orders", "params": {"values": {"status": "done"}}}]`, "status", true},
		{"a sort downwards", `[{"collection": "orders", "params": {"sort": ["-status"]}}]`, "status", true},
		{"a variable", `[{"collection": "orders"}, {"expression": "{{$context.data.status}} == 1"}]`, "status", true},
		{"a longer name in a variable", `[{"collection": "orders"}, {"expression": "{{$context.data.statusText}}"}]`, "status", false},
		{"a way through a relation", `[{"collection": "orders"}, {"expression": "{{ $context.data.product.name }}"}]`, "product", true},
		{"a variable of others", `[{"collection": "products"}, {"expression": "{{$context.data.status}}"}]`, "status", false},
	}
	for _, tc := range tests {
		var configs []any
		if err := json.Unmarshal([]byte(tc.configs), &configs); err != nil {
			t.Fatal(err)
		}
		if got := usesField(configs, "orders", tc.field); got != tc.want {
			t.Errorf("%s: uses it %v, want %v", tc.name, got, tc.want)
		}
	}
}
