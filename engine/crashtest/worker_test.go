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

// TestSilentProcess freezes a process in the middle of its work until its leases
// are over and another has done the rest, and lets it go on: its fences are
// lost, and nothing happens twice.
func TestSilentProcess(t *testing.T) {
	t.Parallel()
	w, url := shop(t)
	start := func(name string) *crashtest.Server {
		s := crashtest.Start(t, crashtest.Options{Args: []string{"worker"}, Env: []string{"DATABASE_URL=" + url + "&application_name=" + name, "DATA_DIR=" + crashtest.Dir(t)}})
		s.Await("work", func() bool { return s.Log.Value("msg=working worker_number=") != "" })
		return s
	}
	frozen := start("frozen")
	product := w.create("products", collection.Record{"name": "Chair", "price": 2.0, "stock": float64(stock)})
	for n := range orders {
		w.create("orders", collection.Record{"productId": product, "quantity": float64(n%5 + 1)})
		if n == orders/2 {
			frozen.Freeze()
		}
	}
	frozen.Await("its last statements", func() bool {
		var active int
		w.get(&active, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'frozen' AND datname = current_database() AND state = 'active'")
		return active == 0
	})
	// Time flies: the leases are over, and the limits of the server have ended
	// the transactions and the turn (class 4713) that it held.
	for _, statement := range []string{
		`SELECT pg_terminate_backend(pid) FROM pg_stat_activity a
		WHERE application_name = 'frozen' AND datname = current_database() AND (state LIKE 'idle in transaction%'
			OR EXISTS (SELECT FROM pg_locks l WHERE l.pid = a.pid AND l.locktype = 'advisory' AND l.classid = 4713))`,
		"UPDATE alur.executions SET lease_until = now() - interval '1 s' WHERE status IS NULL AND lease_until IS NOT NULL",
	} {
		if _, err := w.db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	start("other")
	w.awaitQuiet()
	frozen.Signal(syscall.SIGCONT)
	if code := frozen.Stop(); code != 0 {
		t.Errorf("the woken process ends with code %d, want 0", code)
	}
	checkStock(t, w, int64(product))
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
