package nodeforms

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"alur/engine/collection"
	"alur/views"
)

// Kind is how people see one node type.
type Kind struct {
	Name     string // of the node type
	Title    string
	Group    string // of the dialog that adds nodes
	Icon     string
	Help     string // what it is for, in one or two sentences
	Variants []Variant
	Test     string                 // what testing such a node does to the world; "" for types without test
	More     func() templ.Component // further help, after Help; nil for none
	Keys     []string               // settings with a place in the form; problems of others stand on top
	New      func() Form
	Summary  func(config json.RawMessage, env *Env) string

	// Said words what a run came to, below the title of its card; nil, or "": as
	// any other value, or else as Summary.
	Said func(r Result) string
	// Ways tells what the job of a node with branches remembers of them; nil: no more
	// than which one ran.
	Ways func(r Result) (Ways, bool)
}

// Variant is one way to start a node: a line of the dialog that adds nodes.
type Variant struct {
	Name   string // unique within its kind; "" for the only one
	Title  string
	Help   string
	Config string // JSON
}

// firstGroups are the groups of the dialog that adds nodes that come first, in
// order. A kind may name another; those follow by their names.
var firstGroups = []string{"Flow", "Data", "People"}

var kinds = map[string]*Kind{}

// Register says how people see a node type, as in
//
//	var _ = nodeforms.Register(nodeforms.Kind{Name: "delay", …})
//
// It panics when that is said already: two packages claim one name.
func Register(k Kind) *Kind {
	if kinds[k.Name] != nil {
		panic("nodeforms: kind registered twice: " + k.Name)
	}
	if len(k.Variants) == 0 {
		k.Variants = []Variant{{Title: k.Title, Help: k.Help, Config: "{}"}}
	}
	kinds[k.Name] = &k
	return &k
}

// Lookup returns how people see a node type; nil when it has no form.
func Lookup(name string) *Kind { return kinds[name] }

// Kinds returns all forms by group, and by title within.
func Kinds() []*Kind {
	return slices.SortedFunc(maps.Values(kinds), func(a, b *Kind) int {
		return cmp.Or(groupPlace(a.Group)-groupPlace(b.Group), strings.Compare(a.Group, b.Group), strings.Compare(a.Title, b.Title))
	})
}

func groupPlace(name string) int {
	if i := slices.Index(firstGroups, name); i >= 0 {
		return i
	}
	return len(firstGroups)
}

// Variant returns the variant called name, or the first.
func (k *Kind) Variant(name string) Variant {
	for _, v := range k.Variants {
		if v.Name == name {
			return v
		}
	}
	return k.Variants[0]
}

// IconOf is the icon of a node type, also of one without form.
func IconOf(kind string) string {
	if k := kinds[kind]; k != nil {
		return k.Icon
	}
	return "box"
}

// TitleOf names a node type, also one without form.
func TitleOf(kind string) string {
	if k := kinds[kind]; k != nil {
		return k.Title
	}
	return kind
}

// SummaryOf is the line under a node's name on its card.
func SummaryOf(kind string, config json.RawMessage, env *Env) string {
	k := kinds[kind]
	if k == nil {
		return "Unknown node type " + kind
	}
	if s := k.Summary(config, env); s != "" {
		return s
	}
	return "Not set up yet"
}

// Form is the settings of one node while they are edited.
type Form interface {
	// Load takes stored settings.
	Load(config Object)
	// Read takes a posted form.
	Read(v url.Values, env *Env)
	// Do adds or removes a row: "add values", "remove filter.0".
	Do(verb, place string)
	// Save writes the settings into what was stored.
	Save(config Object)
	// Problems says what cannot be saved, by the name of the control; known
	// after Save.
	Problems() map[string]string
	// View is the form's fields.
	View(env *Env) templ.Component
}

// Object is a JSON object.
type Object = map[string]any

// Decode reads stored settings; foreign shapes become an empty object.
func Decode(config json.RawMessage) Object {
	o := Object{}
	_ = json.Unmarshal(config, &o)
	if o == nil {
		o = Object{}
	}
	return o
}

// sub returns the object below key, making it when it is not there.
func sub(o Object, key string) Object {
	if inner, ok := o[key].(Object); ok {
		return inner
	}
	inner := Object{}
	o[key] = inner
	return inner
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

// truth reads a switch, which older clients send as text.
func truth(v any) bool { return v == true || v == "true" }

func texts(v any) []string {
	list, _ := v.([]any)
	var out []string
	for _, item := range list {
		if s, ok := item.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// base is what forms have in common.
type base struct{ problems map[string]string }

func (b *base) Problems() map[string]string { return b.problems }
func (b *base) Do(string, string)           {}

func (b *base) problem(name, msg string) {
	if b.problems == nil {
		b.problems = map[string]string{}
	}
	b.problems[name] = msg
}

// Env is what forms and summaries know of the world around the node.
type Env struct {
	Action      string // the address of the node, where its form posts to
	Scope       string // the address of the variable picker
	Sync        bool   // the workflow runs while the change is saved
	Collections []*collection.Collection
	Users       []views.Option
	Names       Names
	Problems    map[string]string // by control name or config key

	// Related finds the records that a relation leads to, those of keys among them;
	// nil: their keys are typed.
	Related func(f *collection.Field, keys []string) Related

	// For schedules.
	Zone         *time.Location // of the server; nil: not known here
	Zones        []string       // names of zones to choose from
	Upcoming     []string       // the next starts, in words
	NoneUpcoming string         // why there are none
}

// Collection returns the collection called name, with its data source or without;
// nil when there is none.
func (e *Env) Collection(name string) *collection.Collection {
	name = strings.TrimPrefix(name, "main:")
	for _, c := range e.Collections {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// CollectionTitle names a collection; an unknown one by its own name.
func (e *Env) CollectionTitle(name string) string {
	if c := e.Collection(name); c != nil && c.Title != "" {
		return c.Title
	}
	return name
}

// collectionOptions are the collections one can choose from; current stays in
// the list even when it is gone.
func (e *Env) collectionOptions(current string) []views.Option {
	options := []views.Option{{Value: "", Text: "Choose…"}}
	found := current == ""
	chosen := strings.TrimPrefix(current, "main:")
	for _, c := range e.Collections {
		o := views.Option{Value: c.Name, Text: c.Title}
		switch {
		case c.Name == chosen:
			o.Value, found = current, true // as it is stored
		case c.System:
			continue
		}
		options = append(options, o)
	}
	if !found {
		options = append(options, views.Option{Value: current, Text: current + " (gone)"})
	}
	return options
}

// problem returns what is wrong at one of names or below it.
func (e *Env) problem(names ...string) string {
	for _, name := range names {
		if msg := e.Problems[name]; msg != "" {
			return msg
		}
	}
	for _, key := range slices.Sorted(maps.Keys(e.Problems)) {
		for _, name := range names {
			if strings.HasPrefix(key, name+".") {
				return e.Problems[key]
			}
		}
	}
	return ""
}

// Elsewhere lists the problems that have no place in the form of k.
func (e *Env) Elsewhere(keys []string) []string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(e.Problems)) {
		placed := slices.ContainsFunc(keys, func(k string) bool { return key == k || strings.HasPrefix(key, k+".") })
		if !placed {
			out = append(out, e.Problems[key])
		}
	}
	return out
}

func controlID(name string) string { return "f-" + strings.ReplaceAll(name, ".", "-") }

// fieldAt returns the field that a dotted path leads to, or nil.
func fieldAt(env *Env, collectionName, path string) *collection.Field {
	c := env.Collection(collectionName)
	var f *collection.Field
	for _, name := range strings.Split(path, ".") {
		if c == nil {
			return nil
		}
		if f = c.Field(name); f == nil {
			return nil
		}
		c = env.Collection(f.Target)
	}
	return f
}

func orName(title, name string) string {
	if title != "" {
		return title
	}
	return name
}

func jsonText(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(raw)
}
