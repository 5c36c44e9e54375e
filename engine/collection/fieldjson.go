package collection

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// derived are the keys of a field's JSON that come from members and are not
// repeated in Options.
var derived = []string{"name", "type", "interface", "key", "collectionName", "sort"}

// MarshalJSON gives the flat object of spec/platform.md §6, keys that we do not
// know included.
func (f *Field) MarshalJSON() ([]byte, error) { return json.Marshal(f.object()) }

// object is f as a JSON object.
func (f *Field) object() map[string]any {
	m := f.options()
	m["name"], m["type"], m["interface"] = f.Name, f.Type, f.Interface
	if f.Relation != "" {
		m["isForeignKey"] = true
	}
	return m
}

// options is what is stored of f beside its own columns.
func (f *Field) options() map[string]any {
	m := maps.Clone(f.Options)
	if m == nil {
		m = map[string]any{}
	}
	for _, k := range derived {
		delete(m, k)
	}
	ui, _ := m["uiSchema"].(map[string]any)
	ui = maps.Clone(ui)
	if ui == nil {
		ui = map[string]any{}
	}
	ui["title"] = f.Title
	if len(f.Enum) > 0 {
		ui["enum"] = f.Enum
	} else {
		delete(ui, "enum")
	}
	delete(ui, "required")
	m["uiSchema"] = ui
	put(m, "allowNull", false, f.Required)
	delete(m, "required")
	put(m, "unique", true, f.Unique)
	put(m, "hidden", true, f.Hidden)
	put(m, "readOnly", true, f.ReadOnly)
	put(m, "defaultValue", f.Default, f.Default != nil)
	put(m, "length", f.Length, f.Length > 0)
	put(m, "precision", f.Precision, f.Precision > 0)
	put(m, "scale", f.Scale, f.Precision > 0)
	put(m, "min", f.Min, f.Min != nil)
	put(m, "max", f.Max, f.Max != nil)
	put(m, "target", f.Target, f.Target != "")
	put(m, "foreignKey", f.ForeignKey, f.ForeignKey != "")
	put(m, "onDelete", f.OnDelete, f.OnDelete != "")
	put(m, "sourceKey", f.SourceKey, f.SourceKey != "")
	put(m, "targetKey", f.TargetKey, f.TargetKey != "")
	put(m, "through", f.Through, f.Through != "")
	put(m, "otherKey", f.OtherKey, f.OtherKey != "")
	return m
}

func put(m map[string]any, key string, v any, there bool) {
	if !there {
		delete(m, key)
		return
	}
	m[key] = v
}

// UnmarshalJSON reads the flat object of spec/platform.md §6.
func (f *Field) UnmarshalJSON(raw []byte) error {
	var m map[string]any
	if err := json.Unmarshal(raw, &m); err != nil {
		return err
	}
	*f = Field{}
	f.Set(m)
	return nil
}

// Set takes over the keys of m, as they stand in a field's JSON; those that are
// not in m stay as they are.
func (f *Field) Set(m map[string]any) {
	if f.Options == nil {
		f.Options = map[string]any{}
	}
	before, _ := f.Options["uiSchema"].(map[string]any)
	maps.Copy(f.Options, m)
	if ui, ok := m["uiSchema"].(map[string]any); ok && before != nil {
		merged := maps.Clone(before)
		maps.Copy(merged, ui)
		f.Options["uiSchema"] = merged
	}
	for k, v := range m {
		switch k {
		case "name":
			f.Name, _ = v.(string)
		case "type":
			f.Type, _ = v.(string)
		case "interface":
			f.Interface, _ = v.(string)
		case "title":
			f.Title, _ = v.(string)
		case "allowNull":
			f.Required = v == false
		case "required":
			f.Required = v == true
		case "unique":
			f.Unique = v == true
		case "hidden":
			f.Hidden = v == true
		case "defaultValue":
			f.Default = v
		case "length":
			f.Length = whole(v)
		case "precision":
			f.Precision = whole(v)
		case "scale":
			f.Scale = whole(v)
		case "min":
			f.Min = optional(v)
		case "max":
			f.Max = optional(v)
		case "target":
			f.Target, _ = v.(string)
		case "foreignKey":
			f.ForeignKey, _ = v.(string)
		case "onDelete":
			f.OnDelete, _ = v.(string)
		case "sourceKey":
			f.SourceKey, _ = v.(string)
		case "targetKey":
			f.TargetKey, _ = v.(string)
		case "through":
			f.Through, _ = v.(string)
		case "otherKey":
			f.OtherKey, _ = v.(string)
		case "uiSchema":
			f.setUI(v)
		}
	}
	f.alias()
}

func (f *Field) setUI(v any) {
	ui, ok := v.(map[string]any)
	if !ok {
		return
	}
	if t, ok := ui["title"].(string); ok {
		f.Title = t
	}
	if ui["required"] == true {
		f.Required = true
	}
	if list, ok := ui["enum"].([]any); ok {
		f.Enum = choices(list)
	}
}

// choices reads {value, label, color} or plain values.
func choices(list []any) []Choice {
	var out []Choice
	for _, e := range list {
		c := Choice{Value: Format(e)}
		if m, ok := e.(map[string]any); ok {
			c = Choice{Value: Format(m["value"]), Label: Format(m["label"]), Color: Format(m["color"])}
		}
		if c.Label == "" {
			c.Label = c.Value
		}
		if c.Value != "" {
			out = append(out, c)
		}
	}
	return out
}

// alias replaces other names of a type by ours and fills in the usual interface.
func (f *Field) alias() {
	switch f.Type {
	case "date", "datetime":
		f.Type = Datetime
	case "jsonb":
		f.Type = JSON
	case "real":
		f.Type = Double
	}
	f.files()
	f.setRules() // what is wrong with them is said when the definition is checked
	if f.Interface != "" {
		return
	}
	f.Interface = usualInterfaces[f.Type]
	if f.Type == String && len(f.Enum) > 0 {
		f.Interface = "select"
	}
}

func whole(v any) int {
	n, _ := number(v)
	return int(n)
}

func optional(v any) *float64 {
	n, ok := number(v)
	if !ok {
		return nil
	}
	return &n
}

// Definition is what a new collection shall be.
type Definition struct {
	Name       string
	Title      string
	TitleField string
	Fields     []Field
	Options    map[string]any // all other keys
}

// UnmarshalJSON reads the body of collections:create.
func (d *Definition) UnmarshalJSON(raw []byte) error {
	var known struct {
		Name       string  `json:"name"`
		Title      string  `json:"title"`
		TitleField string  `json:"titleField"`
		Fields     []Field `json:"fields"`
	}
	if err := json.Unmarshal(raw, &known); err != nil {
		return fmt.Errorf("read a collection's definition: %w", err)
	}
	if err := json.Unmarshal(raw, &d.Options); err != nil {
		return fmt.Errorf("read a collection's definition: %w", err)
	}
	for _, k := range []string{"name", "title", "titleField", "fields"} {
		delete(d.Options, k)
	}
	d.Name, d.Title, d.TitleField, d.Fields = known.Name, known.Title, known.TitleField, known.Fields
	return nil
}

// Object is c as a JSON object, with its fields when those are wanted.
func (c *Collection) Object(fields bool) map[string]any {
	m := maps.Clone(c.Options)
	if m == nil {
		m = map[string]any{}
	}
	m["name"], m["title"], m["titleField"] = c.Name, c.Title, c.TitleField
	if _, there := m["filterTargetKey"]; !there && c.key != nil {
		m["filterTargetKey"] = c.key.Name
	}
	m["autoGenId"] = c.key != nil && c.key.ReadOnly
	if c.System {
		m["system"] = true
	}
	if fields {
		m["fields"] = c.FieldObjects()
	}
	return m
}

// FieldObjects are the fields of c as JSON objects, hidden ones left out.
func (c *Collection) FieldObjects() []any {
	list := []any{}
	for _, f := range slices.DeleteFunc(slices.Clone(c.Fields), func(f *Field) bool { return f.Hidden }) {
		list = append(list, f.object())
	}
	return list
}
