package views

import (
	"fmt"
	"strconv"
	"time"
)

// Home is the start page.
type Home struct {
	Attention      []Attention // the first of what needs attention, of so many
	AttentionCount string
	Tasks          []HomeTask
	TaskCount      string // "3"
	Runs           *Runs  // nil for who may not see executions
	Recent         []RecentRun
	Welcome        *Welcome // instead of all that while there is nothing yet
}

// HomeTask is one of my open tasks.
type HomeTask struct {
	Title   string
	URL     string
	From    string // who or what asks
	When    string
	Urgency string // "late", "soon" or ""
}

// Runs are the figures of the day.
type Runs struct {
	Completed, Failed, Open string
	Median                  string
	Note                    string // which part of the day is counted, when not all
	Bars                    []Bar
	Summary                 string // the chart in words
}

// Bar is an hour of the chart, in its units: 12 wide, 96 high.
type Bar struct {
	X          string
	OKY, OKH   string
	BadY, BadH string // BadH "" when nothing failed
	OffY       string // a mark for an hour with nothing; "" otherwise
	Hour       string // "9:00 to 10:00: 41 completed, 2 failed"
}

// RecentRun is one of the last executions.
type RecentRun struct {
	State  string
	ID     string
	URL    string
	Name   string // of the workflow
	Result string
	When   Moment
}

// Welcome is what a newcomer finds.
type Welcome struct {
	Samples []WelcomeSample
}

// WelcomeSample is an application to install.
type WelcomeSample struct {
	Name     string
	Title    string
	About    string
	Contents string
}

// chart sizes, in the units of its viewBox.
const (
	chartHeight = 96
	chartTop    = 84 // what the highest bar takes
	barWidth    = 8
	barStep     = 12
)

// RunsOf draws the hours of a day, completed and failed, and words them. now is
// how many hours of it have begun; later ones are only marked.
func RunsOf(completed, failed []int, start time.Time, w Words) (bars []Bar, summary string) {
	most, best, bad := 0, 0, 0
	for i := range completed {
		if n := completed[i] + failed[i]; n > most {
			most, best = n, i
		}
		bad += failed[i]
	}
	for i := range completed {
		bars = append(bars, bar(i, completed[i], failed[i], most, w.Clock(start.Add(time.Duration(i)*time.Hour))))
	}
	switch {
	case most == 0:
		return bars, "No executions yet today"
	case bad == 0:
		return bars, fmt.Sprintf("Executions by hour: most at %s with %d; none failed", w.Clock(start.Add(time.Duration(best)*time.Hour)), most)
	}
	return bars, fmt.Sprintf("Executions by hour: most at %s with %d; %d failed", w.Clock(start.Add(time.Duration(best)*time.Hour)), most, bad)
}

func bar(i, ok, bad, most int, hour string) Bar {
	b := Bar{X: strconv.Itoa(i * barStep), Hour: fmt.Sprintf("%s: %d completed, %d failed", hour, ok, bad)}
	if ok+bad == 0 {
		b.OffY = strconv.Itoa(chartHeight - 2)
		return b
	}
	okH := height(ok, most)
	b.OKY, b.OKH = strconv.Itoa(chartHeight-okH), strconv.Itoa(okH)
	if bad > 0 {
		badH, gap := max(height(bad, most), 3), 1
		if ok == 0 {
			gap = 0
		}
		b.BadY, b.BadH = strconv.Itoa(chartHeight-okH-gap-badH), strconv.Itoa(badH)
	}
	return b
}

// height is at least 2, so that one among thousands is seen.
func height(n, most int) int {
	if n == 0 {
		return 0
	}
	return max(n*chartTop/most, 2)
}
