package collection_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/pg"
	"alur/engine/snowflake"
)

// roleShop is a shop with a role for Bob (id 2), who is no longer a member.
type roleShop struct {
	*shop
	roles *auth.Store
	bob   auth.Actor
}

// newRoleShop gives the role the base actions.
func newRoleShop(t *testing.T, actions ...string) *roleShop {
	t.Helper()
	s := newShop(t)
	clock := func() time.Time { return now }
	r := &roleShop{shop: s, roles: &auth.Store{DB: s.db, IDs: snowflake.New(2, clock), Now: clock}}
	_, err := r.roles.CreateRole(t.Context(), auth.System, auth.RoleDefinition{Name: "sales", Title: "Sales", Actions: actions})
	if err != nil {
		t.Fatal(err)
	}
	role := auth.Role("sales")
	if _, err := r.roles.Update(t.Context(), auth.System, 2, auth.Change{Role: &role}); err != nil {
		t.Fatal(err)
	}
	r.read()
	return r
}

// read reads what Bob may do now.
func (r *roleShop) read() {
	r.t.Helper()
	u, err := r.roles.Get(r.t.Context(), auth.System, 2)
	if err != nil {
		r.t.Fatal(err)
	}
	if r.bob, err = r.roles.ActorOf(r.t.Context(), u); err != nil {
		r.t.Fatal(err)
	}
}

// rules sets the role's own rules for a collection.
func (r *roleShop) rules(coll string, actions ...auth.ResourceAction) {
	r.t.Helper()
	if _, err := r.roles.PutResource(r.t.Context(), auth.System, "sales", auth.Resource{Collection: coll, OwnRules: true, Actions: actions}); err != nil {
		r.t.Fatal(err)
	}
	r.read()
}

// scope makes a scope and returns its id.
func (r *roleShop) scope(filter string) *int64 {
	r.t.Helper()
	n, err := r.roles.CreateScope(r.t.Context(), auth.System, auth.NamedScope{Name: filter, Filter: json.RawMessage(filter)})
	if err != nil {
		r.t.Fatal(err)
	}
	return &n.ID
}

// by runs fn as Bob, then goes back to the administrator.
func (r *roleShop) by(fn func()) {
	r.a.Actor = r.bob
	defer func() { r.a.Actor = admin }()
	fn()
}

func (r *roleShop) list(q collection.Query, coll string) string {
	r.t.Helper()
	page, err := r.store.List(r.t.Context(), r.db, collection.Access{Actor: r.bob}, coll, q)
	if err != nil {
		return fault.Of(err).String()
	}
	return asJSON(page.Records)
}

func (r *roleShop) destroy(coll string, filter any) (n int, err error) {
	err = r.store.Write(r.t.Context(), coll, func(tx *pg.Tx) error {
		n, err = r.store.Destroy(r.t.Context(), tx, r.a, coll, filter)
		return err
	})
	return n, err
}

var byName = collection.Query{Fields: []string{"name"}, Sort: []string{"name"}}

// TestScopes: lists, counts, relations, filters and sorts reach the records of
// the scope and no others.
func TestScopes(t *testing.T) {
	t.Parallel()
	r := newRoleShop(t, "create", "view:own", "update:own", "destroy:own")
	pen := r.create("products", collection.Record{"name": "Pen", "price": 2.0, "active": true})
	r.create("products", collection.Record{"name": "Ink", "price": 9.0, "active": false})
	var own collection.Record
	r.by(func() { own = r.create("products", collection.Record{"name": "Cup", "price": 5.0, "active": false}) })
	order := r.create("orders", collection.Record{"product": pen["id"], "quantity": 1.0})
	r.create("orders", collection.Record{"product": own["id"], "quantity": 2.0})

	nested := `{"orders": {"quantity": {"$gt": 1}}}`
	for _, tc := range []struct{ name, filter, want string }{
		{"own", `own`, `[{"name":"Cup"}]`},
		{"by a value", `{"active": true}`, `[{"name":"Pen"}]`},
		{"by the person", `{"createdById": "{{$user.id}}"}`, `[{"name":"Cup"}]`},
		{"by the person's other name", `{"createdBy": {"id": "{{ctx.state.currentUser.id}}"}}`, `[{"name":"Cup"}]`},
		{"through a relation", nested, `[{"name":"Cup"}]`},
		{"by the role", `{"name": "{{$nRole}}"}`, `[]`},
		{"by a date", `{"createdAt": {"$dateOn": "{{$nDate.today}}"}}`, `[{"name":"Cup"},{"name":"Ink"},{"name":"Pen"}]`},
		{"empty", `{}`, `[{"name":"Cup"},{"name":"Ink"},{"name":"Pen"}]`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			id := new(int64)
			if *id = 2; tc.filter != "own" {
				id = r.scope(tc.filter)
			}
			r.rules("products", auth.ResourceAction{Name: auth.View, ScopeID: id})
			if got := r.list(byName, "products"); got != tc.want {
				t.Errorf("sees %s, want %s", got, tc.want)
			}
			n, err := r.store.Count(t.Context(), r.db, collection.Access{Actor: r.bob}, "products", nil)
			var want []any
			if json.Unmarshal([]byte(tc.want), &want); err != nil || n != len(want) {
				t.Errorf("counts %d (%v), want %d", n, err, len(want))
			}
		})
	}

	// Orders are open, products are not: what is behind a relation stays hidden.
	r.rules("products", auth.ResourceAction{Name: auth.View, ScopeID: r.scope(`{"name": "Cup"}`)})
	r.rules("orders", auth.ResourceAction{Name: auth.View})
	for _, tc := range []struct {
		name string
		q    collection.Query
		want string
	}{
		{"loaded with it", collection.Query{Fields: []string{"quantity", "product.name"}}, `[{"product":null,"quantity":1},{"product":{"name":"Cup"},"quantity":2}]`},
		{"filtered by", collection.Query{Fields: []string{"quantity"}, Filter: map[string]any{"product.name.$ne": "x"}}, `[{"quantity":1},{"quantity":2}]`},
		{"found by", collection.Query{Fields: []string{"quantity"}, Filter: map[string]any{"product.price": 2.0}}, `[]`},
		{"sorted by", collection.Query{Fields: []string{"quantity"}, Sort: []string{"-product.price"}}, `[{"quantity":2},{"quantity":1}]`},
	} {
		if got := r.list(tc.q, "orders"); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
	// The other way round: orders that may not be seen do not exist.
	r.rules("orders", auth.ResourceAction{Name: auth.View, ScopeID: r.scope(`{"quantity": 1}`)})
	r.rules("products", auth.ResourceAction{Name: auth.View})
	for _, tc := range []struct {
		filter, want string
	}{
		{`{"orders": {"quantity": 2}}`, `[]`},
		{`{"orders": {"quantity": 1}}`, `[{"name":"Pen"}]`},
		{`{"orders.$exists": true}`, `[{"name":"Pen"}]`},
	} {
		var f any
		if err := json.Unmarshal([]byte(tc.filter), &f); err != nil {
			t.Fatal(err)
		}
		if got := r.list(collection.Query{Fields: []string{"name"}, Filter: f}, "products"); got != tc.want {
			t.Errorf("products with %s: %s, want %s", tc.filter, got, tc.want)
		}
	}
	if got := r.list(collection.Query{Filter: order["id"], Fields: []string{"quantity"}}, "orders"); got != `[{"quantity":1}]` {
		t.Errorf("the order itself: %s", got)
	}
}

// TestFieldRights: a field that is not granted cannot be read, filtered or sorted
// by, nor written.
func TestFieldRights(t *testing.T) {
	t.Parallel()
	r := newRoleShop(t)
	r.create("products", collection.Record{"name": "Pen", "price": 2.0, "stock": 7.0})
	r.rules("products",
		auth.ResourceAction{Name: auth.View, Fields: []string{"name", "orders"}},
		auth.ResourceAction{Name: auth.Create, Fields: []string{"name", "stock"}},
		auth.ResourceAction{Name: auth.Update, Fields: []string{"name"}})
	if got, want := r.list(collection.Query{Except: []string{"id", "updatedAt"}}, "products"), `[{"name":"Pen"}]`; got != want {
		t.Errorf("sees %s, want %s", got, want)
	}
	for name, q := range map[string]collection.Query{
		"read":                  {Fields: []string{"price"}},
		"filter":                {Filter: map[string]any{"price": 2.0}},
		"filter deep":           {Filter: map[string]any{"$or": []any{map[string]any{"price.$gt": 1.0}}}},
		"sort":                  {Sort: []string{"-price"}},
		"append":                {Appends: []string{"createdBy"}},
		"filter by a relation":  {Filter: map[string]any{"createdBy.nickname": "Ann"}},
		"field without a right": {Filter: map[string]any{"stock": 7.0}},
	} {
		if got := r.list(q, "products"); got != "invalid" {
			t.Errorf("%s: %s, want invalid", name, got)
		}
		// The same words as for a field that is not there.
		_, err := r.store.List(t.Context(), r.db, collection.Access{Actor: r.bob}, "products", q)
		raw, _ := json.Marshal(q)
		var other collection.Query
		for _, f := range []string{"price", "createdBy", "stock"} {
			raw = []byte(strings.ReplaceAll(string(raw), f, "zzz"))
		}
		if err := json.Unmarshal(raw, &other); err != nil {
			t.Fatal(err)
		}
		_, missing := r.store.List(t.Context(), r.db, collection.Access{Actor: r.bob}, "products", other)
		said := fmt.Sprint(err)
		for _, f := range []string{"price", "createdBy", "stock"} {
			said = strings.ReplaceAll(said, f, "zzz")
		}
		if said != fmt.Sprint(missing) {
			t.Errorf("%s: says %q, and of a field that is not there %q", name, said, missing)
		}
	}
	r.by(func() {
		got := r.create("products", collection.Record{"name": "Cup", "stock": 3.0, "price": 99.0})
		if _, shown := got["stock"]; shown || got["name"] != "Cup" {
			t.Errorf("the answer to a create is %v", got)
		}
		recs, err := r.update("products", got["id"], collection.Record{"name": "Mug", "stock": 1.0, "price": 1.0})
		if err != nil || len(recs) != 1 || recs[0]["name"] != "Mug" || recs[0]["price"] != nil {
			t.Errorf("update: %v, %v", recs, err)
		}
		if n, err := r.destroy("products", got["id"]); !fault.Is(err, fault.Forbidden) {
			t.Errorf("delete: %d, %v; want forbidden", n, err)
		}
	})
	page, err := r.store.List(t.Context(), r.db, r.a, "products", collection.Query{Filter: map[string]any{"name": "Mug"}, Fields: []string{"name", "stock", "price"}})
	if got := asJSON(page.Records); err != nil || got != `[{"name":"Mug","price":null,"stock":3}]` {
		t.Errorf("stored %s, %v", got, err)
	}
}

// TestUnseenKeys: an object with a key out of the person's sight answers as one
// with a key that no record has, wherever it stands.
func TestUnseenKeys(t *testing.T) {
	t.Parallel()
	r := newRoleShop(t, "view:own", "create", "update:own")
	product := r.create("products", collection.Record{"name": "Pen"})
	order := r.create("orders", collection.Record{"quantity": 1.0})
	r.by(func() {
		for name, tc := range map[string]struct {
			coll   string
			hidden any
			values func(key any) collection.Record
		}{
			"to one": {"orders", product["id"], func(key any) collection.Record {
				return collection.Record{"quantity": 1.0, "product": map[string]any{"id": key, "name": "Mine"}}
			}},
			"to many": {"products", order["id"], func(key any) collection.Record {
				return collection.Record{"name": "Set", "orders": []any{map[string]any{"id": key, "quantity": 2.0}}}
			}},
		} {
			_, unseen := r.tryCreate(tc.coll, tc.values(tc.hidden))
			_, unknown := r.tryCreate(tc.coll, tc.values(77.0))
			if unseen == nil || unknown == nil || unseen.Error() != unknown.Error() {
				t.Errorf("%s: out of sight %v, unknown %v", name, unseen, unknown)
			}
		}
	})
	if _, err := r.tryCreate("orders", collection.Record{"quantity": 1.0, "product": map[string]any{"id": 77.0, "name": "New"}}); err != nil {
		t.Errorf("who sees all does not make a record with a key of their own: %v", err)
	}
}

// TestWriteRights: what is out of reach is not changed, and nested records are
// written under the person's own rights.
func TestWriteRights(t *testing.T) {
	t.Parallel()
	r := newRoleShop(t, "view")
	theirs := r.create("products", collection.Record{"name": "Pen", "stock": 1.0})
	order := r.create("orders", collection.Record{"product": theirs["id"], "quantity": 1.0})
	r.rules("products", auth.ResourceAction{Name: auth.View}, auth.ResourceAction{Name: auth.Create},
		auth.ResourceAction{Name: auth.Update, ScopeID: r.scope(`{"createdById": "{{$user.id}}"}`)}, auth.ResourceAction{Name: auth.Destroy, ScopeID: ptr(2)})
	r.by(func() {
		own := r.create("products", collection.Record{"name": "Cup", "stock": 1.0})
		recs, err := r.update("products", map[string]any{"stock": 1.0}, collection.Record{"stock": 2.0})
		if err != nil || len(recs) != 1 || recs[0]["id"] != own["id"] {
			t.Errorf("changed %v, %v; want the own one", recs, err)
		}
		err = r.store.Write(t.Context(), "products", func(tx *pg.Tx) error {
			_, err := r.store.Edit(t.Context(), tx, r.a, "products", int64(theirs["id"].(float64)), "", collection.Record{"stock": 9.0})
			return err
		})
		if !fault.Is(err, fault.Forbidden) {
			t.Errorf("edit what may only be seen: %v, want forbidden", err)
		}
		if n, err := r.destroy("products", []any{own["id"], theirs["id"]}); n != 1 || err != nil {
			t.Errorf("deleted %d, %v; want the own one", n, err)
		}
		_, err = r.tryCreate("products", collection.Record{"name": "Set", "orders": []any{map[string]any{"quantity": 1.0}}})
		if !fault.Is(err, fault.Forbidden) {
			t.Errorf("create an order inside of a product: %v, want forbidden", err)
		}
		_, err = r.tryCreate("products", collection.Record{"name": "Set", "orders": []any{order["id"]}})
		if !fault.Is(err, fault.Forbidden) {
			t.Errorf("take an order into a product: %v, want forbidden", err)
		}
	})
	// With rights on orders, but not on their key: the relation may still set it.
	r.rules("orders", auth.ResourceAction{Name: auth.View}, auth.ResourceAction{Name: auth.Create, Fields: []string{"quantity", "product"}},
		auth.ResourceAction{Name: auth.Update, Fields: []string{"note"}})
	r.by(func() {
		set := r.create("products", collection.Record{"name": "Set", "orders": []any{map[string]any{"quantity": 4.0}, order["id"]}})
		got := r.list(collection.Query{Filter: map[string]any{"productId": set["id"]}, Fields: []string{"quantity"}}, "orders")
		if got != `[{"quantity":1},{"quantity":4}]` {
			t.Errorf("the set has orders %s", got)
		}
	})
	// A record that is not to be seen cannot be linked to, in the words for one
	// that is not there.
	r.rules("products", auth.ResourceAction{Name: auth.View, ScopeID: ptr(2)})
	r.by(func() {
		for name, id := range map[string]any{"hidden": theirs["id"], "missing": 4711.0} {
			for _, key := range []string{"product", "productId"} {
				_, err := r.tryCreate("orders", collection.Record{"quantity": 1.0, key: id})
				if got := problems(err)["product"]; got != "Choose a record that exists." {
					t.Errorf("%s by %s: %v", name, key, err)
				}
			}
		}
	})
}

func ptr(id int64) *int64 { return &id }

// TestNoRights: without a right on a collection nothing of it can be done or seen.
func TestNoRights(t *testing.T) {
	t.Parallel()
	r := newRoleShop(t)
	pen := r.create("products", collection.Record{"name": "Pen"})
	if got := r.list(byName, "products"); got != "forbidden" {
		t.Errorf("list: %s", got)
	}
	if _, err := r.store.Count(t.Context(), r.db, collection.Access{Actor: r.bob}, "products", nil); !fault.Is(err, fault.Forbidden) {
		t.Errorf("count: %v", err)
	}
	r.by(func() {
		if _, err := r.tryCreate("products", collection.Record{"name": "Cup"}); !fault.Is(err, fault.Forbidden) {
			t.Errorf("create: %v", err)
		}
		if _, err := r.update("products", pen["id"], collection.Record{"name": "Cup"}); !fault.Is(err, fault.Forbidden) {
			t.Errorf("update: %v", err)
		}
		if _, err := r.destroy("products", pen["id"]); !fault.Is(err, fault.Forbidden) {
			t.Errorf("destroy: %v", err)
		}
	})
	if err := r.store.CheckFilter(t.Context(), admin, "products", map[string]any{"nope": 1.0}); !fault.Is(err, fault.Invalid) {
		t.Errorf("a scope by a field that is not there: %v", err)
	}
	if err := r.store.CheckFilter(t.Context(), admin, "products", map[string]any{"name": "{{$user.shoe}}"}); !fault.Is(err, fault.Invalid) {
		t.Errorf("a scope by a variable that is not there: %v", err)
	}
}

// problems is what err says about fields.
func problems(err error) map[string]string {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.Fields
	}
	return nil
}
