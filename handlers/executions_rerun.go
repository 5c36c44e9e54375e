package handlers

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"alur/engine"
	"alur/views"
	"alur/views/nodeforms"
)

// askRerun asks from where, and on which version, the chosen executions run again,
// and says what will be done a second time.
func (h *executions) askRerun(c echo.Context) error {
	ids, err := chosenIDs(c.QueryParams())
	if err != nil {
		return err
	}
	ctx, a, back := c.Request().Context(), actor(c), backToList(c.QueryParams())
	start, err := h.engine.RerunPlan(ctx, a, ids, engine.Rerun{})
	if err != nil {
		return err
	}
	failed, err := h.engine.RerunPlan(ctx, a, ids, engine.Rerun{Failed: true})
	if err != nil {
		return err
	}
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = views.ID(id)
	}
	vm := views.Confirm{
		Title: "Run " + views.Count(len(ids), "execution", "executions") + " again", Do: "Run again", Action: "/executions/rerun", Back: back, Calm: true,
		Text:   "Each runs again as a new execution with the same trigger data. What is recorded of the old one stays as it is.",
		Hidden: map[string]string{"id": strings.Join(texts, ","), "back": back, "asked": strconv.FormatInt(h.server.Now().UnixMilli(), 10)},
	}
	if start.Waiting > 0 {
		vm.Lines = append(vm.Lines, views.Count(start.Waiting, "waits and is stopped first; its tasks are closed.", "wait and are stopped first; their tasks are closed."))
	}
	for _, p := range start.Passed {
		vm.Lines = append(vm.Lines, "Execution "+views.ID(p.ID)+" is passed over: "+p.Why)
	}
	if len(vm.Lines) > 5 {
		vm.Lines = append(vm.Lines[:5], views.Count(len(start.Passed)+min(start.Waiting, 1)-5, "more", "more")+" like these.")
	}
	from := views.Field{Name: "from", Label: "From where", Value: "start", Options: []views.Option{{Value: "start", Text: "From the start", Help: repeatWords(start)}}}
	if len(failed.Again) > 0 {
		text := "From the step that failed or waits"
		if len(failed.From) == 1 {
			text = "From “" + failed.From[0] + "”, which failed or waits"
		}
		if n := len(start.Again) - len(failed.Again); n > 0 {
			text += ", and pass over " + views.Count(n, "without such a step", "without such a step")
		}
		from.Options = append(from.Options, views.Option{Value: "failed", Text: text, Help: "Earlier steps are taken over and do not run. " + repeatWords(failed)})
	}
	vm.Ask = append(vm.Ask, from)
	if start.Newer || len(start.Again) == 0 {
		vm.Ask = append(vm.Ask, views.Field{Name: "version", Label: "Which version", Value: "this", Options: []views.Option{
			{Value: "this", Text: "The one that ran"}, {Value: "newest", Text: "The current one", Help: "Steps that are new or changed there run as they are there."}}})
	}
	return render(c, http.StatusOK, views.ConfirmPage(vm), views.ConfirmDialog(vm))
}

// repeatWords says what a plan does a second time.
func repeatWords(p engine.RerunPlan) string {
	if len(p.Repeats) == 0 {
		return "Nothing that changed data or called out before is repeated."
	}
	var all []string
	for _, r := range p.Repeats {
		text := "“" + cmp.Or(r.Title, nodeforms.TitleOf(r.Type)) + "”"
		if len(p.Again) > 1 {
			text += " in " + views.Count(r.Executions, "execution", "executions")
		}
		if all = append(all, text); len(all) == 8 && len(p.Repeats) > 8 {
			all = append(all, views.Count(len(p.Repeats)-8, "more step", "more steps"))
			break
		}
	}
	return "Does once more: " + strings.Join(all, ", ") + "."
}

// rerun leads to the new execution when it is one.
func (h *executions) rerun(c echo.Context) error {
	form, err := c.FormParams()
	if err != nil {
		return err
	}
	ids, err := chosenIDs(form)
	if err != nil {
		return err
	}
	r := engine.Rerun{Failed: form.Get("from") == "failed", Newest: form.Get("version") == "newest"}
	if asked, err := strconv.ParseInt(form.Get("asked"), 10, 64); err == nil {
		r.Asked = time.UnixMilli(asked)
	}
	ctx, a := c.Request().Context(), actor(c)
	if len(ids) == 1 {
		x, err := h.engine.Rerun(ctx, a, ids[0], r)
		if err != nil {
			return err
		}
		return done(c, executionURL(x.ID), "The execution runs again, as this one.")
	}
	made, passed, err := h.engine.RerunAll(ctx, a, ids, r)
	if err != nil {
		return err
	}
	notice := views.Count(len(made), "execution runs again.", "executions run again.")
	if len(passed) > 0 {
		notice = strings.TrimSuffix(notice, ".") + "; " + strconv.Itoa(len(passed)) + " could not: " + passed[0].Why
	}
	return done(c, backToList(form), notice)
}
