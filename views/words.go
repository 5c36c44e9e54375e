package views

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Words puts times and numbers into words for one reader at one moment. The
// zero value words in UTC at the zero time; take it from the request.
type Words struct {
	Zone *time.Location // nil: UTC
	Now  time.Time
}

func (w Words) in(t time.Time) time.Time {
	if w.Zone == nil {
		return t.UTC()
	}
	return t.In(w.Zone)
}

// Today is the first moment of the reader's day.
func (w Words) Today() time.Time {
	y, m, d := w.in(w.Now).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, w.in(w.Now).Location())
}

// days counts midnights between now and t: 0 today, -1 yesterday, 1 tomorrow.
func (w Words) days(t time.Time) int {
	noon := func(t time.Time) time.Time {
		y, m, d := t.Date()
		return time.Date(y, m, d, 12, 0, 0, 0, time.UTC)
	}
	return int(noon(w.in(t)).Sub(noon(w.in(w.Now))).Hours() / 24)
}

// Clock is the time of day: "10:42".
func (w Words) Clock(t time.Time) string { return w.in(t).Format("15:04") }

// ClockS is the time of day with seconds: "10:42:07".
func (w Words) ClockS(t time.Time) string { return w.in(t).Format("15:04:05") }

// Day is a date, with the year when it is not this one: "today", "yesterday",
// "tomorrow", "Wed, 25 Nov", "24 Dec 2025".
func (w Words) Day(t time.Time) string {
	switch n := w.days(t); {
	case n == 0:
		return "today"
	case n == -1:
		return "yesterday"
	case n == 1:
		return "tomorrow"
	case n > -7 && n < 7:
		return w.in(t).Format("Mon, 2 Jan")
	}
	return w.Date(t)
}

// Date is a date: "24 Dec", "24 Dec 2025" when it is not this year.
func (w Words) Date(t time.Time) string {
	if w.in(t).Year() == w.in(w.Now).Year() {
		return w.in(t).Format("2 Jan")
	}
	return w.in(t).Format("2 Jan 2006")
}

// When is date and time as they stand in a table: "10:42" today, "yesterday,
// 08:40", "21 Nov, 14:12", "24 Dec 2025, 14:12".
func (w Words) When(t time.Time) string {
	switch w.days(t) {
	case 0:
		return w.Clock(t)
	case -1, 1:
		return w.Day(t) + ", " + w.Clock(t)
	}
	return w.Date(t) + ", " + w.Clock(t)
}

// Exact is date and time to the second with the zone, for tooltips:
// "23 Nov 2026, 10:42:07 CET".
func (w Words) Exact(t time.Time) string { return w.in(t).Format("2 Jan 2006, 15:04:05 MST") }

// ISO is t for the datetime attribute of <time>.
func (w Words) ISO(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// Ago tells how long ago t was while that is easier to grasp than the hour,
// and when it was after that: "just now", "4 min ago", "2 h ago", "yesterday,
// 08:40".
func (w Words) Ago(t time.Time) string {
	switch d := w.Now.Sub(t); {
	case d < 0:
		return w.When(t)
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return strconv.Itoa(int(d.Minutes())) + " min ago"
	case w.days(t) == 0:
		return strconv.Itoa(int(d.Hours())) + " h ago"
	}
	return w.When(t)
}

// Due words a deadline and how urgent it is: "Overdue since Fri" ("late"),
// "Today, 17:00" ("soon"), "Wed, 25 Nov" ("").
func (w Words) Due(t time.Time) (text, urgency string) {
	day := upperFirst(w.Day(t))
	switch n := w.days(t); {
	case w.Now.After(t) && n == 0:
		return "Overdue since " + w.Clock(t), "late"
	case w.Now.After(t) && n > -7:
		return "Overdue since " + w.in(t).Format("Mon"), "late"
	case w.Now.After(t):
		return "Overdue since " + w.Date(t), "late"
	case n <= 1:
		return day + ", " + w.Clock(t), "soon"
	}
	return day, ""
}

// Duration words a length of time with at most two units: "11 ms", "2.1 s",
// "3 min 12 s", "3 h 5 min", "6 days".
func Duration(d time.Duration) string {
	two := func(a int64, ua string, b int64, ub string) string {
		if b == 0 {
			return fmt.Sprintf("%d %s", a, ua)
		}
		return fmt.Sprintf("%d %s %d %s", a, ua, b, ub)
	}
	switch {
	case d < 0:
		return Duration(-d)
	case d < time.Millisecond && d > 0:
		return "under 1 ms"
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return strings.Replace(fmt.Sprintf("%.1f s", float64(d/(100*time.Millisecond))/10), ".0", "", 1)
	case d < time.Minute:
		return fmt.Sprintf("%d s", int64(d.Seconds()))
	case d < time.Hour:
		return two(int64(d/time.Minute), "min", int64(d%time.Minute/time.Second), "s")
	case d < 48*time.Hour:
		return two(int64(d/time.Hour), "h", int64(d%time.Hour/time.Minute), "min")
	}
	return fmt.Sprintf("%d days", int64(d/(24*time.Hour)))
}

// Count is a number with its thing: Count(1, "record", "records") is "1
// record", Count(1204, …) "1,204 records".
func Count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Int(n) + " " + many
}

// Int is a whole number with commas: "12,000".
func Int(n int) string {
	s := strconv.Itoa(n)
	digits := strings.TrimPrefix(s, "-")
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	if n < 0 {
		return "-" + digits
	}
	return digits
}

// Number is a number as people write it, commas in the whole part and no
// digits added: "1,290.5".
func Number(f float64) string {
	s := strconv.FormatFloat(f, 'f', -1, 64)
	whole, rest, point := strings.Cut(s, ".")
	n, err := strconv.Atoi(whole)
	if err != nil {
		return s
	}
	out := Int(n)
	if n == 0 && strings.HasPrefix(whole, "-") {
		out = "-0"
	}
	if point {
		out += "." + rest
	}
	return out
}

// ID is the text of an id, for addresses and element ids.
func ID(id int64) string { return strconv.FormatInt(id, 10) }

// Initials are one or two letters for an avatar: "AB" for "Ann Bauer".
func Initials(name string) string {
	words := strings.Fields(name)
	switch len(words) {
	case 0:
		return "?"
	case 1:
		return strings.ToUpper(firstRune(words[0]))
	}
	return strings.ToUpper(firstRune(words[0]) + firstRune(words[len(words)-1]))
}

// Clip shortens text to n characters, the last of them an ellipsis.
func Clip(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return strings.TrimRight(string(r[:n-1]), " ") + "…"
}

func firstRune(s string) string {
	for _, r := range s {
		return string(r)
	}
	return ""
}

func upperFirst(s string) string {
	first := firstRune(s)
	return strings.ToUpper(first) + strings.TrimPrefix(s, first)
}
