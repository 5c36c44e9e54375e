package handlers

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/fault"
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
	g.GET("/executions/reruns/:id", auth.UseWorkflows, h.bulkRerun)
	g.POST("/executions/reruns/:id/stop", auth.UseWorkflows, h.stopBulkRerun)
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

func (h *executions) list(c echo.Context) error {
	q := readExecutionQuery(c.QueryParams())
	ctx, a, f := c.Request().Context(), actor(c), q.filter(words(c))
	wrong, status := "", http.StatusOK
	var rows []engine.ExecutionRow
	var more bool
	err := f.Check()
	var count chan counted
	if err == nil && !isPartial(c.Request()) && (q.narrowed() || len(q.workflows) > 0) {
		count = h.count(ctx, a, f) // beside the list: a search may take as long
	}
	if p, ok := errors.AsType[*fault.Error](err); ok {
		wrong, status = p.Fields["text"], http.StatusUnprocessableEntity
	} else if rows, more, err = h.engine.Executions(ctx, a, f); err != nil {
		return err
	}
	if q.after != 0 && q.before == 0 && !more && len(rows) < executionsPage && wrong == "" {
		// Back at the top: show a full page, not the few that are newer.
		q = q.first()
		if rows, more, err = h.engine.Executions(ctx, a, q.filter(words(c))); err != nil {
			return err
		}
	}
	list, err := h.rows(c, q, rows, more)
	if err != nil {
		return err
	}
	if wrong != "" {
		list.Empty = views.EmptyList{Title: "Nothing was searched", Text: "Change what you search for; the field says what is wrong with it."}
	}
	table := views.ExecutionsTable(list)
	if list.Tag, err = tag(ctx, table); err != nil {
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
		return render(c, status, part, part)
	}
	vm := views.Executions{Title: "Executions", List: list, Back: q.url()}
	if vm.Reruns, err = h.bulkReruns(c); err != nil {
		return err
	}
	titles, err := h.filterBar(c, q, &vm)
	if err != nil {
		return err
	}
	if len(q.workflows) == 1 {
		vm.Title, vm.Crumbs = "Executions of "+titles[0], []views.Link{{Text: "Executions", URL: "/executions"}}
	}
	vm.Filter.Wrong = wrong
	if count != nil {
		if err := h.found(c, q, <-count, &vm); err != nil {
			return err
		}
	}
	return render(c, status, views.ExecutionsPage(vm), nil)
}

// tag is a short name of what a component shows.
func tag(ctx context.Context, view templ.Component) (string, error) {
	sum := sha256.New()
	if err := view.Render(ctx, sum); err != nil {
		return "", err
	}
	return `W/"` + hex.EncodeToString(sum.Sum(nil)[:12]) + `"`, nil
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
	cleared := executionQuery{workflows: q.workflows}
	switch {
	case q.before != 0 || q.after != 0:
		return views.EmptyList{Title: "Nothing further", Text: "There are no more executions in this direction.", Link: views.Link{Text: "To the newest", URL: q.first().url()}}
	case q.narrowed():
		return views.EmptyList{Title: "No executions match", Text: "Nothing has run that fits all of these filters.", Link: views.Link{Text: "Clear filters", URL: cleared.url()}}
	case len(q.workflows) == 1:
		return views.EmptyList{Title: "This workflow has not run yet", Text: "Each of its executions shows here with all its steps. If you expected one, see what was not started.",
			Link: views.Link{Text: "Not started", URL: "/executions/skipped?" + url.Values{"workflow": q.workflows}.Encode()}}
	}
	return views.EmptyList{Title: "Nothing has run yet", Text: "When something starts a workflow that is turned on, the execution shows here with all its steps.",
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
	vm := views.SkippedList{Title: "Executions", Tabs: executionTabs(ofWorkflow(key), "Not started")}
	if key != "" {
		_, titles, err := h.workflowOptions(c, []string{key})
		if err != nil {
			return err
		}
		vm.Title, vm.Crumbs = "Executions of "+titles[0], []views.Link{{Text: "Executions", URL: "/executions"}}
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
		Link: views.Link{Text: "All executions", URL: ofWorkflow(key).url()}}
	return render(c, http.StatusOK, views.SkippedPage(vm), nil)
}

// env is what wording nodes and triggers needs to know of the data.
func (h *executions) env(c echo.Context) (*nodeforms.Env, error) {
	return (&workflows{engine: h.engine, records: h.engine.Records}).env(c)
}
