package collection_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/pg"
)

// keepHistory turns the history of collections on.
func (s *shop) keepHistory(names ...string) {
	s.t.Helper()
	for _, name := range names {
		if _, err := s.store.UpdateCollection(s.t.Context(), s.a.Actor, name, map[string]any{"recordHistory": true}); err != nil {
			s.t.Fatal(err)
		}
	}
}

func id(rec collection.Record) int64 { return int64(rec["id"].(float64)) }

// story words the history of a record, oldest first.
func (s *shop) story(coll string, record int64) []string {
	s.t.Helper()
	list, more, err := s.store.History(s.t.Context(), s.db, s.a, coll, record, 0, 100)
	if err != nil || more {
		s.t.Fatalf("History: %v, more %v", err, more)
	}
	var lines []string
	for _, p := range list {
		line := fmt.Sprintf("%d by %s via %q execution %d", p.Kind, p.Person, p.Via, p.ExecutionID)
		for _, f := range p.Fields {
			line += fmt.Sprintf(" %s %v→%v", f.Field.Name, f.Before, f.After)
		}
		lines = append([]string{line}, lines...)
	}
	return lines
}

func TestHistory(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	quiet := s.create("products", collection.Record{"name": "before"})
	if _, err := s.update("products", id(quiet), collection.Record{"stock": 1}); err != nil {
		t.Fatal(err)
	}
	s.keepHistory("products", "orders")
	if got := s.story("products", id(quiet)); len(got) != 0 {
		t.Errorf("history from before it was turned on: %q", got)
	}
	p := s.create("products", collection.Record{"name": "Laptop", "stock": 5, "about": "x"})
	long := strings.Repeat("ü", 3000)
	s.a.Via = collection.ViaPage
	if _, err := s.update("products", id(p), collection.Record{"stock": 4, "tags": []any{"a"}, "about": long}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.update("products", id(p), collection.Record{"stock": 4}); err != nil { // nothing changes
		t.Fatal(err)
	}
	s.a = collection.Access{Actor: admin, Stack: []int64{7, 8}}
	err := s.store.Write(t.Context(), "products", func(tx *pg.Tx) error {
		n, err := s.store.UpdateBulk(t.Context(), tx, s.a, "products", map[string]any{"name": "Laptop"}, collection.Record{"stock": 3})
		if n != 1 {
			t.Errorf("%d changed in bulk, want 1", n)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`1 by Ann via "" execution 0`,
		`2 by Ann via "page" execution 0 stock 5→4 tags <nil>→[a] about x→` + strings.Repeat("ü", 1999) + "…",
		`2 by Ann via "" execution 8 stock 4→3`,
	}
	got := s.story("products", id(p))
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("history is\n%.300q\nwant\n%.300q", got, want)
	}
	s.a = collection.Access{Actor: admin}
	list, more, err := s.store.History(t.Context(), s.db, s.a, "products", id(p), 0, 2)
	if err != nil || !more || len(list) != 2 || list[0].ExecutionID != 8 {
		t.Fatalf("the newest two are %v, more %v, %v", list, more, err)
	}
	list, more, err = s.store.History(t.Context(), s.db, s.a, "products", id(p), list[1].ID, 2)
	if err != nil || more || len(list) != 1 || list[0].Kind != collection.Created {
		t.Errorf("the rest is %v, more %v, %v", list, more, err)
	}
	if _, _, err := s.store.History(t.Context(), s.db, s.a, "products", 4711, 0, 2); !fault.Is(err, fault.NotFound) {
		t.Errorf("history of what is not there: %v, want NotFound", err)
	}

	// What is undone is not kept, whoever undid it.
	s.fail = errors.New("no")
	if _, err := s.update("products", id(p), collection.Record{"stock": 99}); err == nil {
		t.Fatal("the listener's error is lost")
	}
	s.fail = nil
	if n := len(s.story("products", id(p))); n != 3 {
		t.Errorf("%d entries after a change that was undone, want 3", n)
	}
	if err := s.store.DropCollection(t.Context(), admin, "orders", false, collection.All); err != nil {
		t.Fatal(err)
	}
	var left int
	if err := s.db.GetContext(t.Context(), &left, `SELECT count(*) FROM alur.record_changes WHERE collection_name = 'orders'`); err != nil || left != 0 {
		t.Errorf("%d changes of a dropped collection are left, %v", left, err)
	}
}

func TestRestore(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.keepHistory("products", "orders")
	p := s.create("products", collection.Record{"name": "Laptop", "stock": 5, "price": "12.50", "since": "2020-01-02", "seen": "2020-05-07T10:00:00Z", "active": true, "tags": map[string]any{"a": 1.0}})
	o := s.create("orders", collection.Record{"product": id(p), "quantity": 2, "note": strings.Repeat("long ", 300_000)})
	destroy := func(coll string, filter any) {
		t.Helper()
		err := s.store.Write(t.Context(), coll, func(tx *pg.Tx) error {
			_, err := s.store.Destroy(t.Context(), tx, s.a, coll, filter)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	restore := func(a collection.Access, coll string, change int64) (rec collection.Record, err error) {
		err = s.store.Write(t.Context(), coll, func(tx *pg.Tx) error {
			rec, err = s.store.Restore(t.Context(), tx, a, coll, change)
			return err
		})
		return rec, err
	}
	gone := func(coll string) []collection.Past {
		t.Helper()
		list, _, err := s.store.DeletedRecords(t.Context(), s.db, s.a, coll, 0, 10)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	destroy("orders", id(o))
	destroy("products", id(p))
	orders, products := gone("orders"), gone("products")
	if len(orders) != 1 || len(products) != 1 || products[0].Title != "Laptop" || products[0].Person != "Ann" {
		t.Fatalf("deleted are %v and %v", orders, products)
	}
	if got := strings.Join(orders[0].LeftOut, " "); got != "note" {
		t.Errorf("left out is %q, want the text that is too long", got)
	}
	for _, a := range []collection.Access{{Actor: member}, {}} {
		if _, err := restore(a, "products", products[0].ID); !fault.Is(err, fault.Forbidden) && !fault.Is(err, fault.Unsigned) {
			t.Errorf("restore by %q: %v, want a refusal", a.Actor.Name, err)
		}
		if _, _, err := s.store.DeletedRecords(t.Context(), s.db, a, "products", 0, 1); err == nil {
			t.Errorf("%q sees deleted records", a.Actor.Name)
		}
	}
	if _, err := restore(s.a, "orders", orders[0].ID); !fault.Is(err, fault.Invalid) {
		t.Errorf("restore without the product: %v, want a problem", err)
	}
	back, err := restore(s.a, "products", products[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	for name, was := range p {
		if name != "createdAt" && name != "updatedAt" && !collection.Same(back[name], was) {
			t.Errorf("%s is %v after the restore, was %v", name, back[name], was)
		}
	}
	if _, err := restore(s.a, "products", products[0].ID); !fault.Is(err, fault.Conflict) {
		t.Errorf("restore of what is there: %v, want Conflict", err)
	}
	if list := gone("products"); len(list) != 0 {
		t.Errorf("deleted are still %v", list)
	}
	if _, err := restore(s.a, "orders", orders[0].ID); err != nil {
		t.Errorf("restore with the product: %v", err)
	}
	// A record that was deleted twice is listed once.
	destroy("products", map[string]any{"name": "Laptop"})
	if list := gone("products"); len(list) != 1 || list[0].ID == products[0].ID {
		t.Errorf("deleted again: %v", list)
	}
	if _, err := s.store.DeletedRecord(t.Context(), s.db, s.a, "products", 4711); !fault.Is(err, fault.NotFound) {
		t.Errorf("a deletion that was none: %v, want NotFound", err)
	}
}

func TestForgetChanges(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.keepHistory("products")
	for i := range 5 {
		s.create("products", collection.Record{"name": fmt.Sprint(i)})
	}
	forget := func(before time.Time, limit int) (n int) {
		t.Helper()
		err := s.db.Tx(t.Context(), pg.ReadCommitted, func(tx *pg.Tx) (err error) {
			n, err = s.store.ForgetChanges(t.Context(), tx, before, limit)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := forget(now.Add(-time.Hour), 10); n != 0 {
		t.Errorf("%d forgotten that are young", n)
	}
	if n := forget(now.Add(time.Hour), 3); n != 3 {
		t.Errorf("%d forgotten of a batch of 3", n)
	}
	if n := forget(now.Add(time.Hour), 3); n != 2 {
		t.Errorf("%d forgotten, want the last 2", n)
	}
}
