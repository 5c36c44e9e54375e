package collection_test

import (
	"testing"
	"time"

	"alur/engine/collection"
	"alur/engine/pg"
	"alur/engine/snowflake"
)

// BenchmarkCreate writes one order per iteration from 16 clients, each in a
// transaction of its own.
func BenchmarkCreate(b *testing.B) {
	s := newShop(b)
	p := s.create("products", collection.Record{"name": "A"})
	store := collection.NewStore(s.db, snowflake.New(2, time.Now), time.Now)
	b.SetParallelism(8)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			err := store.Write(b.Context(), "orders", func(tx *pg.Tx) error {
				_, err := store.Create(b.Context(), tx, s.a, "orders", collection.Record{"product": p["id"], "quantity": 1.0, "note": "n"}, nil)
				return err
			})
			if err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkUpdate changes one record by its id.
func BenchmarkUpdate(b *testing.B) {
	s := newShop(b)
	p := s.create("products", collection.Record{"name": "A", "stock": 0.0})
	store := collection.NewStore(s.db, snowflake.New(2, time.Now), time.Now)
	for n := 0.0; b.Loop(); n++ {
		err := store.Write(b.Context(), "products", func(tx *pg.Tx) error {
			_, err := store.Update(b.Context(), tx, s.a, "products", p["id"], collection.Record{"stock": n})
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
