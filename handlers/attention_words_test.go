package handlers

import (
	"testing"
	"time"

	"alur/engine"
	"alur/views"
)

// TestAttentionWords: what a person reads of what cannot be brought about in a
// test of pages.
func TestAttentionWords(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 10, 42, 0, 0, time.UTC)
	ago := func(d time.Duration) *time.Time { t := now.Add(-d); return &t }
	flow := engine.Flow{WorkflowID: 1, Title: "Orders"}
	words := attentionWords{w: views.Words{Now: now}}
	backlog := func(b engine.Backlog) views.Attention { b.Flow, b.Limit = flow, 10; return words.backlog(b, now) }
	stuck := func(s engine.Stuck, workers int) views.Attention {
		s.Flow = flow
		return words.stuck(s, engine.Attention{At: now, Workers: workers})
	}
	tests := []struct {
		got         views.Attention
		title, text string
	}{
		{backlog(engine.Backlog{Queued: 4120, Oldest: ago(3 * time.Minute), Begun: 380, Since: ago(10 * time.Second)}),
			"Orders: 4,120 executions wait", "The oldest for 3 min. 38 a second are begun: about 2 min to go. "},
		{backlog(engine.Backlog{Queued: 10001, Cut: true, Oldest: ago(time.Hour), Begun: 1, Since: ago(10 * time.Second)}),
			"Orders: more than 10,000 executions wait", "The oldest for 1 h. 6 a minute are begun. "},
		{backlog(engine.Backlog{Queued: 1, Oldest: ago(2 * time.Minute), Running: 10}),
			"Orders: 1 execution waits", "The oldest for 2 min. None was begun within the last ten seconds. As many run at the same moment as the workflow's limits allow: 10. "},
		{stuck(engine.Stuck{Lease: ago(time.Hour), Node: "B"}, 0), "Orders stands still at “B”",
			"The process that ran it was lost, and no other has taken over. No process runs workflows: start alur serve or alur worker. Since 09:42."},
		{stuck(engine.Stuck{Lease: ago(-time.Minute), Moved: *ago(20 * time.Minute)}, 1), "Orders stands still",
			"A process holds it and gives no sign of getting on. Its step takes very long, or waits for something outside that does not answer. For 20 min."},
		{words.retrying(engine.Stuck{Flow: flow, Attempts: 3, Node: "B", Moved: *ago(time.Hour)}, engine.Attention{Attempts: 5}), "Orders is tried again at “B”",
			"Begun 3 times without getting on, as if the process that runs it ended each time; after 5 times it ends with an error. Since 09:42."},
		{words.failure(engine.Failure{Flow: engine.Flow{Deleted: true}, Count: 500, Cut: true, Status: -1, First: *ago(time.Hour), Last: now}),
			"Deleted workflow failed at least 500 times", "A rule said no. Since 09:42, last 10:42."},
		{words.quiet(engine.Quiet{Flow: flow, Last: *ago(26*time.Hour + time.Minute), Every: 890}), "Orders has not run for 26 h",
			"It usually starts every 15 min, and never paused for so long before. Something may have stopped calling it. Last yesterday, 08:41."},
		{words.waiting(engine.LongWait{Flow: flow, Node: "Call", Since: *ago(8 * 24 * time.Hour)}), "Orders has waited 8 days at “Call”",
			"It waits for an answer from outside. Since 15 Nov, 10:42."},
		{words.waiting(engine.LongWait{Flow: flow, Names: []string{"Ann", "Bob", "Cem", "Dan"}, Task: "Laptop", Since: *ago(8 * 24 * time.Hour)}),
			"Orders has waited 8 days for Ann, Bob and 2 others", "Not decided: “Laptop”. Since 15 Nov, 10:42."},
		{words.database(engine.DatabaseTrouble{Kind: engine.Silent, Took: 4 * time.Second}), "The database did not answer in time",
			"What needs attention could not be read within 4 s, so the rest of this page may be missing. See whether the database runs, and what its log says. "},
		{words.database(engine.DatabaseTrouble{Kind: engine.Slow, Took: 210 * time.Millisecond}), "The database answers slowly",
			"An empty statement takes 210 ms there and back, and every step waits for several. Look at the load of its machine and at the network between. "},
		{words.database(engine.DatabaseTrouble{Kind: engine.Full, Count: 1, Limit: 20}), "All 20 connections of this server are in use",
			"1 request waits for one. Something keeps them for long, or CONNECTIONS is too small. "},
		{words.database(engine.DatabaseTrouble{Kind: engine.Locked, Count: 2, Since: *ago(time.Minute)}), "2 statements wait for a lock",
			"Somebody else holds the rows or the table that it needs, and gives way at the end of their transaction. Since 10:41."},
		{words.broken(engine.BrokenWorkflow{Flow: flow, Problem: `There is no trigger of type "x"`}), "Orders cannot start",
			`It is turned on, but its trigger cannot start it: There is no trigger of type "x". `},
	}
	for _, tc := range tests {
		if tc.got.Title != tc.title {
			t.Errorf("title %q, want %q", tc.got.Title, tc.title)
		}
		if got := tc.got.Cause + " " + tc.got.Facts; got != tc.text {
			t.Errorf("%s: text %q, want %q", tc.title, got, tc.text)
		}
		if tc.got.Do.Text == "" || tc.got.Do.URL == "" {
			t.Errorf("%s: no button helps", tc.title)
		}
	}
	rest := engine.Attention{}
	rest.Failures.Items, rest.Failures.Rest = make([]engine.Failure, 20), 101
	if p := words.parts(rest)[0]; p.Count != "over 120" || p.Note != "And more than 100 more." {
		t.Errorf("many show as %q and %q", p.Count, p.Note)
	}
	rest.Failures.Rest = 7
	if p := words.parts(rest)[0]; p.Count != "27" || p.Note != "And 7 more." {
		t.Errorf("27 show as %q and %q", p.Count, p.Note)
	}
}
