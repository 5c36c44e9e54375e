package handlers

import (
	"cmp"
	"strconv"
	"time"

	"alur/engine"
	"alur/engine/auth"
	"alur/views/nodeforms"
)

// forecasts is how many of the next starts of a workflow are shown.
const forecasts = 5

// recordName is a record's title; one that is only a number gets what it is a
// number of before it.
func recordName(env *nodeforms.Env, config, title string) string {
	name, _ := nodeforms.Decode([]byte(config))["collection"].(string)
	c := env.Collection(name)
	if _, err := strconv.ParseInt(title, 10, 64); err != nil || c == nil {
		return title
	}
	return nodeforms.Singular(c.Title) + " " + title
}

// forecast words when the trigger in p starts next, as it stands in the form.
func (d *desk) forecast(env *nodeforms.Env, p panel) {
	if p.key != "trigger" {
		return
	}
	kind := engine.LookupTrigger(p.kind)
	forecaster, ok := kind.(engine.Forecaster)
	if !ok {
		return
	}
	env.Zones = auth.Zones()
	config := cmp.Or(string(p.typed), string(p.config))
	env.NoneUpcoming = "They are shown here once the settings are complete."
	if len(p.form.Problems()) > 0 || len(kind.Check([]byte(config), d.h.records)) > 0 {
		return
	}
	next, err := forecaster.Forecast(d.c.Request().Context(), d.h.engine, access(d.c), []byte(config), forecasts)
	if err != nil {
		env.NoneUpcoming = "They cannot be shown: you may not see these records."
		return
	}
	env.NoneUpcoming = "None: every time of these settings is over."
	zone := env.Zone
	if name, _ := nodeforms.Decode([]byte(config))["timeZone"].(string); name != "" {
		if loc, err := time.LoadLocation(name); err == nil {
			zone = loc
		}
	}
	for _, n := range next {
		text := n.At.In(zone).Format("Mon 2 Jan 2006, 15:04:05")
		if n.Record != "" {
			text += " · " + recordName(env, config, n.Record)
		}
		env.Upcoming = append(env.Upcoming, text)
	}
}
