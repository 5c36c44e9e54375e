package triggers

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"alur/engine"
	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/node"
	"alur/engine/pg"
	"alur/engine/schedule"
)

var _ engine.Scheduler = engine.RegisterTrigger(&scheduleTrigger{}).(*scheduleTrigger)

// Modes of a schedule.
const (
	AtTimes   = 0 // at set times
	AtRecords = 1 // at the date of each record of a collection
)

// ScheduleConfig is the settings of a schedule trigger (spec/triggers-core.md §3).
// The last three are ours.
type ScheduleConfig struct {
	Mode       int      `json:"mode"`
	Collection string   `json:"collection"` // mode 1
	StartsOn   any      `json:"startsOn"`   // mode 0: a text such as "2027-01-02T08:00:00.000Z"; mode 1: {field, offset, unit}
	EndsOn     any      `json:"endsOn"`     // a text, or in mode 1 {field, offset, unit}; nil and {}: none
	Repeat     any      `json:"repeat"`     // milliseconds, at least 1000, or a cron text; nil: once
	Limit      float64  `json:"limit"`      // whole; executions of all versions together; 0: none
	Appends    []string `json:"appends"`    // mode 1: relations to load

	// TimeZone is that of cron texts, of texts and fields without an offset, and of
	// intervals of whole days, which keep their time of day then; "" is the server's
	// zone and days of 24 hours.
	TimeZone string `json:"timeZone"`
	// Missed is what happens to times that no server saw to within a minute. "" skips
	// them, as workflows from elsewhere expect; new ones are made with "once".
	Missed schedule.Missed `json:"missed"`
	// LimitPerRecord makes Limit count for each record alone, without the executions
	// that people started.
	LimitPerRecord bool `json:"limitPerRecord"`

	cron *schedule.Cron // of Repeat
	zone *time.Location // of TimeZone; nil when it names none
}

// name is the collection without its data source; "main" is the only one.
func (c ScheduleConfig) name() string { return strings.TrimPrefix(c.Collection, "main:") }

// moment is a time that hangs on a field of a record.
type moment struct {
	Field  string
	Offset float64 // in units; negative is before
	Unit   float64 // milliseconds; 0 is a day
}

const dayUnit = 86_400_000

var momentUnits = []float64{1000, 60_000, 3_600_000, dayUnit}

// momentOf reads {field, offset, unit}; ok is false for anything else, and a
// moment without field is none.
func momentOf(v any) (m moment, ok bool) {
	o, ok := v.(map[string]any)
	if !ok {
		return m, false
	}
	m.Field, _ = o["field"].(string)
	m.Offset, _ = o["offset"].(float64)
	if m.Unit, _ = o["unit"].(float64); m.Unit == 0 {
		m.Unit = dayUnit
	}
	return m, true
}

// of returns when the moment of a record is, in whole seconds; zero when its field
// is empty. Whole days before or after a date without a zone are days of the
// calendar.
func (m moment) of(r collection.Record, zone *time.Location) time.Time {
	t, local := instant(r[m.Field], zone)
	if t.IsZero() {
		return t
	}
	if local && m.Unit == dayUnit {
		return schedule.AddDays(t, int(m.Offset), zone).Truncate(time.Second)
	}
	return t.Add(time.Duration(m.Offset*m.Unit) * time.Millisecond).Truncate(time.Second)
}

// instant reads a date as JSON has it. local says that it has no offset and was
// read in zone; a zero time is none.
func instant(v any, zone *time.Location) (t time.Time, local bool) {
	switch v := v.(type) {
	case float64:
		return time.UnixMilli(int64(v)).UTC(), false
	case string:
		if t, err := time.Parse(time.RFC3339Nano, v); err == nil {
			return t.UTC(), false
		}
		for _, form := range []string{"2006-01-02T15:04:05.999", collection.WallClock, "2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly} {
			if t, err := time.Parse(form, v); err == nil {
				return schedule.Shown(t, zone), true
			}
		}
	}
	return time.Time{}, false
}

// rule is the schedule from start on, zero for none, to end. zone is the server's.
func (c ScheduleConfig) rule(start, end time.Time, zone *time.Location) schedule.Rule {
	r := schedule.Rule{Start: start, End: end, Cron: c.cron, Zone: zone, Record: c.Mode == AtRecords}
	if c.zone != nil {
		r.Zone, r.Wall = c.zone, true
	}
	if ms, ok := c.Repeat.(float64); ok && ms >= 1000 {
		r.Every = time.Duration(ms) * time.Millisecond
	}
	return r
}

// in is the zone that c is read in; server is the server's.
func (c ScheduleConfig) in(server *time.Location) *time.Location {
	if c.zone != nil {
		return c.zone
	}
	return server
}

// fixed is the schedule of mode 0.
func (c ScheduleConfig) fixed(server *time.Location) schedule.Rule {
	start, _ := instant(c.StartsOn, c.in(server))
	end, _ := instant(c.EndsOn, c.in(server))
	return c.rule(start, end, server)
}

// of is the schedule of a record; its Start is zero when it has no date.
func (c ScheduleConfig) of(r collection.Record, server *time.Location) schedule.Rule {
	from, _ := momentOf(c.StartsOn)
	end, _ := instant(c.EndsOn, c.in(server))
	if m, ok := momentOf(c.EndsOn); ok && m.Field != "" {
		end = m.of(r, c.in(server))
	}
	return c.rule(from.of(r, c.in(server)), end, server)
}

// fields are those of a record that its schedule depends on.
func (c ScheduleConfig) fields() []string {
	var names []string
	for _, v := range []any{c.StartsOn, c.EndsOn} {
		if m, _ := momentOf(v); m.Field != "" {
			names = append(names, m.Field)
		}
	}
	return names
}

func (*scheduleTrigger) Name() string { return "schedule" }

func (*scheduleTrigger) Decode(raw json.RawMessage) (any, node.Problems) {
	var c ScheduleConfig
	wrong, whole := readConfig(raw, &c)
	if text, ok := c.Repeat.(string); ok {
		c.cron, _ = schedule.ParseCron(text)
	}
	if loc, err := time.LoadLocation(c.TimeZone); c.TimeZone != "" && err == nil {
		c.zone = loc
	}
	switch {
	case whole && len(wrong) > 0:
		return nil, wrong.Above(c.problems())
	case len(wrong) > 0:
		return nil, wrong
	}
	return c, nil
}

func (t *scheduleTrigger) Check(raw json.RawMessage, cat node.Catalogue) node.Problems {
	decoded, p := t.Decode(raw)
	if len(p) > 0 {
		return p
	}
	c := decoded.(ScheduleConfig)
	p = c.problems()
	if c.Mode == AtRecords && c.Collection != "" {
		c.checkCollection(cat, p)
	}
	return p
}

// problems returns what is wrong with c on its own.
func (c ScheduleConfig) problems() node.Problems {
	p := node.Problems{}
	switch c.Mode {
	case AtTimes:
		c.checkTimes(p)
	case AtRecords:
		if c.Collection == "" {
			p["collection"] = "Choose the collection whose records have the date."
		}
		if m, _ := momentOf(c.StartsOn); m.Field == "" {
			p["startsOn.field"] = "Choose the field with the date."
		}
		if text, ok := c.EndsOn.(string); ok && text != "" {
			if end, _ := instant(text, time.UTC); end.IsZero() {
				p["endsOn"] = badInstant
			}
		}
	default:
		p["mode"] = "Choose whether it starts at set times or at a date of each record."
	}
	if problem := c.repeatProblem(); problem != "" {
		p["repeat"] = problem
	}
	if c.Limit < 0 || c.Limit != math.Trunc(c.Limit) || c.Limit > 1e12 {
		p["limit"] = "Write a whole number of starts, or 0 for no limit."
	}
	if c.TimeZone != "" && (c.zone == nil || c.TimeZone == "Local") {
		p["timeZone"] = fmt.Sprintf("There is no time zone “%s”. Choose one such as Europe/Berlin.", c.TimeZone)
	}
	switch c.Missed {
	case "", schedule.Skip, schedule.Once, schedule.All:
	default:
		p["missed"] = "Choose what happens to missed times: skip, once or all."
	}
	return p
}

const badInstant = "Write a date and time such as 2027-05-07T14:30:00.000Z."

func (c ScheduleConfig) checkTimes(p node.Problems) {
	start, _ := instant(c.StartsOn, c.in(time.UTC))
	switch {
	case c.StartsOn == nil || c.StartsOn == "":
		p["startsOn"] = "Say when it starts the first time."
	case start.IsZero():
		p["startsOn"] = badInstant
	}
	if c.EndsOn == nil || c.EndsOn == "" {
		return
	}
	switch end, _ := instant(c.EndsOn, c.in(time.UTC)); {
	case end.IsZero():
		p["endsOn"] = badInstant
	case end.Before(start):
		p["endsOn"] = "It would end before it starts. Choose a later end."
	}
}

func (c ScheduleConfig) repeatProblem() string {
	const year = 366 * dayUnit
	switch r := c.Repeat.(type) {
	case nil:
	case float64:
		if r < 1000 || r > 10*year {
			return "Write an interval between a second (1000) and ten years."
		}
	case string:
		_, problem := schedule.ParseCron(r)
		return problem
	default:
		return "Write an interval in milliseconds, or a cron text."
	}
	return ""
}

// dateTypes are the fields that can say when.
var dateTypes = map[string]bool{collection.Datetime: true, collection.DatetimeNoTz: true, collection.DateOnly: true, collection.UnixTimestamp: true}

// IsDate reports whether fields of a type can say when a schedule starts.
func IsDate(fieldType string) bool { return dateTypes[fieldType] }

func (c ScheduleConfig) checkCollection(cat node.Catalogue, p node.Problems) {
	if _, ok := cat.Fields(c.name()); !ok {
		p["collection"] = fmt.Sprintf("There is no collection “%s” any more. Choose another.", c.name())
		return
	}
	f := node.Fields{Catalogue: cat}
	for key, v := range map[string]any{"startsOn": c.StartsOn, "endsOn": c.EndsOn} {
		m, ok := momentOf(v)
		if !ok || m.Field == "" {
			continue
		}
		field, problem := f.Field(c.name(), m.Field)
		switch {
		case problem != "":
			p[key+".field"] = problem
		case !IsDate(field.Type):
			p[key+".field"] = fmt.Sprintf("“%s” holds no date. Choose a field that does.", field.Title)
		case m.Offset != math.Trunc(m.Offset) || math.Abs(m.Offset*m.Unit) > 100*366*dayUnit:
			p[key+".offset"] = "Write a whole number, of at most 100 years in all."
		case m.Unit != momentUnits[0] && m.Unit != momentUnits[1] && m.Unit != momentUnits[2] && m.Unit != momentUnits[3]:
			p[key+".unit"] = "Choose seconds, minutes, hours or days."
		}
	}
	if problem := f.Paths(c.name(), c.Appends); problem != "" {
		p["appends"] = problem
	}
}

func (t *scheduleTrigger) Outputs(raw json.RawMessage, cat node.Catalogue) []node.Variable {
	decoded, p := t.Decode(raw)
	if len(p) > 0 {
		return nil
	}
	c := decoded.(ScheduleConfig)
	outputs := []node.Variable{{Path: "date", Title: "Planned time", Type: collection.Datetime}}
	if c.Mode == AtRecords {
		record := node.Variable{Path: "data", Title: "Record", Target: c.name()}
		record.Children, _ = cat.Fields(c.name())
		outputs = append([]node.Variable{record}, outputs...)
	}
	return outputs
}

// Asks implements engine.Starter.
func (*scheduleTrigger) Asks(config any) (string, bool) {
	c := config.(ScheduleConfig)
	return c.name(), c.Mode == AtRecords
}

// Manual implements engine.Starter (spec/triggers-core.md §3.6). All values that
// are sent stay in the context; "date" is now unless one is sent.
func (*scheduleTrigger) Manual(ctx context.Context, e *engine.Engine, q pg.Q, config any, values map[string]any) (map[string]any, bool, error) {
	c := config.(ScheduleConfig)
	given := map[string]any{"date": e.Now().UTC().Format(collection.Instant)}
	for name, v := range values {
		if name != "date" || v != nil && v != "" {
			given[name] = v
		}
	}
	if date, _ := instant(given["date"], time.UTC); date.IsZero() {
		return nil, false, fault.Fields(map[string]string{"date": badInstant})
	}
	switch c.Mode {
	case AtTimes:
		return given, true, nil
	case AtRecords:
		_, data, err := chosenRecord(ctx, e, q, c.name(), c.Appends, values)
		if err != nil {
			return nil, false, err
		}
		given["data"] = data
		return given, true, nil
	}
	return nil, false, fault.New(fault.Invalid, "The trigger of this workflow has no valid mode, so it was not started. Choose one in its settings.")
}
