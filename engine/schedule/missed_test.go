package schedule_test

import (
	"fmt"
	"testing"
	"time"

	"alur/engine/schedule"
)

// TestDue is what comes of times that a server sees to late, by policy. Now is
// noon; a time counts as missed when it is more than a minute past.
func TestDue(t *testing.T) {
	t.Parallel()
	noon := time.Date(2027, 1, 1, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return noon.Add(-d) }
	hourly := schedule.Rule{Start: ago(1000 * time.Hour), Every: time.Hour}
	seconds := schedule.Rule{Start: ago(1000 * time.Hour), Every: time.Second}
	once := schedule.Rule{Start: ago(3 * time.Hour)}
	const day = 24 * time.Hour
	hourlong := schedule.Rule{Start: ago(3000 * day), Every: time.Hour}
	mornings := schedule.Rule{Start: ago(3000 * day), Cron: mustCron(t, "0 */30 9-11 * * *")}
	offices := schedule.Rule{Start: ago(1000 * time.Hour), Cron: mustCron(t, "0 */30 9-11 * * *")}
	ended := schedule.Rule{Start: ago(1000 * time.Hour), Every: time.Hour, End: ago(2 * time.Hour)}
	moved := schedule.Rule{Start: ago(90 * time.Second)}
	tests := []struct {
		name   string
		rule   schedule.Rule
		due    time.Time
		missed schedule.Missed
		most   int
		want   string // fired, skipped, next; relative to noon
	}{
		{"in time", hourly, noon, schedule.Skip, 9, "fire [0s] next 1h0m0s"},
		{"a second late", hourly, noon.Add(-time.Second), schedule.Skip, 9, "fire [-1s 0s] next 1h0m0s"}, // kept from another rule
		{"not yet", hourly, noon.Add(time.Hour), schedule.All, 9, "fire [] next 1h0m0s"},
		{"skip", hourly, ago(5 * time.Hour), schedule.Skip, 9, "skip -5h0m0s to -1h0m0s fire [0s] next 1h0m0s"},
		{"once", hourly, ago(5 * time.Hour), schedule.Once, 9, "fire [-1h0m0s 0s] next 1h0m0s"},
		{"all", hourly, ago(5 * time.Hour), schedule.All, 9, "fire [-5h0m0s -4h0m0s -3h0m0s -2h0m0s -1h0m0s 0s] next 1h0m0s"},
		{"all, in parts", hourly, ago(5 * time.Hour), schedule.All, 2, "fire [-5h0m0s -4h0m0s] next -3h0m0s"},
		{"skip the only one", once, ago(3 * time.Hour), schedule.Skip, 9, "skip -3h0m0s to -3h0m0s fire [] next none"},
		{"once, the only one", once, ago(3 * time.Hour), schedule.Once, 9, "fire [-3h0m0s] next none"},
		{"all, the only one", once, ago(3 * time.Hour), schedule.All, 9, "fire [-3h0m0s] next none"},
		{"half a minute is not missed", seconds, ago(3 * time.Second), schedule.Skip, 9, "fire [-3s -2s -1s 0s] next 1s"},
		{"seconds, skip", seconds, ago(time.Hour), schedule.Skip, 2, "skip -1h0m0s to -1m1s fire [-1m0s -59s] next -58s"},
		{"seconds, once", seconds, ago(time.Hour), schedule.Once, 2, "fire [-1m1s -1m0s] next -59s"},
		{"cron, skip", offices, ago(26 * time.Hour), schedule.Skip, 9, "skip -26h0m0s to -30m0s fire [] next 21h0m0s"},
		{"cron, once", offices, ago(26 * time.Hour), schedule.Once, 9, "fire [-30m0s] next 21h0m0s"},
		{"ended meanwhile, once", ended, ago(5 * time.Hour), schedule.Once, 9, "fire [-2h0m0s] next none"},
		{"ended meanwhile, all", ended, ago(4 * time.Hour), schedule.All, 9, "fire [-4h0m0s -3h0m0s -2h0m0s] next none"},
		{"seconds, all", seconds, ago(2 * time.Hour), schedule.All, 2, "fire [-2h0m0s -1h59m59s] next -1h59m58s"},
		{"seconds, more than the backlog", seconds, ago(7 * day), schedule.All, 2, "skip -168h0m0s to -2h47m41s fire [-2h47m40s -2h47m39s] next -2h47m38s"},
		{"seconds, the backlog to the last", seconds, ago(time.Minute + schedule.Backlog*time.Second), schedule.All, 1, "fire [-2h47m40s] next -2h47m39s"},
		{"seconds, one more than the backlog", seconds, ago(time.Minute + (schedule.Backlog+1)*time.Second), schedule.All, 1, "skip -2h47m41s to -2h47m41s fire [-2h47m40s] next -2h47m39s"},
		{"hours for years", hourlong, ago(5 * 365 * day), schedule.All, 1, "skip -43800h0m0s to -10001h0m0s fire [-10000h0m0s] next -9999h0m0s"},
		{"cron for years", mornings, ago(5 * 365 * day), schedule.All, 1, "skip -43800h0m0s to -39986h30m0s fire [-39986h0m0s] next -39985h30m0s"},
		{"due by a rule of before", moved, ago(5 * time.Hour), schedule.Once, 9, "fire [-1m30s] next none"},
	}
	for _, tc := range tests {
		d := tc.rule.Due(tc.due, noon, tc.missed, tc.most)
		got := ""
		if !d.SkippedFrom.IsZero() {
			got = fmt.Sprintf("skip %s to %s ", d.SkippedFrom.Sub(noon), d.SkippedTo.Sub(noon))
		}
		fired := []time.Duration{}
		for _, f := range d.Fire {
			fired = append(fired, f.Sub(noon))
		}
		got += fmt.Sprintf("fire %v next ", fired)
		if d.Next.IsZero() {
			got += "none"
		} else {
			got += d.Next.Sub(noon).String()
		}
		if got != tc.want {
			t.Errorf("%s:\n got %s\nwant %s", tc.name, got, tc.want)
		}
	}
}
