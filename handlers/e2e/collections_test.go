package e2e

import "testing"

// TestCollections makes what a shop stores, from nothing: two collections with
// fields and a relation, a record in the form that comes of them; and takes parts
// of it away again, reading each time what that would lose.
func TestCollections(t *testing.T) {
	t.Parallel()
	s := startReady(t)
	v := s.visitor(t)
	v.signIn(adminEmail, adminPassword)

	v.open("/collections")
	v.follow("New collection")
	v.fill("Title", "Suppliers")
	v.follow("Make collection")
	v.addField("Text", "Name")
	v.addField("Phone number", "Phone")

	// A name that is taken is refused, and what was typed is still there.
	v.follow("Add field")
	v.follow("Text")
	v.fill("Title", "Telephone")
	v.fill("Name", "phone")
	v.follow("Add field")
	v.sees("form", "This collection has a field of this name already.")
	if got := v.field("Title").MustProperty("value").String(); got != "Telephone" {
		t.Errorf("after a refusal the title is %q", got)
	}

	v.open("/collections")
	v.follow("New collection")
	v.fill("Title", "Parts")
	v.follow("Make collection")
	v.addField("Text", "Label")
	v.follow("Add field")
	v.follow("Belongs to one")
	v.fill("Title", "Supplier")
	v.choose("Collection", "Suppliers")
	v.fill("Its records show these as", "Parts it sends")
	v.follow("Add field")
	v.sees("#field-supplier", "to Suppliers")
	v.inspect("collection")

	// A record, with a supplier that does not exist yet.
	v.follow("Records")
	v.follow("New record")
	v.fill("Label", "Twelve")
	v.follow("Save")
	v.sees("#records", "Twelve")

	// Its label becomes a number: the page says what that loses, and nothing has
	// happened until somebody agrees.
	v.open("/collections/parts/fields/label")
	v.choose("Becomes", "Integer")
	v.follow("Look what that would lose")
	v.sees("main", "1 of 1 record holds a value that does not fit")
	v.inspect("change-type")
	v.follow("Cancel")
	v.open("/data/parts")
	v.sees("#records", "Twelve")
	v.open("/collections/parts/fields/label")
	v.choose("Becomes", "Integer")
	v.follow("Look what that would lose")
	v.follow("Change type and lose them")
	v.sees("main", "Integer")

	// The other side of the relation goes with it, and is named before.
	v.open("/collections/parts/fields/supplier")
	v.press("Delete…")
	v.sees("dialog", "“Supplier” will be gone from “Parts”")
	v.sees("dialog", "the other side of the relation: “Parts it sends” of “Suppliers”")
	v.inspect("delete-field")
	v.follow("Delete field")
	v.gone("#field-supplier")
	v.open("/collections/suppliers")
	v.gone("#field-parts")

	v.press("Delete…")
	v.sees("dialog", "“Suppliers” will be gone, with 0 records")
	v.follow("Delete collection")
	v.sees("main", "Parts")
}

// addField adds a field of a kind on the page of a collection.
func (v *visitor) addField(kind, title string) {
	v.t.Helper()
	v.follow("Add field")
	v.follow(kind)
	v.fill("Title", title)
	v.follow("Add field")
	v.sees("tbody", title)
}
