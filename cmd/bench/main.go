package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"
	"time"

	"alur/engine/pg"
)

// bench is one run of the program.
type bench struct {
	ctx    context.Context
	url    string // of the throw-away database
	binary string // the real server
	floor  float64
	kept   bool // the database is somebody's: nothing may be deleted

	postmaster string // the process id of PostgreSQL
}

func main() {
	log.SetFlags(0)
	binary := flag.String("binary", "bin/alur", "the built server")
	only := flag.String("only", "", "works to run, separated by commas; empty: all")
	profile := flag.String("cpuprofile", "", "file for a CPU profile of this process, in which W1, W4, steps and flood run the engine")
	flag.Parse()
	err := profiled(*profile, func() error { return run(*binary, *only) })
	if err != nil {
		log.Fatalln("bench:", err)
	}
}

// profiled runs fn, and writes what it spent CPU on when path is not "".
func profiled(path string, fn func() error) error {
	if path == "" {
		return fn()
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := pprof.StartCPUProfile(f); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	return fn()
}

func run(binary, only string) error {
	ctx := context.Background()
	wanted := strings.FieldsFunc(only, func(r rune) bool { return r == ',' || r == ' ' })
	binary, err := filepath.Abs(binary) // children are started in a directory of their own
	if err != nil {
		return err
	}
	b := &bench{ctx: ctx, binary: binary}
	if b.url = os.Getenv("DATABASE_URL"); b.url != "" && slices.Equal(wanted, []string{"growth"}) {
		b.kept = true
		return b.growth() // a database that is to be looked at afterwards
	}
	dir, err := os.MkdirTemp("", "alur-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // the server's user must get in
		return err
	}
	private, err := pg.OpenPrivate(ctx, pg.PrivateOptions{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer private.Close()
	b.url = private.URL()
	if err := b.findPostgres(); err != nil {
		return err
	}
	works := []struct {
		name string
		run  func() error
	}{
		{"floor", b.measureFloor},
		{"W1", b.w1},
		{"W2", b.w2},
		{"api", b.api},
		{"W3", b.w3},
		{"W4", b.w4},
		{"steps", b.steps},
		{"flood", b.flood},
		{"timers", b.timers},
		{"waiting", b.waiting},
		{"idle", b.idle},
		{"growth", b.growth},
	}
	for _, w := range works {
		if !chosen(w.name, wanted) {
			continue
		}
		log.Printf("--- %s", w.name)
		if err := w.run(); err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
	}
	return nil
}

// chosen reports whether a work runs: all of them when none is named, but growth,
// which takes minutes and needs no floor, only by its name.
func chosen(name string, wanted []string) bool {
	alone := slices.Equal(wanted, []string{"growth"})
	switch {
	case name == "growth":
		return slices.Contains(wanted, name)
	case name == "floor":
		return !alone
	}
	return len(wanted) == 0 || slices.Contains(wanted, name)
}

// result prints a rate, with its ratio to the floor when there is one.
func (b *bench) result(work, metric string, value float64, unit string, withFloor bool) {
	line := fmt.Sprintf("RESULT %s %s %s %s", work, metric, figure(value), unit)
	if withFloor && b.floor > 0 {
		line += fmt.Sprintf(" floor=%s ratio=%.2f", figure(b.floor), value/b.floor)
	}
	fmt.Println(line)
}

func figure(v float64) string {
	if v >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func rate(n int, took time.Duration) float64 { return float64(n) / took.Seconds() }
