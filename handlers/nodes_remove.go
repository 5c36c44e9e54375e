package handlers

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/fault"
	"alur/views"
)

func (h *workflows) askRemoveNode(c echo.Context) error {
	d, err := h.openFor(c, auth.Editor)
	if err != nil {
		return err
	}
	n, err := d.node()
	if err != nil {
		return err
	}
	vm := views.RemoveNode{
		What: "node", Title: nodeTitle(n), Action: d.nodeURL(n.Key) + "/delete", Back: d.nodeURL(n.Key), Revision: n.Revision,
		Text: "The node and its settings are gone; what stands before and after it is joined.",
	}
	inside := map[string]bool{n.Key: true}
	for _, b := range n.Branches {
		if len(b.Nodes) == 0 {
			continue
		}
		count := 0
		b.Nodes.Walk(func(t *engine.TreeNode) { count++; inside[t.Key] = true })
		vm.Branches = append(vm.Branches, views.Option{
			Value: strconv.Itoa(b.Index), Text: "Keep “" + b.Label + "”",
			Help: views.Count(count, "node moves", "nodes move") + " into its place.",
		})
	}
	if len(vm.Branches) > 0 {
		vm.Branches = append(vm.Branches, views.Option{Text: "Delete all of them", Help: views.Count(len(inside)-1, "node is", "nodes are") + " deleted with it."})
	}
	vm.Used = d.users(inside)
	return render(c, http.StatusOK, views.RemoveNodePage(vm), views.RemoveNodeDialog(vm))
}

// users names the nodes that use the result of one of gone without being one.
func (d *desk) users(gone map[string]bool) []string {
	var names []string
	d.tree.Walk(func(t *engine.TreeNode) {
		if gone[t.Key] {
			return
		}
		for _, ref := range engine.References(t.Node) {
			path := strings.Split(strings.TrimPrefix(ref.Path, "ctx."), ".")
			if len(path) > 1 && path[0] == "$jobsMapByNodeKey" && gone[path[1]] {
				names = append(names, "“"+nodeTitle(t)+"”")
				return
			}
		}
	})
	return names
}

func (h *workflows) removeNode(c echo.Context) error {
	d, moved, err := h.openToChange(c)
	if err != nil {
		return err
	}
	n, err := d.node()
	if err != nil {
		return err
	}
	var keep *int
	if typed := c.FormValue("keep"); typed != "" {
		branch, err := strconv.Atoi(typed)
		if err != nil {
			return fault.New(fault.Invalid, "Choose which branch to keep.")
		}
		keep = &branch
	}
	seen, _ := strconv.ParseInt(c.FormValue("revision"), 10, 64)
	if moved {
		seen = n.Revision
	}
	if err := h.engine.RemoveNode(c.Request().Context(), actor(c), n.ID, seen, keep); err != nil {
		return err
	}
	notice := "“" + nodeTitle(n) + "” is deleted."
	if !isPartial(c.Request()) {
		return done(c, d.url(), notice)
	}
	if d, err = h.openID(c, d.w.ID); err != nil {
		return err
	}
	d.toast = &views.Notice{State: views.Completed, Text: notice}
	d.replaceMain(d.url())
	return d.renderWith(http.StatusOK, nil, true)
}

// branch is the way out of a node that the address names and that can be deleted.
func (d *desk) branch() (*engine.TreeNode, engine.TreeBranch, error) {
	n, err := d.node()
	if err != nil {
		return nil, engine.TreeBranch{}, err
	}
	for _, b := range n.Branches {
		if n.Kind != nil && strconv.Itoa(b.Index) == d.c.Param("branch") {
			_, err := n.Kind.Prune(n.Config, b.Index)
			return n, b, err
		}
	}
	return nil, engine.TreeBranch{}, fault.New(fault.NotFound, "There is no such branch. It may have been deleted.")
}

// askRemoveBranch asks before a condition goes with all that stands in its branch.
func (h *workflows) askRemoveBranch(c echo.Context) error {
	d, err := h.openFor(c, auth.Editor)
	if err != nil {
		return err
	}
	n, b, err := d.branch()
	if err != nil {
		return err
	}
	gone := map[string]bool{}
	b.Nodes.Walk(func(t *engine.TreeNode) { gone[t.Key] = true })
	vm := views.RemoveNode{
		What: "condition", Title: b.Label, Action: d.branchURL(n.Key, b.Index), Back: d.nodeURL(n.Key), Revision: n.Revision,
		Text: "Its branch is empty, so nothing else goes with it.", Used: d.users(gone),
	}
	if len(gone) > 0 {
		vm.Text = views.Count(len(gone), "node in its branch is", "nodes in its branch are") + " deleted with it."
	}
	return render(c, http.StatusOK, views.RemoveNodePage(vm), views.RemoveNodeDialog(vm))
}

func (d *desk) branchURL(key string, branch int) string {
	return d.nodeURL(key) + "/branches/" + strconv.Itoa(branch) + "/delete"
}

func (h *workflows) removeBranch(c echo.Context) error {
	d, moved, err := h.openToChange(c)
	if err != nil {
		return err
	}
	n, b, err := d.branch()
	if err != nil {
		return err
	}
	seen, _ := strconv.ParseInt(c.FormValue("revision"), 10, 64)
	if moved {
		seen = n.Revision
	}
	if err := h.engine.PruneNode(c.Request().Context(), actor(c), n.ID, seen, b.Index); err != nil {
		return err
	}
	notice := "“" + b.Label + "” is deleted."
	if !isPartial(c.Request()) {
		return done(c, d.nodeURL(n.Key), notice)
	}
	if d, err = h.openID(c, d.w.ID); err != nil {
		return err
	}
	if n, err = d.nodeCalled(n.Key); err != nil {
		return err
	}
	d.toast = &views.Notice{State: views.Completed, Text: notice}
	d.replaceMain(d.nodeURL(n.Key))
	return d.renderWith(http.StatusOK, d.drawer(d.nodePanel(n)), true)
}
