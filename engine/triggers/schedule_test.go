package triggers_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/pg"
	"alur/engine/pgtest"
	"alur/engine/schedule"
)

// office is a shop whose clock stands still until it is moved. It shows noon of
// 1 March 2027 at first.
type office struct {
	*shop
	mu sync.Mutex
	at time.Time
}

var noon = time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{at: noon}
	o.shop = shopAt(t, pgtest.New(t), func() time.Time {
		o.mu.Lock()
		defer o.mu.Unlock()
		return o.at
	})
	return o
}

// tick lets one process do what is due.
func tick(t *testing.T, e *engine.Engine) {
	t.Helper()
	kind := engine.LookupTrigger("schedule").(engine.Scheduler)
	for {
		next, err := kind.Tick(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		if next.IsZero() || next.After(e.Now()) {
			return
		}
	}
}

// until moves the clock on second by second, as a server that runs.
func (o *office) until(end time.Time) {
	o.t.Helper()
	for tick(o.t, o.e); o.now().Before(end); tick(o.t, o.e) {
		o.sleep(time.Second)
	}
}

// sleep moves the clock on while no server runs.
func (o *office) sleep(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.at = o.at.Add(d)
}

func (o *office) schedule(trigger string) int64 {
	o.t.Helper()
	id := o.add(engine.NewWorkflow{Type: "schedule"}, trigger)
	o.enable(id, true)
	return id
}

// fired lists the planned times of all executions, in seconds from noon, with the
// titles of their records.
func (o *office) fired() string {
	o.t.Helper()
	var rows []struct {
		Date  time.Time `db:"date"`
		Title *string   `db:"title"`
	}
	err := o.db.SelectContext(o.t.Context(), &rows, `SELECT CAST(context ->> 'date' AS timestamptz) AS date, context #>> '{data,title}' AS title
		FROM alur.executions ORDER BY 1, 2, id`)
	if err != nil {
		o.t.Fatal(err)
	}
	var out []string
	for _, r := range rows {
		text := fmt.Sprint(int(r.Date.Sub(noon).Seconds()))
		if r.Title != nil {
			text = *r.Title + "@" + text
		}
		out = append(out, text)
	}
	return strings.Join(out, " ")
}

func (o *office) want(what, want string) {
	o.t.Helper()
	if got := o.fired(); got != want {
		o.t.Errorf("%s: started at %q, want %q", what, got, want)
	}
}

// TestScheduleFires lets schedules at set times run for ten seconds.
func TestScheduleFires(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, trigger, want string }{
		{"once, ahead", `{"startsOn": "2027-03-01T12:00:05.000Z"}`, "5"},
		{"milliseconds are cut", `{"startsOn": "2027-03-01T12:00:05.900Z"}`, "5"},
		{"once, now", `{"startsOn": "2027-03-01T12:00:00.000Z"}`, "0"},
		{"once, over", `{"startsOn": "2027-03-01T11:59:59.000Z"}`, ""},
		{"every two seconds from the past", `{"startsOn": "2027-03-01T11:00:01.000Z", "repeat": 2000}`, "1 3 5 7 9"},
		{"limit 1 of a start in the past", `{"startsOn": "2027-03-01T11:00:00.000Z", "repeat": 2000, "limit": 1}`, "2"},
		{"cron", `{"startsOn": "2027-01-01T00:00:00.000Z", "repeat": "*/2 * * * * *"}`, "2 4 6 8 10"},
		{"each second", `{"startsOn": "2027-01-01T00:00:00.000Z", "repeat": "* * * * * *", "limit": 0}`, "1 2 3 4 5 6 7 8 9 10"},
		{"cron with limit 2", `{"startsOn": "2027-01-01T00:00:00.000Z", "repeat": "*/2 * * * * *", "limit": 2}`, "2 4"},
		{"cron begins with its start", `{"startsOn": "2027-03-01T12:00:03.000Z", "repeat": "*/4 * * * * *"}`, "3 4 8"},
		{"end", `{"startsOn": "2027-03-01T11:00:00.000Z", "repeat": 2000, "endsOn": "2027-03-01T12:00:05.000Z"}`, "2 4"},
		{"a zone", `{"startsOn": "2027-01-01T00:00:00.000Z", "repeat": "4 0 13 * * *", "timeZone": "Europe/Berlin"}`, "4"},
		{"a text without offset", `{"startsOn": "2027-03-01 13:00:04", "timeZone": "Europe/Berlin"}`, "4"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			o.schedule(tc.trigger)
			o.until(noon.Add(10 * time.Second))
			o.want(tc.name, tc.want)
			o.work()
			if got := o.one("SELECT count(*) FROM alur.executions WHERE status = 1 AND event_key = workflow_id || '@' || CAST(extract(epoch FROM CAST(context ->> 'date' AS timestamptz)) * 1000 AS bigint)"); got != fmt.Sprint(len(strings.Fields(tc.want))) {
				t.Errorf("%s executions completed under their key", got)
			}
		})
	}
}

// TestScheduleLife: what is off or deleted starts nothing; what is turned on is
// planned anew; versions and settings take each other's place.
func TestScheduleLife(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	const each = `{"startsOn": "2027-01-01T00:00:00.000Z", "repeat": 1000}`
	id := o.schedule(each)
	o.until(noon.Add(2 * time.Second))
	o.enable(id, false)
	o.until(noon.Add(5 * time.Second))
	o.want("off", "1 2")
	o.enable(id, true)
	o.enable(id, true) // again: nothing happens twice
	o.until(noon.Add(7 * time.Second))
	o.want("on again", "1 2 6 7")

	draft, err := o.e.Draft(t.Context(), auth.System, id)
	if err != nil {
		t.Fatal(err)
	}
	config := json.RawMessage(`{"startsOn": "2027-01-01T00:00:00.000Z", "repeat": 2000}`)
	if _, err := o.e.UpdateWorkflow(t.Context(), auth.System, draft.ID, engine.WorkflowChange{Config: config}); err != nil {
		t.Fatal(err)
	}
	o.enable(draft.ID, true)
	o.until(noon.Add(11 * time.Second))
	o.want("a new version", "1 2 6 7 8 10")
	if got := o.one("SELECT count(DISTINCT workflow_id) FROM alur.executions"); got != "2" {
		t.Errorf("executions of %s versions, want 2", got)
	}
	// What is due already when a version is published still starts, by the new one.
	o.sleep(5 * time.Second) // to 16
	next, err := o.e.Draft(t.Context(), auth.System, draft.ID)
	if err != nil {
		t.Fatal(err)
	}
	o.enable(next.ID, true)
	o.until(noon.Add(18 * time.Second))
	o.want("published over what was due", "1 2 6 7 8 10 12 14 16 18")
	if _, err := o.e.Replace(t.Context(), auth.System, next.ID); err != nil {
		t.Fatal(err)
	}
	o.until(noon.Add(20 * time.Second))
	o.want("replaced", "1 2 6 7 8 10 12 14 16 18 20")
	current := o.one("SELECT id FROM alur.workflows WHERE enabled")
	if _, err := o.e.DeleteWorkflow(t.Context(), auth.System, mustID(t, current)); err != nil {
		t.Fatal(err)
	}
	o.until(noon.Add(24 * time.Second))
	o.want("deleted", "1 2 6 7 8 10 12 14 16 18 20")
	if got := o.one("SELECT (SELECT count(*) FROM alur.schedules) + (SELECT count(*) FROM alur.firings)"); got != "0" {
		t.Errorf("%s rows are left of a deleted workflow", got)
	}
}

// TestOtherTrigger: a version with a trigger of another type takes the schedule off.
func TestOtherTrigger(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	id := o.schedule(`{"startsOn": "2027-01-01T00:00:00.000Z", "repeat": 1000}`)
	o.until(noon.Add(2 * time.Second))
	key := o.one("SELECT key FROM alur.workflows WHERE id = $1", id)
	o.enable(o.add(engine.NewWorkflow{Type: "collection", Key: key}, `{"collection": "orders", "mode": 1}`), true)
	o.until(noon.Add(5 * time.Second))
	o.want("with another trigger", "1 2")
	if got := o.one("SELECT count(*) FROM alur.schedules WHERE workflow_id IS NOT NULL"); got != "0" {
		t.Errorf("%s schedules are planned", got)
	}
	o.enable(id, true)
	o.until(noon.Add(7 * time.Second))
	o.want("and back", "1 2 6 7")
}

func mustID(t *testing.T, text string) (id int64) {
	t.Helper()
	if _, err := fmt.Sscan(text, &id); err != nil {
		t.Fatal(err)
	}
	return id
}

// TestScheduleChanged: a change of the settings of a workflow that is on counts at
// once, any other change of it is none.
func TestScheduleChanged(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	id := o.schedule(`{"startsOn": "2027-03-01T13:00:00.000Z"}`)
	title := "Renamed"
	if _, err := o.e.UpdateWorkflow(t.Context(), auth.System, id, engine.WorkflowChange{Title: &title}); err != nil {
		t.Fatal(err)
	}
	if got := o.one("SELECT generation FROM alur.schedules"); got != "1" {
		t.Errorf("a new title made plan %s", got)
	}
	_, err := o.e.UpdateWorkflow(t.Context(), auth.System, id, engine.WorkflowChange{Config: json.RawMessage(`{"startsOn": "2027-03-01T11:00:00.000Z", "repeat": 3000}`)})
	if err != nil {
		t.Fatal(err)
	}
	o.until(noon.Add(7 * time.Second))
	o.want("from once to repeated", "3 6")
}

// TestLimitCounts: all executions of all versions count, those that people started
// too; they themselves may start more.
func TestLimitCounts(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	id := o.schedule(`{"startsOn": "2027-01-01T00:00:00.000Z", "repeat": 1000, "limit": 3}`)
	o.until(noon.Add(time.Second))
	if err := o.start(id, map[string]any{"date": "2027-03-01T11:59:00.000Z"}); err != nil {
		t.Fatal(err)
	}
	o.until(noon.Add(5 * time.Second))
	o.want("limit 3", "-60 1 2")
	if err := o.start(id, map[string]any{}); err != nil {
		t.Fatal(err)
	}
	o.want("by hand past the limit", "-60 1 2 5")
	draft, err := o.e.Draft(t.Context(), auth.System, id)
	if err != nil {
		t.Fatal(err)
	}
	o.enable(draft.ID, true)
	o.until(noon.Add(8 * time.Second))
	o.want("another version", "-60 1 2 5")
	raised := json.RawMessage(`{"startsOn": "2027-01-01T00:00:00.000Z", "repeat": 1000, "limit": 5}`)
	if _, err := o.e.UpdateWorkflow(t.Context(), auth.System, draft.ID, engine.WorkflowChange{Config: raised}); err != nil {
		t.Fatal(err)
	}
	o.until(noon.Add(12 * time.Second))
	o.want("limit raised", "-60 1 2 5 9")
}

// TestMissedTimes is what a downtime of an hour leaves, by policy.
func TestMissedTimes(t *testing.T) {
	t.Parallel()
	for missed, want := range map[string]string{
		``:                   "3602 3604",
		`, "missed": "skip"`: "3602 3604",
		`, "missed": "once"`: "3000 3602 3604",
		`, "missed": "all"`:  "1200 1800 2400 3000 600 3602 3604",
	} {
		t.Run(missed, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			o.schedule(`{"startsOn": "2027-03-01T12:10:00.000Z", "repeat": "0 */10 12 * * *"` + missed + `}`)
			o.schedule(`{"startsOn": "2027-03-01T13:00:02.000Z", "repeat": 2000}`)
			o.sleep(time.Hour)
			o.until(noon.Add(time.Hour + 4*time.Second))
			want := strings.Fields(want)
			slices.SortFunc(want, func(a, b string) int { return int(mustID(t, a) - mustID(t, b)) })
			o.want(missed, strings.Join(want, " "))
			records := o.one("SELECT detail FROM alur.skipped_triggers WHERE reason = 'missed'")
			if skips := !strings.Contains(missed, "once") && !strings.Contains(missed, "all"); skips != strings.Contains(records, "from 1 Mar 2027, 12:10:00 to 1 Mar 2027, 12:50:00 (UTC)") {
				t.Errorf("on record is %q", records)
			}
		})
	}
}

// TestBacklog: of the times of a long downtime the newest 10,000 are made up for,
// and the others are on record. The limit keeps the test short.
func TestBacklog(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.schedule(`{"startsOn": "2027-03-01T12:00:01.000Z", "repeat": 1000, "missed": "all", "limit": 3}`)
	o.sleep(schedule.Backlog*time.Second + 2*time.Minute)
	o.until(noon.Add(schedule.Backlog*time.Second + 2*time.Minute + time.Second))
	o.want("after hours", "60 61 62")
	records := o.one("SELECT detail FROM alur.skipped_triggers WHERE reason = 'missed'")
	if !strings.Contains(records, "from 1 Mar 2027, 12:00:01 to 1 Mar 2027, 12:00:59 (UTC)") || !strings.Contains(records, "The newest 10000 of the times") {
		t.Errorf("on record is %q", records)
	}
}

// TestBlocked: a server that is late by seconds still starts what it should have,
// with the planned time.
func TestBlocked(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.schedule(`{"startsOn": "2027-03-01T12:00:05.000Z"}`)
	o.sleep(20 * time.Second)
	o.until(noon.Add(21 * time.Second))
	o.want("late", "5")
}

// TestEventKey: what was started under the key of a time is not started again.
func TestEventKey(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	id := o.schedule(`{"startsOn": "2027-03-01T12:00:05.000Z", "repeat": 1000, "endsOn": "2027-03-01T12:00:06.000Z"}`)
	armed, err := o.e.Armed(t.Context(), "schedule")
	if err != nil {
		t.Fatal(err)
	}
	err = o.db.Tx(t.Context(), pg.ReadCommitted, func(tx *pg.Tx) error {
		return o.e.Start(t.Context(), tx, []engine.Event{{Workflow: armed[0], EventKey: fmt.Sprintf("%d@%d", id, noon.Add(5*time.Second).UnixMilli()),
			Context: map[string]any{"date": "2027-03-01T12:00:05.000Z"}}})
	})
	if err != nil {
		t.Fatal(err)
	}
	o.until(noon.Add(8 * time.Second))
	o.want("started before", "5 6")
}

// TestManyProcesses: eight processes at once start each time once.
func TestManyProcesses(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.schedule(`{"startsOn": "2027-01-01T00:00:00.000Z", "repeat": 1000, "missed": "all"}`)
	o.schedule(`{"mode": 1, "collection": "orders", "startsOn": {"field": "seen"}, "missed": "all"}`)
	var want []string
	for i := range 40 {
		o.create("orders", collection.Record{"title": "o", "seen": noon.Add(time.Duration(i+1) * time.Second).Format(collection.Instant)})
		want = append(want, fmt.Sprint(i+1), fmt.Sprintf("o@%d", i+1))
	}
	kind := engine.LookupTrigger("schedule").(engine.Scheduler)
	engines := []*engine.Engine{o.e}
	for i := range 7 {
		_, e := o.process(pgtest.Open(t, pgtest.URL(t, o.db)), i+2)
		engines = append(engines, e)
	}
	for range 4 {
		o.sleep(10 * time.Second)
		var group sync.WaitGroup
		for _, e := range engines {
			group.Go(func() {
				for range 20 {
					if _, err := kind.Tick(t.Context(), e); err != nil {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
	}
	tick(t, o.e)
	got := strings.Fields(o.fired())
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("started %v\nwant %v", got, want)
	}
}

// start starts a version by hand, with a worker to run it.
func (o *office) start(id int64, values map[string]any) error {
	o.t.Helper()
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _, err = o.e.Execute(o.t.Context(), auth.System, id, values)
	}()
	for {
		select {
		case <-done:
			return err
		default:
			o.work()
		}
	}
}
