package nodeforms

import (
	"fmt"
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"alur/engine/collection"
)

// assignment is one row of field values.
type assignment struct {
	Field, Value string
	Free         bool   // Value is typed although the field has choices
	JSON         string // a value that is a list or an object, edited as JSON
	Keys         bool   // JSON is a list of keys and variables, which Value has in a line
	Step         string // stepUp or stepDown: Value is what the number changes by
	Steps        bool   // such steps are offered
}

// How a number changes, as the form calls it.
const (
	stepUp   = "increase"
	stepDown = "decrease"
)

// stepping are rows that offer steps for numbers.
func stepping(rows []assignment) []assignment {
	rows = slices.Clone(rows)
	for i := range rows {
		rows[i].Steps = true
	}
	return rows
}

// steps reports whether a can change f by so much.
func (a assignment) steps(f *collection.Field) bool {
	return a.Steps && f != nil && isNumber(f) && f.Relation == "" && !f.ReadOnly && len(f.Enum) == 0
}

// step reads {"$inc": -2}, or "$dec" with a variable; ok is false for other values.
func step(o Object) (kind, value string, ok bool) {
	if len(o) != 1 {
		return "", "", false
	}
	for key, v := range o {
		n, number := v.(float64)
		_, text := v.(string)
		switch {
		case !number && !text:
		case key == "$inc" && n < 0, key == "$dec" && n >= 0:
			return stepDown, valueText(positive(v)), true
		case key == "$inc", key == "$dec":
			return stepUp, valueText(positive(v)), true
		}
	}
	return "", "", false
}

func positive(v any) any {
	if n, ok := v.(float64); ok {
		return math.Abs(n)
	}
	return v
}

// stepValue is what step reads back; v is a number, or text with a variable.
func stepValue(kind string, v any) Object {
	n, number := v.(float64)
	switch {
	case kind == stepDown && number:
		return Object{"$inc": -n}
	case kind == stepDown:
		return Object{"$dec": v}
	}
	return Object{"$inc": v}
}

// stepWords says a step after the name of its field: " (−2)".
func stepWords(env *Env, v any) string {
	o, _ := v.(Object)
	kind, value, ok := step(o)
	switch {
	case !ok:
		return ""
	case kind == stepDown:
		return " (−" + env.Names.Short(value) + ")"
	}
	return " (+" + env.Names.Short(value) + ")"
}

func loadAssignments(values Object) []assignment {
	var rows []assignment
	for _, name := range slices.Sorted(maps.Keys(values)) {
		a := assignment{Field: name}
		switch v := values[name].(type) {
		case []any:
			a.JSON = jsonText(v)
			a.Value, a.Keys = keysText(v)
		case Object:
			a.JSON = jsonText(v)
			a.Step, a.Value, _ = step(v)
		default:
			a.Value = valueText(v)
		}
		rows = append(rows, a)
	}
	return rows
}

func readAssignments(v url.Values, prefix string) []assignment {
	var rows []assignment
	for _, i := range indexes(v, prefix) {
		at := prefix + "." + strconv.Itoa(i)
		a := assignment{Field: v.Get(at + ".field"), Value: v.Get(at + ".value"), Free: v.Has(at + ".free"), JSON: v.Get(at + ".raw"), Step: v.Get(at + ".step")}
		if a.Value == freeText {
			a.Value, a.Free = "", true
		}
		rows = append(rows, a)
	}
	return rows
}

// doRows adds a zero row to, or removes a row from, a list called prefix.
func doRows[T any](rows []T, verb, prefix, place string) []T {
	if verb == "add" && place == prefix {
		var zero T
		return append(rows, zero)
	}
	digits, ok := strings.CutPrefix(place, prefix+".")
	i, err := strconv.Atoi(digits)
	if verb == "remove" && ok && err == nil && i >= 0 && i < len(rows) {
		return slices.Delete(rows, i, i+1)
	}
	return rows
}

// assignments turns rows into stored values. Rows without a field fall away.
func assignments(env *Env, collectionName, prefix string, rows []assignment, problem func(name, msg string)) Object {
	values := Object{}
	for i, a := range rows {
		at := prefix + "." + strconv.Itoa(i)
		if a.Field == "" {
			continue
		}
		if _, twice := values[a.Field]; twice {
			problem(at, "This field is set twice. Remove one of the two.")
			continue
		}
		f := fieldAt(env, collectionName, a.Field)
		if a.asJSON(f) {
			values[a.Field] = literal(a.JSON)
			continue
		}
		v, msg := fieldValue(f, a.Value)
		if f != nil && f.ToMany() {
			v, msg = keyValues(env, f, a.Value)
		}
		if a.Step != "" && a.steps(f) {
			if v == nil && msg == "" {
				msg = "Write a number, or choose a variable."
			}
			v = stepValue(a.Step, v)
		}
		if msg != "" {
			problem(at, msg)
		}
		values[a.Field] = v
	}
	return values
}

// assignedWords names the fields that rows set: "Stock, Last sold".
func assignedWords(env *Env, collectionName string, values Object) string {
	var titles []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		titles = append(titles, titleAt(env, collectionName, name)+stepWords(env, values[name]))
	}
	return strings.Join(titles, ", ")
}

// asJSON reports whether a is edited as JSON: what no line can hold.
func (a assignment) asJSON(f *collection.Field) bool {
	return a.JSON != "" && !(a.Keys && f != nil && f.ToMany()) && !(a.Step != "" && a.steps(f))
}

// keysText is a list of keys and variables in a line: "3, 4, {{$context.data.id}}".
func keysText(list []any) (line string, ok bool) {
	var parts []string
	for _, v := range list {
		switch v := v.(type) {
		case float64:
			parts = append(parts, valueText(v))
		case string:
			if pieces := keyPieces(v); len(pieces) != 1 || pieces[0] != v {
				return "", false
			}
			parts = append(parts, v)
		default:
			return "", false
		}
	}
	return strings.Join(parts, ", "), true
}

// keyPieces splits a line at commas and spaces that stand in no variable.
func keyPieces(line string) []string {
	var pieces []string
	start, depth := 0, 0
	add := func(end int) {
		if piece := strings.TrimSpace(line[start:end]); piece != "" {
			pieces = append(pieces, piece)
		}
	}
	for i := 0; i < len(line); i++ {
		switch {
		case strings.HasPrefix(line[i:], "{{"):
			depth++
		case strings.HasPrefix(line[i:], "}}") && depth > 0:
			depth--
		case depth == 0 && strings.ContainsRune(",; \t\r\n", rune(line[i])):
			add(i)
			start = i + 1
		}
	}
	add(len(line))
	return pieces
}

// keyValues is what is typed for a relation to many records: their keys, and
// variables that hold some. Nothing is none.
func keyValues(env *Env, f *collection.Field, typed string) (value any, problem string) {
	list := []any{}
	for _, piece := range keyPieces(typed) {
		number, ok := literal(piece).(float64)
		switch {
		case strings.Contains(piece, "{{"), !numbered(keyField(env, f)):
			list = append(list, piece)
		case ok:
			list = append(list, number)
		default:
			return list, fmt.Sprintf("“%s” is no number of a record. Write numbers with commas between, or choose a variable.", piece)
		}
	}
	return list, ""
}

// numbered reports whether the values of key are numbers.
func numbered(key *collection.Field) bool {
	if key == nil {
		return true
	}
	switch key.Type {
	case collection.String, collection.Text, collection.UID, collection.NanoID, collection.UUID:
		return false
	}
	return true
}
