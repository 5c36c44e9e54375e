// Package typetest looks whether node and trigger types are complete: what a type
// owes to the people who use it. Alur's own tests call it, and a company's tests
// do for theirs:
//
//	func TestTypes(t *testing.T) { typetest.Check(t) }
package typetest

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"alur/engine"
	"alur/engine/expr/function"
	"alur/engine/node"
	"alur/static"
	"alur/views/nodeforms"
	"alur/views/triggerforms"
)

// Check reports what is missing of any registered type: a form or a type without
// the other, title, group, help, an icon of the sprite, words on the card with all
// kinds of settings, a round trip of the settings through the form, and an example
// of the result in which every variable of the type can be found.
func Check(t testing.TB) {
	t.Helper()
	c := checker{t}
	for _, k := range node.Kinds() {
		c.node(k)
	}
	for _, f := range nodeforms.Kinds() {
		if node.Lookup(f.Name) == nil {
			t.Errorf("the form %s has no node type", f.Name)
		}
	}
	for _, k := range engine.TriggerKinds() {
		c.trigger(k)
	}
	for _, f := range triggerforms.Kinds() {
		if engine.LookupTrigger(f.Name) == nil {
			t.Errorf("the form %s has no trigger type", f.Name)
		}
	}
	for _, f := range function.All() {
		if !strings.HasPrefix(f.Help, f.Name+"(") {
			t.Errorf("the function %s has no help that begins with how to call it: “%s(a, b): what comes out”", f.Name, f.Name)
		}
	}
}

type checker struct {
	t testing.TB
}

// want reports what of a type is missing.
func (c checker) want(kind, what string, there bool) {
	c.t.Helper()
	if !there {
		c.t.Errorf("%s has no %s", kind, what)
	}
}

func (c checker) icon(kind, name string) {
	c.t.Helper()
	if !static.HasIcon(name) {
		c.t.Errorf("%s: there is no icon %q in static/icons.svg", kind, name)
	}
}

func (c checker) node(k *node.Kind) {
	c.t.Helper()
	f := nodeforms.Lookup(k.Name)
	if f == nil {
		c.t.Errorf("node type %s has no form: call nodeforms.Register for it", k.Name)
		return
	}
	c.want(k.Name, "effect", k.Effect >= node.Pure && k.Effect <= node.Remote)
	c.want(k.Name, "title", f.Title != "")
	c.want(k.Name, "group", f.Group != "")
	c.want(k.Name, "help", f.Help != "")
	c.want(k.Name, "keys of its settings", f.Keys != nil)
	c.want(k.Name, "words about its test", !k.Testable() || f.Test != "")
	c.icon(k.Name, f.Icon)
	if f.New == nil || f.Summary == nil {
		c.t.Errorf("%s has no form or no summary", k.Name)
		return
	}
	env := &nodeforms.Env{Action: "/here", Scope: "/scope?node=x", Zone: time.UTC, Names: nodeforms.Names{Record: nodeforms.Singular}}
	for _, v := range f.Variants {
		name := strings.TrimSuffix(k.Name+"/"+v.Name, "/")
		c.want(name, "title", v.Title != "")
		c.want(name, "help", v.Help != "")
		raw := json.RawMessage(v.Config)
		settings, problems := k.Decode(raw)
		if len(problems) > 0 {
			c.t.Errorf("%s starts with settings that nobody can read: %v", name, problems)
			continue
		}
		c.form(name, f.New, raw, env)
		f.Summary(raw, env)
		for _, b := range k.Branches(settings) {
			c.want(name, "label of a branch", b.Label != "")
		}
		c.sample(name, k.Outputs(settings, none{}), k.Sample(settings, none{}))
		c.problems(name, f.Keys, settings.Validate())
	}
	if settings, _ := k.Decode(json.RawMessage("{}")); settings != nil {
		c.problems(k.Name, f.Keys, settings.Validate())
	}
}

// problems looks for those that have no place in the form.
func (c checker) problems(name string, keys []string, problems node.Problems) {
	c.t.Helper()
	for field := range problems {
		if field != "" && !placed(keys, field) {
			c.t.Errorf("%s: a problem at %q stands above the form instead of beside its field: name the key in Keys", name, field)
		}
	}
}

func (c checker) trigger(k engine.TriggerKind) {
	c.t.Helper()
	name := k.Name()
	f := triggerforms.Lookup(name)
	if f == nil {
		c.t.Errorf("trigger type %s has no form: call triggerforms.Register for it", name)
		return
	}
	c.want(name, "title", f.Title != "")
	c.want(name, "help", f.Help != "")
	c.want(name, "keys of its settings", f.Keys != nil)
	c.icon(name, f.Icon)
	if _, byHand := k.(engine.Starter); byHand {
		c.want(name, "words about a start by hand", f.ByHand != "")
	}
	if f.New == nil || f.Summary == nil || f.Words == nil {
		c.t.Errorf("%s has no form, no words or no summary", name)
		return
	}
	env := &nodeforms.Env{Action: "/here", Scope: "/scope?node=trigger", Zone: time.UTC, Names: nodeforms.Names{Record: nodeforms.Singular}}
	raw := json.RawMessage("{}")
	if f.Initial != nil {
		raw = json.RawMessage(f.Initial(time.Date(2030, 1, 31, 9, 0, 0, 0, time.UTC)))
	}
	if _, problems := k.Decode(raw); len(problems) > 0 {
		c.t.Errorf("%s starts with settings that nobody can read: %v", name, problems)
		return
	}
	c.form(name, f.New, raw, env)
	f.Words(raw, env)
	f.Summary(raw, env)
	c.sample(name, k.Outputs(raw, none{}), engine.SampleContext(k, raw, none{}))
	c.problems(name, f.Keys, k.Check(json.RawMessage("{}"), none{}))
}

// form renders the form with settings and saves it untouched.
func (c checker) form(name string, make func() nodeforms.Form, raw json.RawMessage, env *nodeforms.Env) {
	c.t.Helper()
	for _, settings := range []json.RawMessage{raw, json.RawMessage("{}"), json.RawMessage("null")} {
		form := make()
		form.Load(nodeforms.Decode(settings))
		var b strings.Builder
		if err := form.View(env).Render(c.t.Context(), &b); err != nil {
			c.t.Errorf("%s: the form cannot be drawn: %v", name, err)
		}
	}
	form, kept := make(), nodeforms.Decode(raw)
	kept["kept"] = "yes"
	form.Load(nodeforms.Decode(raw))
	form.Read(url.Values{}, env) // nothing was filled in
	form.Save(kept)
	form.Problems()
	if kept["kept"] != "yes" {
		c.t.Errorf("%s: the form drops settings that it does not know", name)
	}
}

// sample looks for every variable in the example.
func (c checker) sample(name string, outputs []node.Variable, sample any) {
	c.t.Helper()
	if len(outputs) > 0 && sample == nil && !(len(outputs) == 1 && outputs[0].Path == "") {
		c.t.Errorf("%s has variables and no example of them", name)
		return
	}
	if len(outputs) == 0 && sample != nil {
		return // as an example without known parts
	}
	if list, ok := sample.([]any); ok && len(list) > 0 {
		sample = list[0]
	}
	object, _ := sample.(map[string]any)
	for _, v := range outputs {
		if v.Path == "" || v.Target != "" {
			continue
		}
		var at any = object
		for part := range strings.SplitSeq(v.Path, ".") {
			o, _ := at.(map[string]any)
			at = o[part]
		}
		if at == nil {
			c.t.Errorf("%s: the example %v has nothing at %q, which is a variable", name, sample, v.Path)
		}
	}
}

// placed reports whether problems at a key have a place in a form.
func placed(keys []string, field string) bool {
	for _, key := range keys {
		if field == key || strings.HasPrefix(field, key+".") {
			return true
		}
	}
	return false
}

// none is a catalogue without collections.
type none struct{}

func (none) Fields(string) ([]node.Variable, bool) { return nil, false }
