package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"alur/engine/pg"
)

// cost is the CPU time that this process and PostgreSQL have used so far.
func (b *bench) cost() (mine, database time.Duration) {
	return cpu(os.Getpid()), b.postgresCPU()
}

// findPostgres learns the postmaster's process id: it is the parent of all others.
func (b *bench) findPostgres() error {
	db, err := pg.Open(b.ctx, b.url, 1)
	if err != nil {
		return err
	}
	defer db.Close()
	var pid int
	if err := db.GetContext(b.ctx, &pid, "SELECT pg_backend_pid()"); err != nil {
		return err
	}
	fields := stat(fmt.Sprintf("/proc/%d/stat", pid))
	if fields == nil {
		return fmt.Errorf("PostgreSQL's process %d is not to be seen in /proc", pid)
	}
	b.postmaster = fields[3]
	return nil
}

// postgresCPU sums up the postmaster, its children, and the children it had.
func (b *bench) postgresCPU() (sum time.Duration) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		f := stat(path)
		switch {
		case f == nil:
		case f[0] == b.postmaster:
			sum += ticks(f, 13, 14, 15, 16)
		case f[3] == b.postmaster:
			sum += ticks(f, 13, 14)
		}
	}
	return sum
}

// cpu is what one process has used itself.
func cpu(pid int) time.Duration {
	return ticks(stat(fmt.Sprintf("/proc/%d/stat", pid)), 13, 14)
}

// stat reads the fields of /proc/<pid>/stat, counted from 0; nil when there is
// no such process. The name in the second field may hold spaces.
func stat(path string) []string {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	text := string(raw)
	end := strings.LastIndexByte(text, ')')
	pid, _, _ := strings.Cut(text, " ")
	return append([]string{pid, ""}, strings.Fields(text[end+1:])...)
}

// ticks sums up fields that count hundredths of a second, on every Linux.
func ticks(fields []string, which ...int) (sum time.Duration) {
	for _, i := range which {
		if i < len(fields) {
			n, _ := strconv.ParseInt(fields[i], 10, 64)
			sum += time.Duration(n) * 10 * time.Millisecond
		}
	}
	return sum
}
