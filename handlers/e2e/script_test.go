package e2e

import (
	"strings"
	"testing"

	"github.com/go-rod/rod/lib/input"
)

// TestScript builds a workflow with a program of one's own: written in the
// browser, tested there, published and seen to run.
func TestScript(t *testing.T) {
	t.Parallel()
	_, v := stocked(t)
	v.open("/workflows")
	v.press("New workflow")
	v.fill("Name", "Stock by program")
	v.follow("Create workflow")
	v.choose("Collection", "Products")
	v.sees("#drawer", "Saved")
	v.choose("Starts when a record", "is created")
	v.sees("#n-trigger", "Product is created")

	v.addNode("the trigger", "JavaScript")
	v.press("Add parameter")
	v.fill("Name of the parameter", "the stock")
	v.sees("#drawer .error", "Use letters, digits and _")
	v.fill("Name of the parameter", "stock")
	v.saved()
	v.insert("arguments.0.value", "Stock")
	v.saved()

	// Enter keeps the indentation, Tab indents, and Escape, then Tab, leaves.
	v.must(v.field("Program").Focus(), "go to the program")
	v.must(v.Page.InsertText("// Twice the stock"), "type")
	v.keys(input.Enter)
	v.must(v.Page.InsertText("if (stock > 0) {"), "type")
	v.keys(input.Enter)
	v.must(v.Page.InsertText(`console.log("stock", stock)`), "type")
	v.keys(input.Enter)
	v.must(v.Page.InsertText("return { twice: stock * 2"), "type")
	v.keys(input.Enter, input.Tab)
	v.must(v.Page.InsertText("}"), "type")
	if got, want := v.text("Program"), "// Twice the stock\nif (stock > 0) {\n  console.log(\"stock\", stock)\n  return { twice: stock * 2\n    }"; got != want {
		t.Errorf("the program is\n%s\nwant\n%s", got, want)
	}
	before := v.text("Program")
	v.must(v.field("Program").SelectAllText(), "select all")
	v.keys(input.Tab)
	if got := v.text("Program"); got != "  "+strings.ReplaceAll(before, "\n", "\n  ") {
		t.Errorf("indented, the program is\n%s", got)
	}
	v.must(v.Page.Keyboard.Press(input.ShiftLeft), "press Shift")
	v.keys(input.Tab)
	v.must(v.Page.Keyboard.Release(input.ShiftLeft), "release Shift")
	if got := v.text("Program"); got != before {
		t.Errorf("and back, the program is\n%s", got)
	}
	v.keys(input.Escape)
	v.sees("#drawer-title", "JavaScript")
	v.keys(input.Tab)
	if got := v.focused(); got == "content" {
		t.Fatal("Escape and Tab do not leave the program")
	}
	v.sees("#drawer .error", "Its end is missing: close every bracket")
	v.sees(".code-lines", "8")
	v.check("On")
	v.sees("#notes", "JavaScript: Correct the program. Its end is missing")
	v.tap("#flow > li:nth-child(3) .node-open")
	v.sees("#drawer-title", "JavaScript")

	v.fill("Program", "// Twice the stock\nconsole.log(\"stock\", stock)\nreturn { twice: stock * 2 }\n\n\n\n\n\n\nfunction neverCalledWithAVeryLongName() { return 'a line that is longer than the field is wide' }")
	v.sees(".code-lines", "10")
	v.gone("#drawer .error")
	v.inspect("script")

	// The values to test with are typed; nothing has run yet.
	v.press("Test")
	v.fill("Product / Stock", "4")
	v.press("Run test")
	v.sees("#trial", "Completed")
	v.sees("#trial .json", "twice: 8")
	v.sees("#trial .log", "[info] stock 4")
	v.inspect("script-test")
	v.fill("Product / Stock", "[1")
	v.press("Run test")
	v.sees("#drawer .error", "This begins like JSON")
	v.press("Help")
	v.sees("#drawer", "128 MB")
	v.inspect("script-help")

	v.addNode("JavaScript", "Calculation")
	v.fill("Name", "One more")
	v.insert("expression", "Result")
	v.must(v.field("Expression").Focus(), "go to the expression")
	v.keys(input.End, input.ArrowLeft, input.ArrowLeft)
	v.must(v.Page.InsertText(".twice"), "name the part")
	v.write("Expression", " + 1")
	v.saved()
	v.addNode("One more", "Update records")
	v.choose("Collection", "Products")
	v.press("Add condition")
	v.chooseNamed("filter.0.left", "ID")
	v.insert("filter.0.right", "ID")
	v.press("Add field")
	v.chooseNamed("values.0.field", "Stock")
	v.insert("values.0.value", "Result")
	v.sees("#flow", "Products · sets Stock")
	v.check("On")
	v.sees(".toolbar .badge", "On")

	v.open("/data/products/new")
	v.fill("Name", "Paper, 500 sheets")
	v.fill("Price", "4.90")
	v.fill("Stock", "21")
	v.follow("Save")
	v.until("tbody tr:first-child", "43")
	v.open("/executions")
	v.until("tbody", "Completed")
	v.follow("Stock by program")
	v.tap("#flow > li:nth-child(3) .node-open")
	v.sees("#drawer-title", "JavaScript")
	v.sees("#drawer .log", "[info] stock 21")
	v.sees("#drawer", "twice: 42")
}

// text is what a field holds.
func (v *visitor) text(label string) string {
	v.t.Helper()
	e, err := v.field(label).Property("value")
	v.must(err, "read “"+label+"”")
	return strings.ReplaceAll(e.Str(), "\r\n", "\n")
}
