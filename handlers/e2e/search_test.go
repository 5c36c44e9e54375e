package e2e

import (
	"strconv"
	"testing"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/input"
	"github.com/go-rod/rod/lib/proto"
)

// TestSearch finds executions by words of their data, leafs through them, and
// narrows them down to one; the address holds all of it.
func TestSearch(t *testing.T) {
	t.Parallel()
	s, v := stocked(t)
	ann := s.program(adminEmail, adminPassword)
	const password = "a calm silver kettle"
	ann.call("users:create", map[string]any{"nickname": "Cleo", "email": "cleo@alur.test", "username": "cleo", "password": password, "roles": []string{"admin"}}, nil)
	cleo := s.program("cleo@alur.test", password)
	var products, employees []struct{ ID int64 }
	ann.get("products:list?sort=-stock&pageSize=1", &products)
	ann.get("employees:list?pageSize=1", &employees)
	order := func(by *program) string {
		var made struct{ ID int64 }
		by.call("orders:create", map[string]any{"productId": products[0].ID, "quantity": 1, "note": "Tie it with a violet ribbon"}, &made)
		return strconv.FormatInt(made.ID, 10)
	}
	// One more than stands on a page, and two of somebody else.
	for range 51 {
		order(ann)
	}
	wanted := order(cleo)
	cleo.call("leaveRequests:create", map[string]any{"employeeId": employees[0].ID, "firstDay": "2026-12-21", "lastDay": "2026-12-22", "reason": "A violet ribbon to cut"}, nil)

	t.Log("by words, which the search knows after a moment")
	v.open("/executions")
	v.fill("Search in the data of executions", "violet ribbon")
	v.leads("search", func() { v.keys(input.Enter) })
	v.until("#found", "53 executions match")

	t.Log("a page on, and back")
	first := v.ids()
	if len(first) != 50 {
		t.Fatalf("%d executions on the first page", len(first))
	}
	v.follow("Next page")
	v.sees("#found", "53 executions match")
	if second := v.ids(); len(second) != 3 || second[0] >= first[49] {
		t.Errorf("the second page has %v after %s", second, first[49])
	}
	v.follow("Previous page")
	v.sees("#found", "53 executions match")
	if back := v.ids(); len(back) != 50 || back[0] != first[0] || back[49] != first[49] {
		t.Errorf("back on the first page there are %d from %s on, want %s", len(back), back[0], first[0])
	}

	t.Log("by person, by state, by record")
	v.press("More filters")
	v.choose("Person", "Cleo")
	v.follow("Show")
	v.sees("#found", "2 executions match")
	v.press("More filters")
	v.check("Completed")
	v.check("Failed")
	v.follow("Show")
	v.until("#found", "1 execution matches") // of the two the order runs, then ends
	v.press("More filters")
	v.choose("About a record of", "Orders")
	v.fill("Record", wanted)
	v.leads("ask for a record", func() { v.keys(input.Enter) })
	v.sees("#found", "1 execution matches")
	v.sees("tbody tr", "Orders and stock")
	v.press("More filters")
	v.inspect("executions-found")

	t.Log("the address is enough to see the same again")
	at := v.path()
	v.leads("reload", func() { v.must(v.Page.Reload(), "reload") })
	if v.path() != at {
		t.Errorf("after a reload the address is %s, was %s", v.path(), at)
	}
	v.sees("#found", "1 execution matches")
	if got := v.field("Search in the data of executions").MustProperty("value").Str(); got != "violet ribbon" {
		t.Errorf("after a reload the search is for %q", got)
	}
	for _, chip := range []string{"Person Cleo", "Record Orders " + wanted, "State completed"} {
		v.sees(".filterbar", chip)
	}

	t.Log("a result leads to its execution")
	v.followIn("tbody tr:first-child", "Orders and stock")
	v.sees("h1", "Execution")
	v.tap("#n-trigger .node-open")
	v.sees("#drawer", "violet ribbon")
	v.sees("#drawer", wanted)

	t.Log("what nothing matches says so, and offers a way out")
	v.open(at)
	v.fill("Search in the data of executions", "yellow ribbon")
	v.leads("search", func() { v.keys(input.Enter) })
	v.sees("main", "No executions match")
	v.axe("executions-none")
	v.follow("Clear filters")
	v.sees("tbody", "Completed")
	if got := v.path(); got != "/executions" {
		t.Errorf("without filters the list is at %s", got)
	}
}

// leads does what opens another page, or the same anew, and waits for it.
func (v *visitor) leads(doing string, act func()) {
	v.t.Helper()
	p := v.Page.Timeout(patience)
	wait := p.WaitNavigation(proto.PageLifecycleEventNameLoad)
	act()
	wait()
	v.must(p.GetContext().Err(), doing)
}

// ids are the ids of the rows of a list.
func (v *visitor) ids() []string {
	v.t.Helper()
	v.must(v.Page.Timeout(patience).Wait(rod.Eval(`() => document.readyState !== "loading"`)), "wait for the whole list")
	r, err := v.Page.Timeout(patience).Evaluate(rod.Eval(`() => [...document.querySelectorAll("tbody tr")].map((tr) => tr.id)`))
	v.must(err, "read the rows")
	var ids []string
	for _, id := range r.Value.Arr() {
		ids = append(ids, id.Str())
	}
	return ids
}
