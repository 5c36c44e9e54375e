package e2e

import (
	"testing"

	"github.com/go-rod/rod"
)

// TestPeople invites somebody, who comes with the link in a browser of their
// own, looks after their account, and is deactivated while they work.
func TestPeople(t *testing.T) {
	t.Parallel()
	s := startReady(t)
	ann := s.visitor(t)
	ann.signIn(adminEmail, adminPassword)
	ann.open("/users/new")
	ann.inspect("invite")
	ann.follow("Invite")
	ann.sees(".error", "Enter")
	ann.inspect("invite-problem")
	ann.fill("Name", "Bob Meyer")
	ann.fill("Email", "bob@norddruck.example")
	ann.follow("Invite")
	ann.inspect("invitation")
	value, err := ann.field("One-time link").Attribute("value")
	ann.must(err, "read the link")
	link := *value

	bob := s.visitor(t)
	bob.open(link)
	bob.sees("h1", "Welcome, Bob Meyer")
	bob.inspect("set-password")
	bob.fill("Password", "password1234")
	bob.follow("Set password and sign in")
	bob.sees(".error", "attackers try")
	bob.fill("Password", "a herd of green llamas")
	bob.follow("Set password and sign in")
	bob.sees(".toast", "Welcome, Bob Meyer.")
	bob.press("BM, ")
	bob.follow("Your account")
	bob.inspect("account")
	bob.fill("Name", "Robert Meyer")
	bob.must(bob.field("Time zone").Select([]string{`[value="Asia/Tokyo"]`}, true, rod.SelectorTypeCSSSector), "choose Tokyo")
	bob.follow("Save profile")
	bob.sees(".toast", "saved")
	bob.sees("#account", "Robert Meyer")

	ann.follow("Done")
	ann.sees("tbody", "Robert Meyer")
	ann.inspect("users")
	ann.follow("Robert Meyer")
	ann.inspect("user")
	ann.press("Actions for Robert Meyer")
	ann.press("Deactivate…")
	ann.sees("dialog", "signed out everywhere")
	ann.axe("deactivate")
	ann.follow("Deactivate account")
	ann.sees(".toast", "was deactivated")
	ann.sees("tbody", "Deactivated")

	bob.open("/account")
	bob.sees("h1", "Sign in")
	bob.open(link)
	bob.sees("main", "was used")
}
