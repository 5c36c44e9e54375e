package handlers

import (
	"maps"
	"net/http"
	"net/url"
	"strconv"

	"github.com/labstack/echo/v4"

	"alur/engine"
	"alur/engine/fault"
	"alur/views"
)

const (
	// rerunMost is how many executions of a filter run again at once.
	rerunMost = 5000
	// rerunLooked is how many of them the question looks at for what is repeated.
	rerunLooked = 200
	// rerunPart is how many run again in one request.
	rerunPart = 50
)

// askRerunAll asks whether all executions of the filter in the address run again.
func (h *executions) askRerunAll(c echo.Context) error {
	q := readExecutionQuery(c.QueryParams()).first()
	ids, err := h.engine.ExecutionIDs(c.Request().Context(), actor(c), q.filter(words(c)), rerunMost+1)
	if err != nil {
		return err
	}
	if len(ids) == 0 {
		return fault.New(fault.Invalid, "No execution matches any more. Go back to the list and change the filter.")
	}
	if len(ids) > rerunMost {
		return fault.New(fault.Invalid, "More than "+views.Int(rerunMost)+" executions match, and at most "+views.Int(rerunMost)+
			" run again at once. Narrow the list, for example by time, and run one part after the other.")
	}
	vm := views.Confirm{Title: "Run all " + views.Count(len(ids), "execution", "executions") + " again", Back: q.url(), Hidden: map[string]string{
		"all": q.values().Encode(), "before": views.ID(ids[0] + 1), "total": strconv.Itoa(len(ids))}}
	part := "They are all that match the filter."
	if len(ids) > rerunLooked {
		part += " What is repeated was read from the newest " + views.Int(rerunLooked) + "."
		ids = ids[:rerunLooked]
	}
	if err := h.rerunQuestion(c, &vm, ids, part); err != nil {
		return err
	}
	return render(c, http.StatusOK, views.ConfirmPage(vm), views.ConfirmDialog(vm))
}

// rerunAll runs the next part of the executions of a filter again, from the newest
// on, and answers with how far it is and a form for the part after it. So nothing
// goes on behind anybody's back, and a part that is sent twice does nothing more:
// what was run again since the question is passed over.
func (h *executions) rerunAll(c echo.Context, form url.Values, r engine.Rerun) error {
	v, err := url.ParseQuery(form.Get("all"))
	before, wrong := strconv.ParseInt(form.Get("before"), 10, 64)
	if err != nil || wrong != nil || r.Asked.IsZero() {
		return fault.New(fault.Invalid, "Nothing was run again: this form is not complete. Open it again from the list.")
	}
	q := readExecutionQuery(v).first()
	w := words(c)
	w.Now = r.Asked // “the last hour” is that of the question
	f := q.filter(w)
	f.Before = before
	ctx, a := c.Request().Context(), actor(c)
	number := func(name string) int {
		n, _ := strconv.Atoi(form.Get(name))
		return min(max(n, 0), rerunMost)
	}
	vm := views.RerunProgress{Total: number("total"), Made: number("made"), Passed: number("passed"), Why: views.Clip(form.Get("why"), 300), Back: q.url(), Action: "/executions/rerun"}
	left := rerunMost - vm.Made - vm.Passed
	ids, err := h.engine.ExecutionIDs(ctx, a, f, min(rerunPart, left)+1)
	if err != nil {
		return err
	}
	more := len(ids) > rerunPart && left > rerunPart
	ids = ids[:min(len(ids), rerunPart, left)]
	if len(ids) > 0 {
		made, passed, err := h.engine.RerunAll(ctx, a, ids, r)
		if err != nil {
			return err
		}
		vm.Made, vm.Passed = vm.Made+len(made), vm.Passed+len(passed)
		if len(passed) > 0 && vm.Why == "" {
			vm.Why = passed[0].Why
		}
	}
	vm.Total = max(vm.Total, vm.Made+vm.Passed)
	if more {
		vm.Next = map[string]string{"before": views.ID(ids[len(ids)-1]), "total": strconv.Itoa(vm.Total), "made": strconv.Itoa(vm.Made), "passed": strconv.Itoa(vm.Passed), "why": vm.Why}
		maps.Copy(vm.Next, map[string]string{"all": form.Get("all"), "asked": form.Get("asked"), "from": form.Get("from"), "version": form.Get("version")})
	}
	return render(c, http.StatusOK, views.RerunProgressPage(vm), views.RerunProgressPart(vm))
}
