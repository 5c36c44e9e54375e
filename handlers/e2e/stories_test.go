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

	v.open("/workflows")
	v.follow("Orders and stock")
	v.tap("#n-enough .node-open")
	v.sees("#drawer-title", "Enough in stock?")
	v.inspect("canvas")

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
	v.press("New workflow")
	v.sees("h1, h2", "New workflow")
	v.inspect("workflow-new")
	v.fill("Name", "Twice the stock")
	v.follow("Create workflow")
	v.choose("Collection", "Products")
	v.sees("#drawer", "Saved")
	v.choose("Starts when a record", "is created")
	v.sees("#n-trigger", "Product is created")

	// What cannot run cannot be switched on, and says why at its node.
	v.addNode("the trigger", "Calculation")
	v.check("On")
	v.sees(".toolbar .badge", "Off")
	v.sees("#flow .node", "Write an expression")
	v.gone(".toolbar .switch:checked")
	v.inspect("workflow-problems")

	v.open(v.path())
	v.tap("[id^=n-]:not(#n-trigger) .node-open")
	v.fill("Name", "Doubled")
	v.insert("expression", "Stock")
	v.write("Expression", " * 2")
	v.sees("#flow", "Stock * 2")
	v.inspect("workflow-calculation")

	v.addNode("Doubled", "Update records")
	v.choose("Collection", "Products")
	v.press("Add condition")
	v.chooseNamed("filter.0.left", "ID")
	v.insert("filter.0.right", "ID")
	v.press("Add field")
	v.chooseNamed("values.0.field", "Stock")
	v.insert("values.0.value", "Result")
	v.sees("#flow", "Products · sets Stock")
	v.inspect("workflow-update")
	v.check("On")
	v.sees(".toolbar .badge", "On")

	v.open("/data/products/new")
	v.fill("Name", "Paper, 500 sheets")
	v.fill("Price", "4.90")
	v.fill("Stock", "21")
	v.follow("Save")
	v.until("tbody tr:first-child", "42")
	if got := v.row("Paper, 500 sheets"); !strings.Contains(got, "42") {
		t.Errorf("the product: %s", got)
	}

	// A version that has run is edited as a draft.
	v.open("/workflows")
	v.follow("Twice the stock")
	v.sees(".toolbar", "Version 1")
	v.press("Actions for Twice the stock")
	v.press("Rename…")
	v.fill("Name", "Stock, doubled")
	v.press("Rename workflow")
	v.sees("h1", "Stock, doubled")
	v.open("/workflows")
	v.sees("tbody", "Stock, doubled")
}

// TestLeave is the third story: a request, its mail, and a manager who decides
// from the link on a phone without signing in.
func TestLeave(t *testing.T) {
	t.Parallel()
	s, v := stocked(t)
	request := func(employee, reason string) {
		t.Helper()
		v.open("/data/leaveRequests/new")
		v.pick("Employee", employee)
		v.date("First day", "2026-12-21")
		v.date("Last day", "2026-12-30")
		v.fill("Reason", reason)
		v.follow("Save")
		v.sees("tbody tr:first-child", employee)
	}
	link := func(subject string) string {
		t.Helper()
		v.open("/outbox")
		v.until("tbody", subject)
		v.follow("Approve: " + subject)
		v.inspect("mail")
		e, err := v.el(`a[href*="/links/"]`).Property("href")
		v.must(err, "read the link")
		return e.Str()
	}
	phone := func() *visitor {
		p := s.visitor(t)
		p.size(360, 740)
		return p
	}

	request("Bob Meyer", "Winter")
	p := phone()
	mailed := link("Leave for Bob Meyer")
	p.open(mailed)
	p.sees("main", "You decide as Ann Bauer")
	p.sees("main", "21 Dec 2026")
	p.inspect("decision")
	p.size(360, 740)
	p.fill("Note", "Enjoy it")
	p.follow("Approve")
	p.sees("main", "Ann Bauer")
	p.inspect("decided")

	v.open("/data/leaveRequests")
	v.until("tbody tr:first-child", "Approved")
	if got := v.row("Winter"); !strings.Contains(got, "Enjoy it") || !strings.Contains(got, "8") {
		t.Errorf("the request: %s", got)
	}
	v.open("/data/employees")
	if got := v.row("Bob Meyer"); !strings.Contains(got, "16") {
		t.Errorf("24 days less 8: %s", got)
	}
	// The used link tells what was decided, in any browser.
	again := phone()
	again.open(mailed)
	again.sees("main", "approved")

	request("Clara Vogt", "Skiing")
	v.open("/tasks")
	v.until("main", "Leave for Clara Vogt")
	v.inspect("tasks")
	v.follow("Leave for Clara Vogt")
	v.fill("Note", "Stocktaking")
	v.follow("Refuse")
	v.open("/data/leaveRequests")
	v.until("tbody tr:first-child", "Refused")
	if got := v.row("Skiing"); !strings.Contains(got, "Stocktaking") {
		t.Errorf("the refused request: %s", got)
	}
}
