package nodeforms

import (
	"net/url"

	"github.com/a-h/templ"

	"alur/views"
)

// Setting is one control of a form that [Settings] makes.
type Setting struct {
	Name        string // key in the settings of the node, and name of the control
	Label       string
	Help        string
	Placeholder string
	Options     []views.Option // a choice among these; nil: a line of text
	Rows        int            // more than 0: a text of several lines

	Variables bool // text that may hold variables
	Value     bool // numbers, true, false and JSON are stored as such; otherwise as text
	Required  bool // the browser wants something here
}

// Settings makes forms that are no more than one control per setting, for node and
// trigger types without rows and parts that depend on each other:
//
//	New: nodeforms.Settings(
//		nodeforms.Setting{Name: "net", Label: "Net price", Variables: true},
//	),
//
// Problems stand beside the control of their key.
func Settings(controls ...Setting) func() Form {
	return func() Form { return &settingsForm{controls: controls, typed: map[string]string{}} }
}

type settingsForm struct {
	base
	controls []Setting
	typed    map[string]string // by name
}

func (f *settingsForm) Load(config Object) {
	for _, c := range f.controls {
		switch v := config[c.Name]; {
		case v == nil:
		case c.Value:
			f.typed[c.Name] = literalText(v)
		default:
			f.typed[c.Name] = valueText(v)
		}
	}
}

func (f *settingsForm) Read(v url.Values, _ *Env) {
	for _, c := range f.controls {
		f.typed[c.Name] = v.Get(c.Name)
	}
}

// Save leaves a setting out that nothing was typed for.
func (f *settingsForm) Save(config Object) {
	for _, c := range f.controls {
		switch typed := f.typed[c.Name]; {
		case typed == "":
			delete(config, c.Name)
		case c.Value:
			config[c.Name] = literal(typed)
		default:
			config[c.Name] = typed
		}
	}
}

func (f *settingsForm) View(env *Env) templ.Component {
	parts := make([]templ.Component, len(f.controls))
	for i, c := range f.controls {
		field := views.Field{
			Name: c.Name, Label: c.Label, Help: c.Help, Placeholder: c.Placeholder, Options: c.Options, Rows: c.Rows,
			Value: f.typed[c.Name], Error: env.problem(c.Name), Required: c.Required,
		}
		switch {
		case c.Options != nil:
			parts[i] = views.SelectField(field)
		case c.Variables:
			parts[i] = VariableField(env, field)
		case c.Rows > 0:
			parts[i] = views.TextArea(field)
		default:
			parts[i] = views.TextField(field)
		}
	}
	return templ.Join(parts...)
}
