package triggers_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/node"
	"alur/engine/pg"
)

// TestSettings is spec/triggers-core.md §2.1, and what keeps a workflow from being
// saved (400) or turned on: the field that has a problem, and a part of what it says.
func TestSettings(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	tests := []struct {
		name, config string
		field, words string
		later        bool // it can be kept, but not turned on
	}{
		{"2.1 collection is required", `{"mode": 1}`, "collection", "Choose the collection", false},
		{"2.1 empty settings", `{}`, "collection", "Choose the collection", false},
		{"2.1 collection", `{"collection": "orders", "mode": 1}`, "", "", false},
		{"2.1 collection of the main data source", `{"collection": "main:orders", "mode": 1}`, "", "", false},
		{"2.1 collection of another data source", `{"collection": "crm:orders", "mode": 1}`, "collection", "no data source “crm”", false},
		{"2.1 collection must exist", `{"collection": "moons", "mode": 1}`, "collection", "no collection “moons”", false},
		{"2.1 collection that others keep", `{"collection": "users", "mode": 1}`, "collection", "kept by the server itself", false},
		{"2.1 collection that people may change", `{"collection": "workflowCategories", "mode": 1}`, "", "", false},
		{"2.1 mode null", `{"collection": "orders", "mode": null}`, "mode", "Choose when", false},
		{"2.1 mode 0", `{"collection": "orders", "mode": 0}`, "mode", "Choose when", false},
		{"2.1 mode absent", `{"collection": "orders"}`, "mode", "Choose when", true},
		{"2.1 mode 1", `{"collection": "orders", "mode": 1}`, "", "", false},
		{"2.1 mode 2", `{"collection": "orders", "mode": 2}`, "", "", false},
		{"2.1 mode 3", `{"collection": "orders", "mode": 3}`, "", "", false},
		{"2.1 mode 4", `{"collection": "orders", "mode": 4}`, "", "", false},
		{"2.1 mode 5", `{"collection": "orders", "mode": 5}`, "mode", "Choose when", false},
		{"2.1 mode 6", `{"collection": "orders", "mode": 6}`, "mode", "Choose when", false},
		{"2.1 mode 7", `{"collection": "orders", "mode": 7}`, "mode", "Choose when", false},
		{"2.1 mode -1", `{"collection": "orders", "mode": -1}`, "mode", "Choose when", false},
		{"2.1 mode as a text", `{"collection": "orders", "mode": "1"}`, "mode", "here, not a text", false},
		{"2.1 changed with mode 2", `{"collection": "orders", "mode": 2, "changed": ["title"]}`, "", "", false},
		{"2.1 changed with mode 3", `{"collection": "orders", "mode": 3, "changed": ["title", "customer", "customerId", "lines"]}`, "", "", false},
		{"2.1 changed with mode 1", `{"collection": "orders", "mode": 1, "changed": ["title"]}`, "changed", "only make sense for updates", false},
		{"2.1 changed with mode 4", `{"collection": "orders", "mode": 4, "changed": ["title"]}`, "changed", "only make sense for updates", false},
		{"2.1 changed empty with mode 1", `{"collection": "orders", "mode": 1, "changed": []}`, "", "", false},
		{"2.1 changed null with mode 1", `{"collection": "orders", "mode": 1, "changed": null}`, "", "", false},
		{"2.1 changed as a text", `{"collection": "orders", "mode": 2, "changed": "title"}`, "changed", "here, not a text", false},
		{"2.1 changed unknown", `{"collection": "orders", "mode": 2, "changed": ["moon"]}`, "changed", "no field “moon”", false},
		{"2.1 changed of another record", `{"collection": "orders", "mode": 2, "changed": ["customer.name"]}`, "changed", "leads to another record", false},
		{"2.1 appends with mode 4", `{"collection": "orders", "mode": 4, "appends": ["customer"]}`, "appends", "no relations left", false},
		{"2.1 appends", `{"collection": "orders", "mode": 3, "appends": ["customer", "lines.order.customer"]}`, "", "", false},
		{"2.1 appends unknown", `{"collection": "orders", "mode": 3, "appends": ["lines.moon"]}`, "appends", "no field “moon”", false},
		{"2.1 appends that are no relation", `{"collection": "orders", "mode": 3, "appends": ["title"]}`, "appends", "“Title” is no relation", false},
		{"2.1 condition", `{"collection": "orders", "mode": 3, "condition": {"$and": [{"status": {"$eq": "paid"}}]}}`, "", "", false},
		{"2.1 condition with mode 4 passes", `{"collection": "orders", "mode": 4, "condition": {"status": {"$eq": "paid"}}}`, "", "", false},
		{"2.1 condition null", `{"collection": "orders", "mode": 1, "condition": null}`, "", "", false},
		{"2.1 condition over relations", `{"collection": "orders", "mode": 1, "condition": {"lines": {"order": {"customer": {"name": "Ann"}}}}}`, "", "", false},
		{"2.1 condition of an unknown field", `{"collection": "orders", "mode": 1, "condition": {"$or": [{"customer.moon": 1}]}}`, "condition", "no field “moon”", false},
		{"2.1 condition by an unknown operator", `{"collection": "orders", "mode": 1, "condition": {"title": {"$moon": 1}}}`, "condition", "$moon", false},
		{"2.1 condition by a value that does not fit", `{"collection": "orders", "mode": 1, "condition": {"seen": {"$dateOn": "moon"}}}`, "condition", "moon", false},
		{"2.3 conditions use constants", `{"collection": "orders", "mode": 1, "condition": {"title": "{{$context.data.title}}"}}`, "condition", "“$context.data.title” has no value", false},
		{"2.3 conditions use no secrets", `{"collection": "orders", "mode": 1, "condition": {"title": "{{$env.KEY}}"}}`, "condition", "“$env.KEY” has no value", false},
		{"2.3 conditions use dates of the system", `{"collection": "orders", "mode": 1, "condition": {"seen": {"$dateOn": "{{$system.dateRange.today}}"}}}`, "", "", false},
		{"2.1 rollbackOnFailure", `{"collection": "orders", "mode": 1, "rollbackOnFailure": true}`, "", "", false},
		{"2.1 keys of others are kept", `{"collection": "orders", "mode": 1, "own": {"x": 1}}`, "", "", false},
		{"nested and bulk", `{"collection": "orders", "mode": 1, "nested": false, "bulk": true}`, "", "", false},
		{"bulk as a text", `{"collection": "orders", "mode": 1, "bulk": "yes"}`, "bulk", "here, not a text", false},
	}
	draft := s.add(engine.NewWorkflow{}, `{"collection": "orders", "mode": 1}`)
	for _, tc := range tests {
		got := engine.LookupTrigger("collection").Check(json.RawMessage(tc.config), s.records)
		want := node.Problems{}
		if tc.field != "" {
			want[tc.field] = got[tc.field]
		}
		if len(got) != len(want) && !(tc.name == "2.1 empty settings" && len(got) == 2) || tc.field != "" && !strings.Contains(got[tc.field], tc.words) {
			t.Errorf("%s: problems %v, want one of %q with %q", tc.name, got, tc.field, tc.words)
		}
		made, created := s.e.CreateWorkflow(t.Context(), auth.System, engine.NewWorkflow{Title: "x", Type: "collection", Config: json.RawMessage(tc.config)})
		_, updated := s.e.UpdateWorkflow(t.Context(), auth.System, draft, engine.WorkflowChange{Config: json.RawMessage(tc.config)})
		for doing, err := range map[string]error{"created": created, "updated": updated} {
			f, _ := errors.AsType[*fault.Error](err)
			if refused := tc.field != "" && !tc.later; refused != (err != nil) || refused && (f == nil || f.Kind != fault.Invalid || !strings.Contains(f.Fields["config."+tc.field], tc.words)) {
				t.Errorf("%s, %s: %v", tc.name, doing, err)
			}
		}
		if tc.later || tc.field == "" {
			_, err := s.e.EnableWorkflow(t.Context(), auth.System, made.ID, true)
			if tc.later != (err != nil) || tc.later && !strings.Contains(err.Error(), "The trigger: Choose when") {
				t.Errorf("%s, turned on: %v", tc.name, err)
			}
			if _, err := s.e.DeleteWorkflow(t.Context(), auth.System, made.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestOrderOfChecks is spec/triggers-core.md §2.3, as far as TestCollectionFires does
// not tell it.
func TestOrderOfChecks(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	ann, bob := s.create("customers", collection.Record{"name": "Ann"})["id"], s.create("customers", collection.Record{"name": "Bob"})["id"]
	order := s.create("orders", collection.Record{"title": "a", "customer": ann, "seen": "2030-01-02T03:04:05Z", "wall": "2030-01-02 03:04:05", "day": "2030-01-02"})["id"]
	line := s.create("lines", collection.Record{"title": "l", "order": order})["id"]
	tests := []struct {
		name, trigger string
		values        collection.Record
		want          string // executions
	}{
		{"2.3 step 2: a relation to many whose set changed", `"changed": ["lines"]`, collection.Record{"lines": []any{}}, "1"},
		{"2.3 step 2: a relation to many whose set is the same", `"changed": ["lines"]`, collection.Record{"lines": []any{line}}, "0"},
		{"2.3 step 2: a relation to many beside a field", `"changed": ["lines", "status"]`, collection.Record{"status": "x"}, "1"},
		{"2.3 step 2: a relation to one stands for its key", `"changed": ["customer"]`, collection.Record{"customer": bob}, "1"},
		{"2.3 step 2: a name that is not there beside one that is", `"changed": ["gone", "title"]`, collection.Record{"title": "b"}, "1"},
		{"2.3 step 2: the rest did not change", `"changed": ["gone", "title"]`, collection.Record{"title": "a"}, "0"},
		{"2.3 changed: the same instant as text", `"changed": ["seen"]`, collection.Record{"seen": "2030-01-02 03:04:05"}, "0"},
		{"2.3 changed: the same time without zone", `"changed": ["wall"]`, collection.Record{"wall": "2030-01-02T03:04:05"}, "0"},
		{"2.3 changed: another time without zone", `"changed": ["wall"]`, collection.Record{"wall": "2030-01-02 03:04:06"}, "1"},
		{"2.3 changed: the same day as an instant", `"changed": ["day"]`, collection.Record{"day": "2030-01-02"}, "0"},
		{"2.3 step 3: the state after the write", `"condition": {"status": "paid"}`, collection.Record{"status": "paid"}, "1"},
		{"2.3 step 3: not the state before", `"condition": {"status": "new"}`, collection.Record{"status": "paid"}, "0"},
		{"2.3 step 3: over a relation as it is after the write", `"condition": {"customer": {"name": "Bob"}}`, collection.Record{"customer": bob}, "1"},
		{"2.3 step 3: over records written with it", `"condition": {"lines": {"title": "fresh"}}`, collection.Record{"lines": []any{map[string]any{"title": "fresh"}}}, "1"},
		{"2.3 step 3: by a day of the system", `"condition": {"seen": {"$dateOn": "{{$system.dateRange.today}}"}}`, collection.Record{"seen": "{now}"}, "1"},
		{"2.3 step 3: by another day of the system", `"condition": {"seen": {"$dateOn": "{{$system.dateRange.yesterday}}"}}`, collection.Record{"seen": "{now}"}, "0"},
		{"2.3 step 3: changed and condition are both asked", `"changed": ["status"], "condition": {"title": "b"}`, collection.Record{"title": "b"}, "0"},
		{"2.3 step 3: groups with only empty items", `"condition": {"$and": [{"$or": []}, {"$and": [{}]}]}`, collection.Record{"title": "b"}, "1"},
	}
	before := func(tx *pg.Tx) error { // as it was, unseen
		for _, query := range []string{
			"UPDATE public.orders SET title = 'a', status = 'new', customer_id = $1, seen = '2030-01-02T03:04:05Z', wall = '2030-01-02 03:04:05', day = '2030-01-02' WHERE id = $2",
			"UPDATE public.lines SET order_id = CASE WHEN title = 'l' THEN $2::bigint END WHERE $1::bigint > 0"} {
			if _, err := tx.ExecContext(t.Context(), query, ann, order); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(t.Context(), "DELETE FROM alur.executions")
		return err
	}
	id := s.add(engine.NewWorkflow{}, `{"collection": "orders", "mode": 2}`)
	for _, tc := range tests {
		if err := s.write("orders", before); err != nil {
			t.Fatal(err)
		}
		if _, err := s.db.ExecContext(t.Context(), "UPDATE alur.workflows SET config = $1 WHERE id = $2", `{"collection": "orders", "mode": 2, `+tc.trigger+`}`, id); err != nil {
			t.Fatal(err)
		}
		s.enable(id, false)
		if _, err := s.db.ExecContext(t.Context(), "UPDATE alur.workflows SET enabled = true WHERE id = $1", id); err != nil { // past the checks
			t.Fatal(err)
		}
		records, _ := s.process(s.db, 3) // which has read nothing yet
		values := collection.Record{}
		for k, v := range tc.values {
			if v == "{now}" {
				v = s.now().UTC().Format(collection.Instant)
			}
			values[k] = v
		}
		err := records.Write(t.Context(), "orders", func(tx *pg.Tx) error {
			_, err := records.Update(t.Context(), tx, collection.Access{Actor: auth.System}, "orders", order, values)
			return err
		})
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		if got := s.executions(); got != tc.want {
			t.Errorf("%s: %s executions, want %s", tc.name, got, tc.want)
		}
	}
	if got := s.one("SELECT count(*) FROM alur.skipped_triggers"); got != "0" {
		t.Errorf("%s stops, want none", got)
	}
}

// TestContextOfEvents is spec/triggers-core.md §2.4, and what we add: what happened,
// what was there before, and who did it.
func TestContextOfEvents(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	if _, err := s.records.AddField(t.Context(), auth.System, "orders", collection.Field{Name: "pin", Type: collection.Password}); err != nil {
		t.Fatal(err)
	}
	const person = `INSERT INTO alur.users (id, nickname, email, role) VALUES (7, 'Ann', 'ann@example.test', 'admin')`
	if _, err := s.db.ExecContext(t.Context(), person); err != nil {
		t.Fatal(err)
	}
	ann := collection.Access{Actor: auth.Actor{UserID: 7, Role: auth.Admin, Name: "Ann"}}
	s.on(`{"collection": "orders", "mode": 3}`)
	s.on(`{"collection": "orders", "mode": 4}`)
	context := func() string {
		t.Helper()
		return s.one(`SELECT jsonb_build_object('event', context -> 'event', 'user', context -> 'user', 'changed', context -> 'changed',
			'title', context #> '{data,title}', 'was', context #> '{previous,title}', 'keys', (SELECT string_agg(k, ' ' ORDER BY k) FROM jsonb_object_keys(context) k),
			'own', (SELECT string_agg(k, ' ' ORDER BY k) FROM jsonb_object_keys(context -> 'data') k))::text FROM alur.executions ORDER BY id DESC LIMIT 1`)
	}
	const own = `"createdAt createdById customerId day id seen status title unix updatedAt updatedById wall"`
	var order any
	write := func(fn func(tx *pg.Tx) error) {
		t.Helper()
		if err := s.write("orders", fn); err != nil {
			t.Fatal(err)
		}
	}
	want := func(name, want string) {
		t.Helper()
		var a, b any
		if err := errors.Join(json.Unmarshal([]byte(context()), &a), json.Unmarshal([]byte(want), &b)); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(a) != fmt.Sprint(b) {
			t.Errorf("%s:\n%v, want\n%v", name, a, b)
		}
	}
	write(func(tx *pg.Tx) error {
		rec, err := s.records.Create(t.Context(), tx, ann, "orders", collection.Record{"title": "a", "pin": "secret words"}, nil)
		order = rec["id"]
		return err
	})
	want("2.4 created: own fields, no hidden ones", `{"event": "created", "user": {"id": 7, "nickname": "Ann"}, "changed": null, "title": "a", "was": null, "keys": "data event user", "own": `+own+`}`)
	if got := s.data("status"); got != "new" {
		t.Errorf("2.4 defaults of the collection: status %q", got)
	}
	write(func(tx *pg.Tx) error {
		_, err := s.records.Update(t.Context(), tx, ann, "orders", order, collection.Record{"title": "b", "lines": []any{map[string]any{"title": "l"}}})
		return err
	})
	want("2.4 updated", `{"event": "updated", "user": {"id": 7, "nickname": "Ann"}, "changed": ["title", "lines"], "title": "b", "was": "a", "keys": "changed data event previous user", "own": `+own+`}`)
	s.update("orders", order, collection.Record{"title": "b"})
	want("2.4 updated by nobody, and nothing differs", `{"event": "updated", "user": null, "changed": [], "title": "b", "was": "b", "keys": "changed data event previous user", "own": `+own+`}`)
	s.destroy("orders", order)
	want("2.4 deleted: the record as it was", `{"event": "deleted", "user": null, "changed": null, "title": "b", "was": null, "keys": "data event user", "own": `+own+`}`)
}

// TestStartsWithin is spec/triggers-core.md §2.5: events belong to the transaction.
func TestStartsWithin(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.on(`{"collection": "orders", "mode": 1}`)
	s.on(`{"collection": "orders", "mode": 1}`)
	stop := errors.New("stop")
	for _, tc := range []struct {
		name string
		end  error
		want string
	}{{"2.5 rolled back: no event", stop, "0 0"}, {"2.5 committed: each workflow its own", nil, "2 2"}} {
		err := s.write("orders", func(tx *pg.Tx) error {
			if _, err := s.records.Create(t.Context(), tx, collection.Access{Actor: auth.System}, "orders", collection.Record{"title": "state at the event"}, nil); err != nil {
				return err
			}
			if got := s.executions(); got != "0" {
				t.Errorf("%s: others see %s executions before the commit", tc.name, got)
			}
			return tc.end
		})
		if !errors.Is(err, tc.end) {
			t.Fatal(err)
		}
		if got := s.executions() + " " + s.one("SELECT count(DISTINCT workflow_id) FROM alur.executions"); got != tc.want {
			t.Errorf("%s: executions and workflows %s, want %s", tc.name, got, tc.want)
		}
	}
	s.update("orders", map[string]any{"title": "state at the event"}, collection.Record{"title": "later"})
	if got := s.data("title"); got != "state at the event" {
		t.Errorf("2.5 the record is as it was at the event: %q", got)
	}
}

// past turns a workflow on past the checks, with a node changed to what they refuse.
func (s *shop) past(id int64, kind, config string) {
	s.t.Helper()
	for query, args := range map[string][]any{
		"UPDATE alur.flow_nodes SET type = $2, config = $3 WHERE workflow_id = $1": {id, kind, config},
		"UPDATE alur.workflows SET enabled = true WHERE id = $1":                   {id},
	} {
		if _, err := s.db.ExecContext(s.t.Context(), query, args...); err != nil {
			s.t.Fatal(err)
		}
	}
	s.records, s.e = s.process(s.db, 3) // which has read nothing yet
}

// TestSync is spec/triggers-core.md §2.6: what comes of a synchronous run for the
// writer. want is orders, customers that the run made, status of the execution.
func TestSync(t *testing.T) {
	t.Parallel()
	const (
		ok    = `{"collection": "customers", "params": {"values": {"name": "made"}}}`
		wrong = `{"collection": "orders", "params": {"filter": {"gone": 1}, "values": {"title": "x"}}}`
	)
	tests := []struct {
		name, trigger, kind, config string
		want                        string
	}{
		{"2.6 false, success", ``, "create", ok, "1 1 1"},
		{"2.6 false, failed (-1)", ``, "end", `{"endStatus": -1}`, "1 0 -1"},
		{"2.6 false, error (-2)", ``, "update", wrong, "1 0 -2"},
		{"2.6 true, success", `, "rollbackOnFailure": true`, "create", ok, "1 1 1"},
		{"2.6 true, ended well", `, "rollbackOnFailure": true`, "end", `{"endStatus": 1}`, "1 0 1"},
		{"2.6 true, waiting (0)", `, "rollbackOnFailure": true`, "delay", `{"duration": 5, "unit": 60000}`, "1 0 0"},
		{"2.6 true, failed (-1)", `, "rollbackOnFailure": true`, "end", `{"endStatus": -1}`, "0 0 -1"},
		{"2.6 true, error (-2)", `, "rollbackOnFailure": true`, "update", wrong, "0 0 -2"},
		{"2.6 true, no execution: settings that do not fit", `, "rollbackOnFailure": true, "condition": {"gone": 1}`, "create", ok, "0 0 "},
		{"2.6 false, no execution: settings that do not fit", `, "condition": {"gone": 1}`, "create", ok, "1 0 "},
		{"2.6 true, another record than the condition asks for", `, "rollbackOnFailure": true, "condition": {"title": "b"}`, "end", `{"endStatus": -1}`, "1 0 "},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			id := s.add(engine.NewWorkflow{Sync: true, Title: "Guard"}, `{"collection": "orders", "mode": 1}`, step{"create", "n", ok})
			if _, err := s.db.ExecContext(t.Context(), "UPDATE alur.workflows SET config = $1", `{"collection": "orders", "mode": 1`+tc.trigger+`}`); err != nil {
				t.Fatal(err)
			}
			s.past(id, tc.kind, tc.config)
			_, err := s.tryCreate("orders", collection.Record{"title": "a"})
			f, _ := errors.AsType[*fault.Error](err)
			switch refused := tc.want[0] == '0'; {
			case refused != (err != nil):
				t.Fatalf("create: %v", err)
			case refused && (f == nil || f.Kind != fault.Invalid || !strings.HasPrefix(f.Msg, "Not saved. The workflow “Guard” ")):
				t.Errorf("refused by %v", err)
			case refused && tc.want != "0 0 ":
				x := s.one("SELECT id FROM alur.executions")
				if f.Code != engine.CodeRefused || f.Msg != "Not saved. The workflow “Guard” refused this change. Its execution "+x+" says why." {
					t.Errorf("refused with code %q: %s", f.Code, f.Msg)
				}
			}
			got := s.one("SELECT count(*) FROM public.orders") + " " + s.one("SELECT count(*) FROM public.customers") + " " + s.one("SELECT status FROM alur.executions")
			if got != tc.want {
				t.Errorf("orders, customers, status: %s, want %s", got, tc.want)
			}
		})
	}
}

// TestSyncUndoesAll: what one record is refused for undoes the whole write, whichever
// way it came: lines saved with their order, records changed one by one and in bulk,
// records that the database deletes along, and a workflow that is stopped by its limit
// is no refusal.
func TestSyncUndoesAll(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	a := collection.Access{Actor: auth.System}
	guard := func(name, mode, condition string) {
		t.Helper()
		id := s.add(engine.NewWorkflow{Sync: true, Title: "Guard of " + name}, fmt.Sprintf(`{"collection": %q, "mode": %s, "rollbackOnFailure": true, "bulk": true, "condition": %s}`, name, mode, condition),
			step{"end", "no", `{"endStatus": -1}`})
		s.enable(id, true)
	}
	order := s.create("orders", collection.Record{"title": "kept", "lines": []any{map[string]any{"title": "a"}, map[string]any{"title": "bad"}, map[string]any{"title": "z"}}})["id"]
	guard("lines", "3", `{"title": "bad"}`)
	state := func() string {
		return s.one("SELECT (SELECT string_agg(title, ' ' ORDER BY title) FROM public.orders) || ': ' || (SELECT string_agg(title || coalesce(' of ' || order_id, ''), ', ' ORDER BY title) FROM public.lines)")
	}
	was, refusals := state(), 0
	for name, do := range map[string]func(tx *pg.Tx) error{
		"a line saved with its order": func(tx *pg.Tx) error {
			_, err := s.records.Create(t.Context(), tx, a, "orders", collection.Record{"title": "new", "lines": []any{map[string]any{"title": "bad"}}}, nil)
			return err
		},
		"one of many, one by one": func(tx *pg.Tx) error {
			_, err := s.records.Update(t.Context(), tx, a, "lines", map[string]any{"title": "z"}, collection.Record{"title": "bad"})
			return err
		},
		"one of many in bulk": func(tx *pg.Tx) error {
			_, err := s.records.UpdateBulk(t.Context(), tx, a, "lines", map[string]any{"orderId": order}, collection.Record{"title": "bad"})
			return err
		},
		"emptied by the database": func(tx *pg.Tx) error {
			_, err := s.records.Destroy(t.Context(), tx, a, "orders", order)
			return err
		},
	} {
		err := s.write("orders", do)
		if f, ok := errors.AsType[*fault.Error](err); !ok || f.Code != engine.CodeRefused || !strings.Contains(f.Msg, "“Guard of lines” refused this change") {
			t.Errorf("%s: %v", name, err)
		}
		if got := state(); got != was {
			t.Errorf("%s left %s, want %s", name, got, was)
		}
		refusals++
		if got := s.one("SELECT count(*) FROM alur.executions WHERE status = -1"); got != fmt.Sprint(refusals) {
			t.Errorf("%s: %s refused executions are kept, want %d", name, got, refusals)
		}
	}
}

// TestSyncStop: a workflow that its own limit stops is no reason to refuse a write.
func TestSyncStop(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	id := s.add(engine.NewWorkflow{Sync: true}, `{"collection": "orders", "mode": 1, "rollbackOnFailure": true}`, step{"create", "make", newOrder})
	s.enable(id, true)
	s.create("orders", collection.Record{"title": "a"})
	if got := s.one("SELECT count(*) FROM public.orders") + " " + s.one("SELECT string_agg(status::text, ' ') FROM alur.executions") + " " + s.one("SELECT count(*) FROM alur.skipped_triggers"); got != "2 1 1" {
		t.Errorf("orders, statuses, stops: %s, want 2 1 1", got)
	}
}

// TestManualStart is spec/triggers-core.md §2.7.
func TestManualStart(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	ann := s.create("customers", collection.Record{"name": "Ann"})["id"]
	paid := s.create("orders", collection.Record{"title": "paid", "status": "paid", "customer": ann})["id"]
	fresh := s.create("orders", collection.Record{"title": "fresh"})["id"]
	const codes = `{"name": "codes", "title": "Codes", "autoGenId": false, "fields": [{"name": "code", "type": "string", "primaryKey": true}, {"name": "note", "type": "string"}]}`
	var d collection.Definition
	if err := json.Unmarshal([]byte(codes), &d); err != nil {
		t.Fatal(err)
	}
	if _, err := s.records.CreateCollection(t.Context(), auth.System, d); err != nil {
		t.Fatal(err)
	}
	s.create("codes", collection.Record{"code": "A-1", "note": "x"})
	const condition = `, "condition": {"status": "paid"}`
	tests := []struct {
		name, trigger string
		data          any
		want          string // the title that the run has, and the customer's name; "" for no execution
		refusal       string
	}{
		{"2.7 object: used as given", `"collection": "orders", "mode": 1`, map[string]any{"title": "given"}, "given", ""},
		{"2.7 object with appends: read again by its key", `"collection": "orders", "mode": 1, "appends": ["customer"]`, map[string]any{"id": paid, "title": "given"}, "paid Ann", ""},
		{"2.7 object with appends, without a key", `"collection": "orders", "mode": 1, "appends": ["customer"]`, map[string]any{"title": "given"}, "", "Say which record"},
		{"2.7 key", `"collection": "orders", "mode": 1`, paid, "paid", ""},
		{"2.7 key as a text", `"collection": "orders", "mode": 1`, collection.Format(paid), "paid", ""},
		{"2.7 key with appends", `"collection": "orders", "mode": 1, "appends": ["customer"]`, paid, "paid Ann", ""},
		{"2.7 key that is a text", `"collection": "codes", "mode": 1, "condition": {"note": "x"}`, "A-1", "A-1", ""},
		{"2.7 missing", `"collection": "orders", "mode": 1`, nil, "", "Say which record"},
		{"2.7 missing with appends", `"collection": "orders", "mode": 1, "appends": ["customer"]`, nil, "", "Say which record"},
		{"2.7 unknown key", `"collection": "orders", "mode": 1`, 4711.0, "", "There is no record 4711 in “Orders”"},
		{"2.7 what can be no key", `"collection": "orders", "mode": 1`, "moon", "", "There is no record moon in “Orders”"},
		{"2.7 condition matches", `"collection": "orders", "mode": 1` + condition, paid, "paid", ""},
		{"2.7 condition does not match", `"collection": "orders", "mode": 1` + condition, fresh, "", ""},
		{"2.7 object that is stored, condition matches", `"collection": "orders", "mode": 1` + condition, map[string]any{"id": paid, "title": "given"}, "given", ""},
		{"2.7 object that is stored, condition does not match", `"collection": "orders", "mode": 1` + condition, map[string]any{"id": fresh, "status": "paid"}, "", ""},
		{"2.7 object that is not stored, with a condition", `"collection": "orders", "mode": 1` + condition, map[string]any{"status": "paid"}, "", "only a stored record can meet"},
		{"2.7 conditions of deletions count for nothing", `"collection": "orders", "mode": 4` + condition, fresh, "fresh", ""},
		{"2.7 changed is not asked", `"collection": "orders", "mode": 2, "changed": ["status"]`, paid, "paid", ""},
		{"2.7 no mode yet", `"collection": "orders"`, paid, "paid", ""},
	}
	for _, tc := range tests {
		if _, err := s.db.ExecContext(t.Context(), "DELETE FROM alur.executions"); err != nil {
			t.Fatal(err)
		}
		id := s.add(engine.NewWorkflow{Sync: true}, "{"+tc.trigger+"}") // off: works for disabled versions too
		values := map[string]any{}
		if tc.data != nil {
			values["data"] = tc.data
		}
		x, started, err := s.e.Execute(t.Context(), auth.System, id, values)
		switch {
		case tc.refusal != "":
			if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), tc.refusal) {
				t.Errorf("%s: %v, want “%s”", tc.name, err, tc.refusal)
			}
		case err != nil || started != (tc.want != ""):
			t.Errorf("%s: started %v, %v", tc.name, started, err)
		case started:
			got := s.one("SELECT concat_ws(' ', coalesce(context #>> '{data,title}', context #>> '{data,code}'), context #>> '{data,customer,name}') FROM alur.executions WHERE manually AND context ->> 'event' = 'manual' AND id = $1", x.ID)
			if got != tc.want {
				t.Errorf("%s: it has %q, want %q", tc.name, got, tc.want)
			}
		}
		if tc.want == "" && s.executions() != "0" {
			t.Errorf("%s: %s executions", tc.name, s.executions())
		}
	}
}

// TestSpecCases are the rows of spec/triggers-core.md §2.8 that no other test tells:
// TestEnabledOnly has the change of the collection and on, off, on; TestRecursion and
// TestTwoInACircle the chains; TestStartsWithin two creates in one transaction.
func TestSpecCases(t *testing.T) {
	t.Parallel()
	t.Run("2.8 server restart with collections managed at runtime", func(t *testing.T) {
		t.Parallel()
		s := newShop(t)
		s.on(`{"collection": "orders", "mode": 1}`)
		s.records, s.e = s.process(s.db, 4)
		s.create("orders", collection.Record{"title": "a"})
		if got := s.executions(); got != "1" {
			t.Errorf("%s executions", got)
		}
	})
	t.Run("2.8 mode 3, create {} with changed title", func(t *testing.T) {
		t.Parallel()
		s := newShop(t)
		s.on(`{"collection": "orders", "mode": 3, "changed": ["title"]}`)
		order := s.create("orders", collection.Record{})["id"]
		first := s.executions()
		s.update("orders", order, collection.Record{"title": "later"})
		if got := first + " " + s.executions(); got != "1 2" {
			t.Errorf("executions after the create and the update: %s, want 1 2", got)
		}
	})
	t.Run("2.8 update field not in changed", func(t *testing.T) {
		t.Parallel()
		s := newShop(t)
		s.on(`{"collection": "orders", "mode": 2, "changed": ["title"]}`)
		s.update("orders", s.create("orders", collection.Record{})["id"], collection.Record{"status": "x"})
		if got := s.executions(); got != "0" {
			t.Errorf("%s executions", got)
		}
	})
	t.Run("2.8 a field called otherwise is the same field", func(t *testing.T) {
		t.Parallel()
		s := newShop(t)
		s.on(`{"collection": "orders", "mode": 2, "changed": ["status"], "condition": {"status": "paid"}}`)
		order := s.create("orders", collection.Record{})["id"]
		if _, err := s.records.UpdateField(t.Context(), auth.System, "orders", "status", map[string]any{"uiSchema": map[string]any{"title": "State"}}, collection.All); err != nil {
			t.Fatal(err)
		}
		s.update("orders", order, collection.Record{"status": "paid"})
		if got := s.executions(); got != "1" {
			t.Errorf("%s executions", got)
		}
	})
	t.Run("2.8 fields that were deleted", func(t *testing.T) {
		t.Parallel()
		for _, tc := range []struct{ name, trigger, field, words string }{
			{"all that it watches", `"mode": 2, "changed": ["status"]`, "status", "none of the fields that it watches is there any more (“status”)"},
			{"one that its condition asks for", `"mode": 3, "condition": {"status": "paid"}`, "status", "“status”"},
			{"a relation that it loads", `"mode": 3, "appends": ["customer"]`, "customer", "“customer”"},
		} {
			s := newShop(t)
			id := s.on(`{"collection": "orders", ` + tc.trigger + `}`)
			if err := s.records.DropField(t.Context(), auth.System, "orders", tc.field, collection.All); err != nil {
				t.Fatal(err)
			}
			var orders []any
			for range 3 {
				orders = append(orders, s.create("orders", collection.Record{"title": "a"})["id"])
			}
			if _, err := s.db.ExecContext(t.Context(), "DELETE FROM alur.skipped_triggers"); err != nil {
				t.Fatal(err)
			}
			s.update("orders", orders, collection.Record{"title": "b"})
			got := s.executions() + " " + s.one("SELECT count(*) || ' ' || min(reason) FROM alur.skipped_triggers WHERE workflow_id = $1", id)
			if words := s.one("SELECT detail FROM alur.skipped_triggers"); got != "0 1 trigger" || !strings.Contains(words, tc.words) {
				t.Errorf("%s: executions, stops: %s; %q", tc.name, got, words)
			}
		}
	})
	t.Run("2.8 a record that is gone when its execution runs", func(t *testing.T) {
		t.Parallel()
		s := newShop(t)
		ann := s.create("customers", collection.Record{"name": "Ann"})["id"]
		id := s.add(engine.NewWorkflow{}, `{"collection": "orders", "mode": 1, "appends": ["customer"]}`,
			step{"create", "make", `{"collection": "customers", "params": {"values": {"name": "copy of {{$context.data.customer.name}}"}}}`})
		s.enable(id, true)
		order := s.create("orders", collection.Record{"title": "a", "customer": ann})["id"]
		s.destroy("orders", order)
		s.destroy("customers", ann)
		s.work()
		if got := s.one("SELECT string_agg(name, ' ') FROM public.customers") + " " + s.one("SELECT status FROM alur.executions"); got != "copy of Ann 1" {
			t.Errorf("made %q, with the status of the execution", got)
		}
	})
	t.Run("2.8 data source missing at enable", func(t *testing.T) {
		t.Parallel()
		s := newShop(t)
		id := s.add(engine.NewWorkflow{}, `{"collection": "orders", "mode": 1}`)
		if _, err := s.db.ExecContext(t.Context(), `UPDATE alur.workflows SET config = '{"collection": "crm:orders", "mode": 1}' WHERE id = $1`, id); err != nil {
			t.Fatal(err)
		}
		_, err := s.e.EnableWorkflow(t.Context(), auth.System, id, true)
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "There is no data source “crm”") {
			t.Errorf("turned on: %v", err)
		}
	})
}
