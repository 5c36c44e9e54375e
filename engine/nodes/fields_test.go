package nodes_test

import (
	"encoding/json"
	"strings"
	"testing"

	"alur/engine/auth"
	"alur/engine/collection"
)

// Settings may only name fields that exist.
func TestRecordSettingsNameFields(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	var d collection.Definition
	if err := json.Unmarshal([]byte(`{"name": "orders", "title": "Orders", "fields": [
		{"name": "note", "type": "string", "title": "Note"},
		{"name": "product", "type": "belongsTo", "target": "products", "foreignKey": "productId", "title": "Product"}]}`), &d); err != nil {
		t.Fatal(err)
	}
	if _, err := s.records.CreateCollection(t.Context(), auth.System, d); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ kind, params, key, words string }{ // key "" wants no problem
		{"query", `{"filter": {"$and": [{"product": {"name": {"$eq": "x"}}}, {"product.price.$gt": 3}, {"createdAt": {"$dateOn": "{{$system.dateRange.today}}"}}]}}`, "", ""},
		{"query", `{"filter": {"$or": [{"note": "x"}, {"notes": "x"}]}}`, "params.filter", "“orders” has no field “notes”"},
		{"query", `{"filter": {"product": {"nam": "x"}}}`, "params.filter", "“products” has no field “nam”"},
		{"query", `{"filter": {"product.nam.$eq": "x"}}`, "params.filter", "“products” has no field “nam”"},
		{"query", `{"filter": {"{{$context.data.field}}": "x"}}`, "", ""},
		{"query", `{"filter": {"$not": {"gone": 1}}}`, "params.filter", "“gone”"},
		{"query", `{"appends": ["product"], "sort": [{"field": "product.name", "direction": "asc"}, {"field": ""}]}`, "", ""},
		{"query", `{"appends": ["product", "customer"]}`, "params.appends", "“customer”"},
		{"query", `{"sort": [{"field": "age"}]}`, "params.sort", "“age”"},
		{"create", `{"values": {"note": "x", "productId": 1}, "appends": ["product"]}`, "", ""},
		{"create", `{"values": {"amount": 1}}`, "params.values", "“amount”"},
		{"create", `{"appends": ["product.maker"]}`, "params.appends", "“products” has no field “maker”"},
		{"update", `{"filter": {"id": 1}, "values": {"note": "x", "product": 1}}`, "", ""},
		{"update", `{"filter": {"id": 1}, "values": {"amount": 1}}`, "params.values", "“amount”"},
		{"destroy", `{"filter": {"amount": 1}}`, "params.filter", "“amount”"},
	}
	for _, tc := range tests {
		k, c := decode(t, tc.kind, `{"collection": "orders", "params": `+tc.params+`}`)
		problems := k.Check(c, s.records)
		if tc.key == "" && len(problems) > 0 || tc.key != "" && (len(problems) != 1 || !strings.Contains(problems[tc.key], tc.words)) {
			t.Errorf("%s %s: %v, want %q at %q", tc.kind, tc.params, problems, tc.words, tc.key)
		}
	}
}
