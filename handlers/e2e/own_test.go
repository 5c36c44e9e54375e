package e2e

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"alur/engine/pgtest"
)

// ownBinary builds a company's program, which has types of its own, once.
var ownBinary = sync.OnceValues(func() (string, error) {
	dir, err := binaryDir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "acme")
	cmd := exec.Command("go", "build", "-o", path, ".")
	cmd.Dir = filepath.Join("..", "..", "cmd", "example-nodes")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the company's program: %w\n%s", err, out)
	}
	return path, nil
})

// TestOwnTypes builds a workflow of a company's own node types, as anybody does
// who did not write them: from the menu, by their forms, to the log.
func TestOwnTypes(t *testing.T) {
	t.Parallel()
	path, err := ownBinary()
	if err != nil {
		t.Fatal(err)
	}
	s := runAt(t, path, "DATABASE_URL="+pgtest.NewURL(t), "ADMIN_EMAIL="+adminEmail, "ADMIN_PASSWORD="+adminPassword)
	v := s.visitor(t)
	v.signIn(adminEmail, adminPassword)
	v.follow("Install sample applications")

	v.open("/workflows/new")
	v.sees("fieldset", "When a file appears")
	v.fill("Name", "Invoices")
	v.check("When a record changes")
	v.follow("Create workflow")
	v.choose("Collection", "Products")
	v.saved()
	v.choose("Starts when a record", "is created")
	v.sees("#n-trigger", "Product is created")

	t.Log("the menu has them, each with its picture, its name and what it does")
	v.press("Add a node after the trigger")
	v.sees("dialog fieldset legend", "Acme")
	for title, icon := range map[string]string{"Next number": "number", "Value added tax": "calc", "Order a parcel": "box", "Wait for the courier": "waiting"} {
		choice := v.named("dialog .node-choice", title)
		if href := choice.MustElement("use").MustAttribute("href"); filepath.Ext(*href) != ".svg#"+icon {
			t.Errorf("%s has the picture %s, want %s", title, *href, icon)
		}
		if help := choice.MustElement(".help").MustText(); len(help) < 20 {
			t.Errorf("%s says of itself only %q", title, help)
		}
	}
	v.axe("menu of nodes with a company's own")
	v.press("Next number")
	v.sees("#drawer-title", "Next number")
	v.gone("dialog[open]")

	t.Log("their forms say what is missing and take what is typed")
	v.fill("Series", "IN 2030")
	v.field("Name").MustFocus()
	v.sees("#drawer .error", "letters, digits and -")
	v.fill("Series", "INV-2030")
	v.sees("#flow .node-sum", "INV-2030")
	v.saved()
	v.addNode("Next number", "Value added tax")
	v.insert("net", "Price")
	v.choose("Rate", "7 %")
	v.sees("#flow .node-sum", "7 % on")
	v.saved()
	v.inspect("own-node")
	v.press("Help")
	v.sees("#drawer", "Works out tax and gross price. Later nodes use both.")

	v.check("On")
	v.sees(".toolbar .badge", "On")
	s.program(adminEmail, adminPassword).call("products:create", map[string]any{"name": "Lamp", "price": 200, "stock": 3}, nil)

	t.Log("the log says what they were given and what they made of it")
	v.open("/executions")
	v.until("main", "Completed")
	v.followIn("tbody tr:first-child", "Invoices")
	for _, step := range []struct{ title, said, input, result string }{
		{"Next number", "INV-2030-00001", "series", "INV-2030-00001"},
		{"Value added tax", "200 + 14 tax = 214", "net", "214"},
	} {
		v.sees("#flow", step.said)
		v.at(v.named("#flow .node-open", step.title), "open "+step.title)
		v.sees("#drawer-title", step.title)
		v.sees("#fold-input", step.input)
		v.sees("#fold-result", step.result)
	}
	v.inspect("own-step")
}
