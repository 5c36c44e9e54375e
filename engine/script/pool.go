package script

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"
)

// Options say how a pool works.
type Options struct {
	// Program starts a child when it is called with the argument
	// "script-worker"; "" is the program that runs.
	Program string
	Workers int    // scripts that run at the same time; 0 is twice the number of processors
	Zone    string // time zone of dates; "" is the machine's
	Log     *slog.Logger
}

// Pool runs scripts and expressions in children. There is none before the first
// is needed; from then on a blank one is always in reserve, so that nobody waits
// for a start.
type Pool struct {
	program   string
	args      []string
	log       *slog.Logger
	scripts   *lane
	libraries map[string]*lane

	forker sync.Once
	blank  chan started
	done   chan struct{}
	ended  sync.WaitGroup

	mu   sync.Mutex
	live map[*child]struct{} // nil once closed
}

// started is a new child, or why there is none.
type started struct {
	child *child
	err   error
}

// lane is a kind of work with places of its own.
type lane struct {
	*turns
	idleMost int
	idle     map[string][]*child // by key, the last used at the end
	idling   int
	library  string // "" for scripts
	children int    // at work, idle, or loading their library
	sparing  bool   // one more is being loaded, see spare
}

const (
	idleFor    = 5 * time.Minute        // how long a child waits for more work
	killGrace  = 500 * time.Millisecond // for a child to stop by itself and to tell its log
	evalWithin = 20 * time.Second       // for an expression, which is stopped after 2 seconds of work
	loadWithin = 60 * time.Second       // for a library, on a machine that is busy with other things
)

// ErrClosed is the end of what still runs when a pool is closed.
var ErrClosed = errors.New("scripts are not available any more: the server stops")

// NewPool returns a pool that has not started anything yet.
func NewPool(o Options) *Pool {
	if o.Workers == 0 {
		o.Workers = 2 * runtime.GOMAXPROCS(0)
	}
	if o.Program == "" {
		o.Program = thisProgram()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	p := &Pool{
		program: o.Program, args: []string{"alur", "script-worker", "-zone", o.Zone}, log: o.Log,
		scripts:   newLane("", o.Workers, max(1, o.Workers-1)),
		libraries: map[string]*lane{},
		blank:     make(chan started), done: make(chan struct{}), live: map[*child]struct{}{},
	}
	for name, few := range libraryPlaces {
		n := max(few, o.Workers/2)
		p.libraries[name] = newLane(name, n, n)
	}
	return p
}

func newLane(library string, places, most int) *lane {
	return &lane{turns: newTurns(places, most), idleMost: max(8, 2*places), idle: map[string][]*child{}, library: library}
}

// Close ends all children. What runs fails with [ErrClosed].
func (p *Pool) Close() {
	p.mu.Lock()
	if p.live == nil {
		p.mu.Unlock()
		return
	}
	live := p.live
	p.live = nil
	p.mu.Unlock()
	close(p.done)
	for c := range live {
		c.kill(killedUnneeded) // whoever uses it sees its end
		if c.retire != nil && c.retire.Stop() {
			c.end()
		}
	}
	p.ended.Wait()
}

// fork keeps one child in reserve. It owns a thread: children die with the
// thread that started them, and get its promise to gain no privileges.
func (p *Pool) fork() {
	runtime.LockOSThread() // never unlocked: the thread ends with this function
	promiseNoPrivileges()
	keepDescriptors()
	for {
		c, err := startChild(p.program, p.args)
		if err == nil && !p.register(c) {
			c.end()
			return
		}
		select {
		case p.blank <- started{c, err}:
		case <-p.done:
			if err == nil {
				c.end()
			}
			return
		}
	}
}

// register is false once the pool is closed.
func (p *Pool) register(c *child) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.live == nil {
		return false
	}
	p.live[c] = struct{}{}
	return true
}

// begin sees to it that there is a reserve; false once the pool is closed.
func (p *Pool) begin() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.live == nil {
		return false
	}
	p.forker.Do(func() { p.ended.Go(p.fork) })
	return true
}

// newChild takes the child in reserve.
func (p *Pool) newChild(ctx context.Context) (*child, error) {
	if !p.begin() {
		return nil, ErrClosed
	}
	for {
		select {
		case s := <-p.blank:
			if s.err != nil {
				return nil, fmt.Errorf("start a script process: %w", s.err)
			}
			if s.child.gone() {
				p.drop(s.child)
				continue
			}
			return s.child, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-p.done:
			return nil, ErrClosed
		}
	}
}

// take finds an idle child of the key, nil when there is none.
func (p *Pool) take(l *lane, key string) *child {
	for {
		p.mu.Lock()
		n := len(l.idle[key])
		if n == 0 {
			p.mu.Unlock()
			return nil
		}
		c := l.idle[key][n-1]
		l.remove(key, n-1)
		ours := c.retire.Stop() // or it is being ended
		p.mu.Unlock()
		switch {
		case ours && !c.gone():
			return c
		case ours:
			p.drop(c)
		}
	}
}

func (l *lane) remove(key string, at int) {
	list := l.idle[key]
	l.idle[key] = append(list[:at:at], list[at+1:]...)
	if len(l.idle[key]) == 0 {
		delete(l.idle, key)
	}
	l.idling--
}

// keep makes c idle.
func (p *Pool) keep(l *lane, key string, c *child) {
	p.mu.Lock()
	if p.live == nil || l.idling >= l.idleMost {
		p.mu.Unlock()
		p.drop(c)
		return
	}
	l.idle[key] = append(l.idle[key], c)
	l.idling++
	c.retire = time.AfterFunc(idleFor, func() { p.expire(l, key, c) })
	p.mu.Unlock()
}

// expire ends a child that nobody has needed for a while.
func (p *Pool) expire(l *lane, key string, c *child) {
	p.mu.Lock()
	for i, idle := range l.idle[key] {
		if idle == c {
			l.remove(key, i)
			break
		}
	}
	p.mu.Unlock()
	p.drop(c)
}

// drop ends c.
func (p *Pool) drop(c *child) {
	c.end()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.live, c)
	if c.lane != nil {
		c.lane.children--
	}
}

// assign makes a blank child one of the lane.
func (p *Pool) assign(c *child, l *lane) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.lane = l
	l.children++
}
