package handlers

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"alur/engine"
	"alur/engine/auth"
	"alur/views"
	"alur/views/nodeforms"
	"alur/views/triggerforms"
)

const (
	// executionsPage is how many executions a page of the list shows.
	executionsPage = 50
	// skippedPage is how many events that started nothing are shown.
	skippedPage = 100
	// workflowChoices is how many workflows a filter offers.
	workflowChoices = 500
)

// executions shows what workflows did and do.
type executions struct {
	server  *Server
	engine  *engine.Engine
	streams streams
}

// Routes registers the list and the log of one execution.
func (h *executions) Routes(g *Group) {
	g.GET("/executions", auth.UseWorkflows, h.list)
	g.GET("/executions/skipped", auth.UseWorkflows, h.skipped)
	g.GET("/executions/deleted", auth.UseWorkflows, h.deleted)
	g.GET("/executions/delete", auth.UseWorkflows, h.askRemove)
	g.POST("/executions/delete", auth.UseWorkflows, h.remove)
	g.GET("/executions/cancel", auth.UseWorkflows, h.askCancel)
	g.POST("/executions/cancel", auth.UseWorkflows, h.cancel)
	g.GET("/executions/rerun", auth.UseWorkflows, h.askRerun)
	g.POST("/executions/rerun", auth.UseWorkflows, h.rerun)
	g.GET("/executions/:id", auth.UseWorkflows, h.show)
	g.GET("/executions/:id/trigger", auth.UseWorkflows, h.trigger)
	g.GET("/executions/:id/trigger/data", auth.UseWorkflows, h.triggerData)
	g.GET("/executions/:id/output", auth.UseWorkflows, h.output)
	g.GET("/executions/:id/output/data", auth.UseWorkflows, h.outputData)
	g.GET("/executions/:id/nodes/:key", auth.UseWorkflows, h.node)
	g.GET("/executions/:id/steps/:job", auth.UseWorkflows, h.step)
	g.GET("/executions/:id/steps/:job/input", auth.UseWorkflows, h.stepInput)
	g.GET("/executions/:id/steps/:job/result", auth.UseWorkflows, h.stepResult)
	g.Stream("/executions/:id/events", auth.UseWorkflows, h.events)
}

// executionQuery is the filter of the list as it stands in the address.
type executionQuery struct {
	states        []string
	workflow      string
	since         string // a key of sinceChoices
	from, to      string // days, when since is "days"
	longer        string // a key of longerChoices
	before, after int64
}

// choice is one line of a filter's menu.
type choice[T any] struct {
	key   string
	text  string
	value T
}

var (
	sinceChoices = []choice[time.Duration]{
		{"", "Any time", 0}, {"1h", "Last hour", time.Hour}, {"24h", "Last 24 hours", 24 * time.Hour},
		{"7d", "Last 7 days", 7 * 24 * time.Hour}, {"30d", "Last 30 days", 30 * 24 * time.Hour}, {"days", "Between two days…", 0},
	}
	longerChoices = []choice[time.Duration]{
		{"", "Any duration", 0}, {"1s", "Over 1 s", time.Second}, {"10s", "Over 10 s", 10 * time.Second},
		{"1m", "Over 1 min", time.Minute}, {"1h", "Over 1 h", time.Hour}, {"24h", "Over a day", 24 * time.Hour},
	}
	stateTabs = []choice[[]string]{
		{"all", "All", nil},
		{"active", "Running", []string{views.Queued, views.Running}},
		{"waiting", "Waiting", []string{views.Waiting}},
		{"completed", "Completed", []string{views.Completed}},
		{"wrong", "Failed", []string{views.Failed, views.Error}},
		{"cancelled", "Cancelled", []string{views.Cancelled}},
		{"rejected", "Rejected", []string{views.Rejected}},
	}
)

func readExecutionQuery(v url.Values) executionQuery {
	q := executionQuery{states: slices.DeleteFunc(slices.Clone(v["state"]), func(s string) bool { return s == "" }), workflow: v.Get("workflow"),
		since: v.Get("since"), from: v.Get("from"), to: v.Get("to"), longer: v.Get("longer")}
	q.before, _ = strconv.ParseInt(v.Get("before"), 10, 64)
	q.after, _ = strconv.ParseInt(v.Get("after"), 10, 64)
	return q
}

// url is the address of the list with this filter.
func (q executionQuery) url() string {
	v := url.Values{}
	set := func(name, value string) {
		if value != "" {
			v.Set(name, value)
		}
	}
	for _, s := range q.states {
		v.Add("state", s)
	}
	set("workflow", q.workflow)
	set("since", q.since)
	if q.since == "days" {
		set("from", q.from)
		set("to", q.to)
	}
	set("longer", q.longer)
	if q.before != 0 {
		set("before", views.ID(q.before))
	}
	if q.after != 0 {
		set("after", views.ID(q.after))
	}
	if len(v) == 0 {
		return "/executions"
	}
	return "/executions?" + v.Encode()
}

func (q executionQuery) filter(w views.Words) engine.ExecutionFilter {
	f := engine.ExecutionFilter{Key: q.workflow, States: q.states, Before: q.before, After: q.after, Limit: executionsPage}
	if q.before != 0 {
		f.After = 0
	}
	for _, c := range sinceChoices {
		if c.key == q.since && c.value > 0 {
			f.Since = w.Now.Add(-c.value)
		}
	}
	if q.since == "days" {
		zone := w.Zone
		if zone == nil {
			zone = time.UTC
		}
		if day, err := time.ParseInLocation(time.DateOnly, q.from, zone); err == nil {
			f.Since = day
		}
		if day, err := time.ParseInLocation(time.DateOnly, q.to, zone); err == nil {
			f.Until = day.AddDate(0, 0, 1)
		}
	}
	for _, c := range longerChoices {
		if c.key == q.longer {
			f.Longer = c.value
		}
	}
	return f
}

// narrowed reports whether anything but the workflow narrows the list.
func (q executionQuery) narrowed() bool {
	return len(q.states) > 0 || q.since != "" || q.longer != ""
}

// first is q at the top of the list.
func (q executionQuery) first() executionQuery {
	q.before, q.after = 0, 0
	return q
}

func (h *executions) list(c echo.Context) error {
	q := readExecutionQuery(c.QueryParams())
	rows, more, err := h.engine.Executions(c.Request().Context(), actor(c), q.filter(words(c)))
	if err != nil {
		return err
	}
	if q.after != 0 && q.before == 0 && !more && len(rows) < executionsPage {
		// Back at the top: show a full page, not the few that are newer.
		q = q.first()
		if rows, more, err = h.engine.Executions(c.Request().Context(), actor(c), q.filter(words(c))); err != nil {
			return err
		}
	}
	list, err := h.rows(c, q, rows, more)
	if err != nil {
		return err
	}
	table := views.ExecutionsTable(list)
	if list.Tag, err = tag(c.Request().Context(), table); err != nil {
		return err
	}
	part := templ.ComponentFunc(func(ctx context.Context, out io.Writer) error {
		return views.ExecutionsRefresh(list).Render(templ.WithChildren(ctx, table), out)
	})
	c.Response().Header().Set("ETag", list.Tag)
	if isPartial(c.Request()) {
		if c.Request().Header.Get("If-None-Match") == list.Tag {
			return c.NoContent(http.StatusNotModified)
		}
		return render(c, http.StatusOK, part, part)
	}
	vm := views.Executions{Title: "Executions", List: list, Back: q.url()}
	workflows, title, err := h.workflowOptions(c, q.workflow)
	if err != nil {
		return err
	}
	if q.workflow != "" {
		vm.Title, vm.Crumbs = "Executions of "+title, []views.Link{{Text: "Executions", URL: "/executions"}}
	}
	vm.Tabs = executionTabs(q, "")
	vm.Filter = views.ExecutionFilter{Action: "/executions", States: q.states, Workflows: workflows,
		Since: options(sinceChoices, q.since), Days: q.since == "days", From: q.from, To: q.to, Longer: options(longerChoices, q.longer)}
	if !slices.ContainsFunc(vm.Tabs, func(t views.Tab) bool { return t.Current }) {
		vm.Chips = stateChips(q)
	}
	return render(c, http.StatusOK, views.ExecutionsPage(vm), nil)
}

// tag is a short name of what a component shows.
func tag(ctx context.Context, view templ.Component) (string, error) {
	sum := sha256.New()
	if err := view.Render(ctx, sum); err != nil {
		return "", err
	}
	return `W/"` + hex.EncodeToString(sum.Sum(nil)[:12]) + `"`, nil
}

func options[T any](choices []choice[T], chosen string) []views.Option {
	var list []views.Option
	for _, c := range choices {
		list = append(list, views.Option{Value: c.key, Text: c.text, Selected: c.key == chosen})
	}
	return list
}

// executionTabs lead to groups of states, to what was not started and to what was
// deleted; open is the text of the last two when it is the page.
func executionTabs(q executionQuery, open string) []views.Tab {
	q = q.first()
	chosen := slices.Sorted(slices.Values(q.states))
	var tabs []views.Tab
	for _, t := range stateTabs {
		q.states = t.value
		tabs = append(tabs, views.Tab{Text: t.text, URL: q.url(),
			Current: open == "" && slices.Equal(chosen, slices.Sorted(slices.Values(t.value)))})
	}
	for _, t := range []views.Tab{{Text: "Not started", URL: "/executions/skipped"}, {Text: "Deleted", URL: "/executions/deleted"}} {
		if t.Current = t.Text == open; q.workflow != "" {
			t.URL += "?" + url.Values{"workflow": {q.workflow}}.Encode()
		}
		tabs = append(tabs, t)
	}
	return tabs
}

func stateChips(q executionQuery) []views.Chip {
	var chips []views.Chip
	for i, s := range q.states {
		without := q.first()
		without.states = slices.Delete(slices.Clone(q.states), i, i+1)
		chips = append(chips, views.Chip{Name: "State", Value: strings.ToLower(views.StateWord(s)), Remove: without.url()})
	}
	return chips
}

// workflowOptions are the workflows to choose from, and the title of the chosen
// one.
func (h *executions) workflowOptions(c echo.Context, key string) (list []views.Option, title string, err error) {
	found, err := h.engine.WorkflowNames(c.Request().Context(), actor(c), workflowChoices)
	if err != nil {
		return nil, "", err
	}
	list = []views.Option{{Text: "Any workflow", Selected: key == ""}}
	for _, w := range found {
		list = append(list, views.Option{Value: w.Key, Text: workflowTitle(w.Title), Selected: w.Key == key})
		if w.Key == key {
			title = workflowTitle(w.Title)
		}
	}
	if key != "" && title == "" {
		title = "a deleted workflow"
		list = append(list, views.Option{Value: key, Text: "Deleted workflow", Selected: true})
	}
	return list, title, nil
}

func workflowTitle(title string) string { return cmp.Or(title, "Untitled workflow") }

// rows words a page of the list.
func (h *executions) rows(c echo.Context, q executionQuery, rows []engine.ExecutionRow, more bool) (views.ExecutionList, error) {
	env, err := h.env(c)
	if err != nil {
		return views.ExecutionList{}, err
	}
	w := words(c)
	highest, err := h.engine.Highest(c.Request().Context(), actor(c))
	if err != nil {
		return views.ExecutionList{}, err
	}
	list := views.ExecutionList{URL: q.url(), MayCancel: highest.Includes(auth.Operator), MayDelete: highest.Includes(auth.Editor)}
	if list.Notice, err = h.server.queueNotice(c.Request().Context(), actor(c), w); err != nil {
		return views.ExecutionList{}, err
	}
	for _, x := range rows {
		list.Rows = append(list.Rows, executionRow(w, env, x))
	}
	if len(rows) == 0 {
		list.Empty = emptyExecutions(q)
		return list, nil
	}
	list.Pager.Text = views.Count(len(rows), "execution", "executions") + ", newest first"
	newer, older := q.first(), q.first()
	newer.after, older.before = rows[0].ID, rows[len(rows)-1].ID
	if q.before != 0 || q.after != 0 && more {
		list.Pager.Prev = newer.url()
	}
	if q.after != 0 || more {
		list.Pager.Next = older.url()
	}
	return list, nil
}

func emptyExecutions(q executionQuery) views.EmptyList {
	cleared := executionQuery{workflow: q.workflow}
	switch {
	case q.before != 0 || q.after != 0:
		return views.EmptyList{Title: "Nothing further", Text: "There are no more executions in this direction.", Link: views.Link{Text: "To the newest", URL: q.first().url()}}
	case q.narrowed():
		return views.EmptyList{Title: "No executions match", Text: "Nothing has run with this state, time and duration.", Link: views.Link{Text: "Clear filters", URL: cleared.url()}}
	case q.workflow != "":
		return views.EmptyList{Title: "This workflow has not run yet", Text: "Each of its runs shows here with all its steps. If you expected one, see what was not started.",
			Link: views.Link{Text: "Not started", URL: "/executions/skipped?" + url.Values{"workflow": {q.workflow}}.Encode()}}
	}
	return views.EmptyList{Title: "Nothing has run yet", Text: "When something starts a workflow that is turned on, the run shows here with all its steps.",
		Link: views.Link{Text: "Workflows", URL: "/workflows"}}
}

func executionRow(w views.Words, env *nodeforms.Env, x engine.ExecutionRow) views.ExecutionRow {
	r := views.ExecutionRow{
		ID: views.ID(x.ID), URL: executionURL(x.ID), State: x.State(), Workflow: "Deleted workflow",
		Took: "–", Why: executionWhy(x), Started: startedAt(w, x.CreatedAt),
	}
	if x.Version > 0 {
		r.Workflow, r.Version = workflowTitle(x.WorkflowTitle), "v"+strconv.Itoa(x.Version)
		r.Cause = cmp.Or(x.TriggerTitle, triggerforms.WordsOf(x.TriggerType, x.TriggerConfig, env))
	}
	if x.Author != "" {
		r.Cause = strings.TrimPrefix(r.Cause+", by "+x.Author, ", ")
	}
	if x.StartedAt != nil {
		r.Took = views.Duration(x.Took(w.Now))
	}
	return r
}

// startedAt is a time in the list: to the second today, so that runs can be
// told apart.
func startedAt(w views.Words, t time.Time) views.Moment {
	if w.Day(t) == "today" {
		return w.Moment(t, w.ClockS(t))
	}
	return w.Moment(t, w.When(t))
}

// executionWhy says what went wrong, or what an execution waits for.
func executionWhy(x engine.ExecutionRow) string {
	step := ""
	if x.ProblemNode != nil {
		step = *x.ProblemNode
	}
	switch state := x.State(); {
	case state == views.Waiting && step != "":
		return "Waits at “" + step + "”"
	case x.Problem != nil && step != "":
		return views.Clip(step+": "+reasonWords(*x.Problem, x.Stopper), 200)
	case x.Problem != nil:
		return views.Clip(reasonWords(*x.Problem, x.Stopper), 200)
	case state == views.Failed && step != "":
		return "“" + step + "” was not met"
	case state == views.Rejected && step != "":
		return "Rejected at “" + step + "”"
	case state == views.Cancelled && step != "":
		return "Stopped at “" + step + "”"
	}
	return ""
}

// reasonWords words the reasons that are stored as one word; others are
// sentences already. by is who stopped it, "" when nobody knows.
func reasonWords(reason, by string) string {
	switch reason {
	case "timeout":
		return "Took longer than it may"
	case "manual_cancel":
		return "Cancelled by " + cmp.Or(by, "a person")
	case "rerun":
		return "Stopped by " + cmp.Or(by, "a person") + " to run again"
	case "parent_aborted":
		return "Stopped with the execution that started it"
	}
	return reason
}

func executionURL(id int64) string { return "/executions/" + views.ID(id) }

func (h *executions) skipped(c echo.Context) error {
	key := c.QueryParam("workflow")
	rows, err := h.engine.SkippedTriggers(c.Request().Context(), actor(c), key, skippedPage)
	if err != nil {
		return err
	}
	vm := views.SkippedList{Title: "Executions", Tabs: executionTabs(executionQuery{workflow: key}, "Not started")}
	if key != "" {
		_, title, err := h.workflowOptions(c, key)
		if err != nil {
			return err
		}
		vm.Title, vm.Crumbs = "Executions of "+title, []views.Link{{Text: "Executions", URL: "/executions"}}
	}
	w := words(c)
	for _, s := range rows {
		r := views.SkippedRow{ID: views.ID(s.ID), Workflow: "Deleted workflow", At: startedAt(w, s.CreatedAt), Why: s.Detail}
		if s.WorkflowTitle != "" {
			r.Workflow, r.URL = s.WorkflowTitle, "/workflows/"+views.ID(s.WorkflowID)
		}
		vm.Rows = append(vm.Rows, r)
	}
	if len(rows) == skippedPage {
		vm.Note = fmt.Sprintf("The newest %d are shown.", skippedPage)
	}
	vm.Empty = views.EmptyList{Title: "Everything was started", Text: "When something should start a workflow and is held back, for example because the workflow would start itself for ever, it shows here with the reason.",
		Link: views.Link{Text: "All executions", URL: executionQuery{workflow: key}.url()}}
	return render(c, http.StatusOK, views.SkippedPage(vm), nil)
}

// env is what wording nodes and triggers needs to know of the data.
func (h *executions) env(c echo.Context) (*nodeforms.Env, error) {
	return (&workflows{engine: h.engine, records: h.engine.Records}).env(c)
}
