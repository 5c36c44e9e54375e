package handlers

import (
	"cmp"
	"context"
	"net/url"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/node"
	"alur/engine/value"
	"alur/views"
	"alur/views/nodeforms"
	"alur/views/triggerforms"
)

// triggerKey is the key of the trigger's card.
const triggerKey = "trigger"

// runLog is one execution laid over the version that it ran.
type runLog struct {
	h       *executions
	actor   auth.Actor
	w       views.Words
	x       engine.Execution
	jobs    []engine.Job
	runs    map[string][]engine.Job // by node key, oldest first
	again   int64                   // the newest execution that runs this one again; 0 for none
	level   auth.Level              // what actor may do with the workflow
	wf      engine.Workflow         // zero when it was deleted
	tree    engine.Level
	broken  error        // why the tree is not all of the version
	queue   views.Notice // that the queue is deep, while the execution stands in it
	env     *nodeforms.Env
	openKey string // the card whose panel is open
}

// open reads the execution that the address names, with its version.
func (h *executions) open(c echo.Context) (*runLog, error) {
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil {
		return nil, errNoExecution
	}
	ctx := c.Request().Context()
	l := &runLog{h: h, actor: actor(c), w: words(c), x: engine.Execution{ID: id}}
	if err := l.read(ctx); err != nil {
		return nil, err
	}
	if l.env, err = h.env(c); err != nil {
		return nil, err
	}
	if l.level, err = h.engine.Level(ctx, l.actor, l.x.Key); err != nil {
		return nil, err
	}
	wf, nodes, err := h.engine.Workflow(ctx, l.actor, l.x.WorkflowID)
	switch {
	case fault.Is(err, fault.NotFound):
		return l, nil
	case err != nil:
		return nil, err
	}
	l.wf = wf
	l.tree, l.broken = engine.BuildTree(nodes)
	l.env.Names.Groups = h.engine.Scope(wf, nodes, "")
	l.env.Names.Groups[0].Title = l.triggerTitle()
	return l, nil
}

// read takes the execution and its jobs as they are now.
func (l *runLog) read(ctx context.Context) (err error) {
	l.w.Now = l.h.server.Now()
	if l.x, l.jobs, err = l.h.engine.Execution(ctx, l.actor, l.x.ID); err != nil {
		return err
	}
	l.queue = views.Notice{}
	if l.x.State() == views.Queued {
		if l.queue, err = l.h.server.queueNotice(ctx, l.actor, l.w); err != nil {
			return err
		}
	}
	newest, err := l.h.engine.Reruns(ctx, l.actor, l.x.ID, 1)
	if err != nil {
		return err
	}
	if l.again = 0; len(newest) > 0 {
		l.again = newest[0].ID
	}
	l.runs = map[string][]engine.Job{}
	for _, j := range l.jobs {
		l.runs[j.NodeKey] = append(l.runs[j.NodeKey], j)
	}
	return nil
}

func (l *runLog) gone() bool { return l.wf.ID == 0 }

// rerunnable reports whether the reader may run the execution again now.
func (l *runLog) rerunnable() bool {
	return (l.ended() || l.x.Waiting) && !l.gone() && l.level.Includes(auth.Operator)
}

func (l *runLog) ended() bool { return l.x.EndedAt != nil }

func (l *runLog) url() string { return executionURL(l.x.ID) }

func (l *runLog) stepURL(job int64) string { return l.url() + "/steps/" + views.ID(job) }

func (l *runLog) nodeURL(key string) string { return l.url() + "/nodes/" + key }

func (l *runLog) editorURL() string { return "/workflows/" + views.ID(l.wf.ID) }

func (l *runLog) find(key string) *engine.TreeNode { return l.tree.Find(key) }

// firstFailed is the step to look at first; nil when nothing failed or
// everything may still change.
func (l *runLog) firstFailed() *engine.Job {
	if !l.ended() {
		return nil
	}
	for i := range l.jobs {
		if l.jobs[i].Status < 0 {
			return &l.jobs[i]
		}
	}
	return nil
}

// page words the whole page.
func (l *runLog) page(p *views.StepPanel) views.Execution {
	vm := views.Execution{
		ID: views.ID(l.x.ID), Title: "Execution " + views.ID(l.x.ID), Crumbs: []views.Link{{Text: "Executions", URL: "/executions"}},
		Head: l.head(), Notices: l.notices(p), Canvas: l.canvas(), Panel: p,
	}
	vm.Outline = views.Outline(l.steady(vm.Canvas.Cards))
	if !l.gone() {
		vm.Crumbs = append(vm.Crumbs, views.Link{Text: workflowTitle(l.wf.Title), URL: ofWorkflow(l.x.Key).url()})
		vm.Editor = l.editorURL()
	}
	switch {
	case l.ended() && l.level.Includes(auth.Editor):
		vm.Delete = "/executions/delete?id=" + vm.ID
	case !l.ended() && l.level.Includes(auth.Operator):
		vm.Cancel = "/executions/cancel?id=" + vm.ID + "&back=" + url.QueryEscape(l.url())
	}
	if l.rerunnable() {
		vm.Rerun = "/executions/rerun?id=" + vm.ID + "&back=" + url.QueryEscape(l.url())
	}
	if !l.ended() {
		vm.Live = l.url() + "/events?since=" + l.change()
	}
	return vm
}

func (l *runLog) head() views.ExecutionHead {
	head := views.ExecutionHead{State: l.x.State(), Started: startedAt(l.w, l.x.CreatedAt), Author: l.x.Author}
	if l.x.StartedAt != nil {
		head.Took = views.Duration(l.x.Took(l.w.Now))
	}
	if l.wf.Number > 0 {
		head.Version = "version " + strconv.Itoa(l.wf.Number)
	}
	return head
}

// notices are what to know before looking at the steps.
func (l *runLog) notices(p *views.StepPanel) []views.ExecutionNotice {
	var list []views.ExecutionNotice
	if l.gone() {
		list = append(list, views.ExecutionNotice{Strong: "The workflow has been deleted.", More: "These are the steps that ran, in their order."})
	}
	if l.x.RerunOf != nil {
		list = append(list, views.ExecutionNotice{Strong: "Another execution, run again.", Link: views.Link{Text: "Open the first one", URL: executionURL(*l.x.RerunOf)}})
	}
	if l.again != 0 {
		list = append(list, views.ExecutionNotice{Strong: "This execution was run again.", Link: views.Link{Text: "Open the newest run", URL: executionURL(l.again)}})
	}
	if l.broken != nil {
		list = append(list, views.ExecutionNotice{State: views.Waiting, Strong: "This version cannot be drawn as a whole.", More: "What is wrong with it: " + l.broken.Error() + "."})
	}
	failed := l.firstFailed()
	switch {
	case l.x.State() == views.Queued:
		n := views.ExecutionNotice{Strong: "Not begun yet.", More: "A worker takes it up as soon as one is free. This page follows by itself."}
		if l.queue.Text != "" {
			n.More, n.Link = l.queue.Text+" This page follows by itself.", views.Link{Text: "See what helps", URL: "/attention"}
		}
		list = append(list, n)
	case failed == nil && l.x.Reason != nil:
		list = append(list, views.ExecutionNotice{State: l.x.State(), Strong: reasonWords(*l.x.Reason, l.x.Stopper)})
	case failed != nil && p != nil && p.Folded:
		n := l.find(failed.NodeKey)
		url := l.stepURL(failed.ID)
		list = append(list, views.ExecutionNotice{Narrow: true, State: l.jobState(n, *failed),
			Strong: l.title(n, failed.NodeKey) + ": " + l.problemWords(n, *failed),
			Link:   views.Link{Text: "Open this step", URL: url, Attrs: views.OpenCard(url)}})
	}
	return list
}

// change names what the page shows; it differs whenever a step began or ended.
func (l *runLog) change() string {
	over := 0
	for _, j := range l.jobs {
		if j.EndedAt != nil {
			over++
		}
	}
	return strconv.Itoa(len(l.jobs)) + "." + strconv.Itoa(over) + "." + l.x.State()
}

// canvas is the version with a state on each card, or the steps that ran when
// there is no version any more.
func (l *runLog) canvas() views.Canvas {
	c := views.Canvas{Label: "What happened", Ended: true, Cards: []views.FlowCard{l.triggerCard()}}
	if l.gone() {
		for _, j := range l.jobs {
			card := l.jobCard(nil, j)
			card.Key = views.ID(j.ID) // a node may have run more than once
			card.Current = card.Key == l.openKey
			c.Cards = append(c.Cards, card)
		}
	} else {
		c.Cards = append(c.Cards, l.cards(l.tree, false)...)
	}
	if l.hasOutput() {
		c.Cards = append(c.Cards, l.outputCard())
	}
	return c
}

func (l *runLog) triggerTitle() string {
	if l.gone() {
		return "Trigger"
	}
	return cmp.Or(l.wf.TriggerTitle, triggerforms.WordsOf(l.wf.Type, l.wf.Config, l.env))
}

func (l *runLog) triggerCard() views.FlowCard {
	url := l.url() + "/trigger"
	card := views.FlowCard{Key: triggerKey, Icon: triggerforms.IconOf(l.wf.Type), Trigger: true, Title: l.triggerTitle(), Summary: "What started it",
		State: views.Completed, Figure: l.w.ClockMilli(l.x.CreatedAt), URL: url, Attrs: views.OpenCard(url), Current: l.openKey == triggerKey}
	if c, record := l.record(); c != nil {
		card.Summary = nodeforms.Singular(l.env.CollectionTitle(c.Name)) + " " + c.TitleOf(record)
	}
	return card
}

// record is the record that the trigger was about; nil when it was about none.
func (l *runLog) record() (*collection.Collection, collection.Record) {
	kind := engine.LookupTrigger(l.wf.Type)
	if kind == nil {
		return nil, nil
	}
	context, err := value.Decode(l.x.Context)
	if err != nil {
		return nil, nil
	}
	object, _ := context.(map[string]any)
	for _, v := range kind.Outputs(l.wf.Config, l.h.engine.Records) {
		record, ok := object[v.Path].(map[string]any)
		if c := l.env.Collection(v.Target); ok && c != nil {
			return c, record
		}
	}
	return nil, nil
}

// recordURL is the page of that record.
func (l *runLog) recordURL() string {
	c, record := l.record()
	id, ok := record["id"].(float64)
	if c == nil || c.System || !ok {
		return ""
	}
	return recordsPath(c.Name) + "/" + views.ID(int64(id))
}

func (l *runLog) cards(level engine.Level, passed bool) []views.FlowCard {
	var cards []views.FlowCard
	for _, n := range level {
		var card views.FlowCard
		runs := l.runs[n.Key]
		if len(runs) > 0 {
			card = l.jobCard(n, runs[len(runs)-1])
		} else {
			card = l.idleCard(n, passed)
		}
		card.Current = n.Key == l.openKey
		for _, b := range n.Branches {
			not := passed || l.notTaken(n, b)
			drawn := views.CanvasBranch{Name: b.Label, NotTaken: not, Cards: l.cards(b.Nodes, not)}
			if len(runs) > 0 && !passed {
				if w, ok := l.ways(n, runs[len(runs)-1]); ok {
					drawn.State, drawn.Word = w.Marks[b.Index].State, w.Marks[b.Index].Word
				}
			}
			card.Branches = append(card.Branches, drawn)
		}
		cards = append(cards, card)
	}
	return cards
}

// notTaken reports whether the newest run of n has decided against a branch. Of
// branches without nodes nobody remembers which was taken.
func (l *runLog) notTaken(n *engine.TreeNode, b engine.TreeBranch) bool {
	runs := l.runs[n.Key]
	if len(runs) == 0 {
		return false
	}
	last := runs[len(runs)-1]
	if w, ok := l.ways(n, last); ok {
		return w.Taken != b.Index
	}
	if len(b.Nodes) == 0 {
		return false
	}
	return last.EndedAt != nil && (last.Branch == nil || *last.Branch != b.Index)
}

// idleWord is the word on a card that did not run; passed says that the
// execution went another way.
func (l *runLog) idleWord(key string) (word string, passed bool) {
	l.tree.Walk(func(n *engine.TreeNode) {
		for _, b := range n.Branches {
			if b.Nodes.Find(key) != nil && l.notTaken(n, b) {
				passed = true
			}
		}
	})
	return idleWord(passed, l.ended()), passed
}

func idleWord(passed, ended bool) string {
	switch {
	case passed:
		return "Not taken"
	case ended:
		return "Not reached"
	}
	return "Not yet"
}

func (l *runLog) idleCard(n *engine.TreeNode, passed bool) views.FlowCard {
	url := l.nodeURL(n.Key)
	return views.FlowCard{
		Key: n.Key, Icon: l.icon(n), Title: l.title(n, n.Key), Summary: nodeforms.SummaryOf(n.Type, n.Config, l.env),
		State: views.Idle, Word: idleWord(passed, l.ended()), URL: url, Attrs: views.OpenCard(url),
	}
}

// jobCard is the card of a step that ran; n is nil when its node is gone.
func (l *runLog) jobCard(n *engine.TreeNode, j engine.Job) views.FlowCard {
	url := l.stepURL(j.ID)
	card := views.FlowCard{
		Key: j.NodeKey, Icon: l.icon(n), Title: l.title(n, j.NodeKey), Summary: l.outcome(n, j),
		State: l.jobState(n, j), Figure: views.Duration(l.took(j)), URL: url, Attrs: views.OpenCard(url),
	}
	if j.Kept() {
		card.Figure = "taken over"
	}
	if j.Attempt > 1 {
		card.Figure += " · attempt " + strconv.Itoa(j.Attempt)
	}
	if runs := len(l.runs[j.NodeKey]); runs > 1 && n != nil {
		card.Figure += " · " + strconv.Itoa(runs) + " times"
	}
	return card
}

// jobState is the state of a step. What has begun and is not over waits, if its
// node is one that can; else it runs.
func (l *runLog) jobState(n *engine.TreeNode, j engine.Job) string {
	if j.Status == node.Pending && n != nil && n.Kind != nil && !n.Kind.Waits {
		return views.Running
	}
	return engine.StateOf(j.Status)
}

func (l *runLog) took(j engine.Job) time.Duration {
	if j.EndedAt == nil {
		return max(0, l.w.Now.Sub(j.StartedAt))
	}
	return j.EndedAt.Sub(j.StartedAt)
}

func (l *runLog) icon(n *engine.TreeNode) string {
	if n == nil {
		return "box"
	}
	return nodeforms.IconOf(n.Type)
}

func (l *runLog) title(n *engine.TreeNode, key string) string {
	if n == nil {
		return "Step " + key
	}
	return cmp.Or(n.Title, nodeforms.TitleOf(n.Type))
}

// steady gives cards addresses that do not change while they run, for the
// outline.
func (l *runLog) steady(cards []views.FlowCard) []views.FlowCard {
	if l.gone() {
		return cards
	}
	var out []views.FlowCard
	for _, c := range cards {
		if !c.Trigger {
			c.URL = l.nodeURL(c.Key)
			c.Attrs = views.OpenCard(c.URL)
		}
		branches := c.Branches
		c.Branches = nil
		for _, b := range branches {
			b.Cards = l.steady(b.Cards)
			c.Branches = append(c.Branches, b)
		}
		out = append(out, c)
	}
	return out
}
