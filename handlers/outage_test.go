package handlers

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"alur/engine/collection"
)

// await waits until there is what is told.
func (s *site) await(what string, there func() bool) {
	s.t.Helper()
	end := time.After(2 * time.Minute)
	for tick := time.Tick(10 * time.Millisecond); !there(); {
		select {
		case <-tick:
		case <-end:
			s.t.Fatalf("no %s", what)
		}
	}
}

// ended is how many executions have come to which status: "5 with 1".
func (s *site) ended() (list string) {
	s.t.Helper()
	err := s.DB.GetContext(s.t.Context(), &list, `SELECT coalesce(string_agg(n || ' with ' || status, ', ' ORDER BY status), '')
		FROM (SELECT status, count(*) AS n FROM alur.executions WHERE status IS NOT NULL GROUP BY status) e`)
	if err != nil {
		s.t.Fatal(err)
	}
	return list
}

// TestNoRoom: while the database has no room, pages can be read and say what to do,
// nothing that was taken in is lost, and all goes on by itself once it has room.
func TestNoRoom(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, code, open, title string }{
		{"the disk is full", "53100", "", "The disk of the database is full."},
		// What is there already can be changed, as long as its page has room.
		{"the disk is full for what grows", "53100", "DROP TRIGGER no_room ON alur.executions; DROP TRIGGER no_room ON alur.slots; DROP TRIGGER no_room ON alur.watchdog", "The disk of the database is full."},
		{"the disk is full for records", "53100", "DROP TRIGGER no_room ON alur.executions; DROP TRIGGER no_room ON alur.slots; DROP TRIGGER no_room ON alur.jobs", "The disk of the database is full."},
		{"the memory is full", "53200", "", "The database has no memory left."},
		{"the disk fails", "58030", "", "The disk of the database fails."},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			ctx := t.Context()
			if err := s.Samples.Install(ctx, s.users[root].Actor(), "orders"); err != nil {
				t.Fatal(err)
			}
			for range 5 {
				s.record("orders", collection.Record{"product": s.first("products"), "quantity": 1.0})
			}
			var before float64
			stock := "SELECT sum(stock) FROM public.products"
			if err := s.DB.GetContext(ctx, &before, stock); err != nil {
				t.Fatal(err)
			}
			s.execute("UPDATE alur.sessions SET used_at = used_at - interval '10 min'") // so that pages would note their use
			s.Auth.Forget("")
			if _, err := s.DB.Side().ExecContext(ctx, noRoom(tc.code)+";"+tc.open); err != nil {
				t.Fatal(err)
			}
			working, stop := context.WithCancel(ctx)
			worked := make(chan struct{})
			go func() { defer close(worked); s.Engine.Work(working, 2) }()
			defer func() { stop(); <-worked }()
			s.await("full database", func() bool { return s.Engine.Exhausted() != nil })

			if got := s.get(nobody, "/readyz").want(http.StatusServiceUnavailable).Text; !strings.HasPrefix(got, "nothing can be saved: the d") {
				t.Errorf("/readyz says %q", got)
			}
			s.get(nobody, "/healthz").want(http.StatusOK)
			for who, want := range map[role]string{admin: tc.title, member: "Nothing can be saved at the moment."} {
				for _, path := range []string{"/", "/tasks", "/data/orders"} {
					if got := s.get(who, path).want(http.StatusOK).find(".outage"); !strings.HasPrefix(got, want) {
						t.Errorf("%s sees at %s: %q, want %q", who, path, got, want)
					}
				}
			}
			if got := s.get(admin, "/attention").want(http.StatusOK).find("#database-noroom .list-title"); got+"." != tc.title {
				t.Errorf("“Needs attention” says %q", got)
			}
			said := "Nothing was saved: " + lower(strings.TrimSuffix(tc.title, "."))
			if got := s.post(admin, "/workflows", url.Values{"title": {"New"}, "type": {"collection"}}).want(http.StatusServiceUnavailable).words(); !strings.Contains(got, said) {
				t.Errorf("a form answers %q", got)
			}
			if a := s.postJSON(memberKey, "/api/products:create", `{"name": "Lamp", "price": 1, "stock": 1}`).want(http.StatusServiceUnavailable); !strings.Contains(a.Text, said) || a.Header.Get("Retry-After") == "" {
				t.Errorf("the API answers %q", a.Text)
			}
			if got := s.post(nobody, "/sign-in", url.Values{"account": {"member@alur.test"}, "password": {password}}).want(http.StatusServiceUnavailable).Text; !strings.Contains(got, said) {
				t.Errorf("signing in answers %.2000s", got)
			}
			if got := s.ended(); got != "" {
				t.Errorf("ended meanwhile: %s", got)
			}

			if _, err := s.DB.Side().ExecContext(ctx, roomAgain); err != nil {
				t.Fatal(err)
			}
			s.await("end of the five executions", func() bool { return s.ended() == "5 with 1" })
			s.await("room", func() bool { return s.Engine.Exhausted() == nil })
			if got := s.get(nobody, "/readyz").want(http.StatusOK).Text; got != "ok\n" {
				t.Errorf("/readyz says %q", got)
			}
			if s.get(admin, "/").want(http.StatusOK).doc().Find(".outage").Length() != 0 {
				t.Error("the page still says that nothing can be saved")
			}
			var after float64
			if err := s.DB.GetContext(ctx, &after, stock); err != nil || after != before-5 {
				t.Errorf("stock %v of %v, %v; want 5 less", after, before, err)
			}
		})
	}
}

// TestTooMuchForMemory: what only one execution asks for too much of is its own fault:
// it ends with an error, and the database counts as well.
func TestTooMuchForMemory(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx := t.Context()
	if err := s.Samples.Install(ctx, s.users[root].Actor(), "orders"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.DB.Side().ExecContext(ctx, noRoom("53200")+`; DO $$
		DECLARE name text;
		BEGIN
			FOR name IN SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = 'alur' OR tablename <> 'products' AND schemaname = 'public' LOOP
				EXECUTE format('DROP TRIGGER no_room ON %s', name);
			END LOOP;
		END $$`); err != nil {
		t.Fatal(err)
	}
	s.record("orders", collection.Record{"product": s.first("products"), "quantity": 1.0})
	s.work()
	if got := s.ended(); got != "1 with -2" {
		t.Errorf("ended: %s, want one error", got)
	}
	if err := s.Engine.CheckRoom(ctx); err != nil || s.Engine.Exhausted() != nil {
		t.Errorf("the database has no room: %v, %v", err, s.Engine.Exhausted())
	}
	s.get(nobody, "/readyz").want(http.StatusOK)
}
