package handlers

import (
	"cmp"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/fault"
	"alur/views"
)

// limits shows what bounds the executions of a workflow.
func (h *workflows) limits(c echo.Context) error {
	d, err := h.openFor(c, auth.Editor)
	if err != nil {
		return err
	}
	l := engine.ReadLimits(d.w.Options)
	vm := views.LimitsForm{Unit: "60", Concurrency: strconv.Itoa(l.Concurrency), StackLimit: strconv.Itoa(l.StackLimit), Priority: string(l.Priority)}
	if l.Timeout > 0 {
		vm.Timeout, vm.Unit = timeText(l.Timeout)
	}
	return h.renderLimits(c, http.StatusOK, d.w, vm)
}

// timeText is a time in the largest unit that it is a whole number of.
func timeText(d time.Duration) (number, unit string) {
	seconds := int64(d / time.Second)
	unit = "1"
	for _, u := range views.TimeUnits {
		if n, _ := strconv.ParseInt(u.Value, 10, 64); seconds%n == 0 {
			unit = u.Value
		}
	}
	n, _ := strconv.ParseInt(unit, 10, 64)
	return strconv.FormatInt(seconds/n, 10), unit
}

func (h *workflows) renderLimits(c echo.Context, status int, w engine.Workflow, vm views.LimitsForm) error {
	vm.Workflow, vm.Back = workflowTitle(w.Title), "/workflows/"+views.ID(w.ID)
	vm.Action = vm.Back + "/limits"
	return render(c, status, views.LimitsPage(vm), nil)
}

func (h *workflows) setLimits(c echo.Context) error {
	d, err := h.openFor(c, auth.Editor)
	if err != nil {
		return err
	}
	typed := func(name string) string { return strings.TrimSpace(c.FormValue(name)) }
	vm := views.LimitsForm{Timeout: typed("timeout"), Unit: typed("unit"), Concurrency: typed("concurrency"), StackLimit: typed("stackLimit"),
		Priority: cmp.Or(typed("priority"), string(engine.Normal))}
	err = h.engine.SetLimits(c.Request().Context(), actor(c), d.w.ID, engine.Limits{
		Timeout: time.Duration(whole(vm.Timeout, 0)*whole(vm.Unit, -1)) * time.Second, Concurrency: whole(vm.Concurrency, -1), StackLimit: whole(vm.StackLimit, -1), Priority: engine.Priority(vm.Priority),
	})
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Kind == fault.Invalid {
		vm.Problems = f.Fields
		return h.renderLimits(c, http.StatusUnprocessableEntity, d.w, vm)
	}
	if err != nil {
		return err
	}
	return done(c, d.url(), "The limits of “"+workflowTitle(d.w.Title)+"” are set.")
}

// whole reads a positive number of at most a billion; nothing is empty, and
// anything else -1, which the engine refuses.
func whole(text string, empty int) int {
	if text == "" {
		return empty
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 1_000_000_000 {
		return -1
	}
	return n
}
