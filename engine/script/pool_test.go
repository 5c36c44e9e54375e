package script_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"alur/engine/crashtest"
	"alur/engine/script"
	"alur/engine/script/scripttest"
)

const endless = "for (;;) {}"

// await waits until there is what is named.
func await(t *testing.T, what string, there func() bool) {
	t.Helper()
	for deadline := time.Now().Add(crashtest.Within); !there(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no %s within %v", what, crashtest.Within)
		}
	}
}

// alive is false for a process that has ended with all its threads, reaped or
// not.
func alive(pid int) bool {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	for _, file := range threads {
		stat, err := os.ReadFile(file)
		if _, state, _ := strings.Cut(string(stat), ") "); err == nil && !strings.HasPrefix(state, "Z") {
			return true
		}
	}
	return false
}

func run(t *testing.T, p *script.Pool, key string) {
	t.Helper()
	if res, err := p.Run(t.Context(), script.Request{Key: key, Source: "return 1", Timeout: script.MaxTimeout}); err != nil || res.Value != 1.0 {
		t.Errorf("a script of key %q gives %v, error %v", key, res.Value, err)
	}
}

// A child serves one key, and goes on serving it. Nothing is started before the
// first script; from then on a blank child waits.
func TestChildrenByKey(t *testing.T) {
	t.Parallel()
	p := scripttest.New(t, script.Options{})
	if got := p.Live(); len(got) != 0 {
		t.Fatalf("children %v before the first script", got)
	}
	first := map[string]int{}
	for i := range 30 {
		key := fmt.Sprint("key ", i%3)
		run(t, p, key)
		idle := p.Idle(key)
		if len(idle) != 1 || first[key] != 0 && first[key] != idle[0] {
			t.Fatalf("key %s is served by %v, by %d before", key, idle, first[key])
		}
		first[key] = idle[0]
	}
	if first["key 0"] == first["key 1"] || first["key 1"] == first["key 2"] || first["key 0"] == first["key 2"] {
		t.Errorf("keys share a process: %v", first)
	}
	await(t, "child in reserve", func() bool { return len(p.Live()) == 4 })
}

// Cancel, and the end of the pool, end the process with the run.
func TestCancelAndClose(t *testing.T) {
	t.Parallel()
	p := scripttest.New(t, script.Options{})
	start := func(ctx context.Context) (pid int, ended chan error) {
		run(t, p, "a")
		pid = p.Idle("a")[0]
		ended = make(chan error, 1)
		go func() {
			_, err := p.Run(ctx, script.Request{Key: "a", Source: endless, Timeout: script.MaxTimeout})
			ended <- err
		}()
		await(t, "run under way", func() bool { return len(p.Idle("a")) == 0 })
		return pid, ended
	}
	ctx, cancel := context.WithCancel(t.Context())
	pid, ended := start(ctx)
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("a canceled run ends with %v", err)
	}
	if alive(pid) {
		t.Error("the process of a canceled run lives")
	}
	pid, ended = start(t.Context())
	p.Close()
	if err := <-ended; !errors.Is(err, script.ErrClosed) {
		t.Errorf("a run in a closed pool ends with %v", err)
	}
	if alive(pid) {
		t.Error("a process outlives the pool")
	}
	if _, err := p.Run(t.Context(), script.Request{Key: "a"}); !errors.Is(err, script.ErrClosed) {
		t.Errorf("a script in a closed pool gives %v", err)
	}
	if _, err := p.Eval(t.Context(), "math.js", "1", nil); !errors.Is(err, script.ErrClosed) {
		t.Errorf("an expression in a closed pool gives %v", err)
	}
}

// Who waits for a place gives up with its context.
func TestWaitEndsWithContext(t *testing.T) {
	t.Parallel()
	p := scripttest.New(t, script.Options{Workers: 1})
	run(t, p, "a")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = p.Run(ctx, script.Request{Key: "a", Source: endless, Timeout: script.MaxTimeout})
	}()
	await(t, "run under way", func() bool { return len(p.Idle("a")) == 0 })
	short, stop := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer stop()
	if _, err := p.Run(short, script.Request{Key: "b"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a script without a place ends with %v", err)
	}
	cancel()
	<-ended
	run(t, p, "b") // the place is free again
}

// A child that does not even run is killed by its parent.
func TestFrozenChild(t *testing.T) {
	t.Parallel()
	p := scripttest.New(t, script.Options{})
	run(t, p, "a")
	pid := p.Idle("a")[0]
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	_, err := p.Run(t.Context(), script.Request{Key: "a", Source: "return 1", Timeout: 50 * time.Millisecond})
	if e, ok := errors.AsType[*script.Error](err); !ok || e.Limit != script.LimitTime {
		t.Errorf("a frozen child gives %v", err)
	}
	if alive(pid) {
		t.Error("the frozen child lives")
	}
	run(t, p, "a")
}

// Children that somebody has killed are replaced without a word: those that
// wait for their key's next script, and the one in reserve.
func TestKilledChildren(t *testing.T) {
	t.Parallel()
	p := scripttest.New(t, script.Options{})
	for range 5 {
		run(t, p, "a")
		await(t, "child in reserve", func() bool { return len(p.Live()) == 2 })
		for _, pid := range p.Live() {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			await(t, "end of the child", func() bool { return !alive(pid) })
		}
	}
	run(t, p, "a")
}

// A killed library process costs its own expression, and nobody else waits for
// long: a second one is there.
func TestKilledLibrary(t *testing.T) {
	t.Parallel()
	p := scripttest.New(t, script.Options{})
	sum := func() {
		t.Helper()
		if v, err := p.Eval(t.Context(), "math.js", "$$0 + gcd(10, 15)", []any{1.0}); err != nil || v != 6.0 {
			t.Errorf("1 + 5 is %v, error %v", v, err)
		}
	}
	sum()
	await(t, "spare process", func() bool { return len(p.Idle("math.js")) == 2 })
	_, err := p.Eval(t.Context(), "math.js", "zeros(30000, 30000)", nil)
	if err == nil || !strings.HasPrefix(err.Error(), "Error: the calculation ") {
		t.Errorf("a runaway expression gives %v", err)
	}
	sum()
	await(t, "new spare process", func() bool { return len(p.Idle("math.js")) == 2 })
	sum()
}

// An expression that native code is busy with is stopped, not answered wrongly.
func TestBacktrackingExpression(t *testing.T) {
	t.Parallel()
	p := scripttest.New(t, script.Options{})
	v, err := p.Eval(t.Context(), "formula.js", "/^(a+)+\\1$/.test('a'.repeat(40) + 'b')", nil)
	if err == nil || err.Error() != "Error: the calculation took longer than 2 seconds and was stopped" {
		t.Errorf("got %v, error %v", v, err)
	}
}

// Many at once, of few keys, with failures among them: each gets its own answer.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	p := scripttest.New(t, script.Options{})
	var wg sync.WaitGroup
	for worker := range 16 {
		wg.Go(func() {
			for i := range 20 {
				n := float64(worker*1000 + i)
				source := "if (n % 10 === 3) throw new Error('no ' + n); return n * 2"
				res, err := p.Run(t.Context(), script.Request{Key: fmt.Sprint(worker % 3), Source: source, Args: []script.Arg{{Name: "n", Value: n}}, Timeout: script.MaxTimeout})
				if i%10 == 3 {
					if err == nil || err.Error() != fmt.Sprintf("Error: no %v", n) {
						t.Errorf("%v: error %v", n, err)
					}
				} else if err != nil || res.Value != n*2 {
					t.Errorf("%v: %v, error %v", n, res.Value, err)
				}
			}
		})
	}
	wg.Wait()
	if n := len(p.Live()); n > 3*4+1 {
		t.Errorf("%d children are left", n)
	}
}

// What a child is left with.
func TestConfinement(t *testing.T) {
	t.Parallel()
	p := scripttest.New(t, script.Options{Program: crashtest.Program(t)})
	run(t, p, "a")
	proc := fmt.Sprintf("/proc/%d/", p.Idle("a")[0])
	if env, err := os.ReadFile(proc + "environ"); err != nil || len(env) != 0 {
		t.Errorf("the environment is %q (%v)", env, err)
	}
	if dir, err := os.Readlink(proc + "cwd"); err != nil || dir != "/" {
		t.Errorf("the directory is %q (%v)", dir, err)
	}
	fds, err := filepath.Glob(proc + "fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		to, _ := os.Readlink(fd)
		if !strings.HasPrefix(to, "pipe:") && !strings.HasPrefix(to, "anon_inode:") && !strings.HasPrefix(to, "/sys/fs/cgroup/") { // the last are Go's own
			t.Errorf("%s is open: %s", fd, to)
		}
	}
	tasks, err := filepath.Glob(proc + "task/*/status")
	if err != nil || len(tasks) == 0 {
		t.Fatal(tasks, err)
	}
	for _, task := range tasks {
		if status, err := os.ReadFile(task); err == nil && !strings.Contains(string(status), "NoNewPrivs:\t1\n") {
			t.Errorf("%s may gain privileges", task)
		}
	}
	limits, err := os.ReadFile(proc + "limits")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"Max cpu time": "360", "Max file size": "0", "Max core file size": "0", "Max open files": "16"} {
		if got := limit(t, string(limits), name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if got := limit(t, string(limits), "Max data size"); got == "unlimited" {
		t.Error("the memory has no limit")
	}
	group, err := syscall.Getpgid(p.Idle("a")[0])
	if err != nil || group != p.Idle("a")[0] {
		t.Errorf("the process group is %d (%v)", group, err)
	}
}

func limit(t *testing.T, limits, name string) string {
	t.Helper()
	for line := range strings.Lines(limits) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			return strings.Fields(rest)[0]
		}
	}
	t.Fatalf("no limit %q", name)
	return ""
}

// An ordinary user's children are confined as root's are.
func TestOrdinaryUser(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(crashtest.Program(t), "script-worker")
	cmd.Dir, cmd.Env = "/", []string{}
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	var words strings.Builder
	cmd.Stderr = &words
	out, err := cmd.Output()
	if err != nil || !slices.Equal(out, []byte("\x00\x00\x00\x02{}")) {
		t.Errorf("the child says %q, error %v %s", out, err, &words)
	}
}

// Children end with the process that started them, however that ends.
func TestChildrenDieWithParent(t *testing.T) {
	if os.Getenv("SCRIPT_TEST_PARENT") != "" {
		p := script.NewPool(script.Options{})
		run(t, p, "a")
		fmt.Println("child", p.Idle("a")[0])
		_, _ = p.Run(context.Background(), script.Request{Key: "a", Source: endless, Timeout: script.MaxTimeout})
		return
	}
	t.Parallel()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	parent := exec.Command(program, "-test.run", "^TestChildrenDieWithParent$")
	parent.Env = append(os.Environ(), "SCRIPT_TEST_PARENT=1")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscanf(out, "child %d\n", &pid); err != nil {
		t.Fatal(err)
	}
	if !alive(pid) {
		t.Error("the child does not live")
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	await(t, "end of the child", func() bool { return !alive(pid) })
}
