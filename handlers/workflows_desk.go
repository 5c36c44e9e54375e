package handlers

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/fault"
	"alur/views"
	"alur/views/nodeforms"
	"alur/views/triggerforms"
)

// desk is one version of a workflow, opened to be looked at or changed.
type desk struct {
	h        *workflows
	c        echo.Context
	w        engine.Workflow
	nodes    []engine.Node
	tree     engine.Level
	owner    string            // who answers for it; "" for nobody
	level    auth.Level        // what the reader may do with it
	versions []engine.Workflow // of the same key, newest first
	draft    engine.Workflow   // the one that waits to be published; zero for none
	checked  []engine.Problem  // what keeps the version from running
	problems []engine.Problem  // shown on top, after somebody tried to turn it on
	env      *nodeforms.Env    // names of everything in the workflow
	toast    *views.Notice
}

var errNoWorkflowPage = fault.New(fault.NotFound, "There is no such workflow. It may have been deleted.")

// open reads the version that the address names.
func (h *workflows) open(c echo.Context) (*desk, error) {
	var id int64
	if err := echo.PathParamsBinder(c).Int64("id", &id).BindError(); err != nil {
		return nil, errNoWorkflowPage
	}
	d, err := h.openID(c, id)
	if err != nil {
		return nil, err
	}
	if c.QueryParam("problems") != "" {
		d.problems = d.checked
	}
	return d, nil
}

// openFor is open for who has at least a level on the workflow.
func (h *workflows) openFor(c echo.Context, least auth.Level) (*desk, error) {
	d, err := h.open(c)
	if err != nil {
		return nil, err
	}
	return d, h.engine.May(c.Request().Context(), actor(c), d.w.Key, least)
}

func (h *workflows) openID(c echo.Context, id int64) (*desk, error) {
	ctx := c.Request().Context()
	d := &desk{h: h, c: c}
	var err error
	if d.w, d.nodes, err = h.engine.Workflow(ctx, actor(c), id); err != nil {
		return nil, err
	}
	members, err := h.engine.Members(ctx, actor(c), id)
	if err != nil {
		return nil, err
	}
	d.owner = answersFor(members, engine.ReadOwner(d.w.Options))
	if d.level, err = h.engine.Level(ctx, actor(c), d.w.Key); err != nil {
		return nil, err
	}
	if d.versions, err = h.engine.Versions(ctx, actor(c), d.w.Key); err != nil {
		return nil, err
	}
	if d.draft, _, err = h.engine.Pending(ctx, actor(c), d.w.Key); err != nil {
		return nil, err
	}
	if d.env, err = h.env(c); err != nil {
		return nil, err
	}
	if d.env.Users, err = h.userOptions(c); err != nil {
		return nil, err
	}
	d.env.Sync = d.w.Sync
	d.tree, _ = engine.BuildTree(d.nodes) // what is wrong with it is among the problems
	d.checked = h.engine.Check(ctx, d.w, d.nodes)
	d.env.Names.Groups = d.scope("")
	return d, nil
}

// userOptions are the people that a node can ask.
func (h *workflows) userOptions(c echo.Context) ([]views.Option, error) {
	people, _, err := h.users.List(c.Request().Context(), auth.System, auth.Filter{PageSize: 500})
	if err != nil {
		return nil, err
	}
	var options []views.Option
	for _, u := range people {
		if u.Active {
			options = append(options, views.Option{Value: views.ID(u.ID), Text: u.Nickname})
		}
	}
	return options, nil
}

// scope is what the node called key can refer to, with the trigger named.
func (d *desk) scope(key string) []engine.ScopeGroup {
	groups := d.h.engine.Scope(d.w, d.nodes, key)
	if len(groups) > 0 && groups[0].Title == "" {
		groups[0].Title = triggerforms.WordsOf(d.w.Type, d.w.Config, d.env)
	}
	return groups
}

func (d *desk) url() string { return "/workflows/" + views.ID(d.w.ID) }

func (d *desk) nodeURL(key string) string { return d.url() + "/nodes/" + key }

// isDraft reports whether the version can be published.
func (d *desk) isDraft() bool { return !d.w.Current && d.draft.ID == d.w.ID }

// isOld reports whether the version is only there to be looked at.
func (d *desk) isOld() bool { return !d.w.Current && d.draft.ID != d.w.ID }

// readOnly reports whether changes would go nowhere: the reader may not make any,
// the version is old, or a draft waits beside it.
func (d *desk) readOnly() bool {
	return !d.level.Includes(auth.Editor) || d.isOld() || !d.w.Editable() && d.draft.ID != 0 && d.draft.ID != d.w.ID
}

func (d *desk) currentID() int64 {
	for _, v := range d.versions {
		if v.Current {
			return v.ID
		}
	}
	return d.w.ID
}

// editable returns the desk on which a change is to be made: d itself, or the
// draft that is made for it.
func (d *desk) editable() (at *desk, moved bool, err error) {
	if d.w.Editable() && !d.isOld() {
		return d, false, nil
	}
	if d.readOnly() {
		return nil, false, fault.New(fault.Conflict, "Not changed: this version stays as it is. Open the draft of this workflow to go on editing.")
	}
	w, err := d.h.engine.Draft(d.c.Request().Context(), actor(d.c), d.w.ID)
	if err != nil {
		return nil, false, err
	}
	at, err = d.h.openID(d.c, w.ID)
	return at, true, err
}

// replaceMain makes htmx put the answer in place of the whole editor.
func (d *desk) replaceMain(url string) {
	header := d.c.Response().Header()
	header.Set("HX-Retarget", "#main")
	header.Set("HX-Reswap", "innerMorph")
	header.Set("HX-Push-Url", url)
}

// render shows the editor, with a drawer or without.
func (d *desk) render(status int, drawer *views.Drawer) error {
	return d.renderWith(status, drawer, false)
}

// renderWith is render; closing also empties the dialog.
func (d *desk) renderWith(status int, drawer *views.Drawer, closing bool) error {
	vm := d.editor(drawer)
	parts := []templ.Component{views.EditorContent(vm)}
	if d.toast != nil {
		parts = append(parts, views.ToastPartial(*d.toast))
	}
	if closing {
		parts = append(parts, views.CloseDialog())
	}
	return render(d.c, status, views.EditorPage(vm), templ.Join(parts...))
}

// renderSaved answers a save inside the drawer: the drawer, and what else its
// settings show in.
func (d *desk) renderSaved(drawer *views.Drawer) error {
	vm := d.editor(drawer)
	parts := []templ.Component{views.NodeDrawer(*drawer), views.EditorChanged(vm)}
	if d.toast != nil {
		parts = append(parts, views.ToastPartial(*d.toast))
	}
	return render(d.c, http.StatusOK, views.EditorPage(vm), templ.Join(parts...))
}

func (d *desk) editor(drawer *views.Drawer) views.Editor {
	_, byHand := engine.LookupTrigger(d.w.Type).(engine.Starter)
	limited := "View only"
	if d.level.Includes(auth.Operator) {
		limited = "View and operate"
	}
	vm := views.Editor{
		ID: d.w.ID, Title: d.w.Title, About: d.w.Description, Owner: d.owner, On: d.w.Enabled, Draft: d.isDraft(), Old: d.isOld(), Drawer: drawer,
		Saved: savedAt(words(d.c), d.w.UpdatedAt), RunsURL: runsURL(d.w.Key), Version: d.versionWord(d.w),
		Startable: byHand && d.level.Includes(auth.Operator), Limited: limited,
		MayEdit: d.level.Includes(auth.Editor), MayOwn: d.level.Includes(auth.Owner), MayCopy: actor(d.c).Can(auth.CreateWorkflows),
	}
	for _, v := range d.versions {
		vm.Versions = append(vm.Versions, views.VersionLink{
			Text: d.versionLine(v), URL: "/workflows/" + views.ID(v.ID), Current: v.ID == d.w.ID,
		})
	}
	if d.draft.ID != 0 && !vm.Draft && !d.w.Editable() {
		vm.DraftURL = "/workflows/" + views.ID(d.draft.ID)
	}
	if vm.Draft {
		for _, v := range d.versions {
			if v.Enabled {
				vm.On = true
				vm.Published = "Version " + strconv.Itoa(v.Number) + " runs on until you publish."
			}
		}
	}
	open := ""
	if drawer != nil {
		open = drawer.Key
	}
	vm.Canvas = d.canvas(open)
	for _, p := range d.problems {
		shown := views.Problem{Place: p.Node, Text: p.Msg, URL: d.url() + "/trigger?problems=1"}
		switch {
		case p.NodeKey != "":
			shown.URL = d.nodeURL(p.NodeKey) + "?problems=1"
		case p.Node == "":
			shown.URL = ""
		}
		vm.Problems = append(vm.Problems, shown)
	}
	return vm
}

func (d *desk) versionWord(v engine.Workflow) string {
	if v.ID != d.draft.ID {
		return "Version " + strconv.Itoa(v.Number)
	}
	for _, other := range d.versions {
		if other.Current {
			return "Draft of v" + strconv.Itoa(other.Number)
		}
	}
	return "Draft"
}

func (d *desk) versionLine(v engine.Workflow) string {
	line := d.versionWord(v)
	switch {
	case v.Enabled:
		line += " · on"
	case v.Current:
		line += " · off"
	}
	return line + " · " + words(d.c).When(v.UpdatedAt)
}

// canvas draws the version; open is the key of the card whose drawer is open.
func (d *desk) canvas(open string) views.Canvas {
	cards := []views.FlowCard{{
		Key: "trigger", Icon: triggerforms.IconOf(d.w.Type), Trigger: true, Current: open == "trigger",
		Title:   d.scopeTitle(),
		Summary: triggerforms.SummaryOf(d.w.Type, d.w.Config, d.env),
		URL:     d.url() + "/trigger",
		Problem: d.problemAt(""), Add: d.addPoint("trigger", nil, "the trigger"),
	}}
	return views.Canvas{Label: "Workflow", Edit: true, Ended: true, Cards: append(cards, d.cards(d.tree, open)...)}
}

func (d *desk) scopeTitle() string { return d.env.Names.Groups[0].Title }

func (d *desk) cards(level engine.Level, open string) []views.FlowCard {
	var cards []views.FlowCard
	for _, n := range level {
		card := views.FlowCard{
			Key: n.Key, Icon: nodeforms.IconOf(n.Type), Title: nodeTitle(n), Current: n.Key == open,
			Summary: nodeforms.SummaryOf(n.Type, n.Config, d.env), URL: d.nodeURL(n.Key),
			Problem: d.problemAt(n.Key), Add: d.addPoint(n.Key, nil, nodeTitle(n)),
		}
		if !d.readOnly() {
			card.Menu = []views.Link{{Text: "Delete…", URL: d.nodeURL(n.Key) + "/delete"}}
		}
		for _, b := range n.Branches {
			card.Branches = append(card.Branches, views.CanvasBranch{
				Name: b.Label, Cards: d.cards(b.Nodes, open), Add: d.addPoint(n.Key, &b.Index, b.Label),
			})
		}
		cards = append(cards, card)
	}
	return cards
}

func nodeTitle(n *engine.TreeNode) string {
	if n.Title != "" {
		return n.Title
	}
	return nodeforms.TitleOf(n.Type)
}

// addPoint is the + after a node, or first in one of its branches.
func (d *desk) addPoint(after string, branch *int, name string) views.AddPoint {
	if d.readOnly() {
		return views.AddPoint{}
	}
	url := d.url() + "/nodes/new?after=" + after
	if branch != nil {
		return views.AddPoint{URL: url + "&branch=" + strconv.Itoa(*branch), Label: "Add a node first under " + name}
	}
	return views.AddPoint{URL: url, Label: "Add a node after " + name}
}

// problemAt is what stands on the card of a node that cannot run yet.
func (d *desk) problemAt(key string) string {
	if d.isOld() {
		return ""
	}
	at := slices.IndexFunc(d.checked, func(p engine.Problem) bool { return p.NodeKey == key && (key != "" || p.Node != "") })
	if at < 0 {
		return ""
	}
	return d.checked[at].Msg
}
