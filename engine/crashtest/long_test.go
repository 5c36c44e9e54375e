package crashtest_test

import (
	"context"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"alur/engine/pg"
)

var (
	// long is how long the random scenarios go on; 0 in the short version.
	long = must(time.ParseDuration(orZero(os.Getenv("CRASH"))))
	// seed makes a run repeatable, as far as processes and a clock allow.
	seed = newSeed()
)

func newSeed() uint64 {
	if text := os.Getenv("CRASH_SEED"); text != "" {
		return must(strconv.ParseUint(text, 10, 64))
	}
	return rand.Uint64N(1e9)
}

// scaled is n in the short version, and the number of the promise in the long.
func scaled(n, promised int) int {
	if long > 0 {
		return promised
	}
	return n
}

// random is a test's own source of random numbers, by the seed of the run.
func random(t *testing.T) *rand.Rand {
	t.Helper()
	t.Logf("seed %d; CRASH_SEED=%d runs it again", seed, seed)
	name := fnv.New64()
	_, _ = name.Write([]byte(t.Name()))
	return rand.New(rand.NewPCG(seed, name.Sum64()))
}

// keepDump keeps the database when the test fails. Call it before anything runs
// on the database, so that the dump is made after everything has ended.
func keepDump(t *testing.T, url string) {
	t.Cleanup(func() {
		if t.Failed() {
			dump(t, url)
		}
	})
}

// keepPrivateDump is keepDump for the private server in a data directory.
func keepPrivateDump(t *testing.T, dir string) {
	t.Cleanup(func() {
		if !t.Failed() {
			return
		}
		server, err := pg.OpenPrivate(context.Background(), pg.PrivateOptions{Dir: dir, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Logf("no dump: %v", err)
			return
		}
		defer server.Close()
		dump(t, server.URL())
	})
}

func dump(t *testing.T, url string) {
	file := filepath.Join(os.TempDir(), fmt.Sprintf("alur-%s-%d.sql", strings.ReplaceAll(t.Name(), "/", "-"), seed))
	program := filepath.Join(pg.FindPrograms()[0].Bin, "pg_dump")
	if text, err := exec.Command(program, "--file="+file, url).CombinedOutput(); err != nil {
		t.Logf("no dump: %v: %s", err, text)
		return
	}
	t.Logf("the database is kept in %s", file)
}

func orZero(text string) string {
	if text == "" {
		return "0"
	}
	return text
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // a wrong CRASH or CRASH_SEED
	}
	return v
}
