package handlers

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/task"
	"alur/views"
)

// How much of each thing the start page shows.
const (
	homeTasks     = 5
	homeRecent    = 6
	homeAttention = 5
)

// home is the first page after signing in.
type home struct{ server *Server }

// Routes registers the start page, and what it offers a newcomer.
func (h *home) Routes(g *Group) {
	g.GET("/", Signed, h.show)
	g.POST("/samples", auth.ManageCollections, h.install)
}

func (h *home) show(c echo.Context) error {
	ctx, a, w := c.Request().Context(), actor(c), words(c)
	var vm views.Home
	if err := h.tasks(ctx, a, w, &vm); err != nil {
		return err
	}
	if a.Can(auth.UseWorkflows) {
		if err := h.executions(ctx, a, w, &vm); err != nil {
			return err
		}
	}
	if a.Can(auth.ManageCollections) && len(vm.Recent) == 0 {
		if err := h.welcome(ctx, a, &vm); err != nil {
			return err
		}
	}
	return render(c, http.StatusOK, views.HomePage(vm), nil)
}

func (h *home) tasks(ctx context.Context, a auth.Actor, w views.Words, vm *views.Home) error {
	mine, more, err := h.server.Tasks.Mine(ctx, a, task.Filter{Show: task.ShowOpen, Page: 1, Size: homeTasks})
	if err != nil {
		return err
	}
	for _, t := range mine {
		line := views.HomeTask{Title: t.Title, URL: "/tasks/" + views.ID(t.ID), From: t.WorkflowTitle, When: w.Ago(t.CreatedAt)}
		if t.Requester != "" {
			line.From = t.Requester + " · " + t.WorkflowTitle
		}
		if t.DueAt != nil {
			line.When, line.Urgency = w.Due(*t.DueAt)
		}
		vm.Tasks = append(vm.Tasks, line)
	}
	n := len(mine)
	if more {
		if n, err = h.server.Tasks.Pending(ctx, a); err != nil {
			return err
		}
	}
	if n > 0 {
		vm.TaskCount = views.Int(n)
	}
	return nil
}

func (h *home) executions(ctx context.Context, a auth.Actor, w views.Words, vm *views.Home) error {
	recent, _, err := h.server.Engine.Executions(ctx, a, engine.ExecutionFilter{Limit: homeRecent})
	if err != nil {
		return err
	}
	for _, x := range recent {
		vm.Recent = append(vm.Recent, views.RecentRun{
			State: x.State(), ID: views.ID(x.ID), URL: executionURL(x.ID),
			Name: homeName(x), Result: result(x), When: w.Moment(x.CreatedAt, w.Ago(x.CreatedAt)),
		})
	}
	seen, err := h.server.Engine.LastAttention(ctx, a, h.server.watch())
	if err != nil {
		return err
	}
	words, err := h.server.attentionWords(ctx, a, seen, w)
	if err != nil {
		return err
	}
	vm.Attention = words.first(seen, homeAttention)
	vm.AttentionCount = views.Int(seen.Count())
	start := w.Today()
	f, err := h.server.Engine.Figures(ctx, a, start)
	if err != nil {
		return err
	}
	vm.Runs = runs(f, start, w)
	return nil
}

// result is what became of an execution, in a few words.
func result(x engine.ExecutionRow) string {
	switch why := executionWhy(x); {
	case why != "":
		return views.Clip(why, 120)
	case x.EndedAt != nil && x.StartedAt != nil:
		return "Took " + views.Duration(x.EndedAt.Sub(*x.StartedAt))
	}
	return ""
}

// homeName is the workflow that ran, also when it is there no more.
func homeName(x engine.ExecutionRow) string {
	if x.Version == 0 {
		return "Deleted workflow"
	}
	return workflowTitle(x.WorkflowTitle)
}

// runs words the figures of the day that began at start.
func runs(f engine.Figures, start time.Time, w views.Words) *views.Runs {
	vm := &views.Runs{Completed: views.Int(f.Completed), Failed: views.Int(f.Failed), Open: views.Int(f.Open), Median: "–"}
	if f.Median >= 0 {
		vm.Median = views.Duration(f.Median)
	}
	if f.Cut {
		vm.Note = "The newest " + views.Int(engine.FiguresLimit) + " of today"
	}
	var completed, failed []int
	for _, hour := range f.Hours[:24] {
		completed = append(completed, hour.Completed)
		failed = append(failed, hour.Failed)
	}
	vm.Bars, vm.Summary = views.RunsOf(completed, failed, start, w)
	return vm
}

// welcome offers the samples while there is no collection of the people's own.
func (h *home) welcome(ctx context.Context, a auth.Actor, vm *views.Home) error {
	all, err := h.server.Records.Collections(ctx)
	if err != nil || h.server.Samples == nil {
		return err
	}
	for _, c := range all {
		if !c.System {
			return nil
		}
	}
	vm.Welcome = &views.Welcome{}
	for _, s := range h.server.Samples.List() {
		vm.Welcome.Samples = append(vm.Welcome.Samples, views.WelcomeSample{Name: s.Name, Title: s.Title, About: s.About, Contents: s.Counts})
	}
	return nil
}

// install installs the chosen sample applications.
func (h *home) install(c echo.Context) error {
	form, err := c.FormParams()
	if err != nil {
		return err
	}
	names := form["sample"]
	if len(names) == 0 {
		return fault.New(fault.Invalid, "Choose at least one sample application.")
	}
	for _, name := range names {
		if err := h.server.Samples.Install(c.Request().Context(), actor(c), name); err != nil {
			return err
		}
	}
	return done(c, "/", views.Count(len(names), "sample application", "sample applications")+" installed.")
}
