package e2e

import (
	"testing"

	"github.com/go-rod/rod/lib/input"
	"github.com/go-rod/rod/lib/proto"
)

// TestShell uses what stands around every page, with the keyboard: menus,
// dialogs that give the focus back, the search, the list of keys.
func TestShell(t *testing.T) {
	t.Parallel()
	s := startReady(t)
	v := s.visitor(t)
	v.signIn(adminEmail, adminPassword)
	v.follow("Install sample applications")

	t.Log("the skip link comes first")
	v.open("/workflows")
	v.keys(input.Tab)
	v.focusOn("Skip to content")

	t.Log("a menu opens by keyboard, moves by arrows and gives the focus back")
	v.must(v.named("button", "Actions for Orders and stock").Focus(), "focus the menu button")
	v.keys(input.Enter)
	v.sees("[role=menu]:popover-open", "Delete")
	v.axe("open menu")
	v.shot("menu")
	first := v.focused()
	v.keys(input.ArrowDown)
	if v.focused() == first {
		t.Errorf("the arrow key stays on %q", first)
	}
	v.keys(input.Escape)
	v.gone("[role=menu]:popover-open")
	v.focusOn("Actions for Orders and stock")

	t.Log("what it asks is a dialog, and the focus comes back from there too")
	v.keys(input.Enter)
	v.sees("[role=menu]:popover-open", "Delete")
	v.press("Delete…")
	v.sees("dialog:modal h2", "Delete")
	v.axe("confirmation")
	v.shot("confirmation")
	v.keys(input.Escape)
	v.gone("dialog")
	v.focusOn("Actions for Orders and stock")

	t.Log("keys work outside of fields only")
	v.keys(input.Slash)
	v.focusOn("Search everything")
	v.keys(input.Slash)
	v.gone("dialog")
	v.keys(input.Escape, input.Tab, input.Tab)
	v.must(v.el("#main").Focus(), "focus the page")
	v.keys(input.Key('?'))
	v.sees("dialog:modal", "Show this list")
	v.keys(input.Escape)
	v.gone("dialog")

	t.Log("the account menu, and the navigation of a phone")
	v.press("A, ann, account")
	v.sees("#account:popover-open", "Sign out")
	v.axe("account menu")
	v.shot("account-menu")
	v.keys(input.Escape)
	v.size(360, 740)
	v.press("Menu")
	v.sees("#nav:popover-open", "Workflows")
	v.axe("navigation of a phone")
	v.shot("navigation")
	v.follow("Tasks")
	v.sees("h1", "Tasks")
}

// TestWithoutScripts signs in, installs, is asked and deletes while no script
// of ours arrives.
func TestWithoutScripts(t *testing.T) {
	t.Parallel()
	s := startReady(t)
	v := s.visitor(t)
	v.must(proto.NetworkEnable{}.Call(v.Page), "watch the network")
	v.must(proto.NetworkSetBlockedURLs{Urls: []string{"*.js"}}.Call(v.Page), "keep scripts away")
	v.signIn(adminEmail, adminPassword)
	v.follow("Install sample applications")
	v.sees(".toast", "installed")
	v.open("/workflows")
	href, err := v.el("a[href$='/delete']").Attribute("href")
	v.must(err, "find the way to delete a workflow")
	v.open(*href)
	v.sees("h1", "Delete")
	v.axe("confirmation page")
	v.must(v.el("main form button.btn-danger-fill").Click(proto.InputMouseButtonLeft, 1), "delete the workflow")
	v.sees(".toast", "deleted")
	if r, err := v.Page.Eval(`() => typeof htmx`); err != nil || r.Value.Str() != "undefined" {
		t.Errorf("scripts were there after all: %v, %v", r, err)
	}
}
