package handlers

import (
	"cmp"
	"time"

	"alur/engine"
	"alur/engine/alert"
	"alur/engine/auth"
	"alur/views"
)

// AlertWords words alerts as the page “Needs attention” does; see [alert.Words].
type AlertWords struct{}

// standsFor is how long what comes and goes under load stands before people are
// told by mail.
const standsFor = 2 * time.Minute

// Troubles are all that need attention but failures.
func (AlertWords) Troubles(a engine.Attention, watch engine.Watch, zone *time.Location) []alert.Trouble {
	t := attentionWords{w: views.Words{Zone: zone, Now: a.At}, watch: watch}
	var list []alert.Trouble
	add := func(v views.Attention, workflow int64, need auth.Right, patience time.Duration) {
		list = append(list, alert.Trouble{ID: v.ID, WorkflowID: workflow, Title: v.Title, Cause: v.Cause + " " + v.Facts,
			URL: cmp.Or(v.URL, "/attention"), Need: need, Patience: patience})
	}
	for _, d := range a.Database {
		switch d.Kind {
		case engine.Silent: // said past the outbox, which is in the database
		case engine.Disk:
			add(t.database(d), 0, auth.ManageWorkflows, 0)
		default:
			add(t.database(d), 0, auth.ManageWorkflows, standsFor)
		}
	}
	if !a.Unclaimed.IsZero() {
		add(t.unclaimed(a), 0, auth.ManageWorkflows, 0)
	}
	if a.Lost != nil {
		add(t.lost(*a.Lost), 0, auth.ManageWorkflows, 0)
	}
	for _, m := range a.Mails {
		add(t.mails(m), 0, auth.ManageUsers, 0)
	}
	for _, b := range a.Queues.Items {
		add(t.backlog(b, a.At), b.WorkflowID, 0, standsFor)
	}
	for _, s := range a.Stuck.Items {
		add(t.stuck(s, a), s.WorkflowID, 0, 0)
	}
	for _, s := range a.Retrying.Items {
		add(t.retrying(s, a), s.WorkflowID, 0, 0)
	}
	for _, l := range a.Waiting.Items {
		add(t.waiting(l), l.WorkflowID, 0, 0)
	}
	for _, b := range a.Broken.Items {
		add(t.broken(b), b.WorkflowID, 0, 0)
	}
	for _, o := range a.Overdue.Items {
		add(t.overdue(o), o.WorkflowID, 0, 0)
	}
	for _, s := range a.Skipped.Items {
		add(t.skipped(s), s.WorkflowID, 0, 0)
	}
	for _, q := range a.Quiet.Items {
		add(t.quiet(q), q.WorkflowID, 0, 0)
	}
	return list
}

// Reason words why an execution failed.
func (AlertWords) Reason(problem string) string { return reasonWords(problem, "") }
