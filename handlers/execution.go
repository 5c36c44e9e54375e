package handlers

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"alur/engine"
	"alur/engine/fault"
	"alur/engine/value"
	"alur/views"
)

var (
	errNoExecution = fault.New(fault.NotFound, "There is no such execution. It may have been deleted.")
	errNoStep      = fault.New(fault.NotFound, "There is no such step in this execution.")
)

// show opens the first step that failed. With step=none no panel is open.
func (h *executions) show(c echo.Context) error {
	l, err := h.open(c)
	if fault.Is(err, fault.NotFound) {
		return h.showDeleted(c, err)
	}
	if err != nil {
		return err
	}
	if at := l.firstFailed(); at != nil && c.QueryParam("step") != "none" {
		p, err := l.stepPanel(c, *at)
		if err != nil {
			return err
		}
		p.Folded = true
		return l.render(c, p)
	}
	return l.render(c, nil)
}

// step opens the panel of one run of a node.
func (h *executions) step(c echo.Context) error {
	l, err := h.open(c)
	if err != nil {
		return err
	}
	at, err := l.job(c)
	if err != nil {
		return err
	}
	p, err := l.stepPanel(c, at)
	if err != nil {
		return err
	}
	return l.render(c, p)
}

// node opens the panel of a node: its newest run, or why there is none.
func (h *executions) node(c echo.Context) error {
	l, err := h.open(c)
	if err != nil {
		return err
	}
	key := c.Param("key")
	if runs := l.runs[key]; len(runs) > 0 {
		p, err := l.stepPanel(c, runs[len(runs)-1])
		if err != nil {
			return err
		}
		if p.Refresh != "" {
			p.Refresh = l.nodeURL(key)
		}
		return l.render(c, p)
	}
	p := l.idlePanel(key)
	if p == nil {
		return errNoStep
	}
	return l.render(c, p)
}

// trigger opens the panel of what started the execution.
func (h *executions) trigger(c echo.Context) error {
	l, err := h.open(c)
	if err != nil {
		return err
	}
	return l.render(c, l.triggerPanel())
}

func (l *runLog) render(c echo.Context, p *views.StepPanel) error {
	if p != nil {
		l.openKey = p.Key
	}
	vm := l.page(p)
	return render(c, http.StatusOK, views.ExecutionPage(vm), views.ExecutionContent(vm))
}

// job returns the run of a node that the address names.
func (l *runLog) job(c echo.Context) (engine.Job, error) {
	id, err := strconv.ParseInt(c.Param("job"), 10, 64)
	if err != nil {
		return engine.Job{}, errNoStep
	}
	at := slices.IndexFunc(l.jobs, func(j engine.Job) bool { return j.ID == id })
	if at < 0 {
		return engine.Job{}, errNoStep
	}
	return l.jobs[at], nil
}

func (l *runLog) stepPanel(c echo.Context, at engine.Job) (*views.StepPanel, error) {
	j, err := l.h.engine.Job(c.Request().Context(), actor(c), at.ID)
	if err != nil {
		return nil, err
	}
	n := l.find(j.NodeKey)
	state := l.jobState(n, j)
	p := &views.StepPanel{Key: j.NodeKey, Icon: l.icon(n), Title: l.title(n, j.NodeKey), State: state, Close: l.url() + "?step=none"}
	if l.gone() {
		p.Key = views.ID(j.ID)
	}
	p.Facts = []views.Fact{{Name: "Started", Value: l.w.Milli(j.StartedAt), Num: true}}
	took := views.Fact{Name: "Took", Value: views.Duration(l.took(j)), Num: true}
	if j.EndedAt == nil {
		took.Name = "Since"
		p.Refresh = l.stepURL(j.ID)
	}
	p.Facts = append(p.Facts, took)
	if j.Kept() {
		p.Facts = append(p.Facts, views.Fact{Name: "Ran in", Value: "the execution that this one runs again"})
	} else {
		p.Facts = append(p.Facts, views.Fact{Name: "Attempt", Value: strconv.Itoa(j.Attempt), Num: true})
	}
	if j.Status < 0 {
		p.Problem = l.problem(n, j)
	}
	if n != nil && l.rerunnable() {
		p.Rerun = "/executions/rerun?id=" + views.ID(l.x.ID) + "&node=" + views.ID(n.ID) + "&back=" + url.QueryEscape(l.url())
	}
	address := l.stepURL(j.ID)
	if f := dataFold("input", "Input", j.Input, address+"/input"); f != nil {
		p.Data = append(p.Data, *f)
	}
	if f := dataFold("result", "Result", j.Result, address+"/result"); f != nil {
		p.Data = append(p.Data, *f)
	}
	if j.Log != nil {
		p.Log = strings.Split(strings.TrimRight(*j.Log, "\n"), "\n")
	}
	if len(p.Data) == 0 && j.Status > 0 {
		p.Text = "This step has no input and no result."
	}
	p.Runs = l.otherRuns(n, j)
	return p, nil
}

// otherRuns lists all runs of a node that ran more than once, newest first.
func (l *runLog) otherRuns(n *engine.TreeNode, at engine.Job) []views.StepRun {
	all := l.runs[at.NodeKey]
	if len(all) < 2 {
		return nil
	}
	var list []views.StepRun
	for i, j := range slices.Backward(all) {
		state := l.jobState(n, j)
		list = append(list, views.StepRun{State: state, URL: l.stepURL(j.ID), Current: j.ID == at.ID,
			Text: fmt.Sprintf("Step %d · %s · %s", i+1, l.w.ClockMilli(j.StartedAt), views.Duration(l.took(j)))})
	}
	return list
}

// problem says in words why a step did not succeed.
func (l *runLog) problem(n *engine.TreeNode, j engine.Job) *views.ExecutionNotice {
	p := &views.ExecutionNotice{State: l.jobState(n, j), Strong: l.problemWords(n, j)}
	if n != nil {
		p.Link = views.Link{Text: "Open the step in the editor", URL: l.editorURL() + "/nodes/" + n.Key}
	}
	return p
}

// problemWords is what a step says of itself, or what its state means. Problems
// of fields are told with the fields' names.
func (l *runLog) problemWords(n *engine.TreeNode, j engine.Job) string {
	var detail struct {
		Fields map[string]string `json:"fields"`
	}
	if json.Unmarshal(j.Result, &detail) == nil && len(detail.Fields) > 0 && n != nil {
		c := l.env.Collection(collectionOf(n))
		var all []string
		for _, name := range slices.Sorted(maps.Keys(detail.Fields)) {
			title := name
			if c != nil && c.Field(name) != nil {
				title = cmp.Or(c.Field(name).Title, name)
			}
			all = append(all, title+": "+detail.Fields[name])
		}
		return strings.Join(all, " ")
	}
	if said := j.Problem(); said != "" {
		return said
	}
	switch l.jobState(n, j) {
	case views.Rejected:
		return "A person said no here."
	case views.Cancelled:
		return "The execution was stopped here."
	case views.Failed:
		if w, ok := l.ways(n, j); ok && w.Words != "" {
			return w.Words + "."
		}
		return "It ended as failed, as its settings ask."
	}
	return "This step broke and did not say why."
}

func (l *runLog) idlePanel(key string) *views.StepPanel {
	n := l.find(key)
	if n == nil {
		return nil
	}
	word, passed := l.idleWord(key)
	p := &views.StepPanel{Key: key, Icon: l.icon(n), Title: l.title(n, key), State: views.Idle, Word: word, Close: l.url() + "?step=none"}
	switch {
	case passed:
		p.Text = "The execution went another way."
	case l.ended():
		p.Text = "The execution ended before it came here."
	default:
		p.Text = "The execution has not come here yet."
		p.Refresh = l.nodeURL(key)
	}
	p.Links = []views.Link{{Text: "Settings", Icon: "edit", URL: l.editorURL() + "/nodes/" + key}}
	return p
}

func (l *runLog) triggerPanel() *views.StepPanel {
	card := l.triggerCard()
	p := &views.StepPanel{Key: card.Key, Icon: card.Icon, Trigger: true, Title: card.Title, State: views.Completed, Close: l.url() + "?step=none"}
	p.Facts = []views.Fact{{Name: "When", Value: l.w.Milli(l.x.CreatedAt), Num: true}}
	if l.x.StartedAt != nil {
		p.Facts = append(p.Facts, views.Fact{Name: "Begun after", Value: views.Duration(l.x.StartedAt.Sub(l.x.CreatedAt)), Num: true})
	}
	if l.x.Author != "" {
		p.Facts = append(p.Facts, views.Fact{Name: "By", Value: l.x.Author})
	}
	if l.x.ParentID != nil {
		p.Links = append(p.Links, views.Link{Text: "Execution that started it", Icon: "runs", URL: executionURL(*l.x.ParentID)})
	}
	if url := l.recordURL(); url != "" {
		p.Links = append(p.Links, views.Link{Text: "Open the record", Icon: "table", URL: url})
	}
	if c, record := l.record(); c != nil && !c.System && c.ID(record) != nil {
		p.Links = append(p.Links, views.Link{Text: "Executions about this record", Icon: "runs", URL: aboutRecord(c, record)})
	}
	if f := dataFold("data", "Trigger data", l.x.Context, l.url()+"/trigger/data"); f != nil {
		p.Data = append(p.Data, *f)
	}
	return p
}

// dataFold makes JSON ready to be shown; nil when there is nothing to show.
func dataFold(id, name string, raw []byte, url string) *views.DataFold {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	f := &views.DataFold{ID: "fold-" + id, Name: name, Size: views.Bytes(len(raw)), Open: true, URL: url}
	v, err := value.Decode(raw)
	if err != nil {
		f.Note = "This cannot be shown as a tree."
		return f
	}
	tree, shown, total, clipped := views.JSONTree(v)
	f.Tree = tree
	switch {
	case shown < total:
		f.Note = fmt.Sprintf("The first %s of %s values are shown.", views.Int(shown), views.Int(total))
	case clipped:
		f.Note = "Long texts are cut."
	}
	return f
}

func (h *executions) stepInput(c echo.Context) error {
	return h.stepData(c, "input", func(j engine.Job) []byte { return j.Input })
}

func (h *executions) stepResult(c echo.Context) error {
	return h.stepData(c, "result", func(j engine.Job) []byte { return j.Result })
}

func (h *executions) stepData(c echo.Context, name string, of func(engine.Job) []byte) error {
	id, err := strconv.ParseInt(c.Param("job"), 10, 64)
	if err != nil {
		return errNoStep
	}
	j, err := h.engine.Job(c.Request().Context(), actor(c), id)
	if err != nil {
		return err
	}
	if views.ID(j.ExecutionID) != c.Param("id") {
		return errNoStep
	}
	return download(c, "step-"+views.ID(j.ID)+"-"+name+".json", of(j))
}

func (h *executions) triggerData(c echo.Context) error {
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil {
		return errNoExecution
	}
	x, _, err := h.engine.Execution(c.Request().Context(), actor(c), id)
	if err != nil {
		return err
	}
	return download(c, "execution-"+views.ID(id)+"-trigger.json", x.Context)
}

// download sends JSON as a text file. It is never shown as a page: it holds
// what anybody may have typed.
func download(c echo.Context, name string, raw []byte) error {
	var out bytes.Buffer
	if err := json.Indent(&out, []byte(cmp.Or(string(raw), "null")), "", "  "); err != nil {
		return fmt.Errorf("indent %s: %w", name, err)
	}
	out.WriteByte('\n')
	c.Response().Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	return c.Blob(http.StatusOK, "text/plain; charset=utf-8", out.Bytes())
}
