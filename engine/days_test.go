package engine_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"alur/engine"
	"alur/engine/auth"
)

// TestDaysOfTheServer compares by day in the server's time zone: in an execution, in
// branches too, and where a node is tried.
func TestDaysOfTheServer(t *testing.T) {
	t.Parallel()
	const june29 = `{"rejectOnFalse": true, "calculation": {"calculator": "sameDay", "operands": ["2024-06-28T18:00:00.000Z", "2024-06-29"]}}`
	shanghai, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	inUTC := w.e
	inShanghai := engine.New(engine.Options{DB: w.db, IDs: w.e.IDs, Now: w.clock.now, Records: w.e.Records, Services: w.e.Services,
		Zone: func(context.Context) (*time.Location, error) { return shanghai, nil }, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	for _, tc := range []struct {
		e     *engine.Engine
		want  bool
		story string
	}{{inUTC, false, "-1:around=1 day=-1"}, {inShanghai, true, "1:around=1 day=1"}} {
		out, err := tc.e.TestNode(t.Context(), auth.System, engine.Trial{Type: "condition", Config: json.RawMessage(june29)})
		if err != nil || out.Result != tc.want {
			t.Errorf("tried: %v, %v, want %v", out.Result, err, tc.want)
		}
		w.e = tc.e
		w.exec("DELETE FROM alur.executions")
		w.mustStart(w.workflow(false, `{}`, flow{kind: "condition", key: "around", config: `{"rejectOnFalse": false}`,
			branches: map[int][]flow{1: {{kind: "condition", key: "day", config: june29}}}}), 1)
		w.work()
		if got := w.story(); got != tc.story {
			t.Errorf("ran as %s, want %s", got, tc.story)
		}
	}
}
