package handlers

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/node"
	"alur/views"
)

// retention lets people say how long executions are kept.
type retention struct {
	engine *engine.Engine
	alerts *alerts
}

// Routes registers the settings of the server, and those of a workflow.
func (h *retention) Routes(g *Group) {
	g.GET("/settings", auth.ManageServer, h.show)
	g.POST("/settings", auth.ManageServer, h.update)
	g.POST("/settings/alerts", auth.ManageServer, h.updateAlerts)
	g.GET("/workflows/:id/history", auth.UseWorkflows, h.showOf)
	g.POST("/workflows/:id/history", auth.UseWorkflows, h.updateOf)
}

// endings are the ways in which an execution ends, with their statuses.
var endings = []choice[[]node.Status]{
	{views.Completed, "Completed", []node.Status{node.Resolved}},
	{views.Failed, "Failed", []node.Status{node.Failed, node.RetryNeeded}},
	{views.Error, "Error", []node.Status{node.Error}},
	{views.Cancelled, "Cancelled or out of time", []node.Status{node.Aborted, node.Canceled}},
	{views.Rejected, "Rejected", []node.Status{node.Rejected}},
}

func (h *retention) show(c echo.Context) error {
	vm, err := h.historySettings(c)
	if err != nil {
		return err
	}
	return h.renderSettings(c, http.StatusOK, vm, nil)
}

// historySettings are those of the server in their form.
func (h *retention) historySettings(c echo.Context) (views.HistoryForm, error) {
	s, err := h.engine.HistorySettings(c.Request().Context(), actor(c))
	if err != nil {
		return views.HistoryForm{}, err
	}
	vm := historyForm(s.History)
	vm.RecordMonths = strconv.Itoa(s.RecordMonths)
	return vm, nil
}

// renderSettings shows the settings of the server; without alerts they are as they
// are kept.
func (h *retention) renderSettings(c echo.Context, status int, vm views.HistoryForm, alerts *views.AlertsForm) error {
	vm.Action = "/settings"
	if alerts == nil {
		ctx := c.Request().Context()
		s, err := h.engine.AlertSettings(ctx, actor(c))
		if err != nil {
			return err
		}
		form, err := h.alerts.settings(ctx, alertsForm(s.Alerts), s)
		if err != nil {
			return err
		}
		alerts = &form
	}
	return render(c, status, views.SettingsPage(vm, *alerts), nil)
}

func (h *retention) update(c echo.Context) error {
	vm, kept := readHistoryForm(c)
	vm.RecordMonths = strings.TrimSpace(c.FormValue("recordMonths"))
	months, err := strconv.Atoi(vm.RecordMonths)
	if err != nil {
		months = 0 // refused with the limits
	}
	err = h.engine.SaveHistorySettings(c.Request().Context(), actor(c), engine.HistorySettings{History: kept, RecordMonths: months})
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Kind == fault.Invalid {
		vm.Problems = f.Fields
		return h.renderSettings(c, http.StatusUnprocessableEntity, vm, nil)
	}
	if err != nil {
		return err
	}
	return done(c, "/settings", "The settings are saved.")
}

func (h *retention) showOf(c echo.Context) error {
	w, err := h.workflow(c)
	if err != nil {
		return err
	}
	own := engine.ReadHistory(w.Options)
	var vm views.HistoryForm
	if own.History != nil {
		vm = historyForm(*own.History)
		vm.Own = true
	}
	return h.renderOf(c, http.StatusOK, w, vm, own.DeleteOn)
}

// workflow is what the address names, for who may change it.
func (h *retention) workflow(c echo.Context) (engine.Workflow, error) {
	var id int64
	if err := echo.PathParamsBinder(c).Int64("id", &id).BindError(); err != nil {
		return engine.Workflow{}, errNoWorkflowPage
	}
	w, _, err := h.engine.Workflow(c.Request().Context(), actor(c), id)
	if err != nil {
		return engine.Workflow{}, err
	}
	return w, h.engine.May(c.Request().Context(), actor(c), w.Key, auth.Editor)
}

func (h *retention) renderOf(c echo.Context, status int, w engine.Workflow, vm views.HistoryForm, deleteOn []node.Status) error {
	s, err := h.engine.HistorySettings(c.Request().Context(), actor(c))
	if err != nil {
		return err
	}
	vm.Workflow, vm.Back, vm.Server = workflowTitle(w.Title), "/workflows/"+views.ID(w.ID), historyWords(s.History)
	vm.Action = vm.Back + "/history"
	for _, e := range endings {
		chosen := slices.ContainsFunc(e.value, func(s node.Status) bool { return slices.Contains(deleteOn, s) })
		vm.DeleteOn = append(vm.DeleteOn, views.Option{Value: e.key, Text: e.text, Selected: chosen})
	}
	return render(c, status, views.HistoryPage(vm), nil)
}

func (h *retention) updateOf(c echo.Context) error {
	w, err := h.workflow(c)
	if err != nil {
		return err
	}
	form, err := c.FormParams()
	if err != nil {
		return err
	}
	vm, kept := readHistoryForm(c)
	vm.Own = form.Get("rules") == "own"
	var set engine.WorkflowHistory
	if vm.Own {
		set.History = &kept
	}
	for _, e := range endings {
		if slices.Contains(form["delete"], e.key) {
			set.DeleteOn = append(set.DeleteOn, e.value...)
		}
	}
	err = h.engine.SetHistory(c.Request().Context(), actor(c), w.ID, set)
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Kind == fault.Invalid {
		vm.Problems = f.Fields
		return h.renderOf(c, http.StatusUnprocessableEntity, w, vm, set.DeleteOn)
	}
	if err != nil {
		return err
	}
	return done(c, "/workflows/"+views.ID(w.ID), "The history of “"+workflowTitle(w.Title)+"” is set.")
}

func historyForm(kept engine.History) views.HistoryForm {
	text := func(n int) string {
		if n == 0 {
			return ""
		}
		return strconv.Itoa(n)
	}
	return views.HistoryForm{Days: text(kept.Days), FailedDays: text(kept.FailedDays), Most: text(kept.Most)}
}

// readHistoryForm takes the posted rules as typed and as numbers: nothing is 0,
// and what is no positive number is -1, which the engine refuses.
func readHistoryForm(c echo.Context) (vm views.HistoryForm, kept engine.History) {
	read := func(name string, typed *string, n *int) {
		*typed = strings.TrimSpace(c.FormValue(name))
		if *typed == "" {
			return
		}
		v, err := strconv.Atoi(*typed)
		if err != nil || v < 1 {
			v = -1
		}
		*n = v
	}
	read("days", &vm.Days, &kept.Days)
	read("failedDays", &vm.FailedDays, &kept.FailedDays)
	read("most", &vm.Most, &kept.Most)
	return vm, kept
}

// historyWords says how long executions are kept.
func historyWords(kept engine.History) string {
	words := func(what string, days int) string {
		if days == 0 {
			return what + " for ever"
		}
		return what + " for " + views.Count(days, "day", "days")
	}
	text := "All for ever"
	if kept.Days != 0 || kept.FailedDays != 0 {
		text = words("Completed ones", kept.Days) + ", " + words("all others", kept.FailedDays)
	}
	if kept.Most != 0 {
		text += ", at most " + views.Int(kept.Most)
	}
	return text + "."
}

// deletedPage is how many deleted executions a page of the list shows.
const deletedPage = 50

// deleted lists what stayed of deleted executions.
func (h *executions) deleted(c echo.Context) error {
	key := c.QueryParam("workflow")
	before, _ := strconv.ParseInt(c.QueryParam("before"), 10, 64)
	rows, more, err := h.engine.ExecutionRecords(c.Request().Context(), actor(c), key, before, deletedPage)
	if err != nil {
		return err
	}
	vm := views.DeletedList{Title: "Deleted executions", Tabs: executionTabs(ofWorkflow(key), "Deleted")}
	if key != "" {
		_, titles, err := h.workflowOptions(c, []string{key})
		if err != nil {
			return err
		}
		vm.Title, vm.Crumbs = "Deleted executions of "+titles[0], []views.Link{{Text: "Executions", URL: "/executions"}}
	}
	w := words(c)
	for _, r := range rows {
		row := views.DeletedRow{ID: views.ID(r.ID), URL: executionURL(r.ID), State: r.State(), Workflow: deletedWorkflow(r), Took: "–",
			Started: startedAt(w, r.CreatedAt), Deleted: w.Moment(r.DeletedAt, w.When(r.DeletedAt)), Reason: deletedWhy(r)}
		if r.StartedAt != nil && r.EndedAt != nil {
			row.Took = views.Duration(r.EndedAt.Sub(*r.StartedAt))
		}
		if r.Problem != nil {
			row.Why = views.Clip(reasonWords(*r.Problem, ""), 200)
		}
		vm.Rows = append(vm.Rows, row)
	}
	address := func(before int64) string {
		v := url.Values{}
		if key != "" {
			v.Set("workflow", key)
		}
		if before != 0 {
			v.Set("before", views.ID(before))
		}
		return (&url.URL{Path: "/executions/deleted", RawQuery: v.Encode()}).String()
	}
	vm.Pager.Text = views.Count(len(rows), "execution", "executions") + ", newest first"
	if before != 0 {
		vm.Pager.Prev = address(0)
	}
	if more {
		vm.Pager.Next = address(rows[len(rows)-1].ID)
	}
	vm.Empty = views.EmptyList{Title: "Nothing was deleted", Text: "When executions are deleted, by a person or because they need not be kept any more, one line about each shows here.",
		Link: views.Link{Text: "All executions", URL: ofWorkflow(key).url()}}
	return render(c, http.StatusOK, views.DeletedPage(vm), nil)
}

func deletedWorkflow(r engine.ExecutionRecord) string {
	if r.WorkflowTitle == "" {
		return "Deleted workflow"
	}
	return r.WorkflowTitle
}

// deletedWhy says in a few words why an execution was deleted.
func deletedWhy(r engine.ExecutionRecord) string {
	switch {
	case r.Why == "status":
		return "at once, by its state"
	case r.Why == "age":
		return "by its age"
	case r.Why == "count":
		return "for newer ones"
	case r.Deleter != "":
		return "by " + r.Deleter
	}
	return "by a person"
}

// showDeleted shows what stayed of an execution that is not there; gone is the
// answer when nothing did.
func (h *executions) showDeleted(c echo.Context, gone error) error {
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil {
		return gone
	}
	r, err := h.engine.ExecutionRecord(c.Request().Context(), actor(c), id)
	if fault.Is(err, fault.NotFound) {
		return gone
	}
	if err != nil {
		return err
	}
	w := words(c)
	vm := views.DeletedExecution{
		Title: "Execution " + views.ID(id), State: r.State(), Crumbs: []views.Link{{Text: "Executions", URL: "/executions"}, {Text: "Deleted", URL: "/executions/deleted"}},
		Strong: fmt.Sprintf("This execution was deleted on %s.", w.Date(r.DeletedAt)), More: deletedSentence(r),
	}
	vm.Facts = append(vm.Facts, views.Fact{Name: "Workflow", Value: deletedWorkflow(r)})
	if r.Problem != nil {
		vm.Facts = append(vm.Facts, views.Fact{Name: "Reason", Value: reasonWords(*r.Problem, "")})
	}
	vm.Facts = append(vm.Facts, views.Fact{Name: "Started", Value: w.Milli(r.CreatedAt), Num: true})
	if r.Author != "" {
		vm.Facts = append(vm.Facts, views.Fact{Name: "By", Value: r.Author})
	}
	if r.StartedAt != nil && r.EndedAt != nil {
		vm.Facts = append(vm.Facts, views.Fact{Name: "Took", Value: views.Duration(r.EndedAt.Sub(*r.StartedAt)), Num: true})
	}
	vm.Facts = append(vm.Facts, views.Fact{Name: "Steps", Value: views.Int(r.Steps), Num: true})
	if r.WorkflowTitle != "" {
		vm.Links = []views.Link{{Text: "Open workflow", URL: "/workflows/" + views.ID(r.WorkflowID), Icon: "flow"}}
	}
	page := views.DeletedExecutionPage(vm)
	return render(c, http.StatusGone, page, page)
}

// deletedSentence says why an execution was deleted.
func deletedSentence(r engine.ExecutionRecord) string {
	switch {
	case r.Why == "status":
		return "Executions of this workflow that end so are deleted at once. This is what stays of it."
	case r.Why == "age":
		return "It was older than executions of this workflow are kept. This is what stays of it."
	case r.Why == "count":
		return "Newer executions of this workflow took its place. This is what stays of it."
	case r.Deleter != "":
		return r.Deleter + " deleted it. This is what stays of it."
	}
	return "A person deleted it. This is what stays of it."
}
