package e2e

import "testing"

// TestHistory tells a workflow to keep none of its completed executions, and
// finds what stays of one: the record itself, and the list of them.
func TestHistory(t *testing.T) {
	t.Parallel()
	s := startReady(t)
	ann := s.visitor(t)
	ann.signIn(adminEmail, adminPassword)
	ann.follow("Install sample applications")
	ann.open("/executions/deleted")
	ann.sees("h2", "Nothing was deleted")
	ann.inspect("deleted-none")

	ann.follow("Settings")
	ann.fill("All others", "ninety")
	ann.follow("Save settings")
	ann.sees(".error", "Enter a number of days")
	ann.inspect("settings-problem")
	ann.fill("Completed ones", "30")
	ann.fill("All others", "90")
	ann.follow("Save settings")
	ann.sees(".toast", "saved")
	ann.inspect("settings")

	p := s.program(adminEmail, adminPassword)
	var products []struct{ ID int64 }
	p.get("products:list?sort=id&pageSize=1", &products)
	p.call("orders:create", map[string]any{"product": products[0].ID, "quantity": 1}, nil)
	ann.open("/executions")
	ann.until("tbody", "Completed")
	run := ann.el("tbody .c-main a")
	link, err := run.Attribute("href")
	ann.must(err, "read the address of the execution")

	ann.open("/workflows")
	ann.follow("Orders and stock")
	ann.press("Actions for Orders and stock")
	ann.follow("History…")
	ann.sees("main", "Completed ones for 30 days, all others for 90 days.")
	ann.check("Completed")
	ann.inspect("workflow-history")
	ann.follow("Save history")
	ann.sees(".toast", "The history of “Orders and stock” is set.")

	ann.open("/executions/deleted")
	ann.until("main", "at once, by its state")
	ann.inspect("deleted")
	ann.open(*link)
	ann.sees(".alert", "This execution was deleted on")
	ann.inspect("deleted-execution")
}
