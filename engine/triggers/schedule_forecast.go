package triggers

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"alur/engine"
	"alur/engine/collection"
	"alur/engine/schedule"
)

// Forecast implements engine.Forecaster. Limits of all executions do not count. Of
// the records of a collection those are asked whose dates are nearest.
func (t *scheduleTrigger) Forecast(ctx context.Context, e *engine.Engine, a collection.Access, config json.RawMessage, n int) ([]engine.Planned, error) {
	decoded, problems := t.Decode(config)
	if len(problems) > 0 {
		return nil, nil
	}
	c := decoded.(ScheduleConfig)
	zone, err := e.ServerZone(ctx)
	if err != nil {
		return nil, err
	}
	if limit := int(c.Limit); limit > 0 && (c.Mode == AtTimes || !c.LimitPerRecord) {
		n = min(n, limit)
	}
	if c.Mode == AtTimes {
		return upcoming(c.fixed(zone), "", e.Now(), n), nil
	}
	coll, err := e.Records.Collection(ctx, c.name())
	if err != nil {
		return nil, err
	}
	records, err := c.nearest(ctx, e, a, zone, n)
	if err != nil {
		return nil, err
	}
	var all []engine.Planned
	for _, r := range records {
		each := n
		if limit := int(c.Limit); limit > 0 && c.LimitPerRecord {
			each = min(n, limit)
		}
		all = append(all, upcoming(c.of(r, zone), coll.TitleOf(r), e.Now(), each)...)
	}
	slices.SortStableFunc(all, func(a, b engine.Planned) int { return a.At.Compare(b.At) })
	return all[:min(n, len(all))], nil
}

// upcoming are the next n times of one schedule.
func upcoming(rule schedule.Rule, record string, now time.Time, n int) []engine.Planned {
	var list []engine.Planned
	for at, ok := rule.Next(now); ok && len(list) < n; at, ok = rule.After(at) {
		list = append(list, engine.Planned{At: at, Record: record})
	}
	return list
}

// nearest are n records whose time is ahead, the soonest first, and if the
// schedule repeats n whose time has just been.
func (c ScheduleConfig) nearest(ctx context.Context, e *engine.Engine, a collection.Access, zone *time.Location, n int) ([]collection.Record, error) {
	a.Zone = c.in(zone)
	from, _ := momentOf(c.StartsOn)
	edge := e.Now().Add(-time.Duration(from.Offset*from.Unit) * time.Millisecond).UTC().Format(collection.Instant)
	sides := [][2]string{{"$dateNotBefore", from.Field}, {"$dateBefore", "-" + from.Field}}
	if c.Repeat == nil {
		sides = sides[:1]
	}
	var all []collection.Record
	for _, side := range sides {
		page, err := e.Records.List(ctx, e.DB, a, c.name(), collection.Query{
			Filter: map[string]any{from.Field: map[string]any{side[0]: edge}}, Sort: []string{side[1]}, PageSize: n, NoCount: true,
		})
		if err != nil {
			return nil, err
		}
		all = append(all, page.Records...)
	}
	return all, nil
}
