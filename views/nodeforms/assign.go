package nodeforms

import (
	"fmt"
	"maps"
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
		f := fieldAt(env, collectionName, a.Field)
		if a.asJSON(f) {
			values[a.Field] = literal(a.JSON)
			continue
		}
		v, msg := fieldValue(f, a.Value)
		if f != nil && f.ToMany() {
			v, msg = keyValues(env, f, a.Value)
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
		titles = append(titles, titleAt(env, collectionName, name))
	}
	return strings.Join(titles, ", ")
}

// asJSON reports whether a is edited as JSON: what no line can hold.
func (a assignment) asJSON(f *collection.Field) bool {
	return a.JSON != "" && !(a.Keys && f != nil && f.ToMany())
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
