package handlers

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"alur/engine/value"
	"alur/views"
)

// What an execution gives to whoever started it.

// outputKey is the key of the output's card.
const outputKey = "output"

func (l *runLog) hasOutput() bool { return len(l.x.Output) > 0 && string(l.x.Output) != "null" }

func (l *runLog) outputCard() views.FlowCard {
	url := l.url() + "/output"
	return views.FlowCard{Key: outputKey, Icon: "export", Trigger: true, Title: "Output", Summary: l.outputWords(), State: views.Completed, Word: "Given",
		Figure: views.Bytes(len(l.x.Output)), URL: url, Attrs: views.OpenCard(url), Current: l.openKey == outputKey}
}

// outputWords says the output in one line; of an object it names the keys.
func (l *runLog) outputWords() string {
	v, err := value.Decode(l.x.Output)
	if err != nil {
		return "What it gives"
	}
	if object, ok := v.(map[string]any); ok {
		return views.Clip(strings.Join(slices.Sorted(maps.Keys(object)), ", "), 160)
	}
	return views.Clip(plainWords(v), 160)
}

// output opens the panel of what the execution gives.
func (h *executions) output(c echo.Context) error {
	l, err := h.open(c)
	if err != nil {
		return err
	}
	p := &views.StepPanel{Key: outputKey, Icon: "export", Trigger: true, Title: "Output", State: views.Completed, Word: "Given", Close: l.url() + "?step=none",
		Text: "What this execution gives to whoever started it."}
	if !l.hasOutput() {
		p.State, p.Word, p.Text = views.Idle, "None", "This execution gives nothing to whoever started it."
	} else if f := dataFold("output", "Output", l.x.Output, l.url()+"/output/data"); f != nil {
		p.Data = append(p.Data, *f)
	}
	return l.render(c, p)
}

func (h *executions) outputData(c echo.Context) error {
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil {
		return errNoExecution
	}
	x, _, err := h.engine.Execution(c.Request().Context(), actor(c), id)
	if err != nil {
		return err
	}
	return download(c, "execution-"+views.ID(id)+"-output.json", x.Output)
}
