package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/go-rod/rod/lib/input"
)

// TestRelationsInNodes fills a relation to many and one to one record in the form of
// a node: records are searched and stand as chips, beside variables, and can be taken
// out again.
func TestRelationsInNodes(t *testing.T) {
	t.Parallel()
	s, v := stocked(t)
	p := s.program(adminEmail, adminPassword)
	p.call("collections:create", map[string]any{"name": "tags", "title": "Tags", "fields": []any{map[string]any{"name": "name", "type": "string", "title": "Name"}}}, nil)
	const long = "A label with a name so long that no drawer has room for it, whatever the screen"
	ids := map[string]int64{}
	for _, name := range []string{"red", "blue", long} {
		var made struct{ ID int64 }
		p.call("tags:create", map[string]any{"name": name}, &made)
		ids[name] = made.ID
	}
	p.call("collections/orders/fields:create", map[string]any{"name": "tags", "type": "belongsToMany", "target": "tags", "title": "Tags"}, nil)
	var w struct{ ID int64 }
	p.call("workflows:create", map[string]any{"title": "Label orders", "type": "collection", "config": map[string]any{"collection": "orders", "mode": 1}}, &w)
	p.call(fmt.Sprintf("workflows/%d/nodes:create", w.ID), map[string]any{"type": "create", "key": "make", "title": "Make",
		"config": map[string]any{"collection": "orders", "params": map[string]any{"values": map[string]any{"quantity": 1}}}}, nil)
	values := func() string {
		var nodes []struct {
			Config struct {
				Params struct{ Values json.RawMessage }
			}
		}
		p.get(fmt.Sprintf("workflows/%d/nodes:list", w.ID), &nodes)
		return string(nodes[0].Config.Params.Values)
	}
	search := func(text string) {
		t.Helper()
		v.must(v.Page.InsertText(text), "search “"+text+"”")
		v.sees("[role=option]:only-child", text)
		v.keys(input.ArrowDown, input.Enter)
	}

	v.open(fmt.Sprintf("/workflows/%d/nodes/make", w.ID))
	v.press("Add field")
	v.chooseNamed("values.1.field", "Tags")
	v.must(v.el("#f-values-1-value-search").Focus(), "go to the search")
	search("red")
	v.sees(".pick-chips", "red")
	v.saved()
	search("blue") // the search has kept the focus
	v.sees(".pick-chips li:last-child", "blue")
	v.saved()
	search("A label")
	v.saved()
	v.insert("values.1.value", "The whole record")
	v.sees(".pick-chips .var", "Order")
	v.press("Take out red")
	v.saved()
	v.press("Add field")
	v.chooseNamed("values.2.field", "Product")
	v.must(v.el("#f-values-2-value-search").Focus(), "go to the search")
	search("Desk lamp")
	v.sees(".pick[data-pick=one] .pick-chips", "Desk lamp")
	v.saved()
	v.inspect("node-relations")
	v.open(v.path())
	v.sees(".pick[data-pick=one] .pick-chips", "Desk lamp")
	if got, want := values(), fmt.Sprintf(`"tags":[%d,%d,"{{$context.data}}"]`, ids["blue"], ids[long]); !strings.Contains(got, want) {
		t.Errorf("stored %s, want %s", got, want)
	}
}
