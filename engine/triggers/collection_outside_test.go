package triggers_test

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jmoiron/sqlx"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/pgtest"
)

// other is another program on the database, with one connection.
func (s *shop) other() *sqlx.DB {
	s.t.Helper()
	db := pgtest.Admin(s.t, s.db)
	db.SetMaxOpenConns(1)
	return db
}

func (s *shop) by(db *sqlx.DB, statements string) {
	s.t.Helper()
	if _, err := db.ExecContext(s.t.Context(), statements); err != nil {
		s.t.Fatalf("%s: %v", statements, err)
	}
}

// outside starts what changes by other programs start.
func (s *shop) outside() (n int) {
	s.t.Helper()
	for {
		some, err := s.records.Outside(s.t.Context(), slog.New(slog.NewTextHandler(s.t.Output(), nil)))
		if err != nil {
			s.t.Fatal(err)
		}
		if n += some; some == 0 {
			return n
		}
	}
}

// TestChangesByOtherPrograms is about a row of spec/triggers-core.md §2.2: other programs,
// raw SQL, database triggers and cascades start nothing in the reference.
func TestChangesByOtherPrograms(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	if _, err := s.records.UpdateCollection(t.Context(), auth.System, "orders", map[string]any{"recordHistory": true}); err != nil {
		t.Fatal(err)
	}
	add := func(title, collection, more string, sync bool) {
		t.Helper()
		s.enable(s.add(engine.NewWorkflow{Title: title, Sync: sync}, fmt.Sprintf(`{"collection": %q, "mode": 3%s}`, collection, more)), true)
	}
	add("seen", "orders", `, "external": true`, false)
	add("unseen", "orders", "", false)
	add("refuses", "orders", `, "external": true, "rollbackOnFailure": true, "changed": ["status"]`, true)
	add("if", "orders", `, "external": true, "condition": {"$and": [{"title": {"$eq": "two"}}]}, "appends": ["customer"]`, false)
	s.enable(s.add(engine.NewWorkflow{Title: "gone"}, `{"collection": "main:orders", "mode": 4, "external": true}`), true)
	add("elsewhere", "lines", "", false)
	ann := s.create("customers", collection.Record{"name": "Ann"})["id"]

	db := s.other()
	s.by(db, fmt.Sprintf(`BEGIN;
		INSERT INTO public.orders (id, title, status, customer_id, day) VALUES (1, 'one', 'new', NULL, '2026-02-03'), (2, 'two', 'new', %v, NULL);
		UPDATE public.orders SET status = 'paid' WHERE id = 1;
		DELETE FROM public.orders WHERE id = 1;
		INSERT INTO public.lines (id, title) VALUES (1, 'nobody asked');
		COMMIT;
		BEGIN; INSERT INTO public.orders (id, title) VALUES (3, 'taken back'); ROLLBACK`, collection.Format(ann)))
	if n := s.outside(); n != 4 {
		t.Errorf("%d changes were seen, want 4", n)
	}
	got := s.one(`SELECT string_agg(w.title || ': ' || concat_ws(' ', x.context ->> 'event', x.context -> 'data' ->> 'title', x.context -> 'data' ->> 'day', x.context ->> 'changed', x.context -> 'previous' ->> 'status',
		x.context -> 'data' -> 'customer' ->> 'name', x.context -> 'user'), E'\n' ORDER BY x.id)
		FROM alur.executions x JOIN alur.workflows w ON w.id = x.workflow_id`)
	want := []string{
		"seen: created one 2026-02-03 null", "refuses: created one 2026-02-03 null", "seen: created two null", "refuses: created two null", "if: created two Ann null",
		`seen: updated one 2026-02-03 ["status"] new null`, `refuses: updated one 2026-02-03 ["status"] new null`, "gone: deleted one 2026-02-03 null",
	}
	if lines := strings.Split(got, "\n"); !slices.Equal(sorted(lines), sorted(want)) {
		t.Errorf("started:\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	if got := s.one(`SELECT string_agg(DISTINCT x.status::text, ',') FROM alur.executions x`); got != "" {
		t.Errorf("an execution ran at once: status %s", got)
	}
	past, _, err := s.records.DeletedRecords(t.Context(), s.db, collection.Access{Actor: auth.System}, "orders", 0, 10)
	if err != nil || len(past) != 1 || past[0].Via != collection.ViaOutside || past[0].Title != "one" {
		t.Errorf("the history says %+v, %v", past, err)
	}

	before := s.one(`SELECT count(*) FROM alur.executions`)
	s.create("orders", collection.Record{"title": "ours"})
	if n := s.one(`SELECT count(*) FROM alur.outside_changes`); n != "0" {
		t.Errorf("%s changes of our own were written down", n)
	}
	if after := s.one(`SELECT count(*) FROM alur.executions`); after == before {
		t.Error("our own change started nothing")
	}
}

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }

// TestOtherProgramsNeedNoRights: whoever may change the table has no rights on what is
// ours, and can do nothing with what watches it.
func TestOtherProgramsNeedNoRights(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.on(`{"collection": "orders", "mode": 1, "external": true}`)
	db := s.other()
	role := "clerk_" + s.one("SELECT current_database()")
	s.by(db, fmt.Sprintf(`CREATE ROLE %q; GRANT INSERT ON public.orders TO %q; SET ROLE %q; INSERT INTO public.orders (id, title) VALUES (7, 'x'); RESET ROLE`, role, role, role))
	defer s.by(db, fmt.Sprintf(`DROP OWNED BY %q; DROP ROLE %q`, role, role))
	for _, statement := range []string{"SELECT * FROM alur.outside_changes", "DELETE FROM alur.outside_changes", "SELECT alur.note_outside_change()"} {
		if _, err := db.ExecContext(t.Context(), fmt.Sprintf(`SET ROLE %q; %s`, role, statement)); err == nil || !strings.Contains(err.Error(), "permission denied") {
			t.Errorf("%s: %v", statement, err)
		}
	}
	s.by(db, "RESET ROLE")
	if n := s.outside(); n != 1 {
		t.Errorf("%d changes were seen, want 1", n)
	}
}

// TestWatchEnds: the database notes only what a workflow that is on asks for.
func TestWatchEnds(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	db := s.other()
	const watching = `{"collection": "orders", "mode": 1, "external": true}`
	watched := func(want string) {
		t.Helper()
		s.by(db, "INSERT INTO public.orders (id, title) SELECT coalesce(max(id), 0) + 1, 'x' FROM public.orders")
		if n := s.one(`SELECT count(*) FROM alur.outside_changes`); n != want {
			t.Errorf("%s changes are noted, want %s", n, want)
		}
	}
	watched("0")
	first := s.on(watching)
	watched("1")
	second := s.on(watching)
	watched("2")
	s.enable(first, false)
	watched("3")
	s.enable(second, false) // and forgets what nobody will hear of
	watched("0")
	s.enable(second, true)
	watched("1")
	if _, err := s.e.UpdateWorkflow(t.Context(), auth.System, second, engine.WorkflowChange{Config: []byte(`{"collection": "orders", "mode": 1}`)}); err != nil {
		t.Fatal(err)
	}
	watched("0")
	s.enable(first, true)
	if _, err := s.e.DeleteWorkflow(t.Context(), auth.System, first); err != nil {
		t.Fatal(err)
	}
	watched("0")
}

// TestOutsideMisfits: what cannot be understood keeps nobody else waiting.
func TestOutsideMisfits(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.on(`{"collection": "orders", "mode": 1, "external": true}`)
	db := s.other()
	s.by(db, `INSERT INTO alur.outside_changes (schema, table_name, kind, after) VALUES
		('public', 'orders', 1, '{"id": 1, "title": "one"}'), ('public', 'orders', 1, '{"id": 2, "day": "never"}'),
		('public', 'dropped', 1, '{"id": 1}'), ('public', 'orders', 1, '{"id": 3, "title": "three", "dropped": true}')`)
	if n := s.outside(); n != 4 {
		t.Errorf("%d changes were taken, want 4", n)
	}
	if got := s.one(`SELECT string_agg(context -> 'data' ->> 'title', ',' ORDER BY id) FROM alur.executions`); got != "one,three" {
		t.Errorf("started for %q", got)
	}
}

// TestOutsideOnce: several processes start each change once, in the order in which it
// was made, whatever else goes on.
func TestOutsideOnce(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.on(`{"collection": "orders", "mode": 1, "external": true}`)
	db := s.other()
	const many = 3*collection.OutsideAtOnce + 7
	stop := make(chan struct{})
	var group sync.WaitGroup
	for i := range 3 {
		records, _ := s.process(s.db, 5+i)
		group.Go(func() {
			for {
				n, err := records.Outside(t.Context(), slog.New(slog.DiscardHandler))
				if err != nil {
					t.Error(err)
					return
				}
				select {
				case <-stop:
					if n == 0 {
						return
					}
				default:
				}
			}
		})
	}
	for i := range many / 10 {
		s.by(db, fmt.Sprintf("INSERT INTO public.orders (id, title) SELECT i, 'x' FROM generate_series(%d, %d) i", 10*i+1, 10*i+10))
	}
	close(stop)
	group.Wait()
	s.outside() // all three may have found another at it
	if got, want := s.one(`SELECT count(*) || ' ' || count(DISTINCT context -> 'data' ->> 'id') FROM alur.executions`), fmt.Sprintf("%d %d", many/10*10, many/10*10); got != want {
		t.Errorf("%s executions for as many records, want %s", got, want)
	}
}

// TestWatchRefuses a table that others own and that may not be watched, at the setting
// that asks for it, with what its owner has to do.
func TestWatchRefuses(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	other := s.other()
	s.by(other, fmt.Sprintf(`CREATE TABLE public.theirs (id bigint PRIMARY KEY, title text); GRANT SELECT, INSERT, UPDATE, DELETE ON public.theirs TO %q`, s.one("SELECT current_user")))
	if _, err := s.records.Adopt(t.Context(), auth.System, "theirs"); err != nil {
		t.Fatal(err)
	}
	id := s.add(engine.NewWorkflow{}, `{"collection": "theirs", "mode": 1, "external": true}`)
	_, err := s.e.EnableWorkflow(t.Context(), auth.System, id, true)
	not, ok := errors.AsType[*engine.NotReady](err)
	if !ok || not.Problems[0].Field != "external" || !strings.Contains(not.Problems[0].Msg, `GRANT TRIGGER ON "public"."theirs"`) {
		t.Errorf("enabling answers %v", err)
	}
	s.by(other, fmt.Sprintf(`GRANT TRIGGER ON public.theirs TO %q`, s.one("SELECT current_user")))
	s.enable(id, true)
	s.by(other, `INSERT INTO public.theirs VALUES (1, 'x')`)
	if n := s.outside(); n != 1 {
		t.Errorf("%d changes were seen, want 1", n)
	}
}

// TestOutsideMisfitTrigger: a workflow that must agree to changes, and whose trigger
// does not fit the collection any more, keeps no change of another program waiting:
// there is nothing to refuse.
func TestOutsideMisfitTrigger(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.enable(s.add(engine.NewWorkflow{Title: "agrees", Sync: true}, `{"collection": "orders", "mode": 3, "external": true, "rollbackOnFailure": true, "changed": ["status"]}`), true)
	s.on(`{"collection": "orders", "mode": 1, "external": true}`)
	if err := s.records.DropField(t.Context(), auth.System, "orders", "status", collection.All); err != nil {
		t.Fatal(err)
	}
	s.by(s.other(), `INSERT INTO public.orders (id, title) VALUES (1, 'one')`)
	if n := s.outside(); n != 1 {
		t.Errorf("%d changes were taken, want 1", n)
	}
	if got := s.one(`SELECT count(*) || ' ' || (SELECT count(*) FROM alur.skipped_triggers WHERE reason = 'trigger') FROM alur.executions`); got != "1 1" {
		t.Errorf("executions, and starts that were left out: %s, want 1 1", got)
	}
}
