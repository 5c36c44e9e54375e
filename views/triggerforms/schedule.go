package triggerforms

import (
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"alur/engine/collection"
	"alur/engine/triggers"
	"alur/views"
	"alur/views/nodeforms"
)

var _ = Register(Kind{
	Name: "schedule", Title: "When the time comes", Icon: "calendar", Phrase: true,
	ByHand:  "As if its time had come.",
	Help:    "Starts at set times, once or again and again, or at a date of each record of a collection.",
	Keys:    []string{"mode", "collection", "startsOn", "endsOn", "repeat", "limit", "limitPerRecord", "timeZone", "missed", "appends"},
	Initial: initialSchedule,
	New:     func() nodeforms.Form { return &scheduleForm{} },
	Words:   scheduleWords,
	Summary: scheduleSummary,
})

// localTime is how a browser's control for date and time writes it.
const localTime = "2006-01-02T15:04:05"

// initialSchedule starts once at the next full hour. Unlike settings from
// elsewhere, new ones name their zone, and make up for what was missed.
func initialSchedule(now time.Time) string {
	start := now.Truncate(time.Hour).Add(time.Hour).UTC().Format(collection.Instant)
	return fmt.Sprintf(`{"mode": 0, "startsOn": %q, "timeZone": %q, "missed": "once"}`, start, now.Location())
}

// intervals are the units of a repetition, the longest first, in milliseconds.
var intervals = []struct {
	name string
	ms   float64
}{{"weeks", 604_800_000}, {"days", 86_400_000}, {"hours", 3_600_000}, {"minutes", 60_000}, {"seconds", 1000}}

// point is a date of a record, and how far from it.
type point struct{ field, offset, side, unit string }

// scheduleForm is a schedule while it is edited. What the other mode needs is kept
// in hidden fields, so that nothing typed is lost.
type scheduleForm struct {
	mode       string
	collection string
	start, end string // as typed, or as stored
	from, till point
	endBy      string // "", "time" or "field"
	repeat     string // "", a name of intervals, or "cron"
	every      string
	cron       string
	zone       string
	limit      string
	perRecord  bool
	missed     string
	appends    []string
	problems   map[string]string
}

func (f *scheduleForm) Load(config nodeforms.Object) {
	f.mode = figure(config["mode"], "0")
	f.collection, _ = config["collection"].(string)
	f.zone, _ = config["timeZone"].(string)
	f.missed, _ = config["missed"].(string)
	f.perRecord, _ = config["limitPerRecord"].(bool)
	f.appends = nodeforms.Texts(config["appends"])
	if n, _ := config["limit"].(float64); n != 0 {
		f.limit = nodeforms.LiteralText(n)
	}
	f.loadEnds(config)
	switch r := config["repeat"].(type) {
	case string:
		f.repeat, f.cron = "cron", r
	case float64:
		for _, i := range intervals {
			if f.repeat == "" && (math.Mod(r, i.ms) == 0 || i.name == "seconds") {
				f.repeat, f.every = i.name, nodeforms.LiteralText(r/i.ms)
			}
		}
	}
	if f.missed == "" {
		f.missed = "skip"
	}
}

// figure is a stored number as it is typed, and missing when there is none.
func figure(v any, missing string) string {
	if n, ok := v.(float64); ok {
		return nodeforms.LiteralText(n)
	}
	return missing
}

func (f *scheduleForm) loadEnds(config nodeforms.Object) {
	f.start, _ = config["startsOn"].(string)
	f.end, _ = config["endsOn"].(string)
	f.from, f.till = loadPoint(config["startsOn"]), loadPoint(config["endsOn"])
	switch {
	case f.end != "":
		f.endBy = "time"
	case f.till.field != "":
		f.endBy = "field"
	}
}

func loadPoint(v any) point {
	o, _ := v.(nodeforms.Object)
	p := point{side: "after", unit: figure(o["unit"], "86400000")}
	p.field, _ = o["field"].(string)
	if n, _ := o["offset"].(float64); n != 0 {
		p.offset = nodeforms.LiteralText(math.Abs(n))
		if n < 0 {
			p.side = "before"
		}
	}
	return p
}

func (f *scheduleForm) Read(v url.Values, _ *nodeforms.Env) {
	get := func(name string) string { return strings.TrimSpace(v.Get(name)) }
	f.mode, f.collection, f.appends = get("mode"), get("collection"), v["appends"]
	f.zone, f.missed, f.limit = get("timeZone"), get("missed"), get("limit")
	f.perRecord = v.Get("limitPerRecord") == "true"
	f.start, f.end, f.endBy = get("startsOn"), get("endsOn"), get("endsOn.by")
	f.repeat, f.every, f.cron = get("repeat"), get("repeat.every"), get("repeat.cron")
	read := func(name string) point {
		return point{get(name + ".field"), get(name + ".offset"), get(name + ".side"), get(name + ".unit")}
	}
	f.from, f.till = read("startsOn"), read("endsOn")
}

func (f *scheduleForm) Do(string, string) {}

func (f *scheduleForm) Save(config nodeforms.Object) {
	f.problems = map[string]string{}
	config["mode"] = nodeforms.Literal(f.mode)
	config["timeZone"], config["missed"] = f.zone, f.missed
	config["repeat"] = f.repetition()
	config["limit"] = 0
	if f.limit != "" {
		config["limit"] = f.whole("limit", f.limit)
	}
	config["endsOn"] = nil
	if f.mode != strconv.Itoa(triggers.AtRecords) {
		delete(config, "collection")
		delete(config, "appends")
		delete(config, "limitPerRecord")
		config["startsOn"] = f.instant(f.start)
		if f.end != "" {
			config["endsOn"] = f.instant(f.end)
		}
		return
	}
	config["collection"], config["appends"], config["limitPerRecord"] = f.collection, []string{}, f.perRecord
	if len(f.appends) > 0 {
		config["appends"] = f.appends
	}
	config["startsOn"] = f.stored("startsOn", f.from)
	switch f.endBy {
	case "time":
		config["endsOn"] = f.instant(f.end)
	case "field":
		config["endsOn"] = f.stored("endsOn", f.till)
	}
}

// whole reads a typed number; anything else is a problem beside its control.
func (f *scheduleForm) whole(name, typed string) any {
	n, err := strconv.ParseInt(typed, 10, 64)
	if err != nil {
		f.problems[name] = "Write a whole number."
	}
	return n
}

func (f *scheduleForm) repetition() any {
	if f.repeat == "cron" {
		return f.cron
	}
	for _, i := range intervals {
		if i.name == f.repeat {
			n, err := strconv.ParseFloat(f.every, 64)
			if f.every == "" {
				n, err = 1, nil
			}
			if err != nil || n <= 0 || n > 1e7 {
				f.problems["repeat"] = "Write how many, as a number above 0."
				return nil
			}
			return n * i.ms
		}
	}
	return nil
}

func (f *scheduleForm) stored(name string, p point) nodeforms.Object {
	o := nodeforms.Object{"field": p.field, "offset": 0, "unit": nodeforms.Literal(p.unit)}
	if p.unit == "" {
		o["unit"] = 86_400_000
	}
	if p.offset != "" {
		n, _ := f.whole(name+".offset", p.offset).(int64)
		if p.side == "before" {
			n = -n
		}
		o["offset"] = n
	}
	return o
}

// instant is a typed time of the schedule's zone as it is stored; what is no time
// stays as it was typed, and is refused in words.
func (f *scheduleForm) instant(typed string) any {
	if typed == "" {
		return nil
	}
	zone, err := time.LoadLocation(f.zone)
	if err != nil || f.zone == "" {
		return typed // read in the server's zone
	}
	for _, form := range []string{localTime, "2006-01-02T15:04"} {
		if t, err := time.ParseInLocation(form, typed, zone); err == nil {
			return t.UTC().Format(collection.Instant)
		}
	}
	return typed
}

func (f *scheduleForm) Problems() map[string]string { return f.problems }

func (f *scheduleForm) View(env *nodeforms.Env) templ.Component {
	return scheduleView(f, env)
}

// typed is a stored time as the browser's control shows it, in the schedule's
// zone; what is no time stays as it is.
func (f *scheduleForm) typed(env *nodeforms.Env, stored string) string {
	t, err := time.Parse(time.RFC3339Nano, stored)
	if err != nil {
		return stored
	}
	return t.In(zoneOf(f.zone, env)).Format(localTime)
}

func zoneOf(name string, env *nodeforms.Env) *time.Location {
	if loc, err := time.LoadLocation(name); err == nil && name != "" {
		return loc
	}
	if env.Zone != nil {
		return env.Zone
	}
	return time.UTC
}

var (
	scheduleModes = []views.Option{
		{Value: "0", Text: "At set times", Help: "Once, every so often, or by a cron text."},
		{Value: "1", Text: "At a date of each record", Help: "Such as three days before an order is due."},
	}
	repeatOptions = []views.Option{
		{Value: "", Text: "Not repeated"}, {Value: "seconds", Text: "Every … seconds"}, {Value: "minutes", Text: "Every … minutes"},
		{Value: "hours", Text: "Every … hours"}, {Value: "days", Text: "Every … days"}, {Value: "weeks", Text: "Every … weeks"},
		{Value: "cron", Text: "By a cron text"},
	}
	sideOptions  = []views.Option{{Value: "after", Text: "after it"}, {Value: "before", Text: "before it"}}
	unitOptions  = []views.Option{{Value: "86400000", Text: "days"}, {Value: "3600000", Text: "hours"}, {Value: "60000", Text: "minutes"}, {Value: "1000", Text: "seconds"}}
	endByOptions = []views.Option{{Value: "", Text: "Never"}, {Value: "time", Text: "At a set time"}, {Value: "field", Text: "At a date of the record"}}

	missedOptions = []views.Option{
		{Value: "once", Text: "Start once", Help: "As soon as a server is back, for the last time that was missed."},
		{Value: "skip", Text: "Skip them", Help: "They are listed under “Not started”."},
		{Value: "all", Text: "Start for each", Help: "One execution for each missed time, the oldest first; for the newest 10,000 at most."},
	}
)

// cronExamples are cron texts and what they mean.
var cronExamples = [][2]string{
	{"0 30 9 * * 1-5", "Monday to Friday at 9:30"}, {"0 */15 * * * *", "every quarter of an hour"}, {"0 0 8 L * *", "the last day of each month at 8:00"},
	{"0 0 8 15W * *", "the working day nearest to the 15th"}, {"0 0 8 * * 1#1", "the first Monday of each month"}, {"0 0 18 * * 5L", "the last Friday of each month"},
}

// repeatError is the problem of the repetition, beside the control where it can be
// mended.
func repeatError(f *scheduleForm, env *nodeforms.Env, control string) string {
	at := map[string]string{"": "", "cron": "cron"}[f.repeat]
	if f.repeat != "" && f.repeat != "cron" {
		at = "every"
	}
	if at != control {
		return ""
	}
	return env.Problem("repeat")
}

// dateFields are the fields of a collection that can say when.
func dateFields(env *nodeforms.Env, name, chosen string) []views.Option {
	options := []views.Option{{Value: "", Text: "Choose…"}}
	c, found := env.Collection(strings.TrimPrefix(name, "main:")), chosen == ""
	if c == nil {
		return options
	}
	for _, f := range c.Fields {
		if !f.Hidden && triggers.IsDate(f.Type) {
			found = found || f.Name == chosen
			title := f.Title
			if title == "" {
				title = f.Name
			}
			options = append(options, views.Option{Value: f.Name, Text: title})
		}
	}
	if !found {
		options = append(options, views.Option{Value: chosen, Text: chosen + " (no date)"})
	}
	return options
}

// zones are the time zones to choose from.
func (f *scheduleForm) zones(env *nodeforms.Env) []views.Option {
	options := []views.Option{{Value: "", Text: "Of the server"}}
	found := f.zone == ""
	for _, name := range env.Zones {
		found = found || name == f.zone
		options = append(options, views.Option{Value: name, Text: name})
	}
	if !found {
		options = append(options, views.Option{Value: f.zone, Text: f.zone})
	}
	return options
}

// scheduleWords says when a schedule starts: "Every 5 minutes".
func scheduleWords(config json.RawMessage, env *nodeforms.Env) string {
	f := scheduleForm{}
	f.Load(nodeforms.Decode(config))
	again := f.repeatWords()
	if f.mode == "1" {
		if f.collection == "" || f.from.field == "" {
			return ""
		}
		when := nodeforms.FieldTitle(env, strings.TrimPrefix(f.collection, "main:"), f.from.field) + " of each " +
			strings.ToLower(nodeforms.Singular(env.CollectionTitle(strings.TrimPrefix(f.collection, "main:"))))
		if f.from.offset != "" {
			when = fmt.Sprintf("%s %s %s", count(f.from.offset, unitName(f.from.unit)), f.from.side, when)
		}
		if again != "" {
			when += ", then " + strings.Replace(again, "Every ", "every ", 1)
		}
		return when
	}
	if f.start == "" {
		return ""
	}
	if again != "" {
		return again
	}
	return "Once on " + f.shown(env, f.start)
}

func unitName(ms string) string {
	for _, u := range unitOptions {
		if u.Value == ms {
			return u.Text
		}
	}
	return "days"
}

// count words a number of things: "1 day", "3 days".
func count(n, many string) string {
	if n == "1" {
		return "1 " + strings.TrimSuffix(many, "s")
	}
	return n + " " + many
}

// shown words a stored time in the schedule's zone.
func (f *scheduleForm) shown(env *nodeforms.Env, stored string) string {
	t, err := time.Parse(time.RFC3339Nano, stored)
	if err != nil {
		return stored
	}
	return t.In(zoneOf(f.zone, env)).Format("2 Jan 2006, 15:04")
}

func (f *scheduleForm) repeatWords() string {
	switch {
	case f.repeat == "":
		return ""
	case f.repeat == "cron":
		return cronWords(f.cron)
	case f.every == "1" || f.every == "":
		return "Every " + strings.TrimSuffix(f.repeat, "s")
	}
	return "Every " + f.every + " " + f.repeat
}

// cronWords says simple cron texts in words, and the others as they are.
func cronWords(text string) string {
	fields := strings.Fields(text)
	if len(fields) == 5 {
		fields = append([]string{"0"}, fields...)
	}
	if len(fields) != 6 || fields[3] != "*" || fields[4] != "*" {
		return "Cron " + text
	}
	day, known := map[string]string{"*": "Every day", "1-5": "Monday to Friday", "MON-FRI": "Monday to Friday"}[fields[5]]
	if n, err := strconv.Atoi(fields[5]); err == nil && n >= 0 && n <= 7 {
		day, known = "Every "+time.Weekday(n%7).String(), true
	}
	second, err0 := strconv.Atoi(fields[0])
	minute, err1 := strconv.Atoi(fields[1])
	hour, err2 := strconv.Atoi(fields[2])
	switch {
	case err0 == nil && err1 == nil && err2 == nil && known && second == 0:
		return fmt.Sprintf("%s at %02d:%02d", day, hour, minute)
	case strings.Join(fields, " ") == "0 * * * * *":
		return "Every minute"
	case strings.Join(fields, " ") == "* * * * * *":
		return "Every second"
	case err0 == nil && err1 == nil && fields[2] == "*" && fields[5] == "*" && second == 0 && minute == 0:
		return "Every hour"
	}
	return "Cron " + text
}

func scheduleSummary(config json.RawMessage, env *nodeforms.Env) string {
	if scheduleWords(config, env) == "" {
		return ""
	}
	f := scheduleForm{}
	f.Load(nodeforms.Decode(config))
	parts := []string{zoneOf(f.zone, env).String()}
	switch f.endBy {
	case "time":
		parts = append(parts, "until "+f.shown(env, f.end))
	case "field":
		parts = append(parts, "until "+nodeforms.FieldTitle(env, f.collection, f.till.field))
	}
	if f.limit != "" {
		limit := "at most " + count(f.limit, "starts")
		if f.perRecord {
			limit += " a record"
		}
		parts = append(parts, limit)
	}
	return strings.Join(parts, " · ")
}
