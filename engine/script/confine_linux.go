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

const (
	maxStack = 64 << 20        // bytes of Go's own stack
	cpuMost  = 6 * time.Minute // in a child's life
	cpuOften = 4 * time.Minute // after which a child takes no more work
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

// confine takes from this process what a script has no use for. The limits are
// the kernel's: nothing that goja does can lift them.
func confine() error {
	debug.SetMaxStack(maxStack)
	debug.SetMemoryLimit(softMemory)
	own, err := dataSize()
	if err != nil {
		return err
	}
	const rlimitData, rlimitCore, rlimitFsize, rlimitCPU, rlimitNofile = 2, 4, 1, 0, 7
	for _, l := range []struct {
		resource int
		most     uint64
	}{
		{rlimitData, own + MaxMemory},
		{rlimitCPU, uint64(cpuMost / time.Second)},
		{rlimitCore, 0}, {rlimitFsize, 0}, {rlimitNofile, 16},
	} {
		if err := syscall.Setrlimit(l.resource, &syscall.Rlimit{Cur: l.most, Max: l.most}); err != nil {
			return fmt.Errorf("set limit %d: %w", l.resource, err)
		}
	}
	return nil
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
