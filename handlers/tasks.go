package handlers

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/task"
	"alur/views"
)

// tasksPage is how many tasks a page of the list holds.
const tasksPage = 30

// tasks is the to-do page of whoever is signed in.
type tasks struct {
	store *task.Store
}

// Routes registers the to-do page.
func (h *tasks) Routes(g *Group) {
	g.GET("/tasks", auth.UseRecords, h.list)
	g.GET("/tasks/:id", auth.UseRecords, h.show)
	g.POST("/tasks/:id", auth.UseRecords, h.decide)
}

// list shows the list with its first task beside it. On a phone there is the
// list alone.
func (h *tasks) list(c echo.Context) error {
	vm, mine, err := h.page(c, task.ShowOpen)
	if err != nil {
		return err
	}
	if len(mine) > 0 {
		t, err := h.store.Task(c.Request().Context(), actor(c), mine[0].ID)
		if err != nil {
			return err
		}
		vm.Rows[0].Current = true
		vm.Detail = new(taskDetail(c, t, nil, nil))
	}
	return render(c, http.StatusOK, views.TasksPage(vm), nil)
}

func (h *tasks) show(c echo.Context) error {
	t, err := h.find(c)
	if err != nil {
		return err
	}
	return h.detail(c, http.StatusOK, t, nil, nil)
}

// detail shows one task beside the list, with what was typed and the problems
// that has.
func (h *tasks) detail(c echo.Context, status int, t task.Task, typed *task.Decision, problem *fault.Error) error {
	beside := task.ShowOpen
	if t.Status != task.Open {
		beside = task.ShowDone
	}
	vm, _, err := h.page(c, beside)
	if err != nil {
		return err
	}
	for i := range vm.Rows {
		vm.Rows[i].Current = vm.Rows[i].ID == views.ID(t.ID)
	}
	vm.Open = true
	vm.Detail = new(taskDetail(c, t, typed, problem))
	return render(c, status, views.TasksPage(vm), nil)
}

func (h *tasks) find(c echo.Context) (task.Task, error) {
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil {
		return task.Task{}, fault.New(fault.NotFound, "There is no such task.")
	}
	return h.store.Task(c.Request().Context(), actor(c), id)
}

func (h *tasks) decide(c echo.Context) error {
	t, err := h.find(c)
	if err != nil {
		return err
	}
	d, err := decision(c, t.Ask)
	if err != nil {
		return err
	}
	d.Channel = task.App
	if t.UserID != actor(c).UserID { // a manager looks; there is no form to send
		return h.detail(c, http.StatusUnprocessableEntity, t, nil, nil)
	}
	err = h.store.Decide(c.Request().Context(), actor(c), t.ID, d)
	if problem, ok := errors.AsType[*fault.Error](err); ok {
		now, err := h.find(c)
		if err != nil {
			return err
		}
		return h.detail(c, status(problem.Kind, false), now, &d, problem)
	}
	if err != nil {
		return err
	}
	title, saved := pressedWord(t.Ask, d)
	if saved {
		return done(c, c.Request().URL.Path, "Saved. Nothing is decided yet.")
	}
	return done(c, "/tasks", capital(title)+": "+t.Title)
}

// page reads the list that the address asks for, otherwise the one to show.
func (h *tasks) page(c echo.Context, show task.Show) (views.Tasks, []task.Task, error) {
	ctx, a := c.Request().Context(), actor(c)
	f := task.Filter{Show: show, Search: c.QueryParam("q"), Size: tasksPage}
	if c.QueryParam("show") == "done" {
		f.Show = task.ShowDone
	}
	f.Page, _ = strconv.Atoi(c.QueryParam("page"))
	f.Page = min(max(f.Page, 1), 1_000_000)
	mine, more, err := h.store.Mine(ctx, a, f)
	if err != nil {
		return views.Tasks{}, nil, err
	}
	pending, err := h.store.Pending(ctx, a)
	if err != nil {
		return views.Tasks{}, nil, err
	}
	vm := views.Tasks{Query: f.Search, Back: "/tasks",
		Tabs:       []views.Tab{{Text: "My tasks", URL: "/tasks", Current: f.Show == task.ShowOpen}, {Text: "Done", URL: "/tasks?show=done", Current: f.Show == task.ShowDone}},
		EmptyTitle: "Nothing to do", EmptyText: "Tasks appear here when a workflow waits for your decision. You get a mail, too."}
	if pending > 0 {
		vm.Tabs[0].Count = views.Int(pending)
	}
	switch {
	case f.Search != "":
		vm.EmptyTitle, vm.EmptyText = "No task found", "No task and no workflow has these letters in its title."
	case f.Show == task.ShowDone:
		vm.EmptyTitle, vm.EmptyText = "Nothing done yet", "Tasks stay here after they were decided, by you or by somebody else."
	}
	keep := url.Values{}
	if f.Show == task.ShowDone {
		vm.Show, vm.Back = "done", "/tasks?show=done"
		keep.Set("show", "done")
	}
	if f.Search != "" {
		keep.Set("q", f.Search)
	}
	for _, t := range mine {
		vm.Rows = append(vm.Rows, taskRow(c, t, keep))
	}
	if f.Page > 1 || more {
		vm.Pager = tasksPager(f.Page, more, keep)
	}
	return vm, mine, nil
}

func tasksPager(page int, more bool, keep url.Values) views.Pager {
	address := func(page int) string {
		q := url.Values{"page": {strconv.Itoa(page)}}
		for k, v := range keep {
			q[k] = v
		}
		return "/tasks?" + q.Encode()
	}
	p := views.Pager{Text: fmt.Sprintf("Page %d", page)}
	if page > 1 {
		p.Prev = address(page - 1)
	}
	if more {
		p.Next = address(page + 1)
	}
	return p
}

func taskRow(c echo.Context, t task.Task, keep url.Values) views.TaskRow {
	w := words(c)
	r := views.TaskRow{ID: views.ID(t.ID), Title: task.Dated(t.Title, zone(c)), URL: "/tasks/" + views.ID(t.ID),
		Who: strings.Join(slices.DeleteFunc([]string{t.Requester, t.WorkflowTitle}, func(s string) bool { return s == "" }), " · ")}
	if len(keep) > 0 {
		r.URL += "?" + keep.Encode()
	}
	switch {
	case t.Status == task.Open && t.DueAt != nil:
		r.Due, r.Urgency = w.Due(*t.DueAt)
	case t.Status == task.Open:
		r.Due = w.Ago(t.CreatedAt)
	default:
		r.Due = taskStateOf(t)
	}
	return r
}

// stateOf says in two words how a task came out.
func taskStateOf(t task.Task) string {
	switch t.Status {
	case task.Closed:
		return "Decided by others"
	case task.Stopped:
		return "No longer needed"
	}
	if title, _ := pressedWord(t.Ask, task.Decision{Action: t.Result.Action()}); title != "" {
		return capital(title)
	}
	return "Decided"
}

// pressedWord words the button of d, and says whether it only saves.
func pressedWord(a task.Ask, d task.Decision) (done string, saves bool) {
	for _, f := range a.Forms {
		if action, ok := f.Action(d.Action); ok && (d.Form == "" || d.Form == f.Key) {
			return strings.TrimSuffix(views.Past(action.Title), " on"), action.Status == task.Open
		}
	}
	return "", false
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// taskDetail words one task for who asks.
func taskDetail(c echo.Context, t task.Task, typed *task.Decision, problem *fault.Error) views.TaskDetail {
	w := words(c)
	z := w.Zone
	vm := views.TaskDetail{
		Title: task.Dated(t.Title, z), Workflow: t.WorkflowTitle, Requester: t.Requester,
		Lead: taskLead(w, t), Summary: task.Dated(t.Ask.Summary, z), Facts: taskFacts(t.Ask.Facts, z),
		History: taskHistory(w, t),
	}
	if t.Watched {
		vm.Execution = "/executions/" + views.ID(t.ExecutionID)
	}
	vm.Outcome = decided(w, t)
	switch {
	case t.Status != task.Open:
		return vm
	case t.UserID != actor(c).UserID:
		vm.Notice = fmt.Sprintf("Only %s can decide this task. You see it because you may see the workflow.", t.UserName)
		return vm
	}
	if t.DueAt != nil {
		vm.Due, vm.Urgency = w.Due(*t.DueAt)
	}
	if problem != nil {
		vm.Problem = problem.Msg
	}
	vm.Forms = decisionForms(t, "/tasks/"+views.ID(t.ID), typed, problem)
	return vm
}

func taskLead(w views.Words, t task.Task) string {
	who := cmp.Or(t.Requester, "The workflow") + " asked on " + w.When(t.CreatedAt)
	if w.Ago(t.CreatedAt) != w.When(t.CreatedAt) {
		who = cmp.Or(t.Requester, "The workflow") + " asked " + w.Ago(t.CreatedAt)
	}
	switch len(t.Asked) {
	case 0, 1:
		return who
	}
	return who + " · one of " + strings.Join(t.Asked, ", ") + " decides"
}

// taskHistory tells the task's life, newest first.
func taskHistory(w views.Words, t task.Task) []views.Step {
	var steps []views.Step
	if o := t.Outcome; o != nil {
		step := views.Step{State: outcomeState(*o), Text: o.By + " " + strings.TrimSuffix(views.Past(o.Action.Title), " on"),
			Note: w.When(o.At) + " · " + through(*o)}
		for _, f := range o.Form.Fields { // the first thing they wrote
			if said, ok := o.Values[f.Name].(string); ok && step.Quote == "" && (f.Kind == task.Text || f.Kind == task.LongText) {
				step.Quote = said
			}
		}
		steps = append(steps, step)
	} else if t.Status == task.Open {
		steps = append(steps, views.Step{State: views.Waiting, Text: "Waits for " + strings.Join(t.Asked, " or "), Note: "since " + w.When(t.CreatedAt)})
	} else {
		steps = append(steps, views.Step{State: views.Cancelled, Text: "The workflow ended without a decision"})
	}
	return append(steps, views.Step{State: views.Idle, Icon: "person", Text: cmp.Or(t.Requester, "The workflow") + " asked", Note: w.When(t.CreatedAt)})
}
