package nodeforms

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/a-h/templ"

	"alur/views"
)

// What trigger forms are made of as well.

// Filter is the rows of a filter while they are edited.
type Filter struct{ rows group }

// LoadFilter turns a stored filter into rows.
func LoadFilter(v any) Filter { return Filter{loadFilter(v)} }

// ReadFilter reads the rows that a form posts under prefix.
func ReadFilter(v url.Values, prefix string) Filter { return Filter{readGroup(v, prefix)} }

// Do adds or removes a row.
func (f *Filter) Do(verb, prefix, place string) { f.rows.do(verb, prefix, place) }

// Stored turns the rows into a filter, with what is wrong by control name.
func (f Filter) Stored(env *Env, collectionName, prefix string) (Object, map[string]string) {
	problems := map[string]string{}
	o := f.rows.filter(env, collectionName, prefix, func(name, msg string) { problems[name] = msg })
	return o, problems
}

// Words says the filter in one line; "" when it is empty.
func (f Filter) Words(env *Env, collectionName string) string {
	return f.rows.filterWords(env, collectionName)
}

// FilterEditor is the editor of a filter; problems of key stand below it.
func FilterEditor(env *Env, f Filter, collectionName, prefix, legend, key string) templ.Component {
	return filterRowsEditor(env, f.rows, collectionName, prefix, legend, key)
}

// CollectionField is the choice of a collection, named "collection".
func CollectionField(env *Env, value, width string) templ.Component {
	return collectionField(env, value, width)
}

// AppendsField chooses the relations to load, named "appends".
func AppendsField(env *Env, collectionName string, chosen []string, key string) templ.Component {
	return appendsField(env, collectionName, chosen, key)
}

// ChangeOptions are the fields whose change can be waited for.
func ChangeOptions(env *Env, collectionName string, chosen []string) []views.Option {
	var options []views.Option
	left := map[string]bool{}
	for _, name := range chosen {
		left[name] = true
	}
	if c := env.Collection(collectionName); c != nil {
		for _, f := range c.Fields {
			if f.Hidden || f.ReadOnly || f.Name == "id" || f.IsRelation() {
				continue
			}
			selected := left[f.Name] || f.Relation != "" && left[f.Relation]
			options = append(options, views.Option{Value: f.Name, Text: titleOfField(c, f), Selected: selected})
			delete(left, f.Name)
			delete(left, f.Relation)
		}
	}
	for _, name := range chosen {
		c := env.Collection(collectionName)
		switch {
		case !left[name]:
		case c != nil && c.Field(name) != nil: // the API can watch relations to many too
			options = append(options, views.Option{Value: name, Text: titleOfField(c, c.Field(name)), Selected: true})
		default:
			options = append(options, views.Option{Value: name, Text: name + " (gone)", Selected: true})
		}
	}
	return options
}

// Unwatched names the relations to many that [ChangeOptions] does not offer. Most of
// what they lead to changes from the other side, as a line does that gets another
// order, and that is no change of the order: a tick here would promise too much. The
// API takes them, for updates that name the whole set.
func Unwatched(env *Env, collectionName string, chosen []string) []string {
	var titles []string
	if c := env.Collection(collectionName); c != nil {
		for _, f := range c.Fields {
			if f.ToMany() && !f.Hidden && !f.ReadOnly && !slices.Contains(chosen, f.Name) {
				titles = append(titles, titleOfField(c, f))
			}
		}
	}
	return titles
}

// FieldTitle names a field of a collection.
func FieldTitle(env *Env, collectionName, path string) string {
	return titleAt(env, collectionName, path)
}

// Problem returns what is wrong at one of names or below it.
func (e *Env) Problem(names ...string) string { return e.problem(names...) }

// Texts reads a JSON list of texts.
func Texts(v any) []string { return texts(v) }

// Literal reads a typed constant as JSON, or as text.
func Literal(s string) any { return literal(s) }

// LiteralText is what [Literal] reads back.
func LiteralText(v any) string { return literalText(v) }

// JSONProblem is what to do about a text that is meant as JSON and is none; "" for
// all others. A variable, which begins with two braces, is text.
func JSONProblem(typed string) string {
	typed = strings.TrimSpace(typed)
	if typed == "" || !strings.ContainsRune(`{["`, rune(typed[0])) || strings.HasPrefix(typed, "{{") || json.Valid([]byte(typed)) {
		return ""
	}
	return `This begins like JSON but cannot be read as such. Close every bracket and quote, or put the whole text in "quotes".`
}
