// Package crashpoint kills the process at a named place, for tests that prove
// what survives. Without the environment variable ALUR_CRASH_AT it does nothing.
//
//	ALUR_CRASH_AT=before-commit      the first time before a commit
//	ALUR_CRASH_AT=before-commit:20   the twentieth time
//
// The process ends as by kill -9: nothing is flushed, closed or said.
package crashpoint

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// The places there are.
const (
	AfterClaim       = "after-claim"        // executions are leased, nothing ran
	BeforeRun        = "before-run"         // a worker is about to begin a segment
	AfterLocalEffect = "after-local-effect" // a local node changed data, uncommitted
	DuringFlush      = "during-flush"       // the journal is on its way to the database
	BeforeCommit     = "before-commit"      // the journal is written, uncommitted
	AfterCommit      = "after-commit"       // the segment is over, and nobody was told
	BeforeRemote     = "before-remote"      // a remote step is recorded as running and not begun
	AfterRemote      = "after-remote"       // it happened, and its outcome is only in memory
	BeforeResume     = "before-resume"      // an execution that waited is about to go on
	AfterResume      = "after-resume"       // its first step after the wait is over, uncommitted
	DuringShutdown   = "during-shutdown"    // SIGTERM came, and work is given back
	DuringAlert      = "during-alert"       // alerts are written to the outbox, uncommitted
	AfterAlert       = "after-alert"        // alerts are in the outbox
	BeforeMail       = "before-mail"        // a mail is claimed and not sent
	AfterMail        = "after-mail"         // it is sent, and that is not noted
	DuringMigration  = "during-migration"   // between two migrations
	DuringRerun      = "during-rerun"       // one of many executions runs again, uncommitted
)

// All are the places, in the order of an execution's life.
var All = []string{AfterClaim, BeforeRun, AfterLocalEffect, DuringFlush, BeforeCommit, AfterCommit,
	BeforeRemote, AfterRemote, BeforeResume, AfterResume, DuringShutdown, DuringAlert, AfterAlert, BeforeMail, AfterMail, DuringMigration, DuringRerun}

var armed, countdown = parse(os.Getenv("ALUR_CRASH_AT"))

func parse(text string) (place string, hits *atomic.Int64) {
	place, times, _ := strings.Cut(text, ":")
	hits = &atomic.Int64{}
	n, err := strconv.ParseInt(times, 10, 64)
	if err != nil {
		n = 1
	}
	hits.Store(n)
	return place, hits
}

// Hit kills the process when place is the armed one and its time has come.
func Hit(place string) {
	if armed == place && countdown.Add(-1) == 0 {
		kill()
	}
}

// HitDuring is [Hit] a moment later, while the caller goes on.
func HitDuring(place string) {
	if armed == place && countdown.Add(-1) == 0 {
		go kill()
	}
}

func kill() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // the signal is on its way
}
