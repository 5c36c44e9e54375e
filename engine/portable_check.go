package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/lib/pq"

	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/node"
)

// Arrival is a workflow of a file and what would come of it here.
type Arrival struct {
	Portable PortableWorkflow
	Here     *Workflow // the workflow of this key, if actor may change it: it can get a new version; nil otherwise
	Wrong    []Problem // why it cannot come in at all, as when it is saved; Field is a path in the file
	Missing  []Missing // what it needs and is not here; it can come in all the same
	Loads    []Load    // what its trigger and nodes load besides, since variables need it
	Problems []Problem // what else is to be done before it can be turned on; Field is a path in the file

	w     Workflow
	nodes []Node
}

// Missing is something that a workflow needs and that is not here.
type Missing struct {
	What  string   `json:"what"`  // "collection", "variable or secret", "node type", "person", "category"
	Name  string   `json:"name"`  // as the file has it
	Where []string `json:"where"` // what needs it, in words: "The trigger", the names of nodes
}

// Preview is what a file would make, with the people to be found again.
type Preview struct {
	Arrivals []Arrival
	People   []Guest
}

// Guest is somebody whom a file names.
type Guest struct {
	Ref PersonRef
	ID  int64 // who that seems to be here; 0: it is not plain
}

// Choices say how a file comes in.
type Choices struct {
	Leave    map[int]bool     // workflows that stay out, by their number in the file from 0
	Versions map[int]bool     // workflows that become a new version of the one that has their key
	People   map[string]int64 // who is meant, by [PersonRef.Key]; 0: nobody. Who is not spoken of is found again by mail address or name
}

// PreviewImport says what a file would make. Nothing changes.
func (e *Engine) PreviewImport(ctx context.Context, actor auth.Actor, file Portable, c Choices) (Preview, error) {
	if err := actor.Require(auth.CreateWorkflows); err != nil {
		return Preview{}, err
	}
	refs, ids, err := e.guests(ctx, file)
	if err != nil {
		return Preview{}, err
	}
	maps.Copy(ids, c.People)
	var p Preview
	for _, key := range slices.Sorted(maps.Keys(refs)) {
		p.People = append(p.People, Guest{refs[key], ids[key]})
	}
	here, err := e.alike(ctx, actor, file)
	if err != nil {
		return Preview{}, err
	}
	titles, err := e.categoriesCalled(ctx, e.DB, file.Workflows)
	if err != nil {
		return Preview{}, err
	}
	roles, err := e.rolesHere(ctx)
	if err != nil {
		return Preview{}, err
	}
	for i, w := range file.Workflows {
		a := Arrival{Portable: w, Here: here[w.Key]}
		e.assemble(&a, ids, roles)
		if why := a.NoVersion(); c.Versions[i] && why != "" {
			a.wrong(PortableNode{}, "as", why)
		}
		e.examine(ctx, &a)
		for _, title := range w.Categories {
			if titles[title] == 0 && !actor.Can(auth.ManageWorkflows) {
				a.miss("category", title, "The workflow")
			}
		}
		p.Arrivals = append(p.Arrivals, a)
	}
	return p, nil
}

// alike are the workflows here that share a key with one of the file and that
// actor may change.
func (e *Engine) alike(ctx context.Context, actor auth.Actor, file Portable) (map[string]*Workflow, error) {
	var keys pq.StringArray
	for _, w := range file.Workflows {
		keys = append(keys, w.Key)
	}
	var ids []int64
	query, args := actor.Reach(auth.Editor).Query(portableSQL.Get("versions_of"), keys)
	if err := e.DB.SelectContext(ctx, &ids, query, args...); err != nil {
		return nil, fmt.Errorf("look for workflows of a file: %w", err)
	}
	here := map[string]*Workflow{}
	for _, id := range ids {
		w, _, err := e.open(ctx, e.DB, actor, id, auth.Editor)
		if fault.Is(err, fault.NotFound) {
			continue // deleted between the two reads
		}
		if err != nil {
			return nil, err
		}
		here[w.Key] = &w
	}
	return here, nil
}

func (a *Arrival) wrong(n PortableNode, field, msg string) {
	at := Problem{Node: "The workflow", Field: field, Msg: msg}
	if n.Key != "" || n.Type != "" {
		at.NodeKey, at.Node = n.Key, cmp.Or(n.Title, "A node of type "+n.Type)
	}
	a.Wrong = append(a.Wrong, at)
}

func (a *Arrival) miss(what, name, where string) {
	i := slices.IndexFunc(a.Missing, func(m Missing) bool { return m.What == what && m.Name == name })
	if i < 0 {
		i = len(a.Missing)
		a.Missing = append(a.Missing, Missing{What: what, Name: name})
	}
	if !slices.Contains(a.Missing[i].Where, where) {
		a.Missing[i].Where = append(a.Missing[i].Where, where)
	}
}

// NoVersion says why a cannot become a version of the workflow that has its key; ""
// when it can.
func (a *Arrival) NoVersion() string {
	switch {
	case a.Here == nil:
		return "There is no workflow of this key here that you may change. Import it as a workflow of its own."
	case a.Here.Type != a.w.Type:
		return fmt.Sprintf("“%s” is started in another way here, and a version cannot change that. Import it as a workflow of its own.", a.Here.Title)
	case a.Here.Sync != a.w.Sync:
		return fmt.Sprintf("Either “%s” here or this one runs while saving, and a version cannot change that. Import it as a workflow of its own.", a.Here.Title)
	}
	return ""
}

// assemble makes the rows of a workflow, with ids of their own, and notes what
// keeps them from being a workflow.
func (e *Engine) assemble(a *Arrival, people map[string]int64, roles map[string]bool) {
	p := a.Portable
	a.w = Workflow{ID: e.IDs.Next(), Key: p.Key, Title: strings.TrimSpace(p.Title), Description: p.Description, Type: p.Trigger.Type,
		TriggerTitle: strings.TrimSpace(p.Trigger.Title), Sync: p.Sync, Config: orObject(p.Trigger.Config), Options: orObject(p.Options)}
	for field, raw := range map[string]json.RawMessage{"options": a.w.Options, "trigger.config": a.w.Config} {
		if raw[0] != '{' {
			a.wrong(PortableNode{}, field, "Give an object here.")
		}
	}
	if len(a.w.Title) > 255 {
		a.wrong(PortableNode{}, "title", "Write at most 255 characters.")
	}
	if len(p.Key) > 255 {
		a.wrong(PortableNode{}, "key", "The key has at most 255 characters.")
	}
	most := MaxPortableNodes
	if e.maxNodes > 0 {
		most = min(most, e.maxNodes)
	}
	if len(p.Nodes) > most {
		a.wrong(PortableNode{}, "nodes", fmt.Sprintf("It has %d nodes. A workflow has at most %s on this server.", len(p.Nodes), plural(most, "node", "nodes")))
		return
	}
	ids := map[string]int64{}
	for _, n := range p.Nodes {
		switch {
		case n.Key == "":
			a.wrong(n, "key", "The node has no key.")
		case len(n.Key) > 255:
			a.wrong(n, "key", "The key has at most 255 characters.")
		case ids[n.Key] != 0:
			a.wrong(n, "key", fmt.Sprintf("Two nodes have the key “%s”.", n.Key))
		}
		ids[n.Key] = e.IDs.Next()
	}
	if len(a.Wrong) > 0 {
		return
	}
	a.link(ids)
	var err error
	if a.w.Options, err = a.settle(a.w.Options, optionPeople, people, "The workflow"); err != nil {
		a.wrong(PortableNode{}, "options", "The options cannot be read.")
		return
	}
	if a.w.Options, err = a.leaveOut(a.w.Options, roles); err != nil {
		a.wrong(PortableNode{}, "options", "The options cannot be read.")
		return
	}
	for field, msg := range sortedProblems(checkOptions(a.w.Options)) {
		a.wrong(PortableNode{}, field, msg)
	}
	for i, n := range p.Nodes {
		raw, err := a.settle(n.Config, peopleKeys(n.Type), people, cmp.Or(n.Title, "A node of type "+n.Type))
		if err != nil {
			a.wrong(n, "config", "The settings cannot be read.")
			continue
		}
		a.nodes[i].Config = orObject(raw)
		if a.nodes[i].Config[0] != '{' {
			a.wrong(n, "config", "Give an object here.")
		}
	}
}

// settle is settings with the people of this server in the place of those of the file,
// as far as people knows them; where says what needs them.
func (a *Arrival) settle(raw json.RawMessage, keys []string, people map[string]int64, where string) (json.RawMessage, error) {
	v, err := exactly(raw)
	if err != nil {
		return nil, err
	}
	replacePeople(v, keys, func(ref PersonRef) any {
		if id := people[ref.Key()]; id != 0 {
			return id
		}
		a.miss("person", ref.String(), where)
		return nil
	}, true)
	return inOrder(v)
}

// link puts the nodes in their places.
func (a *Arrival) link(ids map[string]int64) {
	type place struct {
		upstream string
		branch   int // -1: below it
	}
	taken := map[place]PortableNode{}
	at := map[string]int{}
	for i, n := range a.Portable.Nodes {
		at[n.Key] = i
		made := Node{ID: ids[n.Key], Key: n.Key, Title: strings.TrimSpace(n.Title), WorkflowID: a.w.ID, Type: n.Type}
		here := place{n.Upstream, -1}
		if n.Branch != nil {
			here.branch = *n.Branch
		}
		other, twice := taken[here]
		taken[here] = n
		switch {
		case n.Upstream == "" && n.Branch != nil:
			a.wrong(n, "branch", "The node stands in a branch of no node.")
		case twice && n.Upstream == "":
			a.wrong(n, "upstream", fmt.Sprintf("Two nodes come first, this one and “%s”.", cmp.Or(other.Title, other.Key)))
		case twice:
			a.wrong(n, "upstream", fmt.Sprintf("This node and “%s” stand in the same place.", cmp.Or(other.Title, other.Key)))
		case n.Upstream != "" && ids[n.Upstream] == 0:
			a.wrong(n, "upstream", fmt.Sprintf("The node that it follows, “%s”, is not in the file.", n.Upstream))
		case n.Upstream != "":
			id := ids[n.Upstream]
			made.UpstreamID, made.BranchIndex = &id, n.Branch
		}
		a.nodes = append(a.nodes, made)
	}
	if len(a.Wrong) > 0 {
		return
	}
	for i := range a.nodes {
		if n := &a.nodes[i]; n.UpstreamID != nil && n.BranchIndex == nil {
			a.nodes[at[a.Portable.Nodes[i].Upstream]].DownstreamID = &n.ID
		}
	}
	if _, err := BuildTree(a.nodes); err != nil {
		a.wrong(PortableNode{}, "nodes", "The nodes are not linked as a tree: "+err.Error()+".")
	}
}

// examine sorts what is not right: what nobody could save, what is missing here,
// and what the workflow cannot be turned on with.
func (e *Engine) examine(ctx context.Context, a *Arrival) {
	if LookupTrigger(a.w.Type) == nil {
		msg := fmt.Sprintf("There is no trigger of type “%s” here. Install what it came with, or build the workflow anew.", a.w.Type)
		if a.w.Type == "" {
			msg = "The file does not say what starts the workflow."
		}
		a.wrong(PortableNode{}, "trigger.type", msg)
	}
	if len(a.Wrong) > 0 {
		return
	}
	e.examineTrigger(a)
	for i := range a.nodes {
		e.examineNode(a, a.nodes[i])
	}
	env := e.envNames(ctx)
	used := func(where string, refs []Reference) {
		for _, r := range refs {
			name, ok := strings.CutPrefix(strings.TrimPrefix(r.Path, "ctx."), "$env.")
			name, _, _ = strings.Cut(name, ".")
			if ok && !slices.ContainsFunc(env, func(v node.Variable) bool { return v.Path == name }) {
				a.miss("variable or secret", name, where)
			}
		}
	}
	var trigger []Reference
	var config any
	_ = json.Unmarshal(a.w.Config, &config) // an object, as assemble saw
	collect(config, "", &trigger)
	used("The trigger", trigger)
	for _, n := range a.nodes {
		used(cmp.Or(n.Title, "A node of type "+n.Type), References(n))
	}
	for _, m := range a.Missing {
		if m.What == "variable or secret" {
			env = append(env, node.Variable{Path: m.Name}) // said once is enough
		}
	}
	if len(a.Wrong) > 0 {
		return
	}
	a.Loads = e.load(&a.w, a.nodes, nil)
	for _, p := range e.check(ctx, a.w, a.nodes, env) {
		if !a.knows(p) {
			p.NodeID = 0 // of no node that is stored
			if p.Node != "" {
				p.Field = join("config", p.Field)
			}
			if p.Node != "" && p.NodeKey == "" {
				p.Field = join("trigger", p.Field)
			}
			a.Problems = append(a.Problems, p)
		}
	}
}

// knows reports whether a problem is that something is missing.
func (a *Arrival) knows(p Problem) bool {
	config, kind := a.w.Config, ""
	if i := slices.IndexFunc(a.nodes, func(n Node) bool { return n.Key == p.NodeKey && n.Key != "" }); i >= 0 {
		config, kind = a.nodes[i].Config, a.nodes[i].Type
	}
	missing := func(what, name string) bool {
		return slices.ContainsFunc(a.Missing, func(m Missing) bool { return m.What == what && m.Name == name })
	}
	return p.Field == "" && missing("node type", kind) || p.Field == "collection" && missing("collection", collectionIn(config))
}

// collectionIn is the collection that settings are about; "" for none.
func collectionIn(config json.RawMessage) string {
	var c struct{ Collection string }
	_ = json.Unmarshal(config, &c) // foreign shapes name none
	return strings.TrimPrefix(c.Collection, "main:")
}

func (e *Engine) missCollection(a *Arrival, config json.RawMessage, where string) {
	name := collectionIn(config)
	if _, ok := e.Records.Fields(name); name != "" && !ok {
		a.miss("collection", name, where)
	}
}

func (e *Engine) examineTrigger(a *Arrival) {
	k := LookupTrigger(a.w.Type)
	_, problems := k.Decode(a.w.Config)
	if len(problems) == 0 {
		problems = anywhere(func(cat node.Catalogue) node.Problems { return k.Check(a.w.Config, cat) })
	}
	for field, msg := range sortedProblems(configProblems(a.w.Config, problems, true)) {
		a.Wrong = append(a.Wrong, Problem{Node: "The trigger", Field: join("trigger", field), Msg: msg})
	}
	e.missCollection(a, a.w.Config, "The trigger")
}

func (e *Engine) examineNode(a *Arrival, n Node) {
	k, called := node.Lookup(n.Type), cmp.Or(n.Title, "A node of type "+n.Type)
	if k == nil && n.Type != "" {
		a.miss("node type", n.Type, called)
		return
	}
	at := Problem{NodeKey: n.Key, Node: called}
	err := checkNode(n, true, func(c node.Config) node.Problems {
		return anywhere(func(cat node.Catalogue) node.Problems { return k.Check(c, cat) })
	})
	if err == nil {
		err = mayStand(k, a.w)
	}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		for field, msg := range sortedProblems(f.Fields) {
			at.Field, at.Msg = field, msg
			a.Wrong = append(a.Wrong, at)
		}
	}
	if k != nil && !k.Branching() && slices.ContainsFunc(a.nodes, func(o Node) bool { return o.BranchIndex != nil && *o.UpstreamID == n.ID }) {
		at.Field, at.Msg = "branch", "Nodes of this type have no branches, and the file puts nodes into one."
		a.Wrong = append(a.Wrong, at)
	}
	e.missCollection(a, n.Config, called)
}

// anywhere returns the problems of settings that they have on every server: those
// that are the same where there is no collection and where every collection has no
// field.
func anywhere(check func(node.Catalogue) node.Problems) node.Problems {
	problems, blank := check(nothing(false)), check(nothing(true))
	maps.DeleteFunc(problems, func(field, msg string) bool { return blank[field] != msg })
	return problems
}

// nothing is a catalogue without fields, and with true all the collections there
// could be.
type nothing bool

func (n nothing) Fields(string) ([]node.Variable, bool) { return nil, bool(n) }

// sortedProblems yields problems by field.
func sortedProblems(problems map[string]string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, field := range slices.Sorted(maps.Keys(problems)) {
			if !yield(field, problems[field]) {
				return
			}
		}
	}
}
