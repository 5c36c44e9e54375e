package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestFirstStart follows the setup link: administrator made, signed in, home.
func TestFirstStart(t *testing.T) {
	t.Parallel()
	s := start(t)
	if status, text := s.fetch("/"); status != http.StatusServiceUnavailable || !strings.Contains(text, "one-time setup link") {
		t.Fatalf("before the set-up / answers %d:\n%s", status, text)
	}
	v := s.visitor(t)
	v.open("/")
	v.inspect("before-setup")

	v.open(s.Setup)
	v.inspect("setup")
	v.fill("Your name", "Ann Bauer")
	v.fill("Email", adminEmail)
	v.fill("Password", "short")
	v.follow("Create administrator and start")
	v.sees(".error", "characters")
	v.inspect("setup-problem")

	v.fill("Password", adminPassword)
	v.follow("Create administrator and start")
	v.sees("h1", "Home")
	v.sees("#h-runs", "Executions today")
	v.inspect("home")

	v.open(s.Setup)
	v.sees("main", "used")
}

// TestWelcome starts without samples, signs in and out, and installs them from
// the empty start page.
func TestWelcome(t *testing.T) {
	t.Parallel()
	s := startReady(t)
	v := s.visitor(t)
	v.open("/help")
	if got := v.path(); got != "/sign-in?next=%2Fhelp" {
		t.Errorf("a stranger stands at %s", got)
	}
	v.inspect("sign-in")
	v.signIn(adminEmail, "not the password")
	v.sees("[role=alert]", "password")
	v.signIn(adminEmail, adminPassword)
	v.sees("h1", "Home")
	v.inspect("welcome")

	v.follow("Install sample applications")
	v.sees(".toast", "sample applications installed")
	v.gone("#h-welcome")
	v.sees("#nav", "Orders")

	s.orders(12)
	v.open("/")
	v.sees(".figures", "Completed12")
	v.inspect("home-busy")
	v.open("/search?q=order")
	v.sees("h2", "Workflows")
	v.inspect("search")
	v.open("/nothing/here")
	v.inspect("not-found")

	v.press("Help and keys")
	v.sees("dialog", "Search")
	v.axe("help")
	v.press("Close")
	v.gone("dialog")
	if got := v.focused(); got != "Help and keys" {
		t.Errorf("after the dialog the focus is on %q", got)
	}

	v.press("A, ann, account")
	v.follow("Sign out")
	v.open("/")
	if got := v.path(); !strings.HasPrefix(got, "/sign-in") {
		t.Errorf("after signing out / leads to %s", got)
	}
}

// orders places orders and waits until the workflow has seen to all of them.
func (s *server) orders(n int) {
	s.t.Helper()
	p := s.program(adminEmail, adminPassword)
	var products []struct{ ID json.Number }
	p.get("products:list?pageSize=5&sort=id", &products)
	for i := range n {
		p.call("orders:create", map[string]any{"product": products[i%len(products)].ID, "quantity": 1 + i%3}, nil)
	}
	for tick := time.Tick(20 * time.Millisecond); ; {
		select {
		case <-tick:
		case <-s.t.Context().Done():
			s.t.Fatal("the orders were not worked on in time")
		}
		var open []struct{}
		p.get(`executions:list?filter={"endedAt":null}`, &open)
		if len(open) == 0 {
			return
		}
	}
}
