package triggers_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/pg"
	"alur/engine/pgtest"
)

// TestMass: 10,000 records that change at once raise their events with a few
// statements for each 500, in memory that does not grow with their number, and in
// the transaction of the change.
func TestMass(t *testing.T) {
	t.Parallel()
	const records = 10_000
	s := newShop(t)
	ann := s.create("customers", collection.Record{"name": "Ann"})["id"]
	fill := `INSERT INTO public.orders (id, title, status, customer_id, updated_at) SELECT i, 'o' || i, 'new', $1, now() FROM generate_series(1, $2) i`
	if _, err := s.db.ExecContext(t.Context(), fill, ann, records); err != nil {
		t.Fatal(err)
	}
	s.on(`{"collection": "orders", "mode": 2, "changed": ["status"], "bulk": true, "condition": {"customer": {"name": "Ann"}}, "appends": ["customer"]}`)
	url, statements := pgtest.Counted(t, pgtest.URL(t, s.db))
	db := pgtest.Open(t, url)
	counted, e := s.process(db, 2)
	all := map[string]any{"status": "new"}
	a := collection.Access{Actor: auth.System}
	changed := errors.New("changed my mind")
	for _, tc := range []struct {
		name string
		ends []error // of one transaction after the other
		do   func(tx *pg.Tx) (int, error)
	}{
		{"in bulk", []error{changed, nil}, func(tx *pg.Tx) (int, error) {
			return counted.UpdateBulk(t.Context(), tx, a, "orders", all, collection.Record{"status": "paid"})
		}},
		{"one by one, for their number", []error{nil}, func(tx *pg.Tx) (int, error) {
			return counted.UpdateMany(t.Context(), tx, a, "orders", all, collection.Record{"status": "paid"})
		}},
		{"one by one", []error{nil}, func(tx *pg.Tx) (int, error) {
			recs, err := counted.Update(t.Context(), tx, a, "orders", all, collection.Record{"status": "paid"})
			return len(recs), err
		}},
	} {
		if _, err := e.Armed(t.Context(), "collection"); err != nil { // what is read once
			t.Fatal(err)
		}
		before := statements.Load()
		for _, fail := range tc.ends {
			err := counted.Write(t.Context(), "orders", func(tx *pg.Tx) error {
				n, err := tc.do(tx)
				if err == nil && n != records {
					t.Errorf("%s: changed %d", tc.name, n)
				}
				if err == nil {
					err = fail
				}
				return err
			})
			if err != fail {
				t.Fatal(err)
			}
			if want := map[bool]string{true: "0", false: fmt.Sprint(records)}[fail != nil]; s.executions() != want {
				t.Errorf("%s: %s executions, want %s", tc.name, s.executions(), want)
			}
		}
		// Of each of twenty parts: update, condition, record, relation, insert. As many
		// again for what is read anew from time to time, on a slow machine more often.
		if got, most := int(statements.Load()-before), 2*len(tc.ends)*20*5; got > most || got < 20 {
			t.Errorf("%s: %d statements, want at most %d", tc.name, got, most)
		}
		if got := s.one(`SELECT count(DISTINCT context #>> '{data,id}') || ' ' || count(DISTINCT id) || ' ' || min(context #>> '{data,customer,name}') || ' ' || max(context #>> '{previous,status}') FROM alur.executions`); got != "10000 10000 Ann new" {
			t.Errorf("%s: records, executions, customer, status before: %s", tc.name, got)
		}
		if _, err := s.db.ExecContext(t.Context(), "DELETE FROM alur.executions"); err != nil {
			t.Fatal(err)
		}
		if _, err := s.db.ExecContext(t.Context(), "UPDATE public.orders SET status = 'new'"); err != nil {
			t.Fatal(err)
		}
	}
}

// TestMassMemory: what is held of a large change is a part of it.
func TestMassMemory(t *testing.T) {
	s := newShop(t)
	const records = 10_000
	fill := `INSERT INTO public.orders (id, title, status, updated_at) SELECT i, repeat('x', 2000), 'new', now() FROM generate_series(1, $1) i`
	if _, err := s.db.ExecContext(t.Context(), fill, records); err != nil {
		t.Fatal(err)
	}
	s.on(`{"collection": "orders", "mode": 2, "bulk": true}`)
	var most uint64
	s.records.Listen(measuring(func() {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		most = max(most, m.HeapAlloc)
	}))
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	err := s.write("orders", func(tx *pg.Tx) error {
		_, err := s.records.UpdateBulk(t.Context(), tx, collection.Access{Actor: auth.System}, "orders", map[string]any{"status": "new"}, collection.Record{"status": "paid"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	// The records and what they were are 40 MB; a part of them is 2 MB.
	if grown := int64(most) - int64(m.HeapAlloc); most == 0 || grown > 20<<20 {
		t.Errorf("the heap grew by %d MB", grown>>20)
	}
	if got := s.executions(); got != fmt.Sprint(records) {
		t.Errorf("%s executions", got)
	}
}

// measuring is a listener that measures at each call.
type measuring func()

func (m measuring) Changed(context.Context, *pg.Tx, collection.Access, []collection.Change) error {
	m()
	return nil
}

func (measuring) Long(context.Context, string) (bool, error) { return false, nil }

func (measuring) Starts(context.Context) (each, bulk map[string]bool, err error) {
	return nil, nil, nil
}

// TestEventsAfterAllRowsAreSaved is spec/nodes-core.md §8: the events of an update node
// are raised after all of its rows are saved, so a workflow that the first row starts
// finds the others changed; and when a later row is refused, by a workflow or by the
// database, nothing was started for the rows before it. The rows are more than are
// told of at once.
func TestEventsAfterAllRowsAreSaved(t *testing.T) {
	t.Parallel()
	const (
		records = 1201
		left    = `{"collection": "orders", "multiple": true, "params": {"filter": {"status": "new"}, "pageSize": 5000}}`
	)
	for _, mode := range []struct{ name, individually string }{{"one by one", "true"}, {"in bulk", "false"}} {
		for _, sync := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, sync %v", mode.name, sync), func(t *testing.T) {
				t.Parallel()
				s := newShop(t)
				const fill = `INSERT INTO public.orders (id, title, status, updated_at) SELECT i, 'o' || i, 'new', now() FROM generate_series(1, $1) i`
				if _, err := s.db.ExecContext(t.Context(), fill, records); err != nil {
					t.Fatal(err)
				}
				id := s.add(engine.NewWorkflow{Title: "Look", Sync: sync}, `{"collection": "orders", "mode": 2, "bulk": true, "condition": {"title": "o1"}}`,
					step{"query", "left", left}, step{"output", "out", `{"value": "{{$jobsMapByNodeKey.left.length}} left"}`})
				s.enable(id, true)
				// Not for all rows at once: they are done when a row of the last part comes.
				sweep := s.add(engine.NewWorkflow{Title: "Sweep", Sync: true}, `{"collection": "customers", "mode": 1}`,
					step{"update", "all", `{"collection": "orders", "params": {"individualHooks": ` + mode.individually + `, "filter": {"status": "new"}, "values": {"status": "paid"}}}`})
				s.enable(sweep, true)
				var told int
				s.records.Listen(measuring(func() { told++ }))
				state := func() string {
					t.Helper()
					s.work()
					return s.one(`SELECT concat_ws(', ', (SELECT count(*) FROM public.orders WHERE status = 'paid') || ' paid',
						(SELECT string_agg(w.title || ' ' || x.status || coalesce(' ' || (x.output #>> '{}'), ''), ', ' ORDER BY x.id DESC) FROM alur.executions x JOIN alur.workflows w ON w.id = x.workflow_id))`)
				}
				run := func(name, want string) {
					t.Helper()
					if _, err := s.db.ExecContext(t.Context(), "DELETE FROM alur.executions"); err != nil {
						t.Fatal(err)
					}
					told = 0
					s.create("customers", collection.Record{"name": "c"})
					if got := state(); got != want {
						t.Errorf("%s: %s, want %s", name, got, want)
					}
				}

				if _, err := s.db.ExecContext(t.Context(), "ALTER TABLE public.orders ADD CONSTRAINT never CHECK (status <> 'paid' OR title <> 'o1200')"); err != nil {
					t.Fatal(err)
				}
				run("a later row is refused by the database", "0 paid, Sweep -2")
				if sync && told > 1 { // of the customer
					t.Errorf("a later row is refused by the database: events were raised %d times, want none of the orders", told-1)
				}
				if _, err := s.db.ExecContext(t.Context(), "ALTER TABLE public.orders DROP CONSTRAINT never"); err != nil {
					t.Fatal(err)
				}
				guard := s.add(engine.NewWorkflow{Title: "Guard", Sync: true}, `{"collection": "orders", "mode": 2, "bulk": true, "rollbackOnFailure": true, "condition": {"title": "o1200"}}`,
					step{"end", "no", `{"endStatus": -1}`})
				s.enable(guard, true)
				run("a later row is refused by a workflow", "0 paid, Guard -1, Sweep -2")
				s.enable(guard, false)
				run("none is refused", "1201 paid, Look 1 0 left, Sweep 1")
			})
		}
	}
}

// TestMassLimit: more than 100,000 records do not start workflows in one go, which
// is said in words; workflows that would not start for them stand in nobody's way.
func TestMassLimit(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	fill := `INSERT INTO public.lines (id, title, updated_at) SELECT i, 'l', now() FROM generate_series(1, $1) i`
	if _, err := s.db.ExecContext(t.Context(), fill, collection.MostHeard+1); err != nil {
		t.Fatal(err)
	}
	a, all, values := collection.Access{Actor: auth.System}, map[string]any{"title": "l"}, collection.Record{"title": "l"}
	bulk := func(tx *pg.Tx) error {
		_, err := s.records.UpdateBulk(t.Context(), tx, a, "lines", all, values)
		return err
	}
	if err := s.write("lines", bulk); err != nil {
		t.Errorf("nobody hears of it: %v", err)
	}
	each := func(tx *pg.Tx) error {
		_, err := s.records.UpdateMany(t.Context(), tx, a, "lines", all, values)
		return err
	}
	if err := s.write("lines", each); err != nil {
		t.Errorf("nobody hears of it: %v", err)
	}
	id := s.on(`{"collection": "lines", "mode": 2}`)
	if err := s.write("lines", bulk); err != nil {
		t.Errorf("nobody hears of it in bulk: %v", err)
	}
	refused := func(name string, do func(tx *pg.Tx) error) {
		t.Helper()
		err := s.write("lines", do)
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "these are 100001 records, and workflows would start for each. At most 100000 can be changed at once") {
			t.Errorf("%s: %v", name, err)
		}
	}
	refused("one by one, for their number", each)
	refused("one by one", func(tx *pg.Tx) error {
		_, err := s.records.Update(t.Context(), tx, a, "lines", all, values)
		return err
	})
	s.enable(id, false)
	s.on(`{"collection": "lines", "mode": 2, "bulk": true}`)
	refused("in bulk", bulk)
	if got := s.executions(); got != "0" {
		t.Errorf("%s executions", got)
	}
}

// TestManyStops: a workflow that would start itself for many records leaves one
// record of that.
func TestManyStops(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	id := s.add(engine.NewWorkflow{}, `{"collection": "orders", "mode": 3, "bulk": true}`,
		step{"update", "all", `{"collection": "orders", "params": {"individualHooks": false, "filter": {"title": {"$ne": "x"}}, "values": {"status": "seen"}}}`})
	for range 3 {
		s.create("orders", collection.Record{"title": "a"})
	}
	s.enable(id, true)
	s.create("orders", collection.Record{"title": "b"})
	s.work()
	got := s.executions() + " " + s.one("SELECT count(*) FROM alur.skipped_triggers") + " " + s.one("SELECT detail FROM alur.skipped_triggers")
	if want := "1 1 4 changes came from an execution of this workflow itself (1 execution in the same chain), and its recursion limit is 1."; got != want {
		t.Errorf("executions and stops: %s, want %s", got, want)
	}
}

// TestManyInOrder: of many changes at once each execution gets its own record, in the
// order of the changes, and big ones do not share a statement with all others.
func TestManyInOrder(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.on(`{"collection": "orders", "mode": 1}`)
	var all []collection.Record
	for i := range 12 {
		all = append(all, collection.Record{"title": fmt.Sprintf("%02d %s", i, strings.Repeat("x", 200))})
	}
	if _, err := s.records.UpdateField(t.Context(), auth.System, "orders", "title", map[string]any{"type": "text"}, collection.All); err != nil {
		t.Fatal(err)
	}
	for i := range all {
		all[i]["title"] = collection.Format(all[i]["title"]) + strings.Repeat("y", 900_000)
	}
	err := s.write("orders", func(tx *pg.Tx) error {
		_, err := s.records.CreateAll(t.Context(), tx, collection.Access{Actor: auth.System}, "orders", all, nil)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.one("SELECT string_agg(left(context #>> '{data,title}', 2), ' ' ORDER BY id) FROM alur.executions"); got != "00 01 02 03 04 05 06 07 08 09 10 11" {
		t.Errorf("executions of %s", got)
	}
}
