package e2e

import (
	"strings"
	"testing"

	"alur/views"
)

// TestPages looks at the pages that no journey comes by, with axe and with checks
// of our own, and at a phone's width for what sticks out.
func TestPages(t *testing.T) {
	t.Parallel()
	s, v := stocked(t)
	p := s.program(adminEmail, adminPassword)
	var products []struct{ ID int64 }
	p.get("products:list?sort=-stock&pageSize=1", &products)
	var order struct{ ID int64 }
	p.call("orders:create", map[string]any{"productId": products[0].ID, "quantity": 2}, &order)
	p.call("environmentVariables:create", map[string]any{"name": "VAT_RATE", "type": "default", "value": "19"}, nil)
	var workflows []struct {
		ID  int64
		Key string
	}
	p.get("workflows:list?sort=key", &workflows)
	flow := "/workflows/" + views.ID(workflows[len(workflows)-1].ID)
	row := views.ID(order.ID)
	for _, path := range []string{
		"/help", "/account", "/account/keys", "/settings", "/audit", "/outbox", "/variables", "/variables/new",
		"/api-docs", "/search?q=order", "/search?q=nothing+at+all", "/attention", "/tasks", "/tasks?q=nothing",
		"/executions", "/executions?q=ab", "/executions?since=days", "/executions/skipped", "/executions/deleted",
		"/workflows?q=nothing", "/workflows/import", "/workflow-categories",
		flow + "/limits", flow + "/alerts", flow + "/people", flow + "/history", flow + "/categories", flow + "/run", flow + "/trigger",
		"/data/orders", "/data/orders?q=nothing", "/data/orders/" + row, "/data/orders/" + row + "/history", "/data/orders/deleted",
		"/collections", "/collections/orders", "/users", "/roles", "/nowhere",
	} {
		v.size(1440, 900)
		v.open(path)
		v.axe(path)
		v.sound(path)
		v.size(360, 740)
		v.fits(path + " at 360")
	}
}

// sound holds the open page to what axe does not ask, or only of some roles.
func (v *visitor) sound(name string) {
	v.t.Helper()
	r, err := v.Page.Timeout(patience).Eval(`() => {
		const found = [], all = (selector) => [...document.querySelectorAll(selector)];
		const html = (el) => el.outerHTML.slice(0, 120);
		const seen = new Set();
		for (const { id } of all("[id]")) {
			if (seen.has(id)) found.push("the id " + id + " stands twice");
			seen.add(id);
		}
		for (const attribute of ["for", "aria-labelledby", "aria-describedby", "aria-controls", "popovertarget"])
			for (const el of all("[" + attribute + "]"))
				for (const id of el.getAttribute(attribute).split(/\s+/))
					if (!seen.has(id)) found.push(attribute + " leads nowhere: " + html(el));
		for (const el of all("[tabindex]")) if (el.tabIndex > 0) found.push("an order of its own: " + html(el));
		for (const el of all("table")) if (!el.caption) found.push("a table without a caption: " + html(el));
		for (const el of all("th:not([scope])")) found.push("a head of a table without a scope: " + html(el));
		let level = 0;
		for (const el of all("h1, h2, h3, h4").filter((el) => el.checkVisibility())) {
			const n = Number(el.localName[1]);
			if (n > level + 1) found.push("h" + n + " follows h" + level + ": " + html(el));
			level = n;
		}
		const names = all("nav, aside, [role=region], [role=search]").filter((el) => el.checkVisibility())
			.map((el) => el.localName + " " + (el.getAttribute("aria-label") || document.getElementById(el.getAttribute("aria-labelledby"))?.textContent.trim() || "without a name"));
		for (const n of names) if (n.endsWith("without a name") || names.indexOf(n) !== names.lastIndexOf(n)) found.push("a landmark to be told apart: " + n);
		if (!document.title || !document.documentElement.lang) found.push("a page without title or language");
		return found.join("\n");
	}`)
	v.must(err, "check "+name)
	if found := r.Value.Str(); found != "" {
		v.t.Errorf("%s:\n\t%s", name, strings.ReplaceAll(found, "\n", "\n\t"))
	}
}
