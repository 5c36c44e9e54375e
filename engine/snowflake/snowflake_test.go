package snowflake_test

import (
	"testing"
	"time"

	"alur/engine/snowflake"
)

func TestNext(t *testing.T) {
	t.Parallel()
	now := time.Unix(1900000000, 0)
	s := snowflake.New(5, func() time.Time { return now })
	first := s.Next()
	if want := int64(1900000000-snowflake.Epoch)<<21 | 5<<16; first != want {
		t.Fatalf("first id is %d, want %d", first, want)
	}
	last := first
	for i := range 200_000 {
		if i == 100_000 {
			now = now.Add(-time.Hour) // the clock steps back
		}
		id := s.Next()
		if id <= last || id >= 1<<53 {
			t.Fatalf("id %d after %d", id, last)
		}
		if id>>16&31 != 5 {
			t.Fatalf("id %d belongs to worker %d, want 5", id, id>>16&31)
		}
		last = id
	}
}
