package auth

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// Action is what can be done with the records of a collection.
type Action string

// The actions that rights are given for.
const (
	View    Action = "view"
	Create  Action = "create"
	Update  Action = "update"
	Destroy Action = "destroy"
	Export  Action = "export"
	Import  Action = "importXlsx"
)

// Actions lists the actions in the order people are offered them.
var Actions = []Action{View, Create, Update, Destroy, Export, Import}

// Reaches reports whether a is done to records that are there, so that a scope
// makes sense for it.
func (a Action) Reaches() bool { return a != Create && a != Import }

// known reports whether a is one of Actions.
func (a Action) known() bool { return slices.Contains(Actions, a) }

// Grant is what somebody may do with one action on one collection; the zero
// Grant is nothing.
type Grant struct {
	Allowed bool
	Any     bool            // every record
	Own     bool            // those that the person created
	Scopes  []Scope         // and those that match one of these
	fields  map[string]bool // nil: all
}

// Everything is the grant of who may do all.
var Everything = Grant{Allowed: true, Any: true}

// Field reports whether g covers the field called name.
func (g Grant) Field(name string) bool { return g.Allowed && (g.fields == nil || g.fields[name]) }

// AllFields reports whether g covers every field.
func (g Grant) AllFields() bool { return g.Allowed && g.fields == nil }

// Scope is a filter that records must match. Its variables are filled in with
// the one who asks: see package collection.
type Scope struct {
	ID     int64
	Filter any // JSON
}

// ScopeAll and ScopeOwn are the ids of the built-in scopes.
const (
	ScopeAll = 1
	ScopeOwn = 2
)

// Rights is what a role may do, or several roles together. It is never changed.
type Rights struct {
	everything bool // the engine's and a root's: whatever is asked
	manage     [rightsEnd]bool
	strategy   map[Action]Grant            // on collections without rules of their own
	resources  map[string]map[Action]Grant // by collection
}

// grant is what r says about an action; nil says nothing.
func (r *Rights) grant(collection string, act Action) Grant {
	switch {
	case r == nil:
		return Grant{}
	case r.everything:
		return Everything
	}
	if rules, ok := r.resources[collection]; ok {
		return rules[act]
	}
	return r.strategy[act]
}

// can reports whether r has a management right; nil has none.
func (r *Rights) can(right Right) bool {
	return r != nil && (r.everything || right < rightsEnd && r.manage[right])
}

// rights compiles a role.
func (d RoleDefinition) rights() *Rights {
	r := &Rights{everything: d.Name == Root, strategy: map[Action]Grant{}, resources: map[string]map[Action]Grant{}}
	r.manage[UseRecords] = true
	for right, snippet := range snippets {
		r.manage[right] = allowsSnippet(d.Snippets, snippet)
	}
	r.manage[SeeWorkflows] = r.manage[SeeWorkflows] || r.manage[ManageWorkflows]
	r.manage[CreateWorkflows] = r.manage[CreateWorkflows] || r.manage[ManageWorkflows]
	for _, entry := range d.Actions {
		name, own := strings.CutSuffix(entry, ":own")
		act := Action(name)
		if own && act.Reaches() {
			r.strategy[act] = join(r.strategy[act], Grant{Allowed: true, Own: true})
		} else {
			r.strategy[act] = Everything
		}
	}
	for _, res := range d.Resources {
		if !res.OwnRules {
			continue
		}
		rules := map[Action]Grant{}
		for _, a := range res.Actions {
			rules[a.Name] = a.grant()
		}
		r.resources[res.Collection] = rules
	}
	return r
}

// grant is what an action of a resource gives.
func (a ResourceAction) grant() Grant {
	g := Grant{Allowed: true}
	if a.Fields != nil {
		g.fields = map[string]bool{}
		for _, f := range a.Fields {
			g.fields[f] = true
		}
	}
	switch {
	case a.ScopeID == nil, *a.ScopeID == ScopeAll, !a.Name.Reaches():
		g.Any = true
	case *a.ScopeID == ScopeOwn:
		g.Own = true
	default:
		s := Scope{ID: *a.ScopeID}
		_ = json.Unmarshal(a.Filter, &s.Filter) // the column is jsonb
		g.Scopes = []Scope{s}
	}
	return g
}

// join is what two grants allow together: the records of both, and the fields
// of both.
func join(a, b Grant) Grant {
	switch {
	case !a.Allowed:
		return b
	case !b.Allowed:
		return a
	}
	g := Grant{Allowed: true, Any: a.Any || b.Any, Own: a.Own || b.Own}
	if !g.Any {
		g.Scopes = slices.Concat(a.Scopes, b.Scopes)
	}
	if a.fields != nil && b.fields != nil {
		g.fields = maps.Clone(a.fields)
		maps.Copy(g.fields, b.fields)
	}
	return g
}

// together is what several roles allow.
func together(all []*Rights) *Rights {
	if len(all) == 1 {
		return all[0]
	}
	sum := &Rights{strategy: map[Action]Grant{}, resources: map[string]map[Action]Grant{}}
	for _, r := range all {
		sum.everything = sum.everything || r.everything
		for right, has := range r.manage {
			sum.manage[right] = sum.manage[right] || has
		}
		for collection := range r.resources {
			sum.resources[collection] = map[Action]Grant{}
		}
	}
	for _, act := range Actions {
		for _, r := range all {
			sum.strategy[act] = join(sum.strategy[act], r.strategy[act])
			for collection, rules := range sum.resources {
				rules[act] = join(rules[act], r.grant(collection, act))
			}
		}
	}
	return sum
}

// covers reports whether r may do all that other may, so that who has r can give
// other to somebody.
func (r *Rights) covers(other *Rights) bool {
	switch {
	case r == nil:
		return false
	case r.everything:
		return true
	case other.everything:
		return false
	}
	for right, has := range other.manage {
		if has && !r.manage[right] {
			return false
		}
	}
	names := map[string]bool{"": true} // the collections without rules
	for collection := range r.resources {
		names[collection] = true
	}
	for collection := range other.resources {
		names[collection] = true
	}
	for collection := range names {
		for _, act := range Actions {
			if !r.grant(collection, act).covers(other.grant(collection, act)) {
				return false
			}
		}
	}
	return true
}

// covers reports whether g reaches all that other does. Scopes are compared by
// who they are, not by what they mean.
func (g Grant) covers(other Grant) bool {
	switch {
	case !other.Allowed:
		return true
	case !g.Allowed, other.Any && !g.Any, !g.Any && other.Own && !g.Own:
		return false
	}
	for _, s := range other.Scopes {
		if !g.Any && !slices.ContainsFunc(g.Scopes, func(mine Scope) bool { return mine.ID == s.ID }) {
			return false
		}
	}
	if g.fields == nil {
		return true
	}
	if other.fields == nil {
		return false
	}
	for f := range other.fields {
		if !g.fields[f] {
			return false
		}
	}
	return true
}
