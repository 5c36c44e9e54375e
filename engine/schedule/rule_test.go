package schedule_test

import (
	"strings"
	"testing"
	"time"

	"alur/engine/schedule"
)

const stamp = "2006-01-02T15:04:05"

func at(t *testing.T, text string, zone *time.Location) time.Time {
	t.Helper()
	if text == "" {
		return time.Time{}
	}
	v, err := time.ParseInLocation(stamp, text, zone)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func mustCron(t *testing.T, text string) *schedule.Cron {
	t.Helper()
	if text == "" {
		return nil
	}
	c, problem := schedule.ParseCron(text)
	if problem != "" {
		t.Fatalf("%q: %s", text, problem)
	}
	return c
}

// list words the first n times after from by the clock of their zone.
func list(r schedule.Rule, from time.Time, n int) string {
	var out []string
	for t := from; len(out) < n; {
		next, ok := r.After(t)
		if !ok {
			out = append(out, "end")
			break
		}
		out = append(out, next.In(r.Zone).Format("06-01-02T15:04:05Z07:00"))
		t = next
	}
	return strings.Join(out, " ")
}

// TestClocks is promise R10: the times of schedules around changes of the clock
// and leap days, in six zones. Each stands in the list once or not at all, by the
// rules in the doc of the package.
func TestClocks(t *testing.T) {
	t.Parallel()
	const (
		berlin, newYork, lordHowe = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"
		kathmandu, apia, utc      = "Asia/Kathmandu", "Pacific/Apia", "UTC"
	)
	tests := []struct {
		zone, cron string
		every      time.Duration
		from, want string
	}{
		{berlin, "0 30 2 * * *", 0, "2027-03-26T12:00:00", "27-03-27T02:30:00+01:00 27-03-28T03:00:00+02:00 27-03-29T02:30:00+02:00 27-03-30T02:30:00+02:00"}, // left out on the 28th: at the moment of the change
		{berlin, "0 0 2 * * *", 0, "2027-03-26T12:00:00", "27-03-27T02:00:00+01:00 27-03-28T03:00:00+02:00 27-03-29T02:00:00+02:00 27-03-30T02:00:00+02:00"},
		{berlin, "0 0 3 * * *", 0, "2027-03-26T12:00:00", "27-03-27T03:00:00+01:00 27-03-28T03:00:00+02:00 27-03-29T03:00:00+02:00"},
		{berlin, "0 0,20,40 2 * * *", 0, "2027-03-27T12:00:00", "27-03-28T03:00:00+02:00 27-03-29T02:00:00+02:00 27-03-29T02:20:00+02:00 27-03-29T02:40:00+02:00"}, // three left out come to one moment
		{berlin, "0 30 2,3 * * *", 0, "2027-03-27T12:00:00", "27-03-28T03:00:00+02:00 27-03-28T03:30:00+02:00 27-03-29T02:30:00+02:00 27-03-29T03:30:00+02:00"},
		{berlin, "0 */30 * * * *", 0, "2027-03-28T01:00:00", "27-03-28T01:30:00+01:00 27-03-28T03:00:00+02:00 27-03-28T03:30:00+02:00 27-03-28T04:00:00+02:00"}, // goes on as time does
		{berlin, "0 15 * * * *", 0, "2027-03-28T00:30:00", "27-03-28T01:15:00+01:00 27-03-28T03:15:00+02:00 27-03-28T04:15:00+02:00"},
		{berlin, "*/20 * * * * *", 0, "2027-03-28T01:59:30", "27-03-28T01:59:40+01:00 27-03-28T03:00:00+02:00 27-03-28T03:00:20+02:00"},
		{berlin, "0 30 2 * * *", 0, "2027-10-29T12:00:00", "27-10-30T02:30:00+02:00 27-10-31T02:30:00+02:00 27-11-01T02:30:00+01:00 27-11-02T02:30:00+01:00"}, // shown twice: the first time
		{berlin, "0 0 3 * * *", 0, "2027-10-29T12:00:00", "27-10-30T03:00:00+02:00 27-10-31T03:00:00+01:00 27-11-01T03:00:00+01:00 27-11-02T03:00:00+01:00"},
		{berlin, "0 */30 * * * *", 0, "2027-10-31T01:30:00", "27-10-31T02:00:00+02:00 27-10-31T02:30:00+02:00 27-10-31T02:00:00+01:00 27-10-31T02:30:00+01:00 27-10-31T03:00:00+01:00 27-10-31T03:30:00+01:00"}, // through both hours
		{berlin, "0 0 * * * *", 0, "2027-10-31T01:30:00", "27-10-31T02:00:00+02:00 27-10-31T02:00:00+01:00 27-10-31T03:00:00+01:00 27-10-31T04:00:00+01:00"},
		{berlin, "0 0 */2 * * *", 0, "2027-10-31T00:30:00", "27-10-31T02:00:00+02:00 27-10-31T04:00:00+01:00 27-10-31T06:00:00+01:00"}, // names hours
		{berlin, "0 59 2 * * *", 0, "2027-10-31T02:30:00", "27-11-01T02:59:00+01:00 27-11-02T02:59:00+01:00"},
		{berlin, "", schedule.Day, "2027-03-26T02:30:00", "27-03-27T02:30:00+01:00 27-03-28T03:00:00+02:00 27-03-29T02:30:00+02:00 27-03-30T02:30:00+02:00"}, // whole days keep the time of day
		{berlin, "", 7 * schedule.Day, "2027-10-24T02:30:00", "27-10-31T02:30:00+02:00 27-11-07T02:30:00+01:00 27-11-14T02:30:00+01:00"},
		{berlin, "", time.Hour, "2027-10-31T01:30:00", "27-10-31T02:30:00+02:00 27-10-31T02:30:00+01:00 27-10-31T03:30:00+01:00 27-10-31T04:30:00+01:00"}, // hours are stretches of time
		{berlin, "", 90 * time.Minute, "2027-03-28T00:30:00", "27-03-28T03:00:00+02:00 27-03-28T04:30:00+02:00 27-03-28T06:00:00+02:00"},
		{newYork, "0 30 2 * * *", 0, "2027-03-12T12:00:00", "27-03-13T02:30:00-05:00 27-03-14T03:00:00-04:00 27-03-15T02:30:00-04:00 27-03-16T02:30:00-04:00"},
		{newYork, "0 30 1 * * *", 0, "2027-11-05T12:00:00", "27-11-06T01:30:00-04:00 27-11-07T01:30:00-04:00 27-11-08T01:30:00-05:00 27-11-09T01:30:00-05:00"},
		{newYork, "0 0 0 * * *", 0, "2027-03-13T12:00:00", "27-03-14T00:00:00-05:00 27-03-15T00:00:00-04:00 27-03-16T00:00:00-04:00"},
		{newYork, "0 */15 * * * *", 0, "2027-11-07T01:40:00", "27-11-07T01:45:00-04:00 27-11-07T01:00:00-05:00 27-11-07T01:15:00-05:00 27-11-07T01:30:00-05:00"},
		{newYork, "", schedule.Day, "2027-11-05T01:30:00", "27-11-06T01:30:00-04:00 27-11-07T01:30:00-04:00 27-11-08T01:30:00-05:00 27-11-09T01:30:00-05:00"},
		{newYork, "0 0 9 * * MON-FRI", 0, "2027-03-11T10:00:00", "27-03-12T09:00:00-05:00 27-03-15T09:00:00-04:00 27-03-16T09:00:00-04:00 27-03-17T09:00:00-04:00"}, // in winter and summer at nine
		{lordHowe, "0 15 2 * * *", 0, "2027-10-01T12:00:00", "27-10-02T02:15:00+10:30 27-10-03T02:30:00+11:00 27-10-04T02:15:00+11:00 27-10-05T02:15:00+11:00"},     // half an hour is left out
		{lordHowe, "0 45 1 * * *", 0, "2027-04-02T12:00:00", "27-04-03T01:45:00+11:00 27-04-04T01:45:00+11:00 27-04-05T01:45:00+10:30 27-04-06T01:45:00+10:30"},     // half an hour is shown twice
		{lordHowe, "0 */15 * * * *", 0, "2027-04-04T01:15:00", "27-04-04T01:30:00+11:00 27-04-04T01:45:00+11:00 27-04-04T01:30:00+10:30 27-04-04T01:45:00+10:30 27-04-04T02:00:00+10:30 27-04-04T02:15:00+10:30"},
		{lordHowe, "0 */15 * * * *", 0, "2027-10-03T01:30:00", "27-10-03T01:45:00+10:30 27-10-03T02:30:00+11:00 27-10-03T02:45:00+11:00"},
		{kathmandu, "0 0 0 * * *", 0, "2027-03-27T12:00:00", "27-03-28T00:00:00+05:45 27-03-29T00:00:00+05:45"},                           // a zone without changes
		{kathmandu, "0 0 12 29 2 *", 0, "2027-01-01T00:00:00", "28-02-29T12:00:00+05:45 32-02-29T12:00:00+05:45 36-02-29T12:00:00+05:45"}, // leap days only
		{kathmandu, "", schedule.Day, "2028-02-28T08:00:00", "28-02-29T08:00:00+05:45 28-03-01T08:00:00+05:45 28-03-02T08:00:00+05:45"},
		{apia, "0 0 8 * * *", 0, "2011-12-28T12:00:00", "11-12-29T08:00:00-10:00 11-12-31T00:00:00+14:00 11-12-31T08:00:00+14:00"}, // 30 December 2011 was left out
		{apia, "0 0 8 30 12 *", 0, "2010-12-31T12:00:00", "11-12-31T00:00:00+14:00 12-12-30T08:00:00+14:00 13-12-30T08:00:00+14:00"},
		{apia, "", schedule.Day, "2011-12-28T08:00:00", "11-12-29T08:00:00-10:00 11-12-31T00:00:00+14:00 11-12-31T08:00:00+14:00"},
		{utc, "0 0 0 29 2 *", 0, "2095-01-01T00:00:00", "96-02-29T00:00:00Z 04-02-29T00:00:00Z 08-02-29T00:00:00Z"},                    // 2100 is no leap year
		{utc, "0 0 0 31 * *", 0, "2027-01-01T00:00:00", "27-01-31T00:00:00Z 27-03-31T00:00:00Z 27-05-31T00:00:00Z 27-07-31T00:00:00Z"}, // months without a 31st are left out
		{utc, "0 0 0 L * *", 0, "2028-01-15T00:00:00", "28-01-31T00:00:00Z 28-02-29T00:00:00Z 28-03-31T00:00:00Z 28-04-30T00:00:00Z"},  // the last day, in a leap year too
		{utc, "0 0 0 L 2 *", 0, "2026-01-01T00:00:00", "26-02-28T00:00:00Z 27-02-28T00:00:00Z 28-02-29T00:00:00Z 29-02-28T00:00:00Z"},
		{utc, "0 0 9 15W * *", 0, "2027-04-20T00:00:00", "27-05-14T09:00:00Z 27-06-15T09:00:00Z 27-07-15T09:00:00Z 27-08-16T09:00:00Z"}, // the working day nearest to the 15th
		{utc, "0 0 9 1W * *", 0, "2027-04-20T00:00:00", "27-05-03T09:00:00Z 27-06-01T09:00:00Z 27-07-01T09:00:00Z"},
		{utc, "0 0 9 * * 5L", 0, "2027-01-01T12:00:00", "27-01-29T09:00:00Z 27-02-26T09:00:00Z 27-03-26T09:00:00Z"},                    // the last Friday
		{utc, "0 0 9 * * 1#1", 0, "2027-01-05T00:00:00", "27-02-01T09:00:00Z 27-03-01T09:00:00Z 27-04-05T09:00:00Z"},                   // the first Monday
		{utc, "0 0 9 * * 3#5", 0, "2027-01-01T00:00:00", "27-03-31T09:00:00Z 27-06-30T09:00:00Z 27-09-29T09:00:00Z"},                   // a fifth Wednesday
		{utc, "0 0 0 13 * 5", 0, "2027-01-10T00:00:00", "27-01-13T00:00:00Z 27-01-15T00:00:00Z 27-01-22T00:00:00Z 27-01-29T00:00:00Z"}, // the 13th, and Fridays
		{utc, "*/7 * * * * *", 0, "2027-01-01T00:00:50", "27-01-01T00:00:56Z 27-01-01T00:01:00Z 27-01-01T00:01:07Z"},                   // steps begin anew each minute
		{utc, "30 9 * * 1-5", 0, "2028-02-25T10:00:00", "28-02-28T09:30:00Z 28-02-29T09:30:00Z 28-03-01T09:30:00Z"},                    // five fields
		{utc, "", 1500 * time.Millisecond, "2027-01-01T00:00:00", "27-01-01T00:00:01Z 27-01-01T00:00:03Z 27-01-01T00:00:04Z"},          // cut to seconds
	}
	if len(tests) < 40 {
		t.Errorf("%d cases, promised are 40", len(tests))
	}
	for _, tc := range tests {
		zone, err := time.LoadLocation(tc.zone)
		if err != nil {
			t.Fatal(err)
		}
		from := at(t, tc.from, zone)
		r := schedule.Rule{Start: from, Cron: mustCron(t, tc.cron), Every: tc.every, Zone: zone, Wall: true}
		n := len(strings.Fields(tc.want))
		if got := list(r, from, n); got != tc.want {
			t.Errorf("%s %s%v from %s\n got %s\nwant %s", tc.zone, tc.cron, tc.every, tc.from, got, tc.want)
		}
	}
}

// TestNext is the tables of spec/triggers-core.md §3.2 and §3.4, row by row,
// with our corrections: nothing is planned after the end.
func TestNext(t *testing.T) {
	t.Parallel()
	const now = "2027-01-01T12:00:00"
	tests := []struct {
		name, start, end, cron string
		every                  time.Duration
		record                 bool
		want                   string
	}{
		{name: "no start"},
		{name: "no start, repeated", every: time.Hour},
		{name: "start ahead", start: "2027-01-01T12:00:01", want: "2027-01-01T12:00:01"},
		{name: "start ahead, after the end", start: "2027-01-02T12:00:00", end: "2027-01-02T11:59:59"},
		{name: "start ahead, at the end", start: "2027-01-02T12:00:00", end: "2027-01-02T12:00:00", want: "2027-01-02T12:00:00"},
		{name: "start now", start: now, want: now},
		{name: "start over", start: "2027-01-01T11:59:59"},
		{name: "repeated, end over", start: "2026-01-01T00:00:00", end: "2027-01-01T11:00:00", every: time.Minute},
		{name: "repeated, end before the next time", start: "2027-01-01T11:30:00", end: "2027-01-01T12:20:00", every: time.Hour},
		{name: "repeated, start ahead", start: "2027-01-01T12:00:05", every: time.Hour, want: "2027-01-01T12:00:05"},
		{name: "repeated, start now", start: now, every: time.Hour, want: "2027-01-01T13:00:00"},
		{name: "repeated, start now, of a record", start: now, every: time.Hour, record: true, want: now},
		{name: "repeated, start over", start: "2027-01-01T11:59:58", every: 3 * time.Second, want: "2027-01-01T12:00:01"},
		{name: "repeated, on the grid now", start: "2027-01-01T11:00:00", every: 30 * time.Minute, want: "2027-01-01T12:30:00"},
		{name: "repeated, on the grid now, of a record", start: "2027-01-01T11:00:00", every: 30 * time.Minute, record: true, want: "2027-01-01T12:30:00"},
		{name: "cron, start ahead: the start first", start: "2027-01-01T12:00:07", cron: "0 * * * * *", want: "2027-01-01T12:00:07"},
		{name: "cron, start over", start: "2026-01-01T00:00:00", cron: "0 30 9 * * 1-5", want: "2027-01-04T09:30:00"},
		{name: "cron, start now", start: now, cron: "0 0 * * * *", want: "2027-01-01T13:00:00"},
		{name: "cron, start now, of a record", start: now, cron: "0 0 * * * *", record: true, want: now},
		{name: "cron, end before the next time", start: "2026-01-01T00:00:00", end: "2027-01-01T12:59:59", cron: "0 0 * * * *"},
		{name: "cron, end over", start: "2026-01-01T00:00:00", end: "2027-01-01T11:00:00", cron: "* * * * * *"},
		{name: "of a record, start ahead", start: "2027-01-08T00:00:00", record: true, want: "2027-01-08T00:00:00"},
		{name: "of a record, start ahead, after the end", start: "2027-01-08T00:00:00", end: "2027-01-07T00:00:00", record: true},
		{name: "of a record, start over", start: "2027-01-01T11:00:00", record: true},
	}
	for _, tc := range tests {
		r := schedule.Rule{Start: at(t, tc.start, time.UTC), End: at(t, tc.end, time.UTC), Cron: mustCron(t, tc.cron), Every: tc.every, Record: tc.record}
		got := ""
		if next, ok := r.Next(at(t, now, time.UTC).Add(400 * time.Millisecond)); ok {
			got = next.Format(stamp)
		}
		if got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
	// The notes below the table: with start s, every 2 s and the end at s+3 s it
	// fires at s and s+2.
	r := schedule.Rule{Start: at(t, now, time.UTC), End: at(t, now, time.UTC).Add(3 * time.Second), Every: 2 * time.Second, Zone: time.UTC}
	if got := list(r, r.Start.Add(-time.Hour), 4); got != "27-01-01T12:00:00Z 27-01-01T12:00:02Z end" {
		t.Errorf("up to its end it fires at %s", got)
	}
}

// TestAfter walks schedules second by second through both changes of a year and
// compares: a time is next for exactly the seconds before it, never twice, and
// Latest finds the same ones.
func TestAfter(t *testing.T) {
	t.Parallel()
	for _, zone := range []string{"Europe/Berlin", "Australia/Lord_Howe", "America/New_York"} {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		for _, change := range []time.Time{time.Date(2027, 3, 28, 0, 30, 0, 0, time.UTC), time.Date(2027, 10, 31, 0, 30, 0, 0, time.UTC),
			time.Date(2027, 4, 3, 14, 30, 0, 0, time.UTC), time.Date(2027, 11, 7, 5, 30, 0, 0, time.UTC)} {
			for _, r := range []schedule.Rule{
				{Start: change.Add(-100 * Day), Every: 7 * time.Minute, Zone: loc},
				{Start: change.Add(-100 * Day), Every: Day, Wall: true, Zone: loc},
				{Start: change.Add(-100 * Day), Cron: mustCron(t, "0 */20 * * * *"), Zone: loc},
				{Start: change.Add(-100 * Day), Cron: mustCron(t, "0 10,40 1-3 * * *"), Zone: loc},
			} {
				next, ok := r.After(change)
				fired := []time.Time{}
				for s := change; s.Before(change.Add(2 * time.Hour)); s = s.Add(time.Second) {
					if s.Equal(next) {
						fired = append(fired, s)
						latest := r.Latest(change, s.Add(500*time.Millisecond))
						if !latest.Equal(s) {
							t.Fatalf("%s: the latest up to %s is %s", zone, s, latest)
						}
						if next, ok = r.After(s); !next.After(s) {
							t.Fatalf("%s: after %s comes %s", zone, s, next)
						}
						continue
					}
					if again, same := r.After(s); same != ok || !again.Equal(next) {
						t.Fatalf("%s: after %s comes %s, before it was %s", zone, s, again, next)
					}
				}
				if n := len(fired); n > 0 && !r.Latest(change, change.Add(2*time.Hour-time.Second)).Equal(fired[n-1]) {
					t.Errorf("%s: the latest is not %s", zone, fired[n-1])
				}
			}
		}
	}
}

const Day = schedule.Day

func TestParseCron(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"0 30 9 * * 1-5": "", "*/5 * * * *": "", "0 0 0 L * ?": "", "0 0 9 15W * *": "", "0 0 9 * * 5#2": "", "0 0 9 * * 7": "",
		"0 0 9 * JAN,DEC MON-FRI": "", " 0  9 * * * ": "", "@daily": "", "0 0 9 1,L * *": "", "0-10/2 * * * * *": "",
		"":                 "Write five fields",
		"nonsense":         "Write five fields",
		"* * * *":          "This text has 4.",
		"0 0 9 * * * 2030": "This text has 7.",
		"0 0 9 * * 2030":   "The day of the week, “2030”",
		"0 60 * * * *":     "The minute, “60”",
		"0 1,60 * * * *":   "The minute, “1,60”",
		"0 0 24 * * *":     "The hour, “24”",
		"0 0 0 0 * *":      "The day of the month, “0”",
		"0 0 0 32 * *":     "The day of the month, “32”",
		"0 0 0 1 13 *":     "The month, “13”",
		"0 0 0 * * 8":      "The day of the week, “8”",
		"0 */0 * * * *":    "The minute, “*/0”",
		"0 5-1 * * * *":    "The minute, “5-1”",
		"0 1, * * * *":     "The minute, “1,”",
		"0 */ * * * *":     "The minute, “*/”",
		"x * * * * *":      "The second, “X”",
		"0 0 0 30 2 *":     "No day is like that",
	} {
		c, problem := schedule.ParseCron(text)
		if want == "" && problem != "" || want != "" && !strings.Contains(problem, want) || (c == nil) != (problem != "") {
			t.Errorf("%q: %q, want %q", text, problem, want)
		}
	}
}
