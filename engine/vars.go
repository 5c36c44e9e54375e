package engine

import (
	"context"
	"strconv"
	"time"

	"alur/engine/node"
	"alur/engine/snowflake"
	"alur/engine/value"
)

// vars are the variables that in sees.
func (r *run) vars(in *instruction) node.Vars {
	if !in.scoped {
		return r
	}
	return innerVars{r, in}
}

// Root returns a variable of the execution, the same for all nodes.
func (r *run) Root(name string) (any, bool) {
	switch name {
	case "$context":
		if !r.decoded {
			v, err := value.Decode(r.claim.Context)
			if err != nil {
				r.log.Error("execution has unreadable context", "execution_id", r.claim.ID, "err", err)
			}
			r.context, r.decoded = v, true
		}
		return r.context, true
	case "$jobsMapByNodeKey":
		return r.results, true
	case "$scopes":
		return nil, true
	case "$system":
		return systemVars{r.e}.root(), true
	case "$env":
		return r.env.Root(), true
	}
	return nil, false
}

// Zone is where days begin and end for conditions.
func (r *run) Zone() *time.Location { return r.e.localNow().Location() }

// innerVars are the variables of a node in branches of others, which have some for
// it.
type innerVars struct {
	*run
	in *instruction
}

// Root is run.Root with $scopes. Of two nodes around it with one name the nearest
// counts.
func (v innerVars) Root(name string) (any, bool) {
	if name != "$scopes" {
		return v.run.Root(name)
	}
	scopes := map[string]any{}
	for in := v.in.opener; in != nil; in = in.opener {
		if in.problem != "" || !in.kind.Scoped() {
			continue
		}
		var opener node.Job
		if j := v.known[in.ID]; j != nil {
			opener = node.Job{ID: j.id, Status: j.status, Result: j.result, Meta: j.meta}
		}
		scope := value.Normalize(in.kind.Scope(in.config, opener))
		for _, name := range []string{in.Key, strconv.FormatInt(in.ID, 10)} {
			if _, taken := scopes[name]; !taken {
				scopes[name] = scope
			}
		}
	}
	return scopes, true
}

// systemVars answers {{$system.…}} (spec/variables.md §6).
type systemVars struct{ e *Engine }

// root returns the values by name. Those that differ with each use are
// functions, called by the evaluation.
func (s systemVars) root() map[string]any {
	return map[string]any{
		"now":            func() any { return isoTime(s.e.Now()) },
		"instanceId":     float64(s.e.IDs.Worker()),
		"epoch":          float64(snowflake.Epoch),
		"genSnowflakeId": func() any { return float64(s.e.IDs.Next()) },
		"dateRange":      func() any { return dateRanges(s.e.localNow()) },
	}
}

// SystemVars are the values of $system now, as in {{$system.now}}.
func (e *Engine) SystemVars() map[string]any { return systemVars{e}.root() }

// localNow is now in the time zone of the server; in UTC while that cannot be read.
func (e *Engine) localNow() time.Time {
	zone, err := e.ServerZone(context.Background())
	if err != nil {
		e.Log.Warn("time zone not readable, dates are in UTC", "err", err)
		zone = time.UTC
	}
	return e.Now().In(zone)
}

// isoTime is the one text form of an instant: UTC with milliseconds.
func isoTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// dateRanges are values for date filters, in the zone of now.
func dateRanges(now time.Time) map[string]any {
	zone := now.Format("-07:00")
	day := func(d int) string { return now.AddDate(0, 0, d).Format(time.DateOnly) + zone }
	week := func(w int) string {
		y, n := sundayWeek(now.AddDate(0, 0, 7*w))
		return strconv.Itoa(y) + "w" + pad(n) + zone
	}
	month := func(m int) string {
		first := time.Date(now.Year(), now.Month()+time.Month(m), 1, 0, 0, 0, 0, now.Location())
		return first.Format("2006-01") + zone
	}
	quarter := func(q int) string {
		first := time.Date(now.Year(), now.Month()+time.Month(3*q), 1, 0, 0, 0, 0, now.Location())
		return strconv.Itoa(first.Year()) + "Q" + strconv.Itoa((int(first.Month())-1)/3+1) + zone
	}
	year := func(y int) string { return strconv.Itoa(now.Year()+y) + zone }
	span := func(from, to int) []any {
		return []any{now.AddDate(0, 0, from).Format(time.DateOnly), now.AddDate(0, 0, to).Format(time.DateOnly), "[)", zone}
	}
	return map[string]any{
		"yesterday": day(-1), "today": day(0), "tomorrow": day(1),
		"lastWeek": week(-1), "thisWeek": week(0), "nextWeek": week(1),
		"lastMonth": month(-1), "thisMonth": month(0), "nextMonth": month(1),
		"lastQuarter": quarter(-1), "thisQuarter": quarter(0), "nextQuarter": quarter(1),
		"lastYear": year(-1), "thisYear": year(0), "nextYear": year(1),
		"last7Days": span(-6, 1), "last30Days": span(-29, 1), "last90Days": span(-89, 1),
		"next7Days": span(1, 8), "next30Days": span(1, 31), "next90Days": span(1, 91),
	}
}

// sundayWeek numbers weeks that start on Sunday; week 1 holds January 1.
func sundayWeek(t time.Time) (year, week int) {
	saturday := t.AddDate(0, 0, int(time.Saturday-t.Weekday()))
	return saturday.Year(), (saturday.YearDay()-1)/7 + 1
}

func pad(n int) string {
	if n < 10 {
		return "0" + strconv.Itoa(n)
	}
	return strconv.Itoa(n)
}
