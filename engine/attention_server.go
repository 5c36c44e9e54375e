package engine

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// MailTrouble is mails that do not reach anybody.
type MailTrouble struct {
	Status string    `db:"status"` // failed, held, queued
	Count  int       `db:"count"`  // at most 1,000
	Mark   int64     `db:"mark"`   // the newest of them
	First  time.Time `db:"first_at"`
	Last   time.Time `db:"last_at"`
	Error  *string   `db:"error"` // of the newest, in words
}

// DatabaseTrouble is what makes the database answer slowly.
type DatabaseTrouble struct {
	Kind  DatabaseKind
	Took  time.Duration // Slow, Silent: for one round trip at least
	Count int           // Idle, Locked: sessions; Full: callers that wait
	Since time.Time     // Idle, Locked
	Limit int           // Full: connections there are
	Free  uint64        // Disk: bytes …
	Dir   string        // … there
	Err   error         // NoRoom: for OutageWords
}

// DatabaseKind says how the database is in trouble.
type DatabaseKind string

const (
	Silent DatabaseKind = "silent" // no answer in time
	Slow   DatabaseKind = "slow"   // an empty statement takes long
	Full   DatabaseKind = "full"   // every connection of this process is taken
	Idle   DatabaseKind = "idle"   // transactions are left open
	Locked DatabaseKind = "locked" // sessions wait for a lock
	Disk   DatabaseKind = "disk"   // its disk is nearly full
	NoRoom DatabaseKind = "noroom" // it takes no changes: its disk is full or fails, or it has no memory
)

func (e *Engine) lookAtDatabase(ctx context.Context, conn looker, w Watch, a *Attention) error {
	if err := e.Exhausted(); err != nil {
		a.Database = append(a.Database, DatabaseTrouble{Kind: NoRoom, Err: err})
	}
	if w.Disk != nil {
		if free, dir, ok := w.Disk(); ok && free < FewBytes {
			a.Database = append(a.Database, DatabaseTrouble{Kind: Disk, Free: free, Dir: dir})
		}
	}
	var took [roundTrips]time.Duration
	for i := range took {
		began := e.Now()
		if _, err := conn.ExecContext(ctx, "SELECT"); err != nil {
			return fmt.Errorf("measure a round trip: %w", err)
		}
		took[i] = e.Now().Sub(began)
	}
	slices.Sort(took[:])
	if middle := took[roundTrips/2]; middle > SlowAt {
		a.Database = append(a.Database, DatabaseTrouble{Kind: Slow, Took: middle})
	}
	if load := e.DB.Load(); load.Waiting > 0 {
		a.Database = append(a.Database, DatabaseTrouble{Kind: Full, Count: load.Waiting, Limit: load.Limit})
	}
	var sessions []struct {
		Kind  DatabaseKind
		Count int
		Since time.Time
	}
	err := conn.Select(ctx, &sessions, "sessions", a.At.Add(-IdleAfter), a.At.Add(-LockedAfter))
	if err != nil {
		return fmt.Errorf("see the sessions of the database: %w", err)
	}
	for _, s := range sessions {
		a.Database = append(a.Database, DatabaseTrouble{Kind: s.Kind, Count: s.Count, Since: s.Since})
	}
	return nil
}

func (e *Engine) lookAtMails(ctx context.Context, conn looker, w Watch, a *Attention) error {
	var all []MailTrouble
	err := conn.Select(ctx, &all, "mails", attentionMails, a.At.Add(-MailAfter))
	if err != nil {
		return fmt.Errorf("see the outbox: %w", err)
	}
	for _, m := range all {
		if m.Status == "failed" || m.Status == "held" && m.Count >= HeldMails || m.Status == "queued" && w.MailServer {
			a.Mails = append(a.Mails, m)
		}
	}
	return nil
}
