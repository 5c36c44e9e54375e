package collection_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/pg"
	"alur/engine/pgtest"
	"alur/engine/snowflake"
)

var (
	admin  = auth.Actor{UserID: 1, Role: auth.Admin, Name: "Ann"}
	member = auth.Actor{UserID: 2, Role: auth.Member, Name: "Bob"}
)

// shop is a database with products and orders.
type shop struct {
	t     testing.TB
	db    *pg.DB
	store *collection.Store
	a     collection.Access
	mu    sync.Mutex
	told  []collection.Change
	fail  error // what the listener answers
	long  bool  // whether it may take long
	bulk  map[string]bool
	calls int // how often it was told
}

func (s *shop) Long(context.Context, string) (bool, error) { return s.long, nil }

func (s *shop) Starts(context.Context) (each, bulk map[string]bool, err error) {
	return s.bulk, s.bulk, nil
}

func (s *shop) Changed(_ context.Context, _ *pg.Tx, _ collection.Access, changes []collection.Change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told, s.calls = append(s.told, changes...), s.calls+1
	return s.fail
}

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func newStore(t testing.TB) *shop {
	t.Helper()
	db := pgtest.New(t)
	clock := func() time.Time { return now }
	s := &shop{t: t, db: db, a: collection.Access{Actor: admin}}
	s.store = collection.NewStore(db, snowflake.New(1, clock), clock)
	s.store.Listen(s)
	const people = `INSERT INTO alur.users (id, nickname, email, password, role) VALUES
		(1, 'Ann', 'ann@example.org', 'secret', 'admin'), (2, 'Bob', 'bob@example.org', 'secret', 'member')`
	if _, err := db.ExecContext(t.Context(), people); err != nil {
		t.Fatal(err)
	}
	return s
}

const shopJSON = `[
	{"name": "products", "title": "Products", "fields": [
		{"name": "name", "type": "string", "allowNull": false, "unique": true, "uiSchema": {"title": "Name"}},
		{"name": "price", "type": "decimal", "precision": 12, "scale": 2},
		{"name": "stock", "type": "integer", "defaultValue": 0},
		{"name": "since", "type": "dateOnly"},
		{"name": "seen", "type": "datetimeTz"},
		{"name": "active", "type": "boolean"},
		{"name": "tags", "type": "json"},
		{"name": "about", "type": "text"},
		{"name": "weight", "type": "double"},
		{"name": "code", "type": "bigInt"}]},
	{"name": "orders", "title": "Orders", "fields": [
		{"name": "product", "type": "belongsTo", "target": "products", "uiSchema": {"title": "Product"}},
		{"name": "quantity", "type": "integer", "min": 1, "max": 999, "allowNull": false},
		{"name": "status", "type": "string", "defaultValue": "new", "uiSchema": {"enum": [
			{"value": "new", "label": "New"}, {"value": "confirmed", "label": "Confirmed", "color": "green"}]}},
		{"name": "note", "type": "text"}]}]`

func newShop(t testing.TB) *shop {
	t.Helper()
	s := newStore(t)
	var defs []collection.Definition
	if err := json.Unmarshal([]byte(shopJSON), &defs); err != nil {
		t.Fatal(err)
	}
	for _, d := range defs {
		if _, err := s.store.CreateCollection(t.Context(), admin, d); err != nil {
			t.Fatalf("create %s: %v", d.Name, err)
		}
	}
	if _, err := s.store.AddField(t.Context(), admin, "products", collection.Field{Name: "orders", Type: collection.HasMany, Target: "orders"}); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *shop) create(coll string, values collection.Record) collection.Record {
	s.t.Helper()
	rec, err := s.tryCreate(coll, values)
	if err != nil {
		s.t.Fatalf("create in %s: %v", coll, err)
	}
	return rec
}

func (s *shop) tryCreate(coll string, values collection.Record) (rec collection.Record, err error) {
	err = s.store.Write(s.t.Context(), coll, func(tx *pg.Tx) error {
		rec, err = s.store.Create(s.t.Context(), tx, s.a, coll, values, nil)
		return err
	})
	return rec, err
}

func (s *shop) update(coll string, filter any, values collection.Record) (recs []collection.Record, err error) {
	err = s.store.Write(s.t.Context(), coll, func(tx *pg.Tx) error {
		recs, err = s.store.Update(s.t.Context(), tx, s.a, coll, filter, values)
		return err
	})
	return recs, err
}

func (s *shop) list(coll string, q collection.Query) []collection.Record {
	s.t.Helper()
	page, err := s.store.List(s.t.Context(), s.db, s.a, coll, q)
	if err != nil {
		s.t.Fatalf("list %s: %v", coll, err)
	}
	return page.Records
}

func asJSON(v any) string {
	raw, _ := json.Marshal(v)
	return string(raw)
}

func fields(err error) map[string]string {
	if e, ok := errors.AsType[*fault.Error](err); ok {
		return e.Fields
	}
	return nil
}

func TestCreateReturnsTheRecord(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	p := s.create("products", collection.Record{
		"name": "Laptop", "price": "1290.5", "stock": 42.0, "since": "2026-05-07", "seen": "2026-05-07T10:20:30+02:00",
		"active": "true", "tags": []any{"a", 1.0, nil}, "weight": 1.25, "code": "9007199254740993", "unknown": 1,
		"createdAt": "1999-01-01", "createdById": 99.0})
	id := p["id"]
	if _, ok := id.(float64); !ok {
		t.Fatalf("id is %T, want float64", id)
	}
	want := collection.Record{
		"id": id, "name": "Laptop", "price": 1290.5, "stock": 42.0, "since": "2026-05-07", "seen": "2026-05-07T08:20:30.000Z",
		"active": true, "tags": []any{"a", 1.0, nil}, "about": nil, "weight": 1.25, "code": "9007199254740993",
		"createdAt": "1999-01-01T00:00:00.000Z", "updatedAt": "2026-11-23T12:00:00.000Z", "createdById": 1.0, "updatedById": 1.0}
	if asJSON(p) != asJSON(want) {
		t.Errorf("created\n%s, want\n%s", asJSON(p), asJSON(want))
	}
	o := s.create("orders", collection.Record{"product": map[string]any{"id": id}, "quantity": "3"})
	if o["productId"] != id || o["status"] != "new" || o["quantity"] != 3.0 {
		t.Errorf("order is %s", asJSON(o))
	}
	if len(s.told) != 2 || s.told[1].Kind != collection.Created || asJSON(s.told[1].After) != asJSON(o) || s.told[1].Before != nil {
		t.Errorf("listener was told %s", asJSON(s.told))
	}
}

func TestProblemsStandBesideTheirFields(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.create("products", collection.Record{"name": "Laptop"})
	tests := []struct {
		name   string
		coll   string
		values collection.Record
		want   map[string]string
	}{
		{"all at once", "products", collection.Record{"price": "a lot", "stock": 2.5, "active": "maybe", "since": "soon", "seen": "later"},
			map[string]string{"name": "Fill this in.", "price": "Write a number.", "stock": "Write a whole number.", "active": "Choose yes or no.",
				"since": "Write a date such as 2026-05-07.", "seen": "Write a date and time such as 2026-05-07 14:30."}},
		{"too large", "products", collection.Record{"name": "x", "price": 1e11, "stock": 3e9},
			map[string]string{"price": "Write a number with at most 10 digits before the point.", "stock": "Write a whole number between −2147483648 and 2147483647."}},
		{"range and choice", "orders", collection.Record{"quantity": 1000.0, "status": "lost"},
			map[string]string{"quantity": "Write a whole number from 1 to 999.", "status": "Choose one of the offered values."}},
		{"required and emptied", "orders", collection.Record{"quantity": ""}, map[string]string{"quantity": "Fill this in."}},
		{"list for one", "orders", collection.Record{"quantity": 1.0, "product": []any{1.0}}, map[string]string{"product": "Choose one record, not a list."}},
		{"no such record", "orders", collection.Record{"quantity": 1.0, "product": 5.0}, map[string]string{"product": "Choose a record that exists."}},
		{"not unique", "products", collection.Record{"name": "Laptop"}, map[string]string{"name": "Another record has this value already. Write a different one."}},
		{"characters", "products", collection.Record{"name": "a\x00b", "about": "\xff", "tags": "\x00"}, map[string]string{
			"name": "Remove the characters that are not text.", "about": "Remove the characters that are not text.", "tags": "This cannot be stored as JSON."}},
		{"too long", "products", collection.Record{"name": longText(256)}, map[string]string{"name": "Write at most 255 characters."}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			_, err := s.tryCreate(tc.coll, tc.values)
			if !fault.Is(err, fault.Invalid) || asJSON(fields(err)) != asJSON(tc.want) {
				t.Errorf("got %v %s, want %s", err, asJSON(fields(err)), asJSON(tc.want))
			}
		})
	}
	if n := len(s.list("orders", collection.Query{})); n != 0 {
		t.Errorf("%d orders were saved, want none", n)
	}
}

func longText(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'x'
	}
	return string(b)
}

func TestUpdateTellsBeforeAndAfter(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	a := s.create("products", collection.Record{"name": "A", "stock": 1.0, "seen": "2026-05-07T10:00:00Z"})
	s.create("products", collection.Record{"name": "B", "stock": 2.0})
	s.create("products", collection.Record{"name": "C", "stock": 9.0})
	s.told = nil
	recs, err := s.update("products", map[string]any{"stock": map[string]any{"$lt": 5.0}}, collection.Record{"stock": 2.0, "seen": "2026-05-07 10:00"})
	if err != nil || len(recs) != 2 || recs[0]["name"] != "A" || recs[0]["stock"] != 2.0 {
		t.Fatalf("updated %s, %v", asJSON(recs), err)
	}
	if recs[0]["updatedAt"].(string) <= a["updatedAt"].(string) {
		t.Errorf("updatedAt went from %v to %v, want a rise", a["updatedAt"], recs[0]["updatedAt"])
	}
	if len(s.told) != 2 {
		t.Fatalf("told of %d changes, want 2", len(s.told))
	}
	first, second := s.told[0], s.told[1]
	if first.Kind != collection.Updated || first.Before["stock"] != 1.0 || first.After["stock"] != 2.0 || asJSON(first.Changed) != `["stock"]` {
		t.Errorf("first change is %s", asJSON(first))
	}
	if asJSON(second.Changed) != `["seen"]` { // the same stock was written back
		t.Errorf("second change is of %s, want seen alone", asJSON(second.Changed))
	}
	if _, err := s.update("products", map[string]any{"$and": []any{}}, collection.Record{"stock": 0.0}); !fault.Is(err, fault.Invalid) {
		t.Errorf("update with an empty filter: %v, want Invalid", err)
	}
	var n int
	err = s.store.Write(t.Context(), "products", func(tx *pg.Tx) error {
		n, err = s.store.UpdateBulk(t.Context(), tx, s.a, "products", []any{a["id"]}, collection.Record{"about": "bulk"})
		return err
	})
	if err != nil || n != 1 || len(s.told) != 2 {
		t.Errorf("bulk update: %d rows, %v, %d changes told; want 1, none, still 2", n, err, len(s.told))
	}
}

func TestDestroy(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	p := s.create("products", collection.Record{"name": "A"})
	o := s.create("orders", collection.Record{"quantity": 1.0, "product": p["id"]})
	s.told = nil
	destroy := func(coll string, filter any) (n int, err error) {
		err = s.store.Write(t.Context(), coll, func(tx *pg.Tx) error {
			n, err = s.store.Destroy(t.Context(), tx, s.a, coll, filter)
			return err
		})
		return n, err
	}
	if n, err := destroy("products", p["id"]); n != 1 || err != nil {
		t.Fatalf("destroy: %d, %v", n, err)
	}
	if len(s.told) != 1 || s.told[0].Kind != collection.Deleted || s.told[0].Before["name"] != "A" || s.told[0].After != nil {
		t.Errorf("told %s", asJSON(s.told))
	}
	if got := s.list("orders", collection.Query{Filter: o["id"]}); got[0]["productId"] != nil {
		t.Errorf("the order still refers to the product: %s", asJSON(got))
	}
	if n, err := destroy("orders", []any{o["id"], 7.0}); n != 1 || err != nil {
		t.Errorf("destroy by ids: %d, %v; want 1", n, err)
	}
	if _, err := destroy("orders", nil); !fault.Is(err, fault.Invalid) {
		t.Errorf("destroy without a filter: %v, want Invalid", err)
	}
}

func TestListenerErrorUndoes(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.fail = errors.New("no")
	if _, err := s.tryCreate("products", collection.Record{"name": "A"}); !errors.Is(err, s.fail) {
		t.Fatalf("create: %v, want the listener's error", err)
	}
	if n := len(s.list("products", collection.Query{})); n != 0 {
		t.Errorf("%d products were saved", n)
	}
}

func TestRelationsAreWritten(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	o := s.create("orders", collection.Record{"quantity": 1.0, "product": map[string]any{"name": "New one"}})
	p := s.list("products", collection.Query{Appends: []string{"orders"}})[0]
	if p["id"] != o["productId"] || asJSON(p["orders"]) != asJSON([]any{o}) {
		t.Errorf("product is %s, order %s", asJSON(p), asJSON(o))
	}
	other := s.create("orders", collection.Record{"quantity": 2.0})
	s.told = nil
	if _, err := s.update("products", p["id"], collection.Record{"orders": []any{other["id"], map[string]any{"quantity": 5.0}}}); err != nil {
		t.Fatal(err)
	}
	if n := len(s.told); n != 4 { // the product, one order gone, one come, one made
		t.Errorf("told of %d changes, want 4", n)
	}
	got := s.list("orders", collection.Query{Filter: map[string]any{"product.id": p["id"]}, Fields: []string{"quantity"}, Sort: []string{"quantity"}})
	if asJSON(got) != `[{"quantity":2},{"quantity":5}]` {
		t.Errorf("orders of the product: %s", asJSON(got))
	}
	if _, err := s.update("orders", other["id"], collection.Record{"product": nil}); err != nil {
		t.Fatal(err)
	}
	if got := s.list("orders", collection.Query{Filter: other["id"]}); got[0]["productId"] != nil {
		t.Errorf("order is %s, want no product", asJSON(got))
	}
}

func TestTwoEditorsOneWins(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	p := s.create("products", collection.Record{"name": "A", "stock": 0.0})
	id, seen := int64(p["id"].(float64)), p["updatedAt"].(string)
	const editors = 32
	var won, lost int
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range editors {
		wg.Go(func() {
			err := s.store.Write(t.Context(), "products", func(tx *pg.Tx) error {
				_, err := s.store.Edit(t.Context(), tx, s.a, "products", id, seen, collection.Record{"stock": float64(i + 1)})
				return err
			})
			mu.Lock()
			defer mu.Unlock()
			l, ok := errors.AsType[*collection.Lost](err)
			switch {
			case err == nil:
				won++
			case fault.Is(err, fault.Conflict) && ok && l.Theirs["stock"] != 0.0 && l.Mine["stock"] == float64(i+1):
				lost++
			default:
				t.Errorf("edit: %v", err)
			}
		})
	}
	wg.Wait()
	if won != 1 || lost != editors-1 {
		t.Errorf("%d editors won and %d lost, want 1 and %d", won, lost, editors-1)
	}
}

func TestReadDecideWriteIsExact(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	p := s.create("products", collection.Record{"name": "A", "stock": 100.0})
	var wg sync.WaitGroup
	quiet := collection.NewStore(s.db, snowflake.New(2, time.Now), time.Now)
	for range 16 {
		wg.Go(func() {
			for range 8 {
				err := quiet.Write(t.Context(), "products", func(tx *pg.Tx) error {
					rec, err := quiet.First(t.Context(), tx, s.a, "products", collection.Query{Filter: p["id"]})
					if err != nil || rec["stock"].(float64) < 1 {
						return err
					}
					_, err = quiet.Update(t.Context(), tx, s.a, "products", p["id"], collection.Record{"stock": rec["stock"].(float64) - 1})
					return err
				})
				if err != nil {
					t.Errorf("write: %v", err)
				}
			}
		})
	}
	wg.Wait()
	if got := s.list("products", collection.Query{})[0]["stock"]; got != 0.0 {
		t.Errorf("stock is %v after 128 takers of 100, want 0", got)
	}
}

// TestBigCount counts one by one as long as that is cheap, and then about.
func TestBigCount(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	ctx := t.Context()
	store := collection.NewStore(db, snowflake.New(1, time.Now), time.Now)
	if _, err := db.ExecContext(ctx, `INSERT INTO alur.executions (id, workflow_id, key, context, status, ended_at)
		SELECT i, 1, CASE WHEN i <= 300 THEN 'rare' ELSE 'many' END, '{}', 1, now() FROM generate_series(1, 12000) i`); err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(ctx, "ANALYZE alur.executions"); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		filter      any
		least, most int
	}{{nil, 11_500, 12_500}, {map[string]any{"key": "many"}, 10_001, 13_000}, {map[string]any{"key": "rare"}, 300, 300}} {
		page, err := store.List(ctx, db, collection.Access{Actor: auth.System}, "executions", collection.Query{Filter: tc.filter})
		if err != nil {
			t.Fatal(err)
		}
		if page.Count < tc.least || page.Count > tc.most || page.TotalPage != (page.Count+19)/20 {
			t.Errorf("%v: %d in %d pages, want %d to %d", tc.filter, page.Count, page.TotalPage, tc.least, tc.most)
		}
	}
}
