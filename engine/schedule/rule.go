package schedule

import (
	"sort"
	"time"
)

// Day is the shortest time between firings that is counted in days of a
// calendar; see [Rule.Wall].
const Day = 24 * time.Hour

// Rule says when something fires (spec/triggers-core.md §3.2, §3.4). Its planned
// times are Start and then either the grid Start + k·Every or the points of Cron
// after Start, up to End. All of them are whole seconds.
type Rule struct {
	Start time.Time      // the first time; zero: it never fires
	End   time.Time      // the last moment that a time may be planned for; zero: none
	Every time.Duration  // from one time to the next, at least 1 s; 0: it does not repeat so
	Cron  *Cron          // nil: it does not repeat so
	Zone  *time.Location // of Cron and of Wall; nil is UTC

	// Wall makes an Every of whole days keep its time of day in Zone when the
	// clocks change; else a day is 24 hours.
	Wall bool
	// Record makes a repeated Start count in the second in which it is, as it does
	// for the date of a record; else such a Start is over.
	Record bool
}

func (r Rule) repeats() bool { return r.Cron != nil || r.Every > 0 }

func (r Rule) zone() *time.Location {
	if r.Zone == nil {
		return time.UTC
	}
	return r.Zone
}

// Next returns the first time planned for what is set up at now; ok is false when
// there is none. What was before is over: nothing is caught up.
func (r Rule) Next(now time.Time) (next time.Time, ok bool) {
	now = now.Truncate(time.Second)
	if r.Start.Truncate(time.Second).Equal(now) && (r.Record || !r.repeats()) {
		now = now.Add(-time.Second)
	}
	return r.After(now)
}

// After returns the first planned time after t; ok is false when there is none.
func (r Rule) After(t time.Time) (next time.Time, ok bool) {
	start := r.Start.Truncate(time.Second)
	switch {
	case r.Start.IsZero():
		return time.Time{}, false
	case start.After(t):
		next = start
	case r.Cron != nil:
		if next, ok = r.Cron.After(t, r.zone()); !ok {
			return time.Time{}, false
		}
	case r.Every >= Day && r.Every%Day == 0 && r.Wall:
		next = r.dayAfter(start, t)
	case r.Every > 0:
		k := t.Sub(start)/r.Every + 1
		if next = start.Add(k * r.Every).Truncate(time.Second); !next.After(t) {
			next = start.Add((k + 1) * r.Every).Truncate(time.Second)
		}
	default:
		return time.Time{}, false
	}
	if !r.End.IsZero() && next.After(r.End) {
		return time.Time{}, false
	}
	return next.UTC(), true
}

// dayAfter is the grid of whole days by the clock on the wall.
func (r Rule) dayAfter(start, t time.Time) time.Time {
	days := int(r.Every / Day)
	from := naive(start.In(r.zone()))
	k := max(int(t.Sub(start)/r.Every)-1, 1)
	for {
		if next := resolve(from.AddDate(0, 0, k*days), r.zone()); next.After(t) {
			return next
		}
		k++
	}
}

// Latest returns the last time planned after from and not after now, given that
// there is one.
func (r Rule) Latest(from, now time.Time) time.Time {
	from = from.Truncate(time.Second)
	seconds := int(now.Sub(from) / time.Second)
	// The last second after which there is still a time up to now, and that time.
	n := sort.Search(seconds+1, func(i int) bool {
		next, ok := r.After(from.Add(time.Duration(i) * time.Second))
		return !ok || next.After(now)
	})
	latest, _ := r.After(from.Add(time.Duration(n-1) * time.Second))
	return latest
}

// naive is what the clock shows at t, as if it were UTC.
func naive(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
}

// resolve returns when the clock of zone shows n, the first time if it does
// twice. A time that it leaves out, because it is put forward, is the moment at
// which that happens.
func resolve(n time.Time, zone *time.Location) time.Time {
	t := time.Date(n.Year(), n.Month(), n.Day(), n.Hour(), n.Minute(), n.Second(), 0, zone)
	start, end := t.ZoneBounds()
	switch shown := naive(t); {
	case shown.After(n):
		return start.UTC()
	case shown.Before(n):
		return end.UTC()
	}
	if !start.IsZero() {
		_, before := start.Add(-time.Second).Zone()
		_, now := t.Zone()
		first := t.Add(-time.Duration(before-now) * time.Second)
		if before > now && first.Before(start) {
			return first.UTC()
		}
	}
	return t.UTC()
}

// Shown returns when the clock of zone shows what n reads as UTC, by the rules for
// changes of the clock.
func Shown(n time.Time, zone *time.Location) time.Time { return resolve(naive(n), zone) }

// AddDays goes n days on in the calendar of zone and keeps the time of day.
func AddDays(t time.Time, n int, zone *time.Location) time.Time {
	return resolve(naive(t.In(zone)).AddDate(0, 0, n), zone)
}
