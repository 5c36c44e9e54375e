package e2e

import (
	"strings"
	"time"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/input"
	"github.com/go-rod/rod/lib/proto"
)

// tap clicks the first element that matches a CSS selector.
func (v *visitor) tap(selector string) {
	v.t.Helper()
	v.at(v.el(selector), "tap "+selector)
}

// followIn follows a link by its words within the first element that matches.
func (v *visitor) followIn(selector, text string) {
	v.t.Helper()
	p := v.Page.Timeout(patience)
	wait := p.WaitNavigation(proto.PageLifecycleEventNameLoad)
	e, err := p.Element(selector)
	v.must(err, "find "+selector)
	link, err := e.ElementR("a", text)
	v.must(err, "find “"+text+"” in "+selector)
	v.must(link.Click(proto.InputMouseButtonLeft, 1), "follow “"+text+"”")
	wait()
	v.must(p.GetContext().Err(), "follow “"+text+"”")
}

// row is the text of the first table row that holds text.
func (v *visitor) row(text string) string {
	v.t.Helper()
	e, err := v.Page.Timeout(patience).ElementByJS(rod.Eval(`(text) =>
		[...document.querySelectorAll("tbody tr")].find((tr) => tr.textContent.replace(/\s+/g, " ").includes(text)) || null`, text))
	v.must(err, "find a row with “"+text+"”")
	words, err := e.Text()
	v.must(err, "read the row with “"+text+"”")
	return strings.Join(strings.Fields(words), " ")
}

// until reloads the page until the first element that matches has the text.
func (v *visitor) until(selector, text string) {
	v.t.Helper()
	for end := time.Now().Add(patience); ; v.open(v.path()) {
		r, err := v.Page.Eval(`(selector) => (document.querySelector(selector)?.textContent || "").replace(/\s+/g, " ")`, selector)
		v.must(err, "read "+selector)
		if got := r.Value.Str(); strings.Contains(got, text) {
			return
		} else if time.Now().After(end) {
			v.t.Fatalf("%s never said “%s”, but “%s”", selector, text, got)
		}
	}
}

// pick chooses a record in a picker: typed, waited for, taken from the list by
// the keyboard, which does not mind that the list is drawn again meanwhile.
func (v *visitor) pick(label, text string) {
	v.t.Helper()
	e := v.field(label).Timeout(patience)
	v.must(e.Focus(), "go to “"+label+"”")
	v.must(e.Input(text), "search “"+text+"”")
	// What was typed is searched after a moment, and leaves fewer options.
	v.must(v.Page.Timeout(patience).Wait(rod.Eval(`(text) => {
		const options = [...document.querySelectorAll("[role=option]:not([data-fresh])")].filter((o) => o.checkVisibility());
		return options.length > 0 && options.every((o) => o.textContent.trim().startsWith(text));
	}`, text)), "see “"+text+"” alone in the list")
	v.keys(input.ArrowDown, input.Enter)
	v.gone("[role=option][aria-selected=true]")
	v.sees("option", text)
}

// addNode adds a node with the + after the one called after, and waits for its
// drawer.
func (v *visitor) addNode(after, kind string) {
	v.t.Helper()
	v.at(v.named("a, button", "Add a node after "+after), "press + after "+after)
	v.at(v.named("dialog button", kind), "choose "+kind)
	v.sees("#drawer-title", kind)
	v.gone("dialog[open]")
}

// insert puts a variable into the field with a name, by the button beside it.
func (v *visitor) insert(name, variable string) {
	v.t.Helper()
	box, err := v.el(`[data-expr]:has([name="` + name + `"])`).Element("[data-variables]")
	v.must(err, "find the variables of "+name)
	v.at(box, "open the variables of "+name)
	v.at(v.named("[data-insert]", variable), "insert “"+variable+"”")
	v.gone("[data-chooser-search]")
}

// chooseNamed picks an option of the select with a name; rows of a form share
// their labels.
func (v *visitor) chooseNamed(name, option string) {
	v.t.Helper()
	_, err := v.el(`select[name="`+name+`"]`).Timeout(patience).Eval(`(text) => {
		const option = [...this.options].find((o) => o.textContent.trim() === text);
		if (!option) throw new Error("the options are " + [...this.options].map((o) => o.textContent.trim()).join(", "));
		this.value = option.value;
		this.dispatchEvent(new Event("change", { bubbles: true }));
	}`, option)
	v.must(err, "choose “"+option+"” in "+name)
}

// write types at the end of a field.
func (v *visitor) write(label, text string) {
	v.t.Helper()
	e := v.field(label).Timeout(patience)
	v.must(e.Focus(), "go to “"+label+"”")
	v.must(e.Type(input.End), "go to the end of “"+label+"”")
	v.must(v.Page.InsertText(text), "write into “"+label+"”")
	_, err := e.Eval(`() => this.dispatchEvent(new Event("change", { bubbles: true }))`)
	v.must(err, "leave “"+label+"”")
}

// date sets a date field, whose typing depends on the browser's language.
func (v *visitor) date(label, day string) {
	v.t.Helper()
	_, err := v.field(label).Timeout(patience).Eval(`(day) => {
		this.value = day;
		this.dispatchEvent(new Event("change", { bubbles: true }));
	}`, day)
	v.must(err, "set “"+label+"” to "+day)
}

// saved waits until the drawer says so.
func (v *visitor) saved() {
	v.t.Helper()
	v.sees("#drawer .saved", "Saved")
}
