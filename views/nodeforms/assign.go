package nodeforms

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// assignment is one row of field values.
type assignment struct {
	Field, Value string
	Free         bool   // Value is typed although the field has choices
	JSON         string // a value that is a list or an object, edited as JSON
}

func loadAssignments(values Object) []assignment {
	var rows []assignment
	for _, name := range slices.Sorted(maps.Keys(values)) {
		a := assignment{Field: name}
		switch v := values[name].(type) {
		case Object, []any:
			a.JSON = jsonText(v)
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
		a := assignment{Field: v.Get(at + ".field"), Value: v.Get(at + ".value"), Free: v.Has(at + ".free"), JSON: v.Get(at + ".raw")}
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
		if a.JSON != "" {
			values[a.Field] = literal(a.JSON)
			continue
		}
		v, msg := fieldValue(fieldAt(env, collectionName, a.Field), a.Value)
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
		titles = append(titles, titleAt(env, collectionName, name))
	}
	return strings.Join(titles, ", ")
}
