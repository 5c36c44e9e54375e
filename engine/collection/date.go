package collection

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"alur/engine/snowflake"
)

// period is what a date value of a filter stands for: all instants from From on
// and before To, or one exact instant.
type period struct {
	from, to time.Time
	exact    bool // from is the instant, to is not used
}

// date builds the condition of one of the $date operators.
func (o operand) date(op string, v any) (string, error) {
	if op == "datebetween" {
		return o.dateBetween(v)
	}
	p, err := o.span(v)
	if err != nil {
		return "", err
	}
	switch op {
	case "dateon":
		if p.exact {
			return o.at("=", p.from), nil
		}
		return "(" + o.at(">=", p.from) + " AND " + o.at("<", p.to) + ")", nil
	case "datenoton":
		if p.exact {
			return o.at("<>", p.from), nil
		}
		return "(" + o.at("<", p.from) + " OR " + o.at(">=", p.to) + ")", nil
	case "datebefore":
		return o.at("<", p.from), nil
	case "datenotbefore":
		return o.at(">=", p.from), nil
	case "dateafter":
		return o.lower(p, false), nil
	}
	return o.upper(p, true), nil // datenotafter
}

// at compares the column with an instant, or with its plain date. Where ids grow
// with the column they are bounded too, for the index on them.
func (o operand) at(sign string, t time.Time) string {
	if o.f.Type == DateOnly {
		return o.col + " " + sign + " " + o.b.param(t.Format(time.DateOnly)) + "::date"
	}
	if o.f.Type == DatetimeNoTz {
		return o.col + " " + sign + " " + o.b.param(t.Format("2006-01-02 15:04:05.999")) + "::timestamp"
	}
	is := o.col + " " + sign + " " + o.b.param(t.UTC().Format(Instant)) + "::timestamptz"
	switch {
	case o.id != "" && strings.HasPrefix(sign, "<") && sign != "<>":
		return "(" + is + " AND " + o.id + " < " + o.b.param(snowflake.At(t.Add(snowflake.Slack))) + ")"
	case o.id != "" && strings.HasPrefix(sign, ">"):
		return "(" + is + " AND " + o.id + " > " + o.b.param(snowflake.At(t.Add(-snowflake.Slack))) + ")"
	}
	return is
}

// span is the period of one value, or from the first of two to the second.
func (o operand) span(v any) (period, error) {
	if _, ok := v.([]any); !ok {
		return o.period(v)
	}
	from, to, bounds, err := o.ends(v)
	if err != nil {
		return period{}, err
	}
	p := period{from: from.from, to: to.from}
	if bounds[0] == '(' && !from.exact {
		p.from = from.to
	}
	if bounds[1] == ']' && !to.exact {
		p.to = to.to
	}
	return p, nil
}

var between = regexp.MustCompile(`^([\[(])([^,]*),([^,]*)([\])])(.*)$`)

// dateBetween takes [a, b], [a, b, "[)"], [a, b, "[)", "+02:00"] or the text
// "[a,b)+02:00".
func (o operand) dateBetween(v any) (string, error) {
	from, to, bounds, err := o.ends(v)
	if err != nil {
		return "", err
	}
	return "(" + o.lower(from, bounds[0] == '[') + " AND " + o.upper(to, bounds[1] == ']') + ")", nil
}

// ends reads the two ends of a range and how they count: "[)" takes the first and
// leaves the second out.
func (o operand) ends(v any) (from, to period, bounds string, err error) {
	bounds, zone := "[]", ""
	var a, b any
	switch x := v.(type) {
	case string:
		m := between.FindStringSubmatch(strings.TrimSpace(x))
		if m == nil {
			return from, to, "", badDate(v)
		}
		a, b, bounds, zone = m[2], m[3], m[1]+m[4], m[5]
	case []any:
		if len(x) < 2 || len(x) > 4 {
			return from, to, "", badDate(v)
		}
		a, b = x[0], x[1]
		if len(x) > 2 {
			bounds = Format(x[2])
		}
		if len(x) > 3 {
			zone = Format(x[3])
		}
	default: // one period, such as {"type": "thisWeek"}
		a, b = v, v
	}
	if len(bounds) != 2 || !strings.Contains("[(", bounds[:1]) || !strings.Contains("])", bounds[1:]) {
		return from, to, "", badDate(v)
	}
	if from, err = o.period(withZone(a, zone)); err != nil {
		return from, to, "", err
	}
	to, err = o.period(withZone(b, zone))
	return from, to, bounds, err
}

func (o operand) lower(p period, inclusive bool) string {
	switch {
	case inclusive:
		return o.at(">=", p.from)
	case p.exact:
		return o.at(">", p.from)
	}
	return o.at(">=", p.to)
}

func (o operand) upper(p period, inclusive bool) string {
	switch {
	case !inclusive:
		return o.at("<", p.from)
	case p.exact:
		return o.at("<=", p.from)
	}
	return o.at("<", p.to)
}

func withZone(v any, zone string) any {
	s, ok := v.(string)
	if !ok || zone == "" || offset.MatchString(s) {
		return v
	}
	return s + zone
}

func badDate(v any) error {
	return badFilter("“%s” is no date. Write one such as 2026-05-07, 2026-05, 2026W19, 2026Q2 or 2026.", short(Format(v)))
}

var (
	offset   = regexp.MustCompile(`(Z|[+-]\d\d:?\d\d)$`)
	dateText = regexp.MustCompile(`^(\d{4})(?:Q([1-4])|W(\d\d)|w(\d\d)|-(\d\d)(?:-(\d\d)(?:[ T](\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d{1,3}))?)?)?)?)?)?$`)
)

// period reads a date value. Without an offset it is meant in the zone of the
// access; date-only fields compare plain dates.
func (o operand) period(v any) (period, error) {
	zone := o.b.a.zone()
	p, err := parsePeriod(v, o.b.now, zone)
	if err != nil {
		return period{}, badDate(v)
	}
	if o.f.Type == DateOnly && p.exact {
		day := time.Date(p.from.Year(), p.from.Month(), p.from.Day(), 0, 0, 0, 0, p.from.Location())
		return period{from: day, to: day.AddDate(0, 0, 1)}, nil
	}
	return p, nil
}

func parsePeriod(v any, now time.Time, zone *time.Location) (period, error) {
	switch x := v.(type) {
	case string:
		return textPeriod(strings.TrimSpace(x), zone)
	case map[string]any:
		return relativePeriod(x, now.In(zone))
	case float64, int64:
		t, err := instant(x, zone)
		return period{from: t, exact: true}, err
	}
	return period{}, fmt.Errorf("%v is no date", v)
}

func textPeriod(s string, zone *time.Location) (period, error) {
	if suffix := offset.FindString(s); suffix != "" && len(s) > len("2026-05") {
		if suffix == "Z" {
			t, err := instant(s, zone)
			return period{from: t, exact: true}, err
		}
		if rest := strings.TrimSuffix(s, suffix); dateText.MatchString(rest) && (suffix[0] == '+' || strings.Contains(suffix, ":")) {
			t, err := time.Parse("-0700", strings.ReplaceAll(suffix, ":", ""))
			if err != nil {
				return period{}, err
			}
			return textPeriod(rest, t.Location())
		}
	}
	m := dateText.FindStringSubmatch(s)
	if m == nil {
		t, err := instant(s, zone)
		return period{from: t, exact: true}, err
	}
	n := make([]int, len(m))
	for i := range m {
		n[i], _ = strconv.Atoi(m[i])
	}
	start := func(month, day, hour, minute, sec, ms int) time.Time {
		return time.Date(n[1], time.Month(month), day, hour, minute, sec, ms*int(time.Millisecond), zone)
	}
	var p period
	switch {
	case m[2] != "":
		p.from = start(n[2]*3-2, 1, 0, 0, 0, 0)
		p.to = p.from.AddDate(0, 3, 0)
	case m[3] != "" || m[4] != "":
		return weekPeriod(n[1], n[3]+n[4], m[4] != "", zone)
	case m[5] == "":
		p.from = start(1, 1, 0, 0, 0, 0)
		p.to = p.from.AddDate(1, 0, 0)
	case m[6] == "":
		p.from = start(n[5], 1, 0, 0, 0, 0)
		p.to = p.from.AddDate(0, 1, 0)
	case m[7] == "":
		p.from = start(n[5], n[6], 0, 0, 0, 0)
		p.to = p.from.AddDate(0, 0, 1)
	case m[8] == "":
		p.from = start(n[5], n[6], n[7], 0, 0, 0)
		p.to = p.from.Add(time.Hour)
	case m[9] == "":
		p.from = start(n[5], n[6], n[7], n[8], 0, 0)
		p.to = p.from.Add(time.Minute)
	case m[10] == "":
		p.from = start(n[5], n[6], n[7], n[8], n[9], 0)
		p.to = p.from.Add(time.Second)
	default:
		ms, _ := strconv.Atoi((m[10] + "00")[:3])
		p.from = start(n[5], n[6], n[7], n[8], n[9], ms)
		p.to = p.from.Add(time.Millisecond)
	}
	overflown := m[5] != "" && int(p.from.Month()) != n[5] || m[6] != "" && p.from.Day() != n[6]
	if n[1] == 0 || overflown || n[7] > 23 || n[8] > 59 || n[9] > 59 {
		return period{}, fmt.Errorf("%s is no date", s)
	}
	return p, nil
}

// weekPeriod is an ISO week (Monday first, week 1 holds 4 January), or a week
// from Sunday on, of which week 1 holds 1 January.
func weekPeriod(year, week int, sunday bool, zone *time.Location) (period, error) {
	if week < 1 || week > 53 {
		return period{}, fmt.Errorf("%d is no week", week)
	}
	first := time.Date(year, 1, 4, 0, 0, 0, 0, zone)
	back := (int(first.Weekday()) + 6) % 7
	if sunday {
		first = time.Date(year, 1, 1, 0, 0, 0, 0, zone)
		back = int(first.Weekday())
	}
	from := first.AddDate(0, 0, -back+7*(week-1))
	return period{from: from, to: from.AddDate(0, 0, 7)}, nil
}

var named = regexp.MustCompile(`^(this|last|next)(Day|Week|Month|Quarter|Year)$`)

// relativePeriod reads {"type": "today"}, {"type": "lastWeek"} and {"type":
// "past", "unit": "day", "number": 3}, which leaves out the current day.
func relativePeriod(m map[string]any, now time.Time) (period, error) {
	typ, _ := m["type"].(string)
	unit, count, shift := "day", 1, 0
	switch typ {
	case "today":
	case "yesterday":
		shift = -1
	case "tomorrow":
		shift = 1
	case "past", "next":
		unit, _ = m["unit"].(string)
		n, ok := integer(m["number"])
		if !ok || n < 1 || n > 10_000 {
			return period{}, fmt.Errorf("%v is no number of days", m["number"])
		}
		count, shift = int(n), 1
		if typ == "past" {
			shift = -count
		}
	default:
		parts := named.FindStringSubmatch(typ)
		if parts == nil {
			return period{}, fmt.Errorf("%q is no period", typ)
		}
		unit = strings.ToLower(parts[2])
		shift = map[string]int{"this": 0, "last": -1, "next": 1}[parts[1]]
	}
	start, step := unitStart(now, unit)
	if step == nil {
		return period{}, fmt.Errorf("%q is no unit", unit)
	}
	from := step(start, shift)
	return period{from: from, to: step(from, count)}, nil
}

// unitStart gives the start of the unit that now is in, and how to go n units on.
func unitStart(now time.Time, unit string) (time.Time, func(time.Time, int) time.Time) {
	day := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	switch unit {
	case "day":
		return day, func(t time.Time, n int) time.Time { return t.AddDate(0, 0, n) }
	case "week":
		monday := day.AddDate(0, 0, -(int(day.Weekday())+6)%7)
		return monday, func(t time.Time, n int) time.Time { return t.AddDate(0, 0, 7*n) }
	case "month":
		return day.AddDate(0, 0, 1-day.Day()), func(t time.Time, n int) time.Time { return t.AddDate(0, n, 0) }
	case "quarter":
		first := time.Date(day.Year(), (day.Month()-1)/3*3+1, 1, 0, 0, 0, 0, now.Location())
		return first, func(t time.Time, n int) time.Time { return t.AddDate(0, 3*n, 0) }
	case "year":
		first := time.Date(day.Year(), 1, 1, 0, 0, 0, 0, now.Location())
		return first, func(t time.Time, n int) time.Time { return t.AddDate(n, 0, 0) }
	}
	return day, nil
}
