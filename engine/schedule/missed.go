package schedule

import "time"

// Grace is how late a planned time may be before it counts as missed: a time to
// restart a server in.
const Grace = time.Minute

// Missed says what happens to planned times that nobody saw to in time.
type Missed string

// The policies. Settings without one come from elsewhere, where what was missed
// is lost, so they skip.
const (
	Skip Missed = "skip" // they are left out, which is on record
	Once Missed = "once" // the last of them fires, for all
	All  Missed = "all"  // each fires, with its planned time, up to Backlog
)

// Backlog is how many missed times All makes up for: the newest. A schedule that
// fires every second is a week behind with 604,800.
const Backlog = 10_000

// Due is what is to be done about a schedule.
type Due struct {
	Fire []time.Time // planned times that fire now, the oldest first
	Next time.Time   // the next one that is planned; zero: none

	// Missed times that do not fire; zero when there are none.
	SkippedFrom, SkippedTo time.Time
}

// Due says what is to be done at now about a rule whose next time was due: at
// most so many firings. What is left then is due still, and Next is not after now.
func (r Rule) Due(due, now time.Time, missed Missed, most int) Due {
	var d Due
	next, ok := due, true
	switch edge := now.Add(-Grace); {
	case !due.Before(edge):
	case missed == All:
		if first := r.recent(due, edge, Backlog); first.After(due) {
			d.SkippedFrom, d.SkippedTo = due, r.Latest(due, first.Add(-time.Nanosecond))
			next = first
		}
	default:
		last := due
		if second, more := r.After(due); more && second.Before(edge) {
			last = r.Latest(due, edge.Add(-time.Nanosecond))
		}
		if missed == Once {
			d.Fire = append(d.Fire, last)
		} else {
			d.SkippedFrom, d.SkippedTo = due, last
		}
		next, ok = r.After(last)
	}
	for ok && !next.After(now) && len(d.Fire) < most {
		d.Fire = append(d.Fire, next)
		next, ok = r.After(next)
	}
	if ok {
		d.Next = next
	}
	return d
}

// recent returns the first time that counts of those planned from due on and
// before edge, when at most so many do: the newest. It looks at some times more
// than that, however long ago due is.
func (r Rule) recent(due, edge time.Time, most int) time.Time {
	// No two times are closer than a second.
	for span := time.Duration(most) * time.Second; ; span *= 2 {
		from := edge.Add(-span)
		if !from.After(due) {
			from = due
		}
		var times []time.Time
		next, ok := r.After(from.Add(-time.Nanosecond))
		if from.Equal(due) { // planned by another rule, perhaps
			next, ok = due, true
		}
		for ; ok && next.Before(edge); next, ok = r.After(next) {
			times = append(times, next)
		}
		switch {
		case len(times) >= most:
			return times[len(times)-most]
		case from.Equal(due):
			return due
		}
	}
}
