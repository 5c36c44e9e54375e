package script

import (
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The memory of a child, in bytes: what the kernel grants beyond what the program
// holds before any script has run, the heap at which a runtime is interrupted,
// and the one that the collector tries to stay below. MaxMemory is what the
// kernel grants to a script.
const (
	heapOfScript    = 100 << 20
	softOfScript    = 90 << 20
	memoryOfLibrary = 256 << 20
	heapOfLibrary   = 200 << 20
	softOfLibrary   = 160 << 20
	maxStack        = 64 << 20 // of Go's own stack
)

// The processor time of a child's life.
const (
	cpuMost   = 6 * time.Minute
	cpuEnough = 4 * time.Minute // after which it takes no more work
)

// thisProgram is the file that runs, even after it was replaced by an upgrade.
func thisProgram() string { return "/proc/self/exe" }

// attributes makes a child that dies with the thread that starts it and is out
// of reach of our terminal's signals.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// promiseNoPrivileges makes this thread and what it starts unable to gain
// privileges by running another program.
func promiseNoPrivileges() {
	const prSetNoNewPrivs = 38
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, prSetNoNewPrivs, 1, 0, 0, 0, 0); errno != 0 {
		panic("script: no_new_privs: " + errno.Error()) // there since Linux 3.5
	}
}

// keepDescriptors keeps from children what this process has inherited itself. Go
// marks what it opens.
func keepDescriptors() {
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		panic("script: " + err.Error()) // no /proc: confine would fail too
	}
	for _, fd := range open {
		if n, err := strconv.Atoi(fd.Name()); err == nil && n > 2 {
			syscall.CloseOnExec(n)
		}
	}
}

const rlimitCPU, rlimitFsize, rlimitData, rlimitCore, rlimitNofile = 0, 1, 2, 4, 7

// confine takes from this process what a script has no use for. The limits are
// the kernel's: nothing that goja does can lift them.
func confine() error {
	debug.SetMaxStack(maxStack)
	debug.SetMemoryLimit(softOfScript)
	own, err := dataSize()
	if err != nil {
		return err
	}
	for _, l := range []struct {
		resource  int
		cur, most uint64
	}{
		{rlimitData, own + MaxMemory, own + memoryOfLibrary},
		{rlimitCPU, uint64(cpuMost / time.Second), uint64(cpuMost / time.Second)},
		{rlimitCore, 0, 0}, {rlimitFsize, 0, 0}, {rlimitNofile, 16, 16},
	} {
		if err := syscall.Setrlimit(l.resource, &syscall.Rlimit{Cur: l.cur, Max: l.most}); err != nil {
			return fmt.Errorf("set limit %d: %w", l.resource, err)
		}
	}
	return nil
}

// confineLibrary gives a child for expressions the memory that their libraries
// need.
func confineLibrary() error {
	debug.SetMemoryLimit(softOfLibrary)
	var l syscall.Rlimit
	if err := syscall.Getrlimit(rlimitData, &l); err != nil {
		return err
	}
	l.Cur = l.Max
	return syscall.Setrlimit(rlimitData, &l)
}

// dataSize is what RLIMIT_DATA counts, before any script has run: the program's
// own data and the stacks of its threads.
func dataSize() (uint64, error) {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text))
	if len(fields) < 6 {
		return 0, fmt.Errorf("/proc/self/statm says %q", text)
	}
	pages, err := strconv.ParseUint(fields[5], 10, 64)
	return pages * uint64(os.Getpagesize()), err
}

// cpuTime is what this process has used in its life.
func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
