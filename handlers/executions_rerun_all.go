package handlers

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"alur/engine"
	"alur/engine/fault"
	"alur/views"
)

// rerunLooked is how many executions of a filter the question looks at for what is
// repeated.
const rerunLooked = 200

// askRerunAll asks whether all executions of the filter in the address run again.
func (h *executions) askRerunAll(c echo.Context) error {
	q := readExecutionQuery(c.QueryParams()).first()
	ids, err := h.engine.ExecutionIDs(c.Request().Context(), actor(c), q.filter(words(c)), engine.MaxBulkReruns+1)
	if err != nil {
		return err
	}
	if len(ids) == 0 {
		return fault.New(fault.Invalid, "No execution matches any more. Go back to the list and change the filter.")
	}
	if len(ids) > engine.MaxBulkReruns {
		return fault.New(fault.Invalid, "More than "+views.Int(engine.MaxBulkReruns)+" executions match, and at most "+views.Int(engine.MaxBulkReruns)+
			" run again at once. Narrow the list, for example by time, and run one part after the other.")
	}
	vm := views.Confirm{Title: "Run all " + views.Count(len(ids), "execution", "executions") + " again", Back: q.url(), Hidden: map[string]string{
		"all": q.values().Encode(), "before": views.ID(ids[0] + 1)}}
	part := "They are all that match the filter. It goes on when you close the page."
	if len(ids) > rerunLooked {
		part += " What is repeated was read from the newest " + views.Int(rerunLooked) + "."
		ids = ids[:rerunLooked]
	}
	if err := h.rerunQuestion(c, &vm, ids, part); err != nil {
		return err
	}
	return render(c, http.StatusOK, views.ConfirmPage(vm), views.ConfirmDialog(vm))
}

// rerunAll has the executions of a filter run again in the background, and leads to
// the page that shows how far it is. A form that is sent twice begins it once.
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
	b, err := h.engine.BeginBulkRerun(c.Request().Context(), actor(c), f, q.url(), r)
	if err != nil {
		return err
	}
	return done(c, bulkRerunURL(b.ID), "")
}

func bulkRerunURL(id int64) string { return "/executions/reruns/" + views.ID(id) }

// bulkRerun shows how far running many executions again is.
func (h *executions) bulkRerun(c echo.Context) error {
	b, err := h.bulkRerunOf(c)
	if err != nil {
		return err
	}
	vm := h.bulkRerunView(c, b)
	return render(c, http.StatusOK, views.RerunProgressPage(vm), views.RerunProgressPart(vm))
}

func (h *executions) bulkRerunOf(c echo.Context) (engine.BulkRerun, error) {
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil {
		return engine.BulkRerun{}, fault.New(fault.NotFound, "There is no such request to run executions again.")
	}
	return h.engine.BulkRerun(c.Request().Context(), actor(c), id)
}

// bulkRerunStates are the words for where a bulk rerun stands, with their state.
var bulkRerunStates = map[engine.BulkStatus][2]string{
	engine.BulkQueued:  {views.Queued, "Waits for its turn"},
	engine.BulkRunning: {views.Running, "Under way"},
	engine.BulkDone:    {views.Completed, "Done"},
	engine.BulkFailed:  {views.Error, "Given up"},
	engine.BulkStopped: {views.Cancelled, "Stopped"},
}

func (h *executions) bulkRerunView(c echo.Context, b engine.BulkRerun) views.RerunProgress {
	w := words(c)
	state := bulkRerunStates[b.Status]
	vm := views.RerunProgress{URL: bulkRerunURL(b.ID), Total: b.Total, Made: b.Made, Passed: b.Passed, Why: b.Why, Open: b.Open(), State: state[0], Word: state[1],
		Reason: b.Reason, Person: b.Person, Begun: w.Moment(b.CreatedAt, w.When(b.CreatedAt)), Back: local(b.List), How: "From the start"}
	if b.Failed {
		vm.How = "From the step that failed or waits"
	}
	vm.How += ", on the version that ran"
	if b.Newest {
		vm.How = vm.How[:len(vm.How)-len(", on the version that ran")] + ", on the current version"
	}
	if b.EndedAt != nil {
		vm.Ended = w.Moment(*b.EndedAt, w.When(*b.EndedAt))
	}
	return vm
}

// stopBulkRerun ends it.
func (h *executions) stopBulkRerun(c echo.Context) error {
	b, err := h.bulkRerunOf(c)
	if err != nil {
		return err
	}
	if err := h.engine.StopBulkRerun(c.Request().Context(), actor(c), b.ID); err != nil {
		return err
	}
	return done(c, bulkRerunURL(b.ID), "Stopped. What runs again already goes on.")
}

// rerunsShown is how long the list tells of a bulk rerun that is over.
const rerunsShown = time.Hour

// bulkReruns are those that the list of executions tells of.
func (h *executions) bulkReruns(c echo.Context) ([]views.RerunProgress, error) {
	list, err := h.engine.BulkReruns(c.Request().Context(), actor(c), h.server.Now().Add(-rerunsShown))
	if err != nil {
		return nil, err
	}
	shown := make([]views.RerunProgress, len(list))
	for i, b := range list {
		shown[i] = h.bulkRerunView(c, b)
	}
	return shown, nil
}
