package nodeforms

import (
	"slices"
	"strconv"
	"strings"

	"alur/engine/collection"
)

// Related is where a form finds the records that a relation leads to.
type Related struct {
	From   string            // where they are searched, by key; "" when they are not to be seen
	Titles map[string]string // of those that were asked for, by key
}

// relationEditor is a relation while its value is edited.
type relationEditor struct {
	field  *collection.Field // the relation; of a foreign key that which it is of
	target string            // what it leads to, in words
	chosen []chosen
	Related
}

// chosen is a key, or a variable, in the value of a relation.
type chosen struct{ Piece, Title string }

// relationOf is the relation that f is, or is the key of; nil for other fields.
func relationOf(c *collection.Collection, f *collection.Field) *collection.Field {
	switch {
	case c == nil || f == nil:
		return nil
	case f.ToMany():
		return f
	case f.Relation != "":
		f = c.Field(f.Relation)
	}
	if f == nil || f.Type != collection.BelongsTo {
		return nil
	}
	return f
}

// relation is the editor of field f of a collection; nil where its value is typed:
// of other fields, and of relations to what the person does not see.
func (e *Env) relation(collectionName string, f *collection.Field, value string) *relationEditor {
	r := &relationEditor{field: relationOf(e.Collection(collectionName), f)}
	if r.field == nil || e.Related == nil {
		return nil
	}
	var keys []string
	for _, piece := range relationPieces(r.field, value) {
		r.chosen = append(r.chosen, chosen{Piece: piece})
		if !hasVariable(piece) {
			keys = append(keys, piece)
		}
	}
	if r.Related = e.Related(r.field, keys); r.From == "" {
		return nil
	}
	for i, c := range r.chosen {
		if r.chosen[i].Title = r.Titles[c.Piece]; r.chosen[i].Title == "" {
			r.chosen[i].Title = c.Piece
		}
	}
	r.target = e.CollectionTitle(r.field.Target)
	return r
}

// relationPieces are the keys and variables in the value of a relation.
func relationPieces(f *collection.Field, value string) []string {
	switch value = strings.TrimSpace(value); {
	case f.ToMany():
		return keyPieces(value)
	case value == "":
		return nil
	}
	return []string{value}
}

// doAssignments is doRows for assignments, which can also lose one of the records
// that they name: "drop values.0.1".
func doAssignments(env *Env, collectionName string, rows []assignment, verb, prefix, place string) []assignment {
	if verb != "drop" {
		return doRows(rows, verb, prefix, place)
	}
	row, piece, _ := strings.Cut(strings.TrimPrefix(place, prefix+"."), ".")
	i, err := strconv.Atoi(row)
	n, err2 := strconv.Atoi(piece)
	if err != nil || err2 != nil || i < 0 || i >= len(rows) {
		return rows
	}
	f := relationOf(env.Collection(collectionName), fieldAt(env, collectionName, rows[i].Field))
	if f == nil {
		return rows
	}
	if pieces := relationPieces(f, rows[i].Value); n >= 0 && n < len(pieces) {
		rows[i].Value = strings.Join(slices.Delete(pieces, n, n+1), ", ")
	}
	return rows
}

// keyField is the field of the target whose values relation f holds; nil when it is
// not known.
func keyField(env *Env, f *collection.Field) *collection.Field {
	c := env.Collection(f.Target)
	if c == nil {
		return nil
	}
	if f.TargetKey != "" && f.Type != collection.HasMany {
		return c.Field(f.TargetKey)
	}
	return c.Key()
}
