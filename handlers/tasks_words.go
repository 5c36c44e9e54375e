package handlers

import (
	"fmt"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"alur/engine/fault"
	"alur/engine/task"
	"alur/views"
)

// fieldPrefix keeps the names of a task's own fields apart from ours.
const fieldPrefix = "v."

// decision reads the form that was sent for a task.
func decision(c echo.Context, ask task.Ask) (task.Decision, error) {
	sent, err := c.FormParams()
	if err != nil {
		return task.Decision{}, err
	}
	d := task.Decision{Form: sent.Get("form"), Action: sent.Get("action"), Values: map[string]any{},
		IP: c.RealIP(), Agent: c.Request().UserAgent()}
	for _, f := range ask.Forms {
		if f.Key != d.Form {
			continue
		}
		for _, field := range f.Fields {
			if field.Kind == task.YesNo && sent.Has("form") && !sent.Has(fieldPrefix+field.Name) {
				d.Values[field.Name] = "false" // a browser leaves an empty box out
			}
		}
	}
	for name, values := range sent {
		if name, ours := strings.CutPrefix(name, fieldPrefix); ours {
			d.Values[name] = values[0]
		}
	}
	return d, nil
}

// taskFacts words what a task shows.
func taskFacts(in []task.Fact, zone *time.Location) []views.Fact {
	out := make([]views.Fact, len(in))
	for i, f := range in {
		out[i] = views.Fact{Name: f.Label, Value: task.Dated(f.Value, zone)}
	}
	return out
}

// decisionForms makes the forms of an open task, with what was typed or saved
// before.
func decisionForms(t task.Task, action string, typed *task.Decision, problem *fault.Error) []views.DecisionForm {
	var forms []views.DecisionForm
	for n, f := range t.Ask.Forms {
		vm := views.DecisionForm{Action: action, Key: f.Key}
		if len(t.Ask.Forms) > 1 {
			vm.Title = f.Title
		}
		sent := typed != nil && (typed.Form == f.Key || typed.Form == "" && len(t.Ask.Forms) == 1)
		for _, field := range f.Fields {
			vf := decisionField(f, field)
			value := field.Default
			if saved, ok := t.Result.Form(f.Key)[field.Name]; ok {
				value = saved
			}
			if sent {
				value = typed.Values[field.Name]
				if problem != nil {
					vf.Error = problem.Fields[field.Name]
				}
			}
			vf.Value = field.Typed(value)
			vf.Checked = vf.Value == "true"
			forms := vf.WithID(f.Key, n)
			vm.Fields = append(vm.Fields, forms)
		}
		vm.Buttons = taskButtons(f)
		forms = append(forms, vm)
	}
	return forms
}

func decisionField(f task.Form, field task.Field) views.DecisionField {
	vf := views.DecisionField{Kind: string(field.Kind), Field: views.Field{
		Name: fieldPrefix + field.Name, Label: field.Title, Help: field.Help, Note: neededNote(f, field), Width: "w-3",
	}}
	switch field.Kind {
	case task.LongText:
		vf.Width = ""
	case task.Number, task.Integer:
		vf.InputMode = "decimal"
	case task.Date:
		vf.Type = "date"
	case task.Choice:
		vf.Options = []views.Option{{Text: "Choose…"}}
		for _, o := range field.Choices {
			vf.Options = append(vf.Options, views.Option{Value: o.Text(), Text: o.Label})
		}
	}
	return vf
}

// neededNote says behind a label when a field may stay empty: "optional",
// "needed to reject", "" for always needed.
func neededNote(f task.Form, field task.Field) string {
	if field.Required || field.Kind == task.YesNo {
		return ""
	}
	var needed []string
	for _, a := range f.Buttons() {
		if field.Needed(a.Key) {
			needed = append(needed, strings.ToLower(a.Title))
		}
	}
	if len(needed) == 0 {
		return "optional"
	}
	return "needed to " + strings.Join(needed, " and ")
}

func taskButtons(f task.Form) []views.DecisionButton {
	var out []views.DecisionButton
	for i, a := range f.Buttons() {
		b := views.DecisionButton{Key: a.Key, Text: a.Title, No: a.Refuses()}
		switch {
		case a.Status == task.Open:
		case b.No:
			b.Icon = "x"
		default:
			b.Icon, b.Primary = "check", i == 0
		}
		out = append(out, b)
	}
	return out
}

// decided words how a task came out; nil while it is open.
func decided(w views.Words, t task.Task) *views.Decided {
	o := t.Outcome
	switch {
	case o == nil && t.Status == task.Stopped:
		return &views.Decided{State: views.Cancelled, Title: "No longer needed",
			Text: "The workflow ended before anybody decided. There is nothing left to do."}
	case o == nil:
		return nil
	}
	verb := views.Past(o.Action.Title)
	vm := &views.Decided{State: outcomeState(*o), Title: "Already " + strings.TrimSuffix(verb, " on")}
	who := o.By
	if o.ByID == t.UserID {
		who = "You"
		if w.Now.Sub(o.At) < time.Minute { // the answer to pressing the button
			vm.Title = capital(strings.TrimSuffix(verb, " on"))
		}
	}
	when := w.Date(o.At) + ", " + w.Clock(o.At)
	vm.Text = fmt.Sprintf("%s %s this on %s. There is nothing left to do.", who, verb, when)
	vm.Facts = []views.Fact{{Name: "Decided by", Value: o.By}, {Name: "Through", Value: capital(through(*o))}}
	for _, f := range o.Form.Fields {
		if v, ok := o.Values[f.Name]; ok {
			vm.Facts = append(vm.Facts, views.Fact{Name: f.Title, Value: task.Dated(f.Shown(v), w.Zone)})
		}
	}
	return vm
}

func outcomeState(o task.Outcome) string {
	if o.Action.Refuses() {
		return views.Rejected
	}
	return views.Completed
}

// through says by which way a decision came in: "mail link, Firefox on Android,
// 10.2.3.4".
func through(o task.Outcome) string {
	way := map[task.Channel]string{task.App: "Alur", task.Link: "mail link", task.API: "API"}[o.Channel]
	parts := []string{way}
	if o.Agent != "" {
		parts = append(parts, views.ClientName(o.Agent))
	}
	if o.IP != "" {
		parts = append(parts, o.IP)
	}
	return strings.Join(parts, ", ")
}
