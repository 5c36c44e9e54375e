package collection

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"sync"
	"time"

	"alur/engine/audit"
	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/pg"
	"alur/engine/snowflake"
)

//go:embed queries.sql
var queriesSQL string

var queries = pg.LoadQueries(queriesSQL)

// Access says on whose behalf records are read or written.
type Access struct {
	Actor auth.Actor
	Stack []int64 // the chain of executions that led to this write; nil for people
	Via   string  // ViaPage, ViaAPI or ViaOutside; "" for the system itself
	// Nested are the paths of relations, as in "items" and "items.product", whose
	// records may be changed where a value names one that is there: the
	// updateAssociationValues of spec/platform.md §4.
	Nested []string
	Zone   *time.Location // in which days begin and end for filters and for times without offset; nil is UTC

	restoring bool // a record gets back the files that it held
}

func (a Access) zone() *time.Location {
	if a.Zone == nil {
		return time.UTC
	}
	return a.Zone
}

// ChangeKind is what happened to a record; the numbers are those of the
// collection trigger's mode and can be added up.
type ChangeKind uint8

const (
	Created ChangeKind = 1
	Updated ChangeKind = 2
	Deleted ChangeKind = 4
)

// Change is one record that was created, updated or deleted.
type Change struct {
	Kind       ChangeKind
	Collection *Collection
	Before     Record   // own fields; nil when created
	After      Record   // own fields; nil when deleted
	Changed    []string // names of fields that differ, when updated; nothing may have changed at all

	// Files are those of the fields that hold several, by name: of an update
	// where they differ, of a deletion when a history is kept.
	Files map[string]Moved

	Linked []string // relations of which an update changed which records they lead to
	Nested bool     // written for another record: one that a value of it held, or a link of it
	Bulk   bool     // one of many that changed in one go, or what the database did after a deletion

	Outside bool // by another program, and committed already
}

// Listener hears of changes inside their transaction, after they were written;
// its error undoes them.
type Listener interface {
	Changed(ctx context.Context, tx *pg.Tx, a Access, changes []Change) error
	// Long reports whether Changed may take more than a few statements for this
	// collection, and do something with the records there and then.
	Long(ctx context.Context, collection string) (bool, error)
	// Starts names the collections for each change of which Changed starts something,
	// and those for which it does so when they were changed in bulk ([Change.Bulk])
	// too. Of others it does not hear in bulk: who wants to makes such changes
	// slower, a statement for each 500 records instead of one for all.
	Starts(ctx context.Context) (each, bulk map[string]bool, err error)
}

// Store reads and writes records and their definitions. It is safe for
// concurrent use, once every listener is there.
type Store struct {
	db        *pg.DB
	ids       *snowflake.Source
	now       func() time.Time
	listeners []Listener
	users     []Users
	cache     cache
	hot       hotLocks
	untrusted sync.Once // that trigrams are not allowed is said once
}

// NewStore returns a store on db.
func NewStore(db *pg.DB, ids *snowflake.Source, now func() time.Time) *Store {
	return &Store{db: db, ids: ids, now: now, hot: hotLocks{locks: map[string]*hotLock{}}}
}

// Listen adds a listener. Call it before the store is used.
func (s *Store) Listen(l Listener) { s.listeners = append(s.listeners, l) }

func (s *Store) tell(ctx context.Context, tx *pg.Tx, a Access, changes []Change) error {
	if err := s.keep(ctx, tx, a, changes); err != nil {
		return err
	}
	count(ctx, changes)
	for _, l := range s.listeners {
		if err := l.Changed(ctx, tx, a, changes); err != nil {
			return err
		}
	}
	return nil
}

// count adds changes to what the audit log will say of the execution behind ctx.
func count(ctx context.Context, changes []Change) {
	for _, ch := range changes {
		var n audit.Counts
		switch ch.Kind {
		case Created:
			n.Created = 1
		case Updated:
			n.Updated = 1
		case Deleted:
			n.Deleted = 1
		}
		audit.Count(ctx, ch.Collection.Name, n)
	}
}

// Write runs fn in a REPEATABLE READ transaction, again when it lost a race, so
// fn may read, decide and write without locks of its own.
//
// After a conflict the collection is hot for a second: writers of this process
// then queue for it instead of running against each other (measured on one row:
// 4,500 writes a second in a queue, 1,000 with plain runs again). They queue
// before they take a connection.
func (s *Store) Write(ctx context.Context, collection string, fn func(tx *pg.Tx) error) error {
	lock := s.hot.of(collection)
	if !lock.isHot(s.now()) {
		err := s.db.Tx(ctx, pg.RepeatableRead, once(fn))
		if !errors.Is(err, errLostRace) {
			return s.stale(err)
		}
		lock.heat(s.now())
	}
	select {
	case lock.queue <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-lock.queue }()
	runs := 0
	return s.stale(s.db.Tx(ctx, pg.RepeatableRead, func(tx *pg.Tx) error {
		if runs++; runs > 1 {
			lock.heat(s.now()) // another process is after the same rows
		}
		return fn(tx)
	}))
}

// errLostRace ends a transaction that is about to run for the second time.
var errLostRace = errors.New("lost a race")

func once(fn func(*pg.Tx) error) func(*pg.Tx) error {
	ran := false
	return func(tx *pg.Tx) error {
		if ran {
			return errLostRace
		}
		ran = true
		return fn(tx)
	}
}

// stale looks for an error that comes from a table that another process has
// changed in the meantime, and forgets what we knew of it.
func (s *Store) stale(err error) error {
	switch pg.Code(err) {
	case "42703", "42P01": // undefined column, undefined table
		s.Invalidate()
		return fault.Wrap(fault.Conflict, "The fields of this collection have just been changed. Try again.", err)
	}
	return err
}

// hotFor is how long writers queue after a conflict.
const hotFor = time.Second

// hotLocks holds one lock for each name that was ever written; names are those
// of collections, so there are few.
type hotLocks struct {
	mu    sync.Mutex
	locks map[string]*hotLock
}

type hotLock struct {
	share share
	queue chan struct{}
	mu    sync.Mutex
	until time.Time
}

func (h *hotLocks) of(name string) *hotLock {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.locks[name]
	if l == nil {
		l = &hotLock{queue: make(chan struct{}, 1)}
		h.locks[name] = l
	}
	return l
}

func (l *hotLock) isHot(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return now.Before(l.until)
}

func (l *hotLock) heat(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.until = now.Add(hotFor)
}

func missing(name string) error {
	return fault.New(fault.NotFound, fmt.Sprintf("There is no collection called “%s”.", short(name)))
}

// short keeps hostile or silly names readable in messages.
func short(s string) string {
	if rs := []rune(s); len(rs) > 60 {
		return string(rs[:60]) + "…"
	}
	return s
}
