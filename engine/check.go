package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"alur/engine/node"
)

// Problem is one reason why a workflow cannot run, at its place.
type Problem struct {
	NodeID  int64  // 0: the trigger, or the workflow as a whole
	NodeKey string // "" with NodeID 0
	Node    string // what people call the place: a node's name, "The trigger"
	Field   string // config key, dotted for depth; "" for the place as a whole
	Msg     string // one sentence
}

func (p Problem) String() string {
	if p.Node == "" {
		return p.Msg
	}
	return p.Node + ": " + p.Msg
}

// Check lists everything that keeps w from running, in the order of the canvas:
// settings that are missing or do not fit the collections there are, unknown
// types, broken links, and references to variables that are not in scope.
func (e *Engine) Check(ctx context.Context, w Workflow, nodes []Node) []Problem {
	return e.check(ctx, w, nodes, e.envNames(ctx))
}

// check is Check where env are the variables of the server.
func (e *Engine) check(ctx context.Context, w Workflow, nodes []Node, env []node.Variable) []Problem {
	cat := e.Records
	var all []Problem
	add := func(at Problem, problems node.Problems) {
		for _, field := range slices.Sorted(maps.Keys(problems)) {
			at.Field, at.Msg = field, problems[field]
			all = append(all, at)
		}
	}
	trigger := Problem{Node: "The trigger"}
	if k := LookupTrigger(w.Type); k == nil {
		add(trigger, node.Problems{"": fmt.Sprintf("Nobody here knows triggers of type %q.", w.Type)})
	} else {
		add(trigger, k.Check(w.Config, cat))
	}
	tree, err := BuildTree(nodes)
	if err != nil {
		all = append(all, Problem{Msg: "The nodes are not linked as a tree: " + err.Error() + "."})
	}
	scopes := newScoper(w, tree, cat, env)
	tree.Walk(func(n *TreeNode) {
		at := Problem{NodeID: n.ID, NodeKey: n.Key, Node: n.displayName()}
		problems := checkTreeNode(w, n, cat)
		if len(problems) == 0 {
			problems = n.Kind.Prove(ctx, e.Services, n.Settings)
		}
		add(at, problems)
		if used := References(n.Node); len(used) > 0 {
			refs := references{at: n.Key, scope: scopes.scope(n.Key), cat: cat, tree: tree, loaded: loadedRelations(w.Config), env: scopes.env}
			add(at, without(refs.check(used), problems))
		}
	})
	return all
}

func checkTreeNode(w Workflow, n *TreeNode, cat node.Catalogue) node.Problems {
	switch {
	case n.Kind == nil:
		return node.Problems{"": fmt.Sprintf("Nobody here knows nodes of type %q. Delete the node, or install what it came with.", n.Type)}
	case n.Settings == nil:
		return n.Problems
	case n.Kind.Waits && w.Sync:
		return node.Problems{"": "This node waits, and a synchronous workflow cannot. Delete the node."}
	}
	return n.Kind.Check(n.Settings, cat)
}

// displayName is what a list of problems calls n.
func (n *TreeNode) displayName() string { return cmp.Or(n.Title, "A node of type "+n.Type) }

func (e *Engine) checkTrigger(kind string, config json.RawMessage, incomplete bool) map[string]string {
	k := LookupTrigger(kind)
	if k == nil {
		return map[string]string{"type": fmt.Sprintf("There is no trigger of type %q.", kind)}
	}
	problems := k.Check(config, e.Records)
	if h, ok := k.(Hesitant); ok {
		var given map[string]json.RawMessage
		_ = json.Unmarshal(config, &given) // Check says when it is no object
		for _, field := range h.Later() {
			if _, there := given[field]; !there {
				delete(problems, field)
			}
		}
	}
	return configProblems(config, problems, incomplete)
}

// without returns the problems whose field has none yet.
func without(problems, known node.Problems) node.Problems {
	maps.DeleteFunc(problems, func(field, _ string) bool { return known[field] != "" })
	return problems
}

// placeholderPattern finds the variables in texts of settings (spec/variables.md §2).
var placeholderPattern = regexp.MustCompile(`\{\{([\pL\pM\pN\s:+.,@/()?=*_$-]+)\}\}`)

// Reference is one variable used in a node's settings.
type Reference struct {
	Field string // where, as in Problem
	Path  string // "$context.data.title"
}

// References lists the variables that the settings of a node refer to, in a
// stable order.
func References(n Node) []Reference {
	var v any
	if json.Unmarshal(n.Config, &v) != nil {
		return nil
	}
	var refs []Reference
	collect(v, "", &refs)
	if k := node.Lookup(n.Type); k != nil && len(k.Quoted) > 0 {
		refs = slices.DeleteFunc(refs, func(r Reference) bool { return slices.Contains(k.Quoted, r.Field) })
	}
	return refs
}

func collect(v any, field string, refs *[]Reference) {
	text := func(s string) {
		for _, m := range placeholderPattern.FindAllStringSubmatch(s, -1) {
			path, _, _ := strings.Cut(m[1], ":")
			*refs = append(*refs, Reference{field, strings.TrimSpace(path)})
		}
	}
	switch v := v.(type) {
	case string:
		text(v)
	case []any:
		for i, item := range v {
			collect(item, join(field, strconv.Itoa(i)), refs)
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			text(key)
			collect(v[key], join(field, key), refs)
		}
	}
}

func join(field, key string) string {
	if field == "" || key == "" {
		return field + key
	}
	return field + "." + key
}

// references checks the variables of one node against what is in scope there.
type references struct {
	at     string // key of the node
	scope  []ScopeGroup
	cat    node.Catalogue
	tree   Level
	loaded []string // relations that the trigger loads with its record
	env    []node.Variable
}

// source is where a variable comes from, in words.
type source struct {
	name     string
	settings string   // whose settings decide what is loaded
	loaded   []string // dotted paths of relations
	at       []string // relations walked through so far
}

// loadedRelations reads the relations that settings load with a record.
func loadedRelations(config json.RawMessage) []string {
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
func (s source) has() bool {
	path := strings.Join(s.at, ".")
	return slices.ContainsFunc(s.loaded, func(l string) bool { return l == path || strings.HasPrefix(l, path+".") })
}

func (r references) check(used []Reference) node.Problems {
	problems := node.Problems{}
	for _, ref := range used {
		if msg := r.problem(strings.TrimPrefix(ref.Path, "ctx.")); msg != "" && problems[ref.Field] == "" {
			problems[ref.Field] = msg
		}
	}
	return problems
}

// problem says in words why path leads nowhere; "" when it may lead somewhere.
func (r references) problem(path string) string {
	segments := strings.Split(path, ".")
	switch segments[0] {
	case "$context", "$system":
		return r.inGroup(segments[0], segments[1:])
	case "$jobsMapByNodeKey":
		if len(segments) < 2 {
			return ""
		}
		return r.inNode(segments[1], segments[2:])
	case "$env":
		if len(segments) < 2 || slices.ContainsFunc(r.env, func(v node.Variable) bool { return v.Path == segments[1] }) {
			return ""
		}
		return fmt.Sprintf("There is no variable or secret called “%s”. Make it in the settings, under Variables and secrets, or choose another one.", segments[1])
	case "$scopes", "$user", "$nForm", "$nDate", "currentUser", "currentRecord", "currentTime", "this":
		return "" // known only when the node runs
	}
	return fmt.Sprintf("There is no variable called “%s”. Choose one with the variable button.", path)
}

func (r references) inGroup(group string, rest []string) string {
	for _, g := range r.scope {
		if g.Path == group {
			return r.follow(g.Variables, rest, source{name: strings.TrimPrefix(group, "$"), settings: "the trigger", loaded: r.loaded})
		}
	}
	return ""
}

func (r references) inNode(key string, rest []string) string {
	for _, g := range r.scope {
		if g.Node != nil && g.Node.Key == key {
			name := "“" + g.Node.displayName() + "”"
			return r.follow(g.Variables, rest, source{name: name, settings: name, loaded: loadedRelations(g.Node.Config)})
		}
	}
	n := r.tree.Find(key)
	if n == nil {
		return "A variable refers to a node that was deleted. Choose another one with the variable button."
	}
	before, _ := r.tree.Before(r.at)
	switch {
	case n.Settings == nil || r.lost(n):
		return "" // the node itself has a problem already
	case key == r.at:
		return "A node cannot use its own result. Choose another variable."
	case slices.Contains(before, n):
		return fmt.Sprintf("“%s” has no result. Choose another variable.", n.displayName())
	case r.tree.apart(key, r.at):
		return fmt.Sprintf("“%s” stands in another branch, which never runs together with this one. Choose another variable.", n.displayName())
	}
	return fmt.Sprintf("“%s” has not run yet when this node starts. Choose another variable, or move one of the two nodes.", n.displayName())
}

// lost reports whether n works on a collection that is not there (any more).
func (r references) lost(n *TreeNode) bool {
	name := collectionIn(n.Config)
	_, ok := r.cat.Fields(name)
	return name != "" && !ok
}

// follow walks the rest of a path down from variables. What cannot be known,
// such as the inside of a JSON value, passes.
func (r references) follow(variables []node.Variable, rest []string, from source) string {
	for len(variables) == 1 && variables[0].Path == "" { // the value itself
		variables = r.below(variables[0])
	}
	for len(rest) > 0 && isIndex(rest[0]) {
		rest = rest[1:]
	}
	if len(rest) == 0 || rest[0] == "length" || len(variables) == 0 {
		return ""
	}
	for _, v := range variables {
		path := strings.Split(v.Path, ".")
		if len(path) > len(rest) || !slices.Equal(path, rest[:len(path)]) {
			continue
		}
		rest = rest[len(path):]
		if v.Type == "belongsTo" || v.Type == "hasMany" {
			from.at = append(from.at, v.Path)
			if len(rest) > 0 && !from.has() {
				return fmt.Sprintf("“%s” is not loaded. Tick it under “Load with the record” in %s.", cmp.Or(v.Title, v.Path), from.settings)
			}
		}
		return r.follow(r.below(v), rest, from)
	}
	return fmt.Sprintf("There is no “%s” in %s. Choose another variable.", rest[0], from.name)
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
