package e2e

import (
	"strings"
	"testing"

	"github.com/go-rod/rod/lib/input"
)

// TestEditor edits a workflow that runs: in a draft, from the keyboard, and
// beside somebody else.
func TestEditor(t *testing.T) {
	t.Parallel()
	s, v := stocked(t)
	v.open("/workflows")
	v.follow("Orders and stock")
	running := v.path()

	// Arrow keys walk over the cards, Enter opens one, Escape closes it.
	v.must(v.el("#n-trigger .node-open").Focus(), "go to the first card")
	v.keys(input.ArrowDown, input.ArrowDown)
	v.keys(input.Enter)
	v.sees("#drawer-title", "Enough in stock?")
	v.keys(input.Escape)
	v.gone("#drawer-title")

	// The first change makes a draft; the field keeps the focus, and what is
	// typed next is saved there too.
	v.tap("#n-deduct .node-open")
	v.sees("#drawer-title", "Update stock")
	v.write("Name", " now")
	v.sees("#notes", "Version 1 runs on until you publish.")
	v.saved()
	draft := v.path()
	if draft == running || !strings.HasSuffix(draft, "/nodes/deduct") {
		t.Fatalf("the draft is at %s", draft)
	}
	v.write("Name", ", again")
	v.sees("#n-deduct", "Update stock now, again")
	v.saved()

	// Alt+V opens the variables, typing searches, Enter inserts at the caret.
	v.must(v.el(`[name="values.0.value"]`).Focus(), "go to the value")
	v.must(v.Page.Keyboard.Press(input.AltLeft), "press Alt")
	v.keys(input.KeyV)
	v.must(v.Page.Keyboard.Release(input.AltLeft), "release Alt")
	v.el("[data-chooser-search]")
	v.must(v.Page.InsertText("quantity"), "search a variable")
	v.keys(input.Enter)
	v.gone("[data-chooser]")
	v.sees(".expr-chips", "Order / Quantity")
	v.saved()

	// Nothing typed is left behind: another card opens once it is saved.
	v.must(v.field("Name").Focus(), "go to the name")
	v.keys(input.End)
	v.must(v.Page.InsertText(" and again"), "type")
	v.tap("#n-total .node-open")
	v.sees("#drawer-title", "Total")
	v.sees("#n-deduct", "Update stock now, again and again")
	v.tap("#n-deduct .node-open")
	v.sees("#drawer-title", "Update stock now, again and again")

	// Somebody else changes the same node: theirs stays until mine is put in its
	// place on purpose.
	other := s.visitor(t)
	other.signIn(adminEmail, adminPassword)
	other.open(draft)
	other.fill("Name", "Theirs")
	other.saved()
	v.fill("Name", "Mine")
	v.sees("#drawer [role=alert]", "Not saved: Ann Bauer changed this")
	v.sees("#drawer [role=alert]", "Theirs")
	v.inspect("conflict")
	v.press("Save mine instead")
	v.sees("#n-deduct", "Mine")

	v.press("Add a node after Mine")
	v.el("[data-filter-input]")
	v.must(v.Page.InsertText("decision"), "search a node type")
	v.keys(input.Enter)
	v.sees("#drawer-title", "Decision by a person")
	v.inspect("node-manual")
	v.press("Actions for Decision by a person")
	v.press("Delete…")
	v.inspect("node-delete")
	v.press("Delete node")
	v.gone("dialog[open]")

	v.press("Publish")
	v.sees(".toolbar", "Version 2")
	v.sees("#toasts", "Version 2 is published.")
	v.open(running)
	v.sees("#notes", "An older version, to look at.")
	v.inspect("version-old")
}
