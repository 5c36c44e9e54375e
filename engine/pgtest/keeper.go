package pgtest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"alur/engine/pg"

	"github.com/jmoiron/sqlx"
)

const (
	keeperVariable = "ALUR_PGTEST_KEEPER" // holds the directory; makes this process a keeper
	linger         = 30 * time.Second     // how long a keeper stays without a test process
	poll           = 20 * time.Millisecond
	startWithin    = 90 * time.Second
)

// cluster is this process's view of the shared server.
type cluster struct {
	dir     string // of the socket
	process int    // makes the names of databases ours
	admin   *sqlx.DB
	users   *os.File // locked until this process ends, so that the keeper stays

	mu       sync.Mutex
	template string
}

// settings make a server fast that nobody will miss.
var settings = map[string]string{
	"fsync":              "off",
	"synchronous_commit": "off",
	"full_page_writes":   "off",
	"max_connections":    "600",
	"max_wal_size":       "4GB",
	"checkpoint_timeout": "1h",
	"autovacuum":         "off",
	"log_min_messages":   "fatal",
}

// The keeper is this test program started again; it never reaches its tests.
func init() {
	if dir := os.Getenv(keeperVariable); dir != "" {
		if err := keep(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
}

// shared joins the cluster, once a process, and starts a keeper when there is
// none.
var shared = sync.OnceValues(func() (*cluster, error) {
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("alur-pgtest-%d", os.Getuid()))
	if err := ownDir(dir); err != nil {
		return nil, err
	}
	// Waits while a keeper clears up.
	users, err := os.OpenFile(filepath.Join(dir, "users.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := flock(users, syscall.LOCK_SH); err != nil {
		return nil, err
	}
	var last error
	for deadline := time.Now().Add(startWithin); time.Now().Before(deadline); time.Sleep(poll) {
		if last = startKeeper(dir); last != nil {
			return nil, last
		}
		text, err := os.ReadFile(filepath.Join(dir, "ready"))
		if err != nil {
			last = err
			continue
		}
		admin, err := sqlx.Connect("postgres", address(string(text), "postgres", "postgres"))
		if err != nil {
			last = err
			continue
		}
		admin.SetMaxOpenConns(4)
		return &cluster{dir: string(text), process: os.Getpid(), admin: admin, users: users}, nil
	}
	log, _ := os.ReadFile(filepath.Join(dir, "keeper.log"))
	return nil, fmt.Errorf("%w; the keeper says: %s", last, strings.TrimSpace(string(log)))
})

// startKeeper starts a keeper unless one holds its lock.
func startKeeper(dir string) error {
	lock, err := os.OpenFile(filepath.Join(dir, "keeper.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer lock.Close()
	if flock(lock, syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return nil
	}
	// No keeper: what the last one left says nothing any more.
	if err := os.Remove(filepath.Join(dir, "ready")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(dir, "keeper.log"), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(program)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), keeperVariable+"="+dir)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{lock} // the child inherits the lock as file 3
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	go cmd.Wait() // no zombie while this process lives
	return nil
}

// keep runs the server until there was no test process for a while.
func keep(dir string) error {
	syscall.CloseOnExec(3) // the lock is ours, not PostgreSQL's
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	data := filepath.Join(dir, "data")
	if err := os.RemoveAll(data); err != nil {
		return err
	}
	server, err := pg.OpenPrivate(ctx, pg.PrivateOptions{Dir: data, Settings: settings, Log: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err != nil {
		return err
	}
	defer os.RemoveAll(data)
	defer server.Close()
	if err := tellReady(dir, server); err != nil {
		return err
	}
	users, err := os.OpenFile(filepath.Join(dir, "users.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(linger / 60):
		}
		if flock(users, syscall.LOCK_EX|syscall.LOCK_NB) != nil {
			last = time.Now()
			continue
		}
		if time.Since(last) > linger {
			// The lock stays taken until this process ends: newcomers wait for
			// the end instead of meeting a dying server.
			return os.Remove(filepath.Join(dir, "ready"))
		}
		if err := flock(users, syscall.LOCK_UN); err != nil {
			return err
		}
	}
}

// tellReady writes where the server's socket is.
func tellReady(dir string, server *pg.Private) error {
	at, err := url.Parse(server.URL())
	if err != nil {
		return err
	}
	draft := filepath.Join(dir, "ready.new")
	if err := os.WriteFile(draft, []byte(at.Query().Get("host")), 0o600); err != nil {
		return err
	}
	return os.Rename(draft, filepath.Join(dir, "ready"))
}

// ownDir makes dir, and refuses one that somebody else put there.
func ownDir(dir string) error {
	if err := os.Mkdir(dir, 0o711); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); !info.IsDir() || !ok || int(st.Uid) != os.Getuid() {
		return fmt.Errorf("%s belongs to somebody else; remove it or set TMPDIR", dir)
	}
	return nil
}

// flock is the system call, tried again when a signal cuts it short.
func flock(f *os.File, how int) error {
	for {
		if err := syscall.Flock(int(f.Fd()), how); err != syscall.EINTR {
			return err
		}
	}
}
