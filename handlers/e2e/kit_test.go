package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/launcher"
	"github.com/go-rod/rod/lib/proto"

	"alur/engine/pgtest"
)

// patience is how long a test waits for something to appear.
const patience = 20 * time.Second

const (
	adminEmail    = "ann@alur.test"
	adminPassword = "a quiet green teapot"
)

func TestMain(m *testing.M) {
	code := m.Run()
	closeBrowser()
	if dir, err := binaryDir(); err == nil {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// ── The program ──

var binaryDir = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "alur-e2e-") })

// binary builds the program once.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := binaryDir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "alur")
	out, err := exec.Command("go", "build", "-o", path, "alur/cmd/alur").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return path, nil
})

// server is the program, running.
type server struct {
	t     testing.TB
	URL   string // http://127.0.0.1:port
	Setup string // the one-time setup link; "" when there is an administrator
	cmd   *exec.Cmd
}

var (
	setupLine = regexp.MustCompile(`(http://\S+)/setup/\S+`)
	readyLine = regexp.MustCompile(`ready at (http://\S+)`)
)

// start runs the program on a fresh database, with further settings such as
// "ADMIN_EMAIL=…", and stops it at the end of the test.
func start(t testing.TB, settings ...string) *server {
	t.Helper()
	return run(t, append([]string{"DATABASE_URL=" + pgtest.NewURL(t)}, settings...)...)
}

// startReady is start with an administrator, who signs in with adminEmail and
// adminPassword.
func startReady(t testing.TB, settings ...string) *server {
	t.Helper()
	return start(t, append([]string{"ADMIN_EMAIL=" + adminEmail, "ADMIN_PASSWORD=" + adminPassword}, settings...)...)
}

// run runs the program with nothing but the given settings and a directory of
// its own.
func run(t testing.TB, settings ...string) *server {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return runAt(t, path, settings...)
}

// runAt is run for the program at path.
func runAt(t testing.TB, path string, settings ...string) *server {
	t.Helper()
	s := &server{t: t, cmd: exec.Command(path, "serve")}
	s.cmd.Dir = t.TempDir()
	s.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.cmd.Dir, "LISTEN=127.0.0.1:0"}, settings...)
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var log tail
	s.cmd.Stderr = &log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.stop()
		if t.Failed() {
			t.Logf("the server's log ends with:\n%s", log.String())
		}
	})
	said := make(chan bool, 1)
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if m := setupLine.FindStringSubmatch(lines.Text()); m != nil {
				s.Setup, s.URL = m[0], m[1]
				said <- true
			} else if m := readyLine.FindStringSubmatch(lines.Text()); m != nil {
				s.URL = m[1]
				said <- true
			}
		}
		close(said)
	}()
	select {
	case ok := <-said:
		if !ok {
			t.Fatalf("the server ended at once:\n%s", log.String())
		}
	case <-time.After(patience):
		t.Fatalf("the server does not say where it is:\n%s", log.String())
	}
	return s
}

// stop ends the program in order, and at once when that takes too long.
func (s *server) stop() {
	if s.cmd.Process == nil || s.cmd.ProcessState != nil {
		return
	}
	s.cmd.Process.Signal(syscall.SIGTERM)
	late := time.AfterFunc(patience, func() { s.cmd.Process.Kill() })
	s.cmd.Wait()
	late.Stop()
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (l *tail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	if over := len(l.text) - 16<<10; over > 0 {
		l.text = l.text[over:]
	}
	return len(p), nil
}

func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}

// fetch gets a page as a program does, without following redirects.
func (s *server) fetch(path string) (status int, text string) {
	s.t.Helper()
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Get(s.URL + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// ── The browser ──

var (
	launched *launcher.Launcher
	browser  = sync.OnceValues(launch)
)

// launch starts Chromium once for all tests; visitors are apart by their
// contexts.
func launch() (*rod.Browser, error) {
	path, err := chromium()
	if err != nil {
		return nil, err
	}
	launched = launcher.New().Bin(path).Leakless(false).Headless(true).NoSandbox(true).
		Set("disable-gpu").Set("disable-background-networking").Set("disable-component-update").
		Set("disable-sync").Set("disable-dev-shm-usage").Set("hide-scrollbars")
	url, err := launched.Launch()
	if err != nil {
		return nil, fmt.Errorf("start Chromium: %w", err)
	}
	b := rod.New().ControlURL(url)
	return b, b.Connect()
}

func chromium() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("no Chromium here: install it (Debian: apt-get install chromium), or run make test, which does")
}

func closeBrowser() {
	if launched == nil {
		return
	}
	if b, err := browser(); err == nil {
		b.Close()
	}
	launched.Kill()
	launched.Cleanup()
}

// visitor is a person with a browser of their own: no cookies are shared.
type visitor struct {
	*rod.Page
	t      testing.TB
	server *server

	mu       sync.Mutex
	problems []string // violations of the policy, errors of scripts
}

// visitor opens an empty page. The test fails at its end if anything went wrong
// in it.
func (s *server) visitor(t testing.TB) *visitor {
	t.Helper()
	b, err := browser()
	if err != nil {
		t.Fatal(err)
	}
	own, err := b.Incognito()
	if err != nil {
		t.Fatal(err)
	}
	page, err := own.Page(proto.TargetCreateTarget{URL: "about:blank"})
	if err != nil {
		t.Fatal(err)
	}
	v := &visitor{Page: page.Context(t.Context()), t: t, server: s}
	v.size(1440, 900)
	v.scheme("light")
	v.collect(page)
	t.Cleanup(func() {
		if t.Failed() {
			v.shotOfFailure(page)
		}
		proto.TargetDisposeBrowserContext{BrowserContextID: own.BrowserContextID}.Call(b)
		v.mu.Lock()
		defer v.mu.Unlock()
		for _, p := range v.problems {
			t.Errorf("in the browser: %s", p)
		}
	})
	return v
}

// collect notes violations of the content security policy, errors of scripts and
// dialogs. Answers of 4xx are no errors: pages use them.
func (v *visitor) collect(page *rod.Page) {
	v.t.Helper()
	note := func(format string, args ...any) {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.problems = append(v.problems, fmt.Sprintf(format, args...))
	}
	wait := page.Context(context.WithoutCancel(v.t.Context())).EachEvent(
		func(e *proto.RuntimeExceptionThrown) {
			d := e.ExceptionDetails
			text := d.Text
			if d.Exception != nil {
				text += " " + d.Exception.Description
			}
			note("%s (%s:%d)", text, d.URL, d.LineNumber)
		},
		func(e *proto.RuntimeConsoleAPICalled) {
			if e.Type != proto.RuntimeConsoleAPICalledTypeError && e.Type != proto.RuntimeConsoleAPICalledTypeWarning {
				return
			}
			var text []string
			for _, a := range e.Args {
				text = append(text, strings.TrimSpace(a.Value.String()+" "+a.Description))
			}
			note("console.%s: %s", e.Type, strings.Join(text, " "))
		},
		func(e *proto.PageJavascriptDialogOpening) { // leaving a form that was changed asks; nothing else may
			if e.Type != proto.PageDialogTypeBeforeunload {
				note("a dialog opened: %s %s", e.Type, e.Message)
			}
			go proto.PageHandleJavaScriptDialog{Accept: true}.Call(page)
		},
		func(e *proto.LogEntryAdded) {
			if e.Entry.Level == proto.LogLogEntryLevelError && e.Entry.Source != proto.LogLogEntrySourceNetwork {
				note("%s: %s (%s)", e.Entry.Source, e.Entry.Text, e.Entry.URL)
			}
		},
	)
	go wait()
	for _, enable := range []interface{ Call(proto.Client) error }{proto.RuntimeEnable{}, proto.LogEnable{}, proto.PageEnable{}} {
		if err := enable.Call(page); err != nil {
			v.t.Fatal(err)
		}
	}
}

// shotOfFailure leaves a picture of where the test stopped.
func (v *visitor) shotOfFailure(page *rod.Page) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	page = page.Context(ctx)
	dir := os.Getenv("SHOTS")
	info, err := page.Info()
	if err == nil {
		v.t.Logf("the browser stands at %s", info.URL)
	}
	if dir == "" {
		return
	}
	if png, err := page.Screenshot(false, nil); err == nil {
		os.WriteFile(filepath.Join(dir, "failed-"+strings.ReplaceAll(v.t.Name(), "/", "-")+".png"), png, 0o644)
	}
}
