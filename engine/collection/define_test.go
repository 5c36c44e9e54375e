package collection_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/node"
	"alur/engine/pg"
	"alur/engine/snowflake"
)

func TestDefinitionsComeBackAsTheyWereGiven(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	raw := `{"name": "size", "type": "string", "interface": "select", "length": 20, "description": "kept", "uiSchema":
		{"title": "Size", "x-component": "Select", "enum": [{"value": "s", "label": "Small", "color": "red"}]}}`
	var f collection.Field
	if err := json.Unmarshal([]byte(raw), &f); err != nil {
		t.Fatal(err)
	}
	if _, err := s.store.AddField(t.Context(), admin, "products", f); err != nil {
		t.Fatal(err)
	}
	other := collection.NewStore(s.db, snowflake.New(3, time.Now), time.Now) // reads what is stored
	c, err := other.Collection(t.Context(), "products")
	if err != nil {
		t.Fatal(err)
	}
	var want, got any
	_ = json.Unmarshal([]byte(raw), &want)
	_ = json.Unmarshal([]byte(asJSON(c.Field("size"))), &got)
	if asJSON(want) != asJSON(got) {
		t.Errorf("field is\n%s, want\n%s", asJSON(got), asJSON(want))
	}
	if c.TitleField != "name" {
		t.Errorf("records are called by %q, want name", c.TitleField)
	}
	if key := c.Field("createdById"); key == nil || key.Column != "created_by_id" {
		t.Errorf("createdById is %+v", key)
	}
	vars, ok := other.Fields("orders")
	i := slices.IndexFunc(vars, func(v node.Variable) bool { return v.Path == "product" })
	if !ok || i < 0 || vars[i].Target != "products" || vars[i].Many {
		t.Errorf("variables of orders are %s", asJSON(vars))
	}
	if _, ok := other.Fields("nope"); ok {
		t.Error("there are variables of a collection that is not there")
	}
}

func TestChangeDefinitions(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	ctx := t.Context()
	s.create("products", collection.Record{"name": "A", "stock": 5.0})
	s.create("products", collection.Record{"name": "B"})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	refused := func(err error, field string) {
		t.Helper()
		if !fault.Is(err, fault.Invalid) || fields(err)[field] == "" {
			t.Errorf("got %v %v, want a problem beside %q", err, fields(err), field)
		}
	}
	change := func(coll, field string, changes map[string]any) error {
		_, err := s.store.UpdateField(ctx, admin, coll, field, changes, 0)
		return err
	}
	must(change("products", "stock", map[string]any{"type": "bigInt", "uiSchema": map[string]any{"title": "On stock"}}))
	must(change("products", "stock", map[string]any{"type": "decimal", "precision": 5.0, "scale": 1.0}))
	if got := s.list("products", collection.Query{Filter: map[string]any{"stock": 5.0}}); len(got) != 1 {
		t.Errorf("after widening the stock is %s", asJSON(got))
	}
	refused(change("products", "stock", map[string]any{"type": "boolean"}), "type")
	refused(change("products", "about", map[string]any{"allowNull": false}), "required")
	must(change("products", "about", map[string]any{"defaultValue": "none"}))
	if got := s.create("products", collection.Record{"name": "C"}); got["about"] != "none" {
		t.Errorf("default was not used: %s", asJSON(got))
	}
	refused(change("products", "since", map[string]any{"defaultValue": "soon"}), "defaultValue")
	must(change("orders", "product", map[string]any{"onDelete": "CASCADE"}))
	refused(change("orders", "product", map[string]any{"type": "string"}), "type")

	add := func(coll string, f collection.Field) error {
		_, err := s.store.AddField(ctx, admin, coll, f)
		return err
	}
	must(add("products", collection.Field{Name: "color", Type: "string", Required: true, Default: "red"}))
	if got := s.list("products", collection.Query{Filter: map[string]any{"color": "red"}}); len(got) != 3 {
		t.Errorf("%d products got the default of a new field, want 3", len(got))
	}
	refused(add("products", collection.Field{Name: "empty", Type: "string", Required: true}), "required")
	refused(add("products", collection.Field{Name: "color", Type: "string"}), "name")
	refused(add("products", collection.Field{Name: "Color", Type: "string"}), "name") // the same column
	refused(add("products", collection.Field{Name: "created_at", Type: "string"}), "name")
	refused(add("products", collection.Field{Name: `x"; DROP TABLE products; --`, Type: "string"}), "name")
	refused(add("products", collection.Field{Name: strings.Repeat("aB", 31), Type: "string"}), "name")
	refused(add("products", collection.Field{Name: "x", Type: "blob"}), "type")
	refused(add("products", collection.Field{Name: "x", Type: "string", Interface: "select"}), "enum")
	refused(add("products", collection.Field{Name: "x", Type: "belongsTo", Target: "nope"}), "target")
	refused(add("products", collection.Field{Name: "x", Type: "belongsTo", Target: "executions"}), "target")
	refused(add("products", collection.Field{Name: "x", Type: "decimal", Precision: 3, Scale: 5}), "precision")
	must(add("products", collection.Field{Name: "parent", Type: "belongsTo", Target: "products"}))
	must(add("products", collection.Field{Name: "parts", Type: "hasMany", Target: "products", ForeignKey: "parentId"}))
	must(add("products", collection.Field{Name: "buyer", Type: "belongsTo", Target: "users"}))

	_, err := s.store.CreateCollection(ctx, admin, collection.Definition{Name: "notes", Fields: []collection.Field{
		{Name: "id", Type: "bigInt"}, {Name: "createdAt", Type: "date"}, {Name: "a", Type: "nope"}, {Name: "b", Type: "string"}}})
	refused(err, "fields.a.type")
	if _, err := s.store.Collection(ctx, "notes"); !fault.Is(err, fault.NotFound) {
		t.Errorf("half a collection was saved: %v", err)
	}
	_, err = s.store.CreateCollection(ctx, admin, collection.Definition{Name: "orders"})
	refused(err, "name")
	_, err = s.store.CreateCollection(ctx, admin, collection.Definition{Name: "users"})
	refused(err, "name")
	lines, err := s.store.CreateCollection(ctx, admin, collection.Definition{Name: "invoices", Fields: []collection.Field{{Name: "title", Type: "string"}}})
	must(err)
	must(add("invoices", collection.Field{Name: "orders", Type: "hasMany", Target: "orders"}))
	if back, _ := s.store.Collection(ctx, "orders"); back.Field("invoices") == nil || back.Field("invoicesId") == nil {
		t.Errorf("the orders of %s have no way back", lines.Name)
	}

	if err := s.store.DropCollection(ctx, admin, "products", false, collection.All); !fault.Is(err, fault.Conflict) {
		t.Errorf("drop what orders refer to: %v, want Conflict", err)
	}
	must(s.store.DropField(ctx, admin, "orders", "product", collection.All))
	products, err := s.store.Collection(ctx, "products")
	must(err)
	if products.Field("orders") != nil {
		t.Error("the other side of a deleted relation is still there")
	}
	must(s.store.DropCollection(ctx, admin, "products", false, collection.All))
	if _, err := s.store.Collection(ctx, "products"); !fault.Is(err, fault.NotFound) {
		t.Errorf("after drop: %v", err)
	}
	if err := s.store.DropField(ctx, admin, "orders", "createdAt", collection.All); !fault.Is(err, fault.Forbidden) {
		t.Errorf("drop createdAt: %v, want Forbidden", err)
	}
	if err := s.store.DropCollection(ctx, admin, "users", false, collection.All); !fault.Is(err, fault.Forbidden) {
		t.Errorf("drop users: %v, want Forbidden", err)
	}
}

// TestAnotherProcessNotices lets one store change what a second one remembers.
func TestAnotherProcessNotices(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	clock := now
	other := collection.NewStore(s.db, snowflake.New(3, time.Now), func() time.Time { return clock })
	if _, err := other.Collection(t.Context(), "products"); err != nil {
		t.Fatal(err)
	}
	if err := s.store.DropField(t.Context(), admin, "products", "weight", collection.All); err != nil {
		t.Fatal(err)
	}
	if _, err := other.List(t.Context(), s.db, s.a, "products", collection.Query{}); !fault.Is(err, fault.Conflict) {
		t.Errorf("list with old knowledge: %v, want Conflict", err)
	}
	if _, err := other.List(t.Context(), s.db, s.a, "products", collection.Query{}); err != nil {
		t.Errorf("list after that: %v", err)
	}
	if _, err := s.store.AddField(t.Context(), admin, "products", collection.Field{Name: "extra", Type: "string"}); err != nil {
		t.Fatal(err)
	}
	clock = clock.Add(time.Second)
	if c, _ := other.Collection(t.Context(), "products"); c.Field("extra") == nil {
		t.Error("a new field is unknown after a second")
	}
}

// TestCanary throws hostile names, filters and sorts at the store and looks
// whether any of them reaches a table outside of the catalogue.
func TestCanary(t *testing.T) {
	t.Parallel()
	s := filterShop(t)
	const canary = "tweet-5f2c"
	for _, sql := range []string{"CREATE TABLE public.canary (id bigint, secret text)", "INSERT INTO public.canary VALUES (1, '" + canary + "')",
		"UPDATE alur.users SET password = '" + canary + "'"} {
		if _, err := s.db.ExecContext(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	parts := []string{`"`, `'`, `;`, `--`, `/*`, `*/`, `)`, `(`, `$1`, `\`, `.`, "\x00", "é", ` OR 1=1`, ` UNION SELECT secret FROM canary`, `DROP TABLE canary`,
		`name`, `orders`, `id`, `createdBy`, `password`, `canary`, `public`, `alur.users`, `$eq`, `$includes`, `$or`, `::text`, `pg_sleep(9)`, `secret`, `%`, `$$`}
	r := rand.New(rand.NewPCG(1, 2))
	hostile := func() string {
		var b strings.Builder
		for range 1 + r.IntN(4) {
			b.WriteString(parts[r.IntN(len(parts))])
		}
		return b.String()
	}
	var value func(depth int) any
	value = func(depth int) any {
		switch n := r.IntN(6); {
		case depth > 3 || n < 2:
			return hostile()
		case n == 2:
			return []any{value(depth + 1), value(depth + 1)}
		case n == 3:
			return float64(r.IntN(100))
		}
		return map[string]any{hostile(): value(depth + 1), []string{"name", "$or", "orders.note", "about.$like", "createdBy"}[r.IntN(5)]: value(depth + 1)}
	}
	for range 1500 {
		coll := []string{"products", "orders", "users", hostile()}[r.IntN(4)]
		q := collection.Query{Filter: value(0)}
		if r.IntN(3) == 0 {
			q.Sort = []string{hostile()}
		}
		if r.IntN(3) == 0 {
			q.Fields = []string{hostile()}
		}
		if r.IntN(3) == 0 {
			q.Appends = []string{hostile()}
		}
		page, err := s.store.List(t.Context(), s.db, s.a, coll, q)
		if err != nil && fault.Of(err) == fault.Internal {
			t.Fatalf("%s %s: %v", coll, asJSON(q), err)
		}
		if strings.Contains(asJSON(page.Records), canary) {
			t.Fatalf("%s %s reached the canary: %s", coll, asJSON(q), asJSON(page.Records))
		}
	}
	for range 100 {
		f := collection.Field{Name: hostile(), Type: "string", Title: hostile(), Default: hostile(), Enum: []collection.Choice{{Value: hostile()}}}
		_, err := s.store.AddField(t.Context(), admin, "products", f)
		if err != nil && fault.Of(err) == fault.Internal {
			t.Fatalf("%+v: %v", f, err)
		}
		_, err = s.tryCreate("orders", collection.Record{"quantity": 1.0, "note": hostile(), hostile(): hostile(), "product": value(0)})
		if err != nil && fault.Of(err) == fault.Internal {
			t.Fatalf("create: %v", err)
		}
	}
	var n int
	if err := s.db.GetContext(t.Context(), &n, "SELECT count(*) FROM public.canary WHERE secret = '"+canary+"'"); err != nil || n != 1 {
		t.Errorf("the canary is gone: %d, %v", n, err)
	}
	if _, err := s.store.CreateCollection(t.Context(), admin, collection.Definition{Name: "canary"}); !fault.Is(err, fault.Invalid) {
		t.Errorf("take over a table that is not ours: %v, want Invalid", err)
	}
}

// TestChangeWhileInUse changes fields while others write and read: nobody sees
// more than a conflict that goes away when tried again.
func TestChangeWhileInUse(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	p := s.create("products", collection.Record{"name": "A", "stock": 0.0})
	done := make(chan struct{})
	var wg sync.WaitGroup
	for i := range 6 {
		store := collection.NewStore(s.db, snowflake.New(2+i, time.Now), time.Now) // each like a process of its own
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				err := store.Write(t.Context(), "orders", func(tx *pg.Tx) error {
					_, err := store.Create(t.Context(), tx, s.a, "orders", collection.Record{"quantity": 1.0, "product": p["id"]}, nil)
					return err
				})
				if err == nil {
					_, err = store.List(t.Context(), s.db, s.a, "orders", collection.Query{PageSize: 3, Appends: []string{"product"}})
				}
				if err != nil && !fault.Is(err, fault.Conflict) {
					t.Errorf("while fields change: %v", err)
					return
				}
			}
		})
	}
	for range 4 {
		if _, err := s.store.AddField(t.Context(), admin, "orders", collection.Field{Name: "extra", Type: "integer", Default: 1.0, Required: true}); err != nil {
			t.Error(err)
		}
		if _, err := s.store.UpdateField(t.Context(), admin, "orders", "extra", map[string]any{"type": "bigInt"}, 0); err != nil {
			t.Error(err)
		}
		if err := s.store.DropField(t.Context(), admin, "orders", "extra", collection.All); err != nil {
			t.Error(err)
		}
	}
	close(done)
	wg.Wait()
}
