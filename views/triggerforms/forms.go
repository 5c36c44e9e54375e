package triggerforms

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"alur/views/nodeforms"
)

// Kind is how people see one trigger type.
type Kind struct {
	Name    string // of the trigger type
	Title   string // "When a record changes"
	Icon    string
	Help    string
	Keys    []string                   // settings with a place in the form
	Initial func(now time.Time) string // settings of new workflows, JSON; nil: none. now is in the server's zone
	New     func() nodeforms.Form
	Words   func(config json.RawMessage, env *nodeforms.Env) string // "Order is created"; "" when not set up
	Phrase  bool                                                    // Words stand alone in a list: "Every 5 minutes"
	Summary func(config json.RawMessage, env *nodeforms.Env) string // the line below on the card
	ByHand  string                                                  // what a start by hand is like: "As if its time had come."
}

var kinds = map[string]*Kind{}

// Register says how people see a trigger type. It panics when that is said
// already.
func Register(k Kind) *Kind {
	if kinds[k.Name] != nil {
		panic("triggerforms: kind registered twice: " + k.Name)
	}
	kinds[k.Name] = &k
	return &k
}

// Lookup returns how people see a trigger type; nil when it has no form.
func Lookup(name string) *Kind { return kinds[name] }

// Kinds returns all trigger forms by title.
func Kinds() []*Kind {
	return slices.SortedFunc(maps.Values(kinds), func(a, b *Kind) int { return strings.Compare(a.Title, b.Title) })
}

// Initial is what a new workflow's trigger is set to; nil for nothing.
func Initial(name string, now time.Time) json.RawMessage {
	if k := kinds[name]; k != nil && k.Initial != nil {
		return json.RawMessage(k.Initial(now))
	}
	return nil
}

// ByHand is what a start by hand of a workflow with this trigger is like.
func ByHand(name string) string {
	if k := kinds[name]; k != nil && k.ByHand != "" {
		return k.ByHand
	}
	return "As if it had happened."
}

// IconOf is the icon of a trigger type, also of one without form.
func IconOf(name string) string {
	if k := kinds[name]; k != nil {
		return k.Icon
	}
	return "bolt"
}

// WordsOf says what starts a workflow: "Order is created".
func WordsOf(kind string, config json.RawMessage, env *nodeforms.Env) string {
	k := kinds[kind]
	if k == nil {
		return "Unknown trigger " + kind
	}
	if words := k.Words(config, env); words != "" {
		return words
	}
	return k.Title
}

// SummaryOf is the line under a trigger's title on its card.
func SummaryOf(kind string, config json.RawMessage, env *nodeforms.Env) string {
	k := kinds[kind]
	if k == nil {
		return ""
	}
	if words := k.Summary(config, env); words != "" {
		return words
	}
	return "Not set up yet"
}

// When says the same as WordsOf in the way of a list: "When an order is
// created".
func When(kind string, config json.RawMessage, env *nodeforms.Env) string {
	k := kinds[kind]
	if k == nil {
		return "Unknown trigger " + kind
	}
	words := k.Words(config, env)
	if words == "" {
		return k.Title + " · not set up yet"
	}
	if k.Phrase {
		return words
	}
	article := "a "
	if strings.ContainsRune("aeiouAEIOU", rune(words[0])) {
		article = "an "
	}
	return "When " + article + strings.ToLower(words[:1]) + words[1:]
}
