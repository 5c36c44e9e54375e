package handlers

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"alur/engine/fault"
	"alur/views"
)

// chosenIDs reads which executions are meant: one id each, or a list with commas.
func chosenIDs(v url.Values) ([]int64, error) {
	var ids []int64
	for _, text := range v["id"] {
		for _, one := range strings.Split(text, ",") {
			id, err := strconv.ParseInt(one, 10, 64)
			if err != nil {
				return nil, fault.New(fault.Invalid, "Nothing was changed: one of the chosen executions has no number. Choose them again in the list.")
			}
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil, fault.New(fault.Invalid, "Choose the executions in the list first.")
	}
	return ids, nil
}

// backToList is where to go afterwards: the list, one execution, or what needs
// attention.
func backToList(v url.Values) string {
	back := local(v.Get("back"))
	if path, _, _ := strings.Cut(back, "?"); path == "/executions" || path == "/attention" || strings.HasPrefix(path, "/executions/") {
		return back
	}
	return "/executions"
}

// question asks whether to do something with the chosen executions.
func (h *executions) question(c echo.Context, verb, action, text string) error {
	ids, err := chosenIDs(c.QueryParams())
	if err != nil {
		return err
	}
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = views.ID(id)
	}
	what := "executions"
	if len(ids) == 1 {
		what = "execution"
	}
	back := backToList(c.QueryParams())
	vm := views.Confirm{
		Title: verb + " " + views.Count(len(ids), what, what), Do: verb + " " + what, Action: action, Back: back, Text: text,
		Hidden: map[string]string{"id": strings.Join(texts, ","), "back": back},
	}
	return render(c, http.StatusOK, views.ConfirmPage(vm), views.ConfirmDialog(vm))
}

func (h *executions) askRemove(c echo.Context) error {
	return h.question(c, "Delete", "/executions/delete",
		"What was recorded of each step is gone for good: input, result and log. One line stays, on the tab “Deleted”. Records that the steps changed stay as they are. What still runs or waits is not deleted.")
}

func (h *executions) askCancel(c echo.Context) error {
	return h.question(c, "Cancel", "/executions/cancel",
		"The step that runs or waits is stopped, and no other one begins. What earlier steps did stays done. Open tasks are closed, and executions that this one started are cancelled too. What has ended already stays as it is.")
}

func (h *executions) cancel(c echo.Context) error {
	form, err := c.FormParams()
	if err != nil {
		return err
	}
	ids, err := chosenIDs(form)
	if err != nil {
		return err
	}
	n, err := h.engine.Cancel(c.Request().Context(), actor(c), ids)
	if err != nil {
		return err
	}
	notice := views.Count(n, "execution was cancelled.", "executions were cancelled.")
	if spared := len(ids) - n; spared > 0 {
		notice = strings.TrimSuffix(notice, ".") + fmt.Sprintf("; %d had ended already.", spared)
	}
	return done(c, backToList(form), notice)
}

func (h *executions) remove(c echo.Context) error {
	form, err := c.FormParams()
	if err != nil {
		return err
	}
	ids, err := chosenIDs(form)
	if err != nil {
		return err
	}
	n, err := h.engine.DeleteExecutions(c.Request().Context(), actor(c), ids)
	if err != nil {
		return err
	}
	notice := views.Count(n, "execution was deleted.", "executions were deleted.")
	if spared := len(ids) - n; spared > 0 {
		notice = strings.TrimSuffix(notice, ".") + fmt.Sprintf("; %d still run, wait, or were gone already.", spared)
	}
	return done(c, backToList(form), notice)
}
