package schedule

import (
	"fmt"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"github.com/adhocore/gronx"
)

// Cron is a cron text made ready to be asked. It is safe for concurrent use.
type Cron struct {
	expr string // six fields
	// real is for texts that name no hour: they follow time as it goes by, also
	// through an hour that the clock shows twice.
	real bool
	last atomic.Pointer[stretch]
}

// stretch is a time without a tick: none after from and before to.
type stretch struct {
	from, to time.Time
	zone     *time.Location
}

var (
	cronFields = [...]string{"second", "minute", "hour", "day of the month", "month", "day of the week"}
	cronBounds = [...]string{"0 to 59", "0 to 59", "0 to 23", "1 to 31, L or 15W", "1 to 12 or JAN to DEC", "0 to 7, MON to SUN, 5L or 5#2"}
	// cronNames are what may stand in place of five fields.
	cronNames = map[string]string{
		"@yearly": "0 0 0 1 1 *", "@annually": "0 0 0 1 1 *", "@monthly": "0 0 0 1 * *",
		"@weekly": "0 0 0 * * 0", "@daily": "0 0 0 * * *", "@hourly": "0 0 * * * *",
	}
	cronPart = regexp.MustCompile(`^[0-9A-Z*?/#-]+$`)
)

// ParseCron reads a cron text of five fields, or of six with the seconds first.
// problem says, as an instruction, what is wrong with it; "" when nothing is.
func ParseCron(text string) (c *Cron, problem string) {
	text = strings.TrimSpace(text)
	if long := cronNames[strings.ToLower(text)]; long != "" {
		text = long
	}
	fields := strings.Fields(strings.ToUpper(text))
	switch len(fields) {
	case 5:
		fields = append([]string{"0"}, fields...)
	case 6:
	default:
		return nil, fmt.Sprintf("Write five fields (minute, hour, day, month, day of the week), or six with the second first. This text has %d.", len(fields))
	}
	expr := strings.Join(fields, " ")
	segments, err := gronx.Segments(expr)
	if err != nil || len(segments) != len(fields) {
		return nil, badField(fields, 5)
	}
	for i := range segments {
		// Each part on its own: of a list only the parts up to one that is due are read.
		for part := range strings.SplitSeq(segments[i], ",") {
			if !validPart(part, i) {
				return nil, badField(fields, i)
			}
		}
	}
	c = &Cron{expr: expr, real: fields[2] == "*" || fields[2] == "*/1" || fields[2] == "0-23"}
	if _, ok := c.tick(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)); !ok {
		return nil, "No day is like that, so it would never start. Change the day or the month."
	}
	return c, ""
}

func badField(fields []string, i int) string {
	return fmt.Sprintf("The %s, “%s”, is not valid. Write %s, * for any, or lists, ranges and steps of them such as 1,3 or 1-5 or */10.",
		cronFields[i], fields[i], cronBounds[i])
}

func validPart(part string, field int) bool {
	if !cronPart.MatchString(part) || strings.Count(part, "/") > 1 || strings.HasSuffix(part, "/") {
		return false
	}
	checker := &gronx.SegmentChecker{}
	checker.SetRef(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC))
	_, err := checker.CheckDue(part, field)
	return err == nil
}

// After returns the first tick after t by the clock of zone; ok is false when
// there is none within some decades. What happens when clocks change is in the
// doc of this package.
func (c *Cron) After(t time.Time, zone *time.Location) (next time.Time, ok bool) {
	if s := c.last.Load(); s != nil && s.zone == zone && !t.Before(s.from) && t.Before(s.to) {
		return s.to, true
	}
	if c.real {
		next, ok = c.realAfter(t, zone)
	} else {
		next, ok = c.wallAfter(t, zone)
	}
	if ok {
		c.last.Store(&stretch{t, next, zone})
	}
	return next, ok
}

// realAfter goes through the stretches between two changes of the clock.
func (c *Cron) realAfter(t time.Time, zone *time.Location) (time.Time, bool) {
	for range 100 {
		local := t.In(zone)
		_, shift := local.Zone()
		n, ok := c.tick(naive(local))
		if !ok {
			return time.Time{}, false
		}
		next := n.Add(-time.Duration(shift) * time.Second)
		_, end := local.ZoneBounds()
		if end.IsZero() || next.Before(end) {
			return next, true
		}
		if c.due(naive(end.In(zone))) { // what the clock shows right after its change
			return end.UTC(), true
		}
		t = end
	}
	return time.Time{}, false
}

// wallAfter is for texts that name hours: each time that they name, once.
func (c *Cron) wallAfter(t time.Time, zone *time.Location) (time.Time, bool) {
	n := naive(t.In(zone))
	for {
		var ok bool
		if n, ok = c.tick(n); !ok {
			return time.Time{}, false
		}
		if next := resolve(n, zone); next.After(t) {
			return next, true
		}
	}
}

// tick is the first tick after a naive time.
func (c *Cron) tick(n time.Time) (time.Time, bool) {
	next, err := gronx.NextTickAfter(c.expr, n, false)
	return next, err == nil && next.After(n)
}

func (c *Cron) due(n time.Time) bool {
	due, err := gronx.New().IsDue(c.expr, n)
	return err == nil && due
}
