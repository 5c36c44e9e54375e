package triggers_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/node"
	"alur/engine/pg"
	"alur/engine/pgtest"
)

// TestCollectionFires runs one story against many settings: an order is created,
// its title changed, saved unchanged, its status set to paid, and deleted.
func TestCollectionFires(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, trigger string
		want          string // executions after each step of the story
	}{
		{"created", `{"mode": 1}`, "1 1 1 1 1"},
		{"updated", `{"mode": 2}`, "0 1 2 3 3"},
		{"created or updated", `{"mode": 3}`, "1 2 3 4 4"},
		{"deleted", `{"mode": 4}`, "0 0 0 0 1"},
		{"main source", `{"mode": 1, "collection": "main:orders"}`, "1 1 1 1 1"},
		{"another collection", `{"mode": 3, "collection": "customers"}`, "0 0 0 0 0"},
		{"changed title", `{"mode": 2, "changed": ["title"]}`, "0 1 1 1 1"},
		{"changed status", `{"mode": 2, "changed": ["status"]}`, "0 0 0 1 1"},
		{"changed either", `{"mode": 2, "changed": ["title", "status"]}`, "0 1 1 2 2"},
		{"created without the changed field", `{"mode": 3, "changed": ["status"]}`, "1 1 1 2 2"},
		{"changed to-many only", `{"mode": 3, "changed": ["lines"]}`, "1 1 1 1 1"},
		{"changed nothing that is there", `{"mode": 2, "changed": ["gone"]}`, "0 0 0 0 0"},
		{"condition after the write", `{"mode": 3, "condition": {"$and": [{"status": {"$eq": "paid"}}]}}`, "0 0 0 1 1"},
		{"became", `{"mode": 2, "changed": ["status"], "condition": {"status": {"$eq": "paid"}}}`, "0 0 0 1 1"},
		{"condition over a relation", `{"mode": 1, "condition": {"customer": {"name": {"$eq": "Ann"}}}}`, "1 1 1 1 1"},
		{"condition not met", `{"mode": 3, "condition": {"customer.name": {"$eq": "Bob"}}}`, "0 0 0 0 0"},
		{"empty condition", `{"mode": 1, "condition": {}}`, "1 1 1 1 1"},
		{"empty and", `{"mode": 1, "condition": {"$and": []}}`, "1 1 1 1 1"},
		{"empty or", `{"mode": 1, "condition": {"$or": []}}`, "1 1 1 1 1"},
		{"empty group", `{"mode": 1, "condition": {"$and": [{}]}}`, "1 1 1 1 1"},
		{"empty groups", `{"mode": 1, "condition": {"$and": [{"$or": [{}]}, {}]}}`, "1 1 1 1 1"},
		{"condition of a delete counts for nothing", `{"mode": 4, "condition": {"status": {"$eq": "never"}}}`, "0 0 0 0 1"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			ann := s.create("customers", collection.Record{"name": "Ann"})
			trigger := map[string]any{"collection": "orders"}
			if err := json.Unmarshal([]byte(tc.trigger), &trigger); err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(trigger)
			if err != nil {
				t.Fatal(err)
			}
			id := s.add(engine.NewWorkflow{}, `{"collection": "orders", "mode": 1}`)
			// Past the checks, which refuse fields that are not there: those come
			// to be when a field is removed later.
			if _, err := s.db.ExecContext(t.Context(), "UPDATE alur.workflows SET config = $1 WHERE id = $2", text, id); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(tc.trigger, "gone") {
				_, err = s.db.ExecContext(t.Context(), "UPDATE alur.workflows SET enabled = true WHERE id = $1", id)
			} else {
				_, err = s.e.EnableWorkflow(t.Context(), auth.System, id, true)
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			order := s.create("orders", collection.Record{"title": "a", "customer": ann["id"]})["id"]
			got = append(got, s.executions())
			s.update("orders", order, collection.Record{"title": "b"})
			got = append(got, s.executions())
			s.update("orders", order, collection.Record{"title": "b"})
			got = append(got, s.executions())
			s.update("orders", order, collection.Record{"status": "paid"})
			got = append(got, s.executions())
			s.destroy("orders", order)
			got = append(got, s.executions())
			if got := strings.Join(got, " "); got != tc.want {
				t.Errorf("executions after create, title, same title, status, delete: %s, want %s", got, tc.want)
			}
		})
	}
}

// TestChangedFields is what counts as a change of a field.
func TestChangedFields(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, field string
		values      collection.Record // of the update; the customer before is Ann
		want        string
	}{
		{"relation by its name", "customer", collection.Record{"customer": "bob"}, "1"},
		{"relation by its key", "customer", collection.Record{"customerId": "bob"}, "1"},
		{"relation watched by its key", "customerId", collection.Record{"customer": "bob"}, "1"},
		{"the same relation", "customer", collection.Record{"customer": "ann"}, "0"},
		{"the same relation as an object", "customer", collection.Record{"customer": map[string]any{"id": "ann"}}, "0"},
		{"relation emptied", "customer", collection.Record{"customer": nil}, "1"},
		{"the same instant, written otherwise", "seen", collection.Record{"seen": "2030-01-02T05:04:05+02:00"}, "0"},
		{"another instant", "seen", collection.Record{"seen": "2030-01-02T03:04:06Z"}, "1"},
		{"another field", "title", collection.Record{"status": "paid"}, "0"},
		{"the stamp of the change", "updatedAt", collection.Record{"status": "paid"}, "0"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			ids := map[any]any{}
			for _, name := range []string{"ann", "bob"} {
				ids[name] = s.create("customers", collection.Record{"name": name})["id"]
			}
			values := collection.Record{}
			for k, v := range tc.values {
				if m, ok := v.(map[string]any); ok {
					v = map[string]any{"id": ids[m["id"]]}
				} else if id, ok := ids[v]; ok {
					v = id
				}
				values[k] = v
			}
			s.on(fmt.Sprintf(`{"collection": "orders", "mode": 2, "changed": [%q]}`, tc.field))
			order := s.create("orders", collection.Record{"title": "a", "customer": ids["ann"], "seen": "2030-01-02T03:04:05Z"})
			s.update("orders", order["id"], values)
			if got := s.executions(); got != tc.want {
				t.Errorf("%s executions, want %s", got, tc.want)
			}
		})
	}
}

// TestContext is what stands below $context.data.
func TestContext(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	ann := s.create("customers", collection.Record{"name": "Ann"})
	s.on(`{"collection": "orders", "mode": 3, "appends": ["customer", "lines.order"]}`)
	s.on(`{"collection": "lines", "mode": 1}`)
	s.on(`{"collection": "customers", "mode": 4}`)

	order := s.create("orders", collection.Record{"title": "a", "customer": ann["id"]})
	if got := s.data("status") + " " + s.data("customer,name") + " " + s.data("lines"); got != "new Ann []" {
		t.Errorf("a new order with relations: %s", got)
	}
	s.update("orders", order["id"], collection.Record{"customer": nil})
	if got := s.one("SELECT (context -> 'data' -> 'customer')::text FROM alur.executions ORDER BY id DESC LIMIT 1"); got != "null" {
		t.Errorf("an empty relation is %q, want null", got)
	}
	line := s.create("lines", collection.Record{"title": "l", "order": order["id"]})
	if got := s.data("id") + " " + s.data("orderId") + " " + s.data("order"); got != collection.Format(line["id"])+" "+collection.Format(order["id"])+" " {
		t.Errorf("own fields only: %s", got)
	}
	s.update("orders", order["id"], collection.Record{"title": "b"})
	if got := s.data("title") + " " + s.data("lines,0,title") + " " + s.data("lines,0,order,title"); got != "b l b" {
		t.Errorf("nested relations, as they are after the write: %s", got)
	}
	s.destroy("customers", ann["id"])
	if got := s.data("name"); got != "Ann" {
		t.Errorf("a deleted record says %q", got)
	}
}

// TestTransaction: events belong to the transaction that caused them.
func TestTransaction(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.on(`{"collection": "orders", "mode": 3}`)
	s.on(`{"collection": "orders", "mode": 1}`) // another workflow gets its own execution
	two := func(fail error) error {
		return s.write("orders", func(tx *pg.Tx) error {
			for _, title := range []string{"a", "b"} {
				if _, err := s.records.Create(t.Context(), tx, collection.Access{Actor: auth.System}, "orders", collection.Record{"title": title}, nil); err != nil {
					return err
				}
			}
			return fail
		})
	}
	changed := errors.New("changed my mind")
	if err := two(changed); !errors.Is(err, changed) {
		t.Fatal(err)
	}
	if got := s.executions(); got != "0" {
		t.Errorf("%s executions after a rollback", got)
	}
	if err := two(nil); err != nil {
		t.Fatal(err)
	}
	if got := s.executions(); got != "4" {
		t.Errorf("two creates for two workflows: %s executions, want 4", got)
	}
	// Records nested in others have their events too, bulk updates have none.
	s.on(`{"collection": "lines", "mode": 1}`)
	s.create("orders", collection.Record{"title": "c", "lines": []any{map[string]any{"title": "1"}, map[string]any{"title": "2"}}})
	if got := s.executions(); got != "8" {
		t.Errorf("with an order of two lines: %s executions, want 8", got)
	}
	err := s.write("orders", func(tx *pg.Tx) error {
		_, err := s.records.UpdateBulk(t.Context(), tx, collection.Access{Actor: auth.System}, "orders", map[string]any{"title": "a"}, collection.Record{"title": "z"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.executions(); got != "8" {
		t.Errorf("after a bulk update: %s executions, want 8", got)
	}
	s.update("orders", map[string]any{"id": map[string]any{"$gt": 0}}, collection.Record{"status": "x"})
	if got := s.executions(); got != "11" {
		t.Errorf("after an update of three one by one: %s executions, want 11", got)
	}
	s.work()
	if got := s.one("SELECT count(*) FROM alur.executions WHERE status = 1"); got != "11" {
		t.Errorf("%s completed, want 11", got)
	}
}

// TestEnabledOnly: a workflow fires while it is on, and by its settings of now.
func TestEnabledOnly(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	id := s.add(engine.NewWorkflow{}, `{"collection": "orders", "mode": 1}`)
	fire := func(want string) {
		t.Helper()
		s.create("orders", collection.Record{"title": "a"})
		s.create("customers", collection.Record{"name": "a"})
		if got := s.executions(); got != want {
			t.Errorf("%s executions, want %s", got, want)
		}
	}
	fire("0")
	s.enable(id, true)
	// A draft is still free to change; the old collection falls silent.
	_, err := s.e.UpdateWorkflow(t.Context(), auth.System, id, engine.WorkflowChange{Config: json.RawMessage(`{"collection": "customers", "mode": 1}`)})
	if err != nil {
		t.Fatal(err)
	}
	fire("1")
	if got := s.data("name"); got != "a" {
		t.Errorf("the collection of before fired")
	}
	s.enable(id, false)
	fire("1")
	s.enable(id, true)
	fire("2")
	draft, err := s.e.Draft(t.Context(), auth.System, id)
	if err != nil {
		t.Fatal(err)
	}
	s.enable(draft.ID, true)
	fire("3")
	if got := s.one("SELECT workflow_id FROM alur.executions ORDER BY id DESC LIMIT 1"); got != fmt.Sprint(draft.ID) {
		t.Errorf("version %s ran, want the published %d", got, draft.ID)
	}
	if _, err := s.e.DeleteWorkflow(t.Context(), auth.System, draft.ID); err != nil {
		t.Fatal(err)
	}
	fire("3")
}

// TestOtherProcess: what is enabled in one process fires in another, also when
// the signal between them was lost.
func TestOtherProcess(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	db := pgtest.Open(t, pgtest.URL(t, s.db))
	records, other := s.process(db, 2)
	create := func() {
		t.Helper()
		err := records.Write(t.Context(), "orders", func(tx *pg.Tx) error {
			_, err := records.Create(t.Context(), tx, collection.Access{Actor: auth.System}, "orders", collection.Record{"title": "a"}, nil)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	create() // the other process has read what is on
	if armed, err := other.Armed(t.Context(), "collection"); err != nil || len(armed) != 0 {
		t.Fatalf("armed %v: %v", armed, err)
	}
	// No signal: as if the process died between the commit and the notification.
	id := s.add(engine.NewWorkflow{}, `{"collection": "orders", "mode": 1}`)
	if _, err := s.db.ExecContext(t.Context(), "UPDATE alur.workflows SET enabled = true, revision = revision + 1 WHERE id = $1", id); err != nil {
		t.Fatal(err)
	}
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		create()
		if s.executions() != "0" {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("the other process never noticed that a workflow was enabled")
		}
	}
}

const newOrder = `{"collection": "orders", "params": {"values": {"title": "made"}}}`

// TestRecursion: workflows that write what starts them stop, by default at
// once, else at their limit; sync ones too.
func TestRecursion(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		sync    bool
		options string
		want    string // executions, orders, records of stops
	}{
		{"default", false, ``, "1 2 1"},
		{"limit of 3", false, `{"stackLimit": 3}`, "3 4 1"},
		{"sync", true, ``, "1 2 1"},
		{"sync with a limit of 3", true, `{"stackLimit": 3}`, "3 4 1"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			id := s.add(engine.NewWorkflow{Sync: tc.sync, Options: json.RawMessage(tc.options)}, `{"collection": "orders", "mode": 1}`, step{"create", "make", newOrder})
			s.enable(id, true)
			s.create("orders", collection.Record{"title": "a"})
			s.work()
			got := s.executions() + " " + s.one("SELECT count(*) FROM public.orders") + " " + s.one("SELECT count(*) FROM alur.skipped_triggers WHERE detail LIKE 'The change came from an execution%'")
			if got != tc.want {
				t.Errorf("executions, orders, records of stops: %s, want %s", got, tc.want)
			}
			// Independent events are not affected.
			s.create("orders", collection.Record{"title": "b"})
			s.work()
			if got, want := s.executions(), fmt.Sprint(2*int(tc.want[0]-'0')); got != want {
				t.Errorf("after a second order: %s executions, want %s", got, want)
			}
		})
	}
}

// TestTwoInACircle: two workflows that create in each other's collection fire
// once each.
func TestTwoInACircle(t *testing.T) {
	t.Parallel()
	for _, sync := range []bool{false, true} {
		t.Run(fmt.Sprintf("sync %v", sync), func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			a := s.add(engine.NewWorkflow{Sync: sync}, `{"collection": "orders", "mode": 1}`,
				step{"create", "make", `{"collection": "customers", "params": {"values": {"name": "made"}}}`})
			b := s.add(engine.NewWorkflow{Sync: sync}, `{"collection": "customers", "mode": 1}`, step{"create", "make", newOrder})
			s.enable(a, true)
			s.enable(b, true)
			s.create("orders", collection.Record{"title": "a"})
			s.work()
			got := s.one("SELECT string_agg(n::text, ' ') FROM (SELECT count(*) AS n FROM alur.executions GROUP BY workflow_id) x")
			if got += " " + s.one("SELECT count(*) FROM public.orders"); got != "1 1 2" {
				t.Errorf("executions of each, orders: %s, want 1 1 2", got)
			}
		})
	}
}

// TestSyncOutcome is spec/triggers-core.md §2.6.
func TestSyncOutcome(t *testing.T) {
	t.Parallel()
	const wrong = `{"collection": "orders", "params": {"filter": {"gone": 1}, "values": {"title": "x"}}}`
	tests := []struct {
		name     string
		rollback bool
		kind     string
		config   string
		want     string // orders, executions, status
	}{
		{"success", true, "create", `{"collection": "customers", "params": {"values": {"name": "c"}}}`, "1 1 1"},
		{"failure that may be", false, "update", wrong, "1 1 -2"},
		{"failure that must not be", true, "update", wrong, "0 1 -2"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			id := s.add(engine.NewWorkflow{Sync: true, Title: "Guard"}, fmt.Sprintf(`{"collection": "orders", "mode": 1, "rollbackOnFailure": %v}`, tc.rollback),
				step{"create", "n", `{"collection": "customers", "params": {"values": {"name": "c"}}}`})
			if _, err := s.db.ExecContext(t.Context(), "UPDATE alur.flow_nodes SET type = $1, config = $2", tc.kind, tc.config); err != nil {
				t.Fatal(err)
			}
			if _, err := s.db.ExecContext(t.Context(), "UPDATE alur.workflows SET enabled = true WHERE id = $1", id); err != nil {
				t.Fatal(err)
			}
			_, err := s.tryCreate("orders", collection.Record{"title": "a"})
			if f, ok := errors.AsType[*fault.Error](err); (err != nil) != (tc.want[0] == '0') || ok && f.Code != "WORKFLOW_ROLLBACK_ON_FAILURE" {
				t.Fatalf("create: %v", err)
			}
			got := s.one("SELECT count(*) FROM public.orders") + " " + s.executions() + " " + s.one("SELECT status FROM alur.executions")
			if got != tc.want {
				t.Errorf("orders, executions, status: %s, want %s", got, tc.want)
			}
		})
	}
}

// TestRefusalInsideAWorkflow: a sync workflow that refuses what another
// workflow writes leaves its execution for people to read, as the message says.
func TestRefusalInsideAWorkflow(t *testing.T) {
	t.Parallel()
	for _, sync := range []bool{false, true} {
		t.Run(fmt.Sprintf("sync %v", sync), func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			guard := s.add(engine.NewWorkflow{Sync: true, Title: "Guard"}, `{"collection": "orders", "mode": 1, "rollbackOnFailure": true}`,
				step{"end", "no", `{"endStatus": -1}`})
			outer := s.add(engine.NewWorkflow{Sync: sync}, `{"collection": "customers", "mode": 1}`, step{"create", "make", newOrder})
			s.enable(guard, true)
			s.enable(outer, true)
			s.create("customers", collection.Record{"name": "Ann"})
			s.work()
			got := s.one("SELECT string_agg(status::text, ' ' ORDER BY workflow_id) FROM alur.executions") + " " + s.one("SELECT count(*) FROM public.orders")
			if got != "-1 -2 0" {
				t.Errorf("statuses of guard and writer, orders: %s, want -1 -2 0", got)
			}
			words := s.one("SELECT result ->> 'message' FROM alur.jobs WHERE node_key = 'make'")
			id := s.one("SELECT id FROM alur.executions WHERE workflow_id = $1", guard)
			if id == "" || !strings.Contains(words, "Its execution "+id+" says why") {
				t.Errorf("the writer's step says %q, and the guard's execution is %q", words, id)
			}
		})
	}
}

// TestBrokenTrigger: settings that no longer fit the collection start nothing,
// leave a record of why, and never stand in the way of people's work.
func TestBrokenTrigger(t *testing.T) {
	t.Parallel()
	for _, broken := range []string{`"condition": {"gone": {"$eq": 1}}`, `"appends": ["gone"]`} {
		t.Run(broken, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			id := s.on(`{"collection": "orders", "mode": 1}`)
			text := `{"collection": "orders", "mode": 1, ` + broken + `}`
			if _, err := s.db.ExecContext(t.Context(), "UPDATE alur.workflows SET config = $1 WHERE id = $2", text, id); err != nil {
				t.Fatal(err)
			}
			s.create("orders", collection.Record{"title": "a"})
			got := s.executions() + " " + s.one("SELECT reason FROM alur.skipped_triggers")
			if got != "0 trigger" {
				t.Errorf("executions and the reason of the stop: %s, want 0 trigger", got)
			}
			if words := s.one("SELECT detail FROM alur.skipped_triggers"); !strings.Contains(words, "“gone”") {
				t.Errorf("the stop says %q", words)
			}
		})
	}
}

// TestManyWriters: more writers at once than there are connections, in a
// process that has read no definition yet, all get through.
func TestManyWriters(t *testing.T) {
	t.Parallel()
	url := pgtest.NewURL(t)
	setup := shopOn(t, pgtest.Open(t, url))
	setup.enable(setup.add(engine.NewWorkflow{Sync: true}, `{"collection": "orders", "mode": 1}`,
		step{"create", "make", `{"collection": "customers", "params": {"values": {"name": "made"}}}`}), true)
	const conns = 4
	db, err := pg.Open(t.Context(), url, conns)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s := &shop{t: t, db: db, now: time.Now}
	s.records, s.e = s.process(db, 2)
	var group sync.WaitGroup
	var barrier sync.WaitGroup // until every connection is taken
	barrier.Add(conns)
	for range conns {
		group.Go(func() {
			waited := false
			err := s.write("orders", func(tx *pg.Tx) error {
				if !waited {
					waited = true
					barrier.Done()
					barrier.Wait()
				}
				_, err := s.records.Create(t.Context(), tx, collection.Access{Actor: auth.System}, "orders", collection.Record{"title": "a"}, nil)
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	done := make(chan struct{})
	go func() { group.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("the writers wait for each other's connections")
	}
	if got := setup.one("SELECT count(*) FROM public.customers"); got != fmt.Sprint(conns) {
		t.Errorf("%s effects, want %d", got, conns)
	}
}

// TestCollectionCheck is what keeps a trigger from being enabled.
func TestCollectionCheck(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	tests := []struct {
		config string
		field  string // that has a problem; "" for none
	}{
		{`{"collection": "orders", "mode": 1}`, ""},
		{`{"collection": "orders", "mode": 3, "changed": ["title", "customer", "lines"], "condition": {"status": "paid"}, "appends": ["customer"]}`, ""},
		{`{"collection": "orders", "mode": 4, "condition": {"status": "paid"}}`, ""},
		{`{"mode": 1}`, "collection"},
		{`{"collection": "main:gone", "mode": 1}`, "collection"},
		{`{"collection": "gone", "mode": 1}`, "collection"},
		{`{"collection": "orders"}`, "mode"},
		{`{"collection": "orders", "mode": 0}`, "mode"},
		{`{"collection": "orders", "mode": 5}`, "mode"},
		{`{"collection": "orders", "mode": 7}`, "mode"},
		{`{"collection": "orders", "mode": 1, "changed": ["title"]}`, "changed"},
		{`{"collection": "orders", "mode": 4, "changed": ["title"]}`, "changed"},
		{`{"collection": "orders", "mode": 4, "appends": ["customer"]}`, "appends"},
		{`{"collection": "orders", "mode": 2, "changed": ["gone"]}`, "changed"},
		{`{"collection": "orders", "mode": 1, "condition": {"gone": 1}}`, "condition"},
		{`{"collection": "orders", "mode": 1, "appends": ["gone"]}`, "appends"},
	}
	k := engine.LookupTrigger("collection")
	for _, tc := range tests {
		got := k.Check(json.RawMessage(tc.config), s.records)
		want := node.Problems{}
		if tc.field != "" {
			want[tc.field] = got[tc.field]
		}
		if len(got) != len(want) || tc.field != "" && got[tc.field] == "" {
			t.Errorf("%s: problems %v, want one of %q", tc.config, got, tc.field)
		}
	}
}
