package crashtest_test

import (
	"log/slog"
	"slices"
	"syscall"
	"testing"
	"time"

	"alur/engine/crashtest"
	"alur/engine/pg"
	"alur/engine/pgtest"
)

// moments are ordered counts of confirmed creates at which something happens.
func (g *gallery) moments(n, of int) []int64 {
	all := make([]int64, n)
	for i := range all {
		all[i] = g.rand.Int64N(int64(of))
	}
	slices.Sort(all)
	return all
}

// TestKill creates records through HTTP while the server, and with it its
// private PostgreSQL, is killed at random moments. Whatever was confirmed must
// have happened: the record, one finished execution, one effect (R1, R2).
func TestKill(t *testing.T) {
	t.Parallel()
	g, server := newPrivateGallery(t)
	triggers := scaled(600, 10_000)
	g.shoot(int64(triggers))
	for _, at := range g.moments(scaled(6, 40), triggers) {
		g.await(at)
		pause(t.Context(), time.Duration(g.rand.IntN(30))*time.Millisecond)
		server.Kill()
		server = g.serve()
	}
	g.check()
}

// TestKillServer kills the server alone, while PostgreSQL and a worker go on.
func TestKillServer(t *testing.T) {
	t.Parallel()
	g := newGallery(t, pgtest.NewURL(t))
	address := freeAddress(t)
	server := g.serve("LISTEN=" + address)
	g.clients = []client{signIn(t, server.URL)}
	g.worker()
	triggers := scaled(600, 10_000)
	g.shoot(int64(triggers))
	for _, at := range g.moments(scaled(6, 40), triggers) {
		g.await(at)
		pause(t.Context(), time.Duration(g.rand.IntN(30))*time.Millisecond)
		server.Kill()
		server = g.serve("LISTEN=" + address)
	}
	g.check()
}

// TestKillPostgreSQL kills the private PostgreSQL under the running server, which
// gets it back and goes on by itself.
func TestKillPostgreSQL(t *testing.T) {
	t.Parallel()
	g, server := newPrivateGallery(t)
	triggers := scaled(300, 10_000)
	g.shoot(int64(triggers))
	for _, at := range g.moments(scaled(3, 20), triggers) {
		g.await(at)
		old := crashtest.PostgreSQL(g.dir)
		if err := syscall.Kill(old, syscall.SIGKILL); err != nil {
			t.Fatalf("kill PostgreSQL %d: %v", old, err)
		}
		server.Await("a new PostgreSQL", func() bool {
			pid := crashtest.PostgreSQL(g.dir)
			return pid != 0 && pid != old && server.Healthy()
		})
	}
	g.check()
}

// TestRestartPostgreSQL restarts somebody else's PostgreSQL at once, as
// "pg_ctl restart -m immediate" does, below two servers and a worker (R7).
func TestRestartPostgreSQL(t *testing.T) {
	t.Parallel()
	dir := crashtest.Dir(t)
	database, err := pg.OpenPrivate(t.Context(), pg.PrivateOptions{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(database.Close)
	if code := crashtest.Start(t, crashtest.Options{Args: []string{"migrate"},
		Env: []string{"DATABASE_URL=" + database.URL(), "DATA_DIR=" + crashtest.Dir(t)}}).Wait(); code != 0 {
		t.Fatalf("migrate ends with code %d", code)
	}
	g := newGallery(t, database.URL())
	servers := []*crashtest.Server{g.serve(), g.serve()}
	for _, s := range servers {
		g.clients = append(g.clients, signIn(t, s.URL))
	}
	worker := g.worker()
	triggers := scaled(300, 10_000)
	g.shoot(int64(triggers))
	for _, at := range g.moments(scaled(3, 20), triggers) {
		g.await(at)
		old := crashtest.PostgreSQL(dir)
		if err := syscall.Kill(old, syscall.SIGQUIT); err != nil { // an immediate shutdown
			t.Fatalf("restart PostgreSQL %d: %v", old, err)
		}
		servers[0].Await("a new PostgreSQL", func() bool {
			pid := crashtest.PostgreSQL(dir)
			return pid != 0 && pid != old && servers[0].Healthy() && servers[1].Healthy()
		})
	}
	g.check()
	for _, s := range append(servers, worker) {
		if !s.Running() {
			t.Error("a process did not survive")
		}
	}
}

// TestStop stops a server in order under load, again and again (R21): it ends in
// time and with code 0, cuts no request, and gives back what it does not finish,
// so that it goes on elsewhere at once.
func TestStop(t *testing.T) {
	t.Parallel()
	g := newGallery(t, pgtest.NewURL(t))
	w := g.workshop()
	address := freeAddress(t)
	server := g.serve("LISTEN=" + address)
	g.clients = []client{signIn(t, server.URL)}
	triggers := scaled(400, 10_000)
	g.shoot(int64(triggers))
	for _, at := range g.moments(scaled(3, 20), triggers) {
		g.await(at)
		began := time.Now()
		if code := server.Stop(); code != 0 {
			t.Errorf("the server ends with code %d, want 0", code)
		}
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("the stop took %v", took)
		}
		var kept int
		w.get(&kept, "SELECT count(*) FROM alur.executions WHERE status IS NULL AND (lease_until IS NOT NULL OR attempts > 0)")
		if kept != 0 {
			t.Errorf("%d executions were neither finished nor given back", kept)
		}
		server = g.serve("LISTEN=" + address)
	}
	g.check()
	if stored := g.stored(w); len(stored) != len(g.confirmed) {
		t.Errorf("%d records were stored and %d confirmed: requests were cut", len(stored), len(g.confirmed))
	}
}

// TestStopBesideAnother stops a process in the middle of remote steps: they end,
// and the rest of the way goes on in the other within 5 s (R4).
func TestStopBesideAnother(t *testing.T) {
	t.Parallel()
	g := newRemoteGallery(t)
	w := g.workshop()
	g.receiver.gate.Lock()
	g.write(w, 60)
	first := g.worker()
	first.Await("a call", func() bool { return g.receiver.came() > 0 })
	g.worker()
	first.Signal(syscall.SIGTERM)
	g.receiver.gate.Unlock()
	if code := first.Wait(); code != 0 {
		t.Errorf("the stopped worker ends with code %d, want 0", code)
	}
	ended := time.Now()
	g.check()
	// A busy machine gets more, but less than a lease needs to run out.
	g.within(w, ended, time.Duration(scaled(25, 5))*time.Second)
	if came := g.receiver.came(); came != 60 {
		t.Errorf("%d calls of 60 steps: an orderly stop repeats nothing", came)
	}
}

// within tells how long after since the last execution ended, which may not be
// longer than most.
func (g *gallery) within(w *workshop, since time.Time, most time.Duration) {
	g.t.Helper()
	var last time.Time
	w.get(&last, "SELECT max(ended_at) FROM alur.executions")
	took := last.Sub(since)
	g.t.Logf("the last execution ended after %v", took.Round(time.Millisecond))
	if took > most {
		g.t.Errorf("the last execution ended after %v, want at most %v", took, most)
	}
}
