package e2e

import (
	"strings"
	"testing"
)

// stocked starts the program with the sample applications and an administrator
// who is signed in, as a newcomer has it after the setup page.
func stocked(t *testing.T) (*server, *visitor) {
	t.Helper()
	s := start(t)
	v := s.visitor(t)
	v.open(s.Setup)
	v.fill("Your name", "Ann Bauer")
	v.fill("Email", adminEmail)
	v.fill("Password", adminPassword)
	v.follow("Create administrator and start")
	v.sees("h1", "Home")
	return s, v
}

// order places an order in the browser and waits for what the workflow makes of it.
func order(v *visitor, product, quantity, status string) {
	v.t.Helper()
	v.open("/data/orders/new")
	v.pick("Product", product)
	v.fill("Quantity", quantity)
	v.follow("Save")
	v.until("tbody tr:first-child", status)
}

// TestOrders is the first story: from the setup link to orders that are
// confirmed or refused, the stock that falls, and the log that says why.
func TestOrders(t *testing.T) {
	t.Parallel()
	_, v := stocked(t)
	v.open("/data/products")
	v.inspect("products")
	if got := v.row("Laptop 14″"); !strings.Contains(got, "42") {
		t.Fatalf("before the orders: %s", got)
	}
	v.open("/data/orders/new")
	v.inspect("order-form")
	v.follow("Save")
	v.sees(".error", "")
	v.inspect("order-form-problems")

	order(v, "Laptop 14″", "3", "Confirmed")
	if got := v.row("Confirmed"); !strings.Contains(got, "3,870") {
		t.Errorf("the confirmed order: %s", got)
	}
	order(v, "Laptop 14″", "40", "Refused")
	v.sees("tbody tr:first-child", "Only 39 of Laptop 14″ in stock, 40 ordered.")
	v.inspect("orders")
	v.open("/data/products")
	if got := v.row("Laptop 14″"); !strings.Contains(got, "39") {
		t.Errorf("after the orders: %s", got)
	}

	v.open("/executions")
	v.sees("tbody", "Completed")
	v.inspect("executions")
	// The older of the two executions took the branch “Yes”.
	v.follow("Orders and stock")
	v.sees("#n-refuse", "Completed")
	v.inspect("execution-refused")
	v.open("/executions")
	v.followIn("tbody tr:nth-child(2)", "Orders and stock")
	for _, step := range []struct{ node, title, reads string }{
		{"product", "Find the product", "Laptop 14″"},
		{"enough", "Enough in stock?", "true"},
		{"total", "Total", "3870"},
		{"left", "New stock", "39"},
		{"deduct", "Update stock", "39"},
		{"confirm", "Confirm order", "confirmed"},
	} {
		v.sees("#n-"+step.node, "Completed")
		v.tap("#n-" + step.node + " .node-open")
		v.sees("#drawer-title", step.title)
		v.sees("#drawer", step.reads)
	}
	v.inspect("execution-step")
}

// TestBuild is the second story: a workflow built from nothing by clicking, and
// seen to run.
func TestBuild(t *testing.T) {
	t.Parallel()
	_, v := stocked(t)
	v.open("/workflows")
	v.inspect("workflows")
	v.follow("New workflow")
	v.inspect("workflow-new")
	v.fill("Name", "Twice the stock")
	v.follow("Create workflow")
	v.choose("Collection", "Products")
	v.sees("#drawer", "Saved")
	v.choose("Starts when a record", "is created")
	v.sees("#n-trigger", "Product is created")

	// What cannot run cannot be switched on.
	v.addNode("the trigger", "Calculation")
	v.check("On")
	v.sees("#notes", "")
	v.sees(".badge", "Off")
	v.sees("#flow [data-state], #flow .node", "expression")

	v.tap("[id^=n-]:not(#n-trigger) .node-open")
	v.fill("Name", "Doubled")
	v.insert("Expression", "Stock")
	v.write("Expression", " * 2")
	v.sees("#flow", "Stock * 2")
	v.inspect("workflow-calculation")

	v.addNode("Doubled", "Update records")
	v.choose("Collection", "Products")
	v.sees("#drawer", "Which records")
	v.inspect("workflow-update")
}
