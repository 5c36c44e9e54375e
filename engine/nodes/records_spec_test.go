package nodes_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/value"
)

// withOrders adds orders of products, with lines, tags and a secret.
func (s *shop) withOrders() {
	s.t.Helper()
	for _, text := range []string{
		`{"name": "tags", "title": "Tags", "fields": [{"name": "name", "type": "string", "title": "Name"}]}`,
		`{"name": "lines", "title": "Lines", "fields": [{"name": "name", "type": "string", "title": "Name"}]}`,
		`{"name": "orders", "title": "Orders", "createdBy": true, "fields": [{"name": "note", "type": "string", "title": "Note"}, {"name": "amount", "type": "integer", "title": "Amount"},
			{"name": "pin", "type": "string", "title": "PIN", "hidden": true},
			{"name": "product", "type": "belongsTo", "target": "products", "foreignKey": "productId", "title": "Product"},
			{"name": "lines", "type": "hasMany", "target": "lines", "foreignKey": "orderId", "title": "Lines"},
			{"name": "tags", "type": "belongsToMany", "target": "tags", "through": "ordersTags", "foreignKey": "orderId", "otherKey": "tagId", "title": "Tags"}]}`,
	} {
		var d collection.Definition
		if err := json.Unmarshal([]byte(text), &d); err != nil {
			s.t.Fatal(err)
		}
		if _, err := s.records.CreateCollection(s.t.Context(), auth.System, d); err != nil {
			s.t.Fatal(err)
		}
	}
	s.must("create", `{"collection": "tags", "params": {"values": {"id": 1, "name": "new"}}}`)
	s.must("create", `{"collection": "tags", "params": {"values": {"id": 2, "name": "old"}}}`)
	s.must("create", `{"collection": "products", "params": {"values": {"id": 7, "name": "lamp"}}}`)
}

// must runs a node that has to succeed and returns its result as JSON.
func (s *shop) must(kind, config string) string {
	s.t.Helper()
	out, _, err := s.run(kind, config)
	if err != nil {
		s.t.Fatalf("%s %s: %v %s", kind, config, err, fields(err))
	}
	return string(value.Encode(value.Normalize(out.Result)))
}

// TestCreateAsSpecified has the cases of spec/nodes-core.md §7.
func TestCreateAsSpecified(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.withOrders()
	for _, tc := range []struct {
		name, params string
		has, not     string // parts of the result, with | between them
	}{
		{"empty params create an empty record", `{}`, `"note":null|"amount":null`, `"product":`},
		{"to-one through the foreign key field", `{"values": {"productId": 7}}`, `"productId":7`, `"product":{`},
		{"to-one as an object with an id", `{"values": {"product": {"id": 7}}}`, `"productId":7`, ""},
		{"to-one as an object without an id is created", `{"values": {"product": {"name": "desk"}}, "appends": ["product"]}`, `"name":"desk"`, ""},
		{"hasMany as arrays of objects", `{"values": {"lines": [{"name": "a"}, {"name": "b"}]}, "appends": ["lines"]}`, `"name":"a"|"name":"b"`, ""},
		{"m2m by id lists", `{"values": {"tags": [1, 2]}, "appends": ["tags"]}`, `"name":"new"|"name":"old"`, ""},
		{"with appends the record is read again", `{"values": {"productId": 7}, "appends": ["product"]}`, `"product":{|"name":"lamp"`, ""},
		{"m2m by a list in a list, as the example has it", `{"values": {"tags": ["{{$context.list.id}}"]}, "appends": ["tags"]}`, `"name":"new"|"name":"old"`, ""},
		{"m2m by no list at all", `{"values": {"tags": ["{{$context.missing}}"]}, "appends": ["tags"]}`, `"tags":[]`, ""},
		{"values are a template", `{"values": {"note": "for {{$context.name}}", "amount": "{{$context.two}}"}}`, `"note":"for pad"|"amount":2`, ""},
		{"a missing variable leaves the default", `{"values": {"note": "{{$context.missing}}"}}`, `"note":null`, ""},
		{"null elements of a list are no records", `{"values": {"tags": [1, null]}, "appends": ["tags"]}`, `"name":"new"`, `"name":"old"`},
		{"hidden fields are stripped", `{"values": {"pin": "1234"}}`, `"note":null`, `1234|"pin"`},
		{"whitelist: other values are left out", `{"values": {"note": "x", "amount": 2}, "whitelist": ["note"]}`, `"note":"x"|"amount":null`, ""},
		{"blacklist: its values are left out", `{"values": {"note": "x", "amount": 2}, "blacklist": ["note"]}`, `"note":null|"amount":2`, ""},
		{"whitelist with a path", `{"values": {"product": {"name": "desk", "price": 3}}, "whitelist": ["product.name"], "appends": ["product"]}`, `"name":"desk"|"price":null`, ""},
		{"an existing related record is linked and not changed", `{"values": {"product": {"id": 7, "name": "torch"}}, "appends": ["product"]}`, `"name":"lamp"`, "torch"},
		{"updateAssociationValues changes it", `{"values": {"product": {"id": 7, "name": "torch"}}, "updateAssociationValues": ["product"], "appends": ["product"]}`, `"name":"torch"`, ""},
		{"and back", `{"values": {"product": {"id": 7, "name": "lamp"}}, "updateAssociationValues": ["product"], "appends": ["product"]}`, `"name":"lamp"`, ""},
		{"no created-by filling", `{"values": {}}`, `"note":null`, `"createdById":1`},
	} {
		got := s.must("create", `{"collection": "orders", "params": `+tc.params+`}`)
		for part := range strings.SplitSeq(tc.has, "|") {
			if !strings.Contains(got, part) {
				t.Errorf("%s: %s, want %s in it", tc.name, got, part)
			}
		}
		for part := range strings.SplitSeq(tc.not, "|") {
			if part != "" && strings.Contains(got, part) {
				t.Errorf("%s: %s, want no %s in it", tc.name, got, part)
			}
		}
	}
	s.heard = nil
	s.must("create", `{"collection": "main:orders", "params": {"values": {"note": "x"}}}`)
	if len(s.heard) != 1 || s.heard[0].Kind != collection.Created || len(s.stack) != 2 {
		t.Errorf("events %v with the chain %v, want one with the chain", s.heard, s.stack)
	}
	for name, tc := range map[string]struct{ config, words string }{
		"unknown collection":   {`{"collection": "moons"}`, "There is no collection called “moons”."},
		"unknown data source":  {`{"collection": "other:orders"}`, "other:orders"},
		"a wrong value":        {`{"collection": "orders", "params": {"values": {"amount": "many"}}}`, "amount"},
		"values that are none": {`{"collection": "orders", "params": {"values": ["{{$context.name}}"]}}`, "no object"},
	} {
		_, _, err := s.run("create", tc.config)
		if _, ok := errors.AsType[*fault.Error](err); !ok || !strings.Contains(err.Error()+fields(err), tc.words) {
			t.Errorf("%s: %v, want a sentence with %q", name, err, tc.words)
		}
	}
}

// TestUpdateAndDestroyAsSpecified has the cases of spec/nodes-core.md §8 and §9
// that change nothing, or less than they seem to.
func TestUpdateAndDestroyAsSpecified(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.withOrders()
	for range 2 {
		s.must("create", `{"collection": "orders", "params": {"values": {"note": "a", "tags": [1]}}}`)
	}
	all := func() string {
		return s.must("query", `{"collection": "orders", "multiple": true, "params": {"appends": ["tags"], "sort": [{"field": "id"}]}}`)
	}
	before := all()

	// No valid filter, in every form; a missing variable never widens one.
	for name, filter := range map[string]string{
		"missing": "", "null": `"filter": null,`, "{}": `"filter": {},`, "{$and: []}": `"filter": {"$and": []},`, "only empty groups": `"filter": {"$and": [{"$or": []}, {}]},`,
		"a missing variable":                  `"filter": {"id": "{{$context.missing}}"},`,
		"a missing variable with an operator": `"filter": {"$and": [{"id": {"$eq": "{{$context.missing}}"}}]},`,
		"a missing variable in a list":        `"filter": {"id": {"$in": [1, "{{$context.missing}}"]}},`,
		"a missing variable within a text":    `"filter": {"note": {"$includes": "{{$context.missing}}"}},`,
		"a missing variable as a key":         `"filter": {"{{$context.missing}}": 1},`,
		"a missing variable as the filter":    `"filter": "{{$context.missing}}",`,
		"a missing variable beside others":    `"filter": {"$or": [{"note": "a"}, {"id": "{{$context.missing}}"}]},`,
	} {
		for _, node := range []struct{ kind, rest string }{
			{"update", `"values": {"note": "x"}, "individualHooks": true`}, {"update", `"values": {"note": "x"}, "individualHooks": false`},
			{"update", `"values": {"note": "x"}`}, {"destroy", `"rest": 1`},
		} {
			s.heard = nil
			out, _, err := s.run(node.kind, `{"collection": "orders", "params": {`+filter+node.rest+`}}`)
			if f, ok := errors.AsType[*fault.Error](err); !ok || f.Kind != fault.Invalid {
				t.Errorf("%s with a filter that is %s: %v, %v, want a sentence", node.kind, name, out.Result, err)
			}
			if got := all(); got != before || len(s.heard) > 0 {
				t.Fatalf("%s with a filter that is %s changed records: %s", node.kind, name, got)
			}
		}
	}

	for _, tc := range []struct {
		name, kind, params string
		result             string
		events             int
	}{
		{"one by one: matched rows, also when values did not change anything", "update", `{"filter": {"note": "a"}, "values": {"note": "a"}, "individualHooks": true}`, "2", 2},
		{"undefined is one by one", "update", `{"filter": {"note": "a"}, "values": {"amount": 1}}`, "2", 2},
		{"individualHooks as text", "update", `{"filter": {"note": "a"}, "values": {"amount": 1}, "individualHooks": "false"}`, "2", 0},
		{"bulk: no events", "update", `{"filter": {"note": "a"}, "values": {"amount": 2}, "individualHooks": false}`, "2", 0},
		{"bulk: belongsTo foreign keys", "update", `{"filter": {"note": "a"}, "values": {"productId": 7}, "individualHooks": false}`, "2", 0},
		{"bulk: hasMany values are ignored", "update", `{"filter": {"note": "a"}, "values": {"amount": 2, "lines": []}, "individualHooks": false}`, "2", 0},
		{"one by one: associations by id lists", "update", `{"filter": {"note": "a"}, "values": {"tags": [2]}}`, "2", 2},
		{"one by one: whitelist leaves nothing to change", "update", `{"filter": {"note": "a"}, "values": {"note": "b"}, "whitelist": ["amount"]}`, "2", 2},
		{"bulk: blacklist", "update", `{"filter": {"note": "a"}, "values": {"amount": 4, "note": "b"}, "blacklist": ["note"], "individualHooks": false}`, "2", 0},
		{"0 rows", "update", `{"filter": {"note": "none"}, "values": {"amount": 2}}`, "0", 0},
		{"0 rows in bulk", "update", `{"filter": {"note": "none"}, "values": {"amount": 2}, "individualHooks": false}`, "0", 0},
		{"by an association path", "update", `{"filter": {"product.name": "lamp"}, "values": {"amount": 3}}`, "2", 2},
		{"null is a value of a filter", "destroy", `{"filter": {"note": "{{$context.none}}"}}`, "0", 0},
		{"a default is a value of a filter", "destroy", `{"filter": {"note": "{{$context.missing:none}}"}}`, "0", 0},
		{"deletes with per-row events", "destroy", `{"filter": {"product.name": "lamp"}}`, "2", 2},
		{"none left, number deleted 0", "destroy", `{"filter": {"note": "a"}}`, "0", 0},
	} {
		s.heard = nil
		if got := s.must(tc.kind, `{"collection": "orders", "params": `+tc.params+`}`); got != tc.result {
			t.Errorf("%s: result %s, want %s", tc.name, got, tc.result)
		}
		of := 0
		for _, c := range s.heard {
			if c.Collection.Name == "orders" { // links to tags have events of their own
				of++
			}
		}
		if of != tc.events {
			t.Errorf("%s: %d events, want %d", tc.name, of, tc.events)
		}
	}
}

// TestQueryAsSpecified has the cases of spec/nodes-core.md §10 that TestQuery has
// not.
func TestQueryAsSpecified(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.withOrders()
	for range 25 {
		s.must("create", `{"collection": "orders", "params": {"values": {"productId": 7, "tags": [1], "pin": "1234"}}}`)
	}
	count := func(params string) int {
		var list []any
		if err := json.Unmarshal([]byte(s.must("query", `{"collection": "orders", "multiple": "true", "params": `+params+`}`)), &list); err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	for name, tc := range map[string]struct {
		params string
		want   int
	}{
		"without paging a list is cut to 20 rows": {`{}`, 20},
		"the second page has the rest":            {`{"page": 2}`, 5},
		"no upper bound":                          {`{"pageSize": 1000}`, 25},
		"pageSize as text":                        {`{"pageSize": "7"}`, 7},
		"filter by an association path":           {`{"filter": {"product.name": "lamp"}, "pageSize": 100}`, 25},
		"filter by a to-many association path":    {`{"filter": {"tags.name": "old"}}`, 0},
		"sort null is none":                       {`{"sort": null}`, 20},
		"sort by an association path":             {`{"sort": [{"field": "product.name", "direction": "DESC"}]}`, 20},
		"an empty filter is all":                  {`{"filter": {"$and": []}, "pageSize": 100}`, 25},
	} {
		if got := count(tc.params); got != tc.want {
			t.Errorf("%s: %d records, want %d", name, got, tc.want)
		}
	}
	one := s.must("query", `{"collection": "orders", "params": {"appends": ["product", "tags"]}}`)
	for _, part := range []string{`"product":{`, `"name":"lamp"`, `"tags":[{`} {
		if !strings.Contains(one, part) {
			t.Errorf("appends: %s, want %s in it", one, part)
		}
	}
	if strings.Contains(one, "1234") {
		t.Errorf("a hidden field is in %s", one)
	}
	for name, params := range map[string]string{
		"page is no number": `{"page": "first"}`, "pageSize is no number": `{"pageSize": "{{$context.name}}"}`, "pageSize is missing": `{"pageSize": "{{$context.missing}}"}`,
		"pageSize 0": `{"pageSize": 0}`, "an unknown field": `{"filter": {"gone": 1}}`, "an unknown sort": `{"sort": [{"field": "gone"}]}`, "an unknown relation": `{"appends": ["gone"]}`,
		"an invalid date": `{"filter": {"createdAt": {"$dateOn": "no day"}}}`,
	} {
		if out, _, err := s.run("query", `{"collection": "orders", "multiple": true, "params": `+params+`}`); err == nil {
			t.Errorf("%s: %v, want an error", name, out.Result)
		} else if _, ok := errors.AsType[*fault.Error](err); !ok {
			t.Errorf("%s: %v is no sentence", name, err)
		}
	}
}
