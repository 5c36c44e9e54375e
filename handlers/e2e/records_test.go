package e2e

import (
	"testing"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/input"
)

// TestRecords works in the table of products as somebody does who keeps the stock:
// narrows it, saves that as a view, types into cells, meets a colleague's change,
// changes many at once and looks up who did what. A name that is a script stays a
// name throughout.
func TestRecords(t *testing.T) {
	t.Parallel()
	_, v := stocked(t)
	v.open("/data/products")

	// Narrow the list, by a dialog.
	v.press("Filter")
	v.sees("#filter-form", "All of these")
	v.choose("Field", "Stock")
	v.el("[aria-label=Field] option[value=stock][selected]") // the form has come back
	v.choose("Comparison", "is at most")
	v.el("[aria-label=Comparison] option[value=max][selected]")
	v.fill("Value", "5")
	v.follow("Show records")
	v.sees(".filterbar .chip", "Stock is at most 5")
	v.press("Save view…")
	v.fill("Name", "Running low")
	v.follow("Save view")
	v.sees(".tabs [aria-current]", "Running low")

	// Type into a cell.
	cell := func(row, column string) *rod.Element {
		t.Helper()
		e, err := v.Page.Timeout(patience).ElementByJS(rod.Eval(`(row, column) => {
			const tr = [...document.querySelectorAll("#records tbody tr")].find((tr) => tr.textContent.includes(row));
			return tr?.querySelector('[data-edit*="/cells/' + column + '"]') ?? null;
		}`, row, column))
		v.must(err, "find "+column+" of "+row)
		return e.CancelTimeout()
	}
	v.must(cell("Tablet", "stock").Focus(), "go to a cell")
	v.keys(input.Enter)
	v.el("td[data-open] [name=_value]:focus")
	v.must(v.Page.InsertText("1.5"), "type into the cell")
	v.keys(input.Enter)
	v.sees("td[data-open] .error", "Write a whole number.")
	v.keys(input.Escape)
	v.gone("td[data-open]")
	v.must(cell("Tablet", "name").Focus(), "go to a cell")
	v.keys(input.Enter)
	v.el("td[data-open] [name=_value]:focus")
	const script = `Tablet <img src=x onerror=alert(1)>`
	v.must(v.Page.InsertText(script), "type into the cell")
	v.keys(input.Tab) // saves, and goes on with the price
	v.sees("#records td.c-main", script)
	v.el(`td[data-open][data-edit*="/cells/price"] :focus`)
	v.keys(input.Escape)
	v.gone("td[data-open]")

	// A colleague is faster.
	v.must(cell("Tablet", "stock").Focus(), "go to a cell")
	v.keys(input.Enter)
	v.el("td[data-open] [name=_value]:focus")
	v.behindMyBack(`[data-open] form`, "4")
	v.must(v.Page.InsertText("3"), "type into the cell")
	v.keys(input.Enter)
	v.sees("td[data-open] .error", "Here it says “4” now.")
	v.keys(input.Enter)
	v.gone("td[data-open]")
	v.sees("#records", "Tablet")

	// Many at once.
	v.tap("[data-select-all]")
	v.press("Change…")
	v.choose("Field", "Price")
	v.el("#bulk-form [name=_value][inputmode=decimal]") // the form has come back for the price
	v.fill("New value", "99.50")
	v.at(v.named("dialog .btn-primary", "Change"), "change them")
	v.sees(".toast", "Changed “Price” of")

	// Who did what.
	v.followIn("#records tbody tr:has([data-edit])", ".+")
	v.sees(".timeline", "changed 1 field")
	v.sees(".timeline", "99.50")
	v.axe("record")
	v.open("/data/products")
	v.axe("records")
}

// behindMyBack sends the form with another value, as a colleague would.
func (v *visitor) behindMyBack(form, value string) {
	v.t.Helper()
	_, err := v.Page.Timeout(patience).Eval(`async (form, value) => {
		const f = document.querySelector(form), data = new URLSearchParams(new FormData(f));
		data.set("_value", value);
		const answer = await fetch(f.action, { method: "POST", body: data, headers: { "HX-Request": "true", "HX-Request-Type": "partial" } });
		if (!answer.ok) throw new Error("status " + answer.status);
	}`, form, value)
	v.must(err, "change the record behind one's back")
}
