package expr

import (
	"math"
	"time"
)

// dates returns a and b as instants, in milliseconds, when at least one of them
// is a full date and time ("2024-01-02T03:04:05.678Z", the form all our date
// values have) and the other one can be read as an instant too: a date of any
// precision, or a number of milliseconds. A text that is no date is NaN, which
// compares as false with everything. Otherwise the ordinary rules apply.
func dates(a, b any) (x, y float64, ok bool) {
	x, aIs := instant(a)
	y, bIs := instant(b)
	if !aIs && !bIs {
		return 0, 0, false
	}
	if !aIs {
		x, ok = looseInstant(a)
		return x, y, ok
	}
	if !bIs {
		y, ok = looseInstant(b)
		return x, y, ok
	}
	return x, y, true
}

// instant reads a date with time and zone.
func instant(v any) (ms float64, ok bool) {
	s, ok := v.(string)
	if !ok || len(s) < len("2024-01-02T03:04Z") || s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' {
		return 0, false
	}
	return parseAny(s, time.RFC3339Nano, "2006-01-02T15:04Z07:00")
}

// looseInstant reads what a date may be compared with. Without a zone UTC is
// meant, as everywhere in Alur.
func looseInstant(v any) (ms float64, ok bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case string:
		ms, ok := parseAny(v, time.DateOnly, "2006-01-02T15:04:05.999", "2006-01-02T15:04", time.DateTime,
			"2006-01-02 15:04", "2006-01", "2006")
		if !ok {
			ms = math.NaN()
		}
		return ms, true
	}
	return 0, false
}

func parseAny(s string, layouts ...string) (ms float64, ok bool) {
	for _, layout := range layouts {
		if t, err := time.Parse(layout, s); err == nil {
			return float64(t.UnixMilli()), true
		}
	}
	return 0, false
}
