package pg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jmoiron/sqlx"
)

const (
	superuser = "postgres" // of the private cluster; the server never works as it
	owner     = "alur"     // role and database that the server works with

	startWithin  = 60 * time.Second // crash recovery can take a while
	orphansLeave = 20 * time.Second // processes of a killed server notice within this time
	maxLog       = 10 << 20         // bytes of server.log before it starts anew
)

// server is one run of the private cluster's postgres.
type server struct {
	place  place
	cmd    *exec.Cmd
	exited chan struct{} // closed when the process is gone
	mark   int64         // size of the log before the process could write to it
}

// startServer makes the cluster if need be, clears what a crash left behind,
// and starts PostgreSQL. The caller holds the place's lock.
func startServer(ctx context.Context, p place, settings map[string]string) (*server, error) {
	programs, err := choose(FindPrograms(), p.major())
	if err != nil {
		return nil, err
	}
	if p.major() == 0 {
		if err := makeCluster(ctx, p, programs, settings["fsync"] == "off"); err != nil {
			return nil, err
		}
	}
	s, err := launch(ctx, p, programs, settings)
	if err != nil {
		return nil, err
	}
	if err := ensureDatabase(ctx, p); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// makeCluster runs initdb beside the final place and renames, so that a kill in
// between leaves no half cluster.
func makeCluster(ctx context.Context, p place, programs Programs, throwAway bool) error {
	fresh := p.data() + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return fmt.Errorf("clear a half-made cluster: %w", err)
	}
	if err := p.own(fresh); err != nil {
		return err
	}
	locale := "C.UTF-8"
	if runtime.GOOS == "darwin" {
		locale = "en_US.UTF-8"
	}
	// The socket's directory is private, so whoever reaches the socket is us.
	args := []string{"-D", fresh, "-U", superuser, "--auth=trust", "--encoding=UTF8", "--locale=" + locale}
	if throwAway {
		args = append(args, "--no-sync")
	}
	cmd := exec.CommandContext(ctx, programs.initdb(), args...)
	cmd.Dir, cmd.Env = p.root, environment()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: p.credential()}
	if out, err := cmd.CombinedOutput(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return problem("PostgreSQL could not make its data directory (%v): %s", err, lastLines(out))
	}
	if err := os.Rename(fresh, p.data()); err != nil {
		return fmt.Errorf("put the cluster in its place: %w", err)
	}
	return nil
}

// launch starts postgres and waits until it answers.
func launch(ctx context.Context, p place, programs Programs, settings map[string]string) (*server, error) {
	if err := clearLeftovers(ctx, p); err != nil {
		return nil, err
	}
	deadline := time.Now().Add(orphansLeave)
	for {
		s, err := run(p, programs, settings)
		if err != nil {
			return nil, err
		}
		err = s.awaitReady(ctx)
		if err == nil {
			return s, nil
		}
		s.stop()
		// The processes of a killed server hold its shared memory until they
		// notice; nothing else of ours is worth a second try.
		said := s.said()
		if ctx.Err() != nil || time.Now().After(deadline) || !bytes.Contains(said, []byte("shared memory block")) {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, problem("PostgreSQL did not start (%v): %s", err, lastLines(said))
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

// clearLeftovers deals with what an earlier server left: itself, when it
// outlived its alur, its mark in the cluster, and its socket.
func clearLeftovers(ctx context.Context, p place) error {
	if err := clearMark(ctx, p); err != nil {
		return err
	}
	for _, stale := range []string{p.socket(), p.socket() + ".lock"} {
		if err := os.Remove(stale); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove a stale socket: %w", err)
		}
	}
	return nil
}

// clearMark looks at postmaster.pid. The number there may belong to a zombie or
// a stranger, and PostgreSQL would refuse to start.
func clearMark(ctx context.Context, p place) error {
	file := filepath.Join(p.data(), "postmaster.pid")
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read postmaster.pid: %w", err)
	}
	first, rest, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || pid <= 0 {
		// Written half before a crash of the machine: there is no server then.
		return os.Remove(file)
	}
	if serves(pid, p.data()) {
		if err := end(ctx, pid, p.data()); err != nil {
			return err
		}
	}
	// PostgreSQL ignores the number of its parent and still looks for processes
	// that hold the old shared memory, which removing the file would forgo.
	mark, err := os.OpenFile(file, os.O_WRONLY|os.O_TRUNC, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("correct postmaster.pid: %w", err)
	}
	_, err = fmt.Fprintf(mark, "%d\n%s", os.Getpid(), rest)
	if err := errors.Join(err, mark.Close()); err != nil {
		return fmt.Errorf("correct postmaster.pid: %w", err)
	}
	return nil
}

// end stops the server with number pid that is not our child.
func end(ctx context.Context, pid int, dir string) error {
	for _, step := range []struct {
		signal syscall.Signal
		wait   time.Duration
	}{{syscall.SIGINT, 10 * time.Second}, {syscall.SIGQUIT, 10 * time.Second}, {syscall.SIGKILL, 5 * time.Second}} {
		_ = syscall.Kill(pid, step.signal)
		for until := time.Now().Add(step.wait); time.Now().Before(until); {
			if !serves(pid, dir) {
				return nil
			}
			if err := pause(ctx, 20*time.Millisecond); err != nil {
				return err
			}
		}
	}
	return problem("A PostgreSQL server left over from an earlier start (process %d) does not end. End it and start alur again.", pid)
}

// run starts the process.
func run(p place, programs Programs, settings map[string]string) (*server, error) {
	flags := os.O_CREATE | os.O_WRONLY | os.O_APPEND
	if info, err := os.Stat(p.log()); err == nil && info.Size() > maxLog {
		flags |= os.O_TRUNC
	}
	log, err := os.OpenFile(p.log(), flags, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open PostgreSQL's log: %w", err)
	}
	defer log.Close()
	before, err := log.Stat()
	if err != nil {
		return nil, fmt.Errorf("measure PostgreSQL's log: %w", err)
	}
	args := []string{"-D", p.data()}
	for name, value := range serverSettings(p, settings) {
		args = append(args, "-c", name+"="+value)
	}
	s := &server{place: p, cmd: exec.Command(programs.postgres(), args...), exited: make(chan struct{}), mark: before.Size()}
	s.cmd.Dir, s.cmd.Env = p.root, environment()
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.cmd.SysProcAttr = attributes(p.credential())
	started := make(chan error)
	go func() {
		// The kernel sends the parent-death signal when the thread ends, not
		// the process: this one stays until the server is gone.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := s.cmd.Start()
		started <- err
		if err == nil {
			_ = s.cmd.Wait()
			close(s.exited)
		}
	}()
	if err := <-started; err != nil {
		return nil, problem("PostgreSQL could not be started: %v", err)
	}
	return s, nil
}

func serverSettings(p place, more map[string]string) map[string]string {
	all := map[string]string{
		"listen_addresses":        "",
		"unix_socket_directories": p.run,
		"unix_socket_permissions": "0700",
		"port":                    "5432",
		"max_connections":         "200",
		"timezone":                "UTC",
		"log_timezone":            "UTC",
		"logging_collector":       "off",
		"log_destination":         "stderr",
		"lc_messages":             "C", // launch reads the log
		"jit":                     "off",
	}
	for name, value := range more {
		all[name] = value
	}
	return all
}

func (s *server) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	for {
		if err := ping(ctx, s.place.url(superuser, "postgres")); err == nil {
			return nil
		}
		select {
		case <-s.exited:
			return errors.New("it ended at once")
		case <-ctx.Done():
			return errors.New("it did not answer in time")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// stop ends the server cleanly, and by force when it does not listen.
func (s *server) stop() {
	for _, step := range []struct {
		signal syscall.Signal
		wait   time.Duration
	}{{syscall.SIGINT, 20 * time.Second}, {syscall.SIGQUIT, 6 * time.Second}, {syscall.SIGKILL, time.Minute}} {
		_ = s.cmd.Process.Signal(step.signal)
		select {
		case <-s.exited:
			return
		case <-time.After(step.wait):
		}
	}
}

// said is what the server wrote into the log since its start.
func (s *server) said() []byte {
	text, err := os.ReadFile(s.place.log())
	if err != nil || int64(len(text)) < s.mark {
		return nil
	}
	return text[s.mark:]
}

// ensureDatabase makes the role and the database that alur works with. The role
// is no superuser and owns only its database.
func ensureDatabase(ctx context.Context, p place) error {
	db, err := sqlx.ConnectContext(ctx, "postgres", p.url(superuser, "postgres"))
	if err != nil {
		return fmt.Errorf("connect to the private PostgreSQL: %w", err)
	}
	defer db.Close()
	for _, step := range []struct{ has, statement string }{
		{"SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'alur')",
			"CREATE ROLE alur LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE"},
		{"SELECT EXISTS (SELECT FROM pg_database WHERE datname = 'alur')",
			"CREATE DATABASE alur OWNER alur"},
	} {
		var has bool
		if err := db.GetContext(ctx, &has, step.has); err != nil {
			return fmt.Errorf("look for alur's database: %w", err)
		}
		if has {
			continue
		}
		if _, err := db.ExecContext(ctx, step.statement); err != nil {
			return fmt.Errorf("make alur's database: %w", err)
		}
	}
	return nil
}

// url is how role reaches database on the private server.
func (p place) url(role, database string) string {
	return (&url.URL{Scheme: "postgres", User: url.User(role), Path: "/" + database,
		RawQuery: url.Values{"host": {p.run}, "sslmode": {"disable"}}.Encode()}).String()
}

func ping(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	db, err := sqlx.ConnectContext(ctx, "postgres", url)
	if err != nil {
		return err
	}
	return db.Close()
}

// environment is what PostgreSQL's programs get to see of ours: no PG variable
// that would change their mind, no secret.
func environment() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// lastLines is the end of a program's output, on one line.
func lastLines(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) > 5 {
		lines = lines[len(lines)-5:]
	}
	return strings.Join(lines, " / ")
}
