package handlers

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/node"
	"alur/views"
	"alur/views/nodeforms"
	"alur/views/triggerforms"
)

// nodeRoutes registers the pages of nodes and of the trigger.
func (h *workflows) nodeRoutes(g *Group) {
	g.GET("/workflows/:id/trigger", auth.UseWorkflows, h.showTrigger)
	g.POST("/workflows/:id/trigger", auth.UseWorkflows, h.saveTrigger)
	g.GET("/workflows/:id/scope", auth.UseWorkflows, h.scope)
	g.GET("/workflows/:id/nodes/new", auth.UseWorkflows, h.nodeMenu)
	g.POST("/workflows/:id/nodes", auth.UseWorkflows, h.addNode)
	g.GET("/workflows/:id/nodes/:key", auth.UseWorkflows, h.showNode)
	g.POST("/workflows/:id/nodes/:key", auth.UseWorkflows, h.saveNode)
	g.POST("/workflows/:id/nodes/:key/test", auth.UseWorkflows, h.testNode)
	g.GET("/workflows/:id/nodes/:key/delete", auth.UseWorkflows, h.askRemoveNode)
	g.POST("/workflows/:id/nodes/:key/delete", auth.UseWorkflows, h.removeNode)
	g.GET("/workflows/:id/nodes/:key/branches/:branch/delete", auth.UseWorkflows, h.askRemoveBranch)
	g.POST("/workflows/:id/nodes/:key/branches/:branch/delete", auth.UseWorkflows, h.removeBranch)
}

var errNoNodePage = fault.New(fault.NotFound, "There is no such node. It may have been deleted.")

// node returns the node that the address names.
func (d *desk) node() (*engine.TreeNode, error) { return d.nodeCalled(d.c.Param("key")) }

func (d *desk) nodeCalled(key string) (*engine.TreeNode, error) {
	n := d.tree.Find(key)
	if n == nil {
		return nil, errNoNodePage
	}
	return n, nil
}

// panel is a drawer while it is being put together: what is edited, as typed
// or as stored.
type panel struct {
	key      string // of the node; "trigger"
	url      string
	kind     string // of the node, or of the trigger
	form     nodeforms.Form
	name     string
	revision int64
	config   json.RawMessage
	typed    json.RawMessage   // the settings in form, once it was posted
	problems map[string]string // by control name or config key
}

func (d *desk) nodePanel(n *engine.TreeNode) panel {
	p := panel{key: n.Key, url: d.nodeURL(n.Key), kind: n.Type, name: n.Title, revision: n.Revision, config: n.Config}
	if k := nodeforms.Lookup(n.Type); k != nil {
		p.form = k.New()
		p.form.Load(nodeforms.Decode(n.Config))
	}
	if d.problems != nil || !n.UpdatedAt.Equal(n.CreatedAt) { // a new node is empty, and everybody sees that
		p.problems = d.problemsAt(n.Key)
	}
	return p
}

func (d *desk) triggerPanel() panel {
	p := panel{key: "trigger", url: d.url() + "/trigger", kind: d.w.Type, name: d.w.TriggerTitle, revision: d.w.SettingsRevision, config: d.w.Config}
	if k := triggerforms.Lookup(d.w.Type); k != nil {
		p.form = k.New()
		p.form.Load(nodeforms.Decode(d.w.Config))
	}
	if d.problems != nil || d.w.SettingsRevision > 1 {
		p.problems = d.problemsAt("")
	}
	return p
}

// problemsAt are what Check found at a node, by config key.
func (d *desk) problemsAt(key string) map[string]string {
	problems := map[string]string{}
	for _, p := range d.checked {
		if p.NodeKey == key && (key != "" || p.Node != "") && problems[p.Field] == "" {
			problems[p.Field] = p.Msg
		}
	}
	return problems
}

// drawer words a panel.
func (d *desk) drawer(p panel) *views.Drawer {
	v := &views.Drawer{
		Key: p.key, URL: p.url, Close: d.url(), Revision: p.revision, Name: p.name, NameBad: p.problems["title"],
		Tab: d.c.QueryParam("tab"), ReadOnly: d.readOnly(),
	}
	env := *d.env
	env.Action, env.Problems = p.url, p.problems
	env.Scope = d.url() + "/scope?" + url.Values{"node": {p.key}}.Encode()
	keys := []string{"title"}
	if p.key == "trigger" {
		v.Icon, v.Kind = triggerforms.IconOf(p.kind), "Trigger"
		if k := triggerforms.Lookup(p.kind); k != nil {
			v.Kind, v.Help, keys = k.Title, k.Help, append(keys, k.Keys...)
		}
		v.NameHint = triggerforms.WordsOf(d.w.Type, d.w.Config, d.env)
	} else {
		env.Names.Groups = d.scope(p.key)
		v.Icon, v.Kind, v.NameHint = nodeforms.IconOf(p.kind), nodeforms.TitleOf(p.kind), nodeforms.TitleOf(p.kind)
		if k := nodeforms.Lookup(p.kind); k != nil {
			v.Help, keys = k.Help, append(keys, k.Keys...)
			if k.More != nil {
				v.More = k.More()
			}
		}
		if k := node.Lookup(p.kind); k != nil && k.Testable() && d.level.Includes(auth.Editor) {
			v.TestURL = p.url + "/test"
		}
		if !v.ReadOnly {
			v.Menu = []views.Link{{Text: "Delete…", Icon: "trash", URL: p.url + "/delete"}}
		}
	}
	v.Title = p.name
	if v.Title == "" {
		v.Title = v.NameHint
	}
	v.Above = env.Elsewhere(keys)
	if p.form == nil {
		v.ReadOnly = true
	} else {
		d.forecast(&env, p)
		v.Form = p.form.View(&env)
	}
	return v
}

func (h *workflows) showTrigger(c echo.Context) error {
	d, err := h.open(c)
	if err != nil {
		return err
	}
	return d.render(http.StatusOK, d.drawer(d.triggerPanel()))
}

func (h *workflows) showNode(c echo.Context) error {
	d, err := h.open(c)
	if err != nil {
		return err
	}
	n, err := d.node()
	if err != nil {
		return err
	}
	v := d.drawer(d.nodePanel(n))
	if v.Tab == "test" && v.TestURL != "" {
		if v.Trial, _, err = d.trial(n, nil); err != nil {
			return err
		}
	}
	return d.render(http.StatusOK, v)
}

// place is where a node is to be added.
type place struct {
	after  string // key of a node, or "trigger"
	branch *int
}

func (d *desk) place(after, branch string) (place, error) {
	p := place{after: after}
	if p.after == "" {
		p.after = "trigger"
	}
	if p.after != "trigger" {
		if _, err := d.nodeCalled(p.after); err != nil {
			return place{}, err
		}
	}
	if branch != "" {
		n, err := strconv.Atoi(branch)
		if err != nil || p.after == "trigger" {
			return place{}, errNoNodePage
		}
		p.branch = &n
	}
	return p, nil
}

// follower returns the node that stands at p now, nil when nothing does.
func (d *desk) follower(p place) *engine.TreeNode {
	if p.after == "trigger" {
		if len(d.tree) > 0 {
			return d.tree[0]
		}
		return nil
	}
	n := d.tree.Find(p.after)
	if p.branch != nil {
		for _, b := range n.Branches {
			if b.Index == *p.branch && len(b.Nodes) > 0 {
				return b.Nodes[0]
			}
		}
		return nil
	}
	for _, other := range d.nodes {
		if n.DownstreamID != nil && other.ID == *n.DownstreamID {
			return d.tree.Find(other.Key)
		}
	}
	return nil
}

func (h *workflows) nodeMenu(c echo.Context) error {
	d, err := h.openFor(c, auth.Editor)
	if err != nil {
		return err
	}
	p, err := d.place(c.QueryParam("after"), c.QueryParam("branch"))
	if err != nil {
		return err
	}
	return d.renderMenu(http.StatusOK, p, c.QueryParam("branch"), "")
}

func (d *desk) renderMenu(status int, p place, branch, problem string) error {
	vm := views.NodeMenu{
		Action: d.url() + "/nodes", Back: d.url(), Error: problem,
		Hidden: map[string]string{"after": p.after, "branch": branch}, Place: "after the trigger",
	}
	if n := d.tree.Find(p.after); n != nil {
		vm.Place = "after “" + nodeTitle(n) + "”"
	}
	for _, k := range nodeforms.Kinds() {
		registered := node.Lookup(k.Name)
		if registered == nil {
			continue
		}
		last := len(vm.Groups) - 1
		if last < 0 || vm.Groups[last].Title != k.Group {
			vm.Groups = append(vm.Groups, views.NodeGroup{Title: k.Group})
			last++
		}
		for _, v := range k.Variants {
			item := views.NodeItem{Value: k.Name + "/" + v.Name, Title: v.Title, Help: v.Help, Icon: k.Icon}
			if d.w.Sync && registered.Waits {
				item.Forbidden = "It waits, and this workflow runs at once."
			}
			vm.Groups[last].Items = append(vm.Groups[last].Items, item)
		}
	}
	return render(d.c, status, views.NodeMenuPage(vm), views.NodeMenuDialog(vm))
}

// variantBranches are the ways out of a new node.
func variantBranches(k *node.Kind, v nodeforms.Variant) []node.Branch {
	settings, _ := k.Decode(json.RawMessage(v.Config))
	if settings == nil {
		return nil
	}
	return k.Branches(settings)
}

// belowAll is the choice to leave what follows a new node below it.
const belowAll = "below"

// renderFollow asks where what follows goes: into one of the branches that the new
// node has, or below them all.
func (d *desk) renderFollow(p place, follower *engine.TreeNode, v nodeforms.Variant, branches []node.Branch) error {
	vm := views.FollowMenu{
		Action: d.url() + "/nodes", Back: d.url(), Title: v.Title, Place: "after the trigger", Take: belowAll,
		Hidden:  map[string]string{"after": p.after, "branch": d.c.FormValue("branch"), "type": d.c.FormValue("type")},
		Help:    "“" + nodeTitle(follower) + "” and all that follow.",
		Options: []views.Option{{Value: belowAll, Text: "Below its branches", Help: "They run whichever branch was taken."}},
	}
	if n := d.tree.Find(p.after); n != nil {
		vm.Place = "after “" + nodeTitle(n) + "”"
	}
	for _, b := range branches {
		vm.Options = append(vm.Options, views.Option{Value: strconv.Itoa(b.Index), Text: "Into the branch “" + b.Label + "”"})
	}
	d.toDialog()
	return render(d.c, http.StatusOK, views.FollowMenuPage(vm), views.FollowMenuDialog(vm))
}

// toDialog makes htmx put the answer into the dialog.
func (d *desk) toDialog() {
	d.c.Response().Header().Set("HX-Retarget", "#dialog")
	d.c.Response().Header().Set("HX-Reswap", "innerHTML")
}

func (h *workflows) addNode(c echo.Context) error {
	d, err := h.openFor(c, auth.Editor)
	if err != nil {
		return err
	}
	p, err := d.place(c.FormValue("after"), c.FormValue("branch"))
	if err != nil {
		return err
	}
	kindName, variantName, _ := strings.Cut(c.FormValue("type"), "/")
	kind, registered := nodeforms.Lookup(kindName), node.Lookup(kindName)
	if kind == nil || registered == nil {
		d.toDialog()
		return d.renderMenu(http.StatusUnprocessableEntity, p, c.FormValue("branch"), "Choose a type of node.")
	}
	variant := kind.Variant(variantName)
	branches := variantBranches(registered, variant)
	if follower := d.follower(p); follower != nil && len(branches) > 0 && c.FormValue("take") == "" {
		return d.renderFollow(p, follower, variant, branches)
	}
	if d, _, err = d.editable(); err != nil { // a question alone makes no draft
		return err
	}
	n := engine.NewNode{Type: kindName, Title: d.freeTitle(kind.Title), Config: json.RawMessage(variant.Config), Incomplete: true, BranchIndex: p.branch}
	if up := d.tree.Find(p.after); up != nil {
		n.UpstreamID = &up.ID
	}
	if take, err := strconv.Atoi(c.FormValue("take")); err == nil {
		if slices.ContainsFunc(branches, func(b node.Branch) bool { return b.Index == take }) {
			n.Take = &take
		}
	}
	added, err := h.engine.AddNode(c.Request().Context(), actor(c), d.w.ID, n)
	if err != nil {
		return err
	}
	if !isPartial(c.Request()) {
		return done(c, d.nodeURL(added.Key), "")
	}
	if d, err = h.openID(c, d.w.ID); err != nil {
		return err
	}
	made, err := d.nodeCalled(added.Key)
	if err != nil {
		return err
	}
	d.replaceMain(d.nodeURL(added.Key))
	return d.renderWith(http.StatusOK, d.drawer(d.nodePanel(made)), true)
}

// freeTitle numbers a title that other nodes have.
func (d *desk) freeTitle(title string) string {
	taken := map[string]bool{}
	for _, n := range d.nodes {
		taken[n.Title] = true
	}
	for n, free := 2, title; ; n++ {
		if !taken[free] {
			return free
		}
		free = title + " " + strconv.Itoa(n)
	}
}
