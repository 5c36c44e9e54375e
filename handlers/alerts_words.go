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
	var all []alert.Trouble
	add := func(v views.Attention, workflow int64, need auth.Right, patience time.Duration, over string) {
		all = append(all, alert.Trouble{ID: v.ID, WorkflowID: workflow, Title: v.Title, Cause: v.Cause + " " + v.Facts,
			URL: cmp.Or(v.URL, "/attention"), Need: need, Patience: patience, Over: over, Dismissal: dismissalOf(v)})
	}
	for _, d := range a.Database {
		switch d.Kind {
		case engine.Silent, engine.NoRoom: // said past the outbox, which is in the database
		case engine.Disk:
			add(t.database(d), 0, auth.ManageWorkflows, 0, databaseOver[d.Kind])
		default:
			add(t.database(d), 0, auth.ManageWorkflows, standsFor, databaseOver[d.Kind])
		}
	}
	if !a.Unclaimed.IsZero() {
		add(t.unclaimed(a), 0, auth.ManageWorkflows, 0, "Work no longer waits for a process")
	}
	if a.Lost != nil {
		add(t.lost(*a.Lost), 0, auth.ManageWorkflows, 0, "")
	}
	for _, m := range a.Mails {
		add(t.mails(m), 0, auth.ManageUsers, 0, mailsOver[m.Status])
	}
	for _, b := range a.Queues.Items {
		add(t.backlog(b, a.At), b.WorkflowID, 0, standsFor, flowName(b.Flow)+" has caught up")
	}
	for _, s := range a.Stuck.Items {
		add(t.stuck(s, a), s.WorkflowID, 0, 0, flowName(s.Flow)+" no longer stands still"+at(s.Node))
	}
	for _, s := range a.Retrying.Items {
		add(t.retrying(s, a), s.WorkflowID, 0, 0, flowName(s.Flow)+" is no longer tried again"+at(s.Node))
	}
	for _, l := range a.Waiting.Items {
		over := flowName(l.Flow) + " no longer waits"
		if len(l.Names) > 0 {
			over += " for " + list(l.Names, 3)
		}
		add(t.waiting(l), l.WorkflowID, 0, 0, over)
	}
	for _, b := range a.Broken.Items {
		add(t.broken(b), b.WorkflowID, 0, 0, flowName(b.Flow)+" can start again, or was turned off")
	}
	for _, o := range a.Overdue.Items {
		add(t.overdue(o), o.WorkflowID, 0, 0, flowName(o.Flow)+" is no longer overdue")
	}
	for _, s := range a.Skipped.Items {
		add(t.skipped(s), s.WorkflowID, 0, 0, "")
	}
	for _, q := range a.Quiet.Items {
		add(t.quiet(q), q.WorkflowID, 0, 0, flowName(q.Flow)+" is no longer quiet")
	}
	return all
}

// How troubles of the database and of mails end.
var (
	databaseOver = map[engine.DatabaseKind]string{
		engine.Slow:   "The database answers quickly again",
		engine.Full:   "Connections to the database are free again",
		engine.Idle:   "No database session holds a transaction open any more",
		engine.Locked: "No statement waits for a lock any more",
		engine.Disk:   "There is room for the database again",
	}
	mailsOver = map[string]string{
		"failed": "No failed mails are left in the outbox",
		"held":   "Mails are no longer held",
		"queued": "No mails wait to be sent any more",
	}
)

// dismissalOf is the dismissal that the button of v makes, as package alert looks for
// it; "" when there is none.
func dismissalOf(v views.Attention) string {
	if v.Also.URL != "/attention/dismiss" {
		return ""
	}
	of := map[string]string{}
	for _, f := range v.Also.Fields {
		of[f.Name] = f.Value
	}
	return of["kind"] + " " + of["subject"]
}

// Cut is how the ids of things begin of which there are more than a lists.
func (AlertWords) Cut(a engine.Attention) []string {
	var cut []string
	for prefix, rest := range map[string]int{"queue-": a.Queues.Rest, "stuck-": a.Stuck.Rest, "retrying-": a.Retrying.Rest, "waiting-": a.Waiting.Rest,
		"broken-": a.Broken.Rest, "overdue-": a.Overdue.Rest, "skipped-": a.Skipped.Rest, "quiet-": a.Quiet.Rest} {
		if rest > 0 {
			cut = append(cut, prefix)
		}
	}
	return cut
}

// Reason words why an execution failed.
func (AlertWords) Reason(problem string) string { return reasonWords(problem, "") }
