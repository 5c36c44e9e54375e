package views

import (
	"testing"
	"time"
)

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

// berlin reads on Monday, 23 November 2026, 10:42 in Berlin.
func berlin(t *testing.T) Words {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return Words{Zone: zone, Now: at("2026-11-23T09:42:30Z")}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	w := berlin(t)
	for _, tc := range []struct{ at, when, ago, day string }{
		{"2026-11-23T09:42:10Z", "10:42", "just now", "today"},
		{"2026-11-23T09:38:00Z", "10:38", "4 min ago", "today"},
		{"2026-11-23T07:00:00Z", "08:00", "2 h ago", "today"},
		{"2026-11-22T22:59:59Z", "yesterday, 23:59", "yesterday, 23:59", "yesterday"}, // midnight in Berlin, not in UTC
		{"2026-11-22T23:00:00Z", "00:00", "10 h ago", "today"},
		{"2026-11-22T07:40:00Z", "yesterday, 08:40", "yesterday, 08:40", "yesterday"},
		{"2026-11-21T13:12:00Z", "21 Nov, 14:12", "21 Nov, 14:12", "Sat, 21 Nov"},
		{"2025-12-24T13:12:00Z", "24 Dec 2025, 14:12", "24 Dec 2025, 14:12", "24 Dec 2025"},
		{"2026-11-24T16:00:00Z", "tomorrow, 17:00", "tomorrow, 17:00", "tomorrow"},
	} {
		if got := w.When(at(tc.at)); got != tc.when {
			t.Errorf("When(%s) = %q, want %q", tc.at, got, tc.when)
		}
		if got := w.Ago(at(tc.at)); got != tc.ago {
			t.Errorf("Ago(%s) = %q, want %q", tc.at, got, tc.ago)
		}
		if got := w.Day(at(tc.at)); got != tc.day {
			t.Errorf("Day(%s) = %q, want %q", tc.at, got, tc.day)
		}
	}
	if got := w.Exact(at("2026-11-23T09:42:07Z")); got != "23 Nov 2026, 10:42:07 CET" {
		t.Errorf("Exact: %q", got)
	}
	if got := w.Today(); !got.Equal(at("2026-11-22T23:00:00Z")) {
		t.Errorf("Today: %s", got)
	}
}

func TestDue(t *testing.T) {
	t.Parallel()
	w := berlin(t)
	for _, tc := range []struct{ at, text, urgency string }{
		{"2026-11-20T09:00:00Z", "Overdue since Fri", "late"},
		{"2026-11-23T08:00:00Z", "Overdue since 09:00", "late"},
		{"2026-10-01T08:00:00Z", "Overdue since 1 Oct", "late"},
		{"2026-11-23T16:00:00Z", "Today, 17:00", "soon"},
		{"2026-11-24T16:00:00Z", "Tomorrow, 17:00", "soon"},
		{"2026-11-25T16:00:00Z", "Wed, 25 Nov", ""},
		{"2027-01-02T16:00:00Z", "2 Jan 2027", ""},
	} {
		if text, urgency := w.Due(at(tc.at)); text != tc.text || urgency != tc.urgency {
			t.Errorf("Due(%s) = %q, %q, want %q, %q", tc.at, text, urgency, tc.text, tc.urgency)
		}
	}
}

func TestDuration(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0:                               "0 ms",
		400 * time.Microsecond:          "under 1 ms",
		11 * time.Millisecond:           "11 ms",
		999 * time.Millisecond:          "999 ms",
		2100 * time.Millisecond:         "2.1 s",
		3 * time.Second:                 "3 s",
		9990 * time.Millisecond:         "9.9 s",
		42 * time.Second:                "42 s",
		3*time.Minute + 12*time.Second:  "3 min 12 s",
		26 * time.Minute:                "26 min",
		26 * time.Hour:                  "26 h",
		3*time.Hour + 5*time.Minute:     "3 h 5 min",
		6*24*time.Hour + 3*time.Hour:    "6 days",
		-(3*time.Hour + 30*time.Second): "3 h",
	} {
		if got := Duration(d); got != want {
			t.Errorf("Duration(%s) = %q, want %q", d, got, want)
		}
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0", 999: "999", 1204: "1,204", 1234567: "1,234,567", -12000: "-12,000"} {
		if got := Int(n); got != want {
			t.Errorf("Int(%d) = %q, want %q", n, got, want)
		}
	}
	for n, want := range map[float64]string{1290: "1,290", 1290.5: "1,290.5", -0.25: "-0.25", 1e6: "1,000,000"} {
		if got := Number(n); got != want {
			t.Errorf("Number(%v) = %q, want %q", n, got, want)
		}
	}
	if one, many := Count(1, "record", "records"), Count(1204, "record", "records"); one != "1 record" || many != "1,204 records" {
		t.Errorf("Count: %q, %q", one, many)
	}
	for name, want := range map[string]string{"Ann Bauer": "AB", "Özlem": "Ö", "": "?", "Ann van der Bauer": "AB"} {
		if got := Initials(name); got != want {
			t.Errorf("Initials(%q) = %q, want %q", name, got, want)
		}
	}
	if got := Clip("a long story", 7); got != "a long…" {
		t.Errorf("Clip: %q", got)
	}
}
