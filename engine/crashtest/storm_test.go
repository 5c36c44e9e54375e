package crashtest_test

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"alur/engine/crashpoint"
	"alur/engine/crashtest"
)

// TestStorm plays random scenarios: processes of all kinds that crash at points,
// are killed, stopped, frozen past their leases or cut off from the database, in
// any order, while records come in. In the long version one follows another until
// the time is up.
func TestStorm(t *testing.T) {
	t.Parallel()
	until := time.Now().Add(long)
	source := random(t)
	for n := 1; ; n++ {
		scenario := source.Uint64()
		if !t.Run(fmt.Sprintf("scenario %d", n), func(t *testing.T) { storm(t, rand.New(rand.NewPCG(seed, scenario))) }) {
			return // its logs and its dump are kept
		}
		if !time.Now().Before(until) {
			return
		}
	}
}

// weather is one scenario.
type weather struct {
	*gallery
	w         *workshop
	processes []*crashtest.Server
	starts    int
	story     []string
}

func storm(t *testing.T, source *rand.Rand) {
	g := newRemoteGallery(t)
	g.rand = source
	x := &weather{gallery: g, w: g.workshop()}
	defer func() {
		if t.Failed() {
			for _, line := range x.story {
				t.Log(line)
			}
		}
	}()
	for range 2 + g.rand.IntN(2) {
		x.processes = append(x.processes, x.random())
	}
	events := []func(i int){x.kill, x.kill, x.stop, x.freeze, x.cutOff}
	for range 12 {
		g.write(x.w, 10+g.rand.IntN(40))
		pause(t.Context(), time.Duration(g.rand.IntN(150))*time.Millisecond)
		events[g.rand.IntN(len(events))](g.rand.IntN(len(x.processes)))
		for i, p := range x.processes {
			if !p.Running() {
				x.processes[i] = x.random()
			}
		}
	}
	for _, p := range x.processes { // some still carry a crash point
		p.Kill()
	}
	x.tell("the sky clears")
	g.worker("ATTEMPTS=100")
	g.check()
}

func (x *weather) tell(format string, args ...any) {
	x.story = append(x.story, time.Now().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
}

func (x *weather) name(i int) string { return fmt.Sprintf("process%d", i) }

// random starts a server or a worker, often one that will crash at a point.
func (x *weather) random() *crashtest.Server {
	x.starts++
	command := []string{"serve", "worker"}[x.rand.IntN(2)]
	env := []string{"ATTEMPTS=100", fmt.Sprintf("WORKERS=%d", 1+x.rand.IntN(8)), x.named(x.name(x.starts))}
	at := ""
	if x.rand.IntN(3) > 0 {
		at = fmt.Sprintf("%s:%d", crashpoint.All[x.rand.IntN(len(crashpoint.All))], 1+x.rand.IntN(60))
		env = append(env, "ALUR_CRASH_AT="+at)
	}
	x.tell("%s starts as %s, crash point %q", x.name(x.starts), command, at)
	return x.start(command, env...)
}

func (x *weather) kill(i int) {
	x.tell("number %d is killed", i)
	x.processes[i].Kill()
}

func (x *weather) stop(i int) {
	x.tell("number %d is stopped", i)
	x.processes[i].Signal(syscall.SIGTERM)
	x.processes[i].Wait() // it may still come to its crash point
}

// freeze lets a process stand still until others have what it held, and wakes it.
func (x *weather) freeze(i int) {
	p := x.processes[i]
	if !p.Freeze() {
		return
	}
	x.tell("number %d is frozen", i)
	x.w.endLeases()
	pause(x.t.Context(), time.Duration(x.rand.IntN(500))*time.Millisecond)
	p.Signal(syscall.SIGCONT)
}

// cutOff breaks connections to the database, of all processes.
func (x *weather) cutOff(int) {
	x.tell("connections break")
	x.w.exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND application_name LIKE 'process%' AND random() < $1`, []float64{0.2, 1}[x.rand.IntN(2)])
}
