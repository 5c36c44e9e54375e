package crashtest_test

import (
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"alur/engine/crashtest"
)

const (
	triggers = 1000
	kills    = 10
	clients  = 8
)

// gallery is a place where records are created while servers come and go: each
// record "shot" shall have one execution and one effect, a record "hit".
type gallery struct {
	t       *testing.T
	dir     string
	options crashtest.Options
	server  *crashtest.Server
	client  client

	next, count atomic.Int64
	mu          sync.Mutex
	confirmed   []int64
	shooters    sync.WaitGroup
}

func newGallery(t *testing.T) *gallery {
	t.Helper()
	g := &gallery{t: t, dir: crashtest.Dir(t)}
	address := freeAddress(t)
	g.options = crashtest.Options{Wait: true, Env: append([]string{"DATA_DIR=" + g.dir, "LISTEN=" + address}, account...)}
	g.server = crashtest.Start(t, g.options)
	w := newWorkshop(t, crashtest.DatabaseURL(g.dir))
	w.collection(`{"name": "shots", "title": "Shots", "fields": [{"name": "n", "type": "integer", "title": "N"}, {"name": "seen", "type": "integer", "title": "Seen"}]}`)
	w.collection(`{"name": "hits", "title": "Hits", "fields": [{"name": "shot", "type": "bigInt", "title": "Shot"}]}`)
	w.workflow(`{"collection": "shots", "mode": 1}`, false,
		step{"condition", "counts", `{"rejectOnFalse": true, "engine": "basic", "calculation": {"group": {"type": "and", "calculations": [
			{"calculator": "gte", "operands": ["{{$context.data.n}}", 0]}]}}}`},
		step{"create", "hit", `{"collection": "hits", "params": {"values": {"shot": "{{$context.data.id}}"}}}`},
		step{"update", "seen", `{"collection": "shots", "params": {"individualHooks": false,
			"filter": {"$and": [{"id": {"$eq": "{{$context.data.id}}"}}]}, "values": {"seen": 1}}}`},
	)
	// Definitions reach other processes within moments; a fresh one has them.
	g.server.Kill()
	g.server = crashtest.Start(t, g.options)
	g.client = signIn(t, "http://"+address)
	return g
}

// shoot creates records from several sides until so many are confirmed.
func (g *gallery) shoot(until int64) {
	for range clients {
		g.shooters.Go(func() {
			for g.count.Load() < until {
				var made struct{ ID int64 }
				if err := g.client.post(g.t.Context(), "shots:create", map[string]any{"n": g.next.Add(1)}, &made); err != nil {
					pause(g.t.Context(), 10*time.Millisecond) // nobody there; what became of it is unknown
					continue
				}
				g.mu.Lock()
				g.confirmed = append(g.confirmed, made.ID)
				g.mu.Unlock()
				g.count.Add(1)
			}
		})
	}
}

func (g *gallery) await(confirmed int64) {
	g.t.Helper()
	g.server.Await("confirmed creates", func() bool { return g.count.Load() >= confirmed })
}

// check waits for the last execution and looks at every record, also at those
// that were not confirmed and are there all the same.
func (g *gallery) check() {
	g.t.Helper()
	g.shooters.Wait()
	w := newWorkshop(g.t, crashtest.DatabaseURL(g.dir))
	w.awaitQuiet()
	var wrong []struct {
		ID      int64 `db:"id"`
		Runs    int   `db:"runs"`
		Done    int   `db:"done"`
		Hits    int   `db:"hits"`
		Updated bool  `db:"updated"`
	}
	w.all(&wrong, `
		WITH shot AS (
			SELECT s.id, count(DISTINCT e.id) AS runs, count(DISTINCT e.id) FILTER (WHERE e.status = 1) AS done,
				count(DISTINCT h.id) AS hits, coalesce(s.seen = 1, false) AS updated
			FROM public.shots s
			LEFT JOIN alur.executions e ON (e.context #>> '{data,id}')::bigint = s.id
			LEFT JOIN public.hits h ON h.shot = s.id
			GROUP BY s.id, s.seen)
		SELECT * FROM shot WHERE (runs, done, hits, updated) <> (1, 1, 1, true)`)
	for _, s := range wrong[:min(len(wrong), 10)] {
		g.t.Errorf("record %d has %d executions, %d of them completed, %d effects, updated: %v; %s", s.ID, s.Runs, s.Done, s.Hits, s.Updated, w.story(s.ID))
	}
	var ids []int64
	w.all(&ids, "SELECT id FROM public.shots ORDER BY id")
	for _, id := range g.confirmed {
		if _, there := slices.BinarySearch(ids, id); !there {
			g.t.Errorf("record %d was confirmed and is not there", id)
		}
	}
	var stray int
	w.get(&stray, "SELECT count(*) FROM public.hits WHERE shot NOT IN (SELECT id FROM public.shots)")
	if stray != 0 {
		g.t.Errorf("%d effects of records that are not there", stray)
	}
	g.t.Logf("%d creates, %d confirmed, %d stored", g.next.Load(), len(g.confirmed), len(ids))
}

// TestKill creates records through HTTP while the server, and with it its
// private PostgreSQL, is killed at random moments. Whatever was confirmed must
// have happened: the record, one finished execution, one effect.
func TestKill(t *testing.T) {
	t.Parallel()
	g := newGallery(t)
	g.shoot(triggers)
	moments := make([]int64, kills)
	for i := range moments {
		moments[i] = rand.Int64N(triggers)
	}
	slices.Sort(moments)
	for _, at := range moments {
		g.await(at)
		pause(t.Context(), time.Duration(rand.IntN(30))*time.Millisecond)
		g.server.Kill()
		g.server = crashtest.Start(t, g.options)
	}
	g.check()
}

// TestKillPostgreSQL kills the private PostgreSQL under the running server, which
// gets it back and goes on by itself.
func TestKillPostgreSQL(t *testing.T) {
	t.Parallel()
	g := newGallery(t)
	g.shoot(triggers / 2)
	for i := range int64(5) {
		g.await(i * triggers / 10)
		old := crashtest.PostgreSQL(g.dir)
		if err := syscall.Kill(old, syscall.SIGKILL); err != nil {
			t.Fatalf("kill PostgreSQL %d: %v", old, err)
		}
		g.server.Await("a new PostgreSQL", func() bool {
			pid := crashtest.PostgreSQL(g.dir)
			return pid != 0 && pid != old && g.server.Healthy()
		})
	}
	g.check()
}

// TestStop stops the server in order under load, again and again: it ends in
// time and with code 0, and what it had claimed goes on without waiting for a
// lease to run out.
func TestStop(t *testing.T) {
	t.Parallel()
	g := newGallery(t)
	g.shoot(triggers / 2)
	for i := range int64(3) {
		g.await((i + 1) * triggers / 8)
		began := time.Now()
		if code := g.server.Stop(); code != 0 {
			t.Errorf("the server ends with code %d, want 0", code)
		}
		if took := time.Since(began); took > 25*time.Second {
			t.Errorf("the stop took %v", took)
		}
		g.server = crashtest.Start(t, g.options)
	}
	g.shooters.Wait()
	began := time.Now()
	g.check()
	if took := time.Since(began); took > 20*time.Second { // a lease is 30 s
		t.Errorf("the rest took %v after the last stop", took)
	}
}

// freeAddress returns an address that servers can use one after the other.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
