package e2e

import (
	"net/http"
	"path"
	"testing"
)

// TestRoles lets an administrator make a role for the clerks, who see three
// fields of the orders and change one; a clerk works with it, makes a key for a
// program, which can do no more; and the audit log tells all of it.
func TestRoles(t *testing.T) {
	t.Parallel()
	s, v := stocked(t)

	v.open("/roles")
	v.follow("New role")
	v.fill("Name", "Stock clerk")
	v.follow("Make role")
	v.sees("h1", "Stock clerk")
	v.followIn("table", "Products")
	v.check("Rules of its own")
	v.choose("See", "All records")
	v.choose("Change", "All records")
	for _, box := range []string{"See Name", "See Stock", "Change Stock"} {
		v.check(box)
	}
	v.follow("Save rules")
	v.sees(".error", "For “See”, all fields are ticked, and single ones beside that.")
	v.check("See: all fields")
	v.check("Change: all fields")
	v.inspect("role-rules")
	v.follow("Save rules")
	v.sees("tr:has(a[href$=products])", "Own rules")

	admin := s.program(adminEmail, adminPassword)
	role := path.Base(v.path())
	const password = "a calm silver kettle"
	admin.call("users:create", map[string]any{"nickname": "Cleo", "email": "cleo@alur.test", "username": "cleo", "password": password, "roles": []string{role}}, nil)

	cleo := s.visitor(t)
	cleo.signIn("cleo@alur.test", password)
	cleo.open("/data/products")
	cleo.sees("thead", "Stock")
	if cleo.Page.MustHas("thead [href*=price]") {
		t.Error("a clerk sees the column of prices")
	}
	cleo.follow("Tablet")
	cleo.fill("Stock", "17")
	cleo.follow("Save")
	cleo.open("/data/products")
	cleo.sees("#records", "17")
	cleo.open("/roles")
	cleo.sees("main", "Not allowed")

	cleo.open("/account/keys")
	cleo.fill("Name", "Scale at the gate")
	cleo.follow("Make key")
	token := cleo.field("Key").MustProperty("value").String()
	cleo.inspect("key-made")
	cleo.open("/account/keys")
	cleo.sees("main", "Scale at the gate")
	key := &program{server: s, token: token}
	var products []map[string]any
	key.get("products:list?sort=id", &products)
	if _, has := products[0]["price"]; has || products[0]["stock"] == nil {
		t.Errorf("the key reads %v, want no price and a stock", products[0])
	}
	if got := key.status("products:destroy?filterByTk=1"); got != http.StatusForbidden {
		t.Errorf("the key deletes: %d", got)
	}
	cleo.follow("Revoke Scale at the gate")
	if got := key.status("products:list"); got != http.StatusUnauthorized {
		t.Errorf("after it was revoked the key answers %d", got)
	}

	v.open("/audit")
	for _, words := range []string{"Made the role " + role, "Cleo", "Scale at the gate"} {
		v.sees("tbody", words)
	}
}
