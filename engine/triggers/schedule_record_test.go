package triggers_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
)

func (o *office) order(title string, values collection.Record) any {
	o.t.Helper()
	values["title"] = title
	return o.create("orders", values)["id"]
}

// seen is a value of orders.seen, in seconds from noon.
func seen(seconds int) collection.Record {
	return collection.Record{"seen": noon.Add(time.Duration(seconds) * time.Second).Format(collection.Instant)}
}

// TestRecordsFire lets schedules run for ten seconds over orders that were there
// before (a in the past, b at 5 s, c without a date) and one made at 2 s for 6 s.
func TestRecordsFire(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, trigger, want string }{
		{"at the date", `{"startsOn": {"field": "seen"}}`, "b@5 d@6"},
		{"before the date", `{"startsOn": {"field": "seen", "offset": -2, "unit": 1000}}`, "b@3 d@4"},
		{"after the date", `{"startsOn": {"field": "seen", "offset": 1, "unit": 60000}}`, "a@3 "},
		{"a day is the unit", `{"startsOn": {"field": "seen", "offset": 1}}`, ""},
		{"as they are created", `{"startsOn": {"field": "createdAt"}}`, "d@2"},
		{"repeated", `{"startsOn": {"field": "seen"}, "repeat": 4000, "endsOn": "2027-03-01T12:00:08.000Z"}`, "a@3 b@5 d@6 a@7"},
		{"repeated up to a date", `{"startsOn": {"field": "seen"}, "repeat": 2000, "endsOn": {"field": "seen", "offset": 3, "unit": 1000}}`, "b@5 d@6 b@7 d@8"},
		{"no end", `{"startsOn": {"field": "seen"}, "repeat": 4000, "endsOn": {}}`, "a@3 b@5 d@6 a@7 b@9 d@10"},
		{"cron begins with the date", `{"startsOn": {"field": "seen"}, "repeat": "*/9 * * * * *"}`, "b@5 d@6 a@9 b@9 d@9"},
		{"limit", `{"startsOn": {"field": "seen"}, "repeat": 1000, "limit": 4}`, "a@1 a@2 a@3 a@4"},
		{"limit per record", `{"startsOn": {"field": "seen"}, "repeat": 1000, "limit": 2, "limitPerRecord": true}`, "a@1 a@2 b@5 b@6 d@6 d@7"},
		{"main source", `{"collection": "main:orders", "startsOn": {"field": "seen"}}`, "b@5 d@6"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			o.order("a", seen(-57))
			o.order("b", seen(5))
			o.order("c", collection.Record{})
			o.sleep(time.Second) // so that they were created before
			o.at = noon
			o.schedule(o.onOrders(tc.trigger))
			o.until(noon.Add(2 * time.Second))
			o.order("d", seen(6))
			o.until(noon.Add(10 * time.Second))
			want := strings.TrimSpace(tc.want)
			if tc.name == "as they are created" {
				want = "a@0 b@0 c@0 d@2" // all of this second
			}
			o.want(tc.name, want)
		})
	}
}

// onOrders completes the settings of a schedule in mode 1.
func (o *office) onOrders(trigger string) string {
	o.t.Helper()
	config := map[string]any{"mode": 1, "collection": "orders"}
	if err := json.Unmarshal([]byte(trigger), &config); err != nil {
		o.t.Fatal(err)
	}
	raw, err := json.Marshal(config)
	if err != nil {
		o.t.Fatal(err)
	}
	return string(raw)
}

// TestRecordsMove: what happens to records moves their firings at once.
func TestRecordsMove(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	later, sooner, back, gone, empty, same := o.order("later", seen(5)), o.order("sooner", seen(60)), o.order("back", seen(6)),
		o.order("gone", seen(5)), o.order("empty", seen(5)), o.order("same", seen(5))
	o.schedule(o.onOrders(`{"startsOn": {"field": "seen"}}`))
	o.until(noon.Add(2 * time.Second))
	o.update("orders", later, seen(9))
	o.update("orders", sooner, seen(4))
	o.update("orders", back, seen(-3600))
	o.update("orders", empty, collection.Record{"seen": nil})
	o.update("orders", same, collection.Record{"status": "paid"})
	o.destroy("orders", gone)
	o.until(noon.Add(7 * time.Second))
	o.want("moved", "sooner@4 same@5")
	o.update("orders", same, collection.Record{"status": "sent"}) // it has had its time
	o.update("orders", same, seen(8))
	o.until(noon.Add(10 * time.Second))
	o.want("moved on", "sooner@4 same@5 same@8 later@9")
	o.until(noon.Add(6 * time.Minute)) // past the next sweep
	o.want("swept", "sooner@4 same@5 same@8 later@9")
}

// TestRecordsBehindOurBack: changes by SQL and in bulk are seen when a time comes,
// and by the next sweep.
func TestRecordsBehindOurBack(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	for _, title := range []string{"later", "gone", "empty"} {
		o.order(title, seen(5))
	}
	o.order("sooner", seen(3600))
	o.schedule(o.onOrders(`{"startsOn": {"field": "seen"}, "missed": "once"}`))
	o.until(noon.Add(2 * time.Second))
	o.one(`WITH a AS (UPDATE public.orders SET seen = seen + interval '4 s' WHERE title = 'later'),
		b AS (DELETE FROM public.orders WHERE title = 'gone'), c AS (UPDATE public.orders SET seen = NULL WHERE title = 'empty')
		UPDATE public.orders SET seen = '2027-03-01 12:00:08Z' WHERE title = 'sooner' RETURNING 1`)
	o.one("INSERT INTO public.orders (id, title, seen) VALUES (7, 'new', '2027-03-01 12:01:00Z') RETURNING 1")
	o.until(noon.Add(20 * time.Second))
	o.want("when a time comes", "later@9")
	o.until(noon.Add(6 * time.Minute))
	o.want("swept", "sooner@8 later@9 new@60")
}

// TestRecordContext is what stands below $context, for fields of all types of
// dates and with relations.
func TestRecordContext(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	ann := o.create("customers", collection.Record{"name": "Ann"})
	for trigger, values := range map[string]collection.Record{
		`{"startsOn": {"field": "seen"}, "appends": ["customer"]}`:                                {"seen": "2027-03-01T12:00:02.900Z", "customer": ann["id"]},
		`{"startsOn": {"field": "unix"}}`:                                                         {"unix": "2027-03-01T12:00:03.000Z"},
		`{"startsOn": {"field": "wall"}, "timeZone": "Asia/Kathmandu"}`:                           {"wall": "2027-03-01 17:45:04"},
		`{"startsOn": {"field": "day", "offset": 47, "unit": 3600000}, "timeZone": "Asia/Tokyo"}`: {"day": "2027-02-27"},
	} {
		o.order("x", values)
		o.schedule(o.onOrders(trigger))
	}
	o.until(noon.Add(5 * time.Second))
	o.want("dates of all types", "x@2 x@3 x@4")
	if got := o.one("SELECT context #>> '{data,customer,name}' || ' ' || (context ->> 'date') FROM alur.executions WHERE context #>> '{data,seen}' IS NOT NULL"); got != "Ann 2027-03-01T12:00:02.000Z" {
		t.Errorf("the context has %s", got)
	}
	if got := o.one("SELECT event_key = workflow_id || ':' || (context #>> '{data,id}') || '@1803902402000' FROM alur.executions WHERE context #>> '{data,seen}' IS NOT NULL"); got != "true" {
		t.Errorf("its key is not the one of the spec")
	}
	// 27 February 0:00 in Tokyo and 47 hours: 28 February 14:00 UTC, in the past.
	if got := o.one("SELECT count(*) FROM alur.firings WHERE start_at = '2027-02-28 14:00Z'"); got != "0" {
		t.Errorf("a time in the past is planned")
	}
}

// TestCalendarDays: days before a date are days of the calendar.
func TestCalendarDays(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.schedule(o.onOrders(`{"startsOn": {"field": "day", "offset": -1}, "timeZone": "Europe/Berlin"}`))
	o.order("after the change", collection.Record{"day": "2027-03-29"}) // the clock changes on the 28th
	if got := o.one("SELECT due_at AT TIME ZONE 'Europe/Berlin' FROM alur.firings"); got != "2027-03-28T00:00:00Z" {
		t.Errorf("due at %s", got)
	}
}

// TestMissedRecords: a downtime by policy, for each record alone.
func TestMissedRecords(t *testing.T) {
	t.Parallel()
	for missed, want := range map[string]string{"skip": "", "once": "a@660 b@1200", "all": "a@60 b@600 a@660 b@1200"} {
		t.Run(missed, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			o.schedule(o.onOrders(`{"startsOn": {"field": "seen"}, "repeat": 600000, "endsOn": "2027-03-01T12:20:30.000Z", "missed": "` + missed + `"}`))
			o.order("a", seen(60))
			o.order("b", seen(600))
			o.until(noon.Add(time.Second))
			o.sleep(time.Hour)
			o.until(noon.Add(time.Hour + 2*time.Second))
			o.want(missed, want)
			detail := o.one("SELECT detail FROM alur.skipped_triggers WHERE reason = 'missed'")
			if (missed == "skip") != strings.Contains(detail, "from 1 Mar 2027, 12:01:00 to 1 Mar 2027, 12:20:00, for 2 of its records (UTC)") {
				t.Errorf("on record is %q", detail)
			}
		})
	}
}

// TestManyRecords: more records than fit into one transaction, all of one moment.
func TestManyRecords(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.one(`WITH made AS (INSERT INTO public.orders (id, title, seen)
		SELECT i, 'o', CASE WHEN i % 2 = 0 THEN timestamptz '2027-03-01 12:00:03Z' END FROM generate_series(1, 1800) i RETURNING 1) SELECT count(*) FROM made`)
	id := o.schedule(o.onOrders(`{"startsOn": {"field": "seen"}}`))
	o.until(noon.Add(5 * time.Second))
	if got := o.one("SELECT count(*) || ' ' || count(DISTINCT event_key) FROM alur.executions"); got != "900 900" {
		t.Errorf("executions and keys: %s", got)
	}
	o.enable(id, false)
	o.one("DELETE FROM public.orders WHERE id <= 1000 RETURNING 1")
	o.one("UPDATE public.orders SET seen = '2027-03-01 12:00:30Z' WHERE id > 1000 RETURNING 1")
	o.enable(id, true)
	o.until(noon.Add(40 * time.Second))
	if got := o.one("SELECT count(*) FROM alur.executions"); got != "1700" {
		t.Errorf("%s executions after all was planned anew, want 1700", got)
	}
	if got := o.one("SELECT count(*) FROM alur.firings"); got != "800" {
		t.Errorf("%s records are remembered, want 800", got)
	}
	if _, err := o.e.DeleteWorkflow(t.Context(), auth.System, id); err != nil {
		t.Fatal(err)
	}
	tick(t, o.e)
	if got := o.one("SELECT (SELECT count(*) FROM alur.schedules) + (SELECT count(*) FROM alur.firings)"); got != "0" {
		t.Errorf("%s rows are left of a deleted workflow", got)
	}
}

// TestBrokenSchedule: a collection that went away stops the schedule, not the
// others, and that is on record.
func TestBrokenSchedule(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.create("lines", collection.Record{"title": "l"})
	o.schedule(`{"mode": 1, "collection": "lines", "startsOn": {"field": "createdAt", "offset": 5, "unit": 1000}}`)
	o.schedule(`{"startsOn": "2027-03-01T12:00:05.000Z"}`)
	o.until(noon.Add(time.Second))
	if err := o.records.DropCollection(t.Context(), auth.System, "lines", true, collection.All); err != nil {
		t.Fatal(err)
	}
	o.until(noon.Add(8 * time.Second))
	o.want("without the collection", "5")
	if got := o.one("SELECT string_agg(reason || ': ' || detail, ' ') FROM alur.skipped_triggers"); !strings.HasPrefix(got, "trigger: The schedule does not fit its collection any more and has stopped: There is no collection “lines” any more.") || strings.Count(got, "trigger:") != 1 {
		t.Errorf("on record is %q", got)
	}
}

// TestScheduleChecks is what saving refuses, beside its field.
func TestScheduleChecks(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	kind := engine.LookupTrigger("schedule")
	for config, want := range map[string]string{
		`{"startsOn": "2027-01-01T00:00:00.000Z"}`: "",
		`{"mode": 0, "startsOn": "2027-01-01T00:00:00.000Z", "repeat": "0 30 9 * * 1-5", "endsOn": null, "limit": 100}`:                               "",
		`{"mode": 1, "collection": "orders", "startsOn": {"field": "createdAt", "offset": 30, "unit": 60000}, "appends": ["customer"], "endsOn": {}}`: "",
		`{}`:                   "startsOn: Say when it starts",
		`{"mode": 2}`:          "mode: Choose whether",
		`{"startsOn": "soon"}`: "startsOn: Write a date",
		`{"startsOn": "2027-01-02T00:00:00.000Z", "endsOn": "2027-01-01T00:00:00.000Z"}`: "endsOn: It would end before it starts",
		`{"startsOn": "2027-01-02T00:00:00.000Z", "endsOn": "never"}`:                    "endsOn: Write a date",
		`{"startsOn": "2027-01-02", "repeat": "0 61 * * * *"}`:                           "repeat: The minute, “61”",
		`{"startsOn": "2027-01-02", "repeat": 999}`:                                      "repeat: Write an interval",
		`{"startsOn": "2027-01-02", "repeat": true}`:                                     "repeat: Write an interval",
		`{"startsOn": "2027-01-02", "limit": -1}`:                                        "limit: Write a whole",
		`{"startsOn": "2027-01-02", "limit": 1.5}`:                                       "limit: Write a whole",
		`{"startsOn": "2027-01-02", "timeZone": "Mars/Olympus"}`:                         "timeZone: There is no time zone “Mars/Olympus”",
		`{"startsOn": "2027-01-02", "missed": "some"}`:                                   "missed: Choose what happens",
		`{"mode": 1}`: "collection: Choose the collection|startsOn.field: Choose the field",
		`{"mode": 1, "collection": "moons", "startsOn": {"field": "x"}}`:                                    "collection: There is no collection “moons”",
		`{"mode": 1, "collection": "orders", "startsOn": {"field": "gone"}}`:                                "startsOn.field: “orders” has no field “gone”",
		`{"mode": 1, "collection": "orders", "startsOn": {"field": "title"}}`:                               "startsOn.field: “Title” holds no date",
		`{"mode": 1, "collection": "orders", "startsOn": {"field": "seen", "offset": 0.5}}`:                 "startsOn.offset: Write a whole",
		`{"mode": 1, "collection": "orders", "startsOn": {"field": "seen", "unit": 5}}`:                     "startsOn.unit: Choose seconds",
		`{"mode": 1, "collection": "orders", "startsOn": {"field": "seen"}, "endsOn": {"field": "status"}}`: "endsOn.field: “Status” holds no date",
		`{"mode": 1, "collection": "orders", "startsOn": {"field": "seen"}, "endsOn": "x"}`:                 "endsOn: Write a date",
		`{"mode": 1, "collection": "orders", "startsOn": {"field": "seen"}, "appends": ["moon"]}`:           "appends: “orders” has no field “moon”",
		`{"mode": "0"}`: "mode: Give a whole number here, not a text.|startsOn: Say when",
	} {
		problems := kind.Check(json.RawMessage(config), o.records)
		want := strings.Split(want, "|")
		if want[0] == "" {
			want = nil
		}
		if len(problems) != len(want) {
			t.Errorf("%s: %v", config, problems)
		}
		for _, w := range want {
			field, words, _ := strings.Cut(w, ": ")
			if !strings.HasPrefix(problems[field], words) {
				t.Errorf("%s: %v, want %s", config, problems, w)
			}
		}
	}
	_, err := o.e.CreateWorkflow(t.Context(), auth.System, engine.NewWorkflow{Title: "T", Type: "schedule", Config: json.RawMessage(`{"startsOn": "2027-01-02", "repeat": "x"}`)})
	if !fault.Is(err, fault.Invalid) || fmt.Sprint(err) == "" {
		t.Errorf("a bad cron text is saved: %v", err)
	}
	outputs := kind.Outputs(json.RawMessage(`{"mode": 1, "collection": "orders"}`), o.records)
	if len(outputs) != 2 || outputs[0].Path != "data" || outputs[1].Path != "date" || len(outputs[0].Children) == 0 {
		t.Errorf("outputs %v", outputs)
	}
}

// TestScheduleByHand is workflows:execute of both modes.
func TestScheduleByHand(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	order := o.order("a", seen(5))
	fixed := o.add(engine.NewWorkflow{Type: "schedule"}, `{"startsOn": "2027-03-01T13:00:00.000Z"}`)
	dated := o.add(engine.NewWorkflow{Type: "schedule"}, o.onOrders(`{"startsOn": {"field": "seen"}, "appends": ["customer"]}`))
	plain := o.add(engine.NewWorkflow{Type: "schedule"}, o.onOrders(`{"startsOn": {"field": "seen"}}`))
	for _, tc := range []struct {
		id     int64
		values map[string]any
		want   string // of the context, or of the error
	}{
		{fixed, map[string]any{}, `{"date": "2027-03-01T12:00:00.000Z"}`},
		{fixed, map[string]any{"date": "2020-01-01T00:00:00.000Z", "more": true}, `{"date": "2020-01-01T00:00:00.000Z", "more": true}`},
		{fixed, map[string]any{"date": "x"}, "Write a date"},
		{dated, map[string]any{"data": order}, `"date": "2027-03-01T12:00:00.000Z"`},
		{dated, map[string]any{"data": order}, `"customer": null`},
		{plain, map[string]any{"data": map[string]any{"title": "made up"}, "date": "2020-01-01T00:00:00.000Z"}, `{"data": {"title": "made up"}, "date": "2020-01-01T00:00:00.000Z"}`},
		{dated, map[string]any{"data": 99.0}, "There is no record 99"},
		{dated, map[string]any{}, "Say which record"},
	} {
		err := o.start(tc.id, tc.values)
		got := fmt.Sprint(err)
		if err == nil {
			got = o.one("SELECT context::text FROM alur.executions ORDER BY id DESC LIMIT 1")
		}
		if !strings.Contains(got, tc.want) {
			t.Errorf("%v: %s, want %s", tc.values, got, tc.want)
		}
	}
}
