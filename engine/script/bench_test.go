package script_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"alur/engine/script"
	"alur/engine/script/scripttest"
)

// BenchmarkRoundTrip is what a small script costs from outside: alone, and with
// 32 requests of one key under way at once.
func BenchmarkRoundTrip(b *testing.B) {
	p := scripttest.New(b, script.Options{})
	request := script.Request{Key: "bench", Source: "return {total: order.price * order.quantity, note: `for ${order.name}`}",
		Args: []script.Arg{{Name: "order", Value: map[string]any{"id": 1.0, "name": "Ann", "price": 2.5, "quantity": 4.0}}}}
	for _, at := range []int{1, 32} {
		b.Run(fmt.Sprintf("%d at once", at), func(b *testing.B) {
			roundTrips(b, at, func(ctx context.Context) error {
				_, err := p.Run(ctx, request)
				return err
			})
		})
	}
	b.Run("fresh key", func(b *testing.B) {
		for i := range b.N {
			request.Key = fmt.Sprint("fresh ", i)
			if _, err := p.Run(b.Context(), request); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkEval is what an expression costs that the native path cannot answer.
func BenchmarkEval(b *testing.B) {
	p := scripttest.New(b, script.Options{})
	for _, bc := range []struct{ library, source string }{
		{"math.js", "$$0 * 2.5 + norm($$1)"},
		{"formula.js", "FIXED($$0 * 2.345, 2)"},
	} {
		for _, at := range []int{1, 32} {
			b.Run(fmt.Sprintf("%s, %d at once", bc.library, at), func(b *testing.B) {
				roundTrips(b, at, func(ctx context.Context) error {
					_, err := p.Eval(ctx, bc.library, bc.source, []any{5.0, 2.0})
					return err
				})
			})
		}
	}
}

// roundTrips reports the median and the 99th percentile beside the mean.
func roundTrips(b *testing.B, at int, fn func(context.Context) error) {
	if err := fn(b.Context()); err != nil { // starts what has to be started
		b.Fatal(err)
	}
	took := make([]time.Duration, b.N)
	next := make(chan int, b.N)
	for i := range b.N {
		next <- i
	}
	close(next)
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	for range at {
		wg.Go(func() {
			for i := range next {
				start := time.Now()
				if err := fn(b.Context()); err != nil {
					b.Error(err)
					return
				}
				took[i] = time.Since(start)
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}
