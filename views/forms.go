package views

import "github.com/a-h/templ"

// Field is one control of a form with everything around it. Only Name and
// Label are needed.
type Field struct {
	Name  string // of the form value
	ID    string // of the control; "f-" + Name when empty
	Label string
	Note  string // small, behind the label: "optional"
	Help  string // one sentence under the control
	Error string // the rule as an instruction; marks the control
	Width string // column of a form-grid: "", "w-2", "w-3", "w-4"

	Value       string
	Type        string // of a TextField: "text" when empty
	Placeholder string
	Complete    string // autocomplete
	InputMode   string // "numeric", "decimal"
	Rows        int    // of a TextArea; 3 when 0
	Checked     bool   // of CheckField and SwitchField
	Options     []Option
	Multiple    bool // of Choices: checkboxes instead of radio buttons

	Required bool
	ReadOnly bool
	Disabled bool
	Mono     bool // code, keys
	Num      bool // figures: at the right
	Focus    bool // has the focus when the page opens

	Attrs templ.Attributes // further attributes of the control
}

// Option is one choice of a select, of radio buttons or of checkboxes.
type Option struct {
	Value    string
	Text     string
	Help     string // under Text; only in Choices
	Selected bool   // or Value equals the Field's
	Disabled bool
}

func (f Field) id() string {
	if f.ID != "" {
		return f.ID
	}
	return "f-" + slug(f.Name)
}

func (f Field) kind() string {
	if f.Type == "" {
		return "text"
	}
	return f.Type
}

func (f Field) rows() int {
	if f.Rows == 0 {
		return 3
	}
	return f.Rows
}

func (f Field) chosen(o Option) bool {
	return o.Selected || (!f.Multiple && o.Value == f.Value)
}

// Control is the id, the state and the description of a control, for controls
// that a page makes itself inside a [Frame]:
//
//	@Frame(f) {
//		<input class="input" { f.Control()... }/>
//	}
func (f Field) Control() templ.Attributes {
	a := templ.Attributes{"id": f.id()}
	if f.Name != "" {
		a["name"] = f.Name
	}
	switch {
	case f.Error != "":
		a["aria-describedby"] = f.id() + "-error"
	case f.Help != "":
		a["aria-describedby"] = f.id() + "-help"
	}
	if f.Error != "" {
		a["aria-invalid"] = "true"
	}
	set := func(name, value string) {
		if value != "" {
			a[name] = value
		}
	}
	set("placeholder", f.Placeholder)
	set("autocomplete", f.Complete)
	set("inputmode", f.InputMode)
	flag := func(name string, on bool) {
		if on {
			a[name] = true
		}
	}
	flag("required", f.Required)
	flag("readonly", f.ReadOnly)
	flag("disabled", f.Disabled)
	flag("autofocus", f.Focus)
	for k, v := range f.Attrs {
		a[k] = v
	}
	return a
}

func (f Field) class() string {
	c := "input"
	if f.Mono {
		c += " mono"
	}
	if f.Num {
		c += " num"
	}
	return c
}
