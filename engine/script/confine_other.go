//go:build !linux

package script

import (
	"errors"
	"os"
	"syscall"
	"time"
)

// Other systems cannot limit a process as Linux does, so there nothing that
// people have written runs.
var errLinux = errors.New("scripts and calculations beyond simple ones need Linux, which can limit them")

const (
	heapOfScript  = 0
	heapOfLibrary = 0
	cpuMost       = time.Hour
	cpuEnough     = time.Hour
)

func thisProgram() string {
	path, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return path
}

func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func promiseNoPrivileges() {}

func keepDescriptors() {}

func confine() error { return errLinux }

func confineLibrary() error { return errLinux }

func cpuTime() time.Duration { return 0 }
