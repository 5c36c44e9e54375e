package pg

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"syscall"
	"time"
)

// PrivateOptions say where a private server lives and how it runs.
type PrivateOptions struct {
	Dir      string            // alur's data directory
	Settings map[string]string // PostgreSQL settings beyond ours; may be nil
	Log      *slog.Logger
}

// Private is a PostgreSQL server of our own, for starts without configuration.
//
// Of all processes that open one directory, the one that holds its lock runs
// the server; the others use it, and one of them starts it anew when the first
// goes. During the change connections fail for up to a second. The server
// listens on a Unix socket in a private directory only, and ends with the
// process that started it, however that ends.
type Private struct {
	place place
	opt   PrivateOptions
	stop  context.CancelFunc
	done  chan struct{}

	mu    sync.Mutex
	owner bool
}

const (
	attachPoll   = 100 * time.Millisecond // how soon the lock of a dead owner is noticed
	attachWithin = 90 * time.Second       // the owner may be making its cluster
)

// OpenPrivate starts the private server of a data directory, or joins the one
// that another process runs there, and returns once it answers.
func OpenPrivate(ctx context.Context, opt PrivateOptions) (*Private, error) {
	place, err := newPlace(opt.Dir)
	if err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(place.lock, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, problem("The data directory %s cannot be written (%v). Start alur as its owner, or choose another DATA_DIR.", opt.Dir, err)
	}
	keep, stop := context.WithCancel(context.WithoutCancel(ctx))
	p := &Private{place: place, opt: opt, stop: stop, done: make(chan struct{})}
	ready := make(chan error, 1)
	go p.keep(keep, lock, ready)
	select {
	case err := <-ready:
		if err == nil {
			return p, nil
		}
		p.Close()
		return nil, err
	case <-ctx.Done():
		p.Close()
		return nil, ctx.Err()
	}
}

// URL is how alur's role, which is no superuser, reaches alur's database.
func (p *Private) URL() string { return p.place.url(owner, owner) }

// AdminURL is how the cluster's superuser reaches a database. It is for making
// databases in tests; a running alur has no use for it.
func (p *Private) AdminURL(database string) string { return p.place.url(superuser, database) }

// Owner reports whether this process runs the server, rather than using one
// that another process runs.
func (p *Private) Owner() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.owner
}

// Close stops the server if this process runs it, and waits for its end.
func (p *Private) Close() {
	p.stop()
	<-p.done
}

// keep runs the server whenever this process holds the lock, until ctx ends. The
// outcome of the first start goes to ready; later ones are only logged.
func (p *Private) keep(ctx context.Context, lock *os.File, ready chan<- error) {
	defer close(p.done)
	defer lock.Close() // gives the lock up
	told := false
	tell := func(err error) {
		if !told {
			told = true
			ready <- err
		}
	}
	wait := attachPoll
	attached := time.Now().Add(attachWithin)
	for ctx.Err() == nil {
		if !p.Owner() && !p.tryLock(lock) {
			if !told {
				if err := ping(ctx, p.URL()); err == nil || time.Now().After(attached) {
					tell(joinProblem(err))
				}
			}
			_ = pause(ctx, attachPoll)
			continue
		}
		s, err := startServer(ctx, p.place, p.opt.Settings)
		switch {
		case ctx.Err() != nil:
			if err == nil {
				s.stop()
			}
			return
		case err != nil && !told:
			tell(err)
			return
		case err != nil:
			p.opt.Log.ErrorContext(ctx, "private PostgreSQL does not start, trying again", "err", err)
			wait = min(2*wait, 5*time.Second)
			_ = pause(ctx, wait)
			continue
		}
		wait = attachPoll
		p.opt.Log.InfoContext(ctx, "private PostgreSQL started", "pid", s.cmd.Process.Pid)
		tell(nil)
		select {
		case <-s.exited:
			p.opt.Log.WarnContext(ctx, "private PostgreSQL ended, starting it again")
		case <-ctx.Done():
			s.stop()
		}
	}
}

// tryLock takes the lock if it is free.
func (p *Private) tryLock(lock *os.File) bool {
	if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.owner = true
	return true
}

func joinProblem(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, os.ErrPermission) || errors.Is(err, syscall.EACCES) {
		return problem("Another user runs alur on this data directory. Start alur as that user, or choose another DATA_DIR.")
	}
	return fmt.Errorf("join the private PostgreSQL of another process: %w", err)
}
