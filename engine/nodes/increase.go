package nodes

import (
	"maps"

	"alur/engine/collection"
	"alur/engine/expr"
	"alur/engine/node"
)

// Keys of an object that stands for a change of a number by so much: {"stock":
// {"$inc": -2}}, or less of it: {"stock": {"$dec": "{{$context.data.quantity}}"}}. In
// fields that hold JSON they are keys like any other.
const (
	inc = "$inc"
	dec = "$dec"
)

// change reads such an object; ok is false for every other value.
func change(v any) (by any, less, ok bool) {
	o, _ := v.(map[string]any)
	if by, ok = o[inc]; ok {
		return by, false, true
	}
	by, ok = o[dec]
	return by, true, ok
}

// increases turns the values of an update that say by how much a number changes into
// what the store takes for it. Wrong ones stay, and the store refuses them.
func increases(values map[string]any, records *collection.Store, name string) map[string]any {
	fields, _ := records.Fields(name)
	own := maps.Clone(values) // what the log shows stays as it is
	for _, f := range fields {
		o, _ := values[f.Path].(map[string]any)
		by, less, ok := change(values[f.Path])
		if !ok || len(o) > 1 || !collection.Increases(f.Type) {
			continue
		}
		if n, is := collection.ByNumber(by); is && less {
			by = n.Neg().String()
		}
		own[f.Path] = collection.Increase{By: by}
	}
	return own
}

// increases finds what is wrong with those of an update's values.
func (f fields) increases(name string, values expr.Template, p node.Problems) {
	object, _ := values.Value().(map[string]any)
	for _, field := range sortedKeys(object) {
		by, _, ok := change(object[field])
		if !ok {
			continue
		}
		v, problem := f.Field(name, field)
		at := "params.values." + field
		switch {
		case problem != "" || v.Type == collection.JSON:
		case !collection.Increases(v.Type) || v.Target != "":
			p[at] = "Only a number can be increased or decreased. Give “" + v.Title + "” a value."
		case len(object[field].(map[string]any)) > 1:
			p[at] = "Give nothing beside “$inc” or “$dec” in the object."
		case !numeric(by):
			p[at] = "Write a number to change this by, or choose a variable."
		}
	}
}

// numeric reports whether a setting is a number, or one variable that may be.
func numeric(v any) bool {
	if oneVariable(v) {
		return true
	}
	_, ok := collection.ByNumber(v)
	return ok
}
