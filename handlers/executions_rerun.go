package handlers

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"alur/engine"
	"alur/engine/fault"
	"alur/views"
	"alur/views/nodeforms"
)

// askRerun asks from where, and on which version, the chosen executions run again,
// and says what will be done a second time. With node, the one execution begins there.
func (h *executions) askRerun(c echo.Context) error {
	if c.QueryParam("all") != "" {
		return h.askRerunAll(c)
	}
	ids, err := chosenIDs(c.QueryParams())
	if err != nil {
		return err
	}
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = views.ID(id)
	}
	back := backToList(c.QueryParams())
	vm := views.Confirm{Title: rerunTitle(len(ids)), Back: back, Hidden: map[string]string{"id": strings.Join(texts, ","), "back": back}}
	if node := c.QueryParam("node"); node != "" {
		return h.askRerunFrom(c, vm, ids, node)
	}
	if err := h.rerunQuestion(c, &vm, ids, ""); err != nil {
		return err
	}
	return render(c, http.StatusOK, views.ConfirmPage(vm), views.ConfirmDialog(vm))
}

// rerunTitle is the head of a question about n executions.
func rerunTitle(n int) string {
	if n == 1 {
		return "Run this execution again"
	}
	return "Run " + views.Count(n, "execution", "executions") + " again"
}

// rerunForm is what all questions of running again have in common.
func (h *executions) rerunForm(vm *views.Confirm) {
	vm.Do, vm.Action, vm.Calm = "Run again", "/executions/rerun", true
	vm.Hidden["asked"] = strconv.FormatInt(h.server.Now().UnixMilli(), 10)
}

// versionChoice asks for the version.
var versionChoice = views.Field{Name: "version", Label: "Which version", Value: "this", Options: []views.Option{
	{Value: "this", Text: "The one that ran"}, {Value: "newest", Text: "The current one", Help: "Steps that are new or changed there run as they are there."}}}

// askRerunFrom asks whether to run an execution again from a node on.
func (h *executions) askRerunFrom(c echo.Context, vm views.Confirm, ids []int64, node string) error {
	id, err := strconv.ParseInt(node, 10, 64)
	if err != nil || len(ids) != 1 {
		return fault.New(fault.Invalid, "Choose one execution, and a step of it to run again from.")
	}
	plan, err := h.engine.RerunPlan(c.Request().Context(), actor(c), ids, engine.Rerun{NodeID: id})
	if err != nil {
		return err
	}
	if len(plan.Passed) > 0 {
		return fault.New(fault.Invalid, plan.Passed[0].Why)
	}
	h.rerunForm(&vm)
	vm.Hidden["node"] = node
	vm.Text = "This is the first step, so it runs again from the start, as a new execution with the same trigger data."
	if len(plan.From) == 1 {
		vm.Text = "It runs again from “" + plan.From[0] + "”, as a new execution with the same trigger data. Earlier steps are taken over and do not run."
	}
	vm.Text += " What is recorded of the old one stays as it is."
	vm.Lines = append(vm.Lines, repeatWords(plan))
	if plan.Waiting > 0 {
		vm.Lines = append(vm.Lines, "It waits and is stopped first; its tasks are closed.")
	}
	if plan.Newer {
		vm.Ask = append(vm.Ask, versionChoice)
	}
	return render(c, http.StatusOK, views.ConfirmPage(vm), views.ConfirmDialog(vm))
}

// rerunQuestion fills vm in for executions; part says which of them were looked at,
// when not all were.
func (h *executions) rerunQuestion(c echo.Context, vm *views.Confirm, ids []int64, part string) error {
	ctx, a := c.Request().Context(), actor(c)
	start, err := h.engine.RerunPlan(ctx, a, ids, engine.Rerun{})
	if err != nil {
		return err
	}
	failed, err := h.engine.RerunPlan(ctx, a, ids, engine.Rerun{Failed: true})
	if err != nil {
		return err
	}
	h.rerunForm(vm)
	vm.Text = "It runs again as a new execution with the same trigger data. What is recorded of the old one stays as it is."
	if len(ids) > 1 {
		vm.Text = "Each" + strings.TrimPrefix(vm.Text, "It")
	}
	if part != "" {
		vm.Text += " " + part
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
		vm.Ask = append(vm.Ask, versionChoice)
	}
	return nil
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
	r := engine.Rerun{Failed: form.Get("from") == "failed", Newest: form.Get("version") == "newest"}
	if asked, err := strconv.ParseInt(form.Get("asked"), 10, 64); err == nil {
		r.Asked = time.UnixMilli(asked)
	}
	if form.Get("all") != "" {
		return h.rerunAll(c, form, r)
	}
	ids, err := chosenIDs(form)
	if err != nil {
		return err
	}
	if node := form.Get("node"); node != "" {
		if r.NodeID, err = strconv.ParseInt(node, 10, 64); err != nil || len(ids) != 1 {
			return fault.New(fault.Invalid, "Choose one execution, and a step of it to run again from.")
		}
		r.Failed = false
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
