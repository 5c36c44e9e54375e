package crashtest

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Within is how long tests wait for something that takes a second or two: long
// enough for a busy machine.
const Within = 60 * time.Second

// The programs there are to run, as packages of the module.
const (
	Alur    = "cmd/alur"                 // the real one
	Company = "engine/crashtest/program" // the same with node types of a company's own
	Example = "cmd/example-nodes"        // a company's program in a module of its own
)

var (
	building sync.Mutex
	built    = map[string]string{} // package to file
)

// build builds a program. The file outlives the run, so that the next one only
// has to look whether it is current.
func build(pkg string) (string, error) {
	building.Lock()
	defer building.Unlock()
	if file := built[pkg]; file != "" {
		return file, nil
	}
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	root := strings.TrimSpace(string(out))
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("alur-bin-%d", os.Getuid()))
	if err := os.Mkdir(dir, 0o755); err != nil && !os.IsExist(err) {
		return "", err
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	program := filepath.Join(dir, filepath.Base(pkg)+"-"+strings.ReplaceAll(strings.Trim(root, "/"), "/", "-"))
	build := exec.Command("go", "build", "-o", program, ".")
	build.Dir = filepath.Join(root, pkg)
	if text, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", pkg, err, text)
	}
	built[pkg] = program
	return program, nil
}

// Program returns the path of the built program.
func Program(t testing.TB) string { return program(t, Alur) }

func program(t testing.TB, pkg string) string {
	t.Helper()
	path, err := build(pkg)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Options say how to start the program.
type Options struct {
	Program string   // one of the above; "" for Alur
	File    string   // a built program in place of Program; "" for none
	Args    []string // nil for "serve"
	Env     []string // NAME=value; nothing is inherited but PATH
	User    string   // to start as, when the tests run as root; "" for ours
	Wait    bool     // until it answers on its address
}

// Server is a running program.
type Server struct {
	URL string // of the first page, once it answers
	Log *Log

	t      testing.TB
	cmd    *exec.Cmd
	exited chan struct{}
}

// Dir returns a new directory that the program can use as its data directory
// whoever it runs as, and removes it after the test.
func Dir(t testing.TB) string {
	t.Helper()
	// Not t.TempDir, which the user of PostgreSQL cannot enter.
	dir, err := os.MkdirTemp("", "alur-test-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// A killed program's PostgreSQL may write a moment longer.
		var err error
		for deadline := time.Now().Add(Within); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			if err = os.RemoveAll(dir); err == nil {
				return
			}
		}
		t.Errorf("remove the data directory: %v", err)
	})
	return filepath.Join(dir, "data")
}

// Start starts the program and kills it at the end of the test if it still
// runs. Without a LISTEN of its own it answers on a free port.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	if o.Args == nil {
		o.Args = []string{"serve"}
	}
	s := &Server{Log: &Log{}, t: t, exited: make(chan struct{})}
	file := o.File
	if file == "" {
		file = program(t, cmp.Or(o.Program, Alur))
	}
	s.cmd = exec.Command(file, o.Args...)
	s.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "LISTEN=127.0.0.1:0"}, o.Env...)
	s.cmd.Dir = "/"
	s.cmd.Stdout, s.cmd.Stderr = s.Log, s.Log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: credential(t, o.User)}
	if err := s.cmd.Start(); err != nil {
		t.Fatalf("start the program: %v", err)
	}
	go func() {
		_ = s.cmd.Wait()
		close(s.exited)
	}()
	t.Cleanup(func() {
		s.Kill()
		if t.Failed() {
			t.Logf("the program said:\n%s", s.Log.beside("level=INFO msg=request "))
		}
	})
	if o.Wait {
		s.AwaitReady()
	}
	return s
}

func credential(t testing.TB, name string) *syscall.Credential {
	if name == "" {
		return nil
	}
	if os.Getuid() != 0 {
		t.Fatal("only root can start the program as somebody else")
	}
	uid, gid := name, name
	if u, err := user.Lookup(name); err == nil {
		uid, gid = u.Uid, u.Gid
	}
	id, err := strconv.Atoi(uid)
	group, _ := strconv.Atoi(gid)
	if err != nil {
		t.Fatalf("there is no user %s", name)
	}
	return &syscall.Credential{Uid: uint32(id), Gid: uint32(group)}
}

// AwaitReady waits until the server answers, and learns its address.
func (s *Server) AwaitReady() {
	s.t.Helper()
	s.Await("an answer", func() bool {
		address := s.Log.Value("msg=answering address=")
		if address == "" {
			return false
		}
		s.URL = "http://" + address
		return s.Healthy()
	})
}

// Healthy reports whether the server answers and reaches its database.
func (s *Server) Healthy() bool {
	status, _ := s.Get("/readyz")
	return status == http.StatusOK
}

// Get fetches a page; status 0 when nobody answers.
func (s *Server) Get(path string) (status int, body string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+path, nil)
	if err != nil {
		return 0, err.Error()
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(text)
}

// Await waits until there is what is named, and ends the test when the program
// ends before.
func (s *Server) Await(what string, there func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(Within); time.Now().Before(deadline); {
		if there() {
			return
		}
		select {
		case <-s.exited:
			if there() { // its last words
				return
			}
			s.t.Fatalf("the program ended while the test waited for %s", what)
		case <-time.After(20 * time.Millisecond):
		}
	}
	s.t.Fatalf("no %s within %v", what, Within)
}

// Kill ends the program at once and waits for its end.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill()
	<-s.exited
}

// AwaitCrash waits until the program kills itself (see package crashpoint), and
// ends the test when it ends in another way, or goes on.
func (s *Server) AwaitCrash() {
	s.t.Helper()
	select {
	case <-s.exited:
	case <-time.After(Within):
		s.t.Fatalf("the program did not come to its crash point within %v", Within)
	}
	if w, ok := s.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !w.Signaled() || w.Signal() != syscall.SIGKILL {
		s.t.Fatalf("the program ended by itself, and not at its crash point: %v", s.cmd.ProcessState)
	}
}

// Running reports whether the program has not ended.
func (s *Server) Running() bool {
	select {
	case <-s.exited:
		return false
	default:
		return true
	}
}

// Stop asks the program to end and returns its exit code.
func (s *Server) Stop() int {
	s.t.Helper()
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	return s.Wait()
}

// Wait waits for the program's end and returns its exit code.
func (s *Server) Wait() int {
	s.t.Helper()
	select {
	case <-s.exited:
	case <-time.After(Within):
		s.t.Fatalf("the program did not end within %v", Within)
	}
	return s.cmd.ProcessState.ExitCode()
}

// Signal sends a signal to the program.
func (s *Server) Signal(sig os.Signal) { _ = s.cmd.Process.Signal(sig) }

// Freeze stops the program where it is, and waits until all its threads stand
// still. SIGCONT lets it go on. It reports false when the program has ended.
func (s *Server) Freeze() bool {
	s.t.Helper()
	s.Signal(syscall.SIGSTOP)
	for deadline := time.Now().Add(Within); time.Now().Before(deadline) && s.Running(); time.Sleep(time.Millisecond) {
		if s.standsStill() {
			return true
		}
	}
	if s.Running() {
		s.t.Fatalf("no standstill within %v", Within)
	}
	return false
}

func (s *Server) standsStill() bool {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", s.cmd.Process.Pid))
	for _, file := range threads {
		stat, err := os.ReadFile(file)
		if _, state, _ := strings.Cut(string(stat), ") "); err == nil && !strings.HasPrefix(state, "T") {
			return false
		}
	}
	return len(threads) > 0
}

// PostgreSQL returns the process number of the private server in a data
// directory, 0 when none runs.
func PostgreSQL(dataDir string) int {
	text, err := os.ReadFile(filepath.Join(dataDir, "postgres", "cluster", "postmaster.pid"))
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, _ := strconv.Atoi(first)
	return pid
}

// DatabaseURL is how alur's role reaches the private server in a data directory.
func DatabaseURL(dataDir string) string {
	return (&url.URL{Scheme: "postgres", User: url.User("alur"), Path: "/alur",
		RawQuery: url.Values{"host": {filepath.Join(dataDir, "postgres", "run")}, "sslmode": {"disable"}}.Encode()}).String()
}

// Log collects what the program says.
type Log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// beside is what was said without the lines that hold text.
func (l *Log) beside(text string) string {
	var b strings.Builder
	for line := range strings.Lines(l.String()) {
		if !strings.Contains(line, text) {
			b.WriteString(line)
		}
	}
	return b.String()
}

// Value returns the last word that follows prefix, "" when there is none.
func (l *Log) Value(prefix string) (last string) {
	lines := bufio.NewScanner(strings.NewReader(l.String()))
	for lines.Scan() {
		if _, rest, ok := strings.Cut(lines.Text(), prefix); ok {
			last, _, _ = strings.Cut(rest, " ")
		}
	}
	return last
}
