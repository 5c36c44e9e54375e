package engine

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"alur/engine/collection"
	"alur/engine/expr"
	"alur/engine/node"
)

// Reference is one variable used in a node's settings.
type Reference struct {
	Field string // where, as in Problem
	Path  string // "$context.data.title", as it is written
}

// References lists the variables that the settings of a node refer to, in a
// stable order. Texts that the node's type does not read have none.
func References(n Node) []Reference {
	return slices.DeleteFunc(mentioned(n), func(r Reference) bool { return strings.HasPrefix(r.Path, "{{") })
}

// mentioned is References together with what looks like a variable and is none: its
// Path is the text with its braces.
func mentioned(n Node) []Reference {
	var v any
	if json.Unmarshal(n.Config, &v) != nil {
		return nil
	}
	var refs []Reference
	collect(v, "", &refs)
	if k := node.Lookup(n.Type); k != nil {
		refs = slices.DeleteFunc(refs, func(r Reference) bool { return slices.Contains(k.Quoted, r.Field) || !k.Knows(r.Field) })
	}
	return refs
}

func collect(v any, field string, refs *[]Reference) {
	switch v := v.(type) {
	case string:
		collectText(v, field, refs)
	case []any:
		for i, item := range v {
			collect(item, join(field, strconv.Itoa(i)), refs)
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			collectText(key, field, refs)
			collect(v[key], join(field, key), refs)
		}
	}
}

// collectText finds variables as the setting reads them: an expression knows fewer
// characters than a template.
func collectText(text, field string, refs *[]Reference) {
	placeholders := expr.Placeholders
	if field == "expression" || strings.HasSuffix(field, ".expression") {
		placeholders = expr.Parameters
	}
	end := 0
	for _, p := range placeholders(text) {
		collectUnread(text[end:p.Start], field, refs)
		*refs = append(*refs, Reference{field, p.Path})
		end = p.End
	}
	collectUnread(text[end:], field, refs)
}

// collectUnread finds what looks like a variable in text that has none.
func collectUnread(text, field string, refs *[]Reference) {
	for {
		_, after, ok := strings.Cut(text, "{{")
		if !ok {
			return
		}
		text = after
		inside, _, ok := strings.Cut(after, "}}")
		path := strings.TrimPrefix(strings.TrimSpace(inside), "ctx.")
		if ok && slices.ContainsFunc(roots, func(root string) bool { return strings.HasPrefix(path, root) }) {
			*refs = append(*refs, Reference{field, "{{" + inside + "}}"})
		}
	}
}

// roots are what the paths of variables begin with (spec/variables.md §3).
var roots = []string{"$context", "$jobsMapByNodeKey", "$scopes", "$system", "$env"}

func join(field, key string) string {
	if field == "" || key == "" {
		return field + key
	}
	return field + "." + key
}

// references checks the variables of one node against what is in scope there.
type references struct {
	w      Workflow
	at     *TreeNode
	scope  []ScopeGroup
	cat    node.Catalogue
	tree   Level
	loaded []string // relations that the trigger loads with its record
	env    []node.Variable
	also   map[string][]string // relations to count as loaded, by the key of the node; "" for the trigger
}

// references is for the variables of n.
func (s *scoper) references(n *TreeNode) references {
	return references{w: s.w, at: n, scope: s.scope(n.Key), cat: s.cat, tree: s.tree, loaded: LoadedRelations(s.w.Config), env: s.env}
}

// source is where a variable comes from.
type source struct {
	name     string   // in words
	settings string   // whose settings decide what is loaded, in words
	key      string   // of that node; "" for the trigger
	loaded   []string // dotted paths of relations
	at       []string // relations walked through so far
	unknown  bool     // nobody knows what is loaded
}

// finding is why a variable leads nowhere; the zero finding is that it may lead
// somewhere.
type finding struct {
	msg string
	// The relation that has to be loaded for it, as a dotted path from the record;
	// "" when it is something else.
	relation string
	key      string // whose settings load it: a node's; "" for the trigger's
}

// LoadedRelations reads from the settings of a trigger or a node the relations that it
// loads with a record, as dotted paths.
func LoadedRelations(config json.RawMessage) []string {
	var c struct {
		Appends []string `json:"appends"`
		Params  struct {
			Appends []string `json:"appends"`
		} `json:"params"`
	}
	_ = json.Unmarshal(config, &c) // foreign shapes load nothing
	return append(c.Appends, c.Params.Appends...)
}

// has reports whether the relations walked through are loaded; a longer path
// loads its beginning too.
func (s source) has(also []string) bool {
	path := strings.Join(s.at, ".")
	loads := func(l string) bool { return l == path || strings.HasPrefix(l, path+".") }
	return slices.ContainsFunc(s.loaded, loads) || slices.ContainsFunc(also, loads)
}

func (r references) check(used []Reference) node.Problems {
	problems := node.Problems{}
	for _, ref := range used {
		if f := r.find(ref); f.msg != "" && problems[ref.Field] == "" {
			problems[ref.Field] = f.msg
		}
	}
	return problems
}

// find says why a variable leads nowhere.
func (r references) find(ref Reference) finding {
	if strings.HasPrefix(ref.Path, "{{") {
		return finding{msg: fmt.Sprintf("“%s” is not read as a variable. Write its path with dots, without brackets and quotes, and in expressions without a default; or choose it with the variable button.", ref.Path)}
	}
	path := strings.TrimPrefix(ref.Path, "ctx.")
	if strings.HasSuffix(path, " ") {
		return finding{msg: fmt.Sprintf("Remove the space before the colon in “{{%s:”. With it the variable is never found.", ref.Path)}
	}
	root, rest, _ := strings.Cut(path, ".")
	var segments []string
	if rest != "" {
		segments = strings.Split(rest, ".")
	}
	switch root {
	case "$context", "$system":
		return r.inGroup(root, segments)
	case "$jobsMapByNodeKey":
		if len(segments) > 0 {
			return r.inNode(segments[0], segments[1:])
		}
	case "$scopes":
		if len(segments) > 0 {
			return r.inScope(segments[0], segments[1:])
		}
	case "$env":
		if len(segments) > 0 && !slices.ContainsFunc(r.env, func(v node.Variable) bool { return v.Path == segments[0] }) {
			return finding{msg: fmt.Sprintf("There is no variable or secret called “%s”. Make it in the settings, under Variables and secrets, or choose another one.", segments[0])}
		}
	default:
		if r.at.Kind == nil || !r.at.Kind.KnownLater(ref.Field, root) {
			return finding{msg: fmt.Sprintf("There is no variable called “%s”. Choose one with the variable button.", path)}
		}
	}
	return finding{}
}

func (r references) inGroup(group string, rest []string) finding {
	for _, g := range r.scope {
		if g.Path == group {
			return r.follow(g.Variables, rest, source{name: strings.TrimPrefix(group, "$"), settings: "the trigger", loaded: r.loaded})
		}
	}
	return finding{}
}

func (r references) inNode(key string, rest []string) finding {
	for _, g := range r.scope {
		if g.Path == "$jobsMapByNodeKey."+key {
			name := "“" + g.Node.displayName() + "”"
			return r.follow(g.Variables, rest, source{name: name, settings: name, key: key, loaded: LoadedRelations(g.Node.Config)})
		}
	}
	n := r.tree.Find(key)
	if n == nil {
		return finding{msg: "A variable refers to a node that was deleted. Choose another one with the variable button."}
	}
	before, _ := r.tree.Before(r.at.Key)
	switch {
	case n.Settings == nil || r.lost(n):
		return finding{} // the node itself has a problem already
	case key == r.at.Key:
		return finding{msg: "A node cannot use its own result. Choose another variable."}
	case slices.Contains(before, n):
		return finding{msg: fmt.Sprintf("“%s” has no result. Choose another variable.", n.displayName())}
	case r.tree.apart(key, r.at.Key):
		return finding{msg: fmt.Sprintf("“%s” stands in another branch, which never runs together with this one. Choose another variable.", n.displayName())}
	}
	return finding{msg: fmt.Sprintf("“%s” has not run yet when this node starts. Choose another variable, or move one of the two nodes.", n.displayName())}
}

// lost reports whether n works on a collection that is not there (any more).
func (r references) lost(n *TreeNode) bool {
	name := collectionIn(n.Config)
	_, ok := r.cat.Fields(name)
	return name != "" && !ok
}

// inScope is for what a node gives to those in its branches, by its key or id.
func (r references) inScope(name string, rest []string) finding {
	named := func(n *TreeNode) bool { return n.Key == name || strconv.FormatInt(n.ID, 10) == name }
	for _, g := range r.scope { // the nearest first
		if strings.HasPrefix(g.Path, "$scopes.") && named(g.Node) {
			return r.follow(g.Variables, rest, source{name: "“" + g.Node.displayName() + "”", unknown: true})
		}
	}
	var n *TreeNode
	r.tree.Walk(func(other *TreeNode) {
		if n == nil && named(other) {
			n = other
		}
	})
	switch {
	case n == nil:
		return finding{msg: "A variable refers to a node that was deleted. Choose another one with the variable button."}
	case n.Settings == nil:
		return finding{} // the node itself has a problem already
	case !n.Kind.Scoped():
		return finding{msg: fmt.Sprintf("“%s” has no variables for the nodes in its branches. Choose another variable.", n.displayName())}
	}
	return finding{msg: fmt.Sprintf("Only the nodes in the branches of “%s” see this variable. Choose another one, or move this node there.", n.displayName())}
}

// follow walks the rest of a path down from variables. What cannot be known,
// such as the inside of a JSON value, passes.
func (r references) follow(variables []node.Variable, rest []string, from source) finding {
	for len(variables) == 1 && variables[0].Path == "" { // the value itself
		variables = r.below(variables[0])
	}
	for len(rest) > 0 && isIndex(rest[0]) {
		rest = rest[1:]
	}
	if len(rest) == 0 || rest[0] == "length" || len(variables) == 0 {
		return finding{}
	}
	for _, v := range variables {
		path := strings.Split(v.Path, ".")
		if len(path) > len(rest) || !slices.Equal(path, rest[:len(path)]) {
			continue
		}
		rest = rest[len(path):]
		if field := (collection.Field{Type: v.Type}); field.IsRelation() && !from.unknown {
			from.at = append(from.at, v.Path)
			if !from.has(r.also[from.key]) {
				return r.unloaded(cmp.Or(v.Title, v.Path), from)
			}
		}
		return r.follow(r.below(v), rest, from)
	}
	return finding{msg: fmt.Sprintf("There is no “%s” in %s. Choose another variable.", rest[0], from.name)}
}

// unloaded is for a relation that the settings it comes from do not load.
func (r references) unloaded(title string, from source) finding {
	relation := strings.Join(from.at, ".")
	if !r.loads(from.key, relation) {
		return finding{msg: fmt.Sprintf("“%s” is not loaded, and %s cannot load it. Query the record that it leads to, or choose another variable.", title, from.settings)}
	}
	return finding{msg: fmt.Sprintf("“%s” is not loaded. Tick it under “Load with the record” in %s.", title, from.settings), relation: relation, key: from.key}
}

func (r references) below(v node.Variable) []node.Variable {
	if len(v.Children) > 0 || v.Target == "" {
		return v.Children
	}
	fields, _ := r.cat.Fields(v.Target)
	return fields
}

func isIndex(s string) bool {
	_, err := strconv.ParseUint(s, 10, 32)
	return err == nil
}
