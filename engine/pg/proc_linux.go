package pg

import (
	"bytes"
	"fmt"
	"os"
	"syscall"
)

// attributes makes a child that keeps its distance from our terminal and dies
// with the thread that starts it: an immediate stop, which the next start
// recovers from, so that a killed alur leaves no server behind.
func attributes(cred *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Credential: cred, Pdeathsig: syscall.SIGQUIT}
}

// alive reports whether process pid runs; a zombie does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	// "pid (name) S …"; the name may contain anything.
	rest := stat[bytes.LastIndexByte(stat, ')')+1:]
	return len(rest) > 2 && rest[1] != 'Z' && rest[1] != 'X'
}

// serves reports whether process pid is a server on the cluster in dir, and not
// a stranger that got the number after a crash.
func serves(pid int, dir string) bool {
	cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
	return err == nil && sameDir(cwd, dir) && alive(pid)
}
