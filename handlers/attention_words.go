package handlers

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"alur/engine"
	"alur/views"
)

// attentionWords words what needs attention: what it is, why, and what helps.
type attentionWords struct {
	w     views.Words
	watch engine.Watch

	looksOn map[int64]bool // the versions of workflows about which the reader may do nothing
}

// parts are the kinds of which there is something. What may be the cause of the
// rest comes first.
func (t attentionWords) parts(a engine.Attention) []views.AttentionPart {
	var parts []views.AttentionPart
	add := func(id, title string, items []views.Attention, rest int) {
		if len(items) == 0 {
			return
		}
		p := views.AttentionPart{ID: id, Title: title, Count: views.Int(len(items) + rest), Items: items}
		switch {
		case rest > 100:
			p.Count, p.Note = "over "+views.Int(len(items)+100), "And more than 100 more."
		case rest > 0:
			p.Note = fmt.Sprintf("And %d more.", rest)
		}
		parts = append(parts, p)
	}
	add("database", "Database", each(a.Database, t.database), 0)
	queues := each(a.Queues.Items, func(b engine.Backlog) views.Attention { return t.backlog(b, a.At) })
	if !a.Unclaimed.IsZero() {
		queues = append([]views.Attention{t.unclaimed(a)}, queues...)
	}
	if a.Lost != nil {
		queues = append(queues, t.lost(*a.Lost))
	}
	add("queue", "Queue", queues, a.Queues.Rest)
	add("failed", "Failed", each(a.Failures.Items, t.failure), a.Failures.Rest)
	add("stuck", "Stuck", each(a.Stuck.Items, func(s engine.Stuck) views.Attention { return t.stuck(s, a) }), a.Stuck.Rest)
	add("retrying", "Tried again and again", each(a.Retrying.Items, func(s engine.Stuck) views.Attention { return t.retrying(s, a) }), a.Retrying.Rest)
	add("waiting", "Waiting too long", each(a.Waiting.Items, t.waiting), a.Waiting.Rest)
	triggers := slices.Concat(each(a.Broken.Items, t.broken), each(a.Overdue.Items, t.overdue), each(a.Skipped.Items, t.skipped))
	add("triggers", "Not started", triggers, a.Broken.Rest+a.Overdue.Rest+a.Skipped.Rest)
	add("quiet", "Gone quiet", each(a.Quiet.Items, t.quiet), a.Quiet.Rest)
	add("outbox", "Mails that do not arrive", each(a.Mails, t.mails), 0)
	return parts
}

// each words every one of some things.
func each[T any](all []T, word func(T) views.Attention) []views.Attention {
	var list []views.Attention
	for _, one := range all {
		list = append(list, word(one))
	}
	return list
}

// first are the first of all parts, for the start page.
func (t attentionWords) first(a engine.Attention, most int) []views.Attention {
	var list []views.Attention
	for _, p := range t.parts(a) {
		for _, item := range p.Items {
			if len(list) == most {
				return list
			}
			item.ID, item.Also = "", views.Act{}
			list = append(list, item)
		}
	}
	return list
}

func flowName(f engine.Flow) string {
	if f.Deleted {
		return "Deleted workflow"
	}
	return workflowTitle(f.Title)
}

// at is the place of a step: " at “Confirm order”".
func at(node string) string {
	if node == "" {
		return ""
	}
	return " at “" + node + "”"
}

// lower begins a sentence of ours as a part of another one.
func lower(text string) string { return strings.ToLower(text[:1]) + text[1:] }

// period ends text with a full stop.
func period(text string) string {
	if text = strings.TrimSpace(text); text == "" || strings.ContainsRune(".!?…”", []rune(text)[len([]rune(text))-1]) {
		return text
	}
	return text + "."
}

func (t attentionWords) database(d engine.DatabaseTrouble) views.Attention {
	v := views.Attention{ID: "database-" + string(d.Kind), State: views.Waiting, Warning: d.Kind != engine.Silent}
	show := views.Act{Text: "Show what runs", URL: listURL("", views.Running)}
	switch d.Kind {
	case engine.Silent:
		v.State, v.Title = views.Error, "The database did not answer in time"
		v.Cause = fmt.Sprintf("What needs attention could not be read within %s, so the rest of this page may be missing. See whether the database runs, and what its log says.", views.Duration(d.Took))
		v.Do = views.Act{Text: "Look again", URL: "/attention"}
	case engine.NoRoom:
		v.State, v.Warning = views.Error, false
		v.Title, v.Cause = engine.OutageWords(d.Err)
		v.Do = views.Act{Text: "Look again", URL: "/attention"}
	case engine.Disk:
		v.State, v.Warning, v.Title = views.Error, false, fmt.Sprintf("Only %d MB are free for the database", d.Free>>20)
		v.Cause = "When the disk is full, PostgreSQL takes no changes any more, and everything stands still. Make room in " + d.Dir + "."
		v.Do = views.Act{Text: "Look again", URL: "/attention"}
	case engine.Slow:
		v.Title = "The database answers slowly"
		v.Cause = fmt.Sprintf("An empty statement takes %s there and back, and every step waits for several. Look at the load of its machine and at the network between.", views.Duration(d.Took))
		v.Do = views.Act{Text: "Measure again", URL: "/attention"}
	case engine.Full:
		v.Title = fmt.Sprintf("All %d connections of this server are in use", d.Limit)
		v.Cause = fmt.Sprintf("%s for one. Something keeps them for long, or CONNECTIONS is too small.", views.Count(d.Count, "request waits", "requests wait"))
		v.Do = show
	case engine.Idle:
		v.Title = views.Count(d.Count, "database session holds", "database sessions hold") + " a transaction open and " + plain(d.Count, "does", "do") + " nothing"
		v.Cause = "What was changed there stays locked for everybody else. A program was left in the middle, or a person with psql."
		v.Facts = "Since " + t.w.When(d.Since) + "."
		v.Do = views.Act{Text: "End idle sessions…", URL: "/attention/sessions", Ask: true}
	case engine.Locked:
		v.Title = views.Count(d.Count, "statement waits", "statements wait") + " for a lock"
		v.Cause = "Somebody else holds the rows or the table that it needs, and gives way at the end of their transaction."
		v.Facts = "Since " + t.w.When(d.Since) + "."
		v.Do = show
	}
	return v
}

func (t attentionWords) unclaimed(a engine.Attention) views.Attention {
	v := views.Attention{ID: "no-worker", State: views.Error, Title: "No process runs workflows",
		Cause: "Steps are due and nobody takes them. Start alur serve or alur worker.", Facts: "Since " + t.w.When(a.Unclaimed) + ".",
		Do: views.Act{Text: "Show what waits", URL: listURL("", views.Queued)}}
	if a.Queued > 0 {
		v.Cause = fmt.Sprintf("%s and nobody takes %s. Start alur serve or alur worker.", executionsWait(a.Queued, !a.Counted), plain(a.Queued, "it", "them"))
	}
	return v
}

// lost words processes that ended without a word.
func (t attentionWords) lost(l engine.Lost) views.Attention {
	return views.Attention{ID: "lost-" + views.ID(l.Mark), State: views.Waiting, Warning: true,
		Title: views.Count(l.Count, "process", "processes") + " that ran workflows " + plain(l.Count, "was", "were") + " lost",
		Cause: fmt.Sprintf("%s in the middle and %s taken over. See in its log, or in that of its machine, why it ended: killed, out of memory, cut off from the database.",
			views.Count(l.Executions, "execution was", "executions were"), plain(l.Executions, "was", "were")),
		Facts: "Last " + t.w.When(l.Last) + ".",
		Do:    views.Act{Text: "Show what runs", URL: listURL("", views.Running)},
		Also:  views.Act{Text: "Dismiss", About: "lost processes", URL: "/attention/dismiss", Fields: []views.Hidden{{Name: "kind", Value: "lost"}, {Name: "subject", Value: "process"}, mark(l.Mark)}},
	}
}

// executionsWait is "4,120 executions wait", "More than 10,000 executions wait".
func executionsWait(n int, more bool) string {
	if more {
		return "More than " + views.Count(n/100*100, "execution waits", "executions wait")
	}
	return views.Count(n, "execution waits", "executions wait")
}

func (t attentionWords) backlog(b engine.Backlog, now time.Time) views.Attention {
	v := views.Attention{ID: "queue-" + views.ID(b.WorkflowID), State: views.Queued, URL: workflowURL(b.Flow),
		Title: flowName(b.Flow) + ": " + lower(executionsWait(b.Queued, b.Cut)),
		Do:    views.Act{Text: "Show what waits", About: flowName(b.Flow), URL: listURL(b.Key, views.Queued)}}
	if b.Oldest != nil {
		v.Cause = "The oldest for " + views.Duration(now.Sub(*b.Oldest)) + ". "
	}
	rate := b.Rate(now)
	switch {
	case rate == 0:
		v.Cause += "None was begun within the last ten seconds."
	case b.Cut:
		v.Cause += perSecond(rate) + "."
	default:
		v.Cause += perSecond(rate) + ": " + about(time.Duration(float64(b.Queued)/rate*float64(time.Second))) + " to go."
	}
	if b.Running >= b.Limit {
		v.Cause += fmt.Sprintf(" As many run at the same moment as the workflow's limits allow: %d.", b.Limit)
	}
	return v
}

// perSecond is "38 a second are begun".
func perSecond(rate float64) string {
	if rate < 1 {
		return fmt.Sprintf("%.0f a minute are begun", math.Ceil(rate*60))
	}
	return views.Int(int(math.Round(rate))) + " a second are begun"
}

// about is a time without false exactness: "about 2 min".
func about(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "less than a minute"
	case d < time.Hour:
		return "about " + views.Duration(d.Round(time.Minute))
	}
	return "about " + views.Duration(d.Round(time.Hour))
}

// queue words the whole queue in a line, for other pages.
func (t attentionWords) queue(a engine.Attention) string {
	if !a.Unclaimed.IsZero() {
		return "No process runs workflows: what is started waits. Start alur serve or alur worker."
	}
	text := "The queue is deep: " + strings.Replace(executionsWait(a.Queued, !a.Counted), "More", "more", 1)
	if !a.Oldest.IsZero() {
		text += ", the oldest for " + views.Duration(a.At.Sub(a.Oldest).Round(10*time.Second))
	}
	return text + "."
}

func (t attentionWords) failure(f engine.Failure) views.Attention {
	name := flowName(f.Flow)
	v := views.Attention{ID: "failed-" + views.ID(f.ExecutionID), State: engine.StateOf(f.Status), URL: executionURL(f.ExecutionID),
		Title: name + " failed" + times(f.Count, f.Cut) + at(f.Node),
		Cause: period(views.Clip(cmp.Or(reasonWords(f.Problem, ""), "A rule said no"), 300)),
		Facts: "Latest: " + t.w.When(f.Last) + ".",
		Do:    views.Act{Text: "Open execution", About: name, URL: executionURL(f.ExecutionID)},
		Also: t.dismiss(f.Flow, name+at(f.Node), "failure", f.Key, views.Hidden{Name: "node", Value: f.NodeKey}, views.Hidden{Name: "cause", Value: f.Cause},
			views.Hidden{Name: "until", Value: f.Last.UTC().Format(time.RFC3339Nano)}),
	}
	if t.w.When(f.First) != t.w.When(f.Last) {
		v.Facts = "Since " + t.w.When(f.First) + ", last " + t.w.When(f.Last) + "."
	}
	if f.JobID != nil {
		v.Do.Text, v.Do.URL = "Open failed step", executionURL(f.ExecutionID)+"/steps/"+views.ID(*f.JobID)
	}
	return v
}

// dismiss is the button that dismisses something about a workflow; none when the
// reader may not.
func (t attentionWords) dismiss(f engine.Flow, about, kind, subject string, more ...views.Hidden) views.Act {
	if t.looksOn[f.WorkflowID] {
		return views.Act{}
	}
	fields := append([]views.Hidden{{Name: "kind", Value: kind}, {Name: "subject", Value: subject}}, more...)
	return views.Act{Text: "Dismiss", About: about, URL: "/attention/dismiss", Fields: fields}
}

// mark is up to where something is dismissed.
func mark(id int64) views.Hidden { return views.Hidden{Name: "mark", Value: views.ID(id)} }

// times is how often: "", " 2 times", " at least 500 times".
func times(n int, more bool) string {
	switch {
	case more:
		return " at least " + views.Count(n, "time", "times")
	case n == 1:
		return ""
	}
	return " " + views.Int(n) + " times"
}

func (t attentionWords) stuck(s engine.Stuck, a engine.Attention) views.Attention {
	v := t.execution("stuck-", s)
	if !t.looksOn[s.WorkflowID] {
		v.Do = views.Act{Text: "Cancel execution…", About: flowName(s.Flow), URL: "/executions/cancel?id=" + views.ID(s.ID) + "&back=/attention", Ask: true}
	}
	v.State, v.Title = views.Error, flowName(s.Flow)+" stands still"+at(s.Node)
	if s.Lease != nil && s.Lease.Before(a.At) {
		v.Cause = "The process that ran it was lost, and no other has taken over."
		if a.Workers == 0 {
			v.Cause += " No process runs workflows: start alur serve or alur worker."
		}
		v.Facts = "Since " + t.w.When(*s.Lease) + "."
		return v
	}
	v.Cause = "A process holds it and gives no sign of getting on. Its step takes very long, or waits for something outside that does not answer."
	v.Facts = "For " + views.Duration(a.At.Sub(s.Moved).Round(time.Minute)) + "."
	return v
}

func (t attentionWords) retrying(s engine.Stuck, a engine.Attention) views.Attention {
	v := t.execution("retrying-", s)
	v.State, v.Title = views.Waiting, flowName(s.Flow)+" is tried again"+at(s.Node)
	v.Cause = fmt.Sprintf("Begun %d times without getting on, as if the process that runs it ended each time; after %d times it ends with an error.", s.Attempts, a.Attempts)
	v.Facts = "Since " + t.w.When(s.Moved) + "."
	return v
}

func (t attentionWords) execution(prefix string, s engine.Stuck) views.Attention {
	return views.Attention{ID: prefix + views.ID(s.ID), URL: executionURL(s.ID),
		Do: views.Act{Text: "Open execution", About: flowName(s.Flow), URL: executionURL(s.ID)}}
}

func (t attentionWords) waiting(l engine.LongWait) views.Attention {
	name := flowName(l.Flow)
	v := views.Attention{ID: "waiting-" + views.ID(l.ID), State: views.Waiting, URL: executionURL(l.ID),
		Title: name + " has waited " + views.Duration(t.w.Now.Sub(l.Since)) + at(l.Node),
		Cause: "It waits for an answer from outside.", Facts: "Since " + t.w.When(l.Since) + ".",
		Do:   views.Act{Text: "Open execution", About: name, URL: executionURL(l.ID)},
		Also: t.dismiss(l.Flow, name+at(l.Node), "waiting", views.ID(l.ID), mark(l.JobID)),
	}
	if len(l.Names) > 0 {
		v.Title = name + " has waited " + views.Duration(t.w.Now.Sub(l.Since)) + " for " + list(l.Names, 3)
		v.Cause = "Not decided: “" + views.Clip(l.Task, 120) + "”" + at(l.Node) + "."
		v.Do = views.Act{Text: "Open task", About: l.Task, URL: "/tasks/" + views.ID(l.TaskID)}
	}
	if l.Mailed && !t.looksOn[l.WorkflowID] {
		v.Do = views.Act{Text: "Send reminder", About: l.Task, URL: "/attention/remind", Fields: []views.Hidden{{Name: "execution", Value: views.ID(l.ID)}}}
	}
	return v
}

// list is "Ann", "Ann and Bob", "Ann, Bob and 3 others".
func list(names []string, most int) string {
	if len(names) > most {
		rest := len(names) - most + 1
		names = append(names[:most-1:most-1], views.Count(rest, "other", "others"))
	}
	if len(names) == 1 {
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

func workflowURL(f engine.Flow) string {
	if f.Deleted {
		return ""
	}
	return "/workflows/" + views.ID(f.WorkflowID)
}

func openWorkflow(f engine.Flow) views.Act {
	return views.Act{Text: "Open workflow", About: flowName(f), URL: workflowURL(f)}
}

func (t attentionWords) quiet(q engine.Quiet) views.Attention {
	silent := t.w.Now.Sub(q.Last).Round(time.Minute)
	if silent > 3*time.Hour {
		silent = silent.Round(time.Hour)
	}
	return views.Attention{ID: "quiet-" + views.ID(q.WorkflowID), State: views.Waiting, Warning: true, URL: listURL(q.Key),
		Title: flowName(q.Flow) + " has not run for " + views.Duration(silent),
		Cause: "It usually starts " + rhythm(q.Every) + ", and never paused for so long before. Something may have stopped calling it.",
		Facts: "Last " + t.w.When(q.Last) + ".",
		Do:    openWorkflow(q.Flow),
		Also:  t.dismiss(q.Flow, flowName(q.Flow), "quiet", q.Key, mark(q.LastID)),
	}
}

// rhythm is how often something happens: "every 15 min", "many times a minute".
func rhythm(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d < 10*time.Second:
		return "many times a minute"
	case d < time.Hour:
		return "every " + views.Duration(max(d.Round(time.Minute), time.Minute))
	case d < 36*time.Hour:
		return "every " + views.Duration(d.Round(time.Hour))
	}
	return "every " + views.Count(int(math.Round(d.Hours()/24)), "day", "days")
}

func (t attentionWords) skipped(s engine.Skipped) views.Attention {
	return views.Attention{ID: "skipped-" + views.ID(s.WorkflowID) + "-" + s.Reason, State: views.Waiting, Warning: true, URL: skippedURL(s.Key),
		Title: flowName(s.Flow) + " was not started" + times(s.Count, s.Count >= 1000),
		Cause: period(s.Detail), Facts: "Last " + t.w.When(s.Last) + ".",
		Do:   openWorkflow(s.Flow),
		Also: t.dismiss(s.Flow, flowName(s.Flow), "skipped", s.Key, mark(s.Mark)),
	}
}

func (t attentionWords) overdue(o engine.Overdue) views.Attention {
	return views.Attention{ID: "overdue-" + views.ID(o.WorkflowID), State: views.Error, URL: workflowURL(o.Flow),
		Title: flowName(o.Flow) + " did not start when it was due",
		Cause: "Its schedule is overdue, and no process starts it. See whether alur serve or alur worker runs, and what its log says.",
		Facts: "Due " + t.w.When(o.Due) + ".", Do: openWorkflow(o.Flow)}
}

func (t attentionWords) broken(b engine.BrokenWorkflow) views.Attention {
	return views.Attention{ID: "broken-" + views.ID(b.WorkflowID), State: views.Error, URL: workflowURL(b.Flow),
		Title: flowName(b.Flow) + " cannot start", Cause: "It is turned on, but its trigger cannot start it: " + period(b.Problem), Do: openWorkflow(b.Flow)}
}

func (t attentionWords) mails(m engine.MailTrouble) views.Attention {
	many := views.Count(m.Count, "mail", "mails")
	if m.Count >= 1000 {
		many = "At least " + many
	}
	said := ""
	if m.Error != nil {
		said = period(views.Clip(*m.Error, 300))
	}
	v := views.Attention{ID: "mails-" + m.Status, State: views.Waiting, URL: "/outbox?status=" + m.Status, Facts: "Since " + t.w.When(m.First) + ".",
		Do: views.Act{Text: "Open outbox", URL: "/outbox?status=" + m.Status}}
	fields := []views.Hidden{{Name: "kind", Value: "mail"}, {Name: "subject", Value: m.Status}, {Name: "mark", Value: views.ID(m.Mark)}}
	switch m.Status {
	case "failed":
		v.State, v.Title = views.Error, many+" could not be sent"
		v.Cause = strings.TrimSpace("The mail server refused, or was not there. It said: " + said)
		v.Do = views.Act{Text: "Send again", About: many, URL: "/attention/mails", Fields: fields[2:]}
		v.Also = views.Act{Text: "Dismiss", About: many + " not sent", URL: "/attention/dismiss", Fields: fields}
	case "held":
		v.Title, v.Cause = many+" "+plain(m.Count, "is", "are")+" held", said
		v.Also = views.Act{Text: "Dismiss", About: many + " held", URL: "/attention/dismiss", Fields: fields}
	default:
		v.Title = many + " " + plain(m.Count, "is", "are") + " not sent yet"
		v.Cause = "No process has tried to send " + plain(m.Count, "it", "them") + ". Start alur serve or alur worker with SMTP_URL."
		if said != "" {
			v.Cause = "The mail server does not take " + plain(m.Count, "it", "them") + ", and it is tried again. It said: " + said
		}
	}
	return v
}

// watched tells what shows here, and when.
func (t attentionWords) watched() []views.Fact {
	day := func(d time.Duration) string { return views.Count(int(d.Hours()/24), "day", "days") }
	return []views.Fact{
		{Name: "Database", Value: fmt.Sprintf("An empty statement takes more than %s, all connections are in use, a transaction is left open for %s, a statement waits %s for a lock, or less than %d MB are free.",
			views.Duration(engine.SlowAt), views.Duration(engine.IdleAfter), views.Duration(engine.LockedAfter), engine.FewBytes>>20)},
		{Name: "Queue", Value: fmt.Sprintf("%s or more executions of a workflow wait, the oldest waits longer than %s, no process runs workflows, or one was lost within %s.",
			views.Int(engine.DeepAt), views.Duration(engine.LateAfter), views.Duration(engine.LostFor))},
		{Name: "Failures", Value: "Executions that failed, broke or ran out of time, by step and cause, until somebody dismisses them."},
		{Name: "Stuck", Value: fmt.Sprintf("Nobody took over %s after a process was lost, or a step gives no sign for %s.", views.Duration(engine.LostAfter), views.Duration(engine.StuckAfter))},
		{Name: "Tried again", Value: "Executions that were begun twice or more without getting on."},
		{Name: "Waiting", Value: "Somebody or something is waited for longer than " + day(cmp.Or(t.watch.Waiting, engine.WaitingAfter)) + "."},
		{Name: "Not started", Value: fmt.Sprintf("A workflow that is turned on has a broken trigger, did not start %s after its schedule was due, or was held back within the last %s.",
			views.Duration(engine.OverdueAfter), day(engine.SkippedFor))},
		{Name: "Gone quiet", Value: fmt.Sprintf("A workflow that is turned on started at least %d times over a week or more, and is silent now for an hour or more, and for one and a half times as long as ever in the %s before.",
			engine.QuietStarts, day(engine.QuietPeriod))},
		{Name: "Mails", Value: fmt.Sprintf("Mails failed, %d or more are held, or a mail is not sent after %s although there is a mail server.", engine.HeldMails, views.Duration(engine.MailAfter))},
	}
}
