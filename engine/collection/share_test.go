package collection_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"alur/engine/collection"
	"alur/engine/pg"
)

// crowd lets n writers create a product each, all at once, while two others keep
// the turn of leaders; it returns their errors and the transactions they used.
func (s *shop) crowd(n int, before func(ctx context.Context, tx *pg.Tx, i int) error) (errs []error, transactions map[*pg.Tx]int) {
	s.t.Helper()
	var mu sync.Mutex
	transactions = map[*pg.Tx]int{}
	errs = make([]error, n)
	hold := make(chan struct{})
	var leaders, group sync.WaitGroup
	leading := make(chan struct{}, 32)
	for range 2 {
		leaders.Go(func() {
			err := s.store.WriteShared(s.t.Context(), "products", func(*pg.Tx) error {
				leading <- struct{}{}
				<-hold
				return nil
			})
			if err != nil {
				s.t.Error(err)
			}
		})
	}
	<-leading
	<-leading
	for i := range n {
		group.Go(func() {
			errs[i] = s.store.WriteShared(s.t.Context(), "products", func(tx *pg.Tx) error {
				mu.Lock()
				transactions[tx]++
				mu.Unlock()
				if err := before(s.t.Context(), tx, i); err != nil {
					return err
				}
				_, err := s.store.Create(s.t.Context(), tx, s.a, "products", collection.Record{"name": fmt.Sprintf("Product %d", i)}, nil)
				return err
			})
		})
	}
	time.AfterFunc(5*time.Millisecond, func() { close(hold) })
	group.Wait()
	leaders.Wait()
	return errs, transactions
}

func nothing(context.Context, *pg.Tx, int) error { return nil }

func TestWritersShareTransactions(t *testing.T) {
	s := newShop(t)
	for range 50 { // until the crowd was there in time
		errs, transactions := s.crowd(8, nothing)
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		var n int
		if err := s.db.GetContext(t.Context(), &n, "SELECT count(*) FROM products"); err != nil || n != 8 {
			t.Fatalf("%d products, %v, want 8", n, err)
		}
		if len(transactions) < 8 {
			return
		}
		if _, err := s.db.ExecContext(t.Context(), "DELETE FROM products"); err != nil {
			t.Fatal(err)
		}
	}
	t.Error("eight writers at once never shared a transaction")
}

// TestOneWriterFails: whoever fails does so alone, and all others are kept.
func TestOneWriterFails(t *testing.T) {
	for name, fail := range map[string]func(ctx context.Context, tx *pg.Tx) error{
		"an error":     func(context.Context, *pg.Tx) error { return errors.New("no") },
		"the database": func(ctx context.Context, tx *pg.Tx) error { _, err := tx.ExecContext(ctx, "SELECT 1 / 0"); return err },
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			errs, _ := s.crowd(8, func(ctx context.Context, tx *pg.Tx, i int) error {
				if i == 3 {
					return fail(ctx, tx)
				}
				return nil
			})
			for i, err := range errs {
				if (err != nil) != (i == 3) {
					t.Errorf("writer %d: %v", i, err)
				}
			}
			var names []string
			if err := s.db.SelectContext(t.Context(), &names, "SELECT name FROM products ORDER BY name"); err != nil {
				t.Fatal(err)
			}
			if len(names) != 7 {
				t.Errorf("kept %q, want all but Product 3", names)
			}
		})
	}
}

// TestWriterPanics: the panic reaches the goroutine of its owner only.
func TestWriterPanics(t *testing.T) {
	s := newShop(t)
	var caught atomic.Int32
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			defer func() {
				if recover() != nil {
					caught.Add(1)
				}
			}()
			err := s.store.WriteShared(t.Context(), "products", func(tx *pg.Tx) error {
				if i == 3 {
					panic("at the third")
				}
				_, err := s.store.Create(t.Context(), tx, s.a, "products", collection.Record{"name": fmt.Sprintf("Product %d", i)}, nil)
				return err
			})
			if err != nil {
				t.Errorf("writer %d: %v", i, err)
			}
		})
	}
	group.Wait()
	if caught.Load() != 1 {
		t.Errorf("%d writers met the panic, want its owner", caught.Load())
	}
}

// TestLongWritersDoNotShare: where a synchronous workflow may run, every writer
// has a transaction of its own.
func TestLongWritersDoNotShare(t *testing.T) {
	s := newShop(t)
	s.long = true
	errs, transactions := s.crowd(8, nothing)
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if len(transactions) != 8 {
		t.Errorf("8 writers used %d transactions", len(transactions))
	}
}

// TestWriterLeaves: a writer whose context ends while it waits writes nothing.
func TestWriterLeaves(t *testing.T) {
	s := newShop(t)
	ctx, cancel := context.WithCancel(t.Context())
	errs, _ := s.crowd(1, func(context.Context, *pg.Tx, int) error { cancel(); return nil })
	if errs[0] != nil {
		t.Fatal(errs[0])
	}
	err := s.store.WriteShared(ctx, "products", func(*pg.Tx) error { t.Error("it wrote"); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v, want that of the context", err)
	}
}
