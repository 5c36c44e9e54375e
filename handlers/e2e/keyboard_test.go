package e2e

import (
	"testing"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/input"
)

// TestKeyboard makes a workflow, turns it on, runs it and reads its log without
// ever touching a mouse: all of it is reached by Tab and done by keys.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	_, v := stocked(t)

	t.Log("a new workflow, and what starts it")
	v.open("/workflows")
	v.tabTo("New workflow")
	v.keys(input.Enter)
	v.sees("dialog:modal h2", "New workflow")
	v.tabTo("Name")
	v.types("Reorder")
	v.tabTo("When a record changes")
	v.keys(input.ArrowDown)
	v.focusIs("When the time comes")
	v.keys(input.ArrowUp)
	v.focusIs("When a record changes")
	v.tabTo("Create workflow")
	v.keys(input.Enter)
	v.sees("h1", "Reorder")
	v.tabTo("Collection")
	v.keys('p')
	v.saved()
	v.tabTo("Starts when a record")
	v.keys(input.ArrowDown)
	v.sees("#n-trigger", "Product is created")
	v.saved()
	v.keys(input.Escape)
	v.gone("#drawer-title")
	v.focusIs("Product is created")

	t.Log("a condition, by the key a of the card before it")
	v.keys('a')
	v.el("[data-filter-input]")
	v.focusIs("Search node types")
	v.types("yes or no")
	v.keys(input.Enter)
	v.sees("#drawer-title", "Condition")
	v.gone("dialog[open]")
	v.tabTo("Written as")
	v.keys(input.ArrowDown)
	v.el("[name=expression]")
	v.saved()
	v.tabTo("Condition")
	v.tabTo("Insert a variable")
	v.keys(input.Enter)
	v.el("[data-chooser-search]")
	v.types("stock")
	v.keys(input.Enter)
	v.gone("[data-chooser-search]")
	v.types(" < 5")
	v.keys(input.Tab)
	v.sees("#flow .node-sum", "Stock < 5")
	v.saved()

	t.Log("both branches")
	for branch, says := range map[string]string{"Yes": "order more", "No": "there is enough"} {
		v.keys(input.Escape)
		v.gone("#drawer-title")
		v.tabTo("Add a node first under " + branch)
		v.keys(input.Enter)
		v.el("[data-filter-input]")
		v.focusIs("Search node types")
		v.types("output")
		v.keys(input.Enter)
		v.sees("#drawer-title", "Output")
		v.gone("dialog[open]")
		v.tabTo("Value")
		v.types(says)
		v.keys(input.Tab)
		v.sees("#flow .branch", says)
		v.saved()
	}

	t.Log("on, and run by hand for a record")
	v.tabTo("Reorder is on")
	v.keys(input.Space)
	v.sees(".toolbar .badge", "On")
	v.tabTo("Actions for Reorder")
	v.keys(input.Enter)
	v.sees("[role=menu]:popover-open", "Run by hand…")
	v.focusIs("Rename…")
	for v.standing() != "Run by hand…" {
		before := v.standing()
		v.keys(input.ArrowDown)
		if v.standing() == before {
			t.Fatalf("the menu ends at %q", before)
		}
	}
	v.leads("choose “Run by hand…”", func() { v.keys(input.Enter) })
	v.tabTo("Products")
	v.pick("Products", "Laptop 14″")
	v.tabTo("Run workflow")
	v.leads("run it", func() { v.keys(input.Enter) })

	t.Log("the log, from card to card")
	v.until("#run-head", "Completed")
	v.tabTo("Product is created") // in the outline
	v.keys(input.Tab)
	v.tabTo("Product is created") // on the canvas
	v.keys(input.ArrowDown, input.Enter)
	v.sees("#drawer-title", "Condition")
	v.sees("#fold-result", "false")
	v.keys(input.Escape)
	v.gone("#drawer-title")
	v.sees("#flow .branch", "there is enough")
	v.axe("log after the keyboard")
}

// types puts text where the focus is.
func (v *visitor) types(text string) {
	v.t.Helper()
	v.must(v.Page.InsertText(text), "type “"+text+"”")
}

// tabTo presses Tab until the focus is on what has these words, and stands in the
// page, not in what is around all pages.
func (v *visitor) tabTo(words string) {
	v.t.Helper()
	var seen []string
	for range 200 {
		at := v.standing()
		if at == words {
			return
		}
		seen = append(seen, at)
		v.keys(input.Tab)
	}
	v.t.Fatalf("Tab never comes to %q, but to %q", words, seen[:min(len(seen), 80)])
}

// focusIs waits until the focus is on what has these words.
func (v *visitor) focusIs(words string) {
	v.t.Helper()
	err := v.Page.Timeout(patience).Wait(rod.Eval("(words) => ("+standing+")() === words", words))
	if err != nil {
		v.t.Fatalf("the focus is on %q, want %q", v.standing(), words)
	}
}

// standing is the script behind [visitor.standing].
const standing = `() => {
	const el = document.activeElement;
	const words = (e) => e.textContent.replace(/\s+/g, " ").trim();
	const help = (label) => label.querySelector("small, .help");
	const labels = [...(el.labels || [])].map((label) => help(label) ? words(label).replace(words(help(label)), "").trim() : words(label));
	const said = el.getAttribute("aria-label") || labels.join(" ") || words(el.querySelector(":scope > .node-title") || el) || el.localName;
	return el.closest("main, dialog") ? said : "outside: " + said;
}`

// standing is what a screen reader begins to say of what has the focus: its label,
// else its words; “outside” tells what is not of the page, but around it.
func (v *visitor) standing() string {
	v.t.Helper()
	r, err := v.Page.Timeout(patience).Eval(standing)
	v.must(err, "see where the focus is")
	return r.Value.Str()
}
