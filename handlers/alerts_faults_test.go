package handlers

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"alur/engine"
	"alur/engine/alert"
	"alur/engine/auth"
	"alur/engine/mail"
	"alur/engine/pg"
	"alur/engine/pgtest"
	"alur/engine/queue"
	"alur/engine/snowflake"
)

// faults is a server with a watchdog and a clock that tests move ahead.
type faults struct {
	*Server
	t      *testing.T
	ahead  atomic.Int64
	free   uint64 // bytes on the disk of the database
	dog    *alert.Watchdog
	direct []mail.Message // that went past the outbox
	log    bytes.Buffer
	flow   engine.Workflow

	session *pg.Conn // see outside
}

func (f *faults) now() time.Time { return time.Now().Add(time.Duration(f.ahead.Load())) }

func newFaults(t *testing.T) *faults {
	t.Helper()
	f := &faults{Server: newServer(t, pgtest.New(t)), t: t, free: 100 << 30}
	f.Now, f.Engine.Now, f.Outbox.Now, f.Auth.Now, f.MailSent = f.now, f.now, f.now, f.now, true
	f.Disk = func() (uint64, string, bool) { return f.free, "/var/lib/alur", true }
	if _, err := f.Auth.Create(t.Context(), auth.System, auth.NewUser{Nickname: "Ann", Email: "ann@alur.test", Role: auth.Admin}); err != nil {
		t.Fatal(err)
	}
	var err error
	if f.flow, err = f.Engine.CreateWorkflow(t.Context(), auth.System, engine.NewWorkflow{Title: "Orders", Type: "collection"}); err != nil {
		t.Fatal(err)
	}
	f.dog = &alert.Watchdog{DB: f.DB, Now: f.now, Log: slog.New(slog.NewTextHandler(&f.log, nil)), Engine: f.Engine, Outbox: f.Outbox,
		Person: func(ctx context.Context, id int64) (auth.Actor, error) { return f.Auth.Actor(ctx, id, auth.Union) },
		Zone:   f.Auth.Zone, Values: f.Values, Watch: f.watch, Words: AlertWords{}, BaseURL: "https://alur.test",
		Direct: func(_ context.Context, _ int64, m mail.Message) error { f.direct = append(f.direct, m); return nil }}
	return f
}

func (f *faults) exec(query string, args ...any) {
	f.t.Helper()
	if _, err := f.DB.ExecContext(f.t.Context(), query, args...); err != nil {
		f.t.Fatalf("%s: %v", query, err)
	}
}

// outside runs a statement by a session that is none of the server's; %s in it is
// the name of the database.
func (f *faults) outside(format string) {
	f.t.Helper()
	if f.session == nil {
		var err error
		if f.session, err = pgtest.Open(f.t, pgtest.URL(f.t, f.DB)).Conn(f.t.Context()); err != nil {
			f.t.Fatal(err)
		}
		f.t.Cleanup(f.session.Discard)
	}
	var name string
	if err := f.session.GetContext(f.t.Context(), &name, "SELECT quote_ident(current_database())"); err != nil {
		f.t.Fatal(err)
	}
	statement := strings.ReplaceAll(format, "DATABASE %s", "DATABASE "+name)
	if err := f.session.Simple(f.t.Context(), statement); err != nil {
		f.t.Fatalf("%s: %v", statement, err)
	}
}

// execution writes one of the workflow that was made a moment ago.
func (f *faults) execution() int64 {
	f.t.Helper()
	id := snowflake.At(f.now().Add(-time.Second)) + 1
	f.exec(`INSERT INTO alur.executions (id, workflow_id, key, context, created_at) VALUES ($1, $2, $3, '{}', $4)`, id, f.flow.ID, f.flow.Key, f.now())
	return id
}

// subjects are the mails that went out, by the outbox or past it.
func (f *faults) subjects() string {
	var all []string
	_ = f.DB.Side().SelectContext(f.t.Context(), &all, "SELECT subject FROM alur.mails ORDER BY id") // it may be away
	for _, m := range f.direct {
		all = append(all, m.Subject)
	}
	return strings.Join(all, " | ")
}

// noRoom makes the database refuse whatever takes room, as it does when its disk is
// full (code 53100), its memory (53200), or when its disk fails (58030).
func noRoom(code string) string {
	return fmt.Sprintf(`
		CREATE OR REPLACE FUNCTION alur.no_room() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '%s'; END $$;
		DO $$
		DECLARE name text;
		BEGIN
			FOR name IN SELECT format('%%I.%%I', schemaname, tablename) FROM pg_tables WHERE schemaname IN ('alur', 'public') LOOP
				EXECUTE format('CREATE TRIGGER no_room BEFORE INSERT OR UPDATE ON %%s FOR EACH ROW EXECUTE FUNCTION alur.no_room()', name);
			END LOOP;
		END $$`, code)
}

const roomAgain = "DROP FUNCTION alur.no_room CASCADE"

// TestFaults: whatever goes wrong, somebody is told within five minutes (R19), once,
// and is told once when it is over. A process that is killed is in package crashtest.
func TestFaults(t *testing.T) {
	t.Parallel()
	database := func(format string) func(f *faults) {
		return func(f *faults) {
			f.outside(format)
			f.outside(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()`)
		}
	}
	ended := func(f *faults) {
		f.exec("UPDATE alur.executions SET status = 1, started_at = $1, ended_at = $1, lease_until = NULL", f.now())
	}
	simple := func(query string) func(f *faults) { return func(f *faults) { f.outside(query) } }
	for _, tc := range []struct {
		name  string
		cause func(f *faults)
		turn  func(f *faults) // what others do meanwhile; nil: nothing
		want  string          // part of a subject
		cure  func(f *faults)
		over  string // part of a subject; "": nobody is told, because it has happened and has no end
	}{
		{"an execution fails", func(f *faults) {
			id := f.execution()
			f.exec("UPDATE alur.executions SET status = -2, reason = 'It broke.', started_at = $2, ended_at = $2 WHERE id = $1", id, f.now())
		}, nil, "“Orders” failed", func(f *faults) {
			id := f.execution()
			f.exec("UPDATE alur.executions SET status = 1, started_at = $2, ended_at = $2 WHERE id = $1", id, f.now())
		}, "“Orders” works again"},
		{"an execution stands still", func(f *faults) {
			id := f.execution()
			f.exec("UPDATE alur.executions SET started_at = $2, attempts = 1, lease_until = $2 WHERE id = $1", id, f.now())
		}, nil, "Orders stands still", ended, "Orders no longer stands still"},
		{"a process is lost", func(f *faults) {
			f.execution()
			q, err := queue.Open(f.t.Context(), f.DB)
			if err != nil {
				f.t.Fatal(err)
			}
			if claims, err := q.Claim(f.t.Context(), f.flow.ID, 0, 1, 0); err != nil || len(claims) != 1 {
				f.t.Fatalf("claimed %v, %v", claims, err)
			}
			q.Close() // it says nothing
			other, err := queue.Open(f.t.Context(), f.DB)
			if err != nil {
				f.t.Fatal(err)
			}
			defer other.Close()
			for end := time.Now().Add(20 * time.Second); ; { // its session ends in the background
				n, err := other.Rescue(f.t.Context())
				if n == 1 && err == nil {
					break
				}
				if err != nil || time.Now().After(end) {
					f.t.Fatalf("rescued %d, %v", n, err)
				}
			}
		}, nil, "1 process that ran workflows was lost", simple("DELETE FROM alur.lost_processes"), ""},
		{"no process runs workflows", func(f *faults) { f.execution() }, nil, "No process runs workflows", ended, "Work no longer waits for a process"},
		{"a schedule does not start", func(f *faults) {
			f.exec("UPDATE alur.workflows SET enabled = true, type = 'schedule', config = $1", fmt.Sprintf(`{"startsOn": %q, "repeat": "0 * * * *"}`, f.now().UTC().Format(time.RFC3339)))
			f.exec("INSERT INTO alur.schedules (key, workflow_id, generation, armed_at, counts_from) VALUES ($1, $2, 1, $3, $3)", f.flow.Key, f.flow.ID, f.now())
			f.exec("INSERT INTO alur.firings (key, record, generation, start_at, due_at) VALUES ($1, '', 1, $2, $2)", f.flow.Key, f.now())
		}, nil, "Orders did not start when it was due", simple("DELETE FROM alur.firings"), "Orders is no longer overdue"},
		{"a trigger is broken", func(f *faults) {
			f.exec(`UPDATE alur.workflows SET enabled = true, config = '{"collection": "gone", "mode": 1}'`)
		}, nil, "Orders cannot start", simple("UPDATE alur.workflows SET enabled = false"), "Orders can start again, or was turned off"},
		{"the disk is nearly full", func(f *faults) { f.free = 300 << 20 }, nil, "Only 300 MB are free for the database",
			func(f *faults) { f.free = 100 << 30 }, "There is room for the database again"},
		{"the disk is full", simple(noRoom("53100")), nil, "The disk of the database is full", simple(roomAgain), "The database of Alur works again"},
		{"the disk is full, not for us", func(f *faults) {
			f.outside(noRoom("53100"))
			f.outside("DROP TRIGGER no_room ON alur.watchdog")
			_, _ = f.DB.ExecContext(f.t.Context(), "UPDATE alur.workflows SET title = title") // somebody meets it
		}, nil, "The disk of the database is full", simple(roomAgain), "The database of Alur works again"},
		{"the memory is full", simple(noRoom("53200")), nil, "The database has no memory left", simple(roomAgain), "The database of Alur works again"},
		{"the disk fails", simple(noRoom("58030")), nil, "The disk of the database fails", simple(roomAgain), "The database of Alur works again"},
		{"the database takes no changes", database("ALTER DATABASE %s SET default_transaction_read_only = on"), nil, "The database takes no changes",
			func(f *faults) {
				f.outside("SET default_transaction_read_only = off")
				database("ALTER DATABASE %s RESET default_transaction_read_only")(f)
			}, "The database of Alur works again"},
		{"the database refuses connections", database("ALTER DATABASE %s CONNECTION LIMIT 0"), nil, "The database cannot be reached",
			simple("ALTER DATABASE %s CONNECTION LIMIT -1"), "The database of Alur works again"},
		{"the mail server is gone", func(f *faults) {
			if _, err := f.Outbox.Enqueue(f.t.Context(), f.DB, mail.Message{ToAddress: "bob@alur.test", Subject: "Approve", Text: "Approve"}); err != nil {
				f.t.Fatal(err)
			}
		}, deliverNowhere(t), "1 mail is not sent yet", func(*faults) {}, "No mails wait to be sent any more"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := newFaults(t)
			f.dog.Look(t.Context())
			if got := f.subjects(); got != "" {
				t.Fatalf("told before anything is wrong: %s", got)
			}
			tc.cause(f)
			if !f.until(tc.want, 5*time.Minute, tc.turn) {
				t.Fatalf("after five minutes people were told %q, want %q\n%s", f.subjects(), tc.want, f.log.String())
			}
			if !strings.Contains(f.log.String(), "needs attention") && !strings.Contains(f.log.String(), "workflow failed") {
				t.Errorf("the log says nothing of it:\n%s", f.log.String())
			}
			if tc.over != "" && f.until(tc.over, 10*time.Minute, tc.turn) {
				t.Fatalf("told that it is over while it is not: %s", f.subjects())
			}
			tc.cure(f)
			found := f.until(cmp.Or(tc.over, "lost no more"), 10*time.Minute, deliver)
			if found != (tc.over != "") {
				t.Errorf("when it was over people were told %q, want %q\n%s", f.subjects(), tc.over, f.log.String())
			}
			f.until("nothing more", 10*time.Minute, deliver)
			for _, part := range []string{tc.want, tc.over} {
				if got := strings.Count(f.subjects(), part); part != "" && got != 1 {
					t.Errorf("%q was told %d times: %s", part, got, f.subjects())
				}
			}
		})
	}
}

// until lets the watchdog look for so long at most that somebody was told what holds
// text, and reports whether one was; turn is what others do meanwhile.
func (f *faults) until(text string, most time.Duration, turn func(*faults)) bool {
	for range most / alert.Every {
		f.ahead.Add(int64(alert.Every))
		if turn != nil {
			turn(f)
		}
		f.dog.Look(f.t.Context())
		if strings.Contains(f.subjects(), text) {
			return true
		}
	}
	return false
}

// deliver sends all mails, unless the database is away.
func deliver(f *faults) {
	_, _ = f.DB.ExecContext(f.t.Context(), "UPDATE alur.mails SET status = 'sent', sent_at = $1 WHERE status = 'queued'", f.now())
}

// deliverNowhere tries to send what is in the outbox to where nobody listens.
func deliverNowhere(t *testing.T) func(*faults) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	smtp, err := mail.ParseSMTP("smtp://"+listener.Addr().String(), "alur@alur.test")
	if err != nil {
		t.Fatal(err)
	}
	return func(f *faults) {
		w := &mail.Worker{DB: f.DB, SMTP: smtp, Now: f.now, Log: slog.New(slog.DiscardHandler)}
		if _, err := w.Deliver(f.t.Context()); err != nil {
			f.t.Fatal(err)
		}
	}
}
