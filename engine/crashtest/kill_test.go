package crashtest_test

import (
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
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
	r := &gallery{t: t, dir: crashtest.Dir(t)}
	address := freeAddress(t)
	r.options = crashtest.Options{Wait: true, Env: append([]string{"DATA_DIR=" + r.dir, "LISTEN=" + address}, account...)}
	r.server = crashtest.Start(t, r.options)
	w := newWorkshop(t, crashtest.DatabaseURL(r.dir))
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
	r.server.Kill()
	r.server = crashtest.Start(t, r.options)
	r.client = signIn(t, "http://"+address)
	return r
}

// shoot creates records from several sides until so many are confirmed.
func (r *gallery) shoot(until int64) {
	for range clients {
		r.shooters.Go(func() {
			for r.count.Load() < until {
				var made struct{ ID int64 }
				if err := r.client.post(r.t.Context(), "shots:create", map[string]any{"n": r.next.Add(1)}, &made); err != nil {
					pause(r.t.Context(), 10*time.Millisecond) // nobody there; what became of it is unknown
					continue
				}
				r.mu.Lock()
				r.confirmed = append(r.confirmed, made.ID)
				r.mu.Unlock()
				r.count.Add(1)
			}
		})
	}
}

func (r *gallery) await(confirmed int64) {
	r.t.Helper()
	r.server.Await("confirmed creates", func() bool { return r.count.Load() >= confirmed })
}

// check waits for the last execution and looks at every record, also at those
// that were not confirmed and are there all the same.
func (r *gallery) check() {
	r.t.Helper()
	r.shooters.Wait()
	w := newWorkshop(r.t, crashtest.DatabaseURL(r.dir))
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
		r.t.Errorf("record %d has %d executions, %d of them completed, %d effects, updated: %v; %s", s.ID, s.Runs, s.Done, s.Hits, s.Updated, w.story(s.ID))
	}
	var ids []int64
	w.all(&ids, "SELECT id FROM public.shots ORDER BY id")
	for _, id := range r.confirmed {
		if _, there := slices.BinarySearch(ids, id); !there {
			r.t.Errorf("record %d was confirmed and is not there", id)
		}
	}
	var stray int
	w.get(&stray, "SELECT count(*) FROM public.hits WHERE shot NOT IN (SELECT id FROM public.shots)")
	if stray != 0 {
		r.t.Errorf("%d effects of records that are not there", stray)
	}
	r.t.Logf("%d creates, %d confirmed, %d stored", r.next.Load(), len(r.confirmed), len(ids))
}

// TestKill creates records through HTTP while the server, and with it its
// private PostgreSQL, is killed at random moments. Whatever was confirmed must
// have happened: the record, one finished execution, one effect.
func TestKill(t *testing.T) {
	t.Parallel()
	r := newGallery(t)
	r.shoot(triggers)
	moments := make([]int64, kills)
	for i := range moments {
		moments[i] = rand.Int64N(triggers)
	}
	slices.Sort(moments)
	for _, at := range moments {
		r.await(at)
		pause(t.Context(), time.Duration(rand.IntN(30))*time.Millisecond)
		r.server.Kill()
		r.server = crashtest.Start(t, r.options)
	}
	r.check()
}

// TestStop stops the server in order under load, again and again: it ends in
// time and with code 0, and what it had claimed goes on without waiting for a
// lease to run out.
func TestStop(t *testing.T) {
	t.Parallel()
	r := newGallery(t)
	r.shoot(triggers / 2)
	for i := range int64(3) {
		r.await((i + 1) * triggers / 8)
		began := time.Now()
		if code := r.server.Stop(); code != 0 {
			t.Errorf("the server ends with code %d, want 0", code)
		}
		if took := time.Since(began); took > 25*time.Second {
			t.Errorf("the stop took %v", took)
		}
		r.server = crashtest.Start(t, r.options)
	}
	r.shooters.Wait()
	began := time.Now()
	r.check()
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
