package engine

import (
	"context"
	_ "embed"
	"fmt"
	"strings"
	"time"

	"alur/engine/auth"
	"alur/engine/pg"
	"alur/engine/snowflake"
)

//go:embed queries_figures.sql
var figuresText string

var figuresSQL = pg.LoadQueries(figuresText)

// FiguresLimit is how many executions are looked at, newest first.
const FiguresLimit = 50_000

// Figures sum up a period.
type Figures struct {
	Completed int
	Failed    int           // a rule said no, or something broke
	Open      int           // queued, running or waiting now, whenever they began
	Median    time.Duration // half of those that ended took no longer; -1 when none has
	Hours     [25]Hour      // from the start of the period; a day may have 25
	Cut       bool          // there were too many: only the newest are counted
}

// Hour sums up an hour.
type Hour struct{ Completed, Failed int }

// Figures sums up the executions that actor may see and that began at or after
// since, a day at most.
func (e *Engine) Figures(ctx context.Context, actor auth.Actor, since time.Time) (Figures, error) {
	if err := actor.Require(auth.UseWorkflows); err != nil {
		return Figures{}, err
	}
	f := Figures{Median: -1}
	first := snowflake.At(since) // ids grow with time
	var hours []struct {
		Hour, Completed, Failed, Total int
		Median                         *float64 // in seconds
	}
	reach, recent := actor.Reach(auth.Viewer), "recent"
	if !reach.Every() {
		recent = "recent_reached"
	}
	query, args := reach.Query(strings.Replace(figuresSQL.Get("figures"), "{recent}", figuresSQL.Get(recent), 1), first, since.UTC(), FiguresLimit)
	if err := e.DB.SelectContext(ctx, &hours, query, args...); err != nil {
		return Figures{}, fmt.Errorf("sum up executions: %w", err)
	}
	total := 0
	for _, h := range hours {
		total += h.Total
		f.Completed += h.Completed
		f.Failed += h.Failed
		if h.Hour >= 0 && h.Hour < len(f.Hours) {
			f.Hours[h.Hour] = Hour{h.Completed, h.Failed}
		}
		if h.Median != nil {
			f.Median = time.Duration(*h.Median * float64(time.Second))
		}
	}
	f.Cut = total == FiguresLimit
	query, args = reach.Query(figuresSQL.Get("figures_open"))
	if err := e.DB.GetContext(ctx, &f.Open, query, args...); err != nil {
		return Figures{}, fmt.Errorf("count open executions: %w", err)
	}
	return f, nil
}
