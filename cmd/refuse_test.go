package cmd_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"alur/engine/crashtest"
	"alur/engine/pgtest"
)

// refused starts the program, which must end at once with code and one sentence
// that contains want.
func refused(t *testing.T, o crashtest.Options, code int, want string) {
	t.Helper()
	s := crashtest.Start(t, o)
	got := s.Wait()
	said := strings.TrimSpace(s.Log.String())
	if got != code || !strings.Contains(said, want) {
		t.Errorf("ends with code %d and %q, want %d and %q", got, said, code, want)
	}
	if strings.Count(said, "\n") > 0 || strings.Contains(said, "goroutine") {
		t.Errorf("says more than a sentence: %q", said)
	}
}

func TestBadSettings(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, env, want string }{
		{"listen", "LISTEN=8080", "LISTEN must be host:port"},
		{"port", "LISTEN=127.0.0.1:99999", "LISTEN must be host:port"},
		{"base", "BASE_URL=alur.example.com", "BASE_URL must be the address"},
		{"base with path", "BASE_URL=https://example.com/alur", "BASE_URL must be the address"},
		{"database", "DATABASE_URL=mysql://u:topsecret@h/db", "DATABASE_URL must look like"},
		{"secret", "SECRET_KEY=short", "SECRET_KEY must have at least 32"},
		{"log", "LOG_FORMAT=xml", "LOG_FORMAT must be text or json"},
		{"workers", "WORKERS=many", "WORKERS must be a number from 1 to 64"},
		{"worker", "WORKER=no", "WORKER must be on or off"},
		{"nodes", "WORKFLOW_NODES_LIMIT=many", "WORKFLOW_NODES_LIMIT must be a number from 0 to 100000"},
		{"attempts", "ATTEMPTS=0", "ATTEMPTS must be a number from 1 to 100"},
		{"mail", "SMTP_URL=mail.example.com", "SMTP_URL must begin with"},
		{"sender", "SMTP_URL=smtp://127.0.0.1:2525", "MAIL_FROM must be"},
		{"administrator", "ADMIN_EMAIL=a@example.com", "ADMIN_EMAIL and ADMIN_PASSWORD go together"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			refused(t, crashtest.Options{Env: []string{"DATA_DIR=" + crashtest.Dir(t), tc.env}}, 1, tc.want)
		})
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	t.Run("a worker that shall not work", func(t *testing.T) {
		t.Parallel()
		refused(t, crashtest.Options{Args: []string{"worker"}, Env: []string{"DATA_DIR=" + crashtest.Dir(t), "WORKER=off"}}, 1, "nothing to do with WORKER=off")
	})
	t.Run("address taken", func(t *testing.T) {
		t.Parallel()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		refused(t, crashtest.Options{Env: []string{"DATA_DIR=" + crashtest.Dir(t), "LISTEN=" + l.Addr().String()}}, 1, "choose another with LISTEN")
	})
	t.Run("newer database", func(t *testing.T) {
		t.Parallel()
		url := pgtest.NewURL(t)
		db := pgtest.Open(t, url)
		if _, err := db.ExecContext(t.Context(), "INSERT INTO alur.schema_migrations (version_id, is_applied) VALUES (9999, true)"); err != nil {
			t.Fatal(err)
		}
		refused(t, crashtest.Options{Env: []string{"DATA_DIR=" + crashtest.Dir(t), "DATABASE_URL=" + url}}, 1, "upgraded by a newer version")
	})
	t.Run("no database there", func(t *testing.T) {
		t.Parallel()
		url := pgtest.NewEmptyURL(t)
		refused(t, crashtest.Options{Env: []string{"DATA_DIR=" + crashtest.Dir(t), "DATABASE_URL=" + strings.Replace(url, "/t", "/missing_t", 1)}}, 1, "Check DATABASE_URL")
	})
	t.Run("no PostgreSQL", func(t *testing.T) {
		t.Parallel()
		// A machine without the programs: a chroot would be the real thing; a
		// data directory of a version that is not installed takes the same way.
		dir := crashtest.Dir(t)
		cluster := filepath.Join(dir, "postgres", "cluster")
		if err := os.MkdirAll(cluster, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(cluster, "PG_VERSION"), []byte("13\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, dir := range []string{dir, filepath.Dir(cluster)} {
			if err := os.Chmod(dir, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		refused(t, crashtest.Options{User: starters()[len(starters())-1], Env: []string{"DATA_DIR=" + chowned(t, dir)}}, 1, "made by PostgreSQL 13")
	})
	t.Run("nameless user", func(t *testing.T) {
		t.Parallel()
		if os.Getuid() != 0 {
			return // only root can start it as somebody who is not there
		}
		refused(t, crashtest.Options{User: "54321", Env: []string{"DATA_DIR=" + crashtest.Dir(t)}}, 1, "has no name on this machine")
	})
	t.Run("somebody else's data", func(t *testing.T) {
		t.Parallel()
		dir := crashtest.Dir(t)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if os.Getuid() != 0 {
			if err := os.Chmod(dir, 0o500); err != nil {
				t.Fatal(err)
			}
			defer os.Chmod(dir, 0o700)
		}
		refused(t, crashtest.Options{User: starters()[len(starters())-1], Env: []string{"DATA_DIR=" + dir}}, 1, "DATA_DIR")
	})
	t.Run("unknown command", func(t *testing.T) {
		t.Parallel()
		refused(t, crashtest.Options{Args: []string{"server"}}, 2, "There is no command")
	})
}

// chowned gives dir to the ordinary user that the tests start the program as.
func chowned(t *testing.T, dir string) string {
	t.Helper()
	if os.Getuid() != 0 {
		return dir
	}
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, 65534, 65534)
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
