package collection_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
)

// filterShop has four products A to D; D has nothing but its name. A and B have
// orders.
func filterShop(t testing.TB) *shop {
	s := newShop(t)
	a := s.create("products", collection.Record{"name": "A", "price": 10.0, "stock": 1.0, "since": "2026-05-07", "seen": "2026-05-07T10:20:30.123Z",
		"active": true, "tags": []any{"x", "y"}, "about": "50% off_now", "weight": 1.5})
	b := s.create("products", collection.Record{"name": "B", "price": 20.5, "stock": 2.0, "since": "2026-11-22", "seen": "2026-11-22T23:30:00Z",
		"active": false, "tags": []any{}, "about": "", "weight": 2.5})
	s.create("products", collection.Record{"name": "C", "price": 30.0, "stock": 3.0, "since": "2026-11-23", "seen": "2026-11-23T08:00:00Z",
		"tags": []any{"y", 3.0}, "about": "Fifty Percent"})
	s.create("products", collection.Record{"name": "D", "stock": nil})
	s.create("orders", collection.Record{"product": a["id"], "quantity": 1.0, "note": "red"})
	s.create("orders", collection.Record{"product": a["id"], "quantity": 5.0, "note": "blue"})
	s.create("orders", collection.Record{"product": b["id"], "quantity": 5.0})
	s.create("orders", collection.Record{"quantity": 7.0})
	return s
}

func TestOperators(t *testing.T) {
	t.Parallel()
	s := filterShop(t)
	tests := []struct{ filter, want string }{
		{`{}`, "ABCD"}, {`{"$and": [], "$or": []}`, "ABCD"}, {`{"$and": [{}]}`, "ABCD"}, {`null`, "ABCD"},
		{`{"name": "A"}`, "A"}, {`{"name": ["A", "C"]}`, "AC"}, {`{"name.$ne": "A"}`, "BCD"},
		{`{"name": {"$ne": ["A", "B"]}}`, "CD"}, {`{"stock": null}`, "D"}, {`{"stock": {"$ne": null}}`, "ABC"},
		{`{"stock": {"$ne": 1}}`, "BCD"}, {`{"stock": "2"}`, "B"}, {`{"name": 5}`, ""},
		{`{"stock.$gt": 1.5}`, "BC"}, {`{"stock": {"$gte": 1, "$lte": 2}}`, "AB"}, {`{"stock.$lt": 3}`, "AB"},
		{`{"price.$gt": "20.25"}`, "BC"}, {`{"weight.$lt": 2}`, "A"}, {`{"stock.$gt": 99999999999}`, ""},
		{`{"stock.$between": [2, 3]}`, "BC"}, {`{"stock.$notBetween": [2, 3]}`, "A"},
		{`{"stock.$in": [1, 3, null]}`, "AC"}, {`{"stock.$in": 1}`, "A"}, {`{"stock.$in": []}`, ""}, {`{"stock.$in": null}`, ""},
		{`{"stock.$notIn": [1, 3]}`, "BD"}, {`{"stock.$not_in": [1]}`, "BCD"}, {`{"stock.$notin": []}`, "ABCD"}, {`{"stock.$in": [1, 2.5]}`, "A"},
		{`{"active.$is": true}`, "A"}, {`{"active.$not": true}`, "BCD"}, {`{"active.$is": null}`, "CD"}, {`{"stock.$not": null}`, "ABC"},
		{`{"about.$like": "F%"}`, "C"}, {`{"about.$notLike": "F%"}`, "AB"}, {`{"about.$iLike": "f%"}`, "C"}, {`{"about.$notILike": "f%"}`, "AB"},
		{`{"about.$like": "\\"}`, ""},
		{`{"about.$includes": "%"}`, "A"}, {`{"about.$includes": "_NOW"}`, "A"}, {`{"about.$includes": ["percent", "50"]}`, "AC"},
		{`{"about.$includes": null}`, "D"}, {`{"stock.$includes": 2}`, "B"}, {`{"about.$notIncludes": "f"}`, "B"},
		{`{"about.$notIncludes": ["f", "x"]}`, "B"}, {`{"about.$startsWith": "fif"}`, "C"}, {`{"about.$endWith": "NOW"}`, "A"},
		{`{"about.$notStartsWith": "fif"}`, "AB"}, {`{"about.$notEndWith": "now"}`, "BC"},
		{`{"about.$empty": true}`, "BD"}, {`{"about.$notEmpty": true}`, "AC"}, {`{"tags.$empty": true}`, "BD"}, {`{"stock.$empty": 1}`, "D"},
		{`{"about.$exists": true}`, "ABC"}, {`{"about.$notExists": true}`, "D"},
		{`{"active.$isTruly": true}`, "A"}, {`{"active.$isTruly": false}`, "BCD"}, {`{"active.$isFalsy": true}`, "BCD"}, {`{"active.$isFalsy": false}`, "A"},
		{`{"tags.$match": ["y", "x"]}`, "A"}, {`{"tags.$notMatch": ["y", "x"]}`, "BCD"}, {`{"tags.$anyOf": ["x", 3]}`, "AC"},
		{`{"tags.$anyOf": "y"}`, "AC"}, {`{"tags.$noneOf": ["x"]}`, "BCD"}, {`{"tags.$arrayEmpty": true}`, "BD"}, {`{"tags.$arrayNotEmpty": true}`, "AC"},
		{`{"tags": {"$eq": []}}`, "B"}, {`{"name.$anyOf": ["A", "D"]}`, "AD"},
		{`{"$or": [{"name": "A"}, {"stock": 3}]}`, "AC"}, {`{"$not": {"stock": 1}}`, "BCD"}, {`{"$not": {"$or": [{"name": "A"}, {"stock.$gt": 1}]}}`, "D"},
		{`{"name": "A", "stock": 2}`, ""}, {`{"$and": [{"name": "A"}, {"stock": 1}]}`, "A"},
		// relations
		{`{"orders": {"quantity": 5, "note": "blue"}}`, "A"}, {`{"orders": {"quantity": 1, "note": "blue"}}`, ""},
		{`{"orders.quantity": 5}`, "AB"}, {`{"orders.quantity": 1, "orders.note": "blue"}`, "A"}, {`{"orders.$exists": true}`, "AB"},
		{`{"orders": {"$notExists": true}}`, "CD"}, {`{"orders": {"$or": [{"quantity": 1}, {"note": null}]}}`, "AB"},
		{`{"orders.product.name": "B"}`, "B"}, {`{"orders": {"product": {"orders": {"note": "red"}}}}`, "A"}, {`{"createdBy.nickname": "Ann"}`, "ABCD"}, {`{"createdBy.nickname.$empty": true}`, ""},
		{`{"createdBy": 1}`, "ABCD"}, {`{"updatedBy": {"$ne": null}}`, "ABCD"},
		// dates; it is Monday, 2026-11-23 12:00 UTC
		{`{"seen.$dateOn": "2026"}`, "ABC"}, {`{"seen.$dateOn": "2026-05"}`, "A"}, {`{"seen.$dateOn": "2026Q2"}`, "A"}, {`{"seen.$dateOn": "2026W19"}`, "A"},
		{`{"seen.$dateOn": "2026w48"}`, "BC"}, {`{"seen.$dateOn": "2026W48"}`, "C"}, {`{"seen.$dateOn": "2026-05-07"}`, "A"},
		{`{"seen.$dateOn": "2026-05-07 10"}`, "A"}, {`{"seen.$dateOn": "2026-05-07 10:20"}`, "A"}, {`{"seen.$dateOn": "2026-05-07T10:20:30"}`, "A"},
		{`{"seen.$dateOn": "2026-05-07 10:20:30.123"}`, "A"}, {`{"seen.$dateOn": "2026-05-07T10:20:30.123Z"}`, "A"}, {`{"seen.$dateOn": "2026-05-07T10:20:30Z"}`, ""},
		{`{"seen.$dateOn": "2026-11-23+02:00"}`, "BC"}, {`{"seen.$dateNotOn": "2026-05-07"}`, "BC"}, {`{"seen.$dateBefore": "2026-11"}`, "A"},
		{`{"seen.$dateNotBefore": "2026-11-22"}`, "BC"}, {`{"seen.$dateAfter": "2026-05"}`, "BC"}, {`{"seen.$dateAfter": "2026-11-22T23:30:00.000Z"}`, "C"},
		{`{"seen.$dateNotAfter": "2026-11-22"}`, "AB"}, {`{"seen.$dateNotAfter": "2026-11-22T23:30:00Z"}`, "AB"},
		{`{"seen.$dateBetween": ["2026-05-07", "2026-11-22"]}`, "AB"}, {`{"seen.$dateBetween": ["2026-05-07", "2026-11-23", "()"]}`, "B"},
		{`{"seen.$dateBetween": "[2026-11-23,2026-11-23]+02:00"}`, "BC"}, {`{"seen.$dateBetween": ["2026-11-23", "2026-11-23", "[]", "+02:00"]}`, "BC"},
		{`{"seen.$dateOn": {"type": "today"}}`, "C"}, {`{"seen.$dateOn": {"type": "yesterday"}}`, "B"}, {`{"seen.$dateOn": {"type": "tomorrow"}}`, ""},
		{`{"seen.$dateOn": {"type": "thisWeek"}}`, "C"}, {`{"seen.$dateOn": {"type": "lastWeek"}}`, "B"}, {`{"seen.$dateOn": {"type": "thisMonth"}}`, "BC"},
		{`{"seen.$dateOn": {"type": "thisYear"}}`, "ABC"}, {`{"seen.$dateOn": {"type": "lastQuarter"}}`, ""}, {`{"seen.$dateBefore": {"type": "thisQuarter"}}`, "A"},
		{`{"seen.$dateOn": {"type": "past", "unit": "day", "number": 1}}`, "B"}, {`{"seen.$dateOn": {"type": "past", "unit": "month", "number": 6}}`, "A"},
		{`{"seen.$dateOn": {"type": "next", "unit": "week", "number": 2}}`, ""}, {`{"seen.$gt": "2026-11-22T23:30:00Z"}`, "C"}, {`{"seen": "2026-11-23 08:00"}`, "C"},
		{`{"since.$dateOn": "2026-05-07"}`, "A"}, {`{"since.$dateOn": {"type": "today"}}`, "C"}, {`{"since.$dateAfter": "2026-11-22"}`, "C"},
		{`{"since.$dateOn": "2026-11"}`, "BC"}, {`{"since": "2026-11-22"}`, "B"}, {`{"since.$lt": "2026-11-22"}`, "A"}, {`{"since.$dateOn": "2026-11-23T23:59:00Z"}`, "C"},
	}
	for _, tc := range tests {
		t.Run(tc.filter, func(t *testing.T) {
			t.Parallel()
			if got := names(s, t, tc.filter); got != tc.want {
				t.Errorf("found %q, want %q", got, tc.want)
			}
		})
	}
}

func names(s *shop, t *testing.T, filter string) string {
	t.Helper()
	var f any
	if err := json.Unmarshal([]byte(filter), &f); err != nil {
		t.Fatal(err)
	}
	page, err := s.store.List(t.Context(), s.db, s.a, "products", collection.Query{Filter: f, Sort: []string{"name"}})
	if err != nil {
		t.Fatalf("list: %v", err)
	}
	found := ""
	for _, r := range page.Records {
		found += r["name"].(string)
	}
	if page.Count != len(found) {
		t.Errorf("count is %d, want %d", page.Count, len(found))
	}
	return found
}

func TestFiltersInAZone(t *testing.T) {
	t.Parallel()
	s := filterShop(t)
	s.a.Zone = time.FixedZone("", 2*3600)
	for filter, want := range map[string]string{
		`{"seen.$dateOn": {"type": "today"}}`:  "BC", // 23:30 UTC is today at +02:00
		`{"seen.$dateOn": "2026-11-22"}`:       "",
		`{"since.$dateOn": {"type": "today"}}`: "C", // plain dates have no zone
		`{"seen": "2026-11-23 10:00"}`:         "C",
	} {
		if got := names(s, t, filter); got != want {
			t.Errorf("%s found %q, want %q", filter, got, want)
		}
	}
}

func TestBadFiltersAreExplained(t *testing.T) {
	t.Parallel()
	s := filterShop(t)
	deep := strings.Repeat(`{"$not":`, 60) + `{}` + strings.Repeat(`}`, 60)
	for _, filter := range []string{
		`{"nope": 1}`, `{"name.$nope": 1}`, `{"name.nope": 1}`, `{"orders.nope": 1}`, `{"orders.$gt": 1}`, `{"stock": "x"}`, `{"stock.$gt": "x"}`,
		`{"active.$gt": 1}`, `{"active": "maybe"}`, `{"seen.$dateOn": "2026-13"}`, `{"seen.$dateOn": "2026-02-30"}`, `{"seen.$dateOn": "soon"}`,
		`{"seen.$dateOn": {"type": "someday"}}`, `{"seen.$dateBetween": "2026"}`, `{"seen.$dateBetween": ["2026"]}`, `{"seen.$dateBetween": ["2026", "2027", "xx"]}`,
		`{"stock.$dateOn": "2026"}`, `{"stock.$between": [1]}`, `{"stock.$is": true}`, `{"name.$like": ["a"]}`, `{"name.$like": "\u0000"}`,
		`{"name": "\u0000"}`, `{"name": {"x": 1}}`, `{"tags.$match": 1}`, `{"name.$match": ["a"]}`, `{"$and": 5}`, `{"": 1}`, `{".": 1}`, `{"name.": 1}`,
		`{"orders.product.orders.product.nope": 1}`, `{"name.$eq.$eq": 1}`, deep, `{"createdBy.password": "x"}`,
		`{"seen.$gt": "0000-01-01"}`, `{"weight.$gt": 1e308, "weight.$lt": "1e999"}`,
	} {
		var f any
		if err := json.Unmarshal([]byte(filter), &f); err != nil {
			t.Fatal(err)
		}
		_, err := s.store.List(t.Context(), s.db, s.a, "products", collection.Query{Filter: f})
		if !fault.Is(err, fault.Invalid) || fields(err)["filter"] == "" {
			t.Errorf("%s: %v, want an explanation beside filter", filter, err)
		}
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	s := filterShop(t)
	tests := []struct {
		name string
		coll string
		q    collection.Query
		want string
	}{
		{"fields", "products", collection.Query{Fields: []string{"name", "stock"}, Sort: []string{"name"}, PageSize: 1}, `[{"name":"A","stock":1}]`},
		{"except", "orders", collection.Query{Except: []string{"id", "createdAt", "updatedAt", "createdById", "updatedById", "productId", "note"}, PageSize: 1},
			`[{"quantity":1,"status":"new"}]`},
		{"dotted field", "orders", collection.Query{Fields: []string{"quantity", "product.name"}, PageSize: 1}, `[{"product":{"name":"A"},"quantity":1}]`},
		{"association as field", "orders", collection.Query{Fields: []string{"product"}, Sort: []string{"-quantity"}, PageSize: 1}, `[{"product":null}]`},
		{"to-many", "products", collection.Query{Fields: []string{"name", "orders.quantity"}, Sort: []string{"name"}, Page: 1, PageSize: 2},
			`[{"name":"A","orders":[{"quantity":1},{"quantity":5}]},{"name":"B","orders":[{"quantity":5}]}]`},
		{"nested", "orders", collection.Query{Fields: []string{"product.orders.note"}, PageSize: 1}, `[{"product":{"orders":[{"note":"red"},{"note":"blue"}]}}]`},
		{"sort through a relation", "orders", collection.Query{Fields: []string{"quantity"}, Sort: []string{"-product.name", "-quantity"}},
			`[{"quantity":5},{"quantity":5},{"quantity":1},{"quantity":7}]`},
		{"comma sort", "products", collection.Query{Fields: []string{"name"}, Sort: []string{"-stock,name"}}, `[{"name":"C"},{"name":"B"},{"name":"A"},{"name":"D"}]`},
		{"second page", "products", collection.Query{Fields: []string{"name"}, Sort: []string{"name"}, Page: 2, PageSize: 3}, `[{"name":"D"}]`},
		{"offset", "products", collection.Query{Fields: []string{"name"}, Sort: []string{"name"}, Offset: 1, PageSize: 1}, `[{"name":"B"}]`},
		{"all", "products", collection.Query{Fields: []string{"name"}, Sort: []string{"-id"}, All: true}, `[{"name":"D"},{"name":"C"},{"name":"B"},{"name":"A"}]`},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			page, err := s.store.List(t.Context(), s.db, s.a, tc.coll, tc.q)
			if err != nil || asJSON(page.Records) != tc.want {
				t.Errorf("got %s, %v; want %s", asJSON(page.Records), err, tc.want)
			}
		})
	}
	page, err := s.store.List(t.Context(), s.db, s.a, "products", collection.Query{NoCount: true, PageSize: 3})
	if err != nil || !page.HasNext || len(page.Records) != 3 || page.Count != 0 {
		t.Errorf("simple page: %v, %d records, more %v", err, len(page.Records), page.HasNext)
	}
	for _, q := range []collection.Query{{Sort: []string{"nope"}}, {Sort: []string{"tags"}}, {Sort: []string{"orders.quantity"}}, {Fields: []string{"nope"}},
		{Appends: []string{"name"}}, {Appends: []string{"orders.nope"}}, {Sort: []string{`name"; DROP TABLE products; --`}}} {
		if _, err := s.store.List(t.Context(), s.db, s.a, "products", q); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v, want Invalid", asJSON(q), err)
		}
	}
}

func TestMatches(t *testing.T) {
	t.Parallel()
	s := filterShop(t)
	first := s.list("products", collection.Query{Sort: []string{"name"}})[0]
	id := int64(first["id"].(float64))
	for filter, want := range map[string]bool{`{"stock": 1}`: true, `{"stock": 2}`: false, `{}`: true, `{"orders.note": "red"}`: true} {
		var f any
		_ = json.Unmarshal([]byte(filter), &f)
		if got, err := s.store.Matches(t.Context(), s.db, "products", id, f); got != want || err != nil {
			t.Errorf("%s: %v, %v; want %v", filter, got, err, want)
		}
	}
}

func TestRights(t *testing.T) {
	t.Parallel()
	s := filterShop(t)
	read := func(a auth.Actor, coll string, q collection.Query) (string, error) {
		page, err := s.store.List(t.Context(), s.db, collection.Access{Actor: a}, coll, q)
		return asJSON(page.Records), err
	}
	if got, err := read(member, "users", collection.Query{}); got != `[{"id":1,"nickname":"Ann"},{"id":2,"nickname":"Bob"}]` || err != nil {
		t.Errorf("a member sees of users %s, %v", got, err)
	}
	if got, _ := read(admin, "users", collection.Query{Filter: map[string]any{"email": "bob@example.org"}}); !strings.Contains(got, `"email":"bob@example.org"`) || strings.Contains(got, "secret") {
		t.Errorf("an administrator sees of users %s", got)
	}
	if got, err := read(member, "products", collection.Query{}); got != `[]` || err != nil {
		t.Errorf("a member sees of products of others %s, %v", got, err)
	}
	if _, err := s.db.ExecContext(t.Context(), `UPDATE public.products SET created_by_id = 2 WHERE id = (SELECT min(id) FROM public.products)`); err != nil {
		t.Fatal(err)
	}
	if got, err := read(member, "products", collection.Query{Fields: []string{"createdBy"}}); got != `[{"createdBy":{"id":2,"nickname":"Bob"}}]` || err != nil {
		t.Errorf("a member sees of a creator %s, %v", got, err)
	}
	for name, q := range map[string]collection.Query{
		"filter": {Filter: map[string]any{"email.$startsWith": "a"}}, "sort": {Sort: []string{"email"}}, "field": {Fields: []string{"email"}},
		"hidden": {Fields: []string{"password"}},
	} {
		if _, err := read(member, "users", q); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s by what a member may not see: %v, want Invalid", name, err)
		}
	}
	if _, err := read(admin, "users", collection.Query{Filter: map[string]any{"password": "secret"}}); !fault.Is(err, fault.Invalid) {
		t.Errorf("filter by a hidden field: %v, want Invalid", err)
	}
	if _, err := read(member, "workflows", collection.Query{}); !fault.Is(err, fault.NotFound) {
		t.Errorf("a member lists workflows: %v, want NotFound", err)
	}
	if _, err := read(admin, "workflows", collection.Query{Appends: []string{"nodes", "executions.jobs", "createdBy"}}); err != nil {
		t.Errorf("an administrator lists workflows: %v", err)
	}
	if _, err := read(admin, "workflowManualTasks", collection.Query{Appends: []string{"user", "execution.workflow", "node", "job"}}); err != nil {
		t.Errorf("an administrator lists tasks: %v", err)
	}
	if _, err := read(auth.Actor{}, "products", collection.Query{}); !fault.Is(err, fault.Unsigned) {
		t.Errorf("nobody lists products: %v, want Unsigned", err)
	}
	s.a.Actor = admin
	if _, err := s.tryCreate("users", collection.Record{"nickname": "Eve", "email": "eve@example.org"}); !fault.Is(err, fault.Forbidden) {
		t.Errorf("create a user as a record: %v, want Forbidden", err)
	}
	s.a.Actor = auth.Actor{}
	if _, err := s.tryCreate("products", collection.Record{"name": "E"}); !fault.Is(err, fault.Unsigned) {
		t.Errorf("nobody creates a product: %v, want Unsigned", err)
	}
	if _, err := s.store.CreateCollection(t.Context(), member, collection.Definition{Name: "mine"}); !fault.Is(err, fault.Forbidden) {
		t.Errorf("a member makes a collection: %v, want Forbidden", err)
	}
}
