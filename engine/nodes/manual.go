package nodes

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"alur/engine/expr"
	"alur/engine/node"
	"alur/engine/task"
)

var _ = node.Register[ManualConfig](manual{})

// ManualConfig is the settings of a step that people decide
// (spec/human-tasks.md §1.1).
type ManualConfig struct {
	Assignees expr.Template         `json:"assignees"` // user ids, lists of them, or records with an id
	Mode      int                   `json:"mode"`      // 0: one shared decision
	Title     expr.Template         `json:"title"`     // the node's title when empty
	Forms     map[string]ManualForm `json:"forms"`     // by form key
	Schema    ManualSchema          `json:"schema"`
}

// ManualForm is fields and buttons.
type ManualForm struct {
	Type       string           `json:"type"` // custom; "" means the same
	Title      string           `json:"title"`
	Collection ManualCollection `json:"collection"`
	Actions    []ManualAction   `json:"actions"`
}

// ManualCollection defines the fields of a custom form in place.
type ManualCollection struct {
	Name   string        `json:"name"`
	Fields []ManualField `json:"fields"`
}

// UnmarshalJSON also takes the bare name of a collection, as forms have it that
// write records.
func (c *ManualCollection) UnmarshalJSON(raw []byte) error {
	if bytes.HasPrefix(bytes.TrimSpace(raw), []byte(`"`)) {
		return json.Unmarshal(raw, &c.Name)
	}
	type plain ManualCollection
	return json.Unmarshal(raw, (*plain)(c))
}

// ManualField is a field in the form of spec/platform.md §6. Title, Required,
// Default and Choices may stand here or in uiSchema; requiredFor is ours.
type ManualField struct {
	Name        string        `json:"name"`
	Type        string        `json:"type"`
	Interface   string        `json:"interface"`
	Title       string        `json:"title"`
	Help        string        `json:"description"`
	Required    bool          `json:"required"`
	RequiredFor []string      `json:"requiredFor"` // keys of the buttons that need it
	Default     any           `json:"defaultValue"`
	Choices     []task.Option `json:"enum"`
	UI          struct {
		Title    string        `json:"title"`
		Help     string        `json:"description"`
		Required bool          `json:"required"`
		Default  any           `json:"default"`
		Choices  []task.Option `json:"enum"`
	} `json:"uiSchema"`
}

// ManualAction is a button. Title is ours; the reference keeps it in the ui
// schema.
type ManualAction struct {
	Key    string          `json:"key"`
	Title  string          `json:"title"`
	Status *int            `json:"status"` // 1 go on, -5 reject and end, 0 save only
	Values json.RawMessage `json:"values"`
}

// ManualSchema is what the person is shown above the form:
//
//	{"summary": "text", "facts": [{"label": "From", "value": "{{$context.data.from}}"}]}
//
// Texts may hold variables, filled in when the task is made. The key "schema"
// belongs to the ui schemas of the reference product, which know neither of the
// two words at their top; whatever else stands there is kept and not shown.
type ManualSchema struct {
	Summary expr.Template
	Facts   []ManualFact
}

// ManualFact is a labelled value.
type ManualFact struct {
	Label string        `json:"label"`
	Value expr.Template `json:"value"`
}

// UnmarshalJSON takes what is ours and passes over the rest.
func (s *ManualSchema) UnmarshalJSON(raw []byte) error {
	var ours struct {
		Summary expr.Template `json:"summary"`
		Facts   []ManualFact  `json:"facts"`
	}
	if bytes.HasPrefix(bytes.TrimSpace(raw), []byte("{")) {
		if err := json.Unmarshal(raw, &ours); err != nil {
			return err
		}
	}
	s.Summary, s.Facts = ours.Summary, ours.Facts
	return nil
}

// Validate returns problems under the dotted keys of the settings, with list
// positions as numbers: "forms.f1.actions.0.key".
func (c ManualConfig) Validate() node.Problems {
	p := node.Problems{}
	if c.Assignees.IsZero() || nobodyIn(c.Assignees.Value()) {
		p["assignees"] = "Choose who decides."
	}
	if c.Mode != 0 {
		p["mode"] = "Choose one shared decision: the first of them to decide decides for all."
	}
	if len(c.Forms) == 0 {
		p["forms"] = "Add a form with at least one button."
	}
	for key, f := range c.Forms {
		f.validate("forms."+key, p)
	}
	for i, f := range c.Schema.Facts {
		if strings.TrimSpace(f.Label) == "" {
			p[fmt.Sprintf("schema.facts.%d.label", i)] = "Give this fact a name."
		}
	}
	if len(p) == 0 {
		return nil
	}
	return p
}

func nobodyIn(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return strings.TrimSpace(v) == ""
	case []any:
		return !slices.ContainsFunc(v, func(e any) bool { return !nobodyIn(e) })
	}
	return false
}

func (f ManualForm) validate(at string, p node.Problems) {
	if f.Type != "" && f.Type != "custom" {
		p[at+".type"] = "Choose a form with its own fields, and write records by a create or update step after this one."
		return
	}
	names := map[string]bool{}
	for i, field := range f.Collection.Fields {
		at := fmt.Sprintf("%s.collection.fields.%d", at, i)
		kind, ok := field.kind()
		switch {
		case strings.TrimSpace(field.Name) == "":
			p[at+".name"] = "Give this field a name for variables."
		case strings.ContainsAny(field.Name, ". \t{}"):
			p[at+".name"] = "Write the name without dots, spaces and braces, so that variables can reach it."
		case names[field.Name]:
			p[at+".name"] = fmt.Sprintf("Another field is called “%s” too. Choose another name.", field.Name)
		case !ok:
			p[at+".type"] = "Choose text, number, choice, date or yes and no."
		case kind == task.Choice && len(field.choices()) == 0:
			p[at+".enum"] = "Add at least one choice."
		}
		names[field.Name] = true
		for _, key := range field.RequiredFor {
			if !slices.ContainsFunc(f.Actions, func(a ManualAction) bool { return a.Key == key }) {
				p[at+".requiredFor"] = fmt.Sprintf("There is no button “%s”. Choose from the buttons of this form.", key)
			}
		}
	}
	keys, decides := map[string]bool{}, false
	for i, a := range f.Actions {
		at := fmt.Sprintf("%s.actions.%d", at, i)
		switch {
		case a.Key == "":
			p[at+".key"] = "Give this button a name for variables."
		case keys[a.Key]:
			p[at+".key"] = fmt.Sprintf("Another button is called “%s” too. Choose another name.", a.Key)
		}
		keys[a.Key] = true
		switch {
		case a.Status == nil || *a.Status != 1 && *a.Status != -5 && *a.Status != 0:
			p[at+".status"] = "Choose what this button does: go on, reject and end, or save."
		case *a.Status != 0:
			decides = true
		}
	}
	if !decides && p[at+".actions"] == "" {
		p[at+".actions"] = "Add at least one button that decides."
	}
}

func (f ManualField) choices() []task.Option {
	if len(f.Choices) > 0 {
		return f.Choices
	}
	return f.UI.Choices
}

// kind is how the field is typed in; false when tasks cannot ask for its type.
func (f ManualField) kind() (task.Kind, bool) {
	switch f.Interface {
	case "select", "radioGroup":
		return task.Choice, true
	}
	switch f.Type {
	case "choice", "select":
		return task.Choice, true
	case "string", "":
		if len(f.choices()) > 0 {
			return task.Choice, true
		}
		if f.Interface == "textarea" {
			return task.LongText, true
		}
		return task.Text, true
	case "text":
		return task.LongText, true
	case "integer", "bigInt":
		return task.Integer, true
	case "number", "float", "double", "real", "decimal":
		return task.Number, true
	case "date", "dateOnly":
		return task.Date, true
	case "boolean":
		return task.YesNo, true
	}
	return "", false
}

// manual asks people and waits until one of them has decided.
type manual struct{}

func (manual) Kind() string        { return "manual" }
func (manual) Effect() node.Effect { return node.Local }

// People says where settings hold who decides.
func (manual) People() []string { return []string{"assignees"} }

// Waits keeps the node out of synchronous workflows.
func (manual) Waits() {}

// KnownLater knows what the values of a button may use besides: see [task.Form].
func (manual) KnownLater(field, root string) bool {
	return strings.HasPrefix(field, "forms.") && strings.Contains(field, ".actions.") && slices.Contains(task.LaterRoots, root)
}

func (manual) Run(ctx context.Context, s *node.Step, c ManualConfig) (node.Outcome, error) {
	assigned, err := c.Assignees.Eval(s.Vars)
	if err != nil {
		return node.Outcome{}, err
	}
	people, err := userIDs(assigned)
	if err != nil {
		return node.Outcome{}, err
	}
	title, ask, err := c.ask(s)
	if err != nil {
		return node.Outcome{}, err
	}
	s.Input = map[string]any{"assignees": idValues(people), "title": title}
	if len(people) == 0 { // nobody to ask: the step has passed
		return node.Done(nil), nil
	}
	err = node.Use[*task.Store](s.Services).Create(ctx, s.Tx, task.New{
		ExecutionID: s.ExecutionID, JobID: s.JobID, NodeID: s.NodeID, NodeKey: s.NodeKey,
		WorkflowID: s.WorkflowID, WorkflowKey: s.WorkflowKey, Title: title, Assignees: people, Ask: ask,
	})
	if err != nil {
		return node.Outcome{}, err
	}
	return node.Wait(), nil
}

// ask fills the variables in: what the person is shown stays as it is now.
func (c ManualConfig) ask(s *node.Step) (title string, a task.Ask, err error) {
	text := func(t expr.Template) string {
		if t.IsZero() || err != nil {
			return ""
		}
		var v any
		v, err = t.Eval(s.Vars)
		return inWords(s.Masked(v))
	}
	title = cmp.Or(strings.TrimSpace(text(c.Title)), s.Title, "Decision")
	a.Summary = text(c.Schema.Summary)
	for _, f := range c.Schema.Facts {
		a.Facts = append(a.Facts, task.Fact{Label: f.Label, Value: cmp.Or(text(f.Value), "–")})
	}
	for _, key := range slices.Sorted(maps.Keys(c.Forms)) {
		form := c.Forms[key].form(key)
		form.Scope, _ = s.Masked(mentioned(s.Vars, c.Forms[key].Actions)).(map[string]any)
		a.Forms = append(a.Forms, form)
	}
	return title, a, err
}

func (f ManualForm) form(key string) task.Form {
	form := task.Form{Key: key, Title: f.Title}
	for _, field := range f.Collection.Fields {
		kind, _ := field.kind()
		form.Fields = append(form.Fields, task.Field{
			Name: field.Name, Title: cmp.Or(field.Title, field.UI.Title, field.Name), Kind: kind,
			Help: cmp.Or(field.Help, field.UI.Help), Required: field.Required || field.UI.Required,
			RequiredFor: field.RequiredFor, Choices: field.choices(), Default: firstSet(field.Default, field.UI.Default),
		})
	}
	for _, a := range f.Actions {
		status := task.Open
		if a.Status != nil {
			status = task.Status(*a.Status)
		}
		form.Actions = append(form.Actions, task.Action{
			Key: a.Key, Title: cmp.Or(a.Title, standardTitle(status)), Status: status, Values: a.Values,
		})
	}
	return form
}

func standardTitle(s task.Status) string {
	switch s {
	case task.Passed:
		return "Approve"
	case task.Rejected:
		return "Reject"
	}
	return "Save"
}

func firstSet(a, b any) any {
	if a != nil {
		return a
	}
	return b
}

// Sample is the decision by the first button.
func (m manual) Sample(c ManualConfig, cat node.Catalogue) any {
	result := node.Sample(m.Outputs(c, cat)).(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(c.Forms)) {
		if actions := c.Forms[key].Actions; len(actions) > 0 {
			result["_"] = actions[0].Key
			break
		}
	}
	return result
}

// Outputs are the fields of the forms and the pressed button.
func (manual) Outputs(c ManualConfig, _ node.Catalogue) []node.Variable {
	vars := []node.Variable{{Path: "_", Title: "Pressed button", Type: "string"}}
	for _, key := range slices.Sorted(maps.Keys(c.Forms)) {
		f := c.Forms[key]
		form := node.Variable{Path: key, Title: cmp.Or(f.Title, key)}
		for _, field := range f.Collection.Fields {
			form.Children = append(form.Children, node.Variable{
				Path: field.Name, Title: cmp.Or(field.Title, field.UI.Title, field.Name), Type: cmp.Or(field.Type, "string"),
			})
		}
		vars = append(vars, form)
	}
	return vars
}
