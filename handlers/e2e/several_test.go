package e2e

import (
	"strconv"
	"testing"
)

// TestSeveralConditions builds a workflow with several conditions and outputs in
// the browser, deletes one of the conditions, tests the node, and looks at a run on
// each branch.
func TestSeveralConditions(t *testing.T) {
	t.Parallel()
	s, v := stocked(t)
	v.open("/workflows")
	v.press("New workflow")
	v.fill("Name", "Sort products")
	v.follow("Create workflow")
	v.choose("Collection", "Products")
	v.sees("#drawer", "Saved")
	v.choose("Starts when a record", "is created")
	v.sees("#n-trigger", "Product is created")

	v.addNode("the trigger", "Several conditions")
	v.sees("#flow .branch-name", "Otherwise")
	for i, name := range []string{"Plenty", "Some", "Odd one"} {
		if i > 0 {
			v.press("Add condition")
		}
		v.sees("#flow .branch-name", "Condition "+strconv.Itoa(i+1))
		v.fill("Name of condition "+strconv.Itoa(i+1), name)
		v.sees("#flow .branch-name", name)
		v.insert("conditions."+strconv.Itoa(i)+".calculation.0.left", "Stock")
		v.chooseNamed("conditions."+strconv.Itoa(i)+".calculation.0.is", "≥")
		v.fillNamed("conditions."+strconv.Itoa(i)+".calculation.0.right", []string{"100", "10", "5"}[i])
		v.saved()
	}
	v.check("Go on")
	v.saved()
	v.inspect("several")

	// A condition goes with its branch, after a question.
	v.addFirst("Odd one", "End")
	v.tap("#flow > li.split > .node .node-open")
	v.sees("#drawer-title", "Several conditions")
	v.press("Delete Odd one…")
	v.sees("dialog", "1 node in its branch is deleted with it.")
	v.inspect("several-delete")
	v.press("Delete condition")
	v.gone("dialog[open]")
	v.sees("#toasts", "“Odd one” is deleted.")
	v.gone("#flow .branch:nth-child(4)")

	v.addFirst("Plenty", "Output")
	v.fill("Value", `{"stock": 1, "much": true}`)
	v.sees("#flow", "much, stock")
	v.fill("Value", `{"stock": `)
	v.sees("#drawer .error", "This begins like JSON")
	v.fill("Value", "")
	v.insert("value", "Stock")
	v.sees("#flow .branch .node-sum", "Stock")
	v.saved()
	v.inspect("output")
	v.addFirst("Some", "Output")
	v.fill("Value", "some are left")
	v.saved()
	v.addFirst("Otherwise", "End")
	v.check("Failed")
	v.sees("#flow .branch", "The execution has failed")

	v.tap("#flow > li.split > .node .node-open")
	v.sees("#drawer-title", "Several conditions")
	v.press("Test")
	v.fill("Product / Stock", "12")
	v.press("Run test")
	v.sees("#trial .log", "The branch “Some” would run.")
	v.inspect("several-test")
	v.check("On")
	v.sees(".toolbar .badge", "On")

	p := s.program(adminEmail, adminPassword)
	for _, stock := range []int{150, 20, 3} {
		p.call("products:create", map[string]any{"name": "Pen " + strconv.Itoa(stock), "price": 1, "stock": stock}, nil)
	}
	v.open("/executions")
	v.until("tbody", "Failed")
	v.until("main", "Completed")
	for i, tc := range []struct{ state, taken, output string }{
		{"Failed", "Otherwise · taken", ""},
		{"Completed", "Some · met", "some are left"},
		{"Completed", "Plenty · met", "150"},
	} {
		v.open("/executions")
		v.tap("tbody tr:nth-child(" + strconv.Itoa(i+1) + ") a[href^='/executions/']")
		v.sees("#run-head", tc.state)
		v.sees("#flow .branch-name", tc.taken)
		if tc.output == "" {
			v.gone("#n-output")
			continue
		}
		v.sees("#n-output", tc.output)
		v.tap("#n-output .node-open")
		v.sees("#drawer #fold-output", tc.output)
	}
	v.inspect("several-run")
}

// addFirst adds a node first in a branch, and waits for its drawer.
func (v *visitor) addFirst(branch, kind string) {
	v.t.Helper()
	v.at(v.named("a, button", "Add a node first under "+branch), "press + under "+branch)
	v.at(v.named("dialog button", kind), "choose "+kind)
	v.sees("#drawer-title", kind)
	v.gone("dialog[open]")
}

// fillNamed replaces the text of the field with a name; rows of a form share their
// labels.
func (v *visitor) fillNamed(name, text string) {
	v.t.Helper()
	e := v.el(`[name="` + name + `"]`).Timeout(patience)
	v.must(e.SelectAllText(), "select the text of "+name)
	v.must(e.Input(text), "fill "+name)
}
