package pg

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what takes a second.
const patience = 60 * time.Second

// fast is for servers that nobody will miss.
var fast = map[string]string{"fsync": "off"}

// scratch is a directory that PostgreSQL's user can reach, unlike t.TempDir of
// root.
func scratch(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "alur-pg-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func open(t *testing.T, dir string) *Private {
	t.Helper()
	p, err := OpenPrivate(t.Context(), PrivateOptions{Dir: dir, Settings: fast, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatalf("OpenPrivate: %v", err)
	}
	t.Cleanup(p.Close)
	return p
}

func await(t *testing.T, what string, there func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !there(); {
		if time.Now().After(deadline) {
			t.Fatalf("no %s within %v", what, patience)
		}
		_ = pause(t.Context(), 10*time.Millisecond)
	}
}

func postmaster(t *testing.T, p *Private) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(p.place.data(), "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func TestPrivate(t *testing.T) {
	t.Parallel()
	// A name that makes the socket's path too long.
	dir := filepath.Join(scratch(t), strings.Repeat("long", 20), "data")
	first := open(t, dir)
	if !first.Owner() {
		t.Error("the first process does not own the server")
	}
	db, err := Open(t.Context(), first.URL(), 2)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var about struct {
		Super    bool   `db:"super"`
		Owner    string `db:"owner"`
		TCP      string `db:"tcp"`
		Encoding string `db:"encoding"`
	}
	if err := db.GetContext(t.Context(), &about, `
		SELECT rolsuper AS super, pg_get_userbyid(datdba) AS owner,
			current_setting('listen_addresses') AS tcp, current_setting('server_encoding') AS encoding
		FROM pg_roles, pg_database WHERE rolname = current_user AND datname = current_database()`); err != nil {
		t.Fatal(err)
	}
	if about.Super || about.Owner != "alur" || about.TCP != "" || about.Encoding != "UTF8" {
		t.Errorf("got %+v; want no superuser, owner alur, no TCP, UTF8", about)
	}
	info, err := os.Stat(first.place.run)
	if err != nil || info.Mode().Perm() != 0o700 || len(first.place.socket()) > maxSocketPath {
		t.Errorf("the socket's directory %s is %v (%v), want short and private", first.place.run, info.Mode(), err)
	}

	second := open(t, dir)
	if second.Owner() {
		t.Error("two processes own the server")
	}
	first.Close()
	await(t, "takeover", second.Owner)
	await(t, "answer after the takeover", func() bool { return ping(t.Context(), second.URL()) == nil })

	// Killed alone it comes back, and keeps its data.
	old := postmaster(t, second)
	if err := syscall.Kill(old, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	await(t, "new server", func() bool { return ping(t.Context(), second.URL()) == nil && postmaster(t, second) != old })
	second.Close()
	if _, err := os.Stat(second.place.socket()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after the stop the socket is still there (%v)", err)
	}
	os.RemoveAll(first.place.run)
}

// TestStaleServer starts over what crashes leave in postmaster.pid.
func TestStaleServer(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(scratch(t), "data")
	p := open(t, dir)
	pidFile := filepath.Join(p.place.data(), "postmaster.pid")
	pid := postmaster(t, p)
	text, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\n")
	p.Close()

	zombie := exec.Command("true")
	if err := zombie.Start(); err != nil {
		t.Fatal(err)
	}
	defer zombie.Wait()
	await(t, "zombie", func() bool { return !alive(zombie.Process.Pid) })
	for _, tc := range []struct{ name, text string }{
		{"stranger", strconv.Itoa(os.Getppid()) + "\n" + rest},
		{"zombie", strconv.Itoa(zombie.Process.Pid) + "\n" + rest},
		{"nobody", strconv.Itoa(pid) + "\n" + rest},
		{"torn", ""},
		{"ourselves", strconv.Itoa(os.Getpid()) + "\n" + rest},
	} {
		if err := os.WriteFile(pidFile, []byte(tc.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if p.place.drop {
			if err := os.Chown(pidFile, p.place.uid, p.place.gid); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(p.place.socket()+".lock", []byte(tc.text), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Run(tc.name, func(t *testing.T) { open(t, dir).Close() })
	}
}

// TestOrphan finds a real server that its alur left behind, as systems without
// the parent-death signal do.
func TestOrphan(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(scratch(t), "data")
	open(t, dir).Close()
	place, err := newPlace(dir)
	if err != nil {
		t.Fatal(err)
	}
	programs, err := choose(FindPrograms(), place.major())
	if err != nil {
		t.Fatal(err)
	}
	orphan, err := launch(t.Context(), place, programs, fast)
	if err != nil {
		t.Fatal(err)
	}
	defer orphan.stop()
	if !serves(orphan.cmd.Process.Pid, place.data()) || serves(os.Getpid(), place.data()) {
		t.Error("the server is not told from a stranger")
	}
	p := open(t, dir)
	select {
	case <-orphan.exited:
	default:
		t.Error("the orphan still runs beside the new server")
	}
	if pid := postmaster(t, p); pid == orphan.cmd.Process.Pid {
		t.Errorf("the server is still the orphan %d", pid)
	}
}

// TestHalfCluster starts over what a kill during the first start leaves.
func TestHalfCluster(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(scratch(t), "data")
	place, err := newPlace(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(place.data()+".new", "base"), 0o700); err != nil {
		t.Fatal(err)
	}
	open(t, dir).Close()
}

// TestUnreachable keeps root's cluster where PostgreSQL's user can go.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	closed := filepath.Join(scratch(t), "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	place, err := newPlace(filepath.Join(closed, "data"))
	if err != nil {
		t.Fatal(err)
	}
	if !place.drop {
		if !strings.HasPrefix(place.root, closed) {
			t.Errorf("an ordinary user's cluster is at %s, want below the data directory", place.root)
		}
		return
	}
	defer os.Remove(elsewhere) // unless others use it
	defer os.RemoveAll(place.root)
	if filepath.Dir(place.root) != elsewhere {
		t.Errorf("the cluster is at %s, want below %s", place.root, elsewhere)
	}
	if !enterable(filepath.Dir(place.root), place.uid, place.gid) {
		t.Errorf("PostgreSQL's user cannot reach %s", place.root)
	}
}

func TestOpenPrivateFails(t *testing.T) {
	t.Parallel()
	file := filepath.Join(scratch(t), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := OpenPrivate(t.Context(), PrivateOptions{Dir: filepath.Join(file, "data"), Log: slog.New(slog.DiscardHandler)})
	if problem, ok := errors.AsType[*Problem](err); !ok || !strings.Contains(problem.Msg, "DATA_DIR") {
		t.Errorf("a file in the way: %v, want a problem that names DATA_DIR", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := OpenPrivate(ctx, PrivateOptions{Dir: filepath.Join(scratch(t), "data"), Log: slog.New(slog.DiscardHandler)}); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v, want its error", err)
	}
	// A setting that PostgreSQL refuses: its own words reach the reader.
	_, err = OpenPrivate(t.Context(), PrivateOptions{Dir: filepath.Join(scratch(t), "data"),
		Settings: map[string]string{"fsync": "off", "wal_level": "nonsense"}, Log: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "wal_level") {
		t.Errorf("a bad setting: %v, want PostgreSQL's words", err)
	}
}

// program writes a stand-in for a server program of a version.
func program(t *testing.T, dir string, version string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"initdb", "postgres"} {
		script := "#!/bin/sh\necho '" + name + " (PostgreSQL) " + version + "'\n"
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFindPrograms(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	program(t, filepath.Join(root, "13/bin"), "13.20")
	program(t, filepath.Join(root, "15/bin"), "15.8 (Debian 15.8-1)")
	program(t, filepath.Join(root, "17/bin"), "17beta1")
	program(t, filepath.Join(root, "path"), "16.4")
	if err := os.MkdirAll(filepath.Join(root, "link"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(root, "15/bin/postgres"), filepath.Join(root, "link/postgres")); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, "link") + ":" + filepath.Join(root, "path")
	var got []int
	for _, p := range findPrograms(path, []string{filepath.Join(root, "*/bin")}) {
		if strings.HasPrefix(p.Bin, root) {
			got = append(got, p.Major)
		}
	}
	if len(got) != 3 || got[0] != 17 || got[1] != 16 || got[2] != 15 {
		t.Errorf("found %v, want 17, 16, 15: newest first, once each, none too old", got)
	}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	all := []Programs{{"/17", 17}, {"/15", 15}}
	if p, err := choose(all, 0); err != nil || p.Major != 17 {
		t.Errorf("for a new cluster: %v (%v), want the newest", p, err)
	}
	if p, err := choose(all, 15); err != nil || p.Major != 15 {
		t.Errorf("for a cluster of 15: %v (%v), want 15", p, err)
	}
	if _, err := choose(all, 16); err == nil || !strings.Contains(err.Error(), "PostgreSQL 16") {
		t.Errorf("for a cluster of 16: %v, want words about 16", err)
	}
	_, err := choose(nil, 0)
	if err == nil || !strings.Contains(err.Error(), "DATABASE_URL") || !strings.Contains(err.Error(), "Install") {
		t.Errorf("with none: %v, want what to install and the alternative", err)
	}
}
