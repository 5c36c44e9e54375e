package crashtest_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/crashtest"
	"alur/engine/pg"
	"alur/engine/pgtest"
)

// clients is how many requests are under way at the same time.
const clients = 8

// gallery is a place where records are created while processes come and go: each
// record "shot" shall have one execution and one effect, a record "hit". With a
// receiver each execution also calls it once and waits a moment, so that it takes
// three segments.
type gallery struct {
	t        *testing.T
	rand     *rand.Rand
	url      string            // of the database
	dir      string            // data directory of its server; "": each process has its own
	options  crashtest.Options // of its processes
	receiver *receiver         // nil: no remote steps

	clients     []client
	next, count atomic.Int64
	goal        atomic.Int64 // how many creates shall be confirmed
	mu          sync.Mutex
	confirmed   []int64
	shooters    sync.WaitGroup
}

// newPrivateGallery has a server with a PostgreSQL of its own, which is running.
func newPrivateGallery(t *testing.T) (*gallery, *crashtest.Server) {
	t.Helper()
	dir := crashtest.Dir(t)
	keepPrivateDump(t, dir)
	address := freeAddress(t)
	g := &gallery{t: t, rand: random(t), url: crashtest.DatabaseURL(dir), dir: dir}
	g.options.Env = append([]string{"LISTEN=" + address}, account...)
	server := g.serve()
	g.define(g.workshop())
	// Definitions reach other processes within moments; a fresh one has them.
	server.Kill()
	server = g.serve()
	g.clients = []client{signIn(t, "http://"+address)}
	return g, server
}

// newGallery is on a database that survives.
func newGallery(t *testing.T, url string) *gallery {
	t.Helper()
	keepDump(t, url)
	g := &gallery{t: t, rand: random(t), url: url}
	g.options.Env = append([]string{"DATABASE_URL=" + url}, account...)
	g.define(g.workshop())
	return g
}

// newRemoteGallery is on a database that survives, and runs a company's program.
func newRemoteGallery(t *testing.T) *gallery {
	t.Helper()
	url := pgtest.NewURL(t)
	keepDump(t, url)
	g := &gallery{t: t, rand: random(t), url: url, receiver: newReceiver(t)}
	g.options = crashtest.Options{Program: crashtest.Company, Env: append([]string{"DATABASE_URL=" + url}, account...)}
	g.define(g.workshop())
	return g
}

func (g *gallery) workshop() *workshop {
	g.t.Helper()
	return newWorkshop(g.t, g.url)
}

func (g *gallery) define(w *workshop) {
	g.t.Helper()
	w.collection(`{"name": "shots", "title": "Shots", "fields": [{"name": "n", "type": "integer", "title": "N"}, {"name": "seen", "type": "integer", "title": "Seen"}]}`)
	w.collection(`{"name": "hits", "title": "Hits", "fields": [{"name": "shot", "type": "bigInt", "title": "Shot"}, {"name": "version", "type": "integer", "title": "Version"}]}`)
	steps := []step{
		{"condition", "counts", `{"rejectOnFalse": true, "engine": "basic", "calculation": {"group": {"type": "and", "calculations": [
			{"calculator": "gte", "operands": ["{{$context.data.n}}", 0]}]}}}`},
		{"create", "hit", hitSettings(1)},
	}
	if g.receiver != nil {
		steps = append(steps, step{"test_remote", "call", fmt.Sprintf(`{"url": %q}`, g.receiver.URL)}, step{"test_pause", "pause", `{"milliseconds": 20}`})
	}
	steps = append(steps, step{"update", "seen", `{"collection": "shots", "params": {"individualHooks": false,
		"filter": {"$and": [{"id": {"$eq": "{{$context.data.id}}"}}]}, "values": {"seen": 1}}}`})
	w.workflow(`{"collection": "shots", "mode": 1}`, false, steps...)
}

// hitSettings are those of the step "hit" in a version of the workflow.
func hitSettings(version int) string {
	return fmt.Sprintf(`{"collection": "hits", "params": {"values": {"shot": "{{$context.data.id}}", "version": %d}}}`, version)
}

// start starts a process of the gallery with more settings, or other ones.
func (g *gallery) start(command string, env ...string) *crashtest.Server {
	g.t.Helper()
	o := g.options
	o.Args = []string{command}
	dir := g.dir
	if dir == "" {
		dir = crashtest.Dir(g.t)
	}
	o.Env = append(append(slices.Clone(o.Env), "DATA_DIR="+dir), env...)
	return crashtest.Start(g.t, o)
}

// serve starts a server and waits until it answers.
func (g *gallery) serve(env ...string) *crashtest.Server {
	g.t.Helper()
	s := g.start("serve", env...)
	s.AwaitReady()
	return s
}

// worker starts a worker and waits until it works.
func (g *gallery) worker(env ...string) *crashtest.Server {
	g.t.Helper()
	s := g.start("worker", env...)
	s.Await("work", func() bool { return s.Log.Value("msg=working worker_number=") != "" })
	return s
}

// named is the setting by which a process calls itself to the database.
func (g *gallery) named(name string) string {
	return "DATABASE_URL=" + g.url + "&application_name=" + name
}

// shoot creates records over HTTP from several sides until so many are
// confirmed.
func (g *gallery) shoot(until int64) {
	g.goal.Store(until)
	for i := range clients {
		c := g.clients[i%len(g.clients)]
		g.shooters.Go(func() {
			for g.count.Load() < g.goal.Load() {
				var made struct{ ID int64 }
				if err := c.post(g.t.Context(), "shots:create", map[string]any{"n": g.next.Add(1)}, &made); err != nil {
					if g.t.Context().Err() != nil {
						return
					}
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

// await waits until so many creates are confirmed, as long as they move on.
func (g *gallery) await(confirmed int64) {
	g.t.Helper()
	progress(g.t, "confirmed creates", func() (int64, bool) {
		n := g.count.Load()
		return n, n >= confirmed
	})
}

// write creates so many records in this process, in one transaction.
func (g *gallery) write(w *workshop, n int) {
	g.t.Helper()
	err := w.records.Write(g.t.Context(), "shots", func(tx *pg.Tx) error {
		for range n {
			_, err := w.records.Create(g.t.Context(), tx, collection.Access{Actor: auth.System}, "shots", collection.Record{"n": float64(g.next.Add(1))}, nil)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		g.t.Fatalf("create %d records: %v", n, err)
	}
}

// check waits for the last execution and looks at every record, also at those
// that were not confirmed and are there all the same.
func (g *gallery) check() {
	g.t.Helper()
	g.shooters.Wait()
	w := g.workshop()
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
	if len(wrong) > 10 {
		g.t.Errorf("%d records in all are wrong", len(wrong))
	}
	stored := g.stored(w)
	for _, id := range g.confirmed {
		if _, there := slices.BinarySearch(stored, id); !there {
			g.t.Errorf("record %d was confirmed and is not there", id)
		}
	}
	var stray int
	w.get(&stray, "SELECT count(*) FROM public.hits WHERE shot NOT IN (SELECT id FROM public.shots)")
	if stray != 0 {
		g.t.Errorf("%d effects of records that are not there", stray)
	}
	if g.receiver != nil {
		g.receiver.check(g.t, w)
	}
	g.t.Logf("%d creates, %d confirmed, %d stored", g.next.Load(), len(g.confirmed), len(stored))
}

// stored are the ids of the records, in order.
func (g *gallery) stored(w *workshop) (ids []int64) {
	g.t.Helper()
	w.all(&ids, "SELECT id FROM public.shots ORDER BY id")
	return ids
}

// progress waits until there is what is named. It gives up when the count stands
// still for too long, however slow the machine is.
func progress(t *testing.T, what string, look func() (count int64, done bool)) {
	t.Helper()
	last, moved := int64(-1), time.Now()
	for {
		n, done := look()
		if done {
			return
		}
		if n != last {
			last, moved = n, time.Now()
		}
		if time.Since(moved) > patience {
			t.Fatalf("%s: still at %d after %v", what, n, patience)
		}
		pause(t.Context(), 20*time.Millisecond)
	}
}

// patience is how long nothing may move: longer than two leases.
const patience = 90 * time.Second

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
