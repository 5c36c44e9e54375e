package cmd_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"alur/engine/crashtest"
	"alur/engine/pgtest"
)

// starters are the users that a start is tried as.
func starters() []string {
	if os.Getuid() == 0 {
		return []string{"", "nobody"} // root, and somebody ordinary
	}
	return []string{""}
}

func eachStarter(t *testing.T, fn func(t *testing.T, user string)) {
	t.Parallel()
	for _, user := range starters() {
		name := "self"
		if user != "" {
			name = user
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fn(t, user)
		})
	}
}

func start(t *testing.T, user string, env ...string) *crashtest.Server {
	t.Helper()
	return crashtest.Start(t, crashtest.Options{User: user, Env: env, Wait: true})
}

// mark leaves something in the database of a data directory, and marked looks
// whether it is still there.
func mark(t *testing.T, dir string) {
	t.Helper()
	db := pgtest.Open(t, crashtest.DatabaseURL(dir))
	if _, err := db.ExecContext(t.Context(), "INSERT INTO alur.settings (key, value) VALUES ('mark', '1')"); err != nil {
		t.Fatalf("leave a mark: %v", err)
	}
}

func checkMarked(t *testing.T, dir string) {
	t.Helper()
	db := pgtest.Open(t, crashtest.DatabaseURL(dir))
	var n int
	if err := db.GetContext(t.Context(), &n, "SELECT count(*) FROM alur.settings WHERE key = 'mark'"); err != nil || n != 1 {
		t.Errorf("%d marks left (%v), want 1", n, err)
	}
}

func TestFirstStart(t *testing.T) {
	eachStarter(t, func(t *testing.T, user string) {
		dir := crashtest.Dir(t)
		s := start(t, user, "DATA_DIR="+dir)
		link := s.Log.Value(s.URL + "/setup/")
		if link == "" {
			t.Errorf("no setup link was printed")
		}
		status, body := s.Get("/")
		if status != http.StatusServiceUnavailable || !strings.Contains(body, "setup link") && !strings.Contains(body, "set-up link") {
			t.Errorf("before the set-up a page answers %d, want 503 with words about the link; it says %s", status, body)
		}
		if status, _ := s.Get("/setup/" + link); status != http.StatusOK {
			t.Errorf("the setup link answers %d, want 200", status)
		}
		info, err := os.Stat(filepath.Join(dir, "secret.key"))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the secret key has mode %v (%v), want 0600", info, err)
		}
		mark(t, dir)
		if code := s.Stop(); code != 0 {
			t.Errorf("SIGTERM ends with code %d, want 0", code)
		}
		if pid := crashtest.PostgreSQL(dir); pid != 0 {
			t.Errorf("PostgreSQL %d is left running after a stop", pid)
		}
		again := start(t, user, "DATA_DIR="+dir)
		checkMarked(t, dir)
		if code := again.Stop(); code != 0 {
			t.Errorf("the second stop ends with code %d, want 0", code)
		}
	})
}

func TestStartAfterKill(t *testing.T) {
	eachStarter(t, func(t *testing.T, user string) {
		dir := crashtest.Dir(t)
		env := "DATA_DIR=" + dir
		s := start(t, user, env)
		mark(t, dir)

		// PostgreSQL alone: the server gets it back.
		old := crashtest.PostgreSQL(dir)
		kill(t, old)
		s.Await("a new PostgreSQL", func() bool {
			pid := crashtest.PostgreSQL(dir)
			return pid != 0 && pid != old && s.Healthy()
		})

		// The server alone: PostgreSQL goes with it.
		old = crashtest.PostgreSQL(dir)
		s.Kill()
		s = start(t, user, env)
		if pid := crashtest.PostgreSQL(dir); pid == old {
			t.Errorf("the PostgreSQL of the killed server, %d, still runs", pid)
		}

		// Both at once, and once more.
		for range 2 {
			s.Signal(syscall.SIGSTOP) // so that it cannot start another
			kill(t, crashtest.PostgreSQL(dir))
			s.Kill()
			s = start(t, user, env)
		}
		checkMarked(t, dir)
	})
}

func kill(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatalf("kill PostgreSQL %d: %v", pid, err)
	}
}

func TestSecondInstance(t *testing.T) {
	eachStarter(t, func(t *testing.T, user string) {
		dir := crashtest.Dir(t)
		env := "DATA_DIR=" + dir
		first := start(t, user, env)
		second := start(t, user, env)
		if a, b := first.Log.Value("worker_number="), second.Log.Value("worker_number="); a == b {
			t.Errorf("both have worker number %s", a)
		}
		mark(t, dir)
		old := crashtest.PostgreSQL(dir)
		first.Kill()
		second.Await("the takeover after a kill", func() bool { return crashtest.PostgreSQL(dir) != old && second.Healthy() })
		checkMarked(t, dir)

		// And after an orderly stop.
		third := start(t, user, env)
		old = crashtest.PostgreSQL(dir)
		if code := second.Stop(); code != 0 {
			t.Errorf("the owner stops with code %d, want 0", code)
		}
		third.Await("the takeover after a stop", func() bool { return crashtest.PostgreSQL(dir) != old && third.Healthy() })
		checkMarked(t, dir)
	})
}

func TestDatabaseURL(t *testing.T) {
	t.Parallel()
	dir := crashtest.Dir(t)
	url := pgtest.NewEmptyURL(t)
	first := start(t, "", "DATA_DIR="+dir, "DATABASE_URL="+url)
	second := start(t, "", "DATA_DIR="+dir, "DATABASE_URL="+url)
	if a, b := first.Log.Value("worker_number="), second.Log.Value("worker_number="); a == b {
		t.Errorf("both have worker number %s", a)
	}
	first.Kill()
	again := start(t, "", "DATA_DIR="+dir, "DATABASE_URL="+url)
	for _, s := range []*crashtest.Server{second, again} {
		if code := s.Stop(); code != 0 {
			t.Errorf("stop ends with code %d, want 0", code)
		}
	}
	if crashtest.PostgreSQL(dir) != 0 {
		t.Error("a private PostgreSQL runs beside DATABASE_URL")
	}
}
