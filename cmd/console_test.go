package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"alur/engine/pgtest"
	"alur/engine/queue"

	"github.com/jmoiron/sqlx"
)

// call runs the program in this process and returns its exit code and what it
// said on both outputs.
func call(t *testing.T, env map[string]string, in string, args ...string) (code int, said string) {
	t.Helper()
	var out bytes.Buffer
	p := &program{args: args, env: func(n string) string { return env[n] }, in: strings.NewReader(in), out: &out, err: &out}
	code = p.main(t.Context())
	return code, out.String()
}

// home is an environment with a database and a directory of its own.
func home(t *testing.T) map[string]string {
	t.Helper()
	return map[string]string{"DATABASE_URL": pgtest.NewURL(t), "DATA_DIR": t.TempDir()}
}

func TestUserCreate(t *testing.T) {
	t.Parallel()
	env := home(t)
	code, said := call(t, env, "a quiet green teapot\n", "user", "create", "--email", "Ann@Example.com", "--name", "Ann", "--role", "root")
	if code != 0 || !strings.Contains(said, "Ann@Example.com with role root") {
		t.Fatalf("code %d: %s", code, said)
	}
	db := pgtest.Open(t, env["DATABASE_URL"])
	var role string
	if err := db.GetContext(t.Context(), &role, "SELECT role FROM alur.users WHERE nickname = 'Ann' AND password LIKE '$argon2id$%'"); err != nil || role != "root" {
		t.Errorf("the account has role %q (%v), want root", role, err)
	}
	env["ALUR_PASSWORD"] = "a quiet green teapot"
	for _, tc := range []struct {
		args string
		want string
	}{
		{"user create --email ann@example.com", "mail"},
		{"user create --email bob@example.com --role king", "no such role"},
		{"user create", "--email"},
		{"user create --email bob@example.com extra", "no use for"},
		{"user remove", "user create --email"},
		{"user create --email nonsense", "mail"},
	} {
		code, said := call(t, env, "", strings.Fields(tc.args)...)
		if code != 1 || !strings.Contains(said, tc.want) || strings.Count(strings.TrimSpace(said), "\n") > 0 {
			t.Errorf("%s: code %d, %q; want 1 and one sentence with %q", tc.args, code, said, tc.want)
		}
	}
	delete(env, "ALUR_PASSWORD")
	if code, said := call(t, env, "", "user", "create", "--email", "bob@example.com"); code != 1 || !strings.Contains(said, "ALUR_PASSWORD") {
		t.Errorf("without a password: code %d, %q", code, said)
	}
}

func TestUserReset(t *testing.T) {
	t.Parallel()
	env := home(t)
	env["BASE_URL"] = "https://alur.example"
	if code, said := call(t, env, "a quiet green teapot\n", "user", "create", "--email", "ann@example.com", "--role", "root"); code != 0 {
		t.Fatalf("code %d: %s", code, said)
	}
	code, said := call(t, env, "", "user", "reset", "--email", "Ann@Example.com")
	if code != 0 || !strings.Contains(said, "https://alur.example/reset/alur_rst_") {
		t.Errorf("code %d: %s", code, said)
	}
	for args, want := range map[string]string{
		"user reset":                         "--email",
		"user reset --email bob@example.com": "no such person",
		"user reset --email x more":          "no use for",
	} {
		if code, said := call(t, env, "", strings.Fields(args)...); code != 1 || !strings.Contains(said, want) {
			t.Errorf("%s: code %d, %q; want 1 and %q", args, code, said, want)
		}
	}
}

func TestFirstAdministrator(t *testing.T) {
	t.Parallel()
	env := home(t)
	c, _, err := parseConfig("serve", nil, func(n string) string {
		return map[string]string{"DATABASE_URL": env["DATABASE_URL"], "DATA_DIR": env["DATA_DIR"],
			"ADMIN_EMAIL": "ann@example.com", "ADMIN_PASSWORD": "a quiet green teapot"}[n]
	}, io.Discard, nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := (&program{err: io.Discard, env: func(string) string { return "" }}).openApp(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()
	link, err := a.setupLink(t.Context())
	if err != nil || !strings.HasPrefix(link, "http://127.0.0.1:8080/setup/") {
		t.Errorf("the setup link is %q (%v)", link, err)
	}
	for range 2 { // the second start changes nothing
		if err := a.firstAdministrator(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if link, err := a.setupLink(t.Context()); link != "" || err != nil {
		t.Errorf("with an administrator there is still a setup link %q (%v)", link, err)
	}
	var n int
	if err := a.db.GetContext(t.Context(), &n, "SELECT count(*) FROM alur.users WHERE role = 'root'"); err != nil || n != 1 {
		t.Errorf("%d roots (%v), want 1", n, err)
	}
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	env := map[string]string{"DATABASE_URL": pgtest.NewEmptyURL(t)}
	for range 2 {
		if code, said := call(t, env, "", "migrate"); code != 0 || !strings.Contains(said, "up to date") {
			t.Errorf("code %d: %s", code, said)
		}
	}
}

// TestDoctorChangesNothing: a database that is empty, or behind, stays as it is.
func TestDoctorChangesNothing(t *testing.T) {
	t.Parallel()
	env := map[string]string{"DATA_DIR": t.TempDir(), "LISTEN": "127.0.0.1:0", "WORKER": "off", "DATABASE_URL": pgtest.NewEmptyURL(t)}
	all, err := filepath.Glob("../migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	if code, said := call(t, env, "", "doctor"); code != 0 || !strings.Contains(said, fmt.Sprintf("migrations to apply: %d", len(all))) {
		t.Errorf("an empty database: code %d\n%s", code, said)
	}
	db := pgtest.Open(t, env["DATABASE_URL"])
	var schemas int
	if err := db.GetContext(t.Context(), &schemas, "SELECT count(*) FROM pg_namespace WHERE nspname = 'alur'"); err != nil || schemas != 0 {
		t.Errorf("the schema is there %d times (%v), want 0", schemas, err)
	}
	if code, said := call(t, env, "", "migrate"); code != 0 {
		t.Fatalf("migrate: code %d\n%s", code, said)
	}
	for _, change := range []struct{ sql, want string }{
		{"UPDATE alur.schema_migrations SET version_id = version_id + 1 WHERE version_id = (SELECT max(version_id) FROM alur.schema_migrations)", "newer version of alur"},
		{"DELETE FROM alur.schema_migrations WHERE version_id >= (SELECT max(version_id) - 2 FROM alur.schema_migrations)", "migrations to apply: 2"},
	} {
		if _, err := db.ExecContext(t.Context(), change.sql); err != nil {
			t.Fatal(err)
		}
		if _, said := call(t, env, "", "doctor"); !strings.Contains(said, change.want) {
			t.Errorf("says nothing of %q:\n%s", change.want, said)
		}
	}
}

func TestDoctor(t *testing.T) {
	t.Parallel()
	env := home(t)
	env["LISTEN"] = "127.0.0.1:0"
	code, said := call(t, env, "", "doctor")
	if code != 0 || !strings.Contains(said, "✓ Database: PostgreSQL") || !strings.Contains(said, "! Mail:") ||
		!strings.Contains(said, "! Audit log:") || !strings.Contains(said, `GRANT SELECT, INSERT ON alur.audit_log TO "alur";`) {
		t.Errorf("a good machine: code %d\n%s", code, said)
	}
	env["WORKER"] = "off"
	if code, said := call(t, env, "", "doctor"); code != 1 || !strings.Contains(said, "nobody works on this database") {
		t.Errorf("a server alone that does not work: code %d\n%s", code, said)
	}
	q, err := queue.Open(t.Context(), pgtest.Open(t, env["DATABASE_URL"]))
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	if code, said := call(t, env, "", "doctor"); code != 0 || !strings.Contains(said, "that work on this database: 1") {
		t.Errorf("beside a worker: code %d\n%s", code, said)
	}

	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	taken.Close()
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	go func() { // not alur: closes every connection
		for {
			c, err := busy.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	if err := os.Chmod(filepath.Join(env["DATA_DIR"], "secret.key"), 0o644); err != nil {
		t.Fatal(err)
	}
	env["LISTEN"] = busy.Addr().String()
	env["BASE_URL"] = "http://alur.example.com"
	env["DATABASE_URL"] = strings.Replace(env["DATABASE_URL"], "/t", "/missing_t", 1)
	env["SMTP_URL"], env["MAIL_FROM"] = "smtp://"+taken.Addr().String(), "alur@example.com"
	code, said = call(t, env, "", "doctor")
	for _, want := range []string{"chmod 600", "choose another with LISTEN", "without encryption", "Check DATABASE_URL", "Check SMTP_URL", "4 of the checks"} {
		if !strings.Contains(said, want) {
			t.Errorf("says nothing of %q:\n%s", want, said)
		}
	}
	if code != 1 {
		t.Errorf("ends with code %d, want 1", code)
	}
}

// TestDoctorDoesNotWait: a database that does not answer is a finding, at once.
func TestDoctorDoesNotWait(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var calls atomic.Int32
	go func() { // closes every connection, as a proxy before a stopped database does
		for {
			c, err := silent.Accept()
			if err != nil {
				return
			}
			calls.Add(1)
			c.Close()
		}
	}()
	defer silent.Close()
	env := map[string]string{"DATA_DIR": t.TempDir(), "LISTEN": "127.0.0.1:0", "DATABASE_URL": "postgres://alur@" + silent.Addr().String() + "/alur?sslmode=disable"}
	if code, said := call(t, env, "", "doctor"); code != 1 || !strings.Contains(said, "Check DATABASE_URL") {
		t.Errorf("code %d\n%s", code, said)
	}
	if n := calls.Load(); n == 0 || n > 3*2 { // the checks that need it; lib/pq itself tries once more
		t.Errorf("asked the database %d times", n)
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	if code, said := call(t, nil, "", "help"); code != 0 || !strings.Contains(said, "alur serve") {
		t.Errorf("help: code %d, %q", code, said)
	}
	env := map[string]string{"DATABASE_URL": "postgres://u:hidden@h/d"}
	if code, said := call(t, env, "", "serve", "-h"); code != 0 || !strings.Contains(said, "DATABASE_URL") || strings.Contains(said, "secret-key") || strings.Contains(said, "hidden") {
		t.Errorf("serve -h: code %d, %q", code, said)
	}
	if code, said := call(t, nil, ""); code != 2 || !strings.Contains(said, "alur serve") {
		t.Errorf("no command: code %d, %q", code, said)
	}
	if code, said := call(t, nil, "", "serve", "--wrokers", "3"); code != 2 || !strings.Contains(said, "wrokers") {
		t.Errorf("a mistyped flag: code %d, %q", code, said)
	}
}

// TestSecret lets first starts race for the key.
func TestSecret(t *testing.T) {
	t.Parallel()
	c := Config{DataDir: filepath.Join(t.TempDir(), "data")}
	keys := make([]string, 16)
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() {
			key, err := secretKey(c)
			if err != nil {
				t.Error(err)
			}
			keys[i] = string(key)
		})
	}
	wg.Wait()
	for _, key := range keys {
		if key != keys[0] || len(key) != 64 {
			t.Errorf("keys %q and %q, want the same 64 characters", key, keys[0])
		}
	}
	entries, err := os.ReadDir(c.DataDir)
	if err != nil || len(entries) != 1 {
		t.Errorf("left in the directory: %v (%v), want the key alone", entries, err)
	}
	if err := os.WriteFile(filepath.Join(c.DataDir, "secret.key"), []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := secretKey(c); err == nil || !strings.Contains(err.Error(), "backup") {
		t.Errorf("a damaged key: %v, want words about the backup", err)
	}
}

// TestNumbers fills a database with processes.
func TestNumbers(t *testing.T) {
	t.Parallel()
	url := pgtest.NewURL(t)
	held := map[int]*workerNumber{}
	for range 32 {
		w, err := takeNumber(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer w.close()
		if held[w.n] != nil {
			t.Fatalf("number %d is given twice", w.n)
		}
		held[w.n] = w
	}
	if w, err := takeNumber(t.Context(), url); err == nil {
		t.Errorf("a 33rd process got number %d", w.n)
	}
	held[7].close()
	var again *workerNumber
	await(t, func() (err error) { again, err = takeNumber(t.Context(), url); return err })
	if again.n != 7 {
		t.Errorf("got number %d, want the free one, 7", again.n)
	}
	again.close()
}

// TestNumberAfterRestart starts a process right after the end of another: within
// one second both would make the same ids with the same number.
func TestNumberAfterRestart(t *testing.T) {
	t.Parallel()
	url := pgtest.NewURL(t)
	last := -1
	for range 5 {
		w, err := takeNumber(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		w.close()
		if w.n == last {
			t.Errorf("a start gets number %d, which the last process had a moment ago", w.n)
		}
		last = w.n
	}
}

// TestNumberSurvives breaks the connection that holds a number.
func TestNumberSurvives(t *testing.T) {
	t.Parallel()
	url := pgtest.NewURL(t)
	w, err := takeNumber(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.keep(ctx, slog.New(slog.DiscardHandler)) }()
	admin, err := sqlx.Connect("postgres", url)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	admin.SetMaxOpenConns(1)

	const locks = " FROM pg_locks WHERE locktype = 'advisory' AND classid = 4712 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
	const holder = "SELECT pid" + locks
	var old, now int
	if err := admin.Get(&old, holder); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.Exec("SELECT pg_terminate_backend($1)", old); err != nil {
		t.Fatal(err)
	}
	await(t, func() error {
		if err := admin.Get(&now, holder); err != nil {
			return err
		}
		if now == old {
			return errors.New("still the old session")
		}
		return nil
	})

	// Somebody else waits for the number and gets it before the process is back:
	// better no process than doubled ids.
	thief, err := sqlx.Connect("postgres", url)
	if err != nil {
		t.Fatal(err)
	}
	defer thief.Close()
	thief.SetMaxOpenConns(1)
	stolen := make(chan error, 1)
	go func() {
		_, err := thief.Exec("SELECT pg_advisory_lock(4712, $1)", w.n)
		stolen <- err
	}()
	await(t, func() error {
		return admin.Get(&now, holder+" AND NOT granted")
	})
	if _, err := admin.Exec("SELECT pg_terminate_backend(pid)" + locks + " AND granted"); err != nil {
		t.Fatal(err)
	}
	if err := <-stolen; err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if !errors.Is(err, errNumberLost) {
			t.Errorf("keep: %v, want errNumberLost", err)
		}
	case <-time.After(30 * time.Second):
		t.Error("the process goes on with a number that another has")
	}
	stop()
}

func await(t *testing.T, fn func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		if err = fn(); err == nil {
			return
		}
		select {
		case <-t.Context().Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
	t.Fatal(err)
}
