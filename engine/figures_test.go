package engine_test

import (
	"io"
	"log/slog"
	"testing"
	"time"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/pgtest"
	"alur/engine/snowflake"
)

func TestFigures(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	midnight := time.Date(2030, 1, 2, 0, 0, 0, 0, time.UTC)
	now := midnight
	clock := func() time.Time { return now }
	ids := snowflake.New(0, clock)
	e := engine.New(engine.Options{DB: db, IDs: ids, Now: clock,
		Records: collection.NewStore(db, ids, clock), Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	insert := func(after time.Duration, status any, took time.Duration) {
		t.Helper()
		now = midnight.Add(after)
		var ended any
		if status != nil && status != 0 {
			ended = now.Add(took)
		}
		if _, err := db.ExecContext(t.Context(), `
			INSERT INTO alur.executions (id, workflow_id, key, context, status, created_at, started_at, ended_at)
			VALUES ($1, 1, 'k', '{}', $2, $3, $3, $4)`, ids.Next(), status, now, ended); err != nil {
			t.Fatal(err)
		}
	}
	insert(-time.Hour, 1, time.Second) // yesterday
	insert(-time.Hour, 0, 0)           // waits since yesterday
	insert(time.Minute, 1, 10*time.Millisecond)
	insert(2*time.Minute, -2, 20*time.Millisecond)
	insert(9*time.Hour, -5, 30*time.Millisecond) // a person said no: neither
	insert(9*time.Hour, nil, 0)

	got, err := e.Figures(t.Context(), auth.System, midnight)
	if err != nil {
		t.Fatal(err)
	}
	want := engine.Figures{Completed: 1, Failed: 1, Open: 2, Median: 20 * time.Millisecond}
	want.Hours[0] = engine.Hour{Completed: 1, Failed: 1}
	if got != want {
		t.Errorf("figures %+v, want %+v", got, want)
	}
	if _, err := e.Figures(t.Context(), auth.Actor{UserID: 1, Role: auth.Member}, midnight); !fault.Is(err, fault.Forbidden) {
		t.Errorf("a member gets %v", err)
	}
	empty, err := e.Figures(t.Context(), auth.System, midnight.Add(24*time.Hour))
	if err != nil || empty.Median != -1 || empty.Completed != 0 {
		t.Errorf("an empty day: %+v, %v", empty, err)
	}
}
