package script

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

// child is one worker process, as its parent sees it. It serves one request at
// a time.
type child struct {
	pid int
	in  *os.File
	out *bufio.Reader
	err *os.File

	files  []*os.File  // to close at the end
	lane   *lane       // whose it is, nil while it is blank
	source string      // of the last request
	retire *time.Timer // ends a child that nobody needs; nil while it works

	mu     sync.Mutex
	killed killed
	ended  bool // and reaped: its number may be another process's now
	status syscall.WaitStatus
	usage  syscall.Rusage
}

// killed says why the parent ended a child.
type killed int

const (
	notKilled killed = iota
	killedLate
	killedByCaller
	killedUnneeded
)

// readyWithin is how long a new process may take to say that it is ready, on a
// machine that is busy with other things.
const readyWithin = 30 * time.Second

// startChild starts a process and waits until it is ready. The process dies with
// the calling thread.
func startChild(program string, args []string) (*child, error) {
	var theirs, ours []*os.File
	closeAll := func(files []*os.File) {
		for _, f := range files {
			_ = f.Close()
		}
	}
	defer func() { closeAll(theirs) }()
	for i := range 3 {
		r, w, err := os.Pipe()
		if err != nil {
			closeAll(ours)
			return nil, err
		}
		if i == 0 { // its standard input
			r, w = w, r
		}
		ours, theirs = append(ours, r), append(theirs, w)
	}
	process, err := os.StartProcess(program, args, &os.ProcAttr{
		Dir: "/", Env: []string{}, Files: theirs, Sys: attributes(),
	})
	if err != nil {
		closeAll(ours)
		return nil, err
	}
	c := &child{pid: process.Pid, in: ours[0], out: bufio.NewReaderSize(ours[1], 8<<10), err: ours[2], files: ours}
	_ = process.Release() // we wait for it ourselves, without a thread for each
	timer := time.AfterFunc(readyWithin, func() { c.kill(killedLate) })
	defer timer.Stop()
	if _, err := readFrame(c.out); err != nil {
		return nil, fmt.Errorf("the process ended before it was ready: %w", c.end())
	}
	return c, nil
}

// exchange sends a request and waits for the answer. When it takes longer than
// within, or ctx ends, the child is killed. An error is the child's end; good
// says whether the child can go on.
func (c *child) exchange(ctx context.Context, frame []byte, within time.Duration) (answer []byte, good bool, err error) {
	timer := time.AfterFunc(within, func() { c.kill(killedLate) })
	stop := context.AfterFunc(ctx, func() { c.kill(killedByCaller) })
	if _, err = c.in.Write(frame); err == nil {
		answer, err = readFrame(c.out)
	}
	good = timer.Stop()
	good = stop() && good
	if err != nil {
		return nil, false, c.end()
	}
	return answer, good, nil
}

// kill ends the process at once.
func (c *child) kill(why killed) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	if c.killed == notKilled {
		c.killed = why
	}
	c.killGroup()
}

func (c *child) killGroup() { _ = syscall.Kill(-c.pid, syscall.SIGKILL) }

// gone reports whether the process has ended on its own.
func (c *child) gone() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		pid, err := wait(c.pid, &c.status, syscall.WNOHANG, &c.usage)
		c.ended = pid == c.pid || err != nil
	}
	return c.ended
}

// end makes sure that the process ends, and says why it did.
func (c *child) end() *end {
	c.mu.Lock()
	if !c.ended {
		c.killGroup() // without effect when it is ending already
		_, _ = wait(c.pid, &c.status, 0, &c.usage)
		c.ended = true
	}
	c.mu.Unlock()
	words, _ := io.ReadAll(io.LimitReader(c.err, 16<<10))
	for _, f := range c.files {
		_ = f.Close()
	}
	return &end{killed: c.killed, status: c.status, words: string(words),
		cpu: time.Duration(c.usage.Utime.Nano() + c.usage.Stime.Nano())}
}

func wait(pid int, status *syscall.WaitStatus, options int, usage *syscall.Rusage) (int, error) {
	for {
		n, err := syscall.Wait4(pid, status, options, usage)
		if err != syscall.EINTR {
			return n, err
		}
	}
}

// end is why a process ended.
type end struct {
	killed killed
	status syscall.WaitStatus
	words  string // its last
	cpu    time.Duration
}

func (e *end) Error() string {
	first, _, _ := strings.Cut(strings.TrimSpace(e.words), "\n")
	switch {
	case first != "":
		return "the script process ended: " + first
	case e.status.Signaled():
		return "the script process ended by signal " + e.status.Signal().String()
	}
	return fmt.Sprintf("the script process ended with status %d", e.status.ExitStatus())
}

// limit names the limit that ended the process, "" when it was none. The
// runtime of Go words what the kernel refused.
func (e *end) limit() string {
	says := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(e.words, w) {
				return true
			}
		}
		return false
	}
	switch {
	case e.killed == killedLate || says(tooLate):
		return LimitTime
	case says("stack exceeds", "stack overflow"):
		return LimitStack
	case says("out of memory", "cannot allocate memory", "failed to create new OS thread", "pthread_create failed",
		"SIGSEGV", "SIGBUS"): // a number of 500 MB, say: memory that was promised and is not there
		return LimitMemory
	case e.killed == notKilled && e.status.Signaled() && e.cpu >= cpuMost-time.Second:
		return LimitTime
	case e.killed == notKilled && e.status.Signaled() && e.status.Signal() == syscall.SIGKILL:
		return LimitMemory // the kernel chose it when the machine ran out
	}
	return ""
}
