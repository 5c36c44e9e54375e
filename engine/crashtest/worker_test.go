package crashtest_test

import (
	"syscall"
	"testing"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/crashtest"
	"alur/engine/pg"
)

// TestWorker runs workflows by "alur worker" alone, two of them, one of which
// is stopped in the middle: what it held goes on in the other.
func TestWorker(t *testing.T) {
	t.Parallel()
	w, url := shop(t)
	var workers []*crashtest.Server
	for range 2 {
		s := crashtest.Start(t, crashtest.Options{Args: []string{"worker"}, Env: []string{"DATABASE_URL=" + url, "DATA_DIR=" + crashtest.Dir(t)}})
		s.Await("work", func() bool { return s.Log.Value("msg=working worker_number=") != "" })
		workers = append(workers, s)
	}
	product := w.create("products", collection.Record{"name": "Chair", "price": 2.0, "stock": float64(stock)})
	for n := range orders {
		w.create("orders", collection.Record{"productId": product, "quantity": float64(n%5 + 1)})
		if n == orders/2 {
			workers[0].Signal(syscall.SIGTERM)
		}
	}
	w.awaitQuiet()
	checkStock(t, w, int64(product))
	if code := workers[0].Wait(); code != 0 {
		t.Errorf("the stopped worker ends with code %d, want 0", code)
	}
}

// TestFrozen freezes one of three processes in the middle of its work until its
// leases are over and the others have done the rest, and lets it go on: its
// fences are lost, and nothing happens twice (R5).
func TestFrozen(t *testing.T) {
	t.Parallel()
	g := newRemoteGallery(t)
	w := g.workshop()
	processes := map[string]*crashtest.Server{}
	for name, start := range map[string]func(...string) *crashtest.Server{"first": g.serve, "second": g.serve, "third": g.worker} {
		processes[name] = start(g.named(name))
	}
	const rounds = 4
	for round := range rounds {
		frozen := ""
		for written := 0; written < scaled(500, 12_500) || frozen == ""; written += 100 {
			g.write(w, 100)
			if frozen != "" {
				continue
			}
			var busy []string
			w.all(&busy, `SELECT DISTINCT a.application_name FROM alur.executions e
				JOIN pg_locks l ON l.locktype = 'advisory' AND l.classid = 4711 AND l.objid = CAST(e.worker AS oid)
				JOIN pg_stat_activity a ON a.pid = l.pid AND a.datname = current_database()
				WHERE e.status IS NULL AND e.lease_until > now() ORDER BY 1`)
			if len(busy) == 0 {
				continue
			}
			frozen = busy[g.rand.IntN(len(busy))]
			if !processes[frozen].Freeze() {
				t.Fatalf("%s has ended", frozen)
			}
			if long == 0 || round > 0 { // once the time passes for real
				w.expire(frozen)
			}
		}
		w.awaitQuiet()
		processes[frozen].Signal(syscall.SIGCONT)
	}
	for _, p := range processes {
		if code := p.Stop(); code != 0 {
			t.Errorf("a process ends with code %d, want 0", code)
		}
	}
	g.check()
}

// numberOf finds the number by which a process is a worker, by the name of its
// sessions.
const numberOf = `CAST(l.objid AS bigint) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
	WHERE l.locktype = 'advisory' AND l.classid = 4711 AND a.application_name = $1 AND a.datname = current_database()`

// expire makes time fly for a process that stands still: its leases are over, and
// the limits of the server have ended the transactions and the turn (class 4713)
// that it held.
func (w *workshop) expire(name string) {
	w.t.Helper()
	progress(w.t, "statements of "+name, func() (n int64, done bool) {
		w.get(&n, "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database() AND state = 'active'", name)
		return n, n == 0
	})
	for _, statement := range []string{
		`SELECT pg_terminate_backend(pid) FROM pg_stat_activity a
		WHERE application_name = $1 AND datname = current_database() AND (state LIKE 'idle in transaction%'
			OR EXISTS (SELECT FROM pg_locks l WHERE l.pid = a.pid AND l.locktype = 'advisory' AND l.classid = 4713))`,
		"UPDATE alur.executions SET lease_until = now() - interval '1 s' WHERE status IS NULL AND lease_until IS NOT NULL AND worker IN (SELECT " + numberOf + ")",
		"UPDATE alur.slots SET lease_until = now() - interval '1 s' WHERE worker IN (SELECT " + numberOf + ")",
	} {
		w.exec(statement, name)
	}
}

// create writes a record in this process, as a server would.
func (w *workshop) create(name string, values collection.Record) float64 {
	w.t.Helper()
	var made collection.Record
	err := w.records.Write(w.t.Context(), name, func(tx *pg.Tx) (err error) {
		made, err = w.records.Create(w.t.Context(), tx, collection.Access{Actor: auth.System}, name, values, nil)
		return err
	})
	if err != nil {
		w.t.Fatalf("create in %s: %v", name, err)
	}
	return made["id"].(float64)
}
