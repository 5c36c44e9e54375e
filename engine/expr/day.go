package expr

import (
	"cmp"
	"fmt"
	"math"
	"time"
)

// Zoned is a [Scope] that knows where days begin and end. Without one the days are
// those of UTC.
type Zoned interface {
	Zone() *time.Location
}

func zoneOf(s Scope) *time.Location {
	if z, ok := s.(Zoned); ok {
		return z.Zone()
	}
	return time.UTC
}

// dayOperators compare the days of two values; negated ones are true where the
// others are not, also for what is no date.
var dayOperators = map[string]struct {
	holds   func(order int) bool
	negated bool
}{
	"sameDay":    {holds: func(order int) bool { return order == 0 }},
	"notSameDay": {holds: func(order int) bool { return order == 0 }, negated: true},
	"beforeDay":  {holds: func(order int) bool { return order < 0 }},
	"afterDay":   {holds: func(order int) bool { return order > 0 }},
}

// dayComparison is a comparison by day, whatever the time.
type dayComparison struct {
	a, b    part
	holds   func(order int) bool
	negated bool
}

func (t dayComparison) eval(s Scope) (bool, error) {
	zone := zoneOf(s)
	x, ok1 := dayOf(t.a.eval(s), zone)
	y, ok2 := dayOf(t.b.eval(s), zone)
	return (ok1 && ok2 && t.holds(x.compare(y))) != t.negated, nil
}

// check finds a constant that is no date. What is not filled in yet is no mistake.
func (t dayComparison) check() error {
	for _, p := range []part{t.a, t.b} {
		var v any
		switch p := p.(type) {
		case constant:
			v = p.v
		case array, object:
			return fmt.Errorf("a list or an object has no day; compare a date, such as 2026-05-07")
		}
		if v == nil || v == "" || IsUndefined(v) {
			continue
		}
		if _, ok := dayOf(v, time.UTC); !ok {
			return fmt.Errorf("“%s” is no date; write one such as 2026-05-07", jsString(v))
		}
	}
	return nil
}

// day is a date of the calendar.
type day struct {
	year  int
	month time.Month
	date  int
}

func (d day) compare(e day) int {
	return cmp.Or(cmp.Compare(d.year, e.year), cmp.Compare(d.month, e.month), cmp.Compare(d.date, e.date))
}

// dayForms are the texts that name a day themselves, so that it is the same in
// every zone: "2026-05-07+02:00" is how {{$system.dateRange.today}} says it.
var dayForms = []string{
	time.DateOnly, "2006-01-02Z07:00",
	"2006-01-02T15:04:05.999999999", "2006-01-02T15:04", "2006-01-02 15:04:05.999999999", "2006-01-02 15:04",
}

// dayOf is the day that v is on in zone: of an instant, as text with a zone or as a
// number of milliseconds, or of a text that names a day.
func dayOf(v any, zone *time.Location) (day, bool) {
	const most = 8.64e15 // what JavaScript calls a date
	switch v := v.(type) {
	case float64:
		if math.IsNaN(v) || math.Abs(v) > most {
			return day{}, false
		}
		return dayAt(time.UnixMilli(int64(v)).In(zone)), true
	case string:
		if len(v) < len(time.DateOnly) {
			return day{}, false
		}
		for _, form := range []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00"} {
			if t, err := time.Parse(form, v); err == nil {
				return dayAt(t.In(zone)), true
			}
		}
		for _, form := range dayForms {
			if t, err := time.Parse(form, v); err == nil {
				return dayAt(t), true
			}
		}
	}
	return day{}, false
}

func dayAt(t time.Time) day {
	year, month, date := t.Date()
	return day{year, month, date}
}
